//! One line of a JSON Lines file to one row to train on, in the formats that published data sets have.
//!
//! | format | keys | becomes |
//! |---|---|---|
//! | messages (OpenAI, TRL) | `messages`: [{`role`, `content`, …}], `tools` | [`Row::Conversation`] |
//! | ShareGPT | `conversations`: [{`from`, `value`}], `system`, `tools` | [`Row::Conversation`] |
//! | Alpaca | `instruction`, `input`, `output`, `system` | [`Row::Conversation`] |
//! | preference (TRL) | `prompt`, `chosen`, `rejected`, `tools` | [`Row::Preference`] |
//! | prompt and completion (TRL) | `prompt`, `completion`, `tools`, `label` (KTO) | [`Row::Completion`], or [`Row::Conversation`] |
//! | text | `text` | [`Row::Text`] |
//!
//! TRL tells *standard* rows, whose values are strings, from *conversational* rows, whose values are lists of messages: the former are
//! raw text without a chat template. A string `prompt` beside lists of messages is a user's message.
//!
//! Published rows often have several of these at once: Alpaca's with the `text` that was made of them, UltraFeedback's pairs with the
//! `messages` of the better answer. Which one is read follows from the objective.
//!
//! Alpaca's published prompt ("Below is an instruction …") is not used: a template makes the turns, so `instruction`, and `input` after
//! an empty line, are a user's message, and `output` is the assistant's.

use crate::{Conversation, Invalid, Message, Role, TRAIN, WEIGHT};
use glasshouse_protocol::Objective;
use serde_json::{Map, Value};

/// axolotl's fields for parts of a message, which are not supported.
const TRAIN_DETAIL: [&str; 2] = ["train_detail", "training_detail"];

/// Fields that this program's own rows have beside what is learned: where a generated task or a person's feedback is from.
const OWN_NOTES: &[&str] = &["id", "kind", "level", "template", "check", "run", "when"];

/// What a line is.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// Text without a structure, all of which is trained on.
    Text(String),
    /// Text that is trained on from where the prompt ends.
    Completion {
        /// What is given.
        prompt: String,
        /// What is learned.
        completion: String,
    },
    /// Messages; the assistant's are trained on.
    Conversation {
        /// All messages.
        conversation: Conversation,
        /// How many of them are only given: those of a `prompt`, whose replies are not learned again. 0 where all replies count.
        prompt: usize,
    },
    /// Two answers to one prompt.
    Preference(Preference),
}

/// Two distinct answers to one prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Preference {
    /// Of raw text.
    Text {
        /// What is given.
        prompt: String,
        /// The better answer.
        chosen: String,
        /// The worse answer.
        rejected: String,
    },
    /// Of messages.
    Messages {
        /// What is given, and the tools.
        prompt: Conversation,
        /// The better answer.
        chosen: Vec<Message>,
        /// The worse answer.
        rejected: Vec<Message>,
    },
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `messages`, as OpenAI and TRL write them.
    Messages,
    /// `conversations`.
    ShareGpt,
    /// `instruction` and `output`.
    Alpaca,
    /// `chosen` and `rejected`.
    Preference,
    /// `prompt` and `completion`.
    Completion,
    /// `text`.
    Text,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] =
        [Self::Messages, Self::ShareGpt, Self::Alpaca, Self::Preference, Self::Completion, Self::Text];

    /// Its keys that no other format has; `prompt` is a part of two of them and ignored beside `messages`.
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

    /// Whether a row's field of this name is read, or is our own note of where the row is from.
    fn reads(self, key: &str) -> bool {
        let more: &[&str] = match self {
            Self::Messages => &["tools"],
            Self::ShareGpt => &["system", "tools"],
            Self::Alpaca => &["input", "system", "history"],
            Self::Preference => &["prompt", "tools"],
            Self::Completion => &["prompt", "tools", "label"],
            Self::Text => &[],
        };
        [self.keys(), more, OWN_NOTES].iter().any(|known| known.contains(&key))
    }

    /// All of them, in the order in which an objective takes them of a row that has several.
    fn preferred(objective: Objective) -> [Self; 6] {
        let [messages, sharegpt, alpaca, preference, completion, text] = Self::ALL;
        match objective {
            Objective::Preference => [preference, messages, sharegpt, alpaca, completion, text],
            Objective::Text
            | Objective::Chat
            | Objective::Reward
            | Objective::Classify
            | Objective::Distil => [messages, sharegpt, alpaca, completion, text, preference],
        }
    }

    /// The format of a row by its keys: of several, one that is whole, and that the objective takes first.
    ///
    /// # Errors
    /// The row has keys of none.
    pub fn detect(row: &Map<String, Value>, objective: Objective) -> Result<Self, RowError> {
        let preferred = Self::preferred(objective);
        // Data sets in columns have every key in every row, some without a value.
        let filled = |key: &&str| row.get(*key).is_some_and(|value| !value.is_null());
        let whole = preferred.into_iter().find(|format| format.keys().iter().all(filled));
        let begun =
            || preferred.into_iter().find(|format| format.keys().iter().any(|key| row.contains_key(*key)));
        whole.or_else(begun).ok_or_else(|| {
            if row.contains_key("prompt") {
                return RowError::PromptAlone;
            }
            RowError::Unknown { keys: listed(row.keys().map(String::as_str)) }
        })
    }
}

