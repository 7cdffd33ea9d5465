//! Documents given together with a run. The project's own documents are set aside until the run has started, and restored if it
//! is refused or the program ends first.

use super::Session;
use super::undo::Undo;
use crate::platform::files;
use crate::project::DOCUMENTS_BEFORE;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// Folder of the documents set aside.
fn waiting(documents: &Path) -> PathBuf {
    documents.with_file_name(DOCUMENTS_BEFORE)
}

impl Session {
    pub(super) async fn replace_documents(
        &mut self,
        id: u64,
        names: &[String],
        bytes: Vec<Vec<u8>>,
    ) -> Result<()> {
        self.take_documents_back()?;
        let open = self.opened()?;
        open.survey = None;
        let documents = open.documents_folder();
        files::create_dir_all(&documents).map_err(Error::io(&documents))?;
        files::rename(&documents, waiting(&documents)).map_err(Error::io(&documents))?;
        let own = Undo::new(documents, |documents| {
            // If this fails, they are restored when the project is opened.
            take_back(documents).ok();
        });
        self.add_documents(id, names, bytes).await?;
        own.keep();
        Ok(())
    }

    /// Makes the replacement permanent, because the run has started.
    pub(super) fn keep_documents(&mut self) {
        if let Some(open) = self.project.as_ref().filter(|open| !open.is_beside_others()) {
            files::remove_dir_all(waiting(&open.documents_folder())).ok();
        }
    }

    /// Restores the documents set aside, if any. Fails if the file system refuses; they remain set aside.
    pub(super) fn take_documents_back(&mut self) -> Result<()> {
        // If others have the project open, the documents set aside are theirs.
        let Some(open) = self.project.as_mut().filter(|open| !open.is_beside_others()) else { return Ok(()) };
        if take_back(&open.documents_folder())? {
            (open.survey, open.prepared, open.counts) = (None, None, None);
        }
        Ok(())
    }
}

/// Restores the documents set aside, in place of the replacements; returns whether there were any. If this fails, they remain set aside.
pub(super) fn take_back(documents: &Path) -> Result<bool> {
    let waiting = waiting(documents);
    if !files::is_dir(&waiting) {
        return Ok(false);
    }
    if files::is_dir(documents) {
        files::remove_dir_all(documents).map_err(Error::io(documents))?;
    }
    files::rename(&waiting, documents).map_err(Error::io(&waiting))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_waits_is_never_lost_to_a_failed_way_back() {
        let folder = tempfile::tempdir().unwrap();
        let documents = folder.path().join("documents");
        let put = |place: &str, text: &str| {
            let folder = folder.path().join(place);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("a.txt"), text).unwrap();
        };
        let text = || std::fs::read_to_string(documents.join("a.txt")).unwrap();
        put("documents", "given");
        assert!(!take_back(&documents).unwrap(), "nothing waits");
        assert_eq!(text(), "given");
        put(DOCUMENTS_BEFORE, "own");
        // A file is in the way.
        std::fs::remove_dir_all(&documents).unwrap();
        std::fs::write(&documents, "in the way").unwrap();
        assert!(take_back(&documents).is_err());
        assert!(folder.path().join(DOCUMENTS_BEFORE).join("a.txt").exists());
        // The state after a program died before the move.
        std::fs::remove_file(&documents).unwrap();
        assert!(take_back(&documents).unwrap());
        assert_eq!(text(), "own");
        put(DOCUMENTS_BEFORE, "own");
        put("documents", "given");
        assert!(take_back(&documents).unwrap());
        assert_eq!(text(), "own");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
