//! Confidence intervals. Seeded bootstraps over documents or rows (Efron 1979, "Bootstrap Methods: Another Look at the
//! Jackknife"), paired when two models are compared. Wilson's (1927) interval for proportions, because a bootstrap of rows that
//! all failed resamples only failures and would claim certainty; for the same reason, there is no interval if all resamples
//! agree. Proportions on the same rows are compared with Newcombe's (1998) interval, built from two Wilson intervals, because a
//! bootstrap finds no variation if one model is right on all rows and the other on none.

mod effects;
#[cfg(test)]
mod tests;

pub use effects::main_effects;

#[cfg(test)]
pub(crate) use tests::{BOOTSTRAP, uniform};

use glasshouse_protocol::evaluation::{Metric, RESAMPLES, better};
use glasshouse_protocol::random::{nth, split_mix};

/// Maximum number of resampled blocks. More items than this are grouped into blocks of neighbours, so that 10,000 resamples of
/// any number of documents take well below a second. An interval over 2,048 blocks is within about 2 % of the length of one over
/// single items.
pub const MAX_BLOCKS: usize = 2048;

/// Resamples between yields: a few milliseconds, independent of the size of an item.
const RESAMPLES_AT_ONCE: u32 = 64;

/// Proportions need no minimum: Wilson's interval is wide for few values.
pub use glasshouse_protocol::evaluation::MIN_VALUES;

/// Separates this random stream from others with the same seed.
const PURPOSE: u64 = 0x626f_6f74;

/// The increment of SplitMix64's state.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Relative tolerance for rounding errors.
const SAME: f64 = 1e-12;

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A 95 % percentile bootstrap; the same seed gives the same interval on every target. There is no interval if all resamples
/// agree, except for a difference that is exactly 0 or has at least [`MIN_VALUES`] items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Number of resamples; 0 disables intervals.
    pub resamples: u32,
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: RESAMPLES, seed: 0 }
    }
}

impl Bootstrap {
    /// Interval of the mean; Wilson's for values that are all 0 or 1. `None` for fewer than two such values, or fewer than
    /// [`MIN_VALUES`] others.
    pub fn mean(&self, values: &[f64]) -> Option<[f64; 2]> {
        if are_right_or_wrong(values) {
            let right = values.iter().filter(|value| **value == 1.0).count() as u64;
            return (self.resamples > 0 && values.len() > 1).then(|| wilson(right, values.len() as u64));
        }
        if values.len() < MIN_VALUES {
            return None;
        }
        self.sums(&over_one(values), ratio)
    }

    /// Interval of the difference of means (first minus second) over the same rows; Newcombe's for values that are all 0 or 1.
    /// `None` for fewer than two rows, or fewer than [`MIN_VALUES`] if the values are not proportions; identical values give
    /// exactly 0. `yield_now` is called every few milliseconds to yield.
    pub async fn mean_difference(
        &self,
        first: &[f64],
        second: &[f64],
        yield_now: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        if self.resamples == 0 || first.len() < 2 || first.len() != second.len() {
            return None;
        }
        if first == second {
            return Some([0.0; 2]);
        }
        if are_right_or_wrong(first) && are_right_or_wrong(second) {
            return Some(newcombe(first, second));
        }
        if first.len() < MIN_VALUES {
            return None;
        }
        self.paired_sums(&over_one(first), &over_one(second), ratio, yield_now).await
    }

    /// Interval of a statistic of sums: `items` has a row of `N` numbers per item (such as BLEU's counts), and `of` computes the
    /// statistic from the sum of rows. `None` for fewer than two items, or if no resample gives a finite statistic.
    pub fn sums<const N: usize>(
        &self,
        items: &[[f64; N]],
        of: impl FnMut([f64; N]) -> f64,
    ) -> Option<[f64; 2]> {
        varied((0..self.resamples).map(self.singles(items, of)?).collect())
    }

    /// Like [`Bootstrap::sums`]; `yield_now` is called every few milliseconds to yield.
    pub async fn sums_in_turns<const N: usize>(
        &self,
        items: &[[f64; N]],
        of: impl FnMut([f64; N]) -> f64,
        yield_now: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        varied(self.values(self.singles(items, of)?, yield_now).await)
    }

