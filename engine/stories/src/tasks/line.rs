//! Tasks as lines of JSON, in TRL's conversational format.

use super::{Check, Task};
use glasshouse_protocol::{ChatMessage, Role};
use serde::Serialize;

#[derive(Serialize)]
struct TaskRow<'task> {
    messages: &'task [ChatMessage],
    #[serde(flatten)]
    about: About<'task>,
}

#[derive(Serialize)]
struct PromptLine<'task> {
    prompt: &'task [ChatMessage],
    #[serde(flatten)]
    about: About<'task>,
}

#[derive(Serialize)]
struct PreferencePair<'task> {
    prompt: &'task [ChatMessage],
    chosen: &'task [ChatMessage],
    rejected: [ChatMessage; 1],
    #[serde(flatten)]
    about: About<'task>,
}

/// Metadata of a line.
#[derive(Serialize)]
struct About<'task> {
    id: &'task str,
    kind: &'static str,
    level: u8,
    template: &'task str,
    check: &'task Check,
}

impl<'task> From<&'task Task> for About<'task> {
    fn from(task: &'task Task) -> Self {
        Self {
            id: &task.id,
            kind: task.kind.name(),
            level: task.level,
            template: &task.template,
            check: &task.check,
        }
    }
}

/// A line of a conversation file.
pub fn line(task: &Task) -> serde_json::Result<String> {
    serde_json::to_string(&TaskRow { messages: &task.messages, about: task.into() })
}

/// A line of a prompt file, without the answer.
pub fn prompt_line(task: &Task) -> serde_json::Result<String> {
    serde_json::to_string(&PromptLine { prompt: task.prompt(), about: task.into() })
}

/// A line of a preference file: the task's answer, and a worse one.
pub fn pair_line(task: &Task, rejected: &str) -> serde_json::Result<String> {
    let (prompt, chosen) = task.messages.split_at(task.prompt().len());
    let rejected = [ChatMessage::new(Role::Assistant, rejected)];
    serde_json::to_string(&PreferencePair { prompt, chosen, rejected, about: task.into() })
}
