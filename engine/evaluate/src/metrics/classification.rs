//! Accuracy, F1 by class and its averages, confusion matrix and report, as scikit-learn 1.9 has them with its defaults: classes are all
//! labels that occur, sorted; a share of nothing is 0.

use super::Score;
use crate::statistics::Bootstrap;
use std::collections::BTreeMap;

/// Classes of a confusion matrix at most.
pub const MAX_CLASSES: usize = 1000;

/// Counts of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rightly answered.
    pub right: u64,
    /// Answered.
    pub answered: u64,
    /// Expected: the class's support.
    pub expected: u64,
}

impl Tally {
    /// The class's precision, recall and F1. F1 is made of the counts, as scikit-learn makes it, which rounding can tell from 2PR / (P + R).
    pub fn score(&self) -> Score {
        let both = self.answered + self.expected;
        let f1 = if both == 0 { 0.0 } else { 2.0 * self.right as f64 / both as f64 };
        Score { f1, ..self.harmonic() }
    }

    /// The same with F1 made of precision and recall, as seqeval makes it.
    pub(super) fn harmonic(&self) -> Score {
        Score::of(self.right as usize, self.answered as usize, self.expected as usize)
    }
}

/// Averages over classes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Averages {
    /// Of all counts together; where every row has one label, F1 is the accuracy.
    pub micro: Score,
    /// The mean of the classes.
    pub macro_average: Score,
    /// The mean of the classes, each as often as it is expected.
    pub weighted: Score,
}

impl Averages {
    /// The averages of classes whose scores are made by `score`. Where there is nothing to average it is 0.
    pub(super) fn of(tallies: &[Tally], score: fn(&Tally) -> Score) -> Self {
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

/// A sum in the order in which NumPy adds: reports round to two digits, and 0.125 is one or the other by its last bit.
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

/// How well labels were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classification {
    /// All labels that were expected or answered, sorted.
    pub labels: Vec<String>,
    /// Counts by label.
    pub tallies: Vec<Tally>,
    /// Averages over labels.
    pub averages: Averages,
    /// The share of rows that are right.
    pub accuracy: f64,
    /// Of each row the expected label's number and the answered one's.
    pub rows: Vec<(usize, usize)>,
}

/// Compares labels, given as expected and answered.
pub fn classification<S: AsRef<str>>(pairs: &[(S, S)]) -> Classification {
    let both = pairs.iter().flat_map(|(expected, answered)| [expected.as_ref(), answered.as_ref()]);
    let mut numbers: BTreeMap<&str, usize> = both.map(|label| (label, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
    let number = |label: &S| numbers.get(label.as_ref()).copied().unwrap_or(0);
    let rows: Vec<(usize, usize)> = pairs.iter().map(|(e, a)| (number(e), number(a))).collect();
    let tallies = tallies(numbers.len(), rows.iter().copied());
    let averages = Averages::of(&tallies, Tally::score);
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
    /// 1 for each row that is right, else 0.
    pub fn scores(&self) -> Vec<f64> {
        self.rows.iter().map(|(expected, answered)| f64::from(u8::from(expected == answered))).collect()
    }

    /// The interval over resampled rows of what `of` takes from the averages. Labels that a resample has none of do not count in it. `give` is
    /// called every few milliseconds, where others want their turn.
    pub async fn interval(
        &self,
        bootstrap: &Bootstrap,
        of: impl Fn(&Averages) -> f64,
        give: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        bootstrap.statistic_in_turns(self.rows.len(), |drawn| of(&self.averages_of(drawn)), give).await
    }

    /// The averages of some of the rows, by number.
    pub(crate) fn averages_of(&self, rows: &[u32]) -> Averages {
        let drawn = rows.iter().filter_map(|row| self.rows.get(*row as usize)).copied();
        let mut tallies = tallies(self.labels.len(), drawn);
        tallies.retain(|tally| tally.expected + tally.answered > 0);
        Averages::of(&tallies, Tally::score)
    }

    /// Rows by expected label (down) and answered label (across); `None` of more than [`MAX_CLASSES`] labels.
    pub fn confusion(&self) -> Option<Vec<Vec<u64>>> {
        let count = self.labels.len();
        if count > MAX_CLASSES {
            return None;
        }
        let mut matrix = vec![vec![0; count]; count];
        self.rows.iter().for_each(|(expected, answered)| matrix[*expected][*answered] += 1);
        Some(matrix)
    }

    /// The lines of scikit-learn's `classification_report`: a class each, then accuracy and averages. None without rows.
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
        let averages = [Line::of("macro avg", macro_average, all), Line::of("weighted avg", weighted, all)];
        [
            lines(&self.labels, &self.tallies, Tally::score),
            std::iter::once(accuracy).chain(averages).collect(),
        ]
    }

    /// The report as scikit-learn's `classification_report` prints it; empty without rows.
    pub fn report(&self) -> String {
        // scikit-learn counts in floats where no row is right, and prints them so.
        report(&self.lines(), if self.accuracy == 0.0 { ".0" } else { "" })
    }
}

/// A line of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// A class, or what is averaged.
    pub name: String,
    /// Precision and recall; accuracy has none.
    pub precision: Option<f64>,
    /// As above.
    pub recall: Option<f64>,
    /// F1, or accuracy.
    pub f1: f64,
    /// How many are expected.
    pub support: u64,
}

impl Line {
    pub(super) fn of(name: &str, score: Score, support: u64) -> Self {
        let Score { precision, recall, f1 } = score;
        Self { name: name.to_owned(), precision: Some(precision), recall: Some(recall), f1, support }
    }
}

/// A line for each class.
pub(super) fn lines(names: &[String], tallies: &[Tally], score: fn(&Tally) -> Score) -> Vec<Line> {
    let line = |(name, tally): (&String, &Tally)| Line::of(name, score(tally), tally.expected);
    names.iter().zip(tallies).map(line).collect()
}

/// A table of classes, then of averages, as scikit-learn and seqeval print it, what is behind the whole numbers included.
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
