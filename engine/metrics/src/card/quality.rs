//! Quality of prediction: metrics, baselines, calibration, and losses by group.

use super::words::{interval_of, kept, shown, title};
use super::{chart, tables};
use glasshouse_protocol::evaluation::{
    Baseline, Calibration, CalibrationBin, Evaluation, Likelihood, LossBy, LossGrouping, Metric,
};
use glasshouse_protocol::quantity::{NOTHING, bytes, count, counted, figures, whole};
use maud::{Markup, html};

/// Maximum groups shown in a table of losses.
const GROUPS_SHOWN: usize = 24;

pub(super) fn calibration_of(evaluation: &Evaluation) -> Option<&Calibration> {
    evaluation.likelihood.as_ref()?.calibration.as_ref()
}

pub(super) fn section(evaluation: &Evaluation) -> Markup {
    let likelihood = evaluation.likelihood.as_ref();
    html! {
        @if likelihood.is_some() || !evaluation.baselines.is_empty() {
            section #quality {
                h2 { "Prediction" }
                @if let Some(likelihood) = likelihood { (read(likelihood)) }
                @if !evaluation.baselines.is_empty() { (baselines(evaluation)) }
                @for by in likelihood.iter().flat_map(|own| &own.by) { (losses(by, loss(likelihood))) }
            }
        }
        @if let Some(own) = calibration_of(evaluation) { (calibration(own)) }
        @if let Some(own) = likelihood.filter(|own| !own.errors.is_empty()) {
            section #errors {
                h2 { "Worst cases" }
                p.lead { "The largest errors. Each row opens in the program's lens; the marked token is the badly predicted one." }
                @for table in &own.errors { div.card { (tables::table(table)) } }
            }
        }
    }
}

fn metric<'a>(likelihood: Option<&'a Likelihood>, name: &str) -> Option<&'a Metric> {
    likelihood?.metrics.iter().find(|metric| metric.name == name)
}

fn loss(likelihood: Option<&Likelihood>) -> Option<f64> {
    metric(likelihood, "loss")?.value
}

/// The evaluated text, the method, and the results.
fn read(own: &Likelihood) -> Markup {
    html! {
        p.lead {
            "Held-out text (" (shown(&own.split)) "): " (counted(own.documents, "document")) ", " (whole(own.tokens)) " tokens, " (bytes(own.bytes))
            ". Windows of " (counted(own.window as u64, "token")) " follow one another by " (whole(own.stride as u64)) ", so that "
            @if own.stride < own.window { "each token is predicted once, from " (whole((own.window - own.stride) as u64)) " tokens of context or \
                more, if there are as many." }
            @else { "each token is predicted once." }
        }
        div.card {
            @if let Some(kept) = kept(own.kept_from) { p.note { (kept) } }
            (tables::metrics(&own.metrics))
            @if let Some(speed) = own.tokens_per_s { p.note { (count(speed.round() as u64)) " tokens per second." } }
        }
    }
}

/// Baselines on the same text, with the model among them.
fn baselines(evaluation: &Evaluation) -> Markup {
    let own = metric(evaluation.likelihood.as_ref(), "bits_per_byte");
    let value = own.and_then(|metric| metric.value);
    // Bars are relative to the worst finite value.
    let values = evaluation.baselines.iter().filter_map(|baseline| baseline.bits_per_byte.value).chain(value);
    let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    let is_worse = |baseline: &&Baseline| match (baseline.bits_per_byte.value, value) {
        (Some(theirs), Some(ours)) => theirs > ours,
        _ => true,
    };
    let (worse, better): (Vec<&Baseline>, Vec<&Baseline>) = evaluation.baselines.iter().partition(is_worse);
    let perplexity = metric(evaluation.likelihood.as_ref(), "perplexity").and_then(|metric| metric.value);
    html! {
        h3 { "Beside simpler things" }
        div.card {
            @if let Some(kept) = evaluation.baselines.first().and_then(|own| kept(own.kept_from)) { p.note { (kept) } }
            div.scroll {
                table.grid {
                    thead {
                        tr { th.words { "What" } th { "Bits per byte" } th.bars {} th { "95 % interval" } th { "Perplexity" } th { "Above the model by" } }
                    }
                    tbody {
                        @for baseline in &better { (baseline_row(baseline, most)) }
                        @if let Some(own) = own {
                            tr.own {
                                td.words { b { "This model" } }
                                td { b { (own.text()) } }
                                td.bars { (bar(own.value, most, true)) }
                                td { (interval_of(own)) }
                                td { (perplexity.map_or_else(|| NOTHING.to_owned(), figures)) }
                                td { "–" }
                            }
                        }
                        @for baseline in &worse { (baseline_row(baseline, most)) }
                    }
                }
            }
            @if value.is_some() && !better.is_empty() {
                p.bad { "The model does not beat " (better.iter().map(|own| shown(&own.name)).collect::<Vec<_>>().join(", ")) "." }
            }
            ul.notes { @for baseline in better.iter().chain(&worse) { li { b { (shown(&baseline.name)) } ": " (shown(&baseline.about)) } } }
        }
    }
}

