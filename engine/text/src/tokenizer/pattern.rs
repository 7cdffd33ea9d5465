//! Patterns in a `tokenizer.json`. Python's library uses Oniguruma, ours `fancy-regex`. Where they differ, patterns are rewritten
//! so that both agree and an export means the same:
//!
//! | pattern | Oniguruma | fancy-regex |
//! |---|---|---|
//! | `^`, `$` | at lines | at the text's ends |
//! | `X{1,3}+` | `(?:X{1,3})+` | possessive |
//! | `\w`, `\b` | without joiners (U+200C, U+200D) | with them |
//! | `[[:alpha:]]` | of Unicode | of ASCII |

use serde_json::Value;

/// Oniguruma's `\w`, for use in a class.
const WORD: &str = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}";

/// Oniguruma's named classes, for use in a class.
const NAMED: [(&str, &str); 8] = [
    ("alpha", r"\p{Alphabetic}"),
    ("alnum", r"\p{Alphabetic}\p{Nd}"),
    ("digit", r"\p{Nd}"),
    ("lower", r"\p{Lowercase}"),
    ("upper", r"\p{Uppercase}"),
    ("space", r"\s"),
    ("punct", r"\p{P}\p{S}"),
    ("word", WORD),
];

/// Rewrites all patterns in a part of a tokenizer; returns whether any changed. The error names a pattern that cannot be rewritten.
pub(super) fn translate_all(part: &mut Value) -> Result<bool, String> {
    let mut changed = false;
    match part {
        Value::Object(fields) => {
            if let Some(Value::String(pattern)) = fields.get_mut("Regex") {
                let new = translated(pattern)
                    .map_err(|what| format!("its pattern `{pattern}` has {what}, which is not supported"))?;
                changed = new != *pattern;
                *pattern = new;
            }
            for part in fields.values_mut() {
                changed |= translate_all(part)?;
            }
        }
        Value::Array(parts) => {
            for part in parts {
                changed |= translate_all(part)?;
            }
        }
        _ => {}
    }
    Ok(changed)
}

/// Rewrites a pattern so that both engines agree; the error names the part that is not supported.
fn translated(pattern: &str) -> Result<String, String> {
    let (mut out, mut rest) = (String::with_capacity(pattern.len()), pattern);
    // Start of the last quantifiable item, and starts of the open groups.
    let (mut atom, mut groups) = (0, Vec::new());
    while let Some(letter) = rest.chars().next() {
        let taken = match letter {
            '\\' => escape(rest),
            '[' => class(rest)?,
            '(' if rest.starts_with("(?") => group(rest)?,
            '{' => repeat(rest),
            _ => letter.len_utf8(),
        };
        let (part, behind) = rest.split_at_checked(taken).ok_or("an unterminated class or escape")?;
        rest = behind;
        let is_quantifier = matches!(letter, '*' | '+' | '?') || letter == '{' && taken > 1;
        if is_quantifier {
            out.push_str(part);
            let more = rest.chars().next().filter(|more| matches!(more, '+' | '?'));
            match more {
                Some('+') if letter == '{' => {
                    out.insert_str(atom, "(?:");
                    out.push_str(")+");
                }
                more => out.extend(more),
            }
            rest = &rest[more.map_or(0, char::len_utf8)..];
            continue;
        }
        if letter == ')' {
            atom = groups.pop().unwrap_or_default();
            out.push(letter);
            continue;
        }
        atom = out.len();
        match (letter, part) {
            ('(', _) => {
                groups.push(atom);
                out.push_str(part);
            }
            ('^', _) => out.push_str(r"(?<![^\n])"),
            ('$', _) => out.push_str(r"(?=\n|\z)"),
            (_, r"\w") => out.push_str(&format!("[{WORD}]")),
            (_, r"\W") => out.push_str(&format!("[^{WORD}]")),
            (_, r"\b") => out.push_str(&format!("(?:(?<=[{WORD}])(?![{WORD}])|(?<![{WORD}])(?=[{WORD}]))")),
            (_, r"\B") => out.push_str(&format!("(?:(?<=[{WORD}])(?=[{WORD}])|(?<![{WORD}])(?![{WORD}]))")),
            ('[', _) => out.push_str(&translated_class(part)?),
            _ => out.push_str(part),
        }
    }
    Ok(out)
}

/// Byte length of an escape: `\n`, `\p{L}`, `\x{1F}`.
fn escape(rest: &str) -> usize {
    let name = rest.chars().nth(1);
    let short = 1 + name.map_or(0, char::len_utf8);
    let has_name =
        matches!(name, Some('p' | 'P' | 'x' | 'k' | 'g' | 'u')) && rest[short..].starts_with(['{', '<']);
    let end = rest[short..].find(['}', '>']).filter(|_| has_name);
    end.map_or(short, |end| short + end + 1)
}

/// Byte length of a class, including nested ones.
fn class(rest: &str) -> Result<usize, String> {
    let (mut at, mut depth) = (0, 0);
    while let Some(letter) = rest[at..].chars().next() {
        let start = matches!(rest[..at].chars().next_back(), Some('[')) || rest[..at].ends_with("[^");
        match letter {
            '\\' => at += escape(&rest[at..]),
            '[' => (at, depth) = (at + 1, depth + 1),
            ']' if !start => (at, depth) = (at + 1, depth - 1),
            _ => at += letter.len_utf8(),
        }
        if depth == 0 {
            return Ok(at);
        }
    }
    Err("an unterminated class".to_owned())
}

