//! Connection slots. If all are taken, the longest-idle connection is closed to make room, so that clients that connect and send
//! nothing do not block others. A connection is idle while no complete request of it is being answered and its last answer is
//! fully written.

use axum::body::Body as AnswerBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// A client that reads nothing for this long is considered gone, since it and its texts occupy places.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Seats {
    free: Arc<Semaphore>,
    row: Arc<IdleConnections>,
}

#[derive(Debug, Default)]
struct IdleConnections {
    /// Signals that close them, longest idle first.
    idle: Mutex<VecDeque<Arc<Notify>>>,
    /// Notified when a connection becomes idle.
    more: Notify,
}

/// A connection's slot, released on drop.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    pub(super) seat: Seat,
    _free: OwnedSemaphorePermit,
}

/// A handle to a connection's slot.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    close: Arc<Notify>,
    row: Arc<IdleConnections>,
    /// The answer is complete, but perhaps not written yet.
    answered: Arc<AtomicBool>,
}

impl Seats {
    pub(super) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), row: Arc::default() }
    }

    /// Waits for a slot. If none is free, closes an idle connection; if none is idle, waits for one.
    pub(super) async fn place(&self) -> ConnectionSlot {
        loop {
            let more = self.row.more.notified();
            let closes = self.free.available_permits() == 0
                && self.row.idle().pop_front().is_some_and(|first| {
                    first.notify_one();
                    true
                });
            tokio::select! {
                free = self.free.clone().acquire_owned() => if let Ok(free) = free {
                    let seat = Seat { close: Arc::default(), row: self.row.clone(), answered: Arc::default() };
                    seat.set_idle();
                    return ConnectionSlot { seat, _free: free };
                },
                () = more, if !closes => {}
            }
        }
    }
}

impl IdleConnections {
    fn idle(&self) -> MutexGuard<'_, VecDeque<Arc<Notify>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Completes when the connection has to close.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    fn set_idle(&self) {
        self.set_busy();
        self.row.idle().push_back(self.close.clone());
        self.row.more.notify_waiters();
    }

    /// Called when everything given to the stream is written.
    fn set_written(&self) {
        if self.answered.load(Ordering::SeqCst) {
            self.set_idle();
        }
    }

    /// Marks the connection as busy, or ended.
    fn set_busy(&self) {
        self.answered.store(false, Ordering::SeqCst);
        self.row.idle().retain(|other| !Arc::ptr_eq(other, &self.close));
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.seat.set_busy();
    }
}

/// A body whose end marks its connection as busy (request), or as idle once written (answer).
#[derive(Debug)]
pub(super) struct Watched<B> {
    body: B,
    end: Option<End>,
}

/// The signal sent when a body ends, on drop.
#[derive(Debug)]
enum End {
    Request(Seat),
    Answer(Seat),
}

impl Drop for End {
    fn drop(&mut self) {
        match self {
            Self::Request(seat) => seat.set_busy(),
            Self::Answer(seat) => seat.answered.store(true, Ordering::SeqCst),
        }
    }
}

impl Watched<Incoming> {
    pub(super) fn request(body: Incoming, seat: &Seat) -> Self {
        Self::new(body, End::Request(seat.clone()))
    }
}

impl Watched<AnswerBody> {
    pub(super) fn answer(body: AnswerBody, seat: &Seat) -> Self {
        Self::new(body, End::Answer(seat.clone()))
    }
}

impl<B: Body> Watched<B> {
    fn new(body: B, end: End) -> Self {
        let end = (!body.is_end_stream()).then_some(end);
        Self { body, end }
    }
}

