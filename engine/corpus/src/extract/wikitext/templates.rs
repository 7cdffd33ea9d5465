//! Output of templates in sentences. Only a wiki can expand them, but a few dozen account for most templates in sentences, and
//! their output is simple: a measure, a number, a foreign word, a date.

use super::is_listed;
use chrono::Month;
use std::fmt::Write as _;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Template {
    Printed(String),
    /// No output that a sentence needs: a note, a flag, a reference.
    Silent,
    Unknown,
}

const FIRST: &str = "nowrap|nobr|nowr|nobreak|small|smaller|big|bigger|larger|large|bold|em|strong|italic|italics|mono|code|tt|kbd|samp|\
    var|mvar|math|sc|smallcaps|sic|not a typo|notatypo|typo|proper name|vanchor|visible anchor|tooltip|abbr|abréviation|hover|hover title|\
    aka|formatnum|nts|ntsh|number|num|nombre|quote box|citation bloc|zitat|citat|cytat|citaat|flag|flagcountry|flagu|pays|ucfirst|\
    lcfirst|chem2|romanum|no italic|noitalic|normal|nihongo2|ja-r|okina|angbr|unicode|polytonic|rtl|lien|as written|button|keypress|\
    key press|center|centre|dts|仮リンク|link-en|le|ruby|ルビ|読み仮名";
const LAST: &str = "lang|langx|langue|w|translit|transliteration|transl|m|l|mention|link|wikt-lang|wikilang|color|colour|font color|\
    fontcolor|ipa|script|multilingual text|rtl-lang|ref-lang";
/// Templates that output all values separated by spaces.
const ALL: &str = "unité|unité/2|unit|date|date-|jour|date de naissance|date de naissance-|date de décès|\
    date de décès-|datum|ship";
/// Templates that are notes on the text or pictures in it.
const SILENT: &str = "citation needed|cn|fact|fact date|citation|refn|refnest|notetag|efn|efn-ua|efn-lr|sfn|sfnp|sfnm|sfnb|harv|harvnb|harvtxt|r|rp|ref|\
    ref label|note|note label|anchor|anchors|clear|clarify|clarification needed|by whom|by whom?|who|who?|when|when?|where|where?|which|\
    which?|why|why?|whom|dubious|disputed|disputed inline|page needed|pn|better source|better source needed|bsn|verify source|\
    unreliable source|unreliable source?|unreferenced inline|failed verification|fv|update inline|update after|dead link|webarchive|\
    coord|coordinates|flagicon|flag icon|flagg|audio|pronunciation|respell|ipac-en|refnec|référence nécessaire|refsou|quand|qui|lesquels|\
    précision nécessaire|internetquelle|literatur|belege fehlen|cita requerida|demostrar|bron?|источник|нет аи|источник?|要出典|\
    shy|wbr|zwj|zwnj|zwsp|increase|decrease|steady|gain|loss|non-free|toc|toc limit|defaultsort|displaytitle|short description|use dmy dates|\
    use mdy dates|use american english|use british english|main|see also|further|details|for|about|distinguish|portal|commons|wiktionary|\
    authority control|reflist|notelist|sup note|inflation/fn|inflation-fn|order of magnitude";
/// Prefixes of the names of notes.
const SILENT_STARTS: [&str; 12] = [
    "cite ", "cita ", "infobox", "navbox", "ipac-", "ipa-", "sfn", "use ", "pp-", "ouvrage", "lien web",
    "harv",
];

/// Units whose sign differs from their name.
const SIGNS: &str = "m2=m²|m3=m³|km2=km²|km3=km³|cm2=cm²|cm3=cm³|mm2=mm²|sqmi=sq mi|sqft=sq ft|sqkm=km²|sqm=m²|\
    cuft=cu ft|C=°C|F=°F|K=K|kph=km/h|lb=lb|foot=ft|feet=ft|acre=acres|\
    mile=miles";

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

    fn filled(&self) -> impl DoubleEndedIterator<Item = &'a str> {
        self.places.iter().copied().filter(|value| !value.is_empty())
    }
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
    if is_listed(SILENT, &name) || SILENT_STARTS.iter().any(|start| name.starts_with(start)) {
        return Template::Silent;
    }
    match print(&name, &values) {
        Some(text) => Template::Printed(text),
        None => Template::Unknown,
    }
}

