//! What changed between two states of a text, by words, in time that is bounded whatever the texts.
//!
//! Myers' algorithm (`similar`) takes time by the square of what differs, and its deadline asks a clock, which would make the answer
//! depend on the machine. So the size decides: short texts are compared by words; longer ones by lines, and the lines that changed by
//! words while a budget lasts; and texts of very many lines by a walk that looks a fixed number of lines ahead, which finds what the
//! rules of this bench do (take lines away) and may show more than the least possible change elsewhere.

use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// A stretch of text and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'text> {
    /// What became of it.
    pub fate: Fate,
    /// The stretch, from the text before, or from the one after where it was added.
    pub text: &'text str,
}

/// What became of a stretch of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stayed.
    Same,
    /// It was taken away.
    Removed,
    /// It was added.
    Added,
}

/// Comparisons that one call may spend: some tens of milliseconds.
const BUDGET: u64 = 12_000_000;
/// Pieces in both texts together up to which Myers' algorithm stays within the budget even where nothing is alike.
const PIECES: usize = 3_400;
/// Bytes that a change is moved on at most to where a line begins.
const LINE_BYTES: usize = 2_000;
/// Lines that the walk over very long texts looks ahead.
const LOOK_AHEAD: usize = 64;

/// The changes that lead from `before` to `after`, by words. What stayed and what was taken away make `before` when joined; what
/// stayed and what was added make `after`.
pub fn words<'text>(before: &'text str, after: &'text str) -> Vec<Change<'text>> {
    let mut changes = Changes { before, after, list: Vec::new() };
    let (head, tail) = common_ends(before, after);
    let (old, new) = (head..before.len() - tail, head..after.len() - tail);
    changes.same(0..head);
    let mut budget = BUDGET;
    if !by_words(&mut changes, old.clone(), new.clone(), &mut budget) {
        by_lines(&mut changes, old.clone(), new, &mut budget);
    }
    changes.same(old.end..before.len());
    changes.slide();
    changes.tidy()
}

/// Bytes that both texts begin and end with, ending between words.
fn common_ends(before: &str, after: &str) -> (usize, usize) {
    let between = |text: &str, place: usize| {
        let last = text.get(..place).and_then(|head| head.chars().next_back());
        let next = text.get(place..).and_then(|rest| rest.chars().next());
        match (last, next) {
            (Some(last), Some(next)) => last.is_whitespace() || next.is_whitespace(),
            _ => text.is_char_boundary(place),
        }
    };
    let shorter = before.len().min(after.len());
    let mut head = before.bytes().zip(after.bytes()).take_while(|(old, new)| old == new).count();
    while head > 0 && !(between(before, head) && between(after, head)) {
        head -= 1;
    }
    let mut tail = before
        .bytes()
        .rev()
        .zip(after.bytes().rev())
        .take_while(|(old, new)| old == new)
        .count()
        .min(shorter - head);
    while tail > 0 && !(between(before, before.len() - tail) && between(after, after.len() - tail)) {
        tail -= 1;
    }
    (head, tail)
}

/// Changes found so far, in order.
struct Changes<'text> {
    before: &'text str,
    after: &'text str,
    list: Vec<(Fate, Range<usize>)>,
}

impl<'text> Changes<'text> {
    fn push(&mut self, fate: Fate, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        match self.list.last_mut() {
            Some((last, stretch)) if *last == fate && stretch.end == range.start => stretch.end = range.end,
            _ => self.list.push((fate, range)),
        }
    }

    /// A stretch of the text before that stayed.
    fn same(&mut self, range: Range<usize>) {
        self.push(Fate::Same, range);
    }

    /// A stretch of the text before that gave way to one of the text after.
    fn replaced(&mut self, old: Range<usize>, new: Range<usize>) {
        self.push(Fate::Removed, old);
        self.push(Fate::Added, new);
    }

    /// Moves what was only taken away or only added to where whole lines go, if the same change can be told so: of `one⏎two⏎` without
    /// `two`, the end `two⏎` goes and not `⏎two`.
    fn slide(&mut self) {
        let mut list: Vec<(Fate, Range<usize>)> = Vec::with_capacity(self.list.len() + 1);
        let mut parts = std::mem::take(&mut self.list).into_iter().peekable();
        while let Some((fate, range)) = parts.next() {
            let alone = fate != Fate::Same && list.last().is_none_or(|(last, _)| *last == Fate::Same);
            let text = if fate == Fate::Added { self.after } else { self.before };
            match parts.peek_mut() {
                Some((Fate::Same, next)) if alone => {
                    let forward = line_distance(text, &range).filter(|step| *step > 0 && *step <= next.len());
                    let Some(step) = forward else {
                        list.push((fate, range));
                        continue;
                    };
                    match list.last_mut() {
                        Some((_, last)) => last.end += step,
                        None if fate == Fate::Removed => {
                            list.push((Fate::Same, range.start..range.start + step));
                        }
                        None => list.push((Fate::Same, next.start..next.start + step)),
                    }
                    list.push((fate, range.start + step..range.end + step));
                    next.start += step;
                }
                _ => list.push((fate, range)),
            }
        }
        self.list = list;
    }

