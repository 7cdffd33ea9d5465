//! Mean loss of batches on an executor.

use super::{GROUP_SECONDS, unless_stopped};
use glasshouse_compiler::step::MicroBatch;
use glasshouse_executors::executor::Executor;
use glasshouse_metrics::comparison::mean_interval;
use glasshouse_platform::Result;
use glasshouse_protocol::TrainConfig;
use glasshouse_text::data::IGNORED;
use std::sync::atomic::{AtomicBool, Ordering};
use web_time::Instant;

/// Maximum batches per call of the executor; fewer if they are slow, because stop requests wait for the call.
const MAX_CHUNK: f64 = 64.0;

/// Evaluates batches on an executor of a run's training graphs.
pub(super) struct Evaluator<'a> {
    pub(super) executor: &'a mut Executor,
    pub(super) train: &'a TrainConfig,
    /// Set to cancel.
    pub(super) stop: &'a AtomicBool,
    /// Total seconds and number of batches so far.
    pub(super) pace: &'a mut Option<(f64, f64)>,
}

impl Evaluator<'_> {
    /// Mean loss over the counted targets, and its 95 % interval over the batches; `None` if stopped.
    pub(super) async fn mean_loss(
        &mut self,
        batches: impl Iterator<Item = Result<MicroBatch>>,
    ) -> Result<Option<(f64, Option<[f64; 2]>)>> {
        let (mut sum, mut count, mut each) = (0.0, 0.0, Vec::new());
        let took = |(loss, rows): (f32, f32)| {
            let (loss, rows) = (f64::from(loss), f64::from(rows));
            sum += loss * rows;
            count += rows;
            each.push((loss, rows));
        };
        let done = self.losses(batches, took).await?;
        // Batches count by their targets: the interval is a ratio estimator's, with the mean in its middle.
        let (mean, share) = (sum / count, each.len() as f64 / count);
        let values: Vec<f64> = each.iter().map(|(loss, rows)| mean + share * rows * (loss - mean)).collect();
        Ok(done.map(|()| (mean, mean_interval(&values))))
    }

    /// Passes on the (mean loss, counted targets) of each batch; `None` if stopped.
    pub(super) async fn losses(
        &mut self,
        batches: impl Iterator<Item = Result<MicroBatch>>,
        mut take: impl FnMut((f32, f32)),
    ) -> Result<Option<()>> {
        // The graph ignores a single id, which the configuration may set.
        let ignored = self.train.ignored_target().unwrap_or(IGNORED);
        let mut batches = batches.peekable();
        let fewest = self.executor.batches_at_once();
        let mut chunk_size = fewest;
        while batches.peek().is_some() {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let chunk = batches
                .by_ref()
                .take(chunk_size)
                .map(|batch| {
                    batch.map(|mut batch| {
                        for target in &mut batch.targets {
                            if *target == IGNORED {
                                *target = ignored;
                            }
                        }
                        MicroBatch { scores: None, ..batch }
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            let began = Instant::now();
            let losses = if self.executor.can_give_up() {
                match unless_stopped(self.stop, self.executor.evaluate(&chunk)).await {
                    Some(losses) => losses?,
                    None => return Ok(None),
                }
            } else {
                self.executor.evaluate(&chunk).await?
            };
            losses.into_iter().for_each(&mut take);
            let seconds = began.elapsed().as_secs_f64().max(1e-6);
            let (before, batches) = self.pace.unwrap_or_default();
            *self.pace = Some((before + seconds, batches + chunk.len() as f64));
            let seconds = seconds / chunk.len() as f64;
            let fitting = (GROUP_SECONDS / seconds).clamp(fewest as f64, MAX_CHUNK) as usize;
            // A multiple of the number of parallel workers.
            chunk_size = fitting / fewest * fewest;
        }
        Ok(Some(()))
    }
}
