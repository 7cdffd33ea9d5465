//! A model with a dictionary on an executor.

use crate::weights::Weights;
use glasshouse_compiler::model::{Dictionary, TrainingGraphs, dictionary_graphs, model_parameters};
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::estimate::estimate_graphs;
use glasshouse_compiler::step::{ArenaState, IGNORED, MicroBatch, StepInput};
use glasshouse_executors::executor::Executor;
use glasshouse_platform::{Error, OrInternal, Result};
use glasshouse_protocol::{ModelConfig, RunConfig};

/// A model to be taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'model> {
    /// As of [`crate::config_of`].
    pub config: &'model RunConfig,
    /// In the layout of an unfrozen model.
    pub parameters: &'model [f32],
    pub device: &'model str,
    pub threads: Option<usize>,
}

/// Values of one batch, row by row: N = B·T rows.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// x [N,C].
    pub input: Vec<f32>,
    /// f [N,F].
    pub features: Vec<f32>,
    /// ŷ [N,C].
    pub reconstruction: Vec<f32>,
    /// Mean cross-entropy and counted targets of the unchanged model.
    pub clean: [f32; 2],
    /// y [N,C] of a transcoder; empty if it is x.
    target: Vec<f32>,
}

impl Values {
    /// The reconstructed value y [N,C].
    pub fn target(&self) -> &[f32] {
        if self.target.is_empty() { &self.input } else { &self.target }
    }
}

/// A model's weights, in the layout of an unfrozen model, at their places in the arena of a graph whose first parameters are the model's.
pub(crate) fn arena_of(layout: &ArenaLayout, model: &ModelConfig, parameters: &[f32]) -> Result<Vec<f32>> {
    let unfrozen = ArenaLayout::unfrozen(&model_parameters(model)?);
    unfrozen.check_count(parameters)?;
    let mut arena = vec![0.0; layout.length];
    for ((from, to), count) in unfrozen.offsets.iter().zip(&layout.offsets).zip(&unfrozen.counts) {
        arena[*to..to + count].copy_from_slice(&parameters[*from..from + count]);
    }
    Ok(arena)
}

pub(crate) fn diverged() -> Error {
    let told = "the dictionary's loss is not finite; lower the learning rate (what was saved before is kept)";
    Error::Refused(told.to_owned())
}

/// The graphs of [`dictionary_graphs`] on a device, with the model's and the dictionary's weights.
#[derive(Debug)]
pub struct DictionaryExecutor {
    executor: Executor,
    layout: ArenaLayout,
    /// The arena, with the model's weights and the last of the dictionary's.
    state: ArenaState,
    pub(crate) weights: Weights,
    pub(crate) dictionary: Dictionary,
    bytes: u64,
}

impl DictionaryExecutor {
    /// Opens the device. The dictionary's weights are zero. Fails if the device does not exist or cannot hold both.
    pub async fn open(subject: &Subject<'_>, dictionary: Dictionary, columns: usize) -> Result<Self> {
        let Subject { config, parameters, device, threads } = *subject;
        let graphs: TrainingGraphs = dictionary_graphs(&config.model, &config.train, dictionary)?;
        let layout = ArenaLayout::new(&graphs.train);
        let optimizer = Optimizer::new(&config.train).for_model(&config.model);
        // Refuses what does not fit, before anything is allocated here.
        let (mut executor, _) = Executor::open(device, &graphs, optimizer, threads).await?;
        let arena = arena_of(&layout, &config.model, parameters)?;
        let bytes = estimate_graphs(graphs, &executor.target())?.bytes;
        let state = ArenaState::from_weights(arena);
        executor.set_state(&state).await?;
        Ok(Self { executor, layout, state, weights: Weights::of(dictionary, columns), dictionary, bytes })
    }

