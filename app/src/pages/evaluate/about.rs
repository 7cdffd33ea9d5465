//! How the evaluation was made, and what a reader should know before relying on it.

use super::audits::limits_ui;
use super::section::{Head, section_ui};
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{caption, column, head};
use crate::theme::{self, space};
use crate::widgets::{self, Stat, prose, stat_row};
use egui::{Label, Ui};
use glasshouse_protocol::Evaluation;

/// Maximum characters of a value next to its name; longer ones go below.
const SHORT: usize = 24;

pub(super) fn about_ui(ui: &mut Ui, context: &mut Context<'_>, evaluation: &Evaluation) {
    let model = &evaluation.model;
    let note = format!("{} parameters", format::count(model.parameters));
    let part = Head { key: "about", title: "Model and limitations", note: &note, open: true };
    section_ui(ui, context, part, None, |ui, _| {
        if !model.about.is_empty() {
            prose(ui, &model.about);
        }
        let rows = rows(evaluation);
        let width = ui.available_width().min(theme::PROSE);
        column(ui, width, |ui| {
            for (name, value, exact) in &rows {
                if value.chars().count() <= SHORT {
                    stat_row(ui, Stat { name, value, exact });
                } else {
                    caption(ui, *name);
                    ui.add(Label::new(value).wrap());
                }
            }
        });
        let settings =
            if model.is_from_preset() { "Settings that differ from the preset" } else { "Settings" };
        for (title, lines) in [("Trained on", &model.data), (settings, &model.settings)] {
            if !lines.is_empty() {
                ui.add_space(space::SMALL);
                head(ui, title);
                lines.iter().for_each(|line| {
                    widgets::quiet_text(ui, line);
                });
            }
        }
        limits_ui(ui, "Limitations", &evaluation.limits);
        ui.add_space(space::TIGHT);
        caption(ui, made(evaluation));
    });
}

/// Names, values, and exact values.
fn rows(evaluation: &Evaluation) -> Vec<(&'static str, String, String)> {
    let model = &evaluation.model;
    let loss = |loss: f64| (format::loss_exact(loss as f32), loss.to_string());
    let mut rows = Vec::new();
    let mut add = |name, value: Option<(String, String)>| {
        rows.extend(value.map(|(value, exact)| (name, value, exact)));
    };
    let words = |text: &String| (!text.is_empty()).then(|| (text.clone(), text.clone()));
    add("Shape", words(&model.shape));
    add("Tokenizer", words(&model.tokenizer));
    add("Training loss", model.train_loss.map(loss));
    add("Best validation loss", model.validation_loss.map(loss));
    add(
        "Time of training",
        model.train_seconds.map(|seconds| (format::duration(seconds), format!("{seconds} s"))),
    );
    add("Trained on the device", model.train_device.as_ref().and_then(words));
    add("FLOPs", model.train_flops.map(|flops| (format::scientific(flops), flops.to_string())));
    let speed = evaluation.likelihood.as_ref().and_then(|own| own.tokens_per_s);
    add("Evaluation speed", speed.map(|speed| (format::tokens_per_second(speed), speed.to_string())));
    add(
        "Training paused for",
        evaluation.held_training_ms.map(|ms| (format::duration(ms / 1e3), format!("{ms} ms"))),
    );
    rows
}

fn made(evaluation: &Evaluation) -> String {
    format!(
        "Made {} on {} in {}; intervals from {} resamples, seed {}; checkpoint {}, CRC-32C of its weights {:08x}.",
        format::date_time(evaluation.made.max(0.0) as u64),
        evaluation.device,
        format::duration(evaluation.seconds),
        format::whole(u64::from(evaluation.settings.resamples)),
        evaluation.settings.seed,
        evaluation.checkpoint,
        evaluation.weights_crc32c
    )
}