/// Names with commas; of many, the first.
fn listed<'name>(names: impl Iterator<Item = &'name str>) -> String {
    const MAX_NAMES: usize = 12;
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMES { format!("{shown}, …") } else { shown }
}

/// Why a line is no row. The caller knows the file and the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The line is no JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// The line is JSON of another kind.
    #[error("expected a JSON object, found {0}")]
    NotAnObject(&'static str),
    /// No format has these keys.
    #[error(
        "unknown format with the keys [{keys}]; known formats have `messages`, `conversations` (ShareGPT), `instruction` and `output` (Alpaca), \
         `chosen` and `rejected`, `prompt` and `completion`, or `text`"
    )]
    Unknown {
        /// The keys.
        keys: String,
    },
    /// A prompt without an answer.
    #[error("`prompt` has no answer: expected `completion`, or `chosen` and `rejected`")]
    PromptAlone,
    /// A thumb down: a bad answer.
    #[error(
        "`label`: false, an answer that is not to be learned; the objective preference learns from it with `train.preference.loss=kto`, or \
         from it and a better one (`chosen`, `rejected`)"
    )]
    Rejected,
    /// A field is missing.
    #[error("`{0}`: missing")]
    Missing(String),
    /// A field holds something else.
    #[error("`{field}`: expected {expected}, found {found}")]
    Type {
        /// Its path.
        field: String,
        /// What should be there.
        expected: &'static str,
        /// What is.
        found: &'static str,
    },
    /// A role that is not known.
    #[error("`{field}`: unknown role {role:?}; known are {known}")]
    Role {
        /// Its path.
        field: String,
        /// The name found.
        role: String,
        /// The names that are known.
        known: &'static str,
    },
    /// Text that must not be empty.
    #[error("`{0}`: empty")]
    Empty(String),
    /// Something that would be lost.
    #[error("`{field}`: {what} is not read")]
    NotRead {
        /// Its path.
        field: String,
        /// What is there.
        what: String,
    },
    /// The messages break a rule of conversations. `messages` counts those of a prompt, too.
    #[error(transparent)]
    Conversation(#[from] Invalid),
    /// A prompt and an answer, or two answers, of which one is text and one is messages.
    #[error("`{0}` and `{1}`: one is text, the other is messages")]
    Mixed(&'static str, &'static str),
    /// There is nothing to prefer.
    #[error("`chosen` and `rejected` are equal")]
    SameAnswers,
    /// There is no prompt, and no beginning that both answers share.
    #[error("`prompt`: missing, and `chosen` and `rejected` do not begin alike")]
    NoPrompt,
}

impl Row {
    /// Reads a line, whose format its keys tell, for an objective.
    ///
    /// # Errors
    /// What is wrong with it, with the field's path.
    pub fn read(line: &str, objective: Objective) -> Result<Self, RowError> {
        Ok(RowWithNotes::read(line, objective)?.row)
    }

