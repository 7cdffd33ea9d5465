//! Arguments of `audit`.

use super::{MeasuringArguments, ModelArguments};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use glasshouse_engine::protocol::evaluation::AuditTopic;
use std::path::PathBuf;

/// `audit`.
#[derive(Args, Debug)]
pub struct AuditArguments {
    /// Which model
    #[command(flatten)]
    pub model: ModelArguments,
    /// What to look for; several with commas between them. All unless some are named
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = sections())]
    pub section: Vec<AuditTopic>,
    /// Pairs of sentences of your own beside ours: JSON Lines with `more`, `less` and `category`, or CrowS-Pairs' table (docs/audit.md)
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// Texts that are sampled, and passages of the training text that are tried
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub samples: u16,
    /// What figures are computed with
    #[command(flatten)]
    pub measuring: MeasuringArguments,
    /// One JSON object instead of a report
    #[arg(long)]
    pub json: bool,
}

/// Takes a section's name; help, completions and what is said of another one list them all.
fn sections() -> impl TypedValueParser<Value = AuditTopic> {
    PossibleValuesParser::new(AuditTopic::ALL.map(AuditTopic::name)).try_map(|name: String| {
        AuditTopic::ALL.into_iter().find(|topic| topic.name() == name).ok_or("no section")
    })
}
