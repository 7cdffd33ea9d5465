//! A teacher's lessons, and the progress in lessons in the open project.

use super::*;

#[derive(Debug, Default)]
pub struct Lessons {
    /// Lesson files of the project, and of the folder shared by all projects.
    pub files: Vec<LessonFile>,
    /// By lesson name.
    pub progress: BTreeMap<String, LessonProgress>,
    /// Number of times files arrived, so that the page knows when to read them again.
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
            Event::Project { .. } => {
                *self = Self { revision: self.revision + 1, ..Self::default() };
            }
            _ => {}
        }
    }
}
