//! Smaller models: methods, and what they changed.

use crate::blocks::Block;
use crate::evaluation::{Cell, Comparison, Metric, Table};
use crate::quantity::{counted, percent};
use crate::setting::{choices, settings};
use crate::{Invalid, WeightFormat, require};
use serde::{Deserialize, Serialize};

/// Maximum calibration windows: Wanda's published results use 128.
const MAX_WINDOWS: usize = 4096;
const WINDOWS: usize = 64;

/// How a run's weights are made smaller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Compression {
    /// Matrices stored in fewer bits, each weight rounded to the nearest.
    Store { weights: WeightFormat },
    /// Matrices stored as q4_0, with those of blocks rounded so that their outputs on windows of training text change least (GPTQ, Frantar et
    /// al. 2022).
    Calibrate { windows: usize },
    /// Matrices of blocks with some weights set to zero.
    Prune(PruneSettings),
    /// Whole parts of the model removed, which leaves a smaller and faster model.
    Remove(RemoveSettings),
}

impl Compression {
    /// Checks all rules and names the first broken one.
    pub fn validate(&self) -> Result<(), Invalid> {
        match self {
            Self::Store { .. } => Ok(()),
            Self::Calibrate { windows } => check_windows(*windows),
            Self::Prune(settings) => settings.validate(),
            Self::Remove(settings) => settings.validate(),
        }
    }
}

/// Formats it as in `q8_0`, `gptq4`, `wanda 50.0 %`, `magnitude 2:4` and `2 blocks removed`.
impl std::fmt::Display for Compression {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store { weights } => formatter.write_str(weights.name()),
            Self::Calibrate { .. } => formatter.write_str("gptq4"),
            Self::Prune(PruneSettings { score, pattern: SparsityPattern::TwoOfFour, .. }) => {
                write!(formatter, "{} 2:4", score.name())
            }
            Self::Prune(PruneSettings { score, sparsity, .. }) => {
                write!(formatter, "{} {}", score.name(), percent(*sparsity))
            }
            Self::Remove(RemoveSettings { part, count, .. }) => {
                write!(formatter, "{} removed", counted(*count as u64, part.noun()))
            }
        }
    }
}

choices! {
    /// What decides which weights become zero.
    pub enum PruneScore = Wanda {
        /// Zeros the smallest products of weight and input norm in each row; reads the training text.
        ///
        /// The absolute weight times the norm of its input, compared within an output's row (Sun et al. 2023).
        Wanda = "wanda", "Wanda";
        /// Zeros the smallest weights of each matrix.
        Magnitude = "magnitude", "Magnitude";
    }
}

choices! {
    pub enum SparsityPattern = Unstructured {
        /// Zeros anywhere.
        Unstructured = "unstructured", "Anywhere";
        /// Two zeros in every four consecutive weights of a row, for sparse tensor cores.
        TwoOfFour = "2:4", "2 of 4";
    }
}

choices! {
    /// Parts that can be removed from a model.
    pub enum ModelPart = Blocks {
        /// Removes the blocks whose output is most like their input.
        ///
        /// By block influence: 1 − the mean cosine similarity of a block's input and output (ShortGPT, Men et al. 2024).
        Blocks = "blocks", "Blocks";
        /// Removes, in every block, the channels that add least to the stream.
        ///
        /// By the norm of what each hidden channel of an MLP adds to the output: its activation's norm times its column's norm in the down
        /// projection, Wanda's score over a whole column (Wanda-sp, An et al. 2024).
        Channels = "channels", "MLP channels";
        /// Removes, in every block, the key-value heads that add least to the stream, with their query heads.
        ///
        /// By the same score over their columns of the output projection.
        Heads = "heads", "Heads";
    }
}

impl ModelPart {
    /// One of them in a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Blocks => "block",
            Self::Channels => "MLP channel",
            Self::Heads => "key-value head",
        }
    }

    /// Number of these parts in a model, or in each of its blocks.
    pub fn count(self, model: &crate::ModelConfig) -> usize {
        match self {
            Self::Blocks => model.layers,
            Self::Channels => model.mlp.hidden,
            Self::Heads => model.kv_heads,
        }
    }
}

settings! {
    #[derive(Eq)]
    pub struct RemoveSettings: "" {
        pub part: ModelPart = ModelPart::Blocks;
        /// Number to remove; of channels and heads, in every block.
        pub count: usize = 1;
        /// Windows of training text that the scores are measured on.
        pub windows: usize = WINDOWS;
    }
}

impl RemoveSettings {
    /// Checks all rules and names the first broken one.
    pub fn validate(&self) -> Result<(), Invalid> {
        require(self.count >= 1, "remove", self.count, "be at least 1")?;
        check_windows(self.windows)
    }
}

settings! {
    pub struct PruneSettings: "" {
        pub score: PruneScore = PruneScore::Wanda;
        pub pattern: SparsityPattern = SparsityPattern::Unstructured;
        /// Fraction of each matrix's weights that become zero.
        pub sparsity: f64 = 0.5;
        /// Windows of training text that Wanda reads.
        pub windows: usize = WINDOWS;
    }
}

