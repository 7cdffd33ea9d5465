//! Filters by a list of words.

use std::path::Path;

use aho_corasick::AhoCorasick;

use super::measured::Measured;
use super::outcome::Reason;
use crate::personal::lists;
use glasshouse_documents::files::Files;
use glasshouse_documents::settings;
use glasshouse_documents::{Error, Result};

settings! {
    Blocklist {
        maximum_words: usize = 0, 0 to 1_000_000_000, "Maximum number of matches in a text; 0 drops a text at its first match.";
    }
    lists {
        words: Vec<String> = Vec::new(), "Words and phrases, matched as whole words, ignoring case.";
        file: Option<String> = None, "A file with additional words, one per line; lines that begin with # are comments.";
    }
}

pub(super) const MAX_LIST_BYTES: u64 = 64 << 20;

#[derive(Debug)]
pub struct BlocklistFinder {
    maximum_words: usize,
    finder: AhoCorasick,
}

impl Blocklist {
    pub fn finder(&self, files: &dyn Files) -> Result<BlocklistFinder> {
        let mut words = self.words.clone();
        if let Some(file) = &self.file {
            words.extend(lists::read(Path::new(file), MAX_LIST_BYTES, files)?);
        }
        // The library ignores only ASCII case; other words are searched in lower case, upper case and title case.
        let beyond = words.iter().filter(|word| !word.is_ascii());
        let cased: Vec<String> =
            beyond.flat_map(|word| [word.to_lowercase(), word.to_uppercase(), title(word)]).collect();
        words.extend(cased);
        words.sort_unstable();
        words.dedup();
        let finder = searched("blocklist", "words", &words)?;
        Ok(BlocklistFinder { maximum_words: self.maximum_words, finder })
    }
}

/// Compiles the words of a rule's list, ignoring ASCII case.
pub(super) fn searched(rule: &str, list: &str, words: &[impl AsRef<str>]) -> Result<AhoCorasick> {
    let invalid = |what: String| Error::Invalid(format!("{rule}: {list} {what}"));
    if words.iter().any(|word| word.as_ref().trim().is_empty()) {
        return Err(invalid(format!("contains an empty {}; remove it", list.trim_end_matches('s'))));
    }
    let finder = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(words.iter().map(|word| word.as_ref().as_bytes()));
    finder.map_err(|error| invalid(format!("cannot be searched for: {error}")))
}

fn title(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(characters.as_str().to_lowercase().chars()).collect()
}

impl BlocklistFinder {
    /// Judges a text. The reason does not repeat the word, since people read reports.
    pub fn judge(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let text = measured.text();
        let whole = |start: usize, end: usize| {
            let before = text.get(..start).and_then(|before| before.chars().next_back());
            let after = text.get(end..).and_then(|after| after.chars().next());
            ![before, after].into_iter().flatten().any(|c| c.is_alphanumeric() || c == '_')
        };
        let matches = self.finder.find_overlapping_iter(text);
        let count =
            matches.filter(|found| whole(found.start(), found.end())).take(self.maximum_words + 1).count();
        let at_least = if self.maximum_words == 0 { "a word" } else { "more words" };
        if count > self.maximum_words {
            let text = format!("{at_least} of the blocklist, at most {} allowed", self.maximum_words);
            return Err(Reason::new("maximum_words", text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_documents::files::SystemFiles;

    fn finder(words: &[&str], maximum_words: usize) -> BlocklistFinder {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Blocklist { words, maximum_words, file: None }.finder(&SystemFiles).unwrap()
    }

    fn drops(finder: &BlocklistFinder, text: &str) -> bool {
        finder.judge(&Measured::new(text)).is_err()
    }

    #[test]
    fn words_are_found_whole_and_in_any_case() {
        let finder = finder(&["ass", "Ärger", "two words"], 0);
        for text in ["an Ass.", "ASS", "ÄRGER!", "ärger", "Two Words", "kick-ass"] {
            assert!(drops(&finder, text), "{text}");
        }
        for text in ["assume", "class", "ass_1", "two  words", "Ärgernis", ""] {
            assert!(!drops(&finder, text), "{text}");
        }
    }

    #[test]
    fn overlapping_words_are_found_and_counted() {
        assert!(drops(&finder(&["new", "new york city", "york"], 2), "New York City"));
        assert!(!drops(&finder(&["new", "new york city", "york"], 3), "New York City"));
        assert!(!drops(&finder(&[], 0), "anything"));
    }

    #[test]
    fn lists_are_read_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.txt");
        std::fs::write(&path, "\u{feff}# a remark\n\n  heck \nblast\r\n").unwrap();
        let rule = Blocklist { file: Some(path.to_str().unwrap().into()), ..Blocklist::default() };
        let finder = rule.finder(&SystemFiles).unwrap();
        assert!(drops(&finder, "What the heck?") && drops(&finder, "Blast") && !drops(&finder, "a remark"));
        std::fs::write(&path, b"\xff").unwrap();
        assert!(rule.finder(&SystemFiles).unwrap_err().to_string().contains("not UTF-8"));
    }
}
