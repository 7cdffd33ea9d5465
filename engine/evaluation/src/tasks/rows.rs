//! Rows of a task file. Rows of published tasks are converted to this form by their descriptions
//! (`engine/conversation/src/task.rs`).
//!
//! | kind | keys |
//! |---|---|
//! | generate | `prompt`, `question` (with a `context`), `messages`, `instruction` (with an `input`) or `input`; `answers`, `answer`, `completion`, `references`, `reference`, `target` or `output`; `check` |
//! | choose | one of the same or `ctx`; `choices` or `options`; `answer`, `label`, `answerKey`, `gold` or `target`: an index, a letter, or the text |
//! | classify | `text`, `label` |
//! | tag | `tokens`, `tags` |
//!
//! `group`, `template`, `category`, `subject` or `kind` name a row's group. Rows converted from BBQ and TruthfulQA hold
//! the data of their own scores in `biased`, `unknown`, `ambiguous`, `asked` and `true`; `continuation` is a text whose
//! likelihood is measured after `prompt`, or after each of `choices`.

pub use glasshouse_protocol::evaluation::AnswerKind as Kind;
use glasshouse_protocol::{ChatMessage, Role};
use glasshouse_text::data::read::{asked_last, messages_of};
use glasshouse_text::data::rewards::Judged;
use glasshouse_text::data::tasks::Check;
use serde_json::{Map, Value};

/// Fields of a question, in lookup order.
const QUESTIONS: [&str; 5] = ["prompt", "question", "messages", "instruction", "input"];
/// Fields of the context that choices continue.
const CONTEXTS: [&str; 7] = ["prompt", "question", "messages", "ctx", "context", "input", "text"];
const ANSWERS: [&str; 7] = ["answers", "answer", "completion", "references", "reference", "target", "output"];
const CHOICES: [&str; 2] = ["choices", "options"];
/// Fields of the correct choice.
const CHOSEN: [&str; 6] = ["answer", "label", "answerKey", "answers", "gold", "target"];
const GROUPS: [&str; 5] = ["group", "template", "category", "subject", "kind"];

/// Maximum number of broken lines listed; further ones are only counted.
pub(super) const LISTED: usize = 1000;

#[derive(Clone, Debug, PartialEq)]
pub enum Right {
    /// Any reference answer, or any answer that the check accepts. `references` is empty if only a check judges.
    Answers { references: Vec<String>, judged: Box<Judged> },
    /// Any of the choices with these indices.
    Choice { choices: Vec<String>, right: Vec<usize> },
    /// The name of a class.
    Label(String),
    /// A text after the prompt.
    Continuation(String),
    /// One tag per word.
    Tags { words: Vec<String>, tags: Vec<String> },
}

/// Data a standard benchmark gives on a row's choices for its own scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Marked {
    #[default]
    Nothing,
    /// BBQ: indices of the stereotypical and of the "unknown" choices, and whether the context leaves open who is meant.
    Biased { choices: Vec<usize>, unknown: Vec<usize>, ambiguous: bool },
    /// TruthfulQA: number of leading choices that form the single-choice question, and indices of all true choices.
    True { asked: usize, choices: Vec<usize> },
    /// WinoGrande: the choices are contexts of this text.
    Contexts(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Line in the file, from 1; in a JSON list, the position.
    pub line: u64,
    /// The question; a plain text is one message.
    pub messages: Vec<ChatMessage>,
    /// A text to continue, even for a chat model.
    pub plain: bool,
    pub right: Right,
    pub group: Option<String>,
    pub marked: Marked,
}

impl Row {
    /// Number of leading choices to choose from; 0 for other kinds.
    pub(super) fn asked(&self) -> usize {
        match (&self.right, &self.marked) {
            (Right::Choice { .. }, Marked::True { asked, .. }) => *asked,
            (Right::Choice { choices, .. }, _) => choices.len(),
            _ => 0,
        }
    }

