//! A tokenizer in Hugging Face's format: `tokenizer.json`, with `tokenizer_config.json`, `generation_config.json` and a chat
//! template in the same folder.

use super::Tokenizer;
use glasshouse_platform::{ChatRenderer, Error, Result, files, storage};
use glasshouse_protocol::{CHATML, CHATML_TOKENS, ChatMessage, Hint, Role, TEMPLATE_REFUSES};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Maximum size of the files other than `tokenizer.json`.
const MAX_FILE_BYTES: u64 = 16 << 20;

const TOKENIZER_FILE: &str = "tokenizer.json";
/// Special tokens by purpose.
pub const SETTINGS_FILE: &str = "tokenizer_config.json";
/// Sampling settings and end-of-text ids.
pub const GENERATION_FILE: &str = "generation_config.json";
pub const CHAT_TEMPLATE_FILE: &str = "chat_template.jinja";

#[derive(Clone, Debug)]
pub struct TokenizerFiles {
    pub tokenizer: Tokenizer,
    /// `tokenizer_config.json`; empty if missing.
    pub settings: Map<String, Value>,
    /// `generation_config.json` of an imported model; empty if missing.
    pub generation: Map<String, Value>,
    /// `chat_template.jinja`, or else the template in `tokenizer_config.json`.
    pub chat_template: Option<String>,
}

impl From<Tokenizer> for TokenizerFiles {
    fn from(tokenizer: Tokenizer) -> Self {
        Self { tokenizer, settings: Map::new(), generation: Map::new(), chat_template: None }
    }
}

impl TokenizerFiles {
    /// Builds the files from a `tokenizer.json`, settings and end-of-text ids in memory.
    pub fn from_json(
        json: &Value,
        settings: Map<String, Value>,
        ends: &[u32],
        chat_template: Option<String>,
    ) -> std::result::Result<Self, String> {
        let tokenizer = Tokenizer::read(json.to_string().as_bytes())?;
        let files = Self { tokenizer, settings, generation: Map::new(), chat_template };
        Ok(if ends.is_empty() { files.settled() } else { files.generating(&json!({ "eos_token_id": ends })) })
    }

    /// Adds fields of `generation_config.json` if there is no such file. If the file does not name the end-of-text tokens, these fields do.
    #[must_use]
    pub fn generating(mut self, fields: &Value) -> Self {
        let is_known = |value: &&Value| !value.is_null();
        if self.generation.is_empty() {
            let known = fields.as_object().into_iter().flatten().filter(|(_, value)| is_known(value));
            self.generation = known.map(|(name, value)| (name.clone(), value.clone())).collect();
        }
        let mut generation = self.generation.clone();
        if let (None, Some(ends)) =
            (generation.get("eos_token_id").filter(is_known), fields.get("eos_token_id").filter(is_known))
        {
            generation.insert("eos_token_id".to_owned(), ends.clone());
            // Store multiple ids in the file, because reading it again would otherwise find only one.
            if ends.as_array().is_some_and(|ends| ends.len() > 1) {
                self.generation = generation.clone();
            }
        }
        self.settled_as(&generation)
    }

    /// Updates the tokenizer's end-of-text tokens from the settings; a single one also becomes `eos_token`.
    fn settled(self) -> Self {
        let generation = self.generation.clone();
        self.settled_as(&generation)
    }

    fn settled_as(mut self, generation: &Map<String, Value>) -> Self {
        self.tokenizer = self.tokenizer.ending_as(&self.settings, generation);
        let end = self.tokenizer.end_of_text.and_then(|id| self.tokenizer.token(id));
        if let Some(end) =
            end.filter(|_| !self.generation.is_empty() && token_of(&self.settings, "eos_token").is_none())
        {
            self.settings.insert("eos_token".to_owned(), Value::String(end));
        }
        self
    }