    /// A statistic of sums in each resample.
    pub(crate) fn singles<const N: usize, F: FnMut([f64; N]) -> f64>(
        self,
        items: &[[f64; N]],
        mut of: F,
    ) -> Option<impl FnMut(u32) -> f64 + use<N, F>> {
        if items.len() < 2 {
            return None;
        }
        let blocks = blocks(items);
        Some(move |resample| {
            let mut sum = [0.0; N];
            for draw in self.draws(resample, blocks.len()) {
                add(&mut sum, &blocks[draw]);
            }
            of(sum)
        })
    }

    /// Interval of the difference (first minus second) of a statistic of sums, with the same resampled items for both, so that
    /// item difficulty cancels out. `None` as in [`Bootstrap::sums`], or if the numbers of items differ. `yield_now` is called every
    /// few milliseconds to yield.
    pub async fn paired_sums<const N: usize>(
        &self,
        first: &[[f64; N]],
        second: &[[f64; N]],
        of: impl Fn([f64; N]) -> f64,
        yield_now: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        if first.len() != second.len() {
            return None;
        }
        let (mut one, mut other) = (self.singles(first, &of)?, self.singles(second, &of)?);
        self.differences(first.len(), |resample| one(resample) - other(resample), yield_now).await
    }

    /// The interval of the differences in each resample of `items` items; exactly 0 for a model and itself. `yield_now` is called every
    /// few milliseconds to yield.
    pub(crate) async fn differences(
        &self,
        items: usize,
        resampled: impl FnMut(u32) -> f64,
        yield_now: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        of_differences(items, self.values(resampled, yield_now).await)
    }

    /// Interval of any statistic of items, computed from the indices of the resampled items. Costs resamples × items;
    /// [`Bootstrap::sums`] is faster if the statistic can be computed from sums. `None` for fewer than two items, or if no
    /// resample gives a finite statistic.
    pub fn statistic(&self, items: usize, of: impl FnMut(&[u32]) -> f64) -> Option<[f64; 2]> {
        varied((0..self.resamples).map(self.items(items, of)?).collect())
    }

    /// Like [`Bootstrap::statistic`]; `yield_now` is called every few milliseconds to yield.
    pub async fn statistic_in_turns(
        &self,
        items: usize,
        of: impl FnMut(&[u32]) -> f64,
        yield_now: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        varied(self.values(self.items(items, of)?, yield_now).await)
    }

    /// A statistic of items in each resample.
    pub(crate) fn items<F: FnMut(&[u32]) -> f64>(
        self,
        items: usize,
        mut of: F,
    ) -> Option<impl FnMut(u32) -> f64 + use<F>> {
        if items < 2 || u32::try_from(items).is_err() {
            return None;
        }
        let mut drawn = Vec::with_capacity(items);
        Some(move |resample| {
            drawn.clear();
            drawn.extend(self.draws(resample, items).map(|draw| draw as u32));
            of(&drawn)
        })
    }

    async fn values(&self, mut resampled: impl FnMut(u32) -> f64, yield_now: &impl AsyncFn()) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.resamples as usize);
        for resample in 0..self.resamples {
            if resample % RESAMPLES_AT_ONCE == 0 {
                yield_now().await;
            }
            values.push(resampled(resample));
        }
        values
    }

    /// Item indices drawn for a resample, as many as there are items.
    fn draws(&self, resample: u32, items: usize) -> impl Iterator<Item = usize> + use<> {
        let items = items as u64;
        let start = nth(self.seed, PURPOSE, u64::from(resample));
        (0..items).map(move |n| {
            let word = split_mix(start.wrapping_add(n.wrapping_mul(GAMMA)));
            (((word >> 32) * items) >> 32) as usize
        })
    }
}

/// The items themselves, or the sums of [`MAX_BLOCKS`] runs of neighbours whose lengths differ by at most one.
fn blocks<const N: usize>(items: &[[f64; N]]) -> Vec<[f64; N]> {
    let count = items.len().min(MAX_BLOCKS);
    let mut blocks = vec![[0.0; N]; count];
    for (at, item) in items.iter().enumerate() {
        add(&mut blocks[at * count / items.len()], item);
    }
    blocks
}

/// The quotient of two sums: loss is nats over tokens, bits per byte are bits over bytes.
pub fn ratio([above, below]: [f64; 2]) -> f64 {
    above / below
}

fn over_one(values: &[f64]) -> Vec<[f64; 2]> {
    values.iter().map(|value| [*value, 1.0]).collect()
}