    fn of(row: &Map<String, Value>, format: Format) -> Result<Self, RowError> {
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

/// A row, and what its line says besides.
#[derive(Clone, Debug, PartialEq)]
pub struct RowWithNotes {
    /// The row.
    pub row: Row,
    /// Whether its answer is a good one (KTO), where it is said.
    pub label: Option<bool>,
    /// Names of the fields that hold something and are not read.
    pub unread: Vec<String>,
}

impl RowWithNotes {
    /// As [`Row::read`]. A bad answer is a row of the objective preference alone.
    ///
    /// # Errors
    /// As there.
    pub fn read(line: &str, objective: Objective) -> Result<Self, RowError> {
        let row = &object(line)?;
        let format = Format::detect(row, objective)?;
        let mut labelled_otherwise = false;
        let label = match row.get("label").filter(|_| format == Format::Completion) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(good)) => Some(*good),
            Some(number) if number.as_f64() == Some(0.0) => Some(false),
            Some(number) if number.as_f64() == Some(1.0) => Some(true),
            Some(other) if objective.learns_pairs() => {
                return Err(wrong("label", "true or false", other));
            }
            // A class or a note, of which other objectives know nothing.
            Some(_) => {
                labelled_otherwise = true;
                None
            }
        };
        if label == Some(false) && !objective.learns_pairs() {
            return Err(RowError::Rejected);
        }
        let reads = |key: &str| format.reads(key) && !(labelled_otherwise && key == "label");
        let unread = row.iter().filter(|(key, value)| !value.is_null() && !reads(key));
        let unread = unread.map(|(key, _)| key.clone()).collect();
        Ok(Self { row: Row::of(row, format)?, label, unread })
    }
}

impl Preference {
    /// The conversations with the better and the worse answer, and how many messages of each are the prompt; none for raw text.
    pub fn conversations(&self) -> Option<(Conversation, Conversation, usize)> {
        let Self::Messages { prompt, chosen, rejected } = self else { return None };
        let with = |answer: &[Message]| Conversation {
            messages: [&prompt.messages, answer].concat(),
            tools: prompt.tools.clone(),
        };
        Some((with(chosen), with(rejected), prompt.messages.len()))
    }
}

fn object(line: &str) -> Result<Map<String, Value>, RowError> {
    match serde_json::from_str(line) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(other) => Err(RowError::NotAnObject(kind(&other))),
        // The line that the message counts is always the first.
        Err(error) => Err(RowError::Json(error.to_string().replace(" at line 1 column ", " at column "))),
    }
}

/// What a value is, for people.
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

fn wrong(field: impl Into<String>, expected: &'static str, value: &Value) -> RowError {
    RowError::Type { field: field.into(), expected, found: kind(value) }
}

/// A field that must be there.
fn field<'row>(row: &'row Map<String, Value>, key: &str) -> Result<&'row Value, RowError> {
    row.get(key).ok_or_else(|| RowError::Missing(key.to_owned()))
}

fn string(value: &Value, field: impl Into<String>) -> Result<String, RowError> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong(field, "a string", value))
}

/// A field of text that must not be empty.
fn text(row: &Map<String, Value>, key: &str) -> Result<String, RowError> {
    filled(string(field(row, key)?, key)?, key)
}

fn filled(text: String, field: &str) -> Result<String, RowError> {
    if text.trim().is_empty() { Err(RowError::Empty(field.to_owned())) } else { Ok(text) }
}

/// A field of text that may be absent.
fn optional(row: &Map<String, Value>, key: &str) -> Result<String, RowError> {
    row.get(key)
        .filter(|value| !value.is_null())
        .map_or_else(|| Ok(String::new()), |value| string(value, key))
}

fn tools(row: &Map<String, Value>) -> Result<Option<Value>, RowError> {
    let Some(tools) = row.get("tools").filter(|tools| !tools.is_null()) else { return Ok(None) };
    let list = tools.as_array().ok_or_else(|| wrong("tools", "a list of JSON schemas", tools))?;
    for (number, tool) in list.iter().enumerate() {
        if !tool.is_object() {
            return Err(wrong(format!("tools[{number}]"), "a JSON schema", tool));
        }
    }
    // transformers and its templates take an empty list for none in some places and not in others.
    Ok((!list.is_empty()).then(|| tools.clone()))
}

