//! Merges adapters into the weights that they adapt.

use crate::checkpoint::{CheckpointInfo, Checkpoints};
use crate::{Project, Run, RunRecord, StagedRun, Trained, checkpoint_of, parameters_of};
use glasshouse_compiler::step::ArenaState;
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::{CheckpointChoice, Hint, RunConfig, RunState, Start, TrainConfig};

impl Project {
    /// Creates a run without steps (like an imported model) from a run's weights with its adapter merged: W + scale·B·A. The new
    /// run's record names the checkpoint as its start. If the future is dropped, the project is unchanged.
    ///
    /// # Errors
    /// The run has no adapter or no such checkpoint, the checkpoint is damaged, or writing fails; no run is created then.
    pub async fn merge(
        &self,
        run: &Run,
        checkpoint: &CheckpointChoice,
        yielder: &Yielder,
    ) -> Result<StagedRun> {
        let config = run.config()?;
        if config.train.adapter.is_none() {
            let begun = config.start.filter(|_| run.record().is_ok_and(|it| it.state == RunState::Imported));
            let refused =
                |why: &str| Error::bad_file(run.folder(), format!("this run has no adapter: {why}"));
            return Err(match begun {
                Some(Start { run, .. }) => {
                    refused(&format!("its weights were made from those of {run}, which is unchanged"))
                }
                None => refused("its weights are already complete; merge a run that has one").hint(Hint::Run),
            });
        }
        let checkpoint = checkpoint_of(run, checkpoint)?;
        let trained = Trained::load(run.clone(), &checkpoint, yielder).await?;
        self.keep_weights(trained, checkpoint, "merged", yielder).await
    }

    /// Creates a run without steps from weights. Its name includes `done`, and its record names the original `checkpoint` as its
    /// start.
    ///
    /// # Errors
    /// Writing fails; no run is created then.
    pub async fn keep_weights(
        &self,
        trained: Trained,
        checkpoint: CheckpointChoice,
        done: &str,
        yielder: &Yielder,
    ) -> Result<StagedRun> {
        let Trained { run, config, parameters: weights, info, .. } = trained;
        let config = RunConfig {
            preset: format!("{}-{done}", config.preset.trim_end_matches("-merged")),
            start: Some(Start { run: run.name(), checkpoint, project: None }),
            train: TrainConfig { adapter: None, ..config.train },
            ..config
        };
        let parameters = parameters_of(&config)?;
        let RunRecord { family, whole_context, plain_pairs, .. } = run.record()?;
        let count = parameters.iter().map(|own| own.ty.count() as u64).sum();
        let staged = self.stage_run(&config, &run.data_folder()?)?;
        let merged = staged.run();
        let (step, val_loss) = (0, info.val_loss);
        let config_crc32c = merged.config_crc32c()?;
        let info = CheckpointInfo {
            step,
            tokens_seen: 0,
            config_crc32c,
            best_val_loss: val_loss,
            guard: None,
            ..info
        };
        let state = ArenaState { parameters: weights, ..ArenaState::default() };
        let mut checkpoints = Checkpoints::new(merged.checkpoints_folder());
        checkpoints.save(&info, &parameters, &state, true, yielder).await?;
        let record = merged.record()?;
        let (state, parameters) = (RunState::Imported, count);
        merged.save_record(&RunRecord {
            state,
            parameters,
            family,
            whole_context,
            plain_pairs,
            val_loss,
            best_val_loss: val_loss,
            ..record
        })?;
        Ok(staged)
    }
}
