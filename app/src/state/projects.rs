//! All projects, and the open one.

use super::*;

#[derive(Debug, Default)]
pub struct Projects {
    /// Last used first, including deleted ones that can be restored.
    pub list: Vec<ProjectSummary>,
    pub listed: bool,
    pub open: Option<OpenProject>,
    /// Number of openings so far; survives a restart of the engine, so that pages detect each opening.
    pub openings: u64,
    /// Unfinished requests that leave the open project.
    leaving: BTreeSet<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OpenProject {
    /// Its summary at the time of opening.
    pub summary: ProjectSummary,
    /// Settings of its next runs, as proposed by the engine.
    pub drafts: Drafts,
    /// Number of the opening, so that pages know when to load the settings.
    pub opening: u64,
    /// The engine's number of the opening, as in [`Request::opening`](glasshouse_protocol::Request::opening).
    pub number: u64,
}

/// Whether a command opens another project, or closes the open one.
pub fn leaves(command: &Command) -> bool {
    matches!(
        command,
        Command::CreateProject { .. }
            | Command::OpenProject { .. }
            | Command::ImportProject { .. }
            | Command::TrainFirst { .. }
            | Command::CloseProject
    )
}

impl Projects {
    /// Another project is being opened, or this one closed. Known runs and texts belong to the old project, and the engine would
    /// not find them.
    pub fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    pub fn has_classifier(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.summary.classifier)
    }

    pub(super) fn sent(&mut self, id: u64, command: &Command) {
        let deletes = match command {
            Command::ChangeProject { id, change: ProjectChange::Delete } => {
                self.open.as_ref().is_some_and(|open| open.summary.id == *id)
            }
            _ => false,
        };
        if deletes || leaves(command) {
            self.leaving.insert(id);
        }
    }

    pub(super) fn apply(&mut self, request: Option<u64>, event: &Event) {
        if let (Some(id), Event::Project { .. } | Event::Failed { .. } | Event::Finished) = (request, event) {
            self.leaving.remove(&id);
        }
        match event {
            Event::Projects { projects, .. } => {
                self.list.clone_from(projects);
                self.listed = true;
                if let Some(open) = &mut self.open
                    && let Some(now) = projects.iter().find(|project| project.id == open.summary.id)
                {
                    open.summary = now.clone();
                }
            }
            Event::Project { opened: Some(opened) } => {
                self.openings += 1;
                self.open = Some(OpenProject {
                    summary: opened.project.clone(),
                    drafts: opened.drafts.clone(),
                    opening: self.openings,
                    number: opened.opening,
                });
            }
            Event::Project { opened: None } => self.open = None,
            _ => {}
        }
    }
}
