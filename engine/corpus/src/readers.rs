//! The way to readers of large formats that are no part of this program; [`read`](crate::read) says what is asked of them.

/// How readers outside of this program are called.
#[derive(Clone, Copy, Debug)]
pub struct Readers {
    /// Begins to read a file, given the reader's name (`parquet` or `pdf`), the question and the file's bytes; answers with the reading's
    /// number.
    pub begin: fn(&str, &str, &[u8]) -> Result<u32, String>,
    /// The next items of a reading, one a line; none at its end.
    pub next: fn(u32) -> Result<Option<Vec<u8>>, String>,
    /// Ends a reading, whether it came to its end or not.
    pub end: fn(u32),
    /// Takes the text of a web page, given the settings and the page; both and the answer are JSON, a [`Page`](crate::extract::html::Page).
    pub page: fn(&str, &str) -> Result<String, String>,
}
