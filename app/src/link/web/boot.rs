//! What the boot script lays out for the page's module, by the script's own names.

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

    /// Where to draw.
    #[wasm_bindgen(method, getter)]
    pub fn canvas(this: &Boot) -> HtmlCanvasElement;

    /// The page's query, `?page=train`.
    #[wasm_bindgen(method, getter)]
    pub fn query(this: &Boot) -> String;

    /// Calls `hear` with every report of the worker, and `lose` when it is gone.
    #[wasm_bindgen(method)]
    pub fn listen(this: &Boot, hear: &Closure<dyn FnMut(String, Array)>, lose: &Closure<dyn FnMut(String)>);

    /// Sends a request to the worker.
    #[wasm_bindgen(method)]
    pub fn send(this: &Boot, request: &str, files: &Array);

    /// Starts a worker in place of a lost one.
    #[wasm_bindgen(method)]
    pub fn restart(this: &Boot);

    /// The application draws: a `Page` is there for the script.
    #[wasm_bindgen(method)]
    pub fn opened(this: &Boot, page: JsValue);

    /// The application could not start.
    #[wasm_bindgen(method)]
    pub fn failed(this: &Boot, why: &str);

    /// The application panicked.
    #[wasm_bindgen(method)]
    pub fn panicked(this: &Boot, report: &str);

    /// Hands a file to the person.
    #[wasm_bindgen(method, js_name = saveFile)]
    pub fn save_file(this: &Boot, name: &str, bytes: &Uint8Array);

    /// Lets the person pick files; resolves to a list for each of its name and `Uint8Array`, or of its name, null, and why it could not be
    /// read; none where nothing was picked.
    #[wasm_bindgen(method, js_name = pickFiles)]
    pub fn pick_files(this: &Boot, accept: &str, several: bool) -> Promise;

    /// Keeps the elements that stand for what is drawn: what changed of them, as JSON.
    #[wasm_bindgen(method)]
    pub fn mirror(this: &Boot, change: &str);

    /// Fetches the font of a script, once; `Page::add_font` gets it.
    #[wasm_bindgen(method, js_name = wantFont)]
    pub fn want_font(this: &Boot, script: &str);

    /// What is kept under a name; nothing where storage is blocked.
    #[wasm_bindgen(method)]
    pub fn recall(this: &Boot, name: &str) -> Option<String>;

    /// Keeps a text under a name, for as long as the browser lets us.
    #[wasm_bindgen(method)]
    pub fn keep(this: &Boot, name: &str, text: &str);
}

/// What the script laid out.
pub fn boot() -> Boot {
    BOOT.with(Clone::clone)
}
