use super::*;
use pollster::block_on;

pub(crate) const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 2000, seed: 3 };

/// Numbers between 0 and 1.
pub(crate) fn uniform(stream: u64, count: usize) -> Vec<f64> {
    (0..count as u64).map(|n| (nth(1, stream, n) >> 11) as f64 / (1u64 << 53) as f64).collect()
}

#[test]
fn intervals_are_as_long_as_theory_says() {
    // Single items, and blocks of about five.
    for count in [1000, 10_000] {
        let values = uniform(count as u64, count);
        let mean = values.iter().sum::<f64>() / count as f64;
        let [low, high] = Bootstrap::default().mean(&values).unwrap();
        let expected = 2.0 * Z * (1.0 / 12.0 / count as f64).sqrt();
        assert!(((high - low) / expected - 1.0).abs() < 0.05, "{} of {expected}", high - low);
        assert!(low < mean && mean < high);
    }
    // Two values have three possible means; each outer one occurs in a quarter of the resamples.
    assert_eq!(BOOTSTRAP.sums(&[[0.0, 1.0], [2.0, 1.0]], ratio), Some([0.0, 2.0]));
}

/// If all of a hundred rows failed, every resample fails, but that is not certainty.
#[test]
fn shares_of_rows_have_wilsons_interval() {
    let of = |right: usize| {
        let rows: Vec<f64> = (0..100).map(|row| if row < right { 1.0 } else { 0.0 }).collect();
        BOOTSTRAP.mean(&rows)
    };
    for right in [0, 1, 31, 100] {
        assert_eq!(of(right), Some(wilson(right as u64, 100)), "{right}");
    }
    let [low, high] = of(0).unwrap();
    assert!(low == 0.0 && (0.03..0.04).contains(&high), "{low} {high}");
    assert_eq!(BOOTSTRAP.mean(&[1.0]), None);
    // Fractional scores are not proportions.
    let mut parts = vec![0.0; 99];
    parts.push(0.5);
    let [low, high] = BOOTSTRAP.mean(&parts).unwrap();
    assert!(low == 0.0 && high < 0.03, "{low} {high}");
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let bootstrap = Bootstrap { resamples: 400, seed: 5 };
    let held = (0..400).filter(|sample| {
        let [low, high] = bootstrap.mean(&uniform(10_000 + sample, 60)).unwrap();
        low <= 0.5 && 0.5 <= high
    });
    let held = held.count();
    assert!((360..=396).contains(&held), "{held} of 400");
}

#[test]
fn the_same_seed_gives_the_same_interval_and_another_one_another() {
    let values = uniform(1, 100);
    assert_eq!(BOOTSTRAP.mean(&values), BOOTSTRAP.mean(&values));
    assert_ne!(BOOTSTRAP.mean(&values), Bootstrap { seed: 4, ..BOOTSTRAP }.mean(&values));
    let sum = |drawn: &[u32]| drawn.iter().map(|at| values[*at as usize]).sum::<f64>() / drawn.len() as f64;
    let [low, high] = BOOTSTRAP.statistic(100, sum).unwrap();
    let [expected_low, expected_high] = BOOTSTRAP.mean(&values).unwrap();
    assert!((low - expected_low).abs() < 1e-12 && (high - expected_high).abs() < 1e-12);
}

#[test]
fn pairs_take_out_what_makes_items_easy_or_hard() {
    let (hard, noise) = (uniform(1, 300), uniform(2, 300));
    let other: Vec<f64> = hard.iter().zip(&noise).map(|(value, noise)| value + 0.01 + 0.01 * noise).collect();
    let [low, high] = paired(&other, &hard).unwrap();
    assert!(low > 0.014 && high < 0.016, "{low} to {high}");
    let alone = [BOOTSTRAP.mean(&other).unwrap(), BOOTSTRAP.mean(&hard).unwrap()];
    assert!(alone[0][0] < alone[1][1], "each alone would show nothing");
    assert_eq!(paired(&hard, &hard), Some([0.0, 0.0]));
}

fn paired(first: &[f64], second: &[f64]) -> Option<[f64; 2]> {
    block_on(BOOTSTRAP.paired_sums(&over_one(first), &over_one(second), ratio, &async || ()))
}

fn mean_difference(first: &[f64], second: &[f64]) -> Option<[f64; 2]> {
    block_on(BOOTSTRAP.mean_difference(first, second, &async || ()))
}

