//! Conversations, instructions and preferences, known by their fields; their turns are joined as text.

use serde_json::{Map, Value};

/// Every field that a shape's text is taken from, also those of its turns.
pub(super) const NAMES: [&str; 12] = [
    "messages",
    "conversations",
    "prompt",
    "chosen",
    "rejected",
    "completion",
    "instruction",
    "input",
    "output",
    "role",
    "from",
    "value",
];

/// The text of a record that is one of the known shapes, or why it is a broken one; none where it is none of them.
///
/// | shape | fields |
/// |---|---|
/// | chat | `messages`: objects with `role` and `content` |
/// | ShareGPT | `conversations`: objects with `from` and `value` |
/// | TRL preference | `chosen` and `rejected`, with or without `prompt`; text or messages |
/// | TRL prompt and completion | `prompt` and `completion`; text or messages |
/// | Alpaca | `instruction` and `output`, with or without `input` |
pub(super) fn text(record: &Map<String, Value>, join: &str) -> Option<Result<String, String>> {
    let fields = fields(|name| match record.get(name) {
        None | Some(Value::Null) => false,
        // Fields of these names that hold something else are no conversation.
        Some(value) => value.is_array() || !matches!(name, "messages" | "conversations"),
    })?;
    let mut text = String::new();
    for field in fields {
        if let Some(value) = record.get(*field)
            && let Err(what) = push(&mut text, value, join)
        {
            return Some(Err(format!("the field `{field}` {what}")));
        }
    }
    Some(Ok(text))
}

/// The fields of a shape whose text is joined, where a record has the fields by which it is known.
pub(super) fn fields(has: impl Fn(&str) -> bool) -> Option<&'static [&'static str]> {
    if has("messages") {
        Some(&["messages"])
    } else if has("conversations") {
        Some(&["conversations"])
    } else if has("chosen") && has("rejected") {
        Some(&["prompt", "chosen", "rejected"])
    } else if has("prompt") && has("completion") {
        Some(&["prompt", "completion"])
    } else if has("instruction") && has("output") {
        Some(&["instruction", "input", "output"])
    } else {
        None
    }
}

/// Adds a field: a text, or a list of turns.
fn push(text: &mut String, value: &Value, join: &str) -> Result<(), &'static str> {
    match value {
        Value::String(part) => add(text, part, join),
        Value::Null => {}
        Value::Array(turns) => {
            for turn in turns {
                let content = match turn {
                    Value::Object(turn) => turn.get("content").or_else(|| turn.get("value")),
                    Value::String(_) => Some(turn),
                    _ => None,
                };
                match content {
                    Some(Value::String(part)) => add(text, part, join),
                    Some(Value::Array(parts)) => {
                        // Parts that are no text (pictures, sound) have none to add.
                        for part in parts.iter().filter_map(|part| part.get("text")?.as_str()) {
                            add(text, part, join);
                        }
                    }
                    // A turn that only calls a tool.
                    Some(Value::Null) => {}
                    Some(_) => return Err("has a turn whose content is not text"),
                    None => return Err("has a turn without `content` or `value`"),
                }
            }
        }
        _ => return Err("is neither text nor a list of turns"),
    }
    Ok(())
}

fn add(text: &mut String, part: &str, join: &str) {
    if part.trim().is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push_str(join);
    }
    text.push_str(part);
}
