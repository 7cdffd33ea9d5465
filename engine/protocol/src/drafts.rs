//! Settings that a person prepares for the next runs: one draft for each kind of beginning.

use crate::RunConfig;
use crate::config::Synthetic;
use serde::{Deserialize, Serialize};

/// The drafts of a project. Its text, held-out part, device and tokenizer are those of `train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drafts {
    /// A new run from random weights.
    pub train: RunConfig,
    /// A fine-tune; `None` until its base model is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tune: Option<RunConfig>,
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub search: SearchDraft,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchDraft {
    /// The run whose settings it varies, with those settings; `None` varies those of the next new run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<(String, RunConfig)>,
    /// The sweep file; `None` for that of the last sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toml: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftOf {
    Train,
    Tune,
    Search,
}

impl Drafts {
    /// Only the settings of a new run.
    pub fn new(train: RunConfig) -> Self {
        Self { train: RunConfig { start: None, ..train }, tune: None, search: SearchDraft::default() }
    }

    /// The complete settings of a beginning. Those of a fine-tune have no base model until it is chosen.
    pub fn of(&self, draft: DraftOf) -> RunConfig {
        let own = match draft {
            DraftOf::Train => None,
            DraftOf::Tune => self.tune.as_ref(),
            DraftOf::Search => self.search.base.as_ref().map(|(_, config)| config),
        };
        own.map_or_else(|| self.train.clone(), |own| self.in_project(own.clone()))
    }

    /// Stores a draft that was edited. The settings of a search are those of its base.
    pub fn set(&mut self, draft: DraftOf, config: RunConfig) {
        match draft {
            DraftOf::Train => self.train = config,
            DraftOf::Tune => self.tune = config.start.is_some().then_some(config),
            DraftOf::Search => {}
        }
    }

    /// Stores settings as the draft of what they begin: a fine-tune if they have a base model, else a new run.
    pub fn put(&mut self, config: RunConfig) -> DraftOf {
        let draft = if config.start.is_some() { DraftOf::Tune } else { DraftOf::Train };
        self.set(draft, config);
        draft
    }

    /// Settings of another origin, with the project's text, device and tokenizer.
    #[must_use]
    pub fn in_project(&self, config: RunConfig) -> RunConfig {
        let mut config = config.on_text_of(&self.train);
        // A base model and generated rows have their own.
        if config.start.is_none() && config.data.synthetic == Synthetic::None {
            config.tokenizer.clone_from(&self.train.tokenizer);
            config.model.vocabulary = self.train.model.vocabulary;
        }
        config
    }
}

impl SearchDraft {
    /// What its runs begin as.
    pub fn base_name(&self) -> String {
        match &self.base {
            Some((run, config)) => format!("settings of {run}, {}", config.beginning()),
            None => "settings of the next new run".to_owned(),
        }
    }
}

impl RunConfig {
    /// What these settings begin, as in `fine-tunes 1-owls (best)`.
    pub fn beginning(&self) -> String {
        let fresh = || "new run from random weights".to_owned();
        self.start.as_ref().map_or_else(fresh, |start| format!("fine-tunes {start}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::preset;
    use crate::{Objective, Start};

    #[test]
    fn each_beginning_has_settings_of_its_own() {
        let mut drafts = Drafts::new(preset("nanogpt-cpu").unwrap());
        assert_eq!(
            (drafts.of(DraftOf::Tune), drafts.of(DraftOf::Search)),
            (drafts.train.clone(), drafts.train.clone())
        );
        let mut tune = RunConfig { start: Some(Start::best_of("1-owls")), ..preset("llama-tiny").unwrap() };
        tune.set_objective(Objective::Chat);
        assert_eq!(drafts.put(tune.clone()), DraftOf::Tune);
        drafts.train.data.validation = 0.25;
        drafts.train.tokenizer.vocabulary = 300;
        let own = drafts.of(DraftOf::Tune);
        assert_eq!((own.start.as_ref(), own.train.objective), (tune.start.as_ref(), Objective::Chat));
        assert_eq!(
            (own.data.validation, &own.tokenizer),
            (0.25, &tune.tokenizer),
            "the text's, and its base's"
        );
        assert_eq!(drafts.of(DraftOf::Search), drafts.train, "a search varies the next new run");
        drafts.search.base = Some(("2-owls".to_owned(), preset("llama-tiny").unwrap()));
        let base = drafts.of(DraftOf::Search);
        assert_eq!((base.model.layers, base.tokenizer.vocabulary), (tune.model.layers, 300));
        // A base model that was taken back leaves no draft.
        drafts.set(DraftOf::Tune, RunConfig { start: None, ..tune });
        assert_eq!(drafts.tune, None);
        let text = serde_json::to_string(&drafts).unwrap();
        assert_eq!(serde_json::from_str::<Drafts>(&text).unwrap(), drafts);
    }
}
