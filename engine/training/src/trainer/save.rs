//! Saves checkpoints (by step and by time), milestones, and the run's record.

use super::{Action, Trainer};
use crate::TrainEvent;
use glasshouse_platform::{Result, Yielder, block_on, storage};
use glasshouse_project::checkpoint::{CheckpointInfo, Checkpoints};
use glasshouse_protocol::RunState;
use std::sync::atomic::Ordering;
use web_time::Instant;

/// Maximum share of time spent on time-based saving.
const SAVING_SHARE: f64 = 0.05;

impl Trainer<'_> {
    /// Plans a checkpoint if one was requested or is due by time. A state that is slow to save is saved less often than configured.
    pub(super) fn plan_save_between(&mut self) {
        let wanted = self.config.train.checkpoint_seconds as f64;
        let after = wanted.max(self.pace.saving_seconds / SAVING_SHARE);
        let by_time = wanted > 0.0 && self.pace.saved.elapsed().as_secs_f64() >= after;
        let due = self.options.save.swap(false, Ordering::Relaxed) || by_time;
        if due && self.saved != Some(self.step) && !self.actions.contains(&Action::Save) {
            self.actions.push_back(Action::Save);
        }
    }

    fn checkpoint_info(&self) -> CheckpointInfo {
        CheckpointInfo {
            val_loss: self.evaluated.filter(|(step, ..)| *step == self.step).map(|(_, _, loss)| loss),
            best_val_loss: self.best,
            guard: self.guard.remembered(),
            ..CheckpointInfo::new(&self.config, self.config_crc32c, self.step)
        }
    }

    /// Writes checkpoints on another thread, so that requests are received meanwhile.
    async fn store<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Checkpoints) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut checkpoints = self.checkpoints.clone();
        let (stored, checkpoints) =
            glasshouse_platform::spawn_blocking(move || (work(&mut checkpoints), checkpoints)).await?;
        self.checkpoints = checkpoints;
        stored
    }

    pub(super) async fn save_milestone(&mut self) -> Result<()> {
        self.run.check_exists()?;
        let mut state = self.state().await?;
        state.exchange_average();
        let (info, parameters) = (self.checkpoint_info(), self.parameters.clone());
        let path =
            self.store(move |checkpoints| checkpoints.save_milestone(&info, &parameters, &state)).await?;
        self.emit(TrainEvent::Checkpoint { step: self.step, path: path.display().to_string(), best: false })?;
        self.metrics.flush()
    }

    pub(super) async fn save(&mut self) -> Result<()> {
        self.run.check_exists()?;
        let began = Instant::now();
        let state = self.state().await?;
        // If the run was rolled back, the restored state is already saved.
        let Some(state) = self.watch_layers(state).await? else { return Ok(()) };
        if self.guard.keeps(self.step, &self.config.train) {
            self.checkpoints.keep_next();
        }
        // Before the checkpoint, so that its metrics exist whenever it does.
        self.metrics.sync()?;
        self.tensorboard.sync()?;
        self.keep_round()?;
        let info = self.checkpoint_info();
        let (parameters, is_best) = (self.parameters.clone(), self.best_here);
        let path = self
            .store(move |checkpoints| {
                block_on(checkpoints.save(&info, &parameters, &state, is_best, &Yielder::none()))
            })
            .await?;
        self.saved = Some(self.step);
        let best = std::mem::take(&mut self.best_here);
        self.emit(TrainEvent::Checkpoint { step: self.step, path: path.display().to_string(), best })?;
        self.metrics.flush()?;
        self.tensorboard.flush()?;
        self.pace.saving_seconds = began.elapsed().as_secs_f64();
        self.pace.saved = Instant::now();
        self.save_record(RunState::Running)
    }

    pub(super) fn save_record(&mut self, state: RunState) -> Result<()> {
        self.read_meter();
        self.record.state = state;
        self.record.updated = storage::unix_seconds() as u64;
        self.record.step = self.step;
        self.record.val_loss = self.evaluated.map(|(_, _, loss)| loss);
        self.record.val_step = self.evaluated.map(|(step, ..)| step);
        self.record.best_val_loss = self.best;
        self.record.interventions = self.guard.state.interventions.to_vec();
        self.record.seconds = self.pace.earlier_seconds + self.pace.began.elapsed().as_secs_f64();
        self.run.save_record(&self.record)
    }
}
