//! A project's next runs: draft settings and a tokenizer that no run has used yet.

use super::{MAX_RECORD_BYTES, Project};
use glasshouse_platform::{Result, storage};
use glasshouse_protocol::{Drafts, RunConfig};
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

const FILE: &str = "next.json";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Next {
    /// The settings, with the time they were saved, in seconds since 1970, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafts: Option<(u64, Drafts)>,
    /// The one draft of earlier versions; only read.
    #[serde(default, skip_serializing)]
    draft: Option<(u64, RunConfig)>,
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
    /// Replaces what is older than the latest new run and the latest fine-tune, each with the time it was created, in seconds since
    /// 1970, by their settings.
    #[must_use]
    pub fn after(self, new: Option<&(u64, RunConfig)>, tuned: Option<(u64, RunConfig)>) -> Self {
        let since = |run: Option<&(u64, RunConfig)>| run.map_or(0, |(created, _)| *created);
        let (new_at, tuned_at) = (since(new), since(tuned.as_ref()));
        let tuned = tuned.map(|(_, config)| config);
        let drafts = match (self.drafts, new) {
            (Some((kept, mut drafts)), _) => {
                if let Some((_, config)) = new.filter(|_| kept < new_at) {
                    drafts.train = config.clone();
                }
                if kept < tuned_at {
                    drafts.tune = tuned;
                }
                Some((kept.max(new_at).max(tuned_at), drafts))
            }
            (None, Some((_, config))) if tuned.is_some() => {
                Some((new_at.max(tuned_at), Drafts { tune: tuned, ..Drafts::new(config.clone()) }))
            }
            (None, _) => None,
        };
        Self {
            drafts,
            tokenizer: self.tokenizer.filter(|tokenizer| tokenizer.trained >= new_at),
            draft: None,
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
        let mut kept: Next = kept.unwrap_or_default();
        if let Some((time, config)) = kept.draft.take().filter(|_| kept.drafts.is_none()) {
            let mut drafts = Drafts::new(config.clone());
            drafts.put(config);
            kept.drafts = Some((time, drafts));
        }
        Ok(kept)
    }

    pub fn set_next(&self, next: &Next) -> Result<()> {
        storage::write_json(&self.folder.join(FILE), next)
    }
}
