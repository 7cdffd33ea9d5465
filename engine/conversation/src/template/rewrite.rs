//! Rewrites a template's source before compilation, within tags only, so that lines and white space stay the same.
//!
//! `{% generation %}`, unknown to minijinja, becomes a call block of the function [`GENERATION`]. Values in `{% set %}` pass
//! through a filter that limits the nesting of lists and dictionaries ([`BOUNDED`]), and for attributes of namespaces prevents
//! cycles ([`KEPT`]). Both would overflow the stack when a value is printed or dropped, which fuel does not count.

use super::TemplateError;

/// The function called by a `generation` block.
pub(super) const GENERATION: &str = "glasshouse_generation";
pub(super) const BOUNDED: &str = "glasshouse_bounded";
/// The filter for attributes of namespaces.
pub(super) const KEPT: &str = "glasshouse_kept";

/// Maximum nested brackets in a tag; words, strings and signs in a tag (published templates have about 60); and nested blocks,
/// counting each `elif` as nested in the previous one.
const MAX_BRACKETS: usize = 32;
const MAX_PARTS: usize = 400;
const MAX_BLOCKS: usize = 64;

pub(crate) struct Rewritten {
    pub(crate) source: String,
    /// Whether it has `{% generation %}` tags.
    pub(super) generation: bool,
}

