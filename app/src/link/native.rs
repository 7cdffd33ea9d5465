//! The engine as a thread of this process.

use crate::serve::Switchboard;
use glasshouse_engine::session;
use glasshouse_protocol::{Envelope, Report, Request};
use std::sync::Arc;

/// The connection to the thread. Dropping it ends the session, after saving a run in training.
pub struct EngineLink {
    options: session::Options,
    wake: Arc<dyn Fn() + Send + Sync>,
    requests: async_channel::Sender<Envelope<Request>>,
    board: Switchboard,
    reports: async_channel::Receiver<Envelope<Report>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl std::fmt::Debug for EngineLink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EngineLink").field("options", &self.options).finish_non_exhaustive()
    }
}

impl EngineLink {
    /// Starts the engine; `wake` is called on its thread after each event.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(
        options: session::Options,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::with_wake(options, Arc::new(wake))
    }

    fn with_wake(options: session::Options, wake: Arc<dyn Fn() + Send + Sync>) -> std::io::Result<Self> {
        let (requests, inbox) = async_channel::unbounded();
        let (outbox, reports) = async_channel::unbounded();
        let board = Switchboard::new(requests.downgrade());
        let (set_up, waker, others) = (options.clone(), wake.clone(), board.clone());
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            // Also if the session panics: the window must notice that its engine is gone.
            let (last, closing) = (waker.clone(), others.clone());
            let _last_word = CallOnDrop(Arc::new(move || {
                closing.close();
                last();
            }));
            let on_report = move |report: Envelope<Report>| {
                // Answers to the server's requests are not for the window.
                if others.receive(&report.body) {
                    return;
                }
                // A closed window receives nothing; that is no error.
                outbox.try_send(report).ok();
                waker();
            };
            pollster::block_on(session::run(set_up, inbox, on_report));
        })?;
        Ok(Self { options, wake, requests, board, reports, thread: Some(thread) })
    }

    /// A switchboard for concurrent requests besides the window's.
    pub fn switchboard(&self) -> Switchboard {
        self.board.clone()
    }

    pub(super) fn send(&mut self, request: Envelope<Request>) {
        self.requests.try_send(request).ok();
    }

    pub(super) fn receive(&mut self) -> Option<Envelope<Report>> {
        self.reports.try_recv().ok()
    }

    pub(super) fn lost(&self) -> Option<String> {
        let ended = self.thread.as_ref().is_none_or(std::thread::JoinHandle::is_finished);
        ended.then(|| "The engine's thread ended unexpectedly.".to_owned())
    }

    pub(super) fn restart(&mut self) -> Result<(), String> {
        let fresh = Self::with_wake(self.options.clone(), self.wake.clone());
        *self = fresh.map_err(|error| format!("the engine cannot start: {error}"))?;
        Ok(())
    }
}

struct CallOnDrop(Arc<dyn Fn() + Send + Sync>);

impl Drop for CallOnDrop {
    fn drop(&mut self) {
        self.0();
    }
}

impl Drop for EngineLink {
    fn drop(&mut self) {
        self.requests.close();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
