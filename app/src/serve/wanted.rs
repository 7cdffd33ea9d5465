//! Parses a request's fields into commands.

use super::Served;
use super::fields::Fields;
use super::refusal::Refusal;
use glasshouse_protocol::completion::MAX_TOP_LOGPROBS;
use glasshouse_protocol::{
    ChatEnding, ChatMessage, ChatRendering, CheckpointChoice, Command, CompletionSettings, GenerateConfig,
    Output, Prompt, Role, WeightSource,
};
use serde_json::{Map, Value};
use std::hash::{BuildHasher as _, RandomState};

/// Maximum texts of one request.
const MAX_TEXTS: usize = 4096;
/// Maximum answers per prompt.
const MAX_ANSWERS: usize = 128;
/// Maximum bytes of a request's prompts, each counted once per answer, because the engine receives one command per answer.
const MAX_PROMPT_BYTES: usize = 64 << 20;
/// Default completion length in tokens, as in OpenAI's API.
const TOKENS: usize = 16;
/// An example of messages for error messages.
const EXAMPLE: &str = "as [{\"role\": \"user\", \"content\": \"Hello\"}]";
/// Fill the context: more tokens than any context holds.
const ALL_THERE_IS_ROOM_FOR: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Completions,
    Chat,
    Responses,
}

#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) endpoint: Endpoint,
    pub(super) model: Option<String>,
    source: WeightSource,
    prompts: Vec<Prompt>,
    pub(super) answers: usize,
    pub(super) config: GenerateConfig,
    pub(super) settings: CompletionSettings,
    pub(super) streams: bool,
    /// The stream ends with token counts.
    pub(super) includes_usage: bool,
}

impl Wanted {
    pub(super) fn read(endpoint: Endpoint, fields: &Fields, served: &Served) -> Result<Self, Refusal> {
        let (model, source) = model(fields, served)?;
        let prompts = match endpoint {
            Endpoint::Completions => prompts(fields)?,
            Endpoint::Chat => vec![chat(fields, messages(fields)?)?],
            Endpoint::Responses => vec![chat(fields, input(fields)?)?],
        };
        let answers = match endpoint {
            Endpoint::Responses => 1,
            Endpoint::Completions | Endpoint::Chat => fields.whole("n", 1..=MAX_ANSWERS)?.unwrap_or(1),
        };
        if fields.whole("best_of", 1..=MAX_ANSWERS)?.is_some_and(|best| best != answers) {
            return Err(Refusal::bad(
                "best_of",
                "best_of is not supported; use n and choose among the answers",
            ));
        }
        let mut settings = CompletionSettings {
            places: served.settings.places,
            echo: endpoint == Endpoint::Completions && fields.flag("echo")?,
            log_probabilities: log_probabilities(endpoint, fields)?,
            ..CompletionSettings::default()
        };
        let config = config(endpoint, fields, served, &mut settings)?;
        let streams = fields.flag("stream")?;
        fields.refuse_unread()?;
        let includes_usage = match fields.get("stream_options") {
            Some(Value::Object(options)) => options.get("include_usage") == Some(&Value::Bool(true)),
            _ => false,
        };
        let wanted =
            Self { endpoint, model, source, prompts, answers, config, settings, streams, includes_usage };
        let (texts, most) = (wanted.texts(), served.most().min(MAX_TEXTS));
        if texts > most {
            let message = format!("the request asks for {texts} completions; at most {most} fit at once");
            return Err(Refusal::bad(if answers > 1 { "n" } else { "prompt" }, message));
        }
        let bytes: usize = wanted.prompts.iter().map(bytes_of).sum();
        if bytes.saturating_mul(answers) > MAX_PROMPT_BYTES {
            let message = format!(
                "{answers} answers to prompts of {bytes} bytes are too large for one request; ask for fewer answers, or split the request"
            );
            return Err(Refusal::bad("n", message));
        }
        Ok(wanted)
    }

    /// Number of texts to generate.
    pub(super) fn texts(&self) -> usize {
        self.prompts.len().saturating_mul(self.answers)
    }

