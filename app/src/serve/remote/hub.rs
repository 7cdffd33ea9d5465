//! The messages of a session with several browsers: their requests get numbers of their own, and each report reaches the browsers that it
//! concerns. The last reports are kept, so that a browser whose connection was lost receives those that it missed.

use async_channel::WeakSender;
use glasshouse_protocol::{
    Command, Envelope, ErrorKind, ErrorReport, Event, Export, Report, Request, message,
};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// First request number, above those of other front ends of the session.
const FIRST: u64 = 1 << 41;
/// Bytes of reports kept for browsers that reconnect.
const KEPT_BYTES: usize = 64 << 20;
/// Bytes of reports kept for connected browsers that are slow.
const MAX_KEPT_BYTES: usize = 2 << 30;
/// Bytes of a message's files.
const MAX_UPLOAD: usize = 2 << 30;
/// Browsers of one session, including those that may return.
const MAX_BROWSERS: usize = 32;
/// Time in which a browser that steers may reconnect.
const GRACE: Duration = Duration::from_secs(3);

const STEERED: &str = "another browser steers this program; choose \"Steer here\" at the bottom of the page first, or close the other one";
const WATCHED: &str = "this program trains one run, which browsers can only watch and steer; `glasshouse open --remote` serves the whole window";
const CONFINED: &str = "a browser cannot name files of the machine that runs Glasshouse; choose the file in the browser, which uploads it";
const TOO_LARGE: &str =
    "files of more than 2 GB cannot be uploaded; copy them to the machine that runs Glasshouse";

/// A report for one browser. Numbers of reports ascend by one from 1; a browser does not receive all of them.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub number: u64,
    /// The browser's own number of the request.
    pub request: Option<u64>,
    /// A [`Report`] as JSON.
    pub text: String,
    pub files: Arc<Vec<Vec<u8>>>,
}

/// Reports that a browser lacks are no longer kept; it has to load the page again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gone;

/// The state of a browser's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Messages received in full.
    pub received: u64,
    /// Bytes received of the next message's files.
    pub partial: usize,
    pub steers: bool,
    /// Number of the report after which the browser's first connection began.
    pub start: u64,
}

/// A message of a browser: its number, from 1, the request as JSON, and the lengths of its files, whose bytes follow.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Head {
    pub message: u64,
    pub request: String,
    pub files: Vec<usize>,
}

/// A browser's connection. A later one of the same browser replaces it.
#[derive(Clone, Debug)]
pub struct Connection {
    browser: String,
    number: u64,
}

#[derive(Debug)]
pub struct Hub {
    requests: WeakSender<Envelope<Request>>,
    /// The project folder that browsers may open by its path.
    folder: Option<PathBuf>,
    /// Browsers only watch and steer the run that the program trains.
    watches: bool,
    state: Mutex<State>,
    /// Ticks with every report and every change of a note.
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    kept: VecDeque<Kept>,
    bytes: usize,
    /// Number of the last report.
    last: u64,
    /// Number of the last request to the session.
    sent: u64,
    pending: HashMap<u64, Pending>,
    browsers: HashMap<String, Browser>,
    connections: u64,
    steering: Option<String>,
    /// The last [`Event::Ready`].
    ready: Option<Event>,
    /// Opening number and id of the open project.
    opened: Option<(u64, String)>,
}

#[derive(Debug)]
struct Kept {
    owner: Option<(String, u64)>,
    /// For all browsers, not only the owner.
    public: bool,
    event: String,
    files: Arc<Vec<Vec<u8>>>,
}

/// A request that is not answered in full.
#[derive(Clone, Debug)]
struct Pending {
    browser: String,
    /// The browser's number.
    own: u64,
    public: bool,
}

#[derive(Debug)]
struct Browser {
    start: u64,
    received: u64,
    partial: Option<(Head, Vec<Vec<u8>>)>,
    /// Number of its connection.
    connection: Option<u64>,
    /// Number of the last report that was sent.
    delivered: u64,
    left: Instant,
}

