//! Hash index of eight-token spans, for streams that would take too long or too much memory to sort. For large streams it only
//! contains every `stride`-th position; any span longer by `stride` − 1 tokens includes one of them.

use super::index::Zeros;
use glasshouse_platform::{Result, Yielder};
use glasshouse_text::data::store::{Split, TokenStore};

/// Tokens of an indexed span.
pub(super) const LENGTH: usize = 8;

/// Bytes per indexed position, including its share of the table.
const BYTES_PER_PLACE: u64 = 8;

/// Tokens read at a time.
const READ: usize = 1 << 15;

/// Positions by the hash of their span.
#[derive(Debug)]
pub(super) struct Grams {
    /// Every `stride`-th position of the stream is indexed.
    stride: u64,
    /// Start of each bucket in `places`, followed by the end of the last one.
    starts: Vec<u32>,
    /// Positions divided by the stride, by bucket and in ascending order.
    places: Vec<u32>,
}

impl Grams {
    /// Indexes a training stream in about `budget` bytes; `None` if memory is short.
    pub(super) async fn new(
        store: &TokenStore,
        budget: u64,
        zeros: Zeros,
        yielder: &Yielder,
    ) -> Result<Option<Self>> {
        let most = (budget / BYTES_PER_PLACE).clamp(1, u64::from(u32::MAX));
        let spans = (store.len(Split::Train) + 1).saturating_sub(LENGTH as u64);
        let stride = spans.div_ceil(most).max(1);
        let places = spans.div_ceil(stride) as usize;
        // The largest power of two not above the number of positions, so that there is at most one bucket per position.
        let buckets = 1_usize << places.max(1).ilog2();
        let (Some(starts), Some(places)) = (zeros(buckets + 1), zeros(places)) else { return Ok(None) };
        let mut grams = Self { stride, starts, places };
        // Count, then sum up, so that each bucket's start is where its next position goes; filling advances it to the next bucket's start.
        grams.pass(store, yielder, |grams, bucket, _| grams.starts[bucket + 1] += 1).await?;
        let mut sum = 0;
        for start in &mut grams.starts {
            sum += *start;
            *start = sum;
        }
        grams
            .pass(store, yielder, |grams, bucket, place| {
                let at = grams.starts[bucket] as usize;
                grams.places[at] = place;
                grams.starts[bucket] += 1;
            })
            .await?;
        grams.starts.copy_within(..buckets, 1);
        grams.starts[0] = 0;
        Ok(Some(grams))
    }

    /// Iterates over the indexed positions: the bucket of each, and the position divided by the stride.
    async fn pass(
        &mut self,
        store: &TokenStore,
        yielder: &Yielder,
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
            yielder.maybe_yield().await;
        }
        Ok(())
    }

    fn bucket(&self, gram: &[u32]) -> usize {
        let mixed = gram.iter().fold(0_u64, |hash, token| {
            (hash.rotate_left(5) ^ u64::from(*token)).wrapping_mul(0x517c_c1b7_2722_0a95)
        });
        (mixed >> 32) as usize & (self.starts.len() - 2)
    }

    /// Length from which all spans are found.
    pub(super) fn shortest(&self) -> usize {
        LENGTH + self.stride as usize - 1
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.starts.len() + self.places.len()) as u64 * 4
    }

    /// Positions where a text of at least [`Self::shortest`] tokens may begin, including hash collisions.
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
