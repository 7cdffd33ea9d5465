//! Connections: accepted in order of arrival, up to a limit, and closed if they are idle.

use super::*;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Maximum connections; further ones wait until one ends. Many systems allow a program 1,024 file descriptors, some of which the engine
/// needs.
const CONNECTIONS: u32 = 512;
/// A client that reads nothing of a stream for this long is considered gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Timeout for a request's head, and for idle connections. Clients keep idle connections for at most 15 s by default, and should
/// close first: a request sent into a closing connection is lost.
const HEAD: Duration = Duration::from_secs(20);
/// Maximum size of a request's head in bytes.
const HEAD_BYTES: usize = 64 << 10;
/// Time for open requests to finish when the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// Delay before retrying if accepting fails.
const PAUSE: Duration = Duration::from_millis(50);

/// A server's thread. Dropping it stops accepting connections, and gives open ones up to ten seconds to finish.
#[derive(Debug)]
pub struct ServerThread {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    ended: async_channel::Receiver<()>,
}

impl ServerThread {
    /// Binds an address, and serves the router that `route` makes for it. Returns also what else `route` makes.
    ///
    /// # Errors
    /// A sentence: that of `route`, the clock is before 1970, the port is in use, the address does not belong to this machine, or no thread could be
    /// started.
    pub(super) fn start<T>(
        wished: SocketAddr,
        route: impl FnOnce(SocketAddr) -> Result<(Router, T), String>,
    ) -> Result<(Self, T), String> {
        if std::time::SystemTime::now() < std::time::UNIX_EPOCH {
            // hyper panics at the date of an answer.
            return Err(
                "the clock of this machine is before 1970, so the server cannot start; set it".to_owned()
            );
        }
        let refused = |error: std::io::Error| format!("the server cannot start: {error}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let listener = runtime.block_on(listen(wished))?;
        let address = listener.local_addr().map_err(refused)?;
        let (router, made) = route(address)?;
        let (stop, stopped) = watch::channel(false);
        let (last, ended) = async_channel::bounded::<()>(1);
        let serve = move || {
            runtime.block_on(accept(listener, router, stopped));
            // Dropping the runtime aborts requests still in progress.
            drop(runtime);
            drop(last);
        };
        std::thread::Builder::new().name("server".to_owned()).spawn(serve).map_err(refused)?;
        Ok((Self { address, stop, ended }, made))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A function that stops the server from any thread.
    pub fn stopper(&self) -> impl Fn() + Send + 'static + use<> {
        let stop = self.stop.clone();
        move || {
            stop.send_replace(true);
        }
    }

    /// A channel that carries nothing and closes when the server has ended.
    pub fn ended(&self) -> async_channel::Receiver<()> {
        self.ended.clone()
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    let (host, port) = (address.ip(), address.port());
    let next = port.wrapping_add(1).max(1024);
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            format!(
                "port {port} is in use by another program; choose another one, such as {next}, or 0 for any free one"
            )
        }
        ErrorKind::PermissionDenied => {
            format!("port {port} needs special privileges; use a port from 1024, such as 8080")
        }
        ErrorKind::AddrNotAvailable => {
            format!(
                "{host} is not an address of this machine; use --host 127.0.0.1, or 0.0.0.0 for all addresses"
            )
        }
        _ => format!("{address}: {error}"),
    })
}

/// Serves connections until `stopped`, then lets the open ones finish.
async fn accept(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let (free, service) = (Arc::new(Semaphore::new(CONNECTIONS as usize)), TowerToHyperService::new(router));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    loop {
        let (place, stream) = tokio::select! {
            taken = taken(&listener, &free) => taken,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        // Chunks of text are small and should arrive at once.
        stream.set_nodelay(true).ok();
        let connection = http.serve_connection(TokioIo::new(stream), service.clone()).with_upgrades();
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            // Errors of a connection concern only its client.
            tokio::select! {
                _ = connection.as_mut() => {}
                // Without the guard, which must not stay on a thread.
                _ = async { stopped.wait_for(|stopped| *stopped).await.is_ok() } => {
                    connection.as_mut().graceful_shutdown();
                    connection.await.ok();
                }
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::time::timeout(GRACE, free.acquire_many(CONNECTIONS)).await.ok();
}

/// The next connection with its place, once one is free. Without free file descriptors, retries later.
async fn taken(listener: &TcpListener, free: &Arc<Semaphore>) -> (Option<OwnedSemaphorePermit>, TcpStream) {
    // It is never closed.
    let place = free.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (place, stream),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
