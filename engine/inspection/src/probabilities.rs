//! Attention probabilities, recomputed from queries and keys, because a forward pass does not keep them.

use super::Tensor;
use super::linear::{products, softmax};
use glasshouse_compiler::graph::Heads;
use glasshouse_platform::{Result, Yielder, refuse};
use glasshouse_protocol::ModelConfig;

/// Maximum probabilities in memory: 64 MiB.
pub(super) const MAX_PROBABILITIES: usize = 1 << 24;

/// Queries between two yields.
const QUERIES: usize = 16;

/// Number of probabilities for a text.
pub(super) fn count(heads: usize, time: usize) -> usize {
    time.saturating_mul(time).saturating_mul(heads)
}

/// Fails if a single head has too many probabilities.
pub(super) fn check(time: usize) -> Result<()> {
    if count(1, time) <= MAX_PROBABILITIES {
        return Ok(());
    }
    let most = MAX_PROBABILITIES.isqrt();
    refuse!(
        "a head has {time} × {time} probabilities for {time} tokens, and no more than {most} × {most} are computed; give a prompt of \
         at most {most} tokens"
    )
}

/// Yields after every few queries.
pub(super) async fn yield_after(query: usize, yielder: &Yielder) {
    if query % QUERIES == QUERIES - 1 {
        yielder.maybe_yield().await;
    }
}

/// A layer's queries, keys and values.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// [T, (H + 2K)·D].
    packed: &'a [f32],
    heads: Heads,
    /// Factor on q·k.
    scale: f64,
    softcap: Option<f32>,
    /// Number of positions that a query sees, including its own.
    window: usize,
}

impl<'a> Attention<'a> {
    /// `packed` is the value at [`glasshouse_compiler::model::HookPoint::QueriesKeysValues`].
    pub fn new(config: &ModelConfig, layer: usize, packed: &'a Tensor) -> Self {
        let ModelConfig { heads, kv_heads, head_size, attention_softcap: softcap, .. } = *config;
        let window = config.window(layer).unwrap_or(usize::MAX);
        let scale = config.attention_scale.map_or_else(|| 1.0 / (head_size as f64).sqrt(), f64::from);
        Self { packed: &packed.data, heads: Heads { heads, kv_heads, head_size }, scale, softcap, window }
    }

    /// T.
    pub(super) fn time(&self) -> usize {
        self.packed.len() / self.heads.packed()
    }

    /// Entries of a packed row, starting at a column.
    fn entries(&self, position: usize, column: usize) -> &'a [f32] {
        &self.packed[position * self.heads.packed() + column..]
    }

    /// First column of the keys read by a head; its values are K·D columns later.
    fn keys_of(&self, head: usize) -> usize {
        let Heads { heads, kv_heads, head_size } = self.heads;
        self.heads.width() + head / (heads / kv_heads) * head_size
    }

    /// A head's query, [D].
    pub(super) fn query(&self, head: usize, position: usize) -> &'a [f32] {
        &self.entries(position, head * self.heads.head_size)[..self.heads.head_size]
    }

    /// A key read by a head, [D].
    pub(super) fn key(&self, head: usize, position: usize) -> &'a [f32] {
        &self.entries(position, self.keys_of(head))[..self.heads.head_size]
    }

    /// A value read by a head, [D].
    pub(super) fn value(&self, head: usize, position: usize) -> &'a [f32] {
        let Heads { kv_heads, head_size, .. } = self.heads;
        &self.entries(position, self.keys_of(head) + kv_heads * head_size)[..head_size]
    }

    /// First position visible to a query.
    fn first_seen(&self, query: usize) -> usize {
        (query + 1).saturating_sub(self.window)
    }

    /// Scaled and capped q·k of a query with keys from position `from` on, filling `scores`.
    fn score(&self, head: usize, query: usize, from: usize, scores: &mut [f32]) {
        let keys = self.entries(from, self.keys_of(head));
        products(self.query(head, query), keys, self.heads.packed(), self.scale, scores);
        if let Some(cap) = self.softcap {
            scores.iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
        }
    }

    /// A head's scaled and capped q·k before masking, [T, T].
    pub(super) async fn scores(&self, head: usize, yielder: &Yielder) -> Vec<f32> {
        let time = self.time();
        let mut scores = vec![0.0; time * time];
        for (query, row) in scores.chunks_exact_mut(time.max(1)).enumerate() {
            self.score(head, query, 0, row);
            yield_after(query, yielder).await;
        }
        scores
    }

    /// A head's probabilities [T, T]; 0 for masked positions.
    pub async fn probabilities(&self, head: usize, yielder: &Yielder) -> Vec<f32> {
        let time = self.time();
        let mut probabilities = vec![0.0; time * time];
        for (query, row) in probabilities.chunks_exact_mut(time.max(1)).enumerate() {
            let first = self.first_seen(query);
            let seen = &mut row[first..=query];
            self.score(head, query, first, seen);
            softmax(seen);
            yield_after(query, yielder).await;
        }
        probabilities
    }

    /// Σ p·v of a head, [T, D], from its probabilities.
    pub(super) async fn weighted(&self, head: usize, probabilities: &[f32], yielder: &Yielder) -> Vec<f32> {
        let (time, size) = (self.time(), self.heads.head_size);
        let mut weighted = Vec::with_capacity(time * size);
        let mut sums = vec![0.0f64; size];
        for (query, row) in probabilities.chunks_exact(time.max(1)).enumerate() {
            sums.fill(0.0);
            for (position, probability) in row[..=query].iter().enumerate() {
                for (sum, value) in sums.iter_mut().zip(self.value(head, position)) {
                    *sum += f64::from(*probability) * f64::from(*value);
                }
            }
            weighted.extend(sums.iter().map(|sum| *sum as f32));
            yield_after(query, yielder).await;
        }
        weighted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_too_many_tokens_is_refused_with_how_many_fit() {
        assert!(check(4096).is_ok());
        let message = check(4097).unwrap_err().to_string();
        assert!(message.contains("at most 4096 tokens"), "{message}");
        assert_eq!(count(usize::MAX, 2), usize::MAX);
    }
}
