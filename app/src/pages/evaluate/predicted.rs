//! Prediction of the text: compared with baselines, by token properties, calibration, and the worst mistakes.

use super::choosing::measured;
use super::section::{Head, kept_ui, section_ui, table_ui};
use super::{look, same_text, text};
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{beside_ui, called, caption, column, run_colour};
use crate::theme::{self, Palette, space};
use crate::widgets::{self, Measured, columns_fit, diagram, interval_plot, interval_rows, report_csv};
use egui::{Label, RichText, Ui};
use glasshouse_protocol::evaluation::{Calibration, Likelihood, LossBy, LossGrouping, Metric};
use glasshouse_protocol::{Evaluation, RunSummary};

/// Minimum plot width, and maximum side of the reliability diagram, in points.
const PLOT: f32 = 300.0;
const SIDE: f32 = 320.0;

pub(super) fn predicted_ui(
    ui: &mut Ui,
    context: &mut Context<'_>,
    evaluation: &Evaluation,
    shown: &[&RunSummary],
) {
    let Some(likelihood) = &evaluation.likelihood else { return };
    if !evaluation.baselines.is_empty() {
        let bars = baselines(context, (evaluation, likelihood), shown);
        let head =
            Head { key: "baselines", title: "Compared with baselines", note: "bits per byte", open: true };
        section_ui(ui, context, head, Some(&|| csv(&bars)), |ui, _| {
            caption(ui, text::BASELINES);
            kept_ui(ui, evaluation.baselines.first().and_then(|baseline| baseline.kept_from));
            interval_rows(ui, &bars);
        });
    }
    if !likelihood.by.is_empty() {
        let note = about(likelihood);
        let head = Head { key: "loss by", title: "Loss by token", note: &note, open: true };
        section_ui(ui, context, head, Some(&|| csv_by(&likelihood.by)), |ui, _| {
            kept_ui(ui, likelihood.kept_from);
            by_ui(ui, &likelihood.by);
        });
    }
    if let Some(calibration) = &likelihood.calibration {
        let note = format!("ECE {}", calibration.ece.text());
        let head = Head { key: "calibration", title: "Calibration", note: &note, open: true };
        section_ui(ui, context, head, Some(&|| csv_bins(calibration)), |ui, _| {
            kept_ui(ui, likelihood.kept_from);
            calibration_ui(ui, calibration);
        });
    }
    for (place, table) in likelihood.errors.iter().enumerate() {
        let key = format!("errors {place}");
        let note = format::counted(table.rows.len() as u64, "row");
        let head = Head { key: &key, title: &table.title, note: &note, open: true };
        section_ui(ui, context, head, Some(&|| report_csv(table)), |ui, context| {
            if let Some(passage) = table_ui(ui, table) {
                look(context, evaluation, passage);
            }
        });
    }
}

/// The evaluated text and the method.
fn about(likelihood: &Likelihood) -> String {
    format!(
        "{} · {} · windows of {} tokens, stride {}",
        format::counted(likelihood.documents, "document"),
        format::counted(likelihood.tokens, "token"),
        format::whole(likelihood.window as u64),
        format::whole(likelihood.stride as u64)
    )
}

/// The shown runs evaluated on the same text, and the simple baselines, best first.
fn baselines(
    context: &Context<'_>,
    (evaluation, own): (&Evaluation, &Likelihood),
    shown: &[&RunSummary],
) -> Vec<Measured> {
    let palette = context.palette;
    let found = &context.state.evaluation.evaluations;
    let model = |run: &&RunSummary| {
        let likelihood = found.get(&run.name)?.likelihood.as_ref();
        let likelihood = likelihood.filter(|likelihood| same_text(own, likelihood))?;
        let metric = super::cards::metric_of(&likelihood.metrics, "bits_per_byte")?;
        measured(&called(run), metric, run_colour(palette, &run.name).0)
    };
    let simpler = evaluation.baselines.iter().filter_map(|baseline| {
        let mut bar = measured(
            &baseline.name,
            &baseline.bits_per_byte,
            theme::mix(palette.raised, palette.quiet, 0.7),
        )?;
        bar.hover = format!("{} {}", baseline.about, bar.hover);
        if let Some(perplexity) = baseline.perplexity {
            bar.hover += &format!(". Perplexity {perplexity}");
        }
        if let Some(difference) = &baseline.difference {
            bar.hover += &format!(". Minus the model: {}", difference.with_interval());
        }
        Some(bar)
    });
    let mut bars: Vec<Measured> = shown.iter().filter_map(model).chain(simpler).collect();
    bars.sort_by(|a, b| a.value.total_cmp(&b.value));
    bars
}

fn csv(bars: &[Measured]) -> String {
    let rows = bars.iter().map(|bar| {
        let [low, high] =
            bar.interval.map_or([String::new(), String::new()], |ends| ends.map(|end| end.to_string()));
        [bar.label.clone(), bar.value.to_string(), low, high]
    });
    widgets::csv(&["name", "bits_per_byte", "from", "to"], rows)
}

/// The name of a token property, and whether its groups are ordered.
fn words(by: LossGrouping) -> (&'static str, bool) {
    match by {
        LossGrouping::Position => ("By the position in the window: more context, lower loss", true),
        LossGrouping::Frequency => ("By the token's frequency in the training text", true),
        LossGrouping::Source => ("By source", false),
    }
}

