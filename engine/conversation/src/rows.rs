//! Parses one line of a JSON Lines file into a training row, in the common formats of published data sets.
//!
//! | format | keys | becomes |
//! |---|---|---|
//! | messages (OpenAI, TRL) | `messages`: [{`role`, `content`, …}], `tools` | [`Row::Conversation`] |
//! | ShareGPT | `conversations`: [{`from`, `value`}], `system`, `tools` | [`Row::Conversation`] |
//! | Alpaca | `instruction`, `input`, `output`, `system`, or their [`SYNONYMS`] | [`Row::Conversation`] |
//! | preference (TRL) | `prompt`, `chosen`, `rejected`, `tools` | [`Row::Preference`] |
//! | prompt and completion (TRL) | `prompt`, `completion`, `tools`, `label` (KTO) | [`Row::Completion`], or [`Row::Conversation`] |
//! | text | `text` | [`Row::Text`] |
//!
//! TRL distinguishes *standard* rows, whose values are strings, from *conversational* rows, whose values are lists of messages.
//! Standard rows are raw text without a chat template. A string `prompt` next to lists of messages becomes a user message.
//!
//! Published rows often fit several formats: Alpaca rows with the `text` built from them, UltraFeedback pairs with the `messages`
//! of the better answer. The objective decides which one is read.
//!
//! Alpaca's published prompt ("Below is an instruction …") is not used, because the chat template marks the turns: `instruction`,
//! followed by an empty line and `input`, becomes the user message and `output` the assistant message.

use crate::{Conversation, Message, Role, TRAIN, WEIGHT};
use glasshouse_protocol::Objective;
use serde_json::{Map, Value};
use std::fmt::Display;

/// axolotl's fields for training on parts of a message; not supported.
const TRAIN_DETAIL: [&str; 2] = ["train_detail", "training_detail"];

const NO_PROMPT: &str = "`prompt`: missing, and `chosen` and `rejected` have no common beginning";

/// Metadata fields in Glasshouse's own rows: the origin of a generated task or of a person's feedback.
const OWN_NOTES: &[&str] = &["id", "kind", "level", "template", "check", "run", "when"];

/// Alpaca's fields, and their names in other data sets: Dolly, GSM8K, MetaMath, OpenOrca.
pub const SYNONYMS: [(&str, &[&str]); 4] = [
    ("system", &["system_prompt"]),
    ("instruction", &["question", "query"]),
    ("input", &["context"]),
    ("output", &["response", "answer"]),
];

/// The field of this name, or else a synonym, that a row `has`.
pub fn synonym(name: &'static str, has: impl Fn(&str) -> bool) -> Option<&'static str> {
    let others = SYNONYMS.iter().find(|(own, _)| *own == name).map_or(&[][..], |(_, others)| others);
    std::iter::once(name).chain(others.iter().copied()).find(|name| has(name))
}

#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// Unstructured text; every token is trained on.
    Text(String),
    /// Raw text; only the completion is trained on.
    Completion { prompt: String, completion: String },
    /// Messages; the assistant's are trained on, except in the first `prompt` ones, which are context only.
    Conversation { conversation: Conversation, prompt: usize },
    /// Two answers; the model learns to prefer one.
    Preference(Preference),
}

/// Two distinct answers to one prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Preference {
    /// The prompt is the common prefix of the answers if the row has none.
    Text { prompt: String, chosen: String, rejected: String },
    /// The answers are the messages after the prompt's.
    Messages { prompt: Conversation, chosen: Vec<Message>, rejected: Vec<Message> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenAI and TRL.
    Messages,
    ShareGpt,
    Alpaca,
    Preference,
    Completion,
    Text,
}

impl Format {
    pub const ALL: [Self; 6] =
        [Self::Messages, Self::ShareGpt, Self::Alpaca, Self::Preference, Self::Completion, Self::Text];

