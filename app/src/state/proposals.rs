//! What to answer next in the open project.

use glasshouse_protocol::{Event, answer};

/// Follows the prompts about which a model is least certain. Feedback on a reply removes its prompt.
pub(super) fn apply(proposed: &mut Option<answer::Proposed>, event: &Event) {
    match event {
        Event::Proposed(answer) => *proposed = Some(answer.clone()),
        Event::Feedback { rows } => {
            if let Some(own) = proposed {
                own.rows.retain(|proposal| !rows.iter().any(|row| row.answers(proposal)));
            }
        }
        Event::Project { .. } => *proposed = None,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{ChatMessage, Feedback, Proposal, Role, Uncertainty};

    #[test]
    fn what_was_answered_leaves_the_queue() {
        let asked = |text: &str| vec![ChatMessage::new(Role::User, text)];
        let proposal = |text: &str| Proposal { prompt: asked(text), ..Proposal::default() };
        let mut proposals = None;
        apply(&mut proposals, &Event::Feedback { rows: vec![Feedback::thumb(asked("Who?"), "Ada.", true)] });
        assert_eq!(proposals, None);
        let rows = vec![proposal("Who?"), proposal("Where?")];
        let (run, labels, measure) = ("1-a".to_owned(), Vec::new(), Uncertainty::Entropy);
        apply(
            &mut proposals,
            &Event::Proposed(answer::Proposed { run, measure, labels, rows, considered: 7 }),
        );
        assert_eq!(proposals.as_ref().map(|own| (own.rows.len(), own.considered)), Some((2, 7)));
        apply(&mut proposals, &Event::Feedback { rows: vec![Feedback::better(asked("Who?"), "Eva.")] });
        assert_eq!(proposals.as_ref().map(|own| &own.rows[..]), Some(&[proposal("Where?")][..]));
        apply(&mut proposals, &Event::Project { opened: None });
        assert_eq!(proposals, None);
    }
}
