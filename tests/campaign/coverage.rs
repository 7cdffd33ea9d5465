//! Counters of the code that ran, in a build with them (`tests/campaign/run --guided`): a byte for each edge of the control flow of the
//! workspace's crates, by LLVM's SanitizerCoverage. Inputs that reach more are kept and mutated further.

#![allow(unsafe_code, reason = "LLVM's counters are raw memory")]

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

static COUNTERS: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Called before `main`, with the counters of the whole program.
// SAFETY: the name and signature are LLVM's.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    COUNTERS.store(start, Relaxed);
    COUNT.store(end.addr() - start.addr(), Relaxed);
}

/// The edges that the inputs of a reader reached. None in an ordinary build, in which nothing is ever new.
#[derive(Default)]
pub struct Coverage {
    /// For each counter, a bit for each class of counts.
    reached: Vec<[u8; 8]>,
}

impl Coverage {
    pub fn begin() {
        let count = COUNT.load(Relaxed);
        if count > 0 {
            // SAFETY: LLVM's counters, which are never freed; no reader runs now.
            unsafe { COUNTERS.load(Relaxed).write_bytes(0, count) };
        }
    }

    /// Whether the code that ran since [`Self::begin`] reached a new edge, or one more often than ever by a class of counts.
    pub fn is_new(&mut self) -> bool {
        let count = COUNT.load(Relaxed) / 8;
        if count == 0 {
            return false;
        }
        // SAFETY: as above. They are copied, because this function has counters too.
        let counters =
            unsafe { std::slice::from_raw_parts(COUNTERS.load(Relaxed).cast::<[u8; 8]>(), count) }.to_vec();
        self.reached.resize(count, [0; 8]);
        let mut is_new = false;
        let some = self.reached.iter_mut().zip(&counters).filter(|(_, counters)| **counters != [0; 8]);
        for (reached, counter) in some.flat_map(|(reached, counters)| reached.iter_mut().zip(counters)) {
            let class = match counter {
                0 => continue,
                1..=3 => 1 << (counter - 1),
                4..=7 => 1 << 3,
                8..=15 => 1 << 4,
                16..=31 => 1 << 5,
                32..=127 => 1 << 6,
                128.. => 1 << 7,
            };
            is_new |= *reached & class == 0;
            *reached |= class;
        }
        is_new
    }

    /// Edges that were ever reached.
    pub fn edges(&self) -> usize {
        self.reached.iter().flatten().filter(|reached| **reached != 0).count()
    }
}
