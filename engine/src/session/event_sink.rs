//! Outgoing events.

use crate::Error;
use crate::protocol::{Envelope, ErrorReport, Event, Hint, Report, Verification, answer};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use web_time::{Duration, Instant};

/// Interval of heartbeats.
const BEAT: Duration = Duration::from_secs(1);
/// Shorter work is not reported, and progress is not reported more often than this.
pub(super) const MOMENT: Duration = Duration::from_millis(100);

pub(super) struct EventSink {
    send: Box<dyn Fn(Envelope<Report>)>,
    last_beat: Cell<Instant>,
    work: RefCell<Option<LongRequest>>,
}

struct LongRequest {
    request: u64,
    name: &'static str,
    share: Option<f64>,
    /// The last reported progress, with `at` as its time; `None` before the first report, when `at` is the start.
    reported: Option<Option<f64>>,
    at: Instant,
}

impl EventSink {
    pub(super) fn new(send: impl Fn(Envelope<Report>) + 'static) -> Self {
        Self { send: Box::new(send), last_beat: Cell::new(Instant::now()), work: RefCell::new(None) }
    }

    /// Records the current work of a request.
    pub(super) fn begin(&self, request: u64, name: Option<&'static str>) {
        let work =
            name.map(|name| LongRequest { request, name, share: None, reported: None, at: Instant::now() });
        self.work.replace(work);
    }

    /// Records the completed share of the work.
    pub(super) fn progress(&self, done: u64, total: u64) {
        if let Some(work) = &mut *self.work.borrow_mut() {
            work.share = (total > 0).then(|| (done as f64 / total as f64).clamp(0.0, 1.0));
        }
    }

    /// Reports the current work immediately, because work that waits for others gives no progress.
    pub(super) fn show_work(&self) {
        if let Some(work) = &mut *self.work.borrow_mut() {
            (work.reported, work.at) = (Some(work.share), Instant::now());
            self.answer(work.request, Event::Underway { work: work.name.to_owned(), share: work.share });
        }
    }

    /// Sends progress of the current work and heartbeats, if due.
    pub(super) fn beat(&self, busy: &str) {
        let is_due = |work: &LongRequest| work.reported != Some(work.share) && work.at.elapsed() >= MOMENT;
        if self.work.borrow().as_ref().is_some_and(is_due) {
            self.show_work();
        }
        if self.last_beat.get().elapsed() >= BEAT {
            self.last_beat.set(Instant::now());
            let work = self.work.borrow().as_ref().map_or("", |work| work.name);
            let work = if busy.is_empty() { work } else { busy }.to_owned();
            self.say(Event::Underway { work, share: None });
        }
    }

    /// Sends an event that answers a request.
    pub(super) fn answer(&self, request: u64, event: impl Into<Event>) {
        self.send(Some(request), event.into(), Vec::new());
    }

    /// Like [`Self::answer`], with files.
    pub(super) fn answer_with(&self, request: u64, event: impl Into<Event>, bytes: Vec<Vec<u8>>) {
        self.send(Some(request), event.into(), bytes);
    }

    /// Answers with an export: the files written to `to`, and a second reader's findings.
    pub(super) fn exported(
        &self,
        request: u64,
        name: String,
        to: &Path,
        files: &[PathBuf],
        verification: Option<Box<Verification>>,
    ) {
        let size = |file: &PathBuf| crate::platform::files::metadata(file).map_or(0, |file| file.len());
        let bytes = files.iter().map(size).sum();
        let files = files.iter().map(|file| file.display().to_string()).collect();
        let path = Some(to.display().to_string());
        self.answer(request, answer::Exported { name, path, files, bytes, packed: 0, verification });
    }

    /// Answers with an export as one attached file.
    pub(super) fn attached(&self, request: u64, name: String, file: Vec<u8>) {
        let event = answer::Exported { name, bytes: file.len() as u64, ..answer::Exported::default() };
        self.answer_with(request, event, vec![file]);
    }

    /// Sends an event that answers no request.
    pub(super) fn say(&self, event: Event) {
        self.send(None, event, Vec::new());
    }

    pub(super) fn notice(&self, text: impl Into<String>) {
        self.notice_with(text, &[]);
    }

    pub(super) fn notices(&self, texts: impl IntoIterator<Item: Into<String>>) {
        texts.into_iter().for_each(|text| self.notice(text));
    }

    /// Sends notices about a request.
    pub(super) fn notices_of(&self, request: u64, texts: impl IntoIterator<Item: Into<String>>) {
        for text in texts {
            self.answer(
                request,
                Event::Notice { text: text.into(), hints: Vec::new(), problems: Vec::new() },
            );
        }
    }

    pub(super) fn notice_with(&self, text: impl Into<String>, hints: &[Hint]) {
        self.say(Event::Notice { text: text.into(), hints: hints.to_vec(), problems: Vec::new() });
    }

    pub(super) fn finished(&self, request: u64) {
        self.answer(request, Event::Finished);
    }

    pub(super) fn failed(&self, request: Option<u64>, error: &Error) {
        self.send(request, Event::Failed { error: ErrorReport::from(error) }, Vec::new());
    }

    /// A failure that returns the request's bytes.
    pub(super) fn refused(&self, request: u64, error: &Error, bytes: Vec<Vec<u8>>) {
        self.send(Some(request), Event::Failed { error: ErrorReport::from(error) }, bytes);
    }

    fn send(&self, request: Option<u64>, event: Event, bytes: Vec<Vec<u8>>) {
        (self.send)(Envelope { body: Report { request, event }, bytes });
    }
}
