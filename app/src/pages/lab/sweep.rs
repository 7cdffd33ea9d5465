//! Sweeps: the file as text, and the runs as a table, small multiples and parallel coordinates.

use super::super::parts::caption;
use super::super::train::want_history;
use super::super::{Context, PageName};
use super::{enabled, parallel, sweeps};
use crate::format;
use crate::theme::{self, space};
use crate::widgets::{self, Align, Column, Table};
use egui::{Label, RichText, TextEdit, TextStyle, Ui, Vec2};
use egui_material_icons::icons;
use glasshouse_protocol::{
    Command, RunConfig, RunLaunch, Steer, Sweep, SweepRow, SweepState, SweepSummary, TrainEvent,
    TrainingState,
};
use std::collections::BTreeSet;

const EXAMPLE: &str = r#"name = "rates"
search = "grid"    # or "random", with runs = 20 and seed = 1

[settings]
train.learning_rate = { from = 3e-4, to = 1e-2, scale = "log", count = 4 }
model.layers = [2, 4]

[stop]
rule = "never"     # or "halving" or "median", with rungs = [100, 300]
"#;

/// Maximum small multiples; those of the lowest losses.
const MULTIPLES: usize = 24;
const MULTIPLE: Vec2 = Vec2::new(150.0, 48.0);

#[derive(Debug, Default)]
pub(super) struct SweepForm {
    /// `None` shows the last sweep's file, or an example.
    toml: Option<String>,
    /// What was checked last, and the number of runs or what is wrong.
    checked: Option<(String, RunConfig, Result<usize, String>)>,
    asked: BTreeSet<(String, u64)>,
}

impl SweepForm {
    pub(super) fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        widgets::card(ui, |ui| self.form_ui(ui, context));
        let Some(sweep) = &context.state.lab.sweep else { return };
        ui.add_space(space::LARGE);
        widgets::card(ui, |ui| {
            head_ui(ui, sweep);
            table_ui(ui, context, sweep);
        });
        ui.add_space(space::LARGE);
        widgets::card(ui, |ui| {
            widgets::section(ui, "Parallel coordinates");
            caption(
                ui,
                "One line per run, from its settings to its lowest validation loss. The best run is drawn last and thick.",
            );
            parallel::parallel_ui(ui, sweep);
        });
        ui.add_space(space::LARGE);
        widgets::card(ui, |ui| self.multiples_ui(ui, context, sweep));
    }

    fn form_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        widgets::section(ui, "Sweep");
        caption(
            ui,
            "Trains a run for each combination of the values below, with the next run's settings for everything else. The runs have the sweep's \
             name as a tag. A stopped sweep continues when it is started again.",
        );
        let last = state.lab.sweep.as_ref().map(|sweep| sweep.toml.as_str());
        let mut written = self.toml.clone().unwrap_or_else(|| last.unwrap_or(EXAMPLE).to_owned());
        let field = TextEdit::multiline(&mut written).font(TextStyle::Monospace).desired_width(f32::INFINITY);
        if ui.add(field.desired_rows(10)).accessible_name("Sweep file").changed() {
            self.toml = Some(written.clone());
        }
        if !self.checked.as_ref().is_some_and(|(text, base, _)| *text == written && base == context.draft) {
            let counted = Sweep::from_toml(&written).and_then(|sweep| Ok(sweep.points(context.draft)?.len()));
            self.checked = Some((written.clone(), context.draft.clone(), counted));
        }
        let refused = match self.checked.as_ref().map(|(.., counted)| counted) {
            Some(Err(reason)) => {
                widgets::hint_line(ui, reason);
                true
            }
            Some(Ok(count)) => {
                widgets::quiet_text(ui, format::counted(*count as u64, "run"));
                false
            }
            None => true,
        };
        ui.horizontal_wrapped(|ui| {
            if sweeps(state) {
                if widgets::plain(ui, icons::ICON_STOP, "Stop the sweep").clicked() {
                    context.outbox.send(Steer::Stop);
                }
                return;
            }
            let goes_on =
                state.lab.sweep.as_ref().is_some_and(|sweep| !sweep.complete && sweep.toml == written);
            let idle = state.training.state == TrainingState::Idle;
            if enabled(ui, idle && !refused, if goes_on { "Resume the sweep" } else { "Start the sweep" }) {
                let launch = RunLaunch { sweep: Some(written.clone()), ..RunLaunch::default() };
                context.outbox.send(Command::Train { config: Box::new(context.draft.clone()), launch });
            }
            if !idle {
                widgets::quiet_text(ui, "A run is training. Stop it first; it can be resumed.");
            }
        });
    }

    /// The validation losses of each run.
    fn multiples_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, sweep: &SweepSummary) {
        widgets::section(ui, "Validation loss of each run");
        let shown: Vec<&SweepRow> =
            sweep.by_loss().into_iter().filter(|row| row.run.is_some()).take(MULTIPLES).collect();
        let training = &context.state.training;
        let live = training.run.as_ref().filter(|_| training.state != TrainingState::Idle);
        let gap = space::MEDIUM;
        let (columns, width) = widgets::columns_fit(ui.available_width(), MULTIPLE.x, gap);
        for line in shown.chunks(columns) {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = gap;
                for row in line {
                    let name = row.run.as_deref().unwrap_or_default();
                    let losses: Vec<f32> = if live.is_some_and(|run| run.name == name) {
                        training.evaluations.iter().map(|point| point.val_loss).collect()
                    } else {
                        want_history(context, &mut self.asked, name);
                        let history = context.state.runs.histories.get(name);
                        history
                            .into_iter()
                            .flat_map(|history| &history.events)
                            .filter_map(validation)
                            .collect()
                    };
                    ui.vertical(|ui| {
                        ui.set_width(width);
                        let best = sweep.best_row() == Some(*row);
                        let palette = context.palette;
                        let colour = if best { palette.accent } else { palette.series[1] };
                        widgets::sparkline(ui, &losses, Vec2::new(width, MULTIPLE.y), colour);
                        let words = format!(
                            "{} · {}",
                            row.values.join(" · "),
                            row.loss.map_or_else(|| format::NOTHING.to_owned(), format::loss_exact)
                        );
                        let text = RichText::new(words).text_style(theme::caption()).color(palette.quiet);
                        ui.add(Label::new(text).truncate());
                    });
                }
            });
            ui.add_space(space::SMALL);
        }
    }
}

