//! A text's words as seen by rules: lower case without accents, with obfuscated spellings reversed where that is safe.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Maximum characters of a word; longer ones are split, so that text without spaces is not held back indefinitely.
pub(super) const MAX_CHARACTERS: usize = 48;
/// Length of a word spelled letter by letter; shorter ones could be initials.
pub(super) const SPELLED: std::ops::RangeInclusive<usize> = 4..=20;
/// Maximum characters between two words of a phrase.
const MAX_GAP_CHARACTERS: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// First byte.
    pub(super) start: usize,
    /// End byte (exclusive).
    pub(super) end: usize,
    /// First byte, including preceding signs.
    pub(super) from: usize,
    /// Possible readings, the literal one first.
    pub(super) forms: Vec<String>,
    /// Whether it can continue a phrase with the preceding word.
    pub(super) follows: bool,
    /// For single letters separated by one character: the number of letters before it in the group.
    pub(super) spelled: Option<usize>,
}

/// The words of a text in order, and the start of a trailing part that more text could change (the text's length if none).
pub(super) fn words(text: &str) -> (Vec<Word>, usize) {
    let mut words: Vec<Word> = Vec::new();
    let mut open = text.len();
    let mut letters = text.char_indices().peekable();
    while let Some((start, first)) = letters.next() {
        if !is_part(first) {
            continue;
        }
        let (mut end, mut count) = (start + first.len_utf8(), 1);
        while let Some(&(at, letter)) = letters.peek() {
            if !is_part(letter) || count == MAX_CHARACTERS || is_whole(letter) || is_whole(first) {
                break;
            }
            (end, count) = (at + letter.len_utf8(), count + 1);
            letters.next();
        }
        if end == text.len() && count < MAX_CHARACTERS && !is_whole(first) {
            open = start;
        }
        let raw = text.get(start..end).unwrap_or_default();
        // Signs at either end may be punctuation; inside, they substitute letters.
        let bare = raw.trim_matches(is_sign);
        let (from, after) = (start, start + raw.len() - raw.trim_start_matches(is_sign).len());
        let forms = forms(raw, bare);
        if forms.is_empty() {
            continue;
        }
        let (start, end) = if forms.len() > 1 {
            (start, start + raw.trim_end_matches('!').len())
        } else {
            (after, after + bare.len())
        };
        let before = words.last();
        let gap = before.and_then(|before| text.get(before.end..start));
        let follows = gap.is_some_and(is_gap);
        let is_letter = bare.chars().count() == 1 && bare.chars().all(char::is_alphabetic) && raw == bare;
        let spelled = is_letter.then(|| match before.and_then(|before| before.spelled) {
            Some(number) if number + 1 < *SPELLED.end() && gap.is_some_and(is_between) => number + 1,
            _ => 0,
        });
        words.push(Word { start, end, from, forms, follows, spelled });
    }
    (words, open)
}

/// Groups of letters that may spell a word, each as one word.
pub(super) fn spelled(words: &[Word]) -> Vec<Word> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = words.get(at) {
        let rest = words.get(at..).unwrap_or_default();
        let is_next = |(number, word): &(usize, &Word)| word.spelled == Some(*number);
        let group: Vec<&Word> = rest.iter().enumerate().take_while(is_next).map(|(_, word)| word).collect();
        if let Some(last) = group.last().filter(|_| SPELLED.contains(&group.len())) {
            let form = group.iter().filter_map(|word| word.forms.first()).map(String::as_str).collect();
            let word = Word { end: last.end, forms: vec![form], ..(*first).clone() };
            found.push(word);
        }
        at += group.len().max(1);
    }
    found
}

/// Whether a phrase may continue across this text between two words.
pub(super) fn is_gap(gap: &str) -> bool {
    gap.chars().count() <= MAX_GAP_CHARACTERS
        && gap.chars().all(|letter| letter.is_whitespace() || "-_'’‐‑".contains(letter) || is_sign(letter))
}

/// Whether this text may separate the letters of a spelled word.
pub(super) fn is_between(gap: &str) -> bool {
    matches!(gap, " " | "." | "-" | "_" | "*")
}

/// Whether the character can be part of a word.
fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || is_combining_mark(letter) || is_sign(letter) || is_unseen(letter)
}

