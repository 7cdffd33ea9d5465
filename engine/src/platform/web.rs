//! Browsers: WebAssembly without threads.

use super::memory_files;
use super::turns::Turns;
use crate::error::{Error, Result};
use js_sys::{Function, Promise, Reflect};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasm_bindgen::{JsCast as _, JsValue};
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

/// Files are in memory first, where room is found as it is needed.
///
/// # Errors
/// None here.
pub fn reserve(_: &memory_files::File, _: u64) -> std::io::Result<()> {
    Ok(())
}

/// Files are stored later, by others.
pub fn begin_storing(_: &memory_files::File) {}

/// Files in memory cannot change places at once.
pub fn exchange(_one: &Path, _other: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// A tab has its files in memory to itself: there is nobody to wait for.
#[derive(Debug)]
pub struct LockFile;

impl LockFile {
    /// Opens nothing.
    pub fn open(_path: &Path) -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Nobody else is there.
    pub fn is_at(&self, _path: &Path) -> bool {
        true
    }

    /// Nobody else is there.
    pub fn hold(&self) {}

    /// Nobody else is there.
    pub fn share(&self) {}

    /// Nobody else is there.
    pub fn try_hold(&self) -> bool {
        true
    }
}

/// Folder of what may be lost and costs only time then: beside the shelf, lasting where projects last.
pub fn cache_folder() -> Option<PathBuf> {
    Some(PathBuf::from("/cache"))
}

/// Folder of files that a session has for itself and no later one asks for: they stay in memory.
pub fn passing_folder() -> PathBuf {
    PathBuf::from("/").join(memory_files::lasting::PASSING)
}

/// A tab has its files in memory to itself.
pub fn process_number() -> u32 {
    0
}

/// What a tab's module can address, less some for files and code, and no more than the device has where the browser says. What is free
/// of it nobody knows, but an allocation that fails ends the engine without a word.
pub fn available_memory() -> Option<u64> {
    const ADDRESSED: u64 = (4 << 30) - (256 << 20);
    let gigabytes = navigator("deviceMemory").as_f64();
    Some(gigabytes.map_or(ADDRESSED, |gigabytes| ADDRESSED.min((gigabytes * (1_u64 << 30) as f64) as u64)))
}

/// Bytes that what is looked up in a training text may take while it is made: the tab has at most 4 GB for everything, and on a phone
/// far less.
pub const INDEX_BYTES: u64 = 192 << 20;

/// Tokens of a training text that are sorted by what follows them: one thread sorts them between its other work.
pub const SORTED_TOKENS: u64 = 4 << 20;

/// Bytes of models that are kept for the next request: 32 milestones of one of a million weights.
pub const KEPT_MODEL_BYTES: u64 = 128 << 20;

/// Bytes that programs for looking inside a model take which are kept for the next prompt: a tab has 4 GB for everything.
pub const LENS_BYTES: u64 = 96 << 20;

/// Bytes that milestones of a run may take where nobody asked for them: a browser gives a site some gigabytes at most.
pub const MILESTONE_BYTES: u64 = 64 << 20;

/// Does work that would block. Files are memory here and there is one thread: it is done at once, after whatever waits.
///
/// # Errors
/// None here.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    yield_now().await;
    Ok(work())
}

/// Does work that takes long and gives turns: there is one thread, and it is done in them.
///
/// # Errors
/// None here.
pub async fn aside_in_turns<T: Send + 'static>(
    work: impl AsyncFnOnce(Turns) -> T + Send + 'static,
) -> Result<T> {
    yield_now().await;
    Ok(work(Turns::new()).await)
}

/// A browser starts no programs.
///
/// # Errors
/// None here.
pub fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}

/// Lets others have their turn for about so long.
///
/// # Errors
/// None in a browser.
pub async fn pause(seconds: f64) -> Result<()> {
    let began = web_time::Instant::now();
    while began.elapsed().as_secs_f64() < seconds {
        yield_now().await;
    }
    Ok(())
}

/// Comes after about so many milliseconds; browsers stretch repeated ones to four.
pub async fn later(milliseconds: i32) {
    let set_timeout = property(&js_sys::global(), "setTimeout").dyn_into::<Function>();
    let timeout = Promise::new(&mut |resolve, _| {
        if let Ok(set_timeout) = &set_timeout {
            set_timeout.call2(&JsValue::UNDEFINED, &resolve, &milliseconds.into()).ok();
        }
    });
    JsFuture::from(timeout).await.ok();
}

/// A browser's page may not read other sites.
///
/// # Errors
/// Always; it says what can be done instead.
pub fn fetch_corpus(
    entry: &'static glasshouse_corpus::catalogue::Entry,
    _to: Option<std::path::PathBuf>,
    _stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
) -> Result<async_channel::Receiver<super::Fetched>> {
    Err(Error::Refused(format!(
        "a web page may not read other sites; download {} with the browser, then add the file",
        entry.address
    )))
}

/// Lets the worker's waiting messages have their turn. A message to ourselves comes behind those that wait already; a promise
/// would come before them, and browsers stretch repeated timers to four milliseconds.
pub async fn yield_now() {
    // Every worker has channels; without one the others wait until the engine is done.
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

/// What to do for a GPU where none is found.
pub fn without_gpu() -> String {
    let agent = navigator("userAgent").as_string().unwrap_or_default();
    // Node and other places without the word are nobody's web page.
    let secure = property(&js_sys::global(), "isSecureContext").as_bool().unwrap_or(true);
    let offered = !navigator("gpu").is_undefined();
    super::webgpu_advice::advice(&agent, secure, offered)
}

/// What the browser says of itself under a name; undefined where it says nothing.
pub(super) fn navigator(name: &str) -> JsValue {
    property(&property(&js_sys::global(), "navigator"), name)
}

fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// What a project's id ends with: another tab may have made a project of the same name that this one has not seen.
pub fn id_suffix() -> String {
    format!("-{:05x}", (js_sys::Math::random() * f64::from(0x10_0000)) as u32)
}

/// Threads that share their memory: a module without shared memory has one.
pub fn threads(_wanted: Option<usize>) -> usize {
    1
}
