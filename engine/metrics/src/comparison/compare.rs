//! Compares two evaluations on the documents and rows they share.

use super::remade::{Answers, remade};
use crate::statistics::{Bootstrap, ratio, sum};
use glasshouse_protocol::evaluation::{
    Better, DocumentLoss, Likelihood, Metric, TaskAnswer, TaskReport, better,
};
use glasshouse_protocol::{Comparison, Evaluation};
use std::collections::{BTreeMap, VecDeque};

/// Compares two evaluations on what they share: bits per byte; perplexity and token accuracy if the tokenizers are equal; and
/// each common metric of each common task. The interval is that of the difference, from a paired bootstrap or, for proportions of
/// rows, Newcombe's; the verdict is in plain words. Metrics that cannot be compared because texts or files differ have no
/// difference, and the verdict says why. `yield_now` is called every few milliseconds to yield.
pub async fn compare(
    first: &Evaluation,
    second: &Evaluation,
    bootstrap: &Bootstrap,
    yield_now: &impl AsyncFn(),
) -> Vec<Comparison> {
    let mut names = [first.run.clone(), second.run.clone()];
    if first.run == second.run {
        names = [first, second].map(|one| format!("{} ({})", one.run, one.checkpoint));
    }
    let pair = Pair { names, bootstrap };
    let mut found = Vec::new();
    if let (Some(one), Some(other)) = (&first.likelihood, &second.likelihood) {
        let same_tokenizer = first.model.tokenizer_crc32c == second.model.tokenizer_crc32c;
        pair.likelihoods(one, other, same_tokenizer, &mut found, yield_now).await;
    }
    for one in &first.tasks {
        if let Some(other) = second.tasks.iter().find(|other| other.name == one.name) {
            pair.tasks(one, other, &mut found, yield_now).await;
        }
    }
    found
}

pub(super) struct Pair<'a> {
    pub(super) names: [String; 2],
    pub(super) bootstrap: &'a Bootstrap,
}

/// A metric of documents that is computed from two sums.
struct Ratio {
    name: &'static str,
    parts: fn(&DocumentLoss) -> [f64; 2],
    scale: fn([f64; 2]) -> f64,
}

/// Metrics of documents; the first does not depend on the tokenizer, the others do.
static RATIOS: [Ratio; 4] = [
    Ratio {
        name: "bits_per_byte",
        parts: |loss| [loss.nats, f64::from(loss.bytes)],
        scale: |[nats, bytes]| nats / std::f64::consts::LN_2 / bytes,
    },
    Ratio {
        name: "perplexity",
        parts: |loss| [loss.nats, f64::from(loss.tokens)],
        scale: |[nats, tokens]| libm::exp(nats / tokens),
    },
    Ratio {
        name: "token_accuracy",
        parts: |loss| [f64::from(loss.right), f64::from(loss.tokens)],
        scale: ratio,
    },
    Ratio {
        name: "top_5_accuracy",
        parts: |loss| [f64::from(loss.right_of_5), f64::from(loss.tokens)],
        scale: ratio,
    },
];

pub(super) struct Values {
    pub(super) values: [f64; 2],
    pub(super) interval: Option<[f64; 2]>,
    pub(super) count: usize,
}

