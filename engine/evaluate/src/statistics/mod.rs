//! Intervals: seeded bootstraps over documents or rows (Efron 1979, "Bootstrap Methods: Another Look at the Jackknife"), paired
//! where two models are compared; and Wilson's (1927) of shares, since a bootstrap of rows that all failed finds nothing but failures and
//! would be certain of it. What is the same in every resample has no interval for that reason. Shares of the same rows are compared by Newcombe's
//! (1998) interval, made of two of Wilson's: a bootstrap finds nothing where one model is right on all rows and the other on none.

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::{BOOTSTRAP, uniform};

use glasshouse_protocol::evaluation::{Better, Metric, RESAMPLES};
use glasshouse_protocol::random::{nth, split_mix};

/// Blocks of items that are drawn at most: more items than that are drawn in blocks of neighbours, so that 10,000 resamples of any number of
/// documents take well below a second. An interval of 2,048 blocks is within about 2 % of its length of the one of single items.
pub const MAX_BLOCKS: usize = 2048;

/// Resamples between turns: milliseconds, however many numbers an item has.
const RESAMPLES_AT_ONCE: u32 = 64;

/// Fewer values than that say too little of how a mean spreads; a share's interval is wide enough by itself.
pub const MIN_VALUES: usize = 30;

/// What the random numbers are for, so that other draws of the same seed are others.
const PURPOSE: u64 = 0x626f_6f74;

/// The step of SplitMix64's state.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// What roundings make of one number, as a share of it.
const SAME: f64 = 1e-12;

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A percentile bootstrap of 95 %: the same seed gives the same interval on every target. There is none where every resample gives the same,
/// unless that is a difference, of exactly nothing or of [`MIN_VALUES`] items at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Resamples; none gives no intervals.
    pub resamples: u32,
    /// Seed of what is drawn.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: RESAMPLES, seed: 0 }
    }
}

impl Bootstrap {
    /// The interval of Σ numerators / Σ denominators over resampled items: a loss is nats over tokens, bits per byte are bits over bytes.
    /// `None` below two items, where the lists are not equally long, or where the denominators come to nothing.
    pub fn ratio(&self, numerators: &[f64], denominators: &[f64]) -> Option<[f64; 2]> {
        if numerators.len() != denominators.len() {
            return None;
        }
        let items: Vec<[f64; 2]> = numerators.iter().zip(denominators).map(|(n, d)| [*n, *d]).collect();
        self.sums(&items, |[numerator, denominator]| numerator / denominator)
    }

    /// The interval of the mean: of values that are all 0 or 1 Wilson's of a share. `None` below two of those, and below [`MIN_VALUES`] others.
    pub fn mean(&self, values: &[f64]) -> Option<[f64; 2]> {
        if are_right_or_wrong(values) {
            let right = values.iter().filter(|value| **value == 1.0).count() as u64;
            return (self.resamples > 0 && values.len() > 1).then(|| wilson(right, values.len() as u64));
        }
        if values.len() < MIN_VALUES {
            return None;
        }
        let items: Vec<[f64; 2]> = values.iter().map(|value| [*value, 1.0]).collect();
        self.sums(&items, |[sum, count]| sum / count)
    }

    /// The interval of Σ numerators / Σ denominators of the first less that of the second, where the same items are drawn for both: what
    /// makes items easy or hard is in both and goes out. `None` as [`Bootstrap::ratio`].
    pub fn paired_difference(&self, first: (&[f64], &[f64]), second: (&[f64], &[f64])) -> Option<[f64; 2]> {
        let items = |(numerators, denominators): (&[f64], &[f64])| -> Option<Vec<[f64; 2]>> {
            let same = numerators.len() == denominators.len();
            same.then(|| numerators.iter().zip(denominators).map(|(n, d)| [*n, *d]).collect())
        };
        self.paired_sums(&items(first)?, &items(second)?, |[numerator, denominator]| numerator / denominator)
    }

    /// The interval of the mean of the first values less that of the second, of the same rows: of values that are all 0 or 1 Newcombe's of
    /// paired shares. `None` below two rows, and where one of the means has none by itself, below [`MIN_VALUES`]; but a model that does as
    /// well on each row differs by exactly nothing. `give` is called every few milliseconds.
    pub async fn mean_difference(
        &self,
        first: &[f64],
        second: &[f64],
        give: &impl AsyncFn(),
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
        let [first, second] =
            [first, second].map(|values| values.iter().map(|value| [*value, 1.0]).collect::<Vec<_>>());
        self.paired_sums_in_turns(&first, &second, |[sum, count]| sum / count, give).await
    }

