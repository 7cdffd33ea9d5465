//! Tests against a local server that can also simulate all kinds of faults.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::super::Length;
use super::receive::{Failure, fault, range};
use super::*;

#[derive(Clone, Debug)]
enum Answer {
    /// The file, or the requested part.
    Well,
    /// The whole file, ignoring ranges.
    Whole,
    /// Like [`Answer::Well`], but the connection ends after this many bytes.
    Cut(usize),
    /// Like [`Answer::Well`], but nothing arrives after this many bytes.
    Stall(usize),
    /// The file with a wrong length.
    Length(usize),
    /// The file without its length, followed by endless bytes.
    Endless,
    /// Without a length, ending after this many bytes.
    Unframed(usize),
    /// Another file with this content from now on.
    Change(Vec<u8>),
    /// This content from now on, and the connection ends after this many bytes.
    Begin(Vec<u8>, usize),
    OtherPart,
    /// Only this status.
    Status(u16),
    /// A redirect to this address.
    Lead(String),
}

/// A server with a queue of answers; after the last it answers correctly.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

struct State {
    content: Vec<u8>,
    answers: VecDeque<Answer>,
}

impl Server {
    fn new(content: &[u8], answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}/corpus.txt", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut state = State { content: content.to_vec(), answers: answers.iter().cloned().collect() };
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                // A connection closed by the client does not affect the next.
                if let Ok(Some(stalled)) = answer(&mut state, stream, &seen) {
                    held.push(stalled);
                }
            }
        });
        Self { address, requests }
    }

    /// The `Range` values of the requests, in order; empty if a request had none.
    fn ranges(&self) -> Vec<String> {
        let line = |request: &String| {
            let line = request.lines().find(|line| line.starts_with("range:")).unwrap_or_default();
            line.trim_start_matches("range:").trim().to_owned()
        };
        self.requests.lock().expect("requests").iter().map(line).collect()
    }
}

/// Answers one request; returns a stream that must stay open and silent.
fn answer(
    state: &mut State,
    stream: TcpStream,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<Option<TcpStream>> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    while reader.read_line(&mut request)? > 2 {}
    let request = request.to_lowercase();
    seen.lock().expect("requests").push(request.clone());
    let next = state.answers.pop_front().unwrap_or(Answer::Well);
    if let Answer::Change(content) | Answer::Begin(content, _) = &next {
        state.content.clone_from(content);
    }
    let range = request.lines().find_map(|line| line.strip_prefix("range: bytes="));
    let start: usize = range.and_then(|range| range.trim().trim_end_matches('-').parse().ok()).unwrap_or(0);
    let partial = start > 0 && !matches!(next, Answer::Whole);
    let total = state.content.len();
    let body = if partial { state.content.get(start..).unwrap_or_default() } else { &state.content };
    let head = |status: &str, length: Option<usize>| {
        let length = length.map(|length| format!("content-length: {length}\r\n")).unwrap_or_default();
        format!("HTTP/1.1 {status}\r\nconnection: close\r\n{length}\r\n")
    };
    let fitting = match partial {
        true if body.is_empty() => head("416 Range Not Satisfiable", Some(0)),
        true => head(
            &format!("206 Partial Content\r\ncontent-range: bytes {start}-{}/{total}", total - 1),
            Some(body.len()),
        ),
        false => head("200 OK", Some(body.len())),
    };
    let mut stream = stream;
    let mut send =
        |head: &str, body: &[u8]| stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    match next {
        Answer::Well | Answer::Whole | Answer::Change(_) => send(&fitting, body)?,
        Answer::Cut(bytes) | Answer::Begin(_, bytes) => send(&fitting, body.get(..bytes).unwrap_or(body))?,
        Answer::Stall(bytes) => {
            send(&fitting, body.get(..bytes).unwrap_or(body))?;
            return Ok(Some(stream));
        }
        Answer::Length(length) => send(&head("200 OK", Some(length)), body)?,
        Answer::Unframed(bytes) => send(&head("200 OK", None), body.get(..bytes).unwrap_or(body))?,
        Answer::Endless => {
            send(&head("200 OK", None), body)?;
            loop {
                send("", &[b'x'; 4096])?;
            }
        }
        Answer::OtherPart => {
            let range =
                format!("206 Partial Content\r\ncontent-range: bytes {}-{}/{total}", start + 1, total - 1);
            send(&head(&range, Some(total - start - 1)), body.get(1..).unwrap_or_default())?;
        }
        Answer::Status(status) => send(&head(&format!("{status} Said so"), Some(0)), b"")?,
        Answer::Lead(address) => send(&head(&format!("302 Found\r\nlocation: {address}"), Some(0)), b"")?,
    }
    Ok(None)
}