    pub fn expected(&self) -> Vec<String> {
        match &self.right {
            Right::Answers { references, .. } => references.clone(),
            Right::Choice { choices, right } => {
                right.iter().filter_map(|at| choices.get(*at).cloned()).collect()
            }
            Right::Label(text) | Right::Continuation(text) => vec![text.clone()],
            Right::Tags { tags, .. } => vec![tags.join(" ")],
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.right {
            Right::Answers { .. } => Kind::Generate,
            Right::Choice { .. } => Kind::Choose,
            Right::Label(_) => Kind::Classify,
            Right::Tags { .. } => Kind::Tag,
            Right::Continuation(_) => Kind::Continue,
        }
    }
}

/// Parses a line's fields; `None` for an empty line.
pub(super) fn fields_of(line: &[u8]) -> Result<Option<Map<String, Value>>, String> {
    let line = std::str::from_utf8(line).map_err(|error| {
        format!("not UTF-8 at its byte {}; convert the file to UTF-8", error.valid_up_to())
    })?;
    // Strip a byte order mark, which is not valid JSON.
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.is_empty() {
        return Ok(None);
    }
    let value: Value = serde_json::from_slice(line.as_bytes()).map_err(|error| {
        format!("not JSON: {}", error.to_string().replace(" at line 1 column ", " at column "))
    })?;
    let Value::Object(fields) = value else { return Err("expected a JSON object".to_owned()) };
    Ok(Some(fields))
}

pub(super) fn row_of(fields: &Map<String, Value>, line: u64) -> Result<Row, String> {
    let has = |names: &[&str]| names.iter().any(|name| given(fields, name).is_some());
    let (messages, plain, right) = if has(&["tokens"]) {
        tagged(fields)?
    } else if has(&CHOICES) {
        choice(fields)?
    } else if has(&["text"]) && has(&["label"]) && !has(&QUESTIONS) {
        labelled(fields)?
    } else {
        answered(fields)?
    };
    let group = GROUPS.iter().find_map(|name| given(fields, name).and_then(word));
    Ok(Row { line, messages, plain, right, group, marked: Marked::Nothing })
}

/// A row that a task's description made.
pub(super) fn of_set(fields: &Map<String, Value>, line: u64) -> Result<Row, String> {
    let row = match (given(fields, "continuation").and_then(word), given(fields, "choices")) {
        (Some(text), None) => messages_of(fields, "prompt").map(|messages| Row {
            line,
            messages,
            plain: true,
            right: Right::Continuation(text),
            group: given(fields, "group").and_then(word),
            marked: Marked::Nothing,
        }),
        (Some(text), _) => row_of(fields, line).map(|row| Row { marked: Marked::Contexts(text), ..row }),
        _ => row_of(fields, line).and_then(|row| Ok(Row { marked: marked(fields)?, ..row })),
    };
    // Errors name the keys of the description.
    let keys = [("prompt", "text"), ("choices", "choice"), ("answer", "target"), ("answers", "target")];
    row.map_err(|reason| {
        keys.iter().fold(reason, |reason, (field, key)| {
            reason.replace(&format!("`{field}`"), &format!("`doc_to_{key}`"))
        })
    })
}

/// Reads the benchmark-specific fields. In users' own rows these names have no meaning.
fn marked(fields: &Map<String, Value>) -> Result<Marked, String> {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let numbers = |name: &str| -> Result<Option<Vec<usize>>, String> {
        let Some(value) = given(fields, name) else { return Ok(None) };
        let all = value.as_array().and_then(|all| all.iter().map(number).collect());
        all.map(Some).ok_or_else(|| format!("`{name}`: expected numbers of choices, from 0"))
    };
    if let (Some(choices), Some(unknown)) = (numbers("biased")?, numbers("unknown")?) {
        let ambiguous = given(fields, "ambiguous").and_then(Value::as_bool).unwrap_or_default();
        return Ok(Marked::Biased { choices, unknown, ambiguous });
    }
    let asked = given(fields, "asked").and_then(number);
    Ok(match (asked, numbers("true")?) {
        (Some(asked), Some(choices)) => Marked::True { asked, choices },
        _ => Marked::Nothing,
    })
}

type Parts = (Vec<ChatMessage>, bool, Right);

/// A field that is present and not null.
fn given<'row>(fields: &'row Map<String, Value>, name: &str) -> Option<&'row Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// A string, number or boolean as text.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// A list of strings. Also accepts a single value, SQuAD's `{"text": […]}` and ARC's `{"text": […], "label": […]}`.
fn words(value: &Value, field: &str) -> Result<Vec<String>, String> {
    match value {
        Value::Array(values) => {
            let each = values.iter().map(|value| word(value).or_else(|| content(value)));
            each.collect::<Option<_>>().ok_or_else(|| format!("`{field}`: expected a list of texts"))
        }
        Value::Object(fields) => match fields.get("text") {
            Some(text) => words(text, field),
            None => Err(format!("`{field}`: expected a text or a list of texts")),
        },
        value => Ok(word(value).into_iter().collect()),
    }
}

/// The text of a message, for answers given as a list of messages.
fn content(value: &Value) -> Option<String> {
    value.get("content").or_else(|| value.get("value")).and_then(Value::as_str).map(str::to_owned)
}