    /// The interval of any statistic of sums: `items` has a row of `N` numbers for each item (BLEU's counts, say), and `of` makes the
    /// statistic of the rows' sum. `None` below two items, or where the statistic is finite for no resample.
    pub fn sums<const N: usize>(
        &self,
        items: &[[f64; N]],
        of: impl FnMut([f64; N]) -> f64,
    ) -> Option<[f64; 2]> {
        varied((0..self.resamples).map(self.singles(items, of)?).collect())
    }

    /// The same, where others want their turn meanwhile: `give` is called every few milliseconds.
    pub async fn sums_in_turns<const N: usize>(
        &self,
        items: &[[f64; N]],
        of: impl FnMut([f64; N]) -> f64,
        give: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        varied(self.in_turns(self.singles(items, of)?, give).await)
    }

    /// What [`Bootstrap::sums`] finds in each resample.
    fn singles<const N: usize>(
        &self,
        items: &[[f64; N]],
        mut of: impl FnMut([f64; N]) -> f64,
    ) -> Option<impl FnMut(u32) -> f64> {
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

    /// The interval of a statistic of sums of the first less that of the second, where the same items are drawn for both. `None` as
    /// [`Bootstrap::sums`], and where the two have not as many items.
    pub fn paired_sums<const N: usize>(
        &self,
        first: &[[f64; N]],
        second: &[[f64; N]],
        of: impl FnMut([f64; N]) -> f64,
    ) -> Option<[f64; 2]> {
        let values = (0..self.resamples).map(self.pairs(first, second, of)?).collect();
        of_differences(first.len(), values)
    }

    /// The same, where others want their turn meanwhile: `give` is called every few milliseconds.
    pub async fn paired_sums_in_turns<const N: usize>(
        &self,
        first: &[[f64; N]],
        second: &[[f64; N]],
        of: impl FnMut([f64; N]) -> f64,
        give: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        let values = self.in_turns(self.pairs(first, second, of)?, give).await;
        of_differences(first.len(), values)
    }

    /// What [`Bootstrap::paired_sums`] finds in each resample.
    fn pairs<const N: usize>(
        &self,
        first: &[[f64; N]],
        second: &[[f64; N]],
        mut of: impl FnMut([f64; N]) -> f64,
    ) -> Option<impl FnMut(u32) -> f64> {
        if first.len() < 2 || first.len() != second.len() {
            return None;
        }
        let (first, second) = (blocks(first), blocks(second));
        Some(move |resample| {
            let mut sums = [[0.0; N]; 2];
            for draw in self.draws(resample, first.len()) {
                add(&mut sums[0], &first[draw]);
                add(&mut sums[1], &second[draw]);
            }
            of(sums[0]) - of(sums[1])
        })
    }

    /// The interval of any statistic of items, given as the numbers of those drawn. It costs resamples × items: where the statistic
    /// follows from sums, [`Bootstrap::sums`] is faster. `None` below two items, or where the statistic is finite for no resample.
    pub fn statistic(&self, items: usize, of: impl FnMut(&[u32]) -> f64) -> Option<[f64; 2]> {
        varied((0..self.resamples).map(self.items(items, of)?).collect())
    }

    /// The same, where others want their turn meanwhile: `give` is called every few milliseconds.
    pub async fn statistic_in_turns(
        &self,
        items: usize,
        of: impl FnMut(&[u32]) -> f64,
        give: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        varied(self.in_turns(self.items(items, of)?, give).await)
    }

    /// The interval of a difference of statistics of the same items, as [`Bootstrap::statistic_in_turns`]; of a model and itself it is
    /// exactly nothing.
    pub async fn paired_statistic_in_turns(
        &self,
        items: usize,
        difference: impl FnMut(&[u32]) -> f64,
        give: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        let values = self.in_turns(self.items(items, difference)?, give).await;
        of_differences(items, values)
    }

    /// What [`Bootstrap::statistic`] finds in each resample.
    fn items(&self, items: usize, mut of: impl FnMut(&[u32]) -> f64) -> Option<impl FnMut(u32) -> f64> {
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

    async fn in_turns(&self, mut resampled: impl FnMut(u32) -> f64, give: &impl AsyncFn()) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.resamples as usize);
        for resample in 0..self.resamples {
            if resample % RESAMPLES_AT_ONCE == 0 {
                give().await;
            }
            values.push(resampled(resample));
        }
        values
    }