    /// The keys that identify the format. `prompt` occurs in two formats and is ignored next to `messages`.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Messages => &["messages"],
            Self::ShareGpt => &["conversations"],
            Self::Alpaca => &["instruction", "output"],
            Self::Preference => &["chosen", "rejected"],
            Self::Completion => &["completion"],
            Self::Text => &["text"],
        }
    }

    /// The fields of its text, in reading order.
    pub fn texts(self) -> &'static [&'static str] {
        match self {
            Self::Messages => &["messages"],
            Self::ShareGpt => &["system", "conversations"],
            Self::Alpaca => &["system", "instruction", "input", "output"],
            Self::Preference => &["prompt", "chosen", "rejected"],
            Self::Completion => &["prompt", "completion"],
            Self::Text => &["text"],
        }
    }

    /// Whether this format reads the field `key`, or the field is our own metadata.
    fn reads(self, key: &str) -> bool {
        let more: &[&str] = match self {
            Self::Messages | Self::ShareGpt | Self::Preference => &["tools"],
            Self::Alpaca => &["history"],
            Self::Completion => &["tools", "label"],
            Self::Text => &[],
        };
        [self.texts(), more, OWN_NOTES].iter().any(|known| known.contains(&key))
    }

    /// Detects the format of a row from its keys. Of several matching formats, complete ones win, then the objective's
    /// preference.
    pub fn detect(row: &Map<String, Value>, objective: Objective) -> Result<Self, String> {
        // Pairs come first for an objective that learns from them, else last.
        let mut preferred = Self::ALL;
        glasshouse_protocol::order::sort_by_key(&mut preferred, |format| {
            (*format == Self::Preference) != objective.learns_pairs()
        });
        // Columnar data sets have every key in every row, some with null values.
        let filled = |key: &&str| row.get(*key).is_some_and(|value| !value.is_null());
        let whole = preferred.into_iter().find(|format| format.keys().iter().all(filled));
        let begun =
            || preferred.into_iter().find(|format| format.keys().iter().any(|key| row.contains_key(*key)));
        let is_alpaca = || Self::Alpaca.keys().iter().all(|key| synonym(key, |name| filled(&name)).is_some());
        let whole = whole.or_else(|| is_alpaca().then_some(Self::Alpaca));
        whole.or_else(begun).ok_or_else(|| {
            if row.contains_key("prompt") {
                return "`prompt` has no answer: expected `completion`, or `chosen` and `rejected`".to_owned();
            }
            format!(
                "unknown format with the keys [{}]; known formats have `messages`, `conversations` (ShareGPT), `instruction` and `output` (Alpaca), \
                 `chosen` and `rejected`, `prompt` and `completion`, or `text`",
                listed(row.keys().map(String::as_str))
            )
        })
    }
}

/// Joins names with commas, truncated after the first few.
fn listed<'name>(names: impl Iterator<Item = &'name str>) -> String {
    const MAX_NAMES: usize = 12;
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMES { format!("{shown}, …") } else { shown }
}

impl Row {
    /// Parses a line for `objective`; the format is detected from its keys. Fails if the line is not a valid row; the error
    /// includes the field's path.
    pub fn read(line: &str, objective: Objective) -> Result<Self, String> {
        Ok(RowWithNotes::read(line, objective)?.row)
    }

    fn of(row: &Map<String, Value>, format: Format) -> Result<Self, String> {
        match format {
            Format::Text => Ok(Self::Text(text(row, "text")?)),
            Format::Messages => conversation(messages(field(row, "messages")?, "messages")?, tools(row)?, 0),
            Format::ShareGpt => {
                let turns = sharegpt(field(row, "conversations")?)?;
                conversation(with_system(row, turns)?, tools(row)?, 0)
            }
            Format::Alpaca => alpaca(row),
            Format::Completion => completion(row),
            Format::Preference => preference(row),
        }
    }
}

/// A row with the other information on its line.
#[derive(Clone, Debug, PartialEq)]
pub struct RowWithNotes {
    pub row: Row,
    /// Whether the answer is good (KTO `label`), if given.
    pub label: Option<bool>,
    pub unread: Vec<String>,
}

impl RowWithNotes {
    /// Like [`Row::read`]. Bad answers are accepted only for the preference objective.
    pub fn read(line: &str, objective: Objective) -> Result<Self, String> {
        let mut row = object(line)?;
        let format = Format::detect(&row, objective)?;
        if format == Format::Alpaca {
            rename(&mut row);
        }
        let row = &row;
        let mut labelled_otherwise = false;
        let label = match row.get("label").filter(|_| format == Format::Completion) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(good)) => Some(*good),
            Some(number) if number.as_f64() == Some(0.0) => Some(false),
            Some(number) if number.as_f64() == Some(1.0) => Some(true),
            Some(other) if objective.learns_pairs() => {
                return Err(wrong("label", "true or false", other));
            }
            // For other objectives, `label` is a class or a note.
            Some(_) => {
                labelled_otherwise = true;
                None
            }
        };
        if label == Some(false) && !objective.learns_pairs() {
            let reason = "`label`: false, an answer not to learn; the objective preference learns from it with `train.preference.loss=kto`, or from it \
                          and a better one (`chosen`, `rejected`)";
            return Err(reason.to_owned());
        }
        let reads = |key: &str| format.reads(key) && !(labelled_otherwise && key == "label");
        let unread = row.iter().filter(|(key, value)| !value.is_null() && !reads(key));
        let unread = unread.map(|(key, _)| key.clone()).collect();
        Ok(Self { row: Row::of(row, format)?, label, unread })
    }
}

