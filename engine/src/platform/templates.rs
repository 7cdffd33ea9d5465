//! Chat templates, whose interpreter is a module of its own in a browser (`web/reader`): most visitors never ask for it.

use glasshouse_protocol::ChatMessage;
use serde_json::{Map, Value};

/// The text of a conversation by a template, with the special tokens that a `tokenizer_config.json` names: up to where the assistant is to
/// answer, if that is asked for.
///
/// # Errors
/// Why the template refuses it or fails.
#[cfg(not(target_arch = "wasm32"))]
pub fn chat_text(
    template: &str,
    settings: &Map<String, Value>,
    messages: &[ChatMessage],
    answer: bool,
) -> Result<String, String> {
    use glasshouse_conversation::{ChatTemplate, Conversation, Message, SpecialTokens};
    let messages = messages.iter().map(|message| Message::new(message.role, &message.content));
    let conversation = Conversation::new(messages.collect());
    let compiled = ChatTemplate::compile(template, SpecialTokens::from_settings(settings));
    compiled.and_then(|template| template.text(&conversation, answer)).map_err(|error| error.to_string())
}

/// The text of a conversation by a template, with the special tokens that a `tokenizer_config.json` names: up to where the assistant is to
/// answer, if that is asked for.
///
/// # Errors
/// Why the template refuses it or fails, or why its interpreter did not come.
#[cfg(target_arch = "wasm32")]
pub fn chat_text(
    template: &str,
    settings: &Map<String, Value>,
    messages: &[ChatMessage],
    answer: bool,
) -> Result<String, String> {
    use wasm_bindgen::JsValue;
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        // Defined by `reader-link.js`.
        #[wasm_bindgen(js_name = readerChat, catch)]
        fn reader_chat(
            template: &str,
            settings: &str,
            messages: &str,
            answer: bool,
        ) -> Result<String, JsValue>;
    }
    let json = |text: serde_json::Result<String>| text.map_err(|error| error.to_string());
    let (settings, messages) =
        (json(serde_json::to_string(settings))?, json(serde_json::to_string(messages))?);
    reader_chat(template, &settings, &messages, answer).map_err(|error| super::readers::message(&error))
}
