//! Corpus-level metrics recomputed from stored row results, so that two models can be compared by resampling the same rows.

use crate::metrics::classification::{Averages, classification};
use crate::metrics::entities::{Scheme, f1};
use crate::metrics::{OfCorpus, Row, bleu, chrf, entities};
use crate::statistics::{Bootstrap, ratio, sum};
use glasshouse_protocol::evaluation::TaskAnswer;
use std::collections::BTreeSet;

/// Rows whose n-grams are counted between two yields.
const ROWS_AT_ONCE: usize = 16;

/// A metric of all rows together.
pub(super) struct Remade {
    pub(super) value: f64,
    pub(super) rows: usize,
    /// The metric in each resample of the rows; `None` if they are too few.
    pub(super) resampled: Option<Resampled>,
}

type Resampled = Box<dyn FnMut(u32) -> f64>;

/// The answers of a model to some rows of a task.
pub(super) struct Answers<'a, YieldNow> {
    pub(super) rows: &'a [&'a TaskAnswer],
    /// The answers to all rows.
    pub(super) task: &'a [TaskAnswer],
    pub(super) bootstrap: &'a Bootstrap,
    pub(super) yield_now: &'a YieldNow,
}

impl<'a, YieldNow: AsyncFn()> Answers<'a, YieldNow> {
    /// A metric of the sum of each row's counts.
    fn sums<const N: usize>(&self, rows: &[[f64; N]], of: fn([f64; N]) -> f64) -> Remade {
        let resampled = self.bootstrap.singles(rows, of).map(|own| Box::new(own) as Resampled);
        Remade { value: of(sum(rows)), rows: rows.len(), resampled }
    }

    async fn corpus<const N: usize>(&self, of: fn(&[Row<'_>]) -> OfCorpus<N>) -> Option<Remade> {
        let OfCorpus { mut rows, of: metric, .. } = of(&[]);
        for part in self.rows.chunks(ROWS_AT_ONCE) {
            (self.yield_now)().await;
            let part: Vec<Row<'_>> =
                part.iter().map(|row| Row { answer: &row.answer, expected: &row.expected }).collect();
            rows.extend(of(&part).rows);
        }
        Some(self.sums(&rows, metric))
    }

    fn entities(&self, scheme: Scheme) -> Option<Remade> {
        Some(self.sums(&entities(&self.tags()?, scheme).rows, f1))
    }

    /// Correctly tagged words.
    fn words(&self) -> Option<Remade> {
        let rows: Vec<[f64; 2]> = self.tags()?.iter().map(same).collect();
        Some(self.sums(&rows, ratio))
    }

    async fn labels(&self, of: fn(&Averages) -> f64) -> Option<Remade> {
        let pair = |row: &&TaskAnswer| Some((row.expected.first()?.clone(), row.answer.clone()));
        let pairs: Vec<(String, String)> = self.rows.iter().map(pair).collect::<Option<_>>()?;
        (self.yield_now)().await;
        let found = classification(&pairs);
        let (value, rows) = (of(&found.averages), found.rows.len());
        let resampled = self.bootstrap.items(rows, move |drawn| of(&found.averages_of(drawn)));
        Some(Remade { value, rows, resampled: resampled.map(|own| Box::new(own) as Resampled) })
    }

    /// Expected and predicted tags of each row (tags contain no spaces); `None` if a correct answer is not a list of tags. As in the
    /// original evaluation, only words of an answer that are tags of the task count, and missing ones are outside of entities.
    fn tags(&self) -> Option<Vec<(Vec<&'a str>, Vec<&'a str>)>> {
        let names: BTreeSet<&str> =
            self.task.iter().flat_map(|row| &row.expected).flat_map(|tags| tags.split(' ')).collect();
        let each = self.rows.iter().map(|row| {
            let [expected] = row.expected.as_slice() else { return None };
            let expected: Vec<&str> = expected.split(' ').collect();
            let said = row.answer.split_whitespace().filter(|word| names.contains(word));
            let answered = said.chain(std::iter::repeat("O")).take(expected.len()).collect();
            Some((expected, answered))
        });
        each.collect()
    }
}

macro_rules! remade {
    (
        tasks { $($metric:literal, $needs:expr, |$task:ident| $compute:expr => {
            $($name:literal, $title:literal, $unit:ident, $better:ident, $range:expr $(, |$answers:ident| $again:expr)?;)*
        })* }
        others { $($others:tt)* }
    ) => {
        /// Recomputes a metric by name; `None` if it does not follow from the answers.
        pub(super) async fn remade<YieldNow: AsyncFn()>(
            name: &str,
            given: &Answers<'_, YieldNow>,
        ) -> Option<Remade> {
            match name {
                $($($(
                    $name => {
                        let $answers = given;
                        $again
                    }
                )?)*)*
                _ => None,
            }
        }
    };
}

glasshouse_protocol::measures!(remade);

/// Number of correctly tagged words, and of all words.
fn same((expected, answered): &(Vec<&str>, Vec<&str>)) -> [f64; 2] {
    let right = expected.iter().zip(answered).filter(|(expected, answered)| expected == answered).count();
    [right as f64, expected.len() as f64]
}
