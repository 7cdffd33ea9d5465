//! Metrics of answers with their confidence intervals, row scores and tables.

use super::choices::ModelChoice;
use super::given::{Given, tags};
use super::measures::TaskMetric;
use super::rows::{Right, Row};
use glasshouse_metrics::metrics::classification::{Averages, Line};
use glasshouse_metrics::metrics::entities::Scheme;
use glasshouse_metrics::metrics::rouge::{Rouge, has_words};
use glasshouse_metrics::metrics::{OfCorpus, Row as Answer, classification, entities, rouge};
use glasshouse_metrics::statistics::{Bootstrap, finite, metric, ratio, sum};
use glasshouse_platform::{Yielder, block_on};
use glasshouse_protocol::evaluation::{Cell, Metric, Table};
use glasshouse_protocol::quantity::counted;

/// Scores at or above this count as correct (float tolerance).
pub(super) const RIGHT: f64 = 1.0 - 1e-9;

/// Maximum classes of a readable confusion matrix.
const CLASSES: usize = 20;

type Named<T> = (&'static str, fn(&T) -> f64);

#[derive(Clone, Debug, Default)]
pub(super) struct AnswerMeasures {
    pub(super) metrics: Vec<Metric>,
    /// Each metric's score per row; empty for metrics over all rows at once.
    pub(super) scores: Vec<Vec<f64>>,
    /// Confusion matrices and classification reports.
    pub(super) tables: Vec<Table>,
    /// Notes on the metrics, one sentence each.
    pub(super) notes: Vec<String>,
    /// Reports as printed by the packages that define the metrics, with the title of their table.
    pub(super) reports: Vec<(String, String)>,
}

impl AnswerMeasures {
    pub(super) fn from_accuracy(values: Vec<f64>, bootstrap: &Bootstrap) -> Self {
        let mut measured = Self::default();
        measured.mean("acc", values, bootstrap);
        measured
    }

    /// The first metric that is a mean over rows, with the row scores.
    pub(super) fn first_of_rows(&self) -> Option<(&str, &[f64])> {
        let mut each = self.metrics.iter().zip(&self.scores);
        each.find(|(_, scores)| !scores.is_empty())
            .map(|(metric, scores)| (metric.name.as_str(), scores.as_slice()))
    }

    /// Difference of two metrics, paired by row; `None` if one of them is over all rows at once.
    pub(super) fn difference(
        &self,
        at: usize,
        other: &Self,
        place: usize,
        bootstrap: &Bootstrap,
    ) -> Option<Metric> {
        let (own, theirs) = (self.scores.get(at)?, other.scores.get(place)?);
        if own.is_empty() || own.len() != theirs.len() {
            return None;
        }
        let (metric, other) = (self.metrics.get(at)?, other.metrics.get(place)?);
        Some(Metric {
            value: Some(metric.value? - other.value?),
            interval: block_on(bootstrap.mean_difference(own, theirs, &async || ())),
            ..metric.clone()
        })
    }

    fn mean(&mut self, name: &str, values: Vec<f64>, bootstrap: &Bootstrap) {
        let value = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let count = (values.len() as u64, "rows");
        self.metrics.push(metric(name, finite(value), bootstrap.mean(&values), count));
        self.scores.push(values);
    }
}

/// One metric at work.
pub(super) struct Measuring<'a> {
    pub(super) metric: &'a TaskMetric,
    pub(super) rows: &'a [(&'a Row, Given)],
    /// All labels or tags of the file.
    pub(super) names: &'a [String],
    pub(super) bootstrap: &'a Bootstrap,
    pub(super) yielder: &'a Yielder,
    pub(super) found: &'a mut AnswerMeasures,
}

