//! The shelf: a folder of projects. A project's folder is named after what people call it; the name itself, whatever its
//! letters, stands in `project.json`.

use super::{MARKER, Project, RunRecord};
use crate::error::{Error, Result};
use crate::platform::files;
use crate::project::archive;
use crate::protocol::{ProjectSummary, TrainEvent};
use crate::train::metrics;
use std::path::{Path, PathBuf};

/// Folder of deleted projects, which can be restored until [`Shelf::open`] is called the next time.
const TRASH: &str = ".deleted";
/// Points of a curve in miniature.
const CURVE: usize = 60;
/// Longest name of a project's folder.
const LONGEST: usize = 48;

/// A folder of projects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Opens the shelf, made if it is missing, and empties its trash.
    pub fn open(folder: &Path) -> Result<Self> {
        files::create_dir_all(folder).map_err(Error::io(folder))?;
        let shelf = Self { folder: folder.to_owned() };
        let trash = shelf.trash();
        if files::is_dir(&trash) {
            files::remove_dir_all(&trash).map_err(Error::io(&trash))?;
        }
        Ok(shelf)
    }

    /// Every project, the last used first; deleted ones behind them.
    pub fn list(&self) -> Result<Vec<ProjectSummary>> {
        let mut projects: Vec<ProjectSummary> =
            projects_in(&self.folder)?.iter().map(|(id, folder)| summary(id, folder)).collect();
        projects.sort_by_key(|project| std::cmp::Reverse(project.updated));
        if files::is_dir(&self.trash()) {
            for (id, folder) in projects_in(&self.trash())? {
                projects.push(ProjectSummary { deleted: true, ..summary(&id, &folder) });
            }
        }
        Ok(projects)
    }

    /// The folder of a project.
    ///
    /// # Errors
    /// There is none of that id here.
    pub fn path_of(&self, id: &str) -> Result<PathBuf> {
        find(&self.folder, id)
    }

    /// Makes an empty project and returns its id. A name that is taken gets a number behind it.
    pub fn create(&self, name: &str) -> Result<String> {
        let (id, name) = self.free(name)?;
        let folder = self.folder.join(&id);
        Project::open_or_create(&folder)?.set_name(&name)?;
        Ok(id)
    }

    /// Unpacks a `.glasshouse` file into a new project and returns its id.
    pub fn import(&self, content: &[u8], name: Option<&str>) -> Result<String> {
        let staging = self.folder.join(".importing");
        if files::is_dir(&staging) {
            files::remove_dir_all(&staging).map_err(Error::io(&staging))?;
        }
        let placed = archive::unpack(content, &staging).and_then(|()| {
            let project = Project::open(&staging)?;
            let (id, name) = self.free(name.unwrap_or(&project.name()))?;
            project.set_name(&name)?;
            let folder = self.folder.join(&id);
            files::rename(&staging, &folder).map_err(Error::io(&folder))?;
            Ok(id)
        });
        if placed.is_err() {
            // What is left of it only takes space.
            files::remove_dir_all(&staging).ok();
        }
        placed
    }

    /// Gives a project another name; its folder stays.
    pub fn rename(&self, id: &str, name: &str) -> Result<()> {
        Project::open(&self.path_of(id)?)?.set_name(&checked(name)?)
    }

    /// Copies a project and returns the copy's id.
    pub fn duplicate(&self, id: &str, name: &str) -> Result<String> {
        let from = self.path_of(id)?;
        let (copy, name) = self.free(name)?;
        let to = self.folder.join(&copy);
        if let Err(error) = copy_folder(&from, &to).and_then(|()| Project::open(&to)?.set_name(&name)) {
            files::remove_dir_all(&to).ok();
            return Err(error);
        }
        Ok(copy)
    }

    /// Puts a project into the trash.
    pub fn delete(&self, id: &str) -> Result<()> {
        let from = self.path_of(id)?;
        let trash = self.trash();
        files::create_dir_all(&trash).map_err(Error::io(&trash))?;
        let to = trash.join(id);
        if files::is_dir(&to) {
            // An earlier project of that name, deleted before.
            files::remove_dir_all(&to).map_err(Error::io(&to))?;
        }
        files::rename(&from, &to).map_err(Error::io(&from))
    }

    /// Takes a project out of the trash. Where its place was taken meanwhile, it gets another.
    pub fn restore(&self, id: &str) -> Result<()> {
        let from = find(&self.trash(), id)?;
        let name = Project::open(&from)?.name();
        let (place, name) =
            if files::exists(&self.folder.join(id)) { self.free(&name)? } else { (id.to_owned(), name) };
        let to = self.folder.join(place);
        files::rename(&from, &to).map_err(Error::io(&from))?;
        Project::open(&to)?.set_name(&name)
    }

    fn trash(&self) -> PathBuf {
        self.folder.join(TRASH)
    }

    /// (a folder that is free, a name that no other project has).
    fn free(&self, name: &str) -> Result<(String, String)> {
        let name = checked(name)?;
        let taken: Vec<String> =
            projects_in(&self.folder)?.iter().map(|(_, folder)| name_of(folder)).collect();
        for number in 1_u32.. {
            let name = if number == 1 { name.clone() } else { format!("{name} {number}") };
            let id = id_from_name(&name);
            if !taken.contains(&name) && !files::exists(&self.folder.join(&id)) {
                return Ok((id, name));
            }
        }
        Err(Error::Internal("more projects than numbers".to_owned()))
    }
}

