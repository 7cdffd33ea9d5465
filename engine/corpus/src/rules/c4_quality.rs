//! C4's quality rules: section 2.2 of Raffel et al. 2020 (arXiv:1910.10683), with the additions of its code.
//!
//! Five words per line and three sentences per text are the numbers of the paper (arXiv's latest version) and of the code that
//! makes the corpus (TensorFlow Datasets, `c4_utils.py`). datatrove swaps them, as printed in the journal version; the recipe
//! `fineweb` follows datatrove, since FineWeb was made with it.
//!
//! The only published rule that edits: it removes lines, and drops the text if too little remains. The words of the result are
//! those of the remaining lines, so that later rules need not split words again.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memchr;

use super::lines::{self, is_space, trimmed};
use super::measured::Measured;
use super::outcome::{Reason, at_least};
use super::words::{self, Word};
use glasshouse_documents::settings;

settings! {
    C4Quality {
        require_terminal_punctuation as "filter_no_terminal_punct": bool = true, 0 to 1,
            "Removes lines that do not end in . ? ! \" or '. The FineWeb recipe switches this off.";
        minimum_words_per_line as "min_words_per_line": usize = 5, 0 to 10_000,
            "Removes lines with fewer words: 5 in the paper and in TensorFlow Datasets, 3 in datatrove and so in FineWeb.";
        maximum_word_length as "max_word_length": usize = 1000, 1 to 1_000_000_000, "Removes lines with a longer word, in characters.";
        minimum_sentences as "min_num_sentences": usize = 3, 0 to 1_000_000,
            "Drops texts with fewer sentences on the kept lines: 3 in the paper and in TensorFlow Datasets, 5 in datatrove.";
        remove_citations: bool = true, 0 to 1, "Removes citation marks such as [1], [edit] and [citation needed].";
        remove_javascript_lines as "filter_javascript": bool = true, 0 to 1, "Removes lines that mention JavaScript.";
        remove_policy_lines as "filter_policy": bool = true, 0 to 1, "Removes lines about cookies, privacy policies and terms of use.";
        drop_lorem_ipsum as "filter_lorem_ipsum": bool = true, 0 to 1, "Drops texts with a line of lorem ipsum.";
        drop_curly_brackets as "filter_curly_bracket": bool = true, 0 to 1, "Drops texts with a line that contains {: they are code.";
    }
}

/// Phrases searched in every line, ignoring case: filler, script, then policies.
const PHRASES: &str = "lorem ipsum|javascript|{|terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies";

/// `None` only if the library rejected constant patterns, which a test would show.
static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(PHRASES.split('|')).ok());

const LOREM_IPSUM: u8 = 1;
const JAVASCRIPT: u8 = 2;
const CURLY_BRACKET: u8 = 4;
const POLICY: u8 = 8;

pub(super) struct Left {
    pub(super) text: String,
    pub(super) words: Vec<Word>,
}

enum Verdict {
    Goes,
    Stays,
    DropsText(&'static str, &'static str),
}

impl C4Quality {
    /// The remaining text, `None` if it is unchanged, or the reason for dropping it.
    pub(super) fn edit(&self, measured: &Measured<'_>) -> Result<Option<Left>, Reason> {
        let text = measured.text();
        let mut phrases = Phrases::new(text);
        let mut rest = measured.words();
        let mut left =
            Left { text: String::with_capacity(text.len()), words: Vec::with_capacity(rest.len()) };
        let (mut sentences, mut lines_left) = (0, 0);
        for line in lines::lines(text) {
            let line = trimmed(line);
            let range = range_within(text, line);
            let found = phrases.within(&range);
            let own = words_within(&mut rest, &range);
            let cited = self.remove_citations.then(|| without_citations(line)).flatten();
            let kept = cited.as_deref().map_or(Cow::Borrowed(line), Cow::Borrowed);
            match self.verdict(line, &kept, found) {
                Verdict::Goes => continue,
                Verdict::DropsText(threshold, text) => return Err(Reason::new(threshold, text)),
                Verdict::Stays => {}
            }
            if lines_left > 0 {
                left.text.push('\n');
            }
            lines_left += 1;
            let start = left.text.len();
            left.text.push_str(&kept);
            let before = left.words.len();
            match &cited {
                Some(cited) => left.words.extend(moved(&words::split(cited), 0, start)),
                None => left.words.extend(moved(own, range.start, start)),
            }
            sentences += self::sentences(left.words.get(before..).unwrap_or_default());
        }
        at_least!(self.minimum_sentences, "sentences", sentences as f64)?;
        left.trim();
        Ok((left.text != text).then_some(left))
    }

