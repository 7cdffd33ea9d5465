//! Token frequencies in the training text.

use super::documents::HeldOut;
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::quantity::whole;
use glasshouse_text::data::store::Split;
use glasshouse_text::tokenizer::Tokenizer;

/// Maximum tokens counted; of longer texts, evenly spaced passages.
const LOOKED_AT: u64 = 16 << 20;
const PASSAGE: u64 = 1 << 16;
/// Tokens per passage if it must be re-tokenized; then an eighth of the maximum is counted.
const ENCODED: u64 = 1 << 14;

/// Groups by powers of ten: never, 1 to 9, and so on.
pub(super) const GROUPS: usize = 10;

#[derive(Debug, Default)]
pub(super) struct Frequencies {
    counts: Vec<u64>,
    /// Number of tokens in the text.
    pub(super) total: u64,
}

impl Frequencies {
    /// From counts by token id, and the number of tokens in the text.
    #[cfg(test)]
    pub(super) fn new(counts: Vec<u64>, total: u64) -> Self {
        Self { counts, total }
    }

    /// Counts the training text in the evaluated model's tokens. For long texts, extrapolates from the counted passages.
    pub(super) async fn count(held_out: &HeldOut, tokenizer: &Tokenizer, yielder: &Yielder) -> Result<Self> {
        let prepared = &held_out.prepared;
        let length = prepared.store.len(Split::Train);
        let own = held_out.own_tokens;
        let (passage, most) = if own { (PASSAGE, LOOKED_AT) } else { (ENCODED, LOOKED_AT / 8) };
        let passages = length.min(most).div_ceil(passage);
        let mut counts = vec![0_u64; tokenizer.vocabulary_size()];
        let mut looked_at = 0;
        for number in 0..passages {
            // Without gaps if the whole text is counted.
            let from = if length <= most { number * passage } else { number * (length / passages) };
            let count = passage.min(length - from);
            let mut tokens = prepared.store.read(Split::Train, from, count as usize)?;
            looked_at += count;
            if !own {
                tokens = tokenizer.encode(&prepared.tokenizer.decode(&tokens))?;
            }
            for token in tokens {
                if let Some(count) = counts.get_mut(token as usize) {
                    *count += 1;
                }
            }
            yielder.maybe_yield().await;
        }
        let scale = length as f64 / looked_at.max(1) as f64;
        counts.iter_mut().for_each(|count| *count = (*count as f64 * scale).round() as u64);
        Ok(Self { total: counts.iter().sum(), counts })
    }

    pub(super) fn of(&self, token: u32) -> u64 {
        self.counts.get(token as usize).copied().unwrap_or(0)
    }

    /// The group of a token, below [`GROUPS`].
    pub(super) fn group(&self, token: u32) -> usize {
        self.of(token).checked_ilog10().map_or(0, |power| (power as usize + 1).min(GROUPS - 1))
    }
}

pub(super) fn label(group: usize) -> String {
    let from = |group: usize| 10_u64.pow(group as u32 - 1);
    match group {
        0 => "never".to_owned(),
        group if group + 1 == GROUPS => format!("{} and more", whole(from(group))),
        group => format!("{} to {}", whole(from(group)), whole(from(group + 1) - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_grouped_by_powers_of_ten() {
        let frequencies = Frequencies::new(vec![0, 1, 9, 10, 999, 1000, u64::MAX], 0);
        let groups: Vec<usize> = (0..8).map(|token| frequencies.group(token)).collect();
        assert_eq!(groups, [0, 1, 1, 2, 3, 4, GROUPS - 1, 0]);
        assert_eq!(
            [label(0), label(1), label(4), label(9)],
            ["never", "1 to 9", "1,000 to 9,999", "100,000,000 and more"]
        );
    }
}
