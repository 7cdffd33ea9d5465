//! Text that is given together with a run. The project's own files wait beside it until the run has begun; where it is refused,
//! or the program ends before, they are back.

use super::Session;
use crate::error::{Error, Result};
use crate::platform::files;
use crate::protocol::{Parcel, Report};
use std::path::{Path, PathBuf};

/// Where the files wait.
fn waiting(documents: &Path) -> PathBuf {
    documents.with_file_name("documents.before")
}

impl<Tell: Fn(Parcel<Report>)> Session<Tell> {
    pub(super) async fn replace_documents(
        &mut self,
        id: u64,
        names: &[String],
        bytes: Vec<Vec<u8>>,
    ) -> Result<()> {
        self.take_documents_back();
        let documents = self.opened()?.documents_folder();
        files::create_dir_all(&documents).map_err(Error::io(&documents))?;
        files::rename(&documents, waiting(&documents)).map_err(Error::io(&documents))?;
        let added = self.add_documents(id, names, bytes).await;
        added.inspect_err(|_| self.take_documents_back())
    }

    /// The run that the text was given for has begun.
    pub(super) fn keep_documents(&mut self) {
        if let Some(open) = &self.project {
            files::remove_dir_all(waiting(&open.documents_folder())).ok();
        }
    }

    /// Puts the files that wait in the place of what was given; does nothing where none wait.
    pub(super) fn take_documents_back(&mut self) {
        let Some(open) = &mut self.project else { return };
        if take_back(&open.documents_folder()) {
            (open.survey, open.prepared, open.counts) = (None, None, None);
        }
    }
}

/// Whether files waited, and are back.
pub(super) fn take_back(documents: &Path) -> bool {
    let waiting = waiting(documents);
    if !files::is_dir(&waiting) {
        return false;
    }
    files::remove_dir_all(documents).ok();
    files::rename(&waiting, documents).is_ok()
}
