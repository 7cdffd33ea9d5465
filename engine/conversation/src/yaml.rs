//! YAML as JSON, without anchors and tags.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Maximum nesting of lists and mappings.
const MAX_DEPTH: usize = 32;

/// The documents of a YAML text.
///
/// # Errors
/// The text is not YAML, or has an anchor or a tag such as `!function`; the error names the line.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, String> {
    let (mut parser, mut documents) = (Parser::new_from_str(text), Vec::new());
    loop {
        match next(&mut parser)? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
            (event, span) => documents.push(node(event, span, &mut parser, 0)?),
        }
    }
}

type Source<'text> = Parser<'text, StrInput<'text>>;

fn next<'text>(parser: &mut Source<'text>) -> Result<(Event<'text>, Span), String> {
    let event = parser.next_event().unwrap_or(Ok((Event::StreamEnd, Span::default())));
    event.map_err(|error: ScanError| {
        format!("line {}: it is not YAML: {}", error.marker().line(), error.info())
    })
}

fn node<'text>(
    event: Event<'text>,
    span: Span,
    parser: &mut Source<'text>,
    depth: usize,
) -> Result<Value, String> {
    let line = span.start.line();
    if depth > MAX_DEPTH {
        return Err(format!("line {line}: nested too deeply"));
    }
    match event {
        Event::Scalar(text, style, _, tag) => {
            check(tag.as_ref(), &text, line)?;
            Ok(if style == ScalarStyle::Plain { plain(&text) } else { Value::from(text) })
        }
        Event::SequenceStart(_, tag) => {
            check(tag.as_ref(), "", line)?;
            let mut list = Vec::new();
            loop {
                match next(parser)? {
                    (Event::SequenceEnd, _) => return Ok(Value::Array(list)),
                    (event, span) => list.push(node(event, span, parser, depth + 1)?),
                }
            }
        }
        Event::MappingStart(_, tag) => {
            check(tag.as_ref(), "", line)?;
            let mut fields = Map::new();
            loop {
                let (name, span) = match next(parser)? {
                    (Event::MappingEnd, _) => return Ok(Value::Object(fields)),
                    (Event::Scalar(name, ..), span) => (name, span),
                    (_, span) => return Err(format!("line {}: expected a name as key", span.start.line())),
                };
                let (event, own) = next(parser)?;
                let value = node(event, own, parser, depth + 1)?;
                if fields.insert(name.to_string(), value).is_some() {
                    return Err(format!("line {}: the key `{name}` is given twice", span.start.line()));
                }
            }
        }
        _ => Err(format!("line {line}: anchors and aliases are not read; write the value out")),
    }
}

fn check(tag: Option<&Cow<'_, Tag>>, text: &str, line: usize) -> Result<(), String> {
    match tag {
        None => Ok(()),
        Some(tag) => Err(format!(
            "line {line}: `!{} {text}` is a program in Python, which is not run; write it as a Jinja template, such as \"{{{{ question }}}}\"",
            tag.suffix
        )),
    }
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
