//! Tasks with their results and sample answers.

use super::tables::{self, excerpt, value};
use super::words::{kept, shown, title};
use glasshouse_protocol::evaluation::{AnswerKind, Evaluation, Metric, TaskAnswer, TaskReport};
use glasshouse_protocol::quantity::{counted, whole};
use maud::{Markup, html};

/// Maximum answers and unreadable lines shown per task.
const ANSWERS_SHOWN: usize = 8;
const BROKEN_SHOWN: usize = 10;

/// Maximum characters of a prompt or answer.
const TEXT_SHOWN: usize = 600;

pub(super) fn section(evaluation: &Evaluation) -> Markup {
    html! {
        @if !evaluation.tasks.is_empty() {
            section #tasks {
                h2 { "Tasks" }
                @for task in &evaluation.tasks { (report(task)) }
            }
        }
    }
}

fn report(task: &TaskReport) -> Markup {
    html! {
        h3 { bdi { (shown(&task.name)) } }
        div.card {
            p.note { (way(task.kind)) " " (counted(task.rows, "row")) " evaluated, file CRC-32C " (format!("{:08x}", task.file_crc32c)) "." }
            @if let Some(kept) = kept(task.kept_from) { p.note { (kept) } }
            @if !task.about.is_empty() { ul.notes { @for sentence in &task.about { li { (shown(sentence)) } } } }
            (tables::metrics(&task.metrics))
            @if !task.beside.is_empty() { (beside(task)) }
            @for own in &task.tables { (tables::table(own)) }
            @if !task.broken.is_empty() { (broken(task)) }
            @if let Some(own) = &task.contamination { (tables::contamination(own)) }
            @if !task.answers.is_empty() { (answers(task)) }
        }
    }
}

/// Results of baselines on the same rows.
fn beside(task: &TaskReport) -> Markup {
    let has = |name: &str| task.beside.iter().any(|other| metric(&other.metrics, name).is_some());
    let names: Vec<&str> =
        task.metrics.iter().map(|own| own.name.as_str()).filter(|name| has(name)).collect();
    html! {
        h4 { "Baselines on the same rows" }
        div.scroll {
            table.grid {
                thead { tr { th.words { "What" } @for name in &names { th { (title(name)) } th { "This model minus it" } } } }
                tbody {
                    tr.own {
                        td.words { b { "This model" } }
                        @for name in &names { td { (value(metric(&task.metrics, name))) } td { "–" } }
                    }
                    @for other in &task.beside {
                        tr {
                            td.words { bdi { (shown(&other.name)) } }
                            @for name in &names {
                                td { (value(metric(&other.metrics, name))) }
                                td { (value(metric(&other.differences, name))) }
                            }
                        }
                    }
                }
            }
        }
        ul.notes {
            @for other in task.beside.iter().filter(|other| !other.about.is_empty() || !other.broken.is_empty()) {
                li {
                    b { bdi { (shown(&other.name)) } } ": " (shown(&other.about))
                    @if let Some((line, reason)) = other.broken.first() {
                        " Of its results, " (counted(other.broken.len() as u64, "line")) " had no result for a row; line " (whole(*line)) ": " (shown(reason))
                    }
                }
            }
        }
    }
}

fn metric<'a>(metrics: &'a [Metric], name: &str) -> Option<&'a Metric> {
    metrics.iter().find(|metric| metric.name == name)
}

/// How answers are obtained.
fn way(kind: AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Generate => "Answers are generated greedily.",
        AnswerKind::Choose => "The likeliest of the given answers counts.",
        AnswerKind::Classify => "Texts are labelled.",
        AnswerKind::Tag => "Words are tagged.",
        AnswerKind::Continue => "Given continuations are scored.",
    }
}

fn broken(task: &TaskReport) -> Markup {
    let rest = task.broken.len().saturating_sub(BROKEN_SHOWN);
    html! {
        h4 { (counted(task.broken.len() as u64, "line")) " could not be evaluated" }
        ul.plain {
            @for (line, reason) in task.broken.iter().take(BROKEN_SHOWN) { li { "Line " (whole(*line)) ": " (shown(reason)) } }
            @if rest > 0 { li { "And " (whole(rest as u64)) " more." } }
        }
    }
}

/// Sample answers, wrong ones first because they are more informative.
fn answers(task: &TaskReport) -> Markup {
    let is_right = |answer: &TaskAnswer| answer.scores.iter().flatten().all(|score| *score >= 1.0);
    let (right, wrong): (Vec<&TaskAnswer>, Vec<&TaskAnswer>) =
        task.answers.iter().partition(|answer| is_right(answer));
    html! {
        details {
            summary { "Answers" }
            @for answer in wrong.iter().chain(&right).take(ANSWERS_SHOWN) {
                div.text {
                    div.quiet { "Line " (whole(answer.line)) @if let Some(group) = &answer.group { ", " bdi { (shown(group)) } } }
                    div.body { (excerpt(&answer.prompt, TEXT_SHOWN)) }
                    p { b { "Answer " } bdi { (excerpt(&answer.answer, TEXT_SHOWN)) } }
                    @if !answer.expected.is_empty() {
                        p { b { "Right " } bdi { (excerpt(&answer.expected.join(" | "), TEXT_SHOWN)) } }
                    }
                }
            }
        }
    }
}