impl<B: Body + Unpin> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let watched = self.get_mut();
        let frame = Pin::new(&mut watched.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || watched.body.is_end_stream() {
            watched.end = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection's stream, which notifies its slot when everything is written, and fails if the client stops reading.
#[derive(Debug)]
pub(super) struct WatchedStream<I> {
    io: I,
    seat: Seat,
    /// Timeout while the client accepts no data.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<I> WatchedStream<I> {
    pub(super) fn new(io: I, seat: &Seat) -> Self {
        Self { io, seat: seat.clone(), patience: None }
    }

    /// The result of a write; an error if the last progress is longer ago than `PATIENCE`.
    fn in_time(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.patience = None;
            return written;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
        patience.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: Read + Unpin> Read for WatchedStream<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(context, buffer)
    }
}

impl<I: Write + Unpin> Write for WatchedStream<I> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, part: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        let written = Pin::new(&mut stream.io).poll_write(context, part);
        stream.in_time(context, written)
    }

    /// Completes once the buffered data is written.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let flushed = Pin::new(&mut stream.io).poll_flush(context);
        if flushed.is_ready() {
            stream.seat.set_written();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        let written = Pin::new(&mut stream.io).poll_write_vectored(context, parts);
        stream.in_time(context, written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use std::convert::Infallible;
    use std::future::Ready;
    use std::pin::pin;
    use std::task::Waker;

    /// A client that sends one request and reads on demand.
    struct Client {
        asks: &'static [u8],
        takes: Arc<AtomicBool>,
    }

    impl Client {
        fn new(takes: &Arc<AtomicBool>) -> Self {
            Self { asks: b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", takes: takes.clone() }
        }
    }

    fn answer(
        request: Request<Incoming>,
        seat: &Seat,
    ) -> Ready<Result<Response<Watched<AnswerBody>>, Infallible>> {
        drop(Watched::request(request.into_body(), seat));
        std::future::ready(Ok(Response::new(Watched::answer(AnswerBody::from("An owl."), seat))))
    }

    /// A runtime whose clock advances whenever nothing else is to be done.
    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    }

    impl Read for Client {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            mut buffer: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            if self.asks.is_empty() {
                return Poll::Pending;
            }
            buffer.put_slice(std::mem::take(&mut self.asks));
            Poll::Ready(Ok(()))
        }
    }

    impl Write for Client {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, part: &[u8]) -> Poll<io::Result<usize>> {
            if self.takes.load(Ordering::SeqCst) { Poll::Ready(Ok(part.len())) } else { Poll::Pending }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_connection_whose_answer_is_not_written_yet_makes_no_room() {
        let (seats, runtime) = (Seats::new(1), runtime());
        let _within = runtime.enter();
        let place = runtime.block_on(seats.place());
        let (idle, takes) = (|| seats.row.idle().len(), Arc::new(AtomicBool::new(false)));
        let seat = place.seat.clone();
        let service = service_fn(move |request| answer(request, &seat));
        assert_eq!(idle(), 1);
        let stream = WatchedStream::new(Client::new(&takes), &place.seat);
        let mut connection = pin!(http1::Builder::new().serve_connection(stream, service));
        let mut context = Context::from_waker(Waker::noop());
        assert!(connection.as_mut().poll(&mut context).is_pending());
        assert_eq!(idle(), 0);
        takes.store(true, Ordering::SeqCst);
        assert!(connection.as_mut().poll(&mut context).is_pending());
        assert_eq!(idle(), 1);
    }

    #[test]
    fn a_client_that_reads_nothing_of_its_answer_is_taken_for_gone() {
        let (seats, runtime) = (Seats::new(1), runtime());
        runtime.block_on(async {
            let place = seats.place().await;
            let (seat, takes) = (place.seat.clone(), Arc::new(AtomicBool::new(false)));
            let service = service_fn(move |request| answer(request, &seat));
            let stream = WatchedStream::new(Client::new(&takes), &place.seat);
            let begun = tokio::time::Instant::now();
            let connection = http1::Builder::new().serve_connection(stream, service);
            let error = tokio::time::timeout(2 * PATIENCE, connection).await.unwrap().unwrap_err();
            let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
            assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::TimedOut), "{error:?}");
            assert!(begun.elapsed() >= PATIENCE);
        });
    }

    #[test]
    fn a_client_that_reads_slowly_is_waited_for() {
        let (seats, runtime) = (Seats::new(1), runtime());
        runtime.block_on(async {
            let (place, takes) = (seats.place().await, Arc::new(AtomicBool::new(false)));
            let mut stream = WatchedStream::new(Client::new(&takes), &place.seat);
            let mut write = |takes_it: bool| {
                takes.store(takes_it, Ordering::SeqCst);
                Pin::new(&mut stream).poll_write(&mut Context::from_waker(Waker::noop()), b"An owl.")
            };
            for _ in 0..3 {
                assert!(write(false).is_pending());
                tokio::time::advance(PATIENCE * 2 / 3).await;
                assert!(matches!(write(true), Poll::Ready(Ok(7))));
            }
        });
    }

    #[test]
    fn the_one_that_has_been_idle_for_longest_makes_room_and_none_that_is_answered() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let seats = Seats::new(3);
            let (first, second, third) = (seats.place().await, seats.place().await, seats.place().await);
            let leaves = async |place: ConnectionSlot| {
                place.seat.closed().await;
                drop(place);
            };
            // The first connection is answered by now; the third becomes idle.
            first.seat.set_busy();
            first.seat.set_idle();
            third.seat.set_busy();
            let (fourth, ()) = tokio::join!(seats.place(), leaves(second));
            let (fifth, ()) = tokio::join!(seats.place(), leaves(first));
            // If all are busy, the next to become idle is closed.
            fourth.seat.set_busy();
            fifth.seat.set_busy();
            let ends = async {
                tokio::task::yield_now().await;
                third.seat.set_idle();
                leaves(third).await;
            };
            let (sixth, ()) = tokio::join!(seats.place(), ends);
            drop((fourth, fifth, sixth));
            assert_eq!((seats.free.available_permits(), seats.row.idle().len()), (3, 0));
        });
    }
}
