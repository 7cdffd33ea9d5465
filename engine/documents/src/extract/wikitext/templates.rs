//! Output of templates in sentences. Only a wiki can expand them, but a few dozen account for most templates in sentences, and
//! their output is simple: a measure, a number, a foreign word, a date.

use super::is_listed;
use crate::extract::script::Script;
use chrono::Month;
use rustc_hash::{FxHashMap, FxHashSet};
use std::fmt::Write as _;
use std::sync::LazyLock;
use toml::{Table, Value};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Template {
    Printed(String),
    /// No output that a sentence needs: a note, a flag, a reference.
    Silent,
    Unknown,
    /// A known template with numbers that it prints in a way which is not known.
    Misunderstood,
}

/// The templates of `templates.toml`.
struct Known {
    notes: FxHashSet<&'static str>,
    starts: Vec<&'static str>,
    units: FxHashMap<&'static str, &'static str>,
    prints: FxHashMap<&'static str, &'static str>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    // The file is part of the program, and tests use it.
    let table: Table = toml::from_str(include_str!("templates.toml")).unwrap_or_default();
    let table: &'static Table = Box::leak(Box::new(table));
    let text = |value: Option<&'static Value>| value.and_then(Value::as_str).unwrap_or_default();
    let notes = table.get("notes");
    let starts = notes.and_then(|notes| notes.get("starts")?.as_array()).into_iter().flatten();
    let section = |key: &str| table.get(key).and_then(Value::as_table).into_iter().flatten();
    Known {
        notes: text(notes.and_then(|notes| notes.get("names"))).split('|').collect(),
        starts: starts.map(|start| text(Some(start))).collect(),
        units: section("units").map(|(name, sign)| (name.as_str(), text(Some(sign)))).collect(),
        prints: section("prints")
            .flat_map(|(prints, names)| text(Some(names)).split('|').map(move |name| (name, prints.as_str())))
            .collect(),
    }
});

/// The values of a template: unnamed and numbered ones in order, the others by name.
struct Values<'a> {
    places: Vec<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Values<'a> {
    fn of(parts: impl Iterator<Item = &'a str>) -> Self {
        let mut values = Self { places: Vec::new(), named: Vec::new() };
        for part in parts {
            match part.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                Some((name, value)) if is_name(name) => match name.parse::<usize>() {
                    // Numbered since it contains an equals sign.
                    Ok(number) if number == values.places.len() + 1 => values.places.push(value),
                    _ => values.named.push((name, value)),
                },
                _ => values.places.push(part.trim()),
            }
        }
        values
    }

    fn place(&self, number: usize) -> &'a str {
        self.places.get(number).copied().unwrap_or_default()
    }

    fn named(&self, name: &str) -> Option<&'a str> {
        self.named.iter().find(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| *value)
    }

    /// The only value, apart from settings without numbers.
    fn only(&self) -> Option<&'a str> {
        let mut rest = self.filled();
        let first = rest.next()?;
        let is_only = !rest.any(has_digit) && !self.named.iter().any(|(_, value)| has_digit(value));
        is_only.then_some(first)
    }

    fn has_digits(&self) -> bool {
        self.places.iter().chain(self.named.iter().map(|(_, value)| value)).any(|value| has_digit(value))
    }

    fn filled(&self) -> impl DoubleEndedIterator<Item = &'a str> {
        self.places.iter().copied().filter(|value| !value.is_empty())
    }
}

fn has_digit(value: &str) -> bool {
    value.contains(|letter: char| letter.is_ascii_digit())
}

/// Whether this is the power of a number: digits, with or without a sign.
fn is_power(text: &str) -> bool {
    has_digit(text) && text.chars().all(|letter| letter.is_ascii_digit() || "+-−".contains(letter))
}

/// Whether this can be the name of a value, to exclude `a = b` in a quotation.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 30
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_ ".contains(&byte))
}

