//! Methods of Python's strings, lists and dictionaries: those of `minijinja-contrib`, with fuel charged before allocations, and a
//! few more that templates use. Also Jinja2's filter `indent`, which keeps a trailing line break.

use super::invalid;
use super::values::{Arguments, listed};
use minijinja::value::{Kwargs, Rest, Value, ValueKind, from_args};
use minijinja::{Error, State};
use minijinja_contrib::pycompat;

/// Bytes per unit of fuel, as in minijinja, and bytes of a list item.
const BYTES: u64 = 64;
const ITEM: u64 = 40;
const MAX_INDENT: usize = 1000;
/// Maximum digits of a number in a format, which limits widths to 9,999.
const MAX_DIGITS: usize = 4;

pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    given: &[Value],
) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => string(state, value, method, given),
        ValueKind::Map if ["items", "keys", "values"].contains(&method) => {
            // Collect eagerly: a namespace that stored its own lazy items would contain itself.
            let lazy = pycompat::unknown_method_callback(state, value, method, given)?;
            listed(state, &lazy)
        }
        ValueKind::Seq if method == "index" => {
            let (wanted,): (&Value,) = from_args(given)?;
            let at = value.try_iter()?.position(|item| item == *wanted);
            at.map(Value::from).ok_or_else(|| invalid(format!("index: the list has no {wanted}")))
        }
        _ => pycompat::unknown_method_callback(state, value, method, given),
    }
}

fn pay(state: &State<'_, '_>, bytes: u64) -> Result<(), Error> {
    state.consume_fuel(1 + bytes / BYTES)
}

fn string(state: &mut State<'_, '_>, value: &Value, method: &str, given: &[Value]) -> Result<Value, Error> {
    let text = value.as_str().unwrap_or_default();
    let first = given.first().and_then(Value::as_str);
    pay(state, text.len() as u64)?;
    match method {
        "replace" => {
            let added = given.get(1).and_then(Value::as_str).map_or(0, str::len) as u64;
            pay(state, (first.map_or(0, |old| text.matches(old).count()) as u64).saturating_mul(added))?;
        }
        "split" => {
            let items = match first {
                Some("") => return Err(invalid("split: empty separator")),
                Some(separator) => text.matches(separator).count(),
                None => text.split_whitespace().count(),
            };
            pay(state, (items as u64).saturating_mul(ITEM))?;
        }
        "splitlines" => pay(state, (text.lines().count() as u64).saturating_mul(ITEM))?,
        "join" => return join(state, text, given),
        "format" => payable_format(state, text, given)?,
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(given)?;
            return Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)));
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(given)?;
            return Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)));
        }
        _ => {}
    }
    pycompat::unknown_method_callback(state, value, method, given)
}

/// `indent(width=4, first=False, blank=False)`.
pub(super) fn indent(
    state: &State<'_, '_>,
    text: &str,
    places: Rest<Value>,
    names: Kwargs,
) -> Result<String, Error> {
    let given = Arguments { places, names };
    let width = given.get(0, "width")?;
    let (first, blank) = (given.is_true(1, "first")?, given.is_true(2, "blank")?);
    given.names.assert_all_used()?;
    let spaces = width.as_ref().map_or(Some(4), Value::as_usize).unwrap_or(0).min(MAX_INDENT);
    let indent = width.as_ref().and_then(Value::as_str).map_or_else(|| " ".repeat(spaces), str::to_owned);
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    pay(state, (text.len() + (1 + lines.clone().count()).saturating_mul(indent.len())) as u64)?;
    let mut indented = String::new();
    for (number, line) in lines.enumerate() {
        if number > 0 {
            indented.push('\n');
        }
        let wanted = if number == 0 { first } else { blank || !line.is_empty() };
        if wanted {
            indented.push_str(&indent);
        }
        indented.push_str(line);
    }
    Ok(indented)
}

fn join(state: &mut State<'_, '_>, separator: &str, given: &[Value]) -> Result<Value, Error> {
    let (values,): (&Value,) = from_args(given)?;
    let mut joined = String::new();
    for (number, value) in values.try_iter()?.checked().enumerate() {
        let value = value?;
        if number > 0 {
            joined.push_str(separator);
        }
        let Some(text) = value.as_str() else {
            return Err(invalid(format!("join: item {number} is not a string")));
        };
        pay(state, (separator.len() + text.len()) as u64)?;
        joined.push_str(text);
    }
    Ok(Value::from(joined))
}

/// Charges fuel for the maximum output of `format`, and rejects excessive widths.
fn payable_format(state: &mut State<'_, '_>, format: &str, given: &[Value]) -> Result<(), Error> {
    let digits = format.split(|character: char| !character.is_ascii_digit());
    let within: usize = format
        .split('{')
        .skip(1)
        .filter(|field| field.split('}').next().is_some_and(|own| own.contains(':')))
        .count();
    if within > 0 && digits.map(str::len).max().unwrap_or(0) > MAX_DIGITS {
        return Err(invalid("format: a field is too wide"));
    }
    let mut longest = 10_u64.pow(u32::try_from(MAX_DIGITS).unwrap_or(4)) * u64::from(within > 0) + 32;
    for value in given {
        // minijinja charges for lists and dictionaries itself.
        let length = value
            .as_str()
            .map_or_else(|| state.format(value.clone()).map(|text| text.len()), |text| Ok(text.len()));
        longest = longest.max(length? as u64);
    }
    pay(state, longest.saturating_mul(format.matches('{').count() as u64))
}