impl Hub {
    pub fn new(requests: WeakSender<Envelope<Request>>, folder: Option<PathBuf>, watches: bool) -> Self {
        let state = State { sent: FIRST, ..State::default() };
        Self { requests, folder, watches, state: Mutex::new(state), news: watch::Sender::default() }
    }

    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        self.news.send_modify(|tick| *tick += 1);
    }

    /// Receives a report of the session. Returns whether it answers a browser's request.
    pub fn receive(&self, report: &Envelope<Report>) -> bool {
        let Envelope { body: Report { request, event }, bytes } = report;
        let is_ours = request.is_some_and(|request| request >= FIRST);
        let mut state = self.state();
        let is_last = matches!(event, Event::Finished | Event::Failed { .. });
        let asker = request.and_then(|request| match is_last {
            true => state.pending.remove(&request),
            false => state.pending.get(&request).cloned(),
        });
        if let Event::Ready { .. } = event {
            state.ready = Some(event.clone());
        }
        let reopens = matches!(event, Event::Project { .. }) && !state.note_project(event);
        let public = match (&asker, event) {
            _ if reopens => false,
            (_, Event::Project { .. }) => true,
            (Some(asker), event) => {
                asker.public && !is_last && !matches!(event, Event::Underway { .. } | Event::Progress { .. })
            }
            (None, _) if request.is_none() => true,
            // The session's other front end shows its own answers; browsers see its run.
            (None, event) => {
                !is_ours
                    && matches!(
                        event,
                        Event::TrainingStarted { .. }
                            | Event::Training { .. }
                            | Event::TrainingState { .. }
                            | Event::TrainingEnded { .. }
                    )
            }
        };
        if (public && !state.browsers.is_empty()) || asker.is_some() {
            let owner = asker.map(|asker| (asker.browser, asker.own));
            let event = serde_json::to_string(event).unwrap_or_default();
            state.keep(Kept { owner, public, event, files: Arc::new(bytes.clone()) });
        }
        drop(state);
        self.tick();
        is_ours
    }

    /// Connects a browser by its secret name. `last` is the number of the last report that it received, `None` for a new page. Returns also
    /// the number after which it goes on. Fails if reports that it missed are no longer kept, or with a sentence if there are too many browsers.
    pub(super) fn connect(
        &self,
        name: &str,
        last: Option<u64>,
    ) -> Result<(Connection, u64), Result<Gone, &'static str>> {
        let mut state = self.state();
        let first = state.first();
        let at = last.unwrap_or(state.last);
        let is_known = state.browsers.contains_key(name);
        if at + 1 < first || at > state.last || last.is_some() != is_known {
            return Err(Ok(Gone));
        }
        if !is_known && state.browsers.len() >= MAX_BROWSERS {
            state.browsers.retain(|_, browser| browser.connection.is_some());
            if state.browsers.len() >= MAX_BROWSERS {
                return Err(Err("too many browsers use this program; close one"));
            }
        }
        state.connections += 1;
        let number = state.connections;
        let new = || Browser {
            start: at,
            received: 0,
            partial: None,
            connection: None,
            delivered: at,
            left: Instant::now(),
        };
        let browser = state.browsers.entry(name.to_owned()).or_insert_with(new);
        (browser.connection, browser.delivered) = (Some(number), at);
        drop(state);
        self.tick();
        Ok((Connection { browser: name.to_owned(), number }, at))
    }

    pub(super) fn disconnect(&self, connection: &Connection) {
        if let Some(browser) = self.state().of(connection) {
            (browser.connection, browser.left) = (None, Instant::now());
        }
        self.tick();
    }

    /// Whether every connected browser received all reports.
    pub(super) fn is_delivered(&self) -> bool {
        let state = self.state();
        let mut connected = state.browsers.values().filter(|browser| browser.connection.is_some());
        connected.all(|browser| browser.delivered == state.last)
    }

    /// `None` if a later connection of the browser replaced this one.
    pub(super) fn note(&self, connection: &Connection) -> Option<Note> {
        let mut state = self.state();
        let steers = state.may_steer(&connection.browser);
        let Browser { received, partial, start, .. } = state.of(connection)?;
        let partial = partial.as_ref().map_or(0, |(_, files)| files.iter().map(Vec::len).sum());
        Some(Note { received: *received, partial, steers, start: *start })
    }

    /// The next report for a browser after a number, or the number up to which there is none.
    pub(super) fn next(&self, connection: &Connection, after: u64) -> Result<Result<Delivery, u64>, Gone> {
        let mut state = self.state();
        let first = state.first();
        let skipped =
            (after + 1).checked_sub(first).and_then(|skipped| usize::try_from(skipped).ok()).ok_or(Gone)?;
        let (from, last) = (skipped.min(state.kept.len()), state.last);
        let found = state.kept.range(from..).zip(after + 1..).find_map(|(kept, number)| {
            let own =
                kept.owner.as_ref().filter(|(owner, _)| *owner == connection.browser).map(|(_, own)| *own);
            (own.is_some() || kept.public).then_some((kept, number, own))
        });
        let next = found.map_or(Err(last), |(kept, number, request)| {
            let part = request.map_or(String::new(), |own| format!("\"request\":{own},"));
            let text = format!("{{{part}\"event\":{}}}", kept.event);
            Ok(Delivery { number, request, text, files: kept.files.clone() })
        });
        if let Some(browser) = state.of(connection) {
            browser.delivered = next.as_ref().map_or(last, |delivery| delivery.number - 1);
        }
        Ok(next)
    }

    pub(super) fn steer(&self, connection: &Connection) {
        self.state().steering = Some(connection.browser.clone());
        self.tick();
    }

    /// Begins a message. One that was received before, or out of order, is ignored; an interrupted one goes on.
    pub(super) fn begin(&self, connection: &Connection, head: Head) {
        let mut state = self.state();
        let Some(browser) = state.of(connection) else { return };
        let is_next = head.message == browser.received + 1;
        let goes_on = browser.partial.as_ref().is_some_and(|(begun, _)| begun.message == head.message);
        let size = head.files.iter().try_fold(0_usize, |sum, length| sum.checked_add(*length));
        if is_next && size.is_none_or(|size| size > MAX_UPLOAD) {
            (browser.received, browser.partial) = (head.message, None);
            state.refuse(&connection.browser, number_of(&head.request), ErrorKind::TooLarge, TOO_LARGE);
        } else if is_next && !goes_on {
            browser.partial = Some((head, Vec::new()));
        }
        drop(state);
        self.complete(connection);
    }

    /// Gives up the next message, whose files the browser can no longer read.
    pub(super) fn give_up(&self, connection: &Connection, message: u64) {
        if let Some(browser) = self.state().of(connection).filter(|browser| message == browser.received + 1) {
            (browser.received, browser.partial) = (message, None);
        }
        self.tick();
    }

    /// Takes the next bytes of a message's files.
    pub(super) fn take(&self, connection: &Connection, mut bytes: &[u8]) {
        let mut state = self.state();
        let partial = state.of(connection).and_then(|browser| browser.partial.as_mut());
        let Some((head, files)) = partial else { return };
        while !bytes.is_empty() {
            let is_full = files.last().is_none_or(|file| head.files[files.len() - 1] == file.len());
            if is_full && files.len() == head.files.len() {
                break;
            }
            if is_full {
                files.push(Vec::new());
            }
            let at = files.len() - 1;
            let (now, later) = bytes.split_at(bytes.len().min(head.files[at] - files[at].len()));
            files[at].extend_from_slice(now);
            bytes = later;
        }
        drop(state);
        self.complete(connection);
    }

    /// Sends a message to the session once it has arrived in full.
    fn complete(&self, connection: &Connection) {
        let mut state = self.state();
        let name = &connection.browser;
        let whole = state.of(connection).and_then(|browser| {
            let whole = browser.partial.take_if(|(head, files)| {
                files.iter().map(Vec::len).sum::<usize>() == head.files.iter().sum::<usize>()
            })?;
            browser.received = whole.0.message;
            Some(whole)
        });
        if let Some((head, mut files)) = whole {
            files.resize(head.files.len(), Vec::new());
            match serde_json::from_str::<Request>(&head.request) {
                Ok(request) => self.send(&mut state, name, request, files),
                Err(error) => {
                    let reason = format!(
                        "the page sent a request that this program does not know; reload it ({error})"
                    );
                    state.refuse(name, number_of(&head.request), ErrorKind::Invalid, &reason);
                }
            }
        }
        drop(state);
        self.tick();
    }

    fn send(&self, state: &mut State, name: &str, request: Request, bytes: Vec<Vec<u8>>) {
        let Request { id: own, opening, mut command } = request;
        match &mut command {
            // The first browser chooses the device; others must not change it by arriving.
            Command::Hello { version: message::VERSION, .. } if state.ready.is_some() => {
                let ready = state.ready.clone();
                return state.answer(name, own, ready);
            }
            // The engine serves its own machine first, whoever looks on.
            Command::Visible { .. } => return state.answer(name, own, None),
            // A page stores its drafts by itself.
            Command::SaveDrafts { .. } if self.watches || !state.may_steer(name) => {
                return state.answer(name, own, None);
            }
            Command::Cancel { request } => {
                let is_it = |pending: &Pending| pending.browser == name && pending.own == *request;
                let found = state.pending.iter().find(|(_, pending)| is_it(pending));
                *request = found.map_or(u64::MAX, |(id, _)| *id);
            }
            // Browsers that arrive join the project of the one that steers.
            Command::OpenProject { id } => {
                if let Some((_, open)) = state.opened.clone().filter(|_| !state.may_steer(name)) {
                    *id = open;
                }
            }
            _ => {}
        }
        let refused = if !command.only_reads() && !state.may_steer(name) {
            Some((ErrorKind::Busy, STEERED))
        } else if self.watches && !command.only_reads() && !matches!(command, Command::Steer(_)) {
            Some((ErrorKind::Refused, WATCHED))
        } else {
            let own = |id: &str| {
                self.folder() == Some(Path::new(id))
                    || state.opened.as_ref().is_some_and(|(_, open)| open == id)
            };
            let is_of_own = match &command {
                Command::OpenProject { id }
                | Command::ChangeProject { id, .. }
                | Command::Export { what: Export::Project { id }, to: None, .. } => own(id),
                _ => false,
            };
            (!is_of_own && command.names_path(!bytes.is_empty())).then_some((ErrorKind::Refused, CONFINED))
        };
        if let Some((kind, reason)) = refused {
            return state.refuse(name, own, kind, reason);
        }
        let Some(requests) = self.requests.upgrade() else { return };
        state.sent += 1;
        let id = state.sent;
        let public = !command.only_reads();
        state.pending.insert(id, Pending { browser: name.to_owned(), own, public });
        requests.try_send(Envelope { body: Request { id, opening, command }, bytes }).ok();
    }
}

