//! The table of all metrics. Evaluation and the front ends derive everything else from it.

use super::{AnswerKind, Better};
use AnswerKind::{Choose, Classify, Continue, Generate, Tag};
use Better::{Higher, Lower, Neither};
use Needs::{Benchmark, Rows};
use Unit::{Number, Score, Share};

const INF: f64 = f64::INFINITY;

/// Passes the table of metrics to the macro `$use`.
///
/// A metric of a task has its name for users (lm-eval's, sacreBLEU's or scikit-learn's), the rows that it needs, its computation, and the figures
/// that it reports: name in JSON, title, unit, better direction, range, and, for corpus-level figures, their recomputation from stored answers (for
/// comparisons). The first computation is a call on `Measuring` of glasshouse-evaluation, the second on `Answers` of glasshouse-metrics, and only these
/// crates compile them: the page shows results without the engine. `others` are the figures of the other parts of an evaluation.
#[macro_export]
macro_rules! measures {
    ($use:ident) => {
        $use! {
            tasks {
                "exact_match", Rows(&[Generate]), |task| task.each(exact) => {
                    "exact_match", "Exact match", Share, Higher, [0.0, 1.0];
                }
                "f1", Rows(&[Generate]), |task| task.each(f1) => {
                    "f1", "Token F1", Share, Higher, [0.0, 1.0];
                }
                "bleu", Rows(&[Generate]), |task| task.corpus(bleu).await => {
                    "bleu", "BLEU", Score, Higher, [0.0, 100.0], |answers| answers.corpus(bleu).await;
                }
                "chrf", Rows(&[Generate]), |task| task.corpus(chrf).await => {
                    "chrf", "chrF", Score, Higher, [0.0, 100.0], |answers| answers.corpus(chrf).await;
                }
                "rouge", Rows(&[Generate]), |task| task.rouge().await => {
                    "rouge1", "ROUGE-1", Number, Higher, [0.0, 1.0];
                    "rouge2", "ROUGE-2", Number, Higher, [0.0, 1.0];
                    "rougeL", "ROUGE-L", Number, Higher, [0.0, 1.0];
                }
                "acc", Rows(&[Choose, Classify, Tag, Continue]), |task| task.accuracy() => {
                    "acc", "Accuracy", Share, Higher, [0.0, 1.0], |answers| answers.words();
                    "acc_norm", "Accuracy, length-normalised", Share, Higher, [0.0, 1.0];
                    "acc_mutual_info", "Accuracy, mutual information", Share, Higher, [0.0, 1.0];
                }
                "perplexity", Rows(&[Continue]), |task| task.perplexity() => {
                    "perplexity", "Perplexity", Number, Lower, [1.0, INF];
                }
                "classification_report", Rows(&[Classify]), |task| task.classification().await => {
                    "f1_macro", "Macro F1", Share, Higher, [0.0, 1.0], |answers| answers.labels(|all| all.macro_average.f1).await;
                    "f1_micro", "Micro F1", Share, Higher, [0.0, 1.0], |answers| answers.labels(|all| all.micro.f1).await;
                    "f1_weighted", "Weighted F1", Share, Higher, [0.0, 1.0], |answers| answers.labels(|all| all.weighted.f1).await;
                }
                "entities", Rows(&[Tag]), |task| task.entities() => {
                    "entity_f1", "Entity F1", Share, Higher, [0.0, 1.0], |answers| answers.entities(Scheme::Lenient);
                    "entity_f1_strict", "Entity F1, strict IOB2", Number, Higher, [0.0, 1.0], |answers| answers.entities(Scheme::Iob2);
                }
                "rule", Rows(&[Generate]), |task| task.rule() => {
                    "pass_rate", "Pass rate", Share, Higher, [0.0, 1.0];
                    "score", "Mean score by the rule", Number, Higher, [0.0, 1.0];
                }
                "stereotypes", Benchmark(&[Choose]), |task| task.stereotypes().await => {
                    "lms", "Language modelling score", Number, Higher, [0.0, 100.0];
                    "ss", "Stereotype score", Number, Neither, [0.0, 100.0];
                    "icat", "Idealised CAT score", Number, Higher, [0.0, 100.0];
                }
                "bbq", Benchmark(&[Choose]), |task| task.bbq() => {
                    "accuracy_amb", "Accuracy, ambiguous", Share, Higher, [0.0, 1.0];
                    "amb_bias_score", "Bias score, ambiguous", Number, Neither, [-1.0, 1.0];
                    "accuracy_disamb", "Accuracy, disambiguated", Share, Higher, [0.0, 1.0];
                    "disamb_bias_score", "Bias score, disambiguated", Number, Neither, [-1.0, 1.0];
                }
                "mc2", Benchmark(&[Choose]), |task| task.mc2() => {
                    "mc2", "MC2 (probability of the true answers)", Share, Higher, [0.0, 1.0];
                }
            }
            others {
                "loss", "Loss in nats per token", Number, Lower, [0.0, INF];
                "bits_per_byte", "Bits per byte", Number, Lower, [0.0, INF];
                "token_accuracy", "Token accuracy", Share, Higher, [0.0, 1.0];
                "top_5_accuracy", "Top-5 accuracy", Share, Higher, [0.0, 1.0];
                "ece", "Expected calibration error", Share, Lower, [0.0, 1.0];
                "repetition", "Repetition of 4-grams", Share, Neither, [0.0, 1.0];
                "repetition_of_text", "Repetition, held-out text", Share, Neither, [0.0, 1.0];
                "distinct_2", "Distinct bigrams", Share, Neither, [0.0, 1.0];
                "distinct_2_of_text", "Distinct bigrams, held-out text", Share, Neither, [0.0, 1.0];
                "stories_keep_hero", "Stories that keep their hero", Share, Higher, [0.0, 1.0];
                "stories_hold", "Stories that follow the grammar", Share, Higher, [0.0, 1.0];
                "extractable", "Passages written exactly from memory", Share, Lower, [0.0, 1.0];
                "extractable_held_out", "Held-out passages written exactly", Share, Lower, [0.0, 1.0];
                "near_exact", "Passages written nearly from memory", Share, Lower, [0.0, 1.0];
                "near_exact_held_out", "Held-out passages written nearly", Share, Lower, [0.0, 1.0];
                "edit_similarity", "Edit similarity", Number, Lower, [0.0, 1.0];
                "edit_similarity_held_out", "Edit similarity of held-out passages", Number, Lower, [0.0, 1.0];
                "exposure_bits", "Exposure in bits", Number, Lower, [0.0, INF];
                "exposure_bits_not_planted", "Exposure in bits, not planted", Number, Lower, [0.0, INF];
                "texts_with_personal_data", "Texts with personal data", Share, Lower, [0.0, 1.0];
                "findings_in_training_text", "Findings that occur in the training text", Share, Lower, [0.0, 1.0];
                "texts_with_findings", "Texts with findings", Share, Lower, [0.0, 1.0];
                "training_documents_with_findings", "Training documents with findings", Share, Neither, [0.0, 1.0];
                "share", "Share", Share, Lower, [0.0, 1.0];
                "precision", "Precision", Share, Higher, [0.0, 1.0];
                "recall", "Recall", Share, Higher, [0.0, 1.0];
                "false_positive_rate", "False positive rate", Share, Lower, [0.0, 1.0];
                "pct_stereotype", "Stereotyped sentence more likely", Share, Neither, [0.0, 1.0];
                "difference_nats", "Difference in nats", Number, Neither, [-INF, INF];
            }
        }
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A fraction, shown in percent.
    Share,
    /// Out of 100, shown with one decimal.
    Score,
    Number,
}

/// The rows that a task metric needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Rows(&'static [AnswerKind]),
    /// The rows of a benchmark that names the metric.
    Benchmark(&'static [AnswerKind]),
}

impl Needs {
    pub fn kinds(self) -> &'static [AnswerKind] {
        match self {
            Rows(kinds) | Benchmark(kinds) => kinds,
        }
    }
}

