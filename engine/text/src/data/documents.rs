//! Finding the documents in a step's batch, to explain an anomaly.

use super::batch::Batches;
use super::store::{Split, TokenStore};
use crate::tokenizer::Tokenizer;
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::GuardDocument;
use std::cmp::Reverse;
use std::ops::Range;

/// Maximum number of windows examined and documents listed.
const MAX_DOCUMENTS: usize = 32;
const CHUNK: u64 = 1 << 16;
/// Documents are counted from the start of the text, up to this token; this takes about a second.
const MAX_POSITION: u64 = 1 << 28;
/// Tokens decoded from a document's beginning, and maximum bytes of the excerpt; enough to distinguish stories with the same opening.
const BEGINNING: u64 = 128;
const WORDS: usize = 80;

impl Batches<'_> {
    /// Lists the first documents of a step's batches by number in the training text, or the first examples. Empty if
    /// the documents are unknown, and for pairs and prompts. With a tokenizer, each has an excerpt.
    pub async fn documents(
        &self,
        step: u64,
        micro_batches: u64,
        tokenizer: Option<&Tokenizer>,
        yielder: &Yielder,
    ) -> Result<Vec<GuardDocument>> {
        match self {
            Self::Windows(windows) => {
                let mut starts: Vec<u64> = (0..micro_batches)
                    .flat_map(|micro| windows.starts(step, micro))
                    .take(MAX_DOCUMENTS)
                    .collect();
                starts.retain(|start| *start < MAX_POSITION);
                starts.sort_unstable();
                documents_at(windows.store, &starts, windows.context_length, tokenizer, yielder).await
            }
            Self::Examples(examples) => {
                let numbers = (0..micro_batches).flat_map(|micro| examples.numbers(step, micro));
                let mut numbers: Vec<u64> = numbers.take(MAX_DOCUMENTS).collect();
                numbers.sort_unstable();
                numbers.dedup();
                let named = numbers.into_iter().map(|number| {
                    let range = examples.range(number);
                    let words = range.and_then(|range| words(examples.store, range, tokenizer));
                    GuardDocument { number, source: None, words }
                });
                Ok(named.collect())
            }
            Self::Pairs(_) | Self::Prompts(_) => Ok(Vec::new()),
        }
    }
}

/// An excerpt of a text's beginning, to recognise and find it: the longest line, since chat-template markers and titles are short.
fn words(store: &TokenStore, range: Range<u64>, tokenizer: Option<&Tokenizer>) -> Option<String> {
    let count = (range.end.saturating_sub(range.start)).min(BEGINNING);
    let text = tokenizer?.decode(&store.read(Split::Train, range.start, count as usize).ok()?);
    // The last character may be incomplete.
    longest_line(text.trim_end_matches(char::REPLACEMENT_CHARACTER))
}

/// The longest line without special tokens, cut at a word boundary.
fn longest_line(text: &str) -> Option<String> {
    let lines = text.lines().flat_map(|line| line.split("<|")).map(str::trim);
    // The first of several equally long ones.
    let longest = lines.min_by_key(|line| Reverse(line.len())).filter(|line| !line.is_empty())?;
    if longest.len() <= WORDS {
        return Some(longest.to_owned());
    }
    let cut = longest.get(..longest.floor_char_boundary(WORDS)).unwrap_or(longest);
    Some(cut.rfind(' ').and_then(|end| cut.get(..end)).unwrap_or(cut).to_owned())
}

