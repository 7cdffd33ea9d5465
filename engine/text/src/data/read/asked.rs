//! Parsing prompts from JSON rows: texts or messages.

use glasshouse_conversation::{messages_of, validate};
use glasshouse_protocol::{ChatMessage, Role};
use serde_json::Value;

/// Fields that may hold a prompt.
const FIELDS: [&str; 3] = ["prompt", "messages", "text"];

/// Fields that hold answers to a prompt.
const ANSWERS: [&str; 3] = ["completion", "chosen", "rejected"];

/// The text of the last message, which must ask for an answer. Fails if there is nothing to answer, or a message is empty.
pub fn asked_last<'a>(messages: &'a [ChatMessage], field: &str) -> Result<&'a str, String> {
    let last = messages.last().ok_or_else(|| format!("`{field}`: no messages"))?;
    if !matches!(last.role, Role::User | Role::Tool) {
        return Err(format!(
            "`{field}`: its last message is the {}'s, so there is nothing to answer",
            last.role
        ));
    }
    if let Some(at) = messages
        .iter()
        .position(|message| message.content.trim().is_empty() && !message.fields.contains_key("tool_calls"))
    {
        return Err(format!("`{field}[{at}].content`: empty"));
    }
    Ok(&last.content)
}

/// The prompt of a line; `None` if the line also holds an answer. Empty answers do not count. Fails if the line is not a JSON object, or
/// has no prompt; the field is named.
pub fn prompt_of(line: &str) -> Result<Option<Vec<ChatMessage>>, String> {
    let row: Value = serde_json::from_slice(line.as_bytes()).map_err(|error| format!("not JSON: {error}"))?;
    let row = row.as_object().ok_or("expected a JSON object")?;
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(messages) => !messages.is_empty(),
        _ => true,
    };
    let field = FIELDS.into_iter().find(|field| row.get(*field).is_some_and(|value| !value.is_null()));
    let field = field.ok_or("expected `prompt`, `messages` or `text`")?;
    let mut messages = messages_of(row, field)?;
    let reply = messages.pop_if(|last| field == "messages" && last.role == Role::Assistant);
    let replied = reply.is_some_and(|reply| !reply.content.trim().is_empty());
    if replied || ANSWERS.iter().any(|answer| row.get(*answer).is_some_and(says)) {
        return Ok(None);
    }
    asked_last(&messages, field)?;
    validate(&messages, field)?;
    Ok(Some(messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_a_text_or_messages_without_an_answer() {
        let asked = |text: &str| Ok(Some(vec![ChatMessage::new(Role::User, text)]));
        for (line, found) in [
            (r#"{"prompt":"Who?","answer":"Ada"}"#, asked("Who?")),
            (r#"{"text":"Who?"}"#, asked("Who?")),
            (r#"{"messages":[{"role":"user","content":"Who?"}]}"#, asked("Who?")),
            (r#"{"prompt":"Who?","completion":"","label":null}"#, asked("Who?")),
            (
                r#"{"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":""}]}"#,
                asked("Who?"),
            ),
            (r#"{"prompt":"Who?","completion":"Ada."}"#, Ok(None)),
            (r#"{"prompt":"Who?","chosen":"Ada.","rejected":"Mud."}"#, Ok(None)),
            (
                r#"{"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Ada."}]}"#,
                Ok(None),
            ),
        ] {
            assert_eq!(prompt_of(line), found, "{line}");
        }
        for (line, said) in [
            ("[]", "expected a JSON object"),
            (r#"{"question":"Who?"}"#, "expected `prompt`, `messages` or `text`"),
            (r#"{"text":" "}"#, "`text[0].content`: empty"),
            (r#"{"messages":[{"role":"system","content":"Be brief."}]}"#, "`messages`: its last message is"),
            (
                r#"{"prompt":[{"role":"user","content":"Who?"},{"role":"user","content":"Where?"}]}"#,
                "`prompt[1].role`: user messages may not follow user messages",
            ),
        ] {
            let reason = prompt_of(line).unwrap_err();
            assert!(reason.contains(said), "{reason}");
        }
    }
}