impl Pair<'_> {
    async fn likelihoods(
        &self,
        one: &Likelihood,
        other: &Likelihood,
        same_tokenizer: bool,
        out: &mut Vec<Comparison>,
        yield_now: &impl AsyncFn(),
    ) {
        let shared = shared_documents(&one.by_document, &other.by_document);
        let mut aside = String::new();
        let most = one.by_document.len().max(other.by_document.len());
        if shared.len() < most {
            aside = format!(
                " Only the {} of {most} documents that both were evaluated on are compared.",
                shared.len()
            );
        }
        let ratios = if same_tokenizer {
            &RATIOS[..]
        } else {
            aside += " Perplexities and token accuracies are not compared, because the tokenizers differ; bits per byte are.";
            &RATIOS[..1]
        };
        for Ratio { name, parts, scale } in ratios {
            let metric = Metric {
                name: (*name).to_owned(),
                better: better(name),
                of: "documents".to_owned(),
                ..Metric::default()
            };
            let [first, second] = [0, 1].map(|side: usize| -> Vec<[f64; 2]> {
                shared.iter().filter_map(|pair| pair.get(side)).map(parts).collect()
            });
            let values = [&first, &second].map(|items| scale(sum(items)));
            let interval = self.bootstrap.paired_sums(&first, &second, scale, yield_now).await;
            out.push(if values.iter().all(|value| value.is_finite()) {
                self.compared(name, &metric, &Values { values, interval, count: shared.len() }, &aside)
            } else {
                let overall = [one, other].map(|side| overall(&side.metrics, name));
                self.not_compared(name, &metric, overall, "the evaluations have no document in common")
            });
        }
    }

    async fn tasks(
        &self,
        one: &TaskReport,
        other: &TaskReport,
        out: &mut Vec<Comparison>,
        yield_now: &impl AsyncFn(),
    ) {
        let mut by_line: BTreeMap<u64, &TaskAnswer> =
            other.answers.iter().map(|row| (row.line, row)).collect();
        let pairs = one.answers.iter().filter_map(|row| Some((row, by_line.remove(&row.line)?)));
        let shared: Vec<(&TaskAnswer, &TaskAnswer)> = pairs.collect();
        for (at, metric) in one.metrics.iter().enumerate() {
            let Some(of_other) = other.metrics.iter().position(|other| other.name == metric.name) else {
                continue;
            };
            let what = format!("{}: {}", one.name, metric.name);
            let overall = [one, other].map(|task| overall(&task.metrics, &metric.name));
            if one.file_crc32c != other.file_crc32c {
                out.push(self.not_compared(&what, metric, overall, "the files of that name differ"));
                continue;
            }
            if shared.is_empty() {
                out.push(self.not_compared(&what, metric, overall, "the evaluations have no row in common"));
                continue;
            }
            let mut values = of_rows(&shared, at, of_other, self.bootstrap, yield_now).await;
            if values.is_none() {
                let own = [&one.answers, &other.answers];
                values = of_all_rows(&metric.name, &shared, own, overall, self.bootstrap, yield_now).await;
            }
            out.push(match values {
                Some(values) => self.compared(&what, metric, &values, ""),
                None => {
                    let why = "it covers all rows at once and cannot be recomputed from the stored results";
                    self.not_compared(&what, metric, overall, why)
                }
            });
        }
    }

    pub(super) fn compared(&self, what: &str, metric: &Metric, values: &Values, aside: &str) -> Comparison {
        let [first, second] = values.values;
        let difference = first - second;
        let verdict = self.verdict(metric.better, difference, values.interval, &metric.of);
        let (interval, count) = (values.interval, values.count as u64);
        let difference = Metric { value: Some(difference), interval, count, ..metric.clone() };
        self.comparison(what, values.values, difference, format!("{verdict}{aside}"))
    }

    fn not_compared(&self, what: &str, metric: &Metric, overall: [f64; 2], why: &str) -> Comparison {
        let difference = Metric { value: None, interval: None, count: 0, ..metric.clone() };
        self.comparison(what, overall, difference, format!("Not compared: {why}."))
    }

    fn comparison(&self, what: &str, values: [f64; 2], difference: Metric, verdict: String) -> Comparison {
        let [first, second] = self.names.clone();
        let [first_value, second_value] = values;
        Comparison { first, second, what: what.to_owned(), first_value, second_value, difference, verdict }
    }

    /// Describes a difference in words, without its size, which each front end formats itself.
    fn verdict(&self, better: Better, difference: f64, interval: Option<[f64; 2]>, of: &str) -> String {
        if difference == 0.0 && interval == Some([0.0; 2]) {
            return "No difference.".to_owned();
        }
        let Some([low, high]) = interval else {
            return format!("Inconclusive: the {of} are too few or too similar for an interval.");
        };
        if low <= 0.0 && high >= 0.0 {
            return "Within the noise: the interval of the difference includes 0.".to_owned();
        }
        let [first, second] = &self.names;
        let name = if (difference > 0.0) == (better != Better::Lower) { first } else { second };
        let word = if better == Better::Neither { "higher" } else { "better" };
        format!("{name} is {word}.")
    }
}

/// The metric over all documents or rows of an evaluation; 0 if missing.
fn overall(metrics: &[Metric], name: &str) -> f64 {
    metrics.iter().find(|metric| metric.name == name).and_then(|metric| metric.value).unwrap_or(0.0)
}

/// Pairs documents with equal text, including duplicates that both have.
fn shared_documents(one: &[DocumentLoss], other: &[DocumentLoss]) -> Vec<[DocumentLoss; 2]> {
    let mut by_text: BTreeMap<(u32, u32), VecDeque<DocumentLoss>> = BTreeMap::new();
    for loss in other {
        by_text.entry((loss.text_crc32c, loss.bytes)).or_default().push_back(*loss);
    }
    let pairs = one.iter().filter_map(|loss| {
        let other = by_text.get_mut(&(loss.text_crc32c, loss.bytes))?.pop_front()?;
        Some([*loss, other])
    });
    pairs.collect()
}

/// Mean row scores of the same metric in both, given by index; `None` if a row has no score.
async fn of_rows(
    shared: &[(&TaskAnswer, &TaskAnswer)],
    metric: usize,
    of_other: usize,
    bootstrap: &Bootstrap,
    yield_now: &impl AsyncFn(),
) -> Option<Values> {
    let score = |row: &TaskAnswer, at: usize| -> Option<f64> { *row.scores.get(at)? };
    let first: Vec<f64> = shared.iter().map(|(row, _)| score(row, metric)).collect::<Option<_>>()?;
    let second: Vec<f64> = shared.iter().map(|(_, row)| score(row, of_other)).collect::<Option<_>>()?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let interval = bootstrap.mean_difference(&first, &second, yield_now).await;
    Some(Values { values: [mean(&first), mean(&second)], interval, count: shared.len() })
}

/// Recomputes a corpus-level metric from the answers; `None` if that does not reproduce each evaluation's own value.
async fn of_all_rows(
    name: &str,
    shared: &[(&TaskAnswer, &TaskAnswer)],
    own: [&Vec<TaskAnswer>; 2],
    overall: [f64; 2],
    bootstrap: &Bootstrap,
    yield_now: &impl AsyncFn(),
) -> Option<Values> {
    for (task, overall) in own.into_iter().zip(overall) {
        let rows: Vec<&TaskAnswer> = task.iter().collect();
        let again = remade(name, &Answers { rows: &rows, task, bootstrap, yield_now }).await?.value;
        if (again - overall).abs() > 1e-6 {
            return None;
        }
    }
    let [of_first, of_second] = own;
    let (first, second): (Vec<&TaskAnswer>, Vec<&TaskAnswer>) = shared.iter().copied().unzip();
    let first = remade(name, &Answers { rows: &first, task: of_first, bootstrap, yield_now }).await?;
    let second = remade(name, &Answers { rows: &second, task: of_second, bootstrap, yield_now }).await?;
    let interval = match (first.resampled, second.resampled) {
        (Some(mut one), Some(mut other)) => {
            bootstrap.differences(first.rows, |resample| one(resample) - other(resample), yield_now).await
        }
        _ => None,
    };
    Some(Values { values: [first.value, second.value], interval, count: shared.len() })
}
