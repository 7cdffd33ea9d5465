//! A teacher's lessons, and what was made of lessons in the open project.

use glasshouse_protocol::{Event, LessonFile, LessonProgress};
use std::collections::BTreeMap;

/// Lessons beside the program's, and what was made of all.
#[derive(Debug, Default)]
pub struct Lessons {
    /// Files of the project and of the folder that there is for every one.
    pub files: Vec<LessonFile>,
    /// What was made of each, by its name.
    pub progress: BTreeMap<String, LessonProgress>,
    /// Counts how often files came, so that the page knows when to read them again.
    pub revision: u64,
}

impl Lessons {
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Lessons { files, progress } => {
                self.progress.clone_from(progress);
                if self.files != *files {
                    self.files.clone_from(files);
                    self.revision += 1;
                }
            }
            Event::ProjectOpened { .. } | Event::ProjectClosed => {
                *self = Self { revision: self.revision + 1, ..Self::default() };
            }
            _ => {}
        }
    }
}
