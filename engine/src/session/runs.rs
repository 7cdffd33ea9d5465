//! Lists, compares, restores and exports the open project's runs.

use super::Session;
use crate::checkpoint::Checkpoints;
use crate::formats::{gguf, huggingface, page};
use crate::platform::{self, Yielder};
use crate::project::{AsTrained, Run, StagedRun, Trained, archive, metrics};
use crate::protocol::{CheckpointChoice, Event, ExportFormat, LINK_ENDING, WeightFormat};
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

    pub(super) fn read_settings(&mut self, id: u64, name: Option<&str>) -> Result<()> {
        let run = self.run_or_latest(name)?;
        self.sink.answer(id, Event::Settings { run: run.name(), config: Box::new(run.config()?) });
        Ok(())
    }

    pub(super) fn read_history(&mut self, id: u64, name: &str, points: usize) -> Result<()> {
        let run = self.run_named(name)?;
        let history = Event::History {
            run: run.name(),
            config: Box::new(run.config()?),
            events: metrics::thinned(&run.metrics_path(), points)?,
            checkpoints: run.summary()?.checkpoints,
        };
        self.sink.answer(id, history);
        Ok(())
    }

    pub(super) fn save_notes(&mut self, id: u64, name: &str, notes: &str) -> Result<()> {
        self.run_named(name)?.set_notes(notes)?;
        self.list_runs(id)
    }

    pub(super) fn rename_run(&mut self, id: u64, name: &str, title: &str) -> Result<()> {
        self.run_named(name)?.set_title(title)?;
        self.list_runs(id)
    }

    pub(super) fn tag_run(&mut self, id: u64, name: &str, tags: &[String]) -> Result<()> {
        self.run_named(name)?.set_tags(tags)?;
        self.list_runs(id)
    }

    /// Deletes a run, unless it is in training.
    pub(super) fn delete_run(&mut self, id: u64, name: &str, trains: Option<&str>) -> Result<()> {
        let run = self.run_named(name)?;
        if trains == Some(run.name().as_str()) {
            return Err(Error::Training { run: run.name(), advice: "stop it, then delete it" });
        }
        run.delete()?;
        self.evaluations.cancel_of(&run);
        self.list_runs(id)
    }

    pub(super) fn restore_run(&mut self, id: u64, name: &str) -> Result<()> {
        self.opened()?.project.restore_run(name)?;
        self.list_runs(id)
    }

    pub(super) async fn restore_checkpoint(
        &mut self,
        id: u64,
        name: &str,
        checkpoint: CheckpointChoice,
    ) -> Result<()> {
        let (project, run) = (self.opened()?.project.clone(), self.run_named(name)?);
        let restore = async move |yielder: Yielder| {
            crate::training::restore(&project, &run, &checkpoint, &yielder).await
        };
        platform::spawn_yielding(restore).await??.put()?;
        self.list_runs(id)
    }

    /// Merges an adapter (the run's own, or a folder's) into the run's weights, as a new run; or removes a folder's adapter from
    /// them.
    pub(super) async fn merge_adapter(
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
        self.sink.answer(id, Event::AdapterMerged { run: merged.name() });
        self.list_runs(id)
    }

    /// Stores a run's weights in fewer bits, as a new run.
    pub(super) async fn compress(
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
        self.list_runs(id)
    }

    pub(super) async fn export_model(
        &mut self,
        id: u64,
        name: &str,
        checkpoint: &CheckpointChoice,
        (format, template): (ExportFormat, Option<Vec<u8>>),
        to: Option<PathBuf>,
        keep: bool,
    ) -> Result<()> {
        let run = self.run_named(name)?;
        if format != ExportFormat::HuggingFace && !run.config()?.model.labels.is_empty() {
            return Err(Error::Refused(format!(
                "{} has a head for labels, which this format cannot store; export it as a Hugging Face folder",
                run.name()
            )));
        }
        if format == ExportFormat::Link {
            let yielder = Yielder::new();
            let model = Trained::load(run, checkpoint, &yielder).await?;
            model.notices.iter().for_each(|notice| self.sink.notice(notice));
            let link = page::link(&model, &yielder).await?.into_bytes();
            let name = format!("{}{LINK_ENDING}", model.run.name());
            self.sink.answer_with(id, Event::Exported { name, path: None, files: Vec::new() }, vec![link]);
            return Ok(());
        }
        let place = match format {
            ExportFormat::HuggingFace => format!("{}-huggingface", run.name()),
            ExportFormat::Gguf { quantization } => format!("{}-{}.gguf", run.name(), quantization.name()),
            ExportFormat::Peft => format!("{}-adapter", run.name()),
            ExportFormat::Page { space: true, .. } => format!("{}-space", run.name()),
            ExportFormat::Page { .. } | ExportFormat::Link => format!("{}.html", run.name()),
        };
        let replace = to.is_none() || !keep;
        let (path, staging) = match to {
            Some(to) => (to, None),
            None => {
                // A temporary folder, removed after its contents are packed.
                let staging = Staging::inside(run.folder())?;
                let is_page = matches!(format, ExportFormat::Page { space: false, .. });
                (staging.path().join(if is_page { "model.html" } else { "model" }), Some(staging))
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
            ExportFormat::Page { weights, space } => {
                let template = match template.map(String::from_utf8) {
                    Some(text) => page::Template::parse(text.unwrap_or_default())?,
                    None => page::Template::installed()?,
                };
                let shared = page::share(&load(run).await?, &template, weights, &yielder).await?;
                shared.notices.iter().for_each(|notice| self.sink.notice(notice));
                shared.write(&path, space, replace)?
            }
            ExportFormat::Link => Vec::new(),
        };
        if staging.is_none() {
            let files = written.iter().map(|file| file.display().to_string()).collect();
            let path = Some(path.display().to_string());
            self.sink.answer(id, Event::Exported { name: place, path, files });
            return Ok(());
        }
        let (name, bytes) = match format {
            ExportFormat::HuggingFace | ExportFormat::Peft | ExportFormat::Page { space: true, .. } => {
                (format!("{place}.zip"), archive::pack_folder(&path, &yielder).await?.0)
            }
            ExportFormat::Gguf { .. } | ExportFormat::Page { .. } | ExportFormat::Link => {
                (place, storage::read(&path)?)
            }
        };
        self.sink.answer_with(id, Event::Exported { name, path: None, files: Vec::new() }, vec![bytes]);
        Ok(())
    }
}
