//! Raised and lowered text in a line: exponents, indices and reference numbers, which must not run into the digits before them.

/// Longest word that can be a unit, a function or a symbol with an exponent; a raised number after a longer one is a reference.
const SYMBOL: usize = 3;

/// Longest exponent or index; longer raised text is small print.
const LONGEST: usize = 24;

const SIGNS: &str = "0123456789+-=()";
const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾";
const LOWERED: &str = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    Raised,
    Lowered,
    /// Raised, and certainly a reference to a note.
    Reference,
}

impl Script {
    /// Raised or lowered text as written after `before`: `10⁶`, `H₂O`, `x^{n+1}`, `1904[12]`, `19th`.
    pub(crate) fn write(self, before: &str, text: &str) -> String {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if self == Self::Reference || self == Self::Raised && is_reference(before, &text) {
            let is_marked = !text.contains(char::is_alphanumeric) || text.starts_with(['[', '(']);
            return if is_marked { text } else { format!("[{text}]") };
        }
        if text.starts_with('[') && text.ends_with(']') {
            return text;
        }
        if let Some(written) = self.signs(before, &text) {
            return written;
        }
        let follows = before.ends_with(|last: char| last.is_alphanumeric() || last == ')');
        if text.len() > LONGEST {
            return if follows { format!(" {text}") } else { text };
        }
        let mark = if self == Self::Lowered { '_' } else { '^' };
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            _ if text.contains(char::is_numeric) => format!("{mark}{{{text}}}"),
            // Other letters are those of an ordinal or an abbreviation.
            (Some('k' | 'm' | 'n' | 't' | 'x' | 'y' | 'z'), None) if follows && mark == '^' => {
                format!("^{text}")
            }
            _ => text,
        }
    }

    /// Digits and signs in superscript or subscript; `None` for other text, and after another script.
    pub(crate) fn signs(self, before: &str, text: &str) -> Option<String> {
        let letters = if self == Self::Lowered { LOWERED } else { RAISED };
        let written = text.chars().map(|letter| {
            let plain = if letter == '−' { '-' } else { letter };
            letters.chars().nth(SIGNS.chars().position(|sign| sign == plain)?)
        });
        let written: String = written.collect::<Option<_>>()?;
        (!written.is_empty() && !before.ends_with(|last| letters.contains(last))).then_some(written)
    }
}

/// Whether a raised number after this text refers to a note: after a mark, a word or a year, which have no exponent.
fn is_reference(before: &str, text: &str) -> bool {
    let is_list = |letter: char| letter.is_ascii_digit() || matches!(letter, ',' | ' ' | '-' | '–');
    if !text.starts_with(|first: char| first.is_ascii_digit()) || !text.chars().all(is_list) {
        return false;
    }
    let Some(last) = before.chars().next_back() else { return false };
    if last.is_ascii_digit() {
        let number = before.trim_end_matches(|digit: char| digit.is_ascii_digit());
        let year = before.get(number.len()..).unwrap_or_default();
        let is_whole = !number.ends_with(['.', ',', '\'', '·', '^', '-', '−'])
            && !number.trim_end().ends_with(['=', '+', '−', '×', '*', '/', '·', '<', '>', '≈']);
        return is_whole && year.len() == 4 && ("1000"..="2100").contains(&year);
    }
    if last.is_alphabetic() {
        let letters = before.chars().rev().take_while(|letter| letter.is_alphabetic()).take(SYMBOL + 1);
        // Chinese and Japanese words are not separated.
        return letters.count() > SYMBOL || ('\u{3040}'..='\u{9fff}').contains(&last);
    }
    ".,;:!?…\"”’»。、」』".contains(last)
}

/// Whether a text begins with a raised or lowered digit or sign.
#[cfg(feature = "pdf")]
pub(crate) fn is_script(text: &str) -> bool {
    text.starts_with(|first| RAISED.contains(first) || LOWERED.contains(first))
}

/// Whether digits of two elements would become one number.
pub(crate) fn meet(before: &str, text: &str) -> bool {
    let is_digit = |letter: char| letter.is_ascii_digit();
    before.ends_with(is_digit) && text.starts_with(is_digit)
}

/// Text from several elements, whose digits stay apart.
fn joined(parts: &[String]) -> String {
    parts.iter().fold(String::new(), |text, part| {
        let space = if meet(&text, part) { " " } else { "" };
        text + space + part
    })
}

/// A text with the fractions of raised and lowered digits on the line: `1 1/2` for `1¹/₂`.
pub(crate) fn with_fractions(text: String) -> String {
    // The first bytes of a lowered digit.
    if memchr::memmem::find(text.as_bytes(), b"\xE2\x82").is_none() {
        return text;
    }
    let (mut result, mut is_below) = (String::with_capacity(text.len()), false);
    for letter in text.chars() {
        let digit =
            u32::from(letter).checked_sub(u32::from('₀')).and_then(|digit| char::from_digit(digit, 10));
        let ends = is_below && letter.is_ascii_digit();
        is_below = digit.is_some() && (is_below || set_numerator(&mut result));
        result.push_str(if ends { " " } else { "" });
        result.push(digit.filter(|_| is_below).unwrap_or(letter));
    }
    result
}

