//! Requests as they come, and those that came while something else was under way.

use crate::protocol::{Parcel, Request};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Requests that wait.
pub(super) struct Inbox {
    receiver: async_channel::Receiver<Parcel<Request>>,
    waiting: VecDeque<Parcel<Request>>,
    closed: bool,
}

/// What ended a race.
enum First<T> {
    Request(Option<Parcel<Request>>),
    Work(T),
}

impl Inbox {
    pub(super) fn new(receiver: async_channel::Receiver<Parcel<Request>>) -> Self {
        Self { receiver, waiting: VecDeque::new(), closed: false }
    }

    /// The next request, if one is there.
    pub(super) fn try_next(&mut self) -> Option<Parcel<Request>> {
        self.waiting.pop_front().or_else(|| match self.receiver.try_recv() {
            Ok(request) => Some(request),
            Err(async_channel::TryRecvError::Empty) => None,
            Err(async_channel::TryRecvError::Closed) => {
                self.closed = true;
                None
            }
        })
    }

    /// Waits for a request; `None` once the front end is gone.
    pub(super) async fn next(&mut self) -> Option<Parcel<Request>> {
        match self.waiting.pop_front() {
            Some(request) => Some(request),
            None => {
                let request = self.receiver.recv().await.ok();
                self.closed |= request.is_none();
                request
            }
        }
    }

    /// Lets a request wait again, before all others.
    pub(super) fn put_back(&mut self, request: Parcel<Request>) {
        self.waiting.push_front(request);
    }

    /// The front end is gone, and everything that it sent was taken out.
    pub(super) fn is_closed(&self) -> bool {
        self.closed && self.waiting.is_empty()
    }

    /// Does `work` to its end. `urgent` sees each request that comes meanwhile and keeps it, or gives it back to wait; it sees
    /// `None` once, when the front end is gone.
    pub(super) async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        mut urgent: impl FnMut(Option<Parcel<Request>>) -> Option<Parcel<Request>>,
    ) -> T {
        let mut work = pin!(work);
        loop {
            let first = {
                let mut request = pin!(self.receiver.recv());
                let closed = self.closed;
                poll_fn(|context| {
                    if !closed && let Poll::Ready(request) = request.as_mut().poll(context) {
                        return Poll::Ready(First::Request(request.ok()));
                    }
                    work.as_mut().poll(context).map(First::Work)
                })
                .await
            };
            match first {
                First::Work(done) => return done,
                First::Request(request) => {
                    self.closed |= request.is_none();
                    self.waiting.extend(urgent(request));
                }
            }
        }
    }
}
