//! Sharing an op's work among threads.
//!
//! Work is cut into as many parts as there are threads, always at the same places, and every entry of a result is
//! computed by one thread in an order that the cuts do not change: the bits depend on the seed alone.

use crate::error::Result;
use crate::platform::parallel::{Pool, join};
use std::sync::{Mutex, PoisonError};

/// The threads of an executor with a piece of memory for each.
#[derive(Debug)]
pub struct Workers {
    pool: Pool,
    scratch: Vec<Mutex<Scratch>>,
}

/// What a part may write to for itself. It grows to what its largest user needs and stays.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A panel of a matrix product's right side.
    pub panel: Vec<f32>,
    /// Whatever an op lays out.
    pub floats: Vec<f32>,
}

/// Results that can be cut in two at a row.
pub trait Parts: Sized + Send {
    /// The first `rows` rows, and the rest.
    fn split(self, rows: usize) -> (Self, Self);
}

/// Rows of so many columns, all there are or a part.
#[derive(Debug)]
pub struct Rows<'data> {
    /// The rows' entries.
    pub data: &'data mut [f32],
    columns: usize,
}

impl<'data> Rows<'data> {
    /// Reads `data` as rows of `columns`; the last may be shorter.
    pub fn of(data: &'data mut [f32], columns: usize) -> Self {
        Self { data, columns }
    }
}

impl Parts for Rows<'_> {
    fn split(self, rows: usize) -> (Self, Self) {
        let at = (rows * self.columns).min(self.data.len());
        let (first, second) = self.data.split_at_mut(at);
        (Self { data: first, columns: self.columns }, Self { data: second, columns: self.columns })
    }
}

impl<A: Parts, B: Parts> Parts for (A, B) {
    fn split(self, rows: usize) -> (Self, Self) {
        let ((a, c), (b, d)) = (self.0.split(rows), self.1.split(rows));
        ((a, b), (c, d))
    }
}

impl<A: Parts, B: Parts, C: Parts> Parts for (A, B, C) {
    fn split(self, rows: usize) -> (Self, Self) {
        let ((a, d), (b, e), (c, f)) = (self.0.split(rows), self.1.split(rows), self.2.split(rows));
        ((a, b, c), (d, e, f))
    }
}

impl Parts for () {
    fn split(self, _rows: usize) -> (Self, Self) {
        ((), ())
    }
}

impl Workers {
    /// `threads` of them, or one a core.
    pub fn new(threads: Option<usize>) -> Result<Self> {
        let pool = Pool::new(threads)?;
        let scratch = (0..pool.count()).map(|_| Mutex::default()).collect();
        Ok(Self { pool, scratch })
    }

    /// How many threads.
    pub fn count(&self) -> usize {
        self.scratch.len()
    }

    /// Runs `work` where [`Self::rows`] reaches the other threads without a detour.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Cuts `parts` of `rows` rows among the threads, at least `least` rows each, and runs `work` on every part with the
    /// number of its first row.
    pub fn rows<P: Parts>(
        &self,
        rows: usize,
        least: usize,
        parts: P,
        work: impl Fn(std::ops::Range<usize>, P, &mut Scratch) + Sync,
    ) {
        let count = (rows / least.max(1)).clamp(1, self.count());
        split(&self.scratch[..count], 0..rows, parts, &work);
    }
}

fn split<P: Parts>(
    scratch: &[Mutex<Scratch>],
    rows: std::ops::Range<usize>,
    parts: P,
    work: &(impl Fn(std::ops::Range<usize>, P, &mut Scratch) + Sync),
) {
    if let [own] = scratch {
        // A panic elsewhere leaves nothing in scratch memory that anybody reads.
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        work(rows, parts, &mut own);
        return;
    }
    let half = scratch.len() / 2;
    let share = rows.len() * half / scratch.len();
    let (first, second) = parts.split(share);
    let (left, right) = scratch.split_at(half);
    let cut = rows.start + share;
    join(|| split(left, rows.start..cut, first, work), || split(right, cut..rows.end, second, work));
}
