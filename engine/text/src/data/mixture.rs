//! The shares of a text's sources in training.
//!
//! A window starts in a source with the probability of its share, uniformly within that source. It may extend into the
//! next source, as windows cross documents anyway.

use super::store::{Split, StretchRecord, TokenStore};
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::names;
use glasshouse_protocol::random::nth;
use serde::Serialize;
use std::collections::BTreeMap;

/// Resolution of the cumulative shares.
const RESOLUTION: f64 = (1_u64 << 52) as f64;

/// Draws the start positions of training windows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct MixtureSampler {
    /// Sources with a non-zero share.
    sources: Vec<Source>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Source {
    /// Cumulative share up to this source, times [`RESOLUTION`].
    upto: u64,
    /// Stretches of the source, in order: (index of the first window within the source, its position in the split).
    stretches: Vec<(u64, u64)>,
    /// Number of windows that start in the source.
    windows: u64,
}

impl MixtureSampler {
    /// The mixture recorded in a store's index; `None` if windows start anywhere with equal probability. Fails if a share names an unknown
    /// source, a source has no share, or no window of `context_length` tokens can start in a source.
    pub(super) fn from_store(store: &TokenStore, context_length: usize) -> Result<Option<Self>> {
        let Some(index) = store.index().filter(|index| !index.mixture.is_empty()) else { return Ok(None) };
        // The window and its last target must lie within the split.
        let last = store.len(Split::Train).saturating_sub(context_length as u64);
        Self::new(&index.mixture, &index.train.stretches, last).map(Some)
    }

    fn new(shares: &BTreeMap<String, f64>, stretches: &[StretchRecord], last: u64) -> Result<Self> {
        let ends = stretches.iter().map(|stretch| stretch.start).skip(1).chain([u64::MAX]);
        let mut by_source: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
        for (stretch, end) in stretches.iter().zip(ends) {
            let own = by_source.entry(&stretch.source).or_default();
            let end = end.min(last);
            if stretch.start < end {
                own.push((stretch.start, end));
            }
        }
        let known = || by_source.keys().copied();
        if let Some(unknown) = shares.keys().find(|source| !by_source.contains_key(source.as_str())) {
            refuse!("data.mixture: {}", names::unknown("source", unknown, known()));
        }
        if let Some(source) = known().find(|source| !shares.contains_key(*source)) {
            refuse!("data.mixture gives the source {source:?} no share; give it one (0 leaves it out)");
        }
        let sum: f64 = shares.values().sum();
        let (mut upto, mut sources) = (0.0, Vec::new());
        for (source, share) in shares.iter().filter(|(_, share)| **share > 0.0) {
            upto += share / sum;
            let mut windows = 0;
            let mut numbered = Vec::new();
            for (start, end) in by_source.get(source.as_str()).into_iter().flatten() {
                numbered.push((windows, *start));
                windows += end - start;
            }
            if windows == 0 {
                refuse!(
                    "data.mixture gives the source {source:?} a share, but its training text is too short for a window; give it more \
                     text, or the share 0"
                );
            }
            sources.push(Source { upto: (upto * RESOLUTION) as u64, stretches: numbered, windows });
        }
        // Corrects rounding errors.
        if let Some(last) = sources.last_mut() {
            last.upto = RESOLUTION as u64;
        }
        Ok(Self { sources })
    }

    /// Start of a window: a pure function of the key.
    pub(super) fn offset(&self, key: u64) -> u64 {
        let draw = scaled(nth(key, 1, 0), RESOLUTION as u64);
        let at = self.sources.partition_point(|source| source.upto <= draw);
        let Some(source) = self.sources.get(at.min(self.sources.len().saturating_sub(1))) else { return 0 };
        let window = scaled(nth(key, 1, 1), source.windows);
        let stretch = source.stretches.partition_point(|(first, _)| *first <= window).saturating_sub(1);
        source.stretches.get(stretch).map_or(0, |(first, start)| start + (window - first))
    }
}

/// Maps 64 random bits to a number below `limit`: the high half of their 128-bit product.
pub(super) fn scaled(random: u64, limit: u64) -> u64 {
    ((u128::from(random) * u128::from(limit)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(of: &[(&str, u64)]) -> Vec<StretchRecord> {
        of.iter()
            .map(|(source, start)| StretchRecord { source: (*source).to_owned(), start: *start })
            .collect()
    }

    fn shares(of: &[(&str, f64)]) -> BTreeMap<String, f64> {
        of.iter().map(|(source, share)| ((*source).to_owned(), *share)).collect()
    }

    #[test]
    fn windows_begin_in_the_shares_asked_for() {
        let text = stretches(&[("web", 0), ("books", 9_000), ("web", 9_500), ("notes", 9_900)]);
        let mixture =
            MixtureSampler::new(&shares(&[("books", 1.0), ("notes", 0.0), ("web", 3.0)]), &text, 10_000)
                .unwrap();
        let draws = 20_000_u64;
        let (mut books, mut late_web) = (0, 0);
        for key in 0..draws {
            let offset = mixture.offset(nth(7, 7, key));
            assert!(offset < 9_900, "a share of 0 is never drawn: {offset}");
            books += u64::from((9_000..9_500).contains(&offset));
            late_web += u64::from(offset >= 9_500);
        }
        // A quarter of the draws, and 400 of web's 9,400 positions; five standard deviations each.
        assert!((4_700..5_300).contains(&books), "{books}");
        assert!((510..770).contains(&late_web), "{late_web}");
    }

    #[test]
    fn shares_and_sources_must_meet() {
        let text = stretches(&[("web", 0), ("books", 50)]);
        let refused = |asked: &[(&str, f64)], last| {
            MixtureSampler::new(&shares(asked), &text, last).unwrap_err().to_string()
        };
        assert!(refused(&[("wed", 1.0), ("books", 1.0)], 100).contains("did you mean `web`"));
        assert!(refused(&[("web", 1.0)], 100).contains("\"books\" no share"));
        assert!(refused(&[("web", 1.0), ("books", 1.0)], 40).contains("too short"));
    }
}