/// The browser's number of a request that may be invalid.
fn number_of(request: &str) -> u64 {
    let request: serde_json::Value = serde_json::from_str(request).unwrap_or_default();
    request["id"].as_u64().unwrap_or_default()
}

impl State {
    /// Number of the first kept report.
    fn first(&self) -> u64 {
        self.last + 1 - self.kept.len() as u64
    }

    /// The browser of a connection, unless it has another one by now.
    fn of(&mut self, connection: &Connection) -> Option<&mut Browser> {
        let browser = self.browsers.get_mut(&connection.browser)?;
        (browser.connection == Some(connection.number)).then_some(browser)
    }

    fn keep(&mut self, kept: Kept) {
        let size = |kept: &Kept| kept.event.len() + kept.files.iter().map(Vec::len).sum::<usize>();
        self.bytes += size(&kept);
        self.last += 1;
        self.kept.push_back(kept);
        let connected = self.browsers.values().filter(|browser| browser.connection.is_some());
        let delivered = connected.map(|browser| browser.delivered).min().unwrap_or(self.last);
        while self.bytes > KEPT_BYTES && (self.first() <= delivered || self.bytes > MAX_KEPT_BYTES) {
            let Some(old) = self.kept.pop_front() else { break };
            self.bytes -= size(&old);
        }
    }

