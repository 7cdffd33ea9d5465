//! How well a run that learns preferences tells the better reply from the worse.

use crate::format;
use crate::pages::parts::head;
use crate::state::Training;
use crate::theme::{Palette, space};
use crate::widgets::{Axis, Curve, CurvePlot, Stat, card, stat_row};
use egui::{Color32, Ui};
use glasshouse_protocol::PreferenceMetrics;

/// Height of the curves, in points.
const HEIGHT: f32 = 180.0;

/// What its evaluations said of pairs; nothing for a run of another objective.
pub(super) fn pairs_ui(ui: &mut Ui, palette: &Palette, training: &Training) {
    let Some(last) = training.evaluations.last().and_then(|evaluation| evaluation.preference) else { return };
    let curve = |name: &str, colour: Color32, of: fn(&PreferenceMetrics) -> f32| {
        let evaluations = training.evaluations.iter();
        let point = evaluations.filter_map(|evaluation| {
            Some([evaluation.step as f64, f64::from(of(evaluation.preference.as_ref()?))])
        });
        let (name, points) = (name.to_owned(), point.collect());
        Curve { name, colour, points, width: 2.0, dashed: false, marks: training.evaluations.len() <= 64 }
    };
    let [_, _, first, second, ..] = palette.series;
    let curves =
        [curve("margin", first, |pairs| pairs.margin), curve("accuracy", second, |pairs| pairs.accuracy)];
    card(ui, |ui| {
        head(ui, "Pairs that are held out");
        let row = |ui: &mut Ui, name: &str, value: &str| stat_row(ui, Stat { name, value, exact: "" });
        row(ui, "Reward margin", &format!("{:.3}", last.margin));
        row(ui, "Accuracy", &format::percent(f64::from(last.accuracy)));
        if let Some(ratio) = last.log_ratio {
            row(ui, "Log-ratio to the reference", &format!("{ratio:.3}"));
        }
        CurvePlot::legend_ui(ui, &curves);
        let write = |value: f64| format!("{value:.2}");
        CurvePlot { id: "pairs", axis: Axis::Steps, height: HEIGHT, log: false, write }.ui(ui, &curves);
    });
    ui.add_space(space::SMALL);
}
