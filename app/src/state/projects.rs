//! Projects on the shelf, and the open one.

use glasshouse_protocol::{Command, Event, ProjectSummary, RunConfig};
use std::collections::BTreeSet;

/// Projects.
#[derive(Debug, Default)]
pub struct Projects {
    /// All of them, last used first; deleted ones included while they can be restored.
    pub list: Vec<ProjectSummary>,
    /// They were listed at least once.
    pub listed: bool,
    /// The open one.
    pub open: Option<OpenProject>,
    /// Openings so far; it outlives a restart of the engine, so that pages see each as a new one.
    pub openings: u64,
    /// Requests under way that leave the open project, by their numbers.
    leaving: BTreeSet<u64>,
}

/// The open project.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenProject {
    /// Its summary at the time of opening.
    pub summary: ProjectSummary,
    /// Settings for its next run, as the engine proposes them.
    pub config: RunConfig,
    /// Counts openings, so that pages know when to take the settings over.
    pub opening: u64,
}

impl Projects {
    /// Another project, or none, is on its way. What is known of runs and texts is of the last one, and the engine would look
    /// for them in vain.
    pub fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// The open project has a classifier, for moderation.
    pub fn has_classifier(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.summary.classifier)
    }

    pub(super) fn sent(&mut self, id: u64, command: &Command) {
        let leaves = match command {
            Command::CreateProject { .. }
            | Command::OpenProject { .. }
            | Command::ImportProject { .. }
            | Command::TrainFirst { .. }
            | Command::CloseProject => true,
            Command::DeleteProject { id } => self.open.as_ref().is_some_and(|open| open.summary.id == *id),
            _ => false,
        };
        if leaves {
            self.leaving.insert(id);
        }
    }

    pub(super) fn apply(&mut self, request: Option<u64>, event: &Event) {
        if let (
            Some(id),
            Event::ProjectOpened { .. } | Event::ProjectClosed | Event::Failed { .. } | Event::Finished,
        ) = (request, event)
        {
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
            Event::ProjectOpened { project, config, .. } => {
                self.openings += 1;
                self.open = Some(OpenProject {
                    summary: project.clone(),
                    config: (**config).clone(),
                    opening: self.openings,
                });
            }
            Event::ProjectClosed => self.open = None,
            _ => {}
        }
    }
}
