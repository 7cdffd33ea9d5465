//! Generated rows: instruction tasks, and data for the recipes.

use glasshouse_protocol::Objective;
use glasshouse_protocol::recipes::recipe;
use glasshouse_stories::tasks::TaskSplit;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// Rows of a split, one per line: of the recipe `name`, or instruction tasks of all kinds in the objective's format.
#[wasm_bindgen]
pub fn rows(name: Option<String>, objective: &str, split: &str, count: u32) -> Result<String, JsError> {
    let recipe = name.map(|name| recipe(&name)).transpose().map_err(|reason| JsError::new(&reason))?;
    let objective = Objective::named("objective", objective).map_err(|reason| JsError::new(&reason))?;
    let split = TaskSplit::named("split", split).map_err(|error| JsError::new(&error))?;
    let rows = glasshouse_stories::rows(recipe, objective, split, count.into());
    Ok(rows.map_err(|reason| JsError::new(&reason))?.join("\n"))
}