impl Preference {
    /// The conversations with the better and the worse answer, and the number of prompt messages; `None` for raw text.
    pub fn conversations(&self) -> Option<(Conversation, Conversation, usize)> {
        let Self::Messages { prompt, chosen, rejected } = self else { return None };
        let with = |answer: &[Message]| Conversation {
            messages: [&prompt.messages, answer].concat(),
            tools: prompt.tools.clone(),
        };
        Some((with(chosen), with(rejected), prompt.messages.len()))
    }
}

fn object(line: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(line.as_bytes()) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(other) => Err(format!("expected a JSON object, found {}", kind(&other))),
        // Each line is parsed separately, so the line number is always 1.
        Err(error) => {
            Err(format!("not JSON: {}", error.to_string().replace(" at line 1 column ", " at column ")))
        }
    }
}

/// Gives synonyms of Alpaca's fields their own names.
fn rename(row: &mut Map<String, Value>) {
    for (own, _) in SYNONYMS {
        let filled = |name: &str| row.get(name).is_some_and(|value| !value.is_null());
        if let Some(name) = synonym(own, filled).filter(|name| *name != own)
            && let Some(value) = row.shift_remove(name)
        {
            row.insert(own.to_owned(), value);
        }
    }
}

/// Describes a value's JSON type in error messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn wrong(field: impl Display, expected: &str, value: &Value) -> String {
    format!("`{field}`: expected {expected}, found {}", kind(value))
}

fn missing(field: impl Display) -> String {
    format!("`{field}`: missing")
}

fn not_read(field: impl Display, what: impl Display) -> String {
    format!("`{field}`: {what} is not supported")
}

fn unknown_role(field: impl Display, role: &str, known: &str) -> String {
    format!("`{field}`: unknown role {role:?}; known: {known}")
}

/// Text and messages within one row.
fn mixed<T>(text: &str, messages: &str) -> Result<T, String> {
    Err(format!("`{text}` and `{messages}`: one is text, the other is messages"))
}

fn field<'row>(row: &'row Map<String, Value>, key: &str) -> Result<&'row Value, String> {
    row.get(key).ok_or_else(|| missing(key))
}

fn string(value: &Value, field: impl Display) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong(field, "a string", value))
}

/// Returns a required, non-empty text field.
fn text(row: &Map<String, Value>, key: &str) -> Result<String, String> {
    filled(string(field(row, key)?, key)?, key)
}

fn filled(text: String, field: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err(format!("`{field}`: empty")) } else { Ok(text) }
}

/// Returns an optional text field; empty if absent or null.
fn optional(row: &Map<String, Value>, key: &str) -> Result<String, String> {
    row.get(key)
        .filter(|value| !value.is_null())
        .map_or_else(|| Ok(String::new()), |value| string(value, key))
}

fn tools(row: &Map<String, Value>) -> Result<Option<Value>, String> {
    let Some(tools) = row.get("tools").filter(|tools| !tools.is_null()) else { return Ok(None) };
    let list = tools.as_array().ok_or_else(|| wrong("tools", "a list of JSON schemas", tools))?;
    for (number, tool) in list.iter().enumerate() {
        if !tool.is_object() {
            return Err(wrong(format!("tools[{number}]"), "a JSON schema", tool));
        }
    }
    // An empty list of tools counts as none: transformers and its templates do not treat it consistently.
    Ok((!list.is_empty()).then(|| tools.clone()))
}

fn conversation(messages: Vec<Message>, tools: Option<Value>, prompt: usize) -> Result<Row, String> {
    let conversation = Conversation { messages, tools };
    conversation.validate_for_training()?;
    Ok(Row::Conversation { conversation, prompt })
}

fn list<'row>(value: &'row Value, path: &str) -> Result<&'row [Value], String> {
    Ok(value.as_array().ok_or_else(|| wrong(path, "a list of messages", value))?)
}

