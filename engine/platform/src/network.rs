//! Downloads over HTTP.

/// Message for a file of more than `most` bytes.
fn too_long(most: u64) -> String {
    format!("it exceeds {most} bytes; choose another one")
}

#[cfg(not(target_arch = "wasm32"))]
mod client {
    use super::too_long;
    use crate::{Error, Result, spawn_blocking};
    use glasshouse_documents::catalogue::fetch::agent;
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::path::Path;
    use std::time::Duration;
    use ureq::http::StatusCode;

    /// Timeout of a silent server.
    const PATIENCE: Duration = Duration::from_secs(30);
    /// Bytes read at a time.
    const BLOCK: usize = 256 << 10;

    fn refusal(status: StatusCode) -> String {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!("its server answered {status}: there is no such public model; check its name")
            }
            status => format!("its server answered {status}; check the URL, or try again later"),
        }
    }

    fn failed(address: &str, reason: impl std::fmt::Display) -> Error {
        Error::Refused(format!("cannot download {address}: {reason}"))
    }

    /// No server was reached, or the transfer was interrupted.
    fn unreached(address: &str, error: impl std::fmt::Display) -> Error {
        failed(address, format!("{error}; check the URL and the connection, then try again"))
    }

    /// Whether a file exists, and its length if the server reports it.
    pub async fn find(address: &str) -> Result<Option<Option<u64>>> {
        let address = address.to_owned();
        spawn_blocking(move || {
            let head = agent(&address, PATIENCE).head(&address).call();
            let answer = match head.map_err(|error| unreached(&address, error))? {
                // The server supports only GET; the body is not read.
                answer
                    if matches!(
                        answer.status(),
                        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
                    ) =>
                {
                    agent(&address, PATIENCE)
                        .get(&address)
                        .call()
                        .map_err(|error| unreached(&address, error))?
                }
                answer => answer,
            };
            match answer.status() {
                StatusCode::NOT_FOUND => Ok(None),
                status if status.is_success() => {
                    let length = answer.headers().get("content-length");
                    Ok(Some(length.and_then(|length| length.to_str().ok()?.parse().ok())))
                }
                status => Err(failed(&address, refusal(status))),
            }
        })
        .await?
    }

    /// Downloads a file of at most `most` bytes; `on_received` gets the number received so far. Dropping the future cancels the transfer. Fails
    /// if no server answers, it refuses or sends too much, or writing fails.
    pub async fn fetch(address: &str, to: &Path, most: u64, on_received: &mut dyn FnMut(u64)) -> Result<()> {
        let (sender, messages) = async_channel::unbounded();
        let (address, to) = (address.to_owned(), to.to_owned());
        let transfer = move || {
            // Fails once the future was dropped, and with it the receiver.
            let goes_on = |done| sender.try_send(TransferMessage::Received(done)).is_ok();
            let done = receive(&address, &to, most, goes_on);
            sender.try_send(TransferMessage::Ended(done)).ok();
        };
        std::thread::Builder::new()
            .name("glasshouse-fetch".to_owned())
            .spawn(transfer)
            .map_err(|error| Error::Internal(format!("cannot start a download thread: {error}")))?;
        loop {
            match messages.recv().await {
                Ok(TransferMessage::Received(done)) => on_received(done),
                Ok(TransferMessage::Ended(done)) => return done,
                Err(_) => return Err(Error::Internal("a download ended without a result".to_owned())),
            }
        }
    }

    /// Messages of a transfer.
    enum TransferMessage {
        Received(u64),
        Ended(Result<()>),
    }

    /// Receives a file while `goes_on`, called with the number of bytes so far, returns true.
    fn receive(address: &str, to: &Path, most: u64, goes_on: impl Fn(u64) -> bool) -> Result<()> {
        let answer =
            agent(address, PATIENCE).get(address).call().map_err(|error| unreached(address, error))?;
        if !answer.status().is_success() {
            return Err(failed(address, refusal(answer.status())));
        }
        let mut body = answer.into_body().into_with_config().limit(u64::MAX).reader();
        let mut file = File::create(to).map_err(Error::io(to))?;
        let (mut block, mut done) = (vec![0; BLOCK], 0);
        loop {
            let count = body.read(&mut block).map_err(|error| unreached(address, error))?;
            done += count as u64;
            if done > most {
                return Err(failed(address, too_long(most)));
            }
            file.write_all(&block[..count]).map_err(Error::io(to))?;
            if count == 0 || !goes_on(done) {
                return Ok(());
            }
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod client {
    use super::too_long;
    use crate::{Error, Result, files};
    use js_sys::{Reflect, Uint8Array};
    use std::io::Write as _;
    use std::path::Path;
    use wasm_bindgen::prelude::wasm_bindgen;
    use wasm_bindgen::{JsCast as _, JsValue};

    #[wasm_bindgen]
    extern "C" {
        /// A file being downloaded; defined in `network-link.js`.
        #[derive(Debug)]
        type NetworkFile;
        #[wasm_bindgen(constructor)]
        fn new(address: &str) -> NetworkFile;
        /// Null if the file does not exist, -1 if its length is unknown.
        #[wasm_bindgen(method, catch)]
        async fn find(this: &NetworkFile) -> std::result::Result<JsValue, JsValue>;
        /// The next bytes; undefined at the end.
        #[wasm_bindgen(method, catch)]
        async fn next(this: &NetworkFile) -> std::result::Result<JsValue, JsValue>;
        #[wasm_bindgen(method)]
        fn end(this: &NetworkFile);
    }

    /// Cancels the transfer on drop.
    struct EndOnDrop(NetworkFile);

    impl Drop for EndOnDrop {
        fn drop(&mut self) {
            self.0.end();
        }
    }

    fn failed(address: &str, error: &JsValue) -> Error {
        let reason = Reflect::get(error, &"message".into()).ok().and_then(|text| text.as_string());
        let reason = reason.unwrap_or_else(|| format!("{error:?}"));
        Error::Refused(format!("cannot download {address}: {reason}"))
    }

    /// Whether a file exists, and its length if the server reports it. Fails if no server answers, it refuses, or it does not allow
    /// cross-origin requests.
    pub async fn find(address: &str) -> Result<Option<Option<u64>>> {
        let file = EndOnDrop(NetworkFile::new(address));
        let length = file.0.find().await.map_err(|error| failed(address, &error))?;
        Ok(length.as_f64().map(|length| (length >= 0.0).then_some(length as u64)))
    }

    /// Downloads a file of at most `most` bytes; `on_received` gets the number received so far. Dropping the future cancels the transfer. Fails
    /// if no server answers, it refuses or sends too much, or memory is full.
    pub async fn fetch(address: &str, to: &Path, most: u64, on_received: &mut dyn FnMut(u64)) -> Result<()> {
        let source = EndOnDrop(NetworkFile::new(address));
        let mut file = files::File::create(to).map_err(Error::io(to))?;
        let mut done = 0;
        loop {
            let bytes = source.0.next().await.map_err(|error| failed(address, &error))?;
            let Ok(bytes) = bytes.dyn_into::<Uint8Array>() else { return Ok(()) };
            done += u64::from(bytes.length());
            if done > most {
                crate::refuse!("cannot download {address}: {}", too_long(most));
            }
            file.write_all(&bytes.to_vec()).map_err(Error::io(to))?;
            on_received(done);
        }
    }
}

pub use client::{fetch, find};
