//! Readers of large formats for browsers: modules that `reader-link.js` fetches with the first such file, and that the engine calls through it.

#[cfg(any(feature = "parquet", feature = "pdf"))]
mod files;
#[cfg(feature = "pages")]
mod pages;
