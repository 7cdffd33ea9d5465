//! The fields of a request's JSON, each checked as it is read.

use super::refusal::Refusal;
use axum::body::Body;
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use serde_json::{Map, Value};
use std::time::Duration;

/// Bytes of a request at most.
pub(super) const MAX_REQUEST_BYTES: usize = 4 << 20;
/// A request's body is here within this time.
const BODY: Duration = Duration::from_secs(30);

/// A JSON object.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a request's body.
    pub(super) async fn read(body: Body) -> Result<Self, Refusal> {
        let slow = |_| {
            let message = format!("the request was not whole after {} s", BODY.as_secs());
            Refusal::new(StatusCode::REQUEST_TIMEOUT, None, message)
        };
        let bytes = tokio::time::timeout(BODY, whole(body)).await.map_err(slow)??;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, None, message);
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(bad("the request is to be a JSON object, as {\"prompt\": \"Once\"}".to_owned())),
            Err(error) => Err(bad(format!("the request is no JSON: {error}"))),
        }
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A number within a range.
    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let (least, most) = (range.start(), range.end());
        let fits = value.as_f64().filter(|number| range.contains(number));
        let wrong = || {
            Refusal::bad(
                name,
                format!("{name} is {}; it must be a number between {least} and {most}", short(value)),
            )
        };
        fits.map(Some).ok_or_else(wrong)
    }

    /// A whole number within a range.
    pub(super) fn whole(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let (least, most) = (range.start(), range.end());
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        let wrong = || {
            let range = match *most {
                usize::MAX => format!("{least} or more"),
                most => format!("between {least} and {most}"),
            };
            Refusal::bad(name, format!("{name} is {}; it must be a whole number, {range}", short(value)))
        };
        number.filter(|number| range.contains(number)).map(Some).ok_or_else(wrong)
    }

    /// True, false, or not there.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => {
                Err(Refusal::bad(name, format!("{name} is {}; it must be true or false", short(value))))
            }
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value) => Err(Refusal::bad(name, format!("{name} is {}; it must be a text", short(value)))),
        }
    }

    /// A text or a list of texts, those that are empty left out.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let wrong = |value: &Value| {
            Refusal::bad(name, format!("{name} is {}; it must be a text or a list of texts", short(value)))
        };
        let texts = match self.get(name) {
            None => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(value @ Value::Array(list)) => {
                let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<_>>>().ok_or_else(|| wrong(value))?
            }
            Some(value) => return Err(wrong(value)),
        };
        Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }

    /// Refuses a field that would change the answer and is not supported; one that changes nothing passes.
    pub(super) fn refuse(&self, name: &str, advice: &str) -> Result<(), Refusal> {
        let changes_nothing = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty() || text == "none" || text == "auto",
            Value::Array(list) => list.is_empty(),
            Value::Object(fields) => {
                fields.is_empty() || fields.get("type").and_then(Value::as_str) == Some("text")
            }
            Value::Bool(true) => false,
        };
        match self.0.get(name) {
            Some(value) if !changes_nothing(value) => {
                Err(Refusal::bad(name, format!("{name} is not supported; {advice}")))
            }
            _ => Ok(()),
        }
    }
}

/// A body's bytes, no more than are allowed.
async fn whole(body: Body) -> Result<Vec<u8>, Refusal> {
    let (mut pieces, mut bytes, mut count) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let broken = |error: axum::Error| {
            Refusal::new(StatusCode::BAD_REQUEST, None, format!("the request broke off: {error}"))
        };
        let piece = piece.map_err(broken)?;
        count += piece.len();
        // What is too much is read and forgotten: a client that still sends does not hear what it is told.
        if count <= MAX_REQUEST_BYTES {
            bytes.extend_from_slice(&piece);
        }
    }
    if count > MAX_REQUEST_BYTES {
        let message =
            format!("the request has more than {} MB; ask for less at once", MAX_REQUEST_BYTES >> 20);
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, None, message));
    }
    Ok(bytes)
}

/// A value for a message: not all of a long one.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: &Value) -> Fields {
        Fields::parse(value.to_string().as_bytes()).unwrap()
    }

    fn said<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.unwrap_err().body()["error"]["message"].as_str().unwrap().to_owned()
    }

    #[test]
    fn what_is_wrong_is_said_of_the_field() {
        let fields =
            fields(&json!({ "a": "x", "b": 3.5, "c": [1], "d": null, "e": -1, "f": true, "g": ["", "y"] }));
        assert!(said(fields.number("a", 0.0..=2.0)).contains("a is \"x\""));
        assert!(said(fields.number("b", 0.0..=2.0)).contains("between 0 and 2"));
        assert!(said(fields.whole("b", 0..=5)).contains("whole number"));
        assert!(said(fields.whole("e", 0..=5)).contains("-1"));
        assert!(said(fields.texts("c")).contains("list of texts"));
        assert!(said(fields.flag("a")).contains("true or false"));
        assert!(said(fields.refuse("f", "leave it out")).contains("leave it out"));
        assert_eq!(fields.number("d", 0.0..=1.0).unwrap(), None);
        assert_eq!(fields.texts("g").unwrap(), ["y"]);
        assert!(fields.refuse("d", "").is_ok());
        assert!(said(Fields::parse(b"{")).contains("no JSON"));
        assert!(said(Fields::parse(b"[1]")).contains("JSON object"));
        let long = Value::String("é".repeat(1000));
        assert!(short(&long).chars().count() < 50);
    }
}