fn print(name: &str, values: &Values<'_>) -> Option<String> {
    let first = values.filled().next();
    let text = match name {
        "convert" | "cvt" | "conv" => measure(values)?,
        "frac" | "sfrac" | "fraction" => match *values.filled().collect::<Vec<_>>().as_slice() {
            [below] => format!("1/{below}"),
            [above, below] => format!("{above}/{below}"),
            [whole, above, below] => format!("{whole} {above}/{below}"),
            _ => return None,
        },
        "sup" | "exp" => {
            raised(first?, "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻").unwrap_or_else(|| format!("^{}", first.unwrap_or_default()))
        }
        "sub" => raised(first?, "₀₁₂₃₄₅₆₇₈₉₊₋").unwrap_or_else(|| first.unwrap_or_default().to_owned()),
        "e" => format!("×10{}", raised(first?, "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")?),
        "start date" | "end date" | "birth date" | "death date" | "birth date and age"
        | "death date and age" | "start date and age" | "film date" | "birth-date" | "death-date" | "dob"
        | "bda" | "dda" | "bd" | "birth year" => date(values)?,
        "circa" | "c." | "ca." | "ca" => {
            format!("c. {}", values.filled().collect::<Vec<_>>().join(" – ")).trim_end().to_owned()
        }
        "floruit" | "fl." | "fl" => format!("fl. {}", first?),
        "reign" | "r." => format!("r. {}", values.filled().collect::<Vec<_>>().join("–")),
        "as of" => {
            let as_of = if values.named("lc") == Some("y") { "as of" } else { "As of" };
            format!(
                "{as_of} {}",
                values.named("alt").map_or_else(|| date(values), |alt| Some(alt.to_owned()))?
            )
        }
        "percentage" | "percent" | "pct" => percentage(values)?,
        "sortname" | "sort name" => format!("{} {}", values.place(0), values.place(1)).trim().to_owned(),
        "val" => match values.named("ul").or(values.named("u")) {
            Some(unit) => format!("{} {unit}", first?),
            None => first?.to_owned(),
        },
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
        "s" | "siècle" => format!("{}e siècle", first?),
        "s-" | "s mini-" | "s2-" => format!("{}e", first?),
        "ordinal" => format!("{}{}", first?, ordinal(first?)),
        "usd" | "us$" => format!("US${}", first?),
        "us dollar" | "dollar" | "$" => format!("${}", first?),
        "gbp" | "£" | "pound" => format!("£{}", first?),
        "eur" | "€" | "euro" => format!("€{}", first?),
        "inr" | "₹" | "indian rupee" => format!("₹{}", first?),
        "jpy" | "¥" => format!("¥{}", first?),
        "bce" | "bc" | "ce" | "ad" => format!("{} {}", first?, name.to_uppercase()),
        "snd" | "spnd" | "spaced ndash" | "spaced en dash" | "dash" => " – ".to_owned(),
        "ndash" | "endash" | "en dash" | "–" => "–".to_owned(),
        "mdash" | "emdash" | "em dash" | "—" => "—".to_owned(),
        "nbsp" | "spaces" | "space" => " ".to_owned(),
        "'" | "apostrophe" => "'".to_owned(),
        "'s" => "'s".to_owned(),
        "=" => "=".to_owned(),
        "!" => "|".to_owned(),
        "·" | "•" | "middot" | "bullet" | "dot" => " · ".to_owned(),
        "quote" | "blockquote" | "cquote" | "quotation" => values.named("text").or(first)?.to_owned(),
        "ill" | "interlanguage link" => values.named("lt").or(first)?.to_owned(),
        "uc" => first?.to_uppercase(),
        "lc" => first?.to_lowercase(),
        _ if is_listed(ALL, name) => values.filled().collect::<Vec<_>>().join(" "),
        _ if is_listed(LAST, name) => values.filled().next_back()?.to_owned(),
        _ if is_listed(FIRST, name) || name.starts_with("lang-") => first?.to_owned(),
        _ => return None,
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
        let mut signs = SIGNS.split('|').filter_map(|sign| sign.split_once('='));
        signs.find(|(known, _)| *known == unit).map_or(unit, |(_, sign)| sign).to_owned()
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

/// Digits and signs in superscript or subscript.
fn raised(text: &str, letters: &str) -> Option<String> {
    let place = |letter: char| match letter {
        '0'..='9' => letter.to_digit(10),
        '+' => Some(10),
        '-' | '−' => Some(11),
        _ => None,
    };
    text.chars().map(|letter| letters.chars().nth(place(letter)? as usize)).collect()
}