fn conversation(messages: Vec<Message>, tools: Option<Value>, prompt: usize) -> Result<Row, RowError> {
    let conversation = Conversation { messages, tools };
    conversation.validate_for_training()?;
    Ok(Row::Conversation { conversation, prompt })
}

fn list<'row>(value: &'row Value, path: &str) -> Result<&'row [Value], RowError> {
    Ok(value.as_array().ok_or_else(|| wrong(path, "a list of messages", value))?)
}

/// Messages by `role` and `content`.
fn messages(value: &Value, path: &str) -> Result<Vec<Message>, RowError> {
    list(value, path)?
        .iter()
        .enumerate()
        .map(|(number, value)| message(value, &format!("{path}[{number}]")))
        .collect()
}

fn message(value: &Value, path: &str) -> Result<Message, RowError> {
    let mut fields =
        value.as_object().ok_or_else(|| wrong(path, "an object with `role` and `content`", value))?.clone();
    let at = |key: &str| format!("{path}.{key}");
    let role = fields.shift_remove("role").ok_or_else(|| RowError::Missing(at("role")))?;
    let role = role_of(&string(&role, at("role"))?, at("role"))?;
    // Data sets in columns have every key in every row, most without a value.
    fields.retain(|_, value| !value.is_null());
    marks(role, &fields, path)?;
    modernise_calls(&mut fields);
    if let Some(calls) = fields.get("tool_calls").filter(|calls| !calls.is_array()) {
        return Err(wrong(at("tool_calls"), "a list", calls));
    }
    let content = match fields.shift_remove("content") {
        Some(Value::Array(parts)) => parts_of(&parts, &at("content"))?,
        Some(value) => string(&value, at("content"))?,
        // Where tools are called, OpenAI's content is null.
        None if fields.contains_key("tool_calls") => String::new(),
        None => return Err(RowError::Missing(at("content"))),
    };
    Ok(Message { role, content, fields })
}

/// Turns OpenAI's `function_call`, which `tool_calls` replaced, into a list of one.
pub fn modernise_calls(fields: &mut Map<String, Value>) {
    if !fields.contains_key("tool_calls")
        && let Some(call) = fields.shift_remove("function_call")
    {
        fields.insert("tool_calls".to_owned(), serde_json::json!([{ "type": "function", "function": call }]));
    }
}

/// Checks what a message says of its own learning ([`Message::is_learned`]).
fn marks(role: Role, fields: &Map<String, Value>, path: &str) -> Result<(), RowError> {
    let at = |key: &str| format!("{path}.{key}");
    let not_read = |key: &str, what: String| RowError::NotRead { field: at(key), what };
    if let Some(weight) =
        fields.get(WEIGHT).filter(|weight| ![Some(0.0), Some(1.0)].contains(&weight.as_f64()))
    {
        return Err(not_read(WEIGHT, format!("a weight other than 0 and 1 ({weight})")));
    }
    for key in TRAIN {
        match fields.get(key) {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) if role == Role::Assistant => {}
            Some(Value::Bool(true)) => {
                return Err(not_read(
                    key,
                    format!("learning a {role} message (only the assistant's are learned)"),
                ));
            }
            Some(other) => return Err(wrong(at(key), "true or false", other)),
        }
    }
    for key in TRAIN_DETAIL {
        if fields.contains_key(key) {
            return Err(not_read(key, "learning parts of a message".to_owned()));
        }
    }
    Ok(())
}

/// The text of OpenAI's parts: [{"type": "text", "text": …}].
fn parts_of(parts: &[Value], path: &str) -> Result<String, RowError> {
    let mut whole = String::new();
    for (number, part) in parts.iter().enumerate() {
        let path = format!("{path}[{number}]");
        let kind = part.get("type").and_then(Value::as_str);
        match (kind, part.get("text")) {
            (Some("text"), Some(text)) => whole.push_str(&string(text, format!("{path}.text"))?),
            (Some(kind), _) => {
                let what = format!("content of type {kind:?}");
                return Err(RowError::NotRead { field: format!("{path}.type"), what });
            }
            (None, _) => return Err(RowError::Missing(format!("{path}.type"))),
        }
    }
    Ok(whole)
}

