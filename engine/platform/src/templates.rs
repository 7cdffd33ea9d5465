//! Chat templates. In a browser, their interpreter is a separate module (`web/reader`), because most visitors never need it.

use glasshouse_protocol::{ChatExample, ChatMessage, Objective};
use serde_json::{Map, Value};

#[derive(Debug)]
pub struct ChatRenderer {
    #[cfg(not(target_arch = "wasm32"))]
    template: glasshouse_conversation::ChatTemplate,
    #[cfg(target_arch = "wasm32")]
    template: in_module::Template,
}

impl ChatRenderer {
    /// Renders a conversation; with `answer`, up to the start of the assistant's answer.
    ///
    /// # Errors
    /// The template rejects the conversation or fails; the error says why.
    pub fn text(&self, messages: &[ChatMessage], answer: bool) -> Result<String, String> {
        self.text_with(messages, answer, &Map::new())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl ChatRenderer {
    /// Compiles a template with the special tokens in a `tokenizer_config.json`.
    ///
    /// # Errors
    /// The template is invalid, or its interpreter cannot be loaded.
    pub fn new(template: &str, settings: &Map<String, Value>) -> Result<Self, String> {
        use glasshouse_conversation::{ChatTemplate, SpecialTokens};
        let template = ChatTemplate::compile(template, SpecialTokens::from_settings(settings));
        template.map(|template| Self { template }).map_err(|error| error.to_string())
    }

    /// Like [`Self::text`], with additional template variables.
    pub fn text_with(
        &self,
        messages: &[ChatMessage],
        answer: bool,
        variables: &Map<String, Value>,
    ) -> Result<String, String> {
        use glasshouse_conversation::{Conversation, Message};
        let message = |ChatMessage { role, content, fields }: &ChatMessage| Message {
            fields: fields.clone(),
            ..Message::new(*role, content)
        };
        let conversation = Conversation::new(messages.iter().map(message).collect());
        self.template.text_with(&conversation, answer, variables).map_err(|error| error.to_string())
    }

    /// Converts a line of a data set to an example for an objective.
    ///
    /// # Errors
    /// The line is invalid, or the template rejects it.
    pub fn example(&self, line: &str, objective: Objective) -> Result<ChatExample, String> {
        glasshouse_conversation::example(line, objective, &self.template)
    }

    /// Whether the template interpreter is still available after an error.
    ///
    /// # Errors
    /// It is not.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as in a browser")]
    pub fn still_there(&self) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(target_arch = "wasm32")]
impl ChatRenderer {
    /// Compiles a template with the special tokens in a `tokenizer_config.json`.
    ///
    /// # Errors
    /// The template is invalid, or its interpreter cannot be loaded.
    pub fn new(template: &str, settings: &Map<String, Value>) -> Result<Self, String> {
        let settings = serde_json::to_string(settings).map_err(|error| error.to_string())?;
        in_module::Template::new(template, &settings).map(|template| Self { template })
    }

    /// Like [`Self::text`], with additional template variables.
    pub fn text_with(
        &self,
        messages: &[ChatMessage],
        answer: bool,
        variables: &Map<String, Value>,
    ) -> Result<String, String> {
        let messages = serde_json::to_string(messages).map_err(|error| error.to_string())?;
        let variables = serde_json::to_string(variables).map_err(|error| error.to_string())?;
        self.template.text(&messages, answer, &variables)
    }

    /// Converts a line of a data set to an example for an objective.
    ///
    /// # Errors
    /// The line is invalid, or the template rejects it.
    pub fn example(&self, line: &str, objective: Objective) -> Result<ChatExample, String> {
        let example = self.template.example(line, objective.name())?;
        serde_json::from_str(&example).map_err(|error| error.to_string())
    }

    /// Whether the template interpreter is still available after an error.
    ///
    /// # Errors
    /// It is not.
    pub fn still_there(&self) -> Result<(), String> {
        in_module::Template::new("", "{}").map(drop)
    }
}

/// Templates in the module, identified by number.
#[cfg(target_arch = "wasm32")]
mod in_module {
    use super::super::readers::message;
    use wasm_bindgen::JsValue;
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = readerTemplate, catch)]
        fn reader_template(template: &str, settings: &str) -> Result<u32, JsValue>;
        #[wasm_bindgen(js_name = readerChat, catch)]
        fn reader_chat(
            template: u32,
            messages: &str,
            answer: bool,
            variables: &str,
        ) -> Result<String, JsValue>;
        #[wasm_bindgen(js_name = readerExample, catch)]
        fn reader_example(template: u32, line: &str, objective: &str) -> Result<String, JsValue>;
        #[wasm_bindgen(js_name = readerTemplateEnd, catch)]
        fn reader_template_end(template: u32) -> Result<(), JsValue>;
    }

    #[derive(Debug)]
    pub(super) struct Template(u32);

    impl Template {
        pub(super) fn new(template: &str, settings: &str) -> Result<Self, String> {
            reader_template(template, settings).map(Self).map_err(|error| message(&error))
        }

        pub(super) fn text(&self, messages: &str, answer: bool, variables: &str) -> Result<String, String> {
            reader_chat(self.0, messages, answer, variables).map_err(|error| message(&error))
        }

        pub(super) fn example(&self, line: &str, objective: &str) -> Result<String, String> {
            reader_example(self.0, line, objective).map_err(|error| message(&error))
        }
    }

    impl Drop for Template {
        fn drop(&mut self) {
            // Fails only if the module is already gone.
            reader_template_end(self.0).ok();
        }
    }
}
