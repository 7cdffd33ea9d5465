//! Streamed responses as server-sent events.

use super::bodies::{Head, Piece, logprobs_of, text_of};
use super::connections::PATIENCE;
use super::refusal::Refusal;
use super::wanted::{Endpoint, Wanted};
use super::*;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use glasshouse_protocol::{Ending, Event, answer};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use tokio::sync::mpsc;

const DONE: &str = "data: [DONE]\n\n";
/// Maximum chunks waiting for the client.
const PIECES: usize = 64;

/// A running stream. Dropping it, for instance when the client disconnects, cancels the unfinished texts.
struct Stream {
    ask: Ask,
    served: Arc<Served>,
    wanted: Wanted,
    head: Head,
    /// For each text, whether it has begun, and the run that writes it.
    begun: Vec<bool>,
    runs: Vec<String>,
    completions: Vec<Option<Completion>>,
    /// Chunks to send.
    ready: VecDeque<Bytes>,
    over: bool,
    _places: OwnedSemaphorePermit,
    /// Number of response events sent.
    sequence: u64,
}

/// Responds with a stream once the first text arrives, so that a refused request gets its status code.
pub(super) async fn stream(
    wanted: Wanted,
    ask: Ask,
    served: Arc<Served>,
    places: OwnedSemaphorePermit,
) -> Result<Response, Refusal> {
    let (head, texts) = (Head::of(&wanted), wanted.texts());
    let mut stream = Stream {
        ask,
        served,
        _places: places,
        wanted,
        head,
        begun: vec![false; texts],
        runs: vec![String::new(); texts],
        completions: vec![None; texts],
        ready: VecDeque::new(),
        over: false,
        sequence: 0,
    };
    while stream.ready.is_empty() && !stream.over {
        stream.advance().await?;
    }
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::spawn(stream.run(sender));
    let pieces = futures_util::stream::unfold(pieces, async |mut pieces: mpsc::Receiver<Bytes>| {
        pieces.recv().await.map(|bytes| (Ok::<_, Infallible>(bytes), pieces))
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

impl Stream {
    /// Sends chunks until all texts have ended or the client is gone.
    async fn run(mut self, sender: mpsc::Sender<Bytes>) {
        loop {
            while let Some(bytes) = self.ready.pop_front() {
                if sender.send_timeout(bytes, PATIENCE).await.is_err() {
                    return;
                }
            }
            if self.over {
                return;
            }
            let advanced = tokio::select! {
                advanced = self.advance() => advanced,
                () = sender.closed() => return,
            };
            if let Err(refusal) = advanced {
                let mut body = refusal.body();
                if self.wanted.endpoint == Endpoint::Responses {
                    let (message, code) = (&body["error"]["message"], &body["error"]["code"]);
                    body = json!({ "type": "error", "message": message, "code": code, "param": null, "sequence_number": self.sequence });
                }
                self.send(&body);
                self.over = true;
            }
        }
    }

    async fn advance(&mut self) -> Result<(), Refusal> {
        match self.ask.next().await {
            Some((_, Event::Failed { error })) => return Err(error.into()),
            Some((at, Event::ModelOpened(answer::ModelOpened { run, .. }))) => self.runs[at] = run,
            // The prompt's text and log-probabilities are known only at the end, so everything is sent at once then.
            Some((at, Event::Written { text, .. })) if !self.is_whole() => {
                let run = self.runs[at].clone();
                self.send_piece(at, &run, &Piece::Text { text: &text, logprobs: Value::Null });
            }
            Some((at, Event::Completed { completion })) => {
                if completion.ending == Ending::Interrupted {
                    return Err(Refusal::stopped());
                }
                if self.is_whole() {
                    let (text, logprobs) = (text_of(&completion), logprobs_of(&self.wanted, &completion));
                    self.send_piece(at, &completion.run, &Piece::Text { text: &text, logprobs });
                }
                self.served.count(&completion);
                self.send_piece(at, &completion.run, &Piece::End(&completion));
                self.completions[at] = Some(*completion);
            }
            Some(_) => {}
            None => {
                let completions: Option<Vec<Completion>> = self.completions.iter().cloned().collect();
                let completions = completions.ok_or_else(Refusal::gone)?;
                self.over = true;
                if self.wanted.endpoint != Endpoint::Responses {
                    if self.wanted.includes_usage {
                        self.send(&self.head.usage(&self.wanted, &completions));
                    }
                    self.ready.push_back(Bytes::from_static(DONE.as_bytes()));
                }
            }
        }
        Ok(())
    }

    /// Whether texts are sent only once they are complete.
    fn is_whole(&self) -> bool {
        let settings = &self.wanted.settings;
        settings.log_probabilities.is_some() || settings.echo || !self.wanted.tools.is_empty()
    }

    fn send_piece(&mut self, at: usize, run: &str, piece: &Piece<'_>) {
        let begins =
            self.wanted.endpoint != Endpoint::Completions && !std::mem::replace(&mut self.begun[at], true);
        for piece in begins.then_some(&Piece::Begin).into_iter().chain([piece]) {
            if self.wanted.endpoint == Endpoint::Responses {
                let events = self.head.events(&self.wanted, run, piece, &mut self.sequence);
                events.iter().for_each(|event| self.send(event));
            } else {
                self.send(&self.head.piece(at, run, piece, &self.wanted.tools));
            }
        }
    }

    fn send(&mut self, body: &Value) {
        // Events of the Responses API carry their name.
        let kind = body["type"].as_str().map_or_else(String::new, |kind| format!("event: {kind}\n"));
        self.ready.push_back(Bytes::from(format!("{kind}data: {body}\n\n")));
    }
}