    /// Answers a browser's request in place of the session.
    fn answer(&mut self, name: &str, own: u64, event: Option<Event>) {
        event.into_iter().chain([Event::Finished]).for_each(|event| self.send(name, own, &event));
    }

    fn refuse(&mut self, name: &str, own: u64, kind: ErrorKind, reason: &str) {
        self.send(name, own, &Event::Failed { error: ErrorReport::new(kind, reason) });
    }

    /// Keeps an event for one browser.
    fn send(&mut self, name: &str, own: u64, event: &Event) {
        let event = serde_json::to_string(event).unwrap_or_default();
        self.keep(Kept { owner: Some((name.to_owned(), own)), public: false, event, files: Arc::default() });
    }

    /// Notes the open project. Returns whether it is another than before.
    fn note_project(&mut self, event: &Event) -> bool {
        let Event::Project { opened } = event else { return false };
        let opened = opened.as_ref().map(|opened| (opened.opening, opened.project.id.clone()));
        std::mem::replace(&mut self.opened, opened.clone()) != opened
    }

    /// Whether a browser steers. It takes over from one that has been gone for a while.
    fn may_steer(&mut self, name: &str) -> bool {
        let is_there = |name: &String| {
            self.browsers.get(name).is_some_and(|own| own.connection.is_some() || own.left.elapsed() < GRACE)
        };
        if !self.steering.as_ref().is_some_and(is_there) {
            self.steering = Some(name.to_owned());
        }
        self.steering.as_deref() == Some(name)
    }
}
