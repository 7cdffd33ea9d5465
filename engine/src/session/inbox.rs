//! Incoming requests, including those that arrived while something else was in progress.

use crate::protocol::{Command, Envelope, Request};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::task::Poll;

pub(super) struct Inbox {
    receiver: async_channel::Receiver<Envelope<Request>>,
    waiting: VecDeque<Envelope<Request>>,
    closed: bool,
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
enum First<T> {
    Request(Option<Envelope<Request>>),
    Work(T),
}

/// How a cancellable request ended.
pub(super) enum Ended<T> {
    Done(T),
    /// By the request with this number; `None` if by an urgent request, or because the front end is gone.
    Cancelled(Option<u64>),
}

impl Default for Inbox {
    /// An inbox that receives nothing, as a placeholder.
    fn default() -> Self {
        Self { receiver: async_channel::bounded(1).1, waiting: VecDeque::new(), closed: false }
    }
}

impl Inbox {
    pub(super) fn new(receiver: async_channel::Receiver<Envelope<Request>>) -> Self {
        Self { receiver, waiting: VecDeque::new(), closed: false }
    }

    pub(super) fn try_next(&mut self) -> Option<Envelope<Request>> {
        self.try_next_but(|_| false)
    }

    /// The next request that has arrived and does not have to wait.
    pub(super) fn try_next_but(&mut self, waits: impl Fn(&Command) -> bool) -> Option<Envelope<Request>> {
        if let Some(at) = self.waiting.iter().position(|envelope| !waits(&envelope.body.command)) {
            return self.waiting.remove(at);
        }
        loop {
            match self.receiver.try_recv() {
                Ok(request) if waits(&request.body.command) => self.waiting.push_back(request),
                Ok(request) => return Some(request),
                Err(async_channel::TryRecvError::Empty) => return None,
                Err(async_channel::TryRecvError::Closed) => {
                    self.closed = true;
                    return None;
                }
            }
        }
    }

    /// Waits for a request; `None` once the front end is gone.
    pub(super) async fn next(&mut self) -> Option<Envelope<Request>> {
        match self.waiting.pop_front() {
            Some(request) => Some(request),
            None => {
                let request = self.receiver.recv().await.ok();
                self.closed |= request.is_none();
                request
            }
        }
    }

    /// Puts a request back to the front of the queue.
    pub(super) fn put_back(&mut self, request: Envelope<Request>) {
        self.waiting.push_front(request);
    }

    /// Whether the front end is gone and all its requests were taken.
    pub(super) fn is_closed(&self) -> bool {
        self.closed && self.waiting.is_empty()
    }

    /// Awaits a request's `work` until it is done or cancelled. If cancelled, by its number or by a request that `ends` it, the
    /// work is dropped at its next yield. `withdrawn` gets each request that was cancelled before it started, and the request
    /// that cancelled it. `urgent` gets every other request; it handles it or returns it to the queue, and may also stop the
    /// work. `beat` is called after every poll of the work.
    pub(super) async fn until_cancelled<T>(
        &mut self,
        request: u64,
        work: impl Future<Output = T>,
        ends: impl Fn(&Command) -> bool,
        withdrawn: impl Fn(u64, u64),
        urgent: impl Fn(Envelope<Request>) -> ControlFlow<(), Option<Envelope<Request>>>,
        beat: impl Fn(),
    ) -> Ended<T> {
        // Cancelled before it started.
        let cancels = |envelope: &Envelope<Request>| {
            envelope.body.command == Command::Cancel { request } || ends(&envelope.body.command)
        };
        if let Some(at) = self.waiting.iter().position(cancels) {
            return Ended::Cancelled(self.waiting.remove(at).map(|envelope| envelope.body.id));
        }
        let mut work = pin!(work);
        loop {
            if self.closed {
                return Ended::Cancelled(None);
            }
            let envelope = match self.first(work.as_mut(), &beat).await {
                First::Work(done) => return Ended::Done(done),
                First::Request(None) => continue,
                First::Request(Some(envelope)) => envelope,
            };
            match &envelope.body.command {
                Command::Cancel { request: other } if *other == request => {
                    return Ended::Cancelled(Some(envelope.body.id));
                }
                Command::Cancel { request: other } if self.withdraw(*other) => {
                    withdrawn(*other, envelope.body.id);
                }
                command if ends(command) => return Ended::Cancelled(Some(envelope.body.id)),
                _ => match urgent(envelope) {
                    ControlFlow::Continue(request) => self.waiting.extend(request),
                    ControlFlow::Break(()) => return Ended::Cancelled(None),
                },
            }
        }
    }

    /// Removes a request from the queue; returns whether it was there.
    pub(super) fn withdraw(&mut self, request: u64) -> bool {
        let at = self.waiting.iter().position(|envelope| envelope.body.id == request);
        at.is_some_and(|at| self.waiting.remove(at).is_some())
    }

    /// Awaits `work`. `urgent` gets each request that arrives meanwhile, and handles it or returns it to the queue; it gets
    /// `None` once, when the front end is gone.
    pub(super) async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        mut urgent: impl FnMut(Option<Envelope<Request>>) -> Option<Envelope<Request>>,
    ) -> T {
        let mut work = pin!(work);
        loop {
            match self.first(work.as_mut(), || ()).await {
                First::Work(done) => return done,
                First::Request(request) => self.waiting.extend(urgent(request)),
            }
        }
    }

    /// Awaits a request or the end of the work; `beat` is called after every poll of the work. The end of the front end comes once.
    async fn first<T>(&mut self, mut work: Pin<&mut impl Future<Output = T>>, beat: impl Fn()) -> First<T> {
        let (mut request, closed) = (pin!(self.receiver.recv()), self.closed);
        let first = poll_fn(|context| {
            if !closed && let Poll::Ready(request) = request.as_mut().poll(context) {
                return Poll::Ready(First::Request(request.ok()));
            }
            let worked = work.as_mut().poll(context);
            beat();
            worked.map(First::Work)
        });
        let first = first.await;
        self.closed |= matches!(first, First::Request(None));
        first
    }
}
