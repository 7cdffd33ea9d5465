//! Windows, macOS and Linux.

use super::turns::Turns;
use crate::error::{Error, Result};
use crate::protocol::FetchProgress;
use glasshouse_corpus::catalogue::Entry;
use glasshouse_corpus::catalogue::fetch::Progress;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A file's bytes, read only, paged in by the operating system as they are touched.
#[derive(Debug)]
pub struct Mapping(Option<memmap2::Mmap>);

impl std::ops::Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Maps a file into memory.
pub fn map(path: &Path) -> Result<Mapping> {
    let file = std::fs::File::open(path).map_err(Error::io(path))?;
    // Some systems refuse to map nothing.
    if file.metadata().map_err(Error::io(path))?.len() == 0 {
        return Ok(Mapping(None));
    }
    // SAFETY: the mapping is read only. Token shards are written once under a temporary name and never changed after
    // their folder got its final one, and of a model that is imported only the head is looked at this way, once, so no process
    // of ours alters the bytes while they are borrowed.
    #[allow(
        unsafe_code,
        reason = "memory maps have no safe interface; what is mapped is immutable once named"
    )]
    let mapping = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io(path))?;
    Ok(Mapping(Some(mapping)))
}

/// Has the system set aside the room that a new file of so many bytes needs. Writing it is faster then, and a disk without that room says so
/// before anything is written.
///
/// # Errors
/// There is no such room.
#[cfg(target_os = "linux")]
pub fn reserve(file: &std::fs::File, bytes: u64) -> std::io::Result<()> {
    use rustix::{fs, io::Errno};
    match fs::fallocate(file, fs::FallocateFlags::empty(), 0, bytes) {
        Err(full @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(full.into()),
        // Not every file system can.
        _ => Ok(()),
    }
}

/// Other systems find room as it is needed.
///
/// # Errors
/// None here.
#[cfg(not(target_os = "linux"))]
pub fn reserve(_: &std::fs::File, _: u64) -> std::io::Result<()> {
    Ok(())
}

/// Has the system begin to store what was written to a file so far, so that whoever makes it durable in the end waits for the rest alone.
#[cfg(target_os = "linux")]
pub fn begin_storing(file: &std::fs::File) {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the file is open, and the call looks at no memory of ours.
    #[allow(unsafe_code, reason = "the call has no safe interface")]
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE);
    }
}

/// Other systems begin by themselves.
#[cfg(not(target_os = "linux"))]
pub fn begin_storing(_: &std::fs::File) {}

/// Lets two files or folders change places at once.
///
/// # Errors
/// The system cannot do that, or one of them is missing.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub fn exchange(one: &Path, other: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

/// Lets two files or folders change places at once.
///
/// # Errors
/// The system cannot do that.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub fn exchange(_one: &Path, _other: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Folder of what may be lost and costs only time then: `glasshouse` in the person's cache folder, where the system has one.
pub fn cache_folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named("XDG_CACHE_HOME").or_else(|| named("LOCALAPPDATA")).or_else(|| {
        let home = named("HOME")?;
        let of_macos = home.join("Library/Caches");
        Some(if of_macos.is_dir() { of_macos } else { home.join(".cache") })
    });
    base.map(|base| base.join("glasshouse"))
}

/// Folder of files that a session has for itself and no later one asks for.
pub fn passing_folder() -> PathBuf {
    cache_folder().unwrap_or_else(|| std::env::temp_dir().join("glasshouse")).join("passing")
}

/// A number that no other running program on this machine has.
pub fn process_number() -> u32 {
    std::process::id()
}

/// Bytes of memory that can be had without pushing other programs out; `None` where the system does not say.
pub fn available_memory() -> Option<u64> {
    // Only Linux has the file.
    std::fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(available)
}