    /// Joins changes that only white space parts, and puts what was removed before what was added.
    fn tidy(self) -> Vec<Change<'text>> {
        let Self { before, after, list } = self;
        let blank = |range: &Range<usize>| {
            before.get(range.clone()).is_some_and(|text| text.chars().all(char::is_whitespace))
        };
        let mut result = Vec::with_capacity(list.len());
        // The run of changes at hand: as ranges of both texts. A stretch that stayed lies at the same distance behind both.
        let mut run: Option<(Range<usize>, Range<usize>)> = None;
        let (mut old_end, mut new_end) = (0, 0);
        let flush = |run: &mut Option<(Range<usize>, Range<usize>)>, result: &mut Vec<Change<'text>>| {
            if let Some((old, new)) = run.take() {
                for (fate, text) in [(Fate::Removed, before.get(old)), (Fate::Added, after.get(new))] {
                    result.extend(text.filter(|text| !text.is_empty()).map(|text| Change { fate, text }));
                }
            }
        };
        for (index, (fate, range)) in list.iter().enumerate() {
            match fate {
                Fate::Same => {
                    let follows = index + 1 < list.len();
                    match &mut run {
                        Some((old, new))
                            if follows
                                && range.len() <= 2
                                && blank(range)
                                && old.start < old.end
                                && new.start < new.end =>
                        {
                            old.end += range.len();
                            new.end += range.len();
                        }
                        _ if range.start >= range.end => {}
                        _ => {
                            flush(&mut run, &mut result);
                            let text = before.get(range.clone()).unwrap_or_default();
                            result.push(Change { fate: Fate::Same, text });
                        }
                    }
                    old_end = range.end;
                    new_end += range.len();
                }
                Fate::Removed => {
                    run.get_or_insert((old_end..old_end, new_end..new_end)).0.end = range.end;
                    old_end = range.end;
                }
                Fate::Added => {
                    run.get_or_insert((old_end..old_end, new_end..new_end)).1.end = range.end;
                    new_end = range.end;
                }
            }
        }
        flush(&mut run, &mut result);
        result
    }
}

/// How far a stretch can be moved on in its text, staying the same, until whole lines are what it covers.
fn line_distance(text: &str, range: &Range<usize>) -> Option<usize> {
    let bytes = text.as_bytes();
    let begins = |place: usize| place == 0 || bytes.get(place - 1) == Some(&b'\n');
    if begins(range.start) && begins(range.end) {
        return Some(0);
    }
    let (inside, behind) = (bytes.get(range.start..)?, bytes.get(range.end..)?);
    let mut steps = inside.iter().zip(behind).take(LINE_BYTES).take_while(|(old, new)| old == new);
    steps.position(|(byte, _)| *byte == b'\n').map(|place| place + 1)
}

/// Compares two stretches by words where the budget allows, and says whether it did.
fn by_words(changes: &mut Changes<'_>, old: Range<usize>, new: Range<usize>, budget: &mut u64) -> bool {
    if old.is_empty() || new.is_empty() {
        changes.replaced(old, new);
        return true;
    }
    // A word takes a byte at least; looked at first, so that long texts are not cut up in vain.
    let (Some(old_words), Some(new_words)) =
        (pieces(changes.before, &old, PIECES, word_end), pieces(changes.after, &new, PIECES, word_end))
    else {
        return false;
    };
    let cost = ((old_words.len() + new_words.len()) as u64).pow(2);
    if cost > *budget || old_words.len() + new_words.len() > PIECES {
        return false;
    }
    *budget -= cost;
    let old_texts: Vec<&str> = texts(changes.before, &old_words);
    let new_texts: Vec<&str> = texts(changes.after, &new_words);
    for change in capture_diff_slices(Algorithm::Myers, &old_texts, &new_texts) {
        let (tag, old_range, new_range) = change.as_tag_tuple();
        let (old_range, new_range) =
            (stretch(&old_words, old_range, old.end), stretch(&new_words, new_range, new.end));
        match tag {
            DiffTag::Equal => changes.same(old_range),
            DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => changes.replaced(old_range, new_range),
        }
    }
    true
}

