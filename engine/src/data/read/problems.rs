//! What could not be read, by file: it is told to the person, and the rest goes on.

use glasshouse_protocol::FileProblem;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Files with something wrong in them, each once, with the first reason and how many more there are.
#[derive(Clone, Debug, Default)]
pub struct Problems(Arc<Mutex<Vec<(FileProblem, u64)>>>);

impl Problems {
    /// Notes what is wrong with a file.
    pub fn note(&self, path: &Path, reason: &str) {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.iter_mut().find(|(problem, _)| problem.name == name) {
            Some((_, more)) => *more += 1,
            None => {
                known.push((FileProblem { name, reason: reason.to_owned(), partly: false }, 0));
            }
        }
    }

    /// Whether something was noted.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// All of them, in the order of their files.
    pub fn list(&self) -> Vec<FileProblem> {
        let told = |(problem, more): &(FileProblem, u64)| {
            let FileProblem { name, reason, partly } = problem.clone();
            let reason = match more {
                0 => reason,
                1 => format!("{reason} (and 1 more like it)"),
                more => format!("{reason} (and {more} more like it)"),
            };
            FileProblem { name, reason, partly }
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(told).collect()
    }
}
