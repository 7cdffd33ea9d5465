//! Windows, macOS and Linux.

use super::yielder::Yielder;
use crate::{Error, Result, storage};
use glasshouse_documents::catalogue::fetch::Progress;
use glasshouse_protocol::FetchProgress;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A file whose bytes are read at any position, by any thread. It is not mapped: a mapped file that becomes shorter, or whose disk is
/// removed, ends the process.
#[derive(Debug)]
pub struct SharedFile {
    path: PathBuf,
    file: Mutex<std::fs::File>,
    length: u64,
}

impl SharedFile {
    pub fn open(path: &Path) -> Result<Self> {
        let length = storage::regular_length(path)?;
        let file = std::fs::File::open(path).map_err(Error::io(path))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), length })
    }

    /// The length in bytes when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Fills `bytes` with those from a position on. Fails if the file cannot be read, or has become shorter.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(bytes));
        read.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Error::bad_file(&self.path, "became shorter while it was in use"),
            _ => Error::io(&self.path)(error),
        })
    }
}

/// Preallocates `bytes` for a new file. Writing is then faster, and a full disk is reported before anything is written.
#[cfg(target_os = "linux")]
pub fn reserve(file: &std::fs::File, bytes: u64) -> std::io::Result<()> {
    use rustix::{fs, io::Errno};
    match fs::fallocate(file, fs::FallocateFlags::empty(), 0, bytes) {
        Err(full @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(full.into()),
        // Not every file system supports it.
        _ => Ok(()),
    }
}

/// No-op on other systems.
#[cfg(not(target_os = "linux"))]
pub fn reserve(_: &std::fs::File, _: u64) -> std::io::Result<()> {
    Ok(())
}

/// Starts writing back the file's data so far, so that a later sync waits only for the rest.
#[cfg(target_os = "linux")]
pub fn begin_storing(file: &std::fs::File) {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the file is open, and the call accesses no memory of ours.
    #[allow(unsafe_code, reason = "the call has no safe interface")]
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE);
    }
}

/// No-op on other systems.
#[cfg(not(target_os = "linux"))]
pub fn begin_storing(_: &std::fs::File) {}

/// Turns transparent huge pages off for this process: the allocator asks for them, and then memory counts as used that never is. For a
/// process that decodes (SmolLM2 in q8_0: 229 MB instead of 405); training is 3 % slower without them.
pub fn use_small_pages() {
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true).ok();
}

/// Atomically exchanges two files or folders. Fails if the system does not support it, or one of them is missing.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub fn exchange(one: &Path, other: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

/// Atomically exchanges two files or folders. Always fails: this system does not support it.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub fn exchange(_one: &Path, _other: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The folder for recomputable data: `glasshouse` in the user's cache folder, if the system has one.
pub fn cache_folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named("XDG_CACHE_HOME").or_else(|| named("LOCALAPPDATA")).or_else(|| {
        let home = named("HOME")?;
        let of_macos = home.join("Library/Caches");
        Some(if of_macos.is_dir() { of_macos } else { home.join(".cache") })
    });
    base.map(|base| base.join("glasshouse"))
}

/// The folder of the page that packages install (`packaging/page`): next to the program or in `share/glasshouse` of its prefix.
pub fn installed_page() -> Option<PathBuf> {
    let program = std::env::current_exe().and_then(std::fs::canonicalize).ok()?;
    let folder = program.parent()?;
    let places = [folder.join("glasshouse-web"), folder.join("../share/glasshouse/web")];
    places.into_iter().find(|place| place.is_dir())
}

/// The template of shared pages, which is installed with the page. Fails if it is not installed; the error says what to do.
pub fn page_template(name: &str) -> std::result::Result<String, String> {
    installed_page().and_then(|page| std::fs::read_to_string(page.join(name)).ok()).ok_or_else(|| {
        format!(
            "{name}, a part of every shared page, is not installed with this program; run web/build, then name its folder \
             (`glasshouse share --page dist`), or share from Glasshouse in a browser"
        )
    })
}