impl PruneSettings {
    /// Checks all rules and names the first broken one.
    pub fn validate(&self) -> Result<(), Invalid> {
        let (sparsity, windows) = (self.sparsity, self.windows);
        require(sparsity > 0.0 && sparsity < 1.0, "sparsity", sparsity, "be above 0 and below 1")?;
        let fits = self.pattern != SparsityPattern::TwoOfFour || sparsity == 0.5;
        require(fits, "sparsity", sparsity, "be 0.5 with the pattern 2:4")?;
        check_windows(windows)
    }
}

fn check_windows(windows: usize) -> Result<(), Invalid> {
    let rule = format!("be between 1 and {MAX_WINDOWS}");
    require((1..=MAX_WINDOWS).contains(&windows), "windows", windows, rule)
}

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

/// Smaller weights, compared with the original.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compressed {
    /// The new run; `None` for a point of a frontier that was only measured.
    pub run: Option<String>,
    pub method: Compression,
    /// Bytes of the original's weights in 32 bits, and of the new file.
    pub bytes: [u64; 2],
    /// Tokens per second of decoding before and after. Measured once for models of the same shape and format. `None` for classifiers,
    /// and if the device cannot decode the model.
    pub tokens_per_s: Option<[f64; 2]>,
    /// Numbers of the removed blocks, from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrices: Vec<PrunedMatrix>,
    /// Loss on the validation split before and after. `None` if there is no text for it.
    pub loss: Option<[Metric; 2]>,
    /// Paired difference in bits per byte, after minus before.
    pub difference: Option<Comparison>,
}

impl Compressed {
    /// Size, speed and loss next to those of the original, the zeros of matrices, and the removed blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let row = |own: &PrunedMatrix| {
            [own.name.as_str().into(), own.weights.into(), Cell::Text(percent(own.sparsity()))]
        };
        let zeros = Table::new("Zeros", ["matrix", "weights", "zeros"], self.matrices.iter().map(row));
        let removed: Vec<String> = self.removed.iter().map(ToString::to_string).collect();
        let removed = (!removed.is_empty())
            .then(|| Block::Note(format!("Removed blocks, from 0: {}", removed.join(", "))));
        let sizes = frontier(std::slice::from_ref(self));
        [Block::Table(sizes), Block::Table(zeros)].into_iter().chain(removed).collect()
    }

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

/// The points of a frontier, after the original.
pub fn frontier(points: &[Compressed]) -> Table {
    let row = |method: String, bytes: u64, measured: [Option<Cell>; 3], run: Option<String>| {
        let text = |text: Option<String>| Cell::Text(text.unwrap_or_default());
        let [speed, loss, difference] = measured.map(|cell| cell.unwrap_or_else(|| text(None)));
        vec![Cell::Text(method), Cell::Number(bytes as f64 / 1e6), speed, loss, difference, text(run)]
    };
    let metric = |metric: &Metric| Cell::Metric(Box::new(metric.clone()));
    let original = points.first().map(|point| {
        let speed = point.tokens_per_s.map(|[before, _]| Cell::Number(before));
        let loss = point.loss.as_ref().map(|[before, _]| metric(before));
        row("original".to_owned(), point.bytes[0], [speed, loss, None], None)
    });
    let rows = points.iter().map(|point| {
        let speed = point.tokens_per_s.map(|[_, after]| Cell::Number(after));
        let loss = point.loss.as_ref().map(|[_, after]| metric(after));
        let difference = point.difference.as_ref().map(|found| metric(&found.difference));
        row(point.method.to_string(), point.bytes[1], [speed, loss, difference], point.run.clone())
    });
    let columns = ["method", "MB", "tokens/s", "validation loss", "bits per byte above the original", "run"];
    Table {
        title: "Size, speed and loss".to_owned(),
        about: "With 95 % intervals; differences are paired by document.".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: original.into_iter().chain(rows).collect(),
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
            run: Some("2-pruned".to_owned()),
            method: Compression::Prune(PruneSettings::default()),
            bytes: [4_000_000, 2_000_000],
            tokens_per_s: Some([100.0, 150.0]),
            removed: Vec::new(),
            matrices: Vec::new(),
            loss: Some(loss),
            difference: None,
        };
        assert_eq!(pruned.losses().unwrap(), "validation loss 1.5000 [1.4000, 1.6000] before, 1.7500 after");
        pruned.difference =
            Some(Comparison { difference: metric(0.25, Some([0.2, 0.3])), ..Comparison::default() });
        assert!(pruned.losses().unwrap().ends_with("; difference in bits per byte 0.2500 [0.2000, 0.3000]"));
        let table = frontier(std::slice::from_ref(&pruned));
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
        assert_eq!(
            table.rows[0][..3],
            [Cell::Text("original".to_owned()), Cell::Number(4.0), Cell::Number(100.0)]
        );
        assert_eq!(
            table.rows[1][..3],
            [Cell::Text("wanda 50.0 %".to_owned()), Cell::Number(2.0), Cell::Number(150.0)]
        );
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
        let none = RemoveSettings { count: 0, ..RemoveSettings::default() };
        assert!(none.validate().is_err() && RemoveSettings::default().validate().is_ok());
    }
}
