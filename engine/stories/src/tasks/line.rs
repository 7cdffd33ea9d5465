//! Tasks as lines of JSON, in TRL's conversational format.

use super::{Check, Task};
use glasshouse_protocol::{ChatMessage, Role};
use serde::Serialize;
use serde_json::{Value, json};

/// Messages, and the metadata of their task after them.
#[derive(Serialize)]
struct Line<'task> {
    #[serde(flatten)]
    messages: Value,
    id: &'task str,
    kind: &'static str,
    level: u8,
    template: &'task str,
    check: &'task Check,
}

fn written(task: &Task, messages: Value) -> serde_json::Result<String> {
    let Task { id, kind, level, template, check, .. } = task;
    serde_json::to_string(&Line { messages, id, kind: kind.name(), level: *level, template, check })
}

/// A line of a conversation file.
pub fn line(task: &Task) -> serde_json::Result<String> {
    written(task, json!({ "messages": task.messages }))
}

/// A line of a prompt file, without the answer.
pub fn prompt_line(task: &Task) -> serde_json::Result<String> {
    written(task, json!({ "prompt": task.prompt() }))
}

/// A line of a preference file: the task's answer, and a worse one.
pub fn pair_line(task: &Task, rejected: &str) -> serde_json::Result<String> {
    let (prompt, chosen) = task.messages.split_at(task.prompt().len());
    let rejected = [ChatMessage::new(Role::Assistant, rejected)];
    written(task, json!({ "prompt": prompt, "chosen": chosen, "rejected": rejected }))
}