/// Parses messages with `role` and `content`.
fn messages(value: &Value, path: &str) -> Result<Vec<Message>, String> {
    list(value, path)?
        .iter()
        .enumerate()
        .map(|(number, value)| message(value, &format!("{path}[{number}]")))
        .collect()
}

fn message(value: &Value, path: &str) -> Result<Message, String> {
    let mut fields =
        value.as_object().ok_or_else(|| wrong(path, "an object with `role` and `content`", value))?.clone();
    let at = |key: &str| format!("{path}.{key}");
    let role = fields.shift_remove("role").ok_or_else(|| missing(at("role")))?;
    let role = role_of(&string(&role, at("role"))?, at("role"))?;
    // Columnar data sets have every key in every row, most with null values.
    fields.retain(|_, value| !value.is_null());
    marks(role, &fields, path)?;
    modernise_calls(&mut fields);
    if let Some(calls) = fields.get("tool_calls").filter(|calls| !calls.is_array()) {
        return Err(wrong(at("tool_calls"), "a list", calls));
    }
    let content = match fields.shift_remove("content") {
        Some(Value::Array(parts)) => parts_of(&parts, &at("content"))?,
        Some(value) => string(&value, at("content"))?,
        // OpenAI's `content` is null in messages with tool calls.
        None if fields.contains_key("tool_calls") => String::new(),
        None => return Err(missing(at("content"))),
    };
    Ok(Message { role, content, fields })
}

/// Converts OpenAI's deprecated `function_call` to a `tool_calls` list of one.
pub fn modernise_calls(fields: &mut Map<String, Value>) {
    if !fields.contains_key("tool_calls")
        && let Some(call) = fields.shift_remove("function_call")
    {
        fields.insert("tool_calls".to_owned(), serde_json::json!([{ "type": "function", "function": call }]));
    }
}

/// Separates the calls of `tools` in an answer from its text: OpenAI's `function` objects, whose arguments are JSON in a string. A call is
/// an object of a name and arguments between `<tool_call>` and `</tool_call>` (Hermes, Qwen); or the answer is such an object, or a list of
/// them (Llama 3, Mistral).
pub fn tool_calls(answer: &str, tools: &[String]) -> (String, Vec<Value>) {
    let call = |value: &Value| {
        let name = value["name"].as_str().filter(|name| tools.iter().any(|tool| tool == name))?;
        let arguments = value.get("arguments").or(value.get("parameters")).filter(|own| own.is_object())?;
        Some(serde_json::json!({ "name": name, "arguments": arguments.to_string() }))
    };
    let calls_in = |text: &str| -> Option<Vec<Value>> {
        match serde_json::from_str(text.trim()).ok()? {
            Value::Array(list) if !list.is_empty() => list.iter().map(call).collect(),
            one => call(&one).map(|one| vec![one]),
        }
    };
    let (mut text, mut functions) = (String::new(), Vec::new());
    for (at, part) in answer.split("<tool_call>").enumerate() {
        let (inner, after) = part.split_once("</tool_call>").unwrap_or((part, ""));
        match calls_in(inner) {
            Some(calls) => {
                functions.extend(calls);
                text.push_str(after);
            }
            None if at > 0 => text.extend(["<tool_call>", part]),
            None => text.push_str(part),
        }
    }
    (if functions.is_empty() { text } else { text.trim().to_owned() }, functions)
}

/// Validates the fields that say whether a message is trained on ([`is_learned`](crate::is_learned)).
fn marks(role: Role, fields: &Map<String, Value>, path: &str) -> Result<(), String> {
    let at = |key: &str| format!("{path}.{key}");
    if let Some(weight) =
        fields.get(WEIGHT).filter(|weight| ![Some(0.0), Some(1.0)].contains(&weight.as_f64()))
    {
        return Err(not_read(at(WEIGHT), format!("a weight other than 0 and 1 ({weight})")));
    }
    for key in TRAIN {
        match fields.get(key) {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) if role == Role::Assistant => {}
            Some(Value::Bool(true)) => {
                let reason = format!("training on a {role} message (only assistant messages are trained on)");
                return Err(not_read(at(key), reason));
            }
            Some(other) => return Err(wrong(at(key), "true or false", other)),
        }
    }
    for key in TRAIN_DETAIL {
        if fields.contains_key(key) {
            return Err(not_read(at(key), "training on parts of a message"));
        }
    }
    Ok(())
}

