//! Generated rows for trying out a recipe.

use crate::tasks::{
    Labels, Task, TaskKind, TaskOptions, TaskSplit, WrongAnswers, line, pair_line, passages, poems,
    prompt_line,
};
use glasshouse_protocol::Objective;
use glasshouse_protocol::recipes::{Generated, TuningRecipe};
use serde_json::json;

const SEED: u64 = 1;

/// Generates rows as JSON lines: those of a recipe, or instruction tasks of all kinds and levels in the objective's format: prompts
/// only for rewards, a right and a wrong answer for preferences (of which there may be a few fewer). Rows of different splits share no
/// wording, except for poems, which all come from the same couplets and have no splits. Fails if the recipe names an unknown
/// kind of task, or the objective has no tasks.
pub fn rows(
    recipe: Option<&TuningRecipe>,
    objective: Objective,
    split: TaskSplit,
    count: u64,
) -> Result<Vec<String>, String> {
    let rows = usize::try_from(count).unwrap_or(usize::MAX);
    let labelled = |labels| {
        let rows = passages(labels, SEED, split).take(rows);
        rows.map(|(text, label)| json!({ "text": text, "label": label }).to_string()).collect()
    };
    let tasks = |options: TaskOptions| {
        let lines = options.stream(split).take(rows).map(|task| line(&task));
        lines.collect::<serde_json::Result<_>>().map_err(|error| error.to_string())
    };
    Ok(match recipe.map(|recipe| &recipe.generated) {
        None => return of_all_kinds(objective, split, rows),
        Some(Generated::Feelings) => labelled(Labels::Feelings),
        Some(Generated::Topics) => labelled(Labels::Topics),
        Some(Generated::Poems) => {
            poems(SEED).take(rows).map(|text| json!({ "text": text }).to_string()).collect()
        }
        Some(Generated::Tasks(names)) => {
            let kinds =
                names.iter().map(|name| TaskKind::named("kind of task", name)).collect::<Result<_, _>>()?;
            return tasks(TaskOptions { seed: SEED, kinds, level: 1, ..TaskOptions::default() });
        }
    })
}

/// Instruction tasks of all kinds. Prompts and pairs come from other tasks than conversations with answers, as in `corpus tasks`.
fn of_all_kinds(objective: Objective, split: TaskSplit, rows: usize) -> Result<Vec<String>, String> {
    if !objective.learns_tasks() {
        return Err(format!("there are no instruction tasks for the objective {objective}"));
    }
    let (pairs, prompts) = (objective.learns_pairs(), objective.answers_prompts());
    let before = match (pairs, prompts) {
        (true, _) => rows.saturating_mul(2),
        (_, true) => rows,
        _ => 0,
    };
    let options = TaskOptions { seed: SEED, ..TaskOptions::default() };
    let tasks = options.stream(split).skip(before).take(rows);
    let mut wrong = WrongAnswers::default();
    let pair = |task: Task| wrong.for_task(&task).map(|rejected| pair_line(&task, &rejected));
    let lines: serde_json::Result<Vec<String>> = match (pairs, prompts) {
        (true, _) => tasks.filter_map(pair).collect(),
        (_, true) => tasks.map(|task| prompt_line(&task)).collect(),
        _ => tasks.map(|task| line(&task)).collect(),
    };
    lines.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn tasks_have_the_form_that_an_objective_learns_from() {
        let of = |objective| -> Vec<Value> {
            let lines = rows(None, objective, TaskSplit::Train, 400).unwrap();
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let (answers, prompts, pairs) =
            (of(Objective::Chat), of(Objective::Reward), of(Objective::Preference));
        assert_eq!((answers.len(), prompts.len()), (400, 400));
        assert!((360..=400).contains(&pairs.len()), "{}", pairs.len());
        for row in &answers {
            assert_eq!(row["messages"].as_array().unwrap().last().unwrap()["role"], "assistant");
        }
        for row in &prompts {
            assert_eq!(row["prompt"].as_array().unwrap().last().unwrap()["role"], "user");
            assert!(!row["check"].is_null() && row.get("messages").is_none(), "{row}");
        }
        for row in &pairs {
            assert_ne!(row["chosen"], row["rejected"]);
        }
        let asked =
            |rows: &[Value]| rows.iter().map(|row| row["prompt"].to_string()).collect::<BTreeSet<_>>();
        assert!(rows(None, Objective::Text, TaskSplit::Train, 1).unwrap_err().contains("objective text"));
        let shared = asked(&prompts).intersection(&asked(&pairs)).count();
        assert!(shared < 40, "{shared} prompts are those of pairs");
    }
}