/// Loss by groups of tokens, each a dot with its interval.
fn by_ui(ui: &mut Ui, by: &[LossBy]) {
    let palette = Palette::of(ui);
    let (columns, width) = columns_fit(ui.available_width(), PLOT, space::SECTION);
    let (columns, gap) = (columns.min(by.len()).max(1), space::SECTION);
    let width = if columns == 1 {
        ui.available_width()
    } else {
        width.max((ui.available_width() - gap * (columns - 1) as f32) / columns as f32)
    };
    caption(ui, "Mean loss in nats per token, with 95 % intervals.");
    for row in by.chunks(columns) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for group in row {
                column(ui, width, |ui| {
                    let (title, follow) = words(group.name);
                    ui.add(Label::new(RichText::new(title).text_style(theme::strong())).wrap());
                    let points: Vec<Measured> =
                        group.groups.iter().map(|(label, metric)| point(label, metric, palette)).collect();
                    if points.iter().all(|point| !point.value.is_finite()) {
                        caption(ui, "Nothing was measured.");
                    } else {
                        interval_plot(ui, &spoken(title, &points), 150.0, follow, &points);
                    }
                });
            }
        });
        ui.add_space(space::SMALL);
    }
}

fn point(label: &str, metric: &Metric, palette: &Palette) -> Measured {
    let [colour, ..] = palette.series;
    let nothing = Measured { label: label.to_owned(), value: f64::NAN, ..Measured::default() };
    measured(label, metric, colour).unwrap_or(nothing)
}

/// A plot as text for screen readers.
fn spoken(title: &str, points: &[Measured]) -> String {
    let each: Vec<String> =
        points.iter().take(24).map(|point| format!("{} {}", point.label, point.written)).collect();
    format!("{title}: {}", each.join(", "))
}

fn csv_by(by: &[LossBy]) -> String {
    let rows = by.iter().flat_map(|by| {
        by.groups.iter().map(|(label, metric)| {
            let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
            let [low, high] = metric.interval.map_or([None; 2], |ends| ends.map(Some));
            vec![
                by.name.name().to_owned(),
                label.clone(),
                number(metric.value),
                number(low),
                number(high),
                metric.count.to_string(),
            ]
        })
    });
    widgets::csv(&["by", "group", "loss", "from", "to", "tokens"], rows)
}

/// The reliability diagram, and the effect of temperature scaling.
fn calibration_ui(ui: &mut Ui, calibration: &Calibration) {
    let right = ui.available_width() - SIDE - space::SECTION;
    beside_ui(ui, right, space::SECTION, |ui, place| match place {
        0 => diagram_ui(ui, calibration, ui.available_width().min(SIDE)),
        _ => calibrated_ui(ui, calibration),
    });
}

fn diagram_ui(ui: &mut Ui, calibration: &Calibration, side: f32) {
    let bins = || calibration.bins.iter().filter(|bin| bin.is_drawn());
    let most = bins().map(|bin| bin.count).max().unwrap_or(1).max(1) as f32;
    let points: Vec<_> = bins()
        .map(|bin| {
            let hover = format!(
                "{}, mean confidence {}: {} were right ({} to {})",
                format::counted(bin.count, "token"),
                format::percent(bin.confidence),
                format::percent(bin.accuracy),
                format::percent(bin.interval[0]),
                format::percent(bin.interval[1])
            );
            // A dot's area is proportional to the number of tokens.
            ([bin.confidence, bin.accuracy], bin.interval, (bin.count as f32 / most).sqrt(), hover)
        })
        .collect();
    let spoken: Vec<&str> = points.iter().map(|(.., hover)| hover.as_str()).collect();
    let name = format!("Reliability diagram. {}", spoken.join(". "));
    diagram(ui, &name, ["confidence", "accuracy"], side, &points);
}

fn calibrated_ui(ui: &mut Ui, calibration: &Calibration) {
    caption(ui, text::RELIABILITY);
    ui.add_space(space::SMALL);
    let row = |ui: &mut Ui, name: &str, value: String, exact: &str| {
        let width = ui.available_width().min(theme::PROSE);
        column(ui, width, |ui| widgets::stat_row(ui, widgets::Stat { name, value: &value, exact }));
    };
    row(ui, "ECE", calibration.ece.with_interval(), &format::exactly(&calibration.ece));
    row(
        ui,
        "Fitted temperature",
        format::figures(calibration.temperature),
        &format!(
            "{}, fitted on {}",
            calibration.temperature,
            format::counted(calibration.fitted_tokens, "token")
        ),
    );
    let [without, with] = &calibration.checked;
    row(ui, "ECE of the other half", without.with_interval(), &format::exactly(without));
    row(ui, "The same, with that temperature", with.with_interval(), &format::exactly(with));
    ui.add_space(space::SMALL);
    if let (Some(before), Some(after)) = (without.value, with.value) {
        let words = match calibration.temperature {
            _ if after >= before => {
                "The fitted temperature does not improve calibration on the other half of the text."
            }
            temperature if temperature > 1.0 => {
                "The model is overconfident: a higher temperature calibrates it."
            }
            _ => "The model is underconfident: a lower temperature calibrates it.",
        };
        widgets::prose(ui, words);
    }
}

fn csv_bins(calibration: &Calibration) -> String {
    let rows = calibration.bins.iter().map(|bin| {
        [
            bin.count.to_string(),
            bin.confidence.to_string(),
            bin.accuracy.to_string(),
            bin.interval[0].to_string(),
            bin.interval[1].to_string(),
        ]
    });
    widgets::csv(&["tokens", "confidence", "accuracy", "from", "to"], rows)
}
