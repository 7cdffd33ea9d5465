//! Access to the fields of a request's JSON, with checks.

use super::refusal::Refusal;
use crate::format::shortened;
use axum::body::Body;
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) const MAX_REQUEST_BYTES: usize = 4 << 20;
/// Timeout for a request's body.
const BODY: Duration = Duration::from_secs(30);

/// Ignored fields that do not affect an answer's text: identities, storage, priorities.
const HARMLESS: [&str; 17] = [
    "cache_prompt",
    "id_slot",
    "keep_alive",
    "metadata",
    "parallel_tool_calls",
    "prediction",
    "priority",
    "prompt_cache_key",
    "prompt_cache_retention",
    "request_id",
    "safety_identifier",
    "service_tier",
    "store",
    "stream_options",
    "timings_per_token",
    "user",
    "verbose",
];

/// Unsupported fields, with what to do instead. Values that request nothing are accepted.
const UNSUPPORTED: [(&str, &str); 26] = [
    ("audio", TEXT),
    ("background", ""),
    ("bad_words", ""),
    ("conversation", "send the messages in input"),
    ("early_stopping", ""),
    ("echo", "chat completions do not echo the prompt"),
    ("frequency_penalty", PENALTY),
    ("function_call", TOOLS),
    ("functions", TOOLS),
    ("grammar", ""),
    ("include", ""),
    ("include_stop_str_in_output", ""),
    ("logit_bias", ""),
    ("logprobs", ""),
    ("mirostat", ""),
    ("modalities", TEXT),
    ("presence_penalty", PENALTY),
    ("previous_response_id", "send the messages in input"),
    ("prompt_logprobs", "use /v1/completions with echo and logprobs"),
    ("response_format", TEXT),
    ("suffix", "the models only continue a text at its end"),
    ("text", TEXT),
    ("tool_choice", TOOLS),
    ("tools", TOOLS),
    ("top_logprobs", ""),
    ("truncation", "inputs that are too long are refused"),
];
const PENALTY: &str = "use repetition_penalty (above 1)";
const TEXT: &str = "the models only write text";
const TOOLS: &str = "the models call no tools";

/// Defaults of other servers, which are accepted. Any other value of these fields is refused as unsupported.
const DEFAULTS: [(&str, DefaultValue); 5] = [
    ("length_penalty", DefaultValue::Number(1.0)),
    ("num_beams", DefaultValue::Number(1.0)),
    ("reasoning_effort", DefaultValue::Text("none")),
    ("spaces_between_special_tokens", DefaultValue::Flag(true)),
    ("use_beam_search", DefaultValue::Flag(false)),
];

#[derive(Clone, Copy, Debug)]
enum DefaultValue {
    Flag(bool),
    Number(f64),
    Text(&'static str),
}

impl DefaultValue {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Flag(flag) => value.as_bool() == Some(flag),
            Self::Number(number) => value.as_f64() == Some(number),
            Self::Text(text) => value.as_str() == Some(text),
        }
    }
}

/// A JSON object that tracks which fields were read.
#[derive(Debug)]
pub(super) struct Fields {
    all: Map<String, Value>,
    read: RefCell<BTreeSet<String>>,
}

