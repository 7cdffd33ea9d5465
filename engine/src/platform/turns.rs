//! Turns that long work gives to whatever else waits on its thread.
//!
//! Work that takes longer than a moment is a future that gives others their turn every few milliseconds: so requests are
//! heard meanwhile, in a browser as natively, and work that nobody wants any more is dropped where it stands.

use super::yield_now;
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use web_time::{Duration, Instant};

/// How long work holds its thread.
pub const TURN: Duration = Duration::from_millis(40);

/// Turns of a piece of work, at most one every [`TURN`].
#[derive(Debug)]
pub struct Turns {
    given: bool,
    every: Duration,
    last: Cell<Instant>,
    asked: Cell<u64>,
}

impl Turns {
    /// Turns for whoever waits.
    pub fn new() -> Self {
        Self { given: true, every: TURN, last: Cell::new(Instant::now()), asked: Cell::new(0) }
    }

    /// None: the work holds its thread to its end, for those who wait for nothing else ([`at_once`]).
    pub fn none() -> Self {
        Self { given: false, ..Self::new() }
    }

    /// Wherever it can.
    #[cfg(test)]
    pub fn at_every_chance() -> Self {
        Self { every: Duration::ZERO, ..Self::new() }
    }

    /// Gives others their turn where it is time. To be called at least every few milliseconds.
    pub async fn give(&self) {
        self.asked.set(self.asked.get() + 1);
        if self.given && self.last.get().elapsed() >= self.every {
            yield_now().await;
            self.last.set(Instant::now());
        }
    }

    /// How often [`Self::give`] was called.
    pub fn asked(&self) -> u64 {
        self.asked.get()
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

/// Does work that gives nobody a turn, here and now.
pub fn at_once<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
    }
}

/// Does work up to a number of turns and drops it there; whether it was done by then.
#[cfg(test)]
pub fn given_up_after<T>(turns: usize, work: impl Future<Output = crate::error::Result<T>>) -> bool {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    (0..turns).any(|_| match work.as_mut().poll(&mut context) {
        Poll::Ready(done) => done.map(|_| true).unwrap(),
        Poll::Pending => false,
    })
}
