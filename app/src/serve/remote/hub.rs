//! The messages of a session with several browsers: their requests get numbers of their own, and each report reaches the browsers that it
//! concerns. The last reports are kept, so that a browser whose connection was lost receives those that it missed.

use async_channel::WeakSender;
use glasshouse_protocol::{Command, Envelope, ErrorKind, ErrorReport, Event, Report, Request};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// First request number, above those of other front ends of the session.
const FIRST: u64 = 1 << 41;
/// Bytes of kept reports.
const KEPT_BYTES: usize = 128 << 20;
/// Browsers of one session, including those that may return.
const MAX_BROWSERS: usize = 32;

const STEERED: &str = "another browser steers this program; choose \"Steer here\" at the bottom of the page first, or close the other one";
const WATCHED: &str = "this program trains one run, which browsers can only watch and steer; `glasshouse open --remote` serves the whole window";
const CONFINED: &str = "a browser cannot name files of the machine that runs Glasshouse; choose the file in the browser, which uploads it";

/// A report, with its number: they ascend by one from 1.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub number: u64,
    /// The browser's own number of the request.
    pub request: Option<u64>,
    /// A [`Report`] as JSON.
    pub text: String,
    pub files: Arc<Vec<Vec<u8>>>,
}

/// The state of a browser's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Messages received in full.
    pub received: u64,
    /// Bytes received of the next message's files.
    pub partial: usize,
    pub steers: bool,
}

/// A message of a browser: its number, from 1, the request as JSON, and the lengths of its files, whose bytes follow.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Head {
    pub message: u64,
    pub request: String,
    pub files: Vec<usize>,
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
    /// Number of the last request.
    sent: u64,
    asked: HashMap<u64, Asked>,
    browsers: HashMap<String, Browser>,
    steering: Option<String>,
    device: Option<String>,
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
#[derive(Debug)]
struct Asked {
    browser: String,
    own: u64,
    public: bool,
}

#[derive(Debug, Default)]
struct Browser {
    received: u64,
    partial: Option<(Head, Vec<Vec<u8>>)>,
    connections: usize,
    visible: bool,
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

    /// Takes a report of the session. Returns whether it answers a browser's request.
    pub fn hear(&self, report: &Envelope<Report>) -> bool {
        let Envelope { body: Report { request, event }, bytes } = report;
        let mut state = self.state();
        let is_last = matches!(event, Event::Finished | Event::Failed { .. });
        let asked = request.and_then(|request| match is_last {
            true => state.asked.remove(&request),
            false => {
                state.asked.get(&request).map(|asked| Asked { browser: asked.browser.clone(), ..*asked })
            }
        });
        let is_ours = request.is_some_and(|request| request >= FIRST);
        if is_ours && asked.is_none() {
            return true;
        }
        // The session's other front end shows its own answers; browsers see its runs.
        let public = asked.as_ref().is_none_or(|asked| asked.public);
        let is_answer = is_last || matches!(event, Event::Underway { .. } | Event::Progress { .. });
        let is_news = state.is_news(event);
        let public = is_news
            && (public || matches!(event, Event::Project { .. }))
            && !(is_answer && request.is_some());
        if let (Event::Ready { device, .. }, Some(_)) = (event, &asked) {
            state.device.get_or_insert_with(|| device.name.clone());
        }
        if public || asked.is_some() {
            let owner = asked.map(|asked| (asked.browser, asked.own));
            let event = serde_json::to_string(event).unwrap_or_default();
            state.keep(Kept { owner, public, event, files: Arc::new(bytes.clone()) });
        }
        drop(state);
        self.tick();
        is_ours
    }

    /// Connects a browser by its secret name; `heard` is the number of the last report it received, `None` for a new page. Returns the number
    /// from which it goes on, or `None` if reports that it missed are no longer kept, or if there are too many browsers.
    pub(super) fn connect(&self, name: &str, heard: Option<u64>) -> Option<u64> {
        let mut state = self.state();
        let first = state.last + 1 - state.kept.len() as u64;
        let at = heard.unwrap_or(state.last);
        let is_known = state.browsers.contains_key(name);
        if at + 1 < first || at > state.last || heard.is_some() != is_known {
            return None;
        }
        if state.browsers.len() >= MAX_BROWSERS {
            state.browsers.retain(|_, browser| browser.connections > 0);
        }
        if !is_known && state.browsers.len() >= MAX_BROWSERS {
            return None;
        }
        let browser = state.browsers.entry(name.to_owned()).or_default();
        browser.connections += 1;
        state.steering.get_or_insert_with(|| name.to_owned());
        drop(state);
        self.tick();
        Some(at)
    }

