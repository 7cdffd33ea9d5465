//! Counters of the code that ran, in a build with them (`tests/campaign/run --guided`): one byte for each edge of the control flow of the
//! workspace's crates, by LLVM's SanitizerCoverage. Inputs that reach more are kept and mutated further.

#![allow(unsafe_code, reason = "LLVM's counters are raw memory")]

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

static START: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);

/// Called before `main`, with the counters of the whole program.
// SAFETY: the name and signature are LLVM's.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    START.store(start.expose_provenance(), Relaxed);
    END.store(end.expose_provenance(), Relaxed);
}

fn counters() -> &'static [AtomicU8] {
    let (start, end) = (START.load(Relaxed), END.load(Relaxed));
    if start == end {
        return &[];
    }
    // SAFETY: LLVM's counters lie between both and are never freed; instrumented code changes them, each by plain loads and stores of a byte.
    unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(start), end - start) }
}

/// The counts that the inputs of a reader reached. Empty in an ordinary build, where nothing is ever new.
#[derive(Default)]
pub struct Coverage {
    /// For each counter, a bit for each class of counts.
    reached: Vec<u8>,
}

impl Coverage {
    pub fn begin() {
        counters().iter().for_each(|counter| counter.store(0, Relaxed));
    }

    /// Whether the code that ran since [`Self::begin`] reached a new edge, or one more often than ever by a class of counts.
    pub fn is_new(&mut self) -> bool {
        let counters = counters();
        self.reached.resize(counters.len(), 0);
        let mut is_new = false;
        for (reached, counter) in self.reached.iter_mut().zip(counters) {
            let class = match counter.load(Relaxed) {
                0 => continue,
                count @ 1..=3 => count - 1,
                4..=7 => 3,
                8..=15 => 4,
                16..=31 => 5,
                32..=127 => 6,
                128.. => 7,
            };
            is_new |= *reached & (1 << class) == 0;
            *reached |= 1 << class;
        }
        is_new
    }

    /// Edges that were ever reached.
    pub fn edges(&self) -> usize {
        self.reached.iter().filter(|reached| **reached != 0).count()
    }
}
