//! The output folder: new files are written next to those of an earlier cleaning, and replace them at the end.

use super::lines::{Dropped, Output};
use super::{journal, staging};
use crate::output::{
    CORPUS_FILE, CorpusIndex, DROPPED_FILE, KEPT_FILE, RECIPE_FILE, REPORT_FILE, REPORT_PAGE,
};
use crate::recipe::Recipe;
use crate::report::{self, CleaningReport, Input};
use glasshouse_documents::files::{FileType, Files, Lock};
use glasshouse_documents::{Error, Result};
use glasshouse_protocol::Hint;
use std::io::Read as _;
use std::path::{Path, PathBuf};

const PARTIAL: &str = ".partial";
const LOCK_FILE: &str = ".cleaning.lock";

pub const UNFINISHED: &str = "a cleaning that was stopped or is still running; run the same `glasshouse data clean` again to finish it";

/// Whether a folder contains a stopped or running cleaning; possibly together with a finished earlier one.
pub fn is_unfinished(files: &dyn Files, folder: &Path) -> bool {
    let there = |name: &str| files.file_type(&folder.join(name)).is_ok();
    let without_index = there(REPORT_FILE) && there(DROPPED_FILE) && !there(CORPUS_FILE);
    staging::FILES.into_iter().any(there) || without_index
}

pub(super) struct Folder<'a> {
    files: &'a dyn Files,
    path: PathBuf,
    kept: Option<Output>,
    dropped: Option<Output>,
    _lock: Lock,
}

impl<'a> Folder<'a> {
    pub(super) fn claim(files: &'a dyn Files, path: &Path) -> Result<Self> {
        if matches!(files.file_type(path), Ok(FileType::File(_) | FileType::Other)) {
            return Err(Error::bad_file(path, "this is a file; name a folder"));
        }
        files.create_folder(path).map_err(Error::io(path))?;
        let lock = files.lock(&path.join(LOCK_FILE)).map_err(Error::io(path))?;
        let taken = "another program is cleaning into this folder; wait for it to finish, or name another output folder";
        let lock = lock.ok_or_else(|| Error::bad_file(path, taken))?;
        Ok(Self { files, path: path.to_owned(), kept: None, dropped: None, _lock: lock })
    }

    /// Refuses a folder with foreign files, or with a finished or stopped cleaning of another recipe or other files.
    pub(super) fn check(
        &self,
        recipe: &Recipe,
        inputs: &[Input],
        header: Option<&journal::Header>,
    ) -> Result<()> {
        let (files, path) = (self.files, &self.path);
        let entries = files.entries(path).map_err(Error::io(path))?;
        let known = |entry: &PathBuf| {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let whole = name.trim_end_matches(PARTIAL);
            let own = [KEPT_FILE, DROPPED_FILE, REPORT_FILE, REPORT_PAGE, RECIPE_FILE, CORPUS_FILE];
            own.contains(&whole) || name.starts_with('.')
        };
        if let Some(other) = entries.iter().find(|entry| !known(entry)) {
            let reason = format!(
                "the folder holds {}, which no cleaning wrote; choose another folder, or write beside it",
                other.display()
            );
            return Err(Error::bad_file(path, reason).hint(Hint::Replace));
        }
        let holds = |what: &str, other: &str| {
            let reason = format!("the folder holds a {what} {other}; choose another folder, or replace it");
            Err(Error::bad_file(path, reason).hint(Hint::Replace))
        };
        if let Some(other) = header.and_then(|header| header.other_in(files, path)) {
            return holds("stopped cleaning", other);
        }
        let text = |name: &str| {
            let mut text = String::new();
            files.open(&path.join(name)).and_then(|mut file| file.read_to_string(&mut text)).ok()?;
            Some(text)
        };
        let Some(report) = text(REPORT_FILE) else { return Ok(()) };
        let Ok(report) = CleaningReport::from_json(&report) else {
            return holds("cleaning", "with a damaged report");
        };
        // Not that of the recipe file: if the end of a cleaning fails, the report may be newer.
        if report.recipe.toml != recipe.to_toml()? {
            return holds("cleaning", "with another recipe");
        }
        let same = report.inputs.iter().all(|own| inputs.iter().any(|input| input.path == own.path));
        if same { Ok(()) } else { holds("cleaning", "of other files") }
    }

    pub(super) fn open(&mut self) -> Result<()> {
        let output = |name: &str| Output::new(self.files, self.path.join(format!("{name}{PARTIAL}")));
        (self.kept, self.dropped) = (Some(output(KEPT_FILE)?), Some(output(DROPPED_FILE)?));
        Ok(())
    }

    pub(super) fn dropped(&mut self, dropped: &Dropped) -> Result<()> {
        self.dropped.as_mut().map_or(Ok(()), |output| output.line(dropped))
    }

    pub(super) fn kept(&mut self, lines: &[u8]) -> Result<()> {
        self.kept.as_mut().map_or(Ok(()), |output| output.write(lines))
    }

    /// Renames all files to their final names. The index comes last: a folder without it is not a finished corpus.
    pub(super) fn finish(
        &mut self,
        report: &CleaningReport,
        recipe: &Recipe,
        index: &CorpusIndex,
    ) -> Result<()> {
        for mut output in [self.kept.take(), self.dropped.take()].into_iter().flatten() {
            output.flush()?;
        }
        let json =
            |error: serde_json::Error| Error::Refused(format!("cannot write the report as JSON: {error}"));
        self.write(REPORT_FILE, report.to_json().map_err(json)?.as_bytes())?;
        self.write(REPORT_PAGE, report::page(report).as_bytes())?;
        self.write(RECIPE_FILE, recipe.to_toml()?.as_bytes())?;
        let text = glasshouse_protocol::json::indented(index).map_err(json)? + "\n";
        self.write(CORPUS_FILE, text.as_bytes())?;
        let place = |name: &str| self.path.join(name);
        if self.files.file_type(&place(CORPUS_FILE)).is_ok() {
            self.files.remove(&place(CORPUS_FILE)).map_err(Error::io(place(CORPUS_FILE)))?;
        }
        for name in [KEPT_FILE, DROPPED_FILE, REPORT_FILE, REPORT_PAGE, RECIPE_FILE, CORPUS_FILE] {
            let from = place(&format!("{name}{PARTIAL}"));
            self.files.rename(&from, &place(name)).map_err(Error::io(&from))?;
        }
        for path in staging::FILES.map(place).iter().filter(|path| self.files.file_type(path).is_ok()) {
            self.files.remove(path).map_err(Error::io(path))?;
        }
        Ok(())
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let mut output = Output::new(self.files, self.path.join(format!("{name}{PARTIAL}")))?;
        output.write(content)?;
        output.flush()
    }

    pub(super) fn clear_away(&mut self) -> Result<()> {
        drop((self.kept.take(), self.dropped.take()));
        for entry in self.files.entries(&self.path).map_err(Error::io(&self.path))? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(PARTIAL) || staging::FILES.contains(&name.as_str()) {
                self.files.remove(&entry).map_err(Error::io(&entry))?;
            }
        }
        Ok(())
    }
}