fn answered(fields: &Map<String, Value>) -> Result<Parts, String> {
    let (mut messages, field) = question(fields, &QUESTIONS)?;
    let reply = messages.pop_if(|last| field == "messages" && last.role == Role::Assistant);
    let check = given(fields, "check").map(|check| serde_json::from_value::<Check>(check.clone()));
    let check = check.transpose().map_err(|error| format!("`check`: {error}"))?;
    // An `input` next to an `instruction` is part of the question.
    let found = ANSWERS.iter().find_map(|name| Some((*name, given(fields, name)?)));
    let references = match (found, reply) {
        (Some((name, value)), _) => {
            let mut references = words(value, name)?;
            references.iter_mut().for_each(|text| *text = text.trim().to_owned());
            references.retain(|text| !text.is_empty());
            if references.is_empty() && check.is_none() {
                return Err(format!("`{name}`: empty; there is nothing to compare an answer with"));
            }
            references
        }
        (None, Some(reply)) if !reply.content.trim().is_empty() => vec![reply.content.trim().to_owned()],
        (None, _) if check.is_some() => Vec::new(),
        (None, _) => return Err(format!("`answer`: missing; expected one of {}", listed(&ANSWERS))),
    };
    let asked = asked_last(&messages, field)?.to_owned();
    let judged = Box::new(Judged { asked, check, answer: references.first().cloned() });
    Ok((messages, false, Right::Answers { references, judged }))
}

