//! Where a text may be cut so that the pieces' tokens, one after the other, are the whole text's tokens.
//!
//! Splitting patterns like GPT-2's (`'s|…| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`) let white space only
//! *begin* a token that holds anything else. So between a visible character and the white space after it there is always
//! a token boundary. Cutting there changes nothing before it: the tokens that end at the cut are greedy runs which the
//! white space would have stopped as the end of the text does, and every `\s+(?!\S)` before the cut sees the visible
//! character in front of the cut in either case. It changes nothing after it: matching goes from left to right, starts
//! again at the boundary, and looks back at nothing. Special tokens are taken out of the text first; ours hold no white
//! space, so no cut of this kind falls inside one.

/// Which cuts a tokenizer allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutRule {
    /// Each character is tokenized alone: every boundary between characters will do, outside special tokens.
    Anywhere,
    /// Between a visible character and the white space that follows it.
    BeforeWhitespace,
    /// Nothing is known about the tokenizer: documents are encoded whole.
    Never,
}

/// A tokenizer's cuts.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The rule.
    pub rule: CutRule,
    /// Texts that are one token wherever they stand.
    pub(crate) special: Vec<String>,
}

impl Cut {
    /// The last safe cut of a text, as a byte position inside it (neither end).
    pub fn last(&self, text: &str) -> Option<usize> {
        self.backwards(text, text.len().saturating_sub(1))
    }

    /// Divides a text into pieces of about `target` bytes; longer ones where there is no safe cut.
    pub fn pieces<'a>(&self, text: &'a str, target: usize) -> Vec<&'a str> {
        let mut pieces = Vec::with_capacity(text.len() / target.max(1) + 1);
        let mut rest = text;
        while rest.len() > target {
            let cut = self.backwards(rest, target).or_else(|| self.forwards(rest, target));
            let Some((piece, tail)) = cut.and_then(|cut| rest.split_at_checked(cut)) else { break };
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        pieces
    }

    fn backwards(&self, text: &str, from: usize) -> Option<usize> {
        (self.rule != CutRule::Never)
            .then(|| (1..=from).rev().find(|position| self.is_safe(text, *position)))
            .flatten()
    }

    fn forwards(&self, text: &str, from: usize) -> Option<usize> {
        (self.rule != CutRule::Never)
            .then(|| (from.max(1)..text.len()).find(|position| self.is_safe(text, *position)))
            .flatten()
    }

    /// Whether the text may be cut at this byte.
    pub fn is_safe(&self, text: &str, position: usize) -> bool {
        match self.rule {
            CutRule::Never => false,
            CutRule::BeforeWhitespace => before_whitespace(text, position),
            CutRule::Anywhere => {
                text.is_char_boundary(position)
                    && self.special.iter().all(|special| !straddles(text, position, special))
            }
        }
    }
}

/// The cut that is safe for every tokenizer of ours: a visible character, then a space or a line's end.
pub(crate) fn before_whitespace(text: &str, position: usize) -> bool {
    matches!(text.as_bytes().get(position), Some(b' ' | b'\n'))
        && text
            .get(..position)
            .and_then(|before| before.chars().next_back())
            .is_some_and(|last| !last.is_whitespace() && !last.is_control())
}

/// Whether an occurrence of `special` begins before `position` and ends after it.
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
        assert_eq!(cut(CutRule::BeforeWhitespace).last("nothing"), None);
    }
}