fn validation(event: &TrainEvent) -> Option<f32> {
    match event {
        TrainEvent::Eval { val_loss, .. } => Some(*val_loss),
        _ => None,
    }
}

fn head_ui(ui: &mut Ui, sweep: &SweepSummary) {
    let ended = |row: &&SweepRow| {
        !matches!(row.state, SweepState::Waiting | SweepState::Training | SweepState::Begun)
    };
    let done = sweep.rows.iter().filter(ended).count();
    widgets::section(ui, &format!("{}: {done} of {} runs", sweep.name, sweep.rows.len()));
    if let Some((at, until)) = sweep.current {
        widgets::quiet_text(ui, format!("Run {} trains to step {}.", at + 1, format::whole(until)));
    }
}

fn table_ui(ui: &mut Ui, context: &mut Context<'_>, sweep: &SweepSummary) {
    let figures = SweepSummary::FIGURES.map(format::capitalized);
    let titles: Vec<&str> = sweep.settings.iter().chain(&figures).map(String::as_str).collect();
    let (varied, state) = (sweep.settings.len(), titles.len().saturating_sub(2));
    // On a phone, there is room for settings, loss and state.
    let has_room = |place: &usize| !widgets::is_narrow(ui) || *place <= varied || *place == state;
    let shown: Vec<usize> = (0..titles.len()).filter(has_room).collect();
    let columns = |width: f32| -> Vec<Column<'_>> {
        let title = |place: &usize| titles.get(*place).copied().unwrap_or_default();
        shown.iter().map(|place| Column { title: title(place), width, align: Align::Left }).collect()
    };
    let gaps = Table { columns: &columns(0.0), row: 26.0 }.width();
    let width = ((ui.available_width() - gaps) / shown.len() as f32).clamp(24.0, 160.0);
    let table = Table { columns: &columns(width), row: 26.0 };
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        table.titles_ui(ui);
        for row in sweep.by_loss() {
            let (name, cells) = (row.values.join(", "), row.cells());
            let pressed = table.row_ui(ui, &name, sweep.best_row() == Some(row), |ui, place| {
                let place = shown.get(place).copied().unwrap_or_default();
                let failed = row.state == SweepState::Failed && place == state;
                let colour = if failed { context.palette.failure } else { context.palette.text };
                let text = RichText::new(cells.get(place).map_or("", String::as_str)).color(colour);
                let label = ui.add(Label::new(text).truncate());
                if let Some(error) = row.error.as_ref().filter(|_| failed) {
                    label.on_hover_text(error);
                }
            });
            if pressed.clicked() && row.run.is_some() {
                *context.go = Some(PageName::Runs);
            }
        }
    });
}
