//! Renders a model's card as a self-contained HTML page without network access or scripts, for screen and print, in light and
//! dark mode. Also writes the metadata that the Hugging Face Hub reads (`model_index`).
//!
//! Prompts, answers and documents are untrusted: `maud` escapes all text, and control characters, including those for text
//! direction, are replaced (`words::shown`). A content security policy in the page forbids loading anything.

mod audit;
mod chart;
mod markdown;
mod model_index;
mod quality;
mod tables;
mod tasks;
#[cfg(test)]
mod tests;
mod words;

pub use glasshouse_protocol::evaluation::is_titled;
pub use markdown::markdown;
pub use model_index::model_index;
pub use words::title;

use crate::statistics::MAX_BLOCKS;
use glasshouse_protocol::evaluation::{
    Audit, Comparison, Contamination, Evaluation, Likelihood, Metric, RESAMPLES,
};
use glasshouse_protocol::quantity::{count, counted, duration, figures, percent, whole};
use glasshouse_report::{Page, brand, links};
use maud::{Markup, html};
use words::{NO_INTERVAL, shown};

const STYLE: &str = include_str!("style.css");

const SETTINGS_SHOWN: usize = 60;

/// The card of an evaluation, with the run's audit if there is one (and a notice if it is of other weights), and with other
/// evaluations and comparisons with them.
pub fn html(
    evaluation: &Evaluation,
    audit: Option<&Audit>,
    beside: &[(&Evaluation, Vec<Comparison>)],
) -> String {
    let contents = html! {
        (header(evaluation, audit, beside))
        main {
            (contamination_warning(evaluation))
            (model(evaluation))
            (quality::section(evaluation))
            (tasks::section(evaluation))
            (tables::comparisons(beside))
            (contamination(evaluation))
            (audit::section(evaluation, audit))
            (limits(evaluation))
            (cost(evaluation))
        }
        footer {
            p {
                "Written by Glasshouse " (env!("CARGO_PKG_VERSION")) ". Intervals hold the value in 95 of 100 samples. Those of shares of rows, in audits too, and of the bars of the reliability \
                diagram are Wilson's (1927), of differences of such shares Newcombe's (1998), all others percentiles of "
                (whole(u64::from(evaluation.settings.resamples))) " resamples (" (whole(u64::from(RESAMPLES))) " in audits) of documents, windows, texts or rows, \
                seed " (evaluation.settings.seed) "; of more than " (whole(MAX_BLOCKS as u64)) " of them, so many runs of neighbours are drawn where a \
                figure follows from sums. " (NO_INTERVAL) " The same figures are in " code { "evaluation.json" } " in the run's folder."
            }
        }
    };
    let title = format!("{}: model card", name(evaluation));
    Page { title: &title, version: env!("CARGO_PKG_VERSION"), style: STYLE, script: "" }.around(&contents)
}

fn name(evaluation: &Evaluation) -> String {
    let title = evaluation.model.title.trim();
    shown(if title.is_empty() { &evaluation.run } else { title })
}

/// Title and key results.
fn header(
    evaluation: &Evaluation,
    audit: Option<&Audit>,
    beside: &[(&Evaluation, Vec<Comparison>)],
) -> Markup {
    let parts = [
        ("model", "Model", true),
        ("quality", "Prediction", evaluation.likelihood.is_some() || !evaluation.baselines.is_empty()),
        ("calibration", "Calibration", quality::calibration_of(evaluation).is_some()),
        ("errors", "Worst cases", evaluation.likelihood.as_ref().is_some_and(|own| !own.errors.is_empty())),
        ("tasks", "Tasks", !evaluation.tasks.is_empty()),
        ("comparisons", "Comparisons", !beside.is_empty()),
        ("contamination", "Contamination", evaluation.contamination.is_some()),
        ("audits", "Audits", audit.is_some()),
        ("limits", "Limits", !evaluation.limits.is_empty()),
        ("cost", "Time and energy", true),
    ];
    html! {
        header {
            (brand("model card"))
            h1 { (name(evaluation)) }
            @if !evaluation.model.about.is_empty() { p.lead { (shown(&evaluation.model.about)) } }
            div.figures {
                @for metric in headline(evaluation) {
                    div.card {
                        div.label { (title(&metric.name)) }
                        div.figure { (metric.text()) }
                        div.quiet {
                            @if let Some(between) = metric.between() { (between) ", " }
                            (count(metric.count)) " " (shown(&metric.of))
                        }
                    }
                }
            }
            (links(&parts))
        }
    }
}

/// The most important metrics: of the text, or else of the tasks.
fn headline(evaluation: &Evaluation) -> Vec<&Metric> {
    let of_text = evaluation.likelihood.iter().flat_map(|likelihood| &likelihood.metrics);
    let wanted = ["bits_per_byte", "perplexity", "token_accuracy"];
    let own: Vec<&Metric> =
        wanted.iter().filter_map(|name| of_text.clone().find(|metric| metric.name == *name)).collect();
    if !own.is_empty() {
        return own;
    }
    evaluation.tasks.iter().filter_map(|task| task.metrics.first()).take(3).collect()
}

