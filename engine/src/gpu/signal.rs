//! A value that a callback delivers later, as a future. The browser calls back from its event loop and the desktop from
//! `device.poll`; either way the code that waits reads the same.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Debug)]
enum SignalState<T> {
    Waiting(Option<Waker>),
    Ready(T),
    /// The callback was dropped without being called, as happens when a device goes away.
    Gone,
}

type Shared<T> = Arc<Mutex<SignalState<T>>>;

/// The callback's side.
#[derive(Debug)]
pub(super) struct Sender<T>(Shared<T>);

/// The waiting side: resolves to the value, or to `None` where it will never come.
#[derive(Debug)]
pub(super) struct Receiver<T>(Shared<T>);

/// A sender and its receiver.
pub(super) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(SignalState::Waiting(None)));
    (Sender(shared.clone()), Receiver(shared))
}

impl<T> Sender<T> {
    /// Delivers the value.
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
