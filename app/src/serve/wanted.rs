//! The commands of a request.

use super::Served;
use super::fields::{
    Content, Encoding, Fields, Input, Logprobs, Message, Prompts, ResponseFormat, SinglePrompt, Stop,
    in_words,
};
use super::refusal::Refusal;
use super::routes::known;
use glasshouse_protocol::completion::MAX_TOP_LOGPROBS;
use glasshouse_protocol::{
    ChatEnding, ChatMessage, ChatRendering, CheckpointChoice, Command, CompletionSettings, GenerateConfig,
    Grammar, Output, Prompt, Role, RunSummary, WeightSource,
};
use serde_json::{Value, json};
use std::hash::{BuildHasher as _, RandomState};
use std::ops::RangeInclusive;

/// Maximum texts of one request.
const MAX_TEXTS: usize = 4096;
/// Maximum answers per prompt.
const MAX_ANSWERS: usize = 128;
/// Maximum bytes of a request's prompts, each counted once per answer, because the engine receives one command per answer.
const MAX_PROMPT_BYTES: usize = 64 << 20;
/// Maximum bytes of a request's chat template, which every answer copies.
const MAX_TEMPLATE_BYTES: usize = 64_000;
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
    Tokenize,
    Detokenize,
    Embeddings,
}

impl Endpoint {
    /// Whether it generates text.
    pub(super) fn generates(self) -> bool {
        matches!(self, Self::Completions | Self::Chat | Self::Responses)
    }
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
    pub(super) encoding: Encoding,
    /// Names of the tools that an answer may call.
    pub(super) tools: Vec<String>,
    pub(super) streams: bool,
    /// The stream ends with token counts.
    pub(super) includes_usage: bool,
}

