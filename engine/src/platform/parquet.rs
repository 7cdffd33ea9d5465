//! The reader of Parquet, which in a browser is a module of its own (`web/parquet`). The worker's script fetches and calls it.

use glasshouse_corpus::read::ParquetModule;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    // Defined by `parquet-link.js`.
    #[wasm_bindgen(js_name = parquetBegin, catch)]
    fn parquet_begin(question: &str, file: &[u8]) -> Result<u32, JsValue>;
    #[wasm_bindgen(js_name = parquetNext, catch)]
    fn parquet_next(reading: u32) -> Result<Option<Vec<u8>>, JsValue>;
    #[wasm_bindgen(js_name = parquetEnd, catch)]
    fn parquet_end(reading: u32) -> Result<(), JsValue>;
}

/// How it is called.
pub(super) const MODULE: ParquetModule = ParquetModule {
    begin: |question, file| parquet_begin(question, file).map_err(|error| message(&error)),
    next: |reading| parquet_next(reading).map_err(|error| message(&error)),
    end: |reading| {
        // Nothing is lost where it is gone already.
        parquet_end(reading).ok();
    },
};

fn message(error: &JsValue) -> String {
    let message = js_sys::Reflect::get(error, &"message".into()).ok().and_then(|text| text.as_string());
    message.unwrap_or_else(|| format!("{error:?}"))
}
