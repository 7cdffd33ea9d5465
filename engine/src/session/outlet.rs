//! Events on their way out.

use crate::error::Error;
use crate::protocol::{ErrorReport, Event, Parcel, Report};
use std::cell::{Cell, RefCell};
use web_time::{Duration, Instant};

/// How often the engine says that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// What is done sooner is not worth a word, and nobody sees more of how far a request is.
pub(super) const MOMENT: Duration = Duration::from_millis(100);

/// Says what happened.
pub(super) struct Outlet {
    tell: Box<dyn Fn(Parcel<Report>)>,
    last_beat: Cell<Instant>,
    work: RefCell<Option<LongRequest>>,
}

/// A request that takes its time.
struct LongRequest {
    request: u64,
    name: &'static str,
    share: Option<f64>,
    /// What was told of it last, and when; at first when it began.
    told: Option<Option<f64>>,
    at: Instant,
}

impl Outlet {
    pub(super) fn new(tell: impl Fn(Parcel<Report>) + 'static) -> Self {
        Self { tell: Box::new(tell), last_beat: Cell::new(Instant::now()), work: RefCell::new(None) }
    }

    /// Notes what is being done for a request.
    pub(super) fn begin(&self, request: u64, name: Option<&'static str>) {
        let work =
            name.map(|name| LongRequest { request, name, share: None, told: None, at: Instant::now() });
        self.work.replace(work);
    }

    /// Notes what share of it is done.
    pub(super) fn progress(&self, done: u64, total: u64) {
        if let Some(work) = &mut *self.work.borrow_mut() {
            work.share = (total > 0).then(|| (done as f64 / total as f64).clamp(0.0, 1.0));
        }
    }

    /// Says what is under way at once: work that waits for others gives no sign of itself.
    pub(super) fn show_work(&self) {
        if let Some(work) = &mut *self.work.borrow_mut() {
            (work.told, work.at) = (Some(work.share), Instant::now());
            self.answer(work.request, Event::Underway { work: work.name.to_owned(), share: work.share });
        }
    }

    /// Says, when it is time, that the engine lives, and what it is busy with.
    pub(super) fn beat(&self, busy: &str) {
        if let Some(work) = &mut *self.work.borrow_mut()
            && work.told != Some(work.share)
            && work.at.elapsed() >= MOMENT
        {
            (work.told, work.at) = (Some(work.share), Instant::now());
            self.answer(work.request, Event::Underway { work: work.name.to_owned(), share: work.share });
        }
        if self.last_beat.get().elapsed() >= BEAT {
            self.last_beat.set(Instant::now());
            let work = self.work.borrow().as_ref().map_or("", |work| work.name);
            self.say(Event::Heartbeat { busy: if busy.is_empty() { work } else { busy }.to_owned() });
        }
    }

    /// An event that answers a request.
    pub(super) fn answer(&self, request: u64, event: Event) {
        self.send(Some(request), event, Vec::new());
    }

    /// The same with files beside it.
    pub(super) fn answer_with(&self, request: u64, event: Event, bytes: Vec<Vec<u8>>) {
        self.send(Some(request), event, bytes);
    }

    /// An event that happened by itself.
    pub(super) fn say(&self, event: Event) {
        self.send(None, event, Vec::new());
    }

    pub(super) fn notice(&self, text: impl Into<String>) {
        self.say(Event::Notice { text: text.into() });
    }

    pub(super) fn finished(&self, request: u64) {
        self.answer(request, Event::Finished);
    }

    pub(super) fn failed(&self, request: Option<u64>, error: &Error) {
        self.send(request, Event::Failed { error: ErrorReport::from(error) }, Vec::new());
    }

    fn send(&self, request: Option<u64>, event: Event, bytes: Vec<Vec<u8>>) {
        (self.tell)(Parcel { body: Report { request, event }, bytes });
    }
}
