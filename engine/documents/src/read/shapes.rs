//! Conversations, instructions and preferences, recognised by their fields; their turns are joined as text.

use serde_json::{Map, Value};

/// Whether a shape's text is taken from fields of this name, including those of its turns.
pub(super) fn is_text(name: &str) -> bool {
    "messages conversations prompt chosen rejected completion instruction input output role from value"
        .split(' ')
        .any(|known| known == name)
}

/// The text of a record with a known shape, or the reason why it is invalid; `None` for other records.
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
        // Fields with these names and other contents are not a conversation.
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

/// The text fields of a shape, if a record has the fields that identify it.
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
                        // Non-text parts (pictures, sound) are skipped.
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
