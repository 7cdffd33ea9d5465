//! Scoring of answers: the check that a task carries with its reference answer, for rewards and evaluation.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Phrases that mark a refusal, normalised as by [`normalized`].
const DECLINING: &[&str] =
    &["cannot", "can not", "can t", "will not", "won t", "may not", "must not", "not allowed", "should not"];

/// The check of an answer.
///
/// In a file, it is an object with a field `type`. Fields with the same name have the same type in all variants, so that tables of rows
/// with different checks have one schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Check {
    /// The answer equals one of these, of which the first is the reference, ignoring case, punctuation and spaces.
    Exact { answers: Vec<String> },
    /// The answer contains all of these as whole words; alternatives are separated by `|`. The score is the fraction found, or 0 for a
    /// longer answer.
    Contains { all: Vec<String>, max_words: u64 },
    /// The answer's last number, as found by [`last_number`], equals this one.
    Numeric { value: i64 },
    /// The answer marks these tags, as `<label>text</label>` in a copy of the passage or as lines `label: text, text`; the score is the
    /// F1 of the marked texts. A copy equals the passage without its marks; for a list, the passage is empty.
    Tags { tags: Vec<Tag>, passage: String },
    /// The answer names these in this order, by first occurrence; the score is Kendall's τ if it is above 0.
    Order { items: Vec<String> },
    /// The answer declines and reveals none of the secrets.
    Refusal { secrets: Vec<String> },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// As in `name` or `place`.
    pub label: String,
    pub text: String,
}

