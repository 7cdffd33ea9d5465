//! The fields of a request, and those of other servers that are ignored or refused.

use super::refusal::Refusal;
use super::wanted::Endpoint;
use axum::body::Body;
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use glasshouse_protocol::Role;
use glasshouse_protocol::names::with_suggestion;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const MAX_REQUEST_BYTES: usize = 4 << 20;
/// Timeout for a request's body.
const BODY: Duration = Duration::from_secs(30);

/// Ignored fields that do not affect an answer's text: identities, storage, priorities.
const HARMLESS: &str = "cache_prompt id_slot keep_alive metadata parallel_tool_calls prediction priority prompt_cache_key \
    prompt_cache_retention request_id safety_identifier service_tier store timings_per_token user verbose";

/// What to do instead of unsupported fields. Their values that request nothing are accepted.
const UNSUPPORTED: [(&str, &str); 9] = [
    (
        "",
        "background bad_words early_stopping include include_stop_str_in_output logprobs mirostat top_logprobs",
    ),
    ("chat completions do not echo the prompt", "echo"),
    ("inputs that are too long are refused", "truncation"),
    ("send the messages in input", "conversation previous_response_id"),
    ("send tools to /v1/chat/completions", "function_call functions tool_choice tools"),
    ("the models only continue a text at its end", "suffix"),
    ("the models only write text", "audio modalities"),
    ("send response_format to /v1/chat/completions", "text"),
    ("use /v1/completions with echo and logprobs", "prompt_logprobs"),
];

/// Defaults of other servers, which are accepted. Any other value of these fields is refused as unsupported.
const DEFAULTS: [(&str, &str); 5] = [
    ("length_penalty", "1"),
    ("num_beams", "1"),
    ("reasoning_effort", "\"none\""),
    ("spaces_between_special_tokens", "true"),
    ("use_beam_search", "false"),
];

