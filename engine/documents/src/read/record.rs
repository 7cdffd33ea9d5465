//! Converts a record of named values to a document, for any file format.

use super::Trouble;
use super::find::Source;
use super::notices::{Notice, Notices};
use super::settings::{Settings, bytes};
use super::shapes;
use crate::document::{Document, Kind};
use crate::fields;
use serde_json::{Map, Value};

/// Default text fields in order of preference.
pub(super) const TEXT: [&str; 2] = ["text", "content"];

/// Field names listed in a message; further ones are counted.
const NAMES: usize = 12;

#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) source: Source,
    pub(super) settings: Settings,
    notices: Notices,
}

impl Context {
    pub(super) fn new(source: Source, settings: Settings) -> Self {
        Self { source, settings, notices: Notices::default() }
    }

    pub(super) fn notice(&self, notice: Notice, number: Option<u64>) {
        self.notices.add(notice, number);
    }

    pub(super) fn noticed(&self) -> Vec<Trouble> {
        self.notices.take().into_iter().map(|reason| self.trouble(None, reason)).collect()
    }

    /// The id of a document: the file's name, plus the record's number if there are several.
    pub(super) fn id(&self, number: Option<u64>) -> String {
        match number {
            Some(number) => format!("{}#{number}", self.source.name),
            None => self.source.name.clone(),
        }
    }

    pub(super) fn trouble(&self, number: Option<u64>, reason: impl Into<String>) -> Trouble {
        let path = self.source.path.display();
        let place = number.map_or_else(|| path.to_string(), |number| format!("{path}#{number}"));
        // Names of fields and files may contain control characters.
        let plain = |text: String| {
            if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text }
        };
        Trouble { place: plain(place), reason: plain(reason.into()) }
    }

    pub(super) fn too_long(&self, number: Option<u64>, what: &str, limit: &str, value: usize) -> Trouble {
        let value = bytes(value as u64);
        self.trouble(
            number,
            format!(
                "{what} is longer than {value} and is skipped; split it, or raise reading.limits.{limit}"
            ),
        )
    }

    pub(super) fn document(&self, number: Option<u64>, kind: Kind, text: String) -> Document {
        Document {
            id: self.id(number),
            source: self.source.mixture.clone(),
            genre: self.source.genre.clone(),
            kind,
            text,
            ..Document::default()
        }
    }

    /// Converts a JSON value to a document.
    pub(super) fn value(&self, number: Option<u64>, value: Value) -> Result<Document, Trouble> {
        match value {
            Value::Object(record) => self.record(number, record),
            Value::String(text) if text.trim().is_empty() => Err(self.absent(number, "the text")),
            Value::String(text) => Ok(self.document(number, Kind::Plain, text)),
            other => {
                let name = match other {
                    Value::Null => "null",
                    Value::Array(_) => "an array",
                    Value::Bool(_) => "a boolean",
                    _ => "a number",
                };
                let reason = format!("is {name}, not a record; each record is an object in {{}}");
                Err(self.trouble(number, reason))
            }
        }
    }

    fn absent(&self, number: Option<u64>, what: &str) -> Trouble {
        self.trouble(number, format!("{what} is missing or empty"))
    }

    /// Converts a record to a document.
    pub(super) fn record(
        &self,
        number: Option<u64>,
        mut record: Map<String, Value>,
    ) -> Result<Document, Trouble> {
        let settings = &self.settings;
        let mut document = self.document(number, Kind::Plain, String::new());
        if settings.text_field.is_none()
            && let Some(text) = shapes::text(&record, &settings.join)
        {
            let text = text.map_err(|reason| self.trouble(number, reason))?;
            if text.trim().is_empty() {
                return Err(self.absent(number, "the conversation"));
            }
            document.text = text;
            document.kind = Kind::Conversation;
            describe(&mut document, &record);
            document.record = Some(record);
        } else {
            let found = || found(|name| record.contains_key(name));
            let name = settings.text_field.as_deref().unwrap_or_else(found);
            document.text = self.field(number, &mut record, name)?;
            describe(&mut document, &record);
            // Its other fields stay with the document.
            document.record = (!record.is_empty()).then_some(record);
        }
        Ok(document)
    }

    /// Checks that columns with these names form records. Fails if none of them holds the text, or two that may hold it have the
    /// same name.
    pub(super) fn check_columns(&self, names: &[String]) -> Result<(), String> {
        let settings = &self.settings;
        let list = |names: &[String]| self.list(names.iter().map(String::as_str), names.len());
        let mut sorted: Vec<&String> = names.iter().filter(|name| self.may_be_text(name)).collect();
        sorted.sort();
        if let Some([name, _]) = sorted.array_windows().find(|[name, next]| name == next) {
            return Err(format!("has two columns named `{name}`; rename one of them"));
        }
        let has = |name: &str| names.iter().any(|known| known == name);
        if let Some(name) = &settings.text_field {
            if has(name) || outer(name).is_some_and(|(outer, _)| has(outer)) {
                return Ok(());
            }
            return Err(format!(
                "has no column `{name}` (its columns are {}); correct reading.text_field",
                list(names)
            ));
        }
        if shapes::fields(has).is_some() || TEXT.iter().any(|name| has(name)) {
            return Ok(());
        }
        Err(format!(
            "has no column `text` (its columns are {}); name the column of text in reading.text_field (`glasshouse data clean --text-field`)",
            list(names)
        ))
    }

    /// Whether text may be taken from a field of this name.
    pub(super) fn may_be_text(&self, name: &str) -> bool {
        self.is_text(name) || shapes::is_text(name)
    }

    /// Whether the text is in the column of this name, or in a field inside it.
    pub(super) fn is_text(&self, name: &str) -> bool {
        match &self.settings.text_field {
            None => TEXT.contains(&name),
            Some(field) => field == name || outer(field).is_some_and(|(outer, _)| outer == name),
        }
    }

    fn list<'name>(&self, names: impl Iterator<Item = &'name str>, count: usize) -> String {
        let shown: Vec<String> = names
            .take(NAMES)
            .map(|name| format!("`{}`", name.chars().take(40).collect::<String>()))
            .collect();
        let more = count.saturating_sub(shown.len());
        shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    }

    fn field(
        &self,
        number: Option<u64>,
        record: &mut Map<String, Value>,
        name: &str,
    ) -> Result<String, Trouble> {
        let text = match take(record, name) {
            Some(Value::String(text)) => text,
            Some(Value::Null) => String::new(),
            Some(Value::Number(value)) => value.to_string(),
            Some(Value::Array(values)) if values.iter().all(Value::is_string) => {
                let parts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
                parts.join(&self.settings.join)
            }
            Some(_) => return Err(self.trouble(number, format!("the field `{name}` is not a string"))),
            None => return Err(self.trouble(number, self.without(record, name))),
        };
        if text.trim().is_empty() {
            return Err(self.absent(number, &format!("the field `{name}`")));
        }
        Ok(text)
    }

    fn without(&self, record: &Map<String, Value>, name: &str) -> String {
        if record.is_empty() {
            return format!("has no field `{name}`: it is empty");
        }
        let names = self.list(record.keys().map(String::as_str), record.len());
        format!(
            "has no field `{name}` (it has {names}); name the field of text in reading.text_field (`glasshouse data clean --text-field`)"
        )
    }
}