fn role_of(name: &str, field: String) -> Result<Role, RowError> {
    match name {
        // OpenAI's later name of the first.
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        // OpenAI's older name.
        "tool" | "function" => Ok(Role::Tool),
        _ => {
            let known = "system (developer), user, assistant, tool (function)";
            Err(RowError::Role { field, role: name.to_owned(), known })
        }
    }
}

/// Messages by `from` and `value`.
fn sharegpt(value: &Value) -> Result<Vec<Message>, RowError> {
    let turn = |(number, value): (usize, &Value)| {
        let at = |key: &str| format!("conversations[{number}]{key}");
        let mut fields = value
            .as_object()
            .ok_or_else(|| wrong(at(""), "an object with `from` and `value`", value))?
            .clone();
        let mut take =
            |key: &str| fields.shift_remove(key).ok_or_else(|| RowError::Missing(at(&format!(".{key}"))));
        let from = string(&take("from")?, at(".from"))?;
        let role = match from.as_str() {
            "system" => Role::System,
            "human" | "user" => Role::User,
            "gpt" | "assistant" | "model" => Role::Assistant,
            "tool" | "observation" => Role::Tool,
            _ => {
                let known = "system, human (user), gpt (assistant, model), tool (observation)";
                return Err(RowError::Role { field: at(".from"), role: from, known });
            }
        };
        let content = string(&take("value")?, at(".value"))?;
        fields.retain(|_, value| !value.is_null());
        marks(role, &fields, &at(""))?;
        Ok(Message { role, content, fields })
    };
    list(value, "conversations")?.iter().enumerate().map(turn).collect()
}

/// With the system message that some rows have in a field of its own.
fn with_system(row: &Map<String, Value>, mut messages: Vec<Message>) -> Result<Vec<Message>, RowError> {
    let system = optional(row, "system")?;
    if !system.is_empty() {
        messages.insert(0, Message::new(Role::System, system));
    }
    Ok(messages)
}

fn alpaca(row: &Map<String, Value>) -> Result<Row, RowError> {
    let history = row.get("history").filter(|history| !history.is_null());
    if history.is_some_and(|history| history.as_array().is_none_or(|turns| !turns.is_empty())) {
        return Err(RowError::NotRead {
            field: "history".to_owned(),
            what: "what was said before".to_owned(),
        });
    }
    let mut asked = text(row, "instruction")?;
    let input = optional(row, "input")?;
    if !input.trim().is_empty() {
        asked = format!("{asked}\n\n{input}");
    }
    let turns = vec![Message::new(Role::User, asked), Message::new(Role::Assistant, text(row, "output")?)];
    conversation(with_system(row, turns)?, None, 0)
}

/// What a prompt or an answer is.
enum Content {
    Text(String),
    Messages(Vec<Message>),
}

fn content(row: &Map<String, Value>, key: &'static str) -> Result<Content, RowError> {
    match field(row, key)? {
        Value::String(text) => Ok(Content::Text(text.clone())),
        value @ Value::Array(_) => Ok(Content::Messages(messages(value, key)?)),
        value => Err(wrong(key, "a string or a list of messages", value)),
    }
}

/// The messages of a prompt beside answers that are messages.
fn prompt_messages(prompt: Content) -> Vec<Message> {
    match prompt {
        Content::Text(text) => vec![Message::new(Role::User, text)],
        Content::Messages(messages) => messages,
    }
}

fn completion(row: &Map<String, Value>) -> Result<Row, RowError> {
    match (content(row, "prompt")?, content(row, "completion")?) {
        (Content::Text(prompt), Content::Text(completion)) => {
            Ok(Row::Completion { prompt, completion: filled(completion, "completion")? })
        }
        (Content::Messages(_), Content::Text(_)) => Err(RowError::Mixed("prompt", "completion")),
        (prompt, Content::Messages(answer)) => {
            let prompt = prompt_messages(prompt);
            let given = prompt.len();
            answers(&prompt, &answer, "completion")?;
            conversation([prompt, answer].concat(), tools(row)?, given)
        }
    }
}

