//! A view's section: header, formula, tools, and the view of one source or two side by side.

use super::{InspectPage, Shown, attention, beginning, table, view_ui};
use crate::pages::prelude::*;
use crate::preferences::Preferences;
use egui::Align;

const AT_FIRST: [View; 3] = [View::Walk, View::Tokens, View::Attention];
/// Seconds after which an outdated view is marked as such; most answers arrive within a frame or two.
const PATIENCE: f64 = 0.5;
/// Opacity of an outdated view.
const FADED: f32 = 0.5;

fn fold(view: View) -> String {
    format!("inspect:{view}")
}

pub fn is_open(preferences: &Preferences, view: View) -> bool {
    widgets::is_open(preferences, &fold(view), AT_FIRST.contains(&view))
}

pub fn open(preferences: &mut Preferences, view: View) {
    preferences.folds.insert(fold(view), true);
}

/// Id of the time since when a place shows outdated content, in seconds of egui's clock.
fn old_since(ui: &Ui) -> egui::Id {
    ui.scope_id().with("old since")
}

impl InspectPage {
    pub(super) fn sections_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        for view in self.views() {
            let (saves, card) = card_with(ui, context.palette.panel, |ui| {
                ui.push_id(view, |ui| self.section_ui(ui, context, view)).inner
            });
            if self.going == Some(view) {
                self.going = None;
                ui.scroll_to_rect(card.rect, Some(Align::TOP));
            }
            if saves == Some(true)
                && let Some(seen) = self.asking.seen(usize::from(view == View::Diff), view)
            {
                let title = format!("{} {}", seen.answer.inspection.run, view.title());
                context.asks.picture(ui, card.rect, &title);
            }
        }
    }

    fn section_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, view: View) -> Option<bool> {
        let column = usize::from(view == View::Diff);
        let ms = self.asking.seen(column, view).map(|seen| format!("{:.1} ms", seen.data.ms));
        let note = ms.unwrap_or_default();
        let open_at_first = AT_FIRST.contains(&view);
        let palette = context.palette;
        let preferences = &mut *context.preferences;
        let head = (view.title(), note.as_str());
        widgets::fold(ui, preferences, &fold(view), head, open_at_first, |ui, _| {
            let saves = self.tools_ui(ui, view);
            let beside = self.chosen.beside.is_some();
            if !beside || view == View::Diff {
                self.column_ui(ui, palette, column, view);
            } else {
                halves(ui, space::LARGE, |ui, column| {
                    ui.push_id(column, |ui| self.column_ui(ui, palette, column, view));
                });
            }
            saves
        })
    }

    /// Draws the formula and the tools. Returns whether a picture is to be saved.
    fn tools_ui(&mut self, ui: &mut Ui, view: View) -> bool {
        formula(ui, view.formula());
        ui.horizontal_wrapped(|ui| {
            let mut as_table = self.tables.contains(&view);
            let name = format!("{} as a table", view.title());
            if ui.checkbox(&mut as_table, "As a table").accessible_name(name).changed()
                && !self.tables.remove(&view)
            {
                self.tables.insert(view);
            }
            icon_button(ui, true, icons::ICON_IMAGE, &format!("PNG of {}", view.title()))
        })
        .inner
    }

    /// Marks an answer that has been outdated for longer than `PATIENCE`. Returns whether it did.
    fn old_ui(
        &self,
        ui: &mut Ui,
        (column, view): (usize, View),
        answer: &InspectionAnswer,
        source: &WeightSource,
    ) -> bool {
        let prompt = &self.chosen.prompt;
        let failed = self.asking.has_failed(column, view, prompt, source);
        let now = ui.input(|input| input.time);
        let since = ui.data_mut(|data| *data.get_temp_mut_or(old_since(ui), now));
        let left = PATIENCE - (now - since);
        if left > 0.0 && !failed {
            ui.ctx().request_repaint_after_secs(left as f32);
            return false;
        }
        let words = beginning(&answer.prompt);
        let more = if words.len() < answer.prompt.trim().len() { "…" } else { "" };
        let step = format::whole(answer.inspection.step);
        let new = if prompt.is_empty() {
            super::text::NO_PROMPT
        } else if failed {
            "the new request failed."
        } else {
            "the new answer is being computed."
        };
        caption(ui, format!("Shown for “{words}{more}”, step {step}: {new}"));
        true
    }

    fn column_ui(&mut self, ui: &mut Ui, palette: &Palette, column: usize, view: View) {
        if self.chosen.beside.is_some()
            && let Some(seen) = self.asking.seen(column, view)
        {
            let of = &seen.answer.inspection;
            caption(ui, format!("{}, step {}", of.run, format::whole(of.step)));
        }
        let Some(seen) = self.asking.seen_ui(ui, (column, view), &self.chosen.prompt) else { return };
        let source = match &self.chosen.beside {
            Some(beside) if column > 0 => beside.clone(),
            _ => self.chosen.source.clone(),
        };
        let current = seen.is_of(&self.chosen.prompt, &source);
        let (answer, data) = (seen.answer.clone(), seen.data.clone());
        let shown = Shown::new(&answer, &data, column, palette);
        let (opacity, position) = (ui.opacity(), self.chosen.set.position);
        if current {
            ui.data_mut(|data| data.remove::<f64>(old_since(ui)));
        } else if self.old_ui(ui, (column, view), &answer, &source) {
            ui.set_opacity(opacity * FADED);
        }
        if self.tables.contains(&view) {
            table::ui(ui, &shown);
        } else {
            view_ui(ui, &shown, &mut self.chosen);
        }
        ui.set_opacity(opacity);
        if answer.prompt != self.chosen.prompt {
            // A position in another text does not apply here.
            self.chosen.set.position = position;
        }
        if current
            && (column, view) == (0, View::Attention)
            && let Some(layer) = attention::left_out(&shown, &self.chosen)
        {
            self.chosen.one_layer = Some(layer);
        }
    }
}
