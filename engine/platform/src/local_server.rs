//! Other programs that serve HTTP on this machine; none in a browser.

#[cfg(not(target_arch = "wasm32"))]
mod server {
    use crate::{Error, Result, Yielder};
    use serde_json::Value;
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io::ErrorKind;
    use std::net::TcpListener;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};
    use ureq::http::{Response, StatusCode};

    /// Maximum time for loading a model, and for an answer.
    const PATIENCE: Duration = Duration::from_mins(5);
    /// Interval of questions whether it is ready.
    const GLANCE: Duration = Duration::from_millis(50);
    const MAX_LINE_CHARACTERS: usize = 300;

    /// A running server, which is ended on drop.
    #[derive(Debug)]
    pub struct LocalServer {
        child: Child,
        agent: ureq::Agent,
        address: String,
    }

    impl LocalServer {
        /// Starts a program with `arguments`, `--host` and `--port`, and waits until its `/health` answers. Its messages go to the file
        /// `log`. `None` if there is no such program. Blocks the thread between yields. Fails if the program ends or does not answer.
        pub async fn start(
            program: &str,
            arguments: &[&OsStr],
            log: &Path,
            yielder: &Yielder,
        ) -> Result<Option<Self>> {
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .map_err(|error| Error::Refused(format!("no free port for {program}: {error}")))?
                .port();
            let output = File::create(log).map_err(Error::io(log))?;
            let errors = output.try_clone().map_err(Error::io(log))?;
            let mut command = Command::new(program);
            command.args(arguments).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
            command.stdin(Stdio::null()).stdout(output).stderr(errors);
            // It would reject our requests.
            command.env_remove("LLAMA_API_KEY");
            let child = match command.spawn() {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                child => {
                    child.map_err(|error| Error::Refused(format!("{program} does not start: {error}")))?
                }
            };
            let agent = ureq::Agent::config_builder()
                // A proxy cannot reach this machine's own address.
                .proxy(None)
                .http_status_as_error(false)
                .timeout_global(Some(PATIENCE))
                .build();
            let address = format!("http://127.0.0.1:{port}");
            let mut server = Self { child, agent: ureq::Agent::new_with_config(agent), address };
            let began = Instant::now();
            loop {
                let health = server.agent.get(format!("{}/health", server.address)).call();
                if health.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                    return Ok(Some(server));
                }
                if server.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                    let messages = std::fs::read(log).map_err(Error::io(log))?;
                    crate::refuse!("{program} ended: {}", reason(&messages));
                }
                if began.elapsed() > PATIENCE {
                    crate::refuse!("{program} does not answer");
                }
                std::thread::sleep(GLANCE);
                yielder.maybe_yield().await;
            }
        }

        pub fn get(&self, path: &str) -> Result<Value> {
            json(path, self.agent.get(format!("{}{path}", self.address)).call())
        }

        pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
            let request = self.agent.post(format!("{}{path}", self.address));
            json(path, request.header("content-type", "application/json").send(body.to_string()))
        }
    }

    impl Drop for LocalServer {
        fn drop(&mut self) {
            // It may have ended before.
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }

    fn json(path: &str, answer: std::result::Result<Response<ureq::Body>, ureq::Error>) -> Result<Value> {
        let failed = |reason: String| Error::Refused(format!("{path} failed: {reason}"));
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let body = answer.into_body().into_with_config().limit(u64::MAX).read_to_vec();
        let body = body.map_err(|error| failed(error.to_string()))?;
        if status != StatusCode::OK {
            return Err(failed(format!("{status} {}", reason(&body))));
        }
        serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
    }

    /// The first line about an error, or else the last line.
    fn reason(messages: &[u8]) -> String {
        let text = String::from_utf8_lossy(messages);
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
        let line = lines().find(|line| line.to_lowercase().contains("error")).or_else(|| lines().next_back());
        line.unwrap_or("without a message").chars().take(MAX_LINE_CHARACTERS).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[cfg(unix)]
        #[test]
        fn a_program_that_is_missing_is_none_and_one_that_ends_says_why() {
            let folder = tempfile::tempdir().unwrap();
            let log = folder.path().join("log");
            let start = |program, arguments: &[&OsStr]| {
                crate::block_on(LocalServer::start(program, arguments, &log, &Yielder::none()))
            };
            assert!(start("glasshouse-no-such-program", &[]).unwrap().is_none());
            let script = "echo start; echo 'llama_model_load: error loading model: x' >&2; echo end";
            let error = start("sh", &["-c".as_ref(), script.as_ref()]).unwrap_err().to_string();
            assert_eq!(error, "sh ended: llama_model_load: error loading model: x");
        }

        #[test]
        fn a_reason_is_one_short_line() {
            assert_eq!(reason(b"one\ntwo\n\n"), "two");
            assert_eq!(reason(b""), "without a message");
            assert_eq!(reason(&b"x".repeat(4000)).len(), MAX_LINE_CHARACTERS);
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod server {
    use crate::{Result, Yielder};
    use serde_json::Value;
    use std::ffi::OsStr;
    use std::path::Path;

    /// A running server; a page can start none.
    #[derive(Debug)]
    pub enum LocalServer {}

    impl LocalServer {
        /// Always `None`.
        pub async fn start(_: &str, _: &[&OsStr], _: &Path, _: &Yielder) -> Result<Option<Self>> {
            Ok(None)
        }

        pub fn get(&self, _: &str) -> Result<Value> {
            match *self {}
        }

        pub fn post(&self, _: &str, _: &Value) -> Result<Value> {
            match *self {}
        }
    }
}

pub use server::LocalServer;
