//! Browsers: WebAssembly without threads.

use super::memory_files;
use crate::error::{Error, Result};
use js_sys::{Function, Promise};
use std::path::Path;
use std::sync::Arc;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

/// A file's bytes, shared with the file in memory.
#[derive(Debug)]
pub struct Mapping(Arc<Vec<u8>>);

impl std::ops::Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Shares a file's bytes; nothing is copied.
pub fn map(path: &Path) -> Result<Mapping> {
    memory_files::share(path).map(Mapping).map_err(Error::io(path))
}

/// A tab has its files in memory to itself.
pub fn process_number() -> u32 {
    0
}

/// Browsers do not say.
pub fn available_memory() -> Option<u64> {
    None
}

/// Lets the worker's waiting messages have their turn. A message to ourselves comes behind those that wait already; a promise
/// would come before them, and browsers stretch repeated timers to four milliseconds.
pub async fn yield_now() {
    let Ok(channel) = web_sys::MessageChannel::new() else {
        return sleep(0.0).await;
    };
    let turn = Promise::new(&mut |resolve, _| {
        channel.port1().set_onmessage(Some(&resolve));
        if channel.port2().post_message(&JsValue::NULL).is_err() {
            resolve.call0(&JsValue::NULL).ok();
        }
    });
    JsFuture::from(turn).await.ok();
    channel.port1().close();
}

#[wasm_bindgen]
extern "C" {
    /// Of a window, a worker and Node alike.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: f64) -> JsValue;
}

/// Waits. Negative and other strange times pass at once, as browsers have it.
async fn sleep(seconds: f64) {
    // Browsers keep the time in 32 bits of milliseconds and take a longer one for none.
    let milliseconds =
        if seconds.is_finite() { (seconds * 1000.0).clamp(0.0, f64::from(i32::MAX)) } else { 0.0 };
    let time = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, milliseconds);
    });
    JsFuture::from(time).await.ok();
}

/// What to do for a GPU where none is found.
pub const WITHOUT_GPU: &str = "this browser offers no WebGPU, so the processor does the work. Chrome and Edge have it from 113 on (chrome://gpu \
     says why it is off), Safari from 26, Firefox from 141 (about:config, dom.webgpu.enabled)";

/// Threads that a computation may use: a module without shared memory has one.
pub fn threads() -> usize {
    1
}