/// About a project, whatever state it is in: one that is damaged says so.
pub fn summary(id: &str, folder: &Path) -> ProjectSummary {
    let mut summary = ProjectSummary {
        id: id.to_owned(),
        name: name_of(folder),
        updated: 0,
        bytes: bytes_in(folder),
        runs: 0,
        val_loss: None,
        curve: Vec::new(),
        sample: String::new(),
        deleted: false,
        problem: None,
    };
    if let Err(error) = fill(&mut summary, folder) {
        summary.problem = Some(error.to_string());
    }
    summary
}

fn fill(summary: &mut ProjectSummary, folder: &Path) -> Result<()> {
    let project = Project::open(folder)?;
    summary.updated = project.created()?;
    let runs = project.runs()?;
    summary.runs = runs.len();
    let Some(run) = runs.last() else { return Ok(()) };
    let RunRecord { updated, best_val_loss, .. } = run.record()?;
    summary.updated = summary.updated.max(updated);
    summary.val_loss = best_val_loss;
    let path = run.metrics_path();
    if !files::exists(&path) {
        return Ok(());
    }
    let mut losses = Vec::new();
    for event in metrics::read(&path)? {
        match event {
            TrainEvent::Step { loss, .. } => losses.push(loss),
            TrainEvent::Sample { text, .. } => summary.sample = text,
            _ => {}
        }
    }
    let stride = losses.len().div_ceil(CURVE).max(1);
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
    summary.curve = losses.chunks(stride).map(mean).collect();
    Ok(())
}

/// (id, folder) of each project in a folder.
fn projects_in(shelf: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut projects = Vec::new();
    for entry in files::read_dir(shelf).map_err(Error::io(shelf))? {
        let path = entry.map_err(Error::io(shelf))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with('.') && files::exists(&path.join(MARKER)) {
            projects.push((name.to_owned(), path));
        }
    }
    projects.sort();
    Ok(projects)
}

/// Ids come from outside: only one that is listed leads anywhere.
fn find(shelf: &Path, id: &str) -> Result<PathBuf> {
    let listed = projects_in(shelf)?.into_iter().find(|(known, _)| known == id);
    listed
        .map(|(_, folder)| folder)
        .ok_or_else(|| Error::bad_file(shelf, format!("there is no project {id:?} here; was it deleted?")))
}

fn checked(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::Refused("a project needs a name".to_owned()));
    }
    Ok(name.chars().filter(|letter| !letter.is_control()).take(120).collect())
}

/// A name as a folder's name that every file system takes.
fn id_from_name(name: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let mut id = String::new();
    for letter in name.chars().map(safe) {
        if letter != '-' || !id.ends_with('-') {
            id.push(letter);
        }
    }
    let id: String = id.trim_matches('-').chars().take(LONGEST).collect();
    if id.is_empty() {
        // A name in another script: its letters' numbers stand for it.
        let hash = name.bytes().fold(0, |hash, byte| crate::graph::random::split_mix(hash ^ u64::from(byte)));
        return format!("project-{hash:08x}");
    }
    id
}

/// What people call a project; its folder's name where its own record cannot be read.
fn name_of(folder: &Path) -> String {
    match Project::open(folder) {
        Ok(project) => project.name(),
        Err(_) => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = files::read_dir(folder) else { return 0 };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .map(|path| match files::is_dir(&path) {
            true => bytes_in(&path),
            false => files::metadata(&path).map_or(0, |metadata| metadata.len()),
        })
        .sum()
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    files::create_dir_all(to).map_err(Error::io(to))?;
    for entry in files::read_dir(from).map_err(Error::io(from))? {
        let path = entry.map_err(Error::io(from))?.path();
        let Some(name) = path.file_name() else { continue };
        if files::is_dir(&path) {
            copy_folder(&path, &to.join(name))?;
        } else if path.extension().is_none_or(|kind| kind != "lock") {
            files::copy(&path, to.join(name)).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(shelf: &Shelf) -> Vec<(String, bool)> {
        let mut names: Vec<_> =
            shelf.list().unwrap().into_iter().map(|project| (project.name, project.deleted)).collect();
        names.sort();
        names
    }

    #[test]
    fn projects_are_made_renamed_copied_deleted_and_restored() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        let first = shelf.create("Märchen / ../Büch").unwrap();
        assert!(!first.contains(['/', '.']));
        let second = shelf.create("Märchen / ../Büch").unwrap();
        assert_ne!(first, second);
        shelf.create("日本語").unwrap();
        shelf.rename(&second, "  Other ").unwrap();
        let copy = shelf.duplicate(&second, "Other").unwrap();
        assert!(names(&shelf).contains(&("Other 2".to_owned(), false)));
        shelf.delete(&second).unwrap();
        assert!(shelf.path_of(&second).is_err());
        assert!(names(&shelf).contains(&("Other".to_owned(), true)));
        // Its name is free, until it comes back.
        shelf.rename(&copy, "Other").unwrap();
        shelf.restore(&second).unwrap();
        assert!(shelf.path_of(&second).is_ok());
        shelf.delete(&second).unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        assert!(shelf.restore(&second).is_err(), "the trash is emptied by the next start");
        assert!(shelf.create("  ").is_err());
        for hostile in ["..", "../x", "/etc", ".deleted"] {
            assert!(shelf.path_of(hostile).is_err(), "{hostile}");
        }
    }

    #[test]
    fn a_damaged_project_is_listed_with_its_problem() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        let id = shelf.create("whole").unwrap();
        std::fs::write(shelf.path_of(&id).unwrap().join(MARKER), "{").unwrap();
        let listed = shelf.list().unwrap();
        assert_eq!(listed.len(), 1);
        assert!(listed[0].problem.is_some());
    }
}
