//! The boot script's interface for the page's module, under the script's names.

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::{Closure, JsValue, wasm_bindgen};
use web_sys::HtmlCanvasElement;

#[wasm_bindgen]
extern "C" {
    /// `globalThis.glasshouseBoot`.
    #[derive(Clone, Debug)]
    pub type Boot;

    #[wasm_bindgen(thread_local_v2, js_name = glasshouseBoot)]
    static BOOT: Boot;

    #[wasm_bindgen(method, getter)]
    pub fn canvas(this: &Boot) -> HtmlCanvasElement;

    /// The page's query, such as `?page=train`.
    #[wasm_bindgen(method, getter)]
    pub fn query(this: &Boot) -> String;

    /// Calls `on_report` with every report of the worker, and `on_loss` when the worker is gone.
    #[wasm_bindgen(method)]
    pub fn listen(
        this: &Boot,
        on_report: &Closure<dyn FnMut(String, Array)>,
        on_loss: &Closure<dyn FnMut(String)>,
    );

    #[wasm_bindgen(method)]
    pub fn send(this: &Boot, request: &str, files: &Array);

    /// Replaces a lost worker.
    #[wasm_bindgen(method)]
    pub fn restart(this: &Boot);

    /// Passes the script a `Page`, once the application draws.
    #[wasm_bindgen(method)]
    pub fn opened(this: &Boot, page: JsValue);

    /// Reports that the application could not start.
    #[wasm_bindgen(method)]
    pub fn failed(this: &Boot, why: &str);

    #[wasm_bindgen(method)]
    pub fn panicked(this: &Boot, report: &str);

    #[wasm_bindgen(method, js_name = saveFile)]
    pub fn save_file(this: &Boot, name: &str, bytes: &Uint8Array);

    /// Opens a file dialog. Resolves to a list of `[name, Uint8Array]`, or `[name, null, error]` for unreadable files; empty if
    /// nothing was chosen. The bytes are the whole file, or else a ticket (`files_web::HELD`).
    #[wasm_bindgen(method, js_name = pickFiles)]
    pub fn pick_files(this: &Boot, accept: &str, several: bool, whole: bool) -> Promise;

    /// Updates the mirrored elements with a change as JSON.
    #[wasm_bindgen(method)]
    pub fn mirror(this: &Boot, change: &str);

    /// Fetches the font of a script, once; passes it to `Page::add_font`.
    #[wasm_bindgen(method, js_name = wantFont)]
    pub fn want_font(this: &Boot, script: &str);

    /// The text stored under a name; `None` if storage is blocked.
    #[wasm_bindgen(method)]
    pub fn recall(this: &Boot, name: &str) -> Option<String>;

    /// Stores a text under a name, as long as the browser keeps it.
    #[wasm_bindgen(method)]
    pub fn keep(this: &Boot, name: &str, text: &str);
}

pub fn boot() -> Boot {
    BOOT.with(Clone::clone)
}
