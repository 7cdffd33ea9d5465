//! Smaller models: methods, and what they changed.

use crate::evaluation::{Comparison, Metric};
use crate::{Invalid, WeightFormat, require};
use serde::{Deserialize, Serialize};

/// Maximum calibration windows: Wanda's published results use 128.
const MAX_WINDOWS: usize = 4096;

/// How a run's weights are made smaller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Compression {
    /// Matrices stored in fewer bits, each weight rounded to the nearest.
    Store { weights: WeightFormat },
    /// Matrices of blocks with some weights set to zero.
    Prune(PruneSettings),
}

/// What decides which weights become zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneScore {
    /// The absolute weight, compared within a matrix.
    Magnitude,
    /// The absolute weight times the norm of its input over a training text, compared within an output's row (Sun et al. 2023).
    #[default]
    Wanda,
}

impl PruneScore {
    crate::names::named! { Magnitude = "magnitude", Wanda = "wanda" }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SparsityPattern {
    #[default]
    #[serde(rename = "unstructured")]
    Unstructured,
    /// Two zeros in every four consecutive weights of a row, which sparse tensor cores skip.
    #[serde(rename = "2:4")]
    TwoOfFour,
}

impl SparsityPattern {
    crate::names::named! { Unstructured = "unstructured", TwoOfFour = "2:4" }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PruneSettings {
    pub score: PruneScore,
    pub pattern: SparsityPattern,
    /// Fraction of each matrix's weights that become zero.
    pub sparsity: f64,
    /// Windows of training text that Wanda reads.
    pub windows: usize,
}

impl Default for PruneSettings {
    fn default() -> Self {
        Self { score: PruneScore::default(), pattern: SparsityPattern::default(), sparsity: 0.5, windows: 64 }
    }
}

impl PruneSettings {
    /// Checks all rules and names the first broken one.
    pub fn validate(&self) -> Result<(), Invalid> {
        let (sparsity, windows) = (self.sparsity, self.windows);
        require(sparsity > 0.0 && sparsity < 1.0, "sparsity", sparsity, "be above 0 and below 1")?;
        let fits = self.pattern != SparsityPattern::TwoOfFour || sparsity == 0.5;
        require(fits, "sparsity", sparsity, "be 0.5 with the pattern 2:4")?;
        let rule = format!("be between 1 and {MAX_WINDOWS}");
        require((1..=MAX_WINDOWS).contains(&windows), "windows", windows, rule)
    }
}

/// A pruned matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunedMatrix {
    pub name: String,
    pub weights: u64,
    /// Weights that are zero, including those that were zero before.
    pub zeros: u64,
}

impl PrunedMatrix {
    /// Fraction of zeros.
    pub fn sparsity(&self) -> f64 {
        self.zeros as f64 / self.weights.max(1) as f64
    }
}

/// A new run of smaller weights, compared with the run before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compressed {
    pub run: String,
    /// Bytes of the weights in 32 bits, and of the new run's file.
    pub bytes: [u64; 2],
    /// What was pruned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrices: Vec<PrunedMatrix>,
    /// Loss on the validation split before and after. `None` if there is no text for it.
    pub loss: Option<[Metric; 2]>,
    /// Paired difference in bits per byte, after minus before.
    pub difference: Option<Comparison>,
}

impl Compressed {
    /// The measured losses in words.
    pub fn losses(&self) -> Option<String> {
        let [before, after] = self.loss.as_ref()?;
        let losses =
            format!("validation loss {} before, {} after", with_interval(before), with_interval(after));
        let difference = self.difference.as_ref().map(|found| with_interval(&found.difference));
        Some(match difference {
            Some(difference) => format!("{losses}; difference in bits per byte {difference}"),
            None => losses,
        })
    }
}

/// A value with its 95 % confidence interval.
fn with_interval(metric: &Metric) -> String {
    match (metric.value, metric.interval) {
        (Some(value), Some([low, high])) => format!("{value:.4} [{low:.4}, {high:.4}]"),
        (Some(value), None) => format!("{value:.4}"),
        (None, _) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_with_their_intervals() {
        let metric = |value, interval| Metric { value: Some(value), interval, ..Metric::default() };
        let loss = [metric(1.5, Some([1.4, 1.6])), metric(1.75, None)];
        let mut pruned = Compressed {
            run: "2-pruned".to_owned(),
            bytes: [0; 2],
            matrices: Vec::new(),
            loss: Some(loss),
            difference: None,
        };
        assert_eq!(pruned.losses().unwrap(), "validation loss 1.5000 [1.4000, 1.6000] before, 1.7500 after");
        pruned.difference =
            Some(Comparison { difference: metric(0.25, Some([0.2, 0.3])), ..Comparison::default() });
        assert!(pruned.losses().unwrap().ends_with("; difference in bits per byte 0.2500 [0.2000, 0.3000]"));
        pruned.loss = None;
        assert_eq!(pruned.losses(), None);
    }

    #[test]
    fn settings_that_prune_nothing_or_everything_are_refused() {
        let refusal = |settings: PruneSettings| settings.validate().err().map(|error| error.to_string());
        assert_eq!(refusal(PruneSettings::default()), None);
        for sparsity in [0.0, 1.0, -0.5, f64::NAN] {
            let said = refusal(PruneSettings { sparsity, ..PruneSettings::default() }).unwrap();
            assert!(
                said.starts_with("sparsity = ") && said.ends_with("must be above 0 and below 1"),
                "{said}"
            );
        }
        let pattern = SparsityPattern::TwoOfFour;
        assert_eq!(refusal(PruneSettings { pattern, ..PruneSettings::default() }), None);
        let said = refusal(PruneSettings { pattern, sparsity: 0.7, ..PruneSettings::default() }).unwrap();
        assert!(said.ends_with("must be 0.5 with the pattern 2:4"), "{said}");
        assert!(refusal(PruneSettings { windows: 0, ..PruneSettings::default() }).is_some());
    }

    #[test]
    fn patterns_are_named_as_they_are_typed() {
        let json = serde_json::to_string(&SparsityPattern::ALL).unwrap();
        assert_eq!(json, format!("{:?}", SparsityPattern::ALL.map(SparsityPattern::name)).replace(", ", ","));
    }
}
