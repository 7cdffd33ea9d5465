//! The engine as a thread of this process.

use glasshouse_engine::session;
use glasshouse_protocol::{Parcel, Report, Request};

/// The thread's two ends. Dropping it ends the session: what trains is saved first.
#[derive(Debug)]
pub struct EngineLink {
    requests: async_channel::Sender<Parcel<Request>>,
    reports: async_channel::Receiver<Parcel<Report>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl EngineLink {
    /// Starts the engine; `wake` is called from its thread when an event has come.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(options: session::Options, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (requests, inbox) = async_channel::unbounded();
        let (outbox, reports) = async_channel::unbounded();
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            let tell = move |report| {
                // A closed window hears nothing any more, and that is no error.
                outbox.try_send(report).ok();
                wake();
            };
            pollster::block_on(session::run(options, inbox, tell));
        })?;
        Ok(Self { requests, reports, thread: Some(thread) })
    }

    pub(super) fn send(&mut self, request: Parcel<Request>) {
        self.requests.try_send(request).ok();
    }

    pub(super) fn receive(&mut self) -> Option<Parcel<Report>> {
        self.reports.try_recv().ok()
    }

    /// Whether the engine's thread is still there.
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
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
