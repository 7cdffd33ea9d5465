//! Word diff of two texts, with bounded time for any texts.
//!
//! `imara-diff` bounds its time by git's heuristics and not by a clock, so that the result is the same on every machine.

use glasshouse_protocol::cleaning::{TextChange, TextFate};
use imara_diff::{Algorithm, Diff, Hunk, InternedInput, Token};
use std::ops::Range;

/// The changes from `before` to `after`, by words. Unchanged and removed parts joined give `before`; unchanged and added parts
/// joined give `after`.
pub fn words(before: &str, after: &str) -> Vec<TextChange> {
    let mut input = InternedInput::default();
    input.update_before(pieces(before));
    input.update_after(pieces(after));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    // Of equivalent positions of a removal, prefer one that removes whole lines: removing `two` from `one⏎two⏎` removes `two⏎`,
    // not `⏎two`.
    diff.postprocess_with_heuristic(&input, |tokens: &[Token], hunk: Range<u32>, earliest_end: u32| {
        let ends_line = |end: &u32| {
            let last = tokens.get((*end as usize).wrapping_sub(1));
            last.is_some_and(|token| input.interner[*token].ends_with('\n'))
        };
        (earliest_end.max(hunk.start)..=hunk.end).rev().find(ends_line).unwrap_or(hunk.end)
    });
    let within = |tokens: &[Token], range: Range<u32>| -> String {
        let tokens = tokens.get(range.start as usize..range.end as usize).unwrap_or_default();
        tokens.iter().map(|token| input.interner[*token]).collect()
    };
    // Replaced words separated by one space are one change.
    let mut hunks: Vec<Hunk> = Vec::new();
    for hunk in diff.hunks() {
        match hunks.last_mut() {
            Some(last)
                if !last.before.is_empty()
                    && !last.after.is_empty()
                    && hunk.before.start == last.before.end + 1
                    && within(&input.before, last.before.end..hunk.before.start).trim().is_empty() =>
            {
                last.before.end = hunk.before.end;
                last.after.end = hunk.after.end;
            }
            _ => hunks.push(hunk),
        }
    }
    let mut changes = Vec::new();
    let mut add = |fate: TextFate, text: String| {
        if !text.is_empty() {
            changes.push(TextChange { fate, text });
        }
    };
    let mut past = 0;
    for hunk in hunks {
        add(TextFate::Same, within(&input.before, past..hunk.before.start));
        past = hunk.before.end;
        add(TextFate::Removed, within(&input.before, hunk.before));
        add(TextFate::Added, within(&input.after, hunk.after));
    }
    add(TextFate::Same, within(&input.before, past..input.before.len() as u32));
    changes
}

/// The words of a text, its white space, and each of the marks around a word.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, behind) =
            rest.split_at_checked(piece_end(rest)).filter(|(piece, _)| !piece.is_empty())?;
        rest = behind;
        Some(piece)
    })
}

fn piece_end(text: &str) -> usize {
    if text.starts_with(char::is_whitespace) {
        return text.find(|letter: char| !letter.is_whitespace()).unwrap_or(text.len());
    }
    if text.starts_with(|letter: char| letter.is_ascii_punctuation()) {
        return 1;
    }
    let word = text.find(char::is_whitespace).and_then(|end| text.get(..end)).unwrap_or(text);
    word.trim_end_matches(|letter: char| letter.is_ascii_punctuation()).len()
}

#[cfg(test)]
mod tests;