/// Expands a template; `content` is the text between its braces, with inner markup already extracted.
pub(super) fn expand(content: &str) -> Template {
    let mut parts = content.split('|');
    let head = parts.next().unwrap_or_default().trim();
    // `formatnum:6000` and similar have their first value after a colon.
    let (name, value) = match head.split_once(':') {
        Some((name, value))
            if is_listed(
                "formatnum|lc|uc|ucfirst|lcfirst|defaultsort|displaytitle",
                &name.to_lowercase(),
            ) =>
        {
            (name, Some(value))
        }
        Some((space, name)) if is_listed("template|vorlage|modèle|plantilla", &space.to_lowercase()) => {
            (name, None)
        }
        _ => (head, None),
    };
    let name = name.trim().replace('_', " ");
    let name = name.to_lowercase();
    let values = Values::of(value.into_iter().chain(parts));
    if KNOWN.notes.contains(&*name) || KNOWN.starts.iter().any(|start| name.starts_with(start)) {
        return Template::Silent;
    }
    let mut is_known = true;
    match print(&name, &values, &mut is_known) {
        Some(text) => Template::Printed(text),
        None if is_known && values.has_digits() => Template::Misunderstood,
        None => Template::Unknown,
    }
}

fn print(name: &str, values: &Values<'_>, is_known: &mut bool) -> Option<String> {
    let first = values.filled().next();
    let text = match name {
        "convert" | "cvt" | "conv" => measure(values)?,
        "frac" | "sfrac" | "fraction" => match *values.filled().collect::<Vec<_>>().as_slice() {
            [below] => format!("1/{below}"),
            [above, below] => format!("{above}/{below}"),
            [whole, above, below] => format!("{whole} {above}/{below}"),
            _ => return None,
        },
        "sup" | "exp" | "^" => Script::Raised.write("", values.only()?),
        "sub" => Script::Lowered.write("", values.only()?),
        "su" => {
            let part = |name, script: Script| {
                values.named(name).map(|text| script.write("", text)).unwrap_or_default()
            };
            part("p", Script::Raised) + &part("b", Script::Lowered)
        }
        "e" => format!("×10{}", Script::Raised.write("", values.only().filter(|power| is_power(power))?)),
        "chem" => chemical(values)?,
        "start date" | "end date" | "birth date" | "death date" | "birth date and age"
        | "death date and age" | "start date and age" | "film date" | "birth-date" | "death-date" | "dob"
        | "bda" | "dda" | "bd" | "birth year" | "dts" => date(values)?,
        "circa" | "c." | "ca." | "ca" => {
            format!("c. {}", values.filled().collect::<Vec<_>>().join(" – ")).trim_end().to_owned()
        }
        "reign" | "r." | "floruit" | "fl." | "fl" => {
            let mark = if name.starts_with('r') { "r." } else { "fl." };
            format!("{mark} {}", values.filled().collect::<Vec<_>>().join("–"))
        }
        "as of" => {
            let as_of = if values.named("lc") == Some("y") { "as of" } else { "As of" };
            format!(
                "{as_of} {}",
                values.named("alt").map_or_else(|| date(values), |alt| Some(alt.to_owned()))?
            )
        }
        "percentage" | "percent" | "pct" => percentage(values)?,
        "sortname" | "sort name" => format!("{} {}", values.place(0), values.place(1)).trim().to_owned(),
        "val" => value(values)?,
        "unité" | "unité/2" | "unit" => amount(values)?,
        "hms" | "uss" | "ss" | "rms" | "mv" => format!("{} {}", name.to_uppercase(), first?),
        "nihongo" | "nihongo3" | "korean" => {
            let others: Vec<&str> =
                values.places.iter().skip(1).copied().filter(|value| !value.is_empty()).collect();
            match (values.place(0), others.join(", ")) {
                ("", others) if others.is_empty() => return None,
                ("", others) => others,
                (english, others) if others.is_empty() => english.to_owned(),
                (english, others) => format!("{english} ({others})"),
            }
        }
        "zh" | "lang-zh" => ["c", "s", "t"].iter().find_map(|name| values.named(name)).or(first)?.to_owned(),
        "ordinal" => format!("{}{}", first?, ordinal(first?)),
        "bce" | "bc" | "ce" | "ad" => format!("{} {}", first?, name.to_uppercase()),
        "quote" | "blockquote" | "cquote" | "quotation" => values.named("text").or(first)?.to_owned(),
        "ill" | "interlanguage link" => values.named("lt").or(first)?.to_owned(),
        "uc" => first?.to_uppercase(),
        "lc" => first?.to_lowercase(),
        _ if name.starts_with("lang-") => first?.to_owned(),
        _ => match KNOWN.prints.get(name).copied() {
            None => {
                *is_known = false;
                return None;
            }
            Some(prints) => match prints {
                "{only}" => values.only()?.to_owned(),
                "{all}" => values.filled().collect::<Vec<_>>().join(" "),
                "{last}" => values.filled().next_back()?.to_owned(),
                prints if prints.contains("{1}") => prints.replace("{1}", first?),
                prints => prints.to_owned(),
            },
        },
    };
    (!text.is_empty()).then_some(text)
}

