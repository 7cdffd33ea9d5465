//! Recipes: a button each, which fills in objective, data and settings, to be changed as if a person had chosen them.

use super::data;
use super::settings::learn;
use crate::pages::Context;
use crate::pages::parts::caption;
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
            let is_chosen = chosen.is_some_and(|chosen| chosen.name == recipe.name);
            if !ui.selectable_label(is_chosen, recipe.title).clicked() {
                continue;
            }
            *chosen = (!is_chosen).then_some(recipe);
            if !is_chosen {
                learn(context.draft, recipe.objective);
                // A recipe without a learning rate has that of the run that it begins with.
                let (state, start) = (context.state, context.draft.start.as_ref());
                let begun = start.and_then(|start| state.runs.histories.get(&start.run));
                if let Some(rate) = begun.map(|begun| begun.config.train.learning_rate) {
                    context.draft.set_learning_rate(rate);
                }
                recipe.fill(context.draft, None, None);
                // A person's own comes first.
                let has_own = data::has_own(context);
                *learns_from = if has_own { LearnsFrom::Documents } else { LearnsFrom::Tasks };
            }
        }
    });
    let Some(recipe) = chosen else {
        caption(ui, "A recipe fills in all that follows; without one, choose it yourself.");
        return;
    };
    // Where the command line has Markdown's marks, a page has its own type.
    let format = recipe.format().replace('`', "");
    caption(ui, format!("It learns {}. Its data: {format}.", recipe.learns));
    caption(ui, recipe.row);
    if *learns_from == LearnsFrom::Tasks {
        caption(ui, format!("glasshouse recipe {} --measure RUN says {}.", recipe.name, recipe.measured()));
        if let Some(expected) = recipe.expected {
            caption(ui, format!("Expect {expected}."));
        }
    }
}
