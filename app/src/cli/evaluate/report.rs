//! An evaluation as text: values with their intervals in columns, followed by sentences.

use crate::cli::report::{aligned, indented, metrics, table};
use crate::format;
use glasshouse_engine::protocol::evaluation::{
    Baseline, Calibration, Likelihood, Metric, TaskReport, metric_text, metric_title,
};
use glasshouse_engine::protocol::quantity::{counted, duration, figures, percent, whole};
use glasshouse_engine::protocol::{Comparison, Evaluation};
use std::io::Result;

const LINES: usize = 12;

pub(super) fn evaluation(found: &Evaluation) -> Result<()> {
    let model = &found.model;
    say!("\n{} · {} at step {}", model.title, found.checkpoint, found.step)?;
    say!("  {} parameters · {} · {}", whole(model.parameters), model.shape, model.tokenizer)?;
    say!("  {}", model.about)?;
    say!("  evaluated on {} in {}", found.device, duration(found.seconds))?;
    if let Some(text) = &found.likelihood {
        likelihood(text, &found.baselines)?;
    }
    if let Some(line) = of_text_seen(found) {
        say!("  {line}")?;
    }
    for task in &found.tasks {
        report(task)?;
    }
    if !found.limits.is_empty() {
        say!("\nLimitations")?;
        found.limits.iter().try_for_each(|limit| say!("  * {limit}"))?;
    }
    Ok(())
}

/// How much of the held-out text occurs in the training text; for few documents, by passages.
fn of_text_seen(found: &Evaluation) -> Option<String> {
    let seen = found.contamination.as_ref()?;
    let one = found.likelihood.as_ref().map_or("document", Likelihood::unit);
    Some(format!(
        "{} of {} share {} words in a row with the training text ({} of all such runs of words)",
        whole(seen.found),
        counted(seen.looked_up, one),
        seen.n,
        percent(seen.share)
    ))
}

/// Suffix of a heading for results kept from an earlier evaluation.
fn kept(from: Option<f64>) -> String {
    from.map_or_else(String::new, |found| format!(" · {}", format::kept_from(found)))
}

fn likelihood(text: &Likelihood, baselines: &[Baseline]) -> Result<()> {
    let speed = text.tokens_per_s.map(|speed| format!(" · {} tokens per second", whole(speed as u64)));
    let speed = speed.unwrap_or_default();
    say!(
        "\nText: {} · {}, {} tokens, {} bytes · windows of {} tokens, one every {}{speed}{}",
        text.split,
        counted(text.documents, "document"),
        whole(text.tokens),
        whole(text.bytes),
        text.window,
        text.stride,
        kept(text.kept_from)
    )?;
    say!("{}", indented(&metrics(&text.metrics)))?;
    if let Some(Calibration { ece, temperature, fitted_tokens, checked: [plain, fitted], .. }) =
        &text.calibration
    {
        let of = |tokens: u64| format!(" ({})", counted(tokens, "token"));
        say!(
            "  calibration error {}; with temperature {temperature:.3}, fitted on half of the text{}: {} on the other half{}, instead of {}",
            ece.text(),
            of(*fitted_tokens),
            fitted.text(),
            of(fitted.count),
            plain.text()
        )?;
    }
    if !baselines.is_empty() {
        say!("\nBaselines on the same text{}", kept(baselines.first().and_then(|first| first.kept_from)))?;
        let head = ["", "bits per byte", "perplexity", "minus the model's"].map(str::to_owned).to_vec();
        let line = |baseline: &Baseline| {
            let perplexity = baseline.perplexity.map(figures).unwrap_or_default();
            let difference = baseline.difference.as_ref().map(Metric::with_interval).unwrap_or_default();
            vec![baseline.name.clone(), baseline.bits_per_byte.with_interval(), perplexity, difference]
        };
        columns(std::iter::once(head).chain(baselines.iter().map(line)))?;
    }
    Ok(())
}