    pub(super) fn disconnect(&self, name: &str) {
        if let Some(browser) = self.state().browsers.get_mut(name) {
            browser.connections = browser.connections.saturating_sub(1);
        }
    }

    /// Whether a browser is connected.
    pub fn is_watched(&self) -> bool {
        self.state().browsers.values().any(|browser| browser.connections > 0)
    }

    pub(super) fn note(&self, name: &str) -> Note {
        let state = self.state();
        let steers = state.steering.as_deref() == Some(name);
        let Some(Browser { received, partial, .. }) = state.browsers.get(name) else {
            return Note::default();
        };
        let partial = partial.as_ref().map_or(0, |(_, files)| files.iter().map(Vec::len).sum());
        Note { received: *received, partial, steers }
    }

    /// The first report for a browser after a number.
    pub(super) fn next(&self, name: &str, after: u64) -> Option<Delivery> {
        let state = self.state();
        let first = state.last + 1 - state.kept.len() as u64;
        let skipped = usize::try_from((after + 1).saturating_sub(first)).ok()?;
        let numbered = (first..).zip(&state.kept).skip(skipped);
        let found = numbered.filter_map(|(number, kept)| {
            let own = kept.owner.as_ref().filter(|(owner, _)| owner == name).map(|(_, own)| *own);
            (own.is_some() || kept.public).then_some((number, own, kept))
        });
        let (number, request, kept) = found.into_iter().next()?;
        let request_part = request.map_or(String::new(), |own| format!("\"request\":{own},"));
        let text = format!("{{{request_part}\"event\":{}}}", kept.event);
        Some(Delivery { number, request, text, files: kept.files.clone() })
    }

    pub(super) fn steer(&self, name: &str) {
        self.state().steering = Some(name.to_owned());
        self.tick();
    }

    /// Begins a message. One that was received before, or out of order, is ignored; an interrupted one goes on.
    pub(super) fn begin(&self, name: &str, head: Head) {
        let mut state = self.state();
        let Some(browser) = state.browsers.get_mut(name) else { return };
        let is_next = head.message == browser.received + 1;
        let goes_on = browser.partial.as_ref().is_some_and(|(begun, _)| begun.message == head.message);
        if is_next && !goes_on {
            browser.partial = Some((head, Vec::new()));
        }
        drop(state);
        self.complete(name);
    }

    /// Takes the next bytes of a message's files.
    pub(super) fn take(&self, name: &str, mut bytes: &[u8]) {
        let mut state = self.state();
        let partial = state.browsers.get_mut(name).and_then(|browser| browser.partial.as_mut());
        let Some((head, files)) = partial else { return };
        while !bytes.is_empty() {
            let is_full = |(length, file): (&usize, &Vec<u8>)| *length == file.len();
            if files.is_empty() || head.files.iter().zip(&*files).nth(files.len() - 1).is_some_and(is_full) {
                if files.len() == head.files.len() {
                    break;
                }
                files.push(Vec::new());
            }
            let (at, Some(file)) = (files.len() - 1, files.last_mut()) else { break };
            let (now, later) = bytes.split_at(bytes.len().min(head.files[at] - file.len()));
            file.extend_from_slice(now);
            bytes = later;
        }
        drop(state);
        self.complete(name);
    }

