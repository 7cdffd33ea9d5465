//! Where the weights are that a command asks for: of a run, or of a model from outside.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Where a pretrained model is: a Hugging Face folder or a GGUF file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ModelSource {
    /// In the file system, natively.
    Path {
        /// The folder or file.
        path: PathBuf,
    },
    /// Beside the command, as a browser has it: the bytes of one GGUF file, or of all files of a folder.
    Files {
        /// Their names.
        names: Vec<String>,
    },
    /// In the network: `OWNER/NAME` on Hugging Face's hub, or the address of a folder or of a GGUF file.
    Address {
        /// As it was typed.
        address: String,
    },
    /// What [`Command::LookAtModel`](crate::Command::LookAtModel) found.
    Looked {
        /// [`FoundModel::number`](crate::FoundModel::number).
        number: u64,
    },
}

/// Which of a run's checkpoints is meant. Settings, records and people write it as one word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum CheckpointChoice {
    /// `best`: the lowest validation loss; the latest where the run was never evaluated.
    #[default]
    Best,
    /// `latest`: the newest that training can go on from.
    Latest,
    /// Any other word: a file name of [`CheckpointSummary`](crate::CheckpointSummary); natively also the path of a checkpoint that lies
    /// elsewhere.
    File(String),
}

impl CheckpointChoice {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Best => "best",
            Self::Latest => "latest",
            Self::File(file) => file,
        }
    }

    /// The file, where one is named: the other two mean other weights as a run goes on.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Best | Self::Latest => None,
            Self::File(file) => Some(file),
        }
    }

    /// The step in a file's name, `step-00000200-000003.safetensors`; `None` where no file is named.
    pub fn step(&self) -> Option<u64> {
        let (_, rest) = self.file()?.split_once('-')?;
        rest.split(['-', '.']).next()?.parse().ok()
    }
}

impl From<&str> for CheckpointChoice {
    fn from(word: &str) -> Self {
        match word {
            "best" => Self::Best,
            "latest" => Self::Latest,
            file => Self::File(file.to_owned()),
        }
    }
}

impl From<String> for CheckpointChoice {
    fn from(word: String) -> Self {
        word.as_str().into()
    }
}

impl From<CheckpointChoice> for String {
    fn from(choice: CheckpointChoice) -> Self {
        choice.as_str().to_owned()
    }
}

impl fmt::Display for CheckpointChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whose weights write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum WeightSource {
    /// Those of the run in training, as they are now; where nothing trains, the latest run's best checkpoint.
    Current,
    /// A checkpoint.
    Checkpoint {
        /// The run's name.
        run: String,
        /// Which of the run's.
        checkpoint: CheckpointChoice,
    },
}

impl WeightSource {
    /// What records call the current weights, in the place of a checkpoint's file.
    pub const CURRENT: &'static str = "current";

    /// A run's best checkpoint.
    pub fn best_of(run: &str) -> Self {
        Self::Checkpoint { run: run.to_owned(), checkpoint: CheckpointChoice::Best }
    }

    /// The weights that a record names by a run and a checkpoint. Records of earlier versions leave the checkpoint of current ones empty.
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
