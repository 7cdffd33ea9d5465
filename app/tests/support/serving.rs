//! A server of the real program, and real connections to it.

use super::program::{program, stories, train};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A folder with stories and a project `p`, whose model has a context of some tokens.
pub fn trained(context: usize) -> TempDir {
    let folder = stories(60);
    let context = format!("model.context_length={context}");
    train(folder.path(), &folder.path().join("p"), &["--set", &context]);
    folder
}

/// A running server; killed when dropped.
pub struct Serving {
    pub child: Child,
    /// The base URL for clients.
    pub base_url: String,
    /// Host and port.
    pub address: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}: {}", self.status, self.text))
    }

    /// The first choice of an answer.
    pub fn choice(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["choices"][0].clone()
    }
}

impl Serving {
    pub fn start(folder: &Path, project: &str, more: &[&str]) -> Self {
        let mut child = program(folder)
            .env_remove("GLASSHOUSE_TOKEN")
            .args(["serve", "--project", project, "--port", "0", "--device", "cpu"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base_url = line.trim().to_owned();
        let address = base_url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
        assert!(address.contains("127.0.0.1:"), "{line:?}");
        Self { child, base_url, address }
    }

    pub fn agent() -> ureq::Agent {
        let timeout = Some(Duration::from_secs(60));
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(timeout);
        config.build().new_agent()
    }

    pub fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
        let mut response = result.unwrap();
        let retry_after =
            response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        Answer { status: response.status().as_u16(), retry_after, text }
    }

    pub fn get(&self, path: &str) -> Answer {
        Self::answer(Self::agent().get(format!("{}{path}", self.base_url)).call())
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        Self::answer(Self::agent().post(format!("{}{path}", self.base_url)).send(body))
    }

    pub fn complete(&self, body: &Value) -> Answer {
        self.post("/completions", &body.to_string())
    }

    /// A connection on which bytes were sent.
    pub fn sent(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // The answer may arrive before everything is sent.
        stream.write_all(bytes).ok();
        stream
    }

    /// A connection on which completions were requested.
    pub fn asked(&self, body: &str) -> TcpStream {
        let (head, length) =
            ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length:", body.len());
        self.sent(format!("{head} {length}\r\n\r\n{body}").as_bytes())
    }

    /// The response to raw bytes until the connection closes.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut text = Vec::new();
        self.sent(bytes).read_to_end(&mut text).ok();
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// The events of a stream.
pub fn pieces(text: &str) -> Vec<Value> {
    let (body, end) = text.rsplit_once("data: [DONE]\n\n").unwrap_or_else(|| panic!("{text}"));
    assert_eq!(end, "");
    let events = body.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    events.map(|event| serde_json::from_str(event).unwrap()).collect()
}
