//! Browsers: WebAssembly without threads.

use super::memory_files;
use super::yielder::Yielder;
use crate::{Error, Result};
use js_sys::{Function, Promise, Reflect};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

/// A file's bytes, shared with the in-memory file.
#[derive(Debug)]
pub struct SharedFile {
    path: PathBuf,
    bytes: Arc<Vec<u8>>,
}

impl SharedFile {
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = memory_files::share(path).map_err(Error::io(path))?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    pub fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Fills `bytes` with those from a position on. Fails if there are fewer.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        let found = usize::try_from(at).ok().and_then(|at| self.bytes.get(at..)?.get(..bytes.len()));
        let found = found.ok_or_else(|| Error::bad_file(&self.path, "is too short"))?;
        bytes.copy_from_slice(found);
        Ok(())
    }
}

/// No-op: in-memory files allocate as they grow.
pub fn reserve(_: &memory_files::File, _: u64) -> std::io::Result<()> {
    Ok(())
}

/// No-op: files are stored later, by `flush`.
pub fn begin_storing(_: &memory_files::File) {}

/// Unsupported: in-memory files cannot be exchanged atomically.
pub fn exchange(_one: &Path, _other: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// No-op lock: a tab's in-memory files are its own.
#[derive(Debug)]
pub struct LockFile;

impl LockFile {
    pub fn open(_path: &Path) -> std::io::Result<Self> {
        Ok(Self)
    }

    pub fn is_at(&self, _path: &Path) -> bool {
        true
    }

    pub fn hold(&self) {}

    pub fn share(&self) {}

    pub fn try_hold(&self) -> bool {
        true
    }
}

/// Folder of recomputable data, next to the shelf; as persistent as projects.
pub fn cache_folder() -> Option<PathBuf> {
    Some(PathBuf::from("/cache"))
}

/// Folder of files used only by the current session; they stay in memory.
pub fn passing_folder() -> PathBuf {
    PathBuf::from("/").join(memory_files::lasting::PASSING)
}

/// Always 0: a tab's in-memory files are its own.
pub fn process_number() -> u32 {
    0
}

/// Address space of the tab's module minus a reserve for files and code, at most the device's memory if the browser reports it.
/// The free part is unknown, and a failed allocation aborts the engine.
pub fn available_memory() -> Option<u64> {
    const ADDRESSED: u64 = (4 << 30) - (256 << 20);
    let gigabytes = navigator("deviceMemory").as_f64();
    Some(gigabytes.map_or(ADDRESSED, |gigabytes| ADDRESSED.min((gigabytes * (1_u64 << 30) as f64) as u64)))
}

/// Maximum bytes for building an index of a training text: a tab has at most 4 GB in total, and far less on a phone.
pub const INDEX_BYTES: u64 = 192 << 20;

/// Maximum tokens of a training text in the suffix array; one thread sorts them between other work.
pub const SORTED_TOKENS: u64 = 4 << 20;

/// Bytes of models cached between requests: 32 checkpoints of a model with a million weights.
pub const KEPT_MODEL_BYTES: u64 = 128 << 20;

/// Bytes of cached lens programs; a tab has 4 GB in total.
pub const LENS_BYTES: u64 = 96 << 20;

/// Maximum bytes of a run's milestones when they were not requested explicitly; a browser gives a site a few gigabytes at most.
pub const MILESTONE_BYTES: u64 = 64 << 20;

/// Runs blocking work. Files are in memory and there is one thread, so it runs here after one yield.
pub async fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    yield_now().await;
    Ok(work())
}

/// Runs long work that yields, on the only thread.
pub async fn spawn_yielding<T: Send + 'static>(
    work: impl AsyncFnOnce(Yielder) -> T + Send + 'static,
) -> Result<T> {
    yield_now().await;
    Ok(work(Yielder::new()).await)
}

/// No-op: browsers start no programs.
pub fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}

/// Yields for about `seconds`.
pub async fn pause(seconds: f64) -> Result<()> {
    let began = web_time::Instant::now();
    while began.elapsed().as_secs_f64() < seconds {
        yield_now().await;
    }
    Ok(())
}

/// Completes after about `milliseconds`; browsers extend repeated timers to at least four.
pub async fn later(milliseconds: i32) {
    let set_timeout = property(&js_sys::global(), "setTimeout").dyn_into::<Function>();
    let timeout = Promise::new(&mut |resolve, _| {
        if let Ok(set_timeout) = &set_timeout {
            set_timeout.call2(&JsValue::UNDEFINED, &resolve, &milliseconds.into()).ok();
        }
    });
    JsFuture::from(timeout).await.ok();
}

/// Unsupported: a page may not read other sites. Always fails; the error describes the alternatives.
pub fn fetch_corpus(
    name: String,
    _to: Option<std::path::PathBuf>,
    _stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
) -> Result<async_channel::Receiver<super::Fetched>> {
    Err(Error::Refused(format!(
        "a web page may not read other sites; download {} with the browser, then add the file",
        glasshouse_documents::catalogue::find(&name).map_or(name.as_str(), |entry| entry.address)
    )))
}

/// Yields to the worker's waiting messages. A message to ourselves queues after those already waiting; a promise would run before
/// them, and browsers extend repeated timers to four milliseconds.
pub async fn yield_now() {
    // Every worker supports channels; without one, others wait until the engine is done.
    let Ok(channel) = web_sys::MessageChannel::new() else { return };
    let turn = Promise::new(&mut |resolve, _| {
        channel.port1().set_onmessage(Some(&resolve));
        if channel.port2().post_message(&JsValue::NULL).is_err() {
            resolve.call0(&JsValue::NULL).ok();
        }
    });
    JsFuture::from(turn).await.ok();
    channel.port1().close();
}

/// Advice if no GPU is found.
pub fn without_gpu() -> String {
    let agent = navigator("userAgent").as_string().unwrap_or_default();
    // Outside browsers (Node), `isSecureContext` is undefined.
    let secure = property(&js_sys::global(), "isSecureContext").as_bool().unwrap_or(true);
    let offered = !navigator("gpu").is_undefined();
    super::webgpu_advice::advice(&agent, secure, offered)
}

/// A property of `navigator`; undefined if missing.
pub(super) fn navigator(name: &str) -> JsValue {
    property(&property(&js_sys::global(), "navigator"), name)
}

fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Suffix of a new project's id: another tab may have created a project of the same name that this tab has not seen yet.
pub fn id_suffix() -> String {
    format!("-{:05x}", (js_sys::Math::random() * f64::from(0x10_0000)) as u32)
}

/// Always 1: a module without shared memory has one thread.
pub fn threads(_wanted: Option<usize>) -> usize {
    1
}