fn content() -> Vec<u8> {
    (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn entry(address: &str, content: &[u8]) -> Entry {
    let sum: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    Entry {
        name: "corpus",
        title: "A corpus",
        sentence: "For tests.",
        address: address.to_owned().leak(),
        file: "corpus.txt",
        format: "plain text",
        length: Length::Exact(content.len() as u64),
        sha256: sum.leak(),
        licence: "CC0-1.0",
        note: "",
    }
}

const IMPATIENT: Settings =
    Settings { attempts: 3, silence: Duration::from_millis(300), wait: Duration::from_millis(1) };

/// Fetches from a server with these answers into an empty folder; returns the result, and the files left in the folder.
fn outcome(answers: &[Answer]) -> (Result<Vec<u8>, String>, Vec<String>, Server, Vec<Progress>) {
    let content = content();
    let server = Server::new(&content, answers);
    let folder = tempfile::tempdir().expect("a folder");
    let mut progress = Vec::new();
    let result = fetch(&IMPATIENT, &entry(&server.address, &content), folder.path(), &mut |step| {
        progress.push(step);
        ControlFlow::Continue(())
    });
    let result = result.map(|path| std::fs::read(path).expect("the file")).map_err(|error| error.to_string());
    let mut left: Vec<String> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    (result, left, server, progress)
}

/// Asserts that the file is fetched by requests with these ranges.
fn assert_fetched(answers: &[Answer], ranges: &[&str]) -> Vec<Progress> {
    let (result, left, server, progress) = outcome(answers);
    assert!(result == Ok(content()), "{answers:?}: {:?}", result.err());
    assert_eq!(left, ["corpus.txt"], "{answers:?}");
    assert_eq!(server.ranges(), ranges, "{answers:?}");
    progress
}

fn fetched(entry: &Entry, folder: &Path) -> Result<PathBuf> {
    fetch(&IMPATIENT, entry, folder, &mut |_| ControlFlow::Continue(()))
}

fn assert_refused(answers: &[Answer], words: &[&str]) -> Server {
    let (result, left, server, _) = outcome(answers);
    let error = result.expect_err("refused");
    for word in words {
        assert!(error.contains(word), "{answers:?}: {error}");
    }
    assert_eq!(left, Vec::<String>::new(), "{answers:?}: nothing wrong is left");
    server
}

#[test]
fn a_file_is_fetched_and_its_arrival_told() {
    let progress = assert_fetched(&[], &[""]);
    assert_eq!(progress.last(), Some(&Progress::Verifying));
    let whole = content().len() as u64;
    assert!(progress.contains(&Progress::Received { bytes: whole, of: Some(whole) }));
}

#[test]
fn a_download_that_is_stopped_is_continued_next_time() {
    let content = content();
    let server = Server::new(&content, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let entry = entry(&server.address, &content);
    let stop = &mut |_| ControlFlow::Break(());
    let error = fetch(&IMPATIENT, &entry, folder.path(), stop).expect_err("stopped").to_string();
    assert!(error.contains("stopped") && error.contains("next time"), "{error}");
    assert!(folder.path().join("corpus.txt.part").is_file(), "what arrived is kept");
    let path = fetched(&entry, folder.path()).expect("fetched");
    assert!(std::fs::read(path).expect("the file") == content);
}

#[test]
fn what_is_there_already_is_checked_and_not_fetched() {
    let content = content();
    let server = Server::new(&content, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let entry = entry(&server.address, &content);
    let first = fetched(&entry, folder.path()).expect("fetched");
    assert_eq!(fetched(&entry, folder.path()).expect("there"), first);
    assert_eq!(server.ranges().len(), 1);
    std::fs::write(&first, "something of the person's own").expect("written");
    let error = fetched(&entry, folder.path()).expect_err("another file").to_string();
    assert!(error.contains("is not corpus") && error.contains(entry.sha256), "{error}");
    assert_eq!(std::fs::read(&first).expect("kept"), b"something of the person's own");
}

#[test]
fn a_connection_that_breaks_is_continued_where_it_broke() {
    let answers = [Answer::Cut(70_000), Answer::Cut(50_000)];
    let progress = assert_fetched(&answers, &["", "bytes=70000-", "bytes=120000-"]);
    assert_eq!(progress.iter().filter(|step| matches!(step, Progress::Again { .. })).count(), 2);
}

#[test]
fn whatever_a_server_does_wrong_once_the_file_is_fetched() {
    let (one, two) = (["", "bytes=70000-"], ["", "bytes=70000-", ""]);
    // It stalls, and is requested again; an early end without a length is a broken connection.
    assert_fetched(&[Answer::Stall(10_000)], &["", "bytes=10000-"]);
    assert_fetched(&[Answer::Unframed(30_000)], &["", "bytes=30000-"]);
    // It ignores ranges and sends everything; an unrequested part is not used; it is busy.
    assert_fetched(&[Answer::Cut(70_000), Answer::Whole], &one);
    assert_fetched(&[Answer::Cut(70_000), Answer::OtherPart], &two);
    assert_fetched(&[Answer::Status(503), Answer::Status(429)], &["", "", ""]);
    // It has an old file at first; the catalogue's version appears before the rest is requested.
    assert_fetched(&[Answer::Begin(vec![b'o'; 200_000], 70_000), Answer::Change(content())], &two);
}

#[test]
fn a_wrong_file_is_refused_with_both_sums() {
    let wrong = vec![b'w'; 200_000];
    let sum = |content: &[u8]| entry("", content).sha256;
    assert_refused(&[Answer::Change(wrong.clone())], &[sum(&wrong), sum(&content()), "not kept"]);
}

#[test]
fn a_length_that_is_not_the_catalogues_is_refused_before_the_bytes_come() {
    for length in [1, 199_999, 200_001, usize::MAX / 2] {
        let server = assert_refused(&[Answer::Length(length)], &[&length.to_string(), "200000", "discarded"]);
        assert_eq!(server.ranges().len(), 1);
    }
}

#[test]
fn a_server_that_does_not_stop_fills_no_disk() {
    assert_refused(&[Answer::Endless], &["more than 200000 bytes"]);
}

#[test]
fn what_is_not_there_is_said_at_once() {
    let (result, left, server, _) = outcome(&[Answer::Status(404)]);
    assert!(result.expect_err("not there").contains("404"));
    assert_eq!((left.len(), server.ranges().len()), (0, 1), "no second request was sent");
}

#[test]
fn a_server_that_never_gets_anywhere_is_given_up_and_the_part_kept() {
    let (result, left, server, _) =
        outcome(&[Answer::Cut(70_000), Answer::Cut(0), Answer::Cut(0), Answer::Cut(0)]);
    assert!(result.expect_err("given up").contains("continued next time"));
    assert_eq!(left, ["corpus.txt.part"]);
    assert_eq!(server.ranges().len(), 3);
}

#[test]
fn a_later_run_continues_with_the_part_and_starts_anew_where_it_is_of_no_use() {
    let content = content();
    let other = vec![b'o'; 70_000];
    // The existing part: correct; of another file; complete.
    for (left, ranges) in
        [(&content[..70_000], &["bytes=70000-"][..]), (&other, &["bytes=70000-", ""]), (&content[..], &[])]
    {
        let server = Server::new(&content, &[]);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("corpus.txt.part"), left).expect("written");
        let path = fetched(&entry(&server.address, &content), folder.path()).expect("fetched");
        assert_eq!(std::fs::read(path).expect("the file"), content);
        assert_eq!(server.ranges(), ranges);
    }
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("corpus.txt");
    let _held = PartialFile::open(&target).expect("a part");
    let error = PartialFile::open(&target).err().expect("held").to_string();
    assert!(error.contains("another download"), "{error}");
}

#[test]
fn a_server_that_cannot_be_reached_leaves_nothing_behind() {
    let address = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port that nobody listens on");
    let folder = tempfile::tempdir().expect("a folder");
    let entry = entry(&format!("http://{address}/corpus.txt"), b"x");
    let error = fetched(&entry, folder.path()).expect_err("nobody").to_string();
    assert!(
        error.contains(&format!("{address} cannot be reached")) && error.contains("nothing arrived"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn the_rest_is_asked_for_beyond_a_redirect_too() {
    let end = Server::new(&content(), &[Answer::Cut(70_000)]);
    let leads = [Answer::Lead(end.address.clone()), Answer::Lead(end.address.clone())];
    assert_fetched(&leads, &["", "bytes=70000-"]);
    assert_eq!(end.ranges(), ["", "bytes=70000-"]);
}

#[test]
fn redirects_are_followed_and_other_schemes_are_not() {
    let content = content();
    let end = Server::new(&content, &[]);
    assert_fetched_from(&[Answer::Lead(end.address.clone())], &content);
    for address in ["ftp://127.0.0.1/corpus.txt", "gopher://127.0.0.1/corpus.txt"] {
        let (result, left, ..) = outcome(&vec![Answer::Lead(address.to_owned()); 3]);
        assert!(result.is_err(), "{address}");
        assert!(left.iter().all(|name| name != "corpus.txt"));
    }
    let (result, ..) = outcome(&vec![Answer::Lead("/corpus.txt".to_owned()); 12]);
    assert!(result.expect_err("a circle").contains("cannot be opened"));
}

fn assert_fetched_from(answers: &[Answer], content: &[u8]) {
    let (result, ..) = outcome(answers);
    assert_eq!(result.as_deref(), Ok(content));
}

#[test]
fn plain_http_is_not_followed_from_https() {
    let server = Server::new(b"x", &[]);
    // Equivalent to a redirect within one call: the same agent, with an address that is not https.
    let entry = entry("https://127.0.0.1/corpus.txt", b"x");
    let error = agent(entry.address, IMPATIENT.silence).get(&server.address).call().expect_err("plain http");
    match fault(&entry, &error) {
        Failure::Final(error) => assert!(error.to_string().contains("not https"), "{error}"),
        Failure::Passing(reason) => panic!("tried again: {reason}"),
    }
    assert!(server.ranges().is_empty(), "nothing was asked");
}

#[test]
fn content_ranges_are_read() {
    assert_eq!(range("bytes 100-199/200"), Some((100, Some(200))));
    assert_eq!(range("bytes 0-1/*"), Some((0, None)));
    for text in ["", "bytes", "bytes */200", "bytes a-b/c", "items 0-1/2", "bytes 99999999999999999999-1/2"] {
        assert_eq!(range(text), None, "{text}");
    }
}
