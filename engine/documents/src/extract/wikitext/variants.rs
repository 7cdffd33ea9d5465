//! Chinese and other languages with several scripts: `-{zh-hans:灯塔;zh-hant:燈塔}-`.

use std::borrow::Cow;

/// Preferred variants, in order: those of most readers of Chinese and Serbian.
const PREFERRED: [&str; 5] = ["zh-hans", "zh-cn", "zh-hant", "sr-ec", "sr-el"];

const MAX_BYTES: usize = 2000;

pub(super) fn choose(text: &str) -> Cow<'_, str> {
    let (mut result, mut copied, mut from) = (String::new(), 0, 0);
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("-{")) {
        let start = from + at;
        let inside = text.get(start + 2..).unwrap_or_default();
        let near = inside.get(..inside.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
        from = start + 2;
        // Nested ones are handled separately; a template after a dash is not a conversion.
        let found = near.find("}-").and_then(|end| Some((end, one(near.get(..end)?)?)));
        if let Some((end, shown)) = found {
            result.push_str(text.get(copied..start).unwrap_or_default());
            result.push_str(shown);
            from += end + 2;
            copied = from;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    result.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(result)
}

/// The displayed text of a conversion; `None` if it is not one.
fn one(inner: &str) -> Option<&str> {
    if inner.starts_with('{') || inner.contains("-{") {
        return None;
    }
    let (flags, rules) = match inner.split_once('|') {
        // Flags are single letters or variant codes.
        Some((flags, rules)) if flags.split(';').all(|flag| is_flag(flag.trim())) => (flags.trim(), rules),
        Some(_) => return None,
        None => ("", inner),
    };
    if flags.split(';').any(|flag| matches!(flag.trim(), "H" | "T" | "D" | "-")) {
        return Some("");
    }
    let ways = rules.split(';').filter_map(|rule| {
        let (way, text) = rule.split_once(':')?;
        // `X=>zh-cn:Y` converts one word to another.
        let way = way.rsplit("=>").next().unwrap_or(way).trim();
        is_way(way).then(|| (way, text.trim()))
    });
    let ways: Vec<(&str, &str)> = ways.collect();
    let preferred = PREFERRED.iter().find_map(|wanted| ways.iter().find(|(way, _)| way == wanted));
    match preferred.or(ways.first()) {
        Some((_, text)) => Some(text),
        // Without rules it is displayed as it is; in a formula, braces between dashes mean something else.
        None => (rules.is_empty() || !flags.is_empty() || !rules.is_ascii()).then_some(rules),
    }
}

fn is_flag(flag: &str) -> bool {
    matches!(flag, "" | "A" | "D" | "H" | "N" | "R" | "S" | "T" | "-" | "+") || is_way(flag)
}

/// Whether it is a code like `zh`, `zh-hant` or `sr-el`.
fn is_way(way: &str) -> bool {
    (2..=12).contains(&way.len())
        && way.bytes().take(2).all(|byte| byte.is_ascii_lowercase())
        && way.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}
