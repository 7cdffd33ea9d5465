//! An inspection as a folder: `VIEW.safetensors` for each view, and `inspection.json`, which describes them.

use super::*;
use glasshouse_engine::storage::{self, Staging};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;

/// The file that marks a folder as an inspection.
const HEAD: &str = "inspection.json";

/// Refuses a folder with other contents, or an inspection that must not be replaced.
pub(super) fn check(to: &Path, replace: bool) -> Result<()> {
    let files = View::ALL.map(file);
    let names: Vec<&str> = std::iter::once(HEAD).chain(files.iter().map(String::as_str)).collect();
    Ok(storage::check_place(to, "an inspection", &names, replace)?)
}

/// Writes all files or none. Tensors of several prompts share a file.
pub(super) fn write(answers: &[ViewsAnswer], to: &Path, replace: bool) -> Result<()> {
    // It may have been filled meanwhile.
    check(to, replace)?;
    let staging = Staging::beside(to)?;
    let heads = answers.first().map(|answer| &answer.head);
    for (number, inspected) in heads.into_iter().flat_map(|head| head.views.iter().enumerate()) {
        let seen = answers.iter().filter_map(|answer| answer.views().nth(number));
        let tensors: Vec<ViewTensor<'_>> = seen.flat_map(|(_, tensors)| tensors).collect();
        let mut views = Vec::with_capacity(tensors.len());
        for tensor in &tensors {
            let dtype = match tensor.own.summary.element {
                ElementKind::F32 => Dtype::F32,
                ElementKind::U32 => Dtype::U32,
            };
            views.push((tensor.key(), TensorView::new(dtype, tensor.own.summary.shape(), tensor.bytes)?));
        }
        let mut about = HashMap::from([("formula".to_owned(), inspected.view.formula().to_owned())]);
        if let Some(head) = heads {
            about.insert("run".to_owned(), head.run.clone());
            about.insert("step".to_owned(), head.step.to_string());
        }
        let content = safetensors::serialize(views, Some(about))?;
        storage::write_atomically(&staging.path().join(file(inspected.view)), &content)?;
    }
    storage::write_json(&staging.path().join(HEAD), &json_of(answers, head))?;
    Ok(staging.put(to)?)
}

/// Description of an answer's files, without the entries.
fn head(answer: &ViewsAnswer) -> Value {
    let mut head = answer.json(|_, _| ());
    for (inspected, _) in answer.views() {
        let name = inspected.view.name();
        if let Some(view) = head.get_mut("views").and_then(|views| views.get_mut(name)) {
            view["file"] = json!(file(inspected.view));
        }
    }
    head
}

fn file(view: View) -> String {
    format!("{view}.safetensors")
}
