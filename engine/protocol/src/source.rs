//! Sources of weights: a run's checkpoint, or an external model.

use crate::conversions;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Source of a pretrained model: a Hugging Face folder or a GGUF file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ModelSource {
    /// In the file system (native).
    Path { path: PathBuf },
    /// Attached to the command, in a browser: the bytes of one GGUF file, or of all files of a folder.
    Files { names: Vec<String> },
    /// On the network: `OWNER/NAME` on the Hugging Face Hub, or the URL of a folder or a GGUF file.
    Address {
        /// As typed by the user.
        address: String,
    },
    /// The model opened by [`Command::LookAtModel`](crate::Command::LookAtModel).
    Looked {
        /// [`FoundModel::number`](crate::FoundModel::number).
        number: u64,
    },
}

/// Selection of a run's checkpoint, written as a single word in settings, in records and by users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum CheckpointChoice {
    /// `best`: the lowest validation loss, or the latest if the run was never evaluated.
    #[default]
    Best,
    /// `latest`: the newest checkpoint that training can resume from.
    Latest,
    /// Any other word: a file name of a [`CheckpointSummary`](crate::CheckpointSummary); natively also the path of a checkpoint elsewhere.
    File(String),
}

impl CheckpointChoice {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Best => "best",
            Self::Latest => "latest",
            Self::File(file) => file,
        }
    }

    /// The file, if one is named. The other variants select different weights as a run continues.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Best | Self::Latest => None,
            Self::File(file) => Some(file),
        }
    }

    /// The step in the file's name, `step-00000200-000003.safetensors`; `None` if no file is named.
    pub fn step(&self) -> Option<u64> {
        let (_, rest) = self.file()?.split_once('-')?;
        rest.split(['-', '.']).next()?.parse().ok()
    }
}

conversions! { CheckpointChoice:
    &str: |word| match word {
        "best" => Self::Best,
        "latest" => Self::Latest,
        file => Self::File(file.to_owned()),
    };
    String: |word| word.as_str().into();
}
conversions! { String: CheckpointChoice: |choice| choice.as_str().to_owned(); }

impl fmt::Display for CheckpointChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum WeightSource {
    /// The current weights of the training run, or, if none is training, the latest run's best checkpoint.
    #[default]
    Current,
    Checkpoint {
        run: String,
        checkpoint: CheckpointChoice,
    },
}

impl WeightSource {
    /// Stands for the current weights in records, in place of a checkpoint's file.
    pub const CURRENT: &'static str = "current";

    pub fn best_of(run: &str) -> Self {
        Self::Checkpoint { run: run.to_owned(), checkpoint: CheckpointChoice::Best }
    }

    /// The weights that a record names by run and checkpoint. Records of earlier versions use an empty checkpoint for the current weights.
    pub fn recorded(run: &str, checkpoint: &str) -> Self {
        match checkpoint {
            "" | Self::CURRENT => Self::Current,
            _ => Self::Checkpoint { run: run.to_owned(), checkpoint: checkpoint.into() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_one_word_wherever_it_is_written() {
        let file = "step-00000200-000003.safetensors";
        for (word, choice, step) in [
            ("best", CheckpointChoice::Best, None),
            ("latest", CheckpointChoice::Latest, None),
            (file, CheckpointChoice::File(file.to_owned()), Some(200)),
            ("Best", CheckpointChoice::File("Best".to_owned()), None),
            ("", CheckpointChoice::File(String::new()), None),
        ] {
            assert_eq!(CheckpointChoice::from(word), choice);
            assert_eq!((choice.to_string().as_str(), choice.step()), (word, step));
            assert_eq!(serde_json::to_value(&choice).unwrap(), word);
            let source = WeightSource::recorded("1-owls", word);
            let said = serde_json::to_value(&source).unwrap();
            assert_eq!(serde_json::from_value::<WeightSource>(said).unwrap(), source);
        }
        assert_eq!(CheckpointChoice::default(), CheckpointChoice::Best);
        assert!(serde_json::from_str::<CheckpointChoice>("3").is_err());
    }

    #[test]
    fn records_name_current_weights_by_a_word_or_not_at_all() {
        for word in ["current", ""] {
            assert_eq!(WeightSource::recorded("1-owls", word), WeightSource::Current);
        }
        let file = WeightSource::recorded("1-owls", "step-500.safetensors");
        let WeightSource::Checkpoint { run, checkpoint } = file else { panic!("{file:?}") };
        assert_eq!((run.as_str(), checkpoint.as_str()), ("1-owls", "step-500.safetensors"));
    }
}
