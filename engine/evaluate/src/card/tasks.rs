//! Tasks with their figures, and rows of them to read.

use super::tables::{self, excerpt};
use super::words::shown;
use glasshouse_protocol::evaluation::{Evaluation, TaskAnswer, TaskReport};
use glasshouse_protocol::quantity::{counted, whole};
use maud::{Markup, html};

/// Answers of a task, and lines that could not be read, that are shown.
const ANSWERS_SHOWN: usize = 8;
const BROKEN_SHOWN: usize = 10;

/// Characters of a prompt and of an answer.
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
            p.note { (way(&task.kind)) " " (counted(task.rows, "row")) " evaluated, file CRC-32C " (format!("{:08x}", task.file_crc32c)) "." }
            (tables::metrics(&task.metrics))
            @for own in &task.tables { (tables::table(own)) }
            @if !task.broken.is_empty() { (broken(task)) }
            @if let Some(own) = &task.contamination { (tables::contamination(own)) }
            @if !task.answers.is_empty() { (answers(task)) }
        }
    }
}

/// How answers are had.
fn way(kind: &str) -> &'static str {
    match kind {
        "generate" => "Answers are written greedily.",
        "choose" => "The likeliest of the given answers is taken.",
        "classify" => "Texts are labelled.",
        "tag" => "Words are tagged.",
        _ => "",
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

/// Rows to read: those that went wrong first, since they say more.
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