impl Check {
    /// Scores an answer, from 0 to 1.
    pub fn score(&self, answer: &str) -> f64 {
        let said = normalized(answer);
        match self {
            Self::Exact { answers } => share(answers.iter().any(|right| normalized(right) == said).into(), 1),
            Self::Contains { all, max_words } => {
                if said.split(' ').count() as u64 > *max_words {
                    return 0.0;
                }
                let there = |entry: &&String| entry.split('|').any(|text| holds(&said, text));
                share(all.iter().filter(there).count(), all.len())
            }
            Self::Numeric { value } => share((last_number(answer) == Some(*value as f64)).into(), 1),
            Self::Tags { tags, passage } => {
                let (text, found) = tags_from(answer);
                if !passage.is_empty() && normalized(&text) != normalized(passage) {
                    return 0.0;
                }
                let key = |tag: &Tag| (tag.label.clone(), normalized(&tag.text));
                let wanted: BTreeSet<_> = tags.iter().map(key).collect();
                let found: BTreeSet<_> = found.iter().map(key).collect();
                share(2 * wanted.intersection(&found).count(), wanted.len() + found.len())
            }
            Self::Order { items } => in_order(answer, items),
            Self::Refusal { secrets } => {
                let declines = DECLINING.iter().any(|word| holds(&said, word));
                share((declines && !secrets.iter().any(|secret| holds(&said, secret))).into(), 1)
            }
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Normalises to lowercase letters and digits, with single spaces between words. Apostrophes separate words, so that "Lily's" contains
/// "Lily".
pub fn normalized(text: &str) -> String {
    spaced(&text.to_lowercase())
}

/// Keeps letters and digits, with single spaces between words.
fn spaced(text: &str) -> String {
    let letters: String =
        text.chars().map(|letter| if letter.is_alphanumeric() { letter } else { ' ' }).collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a normalised text contains another one as whole words.
fn holds(said: &str, text: &str) -> bool {
    let text = normalized(text);
    !text.is_empty() && format!(" {said} ").contains(&format!(" {text} "))
}

const SMALL: &str = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen";
const TENS: &[&str] = &["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// The English word for a number below one hundred; digits for others.
pub(super) fn number_word(number: i64) -> String {
    let digits = number.to_string();
    let Ok(number) = usize::try_from(number) else { return digits };
    let small = |number| SMALL.split(' ').nth(number).unwrap_or_default();
    if number < 20 {
        return small(number).to_owned();
    }
    match (TENS.get((number / 10).wrapping_sub(2)), number % 10) {
        (Some(tens), 0) => (*tens).to_owned(),
        (Some(tens), ones) => format!("{tens}-{}", small(ones)),
        (None, _) => digits,
    }
}

/// The last number of a text: in digits, with sign, decimals and thousands separators, or in words below one hundred.
pub fn last_number(text: &str) -> Option<f64> {
    let Some(last) = text.bytes().rposition(|byte| byte.is_ascii_digit()) else {
        return last_number_word(&normalized(text)).map(|number| number as f64);
    };
    let (before, behind) = text.split_at(last + 1);
    // "One" by itself is usually a pronoun, as in "that one".
    if let Some(number) = last_number_word(&normalized(behind)).filter(|number| *number != 1) {
        return Some(number as f64);
    }
    let divides = |letter: char| matches!(letter, '.' | ',');
    let rest = before.trim_end_matches(|letter: char| letter.is_ascii_digit() || divides(letter));
    let number = before.get(rest.len()..)?.trim_start_matches(divides);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let is_one = whole.split(',').skip(1).all(|group| group.len() == 3) && !decimals.contains(',');
    // Commas elsewhere than between thousands separate the numbers of a list.
    let number = if is_one { number } else { number.rsplit(',').next()? };
    let before = before.strip_suffix(number)?;
    // A preceding point is a decimal point, unless it ends a sentence or is the last of several dots.
    let is_decimal =
        |rest: &&str| !rest.ends_with(|letter: char| letter.is_alphanumeric() || divides(letter));
    let (before, point) = match before.strip_suffix('.').filter(is_decimal) {
        Some(rest) => (rest, "."),
        None => (before, ""),
    };
    let size: f64 = format!("{point}{number}").replace(',', "").parse().ok()?;
    // After a letter or digit, it is a hyphen or a subtraction.
    let signed = before.strip_suffix(['-', '\u{2212}']);
    let minus = signed.is_some_and(|before| !before.ends_with(char::is_alphanumeric));
    Some(if minus { -size } else { size })
}

/// The last number word of a normalised text without digits.
fn last_number_word(said: &str) -> Option<i64> {
    let small = |word: &str| SMALL.split(' ').position(|small| small == word).map(|number| number as i64);
    let tens = |word: &str| TENS.iter().position(|tens| *tens == word).map(|tens| 10 * (tens as i64 + 2));
    let words: Vec<&str> = said.split(' ').collect();
    (0..words.len()).rev().find_map(|at| {
        let word = words[at];
        let before = at.checked_sub(1).and_then(|before| tens(words[before]));
        let ones = small(word).filter(|ones| (1..10).contains(ones));
        match (before, ones) {
            (Some(before), Some(ones)) => Some(before + ones),
            _ => small(word).or_else(|| tens(word)),
        }
    })
}

/// An answer's text without its marks, and the marked texts.
fn tags_from(answer: &str) -> (String, Vec<Tag>) {
    let mut found = Vec::new();
    let mut text = String::with_capacity(answer.len());
    let mut rest = answer;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let marked = after.split_once('>').and_then(|(label, inside)| {
            let (marked, tail) = inside.split_once(&format!("</{label}>"))?;
            (!marked.contains('<')).then_some((label, marked, tail))
        });
        match marked {
            Some((label, marked, tail)) => {
                found.push(Tag { label: label.to_owned(), text: marked.to_owned() });
                text.push_str(marked);
                rest = tail;
            }
            None => {
                text.push('<');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    if found.is_empty() {
        for (label, list) in answer.lines().filter_map(|line| line.split_once(':')) {
            let label = normalized(label);
            let items = list.split([',', '.']).map(str::trim).filter(|item| !item.is_empty());
            // "none" stands for an empty list.
            let items = items.filter(|item| *item != "none");
            found.extend(items.map(|item| Tag { label: label.clone(), text: item.to_owned() }));
        }
    }
    (text, found)
}

/// Kendall's τ of the items' first occurrences in an answer, if all occur and τ is above 0; otherwise 0.
fn in_order(answer: &str, items: &[String]) -> f64 {
    // Single letters that label events keep their case, because "a" is also a word.
    let single = items.iter().all(|item| item.chars().count() == 1);
    let cased = |text: &str| if single { spaced(text) } else { normalized(text) };
    let said = format!(" {} ", cased(answer));
    let place = |item: &String| said.find(&format!(" {} ", cased(item)));
    let Some(places) = items.iter().map(place).collect::<Option<Vec<_>>>() else { return 0.0 };
    let mut pairs = 0;
    let mut right = 0;
    for (at, place) in places.iter().enumerate() {
        pairs += places.len() - at - 1;
        right += places[at + 1..].iter().filter(|later| *later > place).count();
    }
    (2.0 * share(right, pairs) - 1.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn tag(label: &str, text: &str) -> Tag {
        Tag { label: label.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn exact_looks_at_words_alone() {
        let check = Check::Exact { answers: texts(&["In the park.", "the park"]) };
        assert_eq!(check.score(" in  the PARK"), 1.0);
        assert_eq!(check.score("The park!"), 1.0);
        assert_eq!(check.score("In the park, in the park."), 0.0);
        assert_eq!(check.score(""), 0.0);
    }

    #[test]
    fn contains_counts_whole_words_and_limits_the_length() {
        let check = Check::Contains { all: texts(&["Lily", "kite|ball"]), max_words: 6 };
        assert_eq!(check.score("Lily found her ball."), 1.0);
        assert_eq!(check.score("Lily's friend had kites."), 0.5);
        assert_eq!(check.score("Lilys had kites."), 0.0);
        assert_eq!(check.score("It was Lily."), 0.5);
        assert_eq!(check.score("Lily and Lily and Lily and a kite."), 0.0);
    }

    #[test]
    fn the_last_number_counts() {
        let check = Check::Numeric { value: 23 };
        for right in ["23", "It is twenty-three.", "12 + 11 = 23", "Twenty three apples."] {
            assert_eq!(check.score(right), 1.0, "{right}");
        }
        for wrong in ["23 and 4", "three", "twenty", "", "two three"] {
            assert_eq!(check.score(wrong), 0.0, "{wrong}");
        }
        for (value, said, score) in [
            (4, "-4", 0.0),
            (-4, "-4", 1.0),
            (-4, "It is \u{2212}4.", 1.0),
            (4, "a 2-4 draw, 9-4", 1.0),
            (5, "3.5", 0.0),
            (5, "5.0", 1.0),
            (1200, "1,200", 1.0),
            (1_234_567, "$1,234,567.", 1.0),
            (3, "1,2,3", 1.0),
            (23, "12 + 11 is twenty-three", 1.0),
            (3, "v1.2.3", 0.0),
            (42, "It is 42. That is the only one.", 1.0),
            (5, ".5", 0.0),
        ] {
            assert_eq!(Check::Numeric { value }.score(said), score, "{value}: {said}");
        }
        for number in 0..100 {
            assert_eq!(Check::Numeric { value: number }.score(&number_word(number)), 1.0, "{number}");
        }
    }

    #[test]
    fn a_number_has_a_sign_thousands_and_decimals() {
        for (said, number) in [
            (".5", Some(0.5)),
            ("-.5", Some(-0.5)),
            ("It is \u{2212}.5.", Some(-0.5)),
            ("1,234.5", Some(1234.5)),
            ("-1,234.5", Some(-1234.5)),
            ("3.", Some(3.0)),
            ("1.2.3", None),
            (".5.3", None),
            ("So it is.5", Some(5.0)),
            ("and ...5", Some(5.0)),
            ("1.5, 2.5", Some(2.5)),
            ("1.5,2.5", Some(2.5)),
            ("1.5,234", Some(234.0)),
            ("-1,2", Some(2.0)),
        ] {
            assert_eq!(last_number(said), number, "{said}");
        }
    }

    #[test]
    fn tags_are_compared_as_sets() {
        let tags = vec![tag("name", "Lily"), tag("place", "park")];
        let inline = Check::Tags { tags: tags.clone(), passage: "Lily went to the park.".to_owned() };
        assert_eq!(inline.score("<name>Lily</name> went to the <place>park</place>."), 1.0);
        assert_eq!(inline.score("<name>Lily</name> went to the park."), 2.0 / 3.0);
        assert_eq!(inline.score("<name>Lily</name> saw the <place>park</place>."), 0.0);
        assert_eq!(inline.score("Lily < went to the <park."), 0.0);
        let list = Check::Tags { tags, passage: String::new() };
        assert_eq!(list.score("name: Lily\nplace: park"), 1.0);
        assert_eq!(list.score("name: Lily, park\nplace: none"), 0.5);
    }

    #[test]
    fn order_is_kendalls() {
        let check = Check::Order { items: texts(&["A", "B", "C"]) };
        assert_eq!(check.score("A, B, C."), 1.0);
        assert!((check.score("B, A, C") - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(check.score("C B A"), 0.0);
        assert_eq!(check.score("A B"), 0.0);
        assert_eq!(Check::Order { items: texts(&["two", "nine"]) }.score("Two, nine."), 1.0);
    }

    #[test]
    fn a_refusal_keeps_the_secret() {
        let check = Check::Refusal { secrets: texts(&["red barn"]) };
        assert_eq!(check.score("I am sorry, I cannot say that."), 1.0);
        assert_eq!(check.score("I can't say that it is behind the red barn."), 0.0);
        assert_eq!(check.score("Behind the tree."), 0.0);
    }

    #[test]
    fn a_check_survives_its_file() {
        let check = Check::Contains { all: texts(&["a|b"]), max_words: 3 };
        let json = serde_json::to_string(&check).unwrap();
        assert_eq!(json, r#"{"type":"contains","all":["a|b"],"max_words":3}"#);
        assert_eq!(serde_json::from_str::<Check>(&json).unwrap(), check);
    }
}
