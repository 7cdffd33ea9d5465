//! A trained model in a project: a run's settings, its tokenizer, and the weights of a checkpoint.

use super::Run;
use crate::checkpoint::{CheckpointInfo, Checkpoints, Content, Loaded, read_state};
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::model::{self, Purpose, build, model_parameters};
use glasshouse_compiler::plan::arena::{ArenaLayout, StoredWeights};
use glasshouse_compiler::plan::merge::merged;
use glasshouse_platform::{Error, Result, Yielder, files};
use glasshouse_protocol::{CheckpointChoice, RunConfig, WeightFormat};
use glasshouse_text::data::prepare;
use glasshouse_text::tokenizer::Tokenizer;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A model for inference.
#[derive(Clone, Debug)]
pub struct Trained {
    pub run: Run,
    pub config: RunConfig,
    pub tokenizer: Tokenizer,
    /// Weights in the arena layout of an unfrozen model, with the run's adapter merged in.
    pub parameters: Vec<f32>,
    /// The weights with the blocks of the GGUF file that the run was imported from; `parameters` holds them too.
    pub kept: Option<Arc<StoredWeights>>,
    /// State of the run at the checkpoint.
    pub info: CheckpointInfo,
    /// Damaged checkpoints that were skipped, one line each.
    pub notices: Vec<String>,
}

impl Trained {
    /// Loads a run's checkpoint. A file is one of the run's checkpoints or a path. Fails if the run has no checkpoint, or the chosen one
    /// cannot be read or belongs to another model.
    pub async fn load(run: Run, checkpoint: &CheckpointChoice, yielder: &Yielder) -> Result<Self> {
        let as_trained = AsTrained::load(run, checkpoint, yielder).await?;
        let AsTrained { run, config, parameters, weights, kept, info, notices } = as_trained;
        let tokenizer = prepare::open_tokenizer(&run.data_folder()?)?;
        let yield_now = async || yielder.maybe_yield().await;
        let parameters = merged(&parameters, config.train.adapter.as_ref(), weights, &yield_now).await;
        Ok(Self { run, config, tokenizer, parameters, kept, info, notices })
    }
}

/// A run's weights as trained: an adapter's weights are separate.
pub struct AsTrained {
    pub run: Run,
    pub config: RunConfig,
    /// The model's parameters, with frozen ones marked, followed by the adapter's.
    pub parameters: Vec<Parameter>,
    /// Values in arena layout.
    pub weights: Vec<f32>,
    /// See [`Trained::kept`].
    pub kept: Option<Arc<StoredWeights>>,
    /// State of the run at the checkpoint.
    pub info: CheckpointInfo,
    /// Damaged checkpoints that were skipped, one line each.
    pub notices: Vec<String>,
}

impl AsTrained {
    pub async fn load(run: Run, checkpoint: &CheckpointChoice, yielder: &Yielder) -> Result<Self> {
        let config = run.config()?;
        let parameters = model::parameters(&config.model, &config.train)?;
        let keeps = config.weights == WeightFormat::Gguf && config.train.adapter.is_none();
        let content = if keeps { Content::Stored } else { Content::Weights };
        let loaded = loaded(&run, &config, checkpoint, &parameters, content, yielder).await?;
        let (info, notices) = (loaded.info.clone(), loaded.notices.clone());
        let stored = loaded.into_stored();
        if !keeps {
            return Ok(Self { run, config, parameters, weights: stored.floats, kept: None, info, notices });
        }
        let (layout, yield_now) =
            (ArenaLayout::from_parameters(&parameters), async || yielder.maybe_yield().await);
        let weights = stored.to_floats(&parameters, &layout, &yield_now).await;
        let kept = (!stored.blocks.is_empty()).then(|| Arc::new(stored));
        Ok(Self { run, config, parameters, weights, kept, info, notices })
    }
}

/// A model with its weights as a decoder stores them.
pub struct StoredModel {
    pub config: RunConfig,
    pub tokenizer: Tokenizer,
    /// The model's parameters as stored.
    pub parameters: Vec<Parameter>,
    pub weights: StoredWeights,
    pub path: PathBuf,
    pub info: CheckpointInfo,
    /// Damaged checkpoints that were skipped, one line each.
    pub notices: Vec<String>,
}

impl StoredModel {
    /// Loads a checkpoint like [`Trained::load`]; `None` for a run with an adapter, which must be merged.
    pub async fn load(run: &Run, checkpoint: &CheckpointChoice, yielder: &Yielder) -> Result<Option<Self>> {
        let config = run.config()?;
        if config.train.adapter.is_some() {
            return Ok(None);
        }
        let purpose = Purpose::Decode { batch: 1, chunk: 1, texts: 1, weights: config.weights };
        let parameters = build(&config.model, purpose)?.graph.parameters;
        let loaded = loaded(run, &config, checkpoint, &parameters, Content::Stored, yielder).await?;
        let (info, path, notices) = (loaded.info.clone(), loaded.path.clone(), loaded.notices.clone());
        let tokenizer = prepare::open_tokenizer(&run.data_folder()?)?;
        let weights = loaded.into_stored();
        Ok(Some(Self { config, tokenizer, parameters, weights, path, info, notices }))
    }
}

/// Loads a run's checkpoint with these parameters, as in [`Trained::load`].
pub(super) async fn loaded(
    run: &Run,
    config: &RunConfig,
    checkpoint: &CheckpointChoice,
    parameters: &[Parameter],
    content: Content,
    yielder: &Yielder,
) -> Result<Loaded> {
    let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
    let elsewhere = checkpoint.file().filter(|file| checkpoints.list().iter().all(|own| own.file != *file));
    let loaded = if let Some(file) = elsewhere {
        let path = Path::new(file);
        if !files::is_file(path) {
            let unknown =
                || "there is no such checkpoint; choose best, latest, or a checkpoint's file".to_owned();
            let reason = checkpoints.instead_of(file).unwrap_or_else(unknown);
            return Err(Error::bad_file(path, reason));
        }
        read_state(path, parameters, content, yielder).await?
    } else {
        checkpoints.load_named(checkpoint, parameters, content, yielder).await?
    };
    run.check_model(&loaded.info, config)?;
    Ok(loaded)
}

/// The parameters of a run's model, all unfrozen: the layout for inference and exports. Their elements are those of its files.
pub fn parameters_of(config: &RunConfig) -> Result<Vec<Parameter>> {
    let mut parameters = model_parameters(&config.model)?;
    for own in &mut parameters {
        own.ty.element = model::stored_as(&config.model, &own.name, &own.ty.shape, config.weights);
    }
    Ok(parameters)
}
