//! A view's section: its head, its formula, what it can be saved as, and the view of one source or of two beside each other.

use super::shown::Shown;
use super::{InspectPage, table, view_ui};
use crate::asks::Capture;
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{Breakpoint, caption};
use crate::preferences::Preferences;
use crate::theme::{self, Palette, space};
use crate::widgets;
use egui::{Align, Rect, RichText, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::View;

/// Views that are open before a person has chosen.
const AT_FIRST: [View; 3] = [View::Walk, View::Tokens, View::Attention];

fn fold(view: View) -> String {
    format!("inspect:{view}")
}

/// Whether a view is open.
pub(super) fn is_open(preferences: &Preferences, view: View) -> bool {
    widgets::is_open(preferences, &fold(view), AT_FIRST.contains(&view))
}

/// Opens a view.
pub(super) fn open(preferences: &mut Preferences, view: View) {
    preferences.folds.insert(fold(view), true);
}

/// What is wanted of a section.
#[derive(Clone, Copy)]
enum Wanted {
    Csv,
    Png,
}

impl InspectPage {
    /// Draws all sections.
    pub(super) fn sections_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        for view in self.views() {
            let (wanted, card) = widgets::card_with(ui, context.palette.panel, |ui| {
                ui.push_id(view, |ui| self.section_ui(ui, context, view)).inner
            });
            if self.going == Some(view) {
                self.going = None;
                ui.scroll_to_rect(card.rect, Some(Align::TOP));
            }
            self.give(ui, context, view, wanted, card.rect);
        }
    }

    fn section_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, view: View) -> Option<Wanted> {
        let ms = self.asking.seen(0, view).map(|seen| format!("{:.1} ms", seen.data.ms));
        let note = ms.unwrap_or_default();
        let open_at_first = AT_FIRST.contains(&view);
        let palette = context.palette;
        let preferences = &mut *context.preferences;
        let head = (view.title(), note.as_str());
        widgets::fold(ui, preferences, &fold(view), head, open_at_first, |ui, _| {
            let wanted = self.tools_ui(ui, view);
            let beside = self.chosen.beside.is_some();
            if !beside {
                self.column_ui(ui, palette, 0, view);
            } else if Breakpoint::of(ui.available_width()) == Breakpoint::Phone {
                for column in 0..2 {
                    ui.push_id(column, |ui| self.column_ui(ui, palette, column, view));
                    ui.add_space(space::MEDIUM);
                }
            } else {
                widgets::halves(ui, space::LARGE, |ui, column| {
                    ui.push_id(column, |ui| self.column_ui(ui, palette, column, view));
                });
            }
            wanted
        })
        .flatten()
    }

    /// The formula, and what the view can be had as.
    fn tools_ui(&mut self, ui: &mut Ui, view: View) -> Option<Wanted> {
        let mut wanted = None;
        let quiet = Palette::of(ui).quiet;
        let formula = RichText::new(view.formula()).text_style(theme::caption()).color(quiet).monospace();
        ui.add(egui::Label::new(formula).wrap());
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::SMALL;
            let mut as_table = self.tables.contains(&view);
            let name = format!("{} as a table", view.title());
            if ui.checkbox(&mut as_table, "As a table").accessible_name(name).changed() {
                if as_table {
                    self.tables.insert(view);
                } else {
                    self.tables.remove(&view);
                }
            }
            let named = |what: &str| format!("{what} of {}", view.title());
            if widgets::icon_button(ui, icons::ICON_CONTENT_COPY, &named("CSV")).clicked() {
                wanted = Some(Wanted::Csv);
            }
            if widgets::icon_button(ui, icons::ICON_IMAGE, &named("PNG")).clicked() {
                wanted = Some(Wanted::Png);
            }
        });
        wanted
    }

    fn column_ui(&mut self, ui: &mut Ui, palette: &Palette, column: usize, view: View) {
        if self.chosen.beside.is_some()
            && let Some(seen) = self.asking.seen(column, view)
        {
            let of = &seen.answer.inspection;
            caption(ui, format!("{}, step {}", of.run, format::whole(of.step)));
        }
        if let Some(reason) = self.asking.failure(column, view) {
            ui.horizontal_top(|ui| {
                ui.label(icons::ICON_ERROR.rich_text().size(16.0).color(palette.failure));
                ui.add(egui::Label::new(reason).wrap());
            });
        }
        let Some(seen) = self.asking.seen(column, view) else {
            if self.asking.failure(column, view).is_none() {
                let text = if self.chosen.prompt.is_empty() {
                    super::text::NO_PROMPT
                } else {
                    "Asking the model…"
                };
                caption(ui, text);
            }
            return;
        };
        for notice in &seen.data.notices {
            caption(ui, notice);
        }
        let (answer, data) = (seen.answer.clone(), seen.data.clone());
        let (inspection, settings) = (&answer.inspection, &answer.settings);
        let shown = Shown { inspection, data: &data, settings, column, palette };
        if self.tables.contains(&view) {
            table::ui(ui, &shown);
        } else {
            view_ui(ui, &shown, &mut self.chosen);
        }
    }

    /// Gives the person what they want of a section.
    fn give(&self, ui: &Ui, context: &mut Context<'_>, view: View, wanted: Option<Wanted>, rect: Rect) {
        let Some(seen) = self.asking.seen(0, view) else { return };
        let run = &seen.answer.inspection.run;
        match wanted {
            Some(Wanted::Csv) => {
                let shown = Shown {
                    inspection: &seen.answer.inspection,
                    data: &seen.data,
                    settings: &seen.answer.settings,
                    column: 0,
                    palette: context.palette,
                };
                match table::csv(&shown) {
                    Some(text) => {
                        ui.ctx().copy_text(text);
                        context.asks.tell("Copied as CSV");
                    }
                    None => context.asks.tell(
                        "These are too many numbers for a table: save them with `glasshouse inspect --to`",
                    ),
                }
            }
            Some(Wanted::Png) => {
                let name = format::file_name(&format!("{run} {}", view.title()), "png");
                context.asks.capture = Some(Capture { rect, name });
            }
            None => {}
        }
    }
}
