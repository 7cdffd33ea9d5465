//! The list of documents, with search.

use super::overview::counted;
use super::{DataPage, PAGE};
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{caption, icon_button, lit_text, places};
use crate::theme;
use crate::widgets::{card, quiet_text};
use egui::accesskit::Role;
use egui::{Align2, FontId, Key, RichText, ScrollArea, Sense, TextEdit, Ui, WidgetInfo, vec2};
use egui_material_icons::icons;
use glasshouse_protocol::DocumentSummary;

/// Height of a row, in points.
const ROW: f32 = 48.0;

impl DataPage {
    pub(super) fn documents_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, height: f32) {
        let state = context.state;
        card(ui, |ui| {
            let top = ui.cursor().top();
            let field = TextEdit::singleline(&mut self.search)
                .hint_text("Search the text")
                .desired_width(f32::INFINITY)
                .id_salt("search documents");
            if ui.add(field).accessible_name("Search the text").changed() {
                self.offset = 0;
                self.place = 0;
                self.move_to_place = true;
            }
            let documents = &state.documents;
            let line = match &documents.overview {
                None => "Listing documents…".to_owned(),
                Some(_) if documents.search.is_empty() => counted(documents.found as u64),
                Some(overview) => {
                    format!(
                        "{} of {} hold it",
                        format::whole(documents.found as u64),
                        counted(overview.documents)
                    )
                }
            };
            caption(ui, line);
            let left = (height - (ui.cursor().top() - top) - 32.0 - 36.0).max(120.0);
            let mut chosen = None;
            ScrollArea::vertical()
                .id_salt("documents")
                .auto_shrink(false)
                .min_scrolled_height(left)
                .max_height(left)
                .show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 2.0;
                    if documents.overview.is_some() && documents.page.is_empty() {
                        quiet_text(ui, "Nothing found.");
                    }
                    for document in &documents.page {
                        if row_ui(ui, context, document, self.open == Some(document.number)) {
                            chosen = Some(document.number);
                        }
                    }
                });
            if let Some(number) = chosen {
                self.read(number, context);
            }
            self.turning_ui(ui, context);
        });
    }

    fn turning_ui(&mut self, ui: &mut Ui, context: &Context<'_>) {
        let found = context.state.documents.found;
        ui.horizontal(|ui| {
            if icon_button(ui, self.offset > 0, icons::ICON_CHEVRON_LEFT, "Earlier documents") {
                self.offset = self.offset.saturating_sub(PAGE);
            }
            let more = self.offset + PAGE < found;
            if icon_button(ui, more, icons::ICON_CHEVRON_RIGHT, "Later documents") {
                self.offset += PAGE;
            }
            let first = if found == 0 { 0 } else { self.offset + 1 };
            let text = format!(
                "{}–{}",
                format::whole(first as u64),
                format::whole((self.offset + PAGE).min(found) as u64)
            );
            caption(ui, text);
        });
    }

    /// Opens the document before or after the open one, on the next page where it must be.
    pub(super) fn turn(&mut self, forward: bool, context: &mut Context<'_>) {
        let page = &context.state.documents.page;
        let place = page.iter().position(|document| Some(document.number) == self.open);
        let next = place.and_then(|place| if forward { place.checked_add(1) } else { place.checked_sub(1) });
        match next.and_then(|next| page.get(next)) {
            Some(document) => self.read(document.number, context),
            None if forward && self.offset + PAGE < context.state.documents.found => {
                self.offset += PAGE;
                self.turn_to = Some(true);
            }
            None if !forward && self.offset > 0 => {
                self.offset = self.offset.saturating_sub(PAGE);
                self.turn_to = Some(false);
            }
            None => {}
        }
    }
}

/// A document: its beginning, then where it comes from. Whether it was chosen.
fn row_ui(ui: &mut Ui, context: &Context<'_>, document: &DocumentSummary, open: bool) -> bool {
    let palette = context.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    response.widget_info(|| {
        WidgetInfo::selected(
            Role::ListBoxOption,
            true,
            open,
            format!("Document {}: {}", document.number + 1, document.preview),
        )
    });
    if ui.is_rect_visible(rect) {
        let fill = match (open, response.hovered() || response.has_focus()) {
            (true, _) => palette.chosen(),
            (false, true) => palette.raised,
            (false, false) => palette.panel,
        };
        ui.painter().rect_filled(rect, theme::CONTROL_CORNER, fill);
        if response.has_focus() {
            ui.painter().rect_stroke(
                rect,
                theme::CONTROL_CORNER,
                (1.5, palette.accent),
                egui::StrokeKind::Inside,
            );
        }
        let inner = rect.shrink2(vec2(8.0, 6.0));
        let preview = around(&document.preview, &context.state.documents.search);
        let found = places(&preview, &context.state.documents.search);
        let mut job = lit_text(&preview, &found, None, 13.0, palette);
        job.wrap = egui::text::TextWrapping::truncate_at_width(inner.width());
        let galley = ui.painter().layout_job(job);
        ui.painter_at(inner).galley(inner.min, galley, palette.text);
        let text = format!("{} · {} characters", document.file, format::whole(document.characters));
        let below = ui.painter_at(inner);
        let font = FontId::proportional(11.0);
        let mut right = inner.right();
        if document.validation {
            let mark = below.text(
                inner.right_bottom(),
                Align2::RIGHT_BOTTOM,
                "held out",
                font.clone(),
                palette.series[1],
            );
            right = mark.left() - 8.0;
        }
        let job = egui::text::LayoutJob {
            wrap: egui::text::TextWrapping::truncate_at_width((right - inner.left()).max(20.0)),
            ..egui::text::LayoutJob::simple_singleline(text, font, palette.quiet)
        };
        let galley = below.layout_job(job);
        below.galley(inner.left_bottom() - vec2(0.0, galley.size().y), galley, palette.quiet);
    }
    if response.has_focus()
        && ui.input(|input| input.key_pressed(Key::ArrowDown) || input.key_pressed(Key::ArrowUp))
    {
        response.scroll_to_me(None);
    }
    response
        .on_hover_ui(|ui| {
            ui.label(RichText::new(format!(
                "Document {} · {}",
                format::whole(document.number + 1),
                document.file
            )));
        })
        .clicked()
}

/// A preview from a few words before what was searched for, so that it is seen in a narrow row.
fn around(preview: &str, search: &str) -> String {
    /// Letters before it.
    const BEFORE: usize = 14;
    let place = places(preview, search).first().map_or(0, |place| place.start);
    let before = preview.get(..place).unwrap_or_default();
    let Some((from, _)) = before.char_indices().rev().nth(BEFORE) else { return preview.to_owned() };
    // A whole word begins it.
    let from = before.get(from..).and_then(|rest| rest.find(' ')).map_or(from, |blank| from + blank + 1);
    format!("…{}", preview.get(from..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::around;

    #[test]
    fn a_preview_begins_shortly_before_what_was_found() {
        assert_eq!(around("a dragon flew by", "dragon"), "a dragon flew by");
        assert_eq!(
            around("she went to the river, where a dragon flew by", "dragon"),
            "…where a dragon flew by"
        );
        assert_eq!(around("no such word in it", "dragon"), "no such word in it");
    }
}
