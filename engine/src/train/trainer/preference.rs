//! What a run of preferences has beside its steps: the reference's log-probabilities, computed before the first step and kept with the
//! run, and what evaluations say of pairs.

use super::{Action, Trainer};
use crate::data::{Batch, Batches, PairBatches, Reference, Split};
use crate::error::{Error, Result};
use crate::graph::ops::{Answer, Preference};
use crate::model::preference;
use crate::platform::files;
use crate::protocol::PreferenceMetrics;
use crate::storage;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::path::{Path, PathBuf};
use web_time::Instant;

/// Seconds of work on the reference between notices of how far it is.
const TOLD_EVERY: f64 = 5.0;

impl Trainer<'_> {
    fn reference_path(&self) -> PathBuf {
        self.run.folder().join("reference.safetensors")
    }

    /// Reads what the run's first weights made of its pairs, where the objective compares with that, or has it computed first.
    ///
    /// # Errors
    /// It is gone, and the weights are not those any more; or it belongs to other pairs.
    pub(super) fn take_reference(&mut self) -> Result<()> {
        let compares = preference(&self.config.train).is_some_and(|op| op.loss.has_reference());
        let path = self.reference_path();
        let Batches::Pairs(pairs) = &mut self.batches else { return Ok(()) };
        if !compares {
            return Ok(());
        }
        if files::is_file(&path) {
            pairs.set_reference(read(&path, pairs)?);
        } else if self.step == 0 {
            self.actions.push_back(Action::Reference);
        } else {
            let reason =
                "the reference's log-probabilities, which the loss compares with, are gone; begin a new run";
            return Err(Error::bad_file(path, reason));
        }
        Ok(())
    }

    /// Computes the log-probabilities of answers by the weights as they are, for some seconds; after the last of them they are kept with the
    /// run. Where a stop comes first they are computed on resuming.
    pub(super) async fn compute_reference(&mut self) -> Result<()> {
        let Batches::Pairs(pairs) = &self.batches else { return Ok(()) };
        let (pairs, begun) = (pairs.clone(), Instant::now());
        let total = pairs.count(Split::Train) + pairs.count(Split::Validation);
        for split in [Split::Train, Split::Validation] {
            let wanted = pairs.count(split);
            loop {
                let done = self.reference.of(split).len() / 2;
                if done >= wanted {
                    break;
                }
                if begun.elapsed().as_secs_f64() > TOLD_EVERY {
                    let done = (self.reference.train.len() + self.reference.validation.len()) / 2;
                    self.notice(format!("reference log-probabilities: {done} of {total} pairs"));
                    self.actions.push_front(Action::Reference);
                    return Ok(());
                }
                let batch = std::iter::once(pairs.part(split, done));
                let Some(answers) = self.answers(batch).await? else { return Ok(()) };
                let found = self.reference.of_mut(split);
                found.extend(answers.iter().map(|answer| -answer.loss as f32));
                found.truncate(2 * wanted);
            }
        }
        let reference = std::mem::take(&mut self.reference);
        write(&self.reference_path(), &reference)?;
        self.notice(format!("reference log-probabilities of {total} pairs computed, and kept with the run"));
        if let Batches::Pairs(pairs) = &mut self.batches {
            pairs.set_reference(reference);
        }
        Ok(())
    }

    /// The mean loss of the pairs of batches, and what they come to; `None` where a stop came first.
    pub(super) async fn preferences(
        &mut self,
        op: Preference,
        batches: impl Iterator<Item = Result<Batch>>,
    ) -> Result<Option<(f32, PreferenceMetrics)>> {
        let Some(answers) = self.answers(batches).await? else { return Ok(None) };
        let pairs: Vec<[Answer; 2]> =
            answers.as_chunks().0.iter().filter(|[chosen, _]| chosen.tokens > 0.0).copied().collect();
        Ok(Some((op.of_pairs(&pairs).0 as f32, metrics(op, &pairs))))
    }

    /// What each row of batches comes to, those that fill up a batch included; `None` where a stop came first.
    async fn answers(&mut self, batches: impl Iterator<Item = Result<Batch>>) -> Result<Option<Vec<Answer>>> {
        let time = self.config.model.context_length;
        let mut references = Vec::new();
        let rows = batches.flat_map(|batch| match batch {
            Ok(batch) => {
                references.extend(batch.scores.iter().flatten().map(|score| f64::from(*score)));
                rows_of(&batch, time).into_iter().map(Ok).collect()
            }
            Err(error) => vec![Err(error)],
        });
        let mut sums = Vec::new();
        let took = |(loss, tokens): (f32, f32)| {
            let tokens = f64::from(tokens);
            // In the floats that a reference is kept in: an answer that is as likely as to it is exactly so.
            sums.push((f64::from((f64::from(loss) * tokens) as f32), tokens));
        };
        if self.losses(rows, took).await?.is_none() {
            return Ok(None);
        }
        let answer = |((loss, tokens), reference)| Answer { loss, tokens, reference };
        Ok(Some(sums.into_iter().zip(references).map(answer).collect()))
    }
}

