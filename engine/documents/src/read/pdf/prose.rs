//! Joins the lines of pages to prose: removes running heads and page numbers, joins paragraphs and sentences, also across
//! pages, and keeps a hyphen at a line's end if it belongs to the word.

use super::layout::{Line, Starts};
use rustc_hash::{FxHashMap, FxHashSet};

/// Lines at the top and bottom of a page that may be running heads or page numbers.
const EDGE: usize = 2;

pub(super) fn prose(pages: &[Vec<Line>]) -> String {
    let running = running(pages);
    let mut prose = Prose { text: String::new(), words: words(pages), last: None };
    for (page, running) in pages.iter().zip(&running) {
        let mut starts = Starts::Block;
        for (line, is_running) in page.iter().zip(running) {
            starts = if starts == Starts::Block { starts } else { line.starts };
            if !is_running {
                prose.add(line, starts);
                starts = Starts::Nothing;
            }
        }
    }
    // Ligature characters.
    const LIGATURES: [(char, &str); 7] =
        [('ﬀ', "ff"), ('ﬁ', "fi"), ('ﬂ', "fl"), ('ﬃ', "ffi"), ('ﬄ', "ffl"), ('ﬅ', "st"), ('ﬆ', "st")];
    let whole = prose.text.trim_end().to_owned();
    LIGATURES.into_iter().fold(whole, |text, (ligature, letters)| match text.contains(ligature) {
        true => text.replace(ligature, letters),
        false => text,
    })
}

/// Marks the running heads, feet and page numbers of each page: lines at its edges that, apart from numbers, occur at the same
/// height on a nearby page or on most pages.
fn running(pages: &[Vec<Line>]) -> Vec<Vec<bool>> {
    // Pages and heights of each pattern.
    let mut places: FxHashMap<String, (usize, Vec<_>)> = FxHashMap::default();
    for (number, page) in pages.iter().enumerate() {
        for line in edges(page).into_iter().filter_map(|line| page.get(line)) {
            let (distinct, lines) = places.entry(pattern(&line.text)).or_default();
            *distinct += usize::from(lines.last().is_none_or(|(page, _)| *page != number));
            lines.push((number, line));
        }
    }
    let is_running = |number: usize, line: &Line, usual: f64| {
        // The end of a sentence from the previous page is not one.
        let is_text = line.text.starts_with(char::is_lowercase) && ends_sentence(&line.text);
        let Some((distinct, places)) = places.get(&pattern(&line.text)).filter(|_| !is_text) else {
            return false;
        };
        let near = places.partition_point(|(page, _)| page + 2 < number);
        let mut near = places.iter().skip(near).take_while(|(page, _)| *page <= number + 2);
        // Large lines that differ in a number are headings: "Chapter 1", "Chapter 2".
        let is_large = line.size > 1.2 * usual;
        near.any(|(page, other)| {
            *page != number
                && (other.baseline - line.baseline).abs() < 3.0
                && (!is_large || other.text == line.text)
        }) || !is_large && *distinct >= 3 && *distinct * 5 >= pages.len() * 2
    };
    pages
        .iter()
        .enumerate()
        .map(|(number, page)| {
            let mut found = vec![false; page.len()];
            let usual = super::layout::median(page.iter().map(|line| line.size));
            for index in edges(page) {
                if let (Some(line), Some(found)) = (page.get(index), found.get_mut(index)) {
                    *found = is_running(number, line, usual);
                }
            }
            found
        })
        .collect()
}

/// The lines of a page that may be a running head or foot: a few at either end that are separated from the text.
fn edges(page: &[Line]) -> Vec<usize> {
    let edge = EDGE.min(page.len() / 3);
    let parted = |index: usize| page.get(index).is_some_and(|line| line.starts != Starts::Nothing);
    let head = (1..=edge).rev().find(|index| parted(*index)).unwrap_or(0);
    let foot = (page.len() - edge..page.len()).find(|index| parted(*index)).unwrap_or(page.len());
    // A number below a single line is a page number.
    let alone = page.len() == 2 && page.get(1).is_some_and(|line| pattern(&line.text) == "0");
    (0..head).chain(foot..page.len()).chain(alone.then_some(1)).collect()
}

fn pattern(line: &str) -> String {
    let mut pattern = String::new();
    for letter in line.chars() {
        if !letter.is_ascii_digit() {
            pattern.push(letter);
        } else if !pattern.ends_with('0') {
            pattern.push('0');
        }
    }
    pattern
}

/// The words inside lines; hyphenated ones tell whether a hyphen at a line's end stays. Empty if no line ends with a hyphen.
fn words(pages: &[Vec<Line>]) -> FxHashSet<String> {
    let lines = || pages.iter().flatten().map(|line| line.text.as_str());
    let mut words = FxHashSet::default();
    if lines().any(|line| line.ends_with(HYPHENS)) {
        for line in lines() {
            words.extend(line.split(' ').map(core).filter(|word| !word.is_empty()));
        }
    }
    words
}