/// The documents in windows of `length` tokens that start at these positions (ascending).
async fn documents_at(
    store: &TokenStore,
    starts: &[u64],
    length: usize,
    tokenizer: Option<&Tokenizer>,
    yielder: &Yielder,
) -> Result<Vec<GuardDocument>> {
    let Some(index) = store.index() else { return Ok(Vec::new()) };
    let Some(separator) = index.end_of_text else { return Ok(Vec::new()) };
    let source = |at: u64| {
        let stretches = &index.train.stretches;
        let behind = stretches.partition_point(|stretch| stretch.start <= at);
        stretches.get(behind.checked_sub(1)?).map(|stretch| stretch.source.clone())
    };
    let found = numbers_at(store, separator, starts, length, yielder).await?;
    let named = found.into_iter().take(MAX_DOCUMENTS).map(|DocumentPosition { number, at, begins }| {
        let ends = store.len(Split::Train).min(begins + BEGINNING);
        let own = store.read(Split::Train, begins, ends.saturating_sub(begins) as usize).unwrap_or_default();
        let length = own.iter().position(|token| *token == separator).unwrap_or(own.len()) as u64;
        GuardDocument { number, source: source(at), words: words(store, begins..begins + length, tokenizer) }
    });
    Ok(named.collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DocumentPosition {
    /// Document number, from 1.
    number: u64,
    /// A token position within it.
    at: u64,
    /// Position of its first token.
    begins: u64,
}

/// Locates each document in the windows.
async fn numbers_at(
    store: &TokenStore,
    separator: u32,
    starts: &[u64],
    length: usize,
    yielder: &Yielder,
) -> Result<Vec<DocumentPosition>> {
    let mut found: Vec<DocumentPosition> = Vec::new();
    // The number and the first token of the document at `at`.
    let (mut at, mut number, mut begins) = (0, 1, 0);
    for start in starts {
        while at < *start {
            let count = CHUNK.min(start - at);
            let tokens = store.read(Split::Train, at, count as usize)?;
            number += tokens.iter().filter(|token| **token == separator).count() as u64;
            if let Some(last) = tokens.iter().rposition(|token| *token == separator) {
                begins = at + last as u64 + 1;
            }
            at += count;
            yielder.maybe_yield().await;
        }
        let mut own = DocumentPosition { number, at: *start, begins };
        for (place, token) in (*start..).zip(store.read(Split::Train, *start, length)?) {
            if found.last().is_none_or(|last| last.number < own.number) {
                found.push(own);
            }
            if token == separator {
                own = DocumentPosition { number: own.number + 1, at: place + 1, begins: place + 1 };
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::prepare::prepare;
    use glasshouse_platform::block_on;
    use glasshouse_protocol::{TokenizerKind, presets};

    #[test]
    fn windows_know_their_documents() {
        // Documents of ten tokens, each with a final separator.
        let tokens = (0..200_000).map(|at| if at % 10 == 9 { 7 } else { at % 5 }).collect();
        let store = TokenStore::in_memory(tokens, vec![0; 9]);
        let at = |starts: &[u64], length| -> Vec<u64> {
            let found = block_on(numbers_at(&store, 7, starts, length, &Yielder::new())).unwrap();
            for DocumentPosition { number, at, begins } in &found {
                assert_eq!((at / 10 + 1, *begins), (*number, 10 * (number - 1)), "{found:?}");
            }
            found.into_iter().map(|place| place.number).collect()
        };
        assert_eq!(at(&[0], 10), [1]);
        assert_eq!(at(&[5, 8, 131_000], 12), [1, 2, 13_101, 13_102]);
        assert_eq!(at(&[199_990], 10), [20_000]);
        assert_eq!(at(&[], 10), [0; 0]);
    }

    #[test]
    fn a_document_is_named_by_words_that_tell_it_from_others() {
        let words = |text: &str| longest_line(text).unwrap_or_default();
        assert_eq!(words("The fox\n\nOnce there was a fox. It ran."), "Once there was a fox. It ran.");
        assert_eq!(
            words("<|im_start|>user\nWhere is the fox?<|im_end|>\n<|im_start|>ass"),
            "Where is the fox?"
        );
        let long = words(&"an old fox ".repeat(20));
        assert!(long.len() <= WORDS && long.starts_with("an old fox an") && !long.ends_with(' '), "{long}");
        assert_eq!(words(&"ü".repeat(100)), "ü".repeat(40));
        assert_eq!(longest_line("\n \n"), None);
    }

    #[test]
    fn windows_have_words_of_their_documents() {
        let folder = tempfile::tempdir().unwrap();
        let [path, held_out] = ["text.txt", "held-out.txt"].map(|name| folder.path().join(name));
        let document =
            |at: usize| format!("Tale {at} begins here.{}\n<|endoftext|>\n", " It goes on.".repeat(40));
        std::fs::write(&path, (0..8).map(document).collect::<String>()).unwrap();
        std::fs::write(&held_out, (8..10).map(document).collect::<String>()).unwrap();
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        config.tokenizer.kind = TokenizerKind::Byte;
        config.data.paths = vec![path.display().to_string()];
        config.data.validation_files = vec![held_out.display().to_string()];
        let prepared = prepare(&config, folder.path(), &mut |_| ()).unwrap();
        let look = |tokenizer| {
            block_on(documents_at(&prepared.store, &[700, 1300], 64, tokenizer, &Yielder::new())).unwrap()
        };
        let found = look(Some(&prepared.tokenizer));
        // Each document of which a window holds a part must be listed.
        let batches = Batches::windows(&prepared.store, 3, 2, 64).unwrap();
        for step in 0..8 {
            let named =
                block_on(batches.documents(step, 2, Some(&prepared.tokenizer), &Yielder::new())).unwrap();
            let held: Vec<String> = (0..2)
                .flat_map(|micro| batches.train(step, micro).unwrap().tokens)
                .collect::<Vec<u32>>()
                .chunks(64)
                .map(|window| prepared.tokenizer.decode(window))
                .collect();
            let begun = |number: u64| held.iter().any(|text| text.contains(&format!("Tale {} ", number - 1)));
            let numbers: Vec<u64> = named.iter().map(|document| document.number).collect();
            // Each of four windows, shorter than a document, spans at most two documents.
            assert!((1..=8).contains(&numbers.len()) && numbers.is_sorted(), "{numbers:?}");
            assert!(
                (1..=8).all(|number| !begun(number) || numbers.contains(&number)),
                "{numbers:?}: {held:?}"
            );
        }
        let words: Vec<(u64, &str)> =
            found.iter().map(|document| (document.number, &document.words.as_ref().unwrap()[..17])).collect();
        assert_eq!(words, [(2, "Tale 1 begins her"), (3, "Tale 2 begins her")]);
        assert!(look(None).iter().all(|document| document.words.is_none()));
    }
}
