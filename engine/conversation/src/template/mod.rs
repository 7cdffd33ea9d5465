//! Chat templates: render conversations to text with ChatML or an imported model's own Jinja template, like transformers'
//! `apply_chat_template`, and track the spans written by the assistant.
//!
//! If a template has `{% generation %}` tags, they mark the spans. Otherwise a span starts after the rendered prompt, including
//! the header that `add_generation_prompt` adds, and ends with the end-of-turn token; trailing white space is excluded.
//!
//! Templates are untrusted programs. They cannot read files or include other templates. Computation, output and nesting are
//! bounded by [`minijinja`]'s fuel (charged for instructions and bytes), its recursion limit, and the checks that `rewrite` adds
//! around assignments.

mod json;
mod methods;
mod rewrite;
mod values;

use crate::{Conversation, Message, Role, is_learned};
use glasshouse_protocol::TEMPLATE_REFUSES;
pub use glasshouse_protocol::{CHATML, CHATML_TOKENS};
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{Environment, Error, ErrorKind, State, syntax::SyntaxConfig};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Maximum source size; minijinja counts lines and columns in 16 bits. The longest published templates have about 20 kB.
const MAX_SOURCE_BYTES: usize = 64_000;
/// Fuel per rendering, in units of one instruction or 64 bytes; and fuel per byte of the conversation.
const FUEL: u64 = 400_000;
const FUEL_PER_BYTE: u64 = 16;
/// Recursion limit of a template; a macro call uses four levels.
const RECURSION: usize = 200;

const NAME: &str = "chat_template";

/// A template's special tokens, by variable name (`bos_token`, `eos_token`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens(BTreeMap<String, String>);

impl SpecialTokens {
    /// Adds a token, replacing one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, token: &str) -> Self {
        self.0.insert(name.to_owned(), token.to_owned());
        self
    }

    /// Reads `tokenizer_config.json`: every `…_token` field that is a string, or an object with `content` as in older files.
    pub fn from_settings(settings: &serde_json::Map<String, serde_json::Value>) -> Self {
        let token = |(name, value): (&String, &serde_json::Value)| {
            let token = value.as_str().or_else(|| value.get("content")?.as_str())?;
            name.ends_with("_token").then(|| (name.clone(), token.to_owned()))
        };
        Self(settings.iter().filter_map(token).collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Why a template cannot be compiled or rendered. Lines are counted from 1 (0 if unknown), messages from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the chat template has {0} bytes; at most {MAX_SOURCE_BYTES} are allowed")]
    TooLong(usize),
    /// Invalid Jinja, or a reference to another template.
    #[error("the chat template does not compile: line {line}: {reason}")]
    Syntax { line: usize, reason: String },
    /// Brackets or blocks nested too deeply, or an expression that is too long.
    #[error(
        "the chat template does not compile: line {line}: nested too deeply, or an expression is too long"
    )]
    Nested { line: usize },
    /// The template rejected the conversation with `raise_exception`.
    #[error("{TEMPLATE_REFUSES}: {0}")]
    Refused(String),
    /// The template exceeded the computation or output limit for this conversation's length.
    #[error("the chat template takes too long for this conversation or does not terminate")]
    TooMuch,
    #[error("the chat template fails: line {line}: {reason}")]
    Failed { line: usize, reason: String },
    /// The template has no `{% generation %}` tags and renders a message differently when other messages follow.
    #[error(
        "`messages[{message}]`: the assistant's text cannot be located in this chat template's output; put `{{% generation %}}` around it \
         in the template"
    )]
    Spans { message: usize },
    /// The template has `{% generation %}` tags but wrote nothing between them.
    #[error("the chat template's `{{% generation %}}` tags contain none of the assistant's messages")]
    NoSpans,
    /// The rendered prompt is not a prefix of the rendered conversation.
    #[error("the chat template renders the first {prompt} messages differently when an answer follows")]
    Prompt { prompt: usize },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub text: String,
    /// The assistant's text, including end-of-turn tokens: non-empty byte ranges, in order.
    pub assistant: Vec<Range<usize>>,
    /// Whether the spans come from the template's own tags.
    pub has_generation_tags: bool,
}

#[derive(Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: Arc<str>,
    specials: SpecialTokens,
    tagged: bool,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ChatTemplate of {} bytes, {:?}", self.source.len(), self.specials)
    }
}

