//! Rows that are generated to try a recipe on.

use crate::tasks::{Labels, TaskKind, TaskOptions, TaskSplit, line, passages, poems};
use glasshouse_protocol::recipes::{Generated, TuningRecipe};
use serde_json::json;

/// Seed of what is generated.
const SEED: u64 = 1;

/// Generated rows, as JSON lines: of a recipe, or instruction tasks of all kinds and levels. Those of one split share no wording with those
/// of another, but for poems, which all are put together from a few couplets and have no splits.
///
/// # Errors
/// The recipe names a kind of task that there is none of.
pub fn rows(recipe: Option<&TuningRecipe>, split: TaskSplit, count: u64) -> Result<Vec<String>, String> {
    let rows = usize::try_from(count).unwrap_or(usize::MAX);
    let labelled = |labels| {
        let rows = passages(labels, SEED, split).take(rows);
        rows.map(|(text, label)| json!({ "text": text, "label": label }).to_string()).collect()
    };
    let tasks = |options: TaskOptions| {
        let lines = options.stream(split).take(rows).map(|task| line(&task));
        lines.collect::<serde_json::Result<_>>().map_err(|error| error.to_string())
    };
    Ok(match recipe.map(|recipe| recipe.generated) {
        None => return tasks(TaskOptions { seed: SEED, ..TaskOptions::default() }),
        Some(Generated::Feelings) => labelled(Labels::Feelings),
        Some(Generated::Topics) => labelled(Labels::Topics),
        Some(Generated::Poems) => {
            poems(SEED).take(rows).map(|text| json!({ "text": text }).to_string()).collect()
        }
        Some(Generated::Tasks(names)) => {
            let kind =
                |name: &&str| TaskKind::from_name(name).ok_or_else(|| format!("there is no kind {name}"));
            let kinds = names.iter().map(kind).collect::<Result<_, _>>()?;
            return tasks(TaskOptions { seed: SEED, kinds, level: 1, ..TaskOptions::default() });
        }
    })
}
