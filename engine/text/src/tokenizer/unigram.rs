//! Training of Unigram vocabularies (Kudo 2018) over the bytes of words.
//!
//! The `tokenizers` crate's trainer is not used, because it only considers candidates that are followed by several characters
//! within words. Whole words hardly ever are: it gets 1.8 bytes per token on the built-in stories, this one 3.8. The crate's
//! result also depends on randomly keyed hash maps and on threads. This trainer adds in word order and uses `libm`, so a text
//! gives the same vocabulary on every target.

use super::lattice::Lattice;
use glasshouse_platform::Yielder;
use std::collections::{BTreeMap, HashMap};

const MAX_PIECE_BYTES: usize = 16;
/// Number of most frequent words that candidates come from; rarer words repeat their parts.
const SEEDING_WORDS: usize = 100_000;
const MAX_SEEDS: usize = 1_000_000;
/// EM rounds between prunings.
const ROUNDS: usize = 2;
/// Pieces with a lower expected count are dropped.
const MIN_EXPECTED: f64 = 0.5;

/// The model in training: the 256 bytes first, then longer pieces.
struct Model {
    pieces: Vec<Vec<u8>>,
    scores: Vec<f64>,
    words: Vec<(Lattice, f64)>,
}

/// Pieces and their log-probabilities, most probable first: at most `size`, including all 256 bytes.
pub(super) async fn train(words: &[(Vec<u8>, u64)], size: usize, yielder: &Yielder) -> Vec<(Vec<u8>, f64)> {
    let mut model = Model::new(words, yielder).await;
    // Keep some extra pieces until the end, when the least probable are dropped.
    let enough = (size * 11 / 10).max(257);
    loop {
        for _ in 0..ROUNDS {
            model.refine(yielder).await;
        }
        let before = model.pieces.len();
        if before <= enough {
            break;
        }
        model.prune(enough.max(before * 3 / 4), yielder).await;
        if model.pieces.len() == before {
            break;
        }
    }
    model.finish(size)
}

impl Model {
    async fn new(words: &[(Vec<u8>, u64)], yielder: &Yielder) -> Self {
        let (pieces, weights) = seeds(words, yielder).await;
        let total: f64 = weights.iter().sum();
        let scores = weights.iter().map(|weight| libm::log(weight / total)).collect();
        let ids = ids(&pieces);
        let mut lattices = Vec::with_capacity(words.len());
        for (number, (word, count)) in words.iter().enumerate() {
            at_times(number, yielder).await;
            lattices
                .push((Lattice::new(word, MAX_PIECE_BYTES, |part| ids.get(part).copied()), *count as f64));
        }
        drop(ids);
        Self { pieces, scores, words: lattices }
    }

