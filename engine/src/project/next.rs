//! What a project's next run is to be: settings that nobody trained with yet, and a tokenizer that no run uses yet. What a run
//! was trained with stands in the run.

use super::{MAX_RECORD_BYTES, Project};
use crate::error::Result;
use crate::protocol::RunConfig;
use crate::storage;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

const FILE: &str = "next.json";

/// `next.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Next {
    /// Settings, and when they were kept: seconds since 1970, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<(u64, RunConfig)>,
    /// The tokenizer that was trained last without a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TrainedTokenizer>,
}

/// A tokenizer that was trained on the project's text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedTokenizer {
    /// When that was: seconds since 1970, UTC.
    pub trained: u64,
    /// Its folder's name below `data`.
    pub folder: String,
    /// The settings that it was trained by.
    pub config: RunConfig,
}

impl Next {
    /// What of it is at least as new as a time, in seconds since 1970: the latest run's, which else says what comes next.
    pub fn since(self, time: u64) -> Self {
        Self {
            draft: self.draft.filter(|(kept, _)| *kept >= time),
            tokenizer: self.tokenizer.filter(|tokenizer| tokenizer.trained >= time),
        }
    }
}

impl TrainedTokenizer {
    /// Where it lies in a project; `None` where its name is more than a name.
    pub fn folder_in(&self, project: &Project) -> Option<PathBuf> {
        let mut parts = Path::new(&self.folder).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        plain.then(|| project.folder().join("data").join(&self.folder))
    }
}

impl Project {
    /// What is known of the next run: nothing where nothing was kept.
    ///
    /// # Errors
    /// It was kept and cannot be read.
    pub fn next(&self) -> Result<Next> {
        let kept = storage::if_there(&self.folder.join(FILE), MAX_RECORD_BYTES, storage::read_json)?;
        Ok(kept.unwrap_or_default())
    }

    /// Keeps what is known of the next run.
    pub fn set_next(&self, next: &Next) -> Result<()> {
        storage::write_json(&self.folder.join(FILE), next)
    }
}
