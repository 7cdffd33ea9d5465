//! The window's API server, controlled on the Settings page.

use super::App;
use crate::asks::Serving;
use crate::link::Link;
use crate::serve::{QUEUE, Server, ServerSettings, Switchboard};
use glasshouse_protocol::CheckpointChoice;
use glasshouse_protocol::completion::PLACES;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Ports to try; 0 is any free one.
const PORTS: [u16; 2] = [8080, 0];
/// Number of attempts, and the delay between them, to reuse the port of a server that has just stopped, which becomes free in a
/// moment.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

impl App {
    /// Starts or stops the server as the page requested.
    pub(super) fn serve_or_not(&mut self) {
        let moderation = || self.preferences.moderation.holding(self.state.projects.has_classifier());
        let Some(on) = self.asks.serve.take() else {
            if let Some(server) = &self.server {
                server.set_moderation(&moderation());
                self.asks.serving.moderated = server.moderated();
            }
            return;
        };
        let before = self.server.take().map(|server| server.address().port());
        self.asks.serving = Serving::default();
        if !on {
            return;
        }
        let board = match &self.link {
            Link::Engine(engine) => engine.switchboard(),
            // No engine: requests get an error.
            Link::Script { .. } => Switchboard::new(async_channel::unbounded().0.downgrade()),
        };
        let start = |port| {
            let settings = ServerSettings {
                host: IpAddr::V4(Ipv4Addr::LOCALHOST),
                port,
                token: None,
                places: PLACES,
                queue: QUEUE,
                cors: None,
                run: None,
                checkpoint: CheckpointChoice::Best,
                weights: None,
                moderation: moderation(),
            };
            Server::start(settings, board.clone())
        };
        let mut started = Err(String::new());
        // Clients know the previous address, whose server used an engine that is gone.
        let again = before.into_iter().flat_map(|port| std::iter::repeat_n((port, PAUSE), TRIES));
        for (port, pause) in again.chain(PORTS.map(|port| (port, Duration::ZERO))) {
            started = start(port);
            if started.is_ok() {
                break;
            }
            std::thread::sleep(pause);
        }
        match started {
            Ok(server) => {
                self.asks.serving.address = Some(server.base_url());
                self.server = Some(server);
            }
            Err(refused) => self.asks.serving.refused = Some(refused),
        }
    }
}
