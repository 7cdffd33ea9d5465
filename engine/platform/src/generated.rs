//! Generated rows. In a browser, their generator is a separate module (`web/reader`), because most visitors never need it.

use glasshouse_protocol::Objective;
use glasshouse_protocol::recipes::TuningRecipe;
use glasshouse_stories::tasks::TaskSplit;

/// Generated rows as JSON lines: those of a recipe, or instruction tasks of all kinds in the form for an objective.
#[cfg(not(target_arch = "wasm32"))]
pub fn generated_rows(
    recipe: Option<&TuningRecipe>,
    objective: Objective,
    split: TaskSplit,
    count: u64,
) -> Result<Vec<String>, String> {
    glasshouse_stories::rows(recipe, objective, split, count)
}

/// Generated rows as JSON lines: those of a recipe, or instruction tasks of all kinds in the form for an objective.
#[cfg(target_arch = "wasm32")]
pub fn generated_rows(
    recipe: Option<&TuningRecipe>,
    objective: Objective,
    split: TaskSplit,
    count: u64,
) -> Result<Vec<String>, String> {
    use super::readers::message;
    use wasm_bindgen::JsValue;
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = readerRows, catch)]
        fn reader_rows(
            recipe: Option<&str>,
            objective: &str,
            split: &str,
            count: u32,
        ) -> Result<String, JsValue>;
    }

    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let rows = reader_rows(recipe.map(|recipe| recipe.name.as_str()), objective.name(), split.name(), count);
    let rows = rows.map_err(|error| format!("rows could not be generated: {}", message(&error)))?;
    Ok(rows.lines().map(str::to_owned).collect())
}
