//! The window over the network: browsers as WebSocket clients, and a session that the test plays.

use glasshouse::serve::remote::{Hub, Remote, RemoteSettings};
use glasshouse_protocol::{
    Command, DeviceSummary, DocumentsChange, Drafts, Envelope, ErrorKind, Event, Export, OpenedProject,
    ProjectSummary, Report, Request, Steer, StorageSummary, TrainingState, answer, message, presets,
};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tungstenite::{Message, WebSocket};

struct Server {
    remote: Remote,
    hub: Arc<Hub>,
    _requests: async_channel::Sender<Envelope<Request>>,
    inbox: async_channel::Receiver<Envelope<Request>>,
    links: mpsc::Receiver<String>,
    _page: tempfile::TempDir,
}

fn server(watches: bool) -> Server {
    let page = tempfile::tempdir().unwrap();
    for name in ["boot.js", "remote-link.js"] {
        std::fs::write(page.path().join(name), "// a script").unwrap();
    }
    std::fs::write(
        page.path().join("index.html"),
        "<!doctype html>\n<html lang=\"en\">\n<link href=\"engine_bg.wasm\">\n",
    )
    .unwrap();
    let (requests, inbox) = async_channel::unbounded();
    let hub = Arc::new(Hub::new(requests.downgrade(), Some(PathBuf::from("/projects/own")), watches));
    let (invite, links) = mpsc::channel();
    let settings = RemoteSettings { host: [127, 0, 0, 1].into(), port: 0, page: page.path().to_owned() };
    let remote =
        Remote::start(&settings, hub.clone(), move |link| drop(invite.send(link.to_owned()))).unwrap();
    Server { remote, hub, _requests: requests, inbox, links, _page: page }
}

impl Server {
    /// Status, head and body of the answer to a request with these further lines in its head.
    fn get(&self, path: &str, lines: &str) -> (u16, String, String) {
        let address = self.remote.thread.address();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
    }

    fn host(&self) -> String {
        format!("Host: {}\r\n", self.remote.thread.address())
    }

