//! Encodings other than UTF-8 and UTF-16.

use glasshouse_documents::read::encodings;
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// Detects the encoding of bytes and returns its name.
#[wasm_bindgen]
pub fn guess(bytes: &[u8]) -> Result<String, JsError> {
    encodings::guess(bytes).map_err(|reason| JsError::new(&reason))
}

/// Decodes bytes to UTF-8, given the encoding's name.
#[wasm_bindgen]
pub fn decode(encoding: &str, bytes: &[u8]) -> Result<Vec<u8>, JsError> {
    encodings::decode(encoding, bytes).map_err(|reason| JsError::new(&reason))
}