/// All metrics of the text, including calibration if available.
fn of_text(likelihood: &Likelihood) -> impl Iterator<Item = &Metric> {
    let error = likelihood.calibration.iter().map(|own| &own.ece);
    likelihood.metrics.iter().chain(error.filter(|own| own.value.is_some()))
}

/// The model, its data and its training.
fn model(evaluation: &Evaluation) -> Markup {
    let (model, settings) = (&evaluation.model, &evaluation.model.settings);
    let checkpoint = format!("{}, step {}", shown(&evaluation.checkpoint), whole(evaluation.step));
    let facts = [
        ("Run", shown(&evaluation.run)),
        ("Checkpoint", checkpoint),
        ("Weights", format!("CRC-32C {:08x}", evaluation.weights_crc32c)),
        ("Parameters", if model.parameters > 0 { whole(model.parameters) } else { String::new() }),
        ("Shape", shown(&model.shape)),
        (
            "Context",
            if model.context_length > 0 {
                counted(model.context_length as u64, "token")
            } else {
                String::new()
            },
        ),
        ("Tokenizer", shown(&model.tokenizer)),
        ("Training loss", model.train_loss.map(figures).unwrap_or_default()),
        ("Best validation loss", model.validation_loss.map(figures).unwrap_or_default()),
    ];
    html! {
        section #model {
            h2 { "Model" }
            div.card {
                dl.facts {
                    @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                        dt { (name) } dd { (value) }
                    }
                }
            }
            h3 { "Data" }
            div.card {
                @if model.data.is_empty() {
                    p.quiet { "The training data is not recorded." }
                } @else {
                    ul.plain { @for source in &model.data { li { bdi { (shown(source)) } } } }
                }
            }
            @if !settings.is_empty() {
                h3 { "Settings" }
                div.card {
                    p.note {
                        @if model.is_from_preset() { "Settings that differ from the preset." } @else { "All settings: the run has no preset." }
                    }
                    pre {
                        @for setting in settings.iter().take(SETTINGS_SHOWN) { (shown(setting)) "\n" }
                        @if settings.len() > SETTINGS_SHOWN { "and " (settings.len() - SETTINGS_SHOWN) " more" }
                    }
                }
            }
        }
    }
}

/// Warns of much evaluated text seen in training, before any results.
fn contamination_warning(evaluation: &Evaluation) -> Markup {
    let of_text = evaluation.contamination.iter().map(|own| ("the evaluated text".to_owned(), own));
    let of_tasks = evaluation
        .tasks
        .iter()
        .filter_map(|task| Some((format!("the task {}", shown(&task.name)), task.contamination.as_ref()?)));
    let found: Vec<(String, &Contamination)> =
        of_text.chain(of_tasks).filter(|(_, own)| own.is_high()).collect();
    html! {
        @if !found.is_empty() {
            div.alarm role="note" {
                svg viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" {
                    path d="M10 2.5 L18.5 17.5 H1.5 Z M10 8 V12 M10 14.6 V14.8" {}
                }
                div {
                    b { "Contaminated: the evaluation contains parts of the training data." }
                    @for (what, own) in &found {
                        p {
                            "Of " (what) ", " (whole(own.found)) " of " (whole(own.looked_up)) " texts share " (own.n)
                            "-grams with the training text, " (percent(own.share)) " of all of them. These results are better than on unseen text."
                        }
                    }
                }
            }
        }
    }
}

/// Results of searching the evaluated text in the training text.
fn contamination(evaluation: &Evaluation) -> Markup {
    html! {
        @if let Some(own) = &evaluation.contamination {
            section #contamination {
                h2 { "Contamination" }
                (tables::contamination(own))
            }
        }
    }
}

fn limits(evaluation: &Evaluation) -> Markup {
    html! {
        @if !evaluation.limits.is_empty() {
            section #limits {
                h2 { "Limits" }
                div.card { ul { @for limit in &evaluation.limits { li { (shown(limit)) } } } }
            }
        }
    }
}

/// Cost of training and evaluation. Energy is unknown: neither wgpu nor a browser reports it.
fn cost(evaluation: &Evaluation) -> Markup {
    let model = &evaluation.model;
    let on = |device: &str| if device.is_empty() { String::new() } else { format!(" on {}", shown(device)) };
    let training = model.train_seconds.map(|seconds| {
        format!("{}{}", duration(seconds), on(model.train_device.as_deref().unwrap_or_default()))
    });
    html! {
        section #cost {
            h2 { "Time and energy" }
            div.card {
                dl.facts {
                    dt { "Training" } dd { (training.unwrap_or_else(|| "not recorded".to_owned())) }
                    @if let Some(flops) = model.train_flops.filter(|flops| flops.is_finite() && *flops > 0.0) {
                        dt { "Work of training" } dd { (format!("{flops:.2e}")) " floating-point operations" }
                    }
                    dt { "Evaluation" } dd { (duration(evaluation.seconds)) (on(&evaluation.device)) }
                }
                p.note {
                    "Energy was not measured, and a device's rated power does not give it. Multiply the time by the reading of "
                    "your own meter."
                }
            }
        }
    }
}
