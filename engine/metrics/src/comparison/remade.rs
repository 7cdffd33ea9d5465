//! Corpus-level metrics recomputed from stored row results, so that two models can be compared by resampling the same rows.

use crate::metrics::classification::{Averages, Classification, classification};
use crate::metrics::entities::{Scheme, f1};
use crate::metrics::{OfCorpus, Row, bleu, chrf, entities};
use crate::statistics::{Bootstrap, ratio, sum};
use glasshouse_protocol::evaluation::TaskAnswer;
use std::any::Any;
use std::collections::BTreeSet;

/// Rows whose n-grams are counted between two yields.
const ROWS_AT_ONCE: usize = 16;

/// The difference of two models in a resample.
type Differences<'a> = Box<dyn FnMut(u32) -> f64 + 'a>;

/// A metric of all rows together.
pub(super) trait Remade: Any {
    fn value(&self) -> f64;

    /// The number of rows, and the difference from the same metric of another model in each resample of them.
    fn differences<'a>(
        &'a self,
        other: &'a dyn Remade,
        bootstrap: &'a Bootstrap,
    ) -> Option<(usize, Differences<'a>)>;
}

/// The counts of each row, and the metric of their sum.
struct Sums<const N: usize> {
    rows: Vec<[f64; N]>,
    of: fn([f64; N]) -> f64,
}

impl<const N: usize> Remade for Sums<N> {
    fn value(&self) -> f64 {
        (self.of)(sum(&self.rows))
    }

    fn differences<'a>(
        &'a self,
        other: &'a dyn Remade,
        bootstrap: &'a Bootstrap,
    ) -> Option<(usize, Differences<'a>)> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        Some((self.rows.len(), Box::new(bootstrap.pairs(&self.rows, &other.rows, self.of)?)))
    }
}

/// Labels, and the selected average.
struct OfLabels {
    found: Classification,
    of: fn(&Averages) -> f64,
}

impl Remade for OfLabels {
    fn value(&self) -> f64 {
        (self.of)(&self.found.averages)
    }

    fn differences<'a>(
        &'a self,
        other: &'a dyn Remade,
        bootstrap: &'a Bootstrap,
    ) -> Option<(usize, Differences<'a>)> {
        let other = (other as &dyn Any).downcast_ref::<Self>()?;
        let of = |drawn: &[u32]| {
            (self.of)(&self.found.averages_of(drawn)) - (self.of)(&other.found.averages_of(drawn))
        };
        let rows = self.found.rows.len();
        Some((rows, Box::new(bootstrap.items(rows, of)?)))
    }
}

/// The answers of a model to some rows of a task.
pub(super) struct Answers<'a, Give> {
    pub(super) rows: &'a [&'a TaskAnswer],
    /// The answers to all rows.
    pub(super) task: &'a [TaskAnswer],
    pub(super) give: &'a Give,
}

impl<'a, Give: AsyncFn()> Answers<'a, Give> {
    async fn corpus<const N: usize>(&self, of: fn(&[Row<'_>]) -> OfCorpus<N>) -> Option<Box<dyn Remade>> {
        let OfCorpus { mut rows, of: metric, .. } = of(&[]);
        for part in self.rows.chunks(ROWS_AT_ONCE) {
            (self.give)().await;
            let part: Vec<Row<'_>> =
                part.iter().map(|row| Row { answer: &row.answer, expected: &row.expected }).collect();
            rows.extend(of(&part).rows);
        }
        Some(Box::new(Sums { rows, of: metric }))
    }

    fn entities(&self, scheme: Scheme) -> Option<Box<dyn Remade>> {
        Some(Box::new(Sums { rows: entities(&self.tags()?, scheme).rows, of: f1 }))
    }

    /// Correctly tagged words.
    fn words(&self) -> Option<Box<dyn Remade>> {
        Some(Box::new(Sums { rows: self.tags()?.iter().map(same).collect(), of: ratio }))
    }

    async fn labels(&self, of: fn(&Averages) -> f64) -> Option<Box<dyn Remade>> {
        let pair = |row: &&TaskAnswer| Some((row.expected.first()?.clone(), row.answer.clone()));
        let pairs: Vec<(String, String)> = self.rows.iter().map(pair).collect::<Option<_>>()?;
        (self.give)().await;
        Some(Box::new(OfLabels { found: classification(&pairs), of }))
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
        pub(super) async fn remade<Give: AsyncFn()>(
            name: &str,
            given: &Answers<'_, Give>,
        ) -> Option<Box<dyn Remade>> {
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
