//! A card per run: the number that is comparable across tokenizers, the other metrics, and notes for the reader.

use super::choosing::measured;
use super::section::kept_ui;
use super::{checkpoint_of, is_in_training};
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{called, caption, column, run_colour};
use crate::theme::{self, Palette, space};
use crate::widgets::{self, card, columns_fit, interval_bar, quiet_text, term};
use egui::{Label, RichText, Sense, Ui, Vec2};
use egui_material_icons::icons;
use glasshouse_protocol::evaluation::{AuditTopic, Contamination, Likelihood, Metric, metric_title};
use glasshouse_protocol::{Audit, Evaluation, RunSummary};
use std::collections::BTreeMap;

const MIN_CARD_WIDTH: f32 = 250.0;
/// Width of an interval's line in points.
const BAR: f32 = 64.0;
/// Name of a card's main metric.
const FIRST: &str = "bits_per_byte";

type Line = (String, Metric);

pub(super) fn cards_ui(ui: &mut Ui, context: &Context<'_>, shown: &[&RunSummary]) {
    let found = &context.state.evaluation;
    let all: Vec<Vec<Line>> = shown
        .iter()
        .map(|run| lines(found.evaluations.get(&run.name), found.audits.get(&run.name)))
        .collect();
    let ranges = ranges(&all);
    let (columns, width) = even(ui.available_width(), shown.len(), space::MEDIUM);
    let with_lines: Vec<(&RunSummary, &Vec<Line>)> = shown.iter().copied().zip(&all).collect();
    for row in with_lines.chunks(columns.max(1)) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::MEDIUM;
            for (run, lines) in row {
                column(ui, width, |ui| {
                    ui.spacing_mut().item_spacing.x = space::SMALL;
                    ui.push_id(&run.name, |ui| card(ui, |ui| card_ui(ui, context, run, lines, &ranges)));
                });
            }
        });
    }
}

/// Number of columns, at most `most`, and their width if they fill the available width.
fn even(available: f32, most: usize, gap: f32) -> (usize, f32) {
    let columns = columns_fit(available, MIN_CARD_WIDTH, gap).0.min(most).max(1);
    (columns, (available - gap * (columns - 1) as f32) / columns as f32)
}

fn lines(evaluation: Option<&Evaluation>, audit: Option<&Audit>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |metric: &Metric| lines.push((metric_title(&metric.name), metric.clone()));
    let likelihood = evaluation.and_then(|evaluation| evaluation.likelihood.as_ref());
    if let Some(likelihood) = likelihood {
        likelihood.metrics.iter().filter(|metric| metric.name != FIRST).for_each(&mut add);
        let calibration = likelihood.calibration.as_ref();
        let listed = likelihood.metrics.iter().any(|metric| metric.name == "ece");
        calibration.filter(|_| !listed).map(|calibration| &calibration.ece).into_iter().for_each(&mut add);
    }
    for task in evaluation.map_or(&[][..], |evaluation| &evaluation.tasks) {
        let first = task.metrics.first();
        lines.extend(
            first.map(|metric| (format!("{}: {}", task.name, metric_title(&metric.name)), metric.clone())),
        );
    }
    for section in audit.map_or(&[][..], |audit| &audit.sections) {
        if section.name == AuditTopic::Memorisation {
            let first = section.metrics.first();
            lines.extend(first.map(|metric| (metric_title(&metric.name), metric.clone())));
        }
    }
    lines
}

/// For each line the range from 0 that covers the intervals of all runs, so that they share a scale; 0 to 1 for proportions.
fn ranges(all: &[Vec<Line>]) -> BTreeMap<String, [f64; 2]> {
    let mut ranges: BTreeMap<String, [f64; 2]> = BTreeMap::new();
    for (name, metric) in all.iter().flatten() {
        let Some(value) = metric.value.filter(|value| value.is_finite()) else { continue };
        let [low, high] = metric.interval.unwrap_or([value; 2]);
        let whole = if metric.is_share() { [0.0, 1.0] } else { [0.0; 2] };
        let range = ranges.entry(name.clone()).or_insert(whole);
        *range = [range[0].min(low), range[1].max(high)];
    }
    ranges
}

