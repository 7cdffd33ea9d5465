//! A compared document split into leaves, one of which is drawn at a time, so that a frame's cost does not grow with the
//! document.

use super::leaves::leaves;
use crate::pages::prelude::*;
use glasshouse_protocol::cleaning::{TextChange, TextFate};

#[derive(Debug, Default)]
pub struct Passages {
    /// Number of the comparison they belong to.
    of: u64,
    /// Byte range of each leaf in the changes' joined texts.
    leaves: Vec<Range<usize>>,
    /// Index of the shown leaf.
    pub open: usize,
}

impl Passages {
    pub fn take(&mut self, comparison: u64, changes: &[TextChange]) {
        if self.of != comparison {
            let text: String = changes.iter().map(|change| change.text.as_str()).collect();
            *self = Self { of: comparison, leaves: leaves(&text), open: 0 };
        }
    }

    pub fn count(&self) -> usize {
        self.leaves.len()
    }

    /// The shown leaf, laid out: removed passages struck through and dimmed, inserted ones highlighted.
    pub fn job(&self, changes: &[TextChange], palette: &Palette, size: f32) -> LayoutJob {
        let leaf = self.leaves.get(self.open).cloned().unwrap_or_default();
        let (mut job, mut before) = (LayoutJob::default(), 0);
        for change in changes {
            let inside = |at: usize| at.saturating_sub(before).min(change.text.len());
            let text = change.text.get(inside(leaf.start)..inside(leaf.end)).unwrap_or_default();
            if !text.is_empty() {
                job.append(text, 0.0, format(change.fate, palette, size));
            }
            before += change.text.len();
        }
        job
    }
}

fn format(fate: TextFate, palette: &Palette, size: f32) -> TextFormat {
    let of = |colour: Color32| TextFormat {
        line_height: Some((size * 1.5).round()),
        ..TextFormat::simple(FontId::proportional(size), colour)
    };
    match fate {
        TextFate::Same => of(palette.text),
        TextFate::Removed => {
            let line = Stroke::new(1.0, theme::mix(palette.quiet, palette.failure, 0.5));
            TextFormat { strikethrough: line, ..of(palette.quiet) }
        }
        TextFate::Added => {
            TextFormat { background: theme::mix(palette.panel, palette.accent, 0.16), ..of(palette.accent) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::leaves::LEAF;
    use super::*;
    use crate::theme::DARK;

    fn change(fate: TextFate, text: &str) -> TextChange {
        TextChange { fate, text: text.to_owned() }
    }

    #[test]
    fn leaves_hold_every_change_whole_and_in_order() {
        let texts = ["ä".repeat(LEAF), "one line\n".repeat(4000), "word ".repeat(3000), "x".repeat(3 * LEAF)];
        let changes: Vec<TextChange> = texts
            .iter()
            .flat_map(|text| [change(TextFate::Same, text), change(TextFate::Removed, "gone ")])
            .collect();
        let mut passages = Passages::default();
        passages.take(1, &changes);
        let mut joined = String::new();
        for leaf in 0..passages.count() {
            passages.open = leaf;
            let job = passages.job(&changes, &DARK, 15.0);
            assert!(job.text.len() <= LEAF && !job.text.is_empty(), "{}", job.text.len());
            joined.push_str(&job.text);
        }
        assert_eq!(joined, changes.iter().map(|change| change.text.as_str()).collect::<String>());
        passages.take(1, &[]);
        assert!(passages.count() > 1, "the same comparison is not cut again");
        passages.take(2, &[]);
        assert_eq!((passages.count(), passages.open), (0, 0));
    }

    #[test]
    fn only_what_was_removed_is_struck_through() {
        let changes = [
            change(TextFate::Same, "Write to "),
            change(TextFate::Removed, "mia@example.org"),
            change(TextFate::Added, "<EMAIL>"),
        ];
        let mut passages = Passages::default();
        passages.take(1, &changes);
        let job = passages.job(&changes, &DARK, 15.0);
        let struck: Vec<bool> =
            job.sections.iter().map(|section| section.format.strikethrough.width > 0.0).collect();
        assert_eq!(struck, [false, true, false]);
        assert_eq!(job.sections[2].format.color, DARK.accent);
    }
}
