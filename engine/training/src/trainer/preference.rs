//! Preference training: computes the reference's log-probabilities before the first step and stores them with the run, and evaluates pairs.

use super::reference::{self, Kind, REFERENCE_FILE};
use super::{Action, Trainer};
use crate::{Progress, TrainEvent};
use glasshouse_compiler::graph::ops::{Answer, Preference};
use glasshouse_compiler::model::{LossForm, loss_form};
use glasshouse_compiler::step::MicroBatch;
use glasshouse_platform::{Error, Result, Yielder, files};
use glasshouse_protocol::PreferenceMetrics;
use glasshouse_text::data::{Batches, IGNORED, PairBatches, Reference, Split};
use std::path::{Path, PathBuf};
use web_time::Instant;

/// Seconds of work on the reference per slice.
const SLICE: f64 = 0.25;
/// Seconds between progress notices.
const TOLD_EVERY: f64 = 5.0;

impl Trainer<'_> {
    fn reference_path(&self) -> PathBuf {
        self.run.folder().join(REFERENCE_FILE)
    }

    /// If the objective has a reference, loads its log-probabilities of the run's pairs, or schedules their computation. Fails if they are
    /// gone or damaged after the weights have changed, or belong to other pairs.
    pub(super) fn take_reference(&mut self) -> Result<()> {
        let form = loss_form(&self.config.train, &self.config.model);
        let compares = matches!(form, LossForm::Preference(op) if op.loss.has_reference());
        let path = self.reference_path();
        let Batches::Pairs(pairs) = &mut self.batches else { return Ok(()) };
        if !compares {
            return Ok(());
        }
        let is_there = files::is_file(&path);
        match read(&path, pairs) {
            Ok(reference) => pairs.set_reference(reference),
            Err(error) if self.step == 0 => {
                self.actions.push_back(Action::Reference);
                if is_there {
                    self.notice(format!("{error}; the reference's log-probabilities are recomputed"));
                }
            }
            Err(error @ Error::Io { .. }) if is_there => return Err(error),
            Err(Error::BadFile { reason, .. }) if is_there => {
                let way_on = "the reference's log-probabilities, which the loss compares with, cannot be read; restore the file from a \
                              copy of this run, or start a new run";
                return Err(Error::bad_file(path, format!("{reason}: {way_on}")));
            }
            Err(_) => {
                let reason = "the reference's log-probabilities, which the loss compares with, are missing: they were removed, or the \
                              run started with a train.preference.loss that needs none; set that one again in run.toml, or start a new \
                              run";
                return Err(Error::bad_file(path, reason));
            }
        }
        Ok(())
    }

    /// Computes a slice of the answers' log-probabilities under the current weights; once complete, they are stored with the run.
    /// After a stop, the computation starts again on resume.
    pub(super) async fn compute_reference(&mut self) -> Result<()> {
        let form = loss_form(&self.config.train, &self.config.model);
        let (Batches::Pairs(pairs), Some(op)) = (&self.batches, form.preference()) else { return Ok(()) };
        let (pairs, begun, yielder) = (pairs.clone(), Instant::now(), Yielder::new());
        let total = pairs.count(Split::Train) + pairs.count(Split::Validation);
        for split in [Split::Train, Split::Validation] {
            let wanted = pairs.count(split);
            loop {
                let done = self.reference[split as usize].len() / 2;
                if done >= wanted {
                    break;
                }
                if begun.elapsed().as_secs_f64() > SLICE {
                    let told = *self.reference_told.get_or_insert(begun);
                    if told.elapsed().as_secs_f64() > TOLD_EVERY {
                        self.reference_told = Some(Instant::now());
                        let done = self.reference.iter().map(Vec::len).sum::<usize>() / 2;
                        self.notice(format!("reference log-probabilities: {done} of {total} pairs"));
                    } else {
                        self.ready.push_back(Progress::Working);
                    }
                    self.actions.push_front(Action::Reference);
                    return Ok(());
                }
                yielder.maybe_yield().await;
                let batch = std::iter::once(pairs.part(split, done));
                let Some(answers) = self.answers(op, batch).await? else { return Ok(()) };
                self.reference[split as usize].extend(answers.iter().map(|answer| -answer.loss as f32));
            }
        }
        let reference = std::mem::take(&mut self.reference);
        write(&self.reference_path(), &pairs, &reference)?;
        self.notice(format!(
            "computed the reference log-probabilities of {total} pairs; they are saved with the run"
        ));
        if let Batches::Pairs(pairs) = &mut self.batches {
            pairs.set_reference(reference);
        }
        Ok(())
    }

    /// Reports the metrics of a step's pairs.
    pub(super) fn report_pairs(&mut self, metrics: PreferenceMetrics) -> Result<()> {
        self.emit(TrainEvent::Preference { step: self.step, metrics })?;
        let scalars = metrics.scalars().into_iter().map(|(name, value)| (format!("train/{name}"), value));
        let scalars: Vec<(String, f32)> = scalars.collect();
        let named: Vec<(&str, f32)> = scalars.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.tensorboard.scalars(self.step, &named)
    }

    /// Mean loss and metrics of the pairs in batches; `None` if a stop was requested.
    pub(super) async fn preferences(
        &mut self,
        op: Preference,
        batches: impl Iterator<Item = Result<MicroBatch>>,
    ) -> Result<Option<(f32, PreferenceMetrics)>> {
        let Some(answers) = self.answers(op, batches).await? else { return Ok(None) };
        let pairs: &[[Answer; 2]] = answers.as_chunks().0;
        Ok(Some((op.of_pairs(pairs).0 as f32, op.metrics(pairs))))
    }

    /// Results of each row in batches, without padding rows; `None` if a stop was requested.
    async fn answers(
        &mut self,
        op: Preference,
        batches: impl Iterator<Item = Result<MicroBatch>>,
    ) -> Result<Option<Vec<Answer>>> {
        let time = self.config.model.context_length;
        let mut known = Vec::new();
        let rows = batches.flat_map(|batch| match batch {
            Ok(batch) => {
                let (rows, answers) = rows_of(op, &batch, time);
                known.extend(answers);
                rows.into_iter().map(Ok).collect()
            }
            Err(error) => vec![Err(error)],
        });
        let mut sums = Vec::new();
        let took = |(loss, tokens): (f32, f32)| {
            let tokens = f64::from(tokens);
            // Round to the stored precision of a reference, so that equal log-probabilities compare equal.
            sums.push((f64::from((f64::from(loss) * tokens) as f32), tokens));
        };
        if self.losses(rows, took).await?.is_none() {
            return Ok(None);
        }
        let answer = |((loss, tokens), known)| Answer { loss, tokens, ..known };
        Ok(Some(sums.into_iter().zip(known).map(answer).collect()))
    }
}

