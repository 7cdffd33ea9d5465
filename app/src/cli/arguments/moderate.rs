//! Arguments of `moderate`, and of moderation where a model writes.

use super::DEFAULT_PROJECT;
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::config::Category;
use glasshouse_engine::protocol::{ModerationMode, Severity, names};
use std::path::PathBuf;

/// What is done about a finding in text that a model writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModerationArgument {
    /// Nobody looks
    Off,
    /// Findings are counted; the text stays as it is
    Note,
    /// They are left out
    Filter,
    /// Their letters are replaced
    Replace,
    /// The text ends before the first
    Stop,
}

impl ModerationArgument {
    /// As settings have it.
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
    /// What is done about words that many people do not want to read: note counts them, filter leaves them out, replace hides their letters,
    /// stop ends the text before them. By our rules and the project's own (docs/moderation.md)
    #[arg(long, value_name = "MODE", value_enum, default_value = "off")]
    pub moderation: ModerationArgument,
    /// The mildest that counts: mild, medium, severe
    #[arg(long, value_name = "SEVERITY", value_parser = severity, default_value = "medium", requires = "moderation")]
    pub moderation_severity: Severity,
    /// What counts, with commas between: profanity, insults, violence, sexual, self_harm, drugs, other; all unless some are named
    #[arg(long, value_name = "NAME,NAME", value_parser = category, value_delimiter = ',', requires = "moderation")]
    pub moderation_categories: Vec<Category>,
    /// Rules of your own beside ours, instead of the project's
    #[arg(long, value_name = "FILE", requires = "moderation")]
    pub moderation_rules: Option<PathBuf>,
    /// Sentences count, too, that the project's classifier finds harmful (moderate --train makes it); under the category classifier
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

/// `moderate`.
#[derive(Args, Debug)]
pub struct ModerateArguments {
    /// Folder of the project, whose rules (moderation.jsonl) and classifier (moderation-classifier.json) are taken
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Train the project's classifier on rows {"text", "label"}; `innocent`, `ok`, `clean`, 0 and the like are innocent, all else is harmful
    #[arg(long, value_name = "ROWS")]
    pub train: Option<PathBuf>,
    /// Say how right rules and classifier are on rows {"text", "label"}: precision, recall, F1, false alarms
    #[arg(long, value_name = "ROWS")]
    pub check: Option<PathBuf>,
    /// Rules of your own beside ours, instead of the project's (docs/moderation.md)
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Look at a text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub text: Vec<String>,
    /// Seed of training and of intervals
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// One JSON object instead of a report
    #[arg(long)]
    pub json: bool,
}
