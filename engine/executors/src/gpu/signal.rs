//! Waiting for callbacks of a device, which a browser delivers late to a page that is otherwise idle.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Awaits `wait`, calling `nudge` after every pause; `None` once that returns false.
///
/// Firefox checks for finished work when something is submitted, and otherwise every 100 ms (Mozilla bug 1870699), so
/// without nudges each wait takes that long.
pub(super) async fn nudged<T, P: Future<Output = ()>>(
    wait: impl Future<Output = T>,
    mut pause: impl FnMut() -> P,
    mut nudge: impl FnMut() -> bool,
) -> Option<T> {
    let (mut wait, mut passing) = (pin!(wait), Box::pin(pause()));
    poll_fn(move |context| {
        loop {
            if let Poll::Ready(value) = wait.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            if passing.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if !nudge() {
                return Poll::Ready(None);
            }
            passing.set(pause());
        }
    })
    .await
}

/// A simulated device under Firefox, with its own clock.
#[cfg(test)]
pub(super) mod firefox {
    use super::nudged;
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::task::Poll;

    /// Seconds between Firefox's own checks.
    const LOOK: f64 = 0.1;
    /// The interval to which browsers clamp a repeated timer.
    const PAUSE: f64 = 0.004;

    /// Seconds until a waiter learns that `work` seconds of work are done, if the browser reacts to nudges or not.
    pub(in crate::gpu) fn waited(work: f64, reacts: bool) -> f64 {
        let (clock, looked) = (Cell::new(0.0), Cell::new(0.0));
        let wait = poll_fn(|context| {
            if looked.get() > work {
                return Poll::Ready(looked.get());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        let pause = || {
            clock.set(clock.get() + PAUSE);
            let last = (clock.get() / LOOK + 1e-9).floor() * LOOK;
            looked.set(looked.get().max(last));
            std::future::ready(())
        };
        let nudge = || {
            looked.set(if reacts { clock.get() } else { looked.get() });
            clock.get() < 10.0
        };
        pollster::block_on(nudged(wait, pause, nudge)).unwrap_or(f64::INFINITY)
    }

    #[test]
    fn a_wait_takes_what_its_work_takes_where_the_device_is_nudged() {
        assert!(waited(0.002, false) > 0.099);
        assert!(waited(0.002, true) < 0.005);
        assert!((0.03..0.035).contains(&waited(0.03, true)));
        // A device that never answers is not waited for for good.
        assert_eq!(waited(f64::INFINITY, true), f64::INFINITY);
    }
}
