//! The results in the format of the Hugging Face Hub: the entry `model-index` in a model card's front matter.
//!
//! The YAML is written by hand, with known keys. Every text is a JSON string, which YAML reads as a double-quoted scalar, so no
//! text can break out of it.

use glasshouse_protocol::evaluation::{AnswerKind, Evaluation, Likelihood, Metric, TaskReport, metric_title};

/// Task type of text answers, in the Hub's naming.
const TEXT_GENERATION: (&str, &str) = ("text-generation", "Text generation");

struct Results<'a> {
    task: (&'static str, &'static str),
    /// Identifier, name and split of the data set.
    dataset: (String, String, Option<String>),
    metrics: Vec<&'a Metric>,
}

/// The front matter lines with a model's results, from `model-index:` on; empty if there are no finite values.
///
/// Results have a `task`, a `dataset` and `metrics`, each with a `type`, a `name` and a `value`; intervals and the basis of a
/// metric are in its `args`. `huggingface_hub.ModelCardData` reads them as `eval_results`.
pub fn model_index(evaluation: &Evaluation, name: &str) -> String {
    let of_text = evaluation.likelihood.iter().map(results_of_text);
    let results: Vec<Results<'_>> = of_text
        .chain(evaluation.tasks.iter().map(of_task))
        .filter(|results| !results.metrics.is_empty())
        .collect();
    if results.is_empty() {
        return String::new();
    }
    let mut yaml = format!("model-index:\n- name: {}\n  results:\n", quoted(name));
    for results in &results {
        write_results(&mut yaml, results);
    }
    yaml
}

fn results_of_text(own: &Likelihood) -> Results<'_> {
    let split = if own.split.is_empty() { "validation" } else { &own.split };
    Results {
        task: TEXT_GENERATION,
        dataset: (
            "held-out-text".to_owned(),
            "Held-out documents of the training data".to_owned(),
            Some(split.to_owned()),
        ),
        metrics: finite(own.all_metrics()),
    }
}

fn of_task(own: &TaskReport) -> Results<'_> {
    let task = match own.kind {
        AnswerKind::Choose => ("multiple-choice", "Multiple choice"),
        AnswerKind::Classify => ("text-classification", "Text classification"),
        AnswerKind::Tag => ("token-classification", "Token classification"),
        AnswerKind::Generate | AnswerKind::Continue => TEXT_GENERATION,
    };
    let stem = own.name.rsplit_once('.').map_or(own.name.as_str(), |(stem, _)| stem);
    Results { task, dataset: (stem.to_owned(), own.name.clone(), None), metrics: finite(own.metrics.iter()) }
}

fn finite<'a>(metrics: impl Iterator<Item = &'a Metric>) -> Vec<&'a Metric> {
    metrics.filter(|metric| metric.value.is_some_and(f64::is_finite)).collect()
}

fn write_results(yaml: &mut String, results: &Results<'_>) {
    let (task, task_name) = results.task;
    let (dataset, dataset_name, split) = &results.dataset;
    let mut lines = vec![
        "  - task:".to_owned(),
        format!("      type: {task}"),
        format!("      name: {task_name}"),
        "    dataset:".to_owned(),
        format!("      type: {}", quoted(dataset)),
        format!("      name: {}", quoted(dataset_name)),
    ];
    lines.extend(split.as_ref().map(|split| format!("      split: {}", quoted(split))));
    lines.push("    metrics:".to_owned());
    for metric in &results.metrics {
        lines.push(format!("    - type: {}", quoted(&metric.name)));
        lines.push(format!("      name: {}", quoted(&metric_title(&glasshouse_report::shown(&metric.name)))));
        lines.push(format!("      value: {}", float(metric.value.unwrap_or_default())));
        lines.push("      args:".to_owned());
        lines.push(format!("        count: {}", metric.count));
        lines.push(format!("        of: {}", quoted(&metric.of)));
        if let Some([low, high]) = metric.interval.filter(|ends| ends.iter().all(|end| end.is_finite())) {
            lines.push(format!("        interval_95: [{}, {}]", float(low), float(high)));
        }
        lines.extend(metric.signature.as_ref().map(|own| format!("        signature: {}", quoted(own))));
    }
    lines.iter().for_each(|line| yaml.extend([line.as_str(), "\n"]));
}

/// Formats a number so that YAML 1.1 reads it as one: it reads `1e-5` as a string, but `1.0e-5` as a number.
fn float(value: f64) -> String {
    let text = format!("{value:?}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let point = if digits.contains('.') { "" } else { ".0" };
            let sign = if exponent.starts_with('-') { "" } else { "+" };
            format!("{digits}{point}e{sign}{exponent}")
        }
        None => text,
    }
}

/// A double-quoted scalar. Characters that YAML does not accept (control characters, surrogates, byte order marks) are escaped.
fn quoted(text: &str) -> String {
    let mut scalar = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => scalar.extend(['\\', letter]),
            '\u{20}'..='\u{7e}'
            | '\u{a0}'..='\u{2027}'
            | '\u{202a}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fdff}' => scalar.push(letter),
            '\u{fe00}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'.. => scalar.push(letter),
            _ => scalar += &format!("\\u{:04x}", u32::from(letter)),
        }
    }
    scalar.push('"');
    scalar
}