/// A word without surrounding punctuation, in lower case.
fn core(word: &str) -> String {
    word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase()
}

const HYPHENS: [char; 2] = ['-', '\u{2010}'];

pub(super) fn ends_sentence(text: &str) -> bool {
    let text = text.trim_end().trim_end_matches(['"', '”', '’', '»', ')', ']', '」', '』']);
    text.ends_with(['.', '!', '?', ':', '…', '。', '！', '？', '؟', '۔', '।'])
}

struct Prose {
    text: String,
    words: FxHashSet<String>,
    /// Size of the last line, and whether it is full.
    last: Option<(f64, bool)>,
}

impl Prose {
    fn add(&mut self, line: &Line, starts: Starts) {
        let last = self.last.replace((line.size, line.is_full));
        let Some(first) = line.text.chars().next() else { return };
        let is_item = matches!(first, '•' | '◦' | '▪' | '‣' | '–' | '*');
        let is_hyphened = self.text.ends_with(HYPHENS) && first.is_alphabetic();
        let is_divided = is_hyphened && first.is_lowercase();
        let goes_on = match starts {
            Starts::Nothing => true,
            Starts::Line => is_hyphened,
            Starts::Paragraph => is_divided && last.is_some_and(|(size, _)| same(size, line.size)),
            Starts::Block => last.is_some_and(|(size, is_full)| {
                same(size, line.size)
                    && (is_divided || !ends_sentence(&self.text) && (is_full || first.is_lowercase()))
            }),
        };
        if self.text.is_empty() {
        } else if !goes_on && starts != Starts::Line {
            self.text.push_str("\n\n");
        } else if !goes_on || is_item {
            self.text.push('\n');
        } else if self.text.ends_with('\u{ad}') {
            self.text.pop();
        } else if self.text.ends_with(HYPHENS) {
            match self.hyphen(&line.text) {
                Hyphen::Goes => drop(self.text.pop()),
                Hyphen::Stays => {}
                Hyphen::Hangs => self.text.push(' '),
            }
        } else if !is_wide(self.text.chars().next_back()) || !is_wide(Some(first)) {
            self.text.push(' ');
        }
        self.text.push_str(&line.text);
    }

    fn hyphen(&self, line: &str) -> Hyphen {
        let last = self.text.rsplit([' ', '\n']).next().unwrap_or_default();
        let next = line.split(' ').next().unwrap_or_default();
        let (before, after) = (core(last), core(next));
        // Not after a letter: a dash or a minus.
        if !last.trim_end_matches(HYPHENS).ends_with(char::is_alphanumeric) {
            return Hyphen::Hangs;
        }
        if !next.starts_with(char::is_lowercase) {
            return Hyphen::Stays;
        }
        // Follows the document's usage elsewhere.
        if self.words.contains(&format!("{before}{after}")) {
            return Hyphen::Goes;
        }
        if is_listed(JOINING, &after) {
            return Hyphen::Hangs;
        }
        if self.words.contains(&format!("{before}-{after}")) {
            return Hyphen::Stays;
        }
        let part = before.rsplit(HYPHENS).next().unwrap_or_default();
        let stays = before.contains(HYPHENS)
            || after.contains(HYPHENS)
            // Words are not divided after one letter or a number.
            || before.chars().count() == 1
            || before.ends_with(|letter: char| letter.is_ascii_digit())
            || is_listed(HEADS, part)
            || is_listed(TAILS, &after);
        if stays { Hyphen::Stays } else { Hyphen::Goes }
    }
}

/// The role of a hyphen at a line's end.
enum Hyphen {
    /// It divides a word.
    Goes,
    /// It is part of a word.
    Stays,
    /// A suspended hyphen, as in "Haupt- und Nebensache", or not a hyphen.
    Hangs,
}

/// Words before which a hyphen is suspended: "and", "or" and "to" in several languages.
const JOINING: &str = "and or to und oder bzw bis sowie en of tot et ou och eller og i ja tai y o e";

/// First parts of hyphenated English compounds, rarely parts of divided words.
const HEADS: &str = "all anti best cost cross eight ever ex five four full half hand hard high ill large left long low \
    much multi near nine non one open quasi right self semi seven short single six small three two well";

/// Second parts of hyphenated English compounds.
const TAILS: &str = "art based bound class cost date dependent determining driven effective efficient end fold free \
    friendly hand independent intensive in-law known led level like made minded old only oriented quality \
    range rated ready related rich scale shaped sized specific style term time type wide year";

fn is_listed(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

fn same(size: f64, other: f64) -> bool {
    (0.87..1.15).contains(&(size / other))
}

fn is_wide(letter: Option<char>) -> bool {
    letter.is_some_and(|letter| matches!(letter, '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ff00}'..='\u{ff60}'))
}
