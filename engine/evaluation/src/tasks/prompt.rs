//! Prompts for the rows of a task: written by the chat template if the model has one and the row is a question,
//! otherwise as text to continue.

use super::rows::{Kind, Marked, Right, Row};
use glasshouse_generation::{chat_prompt, chat_room, prompt_tokens};
use glasshouse_platform::Result;
use glasshouse_protocol::ChatMessage;
use glasshouse_text::tokenizer::{Tokenizer, TokenizerFiles};

/// Text before a label or tags, for models without a chat template.
const LABEL: &str = "\nLabel:";
const TAGS: &str = "\nTags:";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    /// Tokens up to the start of the answer.
    pub(super) tokens: Vec<u32>,
    pub(super) ends: Vec<u32>,
    /// Whether the beginning was cut to fit the context.
    pub(super) cut: bool,
}

#[derive(Debug)]
pub(super) struct Wording {
    pub(super) kind: Kind,
    /// All labels or tags of the file.
    pub(super) names: Vec<String>,
}

impl Wording {
    /// Messages for a chat model; rows without a question get one that lists the labels or tags.
    pub(super) fn chat_messages(&self, row: &Row) -> Vec<ChatMessage> {
        let mut messages = row.messages.clone();
        let names = self.names.join(", ");
        if let Some(last) = messages.last_mut() {
            let asks = match self.kind {
                Kind::Generate | Kind::Choose | Kind::Continue => return messages,
                Kind::Classify => {
                    format!("Which label fits this text: {names}? Answer with the label alone.")
                }
                Kind::Tag => format!("Write the tag of each word, with spaces between them: {names}."),
            };
            last.content = format!("{asks}\n\n{}", last.content);
        }
        messages
    }

    pub(super) fn plain_messages(&self, row: &Row) -> Vec<ChatMessage> {
        let mut messages = row.messages.clone();
        if let Some(last) = messages.last_mut() {
            last.content.push_str(match self.kind {
                Kind::Generate | Kind::Choose | Kind::Continue => "",
                Kind::Classify => LABEL,
                Kind::Tag => TAGS,
            });
        }
        messages
    }

    /// Prompt for a model without a chat template.
    pub(super) fn plain_text(&self, row: &Row) -> String {
        joined(&self.plain_messages(row))
    }
}

#[derive(Debug)]
pub(super) struct Prompting<'a> {
    files: &'a TokenizerFiles,
    context: usize,
    wording: Wording,
    /// Text between a prompt and its continuation; `None`: a space, unless there is white space.
    pub(super) delimiter: Option<&'a str>,
}

impl<'a> Prompting<'a> {
    pub(super) fn new(files: &'a TokenizerFiles, context: usize, kind: Kind, names: Vec<String>) -> Self {
        Self { files, context, wording: Wording { kind, names }, delimiter: None }
    }

    /// Whether a row is asked with the chat template.
    pub(super) fn chats(&self, row: &Row) -> bool {
        self.files.chat_template.is_some() && !row.plain
    }

    fn messages(&self, row: &Row) -> Vec<ChatMessage> {
        if self.chats(row) { self.wording.chat_messages(row) } else { self.wording.plain_messages(row) }
    }

    pub(super) fn text(&self, row: &Row) -> String {
        joined(&self.messages(row))
    }

    /// A row's question, with room for an answer of `max_tokens`. A long question is cut at its beginning.
    pub(super) fn question(&self, row: &Row, max_tokens: usize) -> Result<Prompt> {
        let room = chat_room(self.context, max_tokens);
        let messages = self.messages(row);
        let (mut tokens, ends, left_out) = if self.chats(row) {
            let found = chat_prompt(self.files, &messages, room)
                .or_else(|_| chat_prompt(self.files, &messages, usize::MAX))?;
            (found.tokens, self.files.turn_end(&messages).into_iter().collect(), found.left_out)
        } else {
            (prompt_tokens(&self.files.tokenizer, &joined(&messages))?, Vec::new(), 0)
        };
        let cut = tokens.len().saturating_sub(room);
        tokens.drain(..cut);
        Ok(Prompt { tokens, ends, cut: cut > 0 || left_out > 0 })
    }