impl Fields {
    pub(super) async fn read(body: Body) -> Result<Self, Refusal> {
        let slow = |_| {
            let message = format!("the request was incomplete after {} s", BODY.as_secs());
            Refusal::new(StatusCode::REQUEST_TIMEOUT, None, message)
        };
        let bytes = tokio::time::timeout(BODY, whole(body)).await.map_err(slow)??;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, None, message);
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(all)) => Ok(Self { all, read: RefCell::default() }),
            Ok(_) => Err(bad("the request must be a JSON object, such as {\"prompt\": \"Once\"}".to_owned())),
            Err(error) => Err(bad(format!("the request is not valid JSON: {error}"))),
        }
    }

    /// A field that exists and is not null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.read.borrow_mut().insert(name.to_owned());
        self.all.get(name).filter(|value| !value.is_null())
    }

    /// A number within a range.
    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let (least, most) = (range.start(), range.end());
        let fits = value.as_f64().filter(|number| range.contains(number));
        let wrong = || must(name, value, &format!("a number between {least} and {most}"));
        fits.map(Some).ok_or_else(wrong)
    }

    /// An integer within a range.
    pub(super) fn whole(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let (least, most) = (range.start(), range.end());
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        let wrong = || {
            let range = match *most {
                usize::MAX => format!("{least} or more"),
                most => format!("between {least} and {most}"),
            };
            must(name, value, &format!("a whole number, {range}"))
        };
        number.filter(|number| range.contains(number)).map(Some).ok_or_else(wrong)
    }

    /// A boolean, `false` by default.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => Err(must(name, value, "true or false")),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value) => Err(must(name, value, "a string")),
        }
    }

    /// A string or a list of strings, without empty ones.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let wrong = |value: &Value| must(name, value, "a string or a list of strings");
        let texts = match self.get(name) {
            None => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(value @ Value::Array(list)) => {
                let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<_>>>().ok_or_else(|| wrong(value))?
            }
            Some(value) => return Err(wrong(value)),
        };
        Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }

    pub(super) fn object(&self, name: &str) -> Result<Map<String, Value>, Refusal> {
        match self.get(name) {
            None => Ok(Map::new()),
            Some(Value::Object(fields)) => Ok(fields.clone()),
            Some(value) => Err(must(name, value, "an object")),
        }
    }

    pub(super) fn ids(&self, name: &str) -> Result<Vec<u32>, Refusal> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(value) => {
                let ids = value.as_array().and_then(|list| list.iter().map(id).collect());
                ids.ok_or_else(|| must(name, value, "a list of token ids"))
            }
        }
    }

    /// Refuses unread fields that may affect the answer: unknown ones, and unsupported ones that request something.
    pub(super) fn refuse_unread(&self) -> Result<(), Refusal> {
        let read = self.read.borrow();
        for (name, value) in &self.all {
            if value.is_null() || read.contains(name) || HARMLESS.contains(&name.as_str()) {
                continue;
            }
            if DEFAULTS.iter().any(|(known, default)| known == name && default.is(value)) {
                continue;
            }
            let message = match UNSUPPORTED.iter().find(|(known, _)| known == name) {
                Some(_) if asks_for_nothing(value) => continue,
                Some((_, "")) => format!("{name} is not supported: leave it out"),
                Some((_, advice)) => format!("{name} is not supported: {advice}; leave it out"),
                None if DEFAULTS.iter().any(|(known, _)| known == name) => {
                    format!("{name} is not supported: leave it out")
                }
                None => format!("unknown field {name}; remove it (supported fields: docs/serve.md)"),
            };
            return Err(Refusal::bad(name, message));
        }
        Ok(())
    }
}

/// Whether the value of an unsupported field requests nothing beyond the default behaviour.
fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => matches!(text.as_str(), "" | "none" | "auto" | "disabled" | "text"),
        Value::Array(list) => list.iter().all(|value| value == "text"),
        Value::Object(fields) => match fields.get("type").or_else(|| fields.get("format")) {
            Some(format) => asks_for_nothing(format),
            None => fields.is_empty(),
        },
    }
}

/// A body's bytes, up to the limit.
async fn whole(body: Body) -> Result<Vec<u8>, Refusal> {
    let (mut pieces, mut bytes, mut count) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let broken = |error: axum::Error| {
            Refusal::new(StatusCode::BAD_REQUEST, None, format!("the request was interrupted: {error}"))
        };
        let piece = piece.map_err(broken)?;
        count += piece.len();
        // Read and discard the excess: a client that is still sending would not see the error response.
        if count <= MAX_REQUEST_BYTES {
            bytes.extend_from_slice(&piece);
        }
    }
    if count > MAX_REQUEST_BYTES {
        let message = format!("the request exceeds {} MB; send a smaller one", MAX_REQUEST_BYTES >> 20);
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, None, message));
    }
    Ok(bytes)
}

