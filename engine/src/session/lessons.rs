//! Lessons beside the program's, and what a learner made of lessons.

use super::Session;
use crate::error::Result;
use crate::project::lesson_files;
use crate::protocol::{Event, LessonProgress};
use std::collections::BTreeMap;

impl Session {
    /// Answers with lessons that stand beside the program's; without a project those that are there for every one.
    pub(super) fn list_lessons(&mut self, id: u64) -> Result<()> {
        let project = self.project.as_ref().map(|open| &open.project);
        let progress = match project {
            Some(project) => project.lesson_progress()?,
            None => BTreeMap::new(),
        };
        self.outlet.answer(id, Event::Lessons { files: lesson_files(project), progress });
        Ok(())
    }

    pub(super) fn keep_lesson(
        &mut self,
        id: u64,
        lesson: &str,
        progress: Option<LessonProgress>,
    ) -> Result<()> {
        self.opened()?.project.set_lesson_progress(lesson, progress)?;
        self.list_lessons(id)
    }
}
