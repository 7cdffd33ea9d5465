//! Creates runs of smaller weights, and measures what that costs.

use super::Session;
use crate::checkpoint::Checkpoints;
use crate::data::prepare;
use crate::data::store::Split;
use crate::evaluation::{Scorer, Subject, likelihood};
use crate::metrics::comparison::compare;
use crate::metrics::statistics::Bootstrap;
use crate::platform::Yielder;
use crate::project::{Run, Trained, checkpoint_of};
use crate::protocol::evaluation::Metric;
use crate::protocol::{
    CheckpointChoice, Compressed, Compression, EvaluateSettings, Evaluation, Event, Hint, ModelConfig,
    PruneScore, PruneSettings, PrunedMatrix, WeightFormat,
};
use crate::pruning::{input_norms, prune};
use crate::tokenizer::TokenizerFiles;
use crate::{Error, Result};

/// Tokens of a calibration window, or the context if that is shorter.
const WINDOW: usize = 128;

impl Session {
    /// Makes a run's weights smaller as a new run without steps, and answers with the losses before and after.
    pub(super) async fn compress(
        &mut self,
        id: u64,
        name: &str,
        checkpoint: &CheckpointChoice,
        method: &Compression,
        documents: Option<usize>,
    ) -> Result<()> {
        if let Compression::Prune(settings) = method {
            settings.validate()?;
        }
        if documents == Some(0) {
            return Err(Error::Refused("the number of documents must be at least 1".to_owned()));
        }
        let (project, run, yielder) = (self.opened()?.project.clone(), self.run_named(name)?, Yielder::new());
        let checkpoint = checkpoint_of(&run, checkpoint)?;
        let mut trained = Trained::load(run.clone(), &checkpoint, &yielder).await?;
        trained.notices.iter().for_each(|notice| self.sink.notice(notice));
        let (model, dense) = (trained.config.model.clone(), trained.parameters.clone());
        let (done, matrices) = match method {
            Compression::Store { weights } => {
                trained.store_in(*weights, &yielder).await?;
                (weights.name(), Vec::new())
            }
            Compression::Prune(settings) => {
                // Blocks with other weights would be rounded again.
                trained.config.weights = WeightFormat::F32;
                ("pruned", self.prune(&mut trained, settings, &yielder).await?)
            }
        };
        // A classifier has no loss on a text.
        let measured = if model.labels.is_empty() {
            let files = TokenizerFiles::with(trained.tokenizer.clone(), &run.data_folder()?)?;
            let pair = [dense.as_slice(), trained.parameters.as_slice()];
            match self.losses((&run, &model, &files), pair, done, documents).await {
                Err(Error::Refused(reason)) => {
                    self.sink.notice(format!("the losses are not known: {reason}"));
                    None
                }
                measured => Some(measured?),
            }
        } else {
            None
        };
        drop(dense);
        // The loss belonged to the dense weights.
        trained.info.val_loss = None;
        let staged = project.keep_weights(trained, checkpoint, done, &yielder).await?;
        let new = staged.put()?;
        let (run, file) =
            (new.name(), Checkpoints::new(new.checkpoints_folder()).list().first().map(|file| file.bytes));
        let bytes = [4 * new.record()?.parameters, file.unwrap_or_default()];
        let (loss, difference) = measured.unzip();
        let mut difference = difference.flatten();
        if let Some(difference) = &mut difference {
            difference.first.clone_from(&run);
        }
        let compressed = Compressed { run, bytes, matrices, loss, difference };
        self.sink.answer(id, Event::Compressed { compressed: Box::new(compressed) });
        Ok(())
    }

    /// Sets weights of a model to zero.
    async fn prune(
        &self,
        trained: &mut Trained,
        settings: &PruneSettings,
        yielder: &Yielder,
    ) -> Result<Vec<PrunedMatrix>> {
        let model = &trained.config.model;
        let norms = match settings.score {
            PruneScore::Magnitude => Vec::new(),
            PruneScore::Wanda => {
                let texts = calibration(&trained.run, model, settings.windows).await?;
                input_norms(model, trained.parameters.clone(), &texts, self.options.threads, yielder).await?
            }
        };
        prune(model, &mut trained.parameters, &norms, settings, yielder).await
    }

    /// Losses on the validation split of a run before and after, and the paired difference.
    async fn losses(
        &self,
        (run, model, files): (&Run, &ModelConfig, &TokenizerFiles),
        weights: [&[f32]; 2],
        done: &str,
        documents: Option<usize>,
    ) -> Result<([Metric; 2], Option<crate::protocol::Comparison>)> {
        let settings = EvaluateSettings { documents, ..EvaluateSettings::default() };
        let mut found = Vec::new();
        for (number, parameters) in (0..).zip(weights) {
            let mut scorer =
                Scorer::open(model, parameters, &self.device.request, self.options.threads).await?;
            let mut subject = Subject { scorer: &mut scorer, tokenizer: files, run, parameters };
            let mut tell = |_: &str, at: u64, of: u64| self.sink.progress(number * of + at, 2 * of);
            let likelihood = Some(likelihood(&mut subject, &settings, &mut tell).await?);
            // Two names, by which the verdict tells them apart.
            let name = if number == 0 { run.name() } else { format!("{}, {done}", run.name()) };
            found.push(Evaluation { run: name, likelihood, ..Evaluation::default() });
        }
        let loss = |of: &Evaluation| {
            let metrics = of.likelihood.iter().flat_map(|likelihood| &likelihood.metrics);
            metrics.into_iter().find(|metric| metric.name == "loss").cloned().unwrap_or_default()
        };
        let [before, after] = &found[..] else {
            return Err(Error::Internal("two evaluations were made".to_owned()));
        };
        let (yielder, losses) = (Yielder::new(), [loss(before), loss(after)]);
        let bootstrap = Bootstrap { resamples: settings.resamples, seed: settings.seed };
        let compared = compare(after, before, &bootstrap, &async || yielder.maybe_yield().await).await;
        Ok((losses, compared.into_iter().find(|one| one.what == "bits_per_byte")))
    }
}

/// Evenly spaced windows of a run's training text.
async fn calibration(run: &Run, model: &ModelConfig, windows: usize) -> Result<Vec<Vec<u32>>> {
    let other = "or prune by magnitude, which needs no text";
    let prepared = prepare::open_aside(run.data_folder()?).await.map_err(|error| {
        Error::Refused(format!("Wanda reads the run's training text: {error}; train a step on one, {other}"))
            .hint(Hint::OneStep)
    })?;
    let (length, total) = (model.context_length.min(WINDOW), prepared.store.len(Split::Train));
    let windows = windows.min((total / length as u64) as usize);
    if windows == 0 {
        return Err(Error::Refused(format!(
            "the training text has {total} tokens, but Wanda reads windows of {length}; use a longer text, {other}"
        )));
    }
    let room = total - length as u64;
    let start = |at: usize| room * at as u64 / (windows.max(2) - 1) as u64;
    (0..windows).map(|at| prepared.store.read(Split::Train, start(at), length)).collect()
}