/// A measure in its original unit: `12 km`, `3 to 5 m`, `5 ft 11 in`.
fn measure(values: &Values<'_>) -> Option<String> {
    let is_number = |value: &str| {
        value.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || b"-+.\xe2".contains(&byte))
            && value.bytes().any(|byte| byte.is_ascii_digit())
    };
    let sign = |unit: &str| {
        let powers = [("e3", "thousand "), ("e6", "million "), ("e9", "billion "), ("e12", "trillion ")];
        let power = powers.into_iter().find_map(|(mark, word)| Some((word, unit.strip_prefix(mark)?)));
        // `e3` is also the start of `e30`, which is none.
        let (word, unit) =
            power.filter(|(_, rest)| !rest.starts_with(char::is_numeric)).unwrap_or(("", unit));
        word.to_owned() + &KNOWN.units.get(unit).map_or_else(|| with_powers(unit), |sign| (*sign).to_owned())
    };
    let mut text = String::new();
    let mut places = values.places.iter().copied().peekable();
    while let Some(number) = places.next_if(|value| is_number(value)) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(number);
        let joint = places.next()?;
        match joint {
            "to" | "and" | "or" | "by" | "x" | "×" | "+" | "±" | "+/-" | "to(-)" | "and(-)" | "xx" | "*" => {
                let word = match joint {
                    "x" | "xx" | "*" => "×",
                    "+/-" => "±",
                    joint => joint.trim_end_matches("(-)"),
                };
                write!(text, " {word}").ok()?;
            }
            "-" | "–" => {
                let upper = places.next_if(|value| is_number(value))?;
                write!(text, "–{upper} {}", sign(places.next()?)).ok()?;
            }
            unit => {
                write!(text, " {}", sign(unit)).ok()?;
            }
        }
    }
    (!text.is_empty()).then_some(text)
}

/// A number with its uncertainty, power of ten and unit: `9.1×10⁻³¹ kg`.
fn value(values: &Values<'_>) -> Option<String> {
    let known = "u|ul|up|upl|e|fmt|p|s|end";
    let is_known = |(name, value): &(&str, &str)| is_listed(known, name) || value.is_empty();
    if !values.named.iter().all(is_known) || values.places.iter().skip(3).any(|value| has_digit(value)) {
        return None;
    }
    let end = values.named("end").unwrap_or_default();
    let mut text = match (values.place(0), values.place(1), values.place(2)) {
        (number, "", "") => format!("{number}{end}"),
        _ if !end.is_empty() => return None,
        (number, error, "") if error.starts_with('(') => format!("{number}{error}"),
        (number, error, "") => format!("{number} ± {error}"),
        (_, above, below) if !has_digit(above) || !has_digit(below) => return None,
        (number, above, below) => {
            format!("{number} +{} −{}", above.trim_start_matches('+'), below.trim_start_matches(['-', '−']))
        }
    };
    if let Some(power) = values.named("e") {
        let power = Script::Raised.write("", Some(power).filter(|power| is_power(power))?);
        text = match text.as_str() {
            "" => format!("10{power}"),
            number if number.contains(' ') => format!("({number})×10{power}"),
            number => format!("{number}×10{power}"),
        };
    }
    let unit = values.named("ul").or(values.named("u"));
    let per = values.named("upl").or(values.named("up"));
    if let Some(unit) = unit {
        write!(text, " {}", with_powers(unit)).ok()?;
    }
    if let Some(per) = per {
        write!(text, "/{}", with_powers(per)).ok()?;
    }
    let part = |name| values.named(name).unwrap_or_default();
    Some(format!("{}{text}{}", part("p"), part("s")))
}

