//! What to answer next in the open project.

use glasshouse_protocol::{Event, Proposal};

/// Prompts about which a model is least certain. Feedback on a reply removes its prompt.
#[derive(Debug, Default)]
pub struct Proposals {
    /// Most useful first; `None` until some were proposed.
    pub rows: Option<Vec<Proposal>>,
    /// The run that rated them.
    pub run: String,
    /// Number of rated prompts or texts.
    pub considered: usize,
}

impl Proposals {
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Proposed { run, rows, considered, .. } => {
                *self = Self { rows: Some(rows.clone()), run: run.clone(), considered: *considered };
            }
            Event::Feedback { rows } => {
                if let Some(own) = &mut self.rows {
                    own.retain(|proposal| !rows.iter().any(|row| row.answers(proposal)));
                }
            }
            Event::Project { .. } => *self = Self::default(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{ChatMessage, Feedback, Role, Uncertainty};

    #[test]
    fn what_was_answered_leaves_the_queue() {
        let asked = |text: &str| vec![ChatMessage::new(Role::User, text)];
        let proposal = |text: &str| Proposal { prompt: asked(text), ..Proposal::default() };
        let mut proposals = Proposals::default();
        proposals.apply(&Event::Feedback { rows: vec![Feedback::thumb(asked("Who?"), "Ada.", true)] });
        assert_eq!(proposals.rows, None);
        let rows = vec![proposal("Who?"), proposal("Where?")];
        let (run, labels, measure) = ("1-a".to_owned(), Vec::new(), Uncertainty::Entropy);
        proposals.apply(&Event::Proposed { run, measure, labels, rows, considered: 7 });
        assert_eq!((proposals.rows.as_ref().map(Vec::len), proposals.considered), (Some(2), 7));
        proposals.apply(&Event::Feedback { rows: vec![Feedback::better(asked("Who?"), "Eva.")] });
        assert_eq!(proposals.rows.as_deref(), Some(&[proposal("Where?")][..]));
        proposals.apply(&Event::Project { opened: None });
        assert_eq!(proposals.rows, None);
    }
}
