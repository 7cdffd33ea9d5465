//! Accuracy, per-class F1 and its averages, confusion matrix and report, as in scikit-learn 1.9 with default settings: classes
//! are all labels that occur, sorted; ratios with denominator 0 are 0.

use super::Score;
use crate::statistics::Bootstrap;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// True positives.
    pub right: u64,
    /// Number of predictions.
    pub answered: u64,
    /// Number of expected labels (the class's support).
    pub expected: u64,
}

impl Tally {
    /// Precision, recall and F1. Like scikit-learn, F1 is computed from the counts, which differs from 2PR / (P + R) by rounding.
    pub fn score(&self) -> Score {
        let both = self.answered + self.expected;
        let f1 = if both == 0 { 0.0 } else { 2.0 * self.right as f64 / both as f64 };
        Score { f1, ..self.harmonic() }
    }

    /// Like [`Self::score`], with F1 computed from precision and recall as in seqeval.
    pub(super) fn harmonic(&self) -> Score {
        Score::new(self.right as usize, self.answered as usize, self.expected as usize)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Averages {
    /// From the total counts; with one label per row, F1 equals the accuracy.
    pub micro: Score,
    /// Unweighted mean over classes.
    pub macro_average: Score,
    /// Mean over classes, weighted by support.
    pub weighted: Score,
}

impl Averages {
    /// Averages of the classes' scores, computed with `score`; 0 if there are none.
    pub(super) fn new(tallies: &[Tally], score: fn(&Tally) -> Score) -> Self {
        let mut all = Tally::default();
        for tally in tallies {
            all.right += tally.right;
            all.answered += tally.answered;
            all.expected += tally.expected;
        }
        let mean = |weight: fn(&Tally) -> f64| {
            let whole: f64 = tallies.iter().map(weight).sum();
            let of = |part: fn(Score) -> f64| {
                let parts: Vec<f64> =
                    tallies.iter().map(|tally| weight(tally) * part(score(tally))).collect();
                if whole > 0.0 { sum(&parts) / whole } else { 0.0 }
            };
            Score { precision: of(|s| s.precision), recall: of(|s| s.recall), f1: of(|s| s.f1) }
        };
        let [macro_average, weighted] = [mean(|_| 1.0), mean(|tally| tally.expected as f64)];
        Self { micro: score(&all), macro_average, weighted }
    }
}

/// Sums in NumPy's order: reports round to two digits, so the last bit of a value like 0.125 matters.
fn sum(values: &[f64]) -> f64 {
    if values.len() < 8 {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if values.len() > 128 {
        let half = values.len() / 2;
        let (first, second) = values.split_at(half - half % 8);
        return sum(first) + sum(second);
    }
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, value)| *sum += value);
    }
    let [a, b, c, d, e, f, g, h] = sums;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classification {
    /// All expected or predicted labels, sorted.
    pub labels: Vec<String>,
    pub tallies: Vec<Tally>,
    pub averages: Averages,
    pub accuracy: f64,
    /// Indices of the expected and the predicted label of each row.
    pub rows: Vec<(usize, usize)>,
}

pub fn classification<S: AsRef<str>>(pairs: &[(S, S)]) -> Classification {
    let both = pairs.iter().flat_map(|(expected, answered)| [expected.as_ref(), answered.as_ref()]);
    let mut numbers: BTreeMap<&str, usize> = both.map(|label| (label, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
    let number = |label: &S| numbers.get(label.as_ref()).copied().unwrap_or(0);
    let rows: Vec<(usize, usize)> = pairs.iter().map(|(e, a)| (number(e), number(a))).collect();
    let tallies = tallies(numbers.len(), rows.iter().copied());
    let averages = Averages::new(&tallies, Tally::score);
    let labels = numbers.into_keys().map(str::to_owned).collect();
    Classification { labels, tallies, averages, accuracy: averages.micro.f1, rows }
}

fn tallies(labels: usize, rows: impl Iterator<Item = (usize, usize)>) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); labels];
    for (expected, answered) in rows {
        tallies[expected].expected += 1;
        tallies[answered].answered += 1;
        tallies[answered].right += u64::from(expected == answered);
    }
    tallies
}

