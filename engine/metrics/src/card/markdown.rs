//! Results as a Markdown section of a model card.

use glasshouse_protocol::evaluation::{Contamination, Evaluation, Metric, NO_INTERVAL, metric_title};
use glasshouse_protocol::quantity::{counted, percent, whole};

/// The section `## Evaluation`; empty if nothing was measured.
pub fn markdown(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    if let Some(own) = &evaluation.likelihood {
        text += &format!(
            "Held-out text: {}, {}, {}.\n\n{}",
            counted(own.documents, "document"),
            counted(own.tokens, "token"),
            counted(own.bytes, "byte"),
            table(own.all_metrics().map(titled))
        );
    }
    if !evaluation.baselines.is_empty() {
        text += "Baselines on the same text:\n\n";
        text += &table(
            evaluation
                .baselines
                .iter()
                .map(|own| (format!("{}, bits per byte", own.name), &own.bits_per_byte)),
        );
    }
    text += &evaluation
        .contamination
        .as_ref()
        .map(|own| contaminated("the held-out text", own))
        .unwrap_or_default();
    for task in &evaluation.tasks {
        text += &format!(
            "{}, {}{}:\n\n{}",
            plain(&task.name),
            counted(task.rows, "row"),
            // A model that learned only the first level does better on that level.
            if task.suite.is_empty() { "" } else { " of all levels" },
            table(task.metrics.iter().map(titled))
        );
        for other in task.beside.iter().filter(|other| !other.metrics.is_empty()) {
            let rows =
                other.metrics.iter().map(|own| (format!("{}, {}", other.name, metric_title(&own.name)), own));
            let rows = table(rows);
            text += &format!("{} on the same rows:\n\n{rows}", plain(&other.name));
        }
        text += &task.contamination.as_ref().map(|own| contaminated("the task", own)).unwrap_or_default();
    }
    if text.is_empty() {
        return text;
    }
    let limits: String = evaluation.limits.iter().map(|limit| format!("* {}\n", plain(limit))).collect();
    format!(
        "## Evaluation\n\nIntervals are 95 % confidence intervals: Wilson's for proportions of rows, otherwise from a bootstrap over \
         documents or rows. {NO_INTERVAL}\n\n{text}{limits}"
    )
}

fn titled(metric: &Metric) -> (String, &Metric) {
    (metric_title(&metric.name), metric)
}

fn table<'a>(metrics: impl Iterator<Item = (String, &'a Metric)>) -> String {
    let row = |(name, metric): (String, &Metric)| {
        let signature = metric.signature.as_ref().map(|own| format!(" ({})", plain(own))).unwrap_or_default();
        format!(
            "| {}{signature} | {} | {} | {} {} |\n",
            plain(&name),
            metric.text(),
            metric.interval_text(),
            whole(metric.count),
            plain(&metric.of)
        )
    };
    let rows: String = metrics.map(row).collect();
    format!("| Figure | Value | 95 % interval | Of |\n|---|---:|---:|---:|\n{rows}\n")
}

fn contaminated(what: &str, own: &Contamination) -> String {
    if own.found == 0 {
        return String::new();
    }
    format!(
        "{} {what}, {} of {} texts share {}-grams with the training text ({} of all of them).\n\n",
        if own.is_high() { "**Contaminated**: of" } else { "Of" },
        whole(own.found),
        whole(own.looked_up),
        own.n,
        percent(own.share)
    )
}

/// A text on one line, without markup.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in glasshouse_report::shown(text).chars() {
        match letter {
            '\n' | '\t' => plain.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' => plain.extend(['\\', letter]),
            _ => plain.push(letter),
        }
    }
    plain
}
