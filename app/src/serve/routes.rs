//! Endpoints and access control.

use super::bodies::{Head, now};
use super::fields::Fields;
use super::refusal::Refusal;
use super::stream::stream;
use super::wanted::{Endpoint, Wanted};
use super::*;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, ORIGIN};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use glasshouse_protocol::{Command, Ending, Event, RunSummary};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

/// The list of endpoints for error messages.
const ENDPOINTS: &str = "endpoints: GET /v1/models, POST /v1/completions, POST /v1/chat/completions, POST /v1/responses, POST /v1/embeddings, POST /tokenize, POST \
    /detokenize, GET /metrics and GET /health";

/// Health check; needs no token.
const HEALTH: &str = "/health";

const METRICS: &str = "/metrics";

type Answer = Result<Response, Refusal>;

/// The router of all endpoints.
///
/// # Errors
/// `cors` is not an origin.
pub(super) fn router(served: &Arc<Served>) -> Result<Router, String> {
    let completions = |endpoint| {
        post(move |State(served): State<Arc<Served>>, body: Body| complete(endpoint, served, body))
    };
    let router = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model))
        .route("/v1/completions", completions(Endpoint::Completions))
        .route("/v1/chat/completions", completions(Endpoint::Chat))
        .route("/v1/responses", completions(Endpoint::Responses))
        .route("/v1/embeddings", completions(Endpoint::Embeddings))
        .route("/tokenize", completions(Endpoint::Tokenize))
        .route("/detokenize", completions(Endpoint::Detokenize))
        .route(METRICS, get(metrics))
        .route(HEALTH, get(async || json_response(StatusCode::OK, &json!({ "status": "ok" }))))
        .fallback(async |request: Request| {
            let message = format!("unknown path {}; {ENDPOINTS}", request.uri().path());
            Refusal::new(StatusCode::NOT_FOUND, None, message)
        })
        .method_not_allowed_fallback(async |request: Request| {
            let message =
                format!("{} is not allowed for {}; {ENDPOINTS}", request.method(), request.uri().path());
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, None, message)
        })
        .with_state(served.clone())
        .layer(from_fn_with_state(served.clone(), admit));
    Ok(match cors(&served.settings)? {
        Some(cors) => router.layer(cors),
        None => router,
    })
}

/// What pages of other origins may request.
fn cors(settings: &ServerSettings) -> Result<Option<CorsLayer>, String> {
    let Some(origin) = &settings.cors else { return Ok(None) };
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request());
    if origin == "*" {
        return Ok(Some(layer.allow_origin(Any)));
    }
    match origin.parse::<HeaderValue>() {
        Ok(own) if origin.contains("://") && !origin.ends_with('/') => Ok(Some(layer.allow_origin(own))),
        _ => {
            Err(format!("{origin} is not the origin of a web page; use the form http://localhost:3000, or *"))
        }
    }
}

/// Serves admitted requests, and counts all except those for the counts.
async fn admit(State(served): State<Arc<Served>>, request: Request, next: Next) -> Response {
    let is_counted = request.uri().path() != METRICS;
    let response = match check(&served.settings, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if is_counted {
        *served.counts().requests.entry(response.status().as_u16()).or_default() += 1;
    }
    response
}

/// Access control of requests.
fn check(settings: &ServerSettings, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let forbidden = |message: &str| Err(Refusal::new(StatusCode::FORBIDDEN, None, message));
    // Other sites' pages must not keep the server busy, even if they could not read the response.
    let allowed = settings.cors.as_deref();
    let is_refused = |origin: &HeaderValue| {
        let is_allowed =
            allowed.is_some_and(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes());
        !is_allowed && origin.to_str().ok().is_none_or(is_foreign)
    };
    if headers.get(ORIGIN).is_some_and(is_refused) {
        return forbidden(
            "web pages of other sites are not allowed; start the server with --cors, or set the page's origin on the Settings page",
        );
    }
    match &settings.token {
        // Monitoring has no token, and learns nothing else here.
        Some(_) if request.uri().path() == HEALTH => {}
        Some(token) => {
            let shown = headers.get(AUTHORIZATION).and_then(|value| shown(value.as_bytes()));
            let is_right = shown.is_some_and(|shown| bool::from(shown.ct_eq(token.as_bytes())));
            if !is_right {
                let message =
                    "the token is missing or wrong; send the server's token as `Authorization: Bearer TOKEN`";
                let code = Some("invalid_api_key");
                return Err(Refusal::new(StatusCode::UNAUTHORIZED, code, message));
            }
        }
        // Protects against DNS rebinding: another site's name may resolve to this machine, but then `Host` contains it. The other site
        // does not know a token.
        None => {
            let is_ours = |host: &HeaderValue| host.to_str().is_ok_and(|host| is_host(host, |_| true));
            if !headers.get(HOST).is_none_or(is_ours) {
                return forbidden(
                    "this server answers requests to IP addresses and localhost; a server with a token also answers to other names",
                );
            }
        }
    }
    Ok(())
}

/// Counters for Prometheus.
async fn metrics(State(served): State<Arc<Served>>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, kind)], served.metrics()).into_response()
}