    /// Tokens of a row's text with one answer, and where the answer begins, like lm-eval's `_encode_pair`: trailing
    /// spaces of the text belong to the answer. `None` if no token of the answer can be scored.
    pub(super) fn pair(&self, row: &Row, answer: &str) -> Result<Option<Pair>> {
        let messages = self.messages(row);
        let text = if self.chats(row) {
            let text = self.files.chat_renderer()?.text(&messages, true);
            text.map_err(|reason| glasshouse_text::tokenizer::template_fails(&reason))?
        } else {
            joined(&messages)
        };
        let (text, answer) = match &row.marked {
            // The prompt is the task's description.
            Marked::Contexts(continuation) => (text + answer, continuation.as_str()),
            _ => (text, answer),
        };
        // Templates write the tokens that begin a text themselves.
        let begins: &[u32] = if self.chats(row) { &[] } else { self.files.tokenizer.begins() };
        let answer =
            if self.chats(row) { answer.to_owned() } else { continuation(&text, answer, self.delimiter) };
        pair(&self.files.tokenizer, begins, self.prefix(), &text, &answer, self.context)
    }

    /// An unconditional answer, as a turn of its own or after a space: it follows the token that begins texts, else the
    /// one that ends them. `None` if there is neither.
    pub(super) fn alone(&self, answer: &str, chats: bool) -> Result<Option<Pair>> {
        let Some(prefix) = self.prefix() else { return Ok(None) };
        let answer = if chats { answer.to_owned() } else { continuation("", answer, self.delimiter) };
        pair(&self.files.tokenizer, &[], Some(prefix), "", &answer, self.context)
    }

    fn prefix(&self) -> Option<u32> {
        self.files.special("bos_token").or_else(|| self.files.tokenizer.end_of_text())
    }

