//! Unigram baseline.

/// A unigram model with add-one smoothing (Laplace): P(w) = (count(w) + 1) / (tokens + V), so that no token has probability 0.
#[derive(Clone, Debug)]
pub struct Unigram {
    counts: Vec<u64>,
    pub tokens: u64,
}

impl Unigram {
    pub fn new(vocabulary: usize) -> Self {
        Self { counts: vec![0; vocabulary], tokens: 0 }
    }

    /// Counts tokens, ignoring those outside the vocabulary.
    pub fn learn(&mut self, tokens: &[u32]) {
        for token in tokens {
            if let Some(count) = self.counts.get_mut(*token as usize) {
                *count += 1;
                self.tokens += 1;
            }
        }
    }

    /// Loss of a token, in nats.
    pub fn nats(&self, token: u32) -> f64 {
        let count = self.counts.get(token as usize).map_or(0, |count| *count);
        libm::log((self.tokens + self.counts.len() as u64) as f64) - libm::log((count + 1) as f64)
    }
}
