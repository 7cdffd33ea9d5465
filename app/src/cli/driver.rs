//! The command line as a front end of the engine, as the window is: commands out, events in. Both take turns on this thread, so that
//! nothing is done ahead of what is printed, and a reader that is slow holds the engine.

use super::interrupt;
use crate::serve::Switchboard;
use anyhow::{Result, anyhow};
use glasshouse_engine::protocol::{Command, ErrorKind, ErrorReport, Event, Parcel, Report, Request};
use glasshouse_engine::{Error, session};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

/// The way to the engine.
pub(super) struct Engine {
    requests: async_channel::Sender<Parcel<Request>>,
    reports: async_channel::Receiver<Parcel<Report>>,
    last: Arc<AtomicU64>,
}

/// Sends commands from anywhere, as long as there is an engine.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    requests: async_channel::WeakSender<Parcel<Request>>,
    last: Arc<AtomicU64>,
}

impl Sender {
    /// Sends a command whose answers nobody waits for, and returns its number.
    pub(super) fn send(&self, command: Command) -> u64 {
        self.send_with(command, Vec::new())
    }

    /// The same with bytes beside it.
    fn send_with(&self, command: Command, bytes: Vec<Vec<u8>>) -> u64 {
        let id = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(requests) = self.requests.upgrade() {
            requests.try_send(Parcel { body: Request { id, command }, bytes }).ok();
        }
        id
    }
}

impl Engine {
    /// A sender that does not keep the engine going.
    pub(super) fn sender(&self) -> Sender {
        Sender { requests: self.requests.downgrade(), last: self.last.clone() }
    }

    /// A way for many requests at once beside this one; it is to be given what [`hear`](Self::hear) hears.
    pub(super) fn switchboard(&self) -> Switchboard {
        Switchboard::new(self.requests.downgrade())
    }

    /// The next event, whoever asked for it; `None` where the engine is gone.
    pub(super) async fn hear(&mut self) -> Option<Parcel<Report>> {
        self.reports.recv().await.ok()
    }

    /// Asks for something and `hear`s what happens until it is done: what answers it, and what happens by itself.
    ///
    /// # Errors
    /// What the engine says, or what `hear` does: then nothing more is heard.
    pub(super) async fn ask(
        &mut self,
        command: Command,
        mut hear: impl FnMut(Event) -> Result<()>,
    ) -> Result<()> {
        self.ask_for_bytes(command, |event, _| hear(event)).await
    }

    /// The same where bytes come beside what answers it.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) async fn ask_for_bytes(
        &mut self,
        command: Command,
        hear: impl FnMut(Event, Vec<Vec<u8>>) -> Result<()>,
    ) -> Result<()> {
        let id = self.sender().send(command);
        self.answers(id, hear).await
    }

    /// The same where bytes come beside the command.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) async fn ask_with(
        &mut self,
        command: Command,
        bytes: Vec<Vec<u8>>,
        mut hear: impl FnMut(Event) -> Result<()>,
    ) -> Result<()> {
        let id = self.sender().send_with(command, bytes);
        self.answers(id, |event, _| hear(event)).await
    }

    /// The same for what takes its time: a signal to end cancels it, after saying `message`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); what a signal cancelled is no error, and the exit code says it.
    pub(super) async fn ask_until_signal(
        &mut self,
        command: Command,
        message: &'static str,
        mut hear: impl FnMut(Event) -> Result<()>,
    ) -> Result<()> {
        let (flags, sender) = (interrupt::flags(message)?, self.sender());
        let request = sender.send(command);
        let cancel = move |flags: &interrupt::Flags| {
            if flags.stop.load(Ordering::SeqCst) {
                sender.send(Command::Cancel { request });
            }
        };
        // One that came just before counts as well.
        cancel(flags);
        flags.when_raised(cancel);
        match self.answers(request, |event, _| hear(event)).await {
            Err(error) if is_cancelled(&error) && flags.stop.load(Ordering::SeqCst) => Ok(()),
            answered => answered,
        }
    }

    /// `hear`s what happens until a request is answered in full.
    async fn answers(
        &mut self,
        id: u64,
        mut hear: impl FnMut(Event, Vec<Vec<u8>>) -> Result<()>,
    ) -> Result<()> {
        while let Ok(Parcel { body: Report { request, event }, bytes }) = self.reports.recv().await {
            match (request, event) {
                (Some(other), _) if other != id => {}
                (_, Event::Failed { error }) => return Err(anyhow!(Refusal(error))),
                (Some(_), Event::Finished) => return Ok(()),
                (_, event) => hear(event, bytes)?,
            }
        }
        Err(anyhow!(
            "the engine ended unexpectedly; run the command again, and report it if it happens again"
        ))
    }
}

/// What the engine could not do.
#[derive(Debug)]
struct Refusal(ErrorReport);

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl std::error::Error for Refusal {}

fn is_cancelled(error: &anyhow::Error) -> bool {
    is_refusal(error, ErrorKind::Cancelled)
}

/// Whether what was asked for was refused, and something else may be asked for.
pub(super) fn is_refused(error: &anyhow::Error) -> bool {
    is_refusal(error, ErrorKind::Refused)
}

/// Whether the engine says, as a session or called directly, that nothing has a name that was typed.
pub(super) fn is_unknown(error: &anyhow::Error) -> bool {
    is_refusal(error, ErrorKind::Unknown) || matches!(error.downcast_ref(), Some(Error::Unknown(_)))
}

fn is_refusal(error: &anyhow::Error, kind: ErrorKind) -> bool {
    error.downcast_ref().is_some_and(|Refusal(error)| error.kind == kind)
}

/// Runs a session for `front` until both are over: what still trains when the front end has ended is stopped and saved.
pub(super) fn drive<T>(
    options: session::Options,
    front: impl AsyncFnOnce(&mut Engine) -> Result<T>,
) -> Result<T> {
    let (requests, inbox) = async_channel::unbounded();
    let (outbox, reports) = async_channel::unbounded();
    // Whoever has heard enough hears no more, and that is no error.
    let mut session = session::run(options, inbox, move |report| drop(outbox.try_send(report)));
    let mut engine = Engine { requests, reports, last: Arc::default() };
    // Nobody looks on, as one does at a window: pieces of work need not be small.
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