/// Numbers of rows that both, only the first, only the second, and neither got right, with the interval of Newcombe (1998),
/// method 10. The first two were computed from his formula with other arithmetic; the third is the strongest evidence that a
/// hundred rows can give.
#[test]
fn shares_of_the_same_rows_are_compared_by_newcombes_interval() {
    for (counts, expected) in [
        ([36, 12, 2, 0], [0.056_929_584_003_238_69, 0.340_427_602_974_940_7]),
        ([20, 10, 2, 18], [0.024_950_980_464_647_75, 0.283_898_998_301_906]),
        ([0, 100, 0, 0], [0.947_683_293_116_056, 1.0]),
    ] {
        let rows = |right: [f64; 4]| -> Vec<f64> {
            counts.iter().zip(right).flat_map(|(count, right)| std::iter::repeat_n(right, *count)).collect()
        };
        let (first, second) = (rows([1.0, 1.0, 0.0, 0.0]), rows([1.0, 0.0, 1.0, 0.0]));
        let [low, high] = mean_difference(&first, &second).unwrap();
        assert!((low - expected[0]).abs() < 1e-12 && (high - expected[1]).abs() < 1e-12, "{low} {high}");
        let [turned_low, turned_high] = mean_difference(&second, &first).unwrap();
        assert!((turned_low + high).abs() < 1e-12 && (turned_high + low).abs() < 1e-12);
        assert_eq!(mean_difference(&first, &first), Some([0.0; 2]));
    }
}

/// If a mean has no interval, neither has a difference of means.
#[test]
fn differences_of_few_means_have_no_interval() {
    let (first, second) = (uniform(1, MIN_VALUES), uniform(2, MIN_VALUES));
    assert!(mean_difference(&first, &second).is_some());
    assert_eq!(mean_difference(&first[1..], &second[1..]), None);
    assert_eq!(mean_difference(&first[1..], &first[1..]), Some([0.0; 2]));
    assert_eq!((mean_difference(&[1.0], &[0.0]), mean_difference(&[1.0], &[1.0])), (None, None));
    assert_eq!(mean_difference(&[1.0; 3], &[0.0; 2]), None);
    let none = Bootstrap { resamples: 0, seed: 0 };
    assert_eq!(block_on(none.mean_difference(&first, &second, &async || ())), None);
}

#[test]
fn what_has_no_interval_gets_none() {
    assert_eq!(BOOTSTRAP.mean(&[]), None);
    assert_eq!(BOOTSTRAP.mean(&[1.0]), None);
    assert_eq!(BOOTSTRAP.sums(&[[1.0, 0.0], [2.0, 0.0]], ratio), None);
    // Equal resamples would give an interval of length 0, too few values one that is too short.
    assert_eq!(BOOTSTRAP.sums(&over_one(&[f64::NAN, 1.0, f64::NAN]), ratio), None);
    assert_eq!(BOOTSTRAP.sums(&[[1.1, 1.0], [2.2, 2.0], [3.3, 3.0]], ratio), None);
    assert_eq!(BOOTSTRAP.statistic(9, |_| 1.0), None);
    assert_eq!(BOOTSTRAP.mean(&[0.25; 100]), None);
    assert_eq!(BOOTSTRAP.mean(&uniform(4, MIN_VALUES - 1)), None);
    assert!(BOOTSTRAP.mean(&uniform(4, MIN_VALUES)).is_some());
    assert_eq!(paired(&[1.0; 3], &[0.0; 3]), None);
    // A constant difference over many items is not chance.
    assert_eq!(paired(&[1.0; MIN_VALUES], &[0.5; MIN_VALUES]), Some([0.5, 0.5]));
    assert_eq!(paired(&[1.0, 2.0], &[1.0]), None);
    assert_eq!(BOOTSTRAP.statistic(1, |_| 1.0), None);
    assert_eq!(Bootstrap { resamples: 0, seed: 0 }.mean(&[1.0, 2.0]), None);
}

#[test]
fn wilsons_interval_is_scipys() {
    for (right, count, expected) in [
        (8, 10, [0.490_162_471_536_641_8, 0.943_317_848_545_624_8]),
        (0, 5, [0.0, 0.434_482_464_783_174_77]),
        (5, 5, [0.565_517_535_216_825_1, 1.0]),
        (263, 1000, [0.236_656_859_791_078_37, 0.291_157_023_731_074_7]),
        (0, 0, [0.0, 1.0]),
    ] {
        let found = wilson(right, count);
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
    }
}