/// The message passed to `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

impl ChatTemplate {
    /// The ChatML template with its own tokens.
    pub fn chatml() -> Result<Self, TemplateError> {
        Self::compile(CHATML, SpecialTokens::default().with("eos_token", CHATML_TOKENS[1]))
    }

    /// Compiles a template such as Hugging Face's `chat_template.jinja`. Fails if the source is too long, is not valid Jinja, or
    /// refers to other templates.
    pub fn compile(source: &str, specials: SpecialTokens) -> Result<Self, TemplateError> {
        let rewritten = rewritten(source)?;
        if rewritten.source.len() > MAX_SOURCE_BYTES {
            return Err(TemplateError::TooLong(rewritten.source.len()));
        }
        let mut environment = environment();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(failed)?);
        environment.add_filter("indent", methods::indent);
        environment.add_function("strftime_now", strftime_now);
        environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
        let compiled = environment.add_template_owned(NAME, rewritten.source);
        compiled.map_err(|error| TemplateError::Syntax { line: line(&error), reason: reason(&error) })?;
        Ok(Self { environment, source: source.into(), specials, tagged: rewritten.generation })
    }

    /// The original source, for `chat_template.jinja`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders a conversation, like `apply_chat_template(messages, tools, add_generation_prompt, tokenize=False)`.
    pub fn text(
        &self,
        conversation: &Conversation,
        add_generation_prompt: bool,
    ) -> Result<String, TemplateError> {
        self.text_with(conversation, add_generation_prompt, &serde_json::Map::new())
    }

    /// Like [`Self::text`], with additional variables (`apply_chat_template`'s other arguments).
    pub fn text_with(
        &self,
        conversation: &Conversation,
        add_generation_prompt: bool,
        variables: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<String, TemplateError> {
        if conversation.tools.is_some() && !self.source.contains("tools") {
            return Err(TemplateError::Refused("it has no place for tools".to_owned()));
        }
        let mut rendering = Rendering::of(self, conversation);
        rendering.variables =
            variables.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value.clone())))).collect();
        rendering.text(conversation.messages.len(), add_generation_prompt)
    }

    /// Renders a conversation with the assistant's spans, excluding messages that are not trained on. Fails if the template
    /// rejects the conversation, fails, exceeds its limits, or the assistant's spans cannot be determined.
    pub fn render(&self, conversation: &Conversation) -> Result<Rendered, TemplateError> {
        let rendering = Rendering::of(self, conversation);
        let (text, assistant) = if self.tagged { rendering.tagged()? } else { rendering.by_prefixes()? };
        let assistant = rendering.learned(assistant)?;
        Ok(Rendered { text, assistant, has_generation_tags: self.tagged })
    }

    /// Renders a conversation whose first `prompt` messages are context only, with the assistant's spans in the rest. Fails
    /// if same as [`Self::render`], or the rendered prompt is not a prefix of the whole text.
    pub fn render_completion(
        &self,
        conversation: &Conversation,
        prompt: usize,
    ) -> Result<Rendered, TemplateError> {
        let mut rendered = self.render(conversation)?;
        let given =
            if prompt == 0 { String::new() } else { Rendering::of(self, conversation).text(prompt, true)? };
        if !rendered.text.starts_with(&given) {
            return Err(TemplateError::Prompt { prompt });
        }
        rendered.assistant.retain(|span| span.end > given.len());
        if let Some(first) = rendered.assistant.first_mut() {
            first.start = first.start.max(given.len());
        }
        Ok(rendered)
    }
}

/// An environment for untrusted templates, with Python's methods; its sources must be [`rewritten`].
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_recursion_limit(RECURSION);
    environment.set_unknown_method_callback(methods::call);
    environment.add_filter("tojson", json::tojson);
    environment.add_filter(rewrite::BOUNDED, values::bounded);
    environment.add_filter(rewrite::KEPT, values::kept);
    environment.add_function("raise_exception", raise_exception);
    // `debug` exposes the whole environment to the template.
    environment.remove_global("debug");
    environment
}

/// A source whose assignments are bounded.
pub(crate) fn rewritten(source: &str) -> Result<rewrite::Rewritten, TemplateError> {
    match source.len() {
        0..=MAX_SOURCE_BYTES => rewrite::rewrite(source),
        length => Err(TemplateError::TooLong(length)),
    }
}

