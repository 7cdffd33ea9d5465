//! File operations of this process that fail on request. The functions of the C library that `std::fs` calls are defined here, so that
//! the product needs no layer of its own for it; the linker prefers a program's own definitions.

#![allow(unsafe_code, reason = "functions of the C library, and system calls")]

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

static ARMED: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);
static FROM: AtomicU64 = AtomicU64::new(0);
static READS: AtomicBool = AtomicBool::new(false);
static LASTS: AtomicBool = AtomicBool::new(false);
static ERROR: AtomicI32 = AtomicI32::new(0);

/// Set while files cannot be locked, or not be renamed, as on some network shares.
pub static LOCKLESS: AtomicBool = AtomicBool::new(false);
pub static RENAMELESS: AtomicBool = AtomicBool::new(false);
/// Seconds by which the clock of the day is wrong, and by which each reading sets it back further.
static LATE: AtomicI64 = AtomicI64::new(0);
static SLIDES: AtomicI64 = AtomicI64::new(0);

/// Does work while one of these is set.
pub fn lacking<T>(lack: &AtomicBool, work: impl FnOnce() -> T) -> T {
    lack.store(true, SeqCst);
    let done = work();
    lack.store(false, SeqCst);
    done
}

/// Does work while each reading of the clock sets it back by this many seconds.
pub fn backwards<T>(seconds: i64, work: impl FnOnce() -> T) -> T {
    SLIDES.store(seconds, SeqCst);
    let done = work();
    SLIDES.store(0, SeqCst);
    LATE.store(0, SeqCst);
    done
}

/// A fault of the disk.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Whether operations that read fail, in place of those that change something.
    pub reads: bool,
    /// The first operation that fails, from 0.
    pub from: u64,
    /// Whether all later operations fail too.
    pub lasts: bool,
    /// The system's error number, [`SHORT`] or [`SLOW`].
    pub error: i32,
}

/// In place of an error: half of the bytes are read or written.
pub const SHORT: i32 = -1;
/// In place of an error: the operation takes a moment.
pub const SLOW: i32 = -2;

thread_local! {
    static IS_SHORT: Cell<bool> = const { Cell::new(false) };
}

/// The bytes of a transfer: some of them, if it is to be a short one.
fn transferred(count: usize) -> usize {
    if IS_SHORT.replace(false) { count.div_ceil(2) } else { count }
}

/// Does work while operations fail, and returns how many there were.
pub fn failing<T>(fault: Fault, work: impl FnOnce() -> T) -> (T, u64) {
    COUNT.store(0, SeqCst);
    FROM.store(fault.from, SeqCst);
    READS.store(fault.reads, SeqCst);
    LASTS.store(fault.lasts, SeqCst);
    ERROR.store(fault.error, SeqCst);
    ARMED.store(true, SeqCst);
    let done = work();
    ARMED.store(false, SeqCst);
    (done, COUNT.load(SeqCst))
}

fn fails() -> bool {
    fails_to(false)
}

/// Whether an operation fails that reads, or changes something.
fn fails_to(read: bool) -> bool {
    if !ARMED.load(SeqCst) || READS.load(SeqCst) != read {
        return false;
    }
    let (at, from) = (COUNT.fetch_add(1, SeqCst), FROM.load(SeqCst));
    if at != from && !(LASTS.load(SeqCst) && at > from) {
        return false;
    }
    match ERROR.load(SeqCst) {
        SHORT => IS_SHORT.set(true),
        SLOW => std::thread::sleep(Duration::from_millis(if at == from { 50 } else { 1 })),
        error => return fail_with(error),
    }
    false
}

/// Sets this thread's error number; true.
fn fail_with(error: i32) -> bool {
    // SAFETY: the address of this thread's error number.
    unsafe { *libc::__errno_location() = error };
    true
}

/// Defines a function of the C library as its system call; it fails instead if the condition holds.
macro_rules! interpose {
    ($(fn $name:ident($($argument:ident: $ty:ty),*) -> $result:ty = $call:ident($($passed:expr),*) if $fails:expr;)*) => {$(
        // SAFETY: the C library's own signature and meaning.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $ty),*) -> $result {
            if $fails {
                return -1;
            }
            // SAFETY: the arguments are those of the caller.
            unsafe { libc::syscall(libc::$call, $($passed),*) as $result }
        }
    )*};
}

const WRITES: c_int = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT;

interpose! {
    fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int = SYS_open(path, flags, mode) if fails_to(flags & WRITES == 0);
    fn read(file: c_int, bytes: *mut c_void, count: usize) -> isize = SYS_read(file, bytes, transferred(count))
        if file > 2 && fails_to(true);
    fn pread64(file: c_int, bytes: *mut c_void, count: usize, at: i64) -> isize = SYS_pread64(file, bytes, transferred(count), at)
        if fails_to(true);
    // Not the standard streams.
    fn write(file: c_int, bytes: *const c_void, count: usize) -> isize = SYS_write(file, bytes, transferred(count))
        if file > 2 && fails();
    fn fsync(file: c_int) -> c_int = SYS_fsync(file) if fails();
    fn fdatasync(file: c_int) -> c_int = SYS_fdatasync(file) if fails();
    fn ftruncate64(file: c_int, length: i64) -> c_int = SYS_ftruncate(file, length) if fails();
    fn rename(from: *const c_char, to: *const c_char) -> c_int = SYS_rename(from, to)
        if fails() || RENAMELESS.load(SeqCst) && fail_with(libc::ENOTSUP);
    fn mkdir(path: *const c_char, mode: c_uint) -> c_int = SYS_mkdir(path, mode) if fails();
    fn unlink(path: *const c_char) -> c_int = SYS_unlink(path) if fails();
    fn rmdir(path: *const c_char) -> c_int = SYS_rmdir(path) if fails();
    fn flock(file: c_int, operation: c_int) -> c_int = SYS_flock(file, operation)
        if LOCKLESS.load(SeqCst) && fail_with(libc::ENOLCK);
}

// SAFETY: the C library's own signature and meaning.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    // SAFETY: the arguments are those of the caller, whose time is valid after a call without an error.
    unsafe {
        let failed = libc::syscall(libc::SYS_clock_gettime, clock, time) as c_int;
        if failed == 0 && clock == libc::CLOCK_REALTIME {
            let slides = SLIDES.load(SeqCst);
            (*time).tv_sec -= LATE.fetch_add(slides, SeqCst) + slides;
        }
        failed
    }
}

/// Seconds of this thread on a processor, which other programs do not lengthen.
pub fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to `time` only.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
