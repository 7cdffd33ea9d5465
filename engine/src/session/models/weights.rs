//! Weights of a model, in memory once.

use crate::checkpoint::{CheckpointInfo, Content, read_state};
use crate::graph::Parameter;
use crate::plan::arena::{ArenaLayout, StoredWeights};
use crate::platform::Yielder;
use crate::{Error, OrInternal, Result};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

/// Weights shared by a model's clones: floats, or as a checkpoint stores them. A decoder on the CPU takes what was read of the
/// checkpoint, so that nothing else holds it, and later users read it again; if its file is overwritten, everybody gets a copy.
pub(in super::super) struct Weights {
    floats: OnceLock<Vec<f32>>,
    stored: Mutex<Option<Arc<StoredWeights>>>,
    checkpoint: Option<Checkpoint>,
    /// Number of floats, with padding.
    pub(in super::super) count: usize,
}

struct Checkpoint {
    /// The file; `None` if it may be overwritten.
    path: Option<PathBuf>,
    /// As built for decoding.
    parameters: Vec<Parameter>,
    info: CheckpointInfo,
    /// Whether floats cannot be stored in its format again.
    has_blocks: bool,
}

impl Weights {
    pub(in super::super) fn from_floats(floats: Vec<f32>) -> Self {
        let count = floats.len();
        Self { floats: OnceLock::from(floats), stored: Mutex::default(), checkpoint: None, count }
    }

    /// Weights of a checkpoint, with its path if it can be read again.
    pub(in super::super) fn from_stored(
        stored: StoredWeights,
        path: Option<PathBuf>,
        parameters: Vec<Parameter>,
        info: CheckpointInfo,
    ) -> Self {
        let unfrozen = ArenaLayout::unfrozen(&parameters);
        if path.is_none() && stored.words.is_empty() {
            let layout = ArenaLayout::from_parameters(&parameters);
            return Self::from_floats(layout.moved_to(&unfrozen, stored.floats));
        }
        let count = unfrozen.length;
        let has_blocks = !stored.blocks.is_empty();
        let checkpoint = Some(Checkpoint { path, parameters, info, has_blocks });
        Self { floats: OnceLock::new(), stored: Mutex::new(Some(Arc::new(stored))), checkpoint, count }
    }

    /// In the arena layout of an unfrozen model; they stay in memory.
    pub(in super::super) async fn floats(&self) -> Result<&[f32]> {
        if let Some(floats) = self.floats.get() {
            return Ok(floats);
        }
        let checkpoint = self.checkpoint.as_ref().or_internal("a model without weights")?;
        let unfrozen = ArenaLayout::unfrozen(&checkpoint.parameters);
        let stored = match self.now(checkpoint.path.is_some()) {
            Some(stored) => stored,
            None => Arc::new(checkpoint.again().await?),
        };
        let floats = match Arc::try_unwrap(stored) {
            Ok(stored) if stored.words.is_empty() => {
                let layout = ArenaLayout::from_parameters(&checkpoint.parameters);
                layout.moved_to(&unfrozen, stored.floats)
            }
            stored => {
                let stored = stored.map_or_else(|shared| shared, Arc::new);
                let yielder = Yielder::new();
                let yield_now = async || yielder.maybe_yield().await;
                stored.to_floats(&checkpoint.parameters, &unfrozen, &yield_now).await
            }
        };
        Ok(self.floats.get_or_init(|| floats))
    }

    /// As the checkpoint stores them; `None` if floats are in memory that can be stored alike.
    pub(in super::super) async fn stored(&self) -> Result<Option<StoredWeights>> {
        let has_floats = self.floats.get().is_some();
        let Some(checkpoint) = self.checkpoint.as_ref().filter(|own| own.has_blocks || !has_floats) else {
            return Ok(None);
        };
        if let Some(stored) = self.now(checkpoint.path.is_some()) {
            return Ok(Some(Arc::unwrap_or_clone(stored)));
        }
        checkpoint.again().await.map(Some)
    }

    /// The stored weights in memory, which are taken or shared.
    fn now(&self, takes: bool) -> Option<Arc<StoredWeights>> {
        let mut stored = self.stored.lock().ok()?;
        if takes { stored.take() } else { stored.clone() }
    }
}

