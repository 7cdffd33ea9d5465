//! Display of a recipe's stages: colours, and effects in words.

use crate::pages::prelude::*;
use glasshouse_protocol::cleaning::report::{Group, Stage};

pub fn colour(palette: &Palette, group: Group) -> Color32 {
    let [blue, orange, green, pink, red, yellow] = palette.series;
    match group {
        Group::Reading => palette.quiet,
        Group::Extraction => blue,
        Group::Repair => theme::mix(palette.panel, blue, 0.6),
        Group::Rules => red,
        Group::Duplicates => pink,
        Group::Contamination => yellow,
        Group::Personal => orange,
        Group::Balance => green,
    }
}

/// Bytes removed by a stage, as whole documents and parts.
pub fn taken(stage: &Stage) -> u64 {
    stage.before.bytes.saturating_sub(stage.after().bytes)
}

/// A stage's effects in the last cleaning: `dropped 2,310 documents, changed 12, removed 512 kB`.
pub fn deeds(stage: &Stage) -> String {
    let mut words = Vec::new();
    match stage.removed.documents {
        0 => {}
        1 => words.push("dropped 1 document".to_owned()),
        many => words.push(format!("dropped {} documents", format::whole(many))),
    }
    if stage.edited.before.documents > 0 {
        words.push(format!("changed {}", format::whole(stage.edited.before.documents)));
    }
    if taken(stage) > 0 {
        words.push(format!("removed {}", format::bytes(taken(stage))));
    }
    if words.is_empty() { "removed nothing".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::cleaning::report::{Amount, Edited};

    #[test]
    fn deeds_are_told_in_words_and_growth_is_no_loss() {
        let amount = |documents, bytes| Amount { documents, bytes, words: bytes / 6 };
        let mut stage = Stage { before: amount(100, 9000), ..Stage::default() };
        assert_eq!(deeds(&stage), "removed nothing");
        stage.removed = amount(1, 600);
        assert_eq!(deeds(&stage), "dropped 1 document, removed 600 B");
        stage.removed = amount(12, 1200);
        stage.edited = Edited { before: amount(3, 300), after: amount(3, 200) };
        assert_eq!(deeds(&stage), "dropped 12 documents, changed 3, removed 1.3 kB");
        // Placeholders may be longer than the replaced text.
        stage.removed = Amount::default();
        stage.edited.after = amount(3, 360);
        assert_eq!((taken(&stage), deeds(&stage).as_str()), (0, "changed 3"));
    }
}
