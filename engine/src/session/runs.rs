//! Lists, compares, restores and exports the open project's runs.

use super::Session;
use super::verification::{Reference, Work};
use crate::formats::{gguf, huggingface, page};
use crate::platform::{self, Yielder};
use crate::project::{AsTrained, Run, Trained, archive, checkpoint_of, metrics};
use crate::protocol::{
    CheckpointChoice, Event, ExportFormat, LINK_ENDING, LogitDifference, RunChange, Verification,
    WeightFormat, answer,
};
use crate::storage::{self, Staging};
use crate::{Error, Result, refuse};
use std::path::{Path, PathBuf};

impl Session {
    pub(super) fn run_named(&mut self, name: &str) -> Result<Run> {
        self.opened()?.project.run(name)
    }

    /// The run with this name, or the project's latest.
    pub(super) fn run_or_latest(&mut self, name: Option<&str>) -> Result<Run> {
        self.opened()?.project.run_or_latest(name)
    }

    pub(super) fn list_runs(&mut self) -> Result<Event> {
        let runs = self.opened()?.project.run_summaries()?;
        Ok(Event::Runs { runs })
    }

    pub(super) fn read_run(&mut self, name: Option<&str>, points: usize) -> Result<answer::History> {
        let run = self.run_or_latest(name)?;
        let config = Box::new(run.config()?);
        let (events, checkpoints) = match points {
            0 => (Vec::new(), Vec::new()),
            _ => (metrics::thinned(&run.metrics_path(), points)?, run.summary()?.checkpoints),
        };
        Ok(answer::History { run: run.name(), config, events, checkpoints })
    }