    /// The commands for the engine: all answers to the first prompt, then those to the next. Answers to the same prompt have
    /// different seeds.
    pub(super) fn commands(&self) -> Vec<Command> {
        let command = |prompt: &Prompt, answer: usize| Command::Generate {
            source: self.source.clone(),
            prompt: prompt.clone(),
            config: GenerateConfig {
                seed: self.config.seed.wrapping_add(answer as u64),
                ..self.config.clone()
            },
            output: Output::Completion(self.settings.clone()),
        };
        let of = |prompt| (0..self.answers).map(move |answer| command(prompt, answer));
        self.prompts.iter().flat_map(of).collect()
    }
}

fn model(fields: &Fields, served: &Served) -> Result<(Option<String>, WeightSource), Refusal> {
    let settings = &served.settings;
    let named = fields.text("model")?.filter(|name| !name.is_empty());
    let name = named.or(settings.run.as_deref());
    let Some(name) = name else { return Ok((None, WeightSource::Current)) };
    let (run, checkpoint) = match named.and_then(|name| name.split_once(':')) {
        Some((run, word)) => match CheckpointChoice::from(word) {
            // It would be a path on this machine.
            CheckpointChoice::File(other) => {
                return Err(Refusal::no_model(format!(
                    "no checkpoint {other} is available; use {run}:best or {run}:latest"
                )));
            }
            choice => (run, choice),
        },
        None => (name, settings.checkpoint.clone()),
    };
    let source = WeightSource::Checkpoint { run: run.to_owned(), checkpoint };
    Ok((named.map(str::to_owned), source))
}

/// A text, tokens, or a list of either.
fn prompts(fields: &Fields) -> Result<Vec<Prompt>, Refusal> {
    let wrong = |what: &str| {
        let message = format!(
            "{what}; prompt must be a string, a list of strings, a list of token ids, or a list of such lists"
        );
        Refusal::bad("prompt", message)
    };
    match fields.get("prompt") {
        None => Err(wrong("prompt is missing")),
        Some(Value::String(text)) => Ok(vec![Prompt::Text { text: text.clone() }]),
        Some(Value::Array(list)) if list.is_empty() => Err(wrong("prompt is an empty list")),
        Some(Value::Array(list)) if list.iter().all(Value::is_number) => Ok(vec![Prompt::Tokens {
            ids: ids(list).ok_or_else(|| wrong("a token id is not a whole number"))?,
        }]),
        Some(Value::Array(list)) => {
            let prompt = |value: &Value| match value {
                Value::String(text) => Ok(Prompt::Text { text: text.clone() }),
                Value::Array(list) => {
                    let ids = ids(list).ok_or_else(|| wrong("a token id is not a whole number"))?;
                    Ok(Prompt::Tokens { ids })
                }
                other => Err(wrong(&format!("prompt holds {}", named(other)))),
            };
            list.iter().map(prompt).collect()
        }
        Some(other) => Err(wrong(&format!("prompt is {}", named(other)))),
    }
}

