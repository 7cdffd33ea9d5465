//! Arguments of `moderate`.

use super::DEFAULT_PROJECT;
use clap::{Args, ValueEnum};
use glasshouse_engine::protocol::ModerationMode;
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
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["train", "check"])]
    pub text: Vec<String>,
    /// Seed of training and of intervals
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// One JSON object instead of a report
    #[arg(long)]
    pub json: bool,
}
