//! A project's next run: draft settings and a tokenizer that no run has used yet.

use super::{MAX_RECORD_BYTES, Project};
use glasshouse_platform::{Result, storage};
use glasshouse_protocol::RunConfig;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

const FILE: &str = "next.json";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Next {
    /// The settings, with the time they were saved, in seconds since 1970, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<(u64, RunConfig)>,
    /// The last tokenizer trained without a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TrainedTokenizer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedTokenizer {
    /// Time in seconds since 1970, UTC.
    pub trained: u64,
    pub folder: String,
    pub config: RunConfig,
}

impl Next {
    /// Drops what is older than a time in seconds since 1970 (that of the latest run, whose settings then apply).
    pub fn since(self, time: u64) -> Self {
        Self {
            draft: self.draft.filter(|(kept, _)| *kept >= time),
            tokenizer: self.tokenizer.filter(|tokenizer| tokenizer.trained >= time),
        }
    }
}

impl TrainedTokenizer {
    /// Its folder in a project; `None` if `folder` is not a plain name.
    pub fn folder_in(&self, project: &Project) -> Option<PathBuf> {
        let mut parts = Path::new(&self.folder).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        plain.then(|| project.folder().join("data").join(&self.folder))
    }
}

impl Project {
    /// The stored next run; empty if none was stored.
    pub fn next(&self) -> Result<Next> {
        let kept = storage::if_there(&self.folder.join(FILE), MAX_RECORD_BYTES, storage::read_json)?;
        Ok(kept.unwrap_or_default())
    }

    pub fn set_next(&self, next: &Next) -> Result<()> {
        storage::write_json(&self.folder.join(FILE), next)
    }
}