    /// `trains` is the run in training, if any.
    pub(super) async fn change_run(
        &mut self,
        id: u64,
        name: &str,
        change: RunChange,
        trains: Option<&str>,
    ) -> Result<Event> {
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
            RunChange::MergeAdapter { checkpoint, adapter } => {
                self.merge_adapter(id, name, checkpoint.unwrap_or_default(), adapter).await?;
            }
            RunChange::Compress { checkpoint, method, documents, keep } => {
                let checkpoint = checkpoint.unwrap_or_default();
                self.compress(id, name, &checkpoint, method, (documents, keep)).await?;
            }
        }
        self.list_runs()
    }

    /// Merges an adapter (the run's own, or a folder's) into the run's weights, as a new run.
    async fn merge_adapter(
        &mut self,
        id: u64,
        name: &str,
        checkpoint: CheckpointChoice,
        adapter: Option<PathBuf>,
    ) -> Result<()> {
        let (project, run) = (self.opened()?.project.clone(), self.run_named(name)?);
        let threads = self.options.threads;
        let merge = async move |yielder: Yielder| {
            let (merged, notice) = match &adapter {
                Some(folder) => {
                    let merged =
                        huggingface::merge_adapter(&project, &run, &checkpoint, folder, &yielder).await?;
                    (merged, huggingface::another_base(&run, folder)?)
                }
                None => (project.merge(&run, &checkpoint, &yielder).await?, None),
            };
            let before = (run, &checkpoint, adapter.is_none());
            let work = Work { threads, yielder: &yielder };
            let difference = merge_difference(before, merged.run().clone(), work).await;
            Ok::<_, Error>((merged, notice, difference))
        };
        let (merged, notice, difference) = platform::spawn_yielding(merge).await??;
        let merged = merged.put()?;
        let uncompared = difference.as_ref().err();
        let uncompared = uncompared.map(|error| format!("the merged weights were not compared: {error}"));
        notice.into_iter().chain(uncompared).for_each(|notice| self.sink.notice(notice));
        let difference = difference.ok();
        let about = "the weights with the adapter added to them".to_owned();
        self.sink.answer(id, answer::RunAdded { run: merged.summary()?, about, difference });
        Ok(())
    }

    pub(super) async fn export_model(
        &mut self,
        id: u64,
        name: &str,
        checkpoint: Option<CheckpointChoice>,
        (format, template): (ExportFormat, Option<Vec<u8>>),
        to: Option<PathBuf>,
        keep: bool,
    ) -> Result<()> {
        let (run, checkpoint) = (self.run_named(name)?, &checkpoint.unwrap_or_default());
        if !matches!(format, ExportFormat::HuggingFace { .. }) && !run.config()?.model.labels.is_empty() {
            refuse!(
                "{} has a head for labels, which this format cannot store; export it as a Hugging Face folder",
                run.name()
            );
        }
        let place = match format {
            ExportFormat::HuggingFace { .. } => format!("{}-huggingface", run.name()),
            ExportFormat::Gguf { quantization: Some(own) } => format!("{}-{}.gguf", run.name(), own.name()),
            ExportFormat::Gguf { quantization: None } => format!("{}.gguf", run.name()),
            ExportFormat::Peft => format!("{}-adapter", run.name()),
            ExportFormat::Page { space: true, .. } => format!("{}-space", run.name()),
            ExportFormat::Page { .. } => format!("{}.html", run.name()),
            ExportFormat::Link => format!("{}{LINK_ENDING}", run.name()),
        };
        let replace = to.is_none() || !keep;
        let (path, staging) = match to {
            Some(to) => (to, None),
            None => {
                // A temporary folder, removed after its contents are packed.
                let staging = Staging::inside(run.folder())?;
                // A Modelfile refers to its file by name, and a page is a file.
                let is_file =
                    matches!(format, ExportFormat::Gguf { .. } | ExportFormat::Page { space: false, .. });
                let name: &str = if is_file { &place } else { "model" };
                (staging.path().join(name), Some(staging))
            }
        };
        let yielder = Yielder::new();
        yielder.maybe_yield().await;
        let load = async |run| {
            let model = Trained::load(run, checkpoint, &yielder).await?;
            model.notices.iter().for_each(|notice| self.sink.notice(notice));
            Ok::<_, Error>(model)
        };
        let mut verification = None;
        let written = match format {
            ExportFormat::HuggingFace { precision } => {
                huggingface::export_trained(&load(run).await?, precision, &path, replace, &yielder).await?
            }
            ExportFormat::Peft => {
                let adapted = AsTrained::load(run, checkpoint, &yielder).await?;
                adapted.notices.iter().for_each(|notice| self.sink.notice(notice));
                huggingface::export_adapter(&adapted, &path, replace, &yielder).await?
            }
            ExportFormat::Gguf { quantization } => {
                let model = load(run).await?;
                let exported = gguf::export_trained(&model, quantization, &path, replace, &yielder).await?;
                self.sink.notices(&exported.notices);
                verification = self.verify_export(model, exported.quantization, &path, &yielder).await;
                vec![path.clone(), exported.modelfile]
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
            ExportFormat::Link => {
                storage::check_file(&path, replace)?;
                let link = page::link(&load(run).await?, &yielder).await?;
                storage::write_atomically(&path, link.as_bytes())?;
                vec![path.clone()]
            }
        };
        if staging.is_none() {
            self.sink.exported(id, place, &path, &written, verification);
            return Ok(());
        }
        let (name, bytes) = match format {
            ExportFormat::HuggingFace { .. }
            | ExportFormat::Peft
            | ExportFormat::Page { space: true, .. } => {
                (format!("{place}.zip"), archive::pack_folder(&path, &yielder).await?.0)
            }
            ExportFormat::Gguf { .. } | ExportFormat::Page { .. } | ExportFormat::Link => {
                if let [_, modelfile] = &written[..] {
                    self.sink.attached(id, format!("{place}.Modelfile"), storage::read(modelfile)?);
                }
                (place, storage::read(&path)?)
            }
        };
        let size = bytes.len() as u64;
        let event = answer::Exported { name, bytes: size, verification, ..answer::Exported::default() };
        self.sink.answer_with(id, event, vec![bytes]);
        Ok(())
    }

    /// Opens an exported file with a second reader and reports how it compares. The file stays regardless of the result.
    async fn verify_export(
        &self,
        model: Trained,
        quantization: WeightFormat,
        path: &Path,
        yielder: &Yielder,
    ) -> Option<Box<Verification>> {
        match verification(model, path, Work { threads: self.options.threads, yielder }).await {
            Ok((verification, notice)) => {
                let fault = verification.fault(quantization).map(|fault| {
                    format!("the file may be broken: {fault}; do not use it, and report this with the model's settings")
                });
                notice.into_iter().chain(fault).for_each(|text| self.sink.notice(text));
                Some(Box::new(verification))
            }
            Err(error) => {
                self.sink.notice(format!("the file was not compared with the run: {error}"));
                None
            }
        }
    }
}

async fn verification(model: Trained, path: &Path, work: Work<'_>) -> Result<(Verification, Option<String>)> {
    let reference = Reference::new(&model, None, work).await?;
    let Trained { config, tokenizer, parameters, .. } = model;
    // Room for the file's weights.
    drop(parameters);
    reference.verify(path, &config.model, &tokenizer, work).await
}

/// The difference of a merged run from the run before: of its `own` adapter, computed separately from the weights, or else of the
/// weights without the folder's adapter.
async fn merge_difference(
    (before, checkpoint, is_own): (Run, &CheckpointChoice, bool),
    after: Run,
    work: Work<'_>,
) -> Result<LogitDifference> {
    let checkpoint = checkpoint_of(&before, checkpoint)?;
    let as_trained = AsTrained::load(before.clone(), &checkpoint, work.yielder).await?;
    let trained = Trained::load(before, &checkpoint, work.yielder).await?;
    let reference = Reference::new(&trained, is_own.then_some(&as_trained), work).await?;
    drop(trained);
    let after = Trained::load(after, &CheckpointChoice::Best, work.yielder).await?;
    reference.difference(&after, work).await
}