    /// The cookie for the next link.
    fn cookie(&self) -> String {
        let link = self.links.recv_timeout(Duration::from_secs(5)).unwrap();
        let token = link.rsplit_once("token=").unwrap().1;
        let (status, head, _) = self.get(&format!("/?token={token}"), &self.host());
        assert_eq!(status, 200);
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    fn socket(&self, cookie: &str, query: &str, origin: &str) -> Result<Browser, u16> {
        let address = self.remote.thread.address();
        let request = tungstenite::http::Request::builder()
            .uri(format!("ws://{address}/link?{query}"))
            .header("Host", address.to_string())
            .header("Origin", origin)
            .header("Cookie", cookie)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", tungstenite::handshake::client::generate_key())
            .body(())
            .unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Browser { socket, sent: 0 }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn browser(&self, cookie: &str, query: &str) -> Browser {
        self.socket(cookie, query, &format!("http://{}", self.remote.thread.address())).unwrap()
    }

    /// The next request that reached the session.
    fn asked(&self) -> Envelope<Request> {
        let (asked, inbox) = (mpsc::channel(), self.inbox.clone());
        std::thread::spawn(move || drop(asked.0.send(pollster::block_on(inbox.recv()))));
        asked.1.recv_timeout(Duration::from_secs(10)).unwrap().unwrap()
    }

    fn report(&self, request: Option<u64>, event: Event) -> bool {
        self.hub.receive(&Envelope::plain(Report { request, event }))
    }
}

fn open(id: &str) -> Command {
    Command::OpenProject { id: id.to_owned() }
}

struct Browser {
    socket: WebSocket<TcpStream>,
    sent: u64,
}

/// A report: its number, the browser's own request, the event and the bytes of its files.
struct Received {
    number: u64,
    request: Option<u64>,
    event: Value,
    bytes: Vec<u8>,
}

impl Browser {
    fn text(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// The next note that `is_meant`; reports before it are lost.
    fn note(&mut self, is_meant: impl Fn(&Value) -> bool) -> Value {
        loop {
            let text = self.text();
            if is_meant(&text["note"]) {
                return text["note"].clone();
            }
        }
    }

    fn receive(&mut self) -> Received {
        let head = loop {
            let text = self.text();
            if text.get("number").is_some() {
                break text;
            }
        };
        let report = self.text();
        let length: u64 =
            head["files"].as_array().unwrap().iter().map(|length| length.as_u64().unwrap()).sum();
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < length {
            if let Message::Binary(part) = self.socket.read().unwrap() {
                bytes.extend_from_slice(&part);
            }
        }
        assert_eq!(report.get("request"), head.get("request").filter(|own| !own.is_null()));
        let (number, request) = (head["number"].as_u64().unwrap(), head["request"].as_u64());
        Received { number, request, event: report["event"].clone(), bytes }
    }

    fn head(&mut self, request: &Request, files: &[usize]) {
        self.sent += 1;
        self.head_again(request, files);
    }

    fn head_again(&mut self, request: &Request, files: &[usize]) {
        let request = serde_json::to_string(request).unwrap();
        let head = json!({ "message": self.sent, "request": request, "files": files });
        self.socket.send(Message::Text(head.to_string().into())).unwrap();
    }

    fn ask(&mut self, id: u64, command: impl Into<Command>) {
        self.head(&Request::new(id, command.into()), &[]);
    }

    /// Hears that a request was refused.
    fn is_refused(&mut self, request: u64, kind: ErrorKind) {
        let received = self.receive();
        assert_eq!(
            (received.request, &received.event["error"]["kind"]),
            (Some(request), &json!(kind.name()))
        );
    }

    /// Hears that it steers, or that it does not.
    fn steers(&mut self, steers: bool) {
        self.note(|note| note["steers"] == steers);
    }
}

#[test]
fn a_link_works_once_and_nothing_is_served_without_it() {
    let server = server(false);
    let (address, host) = (server.remote.thread.address(), server.host());
    assert_eq!(server.get("/", &host).0, 401);
    assert_eq!(server.get("/boot.js", &host).0, 401);
    assert_eq!(server.get("/?token=0123456789abcdef", &host).0, 401);
    let link = server.links.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(link.starts_with(&format!("http://{address}/?token=")), "{link}");
    let path = link.split_once(&address.to_string()).unwrap().1;
    let elsewhere = format!("Host: example.org:{}\r\n", address.port());
    assert_eq!(server.get(path, &elsewhere).0, 403, "another name of this machine");
    let (status, head, _) = server.get(path, &host);
    assert_eq!(status, 200);
    assert_eq!(server.get(path, &host).0, 401, "a used link");
    let cookie =
        head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap().split(';').next().unwrap();
    let with = format!("{host}Cookie: other=1; {cookie}\r\n");
    let (status, _, page) = server.get("/", &with);
    assert!(status == 200 && page.contains("<html data-remote=\"/projects/own\" lang"), "{page}");
    assert!(!page.contains("engine_bg.wasm"), "the engine is here");
    let (status, head, script) = server.get("/boot.js", &with);
    assert!((status, script.as_str()) == (200, "// a script") && head.contains("text/javascript"), "{head}");
    for outside in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/..%2fCargo.toml", "/.hidden", "/none.js"] {
        assert_eq!(server.get(outside, &with).0, 404, "{outside}");
    }
    // Another browser gets another link.
    let cookie = server.cookie();
    let own = format!("http://{address}");
    assert!(server.socket(&cookie, "browser=a", &own).is_ok());
    assert_eq!(server.socket(&cookie, "browser=b", "http://example.org").err(), Some(403));
    assert_eq!(server.socket("glasshouse=1", "browser=b", &own).err(), Some(401));
}

#[test]
fn two_browsers_see_the_same_and_one_steers() {
    let server = server(false);
    let cookie = server.cookie();
    let mut first = server.browser(&cookie, "browser=a");
    first.steers(true);
    let mut second = server.browser(&cookie, "browser=b");
    second.steers(false);
    // Both number their requests from 1, and get their own answers.
    first.ask(1, Command::ListDevices);
    let of_first = server.asked().body.id;
    second.ask(1, Command::ListRuns);
    let of_second = server.asked().body.id;
    assert_ne!(of_first, of_second);
    assert!(server.report(Some(of_second), Event::Runs { runs: Vec::new() }));
    assert!(server.report(Some(of_first), Event::Devices { devices: Vec::new() }));
    let (to_first, to_second) = (first.receive(), second.receive());
    assert_eq!((to_first.request, to_first.event["event"].as_str()), (Some(1), Some("devices")));
    assert_eq!((to_second.request, to_second.event["event"].as_str()), (Some(1), Some("runs")));
    // The second may not steer, and is told so.
    second.ask(2, Steer::Pause);
    second.is_refused(2, ErrorKind::Busy);
    second.socket.send(Message::Text("{\"steer\":true}".into())).unwrap();
    second.steers(true);
    first.steers(false);
    second.ask(3, Steer::Pause);
    let asked = server.asked();
    assert_eq!(asked.body.command, Steer::Pause.into());
    // Everybody sees its effect, and only the sender that it is done.
    let state = Event::TrainingState { state: TrainingState::Paused, step: 7, steps: 9 };
    server.report(Some(asked.body.id), state);
    server.report(Some(asked.body.id), Event::Finished);
    server.report(None, Event::Runs { runs: Vec::new() });
    let received = [first.receive(), first.receive()]
        .map(|received| (received.request, received.event["event"].clone()));
    assert_eq!(received, [(None, json!("training_state")), (None, json!("runs"))]);
    let received = [second.receive(), second.receive(), second.receive()]
        .map(|received| (received.request, received.event["event"].clone()));
    let wanted = [(Some(3), json!("training_state")), (Some(3), json!("finished")), (None, json!("runs"))];
    assert_eq!(received, wanted);
    // Paths of this machine stay out of reach.
    second.ask(4, Command::ImportProject { name: None, from: Some("/etc/passwd".to_owned()) });
    second.is_refused(4, ErrorKind::Refused);
    second.ask(5, open("/projects/own"));
    assert_eq!(server.asked().body.command, open("/projects/own"));
    let out = |id: &str| Export::Project { id: id.to_owned() }.to(None, true);
    second.ask(50, out("/projects/own"));
    assert_eq!(server.asked().body.command, out("/projects/own"));
    second.ask(51, out("/projects/other"));
    second.is_refused(51, ErrorKind::Refused);
    // A cancellation names the request by the number that the session knows.
    second.ask(6, Command::ListRuns);
    let listing = server.asked().body.id;
    second.ask(7, Command::Cancel { request: 6 });
    assert_eq!(server.asked().body.command, Command::Cancel { request: listing });
    // A request that is none is answered, too.
    second.sent += 1;
    let none = json!({ "message": second.sent, "request": "{\"id\":8,\"command\":{\"command\":\"fly\"}}", "files": [] });
    second.socket.send(Message::Text(none.to_string().into())).unwrap();
    second.is_refused(8, ErrorKind::Invalid);
    // A request of the program itself is not for the browsers, but for it.
    assert!(!server.report(Some(1), Event::Finished));
}

#[test]
fn a_lost_connection_loses_nothing() {
    let server = server(false);
    let cookie = server.cookie();
    let mut browser = server.browser(&cookie, "browser=a");
    browser.steers(true);
    // The connection ends within an upload.
    let file: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1] ^ at.to_le_bytes()[0]).collect();
    let add = DocumentsChange::Add { names: vec!["a.txt".to_owned(), "b.txt".to_owned()] };
    let add = Request::new(1, add.into());
    browser.head(&add, &[file.len(), 3]);
    browser.socket.send(Message::Binary(file[..1 << 20].to_vec().into())).unwrap();
    browser.note(|note| note["partial"] == 1 << 20);
    server.report(None, Event::Runs { runs: Vec::new() });
    let at = browser.receive().number;
    drop(browser);
    // Meanwhile, the session reports.
    server.report(None, Event::Devices { devices: Vec::new() });
    let mut browser = server.browser(&cookie, &format!("browser=a&last={at}"));
    browser.sent = 1;
    assert_eq!(browser.note(|note| !note.is_null())["partial"], 1 << 20);
    assert_eq!(browser.receive().event["event"], "devices");
    browser.head_again(&add, &[file.len(), 3]);
    browser.socket.send(Message::Binary(file[1 << 20..].to_vec().into())).unwrap();
    browser.socket.send(Message::Binary(b"abc".to_vec().into())).unwrap();
    let asked = server.asked();
    assert!(asked.body.command == add.command && asked.bytes == [file.clone(), b"abc".to_vec()]);
    browser.note(|note| note["received"] == 1);
    // What arrives late by a former connection is not taken.
    let mut former = browser;
    let mut browser = server.browser(&cookie, &format!("browser=a&last={}", at + 1));
    browser.note(|note| note["received"] == 1);
    let late = serde_json::to_string(&Request::new(8, Command::ListRuns)).unwrap();
    let late = json!({ "message": 2, "request": late, "files": [] });
    former.socket.send(Message::Text(late.to_string().into())).ok();
    // A message that was received is not taken twice.
    browser.sent = 1;
    browser.head_again(&add, &[0, 0]);
    // A download arrives again as a whole, with the number of the request.
    let report = Report { request: Some(asked.body.id), event: Event::Finished };
    server.hub.receive(&Envelope { body: report, bytes: vec![file.clone()] });
    drop(browser);
    let mut browser = server.browser(&cookie, &format!("browser=a&last={}", at + 1));
    let received = browser.receive();
    assert!(received.request == Some(1) && received.bytes == file);
    // A file that can no longer be read is given up, and the next message follows.
    browser.sent = 1;
    browser.head(&add, &[5]);
    browser.socket.send(Message::Binary(b"ab".to_vec().into())).unwrap();
    browser.socket.send(Message::Text("{\"drop\":2}".into())).unwrap();
    browser.ask(3, Command::ListDevices);
    assert_eq!(server.asked().body.command, Command::ListDevices);
    // A page that this program does not know has to be loaded again, as after a restart.
    let mut lost = server.browser(&cookie, "browser=z&last=5");
    assert_eq!(lost.text(), json!({ "gone": null }));
}

