//! The filter `tojson` as in transformers: Python's `json.dumps` without HTML escapes.

use super::values::Arguments;
use minijinja::value::{DynObject, Kwargs, Rest, Value, ValueKind};
use minijinja::{Error, State};

const MAX_DEPTH: usize = 128;

/// `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
pub(super) fn tojson(
    state: &State<'_, '_>,
    value: &Value,
    places: Rest<Value>,
    names: Kwargs,
) -> Result<Value, Error> {
    let given = Arguments { places, names };
    let ascii = given.is_true(0, "ensure_ascii")?;
    let indent = match given.get(1, "indent")? {
        Some(indent) if indent.is_integer() => {
            let spaces = indent.as_i64().unwrap_or(0).max(0);
            Some(
                " ".repeat(usize::try_from(spaces).ok().filter(|spaces| *spaces <= 64).ok_or_else(too_wide)?),
            )
        }
        Some(indent) => {
            Some(indent.as_str().filter(|indent| indent.len() <= 64).ok_or_else(too_wide)?.to_owned())
        }
        None => None,
    };
    let default = if indent.is_some() { "," } else { ", " };
    let (item, key) = match given.get(2, "separators")? {
        Some(pair) => {
            let part = |at: usize| pair.get_item_by_index(at).map(|part| part.to_string());
            (part(0)?, part(1)?)
        }
        None => (default.to_owned(), ": ".to_owned()),
    };
    let sorted = given.is_true(3, "sort_keys")?;
    given.names.assert_all_used()?;
    let mut writer = JsonWriter { state, ascii, indent, item, key, sorted, text: String::new(), paid: 0 };
    writer.value(value, 0)?;
    Ok(Value::from(writer.text))
}

fn too_wide() -> Error {
    super::invalid("tojson: indent must be a number or text of at most 64")
}

struct JsonWriter<'state> {
    state: &'state State<'state, 'state>,
    ascii: bool,
    indent: Option<String>,
    item: String,
    key: String,
    sorted: bool,
    text: String,
    /// Bytes for which fuel was charged.
    paid: usize,
}

impl JsonWriter<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.state.consume_fuel(1 + (self.text.len() - self.paid) as u64 / 16)?;
        self.paid = self.text.len();
        if depth > MAX_DEPTH {
            return Err(unwritable("values nested too deeply"));
        }
        match value.kind() {
            ValueKind::None => self.text.push_str("null"),
            ValueKind::Bool => self.text.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => self.text.push_str(&value.to_string()),
            ValueKind::Number => self.text.push_str(&float(f64::try_from(value.clone())?)),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                let mut count = 0;
                self.text.push('[');
                for item in value.try_iter()?.checked() {
                    self.between(count, depth + 1);
                    self.value(&item?, depth + 1)?;
                    count += 1;
                }
                self.end(count, depth, ']');
            }
            ValueKind::Map => self.map(value, depth)?,
            kind => return Err(unwritable(&kind.to_string())),
        }
        Ok(())
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let pairs = value.as_object().and_then(DynObject::try_iter_pairs);
        let mut pairs: Vec<(String, Value)> = pairs
            .into_iter()
            .flatten()
            .map(|(key, value)| Ok((name(&key)?, value)))
            .collect::<Result<_, Error>>()?;
        if self.sorted {
            pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
        }
        self.text.push('{');
        for (count, (key, value)) in pairs.iter().enumerate() {
            self.between(count, depth + 1);
            self.string(key);
            self.text.push_str(&self.key);
            self.value(value, depth + 1)?;
        }
        self.end(pairs.len(), depth, '}');
        Ok(())
    }

    /// Writes the separator before an item.
    fn between(&mut self, count: usize, depth: usize) {
        if count > 0 {
            self.text.push_str(&self.item);
        }
        self.line(depth);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = &self.indent {
            self.text.push('\n');
            for _ in 0..depth {
                self.text.push_str(indent);
            }
        }
    }

    fn end(&mut self, count: usize, depth: usize, bracket: char) {
        if count > 0 {
            self.line(depth);
        }
        self.text.push(bracket);
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                ' '..='~' => self.text.push(character),
                _ if character >= ' ' && !self.ascii => self.text.push(character),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        self.text.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        self.text.push('"');
    }
}

fn unwritable(what: &str) -> Error {
    super::invalid(format!("tojson cannot write {what}"))
}

/// Converts a key to a string like Python's `json`.
fn name(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number if key.is_integer() => Ok(key.to_string()),
        ValueKind::Number => Ok(float(f64::try_from(key.clone())?)),
        kind => Err(unwritable(&format!("keys of kind {kind}"))),
    }
}

/// Formats a number like Python's `repr`: shortest digits, with an exponent below −4 or above 15.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = number.to_string();
        if plain.contains('.') { plain } else { plain + ".0" }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        // [repr(x) for x in (0.0, -0.0, 1.0, 0.1, 1e15, 1e16, 1.5e16, 1e-4, 1e-5, 1.25e-7, 1e100, 123456.789)]
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.25e-7, "1.25e-07"),
            (1e100, "1e+100"),
            (123_456.789, "123456.789"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(number), expected);
        }
    }
}