struct Rendering<'template> {
    template: &'template ChatTemplate,
    environment: Environment<'static>,
    conversation: &'template Conversation,
    messages: Vec<Value>,
    tools: Value,
    /// The caller's variables; the template's own names take precedence.
    variables: Vec<(String, Value)>,
    /// Private-use characters that occur in neither template nor conversation; they enclose the output of `{% generation %}`.
    marks: [char; 2],
}

impl<'template> Rendering<'template> {
    fn of(template: &'template ChatTemplate, conversation: &'template Conversation) -> Self {
        let written = serde_json::to_string(conversation).unwrap_or_default();
        let mut environment = template.environment.clone();
        let bytes = written.len() as u64;
        environment.set_fuel(Some(FUEL.saturating_add(bytes.saturating_mul(FUEL_PER_BYTE))));
        let mut unused = ('\u{F0000}'..='\u{FFFFD}')
            .filter(|mark| !template.tagged || !(written.contains(*mark) || template.source.contains(*mark)));
        let marks = [unused.next().unwrap_or('\u{F0000}'), unused.next().unwrap_or('\u{F0001}')];
        let messages = conversation.messages.iter().map(|message| Value::from(Serde(message))).collect();
        let tools =
            conversation.tools.as_ref().map_or_else(|| Value::from(()), |tools| Value::from(Serde(tools)));
        Self { template, environment, conversation, messages, tools, variables: Vec::new(), marks }
    }

    /// Renders the first `messages` messages, without marks.
    fn text(&self, messages: usize, add_generation_prompt: bool) -> Result<String, TemplateError> {
        let text = self.raw(messages, add_generation_prompt)?;
        Ok(if self.template.tagged { text.replace(self.marks, "") } else { text })
    }

    fn raw(&self, messages: usize, add_generation_prompt: bool) -> Result<String, TemplateError> {
        let messages = self.messages.get(..messages).unwrap_or(&self.messages);
        let specials = self.template.specials.0.iter();
        let specials = specials.map(|(name, token)| (name.as_str(), Value::from(token.as_str())));
        let names = [
            ("messages", Value::from(messages.to_vec())),
            ("tools", self.tools.clone()),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
            (rewrite::GENERATION, generation(self.marks)),
        ];
        let variables = self.variables.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let context = Value::from_pairs(variables.chain(names).chain(specials));
        let template = self.environment.get_template(NAME).map_err(failed)?;
        template.render(context).map_err(failed)
    }

    /// The text and the spans marked by the template's tags.
    fn tagged(&self) -> Result<(String, Vec<Range<usize>>), TemplateError> {
        let raw = self.raw(self.messages.len(), false)?;
        let mut text = String::with_capacity(raw.len());
        let (mut open, mut from, mut spans) = (0_usize, 0, Vec::<Range<usize>>::new());
        for character in raw.chars() {
            if character == self.marks[0] {
                if open == 0 {
                    from = text.len();
                }
                open += 1;
            } else if character == self.marks[1] {
                open = open.saturating_sub(1);
                if open == 0 && from < text.len() {
                    spans.push(from..text.len());
                    from = text.len();
                }
            } else {
                text.push(character);
            }
        }
        let replies = self.conversation.messages.iter().any(|message| message.role == Role::Assistant);
        if replies && spans.is_empty() {
            return Err(TemplateError::NoSpans);
        }
        Ok((text, spans))
    }

    /// Filters the assistant's spans down to messages that are trained on.
    fn learned(&self, spans: Vec<Range<usize>>) -> Result<Vec<Range<usize>>, TemplateError> {
        let messages = self.conversation.messages.iter().enumerate();
        let replies: Vec<_> = messages.filter(|(_, message)| message.role == Role::Assistant).collect();
        let Some((marked, _)) = replies.iter().find(|(_, message)| !is_learned(message)) else {
            return Ok(spans);
        };
        // A single tag can enclose several messages.
        if spans.len() != replies.len() {
            return Err(TemplateError::Spans { message: *marked });
        }
        let learned = spans.into_iter().zip(replies).filter(|(_, (_, message))| is_learned(message));
        Ok(learned.map(|(span, _)| span).collect())
    }

