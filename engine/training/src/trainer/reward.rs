//! Training with rewards: samples the answers that steps train on, and evaluates the most likely answers to held-out prompts.

use super::reference::{self, Kind, REFERENCE_FILE, REWARD_MODEL_FILE};
use super::{Trainer, step_input_after, unless_stopped};
use crate::TrainEvent;
use crate::reward::{Answer, Drawing, RewardModel, Round, RoundShape, Scorer, draw};
use glasshouse_compiler::graph::ops::Policy;
use glasshouse_compiler::graph::random;
use glasshouse_compiler::model::{LossForm, loss_form};
use glasshouse_compiler::step::{ArenaState, MicroBatch, StepInput};
use glasshouse_generation::Decoder;
use glasshouse_platform::{Error, Result, files, storage};
use glasshouse_protocol::random::nth;
use glasshouse_protocol::{RewardMetrics, quantity};
use glasshouse_text::data::{Batches, Prompt, Split};
use glasshouse_text::tokenizer::TokenizerFiles;
use std::path::PathBuf;
use std::sync::Arc;

/// Random stream for the seeds of rounds.
const ROUNDS: u64 = 0x726f_756e;
/// Answers generated in one batch.
const PLACES: usize = 16;
/// Consecutive steps without a learning signal before a notice.
const TOLD_AFTER: u64 = 10;
/// File of an unfinished round in the run's folder.
pub(crate) const ROUND_FILE: &str = "round.json";
const MAX_ROUND_BYTES: u64 = 1 << 30;

/// Label in the file of a run's initial weights.
const FIRST_WEIGHTS: &str = "the run's first weights";

/// The kind of file for `count` initial weights.
fn first_weights(count: usize) -> Kind {
    ("weights", vec![count])
}

/// The trainer's state between steps.
#[derive(Debug, Default)]
pub(super) struct Rewards {
    pub(super) round: Option<Round>,
    /// Of the next step.
    metrics: Option<RewardMetrics>,
    /// Consecutive steps in which each prompt's answers had equal rewards.
    alike: u64,
    /// The run's initial weights, if the divergence from them is penalised.
    reference: Option<Arc<Vec<f32>>>,
    /// Decoder for sampling answers, created on first use.
    decoder: Option<Decoder>,
    /// The reward model, if one is used.
    scorer: Option<Scorer>,
}

