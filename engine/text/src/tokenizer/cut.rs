//! Positions at which a text can be split without changing its tokens.
//!
//! With splitting patterns like GPT-2's (`'s|…| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`), white space in a token with
//! other characters is always at its *start*. So there is always a token boundary between a visible character and the white space
//! after it. Splitting there changes nothing before it: the tokens that end there are greedy runs, which the white space stops
//! just like the end of the text, and every earlier `\s+(?!\S)` sees the visible character before the split in either case. It
//! changes nothing after it: matching proceeds from left to right, starts anew at the boundary, and does not look behind. Special
//! tokens are extracted first; ours contain no white space, so no such split falls inside one. Digits that are words of their own
//! ([`Gpt2Digits`](glasshouse_protocol::PreTokenizerKind)) divide the text first, and each part is such a text.
//!
//! GPT-4's pattern (`…|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`) joins line breaks to the
//! signs before them, so only a *space* after a visible character is safe by the reasoning above. A second place is after the last line break
//! of a run of white space that a visible character follows. The token of that line break ends there: it is `[\r\n]*` after signs or
//! `\s*[\r\n]+`, which backtracks to the run's last line break, whether or not white space follows it. Alternatives without line breaks end
//! earlier, since they are tried after `\s*[\r\n]+`, and their lookahead sees the line break or what precedes it in either case. The next
//! token starts anew. Bounds of 32 characters change none of this: `\s{0,32}[\r\n]{1,32}` also ends with a line break, and `\s{1,32}` is only
//! reached if the next 33 characters have none.

use std::ops::RangeInclusive;

/// Where a tokenizer allows splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutRule {
    /// Between any characters, except inside special tokens: each character is tokenised separately.
    Anywhere,
    /// Between a visible character and the white space that follows it.
    BeforeWhitespace,
    /// Between a visible character and the space that follows it, and after the last line break before a visible character.
    BeforeSpaceAfterLine,
    /// Nowhere: the tokenizer's rules are unknown, so documents are encoded whole.
    Never,
}

/// A tokenizer's split positions.
#[derive(Clone, Debug)]
pub struct Cut {
    pub rule: CutRule,
    /// Texts that are always a single token.
    pub(crate) special: Vec<String>,
}

impl Cut {
    /// The last safe split of a text, as a byte offset strictly inside it and above `from`.
    pub fn last(&self, text: &str, from: usize) -> Option<usize> {
        self.backwards(text, from + 1..=text.len().saturating_sub(1))
    }

    /// Splits a text into pieces of about `target` bytes, or longer if there is no safe split.
    pub fn pieces<'a>(&self, text: &'a str, target: usize) -> Vec<&'a str> {
        let mut pieces = Vec::with_capacity(text.len() / target.max(1) + 1);
        let mut rest = text;
        while rest.len() > target {
            let cut = self.backwards(rest, 1..=target).or_else(|| self.forwards(rest, target));
            let Some((piece, tail)) = cut.and_then(|cut| rest.split_at_checked(cut)) else { break };
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        pieces
    }

    fn backwards(&self, text: &str, within: RangeInclusive<usize>) -> Option<usize> {
        (self.rule != CutRule::Never)
            .then(|| within.rev().find(|position| self.is_safe(text, *position)))
            .flatten()
    }

    fn forwards(&self, text: &str, from: usize) -> Option<usize> {
        (self.rule != CutRule::Never)
            .then(|| (from.max(1)..text.len()).find(|position| self.is_safe(text, *position)))
            .flatten()
    }

    /// Whether splitting at this byte offset is safe.
    pub fn is_safe(&self, text: &str, position: usize) -> bool {
        match self.rule {
            CutRule::Never => false,
            CutRule::BeforeWhitespace => before_whitespace(text, position),
            CutRule::BeforeSpaceAfterLine => {
                let Some((before, after)) = text.split_at_checked(position) else { return false };
                match before.as_bytes().last() {
                    Some(b'\n' | b'\r') => {
                        let next = |letter: &char| !letter.is_whitespace() || matches!(letter, '\n' | '\r');
                        after.chars().find(next).is_some_and(|next| !next.is_whitespace())
                    }
                    _ => after.starts_with(' ') && before_whitespace(text, position),
                }
            }
            CutRule::Anywhere => {
                text.is_char_boundary(position)
                    && self.special.iter().all(|special| !straddles(text, position, special))
            }
        }
    }
}

/// Whether a space or line break follows a visible character here.
fn before_whitespace(text: &str, position: usize) -> bool {
    matches!(text.as_bytes().get(position), Some(b' ' | b'\n'))
        && text
            .get(..position)
            .and_then(|before| before.chars().next_back())
            .is_some_and(|last| !last.is_whitespace() && !last.is_control())
}

/// Whether an occurrence of `special` contains `position`.
fn straddles(text: &str, position: usize, special: &str) -> bool {
    let bytes = text.as_bytes();
    let first = (position + 1).saturating_sub(special.len());
    (first..position).any(|start| bytes.get(start..).is_some_and(|rest| rest.starts_with(special.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(rule: CutRule) -> Cut {
        Cut { rule, special: vec!["<|endoftext|>".to_owned()] }
    }

    #[test]
    fn pieces_join_to_the_text_and_begin_with_white_space() {
        let text = "One day, a  small fox\n\nran home. ".repeat(20);
        let pieces = cut(CutRule::BeforeWhitespace).pieces(&text, 40);
        assert!(pieces.len() > 10);
        assert_eq!(pieces.concat(), text);
        for piece in &pieces[1..] {
            assert!(piece.starts_with([' ', '\n']));
        }
    }

    #[test]
    fn characters_are_cut_outside_special_tokens_only() {
        let text = "ab<|endoftext|>cd";
        let cut = cut(CutRule::Anywhere);
        let safe: Vec<usize> = (1..text.len()).filter(|at| cut.is_safe(text, *at)).collect();
        assert_eq!(safe, [1, 2, 15, 16]);
        assert!(!cut.is_safe("é", 1));
    }

    #[test]
    fn an_unknown_tokenizer_is_never_cut() {
        assert_eq!(cut(CutRule::Never).pieces("a b c d", 2), ["a b c d"]);
        assert_eq!(cut(CutRule::BeforeWhitespace).last("nothing", 0), None);
    }
}
