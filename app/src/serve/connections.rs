//! Connections: accepted in the order of their arrival, as many as the system has files for, and closed where a client is idle: at once
//! where others wait.

use super::seats::{Seats, Watched, WatchedStream};
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Connections at once. For one more, the one that has been idle for longest is closed. Many systems give a program 1,024 files, of which
/// the engine needs some.
const CONNECTIONS: usize = 512;
/// A client says within this time what it wants; one that is idle for longer is closed. Clients keep idle connections for 15 s at most
/// unless told otherwise, and are to be the first to close them: what they send into a closing one is lost.
const HEAD: Duration = Duration::from_secs(20);
/// Bytes of a request's head at most.
const HEAD_BYTES: usize = 64 << 10;
/// What is under way when the server ends has this long.
const GRACE: Duration = Duration::from_secs(10);
/// Time until the next try where the system gives no connection.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        let port = address.port();
        match error.kind() {
            ErrorKind::AddrInUse => {
                format!(
                    "port {port} is in use by another program; name another (--port {}), or --port 0 for any",
                    port.wrapping_add(1).max(1024)
                )
            }
            ErrorKind::PermissionDenied => {
                format!("port {port} needs special privileges; use a port from 1024, such as --port 8080")
            }
            ErrorKind::AddrNotAvailable => {
                format!(
                    "{} is not an address of this machine; use --host 127.0.0.1, or 0.0.0.0 for all addresses",
                    address.ip()
                )
            }
            _ => format!("{address}: {error}"),
        }
    })
}

/// Serves connections until `stopped`, and then those that there are to their end.
pub(super) async fn accept(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let (seats, router) = (Seats::new(CONNECTIONS), TowerToHyperService::new(router));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    loop {
        let taken = async {
            let stream = taken(&listener).await;
            (seats.place().await, stream)
        };
        let (place, stream) = tokio::select! {
            taken = taken => taken,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        // Pieces of a text are small, and wanted at once.
        stream.set_nodelay(true).ok();
        let (router, seat) = (router.clone(), place.seat.clone());
        let stream = WatchedStream::new(TokioIo::new(stream), &seat);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = router.call(request.map(|body| Watched::request(body, &seat)));
            let seat = seat.clone();
            async move { Ok::<_, Infallible>(answer.await?.map(|body| Watched::answer(body, &seat))) }
        });
        let connection = graceful.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = place.seat.closed() => {}
                // What is wrong with a connection is its client's business.
                _ = connection => {}
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::time::timeout(GRACE, graceful.shutdown()).await.ok();
}

/// The next connection. Where the system has no files for one, it has some later.
async fn taken(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