impl Classification {
    /// Bootstrap interval over rows of the value that `of` selects from the averages. Labels absent from a resample are not
    /// averaged. `yield_now` is called every few milliseconds to yield.
    pub async fn interval(
        &self,
        bootstrap: &Bootstrap,
        of: impl Fn(&Averages) -> f64,
        yield_now: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        bootstrap.statistic_in_turns(self.rows.len(), |drawn| of(&self.averages_of(drawn)), yield_now).await
    }

    /// Averages over some of the rows, by index.
    pub(crate) fn averages_of(&self, rows: &[u32]) -> Averages {
        let drawn = rows.iter().filter_map(|row| self.rows.get(*row as usize)).copied();
        let mut tallies = tallies(self.labels.len(), drawn);
        tallies.retain(|tally| tally.expected + tally.answered > 0);
        Averages::new(&tallies, Tally::score)
    }

    /// Counts by expected label (row) and predicted label (column): as many as the square of the labels.
    pub fn confusion(&self) -> Vec<Vec<u64>> {
        let mut matrix = vec![vec![0; self.labels.len()]; self.labels.len()];
        self.rows.iter().for_each(|(expected, answered)| matrix[*expected][*answered] += 1);
        matrix
    }

    /// The lines of scikit-learn's `classification_report`: classes, then accuracy and averages. Empty without rows.
    pub fn lines(&self) -> [Vec<Line>; 2] {
        if self.rows.is_empty() {
            return Default::default();
        }
        let all = self.rows.len() as u64;
        let Averages { macro_average, weighted, .. } = self.averages;
        let accuracy = Line {
            name: "accuracy".to_owned(),
            precision: None,
            recall: None,
            f1: self.accuracy,
            support: all,
        };
        let averages = [Line::new("macro avg", macro_average, all), Line::new("weighted avg", weighted, all)];
        [
            lines(&self.labels, &self.tallies, Tally::score),
            std::iter::once(accuracy).chain(averages).collect(),
        ]
    }

    /// The report as printed by scikit-learn's `classification_report`; empty without rows.
    pub fn report(&self) -> String {
        // scikit-learn prints counts as floats if no row is correct.
        report(&self.lines(), if self.accuracy == 0.0 { ".0" } else { "" })
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    pub name: String,
    /// `None` for accuracy.
    pub precision: Option<f64>,
    /// `None` for accuracy.
    pub recall: Option<f64>,
    /// F1, or the accuracy.
    pub f1: f64,
    pub support: u64,
}

impl Line {
    pub(super) fn new(name: &str, score: Score, support: u64) -> Self {
        let Score { precision, recall, f1 } = score;
        Self { name: name.to_owned(), precision: Some(precision), recall: Some(recall), f1, support }
    }
}

pub(super) fn lines(names: &[String], tallies: &[Tally], score: fn(&Tally) -> Score) -> Vec<Line> {
    let line = |(name, tally): (&String, &Tally)| Line::new(name, score(tally), tally.expected);
    names.iter().zip(tallies).map(line).collect()
}

/// Formats classes, then averages, like scikit-learn and seqeval; `behind` is appended to integers.
pub(super) fn report(parts: &[Vec<Line>; 2], behind: &str) -> String {
    let all = || parts.iter().flatten();
    let Some(longest) = all().map(|line| line.name.chars().count()).max() else { return String::new() };
    let width = longest.max("weighted avg".len());
    let mut out =
        format!("{:>width$}  {:>9} {:>9} {:>9} {:>9}\n", "", "precision", "recall", "f1-score", "support");
    for lines in parts {
        out.push('\n');
        for Line { name, precision, recall, f1, support } in lines {
            let [precision, recall] =
                [precision, recall].map(|share| share.map(|share| format!("{share:.2}")).unwrap_or_default());
            let support = format!("{support}{behind}");
            out += &format!("{name:>width$}  {precision:>9} {recall:>9} {f1:>9.2} {support:>9}\n");
        }
    }
    out
}