pub(super) fn found(has: impl Fn(&str) -> bool) -> &'static str {
    TEXT.into_iter().find(|name| has(name)).unwrap_or("text")
}

/// Splits a dotted name into the outermost field and the rest.
fn outer(name: &str) -> Option<(&str, &str)> {
    name.split_once('.')
}

/// Takes a field out of a record: one with this name, or a nested one by its dotted path.
fn take(record: &mut Map<String, Value>, name: &str) -> Option<Value> {
    if let Some(value) = record.shift_remove(name) {
        return Some(value);
    }
    let (outer, inner) = outer(name)?;
    take(record.get_mut(outer)?.as_object_mut()?, inner)
}

/// The value of the first of these fields that holds a short text or a number, also in `metadata` or `meta`.
fn named(record: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let short = |value: &Value| match value {
        Value::String(text) => fields::short(text).map(str::to_owned),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let inside = ["metadata", "meta"].iter().filter_map(|name| record.get(*name)?.as_object());
    let mut places = std::iter::once(record).chain(inside);
    places.find_map(|place| names.iter().find_map(|name| short(place.get(*name)?)))
}

fn describe(document: &mut Document, record: &Map<String, Value>) {
    if let Some(source) = named(record, &["source"]) {
        document.source = source;
    }
    if let Some(genre) = named(record, &["genre"]) {
        document.genre = Some(genre);
    }
    if let Some(own) = named(record, &["id"]) {
        document.id = format!("{}:{own}", document.id);
    }
    document.licence = named(record, &["licence", "license"]).and_then(|value| fields::licence(&value));
    document.language = named(record, &["language", "lang"]).and_then(|value| fields::language(&value));
    document.date = named(record, &["date", "created", "timestamp"]).and_then(|value| fields::date(&value));
    document.title = named(record, &["title"]);
    let address = ["url", "uri", "address"];
    let places = [Some(record), record.get("metadata").and_then(Value::as_object)];
    let mut places = places.into_iter().flatten();
    let address =
        places.find_map(|place| address.iter().find_map(|name| place.get(*name)?.as_str()).map(str::trim));
    document.address = address
        .filter(|address| address.len() <= MAX_ADDRESS_BYTES && address.contains("://"))
        .map(str::to_owned);
}

/// Maximum bytes of an address; browsers allow about as many.
const MAX_ADDRESS_BYTES: usize = 2048;
