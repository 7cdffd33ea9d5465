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
