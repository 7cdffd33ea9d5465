//! The pane in which a document is read, with what was searched for lit.

use super::DataPage;
use super::judged::looked_kept;
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{caption, head, icon_button, line_ui, lit_text};
use crate::theme::{self, Palette};
use crate::widgets::{card, quiet, quiet_text};
use egui::text::CCursor;
use egui::{Align, Label, Layout, ScrollArea, Ui, Vec2};
use egui_material_icons::icons;

/// Widest line: about 72 characters of the reading size.
const WIDEST: f32 = 72.0 * 7.4;

impl DataPage {
    pub(super) fn reading_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, height: f32) {
        let palette = context.palette;
        card(ui, |ui| {
            ui.set_min_height(height - 32.0);
            let Some(number) = self.open else {
                quiet_text(ui, "Choose a document to read it here.");
                return;
            };
            let state = context.state;
            let read = state.documents.read.as_ref().filter(|(read, ..)| *read == number);
            let (text, cut) = read.map_or(("", false), |(_, text, cut)| (text.as_str(), *cut));
            self.leaves.take(number, text, &state.documents.search);
            if self.move_to_place && read.is_some() {
                self.leaves.open_place(self.place);
            }
            let found = self.leaves.places.len();
            self.place = self.place.min(found.saturating_sub(1));
            self.heading_ui(ui, context, number, found);
            let left = (height - 32.0 - 2.0 * theme::CONTROL - 24.0).max(160.0);
            let area = ScrollArea::vertical().id_salt(("document", number, self.leaves.open));
            area.auto_shrink(false).min_scrolled_height(left).max_height(left).show(ui, |ui| {
                if read.is_none() {
                    quiet_text(ui, "Reading…");
                    return;
                }
                ui.set_max_width(ui.available_width().min(WIDEST));
                self.leaf_ui(ui, palette, text);
                if cut {
                    caption(
                        ui,
                        "The document goes on; the first 200,000 characters are shown. All of it is used.",
                    );
                }
            });
        });
    }

    fn leaf_ui(&mut self, ui: &mut Ui, palette: &Palette, text: &str) {
        let moving = std::mem::take(&mut self.move_to_place);
        let (leaf, first, found) = self.leaves.read();
        let text = text.get(leaf).unwrap_or_default();
        let current = self.place.checked_sub(first).filter(|place| *place < found.len());
        let mut job = lit_text(text, &found, current, 15.0, palette);
        job.wrap.max_width = ui.available_width();
        let galley = ui.painter().layout_job(job);
        let response = ui.add(Label::new(galley.clone()).selectable(true));
        if moving && let Some(place) = current.and_then(|place| found.get(place)) {
            let letters = text.get(..place.start).unwrap_or_default().chars().count();
            let at = galley.pos_from_cursor(CCursor::new(letters));
            ui.scroll_to_rect(at.translate(response.rect.min.to_vec2()), Some(Align::Center));
        }
        let leaves = self.leaves.leaves.len();
        if leaves > 1 {
            ui.horizontal(|ui| {
                let open = self.leaves.open;
                if icon_button(ui, open > 0, icons::ICON_CHEVRON_LEFT, "Earlier part of the document") {
                    self.leaves.open -= 1;
                }
                if icon_button(ui, open + 1 < leaves, icons::ICON_CHEVRON_RIGHT, "Later part of the document")
                {
                    self.leaves.open += 1;
                }
                caption(ui, format!("part {} of {leaves}", open + 1));
            });
        }
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
                        caption(
                            ui,
                            format!("{} · {} characters", summary.file, format::whole(summary.characters)),
                        );
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
