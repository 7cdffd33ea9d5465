//! The shelf of projects, and the open one.

use super::documents::raw_files;
use super::training::ActiveRun;
use super::undo::Undo;
use super::{Session, idle, replacement};
use crate::data::{
    self, Prepared,
    read::{holds_rows, may_hold_rows},
    survey::Survey,
};
use crate::platform::{self, Yielder, files};
use crate::project::shelf::Shelf;
use crate::project::{Claim, Next, Project, Run, archive, shelf};
use crate::protocol::{
    DataConfig, Drafts, Event, Objective, OpenedProject, ProjectChange, ProjectSummary, RunConfig, Synthetic,
    answer, presets,
};
use crate::{Error, Result, refuse, storage};
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) struct OpenProject {
    pub(super) id: String,
    /// Number of its opening.
    opening: u64,
    pub(super) project: Project,
    /// Settings of the latest new run or of the project's tokenizer, whichever is newer.
    pub(super) config: RunConfig,
    /// Drafts of the next runs.
    pub(super) next: Next,
    /// Survey of the documents, with the settings used for it.
    pub(super) survey: Option<(DataConfig, Survey)>,
    /// Tokenizer and tokens.
    pub(super) prepared: Option<Arc<Prepared>>,
    /// How often the text uses each token of the vocabulary, once counted.
    pub(super) counts: Option<Vec<u64>>,
    hold: Hold,
}

/// How the project is locked.
enum Hold {
    /// Exclusively: other tabs and programs see it as in use.
    Alone(#[expect(dead_code, reason = "held")] platform::persistence::ProjectLock),
    /// Shared, as by command-line programs. The claim can undo the creation of a project for a run that does not start.
    Beside(Option<Claim>),
}

impl OpenProject {
    fn new((id, opening): (String, u64), project: Project, config: RunConfig, hold: Hold) -> Self {
        let (next, survey, prepared, counts) = (Next::default(), None, None, None);
        Self { id, opening, project, config, next, survey, prepared, counts, hold }
    }

    pub(super) fn documents_folder(&self) -> PathBuf {
        self.project.folder().join("documents")
    }

    /// The files with rows for an objective: those of rows, else texts that may be rows too.
    pub(super) fn row_files(&self, objective: Objective) -> Vec<PathBuf> {
        let (folder, endings) = (self.documents_folder(), objective.row_endings());
        let has_rows = |name: &str| endings.iter().any(|ending| name.to_lowercase().ends_with(ending));
        let named = raw_files(&folder).into_iter().filter(|(name, _)| has_rows(name));
        let all = named.map(|(name, _)| folder.join(name)).filter(|path| may_hold_rows(path));
        let (rows, texts): (Vec<PathBuf>, Vec<PathBuf>) = all.partition(|path| holds_rows(path));
        if rows.is_empty() { texts } else { rows }
    }

    /// Whether other programs may have it open too. The documents and the state of a window are then theirs.
    pub(super) fn is_beside_others(&self) -> bool {
        matches!(self.hold, Hold::Beside(_))
    }
}

/// Locks a project for this front end. If it is open elsewhere, the error has its name: a browser's folder means nothing to a person.
async fn lock_project(folder: &Path) -> Result<platform::persistence::ProjectLock> {
    platform::persistence::lock_project(folder).await.map_err(|error| match (error, Project::open(folder)) {
        (Error::BadFile { path, reason }, Ok(project)) if path == folder => {
            Error::bad_file(project.name(), reason)
        }
        (error, _) => error,
    })
}

impl Session {
    pub(super) fn opened(&mut self) -> Result<&mut OpenProject> {
        let none = || Error::Refused("no project is open; open one on Home, or make one".to_owned());
        self.project.as_mut().ok_or_else(none)
    }

    pub(super) fn is_open(&self, id: &str) -> bool {
        self.project.as_ref().is_some_and(|open| open.id == id)
    }

    /// Whether the project opened with this number is open.
    pub(super) fn is_opening(&self, opening: u64) -> bool {
        self.project.as_ref().is_some_and(|open| open.opening == opening)
    }

    /// The name of the project opened with this number.
    pub(super) fn name_of_opening(&self, opening: u64) -> String {
        let place = (opening as usize).checked_sub(1);
        let name = place.and_then(|place| self.openings.get(place));
        name.map_or_else(|| "another project".to_owned(), String::clone)
    }

    /// The number of the next opening, with the id of its project.
    fn numbered(&mut self, id: String, project: &Project) -> (String, u64) {
        self.openings.push(project.name());
        (id, self.openings.len() as u64)
    }

