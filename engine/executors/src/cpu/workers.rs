//! Distributing an op's work over threads.
//!
//! Work is cut into pieces, at the same places for any number of threads. Threads take pieces as they become free, so
//! one with a busy core takes fewer. Every entry of a result is computed within one piece, in an order independent of
//! the cuts, so the bits depend only on the seed. Threads check for interruption between pieces.

use async_channel::Receiver;
use glasshouse_platform::Result;
use glasshouse_platform::parallel::{Pool, join, thread_number};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Maximum pieces per op: several for each thread of a common CPU, so that no thread waits long for the last piece.
const PIECES: usize = 16;

/// An executor's threads, each with scratch memory.
#[derive(Debug)]
pub struct Workers {
    pool: Pool,
    scratch: Vec<Mutex<Scratch>>,
    interrupted: AtomicBool,
}

/// A thread's scratch memory. It grows to its largest user's needs and is never freed.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A panel of a matrix product's right side.
    pub panel: Vec<f32>,
    /// Other buffers of an op.
    pub floats: Vec<f32>,
    /// An input of an op, for all threads.
    pub rounded: Rounded,
}

/// Rows of an input in blocks of 8-bit integers.
#[derive(Debug, Default)]
pub struct Rounded {
    /// Rows of integers for a row of the input, 1 or 2: the second holds what the first rounds off.
    pub parts: usize,
    pub quants: Vec<i8>,
    /// Per block.
    pub scales: Vec<f32>,
    /// Sums of the integers in both halves of each block.
    pub sums: Vec<[i32; 2]>,
}

/// Results that can be split in two at a row.
pub trait Parts: Sized + Send {
    /// Splits off the first `rows` rows.
    fn split(self, rows: usize) -> (Self, Self);
}

/// Rows of a fixed number of columns.
pub struct Rows<'data, T = f32> {
    pub data: &'data mut [T],
    columns: usize,
}

impl<'data, T> Rows<'data, T> {
    /// Views `data` as rows of `columns`; the last row may be shorter.
    pub fn new(data: &'data mut [T], columns: usize) -> Self {
        Self { data, columns }
    }
}

impl<T: Send> Parts for Rows<'_, T> {
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

impl<T: Send> Parts for &mut [T] {
    fn split(self, rows: usize) -> (Self, Self) {
        self.split_at_mut(rows.min(self.len()))
    }
}

impl Parts for () {
    fn split(self, _rows: usize) -> (Self, Self) {
        ((), ())
    }
}

impl Workers {
    /// Creates `threads` workers; by default, one per core.
    pub fn new(threads: Option<usize>) -> Result<Self> {
        let pool = Pool::new(threads)?;
        let scratch = (0..pool.count()).map(|_| Mutex::default()).collect();
        Ok(Self { pool, scratch, interrupted: AtomicBool::new(false) })
    }

    pub fn count(&self) -> usize {
        self.scratch.len()
    }

    /// Runs `work` on the pool, where [`Self::rows`] reaches the other threads directly.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Runs `work` on a pool thread, so that the calling thread can yield meanwhile. Without threads, it runs immediately.
    pub fn begin<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Receiver<R> {
        self.pool.begin(work)
    }

    /// Sets or clears the interruption of the current work. While interrupted, pieces not yet begun are skipped and results are invalid.
    pub fn interrupt(&self, interrupted: bool) {
        self.interrupted.store(interrupted, Ordering::Relaxed);
    }

    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Splits `parts` of `rows` rows into pieces of at least `least` rows each, and runs `work` on every piece with its row numbers.
    pub fn rows<P: Parts>(
        &self,
        rows: usize,
        least: usize,
        parts: P,
        work: impl Fn(std::ops::Range<usize>, P, &mut Scratch) + Sync,
    ) {
        let pieces = (rows / least.max(1)).clamp(1, PIECES);
        self.split(pieces, 0..rows, parts, &work);
    }

    fn split<P: Parts>(
        &self,
        pieces: usize,
        rows: std::ops::Range<usize>,
        parts: P,
        work: &(dyn Fn(std::ops::Range<usize>, P, &mut Scratch) + Sync),
    ) {
        if pieces == 1 {
            if !self.is_interrupted() {
                work(rows, parts, &mut self.scratch());
            }
            return;
        }
        let half = pieces / 2;
        let share = rows.len() * half / pieces;
        let (first, second) = parts.split(share);
        let cut = rows.start + share;
        join(
            || self.split(half, rows.start..cut, first, work),
            || self.split(pieces - half, cut..rows.end, second, work),
        );
    }

    /// This thread's scratch memory. Threads of other pools share one by number. It must not be held while pieces are run.
    pub fn scratch(&self) -> impl std::ops::DerefMut<Target = Scratch> + '_ {
        let own = &self.scratch[thread_number() % self.scratch.len()];
        // Nobody relies on the contents of scratch memory, so a panic elsewhere does no harm.
        own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Condvar;
    use std::time::Duration;

    /// Far longer than the other pieces take; reached only with a fixed assignment of pieces.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn a_thread_that_is_held_up_takes_fewer_pieces() {
        let workers = Workers::new(Some(2)).unwrap();
        // Pieces taken by each thread. The first thread is blocked until all other pieces are done.
        let taken = Mutex::new(Vec::new());
        let done = Condvar::new();
        let work = |rows: std::ops::Range<usize>, (), _: &mut Scratch| {
            let mut taken = taken.lock().unwrap();
            taken.push((thread_number(), rows));
            if taken.len() == 1 {
                let waited =
                    done.wait_timeout_while(taken, PATIENCE, |taken| taken.len() < PIECES).unwrap().1;
                assert!(!waited.timed_out(), "the other thread left pieces to the one that is held up");
            } else if taken.len() == PIECES {
                done.notify_all();
            }
        };
        workers.install(|| workers.rows(5 * PIECES, 1, (), work));
        let mut taken = taken.into_inner().unwrap();
        let held_up = taken[0].0;
        assert_eq!(taken.iter().filter(|(thread, _)| *thread == held_up).count(), 1, "{taken:?}");
        taken.sort_by_key(|(_, rows)| rows.start);
        let rows: Vec<usize> = taken.into_iter().flat_map(|(_, rows)| rows).collect();
        assert_eq!(rows, (0..5 * PIECES).collect::<Vec<_>>(), "every row once");
    }
}