impl Trainer<'_> {
    fn round_file(&self) -> PathBuf {
        self.run.folder().join(ROUND_FILE)
    }

    /// Opens the reward model, stores the run's initial weights if the divergence from them is penalised, and loads an unfinished round of
    /// the last session. Fails if the reward model or the initial weights are gone or damaged, or the device has no room for them.
    pub(super) async fn take_rewards(&mut self) -> Result<()> {
        let Batches::Prompts(prompts) = &self.batches else { return Ok(()) };
        let data = self.run.data_folder()?;
        if let Some(model) = RewardModel::find(&self.run.project()?, &self.config, prompts.tokenizer, &data)?
        {
            let files = TokenizerFiles::with(prompts.tokenizer.clone(), &data)?;
            let (path, named) = (self.run.folder().join(REWARD_MODEL_FILE), &self.config.train.reward.model);
            let weights = reference::kept(&path, named, model.length()?, || model.weights())?;
            let scorer = model.open(weights, &self.executor, files, self.config.model.context_length).await?;
            let (name, bytes) = (scorer.name().to_owned(), quantity::bytes(scorer.bytes()));
            self.rewards.scorer = Some(scorer);
            self.notice(format!("{name} scores the answers and takes {bytes} of additional memory"));
        }
        let settings = &self.config.train.reward;
        let (beta, iterations) = (settings.beta, settings.iterations);
        if beta > 0.0 {
            let path = self.run.folder().join(REFERENCE_FILE);
            let weights = if self.step == 0 {
                let weights = self.executor.weights().await?;
                reference::write(
                    &path,
                    FIRST_WEIGHTS,
                    &[(first_weights(weights.len()), weights.as_slice())],
                )?;
                self.notice(format!(
                    "the initial weights are kept in memory, an additional {}, because train.reward.beta is above 0",
                    quantity::bytes(4 * weights.len() as u64)
                ));
                weights
            } else {
                if !files::is_file(&path) {
                    let reason = "the run's initial weights, which the loss compares with, are missing: they were removed, or the run \
                                  started with train.reward.beta = 0; set that again in run.toml, or start a new run";
                    return Err(Error::bad_file(path, reason));
                }
                let read = reference::read(&path, FIRST_WEIGHTS, &[first_weights(self.parameter_count())]);
                let read = read.map_err(|error| match error {
                    Error::BadFile { path, reason } => Error::bad_file(
                        path,
                        format!(
                            "{reason}: the run's initial weights, which the loss compares with, cannot be read; restore the file from a \
                             copy of this run, or start a new run"
                        ),
                    ),
                    error => error,
                })?;
                read.into_iter().next().unwrap_or_default()
            };
            self.rewards.reference = Some(weights.into());
        }
        let number = self.step / iterations;
        if !self.step.is_multiple_of(iterations) {
            let kept = storage::read_json::<Round>(&self.round_file(), MAX_ROUND_BYTES).ok();
            self.rewards.round = kept.filter(|round| round.number == number);
            if self.rewards.round.is_none() {
                let text =
                    "the answers for this step are gone; new ones are sampled with the current weights";
                self.notice(text.to_owned());
            }
        }
        Ok(())
    }

    /// Saves the current round's answers if the next step continues to train on them.
    pub(super) fn keep_round(&self) -> Result<()> {
        match &self.rewards.round {
            Some(round) if !self.step.is_multiple_of(self.config.train.reward.iterations) => {
                storage::write_json(&self.round_file(), round)
            }
            _ => Ok(()),
        }
    }

    /// Inputs of the next steps: `count` of them if they do not depend on sampled answers, else one. `None` if a stop was requested.
    pub(super) async fn step_inputs(&mut self, count: u64) -> Result<Option<Vec<StepInput>>> {
        let Batches::Prompts(_) = &self.batches else {
            let steps = self.step..self.step + count;
            let done = &self.guard.state.interventions;
            let input = |step| {
                let input = step_input_after(done, &self.config, &self.batches, step)?;
                let mut input = StepInput { learning_rate: self.learning_rate_at(step) as f32, ..input };
                if let Some(fault) = &self.options.fault {
                    fault.spoil_input(&mut input, done);
                }
                Ok(input)
            };
            return steps.map(input).collect::<Result<Vec<_>>>().map(Some);
        };
        let number = self.step / self.config.train.reward.iterations;
        if self.rewards.round.as_ref().is_none_or(|round| round.number != number) {
            let Some(round) = self.new_round(number).await? else { return Ok(None) };
            self.rewards.round = Some(round);
        }
        let Some(round) = self.rewards.round.take() else { return Ok(None) };
        let shape = self.round_shape();
        let fresh = self.step.is_multiple_of(self.config.train.reward.iterations);
        // For a fresh round, the weights are still those that sampled the answers.
        let mut known = round.old.clone().filter(|_| fresh);
        if known.is_none() && self.config.train.reward.compares_probabilities() {
            let found = self.token_losses(&round.rows(shape)).await;
            match found {
                Ok(Some(losses)) => known = Some(losses),
                stopped => {
                    self.rewards.round = Some(round);
                    return stopped.map(|_| None);
                }
            }
        }
        let settings = &self.config.train.reward;
        let mut micro_batches = round.micro_batches(settings, shape);
        for (at, batch) in micro_batches.iter_mut().enumerate() {
            batch.seed = random::dropout_seed(self.config.seed, self.step, at as u64);
        }
        let metrics = self.policy().map(|op| round.metrics(settings, &op, shape, known.as_deref()));
        self.rewards.round = Some(round);
        self.rewards.metrics = metrics;
        let learning_rate = self.learning_rate_at(self.step) as f32;
        Ok(Some(vec![StepInput { step: self.step, learning_rate, micro_batches }]))
    }

    fn policy(&self) -> Option<Policy> {
        match loss_form(&self.config.train, &self.config.model) {
            LossForm::Policy { policy, .. } => Some(policy),
            _ => None,
        }
    }

    fn round_shape(&self) -> RoundShape {
        let (train, time) = (&self.config.train, self.config.model.context_length);
        let ends = match &self.batches {
            Batches::Prompts(prompts) => prompts.ends.first().copied(),
            _ => None,
        };
        RoundShape {
            batch: train.batch_size,
            time,
            padding: ends.unwrap_or(0),
            ignored: train.ignored_target().unwrap_or(u32::MAX),
            max_tokens: train.reward.answer_tokens(time),
        }
    }

    /// The loss of each target of the rows under the current weights; `None` if a stop was requested.
    async fn token_losses(&mut self, rows: &[MicroBatch]) -> Result<Option<Vec<Vec<f32>>>> {
        let gives_up = self.executor.can_give_up();
        let mut losses = Vec::with_capacity(rows.len());
        for batch in rows.chunks(1) {
            if self.stop_requested() {
                return Ok(None);
            }
            let work = self.executor.token_losses(batch);
            let found =
                if gives_up { unless_stopped(&self.options.stop, work).await } else { Some(work.await) };
            let Some(found) = found else { return Ok(None) };
            losses.extend(found?);
        }
        Ok(Some(losses))
    }

    /// Samples answers to the prompts of the next steps; `None` if a stop was requested.
    async fn new_round(&mut self, number: u64) -> Result<Option<Round>> {
        let Batches::Prompts(prompts) = &self.batches else { return Ok(None) };
        let asked = prompts.of_step(number)?;
        let settings = &self.config.train.reward;
        let (each, temperature, has_ratio) = (settings.group, settings.temperature, settings.iterations > 1);
        let seed = nth(self.config.seed, ROUNDS, number);
        let Some(answers) = self.answers_to(&asked, each, temperature, seed).await? else { return Ok(None) };
        let mut round = Round { number, answers, old: None, reference: None };
        let rows = round.rows(self.round_shape());
        if has_ratio {
            let Some(old) = self.token_losses(&rows).await? else { return Ok(None) };
            round.old = Some(old);
        }
        if self.rewards.reference.is_some() {
            let Some(reference) = self.reference_losses(&rows).await? else { return Ok(None) };
            round.reference = Some(reference);
        }
        Ok(Some(round))
    }

    /// Like [`Self::token_losses`], under the run's initial weights, which are swapped into the executor meanwhile.
    async fn reference_losses(&mut self, rows: &[MicroBatch]) -> Result<Option<Vec<Vec<f32>>>> {
        let mut state = self.executor.state().await?;
        self.exchange_reference(&mut state);
        self.executor.set_state(&state).await?;
        let losses = self.token_losses(rows).await;
        self.exchange_reference(&mut state);
        self.executor.set_state(&state).await?;
        losses
    }

    /// Swaps the initial weights with a state's; a copy would need as much memory again.
    fn exchange_reference(&mut self, state: &mut ArenaState) {
        if let Some(reference) = &mut self.rewards.reference {
            std::mem::swap(reference, &mut state.parameters);
        }
    }

    /// Samples `each` answers per prompt with the current weights; `None` if a stop was requested.
    async fn answers_to(
        &mut self,
        asked: &[Prompt],
        each: usize,
        temperature: f32,
        seed: u64,
    ) -> Result<Option<Vec<Answer>>> {
        let train = &self.config.train;
        let max_tokens = train.reward.answer_tokens(self.config.model.context_length);
        let places = (train.batch_size * train.accumulate).min(PLACES);
        let drawing = Drawing { each, max_tokens, temperature, seed };
        let mut decoder = match self.rewards.decoder.take() {
            Some(mut decoder) => {
                if !decoder.shares_weights() {
                    decoder.set_weights(&self.weights().await?).await?;
                }
                decoder
            }
            None => self.decoder(places).await?,
        };
        let Batches::Prompts(prompts) = &self.batches else { return Ok(None) };
        let scorer = self.rewards.scorer.as_mut();
        let work = async {
            let mut answers = draw(&mut decoder, prompts, asked, drawing).await?;
            if let Some(scorer) = scorer {
                scorer.score(&mut answers).await?;
            }
            Ok::<_, Error>((answers, decoder))
        };
        // Dropped work drops its decoder too.
        let Some(done) = unless_stopped(&self.options.stop, work).await else { return Ok(None) };
        let (answers, decoder) = done?;
        self.rewards.decoder = Some(decoder).filter(|decoder| !decoder.is_snapshot());
        Ok(Some(answers))
    }

    /// Reports the rewards of the answers that a step trained on.
    pub(super) fn report_rewards(&mut self) -> Result<()> {
        let Some(metrics) = self.rewards.metrics.take() else { return Ok(()) };
        self.rewards.alike = if metrics.uniform_groups < 1.0 { 0 } else { self.rewards.alike + 1 };
        if self.rewards.alike == TOLD_AFTER {
            self.notice(format!(
                "for {TOLD_AFTER} steps all answers to a prompt had the same reward, {:.3} on average, which teaches nothing: use easier or harder \
                 prompts, more answers (train.reward.group), or another train.reward.rule",
                metrics.reward
            ));
        }
        self.emit(TrainEvent::Reward { step: self.step, metrics })?;
        self.tensorboard.scalars(self.step, &metrics.scalars())
    }

    /// Loss of the most likely answers to a split's prompts: 1 − mean reward, or − mean score with a reward model (which has no
    /// maximum). `None` if a stop was requested.
    pub(super) async fn loss_of_answers(&mut self, split: Split) -> Result<Option<f32>> {
        let Batches::Prompts(prompts) = &self.batches else { return Ok(None) };
        let train = &self.config.train;
        let most = match split {
            Split::Validation if self.record.evaluate_whole_split => usize::MAX,
            _ => (train.evaluated_micro_batches() * train.batch_size).div_ceil(train.reward.group),
        };
        let asked = prompts.evaluation(split, most)?;
        let highest = if prompts.judge.is_by_model() { 0.0 } else { 1.0 };
        let Some(answers) = self.answers_to(&asked, 1, 0.0, 0).await? else { return Ok(None) };
        let sum: f64 = answers.iter().map(|answer| f64::from(answer.reward)).sum();
        Ok(Some((highest - sum / answers.len().max(1) as f64) as f32))
    }
}