fn card_ui(
    ui: &mut Ui,
    context: &Context<'_>,
    run: &RunSummary,
    lines: &[Line],
    ranges: &BTreeMap<String, [f64; 2]>,
) {
    let found = &context.state.evaluation;
    let palette = context.palette;
    let (colour, _) = run_colour(palette, &run.name);
    ui.horizontal(|ui| {
        let (mark, _) = ui.allocate_exact_size(Vec2::splat(10.0), Sense::hover());
        ui.painter().circle_filled(mark.center(), 5.0, colour);
        ui.add(Label::new(RichText::new(called(run)).text_style(theme::strong())).truncate());
    });
    let lines = |ui: &mut Ui| lines_ui(ui, lines, ranges, colour);
    let Some(evaluation) = found.evaluations.get(&run.name) else {
        caption(ui, format!("{} · not evaluated yet: press Evaluate", run.shape));
        lines(ui);
        return;
    };
    let step = format::whole(evaluation.step);
    let made = format::date_time(evaluation.made.max(0.0) as u64);
    caption(ui, format!("step {step} · {made} · {}", evaluation.device));
    if let Some(later) = later(context, run, evaluation) {
        caption(ui, later);
    }
    let (width, gap) = (ui.available_width(), space::SECTION);
    if width < 2.0 * MIN_CARD_WIDTH + gap {
        first_ui(ui, palette, evaluation);
        ui.add_space(space::TIGHT);
        lines(ui);
        seen_ui(ui, palette, evaluation);
        return;
    }
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        column(ui, MIN_CARD_WIDTH, |ui| first_ui(ui, palette, evaluation));
        column(ui, width - MIN_CARD_WIDTH - gap, |ui| {
            ui.spacing_mut().item_spacing.x = space::SMALL;
            lines(ui);
        });
    });
    seen_ui(ui, palette, evaluation);
}

fn first_ui(ui: &mut Ui, palette: &Palette, evaluation: &Evaluation) {
    let likelihood = evaluation.likelihood.as_ref();
    let Some(first) = likelihood.and_then(|likelihood| metric_of(&likelihood.metrics, FIRST)) else { return };
    let number = RichText::new(first.text()).text_style(theme::number());
    ui.label(number).on_hover_text(format::exactly(first));
    let between = first.between();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        term(ui, "bits per byte", Some(palette.quiet));
        if let Some(between) = between {
            ui.label(RichText::new(format!(", {between}")).color(palette.quiet));
        }
    });
    kept_ui(ui, likelihood.and_then(|likelihood| likelihood.kept_from));
}

/// Whether the model was trained on the evaluated text.
fn seen_ui(ui: &mut Ui, palette: &Palette, evaluation: &Evaluation) {
    if let Some(contamination) = &evaluation.contamination {
        ui.add_space(space::TIGHT);
        let one = evaluation.likelihood.as_ref().map_or("document", Likelihood::unit);
        contamination_ui(ui, palette, one, contamination);
    }
}

/// Lines in as many columns as fit.
fn lines_ui(ui: &mut Ui, lines: &[Line], ranges: &BTreeMap<String, [f64; 2]>, colour: egui::Color32) {
    let gap = space::SECTION;
    let (columns, width) = even(ui.available_width(), 3, gap);
    if columns == 1 {
        lines.iter().for_each(|line| line_ui(ui, line, ranges, colour));
        return;
    }
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        for part in lines.chunks(lines.len().div_ceil(columns).max(1)) {
            column(ui, width, |ui| {
                ui.spacing_mut().item_spacing.x = space::SMALL;
                part.iter().for_each(|line| line_ui(ui, line, ranges, colour));
            });
        }
    });
}

pub(super) fn metric_of<'a>(metrics: &'a [Metric], name: &str) -> Option<&'a Metric> {
    metrics.iter().find(|metric| metric.name == name)
}

/// A note that the run has been trained further since.
fn later(context: &Context<'_>, run: &RunSummary, evaluation: &Evaluation) -> Option<String> {
    let step = match checkpoint_of(run).filter(|_| !is_in_training(context.state, run)) {
        Some(checkpoint) => checkpoint.step,
        None => context.state.training.step,
    };
    let step = Some(step).filter(|step| *step > evaluation.step)?;
    Some(format!("The run has trained on to step {} since: evaluate it again.", format::whole(step)))
}