fn baseline_row(baseline: &Baseline, most: f64) -> Markup {
    let own = &baseline.bits_per_byte;
    html! {
        tr {
            td.words { (shown(&baseline.name)) }
            td { (own.text()) }
            td.bars { (bar(own.value, most, false)) }
            td { (interval_of(own)) }
            td { (baseline.perplexity.map_or_else(|| NOTHING.to_owned(), figures)) }
            td { (tables::value(baseline.difference.as_ref())) }
        }
    }
}

fn bar(value: Option<f64>, most: f64, is_own: bool) -> Markup {
    let share = value.filter(|_| most > 0.0).map_or(0.0, |value| (value / most).clamp(0.0, 1.0));
    html! {
        svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect class=(if is_own { "fill-own" } else { "fill-bar" }) width=(format!("{:.1}", 100.0 * share)) height="10" {}
        }
    }
}

/// The loss by groups of tokens; drawn as a chart if the groups are ordered.
fn losses(by: &LossBy, mean: Option<f64>) -> Markup {
    let (heading, axis) = match by.name {
        LossGrouping::Position => ("Does context help?", Some("place in the window")),
        LossGrouping::Frequency => ("Common and rare tokens", Some("times seen in the training text")),
        LossGrouping::Source => ("By source", None),
    };
    let rest = by.groups.len().saturating_sub(GROUPS_SHOWN);
    html! {
        @if !by.groups.is_empty() {
            h3 { (heading) }
            div.card {
                @if let Some(axis) = axis {
                    p.note { "Loss in nats per token; the band is the 95 % interval" @if mean.is_some() { ", the dashed line the mean of all tokens" } "." }
                    (chart::losses(by, axis, mean))
                } @else {
                    div.scroll {
                        table.grid {
                            thead { tr { th.words { (title(by.name.name())) } th { "Loss in nats per token" } th { "95 % interval" } th { "Of" } } }
                            tbody {
                                @for (label, own) in by.groups.iter().take(GROUPS_SHOWN) {
                                    tr {
                                        td.words { bdi { (shown(label)) } }
                                        td { (own.text()) }
                                        td { (interval_of(own)) }
                                        td { (whole(own.count)) " " (shown(&own.of)) }
                                    }
                                }
                            }
                        }
                    }
                    @if rest > 0 { p.note { "And " (whole(rest as u64)) " more." } }
                }
            }
        }
    }
}

fn calibration(own: &Calibration) -> Markup {
    let [before, after] = &own.checked;
    let verdict = match own.temperature {
        hot if hot > 1.02 => "It is overconfident: dividing its logits by more than 1 predicts better.",
        cold if cold < 0.98 => "It is underconfident: dividing its logits by less than 1 predicts better.",
        _ => "It is well calibrated.",
    };
    html! {
        section #calibration {
            h2 { "Calibration" }
            p.lead { "Whether tokens with a probability of 0.7 are right in 7 of 10 cases (Guo et al. 2017)." }
            div.card.side {
                (chart::reliability(&own.bins))
                div {
                    (tables::metrics(std::slice::from_ref(&own.ece)))
                    dl.facts {
                        @if own.fitted_tokens > 0 {
                            dt { "Temperature fitted on half of the text, " (counted(own.fitted_tokens, "token")) } dd { (figures(own.temperature)) }
                        } @else {
                            dt { "Temperature fitted on a sample of half of the text" } dd { (figures(own.temperature)) }
                        }
                        dt { "Error on " (counted(before.count, "token")) " of the other half without it" } dd { (tables::value(Some(before))) }
                        dt { "Error on the same with it" } dd { (tables::value(Some(after))) }
                    }
                    p { (verdict) }
                    p.note { "Bars: accuracy of tokens by their confidence; lines: 95 % intervals; the strip below: numbers of tokens. Bins of fewer \
                        than " (CalibrationBin::MIN_TOKENS) " \
                        tokens have no bar." }
                }
            }
        }
    }
}