/// The folder for files used only by the current session.
pub fn passing_folder() -> PathBuf {
    cache_folder().unwrap_or_else(|| std::env::temp_dir().join("glasshouse")).join("passing")
}

/// A number unique among the running processes of this machine.
pub fn process_number() -> u32 {
    std::process::id()
}

/// Bytes of memory available without swapping; `None` if the system does not report it.
pub fn available_memory() -> Option<u64> {
    // Only Linux has this file.
    std::fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(available)
}

/// Parses `MemAvailable` (in KiB, page cache included) from Linux's `/proc/meminfo`.
fn available(table: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Maximum bytes for building an index of a training text: a fraction of any desktop's memory.
pub const INDEX_BYTES: u64 = 512 << 20;

/// Maximum tokens of a training text in the suffix array; sorting more would take longer than a few seconds.
pub const SORTED_TOKENS: u64 = 16 << 20;

/// Bytes of models cached between requests: 32 checkpoints of a model with 8 million weights.
pub const KEPT_MODEL_BYTES: u64 = 1 << 30;

/// Bytes of cached lens programs.
pub const LENS_BYTES: u64 = 512 << 20;

/// Maximum bytes of a run's milestones when they were not requested explicitly.
pub const MILESTONE_BYTES: u64 = 256 << 20;

/// Advice if no GPU is found.
pub fn without_gpu() -> String {
    "no GPU was found; if this machine has one, install its Vulkan, Metal or DirectX 12 driver and choose it"
        .to_owned()
}

/// Suffix that makes the ids of simultaneously created projects unique. Empty, because the file system prevents collisions.
pub fn id_suffix() -> String {
    String::new()
}

/// Number of training threads: `wanted`, or one per core.
pub fn threads(wanted: Option<usize>) -> usize {
    wanted.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Interval at which a future waiting in [`spawn_blocking`] is polled, so that it can report progress.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs blocking work on its own thread, without blocking the current one. Fails if the system cannot create a thread, or the work
/// panicked.
pub async fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    spawn_yielding(async move |_| work()).await
}

/// Runs long work that yields on its own thread. Once the returned future is dropped, the work is dropped at its next yield.
pub async fn spawn_yielding<T: Send + 'static>(
    work: impl AsyncFnOnce(Yielder) -> T + Send + 'static,
) -> Result<T> {
    let (done, answers) = async_channel::unbounded();
    let (works, ended) = std::sync::mpsc::channel::<()>();
    let glances = done.clone();
    thread_beside(move || {
        let mut work = pin!(work(Yielder::new()));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match work.as_mut().poll(&mut context) {
                Poll::Ready(answer) => {
                    // If nobody waits for the answer any more, it is dropped.
                    done.try_send(Some(answer)).ok();
                    break;
                }
                Poll::Pending if done.is_closed() => break,
                Poll::Pending => {}
            }
        }
        drop(works);
    })?;
    thread_beside(move || {
        while ended.recv_timeout(GLANCE) == Err(RecvTimeoutError::Timeout) {
            if glances.try_send(None).is_err() {
                break;
            }
        }
    })?;
    while let Ok(answer) = answers.recv().await {
        if let Some(done) = answer {
            return Ok(done);
        }
    }
    Err(Error::Internal("a background thread ended early".to_owned()))
}

fn thread_beside(work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name("glasshouse-aside".to_owned()).spawn(work);
    thread.map(drop).map_err(|error| Error::Internal(format!("cannot start a background thread: {error}")))
}

