//! Weights of a model, in memory once.

use crate::checkpoint::{CheckpointInfo, Content, Loaded, read_state};
use crate::graph::Parameter;
use crate::plan::arena::{ArenaLayout, StoredWeights};
use crate::platform::Yielder;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// Weights shared by a model's clones: floats, or a checkpoint. A decoder on the CPU takes what was read of the checkpoint, so that
/// nothing else holds it; later users read it again.
pub(in super::super) struct Weights {
    floats: OnceLock<Vec<f32>>,
    stored: Mutex<Option<StoredWeights>>,
    /// The file, its parameters as stored, and its state of the run.
    checkpoint: Option<(PathBuf, Vec<Parameter>, CheckpointInfo)>,
    /// Number of floats, with padding.
    pub(in super::super) count: usize,
}

impl Weights {
    pub(in super::super) fn from_floats(floats: Vec<f32>) -> Self {
        let count = floats.len();
        Self { floats: OnceLock::from(floats), stored: Mutex::default(), checkpoint: None, count }
    }

    pub(in super::super) fn from_stored(
        stored: StoredWeights,
        path: PathBuf,
        parameters: Vec<Parameter>,
        info: CheckpointInfo,
    ) -> Self {
        let count = ArenaLayout::unfrozen(&parameters).length;
        let (stored, checkpoint) = (Mutex::new(Some(stored)), Some((path, parameters, info)));
        Self { floats: OnceLock::new(), stored, checkpoint, count }
    }

    /// In the arena layout of an unfrozen model; they stay in memory.
    ///
    /// # Errors
    /// The checkpoint can no longer be read.
    pub(in super::super) async fn floats(&self) -> Result<&[f32]> {
        if let Some(floats) = self.floats.get() {
            return Ok(floats);
        }
        let missing = || Error::Internal("a model without weights".to_owned());
        let (path, parameters, info) = self.checkpoint.as_ref().ok_or_else(missing)?;
        let layout = ArenaLayout::from_parameters(parameters);
        let floats = match self.take() {
            Some(stored) if stored.words.is_empty() => {
                layout.moved_to(&ArenaLayout::unfrozen(parameters), stored.floats)
            }
            _ => {
                let unfrozen = |own: &Parameter| Parameter { trainable: true, ..own.clone() };
                let parameters: Vec<_> = parameters.iter().map(unfrozen).collect();
                again(path, &parameters, info, Content::Weights).await?.state.parameters
            }
        };
        Ok(self.floats.get_or_init(|| floats))
    }

    /// As the checkpoint stores them; `None` if floats are in memory.
    ///
    /// # Errors
    /// The checkpoint can no longer be read.
    pub(in super::super) async fn stored(&self) -> Result<Option<StoredWeights>> {
        let Some((path, parameters, info)) = self.checkpoint.as_ref().filter(|_| self.floats.get().is_none())
        else {
            return Ok(None);
        };
        if let Some(stored) = self.take() {
            return Ok(Some(stored));
        }
        let read = again(path, parameters, info, Content::Stored).await?;
        Ok(Some(StoredWeights { floats: read.state.parameters, words: read.words, blocks: read.blocks }))
    }

    fn take(&self) -> Option<StoredWeights> {
        self.stored.lock().ok()?.take()
    }
}

/// Reads a checkpoint that was opened before, unless it has become another one since.
async fn again(
    path: &Path,
    parameters: &[Parameter],
    info: &CheckpointInfo,
    content: Content,
) -> Result<Loaded> {
    let read = read_state(path, parameters, content, &Yielder::new()).await?;
    if read.info != *info {
        let reason = "it was replaced since the model was opened; choose another checkpoint, or open the project again";
        return Err(Error::bad_file(path, reason));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoints;
    use crate::cpu::CpuDecoder;
    use crate::model::{Purpose, build};
    use crate::platform::block_on;
    use crate::project::parameters_of;
    use crate::protocol::{RunConfig, WeightFormat, presets};

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
            let first =
                StoredWeights { floats: read().state.parameters, words: read().words, ..Default::default() };
            assert_eq!(first.words.is_empty(), format == WeightFormat::F32);
            let weights = Weights::from_stored(first.clone(), path.clone(), parameters.clone(), read().info);
            assert_eq!(block_on(weights.stored()).unwrap(), Some(first.clone()));
            // The second time, they come from the file.
            assert_eq!(block_on(weights.stored()).unwrap(), Some(first.clone()));
            let floats = block_on(weights.floats()).unwrap();
            assert_eq!(floats.len(), weights.count);
            let same = Weights::from_stored(first.clone(), path.clone(), parameters.clone(), read().info);
            assert_eq!(floats, block_on(same.floats()).unwrap(), "{format:?}");
            assert_eq!(block_on(same.stored()).unwrap(), None);
            let mut stored = CpuDecoder::from_stored(&config.model, first, format, Some(1), 1).unwrap();
            let mut packed = CpuDecoder::with_texts(&config.model, floats, format, Some(1), 1).unwrap();
            assert_eq!(stored.logits(&[3, 1, 4]).unwrap(), packed.logits(&[3, 1, 4]).unwrap(), "{format:?}");
        }
    }

    #[test]
    fn a_truncated_checkpoint_is_one_error_and_another_models_weights_are_refused() {
        let config = config(WeightFormat::Q8_0);
        let (_folder, path, parameters) = saved(&config);
        let read = block_on(read_state(&path, &parameters, Content::Stored, &Yielder::none())).unwrap();
        let stored =
            StoredWeights { floats: read.state.parameters, words: read.words, ..StoredWeights::default() };
        let weights = Weights::from_stored(stored, path.clone(), parameters.clone(), read.info.clone());
        let info = CheckpointInfo { step: 7, ..read.info };
        let other = Weights::from_stored(StoredWeights::default(), path.clone(), parameters, info);
        other.take();
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
