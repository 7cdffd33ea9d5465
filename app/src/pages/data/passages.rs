//! A compared document split into leaves, one of which is drawn at a time, so that a frame's cost does not grow with the
//! document.

use super::leaves::cut;
use crate::theme::{self, Palette};
use egui::text::LayoutJob;
use egui::{Color32, FontId, Stroke, TextFormat};
use glasshouse_protocol::cleaning::{TextChange, TextFate};
use std::ops::Range;

/// Maximum bytes of a leaf.
const LEAF: usize = 12_000;

#[derive(Debug, Default)]
pub(super) struct Passages {
    /// Number of the comparison they belong to.
    of: u64,
    /// Passages of each leaf: index of the change, and byte range in it.
    leaves: Vec<Vec<(usize, Range<usize>)>>,
    /// Index of the shown leaf.
    pub(super) open: usize,
}

impl Passages {
    pub(super) fn take(&mut self, comparison: u64, changes: &[TextChange]) {
        if self.of != comparison {
            *self = Self { of: comparison, leaves: leaves(changes), open: 0 };
        }
    }

    pub(super) fn count(&self) -> usize {
        self.leaves.len()
    }

    /// The shown leaf, laid out: removed passages struck through and dimmed, inserted ones highlighted.
    pub(super) fn job(&self, changes: &[TextChange], palette: &Palette, size: f32) -> LayoutJob {
        let mut job = LayoutJob::default();
        for (number, bytes) in self.leaves.get(self.open).into_iter().flatten() {
            let Some(change) = changes.get(*number) else { continue };
            let text = change.text.get(bytes.clone()).unwrap_or_default();
            job.append(text, 0.0, format(change.fate, palette, size));
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

/// Splits changes at the last line break that fits, else at the last space, else between characters.
fn leaves(changes: &[TextChange]) -> Vec<Vec<(usize, Range<usize>)>> {
    let mut all = Vec::new();
    let (mut leaf, mut used) = (Vec::new(), 0);
    for (number, change) in changes.iter().enumerate() {
        let mut from = 0;
        while let Some(rest) = change.text.get(from..).filter(|rest| !rest.is_empty()) {
            // A non-empty leaf may end here; an empty one takes what fits.
            let end = cut(rest, LEAF.saturating_sub(used), |fits| if leaf.is_empty() { fits } else { 0 });
            if end > 0 {
                leaf.push((number, from..from + end));
                from += end;
                used += end;
            }
            if end < rest.len() {
                all.push(std::mem::take(&mut leaf));
                used = 0;
            }
        }
    }
    if !leaf.is_empty() {
        all.push(leaf);
    }
    all
}

#[cfg(test)]
mod tests {
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
