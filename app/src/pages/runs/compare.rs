//! Two or more runs: their curves as an overlay, and the settings that differ.

use crate::pages::inspect::Wish;
use crate::pages::prelude::*;
use crate::pages::train::guard;
use crate::pages::train::plots::{evaluation, history_clock, history_points};
use crate::state::StepPoint;
use glasshouse_protocol::evaluation::Table;
use glasshouse_protocol::setting::Setting;

#[derive(Debug, Default)]
pub struct Compare {
    training: bool,
    axis: Axis,
    log: bool,
    /// For the names of the runs and their settings.
    differences: Kept<(Vec<String>, Vec<RunConfig>), Option<Block>>,
}

impl Compare {
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, runs: &[RunSummary]) {
        if let [before, after] = runs {
            let name = "What changed between the models";
            let kept = runs.iter().all(|run| !run.checkpoints.is_empty());
            ui.add_enabled_ui(kept, |ui| {
                if plain(ui, icons::ICON_COMPARE, name).clicked() {
                    let [source, beside] = [before, after].map(|run| Some(WeightSource::best_of(&run.name)));
                    *context.look = Some(Wish { view: Some(View::Diff), source, beside, ..Wish::default() });
                    *context.go = Some(PageName::Inspect);
                }
            });
            ui.add_space(space::SMALL);
        }
        self.curves_ui(ui, context, runs);
        ui.add_space(space::MEDIUM);
        self.differences_ui(ui, context, runs);
    }

    fn differences_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, runs: &[RunSummary]) {
        let config = |run: &RunSummary| Some(&*context.state.runs.histories.get(&run.name)?.config);
        let Some(configs) = runs.iter().map(config).collect::<Option<Vec<&RunConfig>>>() else {
            working(ui, "Reading the runs' settings", None, None);
            return;
        };
        let names: Vec<String> = runs.iter().map(called).collect();
        let key = (names.clone(), configs.iter().copied().cloned().collect());
        let block = self.differences.get(key, || differences(&names, &configs));
        report_ui(ui, context, "runs", block);
    }

    fn curves_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, runs: &[RunSummary]) {
        let (mut curves, mut marks) = (Vec::new(), Vec::new());
        for run in runs {
            let Some(history) = context.state.runs.histories.get(&run.name) else { continue };
            let factor = format::loss_factor(run.bytes_per_token);
            let points = history_points(history, self.axis, |event| {
                point(event, self.training).map(|[step, loss]| [step, factor * loss])
            });
            let points = if self.training { smoothed(&points, 0.9) } else { points };
            let (colour, dashed) = run_colour(context.palette, &run.name);
            let clock = history_clock(history);
            let place = |step: u64| clock.place(self.axis, step as f64);
            let reports = history.events.iter().filter_map(picked!(TrainEvent::Guard(report) => report));
            marks.extend(guard::marks(context.palette, Some(colour), reports, place));
            let marks = !self.training && points.len() <= 64;
            curves.push(Curve { marks, dashed, ..Curve::new(called(run), colour, points) });
        }
        let (training, axis, log) = (&mut self.training, &mut self.axis, &mut self.log);
        card(ui, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::TIGHT;
                for (own, words) in [(false, "Validation loss"), (true, "Training loss")] {
                    if tab(ui, *training == own, words).clicked() {
                        *training = own;
                    }
                }
                ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.checkbox(log, "Log");
                    segmented(ui, axis, &[(Axis::Steps, "Steps"), (Axis::Time, "Time")]);
                });
            });
            ui.add_space(space::SMALL);
            let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
            let plot = CurvePlot {
                id: &format!("compare {} {training} {axis:?}", names.join(" ")),
                axis: *axis,
                height: 280.0,
                log: *log,
                write: |value| format::loss(value as f32),
            };
            plot.ui(ui, &curves, &marks);
        });
    }
}

fn point(event: &TrainEvent, training: bool) -> Option<[f64; 2]> {
    match training {
        true => StepPoint::of(event).map(|point| [point.step as f64, f64::from(point.loss)]),
        false => evaluation(event),
    }
}

/// A table of the settings that differ between runs of these names.
fn differences(names: &[String], configs: &[&RunConfig]) -> Option<Block> {
    let rows = RunConfig::differing(configs);
    let none = rows.is_empty().then(|| Block::Note("No settings differ.".to_owned()));
    let title = |path: String| Setting::at(&path).map_or(path, |setting| setting.title.to_owned());
    let rows = rows.into_iter().map(|(path, values)| {
        std::iter::once(title(path)).chain(without_folders(values)).map(Cell::Text).collect()
    });
    let columns = std::iter::once("setting".to_owned()).chain(names.iter().cloned()).collect();
    let table = Table { columns, rows: rows.collect(), ..Table::default() };
    Section::new("Settings that differ", none.into_iter().chain([Block::Table(table)])).block()
}

/// Lists of paths as file names, unless these are equal.
fn without_folders(values: Vec<String>) -> Vec<String> {
    let names = |value: &String| match serde_json::from_str::<Vec<String>>(value) {
        Ok(paths) if paths.is_empty() => "none".to_owned(),
        Ok(paths) => {
            paths.iter().filter_map(|path| path.rsplit(['/', '\\']).next()).collect::<Vec<_>>().join(", ")
        }
        Err(_) => value.clone(),
    };
    let shown: Vec<String> = values.iter().map(names).collect();
    if shown.iter().any(|value| *value != shown[0]) { shown } else { values }
}
