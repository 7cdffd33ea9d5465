//! The corpus pipeline: raw documents in, clean text out, and for everything removed the rule that removed it.
//!
//! ```text
//! files ─ read ─► Document ─ extract ─ repair ─ rules ─ personal ─ duplicates ─ balance ─► kept.jsonl
//!                                       │        │         │           │           │
//!                                       └────────┴─────────┴───────────┴───────────┴────► dropped.jsonl, report
//! ```
//!
//! Reading, extraction and repair are the crate `glasshouse-documents`. The output is a pure function of recipe and input: the
//! number of cores never changes a byte.

pub mod balance;
pub mod cards;
pub mod duplicates;
mod entropy;
pub mod output;
pub mod personal;
pub mod pipeline;
pub mod recipe;
pub mod report;
pub mod rules;
pub mod script;
pub mod shards;
pub mod versions;