    /// Sends a message to the session once it has arrived in full.
    fn complete(&self, name: &str) {
        let mut state = self.state();
        let Some(browser) = state.browsers.get_mut(name) else { return };
        let whole = browser.partial.take_if(|(head, files)| {
            let received: usize = files.iter().map(Vec::len).sum();
            received == head.files.iter().sum::<usize>()
        });
        let Some((head, mut files)) = whole else {
            drop(state);
            return self.tick();
        };
        browser.received = head.message;
        files.resize(head.files.len(), Vec::new());
        let answer = match serde_json::from_str::<Request>(&head.request) {
            Ok(request) => self.send(&mut state, name, request, files),
            Err(error) => {
                let reason =
                    format!("the page sent a request that this program does not know; reload it ({error})");
                Err((0, ErrorReport::new(ErrorKind::Refused, reason)))
            }
        };
        if let Err((own, error)) = answer {
            let event = serde_json::to_string(&Event::Failed { error }).unwrap_or_default();
            let owner = Some((name.to_owned(), own));
            state.keep(Kept { owner, public: false, event, files: Arc::default() });
        }
        drop(state);
        self.tick();
    }

    fn send(
        &self,
        state: &mut State,
        name: &str,
        request: Request,
        bytes: Vec<Vec<u8>>,
    ) -> Result<(), (u64, ErrorReport)> {
        let Request { id: own, opening, mut command } = request;
        let refused = |kind, reason: &str| Err((own, ErrorReport::new(kind, reason)));
        if !command.only_reads() && !state.may_steer(name) {
            return refused(ErrorKind::Busy, STEERED);
        }
        // Browsers that arrive join the project of the one that steers.
        if let (Command::OpenProject { id }, Some((_, open))) = (&mut command, &state.opened)
            && state.steering.as_deref() != Some(name)
        {
            id.clone_from(open);
        }
        let is_served = |id: &str| self.folder.as_deref() == Some(Path::new(id));
        match &mut command {
            Command::OpenProject { id } if is_served(id) || state.is_open(id) => {}
            command if self.watches && command.needs_idle() => return refused(ErrorKind::Refused, WATCHED),
            command if command.names_path(!bytes.is_empty()) => return refused(ErrorKind::Refused, CONFINED),
            // The first browser chooses the device; others must not change it by arriving.
            Command::Hello { device, .. } => {
                if let Some(chosen) = &state.device {
                    device.clone_from(chosen);
                }
            }
            Command::Visible { visible } => {
                let own = *visible;
                if let Some(browser) = state.browsers.get_mut(name) {
                    browser.visible = own;
                }
                *visible = state.browsers.values().any(|browser| browser.visible && browser.connections > 0);
            }
            Command::Cancel { request } => {
                let is_it = |asked: &Asked| asked.browser == name && asked.own == *request;
                *request = state.asked.iter().find(|(_, asked)| is_it(asked)).map_or(u64::MAX, |(id, _)| *id);
            }
            _ => {}
        }
        state.sent += 1;
        let id = state.sent;
        let public = !command.only_reads();
        state.asked.insert(id, Asked { browser: name.to_owned(), own, public });
        let sent = self.requests.upgrade().map(|requests| {
            requests.try_send(Envelope { body: Request { id, opening, command }, bytes }).is_ok()
        });
        match sent {
            Some(true) => Ok(()),
            _ => refused(ErrorKind::Refused, "the program is ending"),
        }
    }
}

impl State {
    fn keep(&mut self, kept: Kept) {
        let size = |kept: &Kept| kept.event.len() + kept.files.iter().map(Vec::len).sum::<usize>();
        self.bytes += size(&kept);
        self.last += 1;
        self.kept.push_back(kept);
        while self.bytes > KEPT_BYTES && self.kept.len() > 1 {
            self.bytes -= self.kept.pop_front().map_or(0, |old| size(&old));
        }
    }

    /// Whether browsers that did not ask should hear of an event: reopening the open project is none.
    fn is_news(&mut self, event: &Event) -> bool {
        let Event::Project { opened } = event else { return true };
        let opened = opened.as_ref().map(|opened| (opened.opening, opened.project.id.clone()));
        std::mem::replace(&mut self.opened, opened.clone()) != opened
    }

    fn is_open(&self, id: &str) -> bool {
        self.opened.as_ref().is_some_and(|(_, open)| open == id)
    }

    /// Whether a browser steers; it takes over from one that is gone.
    fn may_steer(&mut self, name: &str) -> bool {
        let present = |name: &String| self.browsers.get(name).is_some_and(|browser| browser.connections > 0);
        if !self.steering.as_ref().is_some_and(present) {
            self.steering = Some(name.to_owned());
        }
        self.steering.as_deref() == Some(name)
    }
}
