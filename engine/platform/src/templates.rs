//! Chat templates and task descriptions. In a browser, their interpreter is a separate module (`web/reader`), because most visitors never
//! need it.

use glasshouse_protocol::{ChatExample, ChatMessage, ChatRendering, Objective};
use serde_json::{Map, Value};

#[derive(Debug)]
pub struct ChatRenderer {
    #[cfg(not(target_arch = "wasm32"))]
    template: glasshouse_conversation::ChatTemplate,
    #[cfg(target_arch = "wasm32")]
    template: in_module::Template,
}

impl ChatRenderer {
    /// Renders a conversation; with `answer`, up to the start of the assistant's answer. Fails if the template rejects the conversation or
    /// fails; the error says why.
    pub fn text(&self, messages: &[ChatMessage], answer: bool) -> Result<String, String> {
        self.text_with(messages, answer, &ChatRendering::default())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl ChatRenderer {
    /// Compiles a template with the special tokens in a `tokenizer_config.json`.
    pub fn new(template: &str, settings: &Map<String, Value>) -> Result<Self, String> {
        use glasshouse_conversation::{ChatTemplate, SpecialTokens};
        let template = ChatTemplate::compile(template, SpecialTokens::from_settings(settings));
        template.map(|template| Self { template }).map_err(|error| error.to_string())
    }

    /// Like [`Self::text`], with the tools and template variables of `rendering`.
    pub fn text_with(
        &self,
        messages: &[ChatMessage],
        answer: bool,
        rendering: &ChatRendering,
    ) -> Result<String, String> {
        let tools = (!rendering.tools.is_empty()).then(|| rendering.tools.clone().into());
        let conversation = glasshouse_conversation::Conversation { messages: messages.to_vec(), tools };
        self.template
            .text_with(&conversation, answer, &rendering.variables)
            .map_err(|error| error.to_string())
    }

    /// Converts a line of a data set to an example for an objective.
    pub fn example(&self, line: &str, objective: Objective) -> Result<ChatExample, String> {
        glasshouse_conversation::example(line, objective, &self.template)
    }

    /// Whether the template interpreter is still available after an error.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "as in a browser")]
    pub fn still_there(&self) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(target_arch = "wasm32")]
impl ChatRenderer {
    /// Compiles a template with the special tokens in a `tokenizer_config.json`.
    pub fn new(template: &str, settings: &Map<String, Value>) -> Result<Self, String> {
        let settings = serde_json::to_string(settings).map_err(|error| error.to_string())?;
        in_module::Template::new(template, &settings).map(|template| Self { template })
    }

    /// Like [`Self::text`], with the tools and template variables of `rendering`.
    pub fn text_with(
        &self,
        messages: &[ChatMessage],
        answer: bool,
        rendering: &ChatRendering,
    ) -> Result<String, String> {
        let tools = (!rendering.tools.is_empty()).then_some(&rendering.tools);
        let conversation = serde_json::json!({ "messages": messages, "tools": tools }).to_string();
        let variables = serde_json::to_string(&rendering.variables).map_err(|error| error.to_string())?;
        self.template.text(&conversation, answer, &variables)
    }

    /// Converts a line of a data set to an example for an objective.
    pub fn example(&self, line: &str, objective: Objective) -> Result<ChatExample, String> {
        let example = self.template.example(line, objective.name())?;
        serde_json::from_slice(example.as_bytes()).map_err(|error| error.to_string())
    }

    /// Whether the template interpreter is still available after an error.
    pub fn still_there(&self) -> Result<(), String> {
        in_module::Template::new("", "{}").map(drop)
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use glasshouse_conversation::Task as TaskReader;
#[cfg(target_arch = "wasm32")]
pub use in_module::TaskReader;

/// Templates in the module, identified by number.
#[cfg(target_arch = "wasm32")]
mod in_module {
    use super::super::readers::message;
    use glasshouse_protocol::evaluation::TaskSet;
    use wasm_bindgen::JsValue;
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = readerTemplate, catch)]
        fn reader_template(template: &str, settings: &str) -> Result<u32, JsValue>;
        #[wasm_bindgen(js_name = readerChat, catch)]
        fn reader_chat(
            template: u32,
            conversation: &str,
            answer: bool,
            variables: &str,
        ) -> Result<String, JsValue>;
        #[wasm_bindgen(js_name = readerExample, catch)]
        fn reader_example(template: u32, line: &str, objective: &str) -> Result<String, JsValue>;
        #[wasm_bindgen(js_name = readerTask, catch)]
        fn reader_task(task: &str, file: &str, first: &str) -> Result<u32, JsValue>;
        #[wasm_bindgen(js_name = readerTaskSet, catch)]
        fn reader_task_set(task: u32) -> Result<String, JsValue>;
        #[wasm_bindgen(js_name = readerTaskRow, catch)]
        fn reader_task_row(task: u32, row: &str) -> Result<String, JsValue>;
        #[wasm_bindgen(js_name = readerTemplateEnd, catch)]
        fn reader_template_end(template: u32) -> Result<(), JsValue>;
    }

    type Fields = serde_json::Map<String, serde_json::Value>;

    #[derive(Debug)]
    pub(super) struct Template(u32);

    impl Template {
        pub(super) fn new(template: &str, settings: &str) -> Result<Self, String> {
            reader_template(template, settings).map(Self).map_err(|error| message(&error))
        }

        pub(super) fn text(
            &self,
            conversation: &str,
            answer: bool,
            variables: &str,
        ) -> Result<String, String> {
            reader_chat(self.0, conversation, answer, variables).map_err(|error| message(&error))
        }

        pub(super) fn example(&self, line: &str, objective: &str) -> Result<String, String> {
            reader_example(self.0, line, objective).map_err(|error| message(&error))
        }
    }

    /// A task's description, as `glasshouse_conversation::Task`.
    #[derive(Debug)]
    pub struct TaskReader {
        pub set: TaskSet,
        task: Template,
    }

    impl TaskReader {
        /// Fails if the description is invalid, there is no such task, its rows are different, or the interpreter cannot be loaded.
        pub fn find(named: &str, file: &str, row: &Fields) -> Result<Option<Self>, String> {
            let found = reader_task(named, file, &json(row)?).map_err(|error| message(&error))?;
            // Numbers start at 1.
            let Some(task) = Some(found).filter(|found| *found > 0).map(Template) else { return Ok(None) };
            let set = reader_task_set(task.0).map_err(|error| message(&error))?;
            Ok(Some(Self {
                set: serde_json::from_slice(set.as_bytes()).map_err(|error| error.to_string())?,
                task,
            }))
        }

        /// Fails if the row lacks a field or a right answer, or a template fails.
        pub fn row(&self, row: &Fields) -> Result<Fields, String> {
            let made = reader_task_row(self.task.0, &json(row)?).map_err(|error| message(&error))?;
            serde_json::from_slice(made.as_bytes()).map_err(|error| error.to_string())
        }
    }

    fn json(row: &Fields) -> Result<String, String> {
        serde_json::to_string(row).map_err(|error| error.to_string())
    }

    impl Drop for Template {
        fn drop(&mut self) {
            // Fails only if the module is already gone.
            reader_template_end(self.0).ok();
        }
    }
}