    /// The text and the spans, derived from the renderings of its prefixes.
    fn by_prefixes(&self) -> Result<(String, Vec<Range<usize>>), TemplateError> {
        let text = self.raw(self.messages.len(), false)?;
        let mut spans: Vec<Range<usize>> = Vec::new();
        for (number, message) in self.conversation.messages.iter().enumerate() {
            if message.role != Role::Assistant {
                continue;
            }
            let (given, before) = (self.raw(number, false)?, self.raw(number, true)?);
            let own;
            let with = if number + 1 == self.messages.len() {
                &text
            } else {
                own = self.raw(number + 1, false)?;
                &own
            };
            let span = begin(&text, &given, &before, message)
                .and_then(|begin| span(&text, begin, with, message))
                .filter(|span| spans.last().is_none_or(|last| last.end <= span.start));
            spans.push(span.ok_or(TemplateError::Spans { message: number })?);
        }
        Ok((text, spans))
    }
}

/// Start of the assistant's turn after its header, from the text before the turn without (`given`) and with (`before`) the
/// header.
fn begin(text: &str, given: &str, before: &str, message: &Message) -> Option<usize> {
    if text.starts_with(before) {
        return Some(before.len());
    }
    // If the header opens a thought that this text lacks, use the common prefix of both up to the message's content.
    let content = message.content.trim();
    let rest = text.strip_prefix(given).filter(|_| before.starts_with(given) && !content.is_empty())?;
    let shared = |(left, right): &(char, char)| left == right;
    let header = rest.chars().zip(before[given.len()..].chars()).take_while(shared);
    let header = header.map(|(character, _)| character.len_utf8()).sum::<usize>().min(rest.find(content)?);
    (header > 0).then_some(given.len() + header)
}

/// Span of a message in the whole text, given its start and the text that ends with it.
fn span(text: &str, begin: usize, with: &str, message: &Message) -> Option<Range<usize>> {
    let (before, rest) = text.split_at_checked(begin)?;
    let own = with.strip_prefix(before)?;
    let content = message.content.trim();
    let turn = if text.starts_with(with) {
        own
    } else {
        // Templates omit parts of the last turn from earlier turns, such as an empty thought before the text.
        let end = own.get(own.rfind(content).filter(|_| !content.is_empty())? + content.len()..)?;
        let turn = rest.get(..content.len() + end.len())?;
        (turn.starts_with(content) && turn.ends_with(end)).then_some(turn)?
    };
    let ended = turn.trim_end();
    // If no token ends the turn, the line break does.
    let length = if ended.ends_with(content) { turn.len() } else { ended.len() };
    (length > 0).then(|| begin..begin + length)
}

/// The function called by `{% generation %}`: wraps its text in marks.
fn generation(marks: [char; 2]) -> Value {
    Value::from_function(move |state: &mut State<'_, '_>, arguments: Kwargs| -> Result<String, Error> {
        let caller: Value = arguments.get("caller")?;
        let text = caller.call(state, &[])?;
        Ok(format!("{}{}{}", marks[0], text.as_str().unwrap_or_default(), marks[1]))
    })
}

fn raise_exception(message: &Value) -> Result<Value, Error> {
    Err(raised(message.as_str().unwrap_or_default()))
}

/// A refusal by the template, whose message is reported as it is.
pub(crate) fn raised(message: &str) -> Error {
    let message: String = message.chars().take(1000).collect();
    invalid(message.clone()).with_source(Raised(message))
}

/// Formats the local time like C's `strftime`.
fn strftime_now(format: &str) -> Result<String, Error> {
    use std::fmt::Write as _;
    let mut written = String::new();
    // `Display` fails for unknown formats.
    write!(written, "{}", chrono::Local::now().format(format))
        .map_err(|_| invalid(format!("strftime_now does not know {format:?}")))?;
    Ok(written)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn line(error: &Error) -> usize {
    error.line().unwrap_or(0)
}

fn reason(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
pub(crate) fn failed(error: Error) -> TemplateError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(Raised(message)) = inner.downcast_ref() {
            return TemplateError::Refused(message.clone());
        }
        let kind = inner.downcast_ref::<Error>().map(Error::kind);
        if kind == Some(ErrorKind::OutOfFuel) {
            return TemplateError::TooMuch;
        }
        cause = inner.source();
    }
    TemplateError::Failed { line: line(&error), reason: reason(&error) }
}

#[cfg(test)]
mod tests;