fn add<const N: usize>(sum: &mut [f64; N], item: &[f64; N]) {
    for (sum, part) in sum.iter_mut().zip(item) {
        *sum += part;
    }
}

/// The percentiles, unless they are equal up to rounding.
fn varied(values: Vec<f64>) -> Option<[f64; 2]> {
    percentiles(values).filter(|[low, high]| high - low > SAME * low.abs().max(high.abs()))
}

/// The percentiles of differences. They may be equal if all differences are 0 (a model and itself), or if there are enough items
/// to trust a constant difference.
fn of_differences(items: usize, values: Vec<f64>) -> Option<[f64; 2]> {
    let same = items >= MIN_VALUES || values.iter().all(|value| *value == 0.0);
    if same { percentiles(values) } else { varied(values) }
}

fn are_right_or_wrong(values: &[f64]) -> bool {
    values.iter().all(|value| *value == 0.0 || *value == 1.0)
}

/// The 2.5th and 97.5th percentiles with linear interpolation, like NumPy's; non-finite values are dropped.
pub(crate) fn percentiles(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let below = place as usize;
        let above = (below + 1).min(last);
        values[below] + (values[above] - values[below]) * (place - below as f64)
    };
    Some([at(0.025), at(0.975)])
}

/// The sum of each number over all items.
pub fn sum<const N: usize>(items: &[[f64; N]]) -> [f64; N] {
    let mut sum = [0.0; N];
    items.iter().for_each(|item| add(&mut sum, item));
    sum
}

pub fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

/// A metric of `count` items, without a signature.
pub fn metric(
    name: &str,
    value: Option<f64>,
    interval: Option<[f64; 2]>,
    (count, of): (u64, &str),
) -> Metric {
    let better = better(name);
    Metric { name: name.to_owned(), value, interval, better, count, of: of.to_owned(), signature: None }
}

/// A metric for the proportion `right` of `count`, with [`wilson`]'s interval; no value if `count` is 0.
pub fn share(name: &str, right: u64, count: u64, of: &str) -> Metric {
    let (value, interval) = (right as f64 / count as f64, wilson(right, count));
    metric(name, finite(value), (count > 0).then_some(interval), (count, of))
}

/// The 95 % interval of the proportion `right` of `count` (Wilson 1927); [0, 1] if `count` is 0.
pub fn wilson(right: u64, count: u64) -> [f64; 2] {
    if count == 0 {
        return [0.0, 1.0];
    }
    let n = count as f64;
    let share = right.min(count) as f64 / n;
    let scale = 1.0 / (1.0 + Z * Z / n);
    let middle = (share + Z * Z / (2.0 * n)) * scale;
    let half = Z * scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    // Exact at the ends, where rounding would leave 10⁻¹⁸.
    let low = if right == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if right >= count { 1.0 } else { (middle + half).min(1.0) };
    [low, high]
}

/// The 95 % interval of the difference of two proportions on the same rows, whose values are 0 or 1 (Newcombe 1998, "Improved
/// Confidence Intervals for the Difference between Binomial Proportions Based on Paired Data", method 10).
fn newcombe(first: &[f64], second: &[f64]) -> [f64; 2] {
    let n = first.len() as f64;
    let count = |of: [f64; 2]| first.iter().zip(second).filter(|(a, b)| [**a, **b] == of).count() as f64;
    let (both, neither) = (count([1.0, 1.0]), count([0.0, 0.0]));
    let (first_alone, second_alone) = (count([1.0, 0.0]), count([0.0, 1.0]));
    let right = [both + first_alone, both + second_alone];
    let [share, other] = right.map(|right| right / n);
    let [[low, high], [other_low, other_high]] = right.map(|right| wilson(right as u64, first.len() as u64));
    // Correlation of the two, with a continuity correction if it is positive.
    let product = right[0] * (n - right[0]) * right[1] * (n - right[1]);
    let mut excess = both * neither - first_alone * second_alone;
    if excess > 0.0 {
        excess = (excess - n / 2.0).max(0.0);
    }
    let correlation = if product > 0.0 { excess / product.sqrt() } else { 0.0 };
    let length = |a: f64, b: f64| (a * a - 2.0 * correlation * a * b + b * b).max(0.0).sqrt();
    let difference = share - other;
    [
        difference - length(share - low, other_high - other),
        difference + length(high - share, other - other_low),
    ]
}
