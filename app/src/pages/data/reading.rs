//! The pane to read a document, with search hits highlighted.

use super::judged::looked_kept;
use super::leaves::parts_ui;
use super::*;
use crate::theme::mix;
use egui::Align;
use egui::text::{ByteIndex, CCursor};
use glasshouse_protocol::answer::Document;

/// Maximum line width in points: about 72 characters of the reading size.
const MAX_LINE_WIDTH: f32 = 72.0 * 7.4;

impl DataPage {
    pub(super) fn reading_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, height: f32) {
        let palette = context.palette;
        card(ui, |ui| {
            ui.set_min_height(height - 32.0);
            let Some(number) = self.open else { return quiet_text(ui, "Choose a document to read it here.") };
            let state = context.state;
            let read = state.documents.read.as_ref().filter(|read| read.number == number);
            let (text, cut) = read.map_or(("", false), |read| (read.text.as_str(), read.cut));
            let learned = read.map(Document::pieces).unwrap_or_default();
            let by_token = read.is_some_and(|read| !read.tokens.is_empty());
            self.leaves.take(number, text, &state.documents.search);
            if self.move_to_place && read.is_some() {
                self.leaves.open_place(self.place);
            }
            let found = self.leaves.places.len();
            self.place = self.place.min(found.saturating_sub(1));
            self.heading_ui(ui, context, number, found);
            let left = (height - 32.0 - 2.0 * theme::CONTROL - 24.0).max(160.0);
            let area = scrolled(("document", number, self.leaves.open), left);
            area.auto_shrink(false).show(ui, |ui| {
                if read.is_none() {
                    return quiet_text(ui, "Reading…");
                }
                ui.set_max_width(ui.available_width().min(MAX_LINE_WIDTH));
                if !learned.is_empty() {
                    let told = if by_token {
                        "A conversation as tokens of the chat template and the tokenizer: fine-tuning trains on the coloured tokens."
                    } else {
                        "A conversation in the chat template's format: fine-tuning trains on the marked text."
                    };
                    caption(ui, told);
                }
                self.leaf_ui(ui, palette, text, (&learned, by_token));
                if cut {
                    caption(ui, "Only the first 200,000 characters are shown. All of the document is used.");
                }
            });
        });
    }

    fn leaf_ui(
        &mut self,
        ui: &mut Ui,
        palette: &Palette,
        text: &str,
        (learned, by_token): (&[(Range<usize>, bool)], bool),
    ) {
        let moving = std::mem::take(&mut self.move_to_place);
        let (leaf, first, found) = self.leaves.read();
        let text = text.get(leaf.clone()).unwrap_or_default();
        let current = self.place.checked_sub(first).filter(|place| *place < found.len());
        let mut job = lit_text(text, &found, current, 15.0, palette);
        if !learned.is_empty() {
            mark_learned(&mut job, leaf.start, (learned, by_token), palette);
        }
        job.wrap.max_width = ui.available_width();
        let galley = ui.painter().layout_job(job);
        let response = ui.add(Label::new(galley.clone()).selectable(true));
        if moving && let Some(place) = current.and_then(|place| found.get(place)) {
            let letters = text.get(..place.start).unwrap_or_default().chars().count();
            let at = galley.pos_from_cursor(CCursor::new(letters));
            ui.scroll_to_rect(at.translate(response.rect.min.to_vec2()), Some(Align::Center));
        }
        let leaves = self.leaves.leaves.len();
        parts_ui(ui, &mut self.leaves.open, leaves);
    }

    fn heading_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, number: u64, found: usize) {
        let documents = &context.state.documents;
        let summary = documents.page.iter().find(|document| document.number == number);
        let kept = summary.and_then(looked_kept);
        let (turn, compare) = line_ui(
            ui,
            |ui| {
                let compare = kept.is_some()
                    && icon_button(ui, true, icons::ICON_COMPARE, "Compare with the raw document");
                let next = icon_button(ui, true, icons::ICON_CHEVRON_RIGHT, "Next document");
                let previous = icon_button(ui, true, icons::ICON_CHEVRON_LEFT, "Previous document");
                ((next || previous).then_some(next), compare)
            },
            |ui| {
                head(ui, &format!("Document {}", format::whole(number + 1)));
                if let Some(summary) = summary {
                    caption(ui, if summary.validation { "held out for validation" } else { "training" });
                }
            },
        );
        ui.allocate_ui_with_layout(
            Vec2::new(ui.available_width(), theme::CONTROL),
            Layout::left_to_right(Align::Center),
            |ui| {
                if found == 0 {
                    if let Some(summary) = summary {
                        let characters = format::whole(summary.characters);
                        caption(ui, format!("{} · {characters} characters", summary.file));
                    }
                    return;
                }
                caption(ui, format!("Match {} of {}", self.place + 1, found));
                if quiet(ui, None, "Previous match").clicked() {
                    self.place = (self.place + found - 1) % found;
                    self.move_to_place = true;
                }
                if quiet(ui, None, "Next match").clicked() {
                    self.place = (self.place + 1) % found;
                    self.move_to_place = true;
                }
            },
        );
        if let Some(forward) = turn {
            self.turn(forward, context);
        }
        if compare {
            self.looked = kept;
        }
    }
}

