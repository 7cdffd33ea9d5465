//! Recipes: a button each, which fills in objective, data and settings, to be changed as if a person had chosen them.

use super::data;
use crate::pages::Context;
use crate::pages::parts::caption;
use crate::widgets::plain;
use egui::Ui;
use glasshouse_protocol::LearnsFrom;
use glasshouse_protocol::recipes::{RECIPES, TuningRecipe};

pub(super) fn recipes_ui(
    ui: &mut Ui,
    context: &mut Context<'_>,
    chosen: &mut Option<&'static TuningRecipe>,
    learns_from: &mut LearnsFrom,
) {
    // Whoever chose another objective has other plans.
    if chosen.is_some_and(|recipe| recipe.objective != context.draft.train.objective) {
        *chosen = None;
    }
    ui.horizontal_wrapped(|ui| {
        for recipe in RECIPES {
            if plain(ui, None, recipe.title).clicked() {
                recipe.fill(context.draft);
                *chosen = Some(recipe);
                // Rows of a person's own come first; text is there always.
                let own = !recipe.objective.is_text() && !data::files(context).is_empty();
                *learns_from = if own { LearnsFrom::Documents } else { LearnsFrom::Tasks };
            }
        }
    });
    let Some(recipe) = chosen else {
        caption(ui, "A recipe fills in all that follows; without one, choose it yourself.");
        return;
    };
    caption(ui, format!("It learns {}. Its data: {}.", recipe.learns, recipe.format()));
    caption(ui, recipe.row);
    caption(ui, format!("`glasshouse recipe {} --measure RUN` says {}.", recipe.name, recipe.measured()));
    if let Some(expected) = recipe.expected {
        caption(ui, format!("Expect {expected}."));
    }
}