    fn verdict(&self, line: &str, kept: &str, found: u8) -> Verdict {
        let words = || line.split(is_space).filter(|word| !word.is_empty());
        let is_long = |word: &str| {
            word.len() > self.maximum_word_length && word.chars().count() > self.maximum_word_length
        };
        let ends = kept.ends_with(['.', '?', '!', '"', '\'']) && !kept.ends_with("...");
        if line.len() > self.maximum_word_length && words().any(is_long)
            || self.require_terminal_punctuation && !ends
            || words().take(self.minimum_words_per_line).count() < self.minimum_words_per_line
        {
            return Verdict::Goes;
        }
        if self.drop_lorem_ipsum && found & LOREM_IPSUM > 0 {
            return Verdict::DropsText("drop_lorem_ipsum", "a line contains lorem ipsum");
        }
        if self.remove_javascript_lines && found & JAVASCRIPT > 0 {
            return Verdict::Goes;
        }
        if self.drop_curly_brackets && found & CURLY_BRACKET > 0 {
            return Verdict::DropsText("drop_curly_brackets", "a line contains a curly bracket");
        }
        if self.remove_policy_lines && found & POLICY > 0 {
            return Verdict::Goes;
        }
        Verdict::Stays
    }
}

impl Left {
    /// Trims white space that removed citations left around the text.
    fn trim(&mut self) {
        let inner = range_within(&self.text, trimmed(&self.text));
        if inner.start > 0 {
            self.words.iter_mut().for_each(|word| word.start = word.start.saturating_sub(inner.start as u32));
        }
        self.text.truncate(inner.end);
        self.text.drain(..inner.start.min(inner.end));
    }
}

struct Phrases<'a> {
    found: Box<dyn Iterator<Item = (usize, u8)> + 'a>,
    next: Option<(usize, u8)>,
}

impl<'a> Phrases<'a> {
    fn new(text: &'a str) -> Self {
        let matches = FINDER.iter().flat_map(move |finder| finder.find_iter(text));
        let mut found = Box::new(matches.map(|found| {
            let kind = match found.pattern().as_usize() {
                0 => LOREM_IPSUM,
                1 => JAVASCRIPT,
                2 => CURLY_BRACKET,
                _ => POLICY,
            };
            (found.start(), kind)
        }));
        Self { next: found.next(), found }
    }

    /// Phrases inside a line; lines must be queried in order.
    fn within(&mut self, range: &Range<usize>) -> u8 {
        let mut all = 0;
        while let Some((at, kind)) = self.next.filter(|&(at, _)| at < range.end) {
            if at >= range.start {
                all |= kind;
            }
            self.next = self.found.next();
        }
        all
    }
}

fn range_within(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + part.len()
}

/// The words of a line, taken from the front of the remaining ones.
fn words_within<'a>(rest: &mut &'a [Word], range: &Range<usize>) -> &'a [Word] {
    let before = rest.iter().take_while(|word| (word.start as usize) < range.start).count();
    let (_, from) = rest.split_at_checked(before).unwrap_or((rest, &[]));
    let own = from.iter().take_while(|word| (word.start as usize) < range.end).count();
    let (own, after) = from.split_at_checked(own).unwrap_or((from, &[]));
    *rest = after;
    own
}

fn moved(words: &[Word], from: usize, to: usize) -> impl Iterator<Item = Word> {
    words.iter().map(move |word| word.at(word.start as usize + to - from))
}

fn without_citations(line: &str) -> Option<String> {
    let mut without: Option<String> = None;
    let (mut from, mut copied) = (0, 0);
    while let Some(at) = line.as_bytes().get(from..).and_then(|rest| memchr(b'[', rest)).map(|at| from + at) {
        let inside = line.get(at + 1..).unwrap_or_default();
        let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
        let length = match inside.get(digits..) {
            Some(after) if after.starts_with(']') => digits + 2,
            _ if inside.starts_with("edit]") => "[edit]".len(),
            _ if inside.starts_with("citation needed]") => "[citation needed]".len(),
            _ => 0,
        };
        from = at + length.max(1);
        if length > 0 {
            without.get_or_insert_default().push_str(line.get(copied..at).unwrap_or_default());
            copied = from;
        }
    }
    if let Some(without) = &mut without {
        without.push_str(line.get(copied..).unwrap_or_default());
    }
    without
}