impl Measuring<'_> {
    /// Adds a metric that is a mean over rows.
    pub(super) fn mean(&mut self, name: &str, values: Vec<f64>) {
        self.found.mean(name, values, self.bootstrap);
    }

    /// Adds a metric over `count` rows at once.
    pub(super) fn all(&mut self, name: &str, value: f64, interval: Option<[f64; 2]>, count: usize) {
        self.found.metrics.push(metric(name, finite(value), interval, (count as u64, "rows")));
        self.found.scores.push(Vec::new());
    }

    fn sign(&mut self, signature: impl Into<String>) {
        if let Some(metric) = self.found.metrics.last_mut() {
            metric.signature = Some(signature.into());
        }
    }

    /// Adds the pass rate of a rule, and its mean score if that differs.
    pub(super) fn rule(&mut self) {
        let score = |(row, given): &(&Row, Given)| match (&row.right, &self.metric.judge) {
            (Right::Answers { judged, .. }, Some(judge)) => judge.score(judged, &given.answer),
            (Right::Answers { judged, .. }, None) => judged.score(&given.answer),
            _ => 0.0,
        };
        let scores: Vec<f64> = self.rows.iter().map(score).collect();
        let passed: Vec<f64> = scores.iter().map(|score| f64::from(u8::from(*score >= RIGHT))).collect();
        let parts = scores.iter().zip(&passed).any(|(score, passed)| *score > passed + 1e-6);
        self.mean("pass_rate", passed);
        if parts {
            self.mean("score", scores);
        }
    }

    pub(super) fn accuracy(&mut self) {
        let rows = self.rows;
        let is = |right: bool| f64::from(u8::from(right));
        if rows.iter().any(|(row, _)| matches!(row.right, Right::Choice { .. })) {
            let by = |measure: fn(&ModelChoice) -> Option<usize>| -> Option<Vec<f64>> {
                let right = |(row, given): &(&Row, Given)| match (&row.right, &given.chosen) {
                    (Right::Choice { right, .. }, Some(chosen)) => {
                        measure(chosen).map(|at| is(right.contains(&at)))
                    }
                    _ => None,
                };
                rows.iter().map(right).collect()
            };
            for (name, values) in [
                ("acc", by(|chosen| Some(chosen.likeliest))),
                ("acc_norm", by(|chosen| chosen.per_character)),
                ("acc_mutual_info", by(|chosen| chosen.mutual_info)),
            ] {
                if let Some(values) = values {
                    self.mean(name, values);
                }
            }
            return;
        }
        if rows.iter().any(|(row, _)| matches!(row.right, Right::Continuation(_))) {
            let greedy = |(_, given): &(&Row, Given)| given.chosen.as_ref().map(|chosen| is(chosen.greedy));
            if let Some(values) = rows.iter().map(greedy).collect() {
                self.mean("acc", values);
            }
            return;
        }
        let tagged: Vec<_> = rows.iter().filter_map(|(row, given)| tags(row, given, self.names)).collect();
        if tagged.is_empty() {
            let named = |(row, given): &(&Row, Given)| is(row.right == Right::Label(given.answer.clone()));
            self.mean("acc", rows.iter().map(named).collect());
            return;
        }
        // Over all words; rows are resampled.
        let same = |(right, said): &(&[String], Vec<String>)| {
            right.iter().zip(said).filter(|(right, said)| right == said).count() as f64
        };
        let counts: Vec<[f64; 2]> = tagged.iter().map(|row| [same(row), row.0.len() as f64]).collect();
        let interval = self.bootstrap.sums(&counts, ratio);
        self.all("acc", ratio(sum(&counts)), interval, rows.len());
    }

    /// Adds e to the mean loss of a continuation, lm-eval's `perplexity`.
    pub(super) fn perplexity(&mut self) {
        let loss = |(_, given): &(&Row, Given)| Some([-given.chosen.as_ref()?.sums.first()?, 1.0]);
        let losses = self.rows.iter().map(loss);
        let Some(losses) = losses.collect::<Option<Vec<[f64; 2]>>>() else { return };
        let of = |[loss, count]: [f64; 2]| libm::exp(loss / count);
        let interval = self.bootstrap.sums(&losses, of);
        self.all("perplexity", of(sum(&losses)), interval, losses.len());
    }

    /// Adds the mean of a score per row.
    pub(super) fn each(&mut self, of: fn(&Answer<'_>) -> f64) {
        let values = answers(self.rows).iter().map(of).collect();
        self.mean(self.metric.name(), values);
    }

    pub(super) async fn corpus<const N: usize>(&mut self, of: fn(&[Answer<'_>]) -> OfCorpus<N>) {
        let found = of(&answers(self.rows));
        let yielder = self.yielder;
        let interval = found.interval(self.bootstrap, &async || yielder.maybe_yield().await).await;
        self.all(self.metric.name(), found.score, interval, self.rows.len());
        self.sign(found.signature);
    }

    /// Adds F1 of ROUGE-1, -2 and -L, each row against its best reference.
    pub(super) async fn rouge(&mut self) {
        let (rows, yielder, stems) = (self.rows, self.yielder, self.metric.stems);
        let mut found: Vec<Rouge> = Vec::with_capacity(rows.len());
        let mut unseen_rows = 0;
        for row in answers(self.rows) {
            // An empty answer is wrong, not in another script.
            let unseen = |text: &str| !text.trim().is_empty() && !has_words(text);
            unseen_rows += u64::from(!row.expected.iter().any(|text| has_words(text)) || unseen(row.answer));
            found.push(rouge(&row, stems));
            yielder.maybe_yield().await;
        }
        if unseen_rows > 0 {
            self.found.notes.push(format!(
                "ROUGE reads only words of the letters a to z and digits: {unseen_rows} of {} have none in their answer or in the expected one, and \
                 count as 0; chrF reads every script.",
                counted(found.len() as u64, "row")
            ));
        }
        let of: [Named<Rouge>; 3] = [
            ("rouge1", |found| found.rouge_1.f1),
            ("rouge2", |found| found.rouge_2.f1),
            ("rougeL", |found| found.rouge_l.f1),
        ];
        for (name, of) in of {
            self.mean(name, found.iter().map(of).collect());
            self.sign(format!("rouge-score, use_stemmer={}", if stems { "True" } else { "False" }));
            yielder.maybe_yield().await;
        }
    }

    /// Adds F1 by label with averages, as in scikit-learn.
    pub(super) async fn classification(&mut self) {
        let (rows, yielder) = (self.rows, self.yielder);
        let pair = |(row, given): &(&Row, Given)| match &row.right {
            Right::Label(label) => Some((label.clone(), given.answer.clone())),
            _ => None,
        };
        let found = classification(&rows.iter().filter_map(pair).collect::<Vec<_>>());
        let of: [Named<Averages>; 3] = [
            ("f1_macro", |averages| averages.macro_average.f1),
            ("f1_micro", |averages| averages.micro.f1),
            ("f1_weighted", |averages| averages.weighted.f1),
        ];
        for (name, of) in of {
            let interval = found.interval(self.bootstrap, of, &async || yielder.maybe_yield().await).await;
            self.all(name, of(&found.averages), interval, rows.len());
        }
        let about = "As scikit-learn's classification_report.";
        self.by_class("Classification report", about, found.lines(), found.report());
        if found.labels.len() <= CLASSES {
            let line = |(label, counts): (&String, Vec<u64>)| {
                std::iter::once(Cell::Text(label.clone()))
                    .chain(counts.into_iter().map(Cell::Count))
                    .collect()
            };
            self.found.tables.push(Table {
                title: "Confusion matrix".to_owned(),
                about: "Rows: right labels; columns: predicted labels.".to_owned(),
                columns: std::iter::once(String::new()).chain(found.labels.iter().cloned()).collect(),
                rows: found.labels.iter().zip(found.confusion()).map(line).collect(),
            });
        }
    }

    /// Adds F1 of entities, as in seqeval's default mode and in strict IOB2 mode.
    pub(super) fn entities(&mut self) {
        let pair = |(row, given): &(&Row, Given)| {
            tags(row, given, self.names).map(|(right, said)| (right.to_vec(), said))
        };
        let tagged: Vec<_> = self.rows.iter().filter_map(pair).collect();
        for (name, scheme, signature) in [
            ("entity_f1", Scheme::Lenient, "seqeval, default"),
            ("entity_f1_strict", Scheme::Iob2, "seqeval, mode=strict, scheme=IOB2"),
        ] {
            let found = entities(&tagged, scheme);
            let (value, interval) = (found.averages.micro.f1, found.interval(self.bootstrap));
            self.all(name, value, interval, self.rows.len());
            self.sign(signature);
            if scheme == Scheme::Lenient {
                let about = "As seqeval's classification_report.";
                self.by_class("By type of entity", about, found.lines(), found.report());
            }
        }
    }

    /// Adds precision, recall and F1 by class with averages, as a table and as printed by the package.
    fn by_class(&mut self, title: &str, about: &str, lines: [Vec<Line>; 2], printed: String) {
        let share = |share: Option<f64>| share.map_or_else(|| "".into(), Cell::Number);
        let row = |Line { name, precision, recall, f1, support }: Line| {
            [name.into(), share(precision), share(recall), f1.into(), support.into()]
        };
        let columns = ["", "precision", "recall", "f1-score", "support"];
        let rows = lines.into_iter().flatten().map(row);
        self.found.tables.push(Table { about: about.to_owned(), ..Table::new(title, columns, rows) });
        if !printed.is_empty() {
            self.found.reports.push((title.to_owned(), printed));
        }
    }
}

fn answers<'a>(rows: &'a [(&Row, Given)]) -> Vec<Answer<'a>> {
    let answer = |(row, given): &'a (&Row, Given)| match &row.right {
        Right::Answers { references, .. } => Some(Answer { answer: &given.answer, expected: references }),
        _ => None,
    };
    rows.iter().filter_map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file::TaskFile;
    use super::super::measures::measured_by;
    use super::*;

    const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 100, seed: 1 };

    fn given(text: &str, answers: &[&str]) -> (TaskFile, Vec<Given>) {
        let file = TaskFile::read("rows.jsonl", text.as_bytes(), None).unwrap();
        let given = answers.iter().map(|answer| Given { answer: (*answer).to_owned(), chosen: None });
        (file, given.collect())
    }

    fn values(measured: &AnswerMeasures) -> Vec<(&str, f64)> {
        measured.metrics.iter().map(|metric| (metric.name.as_str(), metric.value.unwrap())).collect()
    }

    #[test]
    fn choices_count_by_each_measure_that_all_rows_have() {
        let text = "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":0}\n".repeat(2);
        let (file, mut given) = given(&text, &["b", "c"]);
        given[0].chosen =
            Some(ModelChoice { per_character: Some(1), mutual_info: Some(0), ..ModelChoice::default() });
        given[1].chosen =
            Some(ModelChoice { likeliest: 1, per_character: Some(1), ..ModelChoice::default() });
        let rows: Vec<_> = file.rows.iter().zip(given).collect();
        let measured = measured_by("acc", &rows, &[], &BOOTSTRAP);
        assert_eq!(values(&measured), [("acc", 0.5), ("acc_norm", 0.0)]);
        assert_eq!(measured.scores[0], [1.0, 0.0]);
        let chance = AnswerMeasures::from_accuracy(vec![0.5, 0.5], &BOOTSTRAP);
        // Chance scores are not 0 or 1, and two rows are too few for an interval of a mean.
        let difference = measured.difference(0, &chance, 0, &BOOTSTRAP).unwrap();
        assert_eq!((difference.value, difference.interval), (Some(0.0), None));
        let wrong = AnswerMeasures::from_accuracy(vec![0.0, 0.0], &BOOTSTRAP);
        let [low, high] = measured.difference(0, &wrong, 0, &BOOTSTRAP).unwrap().interval.unwrap();
        assert!((-0.4..0.0).contains(&low) && (0.9..1.0).contains(&high), "{low} {high}");
    }

    #[test]
    fn tags_count_by_word_and_by_entity() {
        let text = r#"{"tokens":["Ada","Byron","wrote"],"tags":["B-PER","I-PER","O"]}"#;
        let names = ["B-PER", "I-PER", "O"].map(str::to_owned);
        let (file, given) = given(text, &["B-PER O"]);
        let rows: Vec<_> = file.rows.iter().zip(given).collect();
        let accuracy = measured_by("acc", &rows, &names, &BOOTSTRAP);
        assert!((values(&accuracy)[0].1 - 2.0 / 3.0).abs() < 1e-12, "{accuracy:?}");
        let measured = measured_by("entities", &rows, &names, &BOOTSTRAP);
        assert_eq!(values(&measured)[0], ("entity_f1", 0.0));
        let names: Vec<&Cell> = measured.tables[0].rows.iter().map(|row| &row[0]).collect();
        let wanted =
            ["PER", "micro avg", "macro avg", "weighted avg"].map(|name| Cell::Text(name.to_owned()));
        assert_eq!(names, wanted.iter().collect::<Vec<_>>());
        let printed = &measured.reports[0].1;
        assert!(printed.ends_with("weighted avg       0.00      0.00      0.00         1\n"), "{printed}");
    }

    #[test]
    fn an_entity_of_a_type_that_no_row_has_is_a_false_positive() {
        let text = r#"{"tokens":["Ada","wrote","it"],"tags":["B-PER","O","O"]}"#;
        let names = ["B-PER", "O"].map(str::to_owned);
        let (file, given) = given(text, &["B-PER B-LOC O"]);
        let rows: Vec<_> = file.rows.iter().zip(given).collect();
        let measured = measured_by("entities", &rows, &names, &BOOTSTRAP);
        // As seqeval 1.2.2 prints it.
        let printed = &measured.reports[0].1;
        assert!(printed.contains("LOC       0.00      0.00      0.00         0"), "{printed}");
        assert!(printed.contains("micro avg       0.50      1.00      0.67         1"), "{printed}");
    }

    #[test]
    fn labels_have_a_report_and_a_confusion_matrix() {
        let text = "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n";
        let (file, given) = given(text, &["x", "x"]);
        let rows: Vec<_> = file.rows.iter().zip(given).collect();
        let measured = measured_by("classification_report", &rows, &[], &BOOTSTRAP);
        let found = values(&measured);
        assert_eq!((found[0].0, found[1]), ("f1_macro", ("f1_micro", 0.5)));
        // The output of scikit-learn 1.9, with the same figures as the displayed table.
        let printed = "              precision    recall  f1-score   support\n\n           x       0.50      1.00      0.67         1\n           y       0.00      \
                       0.00      0.00         1\n\n    accuracy                           0.50         2\n   macro avg       0.25      0.50      0.33         \
                       2\nweighted avg       0.25      0.50      0.33         2\n";
        assert_eq!(measured.reports, [("Classification report".to_owned(), printed.to_owned())]);
        let report = &measured.tables[0];
        let blank = Cell::Text(String::new());
        let accuracy =
            [Cell::Text("accuracy".to_owned()), blank.clone(), blank, Cell::Number(0.5), Cell::Count(2)];
        assert_eq!((report.title.as_str(), report.rows.len()), ("Classification report", 5));
        assert_eq!(report.rows[2], accuracy);
        assert!(
            report.rows[4][0] == Cell::Text("weighted avg".to_owned())
                && report.rows[4][1] == Cell::Number(0.25)
        );
        let confusion = &measured.tables[1];
        assert_eq!(confusion.columns, ["", "x", "y"]);
        assert_eq!(confusion.rows[1], [Cell::Text("y".to_owned()), Cell::Count(1), Cell::Count(0)]);
    }

    #[test]
    fn rows_without_a_word_that_rouge_knows_are_counted() {
        let line = |answer: &str| format!(r#"{{"prompt":"a","answer":"{answer}"}}"#);
        let text = ["кот спит", "我喜欢猫", "the cat", "the dog", "the owl"]
            .map(|answer| line(answer) + "\n")
            .concat();
        let (file, given) = given(&text, &["кот спит", "我喜欢猫", "the cat", "собака", ""]);
        let rows: Vec<_> = file.rows.iter().zip(given).collect();
        let measured = measured_by("rouge", &rows, &[], &BOOTSTRAP);
        // As computed by rouge-score.
        assert_eq!(values(&measured)[0], ("rouge1", 0.2));
        let [note] = measured.notes.as_slice() else { panic!("{:?}", measured.notes) };
        assert!(note.contains(": 3 of 5 rows have none"), "{note}");
        let seen = measured_by("rouge", &rows[2..3], &[], &BOOTSTRAP);
        assert!(seen.notes.is_empty() && values(&seen)[0].1 == 1.0);
    }

    #[test]
    fn a_rule_counts_rows_that_pass_and_what_parts_are_worth() {
        let text = r#"{"prompt":"a","check":{"type":"contains","all":["red","blue"],"max_words":9}}"#;
        let text = format!("{text}\n{text}\n");
        let (file, given) = given(&text, &["red and blue", "red"]);
        let rows: Vec<_> = file.rows.iter().zip(given).collect();
        let measured = measured_by("rule", &rows, &[], &BOOTSTRAP);
        assert_eq!(values(&measured), [("pass_rate", 0.5), ("score", 0.75)]);
    }
}
