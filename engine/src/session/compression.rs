//! Creates runs with compressed weights, and measures the cost.

use super::Session;
use crate::checkpoint::Checkpoints;
use crate::data::prepare;
use crate::data::store::Split;
use crate::evaluation::{Scorer, Subject, likelihood};
use crate::measure::{DecodeWorkload, measure_decode};
use crate::metrics::comparison::compare;
use crate::metrics::statistics::Bootstrap;
use crate::platform::Yielder;
use crate::project::{Run, Trained, checkpoint_of, parameters_of};
use crate::protocol::evaluation::Metric;
use crate::protocol::{
    CheckpointChoice, Compressed, Compression, EvaluateSettings, Evaluation, Event, Hint, ModelConfig,
    ModelPart, PruneScore, PruneSettings, PrunedMatrix, RemoveSettings, SparsityPattern, WeightFormat,
};
use crate::pruning::{Inputs, check, measure_inputs, prune, remove, round_calibrated};
use crate::tokenizer::TokenizerFiles;
use crate::{Error, Result, refuse};

/// Tokens of a calibration window, or the context if that is shorter.
const WINDOW: usize = 128;

/// Measured repetitions of decoding.
const REPEATS: usize = 3;

/// Compressed weights, with a record of the changes.
struct Smaller {
    trained: Trained,
    matrices: Vec<PrunedMatrix>,
    removed: Vec<usize>,
}

/// State shared by the points of a frontier.
#[derive(Default)]
struct Shared {
    /// With the number of windows they were measured on.
    inputs: Option<(usize, Inputs)>,
    /// Tokens per second of decoding, by the model's shape and format.
    speeds: Vec<(ModelConfig, WeightFormat, Option<f64>)>,
}

impl Session {
    /// Makes a run's weights smaller as a new run without steps, and answers with size, speed and losses before and after; without a
    /// method, for each point of a frontier.
    pub(super) async fn compress(
        &mut self,
        id: u64,
        name: &str,
        checkpoint: &CheckpointChoice,
        method: Option<Compression>,
        (documents, keep): (Option<usize>, bool),
    ) -> Result<()> {
        if let Some(method) = &method {
            method.validate()?;
        }
        if documents == Some(0) {
            refuse!("the number of documents must be at least 1");
        }
        let (project, run, yielder) = (self.opened()?.project.clone(), self.run_named(name)?, Yielder::new());
        let checkpoint = checkpoint_of(&run, checkpoint)?;
        let trained = Trained::load(run.clone(), &checkpoint, &yielder).await?;
        trained.notices.iter().for_each(|notice| self.sink.notice(notice));
        let is_frontier = method.is_none();
        let methods = match method {
            Some(method) => vec![method],
            None => {
                trained.expect_full()?;
                frontier_of(&trained.config.model)
            }
        };
        let files = TokenizerFiles::with(trained.tokenizer.clone(), &run.data_folder()?)?;
        let whole: u64 =
            4 * parameters_of(&trained.config)?.iter().map(|own| own.ty.count() as u64).sum::<u64>();
        let (mut shared, mut before, mut points, mut refusal) = (Shared::default(), None, 0, None);
        // Rounding or pruning, and the loss, of each method; the loss before.
        let of = 2 * methods.len() as u64 + 1;
        for (at, method) in (1..).zip(methods) {
            let stage = if before.is_none() { 0 } else { 2 * at - 1 };
            let smaller = match self.smaller(&trained, &method, &mut shared, &yielder, (stage, of)).await {
                Err(error) if is_frontier && is_refusal(&error) => {
                    self.sink.notice(format!("{method} is left out: {error}"));
                    refusal = Some(error);
                    continue;
                }
                smaller => smaller?,
            };
            let Smaller { trained: now, matrices, removed } = smaller;
            if before.is_none() {
                before = Some(self.loss(&trained, &files, run.name(), documents, (1, of)).await?);
            }
            let label = format!("{}, {method}", run.name());
            let after = match &before {
                Some(Some(_)) => self.loss(&now, &files, label, documents, (2 * at, of)).await?,
                _ => None,
            };
            let (loss, mut difference) = match (before.iter().flatten().next(), &after) {
                (Some(before), Some(after)) => {
                    let settings = EvaluateSettings::default();
                    let bootstrap = Bootstrap { resamples: settings.resamples, seed: settings.seed };
                    let compared =
                        compare(after, before, &bootstrap, &async || yielder.maybe_yield().await).await;
                    let difference = compared.into_iter().find(|one| one.what == "bits_per_byte");
                    (Some([loss_of(before), loss_of(after)]), difference)
                }
                _ => (None, None),
            };
            let speeds = [self.speed(&trained, &mut shared).await, self.speed(&now, &mut shared).await];
            let tokens_per_s = match speeds {
                [Some(before), Some(after)] => Some([before, after]),
                _ => None,
            };
            let done = match &method {
                Compression::Store { weights } => weights.name(),
                Compression::Calibrate { .. } => "gptq4",
                Compression::Prune(_) | Compression::Remove(_) => "pruned",
            };
            let staged = project.keep_weights(now, checkpoint.clone(), done, &yielder).await?;
            // A point that is not kept is written all the same, so that its size is that of a file.
            let file =
                Checkpoints::new(staged.run().checkpoints_folder()).list().first().map(|file| file.bytes);
            let new = if keep || !is_frontier { Some(staged.put()?.name()) } else { None };
            if let (Some(difference), Some(new)) = (&mut difference, &new) {
                difference.first.clone_from(new);
            }
            let bytes = [whole, file.unwrap_or_default()];
            let compressed =
                Compressed { run: new, method, bytes, tokens_per_s, removed, matrices, loss, difference };
            self.sink.answer(id, Event::Compressed { compressed: Box::new(compressed) });
            points += 1;
        }
        refusal.filter(|_| points == 0).map_or(Ok(()), Err)
    }