/// Compares two stretches by lines, and the lines that changed by words while the budget lasts.
fn by_lines(changes: &mut Changes<'_>, old: Range<usize>, new: Range<usize>, budget: &mut u64) {
    let lines =
        |text: &str, range: &Range<usize>| pieces(text, range, usize::MAX, line_end).unwrap_or_default();
    let (old_lines, new_lines) = (lines(changes.before, &old), lines(changes.after, &new));
    let old_texts: Vec<&str> = texts(changes.before, &old_lines);
    let new_texts: Vec<&str> = texts(changes.after, &new_lines);
    let hunks = if old_lines.len() + new_lines.len() <= PIECES {
        let hunks = capture_diff_slices(Algorithm::Myers, &old_texts, &new_texts);
        hunks
            .into_iter()
            .map(|hunk| hunk.as_tag_tuple())
            .map(|(tag, old, new)| (tag == DiffTag::Equal, old, new))
            .collect()
    } else {
        walk(&old_texts, &new_texts)
    };
    for (same, old_range, new_range) in hunks {
        let (old_range, new_range) =
            (stretch(&old_lines, old_range, old.end), stretch(&new_lines, new_range, new.end));
        if same {
            changes.same(old_range);
        } else if !by_words(changes, old_range.clone(), new_range.clone(), budget) {
            changes.replaced(old_range, new_range);
        }
    }
}

/// Goes through both lists side by side; where they part, looks ahead for the nearest place where they meet again.
fn walk(old: &[&str], new: &[&str]) -> Vec<(bool, Range<usize>, Range<usize>)> {
    let mut hunks: Vec<(bool, Range<usize>, Range<usize>)> = Vec::new();
    let mut push = |same: bool, old: Range<usize>, new: Range<usize>| match hunks.last_mut() {
        Some(last) if last.0 == same => {
            last.1.end = old.end;
            last.2.end = new.end;
        }
        _ => hunks.push((same, old, new)),
    };
    let (mut left, mut right) = (0, 0);
    while let (Some(old_line), Some(new_line)) = (old.get(left), new.get(right)) {
        if old_line == new_line {
            push(true, left..left + 1, right..right + 1);
            left += 1;
            right += 1;
            continue;
        }
        let ahead = |list: &[&str], from: usize, wanted: &str| {
            list.iter().skip(from).take(LOOK_AHEAD).position(|line| *line == wanted).unwrap_or(usize::MAX)
        };
        let (removed, added) = (ahead(old, left, new_line), ahead(new, right, old_line));
        let (removed, added) = match (removed, added) {
            (usize::MAX, usize::MAX) => (1, 1),
            (removed, added) if removed <= added => (removed, 0),
            (_, added) => (0, added),
        };
        push(false, left..left + removed, right..right + added);
        left += removed;
        right += added;
    }
    if left < old.len() || right < new.len() {
        push(false, left..old.len(), right..new.len());
    }
    hunks
}

/// The pieces of a stretch of text as ranges, or `None` where there are more than `limit`.
fn pieces(
    text: &str,
    range: &Range<usize>,
    limit: usize,
    end: fn(&str) -> usize,
) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut start = range.start;
    while let Some(rest) = text.get(start..range.end).filter(|rest| !rest.is_empty()) {
        if found.len() == limit {
            return None;
        }
        let piece = start..start + end(rest).max(1);
        start = piece.end;
        found.push(piece);
    }
    Some(found)
}

/// Bytes of the word that a text begins with, of its white space, or of one of the signs that stand around a word.
fn word_end(text: &str) -> usize {
    if text.starts_with(char::is_whitespace) {
        return text.find(|letter: char| !letter.is_whitespace()).unwrap_or(text.len());
    }
    if text.starts_with(|letter: char| letter.is_ascii_punctuation()) {
        return 1;
    }
    let word = text.find(char::is_whitespace).and_then(|end| text.get(..end)).unwrap_or(text);
    word.trim_end_matches(|letter: char| letter.is_ascii_punctuation()).len()
}

/// Bytes of the line that a text begins with, its line break included.
fn line_end(text: &str) -> usize {
    memchr::memchr(b'\n', text.as_bytes()).map_or(text.len(), |end| end + 1)
}

fn texts<'text>(text: &'text str, pieces: &[Range<usize>]) -> Vec<&'text str> {
    pieces.iter().map(|piece| text.get(piece.clone()).unwrap_or_default()).collect()
}

/// The stretch of text that a range of pieces covers; an empty range stands where its first piece would.
fn stretch(pieces: &[Range<usize>], range: Range<usize>, end: usize) -> Range<usize> {
    let start = pieces.get(range.start).map_or(end, |piece| piece.start);
    let stop = range.end.checked_sub(1).filter(|last| *last >= range.start).and_then(|last| pieces.get(last));
    start..stop.map_or(start, |piece| piece.end)
}

#[cfg(test)]
mod tests;
