//! Splits text into sentences for the classifier. The end of a sentence depends only on the text before it, so that streamed text
//! gives the same sentences. Unicode's rules (UAX 29) look arbitrarily far ahead after a full stop.

/// Maximum characters of a sentence; longer ones are split between words, so that text without full stops is not held back
/// indefinitely.
pub(super) const MAX_CHARACTERS: usize = 400;

/// Byte ranges of the sentences from offset `from` on. If `is_whole` is not set, more text may follow, and an unfinished last
/// sentence is omitted.
pub(super) fn sentences(text: &str, from: usize, is_whole: bool) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), from);
    loop {
        let rest = text.get(at..).unwrap_or_default().trim_start();
        let start = text.len() - rest.len();
        at = match length(rest) {
            Some(length) => start + length,
            None if is_whole && !rest.is_empty() => start + rest.trim_end().len(),
            None => return found,
        };
        found.push((start, at));
    }
}

/// Byte length of the first sentence; `None` if it may continue after the text.
fn length(text: &str) -> Option<usize> {
    let (mut is_over, mut space) = (false, None);
    for (count, (at, letter)) in text.char_indices().enumerate() {
        if letter == '\n' || is_over && letter.is_whitespace() {
            return Some(at);
        }
        if count == MAX_CHARACTERS {
            return Some(space.unwrap_or(at));
        }
        match letter {
            '。' | '！' | '？' => return Some(at + letter.len_utf8()),
            '.' | '!' | '?' | '…' => is_over = true,
            // Closing quotes and brackets belong to the sentence.
            '"' | '\'' | '”' | '’' | '»' | ')' | ']' => {}
            _ => is_over = false,
        }
        if letter.is_whitespace() {
            space = Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, is_whole: bool) -> Vec<&str> {
        sentences(text, 0, is_whole).into_iter().map(|(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn sentences_end_with_their_signs_at_lines_and_where_they_are_too_long() {
        let text = " I am 3.5 feet tall. \"Go away!\" he said\nWell... so (it was.) 坏。好";
        let all = ["I am 3.5 feet tall.", "\"Go away!\"", "he said", "Well...", "so (it was.)", "坏。", "好"];
        assert_eq!(of(text, true), all);
        assert_eq!(of(text, false), all[..6]);
        assert_eq!(of("It ends.", false), [""; 0], "more dots may come");
        assert!(of(" \n ", true).is_empty());
        let long = "word ".repeat(100);
        assert_eq!(of(&long, false), [long[..399].trim_end()]);
        assert_eq!(of(&"x".repeat(401), false), ["x".repeat(MAX_CHARACTERS)]);
    }
}