    /// Estimated bytes for weights, gradients, moments and activations.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn device(&self) -> String {
        self.executor.describe().to_string()
    }

    /// Replaces the dictionary's weights; the optimizer's moments stay.
    pub async fn set_weights(&mut self, weights: Weights) -> Result<()> {
        self.weights = weights;
        self.weights.write(&self.layout, self.state.weights_mut());
        self.executor.set_state(&self.state).await
    }

    /// Reads weights and moments after steps, makes the decoder's columns unit vectors, and applies `change`.
    pub(crate) async fn settle(&mut self, change: impl FnOnce(&mut Weights)) -> Result<()> {
        self.state = self.executor.state().await?;
        self.weights.read(&self.layout, &self.state.parameters);
        if self.weights.threshold.iter().any(|own| !own.is_finite()) {
            return Err(diverged());
        }
        let mut weights = std::mem::take(&mut self.weights);
        weights.normalise();
        change(&mut weights);
        self.set_weights(weights).await
    }

    /// Sets all thresholds, if there are any, to the one that leaves `active` features of each counted row of a batch active on average; if fewer
    /// are above 0, to one just above the smallest of them.
    pub(crate) async fn set_thresholds(&mut self, batch: &MicroBatch, active: usize) -> Result<()> {
        let mut weights = self.weights.clone();
        if weights.threshold.is_empty() {
            return Ok(());
        }
        weights.threshold.fill(0.0);
        self.set_weights(weights.clone()).await?;
        let features = self.values(batch).await?.features;
        let rows = features.chunks_exact(self.dictionary.width).zip(&batch.targets);
        let (mut entries, mut count) = (Vec::new(), 0);
        for (row, _) in rows.filter(|(_, target)| **target != IGNORED) {
            entries.extend(row.iter().copied().filter(|entry| *entry > 0.0));
            count += active;
        }
        let Some(last) = entries.len().checked_sub(1) else { return Ok(()) };
        let (above, least, _) =
            entries.select_nth_unstable_by(count.min(last), |one, other| other.total_cmp(one));
        let next = above.iter().copied().min_by(f32::total_cmp).unwrap_or_default();
        weights.threshold.fill(0.5 * (*least + next));
        self.set_weights(weights).await
    }

    /// Trains and returns the mean loss of the steps. Fails if it is not finite.
    pub(crate) async fn train(&mut self, steps: &[StepInput]) -> Result<f64> {
        let reports = self.executor.train(steps).await?;
        if reports.iter().any(|report| report.skipped || !report.loss.is_finite()) {
            return Err(diverged());
        }
        Ok(reports.iter().map(|report| f64::from(report.loss)).sum::<f64>() / reports.len().max(1) as f64)
    }

    /// Gradient of a step, for the dictionary's parameters in order, and the loss. That of θ is the gradient of log θ.
    pub async fn gradients(&mut self, step: &StepInput) -> Result<(f32, Weights)> {
        let (loss, arena) = self.executor.gradients(step).await?;
        let mut gradients = Weights::of(self.dictionary, self.weights.columns());
        gradients.read_gradients(&self.layout, &arena);
        Ok((loss, gradients))
    }

    /// Mean cross-entropy and counted targets of a batch, with the reconstruction at the hook point.
    pub async fn loss(&mut self, batch: &MicroBatch) -> Result<(f32, f32)> {
        self.executor.evaluate(std::slice::from_ref(batch)).await?.pop().or_internal("a batch without a loss")
    }

    pub async fn values(&mut self, batch: &MicroBatch) -> Result<Values> {
        let mut values = Values::default();
        for (name, floats) in self.executor.probes(batch).await? {
            match Dictionary::PROBES.iter().position(|probe| **probe == *name) {
                Some(0) => values.input = floats,
                Some(1) => values.features = floats,
                Some(2) => values.reconstruction = floats,
                Some(4) => values.target = floats,
                _ => values.clean = [floats[0], floats[1]],
            }
        }
        if values.input.is_empty() {
            return Err(Error::Refused("burn's executors have no dictionaries; use cpu or gpu".to_owned()));
        }
        Ok(values)
    }
}