/// Concatenates OpenAI's text parts: [{"type": "text", "text": …}].
fn parts_of(parts: &[Value], path: &str) -> Result<String, String> {
    let mut whole = String::new();
    for (number, part) in parts.iter().enumerate() {
        let path = format!("{path}[{number}]");
        let kind = part.get("type").and_then(Value::as_str);
        match (kind, part.get("text")) {
            (Some("text"), Some(text)) => whole.push_str(&string(text, format!("{path}.text"))?),
            (Some(kind), _) => {
                return Err(not_read(format!("{path}.type"), format!("content of type {kind:?}")));
            }
            (None, _) => return Err(missing(format!("{path}.type"))),
        }
    }
    Ok(whole)
}

fn role_of(name: &str, field: String) -> Result<Role, String> {
    match name {
        // OpenAI's newer name for `system`.
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        // OpenAI's older name for `tool`.
        "tool" | "function" => Ok(Role::Tool),
        _ => {
            let known = "system (developer), user, assistant, tool (function)";
            Err(unknown_role(field, name, known))
        }
    }
}

/// Parses messages with `from` and `value`.
fn sharegpt(value: &Value) -> Result<Vec<Message>, String> {
    let turn = |(number, value): (usize, &Value)| {
        let at = |key: &str| format!("conversations[{number}]{key}");
        let mut fields = value
            .as_object()
            .ok_or_else(|| wrong(at(""), "an object with `from` and `value`", value))?
            .clone();
        let mut take = |key: &str| fields.shift_remove(key).ok_or_else(|| missing(at(&format!(".{key}"))));
        let from = string(&take("from")?, at(".from"))?;
        let role = match from.as_str() {
            "system" => Role::System,
            "human" | "user" => Role::User,
            "gpt" | "assistant" | "model" => Role::Assistant,
            "tool" | "observation" => Role::Tool,
            _ => {
                let known = "system, human (user), gpt (assistant, model), tool (observation)";
                return Err(unknown_role(at(".from"), &from, known));
            }
        };
        let content = string(&take("value")?, at(".value"))?;
        fields.retain(|_, value| !value.is_null());
        marks(role, &fields, &at(""))?;
        Ok(Message { role, content, fields })
    };
    list(value, "conversations")?.iter().enumerate().map(turn).collect()
}

/// Prepends the system message from a separate `system` field, if any.
fn with_system(row: &Map<String, Value>, mut messages: Vec<Message>) -> Result<Vec<Message>, String> {
    let system = optional(row, "system")?;
    if !system.is_empty() {
        messages.insert(0, Message::new(Role::System, system));
    }
    Ok(messages)
}

fn alpaca(row: &Map<String, Value>) -> Result<Row, String> {
    let history = row.get("history").filter(|history| !history.is_null());
    if history.is_some_and(|history| history.as_array().is_none_or(|turns| !turns.is_empty())) {
        return Err(not_read("history", "conversation history"));
    }
    let mut asked = text(row, "instruction")?;
    let input = optional(row, "input")?;
    if !input.trim().is_empty() {
        asked = format!("{asked}\n\n{input}");
    }
    let turns = vec![Message::new(Role::User, asked), Message::new(Role::Assistant, text(row, "output")?)];
    conversation(with_system(row, turns)?, None, 0)
}

enum Content {
    Text(String),
    Messages(Vec<Message>),
}

fn content(row: &Map<String, Value>, key: &str) -> Result<Content, String> {
    match field(row, key)? {
        Value::String(text) => Ok(Content::Text(text.clone())),
        value @ Value::Array(_) => Ok(Content::Messages(messages(value, key)?)),
        value => Err(wrong(key, "a string or a list of messages", value)),
    }
}

/// The messages of a row's field; a text becomes a user message. The error names the field.
pub fn messages_of(row: &Map<String, Value>, key: &str) -> Result<Vec<Message>, String> {
    if row.get(key).is_none_or(Value::is_null) {
        return Err(missing(key));
    }
    content(row, key).map(prompt_messages)
}

/// Converts a prompt to messages, for answers that are messages.
fn prompt_messages(prompt: Content) -> Vec<Message> {
    match prompt {
        Content::Text(text) => vec![Message::new(Role::User, text)],
        Content::Messages(messages) => messages,
    }
}

fn completion(row: &Map<String, Value>) -> Result<Row, String> {
    match (content(row, "prompt")?, content(row, "completion")?) {
        (Content::Text(prompt), Content::Text(completion)) => {
            Ok(Row::Completion { prompt, completion: filled(completion, "completion")? })
        }
        (Content::Messages(_), Content::Text(_)) => mixed("prompt", "completion"),
        (prompt, Content::Messages(answer)) => {
            let prompt = prompt_messages(prompt);
            let given = prompt.len();
            answers(&prompt, &answer, "completion")?;
            conversation([prompt, answer].concat(), tools(row)?, given)
        }
    }
}