/// The fields of all endpoints; null is the same as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fields {
    pub(super) model: Option<String>,
    pub(super) prompt: Option<Prompts>,
    pub(super) messages: Vec<Value>,
    pub(super) input: Option<Input>,
    pub(super) tokens: Vec<u32>,
    pub(super) encoding_format: Encoding,
    pub(super) instructions: Option<String>,
    pub(super) chat_template: Option<String>,
    pub(super) chat_template_kwargs: Map<String, Value>,
    pub(super) add_generation_prompt: Option<bool>,
    pub(super) continue_final_message: bool,
    pub(super) tools: Vec<Value>,
    pub(super) tool_choice: Option<String>,
    pub(super) n: Option<usize>,
    pub(super) best_of: Option<usize>,
    pub(super) max_tokens: Option<i64>,
    pub(super) max_completion_tokens: Option<i64>,
    pub(super) max_output_tokens: Option<i64>,
    pub(super) min_tokens: usize,
    pub(super) temperature: Option<f32>,
    pub(super) top_p: Option<f32>,
    pub(super) top_k: Option<i64>,
    pub(super) min_p: Option<f32>,
    pub(super) repetition_penalty: Option<f32>,
    pub(super) frequency_penalty: f32,
    pub(super) presence_penalty: f32,
    pub(super) logit_bias: BTreeMap<u32, f32>,
    pub(super) response_format: ResponseFormat,
    pub(super) grammar: Option<String>,
    pub(super) seed: Option<i128>,
    pub(super) stop: Option<Stop>,
    pub(super) stop_token_ids: Vec<u32>,
    pub(super) ignore_eos: bool,
    pub(super) skip_special_tokens: Option<bool>,
    pub(super) echo: bool,
    pub(super) logprobs: Option<Logprobs>,
    pub(super) top_logprobs: Option<usize>,
    pub(super) stream: bool,
    pub(super) stream_options: StreamOptions,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string, a list of strings, a list of token ids (whole numbers), or a list of such lists"
)]
pub(super) enum Prompts {
    One(SinglePrompt),
    Many(Vec<SinglePrompt>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum SinglePrompt {
    Text(String),
    Tokens(Vec<u32>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string or a list")]
pub(super) enum Input {
    Text(String),
    /// Messages, or texts and tokens to embed.
    List(Vec<Value>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub(super) enum ResponseFormat {
    #[default]
    Text,
    JsonObject,
    JsonSchema {
        json_schema: NamedSchema,
    },
}

/// A schema; its name and other fields change no answer.
#[derive(Debug, Deserialize)]
pub(super) struct NamedSchema {
    pub(super) schema: Value,
}

/// The form of an embedding's floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    #[default]
    Float,
    /// Of little-endian floats.
    Base64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
pub(super) enum Stop {
    One(String),
    Many(Vec<String>),
}

/// A count for completions, a switch for chats.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a whole number for completions, true or false for chats")]
pub(super) enum Logprobs {
    Count(usize),
    Flag(bool),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamOptions {
    /// The stream ends with token counts.
    pub(super) include_usage: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) role: Role,
    pub(super) content: Option<Content>,
    #[serde(flatten)]
    pub(super) fields: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "content must be a string or a list of text parts; the models read only text")]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
pub(super) struct Part {
    pub(super) text: String,
}

/// Whether an endpoint has a field; `None` if it does not depend on the endpoint.
fn is_of(endpoint: Endpoint, field: &str) -> Option<bool> {
    use Endpoint::{Chat, Completions, Detokenize, Embeddings, Responses, Tokenize};
    Some(match field {
        "model" => return None,
        "prompt" => matches!(endpoint, Completions | Tokenize),
        "messages" => matches!(endpoint, Chat | Tokenize),
        "input" => matches!(endpoint, Responses | Embeddings),
        "add_generation_prompt" | "chat_template" | "chat_template_kwargs" | "continue_final_message" => {
            matches!(endpoint, Chat | Responses | Tokenize)
        }
        "tools" | "tool_choice" => matches!(endpoint, Chat | Tokenize),
        "tokens" => endpoint == Detokenize,
        "encoding_format" => endpoint == Embeddings,
        _ if !endpoint.generates() => false,
        "echo" => endpoint == Completions,
        "max_completion_tokens" | "top_logprobs" => endpoint == Chat,
        "instructions" | "max_output_tokens" => endpoint == Responses,
        "grammar" | "response_format" | "logprobs" | "max_tokens" | "n" => endpoint != Responses,
        _ => return None,
    })
}

/// What to do instead of an unsupported field; may be empty.
fn advice(name: &str) -> Option<String> {
    let (advice, _) = UNSUPPORTED.iter().find(|(_, names)| names.split(' ').any(|own| own == name))?;
    Some(if advice.is_empty() { String::new() } else { format!("{advice}; ") })
}

/// Whether a field is ignored: it cannot affect the answer, or requests nothing. Refuses unsupported fields that request something.
fn is_ignored(endpoint: Endpoint, name: &str, value: &Value) -> Result<bool, Refusal> {
    let refused = |what: String| Err(Refusal::bad(name, format!("{name} {what}leave it out")));
    let own = is_of(endpoint, name);
    if value.is_null() || HARMLESS.split(' ').any(|known| known == name) {
        Ok(true)
    } else if own == Some(true) {
        Ok(false)
    } else if let Some(advice) = advice(name) {
        if asks_for_nothing(value) { Ok(true) } else { refused(format!("is not supported: {advice}")) }
    } else if let Some((_, default)) = DEFAULTS.iter().find(|(known, _)| *known == name) {
        let is_default = value.to_string().trim_end_matches(".0") == *default;
        if is_default { Ok(true) } else { refused("is not supported: ".to_owned()) }
    } else if own == Some(false) {
        refused("is not a field of this endpoint; ".to_owned())
    } else {
        Ok(false)
    }
}

impl Fields {
    pub(super) async fn read(endpoint: Endpoint, body: Body) -> Result<Self, Refusal> {
        let slow = |_| {
            let message = format!("the request was incomplete after {} s", BODY.as_secs());
            Refusal::new(StatusCode::REQUEST_TIMEOUT, None, message)
        };
        let bytes = tokio::time::timeout(BODY, whole(body)).await.map_err(slow)??;
        Self::parse(endpoint, &bytes)
    }

    fn parse(endpoint: Endpoint, bytes: &[u8]) -> Result<Self, Refusal> {
        let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, None, message);
        let all = match serde_json::from_slice(bytes) {
            Ok(Value::Object(all)) => all,
            Ok(_) => {
                return Err(bad(
                    "the request must be a JSON object, such as {\"prompt\": \"Once\"}".to_owned()
                ));
            }
            Err(error) => return Err(bad(format!("the request is not valid JSON: {error}"))),
        };
        let mut used = Map::new();
        for (name, value) in all {
            if !is_ignored(endpoint, &name, &value)? {
                let value = if name == "model" { named(value) } else { whole_number(value) };
                used.insert(name, value);
            }
        }
        let used = Value::Object(used);
        Self::deserialize(&used).map_err(|error| {
            // The error has no field: it is the one that fails alone.
            let fails = |(name, value): (&String, &Value)| {
                let one = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
                let error = Self::deserialize(&one).err()?;
                Some(Refusal::bad(name, with_suggestion(&format!("{name}: {}", in_words(&error)))))
            };
            let found = used.as_object().and_then(|used| used.iter().find_map(fails));
            found.unwrap_or_else(|| bad(in_words(&error)))
        })
    }
}

/// A run's number as its name.
fn named(value: Value) -> Value {
    if value.is_u64() { Value::String(value.to_string()) } else { value }
}

/// A number without a fraction as an integer: some clients send 16.0.
fn whole_number(value: Value) -> Value {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 1e15 => {
            Value::from(number as i64)
        }
        _ => value,
    }
}

/// The sentence of an error, with words for types and kinds of values.
pub(super) fn in_words(error: &serde_json::Error) -> String {
    const WORDS: [(&str, &str); 14] = [
        ("expected usize", "expected a whole number of at least 0"),
        ("expected u32", "expected a whole number of at least 0"),
        ("expected i64", "expected a whole number"),
        ("expected i128", "expected a whole number"),
        ("expected f32", "expected a number"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
        ("expected struct StreamOptions", "expected an object"),
        ("expected struct Message", "expected an object"),
        ("unknown variant", "unknown value"),
        (": integer `", ": the number `"),
        (": floating point `", ": the number `"),
        (": boolean `", ": `"),
    ];
    WORDS.iter().fold(error.to_string(), |text, (from, to)| text.replace(from, to))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(endpoint: Endpoint, value: &Value) -> Result<Fields, Value> {
        let parsed = Fields::parse(endpoint, value.to_string().as_bytes());
        parsed.map_err(|refusal| refusal.body()["error"].take())
    }

    #[test]
    fn fields_that_may_change_the_answer_are_refused_by_name() {
        let refused = |value: Value| {
            let error = parse(Endpoint::Chat, &value).err();
            error.map(|error| error["param"].as_str().unwrap().to_owned())
        };
        for passes in [
            json!({ "user": "me", "metadata": { "a": "b" }, "temprature": null }),
            json!({ "frequency_penalty": 0.5, "presence_penalty": 0.0, "logit_bias": { "5": -100 }, "suffix": "" }),
            json!({ "tools": [], "tool_choice": "auto", "modalities": ["text"], "response_format": { "type": "text" } }),
            json!({ "text": { "format": { "type": "text" } }, "truncation": "disabled", "include": [] }),
            json!({ "num_beams": 1, "length_penalty": 1, "use_beam_search": false, "reasoning_effort": "none" }),
            json!({ "num_beams": 1.0, "length_penalty": 1.0, "spaces_between_special_tokens": true }),
            json!({ "echo": false, "stream_options": { "include_usage": true, "include_obfuscation": false } }),
        ] {
            assert_eq!(refused(passes.clone()), None, "{passes}");
        }
        for (name, value) in [
            ("guided_regex", json!("[0-9]+")),
            ("tools", json!("all")),
            ("modalities", json!(["audio"])),
            ("frequency_penalty", json!("low")),
            ("logit_bias", json!({ "a": 1 })),
            ("tokens", json!([1])),
            ("grammar", json!(["a"])),
            ("response_format", json!({ "type": "xml" })),
            ("typical_p", json!(0.5)),
            ("use_beam_search", json!(true)),
            ("num_beams", json!(4)),
            ("length_penalty", json!(0)),
            ("spaces_between_special_tokens", json!(false)),
            ("reasoning_effort", json!("low")),
            // A field of another endpoint, and a misspelled one, whatever its value.
            ("prompt", json!("One")),
            ("temprature", json!(0)),
            ("temperature", json!("hot")),
            ("top_k", json!(0.5)),
            ("max_tokens", json!(0.5)),
            ("stop", json!([1])),
            ("stop_token_ids", json!([-1])),
            ("ignore_eos", json!("yes")),
            ("messages", json!("Hello")),
        ] {
            assert_eq!(refused(json!({ "n": 2, name: value })).as_deref(), Some(name));
        }
        let message = |value| parse(Endpoint::Chat, &value).unwrap_err()["message"].to_string();
        for (value, words) in [
            (json!({ "temperature": "hot" }), "expected a number"),
            (json!({ "min_tokens": -1 }), "the number `-1`, expected a whole number of at least 0"),
            (json!({ "stream": 1 }), "expected true or false"),
            (json!({ "stream_options": 5 }), "expected an object"),
        ] {
            assert!(message(value.clone()).contains(words), "{}", message(value));
        }
        let fields =
            parse(Endpoint::Chat, &json!({ "model": 1, "max_tokens": 2.0, "temperature": 1 })).unwrap();
        assert_eq!((fields.model.as_deref(), fields.max_tokens), (Some("1"), Some(2)));
        let error = parse(Endpoint::Chat, &json!({ "temprature": 0 })).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains("did you mean `temperature`"), "{error}");
    }

    #[test]
    fn prompts_have_four_forms() {
        let prompts = |value: Value| {
            parse(Endpoint::Completions, &json!({ "prompt": value })).map(|fields| fields.prompt)
        };
        assert!(matches!(prompts(json!("One")), Ok(Some(Prompts::One(SinglePrompt::Text(_))))));
        assert!(matches!(prompts(json!([1, 2])), Ok(Some(Prompts::One(SinglePrompt::Tokens(_))))));
        assert!(matches!(prompts(json!(["One", [1]])), Ok(Some(Prompts::Many(_)))));
        for wrong in [json!(5), json!([1, "a"]), json!([-1]), json!(["One", {}])] {
            assert_eq!(prompts(wrong.clone()).unwrap_err()["param"], "prompt", "{wrong}");
        }
        for bytes in [&b"{"[..], b"[1]"] {
            assert!(Fields::parse(Endpoint::Chat, bytes).unwrap_err().body()["error"]["param"].is_null());
        }
    }
}
