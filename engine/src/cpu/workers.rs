//! Sharing an op's work among threads.
//!
//! Work is cut into pieces, always at the same places whatever the number of threads, and threads take them as they become free: one
//! whose core is busy with something else takes fewer. Every entry of a result is computed in one piece, in an order that the cuts
//! do not change: the bits depend on the seed alone. Between pieces a thread sees whether the work is still wanted.

use crate::error::Result;
use crate::platform::parallel::{Pool, join, thread_number};
use async_channel::Receiver;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Most pieces of an op: several for each thread of a common CPU, so that none waits long for another's last one.
const PIECES: usize = 16;

/// The threads of an executor with a piece of memory for each.
#[derive(Debug)]
pub struct Workers {
    pool: Pool,
    scratch: Vec<Mutex<Scratch>>,
    interrupted: AtomicBool,
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
    /// `threads` of them, or one a core.
    pub fn new(threads: Option<usize>) -> Result<Self> {
        let pool = Pool::new(threads)?;
        let scratch = (0..pool.count()).map(|_| Mutex::default()).collect();
        Ok(Self { pool, scratch, interrupted: AtomicBool::new(false) })
    }

    /// How many threads.
    pub fn count(&self) -> usize {
        self.scratch.len()
    }

    /// Runs `work` where [`Self::rows`] reaches the other threads without a detour.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Begins `work` on a thread, so that this one can listen to others meanwhile. Without threads it is done at once.
    pub fn begin<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Receiver<R> {
        self.pool.begin(work)
    }

    /// Asks for what is under way to be given up, or no longer so. Then pieces that were not begun are passed over, and results are
    /// not to be used.
    pub fn interrupt(&self, interrupted: bool) {
        self.interrupted.store(interrupted, Ordering::Relaxed);
    }

    /// Whether what is under way was given up.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Cuts `parts` of `rows` rows into pieces of at least `least` rows each, and runs `work` on every piece with the numbers of
    /// its rows.
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
        work: &(impl Fn(std::ops::Range<usize>, P, &mut Scratch) + Sync),
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

    /// This thread's memory. A thread of another pool shares one.
    fn scratch(&self) -> impl std::ops::DerefMut<Target = Scratch> + '_ {
        let own = &self.scratch[thread_number() % self.scratch.len()];
        // A panic elsewhere leaves nothing in scratch memory that anybody reads.
        own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Condvar;
    use std::time::Duration;

    /// Far longer than the other pieces take: only a thread with a fixed share of them lets it pass.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn a_thread_that_is_held_up_takes_fewer_pieces() {
        let workers = Workers::new(Some(2)).unwrap();
        // How often each thread took a piece; the first to take one is held up until all others are done.
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