/// Rewrites a source. Invalid Jinja is left as it is, so that the compiler reports the error.
pub(super) fn rewrite(source: &str) -> Result<Rewritten, TemplateError> {
    let mut written = String::with_capacity(source.len() + 64);
    let (mut at, mut generation) = (0, false);
    // For each open block, the number of its `elif`s plus one.
    let mut blocks: Vec<usize> = Vec::new();
    while let Some(found) = source.get(at..).and_then(next_tag) {
        let begin = at + found;
        let Some(end) = end_of_tag(source, begin)? else { break };
        written.push_str(&source[at..begin]);
        at = end;
        let tag = &source[begin..end];
        if !tag.starts_with("{%") {
            written.push_str(tag);
            continue;
        }
        let (head, inner, tail) = parts(tag);
        let word_length = inner.find(|character: char| !is_word(character)).unwrap_or(inner.len());
        let (word, rest) = inner.split_at(word_length);
        match word {
            "raw" => {
                written.push_str(tag);
                let Some(length) = end_of_raw(&source[at..]) else { break };
                written.push_str(&source[at..at + length]);
                at += length;
                continue;
            }
            "generation" if rest.trim().is_empty() => {
                generation = true;
                written.extend([head, "call ", GENERATION, "()", rest, tail]);
            }
            "endgeneration" if rest.trim().is_empty() => written.extend([head, "endcall", rest, tail]),
            "set" => match assignment(rest) {
                Some((target, value)) => {
                    let filter = if target.contains('.') { KEPT } else { BOUNDED };
                    written.extend([head, "set", target, "=(", value, ")|", filter, " ", tail]);
                    continue;
                }
                None => written.push_str(tag),
            },
            _ => written.push_str(tag),
        }
        match word {
            "for" | "if" | "macro" | "call" | "filter" | "generation" | "set" | "with" | "autoescape" => {
                blocks.push(1);
            }
            "elif" => blocks.last_mut().into_iter().for_each(|own| *own += 1),
            _ if word.starts_with("end") => drop(blocks.pop()),
            _ => {}
        }
        if blocks.iter().sum::<usize>() > MAX_BLOCKS {
            return Err(TemplateError::Nested { line: line_of(source, begin) });
        }
    }
    written.push_str(source.get(at..).unwrap_or_default());
    Ok(Rewritten { source: written, generation })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn line_of(source: &str, at: usize) -> usize {
    1 + source.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

fn next_tag(rest: &str) -> Option<usize> {
    rest.match_indices('{').map(|(at, _)| at).find(|at| rest[at + 1..].starts_with(['{', '%', '#']))
}

/// Offset after the tag's end, which like in Jinja's lexer cannot be inside strings or brackets.
fn end_of_tag(source: &str, begin: usize) -> Result<Option<usize>, TemplateError> {
    let tag = &source[begin..];
    if let Some(comment) = tag.strip_prefix("{#") {
        return Ok(comment.find("#}").map(|at| begin + 2 + at + 2));
    }
    let close = if tag.starts_with("{%") { "%}" } else { "}}" };
    let (mut open, mut quote, mut escaped) = (0_usize, None, false);
    let (mut parts, mut within_word) = (0_usize, false);
    for (at, character) in tag.char_indices().skip(2) {
        if let Some(own) = quote {
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == own {
                quote = None;
            }
            continue;
        }
        if open == 0 && tag[at..].starts_with(close) {
            return Ok(Some(begin + at + 2));
        }
        if !(character.is_whitespace() || within_word && is_word(character)) {
            parts += 1;
        }
        within_word = is_word(character);
        if parts > MAX_PARTS {
            return Err(TemplateError::Nested { line: line_of(source, begin + at) });
        }
        match character {
            '\'' | '"' => quote = Some(character),
            '(' | '[' | '{' => {
                open += 1;
                if open > MAX_BRACKETS {
                    return Err(TemplateError::Nested { line: line_of(source, begin + at) });
                }
            }
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    Ok(None)
}

/// Splits a block tag into opening delimiter (with sign and white space), content, and closing delimiter.
fn parts(tag: &str) -> (&str, &str, &str) {
    let signed = |at: usize| matches!(tag.as_bytes().get(at), Some(b'-' | b'+'));
    let mut begin = if signed(2) { 3 } else { 2 };
    let close = tag.len() - 2;
    let end = if close > begin && signed(close - 1) { close - 1 } else { close };
    let inner = &tag[begin..end];
    begin += inner.len() - inner.trim_start().len();
    (&tag[..begin], &tag[begin..end], &tag[end..])
}

/// Length of a raw block's content including its end tag.
fn end_of_raw(rest: &str) -> Option<usize> {
    rest.match_indices("{%").find_map(|(begin, _)| {
        let end = begin + rest[begin..].find("%}")? + 2;
        let tag = rest.get(begin..end).filter(|tag| tag.len() >= 4)?;
        (parts(tag).1.trim() == "endraw").then_some(end)
    })
}

/// Target and value of an assignment; `None` if the following block is the value.
fn assignment(rest: &str) -> Option<(&str, &str)> {
    let (target, value) = rest.split_once('=')?;
    let names =
        |character: char| is_word(character) || character.is_whitespace() || ".,()".contains(character);
    (target.chars().all(names) && !value.starts_with('=') && !value.trim().is_empty())
        .then_some((target, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(source: &str) -> String {
        rewrite(source).unwrap().source
    }

    #[test]
    fn tags_are_rewritten_and_nothing_else() {
        assert_eq!(
            rewritten("a {%- generation -%} b {% endgeneration %}"),
            "a {%- call glasshouse_generation() -%} b {% endcall %}"
        );
        assert_eq!(rewritten("{% set ns.a = b %}"), "{% set ns.a =( b )|glasshouse_kept %}");
        assert_eq!(
            rewritten("{%- set a, b = '%}', \"\\\"\" -%}"),
            "{%- set a, b =( '%}', \"\\\"\" )|glasshouse_bounded -%}"
        );
        for same in [
            "{% raw %}{% generation %}{% set a = b %}{%- endraw -%}",
            "{# {% generation %} #}{{ '{% generation %}' }}{{ {'a': {}}}}",
            "{% set a | upper(b=c) %}x{% endset %}{% set a %}",
            "{% generations %}{% if generation %}{% for a in b if a == c %}{% set",
            "generation { % {%",
            "{%%}{%-%}{%- -%}{%+%}{{}}{##}",
        ] {
            assert_eq!(rewritten(same), same);
        }
        assert!(rewrite("{%\tgeneration\t%}").unwrap().generation);
        assert!(!rewrite("{{ generation }}").unwrap().generation);
    }

    #[test]
    fn nesting_is_bounded() {
        let brackets = |count: usize| format!("\n{{{{ {}{} }}}}", "[".repeat(count), "]".repeat(count));
        assert!(rewrite(&brackets(MAX_BRACKETS)).is_ok());
        assert_eq!(rewrite(&brackets(1 << 17)).err(), Some(TemplateError::Nested { line: 2 }));
        assert!(rewrite(&"{% if a %}{% endif %}".repeat(1000)).is_ok());
        assert_eq!(rewrite(&"{% if a %}\n".repeat(1000)).err(), Some(TemplateError::Nested { line: 65 }));
    }
}