/// A unit with exponents: `m/s²`, `K⁻⁴`. Other digits are of a formula, as in `gCO2`.
fn with_powers(unit: &str) -> String {
    let is_power = |letter: char| letter.is_ascii_digit() || "-−".contains(letter);
    let (mut text, mut rest) = (String::new(), unit);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter| is_power(letter) != is_power(first)).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        let last = text.chars().next_back().filter(|last| last.is_alphabetic());
        let is_raised = last.is_some_and(|last| last.is_lowercase() || !first.is_ascii_digit());
        let raised = Script::Raised.signs("", part).filter(|_| is_raised && has_digit(part));
        text += raised.as_deref().unwrap_or(part);
        rest = tail;
    }
    text
}

/// A French amount: a number, with a power of ten, and units, each with its exponent.
fn amount(values: &Values<'_>) -> Option<String> {
    let is_known = |(name, value): &(&str, &str)| *name == "e" || !has_digit(value);
    let mut places = values.filled();
    let mut text = places.next().filter(|_| values.named.iter().all(is_known))?.to_owned();
    if let Some(power) = values.named("e") {
        write!(text, "×10{}", Script::Raised.write("", Some(power).filter(|power| is_power(power))?)).ok()?;
    }
    let mut is_first = true;
    for place in places {
        if !is_first && is_power(place) {
            text.push_str(&Script::Raised.write("", place));
        } else {
            text.push(' ');
            text.push_str(place);
        }
        is_first = false;
    }
    Some(text)
}

/// A chemical formula: symbols, each with its number, and a charge.
fn chemical(values: &Values<'_>) -> Option<String> {
    let mut text = String::new();
    for place in values.filled() {
        let is_charge = place.ends_with(['+', '-', '−']);
        match is_power(place) || is_charge {
            true if text.is_empty() => return None,
            true => text.push_str(&if is_charge { Script::Raised } else { Script::Lowered }.write("", place)),
            false => text.push_str(place),
        }
    }
    Some(text)
}

/// A numeric date: a year, optionally with month and day.
fn date(values: &Values<'_>) -> Option<String> {
    let year = values.filled().next()?;
    let number = |place: usize| values.place(place).trim().parse::<usize>().ok();
    let month = match values.place(1) {
        "" => None,
        name if name.starts_with(char::is_alphabetic) => Some(name),
        _ => Month::try_from(u8::try_from(number(1)?).ok()?).ok().map(|month| month.name()),
    };
    let day_first = values.named("df").is_some_and(|value| value.starts_with('y'));
    Some(match (month, number(2)) {
        (None, _) => year.to_owned(),
        (Some(month), None) => format!("{month} {year}"),
        (Some(month), Some(day)) if day_first => format!("{day} {month} {year}"),
        (Some(month), Some(day)) => format!("{month} {day}, {year}"),
    })
}

fn percentage(values: &Values<'_>) -> Option<String> {
    let number = |place: usize| values.place(place).replace(',', "").parse::<f64>().ok();
    let digits = values.place(2).parse::<usize>().unwrap_or(0).min(9);
    let share = number(0)? / number(1)? * 100.0;
    share.is_finite().then(|| format!("{share:.digits$}%"))
}

fn ordinal(number: &str) -> &'static str {
    match number.as_bytes() {
        [.., b'1', _] => "th",
        [.., b'1'] => "st",
        [.., b'2'] => "nd",
        [.., b'3'] => "rd",
        _ => "th",
    }
}
