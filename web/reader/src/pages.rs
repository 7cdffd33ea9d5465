//! Web pages, one call per page.

use glasshouse_documents::extract::html;
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// Extracts the text of a page; the settings and the result are JSON.
#[wasm_bindgen]
pub fn page(settings: &str, html: &str) -> Result<String, JsError> {
    let settings =
        serde_json::from_slice(settings.as_bytes()).map_err(|error| JsError::new(&error.to_string()))?;
    let page = html::page(html, &settings).map_err(|reason| JsError::new(&reason))?;
    serde_json::to_string(&page).map_err(|error| JsError::new(&error.to_string()))
}
