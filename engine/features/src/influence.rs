//! Influence of training passages on a completion.
//!
//! TracIn (Pruthi et al., 2020) sums over checkpoints: I(z, q) = Σ η · ∇ℓ(z)ᵀ P ∇ℓ(q), with the learning rate η and summed token losses ℓ; P is
//! the identity, or 1 / (F + λ) by entry, with F the mean square of the passages' gradients and λ a tenth of its mean, as damped in Grosse et al.,
//! 2023. The ground truth is the loss of models that were trained on random halves of the text (Park et al., 2023).

use crate::executor::{Subject, arena_of};
use glasshouse_compiler::model::training_graphs;
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::{ArenaState, IGNORED, MicroBatch, StepInput};
use glasshouse_executors::executor::Executor;
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::random::nth;
use glasshouse_protocol::{ModelConfig, OptimizerKind, TrainConfig};
use glasshouse_text::data::store::{Split, TokenStore};
use std::ops::Range;

/// Passages whose gradients estimate F.
const PRECONDITIONED: usize = 128;
const DAMPING: f64 = 0.1;
/// Stream of random halves.
const HALVES: u64 = 0x6861_6c66;

/// Tokens of which some are predicted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passage {
    pub tokens: Vec<u32>,
    /// Whether each token is predicted; the first one never is.
    pub predicted: Vec<bool>,
}

impl Passage {
    /// All tokens after the first `given` are predicted.
    pub fn new(tokens: Vec<u32>, given: usize) -> Self {
        let predicted = (0..tokens.len()).map(|at| at >= given).collect();
        Self { tokens, predicted }
    }

    /// One window; the loss is the sum over its predicted tokens.
    fn batch(&self, window: usize) -> MicroBatch {
        let used = self.tokens.len().saturating_sub(1).min(window);
        let pairs = self.tokens.iter().zip(&self.predicted).skip(1);
        let mut targets: Vec<u32> =
            pairs.take(used).map(|(token, is)| if *is { *token } else { IGNORED }).collect();
        let mut tokens = self.tokens[..used].to_vec();
        tokens.resize(window, 0);
        targets.resize(window, IGNORED);
        MicroBatch { tokens, targets, loss_denominator: Some(1.0), ..MicroBatch::default() }
    }
}

/// Ranges of passages in a training split: examples, or documents cut to at most `window` + 1 tokens.
pub async fn passages(
    store: &TokenStore,
    end: Option<u32>,
    window: usize,
    yielder: &Yielder,
) -> Result<Vec<Range<u64>>> {
    if let Some(examples) = store.examples(Split::Train) {
        return Ok((0..examples.count()).map(|example| examples.range(example)).collect());
    }
    let most = window as u64 + 1;
    let documents = store.documents(Split::Train, end, yielder).await?;
    let cut = documents.into_iter().flat_map(|(document, ended)| {
        let end = document.end + u64::from(ended);
        (document.start..end).step_by(window + 1).map(move |from| from..end.min(from + most))
    });
    Ok(cut.filter(|passage| passage.end - passage.start > 1).collect())
}

/// The passage in a range of [`passages`].
pub fn passage(store: &TokenStore, range: &Range<u64>) -> Result<Passage> {
    let tokens = store.read(Split::Train, range.start, (range.end - range.start) as usize)?;
    let predicted = match store.examples(Split::Train) {
        Some(examples) => examples.learned(range.clone()).collect(),
        None => vec![true; tokens.len()],
    };
    Ok(Passage { tokens, predicted })
}

/// Gradients of a model at any of its checkpoints.
#[derive(Debug)]
pub struct Gradients {
    executor: Executor,
    layout: ArenaLayout,
    window: usize,
}