/// A JSON value's type, for error messages.
fn named(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Approximate memory of a prompt in bytes.
fn bytes_of(prompt: &Prompt) -> usize {
    match prompt {
        Prompt::Text { text } => text.len(),
        Prompt::Tokens { ids } => size_of_val(ids.as_slice()),
        Prompt::Messages { messages, rendering } => {
            let message = |message: &ChatMessage| message.content.len() + bytes_of_json(&message.fields);
            let variables = rendering.as_ref().map_or(0, |rendering| bytes_of_json(&rendering.variables));
            messages.iter().map(message).sum::<usize>() + variables
        }
    }
}

/// Memory of a JSON object, estimated as eight times its text: in memory, each value takes at least 32 bytes.
fn bytes_of_json(object: &Map<String, Value>) -> usize {
    if object.is_empty() {
        return 0;
    }
    serde_json::to_vec(object).map_or(0, |bytes| bytes.len() * 8)
}

fn ids(list: &[Value]) -> Option<Vec<u32>> {
    list.iter().map(|id| u32::try_from(id.as_u64()?).ok()).collect()
}

/// A conversation and its template settings.
fn chat(fields: &Fields, messages: Vec<ChatMessage>) -> Result<Prompt, Refusal> {
    let continues = fields.flag("continue_final_message")?;
    let opens = fields.get("add_generation_prompt").is_none() || fields.flag("add_generation_prompt")?;
    let ending = match (continues, opens) {
        (false, true) => ChatEnding::Answer,
        (false, false) => ChatEnding::Closed,
        (true, true) if fields.get("add_generation_prompt").is_some() => {
            let message = "continue_final_message and add_generation_prompt exclude each other";
            return Err(Refusal::bad("continue_final_message", message));
        }
        (true, _) => ChatEnding::Continued,
    };
    if continues && messages.last().is_none_or(|last| last.role != Role::Assistant) {
        let message = "continue_final_message requires the last message to be from the assistant";
        return Err(Refusal::bad("continue_final_message", message));
    }
    let variables = fields.object("chat_template_kwargs")?;
    let own = ["messages", "tools", "documents", "add_generation_prompt", "continue_final_message"];
    if let Some(name) = own.iter().find(|name| variables.contains_key(**name)) {
        let message = format!("chat_template_kwargs may not set {name}, which the request's own fields set");
        return Err(Refusal::bad("chat_template_kwargs", message));
    }
    Ok(Prompt::Messages { messages, rendering: Some(ChatRendering { ending, variables }) })
}

/// A conversation in the format of OpenAI's Responses API: a text or messages, preceded by instructions.
fn input(fields: &Fields) -> Result<Vec<ChatMessage>, Refusal> {
    let instructions = fields.text("instructions")?.map(|text| ChatMessage::new(Role::System, text));
    let said = match fields.get("input") {
        Some(Value::String(text)) => vec![ChatMessage::new(Role::User, text)],
        Some(Value::Array(list)) if !list.is_empty() => {
            let typed = |(at, item): (usize, &Value)| match item.get("type").and_then(Value::as_str) {
                None | Some("message") => message("input", at, item),
                Some(other) => Err(Refusal::bad(
                    "input",
                    format!("input[{at}] has the unsupported type {other}; send messages only"),
                )),
            };
            list.iter().enumerate().map(typed).collect::<Result<_, _>>()?
        }
        _ => return Err(Refusal::bad("input", "input must be a string, or a list of messages")),
    };
    Ok(instructions.into_iter().chain(said).collect())
}

/// A conversation in OpenAI's format.
fn messages(fields: &Fields) -> Result<Vec<ChatMessage>, Refusal> {
    match fields.get("messages") {
        Some(Value::Array(list)) if !list.is_empty() => {
            list.iter().enumerate().map(|(at, value)| message("messages", at, value)).collect()
        }
        _ => Err(Refusal::bad("messages", format!("messages must be a list of messages, {EXAMPLE}"))),
    }
}

/// Message number `at` of a field. Fields other than role and content are passed to the template unchanged, except arguments of
/// tool calls: OpenAI writes them as JSON in a string, and templates expect an object.
fn message(field: &str, at: usize, value: &Value) -> Result<ChatMessage, Refusal> {
    let wrong = |message: String| Refusal::bad(field, message);
    let role = match value.get("role").and_then(Value::as_str) {
        Some("system") => Role::System,
        Some("developer") => Role::Developer,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("tool" | "function") => Role::Tool,
        _ => {
            return Err(wrong(format!(
                "{field}[{at}] has an unknown role; use system, developer, user, assistant or tool"
            )));
        }
    };
    let content = match value.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None if role == Role::Assistant => String::new(),
        Some(Value::Array(parts)) => {
            let text = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_owned);
            let texts: Option<Vec<String>> = parts.iter().map(text).collect();
            let other =
                || wrong(format!("{field}[{at}] has a part that is not text; the models read only text"));
            texts.ok_or_else(other)?.concat()
        }
        _ => return Err(wrong(format!("{field}[{at}] has no content; write it {EXAMPLE}"))),
    };
    let mut more = value.as_object().cloned().unwrap_or_default();
    more.retain(|name, value| !value.is_null() && !matches!(name.as_str(), "role" | "content"));
    glasshouse_conversation::modernise_calls(&mut more);
    for call in more.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
        let arguments = call.get_mut("function").and_then(|function| function.get_mut("arguments"));
        if let Some(arguments) = arguments
            && let Some(object) = arguments.as_str().and_then(|text| serde_json::from_str(text).ok())
        {
            *arguments = Value::Object(object);
        }
    }
    Ok(ChatMessage { role, content, fields: more })
}

