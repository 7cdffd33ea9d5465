//! Text that is given together with a run. The project's own files wait beside it until the run has begun; where it is refused,
//! or the program ends before, they are back.

use super::Session;
use crate::error::{Error, Result};
use crate::platform::files;
use crate::project::{DOCUMENTS_BEFORE, DOCUMENTS_GIVEN};
use std::path::{Path, PathBuf};

/// Where the files wait.
fn waiting(documents: &Path) -> PathBuf {
    documents.with_file_name(DOCUMENTS_BEFORE)
}

/// The project's own files come back when this goes, unless they are kept waiting.
struct Waiting(Option<PathBuf>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(documents) = &self.0 {
            // Where it cannot be done now, it is when the project is opened.
            take_back(documents).ok();
        }
    }
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
        let mut own = Waiting(Some(documents));
        self.add_documents(id, names, bytes).await?;
        own.0 = None;
        self.opened()?.replaced = true;
        Ok(())
    }

    /// The run that the text was given for has begun.
    pub(super) fn keep_documents(&mut self) {
        if let Some(open) = self.project.as_mut().filter(|open| open.replaced) {
            open.replaced = false;
            files::remove_dir_all(waiting(&open.documents_folder())).ok();
        }
    }

    /// Puts the files that wait in the place of what was given; does nothing where none wait.
    ///
    /// # Errors
    /// The file system refuses; they wait on.
    pub(super) fn take_documents_back(&mut self) -> Result<()> {
        // Where others have the project open, what waits is theirs.
        let Some(open) = self.project.as_mut().filter(|open| !open.is_beside_others()) else { return Ok(()) };
        if take_back(&open.documents_folder())? {
            open.replaced = false;
            (open.survey, open.prepared, open.counts) = (None, None, None);
        }
        Ok(())
    }
}

/// Whether files waited, and are back. What was given instead goes only once they are: wherever this ends, one of both is there.
pub(super) fn take_back(documents: &Path) -> Result<bool> {
    let (waiting, given) = (waiting(documents), documents.with_file_name(DOCUMENTS_GIVEN));
    // What a program left that died here: the given files, whose time is over.
    files::remove_dir_all(&given).ok();
    if !files::is_dir(&waiting) {
        return Ok(false);
    }
    if files::is_dir(documents) {
        files::rename(documents, &given).map_err(Error::io(documents))?;
    }
    if let Err(error) = files::rename(&waiting, documents) {
        files::rename(&given, documents).ok();
        return Err(Error::io(&waiting)(error));
    }
    files::remove_dir_all(&given).ok();
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
        // A file stands where the given files would be put: nothing is moved.
        std::fs::write(folder.path().join(DOCUMENTS_GIVEN), "in the way").unwrap();
        assert!(take_back(&documents).is_err());
        assert_eq!(text(), "given");
        assert!(folder.path().join(DOCUMENTS_BEFORE).join("a.txt").exists());
        std::fs::remove_file(folder.path().join(DOCUMENTS_GIVEN)).unwrap();
        // A program that died between both moves.
        std::fs::rename(&documents, folder.path().join(DOCUMENTS_GIVEN)).unwrap();
        assert!(take_back(&documents).unwrap());
        assert_eq!(text(), "own");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