    pub(super) fn shelf(&self) -> Result<&Shelf> {
        let none = || Error::Refused("there is no project list here".to_owned());
        self.shelf.as_ref().ok_or_else(none)
    }

    /// Opens a project at any path; with `make`, creates it if there is none.
    pub(super) fn use_project(&mut self, folder: &Path, make: bool) -> Result<()> {
        let claim = if make { Some(Project::claim(folder)?) } else { None };
        let project = match &claim {
            Some(claim) => claim.project.clone(),
            None => Project::open(folder)?,
        };
        self.close_project();
        let id = self.numbered(folder.display().to_string(), &project);
        self.project = Some(OpenProject::new(id, project, first_config()?, Hold::Beside(claim)));
        Ok(())
    }

    /// Ends the claim: the run starts, or a project created for it is removed.
    pub(super) fn settle_claim(&mut self, begins: bool) {
        if let Some(OpenProject { hold: Hold::Beside(claim), .. }) = &mut self.project
            && let Some(claim) = claim.take()
            && !begins
            && claim.discard()
        {
            self.project = None;
        }
    }

    /// Locks a project that is not open here, so that no other window or tab has it open.
    pub(super) async fn lock_if_shut(&self, id: &str) -> Result<Option<platform::persistence::ProjectLock>> {
        if self.is_open(id) {
            return Ok(None);
        }
        lock_project(&self.shelf()?.path_of(id)?).await.map(Some)
    }

    pub(super) async fn list_projects(&mut self) -> Result<Event> {
        self.storage = platform::persistence::summary(&self.options.shelf).await;
        let mut projects = self.shelf.as_ref().map_or_else(|| Ok(Vec::new()), Shelf::list)?;
        let others = |project: &&mut ProjectSummary| !project.deleted && !self.is_open(&project.id);
        for project in projects.iter_mut().filter(others).filter(|project| project.interrupted.is_some()) {
            let folder = self.shelf()?.path_of(&project.id)?;
            if platform::persistence::is_open_elsewhere(&folder).await {
                project.interrupted = None;
            }
        }
        Ok(Event::Projects { projects, storage: self.storage.clone() })
    }

    /// Creates and opens a project, with settings for its first run and with documents: names, and contents if they are attached. If a
    /// document cannot be read, the project is removed, and the one that was open stays open.
    pub(super) async fn create_project(
        &mut self,
        id: u64,
        name: &str,
        config: Option<&RunConfig>,
        (files, bytes): (&[String], Vec<Vec<u8>>),
    ) -> Result<Event> {
        let project = self.shelf()?.create(name)?;
        let created = Undo::new(self.shelf()?.path_of(&project)?, |folder| {
            files::remove_dir_all(folder).ok();
        });
        let mut survey = None;
        if !files.is_empty() {
            let documents = created.value.join("documents");
            let skipped = self.copy_documents(&documents, files, bytes, &mut Vec::new()).await?;
            let paths = vec![documents.display().to_string()];
            let data = DataConfig { paths, synthetic: Synthetic::None, ..first_config()?.data };
            survey = Some((data.clone(), Survey::new(&data, &Yielder::new()).await?));
            skipped.into_iter().for_each(|skipped| self.sink.notice(skipped));
        }
        created.keep();
        self.open_project(id, &project).await?;
        if survey.is_some() {
            self.opened()?.survey = survey;
            let changed = self.listed_documents().await?;
            self.sink.answer(id, changed);
        }
        if let Some(config) = config {
            let open = self.opened()?;
            open.config = config.clone();
            open.next.drafts = None;
            let folder = open.project.folder().to_owned();
            self.report_opened(id, &folder)?;
        }
        self.list_projects().await
    }

    pub(super) fn close_project(&mut self) {
        // Texts being generated end here, and their requesters are notified.
        self.stop_writing(0);
        if let Some(open) = self.project.take() {
            platform::persistence::unload(open.project.folder());
        }
        self.generations.clear();
        self.evaluations.clear();
    }

