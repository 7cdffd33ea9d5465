//! Who may use the served page: a link's token works once and becomes a cookie. Requests must name this machine, and come from its own pages.

use super::super::routes::is_host;
use axum::http::header::{COOKIE, HOST, HeaderValue, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use subtle::ConstantTimeEq as _;

/// Status and text of a refused request.
pub(super) type Refused = (StatusCode, &'static str);

pub(super) const REFUSED: Refused = (
    StatusCode::UNAUTHORIZED,
    "This page needs the link that the terminal prints. A link works once; after that, the terminal prints a new one.\n",
);

pub(super) struct Access {
    address: SocketAddr,
    cookie: String,
    /// The token of the current link.
    token: Mutex<String>,
    invite: Box<dyn Fn(&str) + Send + Sync>,
}

impl Access {
    pub(super) fn new(address: SocketAddr, invite: Box<dyn Fn(&str) + Send + Sync>) -> Result<Self, String> {
        Ok(Self { address, cookie: secret()?, token: Mutex::new(secret()?), invite })
    }

    /// Passes on a link with the current token.
    pub(super) fn invite(&self) {
        let mut reached = self.address;
        if reached.ip().is_unspecified() {
            reached.set_ip(outward().unwrap_or_else(|| IpAddr::from([127, 0, 0, 1])));
        }
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.invite)(&format!("http://{reached}/?token={token}"));
    }

    /// The cookie for the current link's token, which is used up; the next link is passed on.
    pub(super) fn redeem(&self, token: &str) -> Option<HeaderValue> {
        let next = secret().ok()?;
        {
            let mut current = self.token.lock().unwrap_or_else(PoisonError::into_inner);
            if !bool::from(current.as_bytes().ct_eq(token.as_bytes())) {
                return None;
            }
            *current = next;
        }
        self.invite();
        // Cookies do not distinguish ports.
        let (port, cookie) = (self.address.port(), &self.cookie);
        HeaderValue::from_str(&format!("glasshouse-{port}={cookie}; HttpOnly; SameSite=Strict; Path=/")).ok()
    }

    /// Refuses other machines' names, which may resolve to this one (DNS rebinding).
    pub(super) fn host(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let is_ours = |host: &HeaderValue| host.to_str().is_ok_and(|host| is_host(host, |_| true));
        let ours = headers.get(HOST).is_some_and(is_ours);
        ours.then_some(()).ok_or((StatusCode::FORBIDDEN, "open the page by localhost or an IP address\n"))
    }

    /// Refuses requests without the cookie.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refused> {
        self.host(headers)?;
        let name = format!("glasshouse-{}=", self.address.port());
        let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut shown =
            cookies.flat_map(|cookies| cookies.split("; ")).filter_map(|one| one.strip_prefix(&name));
        let known = shown.any(|shown| bool::from(shown.as_bytes().ct_eq(self.cookie.as_bytes())));
        known.then_some(()).ok_or(REFUSED)
    }

    /// Refuses WebSockets of other pages, which browsers allow and send with cookies.
    pub(super) fn same_origin(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let origin = text(ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        let own = origin.is_some() && origin == text(HOST);
        own.then_some(()).ok_or((StatusCode::FORBIDDEN, "only the page itself may connect\n"))
    }
}

/// 128 random bits in hexadecimal.
fn secret() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system has no random numbers: {error}"))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// The address by which other machines reach this one. Nothing is sent.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:80").ok()?;
    Some(socket.local_addr().ok()?.ip())
}
