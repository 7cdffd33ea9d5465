//! Limits on values stored by templates, and Python-style arguments.

use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Error, State};

/// Maximum nesting of lists and dictionaries; JSON of a row has at most 128 levels, published tools fewer than 20.
const MAX_DEPTH: usize = 64;
/// Values inspected per unit of fuel.
const LOOKED_AT: u64 = 8;

/// Checks a value assigned to a variable.
pub(super) fn bounded(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    check(state, value, false)
}

/// Checks a value stored in a namespace. It must not contain namespaces, so that none contains itself.
pub(super) fn kept(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    check(state, value, true)
}

fn check(state: &State<'_, '_>, value: Value, kept: bool) -> Result<Value, Error> {
    // A lazy iterable may be consumable only once, and may contain a namespace.
    let value = if value.kind() == ValueKind::Iterable { listed(state, &value)? } else { value };
    let mut looked = 0;
    if kept && is_namespace(&value) {
        return Err(refused("a namespace within a namespace"));
    }
    look(state, &value, 0, kept, &mut looked)?;
    Ok(value)
}

pub(super) fn listed(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    let mut items = Vec::new();
    for item in value.try_iter()?.checked() {
        state.consume_fuel(1)?;
        items.push(item?);
    }
    Ok(Value::from(items))
}

fn look(
    state: &State<'_, '_>,
    value: &Value,
    depth: usize,
    kept: bool,
    looked: &mut u64,
) -> Result<(), Error> {
    *looked += 1;
    if looked.is_multiple_of(LOOKED_AT) {
        state.consume_fuel(1)?;
    }
    let Some(object) = value.as_object() else { return Ok(()) };
    if depth > 0 && is_namespace(value) {
        return Err(refused("a namespace within a value"));
    }
    let inner = match value.kind() {
        _ if depth > MAX_DEPTH => return Err(refused("lists nested too deeply")),
        ValueKind::Map => {
            object.try_iter_pairs().map(|pairs| pairs.map(|(_, value)| value).collect::<Vec<_>>())
        }
        ValueKind::Seq => object.try_iter().map(Iterator::collect),
        ValueKind::Iterable if kept => return Err(refused("an iterable within a namespace")),
        _ => None,
    };
    for value in inner.unwrap_or_default() {
        look(state, &value, depth + 1, kept, looked)?;
    }
    Ok(())
}

fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("Namespace"))
}

fn refused(what: &'static str) -> Error {
    super::invalid(format!("chat templates must not store {what}"))
}

/// Positional or named arguments; none and undefined count as absent.
pub(super) struct Arguments {
    pub(super) places: Rest<Value>,
    pub(super) names: Kwargs,
}

impl Arguments {
    pub(super) fn get(&self, place: usize, name: &str) -> Result<Option<Value>, Error> {
        let named: Option<Value> = self.names.get(name)?;
        let given = named.or_else(|| self.places.get(place).cloned());
        Ok(given.filter(|value| !value.is_none() && !value.is_undefined()))
    }

    /// Whether the argument is given and true.
    pub(super) fn is_true(&self, place: usize, name: &str) -> Result<bool, Error> {
        Ok(self.get(place, name)?.is_some_and(|value| value.is_true()))
    }
}