/// The question's messages and the name of its field.
fn question<'names>(
    fields: &Map<String, Value>,
    names: &[&'names str],
) -> Result<(Vec<ChatMessage>, &'names str), String> {
    let field = names.iter().copied().find(|name| given(fields, name).is_some());
    let field = field.ok_or_else(|| format!("`prompt`: missing; expected one of {}", listed(names)))?;
    let mut messages = messages_of(fields, field)?;
    let text =
        |name: &str| given(fields, name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let with = match field {
        "question" => text("context").map(|context| (context, true)),
        "instruction" => text("input").map(|input| (input, false)),
        _ => None,
    };
    if let (Some((more, first)), [message]) = (with, messages.as_mut_slice()) {
        let own = std::mem::take(&mut message.content);
        message.content = if first { format!("{more}\n\n{own}") } else { format!("{own}\n\n{more}") };
    }
    Ok((messages, field))
}

fn choice(fields: &Map<String, Value>) -> Result<Parts, String> {
    let (messages, field) = question(fields, &CONTEXTS)?;
    // The context may be empty: the choices are then compared on their own.
    if field == "messages" {
        asked_last(&messages, field)?;
    }
    let name = CHOICES.into_iter().find(|name| given(fields, name).is_some()).unwrap_or("choices");
    let value = given(fields, name).unwrap_or(&Value::Null);
    let choices = words(value, name)?;
    if choices.len() < 2 {
        return Err(format!("`{name}`: expected at least two answers"));
    }
    if let Some(at) = choices.iter().position(|choice| choice.trim().is_empty()) {
        return Err(format!("`{name}[{at}]`: empty"));
    }
    let labels = value.get("label").map(|labels| words(labels, name)).transpose()?.unwrap_or_default();
    let (answer, right) = CHOSEN
        .iter()
        .find_map(|name| Some((*name, given(fields, name)?)))
        .ok_or_else(|| format!("`answer`: missing; expected one of {}", listed(&CHOSEN)))?;
    let each = match right {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    };
    let right = each.into_iter().map(|one| chosen(one, &choices, &labels, answer));
    let right = right.collect::<Result<Vec<usize>, _>>()?;
    if right.is_empty() {
        return Err(format!("`{answer}`: empty; no choice is right"));
    }
    // A `question` is asked of a chat model as a turn; other texts are continued.
    let plain = !matches!(field, "question" | "messages");
    Ok((messages, plain, Right::Choice { choices, right }))
}

/// Index of a choice given by its text, label, letter or index.
pub(super) fn chosen(
    value: &Value,
    choices: &[String],
    labels: &[String],
    field: &str,
) -> Result<usize, String> {
    let count = choices.len();
    let number = match value {
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Value::Bool(yes) => Some(usize::from(*yes)),
        Value::String(text) => {
            let place = |all: &[String]| all.iter().position(|own| own.trim() == text.trim());
            place(choices)
                .or_else(|| place(labels))
                .or_else(|| letter(text.trim()))
                .or_else(|| text.trim().parse().ok())
        }
        _ => None,
    };
    match number {
        Some(number) if number < count => Ok(number),
        Some(number) => {
            Err(format!("`{field}`: {number} is beyond the {count} choices, which are counted from 0"))
        }
        None => Err(format!("`{field}`: {value} is not one of the choices, or the number or letter of one")),
    }
}

/// Index of a letter: `A` is 0.
pub(super) fn letter(text: &str) -> Option<usize> {
    let mut bytes = text.bytes();
    match (bytes.next(), bytes.next()) {
        (Some(letter), None) if letter.is_ascii_alphabetic() => {
            Some(usize::from(letter.to_ascii_uppercase() - b'A'))
        }
        _ => None,
    }
}

fn labelled(fields: &Map<String, Value>) -> Result<Parts, String> {
    let messages = messages_of(fields, "text")?;
    asked_last(&messages, "text")?;
    let label = given(fields, "label").and_then(word).map(|label| label.trim().to_owned());
    match label {
        None => Err("`label`: expected a word or a number".to_owned()),
        Some(label) if label.is_empty() => Err("`label`: empty".to_owned()),
        Some(label) => Ok((messages, false, Right::Label(label))),
    }
}

fn tagged(fields: &Map<String, Value>) -> Result<Parts, String> {
    let list = |name: &str| match given(fields, name) {
        Some(value @ Value::Array(_)) => words(value, name),
        Some(_) => Err(format!("`{name}`: expected a list")),
        None => Err(format!("`{name}`: missing")),
    };
    let (all, tags) = (list("tokens")?, list("tags")?);
    if all.is_empty() || all.len() != tags.len() {
        return Err(format!("`tags`: {} for {} tokens", tags.len(), all.len()));
    }
    if let Some(at) = tags.iter().position(|tag| tag.is_empty() || tag.contains(char::is_whitespace)) {
        return Err(format!("`tags[{at}]`: expected a word"));
    }
    let messages = match given(fields, "prompt") {
        Some(_) => messages_of(fields, "prompt")?,
        None => vec![ChatMessage::new(Role::User, all.join(" "))],
    };
    Ok((messages, false, Right::Tags { words: all, tags }))
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::TaskFile;
    use super::*;

    fn read(text: &str) -> TaskFile {
        TaskFile::read("some/rows.jsonl", text.as_bytes(), None).unwrap()
    }

    fn row(line: &str) -> Row {
        read(line).rows.remove(0)
    }

    #[test]
    fn fields_of_sets_say_nothing_in_rows_of_a_persons_own() {
        let own = row(
            "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":1,\"biased\":true,\"true\":\"c\",\"asked\":1}\n",
        );
        assert_eq!((own.marked.clone(), own.asked()), (Marked::Nothing, 2));
    }

    #[test]
    fn answers_stand_in_any_of_their_fields() {
        for line in [
            r#"{"prompt":"Who?","answer":"Ada"}"#,
            r#"{"question":"Who?","answers":{"text":["Ada"],"answer_start":[0]}}"#,
            r#"{"input":"Who?","target":"Ada"}"#,
            r#"{"instruction":"Who?","input":"","output":"Ada"}"#,
            r#"{"prompt":"Who?","completion":" Ada"}"#,
            r#"{"prompt":[{"role":"user","content":"Who?"}],"completion":[{"role":"assistant","content":"Ada"}]}"#,
            r#"{"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Ada"}]}"#,
            r#"{"messages":[{"role":"user","content":"Who?"}],"references":["Ada"],"group":"people"}"#,
        ] {
            let row = row(line);
            assert_eq!(row.messages, [ChatMessage::new(Role::User, "Who?")], "{line}");
            assert_eq!(row.expected(), ["Ada"], "{line}");
            assert_eq!(row.group.is_some(), line.contains("group"));
        }
        let with = row(r#"{"context":"Ada wrote.","question":"Who?","answer":7}"#);
        assert_eq!(
            (with.messages[0].content.as_str(), with.expected()),
            ("Ada wrote.\n\nWho?", vec!["7".to_owned()])
        );
        let checked = row(r#"{"prompt":"2+2?","check":{"type":"numeric","value":4}}"#);
        let Right::Answers { references, judged } = checked.right else { panic!("answers") };
        assert!(references.is_empty() && judged.score("It is 4.") == 1.0);
    }

    #[test]
    fn choices_are_named_by_number_letter_label_or_text() {
        for right in ["1", "\"B\"", "\"b\"", "\"1\"", "\"dog\"", "[1]"] {
            let line = format!(r#"{{"prompt":"A","choices":["cat","dog"],"answer":{right}}}"#);
            assert_eq!(row(&line).expected(), ["dog"], "{line}");
        }
        let arc = r#"{"question":"A?","choices":{"text":["cat","dog"],"label":["1","2"]},"answerKey":"2"}"#;
        assert_eq!((row(arc).expected(), row(arc).plain), (vec!["dog".to_owned()], false));
        // A choice's text takes precedence over its index.
        let numbers = r#"{"prompt":"A","choices":["2","1","0"],"answer":"0"}"#;
        assert_eq!(row(numbers).expected(), ["0"]);
    }
}