impl Checkpoint {
    /// Reads it again, unless it has become another one since.
    async fn again(&self) -> Result<StoredWeights> {
        let path = self.path.as_ref().or_internal("weights that were taken and cannot be read again")?;
        let read = read_state(path, &self.parameters, Content::Stored, &Yielder::new()).await?;
        if read.info != self.info {
            let reason = "it was replaced since the model was opened; choose another checkpoint, or open the project again";
            return Err(Error::bad_file(path, reason));
        }
        Ok(read.into_stored())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoints;
    use crate::cpu::CpuDecoder;
    use crate::graph::Element;
    use crate::model::{Purpose, build};
    use crate::platform::block_on;
    use crate::project::parameters_of;
    use crate::protocol::{RunConfig, WeightFormat, presets};
    use glasshouse_compiler::blocks::gguf::{self, GgmlType};

    fn config(weights: WeightFormat) -> RunConfig {
        RunConfig { weights, ..presets::preset("llama-tiny").unwrap() }
    }

    fn saved(config: &RunConfig) -> (tempfile::TempDir, PathBuf, Vec<Parameter>) {
        let folder = tempfile::tempdir().unwrap();
        let own = parameters_of(config).unwrap();
        let mut checkpoints = Checkpoints::new(folder.path());
        let mut begun = checkpoints.begin(&CheckpointInfo::new(config, 0, 1), &own).unwrap();
        for (number, own) in own.iter().enumerate() {
            let entry = |at: usize| ((at * 37 + number * 11) % 101) as f32 / 505.0 - 0.09;
            begun.put(&(0..own.ty.count()).map(entry).collect::<Vec<_>>()).unwrap();
        }
        let path = checkpoints.finish(begun, true).unwrap();
        let purpose = Purpose::Decode { batch: 1, chunk: 1, texts: 1, weights: config.weights };
        (folder, path, build(&config.model, purpose).unwrap().graph.parameters)
    }

    #[test]
    fn stored_weights_are_taken_once_and_decode_like_floats() {
        for format in [WeightFormat::F32, WeightFormat::F16, WeightFormat::Q8_0, WeightFormat::Q4_0] {
            let config = config(format);
            let (_folder, path, parameters) = saved(&config);
            let read =
                || block_on(read_state(&path, &parameters, Content::Stored, &Yielder::none())).unwrap();
            let first = read().into_stored();
            assert_eq!(first.words.is_empty(), format == WeightFormat::F32);
            let weights =
                Weights::from_stored(first.clone(), Some(path.clone()), parameters.clone(), read().info);
            assert_eq!(block_on(weights.stored()).unwrap(), Some(first.clone()));
            // The second time, they come from the file.
            assert_eq!(block_on(weights.stored()).unwrap(), Some(first.clone()));
            let floats = block_on(weights.floats()).unwrap();
            assert_eq!(floats.len(), weights.count);
            let same =
                Weights::from_stored(first.clone(), Some(path.clone()), parameters.clone(), read().info);
            assert_eq!(floats, block_on(same.floats()).unwrap(), "{format:?}");
            assert_eq!(block_on(same.stored()).unwrap(), None);
            let mut stored = CpuDecoder::from_stored(&config.model, first, format, Some(1), 1).unwrap();
            let mut packed = CpuDecoder::with_texts(&config.model, floats, format, Some(1), 1).unwrap();
            assert_eq!(stored.logits(&[3, 1, 4]).unwrap(), packed.logits(&[3, 1, 4]).unwrap(), "{format:?}");
        }
    }

    #[test]
    fn blocks_of_a_file_stay_after_somebody_needed_floats() {
        let (config, ty) = (config(WeightFormat::Gguf), GgmlType::Q8_0);
        let folder = tempfile::tempdir().unwrap();
        let mut own = parameters_of(&config).unwrap();
        let is_whole =
            |own: &Parameter| own.ty.shape.len() == 2 && own.ty.columns().is_multiple_of(ty.block());
        let place = own.iter().position(is_whole).unwrap();
        let columns = own[place].ty.columns();
        let row = gguf::row_words(ty, columns);
        own[place].ty.element = Element::Gguf { row: row as u32 };
        let mut checkpoints = Checkpoints::new(folder.path());
        let mut begun = checkpoints.begin(&CheckpointInfo::new(&config, 0, 1), &own).unwrap();
        for (number, own) in own.iter().enumerate() {
            if number == place {
                let block: Vec<u8> = [0x00, 0x2c].into_iter().chain(1..33).collect();
                let mut words = vec![0; own.ty.rows() * row];
                for words in words.chunks_exact_mut(row) {
                    gguf::put_row(ty, &block.repeat(columns / ty.block()), words);
                }
                begun.put_blocks(&words).unwrap();
            } else {
                begun.put(&vec![0.01; own.ty.count()]).unwrap();
            }
        }
        let path = checkpoints.finish(begun, true).unwrap();
        let purpose = Purpose::Decode { batch: 1, chunk: 1, texts: 1, weights: config.weights };
        let parameters = build(&config.model, purpose).unwrap().graph.parameters;
        let read = block_on(read_state(&path, &parameters, Content::Stored, &Yielder::none())).unwrap();
        let info = read.info.clone();
        let first = read.into_stored();
        assert_eq!(first.blocks.len(), 1);
        // Read again, or copied.
        for path in [Some(path.clone()), None] {
            let weights = Weights::from_stored(first.clone(), path, parameters.clone(), info.clone());
            assert!(block_on(weights.stored()).unwrap() == Some(first.clone()));
            assert_eq!(block_on(weights.floats()).unwrap().len(), weights.count);
            assert!(block_on(weights.stored()).unwrap() == Some(first.clone()));
        }
        let mut decoder =
            CpuDecoder::from_stored(&config.model, first, WeightFormat::Gguf, Some(1), 1).unwrap();
        assert!(decoder.logits(&[3, 1, 4]).unwrap().iter().all(|logit| logit.is_finite()));
    }

    #[test]
    fn a_truncated_checkpoint_is_one_error_and_another_models_weights_are_refused() {
        let config = config(WeightFormat::Q8_0);
        let (_folder, path, parameters) = saved(&config);
        let read = block_on(read_state(&path, &parameters, Content::Stored, &Yielder::none())).unwrap();
        let own = read.info.clone();
        let stored = read.into_stored();
        let weights = Weights::from_stored(stored, Some(path.clone()), parameters.clone(), own.clone());
        let info = CheckpointInfo { step: 7, ..own };
        let other = Weights::from_stored(StoredWeights::default(), Some(path.clone()), parameters, info);
        other.now(true);
        assert!(block_on(other.stored()).unwrap_err().to_string().contains("replaced"));
        let mut taken = block_on(weights.stored()).unwrap().unwrap();
        taken.words.pop();
        assert!(CpuDecoder::from_stored(&config.model, taken, WeightFormat::Q8_0, Some(1), 1).is_err());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
        for error in [block_on(weights.stored()).unwrap_err(), block_on(weights.floats()).unwrap_err()] {
            assert!(error.to_string().contains("not a complete safetensors file"), "{error}");
        }
    }
}
