//! The command line as a front end of the engine, like the window: commands out, events in. Front end and engine alternate on
//! this thread, so that the engine does not run ahead of the output, and a slow reader slows it down.

use super::bar::Progress;
use super::prelude::*;
use crate::serve::Switchboard;
use crate::serve::remote::Hub;
use futures_util::future::{Either, select};
use glasshouse_engine::Error;
use glasshouse_engine::protocol::answer::Answer;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Poll;

pub(super) struct Engine {
    requests: async_channel::Sender<Envelope<Request>>,
    reports: async_channel::Receiver<Envelope<Report>>,
    last: Arc<AtomicU64>,
    /// Browsers that take part in the session.
    hub: Option<Arc<Hub>>,
}

/// Sends commands from anywhere while the engine lives.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    requests: async_channel::WeakSender<Envelope<Request>>,
    last: Arc<AtomicU64>,
}

impl Sender {
    /// Sends a command without waiting for answers, and returns its request number.
    pub(super) fn send(&self, command: impl Into<Command>) -> u64 {
        self.send_with(command.into(), Vec::new())
    }

    /// Like [`send`](Self::send), with bytes.
    fn send_with(&self, command: Command, bytes: Vec<Vec<u8>>) -> u64 {
        let id = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(requests) = self.requests.upgrade() {
            requests.try_send(Envelope { body: Request::new(id, command), bytes }).ok();
        }
        id
    }
}

impl Engine {
    /// A sender that does not keep the engine alive.
    pub(super) fn sender(&self) -> Sender {
        Sender { requests: self.requests.downgrade(), last: self.last.clone() }
    }

    /// A switchboard for concurrent requests. It must be given every event that [`next`](Self::next) returns.
    pub(super) fn switchboard(&self) -> Switchboard {
        Switchboard::new(self.requests.downgrade())
    }

    /// The next event of any request; `None` if the engine is gone.
    pub(super) async fn next(&mut self) -> Option<Envelope<Report>> {
        loop {
            let report = self.reports.recv().await.ok()?;
            if !self.hub.as_ref().is_some_and(|hub| hub.receive(&report)) {
                return Some(report);
            }
        }
    }

    /// Passes events to `on_report` until something is received from `ended`. An error of `on_report` ends it, too.
    pub(super) async fn relay(
        &mut self,
        ended: async_channel::Receiver<()>,
        mut on_report: impl FnMut(Report) -> Result<()>,
    ) -> Result<()> {
        let mut ended = pin!(ended.recv());
        loop {
            let report = pin!(self.next());
            match select(report, ended.as_mut()).await {
                Either::Left((Some(report), _)) => on_report(report.body)?,
                Either::Left((None, _)) => bail!("the engine ended unexpectedly"),
                Either::Right(_) => return Ok(()),
            }
        }
    }

    /// Lets browsers take part in the session: with a project folder, or only watch the run that this program trains.
    pub(super) fn share(&mut self, folder: Option<PathBuf>, watches: bool) -> Arc<Hub> {
        let hub = Arc::new(Hub::new(self.requests.downgrade(), folder, watches));
        self.hub = Some(hub.clone());
        hub
    }

    /// Sends a command and calls `on_event` with every event until the request is done: its answers, and events without a request.
    /// An error of the engine or of `on_event` ends the wait.
    pub(super) async fn ask(
        &mut self,
        command: impl Into<Command>,
        mut on_event: impl FnMut(Event) -> Result<()>,
    ) -> Result<()> {
        self.ask_with(command, Vec::new(), |event, _| on_event(event)).await
    }

    /// Shows notices and progress, and returns the answer; fails without one.
    pub(super) async fn ask_for<A: Answer>(&mut self, command: impl Into<Command>) -> Result<A> {
        self.ask_for_with(command, Vec::new()).await
    }

    /// Like [`ask_for`](Self::ask_for), with bytes of the command.
    pub(super) async fn ask_for_with<A: Answer>(
        &mut self,
        command: impl Into<Command>,
        bytes: Vec<Vec<u8>>,
    ) -> Result<A> {
        let mut found = None;
        let mut on_event = picking(&mut found);
        self.ask_with(command, bytes, |event, _| on_event(event)).await?;
        drop(on_event);
        found.context("the engine did not answer; report it if it happens again")
    }

    /// Like [`ask`](Self::ask), with bytes of the command and of the answers.
    pub(super) async fn ask_with(
        &mut self,
        command: impl Into<Command>,
        bytes: Vec<Vec<u8>>,
        on_event: impl FnMut(Event, Vec<Vec<u8>>) -> Result<()>,
    ) -> Result<()> {
        let id = self.sender().send_with(command.into(), bytes);
        self.answers(id, on_event).await
    }

