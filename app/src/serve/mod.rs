//! An OpenAI-compatible server: HTTP requests become commands, events become HTTP responses. It is a front end like the others,
//! and shares a session with another one or has its own.
//!
//! ```text
//! connections ─► routes ─► fields ─► wanted ─► switchboard ─► session
//!                                    bodies ◄────┘ events, by request number
//! ```
//!
//! It runs on a separate thread, so that connections are served while the engine computes. [`ServerSettings`] has its limits.

mod bodies;
mod connections;
mod fields;
mod refusal;
pub mod remote;
mod routes;
mod stream;
mod switchboard;
mod wanted;

pub use connections::ServerThread;
pub use switchboard::{Ask, Switchboard};

use glasshouse_protocol::{CheckpointChoice, Completion, Moderated, Moderation, WeightFormat};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Default queue length.
pub const QUEUE: usize = 256;

/// Where a server listens, and its limits and defaults.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    pub host: IpAddr,
    /// 0 picks any free port.
    pub port: u16,
    /// Bearer token that requests must send in their `Authorization` header.
    pub token: Option<String>,
    /// Texts generated concurrently.
    pub places: usize,
    /// Texts that can wait for a place.
    pub queue: usize,
    /// Origin of web pages that may send requests, or `*`; `None` allows no web pages.
    pub cors: Option<String>,
    /// The run for requests that name none; `None` for the latest run with a checkpoint.
    pub run: Option<String>,
    /// The checkpoint for requests that name none.
    pub checkpoint: CheckpointChoice,
    /// Storage format of the matrices on the device; `None` chooses by device.
    pub weights: Option<WeightFormat>,
    /// Initial moderation settings; see [`set_moderation`](Server::set_moderation).
    pub moderation: Moderation,
}

/// State shared by all requests.
#[derive(Debug)]
struct Served {
    settings: ServerSettings,
    board: Switchboard,
    /// Places for texts in progress or waiting.
    places: Arc<Semaphore>,
    moderation: Mutex<Moderation>,
    counts: Mutex<Counts>,
}

/// What was served so far.
#[derive(Debug, Default)]
struct Counts {
    /// Requests by status.
    requests: BTreeMap<u16, u64>,
    texts: u64,
    prompt_tokens: u64,
    written_tokens: u64,
    moderated: Moderated,
}

impl Served {
    fn most(&self) -> usize {
        self.settings.places + self.settings.queue
    }

    fn moderation(&self) -> MutexGuard<'_, Moderation> {
        self.moderation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the tokens and moderation hits of a text.
    fn count(&self, completion: &Completion) {
        let counts = &mut *self.counts();
        counts.texts += 1;
        counts.prompt_tokens += completion.prompt_tokens as u64;
        counts.written_tokens += completion.written_tokens as u64;
        for (category, times) in &completion.moderated {
            *counts.moderated.entry(*category).or_default() += times;
        }
    }

    /// The counts in Prometheus' text format.
    fn metrics(&self) -> String {
        let counts = self.counts();
        let taken = self.most() - self.places.available_permits();
        let mut text = String::from("# TYPE glasshouse_requests_total counter\n");
        for (status, count) in &counts.requests {
            text += &format!("glasshouse_requests_total{{code=\"{status}\"}} {count}\n");
        }
        for (name, kind, value) in [
            ("texts_total", "counter", counts.texts),
            ("prompt_tokens_total", "counter", counts.prompt_tokens),
            ("generated_tokens_total", "counter", counts.written_tokens),
            ("texts_in_progress_or_waiting", "gauge", taken as u64),
            ("texts_limit", "gauge", self.most() as u64),
        ] {
            text += &format!("# TYPE glasshouse_{name} {kind}\nglasshouse_{name} {value}\n");
        }
        text
    }

    /// Takes `count` places until the result is dropped, or returns `None` if fewer are free.
    fn take(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_many_owned(u32::try_from(count).ok()?).ok()
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    served: Arc<Served>,
    pub thread: ServerThread,
}

/// Checks that a token fits into a header. The error does not quote it, since it is a secret.
pub fn check_token(token: &str) -> Result<(), String> {
    match !token.is_empty() && token.bytes().all(|letter| letter.is_ascii_graphic()) {
        true => Ok(()),
        false => Err("the token must be printable ASCII without spaces".to_owned()),
    }
}

impl Server {
    /// Binds the address and starts serving.
    ///
    /// # Errors
    /// A sentence: the token or the origin is invalid, the port is in use, the address does not belong to this machine, or no thread could be started.
    pub fn start(settings: ServerSettings, board: Switchboard) -> Result<Self, String> {
        settings.token.as_deref().map_or(Ok(()), check_token)?;
        let address = SocketAddr::new(settings.host, settings.port);
        let moderation = Mutex::new(settings.moderation.clone());
        let places = Arc::new(Semaphore::new(settings.places + settings.queue));
        let served = Arc::new(Served { settings, board, places, moderation, counts: Mutex::default() });
        let (thread, ()) = ServerThread::start(address, |_| Ok((routes::router(&served)?, ())))?;
        Ok(Self { served, thread })
    }

    pub fn base_url(&self) -> String {
        let mut reached = self.thread.address();
        if reached.ip().is_unspecified() {
            let loopback =
                if reached.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
            reached.set_ip(loopback);
        }
        format!("http://{reached}/v1")
    }

    pub fn set_moderation(&self, settings: &Moderation) {
        self.served.moderation().clone_from(settings);
    }

    /// Moderation hits in all texts so far.
    pub fn moderated(&self) -> Moderated {
        self.served.counts().moderated.clone()
    }
}