/// A metric's name, interval and value on one line.
fn line_ui(ui: &mut Ui, line: &Line, ranges: &BTreeMap<String, [f64; 2]>, colour: egui::Color32) {
    let (name, metric) = line;
    let quiet = Palette::of(ui).quiet;
    egui::Sides::new().height(20.0).shrink_left().truncate().show(
        ui,
        |ui| term(ui, name, Some(quiet)),
        |ui| {
            // From right to left, so that the figures align.
            ui.label(metric.text()).on_hover_text(format::exactly(metric));
            let range = ranges.get(name).filter(|_| metric.interval.is_some());
            if let Some((measured, range)) = measured(name, metric, colour).zip(range) {
                interval_bar(ui, &measured, *range, None, BAR);
            }
        },
    );
}

/// How much of the evaluated text occurs in the training text, in red if it is much.
pub(super) fn contamination_ui(ui: &mut Ui, palette: &Palette, what: &str, contamination: &Contamination) {
    let Contamination { n, looked_up, found, share, .. } = contamination;
    let all = format::counted(*looked_up, what);
    if *looked_up == 0 {
        quiet_text(ui, format!("Every {what} was too short to look up in the training text."));
        return;
    }
    if *found == 0 {
        quiet_text(ui, format!("None of {all} shares {n} words in a row with the training text."));
        return;
    }
    let part = format::percent(*found as f64 / (*looked_up).max(1) as f64);
    let text = format!(
        "{} of {all} ({part}) share {n} words in a row with the training text ({} of all such passages)",
        format::whole(*found),
        format::percent(*share)
    );
    if contamination.is_high() {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            ui.label(icons::ICON_WARNING.rich_text().size(16.0).color(palette.failure));
            let text = RichText::new(format!("{text}: the results are better than on unseen text."));
            ui.add(Label::new(text.color(palette.failure)).wrap());
        });
    } else {
        quiet_text(ui, format!("{text}."));
    }
    if !contamination.about.is_empty() {
        caption(ui, &contamination.about);
    }
    let worst: Vec<&(String, f64)> = contamination.worst.iter().take(3).collect();
    for (beginning, share) in worst {
        let line = format!("{} of “{beginning}”", format::percent(*share));
        let text = RichText::new(line).text_style(theme::caption()).color(palette.quiet);
        ui.add(Label::new(text).truncate());
    }
}

pub(super) fn metrics_ui(ui: &mut Ui, metrics: &[Metric]) {
    let lines: Vec<Line> =
        metrics.iter().map(|metric| (metric_title(&metric.name), metric.clone())).collect();
    let ranges = ranges(std::slice::from_ref(&lines));
    let accent = Palette::of(ui).accent;
    let width = ui.available_width().min(theme::PROSE);
    column(ui, width, |ui| {
        lines.iter().for_each(|line| line_ui(ui, line, &ranges, accent));
    });
    if metrics.is_empty() {
        widgets::quiet_text(ui, "Nothing was measured.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::evaluation::{AuditSection, Calibration, TaskReport};

    #[test]
    fn a_card_has_what_was_measured_in_order_and_one_range_for_all_runs() {
        let metric = |name: &str, value: f64| Metric {
            name: name.to_owned(),
            value: Some(value),
            interval: Some([value - 1.0, value + 1.0]),
            ..Metric::default()
        };
        let calibration = Some(Calibration { ece: metric("ece", 0.03), ..Calibration::default() });
        let metrics = vec![metric("perplexity", 9.0), metric(FIRST, 1.0)];
        let task = TaskReport {
            name: "qa.jsonl".to_owned(),
            metrics: vec![metric("exact_match", 0.5), metric("f1", 0.6)],
            ..TaskReport::default()
        };
        let evaluation = Evaluation {
            likelihood: Some(Likelihood { metrics, calibration, ..Likelihood::default() }),
            tasks: vec![task],
            ..Evaluation::default()
        };
        let section = AuditSection {
            name: AuditTopic::Memorisation,
            metrics: vec![metric("memorised", 0.01)],
            ..AuditSection::default()
        };
        let audit = Audit { sections: vec![AuditSection::default(), section], ..Audit::default() };
        let first = lines(Some(&evaluation), Some(&audit));
        let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Perplexity", "Expected calibration error", "qa.jsonl: Exact match", "Memorised"]);
        let second = vec![("Perplexity".to_owned(), metric("perplexity", 12.0))];
        let ranges = ranges(&[first, second]);
        let error = ranges["Expected calibration error"];
        assert_eq!((ranges["Perplexity"], error), ([0.0, 13.0], [-0.97, 1.03]));
        assert!(lines(None, None).is_empty());
    }
}
