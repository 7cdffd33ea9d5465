//! Initial weights of a run that does not start from random ones.

use crate::{CheckpointChoice, Invalid, require};
use serde::{Deserialize, Serialize};

/// A checkpoint of another run, or an imported model, that provides a run's initial weights and tokenizer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The run, by number or name, or `latest`. The run's own record stores the name.
    pub run: String,
    /// The run's checkpoint. The run's own record stores the file.
    #[serde(default)]
    pub checkpoint: CheckpointChoice,
    /// Folder of the run's project; `None` means the same project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

impl Start {
    /// Selects a project's latest run, in place of a number or name.
    pub const LATEST: &'static str = "latest";

    /// The number or name of the run; `None` if `word` selects the latest run.
    pub fn named_run(word: &str) -> Option<&str> {
        Some(word).filter(|word| *word != Self::LATEST)
    }

    /// The checkpoint with the lowest validation loss of a run in the same project.
    pub fn best_of(run: &str) -> Self {
        Self { run: run.to_owned(), checkpoint: CheckpointChoice::Best, project: None }
    }

    /// Parses a user's input: `RUN`, or `RUN:CHECKPOINT`.
    pub fn parse(typed: &str, project: Option<String>) -> Self {
        match typed.split_once(':') {
            Some((run, checkpoint)) => Self { run: run.to_owned(), checkpoint: checkpoint.into(), project },
            None => Self { project, ..Self::best_of(typed) },
        }
    }

    /// The step in the checkpoint's file name; `None` if it is not given by file.
    pub fn step(&self) -> Option<u64> {
        self.checkpoint.step()
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let named = [("start.run", self.run.as_str()), ("start.checkpoint", self.checkpoint.as_str())];
        for (field, name) in named {
            require(!name.trim().is_empty(), field, format!("{name:?}"), "name one")?;
        }
        Ok(())
    }
}

/// Formats it as in `1-smollm2 at step 200`.
impl std::fmt::Display for Start {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.run)?;
        if let Some(project) = &self.project {
            write!(formatter, " of {project}")?;
        }
        match self.step() {
            Some(0) => Ok(()),
            Some(step) => write!(formatter, " at step {step}"),
            None => write!(formatter, " ({})", self.checkpoint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_typed_as_a_run_with_or_without_a_checkpoint() {
        assert_eq!((Start::named_run("3"), Start::named_run(Start::LATEST)), (Some("3"), None));
        let best = Start::parse("3", None);
        assert_eq!(best, Start::best_of("3"));
        assert_eq!((best.to_string().as_str(), best.step()), ("3 (best)", None));
        let file = "step-00000200-000003.safetensors";
        let named = Start::parse(&format!("3-owls:{file}"), Some("other".to_owned()));
        assert_eq!((named.run.as_str(), named.checkpoint.as_str()), ("3-owls", file));
        assert_eq!(named.to_string(), "3-owls of other at step 200");
        assert!(
            Start::parse(":best", None).validate().is_err() && Start::parse("3:", None).validate().is_err()
        );
    }
}
