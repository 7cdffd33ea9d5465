//! Models cached in memory.

use super::{Key, Model};
use crate::platform::KEPT_MODEL_BYTES;

/// Recently used models, most recent last, within [`KEPT_MODEL_BYTES`]. So milestones that are viewed repeatedly are read only once.
#[derive(Default)]
pub(super) struct Models(Vec<Model>);

impl Models {
    pub(super) fn get(&mut self, key: &Key) -> Option<Model> {
        let at = self.0.iter().position(|model| model.key == *key)?;
        let model = self.0.remove(at);
        self.0.push(model.clone());
        Some(model)
    }

    pub(super) fn forget(&mut self, goes: impl Fn(&Key) -> bool) {
        self.0.retain(|model| !goes(&model.key));
    }

    /// Caches a model, replacing earlier weights of the same name, and evicting the least recently used if they take too many bytes.
    pub(super) fn keep(&mut self, model: Model) {
        self.keep_within(model, KEPT_MODEL_BYTES);
    }

    fn keep_within(&mut self, model: Model, most: u64) {
        let (run, checkpoint, _) = &model.key;
        self.0.retain(|other| (&other.key.0, &other.key.1) != (run, checkpoint));
        self.0.push(model);
        let bytes = |models: &[Model]| models.iter().map(|model| model.values.count as u64 * 4).sum::<u64>();
        while self.0.len() > 1 && bytes(&self.0) > most {
            self.0.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SharedTokenizer, Weights};
    use super::*;
    use crate::platform::{Yielder, block_on};
    use crate::protocol::{TokenizerConfig, TokenizerKind, presets};
    use crate::tokenizer::Tokenizer;
    use std::path::Path;
    use std::sync::Arc;

    fn model(checkpoint: &str, step: u64) -> Model {
        let preset = presets::preset("nanogpt-cpu").unwrap();
        let config = TokenizerConfig { kind: TokenizerKind::Byte, ..preset.tokenizer };
        let tokenizer = block_on(Tokenizer::train(&config, ["text"], &Yielder::none())).unwrap();
        let tokenizer = SharedTokenizer::with(tokenizer, Path::new("/nowhere")).unwrap();
        let key = ("1-run".to_owned(), checkpoint.to_owned(), step);
        Model {
            key,
            config: preset.model,
            tokenizer,
            values: Arc::new(Weights::from_floats(vec![0.0; 100])),
            weights: crate::protocol::WeightFormat::F32,
            step,
        }
    }

    #[test]
    fn models_are_kept_within_a_budget_of_bytes_and_the_last_used_stays() {
        let mut models = Models::default();
        let names = ["a", "b", "c", "d", "e"];
        for name in names {
            models.keep_within(model(name, 0), 2000);
        }
        let key = |name: &str, step| ("1-run".to_owned(), name.to_owned(), step);
        assert!(names.iter().all(|name| models.get(&key(name, 0)).is_some()));
        models.get(&key("a", 0)).unwrap();
        models.keep_within(model("f", 0), 2000);
        assert!(models.get(&key("b", 0)).is_none() && models.get(&key("a", 0)).is_some());
        // Earlier weights of the same name are dropped; a single model is kept whatever its size.
        models.keep_within(model("a", 7), 2000);
        assert!(models.get(&key("a", 0)).is_none() && models.get(&key("a", 7)).is_some());
        models.keep_within(model("g", 0), 1);
        assert_eq!(models.0.len(), 1);
        models.forget(|(_, checkpoint, _)| checkpoint == "g");
        assert!(models.0.is_empty());
    }
}
