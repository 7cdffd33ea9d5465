//! The window over the network: serves the page, and carries its messages to a session of this machine over WebSockets.
//!
//! ```text
//! browser ── cookie ──► page's files
//!            WebSocket ─► carry ─► hub ─► session
//!                           ◄─────────┘ reports, kept for browsers that reconnect
//! ```
//!
//! A message is a text frame with its head as JSON; a report's JSON follows as a second text frame; the bytes of files follow as binary
//! frames. `web/remote-link.js` is the other side.

mod access;
mod hub;

pub use hub::Hub;

use super::*;
use access::{Access, REFUSED};
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use futures_util::{SinkExt as _, StreamExt as _};
use hub::{Delivery, Gone, Head, Note};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of a file in one frame.
const PART: usize = 64 << 10;
/// Maximum bytes of a message without its files.
const MAX_MESSAGE: usize = 16 << 20;
/// A connection without messages is shown to be alive at this interval.
const BEAT: Duration = Duration::from_secs(5);

/// Where the page is served, and its files.
#[derive(Clone, Debug)]
pub struct RemoteSettings {
    pub host: IpAddr,
    /// 0 picks any free port.
    pub port: u16,
    /// Folder that `web/build` wrote.
    pub page: PathBuf,
}

struct Served {
    hub: Arc<Hub>,
    access: Access,
    page: PathBuf,
}

/// A running server.
pub struct Remote {
    served: Arc<Served>,
    pub thread: ServerThread,
}

impl Remote {
    /// Binds the address and starts serving; `invite` gets the first link, and a new one each time a browser used the last.
    ///
    /// # Errors
    /// A sentence: the folder holds no page, the port is in use, the address does not belong to this machine, or no thread could be started.
    pub fn start(
        settings: &RemoteSettings,
        hub: Arc<Hub>,
        invite: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let page = settings.page.clone();
        if !page.join("boot.js").is_file() || !page.join("remote-link.js").is_file() {
            return Err(format!(
                "{} holds no Glasshouse page of this version; build one with web/build, and name its folder with \
                 --page",
                page.display()
            ));
        }
        let address = SocketAddr::new(settings.host, settings.port);
        let (thread, served) = ServerThread::start(address, |address| {
            let access = Access::new(address, Box::new(invite))?;
            let served = Arc::new(Served { hub, access, page });
            let router = Router::new()
                .route("/", get(index))
                .route("/index.html", get(index))
                .route("/link", get(link))
                .route("/{*file}", get(file))
                .with_state(served.clone());
            Ok((router, served))
        })?;
        served.access.invite();
        Ok(Self { served, thread })
    }

