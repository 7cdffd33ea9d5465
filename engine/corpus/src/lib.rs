//! The corpus pipeline: raw documents in, clean text out, and for everything removed the rule that removed it.
//!
//! ```text
//! files ─ read ─► Document ─ extract ─ repair ─ rules ─ personal ─ duplicates ─ balance ─► kept.jsonl
//!                                       │        │         │           │           │
//!                                       └────────┴─────────┴───────────┴───────────┴────► dropped.jsonl, report
//! ```
//!
//! A separate crate, so that it builds and is tested in seconds without the executors, and since it does not depend on models.
//! It accesses files only through [`Files`]: the operating system's natively, files in memory in a browser. The output is a
//! pure function of recipe and input: the number of cores never changes a byte.

pub mod balance;
pub mod cards;
pub mod catalogue;
pub mod document;
pub mod duplicates;
mod entropy;
pub mod error;
pub mod extract;
mod fields;
pub mod files;
pub mod output;
pub mod personal;
pub mod pipeline;
pub mod read;
mod readers;
pub mod recipe;
pub mod repair;
pub mod report;
pub mod rules;
pub mod script;
pub mod shards;
pub mod versions;

pub use document::{Document, Kind};
pub use error::{Error, Result};
pub use files::{Files, SystemFiles};
