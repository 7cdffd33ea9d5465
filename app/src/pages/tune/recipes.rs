//! Recipes as buttons. Each fills in objective, data and settings, which remain editable.

use super::settings::propose_length;
use super::*;
use glasshouse_protocol::recipes::{RECIPES, RecipeMetric};

pub fn recipes_ui(
    ui: &mut Ui,
    context: &mut Context<'_>,
    chosen: &mut Option<&'static TuningRecipe>,
    learns_from: &mut LearnsFrom,
) {
    // Choosing another objective deselects the recipe.
    if chosen.is_some_and(|recipe| recipe.objective != context.draft.train.objective) {
        *chosen = None;
    }
    ui.horizontal_wrapped(|ui| {
        for recipe in RECIPES.iter() {
            let is_chosen = chosen.is_some_and(|chosen| chosen.name == recipe.name);
            if !ui.selectable_label(is_chosen, &*recipe.title).clicked() {
                continue;
            }
            *chosen = (!is_chosen).then_some(recipe);
            if !is_chosen {
                learn(context.draft, recipe.objective);
                // A recipe without a learning rate uses that of the base run.
                let (state, start) = (context.state, context.draft.start.as_ref());
                let begun = start.and_then(|start| state.runs.histories.get(&start.run));
                if let Some(rate) = begun.map(|begun| begun.config.train.learning_rate) {
                    context.draft.set_learning_rate(rate);
                }
                recipe.fill(context.draft, None, None);
                context.asks.replaced(format!("The settings are those of the recipe {}", recipe.title));
                // The person's own data take precedence.
                let has_own = data::has_own(context);
                *learns_from = if has_own { LearnsFrom::Documents } else { LearnsFrom::Tasks };
                propose_length(context.draft, *learns_from, Some(recipe));
            }
        }
    });
    let Some(recipe) = chosen else {
        return caption(ui, "A recipe fills in everything below; without one, choose it yourself.");
    };
    // The page has no inline code markers.
    let format = recipe.format().replace('`', "");
    caption(ui, format!("Task: {}. Data: {format}.", recipe.learns));
    caption(ui, &*recipe.row);
    if plain(ui, icons::ICON_SAVE, "Save an example")
        .on_hover_text("This row as a file, as an example for your own")
        .clicked()
    {
        context.asks.save =
            Some((format!("{}.jsonl", recipe.name), format!("{}\n", recipe.row).into_bytes()));
    }
    caption(ui, format!("Measured by {}.", recipe.measured()));
    if *learns_from == LearnsFrom::Tasks
        && let Some(expected) = &recipe.expected
    {
        caption(ui, format!("Expected result: {expected}."));
    }
    measure_ui(ui, context, recipe);
}

/// Measures the latest suitable run on a recipe's held-out rows, if the recipe has rows.
fn measure_ui(ui: &mut Ui, context: &mut Context<'_>, recipe: &TuningRecipe) {
    // Without rows, the run's evaluations measure it.
    let Some(task) = recipe.task() else { return };
    let fits = |run: &&RunSummary| match recipe.metric() {
        RecipeMetric::Answers => run.writes(),
        RecipeMetric::Labels => run.classifies(),
        RecipeMetric::Perplexity => false,
    };
    let mut runs = context.state.runs.own().filter(|run| !run.checkpoints.is_empty());
    let Some(run) = runs.find(fits) else { return };
    if plain(ui, icons::ICON_FACT_CHECK, &format!("Measure {}", called(run))).clicked() {
        let settings = EvaluateSettings {
            likelihood: false,
            baselines: false,
            tasks: vec![task],
            ..EvaluateSettings::default()
        };
        let source = WeightSource::best_of(&run.name);
        context.outbox.send(Command::Evaluate { source, settings: Box::new(settings) });
        *context.go = Some(PageName::Evaluate);
    }
}