    /// Opens a project on the shelf, or natively any project folder.
    pub(super) async fn open_project(&mut self, id: u64, project: &str) -> Result<()> {
        let open = self.project.as_ref().filter(|open| open.id == project);
        let folder = match open.map(|open| Ok(open.project.folder().to_owned())) {
            Some(folder) => folder,
            None => self.shelf()?.path_of(project),
        };
        let folder = folder.or_else(|error| {
            let elsewhere = PathBuf::from(project);
            let is_one = elsewhere.is_absolute() && files::is_dir(&elsewhere);
            if is_one { Ok(elsewhere) } else { Err(error) }
        })?;
        let opened = Project::open(&folder)?;
        if !self.is_open(project) {
            let lock = lock_project(&folder).await?;
            // If this is cancelled, the project opened before stays open.
            let looked = Undo::new(Some(folder.clone()), unload);
            // They can no longer be restored. If a file is in use, they are removed next time.
            opened.clear_deleted_runs().ok();
            opened.clear_deleted_conversations().ok();
            replacement::take_back(&folder.join("documents"))?;
            // A damaged run does not prevent opening the others.
            let mut runs = opened.runs()?;
            // An imported model's training settings were not chosen by the user, nor a sweep's one by one.
            runs.retain(|run| !run.is_imported() && !run.record().is_ok_and(|record| record.sweep.is_some()));
            let known = |run: &Run| Some((run.record().ok()?.created, run.config().ok()?));
            let tuned = runs.iter().rev().filter_map(known).find(|(_, config)| is_tuning_of(&opened, config));
            runs.retain(|run| !run.config().is_ok_and(|config| learns_other_text(&opened, &config)));
            let latest = runs.iter().rev().find_map(known);
            let next = opened.next().unwrap_or_else(|error| {
                self.sink.notice(format!("{error}; the settings of the latest run are used instead"));
                Next::default()
            });
            let next = next.after(latest.as_ref(), tuned);
            let mut config = match latest {
                Some((_, config)) => config,
                None => first_config()?,
            };
            let trained = next.tokenizer.as_ref();
            let trained = trained.and_then(|own| Some((own.folder_in(&opened)?, own.config.clone())));
            let mut prepared = None;
            if let Some((place, own)) = trained
                && let Ok(found) = data::prepare::open_aside(place).await
            {
                (prepared, config) = (Some(found), own);
            } else if let Some(place) = runs.last().and_then(|run| run.data_folder().ok()) {
                prepared = data::prepare::open_aside(place).await.ok();
            }
            self.close_project();
            looked.keep();
            let id = self.numbered(project.to_owned(), &opened);
            let open = OpenProject::new(id, opened, config, Hold::Alone(lock));
            self.project = Some(OpenProject { next, prepared: prepared.map(Arc::new), ..open });
        }
        self.report_opened(id, &folder)
    }

    /// Loads a project into memory temporarily, if necessary; an open one stays.
    async fn looked_into(&self, id: &str, folder: &Path) -> Result<Undo<Option<PathBuf>>> {
        let looked = Undo::new((!self.is_open(id)).then(|| folder.to_owned()), unload);
        platform::persistence::load(folder).await?;
        Ok(looked)
    }

    /// Saves the settings of the open project's next runs.
    pub(super) fn save_drafts(&mut self, drafts: Drafts) -> Result<()> {
        let open = self.opened()?;
        open.next.drafts = Some((storage::unix_seconds() as u64, drafts));
        open.project.set_next(&open.next)
    }

    fn report_opened(&mut self, id: u64, folder: &Path) -> Result<()> {
        // Damaged tokens do not prevent opening runs and documents.
        let tokenizer = self.tokenizer_summary().unwrap_or_else(|error| {
            self.sink.notice_with(error.to_string(), error.hints());
            None
        });
        let open = self.opened()?;
        let runs = open.project.run_summaries()?;
        let project: ProjectSummary = shelf::summary(&open.id, folder);
        let saved = open.next.drafts.as_ref().map(|(_, drafts)| drafts.clone());
        let drafts = saved.unwrap_or_else(|| Drafts::new(open.config.clone()));
        let opening = open.opening;
        let opened = Some(Box::new(OpenedProject { opening, project, drafts, tokenizer, runs }));
        self.sink.answer(id, Event::Project { opened });
        if let Err(error) = platform::energy::settings() {
            self.sink.notice(format!("{error}; energy, cost and emissions are not shown"));
        }
        // A damaged sweep does not prevent opening its runs.
        self.report_last_sweep(id).unwrap_or_else(|error| self.sink.notice(error.to_string()));
        Ok(())
    }

