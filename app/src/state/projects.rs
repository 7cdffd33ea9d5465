//! Projects on the shelf, and the open one.

use glasshouse_protocol::{Event, ProjectSummary, RunConfig};

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
    pub(super) fn apply(&mut self, event: &Event) {
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
