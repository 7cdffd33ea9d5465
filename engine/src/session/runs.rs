//! Lists, compares, restores and exports the open project's runs.

use super::Session;
use crate::checkpoint::Checkpoints;
use crate::formats::{gguf, huggingface};
use crate::platform::{self, Yielder};
use crate::project::{AsTrained, Run, StagedRun, Trained, archive, metrics};
use crate::protocol::{CheckpointChoice, Event, ExportFormat, RunChange, WeightFormat};
use crate::storage::{self, Staging};
use crate::{Error, Result};
use std::path::PathBuf;

impl Session {
    pub(super) fn run_named(&mut self, name: &str) -> Result<Run> {
        self.opened()?.project.run(name)
    }

    /// The run with this name, or the project's latest.
    pub(super) fn run_or_latest(&mut self, name: Option<&str>) -> Result<Run> {
        self.opened()?.project.run_or_latest(name)
    }

    pub(super) fn list_runs(&mut self, id: u64) -> Result<()> {
        let runs = self.opened()?.project.run_summaries()?;
        self.sink.answer(id, Event::Runs { runs });
        Ok(())
    }

    pub(super) fn read_run(&mut self, id: u64, name: Option<&str>, points: usize) -> Result<()> {
        let run = self.run_or_latest(name)?;
        let config = Box::new(run.config()?);
        let (events, checkpoints) = match points {
            0 => (Vec::new(), Vec::new()),
            _ => (metrics::thinned(&run.metrics_path(), points)?, run.summary()?.checkpoints),
        };
        self.sink.answer(id, Event::History { run: run.name(), config, events, checkpoints });
        Ok(())
    }

    /// `trains` is the run in training, if any.
    pub(super) async fn change_run(
        &mut self,
        id: u64,
        name: &str,
        change: RunChange,
        trains: Option<&str>,
    ) -> Result<()> {
        match change {
            RunChange::Notes(notes) => self.run_named(name)?.set_notes(&notes)?,
            RunChange::Title(title) => self.run_named(name)?.set_title(&title)?,
            RunChange::Tags(tags) => self.run_named(name)?.set_tags(&tags)?,
            RunChange::Delete => {
                let run = self.run_named(name)?;
                if trains == Some(run.name().as_str()) {
                    return Err(Error::Training { run: run.name(), advice: "stop it, then delete it" });
                }
                run.delete()?;
                self.evaluations.cancel_of(&run);
            }
            RunChange::Restore => self.opened()?.project.restore_run(name)?,
            RunChange::RestoreCheckpoint(checkpoint) => {
                let (project, run) = (self.opened()?.project.clone(), self.run_named(name)?);
                let restore = async move |yielder: Yielder| {
                    crate::training::restore(&project, &run, &checkpoint, &yielder).await
                };
                platform::spawn_yielding(restore).await??.put()?;
            }
            RunChange::MergeAdapter { checkpoint, adapter, undo } => {
                self.merge_adapter(id, name, checkpoint.unwrap_or_default(), adapter, undo).await?;
            }
            RunChange::Compress { checkpoint, weights } => {
                self.compress(id, name, checkpoint.unwrap_or_default(), weights).await?;
            }
        }
        self.list_runs(id)
    }

    /// Merges an adapter (the run's own, or a folder's) into the run's weights, as a new run; or removes a folder's adapter from
    /// them.
    async fn merge_adapter(
        &mut self,
        id: u64,
        name: &str,
        checkpoint: CheckpointChoice,
        adapter: Option<PathBuf>,
        undo: bool,
    ) -> Result<()> {
        let (project, run) = (self.opened()?.project.clone(), self.run_named(name)?);
        let merge = async move |yielder: Yielder| -> Result<(StagedRun, Option<String>)> {
            match adapter {
                Some(folder) => {
                    let asked = (folder.as_path(), undo);
                    let merged =
                        huggingface::merge_adapter(&project, &run, &checkpoint, asked, &yielder).await?;
                    Ok((merged, huggingface::another_base(&run, &folder)?))
                }
                None if undo => Err(Error::Refused("specify the folder of the adapter to remove".to_owned())),
                None => Ok((project.merge(&run, &checkpoint, &yielder).await?, None)),
            }
        };
        let (merged, notice) = platform::spawn_yielding(merge).await??;
        let merged = merged.put()?;
        if let Some(notice) = notice {
            self.sink.notice(notice);
        }
        let about =
            format!("the weights of {name} with the adapter {}", if undo { "subtracted" } else { "added" });
        self.sink.answer(id, Event::RunAdded { run: merged.summary()?, about });
        Ok(())
    }