/// Number of sentences, counted like spaCy's sentencizer: a new one starts with the first word after a mark that ends one and
/// closing marks; a line has at least one.
fn sentences(words: &[Word]) -> usize {
    let (mut count, mut ended) = (1, false);
    for word in words {
        if word.is_sentence_end() {
            ended = true;
        } else if ended && !word.is_marks() {
            count += 1;
            ended = false;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing_asked() -> C4Quality {
        C4Quality {
            require_terminal_punctuation: false,
            minimum_words_per_line: 0,
            minimum_sentences: 0,
            ..C4Quality::default()
        }
    }

    fn edited(rule: &C4Quality, text: &str) -> String {
        match rule.edit(&Measured::new(text)) {
            Ok(left) => left.map_or_else(|| text.to_owned(), |left| left.text),
            Err(reason) => format!("dropped: {}", reason.threshold),
        }
    }

    #[test]
    fn thresholds_are_those_of_the_paper_and_finewebs_those_of_datatrove() {
        let rule = C4Quality::default();
        assert_eq!((rule.minimum_words_per_line, rule.minimum_sentences), (5, 3));
        assert_eq!(
            edited(&rule, "One two three four.\nA line has five words. So. Yes."),
            "A line has five words. So. Yes."
        );
        assert_eq!(edited(&rule, "This line has five words. Yes."), "dropped: minimum_sentences");
        let fineweb = crate::recipe::Recipe::published("fineweb").unwrap().rules;
        let numbers = fineweb.iter().find_map(|rule| match rule {
            crate::rules::Rule::C4Quality(rule) => {
                Some((rule.minimum_words_per_line, rule.minimum_sentences))
            }
            _ => None,
        });
        assert_eq!(numbers, Some((3, 5)));
    }

    #[test]
    fn lines_without_an_end_go() {
        let rule = C4Quality { require_terminal_punctuation: true, ..nothing_asked() };
        assert_eq!(
            edited(&rule, "One.\nTwo\nThree?\nFour...\nHe said \"five\"\n"),
            "One.\nThree?\nHe said \"five\""
        );
        assert_eq!(edited(&rule, "Cited.[12]"), "Cited.");
    }

    #[test]
    fn lines_of_few_or_long_words_go() {
        let rule = C4Quality { minimum_words_per_line: 3, maximum_word_length: 4, ..nothing_asked() };
        assert_eq!(edited(&rule, "a b c\na b\n\nééé éééé é\naa bb ccccc\n"), "a b c\nééé éééé é");
    }

    #[test]
    fn lines_about_scripts_and_policies_go() {
        let text = "First line.\nEnable JavaScript now.\nOur Cookie Policy.\nWe use cookies.\nLast line.";
        assert_eq!(edited(&nothing_asked(), text), "First line.\nLast line.");
        let rule =
            C4Quality { remove_javascript_lines: false, remove_policy_lines: false, ..nothing_asked() };
        assert_eq!(edited(&rule, text), text);
    }

    #[test]
    fn texts_of_code_and_filler_are_dropped() {
        assert_eq!(edited(&nothing_asked(), "fn main() {\n}"), "dropped: drop_curly_brackets");
        assert_eq!(edited(&nothing_asked(), "Title\nLorem Ipsum dolor"), "dropped: drop_lorem_ipsum");
        let rule = C4Quality { drop_lorem_ipsum: false, drop_curly_brackets: false, ..nothing_asked() };
        assert_eq!(edited(&rule, "Lorem ipsum {"), "Lorem ipsum {");
        // A line removed for its length does not count for its bracket.
        let rule = C4Quality { minimum_words_per_line: 2, ..nothing_asked() };
        assert_eq!(edited(&rule, "two words\n{"), "two words");
    }

    #[test]
    fn sentences_are_counted_on_the_lines_that_stay() {
        let rule = C4Quality { minimum_sentences: 3, minimum_words_per_line: 2, ..nothing_asked() };
        let text = "It rained. (Hard!) Then not\nit did";
        assert_eq!(edited(&rule, text), text);
        assert_eq!(edited(&rule, "It rained. Then not\nagain"), "dropped: minimum_sentences");
        assert_eq!(edited(&rule, "It rained. 3.14 e.g. here"), "dropped: minimum_sentences");
    }

    #[test]
    fn words_of_what_is_left_are_those_of_its_text() {
        let text = "[1] Ça va, Mr. Smith?\n\nno\nIt's 3.5km[2] to N.Y. [edit]";
        let rule = C4Quality { minimum_words_per_line: 2, ..nothing_asked() };
        let left = rule.edit(&Measured::new(text)).ok().flatten().unwrap();
        assert_eq!(left.text, "Ça va, Mr. Smith?\nIt's 3.5km to N.Y.");
        assert_eq!(left.words, words::split(&left.text));
    }
}