#[test]
fn a_browser_that_arrives_changes_neither_device_nor_project() {
    let server = server(false);
    let cookie = server.cookie();
    let hello = |device: &str| Command::Hello { version: message::VERSION, device: device.to_owned() };
    let mut first = server.browser(&cookie, "browser=a");
    first.steers(true);
    let opened = |opening, id: &str| {
        let project = ProjectSummary { id: id.to_owned(), ..ProjectSummary::default() };
        let drafts = Drafts::new(presets::preset("first-stories").unwrap());
        let opened = OpenedProject { opening, project, drafts, tokenizer: None, runs: Vec::new() };
        Event::Project { opened: Some(Box::new(opened)) }
    };
    first.ask(1, open("stories"));
    server.report(Some(server.asked().body.id), opened(1, "stories"));
    assert_eq!(first.receive().event["event"], "project");
    let mut second = server.browser(&cookie, "browser=b");
    second.steers(false);
    second.ask(1, hello("gpu"));
    let asked = server.asked();
    let hello_of_second = asked.body.id;
    assert_eq!(asked.body.command, hello("gpu"), "nobody chose before");
    second.ask(2, open("other"));
    let asked = server.asked();
    assert_eq!(asked.body.command, open("stories"));
    // The session answers one greeting; later browsers get the device that was chosen.
    let device = DeviceSummary { name: "gpu".to_owned(), ..DeviceSummary::default() };
    let storage = StorageSummary { place: String::new(), lasting: true, used: None, quota: None };
    let (version, app_version, automatic) = (message::VERSION, String::new(), false);
    let ready = answer::Ready { version, app_version, device, automatic, storage };
    server.report(Some(hello_of_second), Event::Ready(ready));
    server.report(Some(hello_of_second), Event::Finished);
    assert_eq!([second.receive(), second.receive()].map(|received| received.request), [Some(1), Some(1)]);
    first.ask(9, hello("cpu"));
    assert_eq!(first.receive().event["device"]["name"], "gpu");
    assert_eq!(first.receive().event["event"], "finished");
    // The first is not told again of its own project.
    server.report(Some(asked.body.id), opened(1, "stories"));
    assert_eq!(second.receive().request, Some(2));
    first.ask(2, open("other"));
    server.report(Some(server.asked().body.id), opened(2, "other"));
    let received = [first.receive().request, second.receive().request];
    assert_eq!(received, [Some(2), None], "both are in the other project");
}

#[test]
fn a_watched_run_is_steered_and_no_other_begins() {
    let server = server(true);
    let cookie = server.cookie();
    let mut browser = server.browser(&cookie, "browser=a");
    browser.ask(1, open("/projects/own"));
    assert_eq!(server.asked().body.command, open("/projects/own"));
    browser.ask(2, Command::create("another"));
    browser.is_refused(2, ErrorKind::Refused);
    browser.ask(3, Steer::Stop);
    assert_eq!(server.asked().body.command, Steer::Stop.into());
}
