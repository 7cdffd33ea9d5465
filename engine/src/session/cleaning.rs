//! Data cleaning in the open project: its recipe, previews on samples, and the cleaning itself.
//!
//! The original files stay in `documents`. The results are in `cleaned`, and tokenizers and runs read them as long as they exist.
//! The recipe is in `recipe.toml`.

use super::Session;
use super::event_sink::EventSink;
use crate::platform::{self, CorpusFiles, Yielder, files};
use crate::project::CLEANED;
use crate::protocol::cleaning::report::CleaningReport;
use crate::protocol::cleaning::{CleaningStep, DroppedDocument};
use crate::protocol::{Event, Preview, RecipeChange, answer};
use crate::{Error, Result, refuse, storage};
use glasshouse_corpus::output::{DROPPED_FILE, RECIPE_FILE, REPORT_FILE, REPORT_PAGE};
use glasshouse_corpus::pipeline::{
    self, Cleaner, CleaningProgress, Dropped, Phase, PreparedRecipe, StartOptions,
};
use glasshouse_corpus::recipe::Recipe;
use glasshouse_documents::Files as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The initial recipe of a project.
const FIRST_RECIPE: &str = "light";

/// A cleaning in progress. If it fails or is cancelled, the previous result remains, and the next cleaning resumes it.
struct Cleaning {
    id: u64,
    sink: Rc<EventSink>,
    cleaner: Option<Cleaner<'static>>,
}

impl Cleaning {
    fn advance(&mut self) -> Result<CleaningProgress> {
        let missing = || Error::Internal("a cleaning without a cleaner".to_owned());
        let cleaner = self.cleaner.as_mut().ok_or_else(missing)?;
        cleaner.advance().map_err(|error| {
            let error = Error::from(error);
            let full =
                matches!(&error, Error::Io { cause, .. } if cause.kind() == std::io::ErrorKind::OutOfMemory);
            // In a browser, partial results occupy the memory that is missing, so discard them; on a disk, the cleaning can be
            // resumed later.
            if let Some(cleaner) = self.cleaner.take().filter(|_| full) {
                cleaner.stop().ok();
            }
            error
        })
    }
}

impl Drop for Cleaning {
    fn drop(&mut self) {
        if let Some(cleaner) = self.cleaner.take() {
            let documents = cleaner.stop().ok().flatten();
            self.sink.answer(self.id, Event::Cleaning(CleaningStep::Stopped { documents }));
        }
    }
}

impl Session {
    pub(super) fn show_recipe(&mut self, id: u64) -> Result<()> {
        let recipe = self.recipe()?;
        self.report_recipe(id, &recipe)?;
        self.report_account(id)
    }

    pub(super) async fn judge_sample(&mut self, documents: usize) -> Result<Event> {
        let (preview, inputs, yielder) = (self.preview()?, self.raw_documents()?, Yielder::new());
        let yield_now = async || yielder.maybe_yield().await;
        let judgement =
            pipeline::judge_sample(&CorpusFiles, &preview, &inputs, documents, &yield_now).await?;
        Ok(Event::Previewed(Preview::Sample { judgement }))
    }

    pub(super) async fn compare_document(&mut self, document: &str) -> Result<Event> {
        let (preview, inputs, yielder) = (self.preview()?, self.raw_documents()?, Yielder::new());
        let yield_now = async || yielder.maybe_yield().await;
        let document = pipeline::compare(&CorpusFiles, &preview, &inputs, document, &yield_now).await?;
        Ok(Event::Previewed(Preview::Document { document }))
    }

    /// The recipe made ready, once until it or one of its files changes.
    fn preview(&mut self) -> Result<Rc<PreparedRecipe>> {
        let recipe = self.recipe()?;
        let changed: Vec<Option<u64>> = recipe.files().iter().map(|file| CorpusFiles.changed(file)).collect();
        let known =
            self.preview.as_ref().filter(|(before, own)| *before == changed && *own.recipe() == recipe);
        if let Some((_, own)) = known {
            return Ok(own.clone());
        }
        let own = Rc::new(PreparedRecipe::new(recipe, &CorpusFiles)?);
        self.preview = Some((changed, own.clone()));
        Ok(own)
    }

    /// Cleans the project's documents.
    pub(super) async fn clean(&mut self, id: u64) -> Result<Event> {
        let (recipe, inputs, folder) = (self.recipe()?, self.raw_documents()?, self.cleaned_folder()?);
        // The inputs are the project's own, so an existing result by any recipe may be replaced.
        let start = StartOptions { restart: false, force: true };
        self.clean_files(id, recipe, &inputs, &folder, start).await?;
        self.documents_changed().await
    }

    pub(super) async fn forget_cleaning(&mut self) -> Result<Event> {
        let folder = self.cleaned_folder()?;
        if files::exists(&folder) {
            files::remove_dir_all(&folder).map_err(Error::io(&folder))?;
        }
        self.documents_changed().await
    }

    fn recipe_file(&mut self) -> Result<PathBuf> {
        Ok(self.opened()?.project.folder().join(RECIPE_FILE))
    }

    pub(super) fn cleaned_folder(&mut self) -> Result<PathBuf> {
        Ok(self.opened()?.project.folder().join(CLEANED))
    }

