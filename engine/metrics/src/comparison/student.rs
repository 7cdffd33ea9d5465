//! The interval of a mean by Student's t (1908, "The Probable Error of a Mean"). With few values, a bootstrap varies too little: with five,
//! it covers the mean in about 83 of 100 samples instead of 95.

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The same quantile of the normal distribution.
const NORMAL: f64 = 1.96;

/// The 95 % confidence interval of a mean by Student's t, or by the normal distribution for many values; `None` for fewer than two.
pub fn mean_interval(values: &[f64]) -> Option<[f64; 2]> {
    let quantile = STUDENT.get(values.len().checked_sub(2)?).unwrap_or(&NORMAL);
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let half = quantile * (squares / (count - 1.0) / count).sqrt();
    Some([mean - half, mean + half])
}

#[cfg(test)]
mod tests {
    use super::super::compare::{Pair, Values};
    use super::*;
    use crate::statistics::Bootstrap;
    use glasshouse_protocol::evaluation::{Better, Metric};

    #[test]
    fn intervals_are_those_of_the_textbook() {
        // From R: t.test(c(1.1, 0.9, 1.3, 0.7, 1.0)).
        let [low, high] = mean_interval(&[1.1, 0.9, 1.3, 0.7, 1.0]).unwrap();
        assert!((low - 0.722_35).abs() < 1e-3 && (high - 1.277_65).abs() < 1e-3, "{low} {high}");
        assert_eq!(mean_interval(&[1.0]), None);
        // Of many values, it is that of the normal distribution: 1.96 standard errors.
        let many: Vec<f64> = (0..100).map(|at| f64::from(at % 2)).collect();
        let [low, high] = mean_interval(&many).unwrap();
        assert!((high - low - 2.0 * 1.96 * (0.25_f64 / 99.0).sqrt()).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn a_verdict_says_whether_the_interval_leaves_0_out() {
        let pair =
            Pair { names: ["a", "b"].map(str::to_owned), bootstrap: &Bootstrap { resamples: 0, seed: 0 } };
        let metric = Metric { better: Better::Lower, ..Metric::default() };
        let verdict = |value, interval| {
            let values = Values { values: [value, 0.0], interval: Some(interval), count: 9 };
            pair.compared("loss", &metric, &values, "").verdict
        };
        assert_eq!(
            verdict(-0.01, [-0.03, 0.0]),
            "Within the noise: the interval of the difference includes 0."
        );
        assert_eq!(verdict(-0.05, [-0.07, -0.03]), "a is better.");
    }
}
