//! Corpus-level metrics recomputed from stored row results, so that two models can be compared by resampling the same rows.

use crate::metrics::classification::{Averages, Classification, classification};
use crate::metrics::entities::Scheme;
use crate::metrics::{Row, bleu, chrf, entities};
use crate::statistics::{Bootstrap, ratio, sum};
use glasshouse_protocol::evaluation::TaskAnswer;
use std::collections::BTreeSet;

/// Rows whose n-grams are counted between two yields.
const ROWS_AT_ONCE: usize = 16;

pub(super) enum Remade {
    Bleu(Vec<bleu::RowCounts>),
    Chrf(Vec<chrf::RowCounts>),
    /// Rows, and the selected average of F1.
    F1(Box<Classification>, usize, fn(&Averages) -> f64),
    /// Correct, predicted and expected entities of each row.
    Entities(Vec<[f64; 3]>),
    /// Correctly tagged words, and all words.
    Words(Vec<[f64; 2]>),
}

impl Remade {
    /// Recomputes a metric by name for some rows of a task; `None` if it does not follow from the answers.
    pub(super) async fn new(
        name: &str,
        rows: &[&TaskAnswer],
        task: &[TaskAnswer],
        give: &impl AsyncFn(),
    ) -> Option<Self> {
        let of: fn(&Averages) -> f64 = match name {
            "bleu" => return Some(Self::Bleu(counted(rows, |rows| bleu(rows).rows, give).await)),
            "chrf" => return Some(Self::Chrf(counted(rows, |rows| chrf(rows).rows, give).await)),
            "entity_f1" => return Some(Self::Entities(entities(&tags(rows, task)?, Scheme::Lenient).rows)),
            "entity_f1_strict" => {
                return Some(Self::Entities(entities(&tags(rows, task)?, Scheme::Iob2).rows));
            }
            "acc" => return Some(Self::Words(tags(rows, task)?.iter().map(same).collect())),
            "f1_macro" => |averages| averages.macro_average.f1,
            "f1_micro" => |averages| averages.micro.f1,
            "f1_weighted" => |averages| averages.weighted.f1,
            _ => return None,
        };
        let pair = |row: &&TaskAnswer| Some((row.expected.first()?.clone(), row.answer.clone()));
        let pairs: Vec<(String, String)> = rows.iter().map(pair).collect::<Option<_>>()?;
        give().await;
        Some(Self::F1(Box::new(classification(&pairs)), pairs.len(), of))
    }

    pub(super) fn value(&self) -> f64 {
        match self {
            Self::Bleu(rows) => bleu::score(sum(rows)),
            Self::Chrf(rows) => chrf::score(sum(rows)),
            Self::F1(found, _, of) => of(&found.averages),
            Self::Entities(rows) => entities::f1(sum(rows)),
            Self::Words(rows) => ratio(sum(rows)),
        }
    }

    /// Interval of the difference from the same metric of another model.
    pub(super) async fn paired(
        &self,
        other: &Self,
        bootstrap: &Bootstrap,
        give: &impl AsyncFn(),
    ) -> Option<[f64; 2]> {
        match (self, other) {
            (Self::Bleu(first), Self::Bleu(second)) => {
                bootstrap.paired_sums(first, second, bleu::score, give).await
            }
            (Self::Chrf(first), Self::Chrf(second)) => {
                bootstrap.paired_sums(first, second, chrf::score, give).await
            }
            (Self::F1(first, count, of), Self::F1(second, ..)) => {
                let difference =
                    |drawn: &[u32]| of(&first.averages_of(drawn)) - of(&second.averages_of(drawn));
                bootstrap.paired_statistic(*count, difference, give).await
            }
            (Self::Entities(first), Self::Entities(second)) => {
                bootstrap.paired_sums(first, second, entities::f1, give).await
            }
            (Self::Words(first), Self::Words(second)) => {
                bootstrap.paired_sums(first, second, ratio, give).await
            }
            _ => None,
        }
    }
}

/// Each row's contribution to a corpus metric, computed in small batches.
async fn counted<T>(
    rows: &[&TaskAnswer],
    of: impl Fn(&[Row<'_>]) -> Vec<T>,
    give: &impl AsyncFn(),
) -> Vec<T> {
    let mut counts = Vec::with_capacity(rows.len());
    for part in rows.chunks(ROWS_AT_ONCE) {
        give().await;
        let rows: Vec<Row<'_>> =
            part.iter().map(|row| Row { answer: &row.answer, expected: &row.expected }).collect();
        counts.extend(of(&rows));
    }
    counts
}

/// Expected and predicted tags of each row (tags contain no spaces); `None` if a correct answer is not a list of tags. As in the
/// original evaluation, only words of an answer that are tags of the task count, and missing ones are outside of entities.
fn tags<'a>(rows: &[&'a TaskAnswer], task: &[TaskAnswer]) -> Option<Vec<(Vec<&'a str>, Vec<&'a str>)>> {
    let names: BTreeSet<&str> =
        task.iter().flat_map(|row| &row.expected).flat_map(|tags| tags.split(' ')).collect();
    let each = rows.iter().map(|row| {
        let [expected] = row.expected.as_slice() else { return None };
        let expected: Vec<&str> = expected.split(' ').collect();
        let said = row.answer.split_whitespace().filter(|word| names.contains(word));
        let answered = said.chain(std::iter::repeat("O")).take(expected.len()).collect();
        Some((expected, answered))
    });
    each.collect()
}

/// Number of correctly tagged words, and of all words.
fn same((expected, answered): &(Vec<&str>, Vec<&str>)) -> [f64; 2] {
    let right = expected.iter().zip(answered).filter(|(expected, answered)| expected == answered).count();
    [right as f64, expected.len() as f64]
}
