//! Concurrent requests to one session that also serves another front end.

use glasshouse_protocol::{Command, Envelope, Event, Report, Request};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// First request number, far above those of the session's own front end, so that numbers are unique.
const FIRST: u64 = 1 << 40;

/// Receives events with the index of their request among those sent together.
type Listener = (usize, async_channel::Sender<(usize, Event)>);

/// Sends requests to a session and passes each event to its requester.
#[derive(Clone, Debug)]
pub struct Switchboard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    requests: async_channel::WeakSender<Envelope<Request>>,
    last: AtomicU64,
    /// Unfinished requests of the switchboard, with their listener if there is one.
    own: Mutex<HashMap<u64, Option<Listener>>>,
}

impl Switchboard {
    /// A switchboard that does not keep the session alive.
    pub fn new(requests: async_channel::WeakSender<Envelope<Request>>) -> Self {
        Self(Arc::new(Inner { requests, last: AtomicU64::new(FIRST), own: Mutex::default() }))
    }

    /// Passes an event to its requester. Returns `false` if it belongs to another front end.
    pub fn receive(&self, report: &Report) -> bool {
        let Some(request) = report.request else { return false };
        let mut own = self.own();
        let last = matches!(report.event, Event::Finished | Event::Failed { .. });
        let listener = if last { own.remove(&request) } else { own.get(&request).cloned() };
        drop(own);
        let Some(listener) = listener else { return false };
        if let Some((at, events)) = listener {
            // A dropped listener has cancelled its request.
            events.try_send((at, report.event.clone())).ok();
        }
        true
    }

    /// The session ended: drops all listeners.
    pub fn close(&self) {
        self.own().clear();
    }

    /// Sends several requests together; `None` if the session ended.
    pub fn ask(&self, commands: Vec<Command>) -> Option<Ask> {
        let requests = self.0.requests.upgrade()?;
        let (sender, events) = async_channel::unbounded();
        let mut ask = Ask { board: self.clone(), requests: Vec::new(), events, left: commands.len() };
        for (at, command) in commands.into_iter().enumerate() {
            let id = self.next_number();
            self.own().insert(id, Some((at, sender.clone())));
            ask.requests.push(id);
            requests.try_send(Envelope::plain(Request::new(id, command))).ok()?;
        }
        Some(ask)
    }

    fn next_number(&self) -> u64 {
        self.0.last.fetch_add(1, Ordering::SeqCst)
    }

    fn own(&self) -> MutexGuard<'_, HashMap<u64, Option<Listener>>> {
        self.0.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests sent together. Dropping it cancels the unfinished ones.
#[derive(Debug)]
pub struct Ask {
    board: Switchboard,
    requests: Vec<u64>,
    events: async_channel::Receiver<(usize, Event)>,
    left: usize,
}

impl Ask {
    /// The next event and the index of its request; `None` once all are finished or the session ended.
    pub async fn next(&mut self) -> Option<(usize, Event)> {
        while self.left > 0 {
            let (at, event) = self.events.recv().await.ok()?;
            match event {
                Event::Finished => self.left -= 1,
                Event::Failed { .. } => {
                    self.left -= 1;
                    return Some((at, event));
                }
                event => return Some((at, event)),
            }
        }
        None
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        let Some(requests) = self.board.0.requests.upgrade() else { return };
        for request in std::mem::take(&mut self.requests) {
            // Later events of a cancelled request go to nobody, including the other front end.
            let is_received = self.board.own().get_mut(&request).and_then(Option::take).is_some();
            if is_received {
                let (id, command) = (self.board.next_number(), Command::Cancel { request });
                self.board.own().insert(id, None);
                requests.try_send(Envelope::plain(Request::new(id, command))).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_to_whoever_asked_and_what_is_dropped_is_cancelled() {
        let (requests, inbox) = async_channel::unbounded();
        let board = Switchboard::new(requests.downgrade());
        let mut first = board.ask(vec![Command::ListRuns, Command::ListDevices]).unwrap();
        let second = board.ask(vec![Command::ListRuns]).unwrap();
        let sent: Vec<Request> = (0..3).map(|_| inbox.try_recv().unwrap().body).collect();
        let receive = |request: u64, event| board.receive(&Report { request: Some(request), event });
        assert!(!receive(7, Event::Finished));
        assert!(!receive(FIRST + 7, Event::Finished), "nobody asked for it here");
        assert!(!board.receive(&Report { request: None, event: Event::Finished }));
        assert!(receive(sent[1].id, Event::Devices { devices: Vec::new() }));
        assert!(receive(sent[0].id, Event::Finished));
        assert!(receive(sent[1].id, Event::Finished));
        let received = pollster::block_on(first.next());
        assert_eq!(received, Some((1, Event::Devices { devices: Vec::new() })));
        assert_eq!(pollster::block_on(first.next()), None);
        drop(first);
        assert!(inbox.try_recv().is_err());
        drop(second);
        assert_eq!(inbox.try_recv().unwrap().body.command, Command::Cancel { request: sent[2].id });
        // Answers to a cancellation and later events of the cancelled request have no listener.
        assert!(receive(FIRST + 3, Event::Finished) && !receive(FIRST + 3, Event::Finished));
        assert!(receive(sent[2].id, Event::Finished) && !receive(sent[2].id, Event::Finished));
        drop(requests);
        assert!(board.ask(vec![Command::ListRuns]).is_none());
    }
}