    /// One EM round with the sparse prior of Liang and Klein's variational form.
    async fn refine(&mut self, yielder: &Yielder) {
        let mut expected = vec![0.0; self.pieces.len()];
        for (number, (lattice, count)) in self.words.iter().enumerate() {
            at_times(number, yielder).await;
            lattice.expect(&self.scores, *count, &mut expected);
        }
        let keep: Vec<bool> = self
            .pieces
            .iter()
            .zip(&expected)
            .map(|(piece, expected)| piece.len() == 1 || *expected >= MIN_EXPECTED)
            .collect();
        let total: f64 =
            expected.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(expected, _)| expected).sum();
        let normaliser = digamma(total.max(1.0));
        self.scores = expected.iter().map(|count| digamma(count.max(MIN_EXPECTED)) - normaliser).collect();
        self.retain(&keep);
    }

    /// Keeps the `size` pieces whose removal would reduce the text's likelihood most. Estimated as in SentencePiece: a removed
    /// piece's uses in the best segmentations move to the pieces of its own best segmentation.
    async fn prune(&mut self, size: usize, yielder: &Yielder) {
        let mut uses = vec![0.0; self.pieces.len()];
        for (number, (lattice, count)) in self.words.iter().enumerate() {
            at_times(number, yielder).await;
            for piece in lattice.best(&self.scores, None) {
                uses[piece as usize] += count;
            }
        }
        let total: f64 = uses.iter().sum();
        let log_total = libm::log(total);
        let ids = ids(&self.pieces);
        let mut losses: Vec<(f64, usize)> = Vec::new();
        for (id, piece) in self.pieces.iter().enumerate().filter(|(_, piece)| piece.len() > 1) {
            at_times(id, yielder).await;
            let used = uses[id];
            if used == 0.0 {
                continue;
            }
            let lattice = Lattice::new(piece, MAX_PIECE_BYTES, |part| ids.get(part).copied());
            let instead = lattice.best(&self.scores, Some(id as u32));
            let log_total_instead = libm::log(total + used * (instead.len() as f64 - 1.0));
            let log_instead: f64 =
                instead.iter().map(|other| libm::log(uses[*other as usize] + used) - log_total_instead).sum();
            losses.push((used / total * (libm::log(used) - log_total - log_instead), id));
        }
        losses.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        let mut keep: Vec<bool> = self.pieces.iter().map(|piece| piece.len() == 1).collect();
        for (_, id) in losses.into_iter().take(size.saturating_sub(256)) {
            keep[id] = true;
        }
        self.retain(&keep);
    }

    fn retain(&mut self, keep: &[bool]) {
        let mut next = 0;
        let renamed: Vec<Option<u32>> = keep
            .iter()
            .map(|keep| {
                keep.then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        let mut kept = keep.iter();
        self.pieces.retain(|_| kept.next() == Some(&true));
        let mut kept = keep.iter();
        self.scores.retain(|_| kept.next() == Some(&true));
        for (lattice, _) in &mut self.words {
            lattice.rename(&renamed);
        }
    }

    fn finish(self, size: usize) -> Vec<(Vec<u8>, f64)> {
        // Six decimals survive a round trip through JSON, and are more precise than needed for any segmentation.
        let rounded = self.scores.into_iter().map(|score| (score * 1e6).round() / 1e6);
        let mut pieces: Vec<(Vec<u8>, f64)> = self.pieces.into_iter().zip(rounded).collect();
        let order = |left: &(Vec<u8>, f64), right: &(Vec<u8>, f64)| {
            right.1.total_cmp(&left.1).then_with(|| left.0.cmp(&right.0))
        };
        pieces.sort_by(order);
        let mut room = size.saturating_sub(256);
        pieces.retain(|(piece, _)| {
            let longer = usize::from(piece.len() > 1);
            let fits = longer <= room;
            room -= longer.min(room);
            fits
        });
        pieces
    }
}

/// Yields at every 1024th call.
async fn at_times(number: usize, yielder: &Yielder) {
    if number.is_multiple_of(1024) {
        yielder.maybe_yield().await;
    }
}

fn ids(pieces: &[Vec<u8>]) -> HashMap<&[u8], u32> {
    pieces.iter().enumerate().map(|(id, piece)| (piece.as_slice(), id as u32)).collect()
}

/// Initial pieces with weights: the 256 bytes, weighted by count, and every repeated part of the frequent words, weighted by
/// count times length.
async fn seeds(words: &[(Vec<u8>, u64)], yielder: &Yielder) -> (Vec<Vec<u8>>, Vec<f64>) {
    let mut bytes = [0_u64; 256];
    let mut frequent: Vec<&(Vec<u8>, u64)> = words.iter().collect();
    for (word, count) in words {
        for byte in word {
            bytes[usize::from(*byte)] += count;
        }
    }
    frequent.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    frequent.truncate(SEEDING_WORDS);
    let mut parts: BTreeMap<&[u8], u64> = BTreeMap::new();
    for (number, (word, count)) in frequent.into_iter().enumerate() {
        at_times(number, yielder).await;
        for length in 2..=MAX_PIECE_BYTES.min(word.len()) {
            for part in word.windows(length) {
                *parts.entry(part).or_default() += count;
            }
        }
    }
    let mut parts: Vec<(u64, &[u8])> = parts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(part, count)| (count * part.len() as u64, part))
        .collect();
    parts.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(right.1)));
    parts.truncate(MAX_SEEDS);
    let mut pieces: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    let mut weights: Vec<f64> = bytes.iter().map(|count| (*count).max(1) as f64).collect();
    for (weight, part) in parts {
        pieces.push(part.to_vec());
        weights.push(weight as f64);
    }
    (pieces, weights)
}

/// The derivative of ln Γ, by recurrence and its asymptotic series (Abramowitz and Stegun 6.3.5, 6.3.18).
fn digamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 6.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = square * (1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square / 240.0)));
    shift + libm::log(x) - 0.5 / x - series
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;

    #[test]
    fn digamma_is_known_at_one_and_a_half() {
        // −γ and −γ − 2 ln 2.
        assert!((digamma(1.0) + 0.577_215_664_901_532_9).abs() < 1e-9);
        assert!((digamma(0.5) + 1.963_510_026_021_423_5).abs() < 1e-9);
    }

    #[test]
    fn frequent_words_become_pieces() {
        let words: Vec<(Vec<u8>, u64)> =
            [(" played", 90), (" plays", 70), (" the", 400), (" stayed", 60), (".", 200)]
                .map(|(word, count)| (word.as_bytes().to_vec(), count))
                .to_vec();
        let pieces = block_on(train(&words, 261, &Yielder::none()));
        assert!(pieces.len() <= 261);
        let longer: Vec<&[u8]> =
            pieces.iter().map(|(piece, _)| &piece[..]).filter(|piece| piece.len() > 1).collect();
        for word in [" the", " played", " plays", " stayed"] {
            assert!(longer.contains(&word.as_bytes()), "{longer:?}");
        }
        assert!(pieces.is_sorted_by(|left, right| left.1 >= right.1));
        assert_eq!(pieces.iter().filter(|(piece, _)| piece.len() == 1).count(), 256);
    }

    #[test]
    fn no_words_leave_the_bytes() {
        assert_eq!(block_on(train(&[], 300, &Yielder::none())).len(), 256);
    }
}