/// Byte length of a group's opening; fails for options whose meaning differs.
fn group(rest: &str) -> Result<usize, String> {
    let options = rest[2..].split([':', ')']).next().unwrap_or_default();
    let are_options =
        !options.is_empty() && options.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
    match options.chars().find(|option| !matches!(option, 'i' | 'x' | '-')) {
        Some(other) if are_options => Err(format!("the option (?{other})")),
        _ => Ok(1),
    }
}

/// Byte length of a repetition, `{2}` or `{1,3}`; 1 if the brace is literal.
fn repeat(rest: &str) -> usize {
    let end = rest.find('}').filter(|end| {
        let inner = &rest[1..*end];
        !inner.is_empty() && inner.chars().all(|letter| letter.is_ascii_digit() || letter == ',')
    });
    end.map_or(1, |end| end + 1)
}

fn translated_class(class: &str) -> Result<String, String> {
    let (mut out, mut rest) = (String::with_capacity(class.len()), class);
    while let Some(letter) = rest.chars().next() {
        let taken = match letter {
            '\\' => escape(rest),
            '[' if rest.starts_with("[:") => rest.find(":]").map_or(1, |end| end + 2),
            _ => letter.len_utf8(),
        };
        let (part, behind) = rest.split_at_checked(taken).ok_or("an unterminated class")?;
        rest = behind;
        match part {
            r"\w" => out.push_str(WORD),
            r"\W" => out.push_str(&format!("[^{WORD}]")),
            _ if taken > 2 && letter == '[' => {
                let name = &part[2..part.len() - 2];
                let known = NAMED
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or_else(|| format!("the class {part}"))?;
                out.push_str(known.1);
            }
            _ => out.push_str(part),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::Tokenizer;
    use serde_json::json;

    /// Splits a text by a pattern; each part is one unknown token.
    fn words(pattern: &str, text: &str) -> Result<Vec<String>, String> {
        let json = json!({
            "version": "1.0", "added_tokens": [], "normalizer": null, "post_processor": null, "decoder": null,
            "pre_tokenizer": { "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false },
            "model": { "type": "WordLevel", "vocab": { "[UNK]": 0 }, "unk_token": "[UNK]" },
        });
        let tokenizer =
            Tokenizer::from_bytes(json.to_string().as_bytes()).map_err(|error| error.to_string())?;
        let spans = tokenizer.encode_spans(&[text]).unwrap().remove(0).spans;
        Ok(spans.into_iter().map(|span| text[span].to_owned()).collect())
    }

    /// Expected results are from tokenizers 0.23.3 in Python (`pre_tokenizers.Split(Regex(pattern), "isolated")`).
    #[test]
    fn patterns_cut_texts_as_pythons_library_cuts_them() {
        const TIKTOKEN: &str = r"[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";
        let cases: [(&str, &str, &[&str]); 17] = [
            (r"\p{N}{1,3}+", "1234567 12", &["1234567", " ", "12"]),
            (r"\p{N}{1,3}", "1234567 12", &["123", "456", "7", " ", "12"]),
            (r"\p{N}{3}+", "1234567 1", &["123456", "7 1"]),
            (r"(?:[0-9]|a){2,3}+", "1a34567 1", &["1a3456", "7 1"]),
            (r"a?+b", "aab", &["a", "ab"]),
            (r"\s+$", "a  \nb  \n\nc ", &["a", "  ", "\nb", "  \n", "\nc", " "]),
            (r"a$", "a\na\n", &["a", "\n", "a", "\n"]),
            (r"^a", "a\naa\n", &["a", "\n", "a", "a\n"]),
            (r"[$^]", "a$^", &["a", "$", "^"]),
            (r"\w+", "x\u{200d}y a\u{200c}b ²③", &["x", "\u{200d}", "y", " ", "a", "\u{200c}", "b", " ²③"]),
            (r"[^\w]+", "x\u{200d}y", &["x", "\u{200d}", "y"]),
            (r"\W+", "x\u{200d}y", &["x", "\u{200d}", "y"]),
            (r"\b", "x\u{200d}y", &["x", "\u{200d}", "y"]),
            (r"[[:alpha:]]+", "x\u{200d}yé1", &["x", "\u{200d}", "yé", "1"]),
            (r"[[:punct:]]+", "a+$,.x´", &["a", "+$,.", "x", "´"]),
            (r"[a-z&&[^b]]+", "abc", &["a", "b", "c"]),
            (
                TIKTOKEN,
                "Hi 12345  you!!\n\n  x  \n",
                &["Hi", " ", "12345", " ", " you", "!!\n\n", " ", " x", "  \n"],
            ),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(words(pattern, text).unwrap(), expected, "{pattern}");
            // Rewriting is idempotent.
            let once = translated(pattern).unwrap();
            assert_eq!(translated(&once).unwrap(), once, "{pattern}");
        }
    }

    #[test]
    fn patterns_that_cannot_be_written_so_are_refused_by_name() {
        for (pattern, named) in
            [(r"(?m)a.b", "(?m)"), (r"[[:graph:]]", "[:graph:]"), ("[a", "an unterminated class")]
        {
            let error = words(pattern, "a b").unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
