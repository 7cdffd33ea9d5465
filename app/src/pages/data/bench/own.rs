//! The recipe as text: to read, edit, copy and save.

use super::cards::small_card;
use super::*;
use crate::format::file_name;

impl DataPage {
    pub(super) fn own_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, recipe: &RecipeSummary) {
        let Context { outbox, asks, preferences, .. } = context;
        let text = &mut self.bench.text;
        small_card(ui, |ui| {
            fold(ui, preferences, "bench:own", ("A recipe of your own", "TOML"), false, |ui, _| {
                caption(ui, "The recipe as text. The same recipe and files always give the same result.");
                let mut written = text.clone().unwrap_or_else(|| recipe.toml.clone());
                ScrollArea::vertical().id_salt("recipe text").max_height(260.0).show(ui, |ui| {
                    let field = text_area("Recipe as text", "", 10, &mut written).font(TextStyle::Monospace);
                    if ui.add(field).accessible_name("Recipe as text").changed() {
                        *text = Some(written.clone());
                    }
                });
                ui.horizontal_wrapped(|ui| {
                    let changed = written != recipe.toml;
                    if pressed(ui, changed, |ui| primary(ui, None, "Use this recipe")) {
                        outbox.send(RecipeChange::Toml { toml: written.clone() });
                    }
                    if plain(ui, icons::ICON_CONTENT_COPY, "Copy").clicked() {
                        ui.ctx().copy_text(written.clone());
                        asks.show_toast("Copied");
                    }
                    if plain(ui, icons::ICON_SAVE, "Save").clicked() {
                        asks.save = Some((file_name(&recipe.name, "toml"), written.clone().into_bytes()));
                    }
                });
                if text.as_ref() == Some(&recipe.toml) {
                    *text = None;
                }
            });
        });
    }
}