/// The number of top log-probabilities per token; `None` if log-probabilities are not requested.
fn log_probabilities(endpoint: Endpoint, fields: &Fields) -> Result<Option<usize>, Refusal> {
    match endpoint {
        Endpoint::Completions => match fields.get("logprobs") {
            Some(Value::Bool(false)) => Ok(None),
            _ => fields.whole("logprobs", 0..=MAX_TOP_LOGPROBS),
        },
        Endpoint::Chat => {
            let count = fields.whole("top_logprobs", 0..=MAX_TOP_LOGPROBS)?;
            match (fields.flag("logprobs")?, count) {
                (true, count) => Ok(Some(count.unwrap_or(0))),
                (false, None | Some(0)) => Ok(None),
                (false, Some(_)) => {
                    Err(Refusal::bad("top_logprobs", "top_logprobs requires logprobs to be true"))
                }
            }
        }
        Endpoint::Responses => Ok(None),
    }
}

/// Sampling settings and length.
fn config(
    endpoint: Endpoint,
    fields: &Fields,
    served: &Served,
    settings: &mut CompletionSettings,
) -> Result<GenerateConfig, Refusal> {
    let (asked, otherwise) = match endpoint {
        Endpoint::Completions => (fields.whole("max_tokens", 0..=usize::MAX)?, TOKENS),
        Endpoint::Chat => {
            let most = fields.whole("max_completion_tokens", 1..=usize::MAX)?;
            let older = fields.whole("max_tokens", 1..=usize::MAX)?;
            (most.or(older), ALL_THERE_IS_ROOM_FOR)
        }
        Endpoint::Responses => (fields.whole("max_output_tokens", 1..=usize::MAX)?, ALL_THERE_IS_ROOM_FOR),
    };
    // A default length is no reason to refuse a prompt.
    settings.fits = asked.is_none();
    settings.no_tokens = asked == Some(0);
    let plain = GenerateConfig::default();
    let number = |name, range, otherwise: f32| {
        Ok::<_, Refusal>(fields.number(name, range)?.map_or(otherwise, |number| number as f32))
    };
    Ok(GenerateConfig {
        max_tokens: asked.unwrap_or(otherwise).min(ALL_THERE_IS_ROOM_FOR),
        temperature: number("temperature", 0.0..=2.0, 1.0)?,
        top_p: match number("top_p", 0.0..=1.0, plain.top_p)? {
            // The smallest value: only the likeliest token.
            0.0 => f32::MIN_POSITIVE,
            top_p => top_p,
        },
        top_k: match fields.get("top_k").and_then(Value::as_i64) {
            // -1 means "all" for other servers.
            Some(-1) => 0,
            _ => fields.whole("top_k", 0..=usize::MAX)?.unwrap_or(plain.top_k),
        },
        min_p: number("min_p", 0.0..=1.0, plain.min_p)?,
        repetition_penalty: number("repetition_penalty", 0.01..=100.0, plain.repetition_penalty)?,
        seed: seed(fields)?,
        stop: fields.texts("stop")?,
        stop_tokens: fields.ids("stop_token_ids")?,
        ignore_end: fields.flag("ignore_eos")?,
        min_tokens: fields.whole("min_tokens", 0..=usize::MAX)?.unwrap_or(0),
        special_tokens: fields.get("skip_special_tokens").is_some() && !fields.flag("skip_special_tokens")?,
        weights: served.settings.weights,
        moderation: Box::new(served.moderating().settings.clone()),
    })
}

/// The given seed, or a random one.
fn seed(fields: &Fields) -> Result<u64, Refusal> {
    match fields.get("seed") {
        None => Ok(RandomState::new().hash_one(())),
        Some(value) => {
            let seed = value.as_u64().or_else(|| value.as_i64().map(i64::cast_unsigned));
            seed.ok_or_else(|| Refusal::bad("seed", format!("seed is {value}; it must be a whole number")))
        }
    }
}