/// A metric of tasks.
#[derive(Clone, Copy, Debug)]
pub struct TaskMetric {
    /// Its name in requests.
    pub name: &'static str,
    pub needs: Needs,
    pub figures: &'static [&'static str],
}

impl TaskMetric {
    /// The name of the metric that reports a figure; another name is returned as it is.
    pub fn reporting(name: &str) -> &str {
        let named = TASK_METRICS.iter().find(|metric| metric.name == name);
        let of = || TASK_METRICS.iter().find(|metric| metric.figures.contains(&name));
        named.or_else(of).map_or(name, |metric| metric.name)
    }
}

/// A figure of a report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    pub name: &'static str,
    pub title: &'static str,
    pub unit: Unit,
    pub better: Better,
    pub range: [f64; 2],
}

impl Measure {
    pub fn named(name: &str) -> Option<&'static Self> {
        MEASURES.iter().find(|measure| measure.name == name)
    }
}

macro_rules! figures {
    (
        tasks { $($metric:literal, $needs:expr, |$task:ident| $compute:expr =>
            { $($name:literal, $title:literal, $unit:ident, $better:ident, $range:expr $(, |$answers:ident| $again:expr)?;)* })* }
        others { $($other:literal, $its_title:literal, $its_unit:ident, $its_better:ident, $its_range:expr;)* }
    ) => {
        /// All figures of reports.
        pub static MEASURES: &[Measure] = &[
            $($(Measure { name: $name, title: $title, unit: $unit, better: $better, range: $range },)*)*
            $(Measure { name: $other, title: $its_title, unit: $its_unit, better: $its_better, range: $its_range },)*
        ];

        pub static TASK_METRICS: &[TaskMetric] =
            &[$(TaskMetric { name: $metric, needs: $needs, figures: &[$($name),*] }),*];
    };
}

crate::measures!(figures);
