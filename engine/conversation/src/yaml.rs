//! YAML as JSON, without anchors and tags.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Maximum nesting of lists and mappings.
const MAX_DEPTH: usize = 32;

/// A list or mapping that is not complete, and the key of the value to come.
type Open = (Value, Option<String>);

/// The documents of a YAML text. Fails if the text is not YAML, or has an alias or a tag such as `!function`; the error names
/// the line.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, String> {
    let (mut open, mut documents): (Vec<Open>, Vec<Value>) = (Vec::new(), Vec::new());
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| format!("line {}: invalid YAML: {}", error.marker().line(), error.info()))?;
        let fault = |reason: &str| Err(format!("line {}: {reason}", span.start.line()));
        let value = match event {
            Event::Scalar(text, _, _, Some(tag)) => {
                return fault(&format!(
                    "`!{} {text}` is Python code, which is not run; write a Jinja template, such as \"{{{{ question }}}}\"",
                    tag.suffix
                ));
            }
            Event::Scalar(text, style, _, None) => match open.last_mut() {
                Some((Value::Object(fields), key @ None)) => {
                    if fields.contains_key(&*text) {
                        return fault(&format!("the key `{text}` is given twice"));
                    }
                    *key = Some(text.into_owned());
                    continue;
                }
                _ if style == ScalarStyle::Plain => plain(&text),
                _ => Value::from(text),
            },
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= MAX_DEPTH => {
                return fault("nested too deeply");
            }
            Event::SequenceStart(..) => {
                open.push((Value::Array(Vec::new()), None));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().unwrap_or_default().0,
            Event::Alias(_) => return fault("aliases are not supported; write the value out"),
            _ => continue,
        };
        match open.last_mut() {
            None => documents.push(value),
            Some((Value::Array(list), _)) => list.push(value),
            Some((Value::Object(fields), key)) => match key.take() {
                Some(key) => drop(fields.insert(key, value)),
                None => return fault("expected a name as key"),
            },
            Some(_) => {}
        }
    }
    Ok(documents)
}

/// A scalar without quotes, by the core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => Value::from(number),
            (_, Ok(number)) if text.starts_with(|first: char| !first.is_alphabetic()) => Value::from(number),
            _ => Value::from(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_json() {
        let text = "# a task\ntask: a\nlist: [no, 'yes', 1, 0.5, ~]\nblock: |\n  x\n   y\nfolded: >-\n  x\n  y\n---\nmap: { a: \"b\\n\" }\n";
        let wanted = [
            json!({"task": "a", "list": ["no", "yes", 1, 0.5, null], "block": "x\n y\n", "folded": "x y"}),
            json!({"map": {"a": "b\n"}}),
        ];
        assert_eq!(documents(text).unwrap(), wanted);
        assert!(documents("").unwrap().is_empty());
    }

    #[test]
    fn an_error_names_its_line() {
        for (text, line) in [
            ("a: b\nc: [d\n", 3),
            ("a: !function utils.f\n", 1),
            ("a: 1\na: 2\n", 2),
            ("a: &x 1\nb: *x\n", 2),
            (&format!("a:\n {}", "[".repeat(100)), 2),
        ] {
            let error = documents(text).unwrap_err();
            assert!(error.starts_with(&format!("line {line}: ")), "{text}: {error}");
        }
        assert!(documents("a: !function utils.f").unwrap_err().contains("`!function utils.f`"));
    }
}
