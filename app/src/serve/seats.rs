//! Places of connections. Where all are held, the one that has been idle for longest makes room, so that clients that connect and say nothing
//! keep nobody out: a connection is idle while no whole request of it is being answered.

use axum::body::Body as AnswerBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// All places.
#[derive(Debug)]
pub(super) struct Seats {
    free: Arc<Semaphore>,
    row: Arc<IdleConnections>,
}

/// Those that are idle.
#[derive(Debug, Default)]
struct IdleConnections {
    /// What closes each, the one that has been idle for longest first.
    idle: Mutex<VecDeque<Arc<Notify>>>,
    /// Told of one more.
    more: Notify,
}

/// A connection's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    pub(super) seat: Seat,
    _free: OwnedSemaphorePermit,
}

/// Which connection it is.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    close: Arc<Notify>,
    row: Arc<IdleConnections>,
}

impl Seats {
    /// So many.
    pub(super) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), row: Arc::default() }
    }

    /// The next place. Where none is free, an idle connection is closed; where none is idle either, one is waited for.
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
                    let seat = Seat { close: Arc::default(), row: self.row.clone() };
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
    /// Comes when the connection is to make room.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    /// Nothing of it is being answered from now on.
    fn set_idle(&self) {
        self.set_busy();
        self.row.idle().push_back(self.close.clone());
        self.row.more.notify_waiters();
    }

    /// A whole request of it is being answered, or it is over.
    fn set_busy(&self) {
        self.row.idle().retain(|other| !Arc::ptr_eq(other, &self.close));
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.seat.set_busy();
    }
}

/// A body at whose end its connection is busy, or idle again.
#[derive(Debug)]
pub(super) struct Watched<B> {
    body: B,
    end: Option<End>,
}

/// Dropped at a body's end.
#[derive(Debug)]
enum End {
    Request(Seat),
    Answer(Seat),
}

impl Drop for End {
    fn drop(&mut self) {
        match self {
            Self::Request(seat) => seat.set_busy(),
            Self::Answer(seat) => seat.set_idle(),
        }
    }
}

impl Watched<Incoming> {
    /// A request's.
    pub(super) fn request(body: Incoming, seat: &Seat) -> Self {
        Self::new(body, End::Request(seat.clone()))
    }
}

impl Watched<AnswerBody> {
    /// An answer's.
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

#[cfg(test)]
mod tests {
    use super::*;

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
            // The first was answered by now, and the third is.
            first.seat.set_busy();
            first.seat.set_idle();
            third.seat.set_busy();
            let (fourth, ()) = tokio::join!(seats.place(), leaves(second));
            let (fifth, ()) = tokio::join!(seats.place(), leaves(first));
            // Where all are being answered, the next that is idle.
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
