//! A task as a line of JSON, in the conversational format of TRL.

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

/// What stands in a line beside what is said.
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

/// A task as files of conversations have it.
///
/// # Errors
/// None that anybody met: a task is plain data.
pub fn line(task: &Task) -> serde_json::Result<String> {
    serde_json::to_string(&TaskRow { messages: &task.messages, about: task.into() })
}

/// A task as files of prompts have it: without its answer.
///
/// # Errors
/// None that anybody met: a task is plain data.
pub fn prompt_line(task: &Task) -> serde_json::Result<String> {
    serde_json::to_string(&PromptLine { prompt: task.prompt(), about: task.into() })
}

/// A task as files of preferences have it: its answer, and a worse one.
///
/// # Errors
/// None that anybody met: a task is plain data.
pub fn pair_line(task: &Task, rejected: &str) -> serde_json::Result<String> {
    let (prompt, chosen) = task.messages.split_at(task.prompt().len());
    let rejected = [ChatMessage::new(Role::Assistant, rejected)];
    serde_json::to_string(&PreferencePair { prompt, chosen, rejected, about: task.into() })
}