    /// Like [`ask`](Self::ask), for long requests: an interrupt prints `message` and cancels the request. That is no
    /// error; the exit code reports it.
    pub(super) async fn ask_until_signal(
        &mut self,
        command: impl Into<Command>,
        message: &'static str,
        mut on_event: impl FnMut(Event) -> Result<()>,
    ) -> Result<()> {
        let (flags, sender) = (interrupt::flags(message)?, self.sender());
        let request = sender.send(command);
        flags.on_stop(move || {
            sender.send(Command::Cancel { request });
        });
        match self.answers(request, |event, _| on_event(event)).await {
            Err(error) if is_of(&error, ErrorKind::Cancelled) && flags.stop.load(Ordering::SeqCst) => Ok(()),
            answered => answered,
        }
    }

    /// Like [`ask_for`](Self::ask_for), for long requests; `None` after an interrupt.
    pub(super) async fn ask_for_until_signal<A: Answer>(
        &mut self,
        command: impl Into<Command>,
        message: &'static str,
    ) -> Result<Option<A>> {
        let mut found = None;
        self.ask_until_signal(command, message, picking(&mut found)).await?;
        Ok(found)
    }

    /// Calls `on_event` with every event until a request is answered in full.
    async fn answers(
        &mut self,
        id: u64,
        mut on_event: impl FnMut(Event, Vec<Vec<u8>>) -> Result<()>,
    ) -> Result<()> {
        while let Some(Envelope { body: Report { request, event }, bytes }) = self.next().await {
            match (request, event) {
                (Some(other), _) if other != id => {}
                (_, Event::Failed { error }) => return Err(anyhow!(Refusal(error))),
                (Some(_), Event::Finished) => return Ok(()),
                (_, event) => on_event(event, bytes)?,
            }
        }
        Err(anyhow!(
            "the engine ended unexpectedly; run the command again, and report it if it happens again"
        ))
    }
}

/// A listener that shows notices and progress, and passes all other events to `on_event`.
pub(super) fn shown(mut on_event: impl FnMut(Event) -> Result<()>) -> impl FnMut(Event) -> Result<()> {
    let mut progress = Progress::default();
    move |event| progress.receive(event).map_or(Ok(()), &mut on_event)
}

/// A listener that shows notices and progress, and stores the last answer.
fn picking<A: Answer>(found: &mut Option<A>) -> impl FnMut(Event) -> Result<()> {
    shown(move |event| {
        *found = A::from_event(event).or(found.take());
        Ok(())
    })
}

#[derive(Debug)]
struct Refusal(ErrorReport);

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

/// Whether the engine, through a session or called directly, reported an error of this kind.
pub(super) fn is_of(error: &anyhow::Error, kind: ErrorKind) -> bool {
    report_of(error).is_some_and(|report| report.kind == kind)
}

/// The report of an error of the engine, through a session or called directly.
pub(super) fn report_of(error: &anyhow::Error) -> Option<ErrorReport> {
    match error.downcast_ref() {
        Some(Refusal(report)) => Some(report.clone()),
        None => error.downcast_ref::<Error>().map(ErrorReport::from),
    }
}

/// Runs a session for `front` until both end. A run still training when the front end returns is stopped and saved.
pub(super) fn drive<T>(
    options: session::Options,
    front: impl AsyncFnOnce(&mut Engine) -> Result<T>,
) -> Result<T> {
    let (requests, inbox) = async_channel::unbounded();
    let (outbox, reports) = async_channel::unbounded();
    // The receiver may be dropped early; that is no error.
    let mut session = session::run(options, inbox, move |report| drop(outbox.try_send(report)));
    let mut engine = Engine { requests, reports, last: Arc::default(), hub: None };
    // No window has to stay responsive, so the engine may use large slices of work.
    engine.sender().send(Command::Visible { visible: false });
    let mut front = pin!(async move { front(&mut engine).await });
    let (mut done, mut over) = (None, false);
    pollster::block_on(poll_fn(|context| {
        if done.is_none()
            && let Poll::Ready(result) = front.as_mut().poll(context)
        {
            done = Some(result);
        }
        over = over || session.as_mut().poll(context).is_ready();
        match done.take() {
            Some(result) if over => Poll::Ready(result),
            unfinished => {
                done = unfinished;
                Poll::Pending
            }
        }
    }))
}
