//! Documents from files: finding, unpacking, decoding and parsing them, extracting the text of pages and wikis, repairing it, and
//! the catalogue of known corpora.
//!
//! Files are accessed only through [`Files`]: the operating system's natively, files in memory in a browser.

pub mod catalogue;
pub mod document;
mod error;
pub mod extract;
pub mod fields;
pub mod files;
pub mod read;
mod readers;
pub mod repair;
pub mod threshold;

pub use document::{Document, Kind};
pub use error::{Error, Result};
pub use files::{Files, SystemFiles};