/// Checks that prompt and answer form a conversation that ends in the answer's replies.
fn answers(prompt: &[Message], answer: &[Message], key: &str) -> Result<(), String> {
    if !answer.iter().any(|message| message.role == Role::Assistant) {
        return Err(format!("`{key}`: empty"));
    }
    Conversation::new([prompt, answer].concat()).validate()
}

fn preference(row: &Map<String, Value>) -> Result<Row, String> {
    let prompt = match row.get("prompt") {
        None | Some(Value::Null) => None,
        Some(_) => Some(content(row, "prompt")?),
    };
    let preference = match (prompt, content(row, "chosen")?, content(row, "rejected")?) {
        (_, Content::Text(_), Content::Messages(_)) | (_, Content::Messages(_), Content::Text(_)) => {
            return mixed("chosen", "rejected");
        }
        (Some(Content::Messages(_)), Content::Text(_), _) => {
            return mixed("prompt", "chosen");
        }
        (_, Content::Text(chosen), Content::Text(rejected)) if chosen == rejected => {
            return Err("`chosen` and `rejected` are equal".to_owned());
        }
        (_, Content::Messages(chosen), Content::Messages(rejected)) if chosen == rejected => {
            return Err("`chosen` and `rejected` are equal".to_owned());
        }
        (prompt, Content::Text(chosen), Content::Text(rejected)) => {
            let (prompt, chosen, rejected) = match prompt {
                Some(Content::Text(prompt)) => (prompt, chosen, rejected),
                _ => shared_text(&chosen, &rejected).ok_or(NO_PROMPT)?,
            };
            let (chosen, rejected) = (filled(chosen, "chosen")?, filled(rejected, "rejected")?);
            Preference::Text { prompt, chosen, rejected }
        }
        (prompt, Content::Messages(mut chosen), Content::Messages(mut rejected)) => {
            let whole = |answer: &[Message]| {
                answer.first().is_some_and(|first| matches!(first.role, Role::System | Role::User))
            };
            let prompt = match prompt {
                // Either messages, or a string next to whole conversations that repeat it (UltraFeedback).
                Some(prompt @ Content::Messages(_)) => prompt_messages(prompt),
                Some(prompt) if !whole(&chosen) && !whole(&rejected) => prompt_messages(prompt),
                _ => {
                    let shared = shared_messages(&chosen, &rejected);
                    if shared == 0 {
                        return Err(NO_PROMPT.to_owned());
                    }
                    rejected.drain(..shared);
                    chosen.drain(..shared).collect()
                }
            };
            answers(&prompt, &chosen, "chosen")?;
            answers(&prompt, &rejected, "rejected")?;
            let prompt = Conversation { messages: prompt, tools: tools(row)? };
            Preference::Messages { prompt, chosen, rejected }
        }
    };
    Ok(Row::Preference(preference))
}

/// Number of leading messages that both share, as in TRL's `extract_prompt`. If one is a prefix of the other, its last message
/// stays an answer.
fn shared_messages(chosen: &[Message], rejected: &[Message]) -> usize {
    let least = chosen.len().min(rejected.len());
    let shared = chosen.iter().zip(rejected).take_while(|(chosen, rejected)| chosen == rejected).count();
    shared.min(least.saturating_sub(1))
}

/// Splits two texts into their common prefix and the two rests, as in TRL's `extract_prompt`; a space at the boundary goes to the
/// rests.
fn shared_text(chosen: &str, rejected: &str) -> Option<(String, String, String)> {
    let least = chosen.chars().count().min(rejected.chars().count());
    let shared =
        chosen.chars().zip(rejected.chars()).take_while(|(chosen, rejected)| chosen == rejected).count();
    let characters = shared.min(least.saturating_sub(1));
    let mut prompt: String = chosen.chars().take(characters).collect();
    // Only if the texts diverge; a text that is the other's prefix does not.
    if shared < least && prompt.ends_with(' ') {
        prompt.pop();
    }
    let (chosen, rejected) =
        (chosen.get(prompt.len()..)?.to_owned(), rejected.get(prompt.len()..)?.to_owned());
    (!prompt.trim().is_empty()).then_some((prompt, chosen, rejected))
}

#[cfg(test)]
mod tests;
