//! Overlapping windows over a long text, so that only its first tokens are predicted from little context.

use super::Scoring;
use std::ops::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The tokens: at most the context length, and one more as the last target.
    pub tokens: Range<usize>,
    /// Index in the text of the first scored token.
    pub from: usize,
}

impl Window {
    pub fn of<'text>(&self, text: &'text [u32]) -> Scoring<'text> {
        let tokens = text.get(self.tokens.clone()).unwrap_or_default();
        Scoring { tokens, from: self.from - self.tokens.start }
    }
}

/// Windows over `tokens` tokens for a context of `window` tokens, `stride` apart, that together score each token but
/// the first once. The last window is moved back to end with the text. `stride` is clamped to 1 … `window`.
pub fn windows(tokens: usize, window: usize, stride: usize) -> Vec<Window> {
    let stride = stride.clamp(1, window.max(1));
    let (mut windows, mut start, mut scored) = (Vec::new(), 0, 1);
    while scored < tokens {
        let end = (start + window + 1).min(tokens);
        let begin = end.saturating_sub(window + 1);
        windows.push(Window { tokens: begin..end, from: scored });
        (start, scored) = (start + stride, end);
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_score_each_token_once_with_enough_before_it() {
        for tokens in 0..60 {
            for (window, stride) in [(1, 1), (4, 1), (8, 4), (8, 8), (8, 3), (16, 99)] {
                let mut next = 1;
                for Window { tokens: own, from } in windows(tokens, window, stride) {
                    assert!(own.len() <= window + 1 && own.start < from && from < own.end);
                    assert_eq!(from, next);
                    let before = from - own.start;
                    let stride = stride.min(window);
                    assert!(before > window - stride || own.start == 0, "{tokens} {window} {stride}");
                    next = own.end;
                }
                assert_eq!(next, tokens.max(1));
            }
        }
    }

    #[test]
    fn windows_without_overlap_are_those_of_training() {
        let window = |tokens, from| Window { tokens, from };
        // Eleven tokens: the last window is moved back, and two of its targets were scored before.
        assert_eq!(windows(11, 4, 4), [window(0..5, 1), window(4..9, 5), window(6..11, 9)]);
        assert_eq!(windows(3, 4, 2), [window(0..3, 1)]);
        assert_eq!(windows(7, 4, 2), [window(0..5, 1), window(2..7, 5)]);
    }
}
