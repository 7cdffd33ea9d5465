//! Earlier texts of this project, to show again or compare.

use super::*;
use crate::pages::written::source_of;

const LISTED: usize = 24;

impl WritePage {
    /// Texts other than the shown ones, newest first.
    pub(super) fn earlier<'a>(
        &self,
        context: &Context<'a>,
    ) -> impl Iterator<Item = (u64, &'a Text)> + use<'a> {
        let state = context.state;
        let shown: Vec<Option<u64>> = self.shown().map(|column| column.request).collect();
        let texts = state.writing.texts.iter().rev().map(|(id, text)| (*id, text));
        texts.filter(move |(id, text)| !text.is_reply && !shown.contains(&Some(*id)))
    }

    /// The list of earlier texts, newest first.
    pub(super) fn history_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let earlier: Vec<(u64, &Text)> = self.earlier(context).take(LISTED).collect();
        if earlier.is_empty() {
            return;
        }
        let state = context.state;
        let count = earlier.len().to_string();
        card(ui, |ui| {
            fold(ui, context.preferences, "write:history", ("History", &count), true, |ui, _| {
                for (id, text) in &earlier {
                    ui.push_id(id, |ui| self.entry_ui(ui, (*id, text), &source_of(text, state)));
                }
            });
        });
    }

    /// A text: its beginning, its model and its settings.
    fn entry_ui(&mut self, ui: &mut Ui, (id, text): (u64, &Text), writer: &str) {
        let comparable = self.columns[0].request.is_some();
        let whole = format!("{}{}", text.prompt, text.written());
        let beginning = format::shortened(&format::in_one_line(&whole), 40);
        let (show, compare) = egui::Sides::new().shrink_left().truncate().show(
            ui,
            |ui| quiet(ui, None, &beginning).on_hover_text("Show this text again").clicked(),
            |ui| icon_button(ui, comparable, icons::ICON_COMPARE, "Compare with the current text"),
        );
        caption(
            ui,
            format!("{writer} · seed {} · temperature {}", text.config.seed, text.config.temperature),
        );
        if show {
            (self.comparing, self.setting) = (false, 0);
            self.columns[0].show(id, text);
            self.prompt.clone_from(&text.prompt);
        } else if compare {
            (self.comparing, self.setting) = (true, 1);
            self.columns[1].show(id, text);
        }
    }
}