    /// Reads the files in a folder. Fails if `tokenizer.json` is missing, or a file is damaged.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(TOKENIZER_FILE);
        if !files::is_file(&path) {
            let reason = "it has no tokenizer.json; `AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)` writes it";
            return Err(Error::bad_file(folder, reason));
        }
        Self::with(Tokenizer::load(&path)?, folder)
    }

    /// Combines a loaded tokenizer with the other files in its folder.
    pub fn with(tokenizer: Tokenizer, folder: &Path) -> Result<Self> {
        let (chat_template, settings) = Self::template_in(folder)?;
        let generation = generation_in(folder)?;
        Ok(Self { tokenizer, settings, generation, chat_template })
    }

    /// The chat template in a folder, if any, and the settings it is compiled with. Does not read `tokenizer.json`.
    pub fn template_in(folder: &Path) -> Result<(Option<String>, Map<String, Value>)> {
        let settings = settings_in(folder)?;
        let own = storage::if_there(&folder.join(CHAT_TEMPLATE_FILE), MAX_FILE_BYTES, storage::read_text)?;
        let named = || template_of(&settings).map(str::to_owned);
        Ok((own.or_else(named), settings))
    }

    /// Sets ChatML as the chat template. Its turn markers become special tokens, and the end-of-turn token also ends texts, as in published
    /// chat models. Fails if the vocabulary becomes too large.
    pub fn with_chatml(self) -> Result<Self> {
        let tokenizer = self.tokenizer.with_special_tokens(&CHATML_TOKENS.map(str::to_owned))?;
        let mut settings = self.settings;
        settings.insert("eos_token".to_owned(), Value::String(CHATML_TOKENS[1].to_owned()));
        let mut generation = self.generation;
        if let Some(end) = tokenizer.id(CHATML_TOKENS[1]).filter(|_| !generation.is_empty()) {
            let mut ends = ids_of(&generation, "eos_token_id");
            ends.retain(|id| *id != end);
            ends.insert(0, end);
            generation.insert("eos_token_id".to_owned(), json!(ends));
        }
        let chat_template = Some(CHATML.to_owned());
        Ok(Self { tokenizer, settings, generation, chat_template }.settled())
    }

    /// Compiles the chat template. Fails if there is no template, or it does not compile.
    pub fn chat_renderer(&self) -> Result<ChatRenderer> {
        let none = || {
            Error::Refused(
                "this is a base model without a chat template; fine-tune it with the objective chat first"
                    .to_owned(),
            )
            .hint(Hint::ChatObjective)
        };
        let template = self.chat_template.as_deref().ok_or_else(none)?;
        ChatRenderer::new(template, &self.settings).map_err(|reason| template_fails(&reason))
    }

    /// The token that the chat template adds after an answer to `messages`; `None` if unknown. If the template rejects these
    /// messages, the token after any answer.
    pub fn turn_end(&self, messages: &[ChatMessage]) -> Option<u32> {
        let any = || self.closing(&[ChatMessage::new(Role::User, "?")]);
        self.closing(messages).or_else(any)?.into_iter().find(|id| self.tokenizer.describe(*id).special)
    }

    /// All tokens that the chat template adds after an answer to `messages`; `None` if it rejects them.
    pub fn closing(&self, messages: &[ChatMessage]) -> Option<Vec<u32>> {
        /// A text that occurs in no template.
        const ANSWER: &str = "glasshouse";
        let answered = [messages, &[ChatMessage::new(Role::Assistant, ANSWER)]].concat();
        let text = self.chat_renderer().ok()?.text(&answered, false).ok()?;
        let behind = text.rfind(ANSWER).map(|at| &text[at + ANSWER.len()..])?;
        self.tokenizer.encode(behind).ok()
    }

    /// Id of a special token by purpose, such as `bos_token`.
    pub fn special(&self, purpose: &str) -> Option<u32> {
        self.tokenizer.id(token_of(&self.settings, purpose)?)
    }

    pub fn write(&self, folder: &Path) -> Result<()> {
        self.tokenizer.save(&folder.join(TOKENIZER_FILE))?;
        if !self.settings.is_empty() {
            storage::write_json(&folder.join(SETTINGS_FILE), &self.settings)?;
        }
        if !self.generation.is_empty() {
            storage::write_json(&folder.join(GENERATION_FILE), &self.generation)?;
        }
        if let Some(template) = &self.chat_template {
            storage::write_atomically(&folder.join(CHAT_TEMPLATE_FILE), template.as_bytes())?;
        }
        Ok(())
    }
}

/// The error for a chat template that fails or rejects a conversation.
pub fn template_fails(reason: &str) -> Error {
    // Rejected with `raise_exception`; many templates have no system messages.
    let first = if reason.starts_with(TEMPLATE_REFUSES) { "leave that out, or " } else { "" };
    Error::Refused(format!(
        "the model's chat template fails: {reason}; {first}fix {CHAT_TEMPLATE_FILE} in the model's folder and import it again"
    ))
}

/// `tokenizer_config.json` in a folder; empty if missing.
pub(super) fn settings_in(folder: &Path) -> Result<Map<String, Value>> {
    let settings = storage::if_there(&folder.join(SETTINGS_FILE), MAX_FILE_BYTES, storage::read_json)?;
    Ok(settings.unwrap_or_default())
}

/// `generation_config.json` in a folder; empty if missing.
pub(super) fn generation_in(folder: &Path) -> Result<Map<String, Value>> {
    let fields = storage::if_there(&folder.join(GENERATION_FILE), MAX_FILE_BYTES, storage::read_json)?;
    Ok(fields.unwrap_or_default())
}