    /// A model's compressed weights.
    async fn smaller(
        &self,
        trained: &Trained,
        method: &Compression,
        shared: &mut Shared,
        yielder: &Yielder,
        (at, of): (u64, u64),
    ) -> Result<Smaller> {
        let model = &trained.config.model;
        let windows = match method {
            Compression::Prune(PruneSettings { score: PruneScore::Wanda, windows, .. }) => Some(*windows),
            Compression::Remove(settings) => {
                trained.expect_full()?;
                check(model, settings)?;
                Some(settings.windows)
            }
            Compression::Store { .. } | Compression::Calibrate { .. } | Compression::Prune(_) => None,
        };
        let known = shared.inputs.as_ref().map(|(windows, _)| *windows);
        if let Some(windows) = windows.filter(|windows| known != Some(*windows)) {
            let texts = calibration(&trained.run, model, windows).await?;
            let (weights, threads) = (trained.parameters.clone(), self.options.threads);
            shared.inputs = Some((windows, measure_inputs(model, weights, &texts, threads, yielder).await?));
        }
        let none = Inputs::default();
        let inputs = shared.inputs.as_ref().map_or(&none, |(_, inputs)| inputs);
        // The loss belonged to the original weights.
        let mut smaller = Smaller { trained: trained.clone(), matrices: Vec::new(), removed: Vec::new() };
        let Smaller { trained: now, matrices, removed } = &mut smaller;
        now.info.val_loss = None;
        match method {
            Compression::Store { weights } => now.store_in(*weights, yielder).await?,
            Compression::Calibrate { windows } => {
                trained.expect_full()?;
                let (texts, threads) =
                    (calibration(&trained.run, model, *windows).await?, self.options.threads);
                let mut on_progress = |done, total| self.sink.progress(at * total + done, of * total);
                let weights = std::mem::take(&mut now.parameters);
                now.parameters =
                    round_calibrated(model, weights, &texts, threads, yielder, &mut on_progress).await?;
                now.store_in(WeightFormat::Q4_0, yielder).await?;
            }
            Compression::Prune(settings) => {
                // Blocks with other weights would be rounded again.
                now.config.weights = WeightFormat::F32;
                now.config.train.keep_zeros = Some(true);
                *matrices = prune(model, &mut now.parameters, inputs, settings, yielder).await?;
            }
            Compression::Remove(settings) => {
                now.config.weights = WeightFormat::F32;
                (now.config.model, now.parameters, *removed) =
                    remove(model, &trained.parameters, inputs, settings, yielder).await?;
            }
        }
        Ok(smaller)
    }

    /// Evaluates weights on the validation split of their run. `None` for a classifier, which has no loss on a text, and without a text.
    async fn loss(
        &self,
        trained: &Trained,
        files: &TokenizerFiles,
        name: String,
        documents: Option<usize>,
        (at, of): (u64, u64),
    ) -> Result<Option<Evaluation>> {
        let Trained { run, config, parameters, .. } = trained;
        if !config.model.labels.is_empty() {
            return Ok(None);
        }
        let settings = EvaluateSettings { documents, ..EvaluateSettings::default() };
        let (device, threads) = (&self.device.request, self.options.threads);
        let mut scorer = Scorer::open(&config.model, parameters, device, threads).await?;
        let mut subject = Subject { scorer: &mut scorer, tokenizer: files, run, parameters };
        let mut on_progress =
            |_: &str, done: u64, total: u64| self.sink.progress(at * total + done, of * total);
        match likelihood(&mut subject, &settings, &mut on_progress).await {
            Err(Error::Refused(reason)) => {
                self.sink.notice(format!("the losses are unknown: {reason}"));
                Ok(None)
            }
            found => Ok(Some(Evaluation { run: name, likelihood: Some(found?), ..Evaluation::default() })),
        }
    }

