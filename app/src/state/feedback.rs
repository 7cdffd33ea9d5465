//! Feedback on replies in the open project.

use super::*;

/// Minimum rows for a run: the last is held out.
pub const MIN_ROWS: usize = 2;

/// The rows of feedback, and counts by kind.
#[derive(Debug, Default)]
pub struct Said {
    /// Oldest first; `None` until listed, and if listing failed.
    pub rows: Option<Vec<Feedback>>,
    pub failed: Option<String>,
    /// Replies for supervised fine-tuning.
    pub learned: usize,
    /// Pairs for preference learning.
    pub pairs: usize,
    /// Rows with good or bad replies, single or paired, for KTO.
    pub judged: usize,
    pub labelled: usize,
    /// Number of times rows arrived, so that pages know when to look at them again.
    pub revision: u64,
    /// Successful requests that changed the rows.
    pub kept: BTreeSet<u64>,
}

impl Said {
    pub(super) fn apply(&mut self, request: Option<u64>, asked: Option<&Command>, event: &Event) {
        match event {
            Event::Feedback { rows } => {
                if matches!(asked, Some(Command::SpliceFeedback { .. })) {
                    self.kept.extend(request);
                }
                self.learned = rows.iter().filter(|row| row.learned().is_some()).count();
                self.pairs = rows.iter().filter(|row| !row.chosen.is_empty()).count();
                self.judged = rows.iter().filter(|row| row.text.is_empty()).count();
                self.labelled = rows.iter().filter(|row| !row.text.is_empty()).count();
                (self.rows, self.failed) = (Some(rows.clone()), None);
                self.revision += 1;
            }
            Event::Failed { error } if asked == Some(&Command::ListFeedback) => {
                (self.rows, self.failed) = (None, Some(error.message.clone()));
                (self.learned, self.pairs, self.judged, self.labelled) = (0, 0, 0, 0);
            }
            Event::Project { .. } => {
                *self = Self { revision: self.revision + 1, ..Self::default() };
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{ChatMessage, ErrorKind, ErrorReport, Role};

    #[test]
    fn rows_are_counted_when_they_come_and_what_cannot_be_read_is_told_from_none() {
        let asked = || vec![ChatMessage::new(Role::User, "Who?")];
        let rows = vec![
            Feedback::thumb(asked(), "Ada.", true),
            Feedback::thumb(asked(), "Mud.", false),
            Feedback::better(asked(), "Eva."),
            Feedback::pair(asked(), "Eva.", "Mud."),
        ];
        let mut said = Said::default();
        said.apply(Some(3), Some(&Command::ListFeedback), &Event::Feedback { rows: rows.clone() });
        assert_eq!((said.learned, said.pairs, said.revision, said.kept.len()), (2, 1, 1, 0));
        let splice = Command::SpliceFeedback { at: None, removed: 0, expected: Vec::new(), rows: Vec::new() };
        let failed = Event::Failed { error: ErrorReport::new(ErrorKind::Io, "the disk is full") };
        said.apply(Some(4), Some(&splice), &failed);
        assert_eq!((said.rows.as_ref(), said.kept.contains(&4)), (Some(&rows), false));
        said.apply(Some(5), Some(&splice), &Event::Feedback { rows });
        assert!(said.kept.contains(&5));
        said.apply(Some(6), Some(&Command::ListFeedback), &failed);
        assert_eq!((said.rows.as_ref(), said.failed.as_deref()), (None, Some("the disk is full")));
    }
}
