//! A session's messages as JSON lines, for a test to replay.

use glasshouse_protocol::message::{LogLine, LogMessage};
use std::io::Write;
use web_time::Instant;

pub struct Recorder {
    began: Instant,
    to: Box<dyn Write>,
}

impl Recorder {
    pub fn new(to: impl Write + 'static) -> Self {
        Self { began: Instant::now(), to: Box::new(to) }
    }

    /// Writes a message. Errors end neither the recording nor the session.
    pub fn write(&mut self, message: LogMessage) {
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Ok(line) = serde_json::to_string(&LogLine { at_ms, message }) {
            writeln!(self.to, "{line}").and_then(|()| self.to.flush()).ok();
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Recorder").field("began", &self.began).finish_non_exhaustive()
    }
}