    pub(super) fn about(&self, rows: &[Row]) -> String {
        let chats = rows.first().is_some_and(|row| self.chats(row));
        let about = match (self.wording.kind, chats) {
            (Kind::Generate, true) => "Questions in the model's chat template.",
            (Kind::Generate, false) => "The model continues each prompt as it is.",
            (Kind::Choose, true) => {
                "Questions in the model's chat template; each choice has the likelihood of that answer."
            }
            (Kind::Choose, false) if self.delimiter.is_none() => {
                "Each choice has its likelihood after the prompt and a space, tokenised as in lm-eval."
            }
            (Kind::Choose | Kind::Continue, _) => {
                "Each text has its likelihood after the prompt, tokenised as in lm-eval."
            }
            (Kind::Classify, true) => {
                "A question with the labels in the model's chat template; the most likely label as its answer."
            }
            (Kind::Classify, false) => "The most likely label after the text, a line break and \"Label:\".",
            (Kind::Tag, true) => {
                "A question with the tags in the model's chat template; the words of its answer are the tags."
            }
            (Kind::Tag, false) => {
                "The model's text after the words, a line break and \"Tags:\" is read as tags."
            }
        };
        about.to_owned()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// Both, at most context length + 1 tokens.
    pub(super) tokens: Vec<u32>,
    /// Index of the answer's first token.
    pub(super) from: usize,
    /// Whether the text's beginning was cut to fit the context.
    pub(super) cut: bool,
}

/// The text of messages for a model without a chat template.
fn joined(messages: &[ChatMessage]) -> String {
    messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n")
}

/// An answer after the delimiter; by default a space, unless there is white space already.
fn continuation(text: &str, answer: &str, delimiter: Option<&str>) -> String {
    if let Some(delimiter) = delimiter {
        return format!("{delimiter}{answer}");
    }
    let parted = text.ends_with(char::is_whitespace) || answer.starts_with(char::is_whitespace);
    if parted { answer.to_owned() } else { format!(" {answer}") }
}

fn pair(
    tokenizer: &Tokenizer,
    begins: &[u32],
    prefix: Option<u32>,
    text: &str,
    answer: &str,
    context: usize,
) -> Result<Option<Pair>> {
    let kept = text.trim_end();
    let encode = |text: &str| -> Result<Vec<u32>> { Ok([begins, &tokenizer.encode(text)?].concat()) };
    let mut tokens = encode(&format!("{text}{answer}"))?;
    let mut from = encode(kept)?.len();
    if from == 0 {
        // An empty text is replaced by the prefix token, unless the answer begins with it.
        match prefix {
            Some(prefix) if tokens.first() != Some(&prefix) => tokens.insert(0, prefix),
            _ => {}
        }
        from = 1;
    }
    if from >= tokens.len() {
        return Ok(None);
    }
    let cut = tokens.len().saturating_sub(context + 1);
    tokens.drain(..cut);
    Ok(Some(Pair { from: from.saturating_sub(cut).max(1), tokens, cut: cut > 0 }))
}

/// All distinct labels or tags of the rows, sorted.
pub(super) fn names_of(rows: &[Row]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in rows {
        match &row.right {
            Right::Label(label) => names.push(label.clone()),
            Right::Tags { tags, .. } => names.extend(tags.iter().cloned()),
            Right::Answers { .. } | Right::Choice { .. } | Right::Continuation(_) => {}
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::{Yielder, block_on};
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind, presets};

    fn tokenizer(kind: TokenizerKind) -> Tokenizer {
        let preset = presets::preset("nanogpt-cpu").unwrap();
        let config = TokenizerConfig { kind, ..preset.tokenizer };
        block_on(Tokenizer::train(&config, ["a cat and a dog"], &Yielder::none())).unwrap()
    }

    #[test]
    fn spaces_at_the_end_of_a_text_are_the_answers() {
        let tokenizer = tokenizer(TokenizerKind::Byte);
        let found = pair(&tokenizer, &[], None, "a ", "cat", 100).unwrap().unwrap();
        assert_eq!((found.tokens.len(), found.from, found.cut), (5, 1, false));
        let found = pair(&tokenizer, &[], None, "a", " cat", 100).unwrap().unwrap();
        assert_eq!((found.tokens.len(), found.from), (5, 1));
        // A long text keeps its end, and at least one given token.
        let found = pair(&tokenizer, &[], None, "a dog and a", " cat", 5).unwrap().unwrap();
        assert_eq!((found.tokens.len(), found.from, found.cut), (6, 2, true));
        let found = pair(&tokenizer, &[], None, "a", " cat and a dog", 4).unwrap().unwrap();
        assert_eq!((found.tokens.len(), found.from), (5, 1));
        assert_eq!(pair(&tokenizer, &[], None, "a", "", 100).unwrap(), None);
    }

    #[test]
    fn behind_nothing_stands_what_begins_texts() {
        let tokenizer = tokenizer(TokenizerKind::Byte);
        let found = pair(&tokenizer, &[], Some(7), "", " cat", 100).unwrap().unwrap();
        assert_eq!((found.tokens[0], found.from, found.tokens.len()), (7, 1, 5));
        // Without a prefix token, the first token is given and the others are scored.
        let found = pair(&tokenizer, &[], None, " ", "cat", 100).unwrap().unwrap();
        assert_eq!((found.from, found.tokens.len()), (1, 4));
    }

    #[test]
    fn an_answer_is_parted_by_one_space() {
        assert_eq!(continuation("A", "cat", None), " cat");
        assert_eq!(continuation("A\n", "cat", None), "cat");
        assert_eq!(continuation("A", " cat", None), " cat");
        assert_eq!(continuation("", "cat", None), " cat");
        assert_eq!(continuation("A", "cat", Some("")), "cat");
    }
}
