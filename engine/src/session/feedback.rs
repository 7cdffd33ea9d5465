//! Conversations, feedback on replies, and the rows that runs train on.

use super::Session;
use crate::Result;
use crate::data::recipes::rows_of;
use crate::platform::{self, Yielder};
use crate::project::archive;
use crate::protocol::{Event, LearnsFrom, TrainConfig, answer};
use crate::storage::Staging;
use std::path::PathBuf;

impl Session {
    /// The list of conversations, after one was `kept` if it names one.
    pub(super) fn list_conversations(&mut self, kept: Option<u64>) -> Result<answer::Conversations> {
        let (conversations, problems) = self.opened()?.project.conversations()?;
        Ok(answer::Conversations { conversations, problems, kept })
    }

    pub(super) fn list_feedback(&mut self) -> Result<Event> {
        let rows = self.opened()?.project.feedback()?;
        Ok(Event::Feedback { rows })
    }

    /// Exports all rows: to a folder, or packed with the answer.
    pub(super) async fn export_feedback(
        &mut self,
        id: u64,
        to: Option<PathBuf>,
        one: bool,
        keep: bool,
    ) -> Result<()> {
        let project = self.opened()?.project.clone();
        let name = "feedback".to_owned();
        if let Some(to) = to {
            let written = project.export_feedback(&to, one, !keep)?;
            let files: Vec<PathBuf> = written.into_iter().map(|(file, _)| file).collect();
            self.sink.exported(id, name, &to, &files, None);
            return Ok(());
        }
        let staging = Staging::inside(project.folder())?;
        let folder = staging.path().join(&name);
        project.export_feedback(&folder, one, true)?;
        let (packed, _) = archive::pack_folder(&folder, &Yielder::new()).await?;
        self.sink.attached(id, format!("{name}.zip"), packed);
        Ok(())
    }

    /// The files that a new run trains on; `recipe` names the recipe for tasks. `None` for the project's text as it is. Fails if there is
    /// nothing of that kind to train on.
    pub(super) async fn files_to_learn(
        &mut self,
        train: &TrainConfig,
        (learns_from, recipe): (LearnsFrom, Option<String>),
    ) -> Result<Option<Vec<String>>> {
        let objective = train.objective;
        let path = match learns_from {
            // Other objectives train on rows, which are among documents of other kinds.
            LearnsFrom::Documents if objective.learns_text() || self.opened()?.is_beside_others() => {
                return Ok(None);
            }
            LearnsFrom::Documents => {
                let paths = self.opened()?.row_files(objective);
                let rows: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                return Ok((!rows.is_empty()).then_some(rows));
            }
            LearnsFrom::Feedback => {
                self.opened()?.project.feedback_to_learn(objective, train.judges_answers())?
            }
            LearnsFrom::Tasks => {
                let folder = self.opened()?.project.folder().to_owned();
                platform::spawn_blocking(move || rows_of(&folder, recipe.as_deref(), objective)).await??
            }
        };
        Ok(Some(vec![path.display().to_string()]))
    }
}