/// The token of an `Authorization` header; the scheme is case-insensitive.
fn shown(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at(header.iter().position(|byte| *byte == b' ')?);
    scheme.eq_ignore_ascii_case(b"Bearer").then(|| token.trim_ascii_start())
}

/// Whether a `Host` header is localhost, or an IP address that `is_meant`.
pub(super) fn is_host(host: &str, is_meant: impl Fn(IpAddr) -> bool) -> bool {
    let local = |name: &str| {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(&is_meant)
    };
    // An IPv6 address without a port contains colons.
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => local(name) || local(host),
        _ => local(host),
    }
}

/// Whether an `Origin` header names a web page that is not from this machine. Programs other than browsers use other schemes.
fn is_foreign(origin: &str) -> bool {
    match origin.split_once("://") {
        Some(("http" | "https", host)) => !is_host(host, |address| address.is_loopback()),
        Some(_) => false,
        None => true,
    }
}

async fn models(State(served): State<Arc<Served>>) -> Answer {
    let runs: Vec<Value> = runs(&served).await?.iter().map(described).collect();
    Ok(json_response(StatusCode::OK, &json!({ "object": "list", "data": runs })))
}

async fn model(State(served): State<Arc<Served>>, Path(name): Path<String>) -> Answer {
    Ok(json_response(StatusCode::OK, &described(known(&runs(&served).await?, &name)?)))
}

/// The run with this number, name or title.
pub(super) fn known<'run>(runs: &'run [RunSummary], name: &str) -> Result<&'run RunSummary, Refusal> {
    let called = runs.iter().rev().find(|run| run.is_called(name));
    called.or_else(|| runs.iter().rev().find(|run| run.title == name)).ok_or_else(|| {
        let known: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
        Refusal::no_model(match known.as_slice() {
            [] => format!("there is no model {name}, and no other model; train one first"),
            known => format!("there is no model {name}; available models: {}", known.join(", ")),
        })
    })
}

/// The runs that can generate text.
async fn runs(served: &Served) -> Result<Vec<RunSummary>, Refusal> {
    let mut ask = served.board.ask(vec![Command::ListRuns]).ok_or_else(Refusal::gone)?;
    while let Some((_, event)) = ask.next().await {
        match event {
            Event::Runs { mut runs } => {
                runs.retain(|run| run.writes() && !run.checkpoints.is_empty());
                return Ok(runs);
            }
            Event::Failed { error } => return Err(error.into()),
            _ => {}
        }
    }
    Err(Refusal::gone())
}

fn described(run: &RunSummary) -> Value {
    json!({
        "id": run.name,
        "object": "model",
        "created": if run.created == 0 { now() } else { run.created },
        "owned_by": "glasshouse",
    })
}

async fn complete(endpoint: Endpoint, served: Arc<Served>, body: Body) -> Answer {
    let fields = Fields::read(endpoint, body).await?;
    // A title may contain the colon that separates a run from its checkpoint.
    let runs = match &fields.model {
        Some(name) if name.contains(':') => runs(&served).await?,
        _ => Vec::new(),
    };
    let wanted = Wanted::new(endpoint, fields, &runs, &served)?;
    let places = served.take(wanted.texts()).ok_or_else(|| Refusal::full(served.most()))?;
    let mut ask = served.board.ask(wanted.commands()).ok_or_else(Refusal::gone)?;
    if wanted.streams {
        return stream(wanted, ask, served, places).await;
    }
    let mut completions: Vec<Option<Completion>> = vec![None; wanted.texts()];
    while let Some((at, event)) = ask.next().await {
        match event {
            Event::Completed { completion } if completion.ending == Ending::Interrupted => {
                return Err(Refusal::stopped());
            }
            Event::Completed { completion } => {
                served.count(&completion);
                completions[at] = Some(*completion);
            }
            Event::Failed { error } => return Err(error.into()),
            _ => {}
        }
    }
    let completions: Option<Vec<Completion>> = completions.into_iter().collect();
    let completions = completions.ok_or_else(Refusal::gone)?;
    Ok(json_response(StatusCode::OK, &Head::of(&wanted).whole(&wanted, &completions)))
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::{is_foreign, is_host};

    #[test]
    fn names_of_this_machine_are_told_from_others() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080", "::1"] {
            assert!(is_host(host, |address| address.is_loopback()), "{host}");
        }
        for host in ["example.org", "localhost.example.org:80", "192.168.0.1:8080", "", ":80"] {
            assert!(!is_host(host, |address| address.is_loopback()), "{host}");
        }
        for (host, wanted) in
            [("192.168.0.1:8080", true), ("[2001:db8::1]:80", true), ("1.2.3.4.example.org", false)]
        {
            assert_eq!(is_host(host, |_| true), wanted, "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_told_from_those_of_this_machine() {
        for origin in ["https://example.org", "http://localhost.example.org:80", "null", ""] {
            assert!(is_foreign(origin), "{origin}");
        }
        for origin in
            ["http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:1", "app://obsidian.md"]
        {
            assert!(!is_foreign(origin), "{origin}");
        }
    }
}
