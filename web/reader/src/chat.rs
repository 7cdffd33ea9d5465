//! Chat templates.

use glasshouse_conversation::{ChatTemplate, Conversation, SpecialTokens};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// The text of messages (JSON) by a template, with the special tokens of a `tokenizer_config.json`; up to where the assistant is to answer
/// where `answer` is.
///
/// # Errors
/// The template refuses them or fails.
#[wasm_bindgen]
pub fn chat(template: &str, settings: &str, messages: &str, answer: bool) -> Result<String, JsError> {
    let settings: serde_json::Map<_, _> = serde_json::from_str(settings)?;
    let conversation = Conversation::new(serde_json::from_str(messages)?);
    Ok(ChatTemplate::compile(template, SpecialTokens::from_settings(&settings))?
        .text(&conversation, answer)?)
}