/// Makes a file executable, on systems that need it.
pub fn make_executable(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(Error::io(path))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Sleeps without blocking the current thread.
pub async fn pause(seconds: f64) -> Result<()> {
    spawn_blocking(move || std::thread::sleep(std::time::Duration::from_secs_f64(seconds))).await
}

/// Never completes: waiting for a device happens in wgpu's `poll`, which needs no timer.
pub async fn later(_milliseconds: i32) {
    std::future::pending::<()>().await;
}

/// Downloads a corpus of the catalogue or a dataset (`hf://OWNER/NAME`) on its own thread, by default to the user's cache folder. Set
/// `stop` to cancel. Fails if the system cannot create a thread, or has no cache folder.
pub fn fetch_corpus(
    name: String,
    to: Option<PathBuf>,
    stop: Arc<AtomicBool>,
) -> Result<async_channel::Receiver<super::Fetched>> {
    let folder = match to {
        Some(folder) => folder,
        None => glasshouse_documents::catalogue::fetch::cache_folder()?,
    };
    let (sender, messages) = async_channel::unbounded();
    let mut said: Option<Instant> = None;
    let work = move || {
        let done = glasshouse_documents::catalogue::fetch::fetch_named(&name, &folder, &mut |progress| {
            let flow = || {
                if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let progress = match progress {
                Progress::Listing => return flow(),
                Progress::Received { bytes, of } => {
                    FetchProgress::Receiving { done: bytes, total: of.unwrap_or(bytes) }
                }
                Progress::Again { reason, wait } => {
                    FetchProgress::Retrying { reason, seconds: wait.as_secs_f64() }
                }
                Progress::Verifying => FetchProgress::Verifying,
            };
            // Throttle progress events: they arrive faster than they can be shown.
            let receiving = matches!(progress, FetchProgress::Receiving { .. });
            if !receiving || said.is_none_or(|said| said.elapsed() >= Duration::from_millis(100)) {
                said = receiving.then(Instant::now).or(said);
                sender.try_send(super::Fetched::Progress(progress)).ok();
            }
            flow()
        });
        sender.try_send(super::Fetched::Done(done.map_err(Error::from))).ok();
    };
    std::thread::Builder::new()
        .name("glasshouse-fetch".to_owned())
        .spawn(work)
        .map_err(|error| Error::Internal(format!("cannot start a download thread: {error}")))?;
    Ok(messages)
}

/// Yields to other futures on this thread, such as those raced against the caller.
pub async fn yield_now() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if waited {
            return std::task::Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Staging;
    use std::future::poll_fn;

    #[test]
    fn whoever_waits_for_work_beside_is_polled_meanwhile() {
        let mut work = pin!(spawn_blocking(|| std::thread::sleep(GLANCE * 10)));
        let mut polls = 0;
        let ended = pollster::block_on(poll_fn(|context| {
            polls += 1;
            work.as_mut().poll(context)
        }));
        ended.unwrap();
        assert!(polls >= 4, "polled {polls} times");
        assert!(pollster::block_on(spawn_blocking(|| "no number".parse::<u8>().unwrap())).is_err());
        assert_eq!(pollster::block_on(spawn_yielding(async |_| 7)).unwrap(), 7);
    }

    #[test]
    fn work_beside_that_nobody_waits_for_any_more_is_dropped_with_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let staged = || std::fs::read_dir(folder.path()).unwrap().next().is_some();
        let place = folder.path().to_owned();
        let mut work = Box::pin(spawn_yielding(async move |yielder: Yielder| {
            let _staging = Staging::inside(&place).unwrap();
            // Stands for work that practically never ends.
            for _ in 0..1_000_000 {
                std::thread::sleep(GLANCE / 100);
                yielder.maybe_yield().await;
            }
        }));
        let soon = |wanted: &dyn Fn() -> bool| {
            (0..100).any(|_| {
                std::thread::sleep(GLANCE);
                wanted()
            })
        };
        let mut context = Context::from_waker(Waker::noop());
        assert!(work.as_mut().poll(&mut context).is_pending());
        assert!(soon(&staged));
        drop(work);
        assert!(soon(&|| !staged()));
    }

    #[test]
    fn reads_the_memory_that_can_be_had() {
        let table = "MemTotal:       16303428 kB\nMemFree:          204800 kB\nMemAvailable:    8000000 kB\n";
        assert_eq!(available(table), Some(8_192_000_000));
        for strange in ["", "MemTotal: 3 kB", "MemAvailable: many kB", "MemAvailable: 3 MB"] {
            assert_eq!(available(strange), None, "{strange}");
        }
    }
}