/// The line of Linux's table that counts what can be had, page cache included, in KiB.
fn available(table: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Bytes that what is looked up in a training text may take while it is made: a fraction of any desktop's memory.
pub const INDEX_BYTES: u64 = 512 << 20;

/// Tokens of a training text that are sorted by what follows them: more would keep a person waiting for longer than some seconds.
pub const SORTED_TOKENS: u64 = 16 << 20;

/// Bytes of models that are kept for the next request: 32 milestones of one of 8 million weights.
pub const KEPT_MODEL_BYTES: u64 = 1 << 30;

/// Bytes that programs for looking inside a model take which are kept for the next prompt.
pub const LENS_BYTES: u64 = 512 << 20;

/// Bytes that milestones of a run may take where nobody asked for them.
pub const MILESTONE_BYTES: u64 = 256 << 20;

/// What to do for a GPU where none is found.
pub fn without_gpu() -> String {
    "no GPU was found; with one, install its Vulkan, Metal or DirectX 12 driver and choose it".to_owned()
}

/// What a project's id ends with, so that two that are made at once differ: folders of one file system do by themselves.
pub fn id_suffix() -> String {
    String::new()
}

/// Threads that training may use: as many as are wanted, or one a core.
pub fn threads(wanted: Option<usize>) -> usize {
    wanted.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// How often whoever waits for work on a thread beside is polled meanwhile, to say what is under way.
const GLANCE: Duration = Duration::from_millis(100);

/// Does work that blocks on a thread of its own, so that what else waits on this one has its turn.
///
/// # Errors
/// The system gives no thread, or the work panicked.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    aside_in_turns(async move |_| work()).await
}

/// Does work that takes long and gives turns: on a thread of its own, where it is dropped at one of them once nobody waits for it.
///
/// # Errors
/// As [`aside`].
pub async fn aside_in_turns<T: Send + 'static>(
    work: impl AsyncFnOnce(Turns) -> T + Send + 'static,
) -> Result<T> {
    let (done, answers) = async_channel::unbounded();
    let (works, ended) = std::sync::mpsc::channel::<()>();
    let glances = done.clone();
    thread_beside(move || {
        let mut work = pin!(work(Turns::new()));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match work.as_mut().poll(&mut context) {
                Poll::Ready(answer) => {
                    // Nobody takes an answer that is not wanted any more: it goes, with what it holds.
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
    Err(Error::Internal("work on a thread beside ended early".to_owned()))
}

fn thread_beside(work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name("glasshouse-aside".to_owned()).spawn(work);
    thread.map(drop).map_err(|error| Error::Internal(format!("no thread for work beside: {error}")))
}

/// Lets a file be started as a program, where the system asks for that.
///
/// # Errors
/// The file system refuses.
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

/// Waits, while others have their turn.
///
/// # Errors
/// The system gives no thread.
pub async fn pause(seconds: f64) -> Result<()> {
    aside(move || std::thread::sleep(std::time::Duration::from_secs_f64(seconds))).await
}

/// Never comes: whoever waits for a device waits in wgpu's `poll`, and has no use for a timer.
pub async fn later(_milliseconds: i32) {
    std::future::pending::<()>().await;
}

/// Brings a public corpus into a folder, the person's cache folder where none is named, on a thread of its own. `stop` breaks it off.
///
/// # Errors
/// The system gives no thread, or names no cache folder.
pub fn fetch_corpus(
    entry: &'static Entry,
    to: Option<PathBuf>,
    stop: Arc<AtomicBool>,
) -> Result<async_channel::Receiver<super::Fetched>> {
    let folder = match to {
        Some(folder) => folder,
        None => glasshouse_corpus::catalogue::fetch::cache_folder()?,
    };
    let (tell, told) = async_channel::unbounded();
    let mut said: Option<Instant> = None;
    let work = move || {
        let done = glasshouse_corpus::catalogue::fetch::fetch(entry, &folder, &mut |progress| {
            let progress = match progress {
                Progress::Received { bytes, of } => {
                    let total = of.unwrap_or(entry.length.bytes());
                    FetchProgress::Receiving { done: bytes, total }
                }
                Progress::Again { reason, wait } => {
                    FetchProgress::Retrying { reason, seconds: wait.as_secs_f64() }
                }
                Progress::Verifying => FetchProgress::Verifying,
            };
            // Bytes come faster than anybody reads.
            let receiving = matches!(progress, FetchProgress::Receiving { .. });
            if !receiving || said.is_none_or(|said| said.elapsed() >= Duration::from_millis(100)) {
                said = receiving.then(Instant::now).or(said);
                tell.try_send(super::Fetched::Progress(progress)).ok();
            }
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        tell.try_send(super::Fetched::Done(done.map_err(Error::from))).ok();
    };
    std::thread::Builder::new()
        .name("glasshouse-fetch".to_owned())
        .spawn(work)
        .map_err(|error| Error::Internal(format!("no thread for a download: {error}")))?;
    Ok(told)
}

/// Lets what else waits on this thread have its turn: futures that are raced against the caller's.
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
        let mut work = pin!(aside(|| std::thread::sleep(GLANCE * 10)));
        let mut polls = 0;
        let ended = pollster::block_on(poll_fn(|context| {
            polls += 1;
            work.as_mut().poll(context)
        }));
        ended.unwrap();
        assert!(polls >= 4, "polled {polls} times");
        assert!(pollster::block_on(aside(|| "no number".parse::<u8>().unwrap())).is_err());
        assert_eq!(pollster::block_on(aside_in_turns(async |_| 7)).unwrap(), 7);
    }

    #[test]
    fn work_beside_that_nobody_waits_for_any_more_is_dropped_with_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let staged = || std::fs::read_dir(folder.path()).unwrap().next().is_some();
        let place = folder.path().to_owned();
        let mut work = Box::pin(aside_in_turns(async move |turns: Turns| {
            let _staging = Staging::inside(&place).unwrap();
            // As work without end does, nearly.
            for _ in 0..1_000_000 {
                std::thread::sleep(GLANCE / 100);
                turns.give().await;
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
