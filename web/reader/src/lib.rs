//! Readers of large formats, the interpreter of chat templates and what makes instruction tasks, for browsers: modules that `reader-link.js` fetches with the first such file, and that the engine calls through it.

#[cfg(feature = "templates")]
mod chat;
#[cfg(any(feature = "parquet", feature = "pdf"))]
mod files;
#[cfg(feature = "pages")]
mod pages;
#[cfg(feature = "tasks")]
mod tasks;