    /// Tokens per second of decoding, which depend on the model's shape and format only; `None` for a classifier, for blocks of a file,
    /// which random weights do not have, or if the device cannot decode it.
    async fn speed(&self, trained: &Trained, shared: &mut Shared) -> Option<f64> {
        let (model, weights) = (&trained.config.model, trained.config.weights);
        if !model.labels.is_empty() || weights == WeightFormat::Gguf {
            return None;
        }
        if let Some((.., speed)) =
            shared.speeds.iter().find(|(known, format, _)| known == model && *format == weights)
        {
            return *speed;
        }
        let workload = DecodeWorkload::of(model, None, None, REPEATS);
        let workload = DecodeWorkload { weights: Some(weights), ..workload };
        let (device, threads) = (&self.device.request, self.options.threads);
        let speed = match measure_decode(&trained.config, device, threads, &self.tuning(), workload).await {
            Ok((measured, _)) => Some(measured.generated_tokens_per_s),
            Err(error) => {
                self.sink.notice(format!("the decoding speed is unknown: {error}"));
                None
            }
        };
        shared.speeds.push((model.clone(), weights, speed));
        speed
    }
}

/// Whether an error concerns the method, not the machine.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Hinted { error, .. } => is_refusal(error),
        error => matches!(error, Error::Refused(_) | Error::Invalid(_)),
    }
}

fn loss_of(evaluation: &Evaluation) -> Metric {
    let metrics = evaluation.likelihood.iter().flat_map(|likelihood| &likelihood.metrics);
    metrics.into_iter().find(|metric| metric.name == "loss").cloned().unwrap_or_default()
}

/// The points of a model's frontier: fewer bits, zeros, and about a quarter and a half of its parts removed.
fn frontier_of(model: &ModelConfig) -> Vec<Compression> {
    let mut methods = WeightFormat::COMPRESSED.map(|weights| Compression::Store { weights }).to_vec();
    if model.experts.count == 0 {
        methods.push(Compression::Calibrate { windows: PruneSettings::default().windows });
    }
    let pruned = [
        (PruneScore::Magnitude, SparsityPattern::Unstructured),
        (PruneScore::Wanda, SparsityPattern::Unstructured),
        (PruneScore::Wanda, SparsityPattern::TwoOfFour),
    ];
    let prune =
        |(score, pattern)| Compression::Prune(PruneSettings { score, pattern, ..PruneSettings::default() });
    methods.extend(pruned.map(prune));
    for part in ModelPart::ALL {
        let there = part.count(model);
        let mut counts: Vec<usize> = [4, 2].map(|share| there / share).to_vec();
        if part == ModelPart::Channels {
            // Rows of whole blocks can still be quantised.
            counts.iter_mut().for_each(|count| *count -= *count % 32.min(there / 4).max(1));
        }
        counts.retain(|count| (1..there).contains(count));
        counts.dedup();
        let remove = |count| Compression::Remove(RemoveSettings { part, count, ..RemoveSettings::default() });
        methods.extend(counts.into_iter().map(remove));
    }
    methods
}

/// Evenly spaced windows of a run's training text.
async fn calibration(run: &Run, model: &ModelConfig, windows: usize) -> Result<Vec<Vec<u32>>> {
    let other = "or choose q4_0 or magnitude, which need no text";
    let prepared = prepare::open_aside(run.data_folder()?).await.map_err(|error| {
        Error::Refused(format!(
            "calibration reads the run's training text: {error}; train a step on one, {other}"
        ))
        .hint(Hint::OneStep)
    })?;
    let (length, total) = (model.context_length.min(WINDOW), prepared.store.len(Split::Train));
    let windows = windows.min((total / length as u64) as usize);
    if windows == 0 {
        refuse!(
            "the training text has {total} tokens, but calibration reads windows of {length}; use a longer text, {other}"
        );
    }
    let room = total - length as u64;
    let start = |at: usize| room * at as u64 / (windows.max(2) - 1) as u64;
    (0..windows).map(|at| prepared.store.read(Split::Train, start(at), length)).collect()
}
