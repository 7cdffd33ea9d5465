//! Readers of large formats and of rare encodings, the chat template interpreter and the task generator, for browsers: modules that `reader-link.js`
//! fetches on first use and that the engine calls through it.

#[cfg(feature = "templates")]
mod chat;
#[cfg(feature = "encodings")]
mod encodings;
#[cfg(any(feature = "parquet", feature = "pdf"))]
mod files;
#[cfg(feature = "pages")]
mod pages;
#[cfg(feature = "tasks")]
mod tasks;
