//! Two or more runs: their curves as an overlay, and the settings that differ.

use super::{Context, PageName};
use crate::format;
use crate::pages::inspect::Wish;
use crate::pages::parts::{called, run_colour};
use crate::pages::train::guard;
use crate::pages::train::plots::{history_clock, history_points};
use crate::theme::{self, space};
use crate::widgets::{self, Align, Axis, Column, Curve, CurvePlot, Table};
use egui::{Label, RichText, ScrollArea, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::{
    CheckpointChoice, GuardReport, RunConfig, RunSummary, TrainEvent, View, WeightSource,
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Compare {
    training: bool,
    axis: Axis,
    log: bool,
}

impl Compare {
    pub(super) fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, runs: &[RunSummary]) {
        if let [before, after] = runs {
            let name = "What changed between the models";
            let kept = runs.iter().all(|run| !run.checkpoints.is_empty());
            ui.add_enabled_ui(kept, |ui| {
                if widgets::plain(ui, icons::ICON_COMPARE, name).clicked() {
                    let best = |run: &RunSummary| WeightSource::Checkpoint {
                        run: run.name.clone(),
                        checkpoint: CheckpointChoice::Best,
                    };
                    let (source, beside) = (Some(best(before)), Some(best(after)));
                    *context.look = Some(Wish { view: Some(View::Diff), source, beside, ..Wish::default() });
                    *context.go = Some(PageName::Inspect);
                }
            });
            ui.add_space(space::SMALL);
        }
        self.curves_ui(ui, context, runs);
        ui.add_space(space::MEDIUM);
        differences_ui(ui, context, runs);
    }

    fn curves_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, runs: &[RunSummary]) {
        let (mut curves, mut marks, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        for run in runs {
            let Some(history) = context.state.runs.histories.get(&run.name) else { continue };
            let points = history_points(history, self.axis, |event| point(event, self.training));
            let points = if self.training { widgets::smoothed(&points, 0.9) } else { points };
            let (colour, dashed) = run_colour(context.palette, &run.name);
            let clock = history_clock(history);
            let place = |step: u64| clock.place(self.axis, step as f64);
            let reports = || history.events.iter().filter_map(report);
            marks.extend(guard::marks(context.palette, Some(colour), reports(), place));
            if reports().next().is_some() {
                seen.push((run, reports().collect::<Vec<_>>()));
            }
            curves.push(Curve {
                name: called(run),
                colour,
                marks: !self.training && points.len() <= 64,
                points,
                width: 2.0,
                dashed,
            });
        }
        let (training, axis, log) = (&mut self.training, &mut self.axis, &mut self.log);
        widgets::card(ui, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::TIGHT;
                if widgets::tab(ui, !*training, "Validation loss").clicked() {
                    *training = false;
                }
                if widgets::tab(ui, *training, "Training loss").clicked() {
                    *training = true;
                }
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.checkbox(log, "Log");
                    widgets::segmented(ui, axis, &[(Axis::Steps, "Steps"), (Axis::Time, "Time")]);
                });
            });
            ui.add_space(space::SMALL);
            CurvePlot::marked_legend_ui(ui, &curves, &marks);
            let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
            let plot = CurvePlot {
                id: &format!("compare {} {training} {axis:?}", names.join(" ")),
                axis: *axis,
                height: 280.0,
                log: *log,
                write: |value| format::loss(value as f32),
            };
            plot.marked_ui(ui, &curves, &marks);
            for (run, reports) in seen {
                ui.add_space(space::SMALL);
                ui.label(RichText::new(format!("Guard of {}", called(run))).text_style(theme::strong()));
                let pressed = guard::list_ui(ui, context.palette, run.learns_from, reports.into_iter());
                guard::open(context, pressed);
            }
        });
    }
}

pub(super) fn report(event: &TrainEvent) -> Option<&GuardReport> {
    match event {
        TrainEvent::Guard(report) => Some(report),
        _ => None,
    }
}

fn point(event: &TrainEvent, training: bool) -> Option<[f64; 2]> {
    match event {
        TrainEvent::Step { step, loss, .. } if training => Some([*step as f64, f64::from(*loss)]),
        TrainEvent::Gap { to, .. } if training => Some([*to as f64, f64::NAN]),
        TrainEvent::Eval { step, val_loss, .. } if !training => Some([*step as f64, f64::from(*val_loss)]),
        _ => None,
    }
}

fn differences_ui(ui: &mut Ui, context: &mut Context<'_>, runs: &[RunSummary]) {
    let configs: Vec<Option<&RunConfig>> = runs
        .iter()
        .map(|run| context.state.runs.histories.get(&run.name).map(|history| &history.config))
        .collect();
    if configs.iter().any(Option::is_none) {
        widgets::working(ui, "Reading the runs' settings", None, None);
        return;
    }
    let rows = differences(&configs.into_iter().flatten().collect::<Vec<_>>());
    let mut copied = false;
    widgets::card(ui, |ui| {
        egui::Sides::new().show(
            ui,
            |ui| ui.label(RichText::new("Settings that differ").text_style(theme::strong())),
            |ui| copied = widgets::quiet(ui, icons::ICON_CONTENT_COPY, "Copy as CSV").clicked(),
        );
        if rows.is_empty() {
            widgets::quiet_text(ui, "No settings differ.");
            return;
        }
        let names: Vec<String> = runs.iter().map(called).collect();
        let mut columns = vec![Column { title: "Setting", width: 200.0, align: Align::Left }];
        columns.extend(names.iter().map(|name| Column { title: name, width: 140.0, align: Align::Left }));
        let table = Table { columns: &columns, row: 26.0 };
        ScrollArea::horizontal().id_salt("differences").show(ui, |ui| {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                table.titles_ui(ui);
                for (path, values) in &rows {
                    table.row_ui(ui, path, false, |ui, place| {
                        let text = match place {
                            0 => RichText::new(path).monospace().color(context.palette.quiet),
                            _ => RichText::new(&values[place - 1]).monospace(),
                        };
                        ui.add(Label::new(text).truncate());
                    });
                }
            });
        });
    });
    if copied {
        let names: Vec<String> = runs.iter().map(called).collect();
        let mut head = vec!["setting"];
        head.extend(names.iter().map(String::as_str));
        let lines = rows.iter().map(|(path, values)| {
            let mut line = vec![path.clone()];
            line.extend(values.iter().cloned());
            line
        });
        context.asks.copy_csv(ui, widgets::csv(&head, lines));
    }
}

/// Settings that differ between configurations: the dotted path, and each configuration's value.
fn differences(configs: &[&RunConfig]) -> Vec<(String, Vec<String>)> {
    let flat: Vec<BTreeMap<String, String>> = configs.iter().map(|config| config.by_path()).collect();
    let mut paths: Vec<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter_map(|path| {
            let value = |fields: &BTreeMap<String, String>| fields.get(path).cloned().unwrap_or_default();
            let values: Vec<String> = flat.iter().map(value).collect();
            let same = values.windows(2).all(|pair| pair[0] == pair[1]);
            (!same).then(|| (path.clone(), values))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::presets;

    #[test]
    fn only_what_differs_is_listed() {
        let first = presets::preset("first-stories").unwrap();
        let mut second = first.clone();
        assert_eq!(differences(&[&first, &second]), []);
        second.train.learning_rate = 0.5;
        second.model.layers += 1;
        let found = differences(&[&first, &second]);
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["model.layers", "train.learning_rate"]);
        assert_eq!(found[1].1[1], "0.5");
    }
}
