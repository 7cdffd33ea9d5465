//! Conversations, instructions and preferences in the formats of rows for training; their turns are joined as text.

use super::record::TEXT;
use glasshouse_conversation::{Format, SYNONYMS, synonym};
use serde_json::{Map, Value};

/// Whether a row's text is taken from fields of this name, including those of its turns.
pub(super) fn is_text(name: &str) -> bool {
    Format::ALL.iter().any(|format| format.texts().contains(&name))
        || SYNONYMS.iter().any(|(_, others)| others.contains(&name))
        || ["role", "from", "value"].contains(&name)
}

/// The text of a row, or the reason why it is invalid; `None` for other records.
pub(super) fn text(record: &Map<String, Value>, join: &str) -> Option<Result<String, String>> {
    let fields = fields(|name| match record.get(name) {
        None | Some(Value::Null) => false,
        // Fields with these names and other contents are not a conversation.
        Some(value) => value.is_array() || !matches!(name, "messages" | "conversations"),
    })?;
    let mut text = String::new();
    for field in fields {
        if let Some(value) = record.get(field)
            && let Err(what) = push(&mut text, value, join)
        {
            return Some(Err(format!("the field `{field}` {what}")));
        }
    }
    Some(Ok(text))
}

/// The text fields of a row, if a record has those that identify its format.
pub(super) fn fields(has: impl Fn(&str) -> bool) -> Option<Vec<&'static str>> {
    let is_whole = |format: &Format| match format {
        Format::Text => false,
        Format::Completion => format.texts().iter().all(|name| has(name)),
        _ => format.keys().iter().all(|name| has(name)),
    };
    let named = |name: &&'static str| synonym(name, &has);
    let is_alpaca = || {
        !TEXT.iter().any(|name| has(name)) && Format::Alpaca.keys().iter().all(|name| named(name).is_some())
    };
    let format = Format::ALL.into_iter().find(is_whole).or_else(|| is_alpaca().then_some(Format::Alpaca))?;
    Some(format.texts().iter().filter_map(named).collect())
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
