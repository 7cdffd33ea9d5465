//! Arguments of `moderate`, and of the moderation of generated text.

use super::DEFAULT_PROJECT;
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::config::Category;
use glasshouse_engine::protocol::{ModerationMode, Severity, names};
use std::path::PathBuf;

/// What is done about a finding in text that a model writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModerationArgument {
    /// No moderation
    Off,
    /// Count findings; the text stays as it is
    Note,
    /// Remove findings
    Filter,
    /// Mask their letters
    Replace,
    /// End the text before the first finding
    Stop,
}

impl ModerationArgument {
    pub fn mode(self) -> ModerationMode {
        match self {
            Self::Off => ModerationMode::Off,
            Self::Note => ModerationMode::Note,
            Self::Filter => ModerationMode::Filter,
            Self::Replace => ModerationMode::Replace,
            Self::Stop => ModerationMode::Stop,
        }
    }
}

/// Moderation of what a model writes, shared by `generate`, `chat` and `serve`.
#[derive(Args, Clone, Debug)]
pub struct ModerationArguments {
    /// Moderation of the generated text, by the built-in rules and the project's (docs/moderation.md)
    #[arg(long, value_name = "MODE", value_enum, default_value = "off")]
    pub moderation: ModerationArgument,
    /// Minimum severity: mild, medium, severe
    #[arg(long, value_name = "SEVERITY", value_parser = severity, default_value = "medium", requires = "moderation")]
    pub moderation_severity: Severity,
    /// Categories, separated by commas: profanity, insults, violence, sexual, self_harm, drugs, other [default: all]
    #[arg(long, value_name = "NAME,NAME", value_parser = category, value_delimiter = ',', requires = "moderation")]
    pub moderation_categories: Vec<Category>,
    /// Rules file to use instead of the project's
    #[arg(long, value_name = "FILE", requires = "moderation")]
    pub moderation_rules: Option<PathBuf>,
    /// Also moderate sentences that the project's classifier finds harmful (trained by `moderate --train`)
    #[arg(long, requires = "moderation")]
    pub moderation_classifier: bool,
}

fn severity(name: &str) -> Result<Severity, String> {
    let known = Severity::ALL;
    let named = known.into_iter().find(|severity| severity.name() == name);
    named.ok_or_else(|| names::unknown("severity", name, known.into_iter().map(Severity::name)))
}

fn category(name: &str) -> Result<Category, String> {
    let known = Category::ALL;
    let named = known.into_iter().find(|category| category.name() == name);
    named.ok_or_else(|| names::unknown("category", name, known.into_iter().map(Category::name)))
}

#[derive(Args, Debug)]
pub struct ModerateArguments {
    /// Project folder with rules (moderation.jsonl) and classifier (moderation-classifier.json)
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Train the project's classifier on rows {"text", "label"}
    ///
    /// Labels such as `innocent`, `ok`, `clean` and 0 are innocent; all others are harmful.
    #[arg(long, value_name = "ROWS")]
    pub train: Option<PathBuf>,
    /// Measure rules and classifier on rows {"text", "label"}: precision, recall, F1, false alarms
    #[arg(long, value_name = "ROWS")]
    pub check: Option<PathBuf>,
    /// Rules file to use instead of the project's (docs/moderation.md)
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Text to check; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub text: Vec<String>,
    /// Seed of training and intervals
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
