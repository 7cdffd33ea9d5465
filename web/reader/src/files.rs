//! Files with documents.

use glasshouse_documents::read::FileDocuments;
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

#[wasm_bindgen]
pub struct Reading {
    documents: FileDocuments,
}

#[wasm_bindgen]
impl Reading {
    /// Opens a file: the engine's request (JSON) and the file's bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(question: &str, file: Vec<u8>) -> Result<Self, JsError> {
        let documents = FileDocuments::new(question, file).map_err(|reason| JsError::new(&reason))?;
        Ok(Self { documents })
    }

    /// The next documents and troubles, one JSON value per line; `undefined` at the end.
    pub fn next_lines(&mut self) -> Result<Option<Vec<u8>>, JsError> {
        self.documents.next_lines().map_err(|reason| JsError::new(&reason))
    }
}
