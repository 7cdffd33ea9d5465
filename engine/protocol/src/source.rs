//! Where the weights are that a command asks for: of a run, or of a model from outside.

use serde::{Deserialize, Serialize};
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
        /// `best`, `latest`, or a file name of [`CheckpointSummary`](crate::CheckpointSummary).
        checkpoint: String,
    },
}

impl WeightSource {
    /// What records call the current weights, in the place of a checkpoint's file.
    pub const CURRENT: &'static str = "current";

    /// The weights that a record names by a run and a checkpoint. Records of earlier versions leave the checkpoint of current ones empty.
    pub fn recorded(run: &str, checkpoint: &str) -> Self {
        match checkpoint {
            "" | Self::CURRENT => Self::Current,
            _ => Self::Checkpoint { run: run.to_owned(), checkpoint: checkpoint.to_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::WeightSource;

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