    /// The numbers below `items`, as many as there are items, of a resample.
    fn draws(&self, resample: u32, items: usize) -> impl Iterator<Item = usize> + use<> {
        let items = items as u64;
        let start = nth(self.seed, PURPOSE, u64::from(resample));
        (0..items).map(move |n| {
            let word = split_mix(start.wrapping_add(n.wrapping_mul(GAMMA)));
            (((word >> 32) * items) >> 32) as usize
        })
    }
}

/// The items themselves, or the sums of [`MAX_BLOCKS`] runs of neighbours whose lengths differ by one at most.
fn blocks<const N: usize>(items: &[[f64; N]]) -> Vec<[f64; N]> {
    let count = items.len().min(MAX_BLOCKS);
    let mut blocks = vec![[0.0; N]; count];
    for (at, item) in items.iter().enumerate() {
        add(&mut blocks[at * count / items.len()], item);
    }
    blocks
}

pub(crate) fn add<const N: usize>(sum: &mut [f64; N], item: &[f64; N]) {
    for (sum, part) in sum.iter_mut().zip(item) {
        *sum += part;
    }
}

/// Percentiles that are not the same but for rounding.
fn varied(values: Vec<f64>) -> Option<[f64; 2]> {
    percentiles(values).filter(|[low, high]| high - low > SAME * low.abs().max(high.abs()))
}

/// Those of differences, which may be the same in every resample: exactly nothing, of a model and itself, or of so many items that one model
/// is as much better on each.
fn of_differences(items: usize, values: Vec<f64>) -> Option<[f64; 2]> {
    let same = items >= MIN_VALUES || values.iter().all(|value| *value == 0.0);
    if same { percentiles(values) } else { varied(values) }
}

fn are_right_or_wrong(values: &[f64]) -> bool {
    values.iter().all(|value| *value == 0.0 || *value == 1.0)
}

/// The 2.5th and the 97.5th percentile, linear between neighbours as NumPy's; what is not finite is left out.
fn percentiles(mut values: Vec<f64>) -> Option<[f64; 2]> {
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

/// A share of things of which `right` of `count` were counted, with [`wilson`]'s interval; no value where nothing was.
pub fn share(name: &str, right: u64, count: u64, of: &str, better: Better) -> Metric {
    Metric {
        name: name.to_owned(),
        value: (count > 0).then(|| right as f64 / count as f64),
        interval: (count > 0).then(|| wilson(right, count)),
        better,
        count,
        of: of.to_owned(),
        signature: None,
    }
}

/// The interval of a share of which `right` of `count` were counted (Wilson 1927), 95 %; all of 0 to 1 where nothing was.
pub fn wilson(right: u64, count: u64) -> [f64; 2] {
    if count == 0 {
        return [0.0, 1.0];
    }
    let n = count as f64;
    let share = right.min(count) as f64 / n;
    let scale = 1.0 / (1.0 + Z * Z / n);
    let middle = (share + Z * Z / (2.0 * n)) * scale;
    let half = Z * scale * libm::sqrt(share * (1.0 - share) / n + Z * Z / (4.0 * n * n));
    // Exactly, where none or all are: roundings would leave 10⁻¹⁸.
    let low = if right == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if right >= count { 1.0 } else { (middle + half).min(1.0) };
    [low, high]
}

/// The interval of a share less another, of the same rows, each of which is 0 or 1 in both (Newcombe 1998, "Improved Confidence Intervals
/// for the Difference between Binomial Proportions Based on Paired Data", method 10), 95 %.
fn newcombe(first: &[f64], second: &[f64]) -> [f64; 2] {
    let n = first.len() as f64;
    let count = |of: [f64; 2]| first.iter().zip(second).filter(|(a, b)| [**a, **b] == of).count() as f64;
    let (both, neither) = (count([1.0, 1.0]), count([0.0, 0.0]));
    let (first_alone, second_alone) = (count([1.0, 0.0]), count([0.0, 1.0]));
    let right = [both + first_alone, both + second_alone];
    let [share, other] = right.map(|right| right / n);
    let [[low, high], [other_low, other_high]] = right.map(|right| wilson(right as u64, first.len() as u64));
    // How far the two go together, with a correction for continuity where they do.
    let product = right[0] * (n - right[0]) * right[1] * (n - right[1]);
    let mut excess = both * neither - first_alone * second_alone;
    if excess > 0.0 {
        excess = (excess - n / 2.0).max(0.0);
    }
    let correlation = if product > 0.0 { excess / libm::sqrt(product) } else { 0.0 };
    let length = |a: f64, b: f64| libm::sqrt((a * a - 2.0 * correlation * a * b + b * b).max(0.0));
    let difference = share - other;
    [
        difference - length(share - low, other_high - other),
        difference + length(high - share, other - other_low),
    ]
}