    pub(super) fn recipe(&mut self) -> Result<Recipe> {
        let path = self.recipe_file()?;
        if !files::exists(&path) {
            return Ok(Recipe::published(FIRST_RECIPE)?);
        }
        let text = files::read_to_string(&path).map_err(Error::io(&path))?;
        Recipe::from_toml(&text).map_err(|error| Error::bad_file(&path, error.to_string()))
    }

    pub(super) fn change_recipe(&mut self, id: u64, change: RecipeChange) -> Result<()> {
        let mut recipe = match &change {
            RecipeChange::Preset { name } => Recipe::published(name)?,
            RecipeChange::Toml { toml } => Recipe::from_toml(toml)?,
            _ => self.recipe()?,
        };
        match change {
            RecipeChange::Preset { .. } | RecipeChange::Toml { .. } => {}
            RecipeChange::Stage { stage, on } => recipe.switch(&stage, on)?,
            RecipeChange::Threshold { stage, threshold, value } => {
                recipe.set_threshold(&stage, &threshold, value)?;
            }
            RecipeChange::File { stage, file } => recipe.set_file(&stage, &file)?,
            RecipeChange::Personal { class, action } => recipe.set_personal(&class, action)?,
        }
        let path = self.recipe_file()?;
        files::write(&path, recipe.to_toml()?.into_bytes()).map_err(Error::io(&path))?;
        self.report_recipe(id, &recipe)
    }

    fn report_recipe(&mut self, id: u64, recipe: &Recipe) -> Result<()> {
        let recipe = recipe.summary()?;
        self.sink.answer(id, Event::Recipe { recipe });
        Ok(())
    }

    /// Sends the report of the last cleaning, if there is one.
    fn report_account(&mut self, id: u64) -> Result<()> {
        let path = self.cleaned_folder()?.join(REPORT_FILE);
        if files::exists(&path) {
            let text = files::read_to_string(&path).map_err(Error::io(&path))?;
            let report = CleaningReport::from_json(&text).map_err(|reason| Error::bad_file(&path, reason))?;
            self.sink.answer(id, Event::Cleaning(CleaningStep::Done { report: Box::new(report) }));
        }
        Ok(())
    }

    /// The files to clean: the project's own.
    pub(super) fn raw_documents(&mut self) -> Result<Vec<PathBuf>> {
        let (texts, _) = self.own_files()?;
        if texts.is_empty() {
            refuse!("there is nothing to clean: add your own text first");
        }
        Ok(texts)
    }

    /// Cleans files into a folder, reporting progress.
    pub(super) async fn clean_files(
        &mut self,
        id: u64,
        recipe: Recipe,
        inputs: &[PathBuf],
        out: &Path,
        start: StartOptions,
    ) -> Result<()> {
        let cleaner = Cleaner::new(&CorpusFiles, recipe, inputs, out, start)?;
        let start = cleaner.start().clone();
        self.sink.answer(id, Event::Cleaning(CleaningStep::Started { start }));
        let mut cleaning = Cleaning { id, sink: self.sink.clone(), cleaner: Some(cleaner) };
        loop {
            let progress = cleaning.advance()?;
            self.sink.progress(progress.done, progress.total);
            self.sink.answer(id, Event::Cleaning(CleaningStep::Progress(progress)));
            if progress.phase == Phase::Done {
                break;
            }
            platform::yield_now().await;
        }
        if let Some(cleaner) = cleaning.cleaner.take() {
            let report = cleaner.finish()?;
            self.sink.answer(id, Event::Cleaning(CleaningStep::Done { report: Box::new(report) }));
        }
        Ok(())
    }

    pub(super) async fn list_dropped(
        &mut self,
        stage: Option<String>,
        offset: usize,
        count: usize,
    ) -> Result<answer::Dropped> {
        let path = self.cleaned_folder()?.join(DROPPED_FILE);
        let yielder = Yielder::new();
        let (mut found, mut documents) = (0, Vec::new());
        if files::exists(&path) {
            let file = BufReader::new(files::File::open(&path).map_err(Error::io(&path))?);
            for line in file.lines() {
                yielder.maybe_yield().await;
                let line = line.map_err(Error::io(&path))?;
                let dropped: Dropped = serde_json::from_slice(line.as_bytes())
                    .map_err(|error| Error::bad_file(&path, format!("is damaged: {error}; clean again")))?;
                if stage.as_ref().is_some_and(|stage| *stage != dropped.rule) {
                    continue;
                }
                if found >= offset && documents.len() < count {
                    let Dropped { id, source, rule, reason, excerpt, .. } = dropped;
                    documents.push(DroppedDocument { id, source, rule, reason, excerpt });
                }
                found += 1;
            }
        }
        Ok(answer::Dropped { stage, offset, found, documents })
    }

    pub(super) fn export_report(&mut self, id: u64, to: Option<PathBuf>, keep: bool) -> Result<()> {
        let path = self.cleaned_folder()?.join(REPORT_PAGE);
        if !files::exists(&path) {
            refuse!("there is no report yet: clean the documents first");
        }
        let bytes = files::read(&path).map_err(Error::io(&path))?;
        let folder = self.opened()?.project.folder();
        let name = format!("{} cleaning.html", folder.file_name().unwrap_or_default().to_string_lossy());
        let Some(to) = to else {
            self.sink.attached(id, name, bytes);
            return Ok(());
        };
        storage::check_file(&to, !keep)?;
        storage::write_atomically(&to, &bytes)?;
        self.sink.exported(id, name, &to, std::slice::from_ref(&to), None);
        Ok(())
    }
}
