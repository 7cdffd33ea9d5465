//! Lessons in addition to the built-in ones, and the learner's progress.

use super::Session;
use crate::Result;
use crate::project::{Project, lesson_files};
use crate::protocol::{Event, LessonProgress};

impl Session {
    /// Answers with additional lessons; without a project, only those available to all projects.
    pub(super) fn list_lessons(&mut self) -> Result<Event> {
        let project = self.project.as_ref().map(|open| &open.project);
        let kept = project.map(Project::lesson_progress).transpose();
        // Lessons are listed even if the progress is unreadable; its file is left unchanged.
        let progress = kept.unwrap_or_else(|error| {
            self.sink.notice(format!("cannot show the lessons' results: {error}"));
            None
        });
        let progress = progress.unwrap_or_default();
        Ok(Event::Lessons { files: lesson_files(project), progress })
    }

    pub(super) fn keep_lesson(&mut self, lesson: &str, progress: Option<LessonProgress>) -> Result<Event> {
        self.opened()?.project.set_lesson_progress(lesson, progress)?;
        self.list_lessons()
    }
}
