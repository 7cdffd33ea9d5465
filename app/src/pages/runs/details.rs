//! One run: its note, its checkpoints, what it wrote, and what can be done with it.

use super::super::{Context, PageName};
use crate::format;
use crate::link::Wish;
use crate::theme::{self, space};
use crate::widgets::{self, Align, Column, Stat, Table};
use egui::{Label, RichText, TextEdit, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::{Command, ErrorReport, RunSummary, TrainEvent, TrainingState};

/// What a person does with a run.
#[derive(Debug, Default)]
pub(super) struct Details {
    /// The note that is being written: the run's name, the note, and what it was.
    note: Option<(String, String)>,
}

impl Details {
    pub(super) fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
        if let Some(error) = &run.error {
            let report = ErrorReport { kind: "device_lost".to_owned(), message: error.clone(), field: None };
            widgets::banner(ui, &report);
        }
        let wide = ui.available_width() > 720.0;
        if wide {
            widgets::halves(ui, space::LARGE, |ui, column| match column {
                0 => self.about_ui(ui, context, run),
                _ => checkpoints_ui(ui, context, run),
            });
        } else {
            self.about_ui(ui, context, run);
            ui.add_space(space::SMALL);
            checkpoints_ui(ui, context, run);
        }
    }

    fn about_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
        widgets::card(ui, |ui| {
            widgets::section(ui, &run.name);
            widgets::quiet_text(ui, format!("{} · {}", run.shape, run.device));
            ui.add_space(space::SMALL);
            let loss = |loss: Option<f32>| loss.map_or(format::NOTHING.to_owned(), format::loss_exact);
            let row = |ui: &mut Ui, name: &str, value: &str| {
                widgets::stat_row(ui, Stat { name, value, exact: "" });
            };
            row(ui, "Best validation loss", &loss(run.best_val_loss));
            row(ui, "Steps", &format!("{} / {}", format::whole(run.step), format::whole(run.steps)));
            row(ui, "Time", &format::duration(run.seconds));
            if let Some(estimated) = run.estimated_seconds {
                row(ui, "Estimated", &format::duration(estimated));
            }
            ui.add_space(space::SMALL);
            self.note_ui(ui, context, run);
            ui.add_space(space::SMALL);
            actions_ui(ui, context, run);
            let wrote = context.state.runs.histories.get(&run.name).and_then(|history| {
                history.events.iter().rev().find_map(|event| match event {
                    TrainEvent::Sample { text, .. } => Some(text.clone()),
                    _ => None,
                })
            });
            if let Some(text) = wrote {
                ui.add_space(space::MEDIUM);
                ui.label(RichText::new("Wrote last").text_style(theme::strong()));
                ui.add(Label::new(text.trim()).wrap().selectable(true));
            }
        });
    }

    fn note_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
        let (_, note) = match &mut self.note {
            Some(note) if note.0 == run.name => note,
            other => other.insert((run.name.clone(), run.notes.clone())),
        };
        let field = TextEdit::multiline(note)
            .hint_text("A note about this run")
            .desired_rows(2)
            .desired_width(f32::INFINITY);
        let edited = ui.add(field).accessible_name("Note");
        if edited.lost_focus() && *note != run.notes {
            context.outbox.send(Command::SaveNotes { run: run.name.clone(), notes: note.clone() });
        }
    }
}

fn actions_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    let idle = context.state.training.state == TrainingState::Idle;
    ui.horizontal_wrapped(|ui| {
        ui.add_enabled_ui(idle && run.step < run.steps, |ui| {
            if widgets::plain(ui, icons::ICON_PLAY_ARROW, "Resume").clicked() {
                context.outbox.send(Command::Resume { run: Some(run.name.clone()), stop_after: None });
                *context.go = Some(PageName::Train);
            }
        });
        if widgets::plain(ui, icons::ICON_DOWNLOAD, "Export model")
            .on_hover_text("As a Hugging Face folder, which other programs read")
            .clicked()
        {
            context.asks.wish = Some(Wish::ExportModel { run: run.name.clone() });
        }
        let config = context.state.runs.histories.get(&run.name).map(|history| history.config.clone());
        ui.add_enabled_ui(config.is_some(), |ui| {
            let use_it = widgets::plain(ui, icons::ICON_CONTENT_COPY, "Use its settings");
            if let Some(config) = config.filter(|_| use_it.clicked()) {
                *context.draft = config;
                context.asks.tell("The next run begins with these settings");
            }
        });
    });
}

fn checkpoints_ui(ui: &mut Ui, context: &mut Context<'_>, run: &RunSummary) {
    const COLUMNS: [Column<'static>; 4] = [
        Column { title: "Step", width: 70.0, align: Align::Right },
        Column { title: "Validation", width: 72.0, align: Align::Right },
        Column { title: "Size", width: 62.0, align: Align::Right },
        Column { title: "", width: 120.0, align: Align::Left },
    ];
    let history = context.state.runs.histories.get(&run.name);
    let checkpoints = history.map_or(&run.checkpoints, |history| &history.checkpoints).clone();
    let idle = context.state.training.state == TrainingState::Idle;
    widgets::card(ui, |ui| {
        ui.label(RichText::new("Checkpoints").text_style(theme::strong()));
        if checkpoints.is_empty() {
            widgets::quiet_text(ui, "None was saved yet.");
            return;
        }
        let table = Table { columns: &COLUMNS, row: 34.0 };
        ui.spacing_mut().item_spacing.y = 1.0;
        table.titles_ui(ui);
        for checkpoint in checkpoints.iter().rev() {
            let mut restored = false;
            table.row_ui(ui, &checkpoint.file, false, |ui, place| match place {
                0 => {
                    ui.label(format::whole(checkpoint.step));
                }
                1 => {
                    let loss = checkpoint.val_loss.map_or(format::NOTHING.to_owned(), format::loss_exact);
                    let loss = RichText::new(loss);
                    ui.label(if checkpoint.best { loss.color(context.palette.accent) } else { loss });
                }
                2 => {
                    ui.label(RichText::new(format::bytes(checkpoint.bytes)).color(context.palette.quiet));
                }
                _ => {
                    ui.add_enabled_ui(idle, |ui| {
                        let button = widgets::quiet(ui, icons::ICON_HISTORY, "Restore");
                        let means = match checkpoint.resumable {
                            true => "A new run goes on from here",
                            false => "A new run begins with these weights",
                        };
                        restored = button.on_hover_text(means).clicked();
                    });
                    if checkpoint.best {
                        ui.label(icons::ICON_STAR.rich_text().size(14.0).color(context.palette.accent))
                            .on_hover_text("The lowest validation loss of the run");
                    }
                }
            });
            if restored {
                let sent = context.outbox.send(Command::RestoreCheckpoint {
                    run: run.name.clone(),
                    checkpoint: checkpoint.file.clone(),
                });
                let step = format::whole(checkpoint.step);
                let text = format!("A new run begins at step {step} of {}", run.name);
                context.asks.tell_when_done(sent, text, None);
            }
        }
    });
}
