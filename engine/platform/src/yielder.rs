//! Cooperative yielding of long work.
//!
//! Work that takes longer than a moment is a future that yields every few milliseconds. So requests are received meanwhile, in a
//! browser as natively, and unwanted work can be dropped at its next yield.

use super::yield_now;
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use web_time::{Duration, Instant};

/// Time that work may hold its thread.
pub const TURN: Duration = Duration::from_millis(40);

/// Yields of a piece of work, at most one per [`TURN`]. A function that takes one yields every few milliseconds; callers that
/// block on it pass [`Yielder::none`].
#[derive(Debug)]
pub struct Yielder {
    given: bool,
    every: Duration,
    last: Cell<Instant>,
    asked: Cell<u64>,
}

impl Yielder {
    /// Yields to other work.
    pub fn new() -> Self {
        Self { given: true, every: TURN, last: Cell::new(Instant::now()), asked: Cell::new(0) }
    }

    /// Never yields: for callers that wait for nothing else ([`block_on`]).
    pub fn none() -> Self {
        Self { given: false, ..Self::new() }
    }

    /// Yields at every opportunity, for tests.
    pub fn at_every_chance() -> Self {
        Self { every: Duration::ZERO, ..Self::new() }
    }

    /// Yields if it is time. Should be called at least every few milliseconds.
    pub async fn maybe_yield(&self) {
        self.asked.set(self.asked.get() + 1);
        if self.given && self.last.get().elapsed() >= self.every {
            yield_now().await;
            self.last.set(Instant::now());
        }
    }

    /// Number of calls to [`Self::maybe_yield`].
    pub fn asked(&self) -> u64 {
        self.asked.get()
    }
}

impl Default for Yielder {
    fn default() -> Self {
        Self::new()
    }
}

/// Blocks on work that does not wait for anything.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
    }
}

/// Polls work up to a number of times, then drops it; returns whether it completed. For tests.
///
/// # Panics
/// The work fails.
#[doc(hidden)]
#[allow(clippy::unwrap_used, reason = "for tests")]
pub fn given_up_after<T>(turns: usize, work: impl Future<Output = crate::Result<T>>) -> bool {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    (0..turns).any(|_| match work.as_mut().poll(&mut context) {
        Poll::Ready(done) => done.map(|_| true).unwrap(),
        Poll::Pending => false,
    })
}