impl Gradients {
    /// Opens the device of a subject; [`Self::set_weights`] comes next. Fails if it does not exist or cannot hold the model.
    pub async fn open(subject: &Subject<'_>) -> Result<Self> {
        let Subject { config, device, threads, .. } = *subject;
        let model = ModelConfig { dropout: Dropout::default(), ..config.model.clone() };
        let train = TrainConfig {
            batch_size: 1,
            accumulate: 1,
            document_mask: false,
            ignore_index: Some(IGNORED),
            optimizer: OptimizerKind::Sgd,
            ..TrainConfig::default()
        };
        let graphs = training_graphs(&model, &train)?;
        let layout = ArenaLayout::new(&graphs.train);
        let optimizer = Optimizer::new(&train).for_model(&model);
        let (executor, _) = Executor::open(device, &graphs, optimizer, threads).await?;
        Ok(Self { executor, layout, window: model.context_length })
    }

    /// Replaces the weights, in the layout of an unfrozen model.
    pub async fn set_weights(&mut self, model: &ModelConfig, parameters: &[f32]) -> Result<()> {
        let arena = arena_of(&self.layout, model, parameters)?;
        self.executor.set_state(&ArenaState::from_weights(arena)).await
    }

    /// The summed loss of a passage, and its gradient.
    pub async fn of(&mut self, passage: &Passage) -> Result<(f32, Vec<f32>)> {
        let micro_batches = vec![passage.batch(self.window)];
        self.executor.gradients(&StepInput { step: 0, learning_rate: 0.0, micro_batches }).await
    }

    /// Adds the influence of each passage at the present weights to `scores`, times `learning_rate`. Returns the query's loss.
    pub async fn add_influences(
        &mut self,
        query: &Passage,
        passages: &[Passage],
        (learning_rate, plain): (f64, bool),
        scores: &mut [f64],
        mut done: impl FnMut(usize),
        yielder: &Yielder,
    ) -> Result<f64> {
        let (loss, mut direction) = self.of(query).await?;
        if !plain {
            let step = passages.len().div_ceil(PRECONDITIONED).max(1);
            let mut squares = vec![0.0_f64; direction.len()];
            for passage in passages.iter().step_by(step) {
                let (_, gradient) = self.of(passage).await?;
                squares.iter_mut().zip(&gradient).for_each(|(sum, entry)| *sum += f64::from(*entry).powi(2));
                yielder.maybe_yield().await;
            }
            let count = passages.len().div_ceil(step).max(1) as f64;
            squares.iter_mut().for_each(|square| *square /= count);
            let entries = self.layout.counts.iter().sum::<usize>().max(1) as f64;
            let damping = DAMPING * squares.iter().sum::<f64>() / entries;
            if damping > 0.0 {
                let scaled = direction.iter_mut().zip(&squares);
                scaled.for_each(|(entry, square)| *entry = (f64::from(*entry) / (square + damping)) as f32);
            }
        }
        for (at, (passage, score)) in passages.iter().zip(scores).enumerate() {
            let (_, gradient) = self.of(passage).await?;
            *score += learning_rate * product(&direction, &gradient);
            done(at + 1);
            yielder.maybe_yield().await;
        }
        Ok(f64::from(loss))
    }
}

fn product(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

/// Whether each passage is in the random half with a number.
pub fn half(seed: u64, number: u64, count: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|at| nth(nth(seed, HALVES, number), HALVES, *at as u64));
    let mut is_in = vec![false; count];
    order.into_iter().take(count.div_ceil(2)).for_each(|at| is_in[at] = true);
    is_in
}

/// Spearman's rank correlation; 0 for fewer than two values.
pub fn rank_correlation(one: &[f64], other: &[f64]) -> f64 {
    let ranks = |values: &[f64]| {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
        let mut ranks = vec![0.0; values.len()];
        order.into_iter().enumerate().for_each(|(rank, at)| ranks[at] = rank as f64);
        ranks
    };
    let count = one.len() as f64;
    if one.len() < 2 {
        return 0.0;
    }
    let distances = ranks(one).into_iter().zip(ranks(other)).map(|(one, other)| (one - other).powi(2));
    1.0 - 6.0 * distances.sum::<f64>() / (count * (count * count - 1.0))
}