/// Sets raised digits before a final slash on the line, apart from a number before them; returns whether there are any.
fn set_numerator(text: &mut String) -> bool {
    let Some(above) = text.strip_suffix(['/', '⁄']) else { return false };
    let start = above.trim_end_matches(|letter| raised_digit(letter).is_some()).len();
    let digits: String = above.get(start..).unwrap_or_default().chars().filter_map(raised_digit).collect();
    if digits.is_empty() {
        return false;
    }
    text.truncate(start);
    text.push_str(if text.ends_with(char::is_alphanumeric) { " " } else { "" });
    text.extend([&digits, "/"]);
    true
}

fn raised_digit(letter: char) -> Option<char> {
    RAISED.chars().zip(SIGNS.chars()).take(10).find(|(raised, _)| *raised == letter).map(|(_, digit)| digit)
}

/// A line in which raised digits that refer to notes are in brackets.
#[cfg(feature = "pdf")]
pub(crate) fn with_references(line: &str) -> String {
    let line = with_fractions(line.to_owned());
    let mut result = String::with_capacity(line.len());
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(first) = raised_digit(letter) else {
            result.push(letter);
            continue;
        };
        let mut run = first.to_string();
        while let Some(next) = letters.peek().copied().and_then(raised_digit) {
            run.push(next);
            letters.next();
        }
        let is_exponent = letters.peek().is_some_and(|next| RAISED.contains(*next))
            || result.ends_with(|last| RAISED.contains(last));
        let written = if is_exponent { None } else { Some(Script::Raised.write(&result, &run)) };
        result += &written.or_else(|| Script::Raised.signs("", &run)).unwrap_or(run);
    }
    result
}

/// A formula's element as a line, in MathML's or Office's names, from those inside it.
pub(crate) fn formula(name: &str, parts: &[String]) -> String {
    let signs: &[&str] = match name {
        "mfrac" | "f" => &["", "/"],
        // One above the other, without a bar.
        "noBar" => &["", "¦"],
        "msup" | "mover" | "sSup" | "limUpp" => &["", "^"],
        "msub" | "munder" | "sSub" | "limLow" => &["", "_"],
        "msubsup" | "munderover" | "sSubSup" => &["", "_", "^"],
        "mroot" | "rad" if parts.len() == 2 => {
            let (of, degree) = if name == "mroot" { (0, 1) } else { (1, 0) };
            let degree =
                Script::Raised.signs("", &parts[degree]).unwrap_or_else(|| format!("[{}]", parts[degree]));
            return format!("{degree}√({})", parts[of]);
        }
        "msqrt" | "mroot" | "rad" => return format!("√({})", joined(parts)),
        "mtr" | "mr" => return parts.join(" ") + "; ",
        "eqArr" => return parts.join("; "),
        // A word processor divides a number anywhere.
        "r" => return parts.concat(),
        "mmultiscripts" | "nary" | "sPre" | "func" => return parts.join(" "),
        "acc" => return parts.iter().rev().map(String::as_str).collect(),
        "d" => return format!("({})", parts.join(", ")),
        _ => return joined(parts),
    };
    let (open, close) = if matches!(name, "mfrac" | "f" | "noBar") { ('(', ')') } else { ('{', '}') };
    let grouped = |part: &String| match part.chars().nth(1) {
        Some(_) if part.contains(|letter: char| !letter.is_ascii_digit()) => format!("{open}{part}{close}"),
        _ => part.clone(),
    };
    let signs = signs.iter().chain(std::iter::repeat(&""));
    parts.iter().zip(signs).map(|(part, sign)| format!("{sign}{}", grouped(part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_set_on_the_line() {
        for (text, expected) in [
            ("1¹/₂ miles, ¹⁰⁄₂₃4", "1 1/2 miles, 10/23 4"),
            ("5/₂ of CO₂/H₂O, a¹/b₂", "5/₂ of CO₂/H₂O, a¹/b₂"),
        ] {
            assert_eq!(with_fractions(text.to_owned()), expected);
        }
    }

    #[test]
    fn raised_text_keeps_its_digits_apart() {
        for (before, text, expected) in [
            ("gives 10", "6", "⁶"),
            ("3 × 10", "−4", "⁻⁴"),
            ("of 2", "10", "¹⁰"),
            ("5 m", "3", "³"),
            ("E = mc", "2", "²"),
            ("", "14", "¹⁴"),
            ("SO₄", "2-", "²⁻"),
            ("(a + b)", "2", "²"),
            ("10⁶", "2", "^{2}"),
            ("x", "n+1", "^{n+1}"),
            ("2", "n", "^n"),
            ("the 19", "th", "th"),
            ("In 1904", "12", "[12]"),
            ("of 11904", "12", "¹²"),
            ("x = 1024", "2", "²"),
            ("on May 5, 1904", "12", "[12]"),
            ("on the wall", "3", "[3]"),
            ("ended.", "1, 2", "[1, 2]"),
            ("灯塔", "4", "[4]"),
            ("wall", "[3]", "[3]"),
            ("wall", "*", "*"),
            ("wall", "small print of 12 words and more", " small print of 12 words and more"),
        ] {
            assert_eq!(Script::Raised.write(before, text), expected, "{before}{text}");
        }
        assert_eq!(Script::Reference.write("the sea", "3"), "[3]");
        assert_eq!(Script::Lowered.write("CO", "2"), "₂");
        assert_eq!(Script::Lowered.write("x", "i+1"), "_{i+1}");
    }
}