/// The ids in a field: a number or a list.
pub(super) fn ids_of(fields: &Map<String, Value>, name: &str) -> Vec<u32> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match fields.get(name) {
        Some(Value::Array(ids)) => ids.iter().filter_map(id).collect(),
        one => one.and_then(id).into_iter().collect(),
    }
}

/// The chat template in the settings: a string, or the one named `default` in a list.
fn template_of(settings: &Map<String, Value>) -> Option<&str> {
    let template = settings.get("chat_template")?;
    let is_default = |named: &&Value| named.get("name").and_then(Value::as_str) == Some("default");
    template.as_str().or_else(|| template.as_array()?.iter().find(is_default)?.get("template")?.as_str())
}

/// The token for a purpose, such as `eos_token`, if the settings name one.
pub(super) fn token_of<'settings>(
    settings: &'settings Map<String, Value>,
    purpose: &str,
) -> Option<&'settings str> {
    let token = settings.get(purpose)?;
    // Older files have an object with flags.
    token.as_str().or_else(|| token.get("content")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_refuses_a_conversation_is_told_from_one_that_fails() {
        for (template, refuses) in [("{{ raise_exception('no system') }}", true), ("{{ unknown() }}", false)]
        {
            let renderer = ChatRenderer::new(template, &Map::new()).unwrap();
            let reason = renderer.text(&[ChatMessage::new(Role::User, "Hello")], true).unwrap_err();
            let said = template_fails(&reason).to_string();
            assert_eq!(said.contains("; leave that out, or fix"), refuses, "{said}");
        }
    }

    #[test]
    fn all_ids_of_generation_config_end_a_text_and_chatml_adds_its_own() {
        let end = crate::tokenizer::END_OF_TEXT;
        let files: TokenizerFiles =
            crate::tokenizer::tests::train(glasshouse_protocol::TokenizerKind::Bpe, 300, &["the fox"]).into();
        let own = files.tokenizer.id(end).unwrap();
        let tokenizer = files.tokenizer.with_special_tokens(&["<|eot_id|>".to_owned()]).unwrap();
        let files = TokenizerFiles { tokenizer, ..files };
        assert_eq!(files.tokenizer.ends(), [own]);
        // An unknown id is ignored; without an `eos_token`, the first id separates texts.
        let files = files
            .generating(&json!({ "eos_token_id": [own + 1, own, 9999], "top_k": 5, "pad_token_id": null }));
        assert_eq!(
            (files.tokenizer.ends(), files.tokenizer.end_of_text()),
            (vec![own + 1, own], Some(own + 1))
        );
        let folder = tempfile::tempdir().unwrap();
        files.write(folder.path()).unwrap();
        let again = TokenizerFiles::read(folder.path()).unwrap();
        assert_eq!(again.tokenizer.ends(), [own + 1, own]);
        assert_eq!(
            Value::Object(again.generation.clone()),
            json!({ "eos_token_id": [own + 1, own, 9999], "top_k": 5 })
        );

        // If the file names no end-of-text tokens, those of config.json are used.
        let sampling = TokenizerFiles {
            generation: Map::from_iter([("top_k".to_owned(), json!(5))]),
            settings: Map::new(),
            ..again.clone()
        };
        let sampling = sampling.generating(&json!({ "eos_token_id": [own, own + 1] }));
        assert_eq!(sampling.tokenizer.ends(), [own, own + 1]);
        let folder = tempfile::tempdir().unwrap();
        sampling.write(folder.path()).unwrap();
        assert_eq!(TokenizerFiles::read(folder.path()).unwrap().tokenizer.ends(), [own, own + 1]);

        let chat = again.with_chatml().unwrap();
        let turn = chat.tokenizer.id(CHATML_TOKENS[1]).unwrap();
        assert_eq!(chat.tokenizer.ends(), [turn, own + 1, own]);
        assert_eq!(chat.generation["eos_token_id"], json!([turn, own + 1, own, 9999]));
    }

    #[test]
    fn of_several_chat_templates_the_default_is_taken() {
        let found = |template: Value| {
            let settings = Map::from_iter([("chat_template".to_owned(), template)]);
            template_of(&settings).map(str::to_owned)
        };
        let named = |name: &str| json!({ "name": name, "template": format!("{name}: {{{{ messages }}}}") });
        assert_eq!(found(json!("{{ messages }}")).as_deref(), Some("{{ messages }}"));
        assert_eq!(
            found(json!([named("tool_use"), named("default")])).as_deref(),
            Some("default: {{ messages }}")
        );
        assert_eq!((found(json!([named("rag")])), found(json!(7))), (None, None));
    }
}