/// The refusal of a field whose value breaks a rule.
fn must(name: &str, value: &Value, rule: &str) -> Refusal {
    Refusal::bad(name, format!("{name} is {}; it must be {rule}", shortened(&value.to_string(), 40)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: &Value) -> Fields {
        Fields::parse(value.to_string().as_bytes()).unwrap()
    }

    fn said<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.unwrap_err().body()["error"]["message"].as_str().unwrap().to_owned()
    }

    #[test]
    fn what_was_not_read_and_may_change_the_answer_is_refused_by_name() {
        let refused = |value: Value| {
            let refusal = fields(&value).refuse_unread();
            refusal.err().map(|refusal| refusal.body()["error"]["param"].as_str().unwrap().to_owned())
        };
        for passes in [
            json!({ "user": "me", "metadata": { "a": "b" }, "temprature": null }),
            json!({ "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "suffix": "" }),
            json!({ "tools": [], "tool_choice": "auto", "modalities": ["text"], "response_format": { "type": "text" } }),
            json!({ "text": { "format": { "type": "text" } }, "truncation": "disabled", "include": [] }),
            json!({ "num_beams": 1, "length_penalty": 1, "use_beam_search": false, "reasoning_effort": "none" }),
            json!({ "num_beams": 1.0, "length_penalty": 1.0, "spaces_between_special_tokens": true }),
        ] {
            assert_eq!(refused(passes.clone()), None, "{passes}");
        }
        for (name, value) in [
            ("guided_regex", json!("[0-9]+")),
            ("tool_choice", json!("required")),
            ("modalities", json!(["audio"])),
            ("frequency_penalty", json!(0.5)),
            ("response_format", json!({ "type": "json_object" })),
            ("typical_p", json!(0.5)),
            ("use_beam_search", json!(true)),
            ("num_beams", json!(4)),
            ("length_penalty", json!(0)),
            ("spaces_between_special_tokens", json!(false)),
            ("reasoning_effort", json!("low")),
            // A misspelled field is refused whatever its value.
            ("temprature", json!(0)),
        ] {
            assert_eq!(refused(json!({ name: value })).as_deref(), Some(name));
        }
        let message = |value: Value| said(fields(&value).refuse_unread());
        assert_eq!(
            message(json!({ "use_beam_search": true })),
            "use_beam_search is not supported: leave it out"
        );
        assert_eq!(
            message(json!({ "temprature": 0 })),
            "unknown field temprature; remove it (supported fields: docs/serve.md)"
        );
        let some = fields(&json!({ "temperature": 0.5 }));
        assert!(some.refuse_unread().is_err());
        some.number("temperature", 0.0..=2.0).unwrap();
        assert!(some.refuse_unread().is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_of_the_field() {
        let fields =
            fields(&json!({ "a": "x", "b": 3.5, "c": [1], "d": null, "e": -1, "f": true, "g": ["", "y"] }));
        assert!(said(fields.number("a", 0.0..=2.0)).contains("a is \"x\""));
        assert!(said(fields.number("b", 0.0..=2.0)).contains("between 0 and 2"));
        assert!(said(fields.whole("b", 0..=5)).contains("whole number"));
        assert!(said(fields.whole("e", 0..=5)).contains("-1"));
        assert!(said(fields.texts("c")).contains("list of strings"));
        assert!(said(fields.flag("a")).contains("true or false"));
        assert_eq!(fields.number("d", 0.0..=1.0).unwrap(), None);
        assert_eq!(fields.texts("g").unwrap(), ["y"]);
        assert!(said(Fields::parse(b"{")).contains("not valid JSON"));
        assert!(said(Fields::parse(b"[1]")).contains("JSON object"));
    }
}
