//! An OpenAI-compatible server: HTTP in, commands out, events in, HTTP out. It is a front end as the others are, and shares a session
//! with another one or has one to itself.
//!
//! ```text
//! connections ─► routes ─► fields ─► wanted ─► switchboard ─► session
//!                                      bodies ◄────┘ events, by the numbers of their requests
//! ```
//!
//! It runs on a thread of its own, so that connections are seen to while the engine computes. What limits it is said in [`ServerSettings`].

mod bodies;
mod connections;
mod fields;
mod refusal;
mod routes;
mod seats;
mod stream;
mod switchboard;
mod wanted;

pub use switchboard::{Ask, Switchboard};

use glasshouse_protocol::{CheckpointChoice, Moderated, Moderation, Precision};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Texts that can wait unless said otherwise.
pub const QUEUE: usize = 256;

/// How a server listens, and what it answers.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where it listens.
    pub host: IpAddr,
    /// At which port; 0 takes any that is free.
    pub port: u16,
    /// What a request must show in its `Authorization` header, where anything.
    pub token: Option<String>,
    /// Texts that are written at once.
    pub places: usize,
    /// Texts that can wait for a place.
    pub queue: usize,
    /// The origin of web pages that may ask, or `*`; none unless said.
    pub cors: Option<String>,
    /// The run that answers where a request names none; the latest that has a checkpoint unless said.
    pub run: Option<String>,
    /// Which of a run's checkpoints answers, where a request names none.
    pub checkpoint: CheckpointChoice,
    /// What a device reads weights as.
    pub precision: Precision,
    /// What is done about words that many do not want to read, until it is [set](Server::set_moderation) otherwise.
    pub moderation: Moderation,
}

/// What every request is answered with.
#[derive(Debug)]
struct Served {
    settings: ServerSettings,
    board: Switchboard,
    /// Texts under way or waiting.
    taken: AtomicUsize,
    moderating: Mutex<Moderating>,
}

/// Moderation of what is answered from now on, and what it found so far.
#[derive(Debug)]
struct Moderating {
    settings: Moderation,
    found: Moderated,
}

/// Places that a request has taken; free again when it is dropped.
struct Taken {
    served: Arc<Served>,
    count: usize,
}

impl Served {
    fn most(&self) -> usize {
        self.settings.places + self.settings.queue
    }

    fn moderating(&self) -> MutexGuard<'_, Moderating> {
        self.moderating.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds up what moderation found in a text.
    fn count(&self, moderated: &Moderated) {
        let found = &mut self.moderating().found;
        for (category, times) in moderated {
            *found.entry(*category).or_default() += times;
        }
    }

    /// Takes places for so many texts; `None` where there are not as many.
    fn take(self: &Arc<Self>, count: usize) -> Option<Taken> {
        let more = |taken: usize| taken.checked_add(count).filter(|all| *all <= self.most());
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Taken { served: self.clone(), count })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.served.taken.fetch_sub(self.count, Ordering::SeqCst);
    }
}

/// A server at work. Dropped, it ends as [`stop`](Self::stop) says.
#[derive(Debug)]
pub struct Server {
    served: Arc<Served>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    over: async_channel::Receiver<()>,
}

impl Server {
    /// Listens, and answers from then on.
    ///
    /// # Errors
    /// In a sentence: the port is in use, the address is not this machine's, or the system gives no thread.
    pub fn start(settings: ServerSettings, board: Switchboard) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("the server cannot start: {error}"))?;
        let wished = SocketAddr::new(settings.host, settings.port);
        let listener = runtime.block_on(connections::listen(wished))?;
        let address = listener.local_addr().map_err(|error| format!("{wished}: {error}"))?;
        let moderating =
            Mutex::new(Moderating { settings: settings.moderation.clone(), found: Moderated::new() });
        let served = Arc::new(Served { settings, board, taken: AtomicUsize::new(0), moderating });
        let router = routes::router(&served, address)?;
        let (stop, stopped) = watch::channel(false);
        let (last, over) = async_channel::bounded::<()>(1);
        let serve = move || {
            runtime.block_on(connections::accept(listener, router, stopped));
            // What is still under way is cut off with the runtime.
            drop(runtime);
            drop(last);
        };
        let thread = std::thread::Builder::new().name("server".to_owned()).spawn(serve);
        thread.map_err(|error| format!("the server cannot start: {error}"))?;
        Ok(Self { served, address, stop, over })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients take as `base_url`.
    pub fn base_url(&self) -> String {
        let mut reached = self.address;
        if reached.ip().is_unspecified() {
            let loopback =
                if reached.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
            reached.set_ip(loopback);
        }
        format!("http://{reached}/v1")
    }

    /// Answers what is asked from now on by other settings of moderation.
    pub fn set_moderation(&self, settings: &Moderation) {
        let mut moderating = self.served.moderating();
        if moderating.settings != *settings {
            moderating.settings.clone_from(settings);
        }
    }

    /// What moderation found in all texts so far.
    pub fn moderated(&self) -> Moderated {
        self.served.moderating().found.clone()
    }

    /// Takes no more connections, and lets those that there are finish, for ten seconds at most.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Does what [`stop`](Self::stop) does, from anywhere.
    pub fn stopper(&self) -> impl Fn() + Send + 'static + use<> {
        let stop = self.stop.clone();
        move || {
            stop.send_replace(true);
        }
    }

    /// Hears nothing, and closes when the server is over.
    pub fn over(&self) -> async_channel::Receiver<()> {
        self.over.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
