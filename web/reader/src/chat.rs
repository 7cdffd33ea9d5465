//! Chat templates and task descriptions.

use glasshouse_conversation::{self as conversation, ChatTemplate, Conversation, SpecialTokens, example};
use glasshouse_protocol::Objective;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// A compiled chat template.
#[wasm_bindgen]
pub struct Template(ChatTemplate);

#[wasm_bindgen]
impl Template {
    /// Compiles a template, with the special tokens of a `tokenizer_config.json`.
    #[wasm_bindgen(constructor)]
    pub fn new(template: &str, settings: &str) -> Result<Template, JsError> {
        let settings: serde_json::Map<_, _> = serde_json::from_slice(settings.as_bytes())?;
        Ok(Self(ChatTemplate::compile(template, SpecialTokens::from_settings(&settings))?))
    }

    /// Renders a conversation (JSON), followed by the start of the assistant's reply if `answer` is set. `variables` (JSON) are
    /// passed to the template.
    pub fn text(&self, conversation: &str, answer: bool, variables: &str) -> Result<String, JsError> {
        let (conversation, variables): (Conversation, _) =
            (serde_json::from_slice(conversation.as_bytes())?, serde_json::from_slice(variables.as_bytes())?);
        Ok(self.0.text_with(&conversation, answer, &variables)?)
    }

    /// Converts a line of a dataset to an objective's example, as JSON.
    pub fn example(&self, line: &str, objective: &str) -> Result<String, JsError> {
        let read =
            Objective::named("objective", objective).and_then(|objective| example(line, objective, &self.0));
        let example = read.map_err(|reason| JsError::new(&reason))?;
        Ok(serde_json::to_string(&example)?)
    }
}

/// A task's description.
#[wasm_bindgen]
pub struct Task(conversation::Task);

#[wasm_bindgen]
impl Task {
    /// The named or described task, or the one whose rows are like the first (JSON) of this file.
    pub fn find(task: &str, file: &str, first: &str) -> Result<Option<Task>, JsError> {
        let found = conversation::Task::find(task, file, &serde_json::from_slice(first.as_bytes())?);
        Ok(found.map_err(|reason| JsError::new(&reason))?.map(Self))
    }

    /// Its settings, as JSON.
    pub fn set(&self) -> Result<String, JsError> {
        Ok(serde_json::to_string(&self.0.set)?)
    }

    /// The task row of a row, both as JSON.
    pub fn row(&self, row: &str) -> Result<String, JsError> {
        let row =
            self.0.row(&serde_json::from_slice(row.as_bytes())?).map_err(|reason| JsError::new(&reason))?;
        Ok(serde_json::to_string(&row)?)
    }
}