    /// Waits until browsers received the last reports, at most two seconds.
    pub fn drain(&self) {
        for _ in 0..100 {
            if self.served.hub.is_delivered() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A parameter of a query. Ours need no decoding.
fn parameter(RawQuery(query): &RawQuery, name: &str) -> Option<String> {
    let mut parameters = query.as_deref()?.split('&').filter_map(|one| one.split_once('='));
    parameters.find(|(own, _)| *own == name).map(|(_, value)| value.to_owned())
}

/// The page, or the exchange of a link's token for a cookie.
async fn index(State(served): State<Arc<Served>>, query: RawQuery, headers: HeaderMap) -> Response {
    if let Err(refused) = served.access.host(&headers) {
        return refused.into_response();
    }
    if let Some(token) = parameter(&query, "token") {
        let Some(cookie) = served.access.redeem(&token) else { return REFUSED.into_response() };
        // A redirect would not send the cookie of a link in another site's page.
        let page =
            "<!doctype html><meta http-equiv=\"refresh\" content=\"0; url=./\"><title>Glasshouse</title>";
        let mut response = ([(header::CACHE_CONTROL, "no-store")], Html(page)).into_response();
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        return response;
    }
    if let Err(refused) = served.access.check(&headers) {
        return refused.into_response();
    }
    let Ok(page) = tokio::fs::read_to_string(served.page.join("index.html")).await else {
        return missing();
    };
    let folder = served.hub.folder().map_or(String::new(), |folder| folder.display().to_string());
    let folder = folder.replace('&', "&amp;").replace('"', "&quot;");
    // The page does not need the engine's module.
    let page: String = page
        .lines()
        .filter(|line| !line.contains("engine_bg.wasm"))
        .map(|line| format!("{line}\n"))
        .collect();
    let page = page.replacen("<html ", &format!("<html data-remote=\"{folder}\" "), 1);
    let headers =
        [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'")];
    (headers, Html(page)).into_response()
}

/// A file of the page's folder.
async fn file(State(served): State<Arc<Served>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    if let Err(refused) = served.access.check(&headers) {
        return refused.into_response();
    }
    if name.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.contains(['\\', ':'])) {
        return missing();
    }
    let kind = match name.rsplit('.').next() {
        Some("js" | "mjs") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    match tokio::fs::read(served.page.join(name)).await {
        Ok(bytes) => {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], bytes).into_response()
        }
        Err(_) => missing(),
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "there is no such file\n").into_response()
}

/// The WebSocket. A page names itself by a secret, to be known again, and the last report that it received.
async fn link(
    State(served): State<Arc<Served>>,
    query: RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let admitted = served.access.check(&headers).and_then(|()| served.access.same_origin(&headers));
    if let Err(refused) = admitted {
        return refused.into_response();
    }
    let Some(browser) = parameter(&query, "browser") else { return missing() };
    let last = parameter(&query, "last").and_then(|last| last.parse().ok());
    upgrade.max_message_size(MAX_MESSAGE).on_upgrade(move |socket| carry(socket, served, browser, last))
}

/// What the server sends besides reports.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum ServerMessage {
    Note(Note),
    /// Reports are missing; the page must be loaded again.
    Gone(Gone),
    Refused(&'static str),
}

/// What a browser sends in a text frame; `Drop` gives up a message.
#[derive(Deserialize)]
#[serde(untagged)]
enum ClientMessage {
    Request(Head),
    Drop { drop: u64 },
    Steer { steer: bool },
}

#[derive(Serialize)]
struct ReportHead<'report> {
    number: u64,
    request: Option<u64>,
    files: &'report [usize],
}

/// Serves a connection until either side ends it.
async fn carry(socket: WebSocket, served: Arc<Served>, browser: String, last: Option<u64>) {
    let (mut out, mut from) = socket.split();
    let hub = &served.hub;
    let (connection, mut at) = match hub.connect(&browser, last) {
        Ok(connected) => connected,
        Err(reason) => {
            let message = reason.map_or_else(ServerMessage::Refused, ServerMessage::Gone);
            out.send(Message::Text(json(&message).into())).await.ok();
            return;
        }
    };
    let mut news = hub.subscribe();
    let sending = async {
        let mut sent = None;
        loop {
            news.borrow_and_update();
            // A later connection of the browser replaces this one.
            let Some(note) = hub.note(&connection) else { return Ok(()) };
            if sent.replace(note) != Some(note) {
                out.send(Message::Text(json(&ServerMessage::Note(note)).into())).await?;
            }
            loop {
                match hub.next(&connection, at) {
                    Ok(Ok(delivery)) => {
                        deliver(&mut out, &delivery).await?;
                        at = delivery.number;
                    }
                    Ok(Err(last)) => {
                        at = last;
                        break;
                    }
                    Err(gone) => {
                        out.send(Message::Text(json(&ServerMessage::Gone(gone)).into())).await?;
                        return Ok(());
                    }
                }
            }
            match tokio::time::timeout(BEAT, news.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(()),
                // Shows that the connection is alive.
                Err(_) => sent = None,
            }
        }
    };
    let receiving = async {
        while let Some(Ok(message)) = from.next().await {
            match message {
                Message::Text(text) => match serde_json::from_str(&text) {
                    Ok(ClientMessage::Request(head)) => hub.begin(&connection, head),
                    Ok(ClientMessage::Drop { drop }) => hub.give_up(&connection, drop),
                    Ok(ClientMessage::Steer { steer }) if steer => hub.steer(&connection),
                    _ => break,
                },
                Message::Binary(bytes) => hub.take(&connection, &bytes),
                Message::Close(_) => break,
                Message::Ping(_) | Message::Pong(_) => {}
            }
        }
    };
    let sending = async {
        let _: Result<(), axum::Error> = sending.await;
    };
    futures_util::future::select(std::pin::pin!(sending), std::pin::pin!(receiving)).await;
    hub.disconnect(&connection);
}

async fn deliver<Out>(out: &mut Out, delivery: &Delivery) -> Result<(), axum::Error>
where
    Out: futures_util::Sink<Message, Error = axum::Error> + Unpin,
{
    let Delivery { number, request, text, files } = delivery;
    let lengths: Vec<usize> = files.iter().map(Vec::len).collect();
    let head = ReportHead { number: *number, request: *request, files: &lengths };
    out.feed(Message::Text(json(&head).into())).await?;
    out.feed(Message::Text(text.as_str().into())).await?;
    for part in files.iter().flat_map(|file| file.chunks(PART)) {
        out.send(Message::Binary(Bytes::copy_from_slice(part))).await?;
    }
    out.flush().await
}

/// These types always serialise.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
