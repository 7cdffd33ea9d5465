//! Readers of web pages, Parquet, PDF and rare encodings; in a browser these are separate modules (`web/reader`), which the worker's script
//! fetches and calls.

use glasshouse_documents::read::Readers;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = readerBegin, catch)]
    fn reader_begin(name: &str, question: &str, file: &[u8]) -> Result<u32, JsValue>;
    #[wasm_bindgen(js_name = readerNext, catch)]
    fn reader_next(reading: u32) -> Result<Option<Vec<u8>>, JsValue>;
    #[wasm_bindgen(js_name = readerEnd, catch)]
    fn reader_end(reading: u32) -> Result<(), JsValue>;
    #[wasm_bindgen(js_name = readerPage, catch)]
    fn reader_page(settings: &str, html: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(js_name = readerGuess, catch)]
    fn reader_guess(bytes: &[u8]) -> Result<String, JsValue>;
    #[wasm_bindgen(js_name = readerDecode, catch)]
    fn reader_decode(encoding: &str, bytes: &[u8]) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(js_name = readerTemplateOfPages, catch)]
    fn reader_template_of_pages(name: &str) -> Result<String, JsValue>;
}

pub(super) const READERS: Readers = Readers {
    begin: |name, question, file| reader_begin(name, question, file).map_err(|error| message(&error)),
    next: |reading| reader_next(reading).map_err(|error| message(&error)),
    end: |reading| {
        // Fails only if the module is already gone.
        reader_end(reading).ok();
    },
    page: |settings, html| reader_page(settings, html).map_err(|error| message(&error)),
    guess: |bytes| reader_guess(bytes).map_err(|error| message(&error)),
    decode: |encoding, bytes| reader_decode(encoding, bytes).map_err(|error| message(&error)),
};

/// The template of shared pages, from the page's own server; shared pages hand their models back to this page.
pub fn page_template(name: &str) -> Result<String, String> {
    reader_template_of_pages(name)
        .map_err(|error| format!("{name}, a part of every shared page, {}", message(&error)))
}

pub(super) fn message(error: &JsValue) -> String {
    let message = js_sys::Reflect::get(error, &"message".into()).ok().and_then(|text| text.as_string());
    message.unwrap_or_else(|| format!("{error:?}"))
}
