//! The list of documents, with a search.

use super::flow::counted;
use super::*;
use egui::text::TextWrapping;

/// Height of a row, and of the buttons that turn pages, in points.
const ROW: f32 = 48.0;
pub(super) const TURNING: f32 = 40.0;

impl DataPage {
    pub(super) fn documents_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, height: f32) {
        card(ui, |ui| {
            let bottom = ui.cursor().top() + height;
            match self.lists_ui(ui, context) {
                Listed::Text => self.text_list_ui(ui, context, bottom),
                Listed::Sample => self.sample_list_ui(ui, context, bottom),
                Listed::Dropped => self.dropped_list_ui(ui, context, bottom),
            }
        });
    }

    /// The choice of the list, if there is more than one.
    fn lists_ui(&mut self, ui: &mut Ui, context: &Context<'_>) -> Listed {
        let mut listed = self.listed(context);
        let state = context.state;
        if state.cleaning.recipe.is_none() || !self.own(context) {
            return listed;
        }
        let mut choices = Vec::new();
        choices.push((Listed::Text, if state.cleaning.report.is_some() { "Kept" } else { "All" }));
        if state.cleaning.report.is_some() {
            choices.push((Listed::Dropped, "Dropped"));
        }
        choices.push((Listed::Sample, "Sample"));
        if choices.len() > 1 && segmented(ui, &mut listed, &choices) {
            self.list = Some(listed);
            self.looked = None;
        }
        listed
    }

    fn text_list_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, bottom: f32) {
        let state = context.state;
        let name = "Search the text";
        if line_edit(ui, name, name, f32::INFINITY, &mut self.search).changed() {
            self.offset = 0;
            self.place = 0;
            self.move_to_place = true;
            // The pending page belongs to another search.
            self.turn_to = None;
        }
        let documents = &state.documents;
        let line = match &documents.overview {
            None => "Listing documents…".to_owned(),
            Some(overview) if documents.search.is_empty() => {
                let rows: u64 = overview.rows.iter().map(|file| file.rows).sum();
                let rows = (rows > 0).then(|| format!(" and {}", format::counted(rows, "row")));
                format!("{}{}", counted(overview.documents), rows.unwrap_or_default())
            }
            Some(overview) => {
                format!("{} of {} match", format::whole(documents.found as u64), counted(overview.documents))
            }
        };
        caption(ui, line);
        let nothing = documents.overview.is_some() && documents.page.is_empty();
        let nothing = nothing.then_some("Nothing found.");
        let rows = documents
            .page
            .iter()
            .map(|document| (row(context, document), self.open == Some(document.number), document.number));
        if let Some(number) = list_ui(ui, "documents", (bottom - TURNING, nothing), context.palette, rows) {
            self.read(number, context);
        }
        turning_ui(ui, &mut self.offset, state.documents.found);
    }

    /// Opens the document before or after the open one, turning the page if necessary.
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

/// Buttons that turn the pages of a list.
pub fn turning_ui(ui: &mut Ui, offset: &mut usize, found: usize) {
    ui.horizontal(|ui| {
        let (pages, names) = (found.div_ceil(PAGE), ["Earlier documents", "Later documents"]);
        *offset = turn_ui(ui, *offset / PAGE, pages, names).map_or(*offset, |page| page * PAGE);
        let first = if found == 0 { 0 } else { *offset + 1 };
        let last = (*offset + PAGE).min(found);
        caption(ui, format!("{}–{}", format::whole(first as u64), format::whole(last as u64)));
    });
}

/// A scrolled list down to a height on the screen, below a note: rows, each with whether it is open, and its value. Returns the value of the clicked row.
pub fn list_ui<T>(
    ui: &mut Ui,
    name: &str,
    (bottom, note): (f32, Option<&str>),
    palette: &Palette,
    rows: impl Iterator<Item = (TwoLineRow, bool, T)>,
) -> Option<T> {
    let mut chosen = None;
    let height = (bottom - ui.cursor().top() - 32.0).max(120.0);
    scrolled(name, height).auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        if let Some(note) = note {
            quiet_text(ui, note);
        }
        for (row, open, what) in rows {
            if row.ui(ui, palette, open) {
                chosen = Some(what);
            }
        }
    });
    chosen
}

/// A document: its beginning and its source.
fn row(context: &Context<'_>, document: &DocumentSummary) -> TwoLineRow {
    let palette = context.palette;
    let search = &context.state.documents.search;
    let preview = around(&document.preview, search);
    let found = places(&preview, search);
    TwoLineRow {
        name: format!("Document {}: {}", document.number + 1, document.preview),
        first: lit_text(&preview, &found, None, 13.0, palette),
        below: format!("{} · {} characters", document.file, format::whole(document.characters)),
        mark: document.validation.then(|| (None, "held out".to_owned(), palette.series[1])),
        hover: format!("Document {} · {}", format::whole(document.number + 1), document.file),
    }
}

pub struct TwoLineRow {
    pub name: String,
    pub first: LayoutJob,
    pub below: String,
    /// Icon, text and colour at the right end.
    pub mark: Option<(Option<MaterialIcon>, String, Color32)>,
    pub hover: String,
}

impl TwoLineRow {
    /// Draws the row. Returns whether it was clicked.
    pub fn ui(self, ui: &mut Ui, palette: &Palette, open: bool) -> bool {
        let Self { name, mut first, below, mark, hover } = self;
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, open, &name));
        if ui.is_rect_visible(rect) {
            let fill = match (open, response.hovered() || response.has_focus()) {
                (true, _) => palette.chosen(),
                (false, true) => palette.raised,
                (false, false) => palette.panel,
            };
            ui.painter().rect_filled(rect, theme::CONTROL_CORNER, fill);
            focus_ring(ui, &response, f32::from(theme::CONTROL_CORNER));
            let inner = rect.shrink2(vec2(8.0, 6.0));
            let painter = ui.painter_at(inner);
            first.wrap = TextWrapping::truncate_at_width(inner.width());
            let galley = painter.layout_job(first);
            painter.galley(inner.min, galley, palette.text);
            let font = FontId::proportional(11.0);
            let mut right = inner.right();
            if let Some((icon, words, colour)) = mark {
                let galley = elided(&painter, words, font.clone(), colour, inner.width() * 0.6);
                let place = inner.right_bottom() - galley.size();
                right = place.x - 8.0;
                painter.galley(place, galley, colour);
                if let Some(icon) = icon {
                    let mark = FontId::new(13.0, icon.font_family());
                    let at = pos2(place.x - 3.0, inner.bottom());
                    right = painter.text(at, Align2::RIGHT_BOTTOM, icon.codepoint, mark, colour).left() - 8.0;
                }
            }
            let galley = elided(&painter, below, font, palette.quiet, (right - inner.left()).max(20.0));
            painter.galley(inner.left_bottom() - vec2(0.0, galley.size().y), galley, palette.quiet);
        }
        if response.has_focus()
            && ui.input(|input| input.key_pressed(Key::ArrowDown) || input.key_pressed(Key::ArrowUp))
        {
            response.scroll_to_me(None);
        }
        response.on_hover_text(hover).clicked()
    }
}

/// A preview that starts a few words before the search hit, so that a narrow row shows it.
fn around(preview: &str, search: &str) -> String {
    /// Maximum characters before the hit.
    const BEFORE: usize = 14;
    let place = places(preview, search).first().map_or(0, |place| place.start);
    let before = preview.get(..place).unwrap_or_default();
    let Some((from, _)) = before.char_indices().rev().nth(BEFORE) else { return preview.to_owned() };
    // Start with a whole word.
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
