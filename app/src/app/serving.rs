//! The window's API server, controlled on the Settings page.

use super::*;
use crate::asks::Serving;
use crate::serve::{QUEUE, Server, ServerSettings, Switchboard};
use glasshouse_protocol::CheckpointChoice;
use glasshouse_protocol::completion::PLACES;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

/// Ports to try if none was chosen; 0 is any free one.
const PORTS: [u16; 2] = [8080, 0];
/// Number of attempts, and the delay between them, to reuse the port of a server that has just stopped, which becomes free in a
/// moment.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// A server that runs, or that another thread starts. Dropping it stops either.
#[derive(Debug, Default)]
pub(super) enum WindowServer {
    #[default]
    Off,
    Starting(Receiver<Result<Server, String>>),
    On(Server),
}

impl App {
    /// Starts or stops the server as the page requested.
    pub(super) fn serve_or_not(&mut self, context: &egui::Context) {
        if let Some(on) = self.asks.serve.take() {
            return self.serve(on, context);
        }
        match &self.server {
            WindowServer::Off => {}
            WindowServer::Starting(started) => {
                let started = match started.try_recv() {
                    Err(TryRecvError::Empty) => return,
                    Err(TryRecvError::Disconnected) => Err("the server did not start; try again".to_owned()),
                    Ok(started) => started,
                };
                self.asks.serving.starting = false;
                self.server = match started {
                    Ok(server) => {
                        self.asks.serving.address = Some(server.base_url());
                        WindowServer::On(server)
                    }
                    Err(refused) => {
                        self.asks.serving.refused = Some(refused);
                        WindowServer::Off
                    }
                };
            }
            WindowServer::On(server) => {
                let has_classifier = self.state.projects.has_classifier();
                server.set_moderation(&self.preferences.moderation.in_project(has_classifier));
                self.asks.serving.moderated = server.moderated();
            }
        }
    }

    fn serve(&mut self, on: bool, context: &egui::Context) {
        let before = match std::mem::take(&mut self.server) {
            WindowServer::On(server) => Some(server.thread.address().port()),
            _ => None,
        };
        let chosen = self.preferences.serving.clone();
        self.asks.serving = Serving { starting: on, chosen: chosen.clone(), ..Serving::default() };
        if !on {
            return;
        }
        let board = match &self.link {
            Link::Engine(engine) => engine.switchboard(),
            // No engine: requests get an error.
            Link::Script { .. } => Switchboard::new(async_channel::unbounded().0.downgrade()),
        };
        let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let settings = ServerSettings {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: chosen.port,
            token: some(&chosen.token),
            places: PLACES,
            queue: QUEUE,
            cors: some(&chosen.cors),
            run: None,
            checkpoint: CheckpointChoice::Best,
            weights: None,
            moderation: self.preferences.moderation.in_project(self.state.projects.has_classifier()),
        };
        let (sender, started) = channel();
        let context = context.clone();
        let start = move || {
            sender.send(start(&settings, before, &board)).ok();
            context.request_repaint();
        };
        self.server = WindowServer::Starting(started);
        // Without a thread, the channel is closed.
        std::thread::Builder::new().name("server start".to_owned()).spawn(start).ok();
    }
}

/// Starts a server on the chosen port, else on that of the server `before`, which clients know, or on another one.
fn start(settings: &ServerSettings, before: Option<u16>, board: &Switchboard) -> Result<Server, String> {
    let own = [settings.port];
    let ports = if settings.port == 0 { &PORTS[..] } else { &own };
    let again = before.filter(|port| settings.port == 0 || settings.port == *port);
    let again = again.into_iter().flat_map(|port| std::iter::repeat_n((port, PAUSE), TRIES));
    let mut started = Err(String::new());
    for (port, pause) in again.chain(ports.iter().map(|port| (*port, Duration::ZERO))) {
        started = Server::start(ServerSettings { port, ..settings.clone() }, board.clone());
        if started.is_ok() {
            break;
        }
        std::thread::sleep(pause);
    }
    started
}
