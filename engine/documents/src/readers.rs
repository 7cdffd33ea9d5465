//! Interface to external readers of large formats and of rare encodings; [`read`](crate::read) defines the messages.

#[derive(Clone, Copy, Debug)]
pub struct Readers {
    /// Starts reading a file, given the reader's name (`parquet` or `pdf`), the request and the file's bytes; returns a handle.
    pub begin: fn(&str, &str, &[u8]) -> Result<u32, String>,
    /// The next items of a reading, one per line; `None` at its end.
    pub next: fn(u32) -> Result<Option<Vec<u8>>, String>,
    /// Closes a reading, finished or not.
    pub end: fn(u32),
    /// Extracts the text of a web page, given the settings and the page; settings and result, a
    /// [`Page`](crate::extract::html::Page), are JSON.
    pub page: fn(&str, &str) -> Result<String, String>,
    /// Detects the encoding of bytes and returns its name.
    pub guess: fn(&[u8]) -> Result<String, String>,
    /// Decodes bytes to UTF-8, given the encoding's name.
    pub decode: fn(&str, &[u8]) -> Result<Vec<u8>, String>,
}
