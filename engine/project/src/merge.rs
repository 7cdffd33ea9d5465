//! Runs made of another run's weights: with an adapter merged into them, or compressed.

use crate::checkpoint::{CheckpointInfo, Checkpoints};
use crate::{Project, Run, RunRecord, StagedRun, Trained, checkpoint_of, parameters_of};
use glasshouse_compiler::blocks;
use glasshouse_compiler::graph::{Element, Parameter, ParameterId};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::ArenaState;
use glasshouse_platform::{Error, Result, Yielder, refuse};
use glasshouse_protocol::{CheckpointChoice, Hint, RunConfig, RunState, Start, TrainConfig, WeightFormat};

/// Weights rounded between yields.
const ROUNDED_AT_ONCE: usize = 1 << 18;

impl Project {
    /// Creates a run without steps (like an imported model) from a run's weights with its adapter merged: W + scale·B·A. The new run's
    /// record names the checkpoint as its start. If the future is dropped, the project is unchanged. Fails if the run has no adapter or no
    /// such checkpoint, the checkpoint is damaged, or writing fails; no run is created then.
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

    /// Creates a run without steps from weights. Its name includes `done`, and its record names the original `checkpoint` as its start.
    /// Fails if writing fails; no run is created then.
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
            // Floats are stored, not the blocks of a file.
            weights: if config.weights == WeightFormat::Gguf { WeightFormat::F32 } else { config.weights },
            ..config
        };
        let parameters = parameters_of(&config)?;
        let RunRecord { family, whole_context, plain_pairs, .. } = run.record()?;
        let count = parameters.iter().map(|own| own.ty.count() as u64).sum();
        let staged = self.stage_run(&config, &run.data_folder()?)?;
        let merged = staged.run();
        let val_loss = info.val_loss;
        let config_crc32c = merged.config_crc32c()?;
        let info = CheckpointInfo {
            val_loss,
            best_val_loss: val_loss,
            ..CheckpointInfo::new(&config, config_crc32c, 0)
        };
        let state = ArenaState::from_weights(weights);
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

impl Trained {
    /// Fails if the weights were already rounded to a format by a compression, whose original is there.
    pub fn expect_full(&self) -> Result<()> {
        if matches!(self.config.weights, WeightFormat::F32 | WeightFormat::Gguf) {
            return Ok(());
        }
        let (run, now) = (self.run.name(), self.config.weights.name());
        let from = self.config.start.as_ref().map_or("its original", |start| &start.run);
        refuse!("{run} is compressed to {now} already; compress {from}, which has the original weights")
    }

    /// Rounds the matrices to a format, in which [`Project::keep_weights`] then stores them. Fails if the run is compressed already, its
    /// weights are outside the range of the format, or no row is whole blocks.
    pub async fn store_in(&mut self, format: WeightFormat, yielder: &Yielder) -> Result<()> {
        self.expect_full()?;
        let (config, name) = (&mut self.config, format.name());
        config.weights = format;
        let parameters = parameters_of(config)?;
        let is_stored = |own: &&Parameter| own.ty.element != Element::F32;
        if !parameters.iter().any(|own| is_stored(&own)) {
            let (width, block) = (config.model.width, format.block());
            refuse!(
                "{name} stores blocks of {block} weights, but no row length of this model is a multiple of that (model.width = {width}); \
                 use f16"
            );
        }
        let layout = ArenaLayout::from_parameters(&parameters);
        for (at, own) in parameters.iter().enumerate() {
            let largest = if is_stored(&own) { format.largest() } else { f32::MAX };
            let weights = &self.parameters[layout.range(ParameterId(at as u32))];
            if let Some(weight) = weights.iter().find(|weight| weight.abs() > largest || weight.is_nan()) {
                refuse!(
                    "{} holds {weight}, outside the range of {name}; compress an earlier checkpoint",
                    own.name
                );
            }
        }
        for (at, own) in parameters.iter().enumerate().filter(|(_, own)| is_stored(own)) {
            let (element, columns) = (own.ty.element, own.ty.columns());
            let weights = &mut self.parameters[layout.range(ParameterId(at as u32))];
            // In pieces, so that a browser's tab stays responsive.
            for weights in weights.chunks_mut(columns * (ROUNDED_AT_ONCE / columns).max(1)) {
                blocks::round(element, columns, weights);
                yielder.maybe_yield().await;
            }
        }
        Ok(())
    }
}