/// The rows of a batch, a batch each, as pairs are evaluated.
fn rows_of(batch: &Batch, time: usize) -> Vec<Batch> {
    let rows = batch.tokens.chunks(time).zip(batch.targets.chunks(time)).enumerate();
    rows.map(|(row, (tokens, targets))| Batch {
        tokens: tokens.to_vec(),
        targets: targets.to_vec(),
        starts: batch.starts.as_ref().map(|starts| starts[row * time..(row + 1) * time].to_vec()),
        scores: None,
    })
    .collect()
}

/// What pairs come to.
fn metrics(op: Preference, pairs: &[[Answer; 2]]) -> PreferenceMetrics {
    let mean = |of: &dyn Fn(&[Answer; 2]) -> f64| {
        (pairs.iter().map(of).sum::<f64>() / pairs.len().max(1) as f64) as f32
    };
    let chosen_reward = mean(&|[chosen, _]| op.reward(*chosen));
    let rejected_reward = mean(&|[_, rejected]| op.reward(*rejected));
    let margin = mean(&|[chosen, rejected]| op.reward(*chosen) - op.reward(*rejected));
    let accuracy = mean(&|[chosen, rejected]| f64::from(u8::from(op.reward(*chosen) > op.reward(*rejected))));
    let tokens: f64 = pairs.iter().map(|[chosen, _]| chosen.tokens).sum();
    let ratios: f64 = pairs.iter().map(|[chosen, _]| chosen.log_ratio()).sum();
    let kl = op.loss.has_reference().then_some((ratios / tokens.max(1.0)) as f32);
    PreferenceMetrics { margin, accuracy, chosen_reward, rejected_reward, kl }
}

/// Writes the two splits as tensors of [pairs, 2].
fn write(path: &Path, reference: &Reference) -> Result<()> {
    let bytes = [&reference.train, &reference.validation]
        .map(|split| split.iter().flat_map(|entry| entry.to_le_bytes()).collect::<Vec<u8>>());
    let internal = |error: safetensors::SafeTensorError| Error::Internal(error.to_string());
    let view = |bytes| TensorView::new(Dtype::F32, vec![<[u8]>::len(bytes) / 8, 2], bytes).map_err(internal);
    let tensors = [("train", view(&bytes[0])?), ("validation", view(&bytes[1])?)];
    storage::write_atomically(path, &safetensors::serialize(tensors, None).map_err(internal)?)
}

/// Reads what [`write`] wrote, for these pairs.
fn read(path: &Path, pairs: &PairBatches<'_>) -> Result<Reference> {
    let bytes = files::read(path).map_err(Error::io(path))?;
    let damaged = |error: safetensors::SafeTensorError| Error::bad_file(path, error.to_string());
    let tensors = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let of = |name: &str, split| {
        let tensor = tensors.tensor(name).map_err(damaged)?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != [pairs.count(split), 2] {
            let wanted = pairs.count(split);
            let reason = format!("{name} has the shape {:?}, and the run has {wanted} pairs", tensor.shape());
            return Err(Error::bad_file(path, reason));
        }
        Ok(tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    Ok(Reference { train: of("train", Split::Train)?, validation: of("validation", Split::Validation)? })
}
