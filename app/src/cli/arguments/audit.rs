//! Arguments of `audit`.

use super::{MeasuringArguments, ModelArguments};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use glasshouse_engine::protocol::evaluation::AuditTopic;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub struct AuditArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Sections to run, separated by commas [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = sections())]
    pub section: Vec<AuditTopic>,
    /// Additional sentence pairs: JSON Lines with `more`, `less` and `category`, or a CrowS-Pairs table (docs/audit.md)
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// Number of sampled texts, and of training passages
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub samples: u16,
    #[command(flatten)]
    pub measuring: MeasuringArguments,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Parses a section; help, completions and errors list all of them.
fn sections() -> impl TypedValueParser<Value = AuditTopic> {
    PossibleValuesParser::new(AuditTopic::ALL.map(AuditTopic::name)).try_map(|name: String| {
        AuditTopic::ALL.into_iter().find(|topic| topic.name() == name).ok_or("no section")
    })
}
