//! An inspection as a folder: `VIEW.safetensors` for each view, and `inspection.json`, which says what is in them.

use super::Answer;
use anyhow::Result;
use glasshouse_engine::protocol::View;
use glasshouse_engine::protocol::inspect::ElementKind;
use glasshouse_engine::storage::{self, Staging};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;

/// What makes a folder an inspection.
const HEAD: &str = "inspection.json";

/// Refuses a place that holds something else, or an inspection that is not to be replaced.
///
/// # Errors
/// Such a place, named.
pub(super) fn check(to: &Path, replace: bool) -> Result<()> {
    let files = View::ALL.map(file);
    let names: Vec<&str> = std::iter::once(HEAD).chain(files.iter().map(String::as_str)).collect();
    Ok(storage::check_place(to, "an inspection", &names, replace)?)
}

/// Writes all files, or none.
///
/// # Errors
/// The place is taken, or the disk fails.
pub(super) fn write(answer: &Answer, to: &Path, replace: bool) -> Result<()> {
    // It may have been filled meanwhile.
    check(to, replace)?;
    let staging = Staging::beside(to)?;
    for (inspected, tensors) in answer.views() {
        let mut views = Vec::with_capacity(tensors.len());
        for tensor in &tensors {
            let dtype = match tensor.summary.element {
                ElementKind::F32 => Dtype::F32,
                ElementKind::U32 => Dtype::U32,
            };
            views.push((tensor.name.as_str(), TensorView::new(dtype, tensor.summary.shape(), tensor.bytes)?));
        }
        let about = HashMap::from([
            ("run".to_owned(), answer.head.run.clone()),
            ("step".to_owned(), answer.head.step.to_string()),
            ("formula".to_owned(), inspected.view.formula().to_owned()),
        ]);
        let content = safetensors::serialize(views, Some(about))?;
        storage::write_atomically(&staging.path().join(file(inspected.view)), &content)?;
    }
    let mut head = answer.json(|_, _| ());
    for (inspected, _) in answer.views() {
        let name = inspected.view.name();
        if let Some(view) = head.get_mut("views").and_then(|views| views.get_mut(name)) {
            view["file"] = json!(file(inspected.view));
        }
    }
    storage::write_json(&staging.path().join(HEAD), &head)?;
    Ok(staging.put(to)?)
}

fn file(view: View) -> String {
    format!("{view}.safetensors")
}
