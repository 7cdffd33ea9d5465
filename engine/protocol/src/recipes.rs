//! Fine-tuning recipes for common applications: objective, rows, steps, learning rate and metric. A front end fills in a run's settings
//! from a recipe and trains it like any other run.

use crate::evaluation::TaskRequest;
use crate::{Objective, OptimizerKind, RunConfig, names};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// An application, and the settings for fine-tuning a model for it: an entry of `recipes.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuningRecipe {
    /// Identifier, as in `summarise`.
    pub name: String,
    /// Label of its button.
    pub title: String,
    /// What the model learns, as a phrase.
    pub learns: String,
    pub objective: Objective,
    pub row: String,
    /// Rows that can be generated to try it.
    pub generated: Generated,
    pub steps: u64,
    /// Peak learning rate; `None` keeps that of the initial run.
    pub learning_rate: Option<f64>,
    /// Measured result, in a sentence without a full stop; `None` if it was not measured.
    pub expected: Option<String>,
}

/// The settings that a recipe gives a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecipeSettings {
    pub objective: Objective,
    pub steps: u64,
    /// Peak learning rate; `None` keeps that of the initial run.
    pub learning_rate: Option<f64>,
    /// Steps between evaluations and between checkpoints.
    pub interval: u64,
}

/// Generated rows, all about the world of the built-in stories.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generated {
    /// Instruction tasks of these kinds at the easiest level, each with a check of its answer.
    Tasks(Vec<String>),
    /// Passages, labelled with the feeling of a person in them.
    Feelings,
    /// Passages, labelled with their topic.
    Topics,
    Poems,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipeMetric {
    /// Fraction of held-out questions that the greedy answer gets right: by the row's own check, or equal to its reference answer,
    /// ignoring case, punctuation and spaces.
    Answers,
    /// Fraction of held-out texts classified correctly.
    Labels,
    /// Perplexity of the held-out text, before and after.
    Perplexity,
}

impl RecipeMetric {
    /// The metric's name in an evaluation task; `None` for objectives without rows.
    pub fn of_task(self) -> Option<&'static str> {
        match self {
            Self::Answers => Some("rule"),
            Self::Labels => Some("acc"),
            Self::Perplexity => None,
        }
    }
}

impl TuningRecipe {
    /// The metric, which follows from the objective.
    pub fn metric(&self) -> RecipeMetric {
        if self.objective.learns_labels() {
            RecipeMetric::Labels
        } else if self.objective.learns_tasks() {
            RecipeMetric::Answers
        } else {
            RecipeMetric::Perplexity
        }
    }

    /// Supported file formats, in a sentence without a full stop.
    pub fn format(&self) -> &'static str {
        match self.metric() {
            RecipeMetric::Perplexity => {
                "text of any kind that `train` reads, or JSON Lines with `text`, one document per line"
            }
            RecipeMetric::Labels => "JSON Lines or a table (.csv), with `text` and `label`",
            RecipeMetric::Answers => {
                "JSON Lines, one question and answer per line: `messages`, ShareGPT, Alpaca, or `prompt` and `completion`; an optional \
                 `check` scores answers"
            }
        }
    }

    /// Description of the metric, in a sentence without a full stop.
    pub fn measured(&self) -> &'static str {
        match self.metric() {
            RecipeMetric::Perplexity => "validation perplexity, before and after",
            RecipeMetric::Labels => "accuracy: the share of held-out texts with the right label",
            RecipeMetric::Answers => "the share of held-out questions answered correctly by greedy decoding",
        }
    }

    /// The evaluation task on the run's held-out rows; `None` if it has no rows.
    pub fn task(&self) -> Option<TaskRequest> {
        self.metric().of_task()?;
        let (file, recipe) = (format!("{}.jsonl", self.name), Some(self.name.clone()));
        Some(TaskRequest { file, recipe, ..TaskRequest::default() })
    }

    /// The recipe's settings, with the user's steps and learning rate if given.
    pub fn settings(&self, steps: Option<u64>, learning_rate: Option<f64>) -> RecipeSettings {
        let steps = steps.unwrap_or(self.steps);
        RecipeSettings {
            objective: self.objective,
            steps,
            learning_rate: learning_rate.or(self.learning_rate),
            interval: (steps / 10).max(1),
        }
    }

    /// Applies the recipe to a run that starts from a model, with the user's steps and learning rate if given. Other settings are
    /// unchanged.
    pub fn fill(&self, config: &mut RunConfig, steps: Option<u64>, learning_rate: Option<f64>) {
        let RecipeSettings { objective, steps, learning_rate, interval } =
            self.settings(steps, learning_rate);
        // Without its own rate, a recipe keeps the initial run's rate: its `expected` result was measured that way. Muon's are no rates of
        // AdamW.
        let was_muon = config.train.optimizer == OptimizerKind::Muon;
        let rate = learning_rate.or((!was_muon).then_some(config.train.learning_rate));
        config.set_objective(objective);
        config.set_steps(steps);
        if was_muon {
            config.take_tuning_defaults();
        }
        config.set_learning_rate(rate.unwrap_or(config.train.learning_rate));
        (config.train.eval_interval, config.train.checkpoint_interval) = (interval, interval);
    }
}

