//! Single-pass statistics of many entries: minimum, maximum, mean, standard deviation, norm.

use glasshouse_platform::Yielder;
use glasshouse_platform::lanes::{BLOCK, vectorised};

/// Entries summed separately, small enough for the CPU's fastest cache.
const PART: usize = 4096;

/// Entries between two yields.
const BETWEEN: usize = 1 << 20;

/// Minimum, maximum, mean, standard deviation.
pub(super) type Statistics = [f32; 4];

#[derive(Clone, Copy, Debug)]
pub(super) struct Summary {
    count: f64,
    /// Minimum, ignoring NaN.
    pub(super) smallest: f32,
    /// Maximum, ignoring NaN.
    pub(super) largest: f32,
    mean: f64,
    /// Σ (x − mean)².
    squares: f64,
}

impl Default for Summary {
    fn default() -> Self {
        Self { count: 0.0, smallest: f32::INFINITY, largest: f32::NEG_INFINITY, mean: 0.0, squares: 0.0 }
    }
}

impl Summary {
    pub(super) async fn new(entries: &[f32], yielder: &Yielder) -> Self {
        let mut own = Self::default();
        for entries in entries.chunks(BETWEEN) {
            own.add(entries);
            yielder.maybe_yield().await;
        }
        own
    }

    pub(super) fn add(&mut self, entries: &[f32]) {
        for part in entries.chunks(PART) {
            self.join(of_part(part));
        }
    }

    /// Merges other statistics (Chan, Golub and LeVeque 1979).
    fn join(&mut self, other: Self) {
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        self.mean += apart * (other.count / count);
        self.squares += other.squares + apart * apart * (self.count * other.count / count);
        self.smallest = self.smallest.min(other.smallest);
        self.largest = self.largest.max(other.largest);
        self.count = count;
    }

    /// `None` without entries.
    pub(super) fn statistics(&self) -> Option<Statistics> {
        let deviation = (self.squares / self.count).sqrt() as f32;
        (self.count > 0.0).then_some([self.smallest, self.largest, self.mean as f32, deviation])
    }

    /// √(Σ x²).
    pub(super) fn norm(&self) -> f64 {
        (self.squares + self.count * self.mean * self.mean).sqrt()
    }
}

vectorised! {
    /// Statistics of a non-empty part, using its own mean.
    fn of_part<L>(part: &[f32]) -> Summary {
        let (mut smallest, mut largest) = ([f32::INFINITY; BLOCK], [f32::NEG_INFINITY; BLOCK]);
        let (blocks, rest) = part.as_chunks::<BLOCK>();
        let mut sums = [0.0_f64; BLOCK];
        for block in blocks {
            for ((x, sum), (least, most)) in
                block.iter().zip(&mut sums).zip(smallest.iter_mut().zip(&mut largest))
            {
                *sum += f64::from(*x);
                *least = if *x < *least { *x } else { *least };
                *most = if *x > *most { *x } else { *most };
            }
        }
        let count = part.len() as f64;
        let mean = (sums.iter().sum::<f64>() + rest.iter().map(|x| f64::from(*x)).sum::<f64>()) / count;
        let mut squares = [0.0_f64; BLOCK];
        for block in blocks {
            for (x, sum) in block.iter().zip(&mut squares) {
                let apart = f64::from(*x) - mean;
                *sum += apart * apart;
            }
        }
        let apart = |x: &f32| (f64::from(*x) - mean) * (f64::from(*x) - mean);
        Summary {
            count,
            smallest: smallest.iter().chain(rest).copied().fold(f32::INFINITY, f32::min),
            largest: largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max),
            mean,
            squares: squares.iter().sum::<f64>() + rest.iter().map(apart).sum::<f64>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;

    fn of(entries: &[f32]) -> Summary {
        block_on(Summary::new(entries, &Yielder::none()))
    }

    #[test]
    fn one_pass_finds_what_two_passes_do() {
        assert_eq!(of(&[1.0, 2.0, 3.0, 6.0]).statistics(), Some([1.0, 6.0, 3.0, 3.5_f32.sqrt()]));
        assert_eq!(of(&[]).statistics(), None);
        assert_eq!(of(&[]).norm(), 0.0);
        // Far from zero and close together, in several parts, the last one incomplete.
        let entries: Vec<f32> = (0..3 * PART + 7).map(|at| 1000.0 + (at as f32 * 0.37).sin() * 0.5).collect();
        let own = of(&entries);
        let count = entries.len() as f64;
        let mean = entries.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let squares: f64 = entries.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
        let [smallest, largest, own_mean, deviation] = own.statistics().unwrap();
        assert_eq!(smallest, entries.iter().copied().fold(f32::INFINITY, f32::min));
        assert_eq!(largest, entries.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        assert_eq!(own_mean, mean as f32);
        assert!((f64::from(deviation) - (squares / count).sqrt()).abs() < 1e-7, "{deviation}");
        let norm = entries.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        assert!((own.norm() - norm).abs() < 1e-9 * norm, "{} for {norm}", own.norm());
        // Adding pieces gives the same result.
        let mut pieces = Summary::default();
        entries.chunks(1000).for_each(|piece| pieces.add(piece));
        assert!((pieces.norm() - norm).abs() < 1e-9 * norm);
    }

    #[test]
    fn what_is_not_a_number_is_seen_in_the_mean_alone() {
        let [smallest, largest, mean, deviation] = of(&[2.0, f32::NAN, 5.0]).statistics().unwrap();
        assert_eq!((smallest, largest), (2.0, 5.0));
        assert!(mean.is_nan() && deviation.is_nan());
    }
}