impl Wanted {
    /// `runs`: those that a name with a colon may be a title of.
    pub(super) fn new(
        endpoint: Endpoint,
        mut fields: Fields,
        runs: &[RunSummary],
        served: &Served,
    ) -> Result<Self, Refusal> {
        let (model, source) = model(&fields, runs, served)?;
        let tools = tools(&mut fields)?;
        let prompts = match endpoint {
            Endpoint::Completions => prompts(fields.prompt.take())?,
            Endpoint::Tokenize if fields.messages.is_empty() => match prompts(fields.prompt.take())? {
                one if one.len() == 1 => one,
                _ => return Err(Refusal::bad("prompt", "prompt is a list; send one text per request")),
            },
            Endpoint::Chat | Endpoint::Responses | Endpoint::Tokenize => vec![chat(&mut fields)?],
            Endpoint::Detokenize => vec![Prompt::Tokens { ids: std::mem::take(&mut fields.tokens) }],
            Endpoint::Embeddings => prompts(embedded(fields.input.take())?).map_err(|_| {
                Refusal::bad("input", "input is missing or empty; send a text or a list of texts")
            })?,
        };
        let answers = within("n", fields.n, 1..=MAX_ANSWERS)?.unwrap_or(1);
        if fields.best_of.is_some_and(|best| best != answers) {
            let message = "best_of is not supported; use n and choose among the answers";
            return Err(Refusal::bad("best_of", message));
        }
        let (field, asked) = match endpoint {
            Endpoint::Chat if fields.max_completion_tokens.is_some() => {
                ("max_completion_tokens", fields.max_completion_tokens)
            }
            Endpoint::Responses => ("max_output_tokens", fields.max_output_tokens),
            _ => ("max_tokens", fields.max_tokens),
        };
        let least = if endpoint == Endpoint::Completions { 0 } else { 1 };
        // For llama.cpp and its clients, -1 is all that the context has room for.
        let fills = asked == Some(-1);
        if let Some(wrong) = asked.filter(|asked| !fills && *asked < least) {
            let message =
                format!("{field} is {wrong}; it must be at least {least}, or -1 for the rest of the context");
            return Err(Refusal::bad(field, message));
        }
        let asked = asked.and_then(|asked| usize::try_from(asked).ok());
        let settings = CompletionSettings {
            places: served.settings.places,
            echo: fields.echo || matches!(endpoint, Endpoint::Tokenize | Endpoint::Detokenize),
            embeds: endpoint == Endpoint::Embeddings,
            log_probabilities: log_probabilities(endpoint, &fields)?,
            // A default length is no reason to refuse a prompt.
            fits: asked.is_none(),
            no_tokens: asked == Some(0) && endpoint == Endpoint::Completions || !endpoint.generates(),
        };
        let is_short = endpoint == Endpoint::Completions && !fills;
        let otherwise = if is_short { TOKENS } else { ALL_THERE_IS_ROOM_FOR };
        let length = asked.unwrap_or(otherwise).min(ALL_THERE_IS_ROOM_FOR);
        let (streams, includes_usage) = (fields.stream, fields.stream_options.include_usage);
        let encoding = fields.encoding_format;
        let config = config(length, fields, served)?;
        let wanted = Self {
            endpoint,
            model,
            source,
            prompts,
            answers,
            config,
            settings,
            encoding,
            tools,
            streams,
            includes_usage,
        };
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

fn model(
    fields: &Fields,
    runs: &[RunSummary],
    served: &Served,
) -> Result<(Option<String>, WeightSource), Refusal> {
    let settings = &served.settings;
    let named = fields.model.as_deref().filter(|name| !name.is_empty());
    let Some(name) = named.or(settings.run.as_deref()) else { return Ok((None, WeightSource::Current)) };
    let (run, checkpoint) =
        match named.filter(|name| known(runs, name).is_err()).and_then(|name| name.rsplit_once(':')) {
            Some((run, word)) => match CheckpointChoice::from(word) {
                // It would be a path on this machine.
                CheckpointChoice::File(other) => {
                    known(runs, run)?;
                    return Err(Refusal::no_model(format!(
                        "{run} has no checkpoint {other}; use {run}:best or {run}:latest"
                    )));
                }
                choice => (run, choice),
            },
            None => (name, settings.checkpoint.clone()),
        };
    let source = WeightSource::Checkpoint { run: run.to_owned(), checkpoint };
    Ok((named.map(str::to_owned), source))
}

fn prompts(prompts: Option<Prompts>) -> Result<Vec<Prompt>, Refusal> {
    let prompt = |prompt| match prompt {
        SinglePrompt::Text(text) => Prompt::Text { text },
        SinglePrompt::Tokens(ids) => Prompt::Tokens { ids },
    };
    match prompts {
        None => Err(Refusal::bad("prompt", "prompt is missing; send a text, such as {\"prompt\": \"Once\"}")),
        Some(Prompts::One(SinglePrompt::Tokens(ids))) if ids.is_empty() => {
            Err(Refusal::bad("prompt", "prompt is an empty list; send at least one text or token id"))
        }
        Some(Prompts::One(one)) => Ok(vec![prompt(one)]),
        Some(Prompts::Many(many)) => Ok(many.into_iter().map(prompt).collect()),
    }
}

/// The texts or tokens of an embedding's input, which have the forms of a prompt.
fn embedded(input: Option<Input>) -> Result<Option<Prompts>, Refusal> {
    let value = match input {
        None => return Ok(None),
        Some(Input::Text(text)) => Value::String(text),
        Some(Input::List(list)) => Value::Array(list),
    };
    let wrong = |error| Refusal::bad("input", format!("input: {}", in_words(&error)));
    serde_json::from_value(value).map(Some).map_err(wrong)
}

/// The refusal of a number outside of a range.
fn within(name: &str, number: Option<usize>, range: RangeInclusive<usize>) -> Result<Option<usize>, Refusal> {
    match number.filter(|number| !range.contains(number)) {
        None => Ok(number),
        Some(wrong) => {
            let (least, most) = (range.start(), range.end());
            Err(Refusal::bad(name, format!("{name} is {wrong}; it must be between {least} and {most}")))
        }
    }
}

/// Approximate memory of a prompt in bytes. Each value of JSON takes at least 32, estimated as eight times its text.
fn bytes_of(prompt: &Prompt) -> usize {
    let [text, json] = prompt.bytes();
    text + 8 * json
}

/// Names of the tools in a request, which become empty if none may be called.
fn tools(fields: &mut Fields) -> Result<Vec<String>, Refusal> {
    match fields.tool_choice.as_deref() {
        None | Some("auto") => {}
        Some("none") => fields.tools.clear(),
        Some(_) => return Err(Refusal::bad("tool_choice", "tool_choice must be auto or none")),
    }
    let name = |tool: &Value| tool["function"]["name"].as_str().map(str::to_owned);
    let names: Option<_> = fields.tools.iter().map(name).collect();
    names.ok_or_else(|| Refusal::bad("tools", "tools must be functions, each with its name in function.name"))
}

/// A conversation and its template settings.
fn chat(fields: &mut Fields) -> Result<Prompt, Refusal> {
    let (field, said) = match fields.input.take() {
        Some(Input::Text(text)) => ("input", vec![json!({ "role": "user", "content": text })]),
        Some(Input::List(messages)) => ("input", messages),
        None => ("messages", std::mem::take(&mut fields.messages)),
    };
    if said.is_empty() {
        let message =
            format!("the request has no messages; send {field}, or input for /v1/responses, {EXAMPLE}");
        return Err(Refusal::bad(field, message));
    }
    let instructions = fields.instructions.take().map(|text| Ok(ChatMessage::new(Role::System, text)));
    let said = said.into_iter().enumerate().map(|(at, value)| message(&format!("{field}[{at}]"), value));
    let messages: Result<Vec<ChatMessage>, String> = instructions.into_iter().chain(said).collect();
    let messages = messages.map_err(|message| Refusal::bad(field, message))?;
    let continues = fields.continue_final_message;
    let refused = |reason: &str| {
        Err(Refusal::bad("continue_final_message", format!("continue_final_message {reason}")))
    };
    let ending = match (continues, fields.add_generation_prompt) {
        (false, None | Some(true)) => ChatEnding::Answer,
        (false, Some(false)) => ChatEnding::Closed,
        (true, Some(true)) => return refused("and add_generation_prompt exclude each other"),
        (true, _) => ChatEnding::Continued,
    };
    if continues && messages.last().is_none_or(|last| last.role != Role::Assistant) {
        return refused("requires the last message to be from the assistant");
    }
    let variables = std::mem::take(&mut fields.chat_template_kwargs);
    let own = ["messages", "tools", "documents", "add_generation_prompt", "continue_final_message"];
    if let Some(name) = own.iter().find(|name| variables.contains_key(**name)) {
        let message = format!("chat_template_kwargs may not set {name}, which the request's own fields set");
        return Err(Refusal::bad("chat_template_kwargs", message));
    }
    let (template, tools) = (fields.chat_template.take(), std::mem::take(&mut fields.tools));
    if let Some(bytes) = template.as_ref().map(String::len).filter(|bytes| *bytes > MAX_TEMPLATE_BYTES) {
        let message = format!("chat_template has {bytes} bytes; at most {MAX_TEMPLATE_BYTES} are accepted");
        return Err(Refusal::bad("chat_template", message));
    }
    Ok(Prompt::Messages { messages, rendering: Some(ChatRendering { ending, template, tools, variables }) })
}

/// A message. Fields other than role and content are passed to the template unchanged, except arguments of tool calls: OpenAI writes
/// them as JSON in a string, and templates expect an object.
fn message(path: &str, value: Value) -> Result<ChatMessage, String> {
    let Message { role, content, fields: mut more } =
        serde_json::from_value(value).map_err(|error| format!("{path}: {}", in_words(&error)))?;
    let content = match content {
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => parts.into_iter().map(|part| part.text).collect(),
        None if role == Role::Assistant => String::new(),
        None => return Err(format!("{path} has no content; write it {EXAMPLE}")),
    };
    more.retain(|_, value| !value.is_null());
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
    let top = within("top_logprobs", fields.top_logprobs, 0..=MAX_TOP_LOGPROBS)?;
    match (endpoint, &fields.logprobs) {
        (_, None | Some(Logprobs::Flag(false))) if top.unwrap_or(0) > 0 => {
            Err(Refusal::bad("top_logprobs", "top_logprobs requires logprobs to be true"))
        }
        (_, None | Some(Logprobs::Flag(false))) => Ok(None),
        (Endpoint::Completions, Some(Logprobs::Count(count))) => {
            within("logprobs", Some(*count), 0..=MAX_TOP_LOGPROBS)
        }
        (Endpoint::Chat, Some(Logprobs::Flag(true))) => Ok(Some(top.unwrap_or(0))),
        _ => {
            let message = "logprobs is a whole number for completions, and true or false for chats";
            Err(Refusal::bad("logprobs", message))
        }
    }
}

/// Sampling settings. The engine checks their ranges.
fn config(max_tokens: usize, fields: Fields, served: &Served) -> Result<GenerateConfig, Refusal> {
    let (plain, schema) =
        (GenerateConfig::default(), |schema: Value| Grammar::JsonSchema(schema.to_string()));
    let stop = match fields.stop {
        None => Vec::new(),
        Some(Stop::One(text)) => vec![text],
        Some(Stop::Many(texts)) => texts,
    };
    Ok(GenerateConfig {
        max_tokens,
        temperature: fields.temperature.unwrap_or(1.0),
        // At 0 the smallest value: only the most likely token.
        top_p: fields.top_p.map_or(plain.top_p, |share| if share == 0.0 { f32::MIN_POSITIVE } else { share }),
        top_k: match fields.top_k {
            None => plain.top_k,
            // -1 means "all" for other servers.
            Some(-1) => 0,
            Some(count) => usize::try_from(count).map_err(|_| {
                Refusal::bad("top_k", format!("top_k is {count}; it must be at least 0, or -1 for all"))
            })?,
        },
        min_p: fields.min_p.unwrap_or(plain.min_p),
        repetition_penalty: fields.repetition_penalty.unwrap_or(plain.repetition_penalty),
        frequency_penalty: fields.frequency_penalty,
        presence_penalty: fields.presence_penalty,
        logit_bias: fields.logit_bias.into_iter().collect(),
        grammar: match (fields.response_format, fields.grammar) {
            (ResponseFormat::Text, grammar) => grammar.filter(|text| !text.is_empty()).map(Grammar::Lark),
            (_, Some(_)) => {
                return Err(Refusal::bad("grammar", "grammar and response_format exclude each other"));
            }
            (ResponseFormat::JsonObject, None) => Some(schema(json!({ "type": "object" }))),
            (ResponseFormat::JsonSchema { json_schema }, None) => Some(schema(json_schema.schema)),
        },
        // Random by default; a negative one counts from the end of all seeds.
        seed: fields.seed.map_or_else(|| RandomState::new().hash_one(()), |seed| seed as u64),
        stop: stop.into_iter().filter(|text| !text.is_empty()).collect(),
        stop_tokens: fields.stop_token_ids,
        ignore_end: fields.ignore_eos,
        min_tokens: fields.min_tokens,
        special_tokens: fields.skip_special_tokens == Some(false),
        weights: served.settings.weights,
        moderation: Box::new(served.moderation().clone()),
    })
}