    pub(super) async fn change_project(
        &mut self,
        id: u64,
        project: &str,
        change: ProjectChange,
        live: &Option<ActiveRun<'_, '_>>,
    ) -> Result<Event> {
        match change {
            ProjectChange::Rename(name) => {
                let _lock = self.lock_if_shut(project).await?;
                self.shelf()?.rename(project, &name)?;
            }
            ProjectChange::Duplicate(name) => self.duplicate_project(project, &name).await?,
            ProjectChange::Delete => {
                if self.is_open(project) {
                    idle(live)?;
                    // We held its lock; a browser releases it asynchronously, so it cannot be taken again here.
                    self.close_project();
                    self.sink.answer(id, Event::Project { opened: None });
                } else {
                    // Not while another window has it open. A lock of ours is released together with the folder.
                    drop(self.lock_if_shut(project).await?);
                }
                self.shelf()?.delete(project)?;
            }
            ProjectChange::Restore => self.shelf()?.restore(project)?,
        }
        self.list_projects().await
    }

    async fn duplicate_project(&mut self, project: &str, name: &str) -> Result<()> {
        let folder = self.shelf()?.path_of(project)?;
        let looked = self.looked_into(project, &folder).await?;
        let copy = self.shelf()?.duplicate(project, name, &Yielder::new()).await?;
        drop(looked);
        self.keep_files().await;
        platform::persistence::unload(&self.shelf()?.path_of(&copy)?);
        Ok(())
    }

    pub(super) async fn export_project(
        &mut self,
        id: u64,
        project: &str,
        to: Option<PathBuf>,
        keep: bool,
    ) -> Result<()> {
        let folder = match &self.project {
            Some(open) if open.id == project => open.project.folder().to_owned(),
            _ => self.shelf()?.path_of(project)?,
        };
        let looked = self.looked_into(project, &folder).await?;
        let name = format!("{}.glasshouse", folder.file_name().unwrap_or_default().to_string_lossy());
        let yielder = Yielder::new();
        let (content, packed) = match &to {
            Some(path) => (None, archive::pack_file(&folder, path, !keep, &yielder).await?),
            None => archive::pack(&folder, &yielder).await.map(|(bytes, packed)| (Some(bytes), packed))?,
        };
        drop(looked);
        let archive::Packed { bytes, files, notes } = packed;
        for note in notes {
            self.sink.notice(note);
        }
        let path = to.map(|path| path.display().to_string());
        let exported = answer::Exported { name, path, bytes, packed: files, ..answer::Exported::default() };
        self.sink.answer_with(id, exported, content.into_iter().collect());
        Ok(())
    }

    pub(super) async fn import_project(
        &mut self,
        id: u64,
        name: Option<&str>,
        from: Option<String>,
        bytes: Vec<Vec<u8>>,
    ) -> Result<Event> {
        let room = platform::persistence::available(self.shelf()?.folder()).await;
        let yielder = Yielder::new();
        let project = match (from, bytes.into_iter().next()) {
            (Some(path), _) => {
                let file = files::File::open(&path).map_err(Error::io(path))?;
                self.shelf()?.import(BufReader::new(file), name, room, &yielder).await?
            }
            (None, Some(content)) => self.shelf()?.import(Cursor::new(content), name, room, &yielder).await?,
            (None, None) => refuse!("no project file was given"),
        };
        let imported = Undo::new(self.shelf()?.path_of(&project)?, |folder| {
            files::remove_dir_all(folder).ok();
        });
        let opened = self.open_project(id, &project).await;
        // If opening fails, another program may already have it open, so keep it.
        imported.keep();
        opened?;
        self.list_projects().await
    }
}

/// Unloads the files of a closed project that were loaded temporarily.
fn unload(folder: &Option<PathBuf>) {
    if let Some(folder) = folder {
        platform::persistence::unload(folder);
    }
}

/// Whether a run fine-tunes a model of this project on something of the person's own.
fn is_tuning_of(project: &Project, config: &RunConfig) -> bool {
    config.start.as_ref().is_some_and(|start| start.project.is_none() && project.run(&start.run).is_ok())
}

/// Whether a run learns rows, a version of the text for an ablation, or with the tokenizer of a base model, rather than the project's
/// text with its own tokenizer.
pub(super) fn learns_other_text(project: &Project, config: &RunConfig) -> bool {
    if config.start.is_some() || !config.train.objective.learns_text() {
        return true;
    }
    // A version is in `sweeps/NAME/VERSION`.
    let is_version = |path: &String| {
        Path::new(path).ancestors().nth(1).is_some_and(|folder| project.is_sweep_folder(folder))
    };
    !config.data.synthetic.is_none() || config.data.paths.iter().any(is_version)
}

fn first_config() -> Result<RunConfig> {
    presets::preset("first-stories").map_err(Error::Internal)
}