    /// Stores a run's weights in fewer bits, as a new run.
    async fn compress(
        &mut self,
        id: u64,
        name: &str,
        checkpoint: CheckpointChoice,
        format: WeightFormat,
    ) -> Result<()> {
        let (project, run) = (self.opened()?.project.clone(), self.run_named(name)?);
        let compress =
            async move |yielder: Yielder| project.compress(&run, &checkpoint, format, &yielder).await;
        let compressed = platform::spawn_yielding(compress).await??.put()?;
        let file =
            Checkpoints::new(compressed.checkpoints_folder()).list().first().map_or(0, |file| file.bytes);
        let bytes = [4 * compressed.record()?.parameters, file];
        self.sink.answer(id, Event::Compressed { run: compressed.name(), bytes });
        Ok(())
    }

    pub(super) async fn export_model(
        &mut self,
        id: u64,
        name: &str,
        checkpoint: Option<CheckpointChoice>,
        format: ExportFormat,
        to: Option<PathBuf>,
        keep: bool,
    ) -> Result<()> {
        let (run, checkpoint) = (self.run_named(name)?, &checkpoint.unwrap_or_default());
        if format != ExportFormat::HuggingFace && !run.config()?.model.labels.is_empty() {
            return Err(Error::Refused(format!(
                "{} has a head for labels, which this format cannot store; export it as a Hugging Face folder",
                run.name()
            )));
        }
        let place = match format {
            ExportFormat::HuggingFace => format!("{}-huggingface", run.name()),
            ExportFormat::Gguf { quantization } => format!("{}-{}.gguf", run.name(), quantization.name()),
            ExportFormat::Peft => format!("{}-adapter", run.name()),
        };
        let replace = to.is_none() || !keep;
        let (path, staging) = match to {
            Some(to) => (to, None),
            None => {
                // A temporary folder, removed after its contents are packed.
                let staging = Staging::inside(run.folder())?;
                (staging.path().join("model"), Some(staging))
            }
        };
        let yielder = Yielder::new();
        yielder.maybe_yield().await;
        let load = async |run| {
            let model = Trained::load(run, checkpoint, &yielder).await?;
            model.notices.iter().for_each(|notice| self.sink.notice(notice));
            Ok::<_, Error>(model)
        };
        let written = match format {
            ExportFormat::HuggingFace => {
                huggingface::export_trained(&load(run).await?, &path, replace, &yielder).await?
            }
            ExportFormat::Peft => {
                let adapted = AsTrained::load(run, checkpoint, &yielder).await?;
                adapted.notices.iter().for_each(|notice| self.sink.notice(notice));
                huggingface::export_adapter(&adapted, &path, replace, &yielder).await?
            }
            ExportFormat::Gguf { quantization } => {
                let model = load(run).await?;
                let exported = gguf::export_trained(&model, quantization, &path, replace, &yielder).await?;
                for notice in &exported.notices {
                    self.sink.notice(notice);
                }
                vec![path.clone()]
            }
        };
        if staging.is_none() {
            self.sink.exported(id, place, &path, &written);
            return Ok(());
        }
        let (name, bytes) = match format {
            ExportFormat::HuggingFace | ExportFormat::Peft => {
                (format!("{place}.zip"), archive::pack_folder(&path, &yielder).await?.0)
            }
            ExportFormat::Gguf { .. } => (place, storage::read(&path)?),
        };
        self.sink.attached(id, name, bytes);
        Ok(())
    }
}
