//! A future for a value delivered by a callback. The browser calls back from its event loop and the desktop from
//! `device.poll`; the waiting code is the same.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Debug)]
enum SignalState<T> {
    Waiting(Option<Waker>),
    Ready(T),
    /// The callback was dropped without a call, for example with a lost device.
    Gone,
}

type Shared<T> = Arc<Mutex<SignalState<T>>>;

#[derive(Debug)]
pub(super) struct Sender<T>(Shared<T>);

/// The waiting side: resolves to the value, or to `None` if it can no longer arrive.
#[derive(Debug)]
pub(super) struct Receiver<T>(Shared<T>);

pub(super) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(SignalState::Waiting(None)));
    (Sender(shared.clone()), Receiver(shared))
}

impl<T> Sender<T> {
    pub(super) fn send(self, value: T) {
        self.settle(SignalState::Ready(value));
    }

    fn settle(&self, state: SignalState<T>) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let SignalState::Waiting(waker) = &mut *shared {
            let waker = waker.take();
            *shared = state;
            drop(shared);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.settle(SignalState::Gone);
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let SignalState::Waiting(waker) = &mut *shared {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        match std::mem::replace(&mut *shared, SignalState::Gone) {
            SignalState::Ready(value) => Poll::Ready(Some(value)),
            SignalState::Waiting(_) | SignalState::Gone => Poll::Ready(None),
        }
    }
}

/// Awaits `wait`, calling `nudge` after every pause.
///
/// Firefox checks for finished work when something is submitted, and otherwise every 100 ms (Mozilla bug 1870699), so
/// without nudges each wait takes that long.
pub(super) async fn nudged<T, P: Future<Output = ()>>(
    wait: impl Future<Output = T>,
    mut pause: impl FnMut() -> P,
    mut nudge: impl FnMut(),
) -> T {
    let (mut wait, mut passing) = (pin!(wait), Box::pin(pause()));
    poll_fn(move |context| {
        loop {
            if let Poll::Ready(value) = wait.as_mut().poll(context) {
                return Poll::Ready(value);
            }
            if passing.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            nudge();
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

    /// Seconds until a waiter learns that `work` seconds of work are done, if the browser hears nudges or not.
    pub(in crate::gpu) fn waited(work: f64, hears: bool) -> f64 {
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
        let nudge = || looked.set(if hears { clock.get() } else { looked.get() });
        pollster::block_on(nudged(wait, pause, nudge))
    }

    #[test]
    fn a_wait_takes_what_its_work_takes_where_the_device_is_nudged() {
        assert!(waited(0.002, false) > 0.099);
        assert!(waited(0.002, true) < 0.005);
        assert!((0.03..0.035).contains(&waited(0.03, true)));
    }
}

#[cfg(test)]
mod tests {
    use super::channel;

    #[test]
    fn delivers_before_and_after_the_wait_begins() {
        let (sender, receiver) = channel();
        sender.send(7);
        assert_eq!(pollster::block_on(receiver), Some(7));
        let (sender, receiver) = channel();
        let thread = std::thread::spawn(move || pollster::block_on(receiver));
        sender.send(8);
        assert_eq!(thread.join().ok(), Some(Some(8)));
    }

    #[test]
    fn a_dropped_callback_ends_the_wait() {
        let (sender, receiver) = channel::<u32>();
        drop(sender);
        assert_eq!(pollster::block_on(receiver), None);
    }
}
