//! Sentences, which the classifier judges one by one. Where one ends follows from its beginning alone, so that a text that comes in pieces has
//! the same: Unicode's rules (UAX 29) look arbitrarily far behind a full stop before they call it one.

/// Characters of a sentence at most; what is longer is cut between two words, so that text without full stops is not held back for ever.
pub(super) const MAX_CHARACTERS: usize = 400;

/// First bytes of the sentences of a text from a place on, each with the byte behind it. Where `is_whole` is not set more of the text may
/// come, and the last sentence is left out that it may go on.
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

/// Bytes of the sentence that a text begins with; `None` where it may go on behind the text.
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
            // What was quoted or in brackets ends with them.
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
