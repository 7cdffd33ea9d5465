//! Readers of large formats for browsers: modules that `reader-link.js` fetches with the first such file, and that the engine calls through it.

#[cfg(feature = "parquet")]
mod files;
