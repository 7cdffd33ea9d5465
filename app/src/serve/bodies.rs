//! Response bodies in OpenAI's format.

mod responses;

use super::fields::Encoding;
use super::wanted::{Endpoint, Wanted};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use glasshouse_conversation::tool_calls;
use glasshouse_protocol::{Completion, CompletionToken, Ending};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::hash::{BuildHasher as _, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// Fields common to all bodies of a response.
#[derive(Clone, Debug)]
pub(super) struct Head {
    endpoint: Endpoint,
    id: String,
    created: u64,
    /// The model name as requested; `None` if the request names none, and the run is used.
    model: Option<String>,
}

impl Head {
    pub(super) fn of(wanted: &Wanted) -> Self {
        let kind = match wanted.endpoint {
            Endpoint::Completions => "cmpl-",
            Endpoint::Chat => "chatcmpl-",
            Endpoint::Responses => "resp_",
            Endpoint::Tokenize | Endpoint::Detokenize | Endpoint::Embeddings => "",
        };
        let random = || RandomState::new().hash_one(());
        let id = format!("{kind}{:016x}{:016x}", random(), random());
        Self { endpoint: wanted.endpoint, id, created: now(), model: wanted.model.clone() }
    }

    fn body(&self, object: &str, run: &str, choices: &Value) -> Value {
        let model = self.model.as_deref().unwrap_or(run);
        json!({ "id": self.id, "object": object, "created": self.created, "model": model, "choices": choices })
    }

    pub(super) fn whole(&self, wanted: &Wanted, completions: &[Completion]) -> Value {
        let run = completions.first().map_or("", |completion| completion.run.as_str());
        match self.endpoint {
            Endpoint::Completions | Endpoint::Chat => {}
            Endpoint::Responses => return self.response(wanted, run, completions.first()),
            Endpoint::Tokenize => {
                let tokens = completions.iter().flat_map(|completion| &completion.tokens);
                let ids: Vec<u32> = tokens.map(|token| token.id).collect();
                return json!({ "count": ids.len(), "tokens": ids });
            }
            Endpoint::Detokenize => {
                return json!({ "prompt": completions.first().map(|completion| &completion.echoed) });
            }
            Endpoint::Embeddings => return self.embeddings(wanted, run, completions),
        }
        let choice = |(index, completion): (usize, &Completion)| {
            let (field, content) = match self.endpoint {
                Endpoint::Completions => ("text", json!(text_of(completion))),
                _ => {
                    let mut message = message(&completion.text, &wanted.tools);
                    message["role"] = json!("assistant");
                    message["refusal"] = Value::Null;
                    ("message", message)
                }
            };
            let calls = !content["tool_calls"].is_null();
            let (logprobs, reason) =
                (logprobs_of(wanted, completion), finish_reason(completion.ending, calls));
            let choice =
                json!({ "index": index, (field): content, "logprobs": logprobs, "finish_reason": reason });
            with_counts(choice, completion)
        };
        let object = self.object("chat.completion");
        let choices = completions.iter().enumerate().map(choice).collect();
        let mut body = self.body(object, run, &choices);
        body["usage"] = json!(Usage::new(wanted, completions));
        body
    }

    fn embeddings(&self, wanted: &Wanted, run: &str, completions: &[Completion]) -> Value {
        let embedding = |(index, completion): (usize, &Completion)| {
            let embedding = match wanted.encoding {
                Encoding::Float => json!(completion.embedding),
                Encoding::Base64 => {
                    let floats = completion.embedding.iter();
                    let bytes: Vec<u8> = floats.flat_map(|float| float.to_le_bytes()).collect();
                    json!(BASE64_STANDARD.encode(bytes))
                }
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        };
        let Usage { prompt_tokens, .. } = Usage::new(wanted, completions);
        json!({
            "object": "list",
            "data": completions.iter().enumerate().map(embedding).collect::<Value>(),
            "model": self.model.as_deref().unwrap_or(run),
            "usage": { "prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens },
        })
    }

    pub(super) fn piece(&self, index: usize, run: &str, piece: &Piece<'_>, tools: &[String]) -> Value {
        let start = json!({ "role": "assistant", "content": "", "refusal": null });
        let (text, delta, logprobs) = match piece {
            Piece::Begin => ("", start, &Value::Null),
            Piece::Text { text, logprobs } => {
                let mut delta = message(text, tools);
                let calls = delta.get_mut("tool_calls").and_then(Value::as_array_mut);
                for (index, call) in calls.into_iter().flatten().enumerate() {
                    call["index"] = index.into();
                }
                (*text, delta, logprobs)
            }
            Piece::End(_) => ("", json!({}), &Value::Null),
        };
        let (field, content) = match self.endpoint {
            Endpoint::Completions => ("text", json!(text)),
            _ => ("delta", delta),
        };
        let mut choice =
            json!({ "index": index, (field): content, "logprobs": logprobs, "finish_reason": null });
        if let Piece::End(completion) = piece {
            let calls = !message(&completion.text, tools)["tool_calls"].is_null();
            choice["finish_reason"] = json!(finish_reason(completion.ending, calls));
            choice = with_counts(choice, completion);
        }
        self.body(self.object("chat.completion.chunk"), run, &json!([choice]))
    }

    /// The stream chunk with the token counts.
    pub(super) fn usage(&self, wanted: &Wanted, completions: &[Completion]) -> Value {
        let run = completions.first().map_or("", |completion| completion.run.as_str());
        let mut body = self.body(self.object("chat.completion.chunk"), run, &json!([]));
        body["usage"] = json!(Usage::new(wanted, completions));
        body
    }

    fn object(&self, chat: &'static str) -> &'static str {
        if self.endpoint == Endpoint::Completions { "text_completion" } else { chat }
    }
}

/// Content of an answer, and its calls of tools, if any.
fn message(text: &str, tools: &[String]) -> Value {
    if tools.is_empty() {
        return json!({ "content": text });
    }
    match tool_calls(text, tools) {
        (text, calls) if calls.is_empty() => json!({ "content": text }),
        (text, functions) => {
            let call = |function: Value| {
                // Unique, with nine letters or digits, as Mistral's templates require.
                let id = format!("{:09x}", RandomState::new().hash_one(()) >> 28);
                json!({ "id": id, "type": "function", "function": function })
            };
            let content = Some(text).filter(|text| !text.is_empty());
            json!({ "content": content, "tool_calls": functions.into_iter().map(call).collect::<Value>() })
        }
    }
}

/// Content of a stream chunk; text comes with its log-probabilities if requested.
pub(super) enum Piece<'text> {
    Begin,
    Text { text: &'text str, logprobs: Value },
    End(&'text Completion),
}

/// Adds our own fields to a choice: moderation hits, and prompt characters missing from the vocabulary, if any. Clients ignore
/// unknown fields.
fn with_counts(mut choice: Value, completion: &Completion) -> Value {
    if !completion.moderated.is_empty() {
        choice["moderated"] = json!(completion.moderated);
    }
    if !completion.characters_lost.is_empty() {
        choice["characters_lost"] = json!(completion.characters_lost);
    }
    if completion.special_tokens > 0 {
        choice["special_tokens_in_prompt"] = json!(completion.special_tokens);
    }
    choice
}

/// A completion's text, preceded by the prompt if it is echoed.
pub(super) fn text_of(completion: &Completion) -> String {
    format!("{}{}", completion.echoed, completion.text)
}

/// Log-probabilities in the endpoint's format.
pub(super) fn logprobs_of(wanted: &Wanted, completion: &Completion) -> Value {
    match wanted.endpoint {
        Endpoint::Completions => logprobs(wanted, completion),
        _ => chat_logprobs(wanted, completion),
    }
}

fn finish_reason(ending: Ending, calls: bool) -> &'static str {
    match ending {
        Ending::StopString | Ending::EndOfText if calls => "tool_calls",
        Ending::MaxTokens => "length",
        Ending::Moderated => "content_filter",
        Ending::StopString | Ending::EndOfText | Ending::Interrupted => "stop",
    }
}

#[derive(Debug, Serialize)]
struct Usage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
}

impl Usage {
    /// A prompt counts once, however many answers it gets.
    fn new(wanted: &Wanted, completions: &[Completion]) -> Self {
        let prompts = completions.iter().step_by(wanted.answers.max(1));
        let prompt_tokens = prompts.map(|completion| completion.prompt_tokens).sum();
        let completion_tokens = completions.iter().map(|completion| completion.written_tokens).sum();
        Self { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
    }
}

/// Log-probabilities as lists by token. As in other servers, the token that ended the text is included; evaluation harnesses rely
/// on it.
fn logprobs(wanted: &Wanted, completion: &Completion) -> Value {
    let Some(count) = wanted.settings.log_probabilities else { return Value::Null };
    let tokens = &completion.tokens;
    let list = |of: fn(&CompletionToken) -> Value| tokens.iter().map(of).collect::<Value>();
    let top = |token: &CompletionToken| {
        let Some(own) = token.log_probability else { return Value::Null };
        let mut top: Map<String, Value> = Map::new();
        // Of two tokens with the same text, keep the more likely one.
        for likely in &token.top {
            top.entry(&likely.text).or_insert_with(|| json!(likely.log_probability));
        }
        top.entry(&token.text).or_insert_with(|| json!(own));
        Value::Object(top)
    };
    json!({
        "tokens": list(|token| json!(token.text)),
        "token_logprobs": list(|token| json!(token.log_probability)),
        "top_logprobs": if count > 0 { tokens.iter().map(top).collect() } else { Value::Null },
        "text_offset": list(|token| json!(token.offset)),
    })
}

/// Log-probabilities by generated token, without the token that ended the text.
fn chat_logprobs(wanted: &Wanted, completion: &Completion) -> Value {
    if wanted.settings.log_probabilities.is_none() {
        return Value::Null;
    }
    let ended = usize::from(completion.ending == Ending::EndOfText);
    let tokens = completion.tokens.iter().take(completion.tokens.len().saturating_sub(ended));
    let token = |token: &CompletionToken| {
        let likely =
            token.top.iter().map(|likely| entry(&likely.text, &likely.bytes, Some(likely.log_probability)));
        let mut entry = entry(&token.text, &token.bytes, token.log_probability);
        entry["top_logprobs"] = likely.collect();
        entry
    };
    json!({ "content": tokens.map(token).collect::<Value>(), "refusal": null })
}

fn entry(text: &str, bytes: &[u8], log_probability: Option<f32>) -> Value {
    json!({ "token": text, "logprob": log_probability, "bytes": bytes })
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_calls_are_unique() {
        let call = r#"<tool_call>{ "name": "now", "arguments": {} }</tool_call>"#;
        let answer = || message(&call.repeat(2), &["now".to_owned()])["tool_calls"].clone();
        let calls = [answer(), answer()];
        let mut ids: Vec<&str> = calls
            .iter()
            .flat_map(|calls| [&calls[0]["id"], &calls[1]["id"]])
            .filter_map(Value::as_str)
            .collect();
        assert!(ids.iter().all(|id| id.len() == 9), "{ids:?}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }
}