/// Signs that substitute letters.
fn is_sign(letter: char) -> bool {
    matches!(letter, '@' | '$' | '!')
}

/// Invisible characters.
fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// Characters of scripts without spaces; each is a word.
fn is_whole(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2ffff}')
}

fn forms(raw: &str, bare: &str) -> Vec<String> {
    let plain = folded(bare);
    let mut forms = Vec::new();
    if !plain.is_empty() {
        squeezed(&plain, &mut forms);
        forms.insert(0, plain);
    }
    for one in ['i', 'l'] {
        // Signs at the end may substitute letters (`a$$`), but an exclamation mark there is punctuation.
        let raw = folded(raw.trim_end_matches('!'));
        if let Some(form) = unhidden(&raw, one) {
            squeezed(&form, &mut forms);
            forms.push(form);
        }
    }
    forms.dedup();
    forms
}

/// Lower case, without accents and invisible characters.
fn folded(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let seen = word.nfkd().filter(|letter| !is_combining_mark(*letter) && !is_unseen(*letter));
    seen.flat_map(char::to_lowercase).collect()
}

/// Replaces digits and signs by letters, if the word is long enough and consists mostly of letters.
fn unhidden(word: &str, one: char) -> Option<String> {
    let (mut letters, mut figures, mut signs) = (0, 0, 0);
    let mut form = String::new();
    for letter in word.chars() {
        let (instead, count) = match letter {
            '@' => ('a', &mut signs),
            '$' => ('s', &mut signs),
            '!' => (one, &mut signs),
            '0' => ('o', &mut figures),
            '1' => (one, &mut figures),
            '3' => ('e', &mut figures),
            '4' => ('a', &mut figures),
            '5' => ('s', &mut figures),
            '7' => ('t', &mut figures),
            letter if letter.is_alphabetic() => (letter, &mut letters),
            _ => return None,
        };
        *count += 1;
        form.push(instead);
    }
    let is_long = letters + figures + signs >= if figures == 0 { 3 } else { 4 };
    (is_long && figures + signs > 0 && letters > 0 && letters >= figures).then_some(form)
}

/// Adds forms in which every letter repeated three or more times is reduced to one, and to two.
fn squeezed(word: &str, forms: &mut Vec<String>) {
    let (mut once, mut twice) = (String::new(), String::new());
    let mut letters = word.chars().peekable();
    let mut is_long = false;
    while let Some(letter) = letters.next() {
        let mut count = 1;
        while letters.next_if_eq(&letter).is_some() {
            count += 1;
        }
        is_long |= count > 2;
        once.extend(std::iter::repeat_n(letter, if count > 2 { 1 } else { count }));
        twice.extend(std::iter::repeat_n(letter, count.min(2)));
    }
    if is_long {
        forms.extend([once, twice]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms_of(text: &str) -> Vec<Vec<String>> {
        words(text).0.into_iter().map(|word| word.forms).collect()
    }

    #[test]
    fn spellings_that_hide_a_word_are_undone_and_numbers_stay() {
        assert_eq!(forms_of("Fück, me!"), [vec!["fuck"], vec!["me"]]);
        assert_eq!(forms_of("sh1t")[0], ["sh1t", "shit", "shlt"]);
        assert_eq!(forms_of("$hit!")[0], ["hit", "shit"]);
        assert_eq!(forms_of("a$$")[0], ["a", "ass"]);
        assert_eq!(forms_of("fuuuck")[0], ["fuuuck", "fuck", "fuuck"]);
        assert_eq!(forms_of("f\u{200b}u\u{ad}ck")[0], ["fuck"]);
        for number in ["a55", "455", "2024", "3.5", "B52"] {
            assert!(forms_of(number).iter().all(|forms| forms.len() == 1), "{number}");
        }
        assert_eq!(forms_of("坏蛋").len(), 2);
    }

    #[test]
    fn letters_one_by_one_spell_a_word_and_initials_do_not() {
        let of = |text: &str| -> Vec<String> {
            spelled(&words(text).0).into_iter().map(|word| word.forms[0].clone()).collect()
        };
        assert_eq!(of("oh f u c k that"), ["fuck"]);
        assert_eq!(of("s.h.i.t and s-h-i-t"), ["shit", "shit"]);
        assert!(of("J. R. R. T. and A B C").is_empty());
        assert!(of("a. b. c. d. e").is_empty());
    }
}