/// The recipes of `recipes.toml`, in the order in which they are listed.
pub static RECIPES: LazyLock<Vec<TuningRecipe>> = LazyLock::new(|| {
    // The file is part of the program, and tests use every recipe.
    let file: BTreeMap<String, Vec<TuningRecipe>> =
        toml::from_str(include_str!("recipes.toml")).unwrap_or_default();
    file.into_values().flatten().collect()
});

/// Looks a recipe up by name; the error suggests the nearest one.
pub fn recipe(name: &str) -> Result<&'static TuningRecipe, String> {
    let found = RECIPES.iter().find(|recipe| recipe.name == name);
    found.ok_or_else(|| names::unknown("recipe", name, RECIPES.iter().map(|recipe| recipe.name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;
    use std::collections::BTreeSet;

    #[test]
    fn a_recipe_is_found_by_its_name_and_a_misspelt_one_is_suggested() {
        let names: BTreeSet<&str> = RECIPES.iter().map(|recipe| recipe.name.as_str()).collect();
        assert_eq!(names.len(), RECIPES.len());
        for each in RECIPES.iter() {
            assert_eq!(recipe(&each.name), Ok(each));
        }
        assert!(recipe("sumarize").unwrap_err().contains("did you mean `summarise`"));
    }

    #[test]
    fn a_recipe_is_measured_by_a_task_unless_it_has_no_rows() {
        for recipe in RECIPES.iter() {
            let has_rows = recipe.metric() != RecipeMetric::Perplexity;
            let asked = recipe.task().map(|task| task.recipe.unwrap());
            assert_eq!(asked.as_deref(), has_rows.then_some(recipe.name.as_str()));
        }
    }

    #[test]
    fn a_recipe_gives_a_run_what_it_says_and_leaves_the_rest() {
        for recipe in RECIPES.iter() {
            let begun = presets::preset("first-stories").unwrap();
            let mut run = begun.clone();
            recipe.fill(&mut run, None, None);
            assert_eq!((run.train.objective, run.train.steps), (recipe.objective, recipe.steps));
            assert_eq!(run.train.learning_rate, recipe.learning_rate.unwrap_or(begun.train.learning_rate));
            assert!(run.train.warmup_steps < recipe.steps && run.train.eval_interval > 0);
            assert_eq!((&run.model, run.train.batch_size), (&begun.model, begun.train.batch_size));
            recipe.fill(&mut run, Some(70), Some(2e-4));
            assert_eq!((run.train.steps, run.train.learning_rate), (70, 2e-4));
            assert_eq!((run.train.eval_interval, run.train.checkpoint_interval), (7, 7));
            let mut of_muon = presets::preset("first-stories-small").unwrap();
            recipe.fill(&mut of_muon, None, None);
            assert_eq!(of_muon.train.optimizer, OptimizerKind::Adamw);
            assert!(of_muon.train.learning_rate < begun.train.learning_rate, "{}", recipe.name);
        }
    }
}