fn report(task: &TaskReport) -> Result<()> {
    let (rows, kept) = (counted(task.rows, "row"), kept(task.kept_from));
    say!("\nTask {} · {}, {rows}{kept}", task.name, task.kind.name())?;
    task.about.iter().try_for_each(|sentence| say!("  {sentence}"))?;
    if task.beside.is_empty() {
        say!("{}", indented(&metrics(&task.metrics)))?;
    } else {
        beside(task)?;
    }
    if let Some(seen) = task.contamination.as_ref().filter(|seen| seen.found > 0) {
        let rows = counted(seen.looked_up, "row");
        say!("  {} of {rows} share {} words in a row with the training text", whole(seen.found), seen.n)?;
    }
    for (line, reason) in task.broken.iter().take(LINES) {
        say!("  line {line} left out: {reason}")?;
    }
    if task.broken.len() > LINES {
        say!("  … and {} more", counted((task.broken.len() - LINES) as u64, "line"))?;
    }
    for own in &task.tables {
        // A package's report is printed verbatim.
        let printed = task.reports.iter().find(|(title, _)| *title == own.title);
        let text =
            printed.map_or_else(|| table(own), |(title, text)| format!("{title}\n{}\n{text}", own.about));
        say!("\n{}", indented(text.trim_end()))?;
    }
    Ok(())
}

/// The model's metrics, with those of baselines in extra columns, and the paired differences below.
fn beside(task: &TaskReport) -> Result<()> {
    let names = task.beside.iter().map(|other| other.name.clone());
    let head: Vec<String> = [String::new(), "the model".to_owned()].into_iter().chain(names).collect();
    let line = |metric: &Metric| {
        let theirs = task.beside.iter().map(|other| {
            let same = other.metrics.iter().find(|theirs| theirs.name == metric.name);
            same.map(Metric::with_interval).unwrap_or_default()
        });
        [metric_title(&metric.name), metric.with_interval()].into_iter().chain(theirs).collect()
    };
    columns(std::iter::once(head).chain(task.metrics.iter().map(line)))?;
    for other in &task.beside {
        say!("  {}: {}", other.name, other.about)?;
        for difference in &other.differences {
            let title = metric_title(&difference.name);
            say!("    {title} minus its own, paired by row: {}", difference.with_interval())?;
        }
        for (line, reason) in other.broken.iter().take(3) {
            say!("    line {line} of its results: {reason}")?;
        }
        if other.broken.len() > 3 {
            say!("    … and {} more", counted((other.broken.len() - 3) as u64, "line"))?;
        }
    }
    Ok(())
}

pub(super) fn comparisons(comparisons: &[Comparison]) -> Result<()> {
    if comparisons.is_empty() {
        return say!("\nThe models have no evaluated text or rows in common");
    }
    say!("\nCompared, paired")?;
    for one in comparisons {
        let value = |value| metric_text(&one.difference.name, value);
        let (first, second) = (value(one.first_value), value(one.second_value));
        // Without a difference, the verdict explains why.
        let difference = one.difference.value.map(|_| format!("; difference {}", one.signed()));
        let difference = difference.unwrap_or_default();
        let what = format::compared(one);
        say!("  {what}: {} {first}, {} {second}{difference}", one.first, one.second)?;
        say!("    {}", one.verdict)?;
    }
    Ok(())
}

fn columns(rows: impl Iterator<Item = Vec<String>>) -> Result<()> {
    say!("{}", indented(&aligned(&rows.collect::<Vec<_>>(), &[])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_engine::protocol::evaluation::{Contamination, DocumentLoss};

    #[test]
    fn what_was_looked_up_of_few_documents_are_passages() {
        let mut found = Evaluation {
            likelihood: Some(Likelihood { documents: 1, ..Likelihood::default() }),
            contamination: Some(Contamination { n: 13, looked_up: 64, ..Contamination::default() }),
            ..Evaluation::default()
        };
        let by_document = |found: &mut Evaluation, count| {
            found.likelihood.as_mut().unwrap().by_document = vec![DocumentLoss::default(); count];
        };
        by_document(&mut found, 64);
        let line = of_text_seen(&found).unwrap();
        assert!(line.starts_with("0 of 64 passages share 13 words in a row"), "{line}");
        found.likelihood.as_mut().unwrap().documents = 64;
        let line = of_text_seen(&found).unwrap();
        assert!(line.starts_with("0 of 64 documents share"), "{line}");
        assert_eq!(of_text_seen(&Evaluation::default()), None);
    }

    #[test]
    fn what_an_earlier_evaluation_found_has_its_date() {
        assert_eq!(kept(None), "");
        let made = 1_700_000_000;
        let wanted = format!(" · kept from an evaluation of {}", format::date_time(made));
        assert!(wanted.ends_with("Nov 2023"), "{wanted}");
        assert_eq!(kept(Some(made as f64)), wanted);
    }
}