/// That a prompt and an answer make a conversation in which the answer replies.
fn answers(prompt: &[Message], answer: &[Message], key: &str) -> Result<(), RowError> {
    if !answer.iter().any(|message| message.role == Role::Assistant) {
        return Err(RowError::Empty(key.to_owned()));
    }
    Ok(Conversation::new([prompt, answer].concat()).validate()?)
}

fn preference(row: &Map<String, Value>) -> Result<Row, RowError> {
    let prompt = match row.get("prompt") {
        None | Some(Value::Null) => None,
        Some(_) => Some(content(row, "prompt")?),
    };
    let preference = match (prompt, content(row, "chosen")?, content(row, "rejected")?) {
        (_, Content::Text(_), Content::Messages(_)) | (_, Content::Messages(_), Content::Text(_)) => {
            return Err(RowError::Mixed("chosen", "rejected"));
        }
        (Some(Content::Messages(_)), Content::Text(_), _) => {
            return Err(RowError::Mixed("prompt", "chosen"));
        }
        (_, Content::Text(chosen), Content::Text(rejected)) if chosen == rejected => {
            return Err(RowError::SameAnswers);
        }
        (_, Content::Messages(chosen), Content::Messages(rejected)) if chosen == rejected => {
            return Err(RowError::SameAnswers);
        }
        (prompt, Content::Text(chosen), Content::Text(rejected)) => {
            let (prompt, chosen, rejected) = match prompt {
                Some(Content::Text(prompt)) => (prompt, chosen, rejected),
                _ => shared_text(&chosen, &rejected).ok_or(RowError::NoPrompt)?,
            };
            let (chosen, rejected) = (filled(chosen, "chosen")?, filled(rejected, "rejected")?);
            Preference::Text { prompt, chosen, rejected }
        }
        (prompt, Content::Messages(mut chosen), Content::Messages(mut rejected)) => {
            let whole = |answer: &[Message]| {
                answer.first().is_some_and(|first| matches!(first.role, Role::System | Role::User))
            };
            let prompt = match prompt {
                // A string beside conversations that repeat it, as in UltraFeedback; or messages.
                Some(prompt @ Content::Messages(_)) => prompt_messages(prompt),
                Some(prompt) if !whole(&chosen) && !whole(&rejected) => prompt_messages(prompt),
                _ => {
                    let shared = shared_messages(&chosen, &rejected);
                    if shared == 0 {
                        return Err(RowError::NoPrompt);
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

/// How many messages both begin with, as TRL's `extract_prompt` counts: where one is the beginning of the other, its last stays an answer.
fn shared_messages(chosen: &[Message], rejected: &[Message]) -> usize {
    let least = chosen.len().min(rejected.len());
    let shared = chosen.iter().zip(rejected).take_while(|(chosen, rejected)| chosen == rejected).count();
    shared.min(least.saturating_sub(1))
}

/// The beginning that two texts share, and their rests; a space between stays with the rests. As TRL's `extract_prompt`.
fn shared_text(chosen: &str, rejected: &str) -> Option<(String, String, String)> {
    let least = chosen.chars().count().min(rejected.chars().count());
    let shared =
        chosen.chars().zip(rejected.chars()).take_while(|(chosen, rejected)| chosen == rejected).count();
    let characters = shared.min(least.saturating_sub(1));
    let mut prompt: String = chosen.chars().take(characters).collect();
    // Only where they part: one that is the other's beginning parts nowhere.
    if shared < least && prompt.ends_with(' ') {
        prompt.pop();
    }
    let (chosen, rejected) =
        (chosen.get(prompt.len()..)?.to_owned(), rejected.get(prompt.len()..)?.to_owned());
    (!prompt.trim().is_empty()).then_some((prompt, chosen, rejected))
}

#[cfg(test)]
mod tests;
