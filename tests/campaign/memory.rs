//! An allocator that counts, so that a reader's memory can be compared with its input.

#![allow(unsafe_code, reason = "an allocator has no safe interface")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

static HELD: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static TOTAL: AtomicIsize = AtomicIsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn grow(bytes: usize) {
    let bytes = bytes as isize;
    TOTAL.fetch_add(bytes, Relaxed);
    PEAK.fetch_max(HELD.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

fn shrink(bytes: usize) {
    HELD.fetch_sub(bytes as isize, Relaxed);
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grow(size);
        shrink(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Bytes that work held at most in addition to those before it, and bytes that it allocated in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub peak: usize,
    pub total: usize,
}

pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Used) {
    let (held, total) = (HELD.load(Relaxed), TOTAL.load(Relaxed));
    PEAK.store(held, Relaxed);
    let done = work();
    let beyond = |now: isize, before: isize| usize::try_from(now - before).unwrap_or(0);
    (done, Used { peak: beyond(PEAK.load(Relaxed), held), total: beyond(TOTAL.load(Relaxed), total) })
}