/// The rows of a batch that have a target, as batches of one row, with their known results.
fn rows_of(op: Preference, batch: &MicroBatch, time: usize) -> (Vec<MicroBatch>, Vec<Answer>) {
    let rows = batch.tokens.chunks(time).zip(batch.targets.chunks(time));
    let known = op.answers(&vec![(0.0, 0.0); rows.len()], batch.scores.as_deref().unwrap_or_default());
    let counted = rows
        .zip(known)
        .enumerate()
        .filter(|(_, ((_, targets), _))| targets.iter().any(|target| *target != IGNORED));
    counted
        .map(|(row, ((tokens, targets), known))| {
            let document_starts =
                batch.document_starts.as_ref().map(|starts| starts[row * time..(row + 1) * time].to_vec());
            let (tokens, targets) = (tokens.to_vec(), targets.to_vec());
            (MicroBatch { tokens, targets, document_starts, ..MicroBatch::default() }, known)
        })
        .unzip()
}

/// The two splits as tensors of [pairs, 2].
fn kinds(pairs: &PairBatches<'_>) -> [Kind; 2] {
    [("train", Split::Train), ("validation", Split::Validation)]
        .map(|(name, split)| (name, vec![pairs.count(split), 2]))
}

/// Writes the reference's log-probabilities of these pairs.
fn write(path: &Path, pairs: &PairBatches<'_>, reference: &Reference) -> Result<()> {
    let tensors: Vec<_> = kinds(pairs).into_iter().zip(reference.iter().map(Vec::as_slice)).collect();
    reference::write(path, pairs.recipe(), &tensors)
}

/// Reads what [`write`] wrote for these pairs.
fn read(path: &Path, pairs: &PairBatches<'_>) -> Result<Reference> {
    let mut splits = reference::read(path, pairs.recipe(), &kinds(pairs))?.into_iter();
    let mut next = || splits.next().unwrap_or_default();
    Ok([next(), next()])
}
