//! An index of spans of eight tokens by their hash, for streams that would take too long to sort, or too much memory. Only every
//! so many-th place of the stream is in it where all would be too many: a span that is longer by as many tokens has one of them.

use super::index::Zeros;
use crate::data::store::{Split, TokenStore};
use crate::error::Result;
use crate::platform::Turns;

/// Tokens of a span that is looked up.
pub(super) const LENGTH: usize = 8;

/// Bytes for a place, with its share of the table.
const BYTES_PER_PLACE: u64 = 8;

/// Tokens that are read at once.
const READ: usize = 1 << 15;

/// Places by the hash of what stands there.
#[derive(Debug)]
pub(super) struct Grams {
    /// Every so many-th place of the stream is in the index.
    stride: u64,
    /// Where each bucket's places begin, and at the end where the last one's end.
    starts: Vec<u32>,
    /// Places over the stride, bucket by bucket, in order within one.
    places: Vec<u32>,
}

impl Grams {
    /// Of a training stream, in about so many bytes at most; `None` where there is no memory for them.
    pub(super) async fn new(
        store: &TokenStore,
        budget: u64,
        zeros: Zeros,
        turns: &Turns,
    ) -> Result<Option<Self>> {
        let most = (budget / BYTES_PER_PLACE).clamp(1, u64::from(u32::MAX));
        let spans = (store.len(Split::Train) + 1).saturating_sub(LENGTH as u64);
        let stride = spans.div_ceil(most).max(1);
        let places = spans.div_ceil(stride) as usize;
        // The power of two at or below the number of places: no more than a table entry for each.
        let buckets = 1_usize << places.max(1).ilog2();
        let (Some(starts), Some(places)) = (zeros(buckets + 1), zeros(places)) else { return Ok(None) };
        let mut grams = Self { stride, starts, places };
        // Counts, then sums, so that each bucket's start is where the next place of it goes: filling moves it on to where the next
        // bucket's places begin.
        grams.pass(store, turns, |grams, bucket, _| grams.starts[bucket + 1] += 1).await?;
        let mut sum = 0;
        for start in &mut grams.starts {
            sum += *start;
            *start = sum;
        }
        grams
            .pass(store, turns, |grams, bucket, place| {
                let at = grams.starts[bucket] as usize;
                grams.places[at] = place;
                grams.starts[bucket] += 1;
            })
            .await?;
        grams.starts.copy_within(..buckets, 1);
        grams.starts[0] = 0;
        Ok(Some(grams))
    }

    /// Goes over the places of a stream: the bucket of each, and the place over the stride.
    async fn pass(
        &mut self,
        store: &TokenStore,
        turns: &Turns,
        mut each: impl FnMut(&mut Self, usize, u32),
    ) -> Result<()> {
        let (count, mut from) = (self.places.len() as u64, 0);
        let at_once = (READ as u64).div_ceil(self.stride);
        while from < count {
            let to = count.min(from + at_once);
            let tokens = ((to - 1 - from) * self.stride) as usize + LENGTH;
            let tokens = store.read(Split::Train, from * self.stride, tokens)?;
            for (place, gram) in (from..to).zip(tokens.windows(LENGTH).step_by(self.stride as usize)) {
                let bucket = self.bucket(gram);
                each(self, bucket, place as u32);
            }
            from = to;
            turns.give().await;
        }
        Ok(())
    }

    fn bucket(&self, gram: &[u32]) -> usize {
        let mixed = gram.iter().fold(0_u64, |hash, token| {
            (hash.rotate_left(5) ^ u64::from(*token)).wrapping_mul(0x517c_c1b7_2722_0a95)
        });
        (mixed >> 32) as usize & (self.starts.len() - 2)
    }

    /// The shortest span that is found wherever it stands.
    pub(super) fn shortest(&self) -> usize {
        LENGTH + self.stride as usize - 1
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> u64 {
        (self.starts.len() + self.places.len()) as u64 * 4
    }

    /// Places of the stream where a text of at least [`Self::shortest`] tokens may begin, and others of the same hash.
    pub(super) fn candidates(&self, text: &[u32]) -> impl Iterator<Item = u64> + '_ {
        let grams: Vec<_> =
            text.windows(LENGTH).take(self.stride as usize).map(|gram| self.bucket(gram)).collect();
        (0..).zip(grams).flat_map(move |(before, bucket)| {
            let range = self.starts[bucket] as usize..self.starts[bucket + 1] as usize;
            let places = self.places[range].iter();
            places.filter_map(move |place| (u64::from(*place) * self.stride).checked_sub(before))
        })
    }
}