/// Highlights the trained-on parts of a leaf that begins at byte `begins` of its document, and mutes the rest. Search hits stay
/// highlighted. If the pieces are tokens, their shades alternate.
fn mark_learned(
    job: &mut LayoutJob,
    begins: usize,
    (pieces, by_token): (&[(Range<usize>, bool)], bool),
    palette: &Palette,
) {
    let sections = std::mem::take(&mut job.sections);
    for section in sections {
        let Range { start: ByteIndex(mut from), end: ByteIndex(end) } = section.byte_range;
        while from < end {
            let at = begins + from;
            let number = pieces.partition_point(|(range, _)| range.end <= at);
            let (edge, is_learned) = match pieces.get(number) {
                Some((range, is_learned)) if range.start <= at => (range.end, *is_learned),
                Some((range, _)) => (range.start, false),
                None => (begins + end, false),
            };
            let to = (edge - begins).min(end);
            let mut part =
                egui::text::LayoutSection { byte_range: ByteIndex(from)..ByteIndex(to), ..section.clone() };
            let is_lit = part.format.background != Color32::TRANSPARENT;
            if is_learned {
                part.format.underline = Stroke::new(2.0, palette.accent);
            } else if !is_lit {
                part.format.color = palette.quiet;
            }
            if by_token && !is_lit {
                part.format.background = shade(palette, is_learned, number.is_multiple_of(2));
            }
            job.sections.push(part);
            from = to;
        }
    }
}

fn shade(palette: &Palette, is_learned: bool, is_even: bool) -> Color32 {
    match (is_learned, is_even) {
        (true, true) => mix(palette.panel, palette.accent, 0.3),
        (true, false) => mix(palette.panel, palette.accent, 0.16),
        (false, true) => palette.raised,
        (false, false) => Color32::TRANSPARENT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(job: &LayoutJob) -> Vec<(Range<usize>, bool)> {
        let mark = |section: &egui::text::LayoutSection| {
            let Range { start: ByteIndex(start), end: ByteIndex(end) } = section.byte_range;
            (start..end, section.format.underline.width > 0.0)
        };
        job.sections.iter().map(mark).collect()
    }

    #[test]
    fn what_is_learned_is_marked_across_what_is_searched_for() {
        let palette = &crate::theme::DARK;
        let mut job = lit_text("ask answer end", std::slice::from_ref(&(2..6)), None, 15.0, palette);
        // The leaf begins at byte 100 of its document.
        mark_learned(&mut job, 100, (&[(104..110, true)], false), palette);
        let wanted = [(0..2, false), (2..4, false), (4..6, true), (6..10, true), (10..14, false)];
        assert_eq!(marks(&job), wanted);
    }

    #[test]
    fn tokens_are_told_apart_and_those_that_are_learned_in_colour() {
        let palette = &crate::theme::DARK;
        let mut job = lit_text("ask answer", &[], None, 15.0, palette);
        // The first token began in the previous leaf.
        let tokens = [(95..104, false), (104..107, true), (107..110, true)];
        mark_learned(&mut job, 100, (&tokens, true), palette);
        assert_eq!(marks(&job), [(0..4, false), (4..7, true), (7..10, true)]);
        let shades: Vec<Color32> = job.sections.iter().map(|section| section.format.background).collect();
        assert!(shades[0] != shades[1] && shades[1] != shades[2] && shades[0] != shades[2], "{shades:?}");
    }
}
