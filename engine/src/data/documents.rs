//! The documents that the batch of a step was cut from, for whoever asks what was odd about it.

use super::batch::Batches;
use super::store::{Split, TokenStore};
use crate::error::Result;
use crate::platform::Turns;
use crate::protocol::GuardDocument;

/// Windows that are looked at, and documents that are named.
const MOST: usize = 32;
/// Tokens that are read at a time.
const CHUNK: u64 = 1 << 16;
/// Documents are counted from the beginning of the text, and no further than this: it takes about a second.
const FURTHEST: u64 = 1 << 28;

impl Batches<'_> {
    /// The first documents of a step's batches, by their numbers in the training text, or the examples: none where nothing is known of them,
    /// and none of pairs and prompts.
    ///
    /// # Errors
    /// A shard cannot be read.
    pub async fn documents(
        &self,
        step: u64,
        micro_batches: u64,
        turns: &Turns,
    ) -> Result<Vec<GuardDocument>> {
        let mut numbers: Vec<u64> = match self {
            Self::Windows(windows) => {
                let mut starts: Vec<u64> =
                    (0..micro_batches).flat_map(|micro| windows.starts(step, micro)).take(MOST).collect();
                starts.retain(|start| *start < FURTHEST);
                starts.sort_unstable();
                return documents_at(windows.store, &starts, windows.context_length, turns).await;
            }
            Self::Examples(examples) => {
                (0..micro_batches).flat_map(|micro| examples.numbers(step, micro)).take(MOST).collect()
            }
            Self::Pairs(_) | Self::Prompts(_) => Vec::new(),
        };
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers.into_iter().map(|number| GuardDocument { number, source: None }).collect())
    }
}

/// The documents of windows of so many tokens that begin at these places, ascending.
async fn documents_at(
    store: &TokenStore,
    starts: &[u64],
    length: usize,
    turns: &Turns,
) -> Result<Vec<GuardDocument>> {
    let Some(index) = store.index() else { return Ok(Vec::new()) };
    let Some(separator) = index.end_of_text else { return Ok(Vec::new()) };
    let source = |at: u64| {
        let stretches = &index.train.stretches;
        let behind = stretches.partition_point(|stretch| stretch.start <= at);
        stretches.get(behind.checked_sub(1)?).map(|stretch| stretch.source.clone())
    };
    let found = numbers_at(store, separator, starts, length, turns).await?;
    let named = found.into_iter().take(MOST);
    Ok(named.map(|(number, place)| GuardDocument { number, source: source(place) }).collect())
}

/// The number of each document of windows, from 1 on, and a place within it.
async fn numbers_at(
    store: &TokenStore,
    separator: u32,
    starts: &[u64],
    length: usize,
    turns: &Turns,
) -> Result<Vec<(u64, u64)>> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    // The document that the token at `at` belongs to.
    let (mut at, mut number) = (0, 1);
    for start in starts {
        while at < *start {
            let count = CHUNK.min(start - at);
            let tokens = store.read(Split::Train, at, count as usize)?;
            number += tokens.iter().filter(|token| **token == separator).count() as u64;
            at += count;
            turns.give().await;
        }
        let mut own = number;
        for (place, token) in (*start..).zip(store.read(Split::Train, *start, length)?) {
            if found.last().is_none_or(|(last, _)| *last < own) {
                found.push((own, place));
            }
            own += u64::from(token == separator);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::at_once;

    #[test]
    fn windows_know_their_documents() {
        // Documents of ten tokens each, the last of which ends it.
        let tokens = (0..200_000).map(|at| if at % 10 == 9 { 7 } else { at % 5 }).collect();
        let store = TokenStore::in_memory(tokens, vec![0; 9]);
        let at = |starts: &[u64], length| -> Vec<u64> {
            let found = at_once(numbers_at(&store, 7, starts, length, &Turns::new())).unwrap();
            assert!(found.iter().all(|(number, place)| place / 10 + 1 == *number), "{found:?}");
            found.into_iter().map(|(number, _)| number).collect()
        };
        assert_eq!(at(&[0], 10), [1]);
        assert_eq!(at(&[5, 8, 131_000], 12), [1, 2, 13_101, 13_102]);
        assert_eq!(at(&[199_990], 10), [20_000]);
        assert_eq!(at(&[], 10), [0; 0]);
    }
}
