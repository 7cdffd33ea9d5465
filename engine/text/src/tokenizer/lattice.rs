//! All segmentations of a word into pieces, as edges between its byte positions.

/// A piece that matches at a position of a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub start: u16,
    pub end: u16,
    pub piece: u32,
}

/// A word with its segmentations; edges are sorted by start.
#[derive(Clone, Debug)]
pub(super) struct Lattice {
    pub length: usize,
    pub edges: Vec<Edge>,
}

/// ln(eᵃ + eᵇ).
fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + libm::log1p(libm::exp(low - high)) }
}

impl Lattice {
    /// The lattice of a word; `find` returns the piece that equals a slice.
    pub(super) fn new(word: &[u8], longest: usize, mut find: impl FnMut(&[u8]) -> Option<u32>) -> Self {
        let mut edges = Vec::new();
        for start in 0..word.len() {
            for end in start + 1..=word.len().min(start + longest) {
                if let Some(piece) = word.get(start..end).and_then(&mut find) {
                    edges.push(Edge { start: start as u16, end: end as u16, piece });
                }
            }
        }
        Self { length: word.len(), edges }
    }

    /// Renumbers the edges' pieces; edges of dropped pieces are removed.
    pub(super) fn rename(&mut self, new: &[Option<u32>]) {
        self.edges.retain_mut(|edge| match new.get(edge.piece as usize).copied().flatten() {
            Some(piece) => {
                edge.piece = piece;
                true
            }
            None => false,
        });
    }

    /// Adds `count` times the expected uses of each piece to `expected`, over all segmentations weighted by probability (the
    /// forward-backward algorithm, in logarithms).
    pub(super) fn expect(&self, scores: &[f64], count: f64, expected: &mut [f64]) {
        let mut before = vec![f64::NEG_INFINITY; self.length + 1];
        let mut after = before.clone();
        before[0] = 0.0;
        after[self.length] = 0.0;
        for edge in &self.edges {
            let (start, end) = (usize::from(edge.start), usize::from(edge.end));
            before[end] = log_add(before[end], before[start] + scores[edge.piece as usize]);
        }
        for edge in self.edges.iter().rev() {
            let (start, end) = (usize::from(edge.start), usize::from(edge.end));
            after[start] = log_add(after[start], after[end] + scores[edge.piece as usize]);
        }
        let total = before[self.length];
        for edge in &self.edges {
            let piece = edge.piece as usize;
            let path = before[usize::from(edge.start)] + scores[piece] + after[usize::from(edge.end)];
            expected[piece] += count * libm::exp(path - total);
        }
    }

    /// The most probable segmentation (Viterbi 1967), in word order, without using `skip`.
    pub(super) fn best(&self, scores: &[f64], skip: Option<u32>) -> Vec<u32> {
        let mut reached: Vec<(f64, Option<Edge>)> = vec![(f64::NEG_INFINITY, None); self.length + 1];
        reached[0].0 = 0.0;
        for edge in self.edges.iter().filter(|edge| Some(edge.piece) != skip) {
            let score = reached[usize::from(edge.start)].0 + scores[edge.piece as usize];
            let end = &mut reached[usize::from(edge.end)];
            if score > end.0 {
                *end = (score, Some(*edge));
            }
        }
        let mut pieces = Vec::new();
        let mut at = self.length;
        while let (_, Some(edge)) = reached[at] {
            pieces.push(edge.piece);
            at = usize::from(edge.start);
        }
        pieces.reverse();
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces a, b, ab with probabilities 0.5, 0.3, 0.2.
    fn lattice() -> (Lattice, Vec<f64>) {
        let pieces: [&[u8]; 3] = [b"a", b"b", b"ab"];
        let find = |part: &[u8]| pieces.iter().position(|piece| *piece == part).map(|id| id as u32);
        (Lattice::new(b"ab", 16, find), [0.5_f64, 0.3, 0.2].map(f64::ln).to_vec())
    }

    #[test]
    fn expectation_weighs_every_division() {
        let (lattice, scores) = lattice();
        let mut expected = vec![0.0; 3];
        lattice.expect(&scores, 7.0, &mut expected);
        // a·b has probability 0.15, ab 0.2: shares 3/7 and 4/7 of seven words.
        for (found, right) in expected.iter().zip([3.0, 3.0, 4.0]) {
            assert!((found - right).abs() < 1e-12, "{expected:?}");
        }
    }

    #[test]
    fn the_best_division_is_the_most_probable() {
        let (mut lattice, scores) = lattice();
        assert_eq!(lattice.best(&scores, None), [2]);
        assert_eq!(lattice.best(&scores, Some(2)), [0, 1]);
        lattice.rename(&[Some(1), Some(0), None]);
        assert_eq!(lattice.best(&scores, None), [1, 0]);
    }
}
