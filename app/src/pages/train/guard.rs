//! What the guard saw in a run: marks on its curves, and the sentences in a list.

use super::Context;
use crate::format;
use crate::theme::{self, Palette};
use crate::widgets::{self, Mark};
use egui::{Color32, Label, RichText, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::{GuardReport, GuardSeverity};

/// Most that a list shows, the newest.
const LISTED: usize = 20;

/// The list of the run that is shown: the one in training, or else one of the past.
pub(super) fn fold_ui(ui: &mut Ui, context: &mut Context<'_>, of_past: &[GuardReport]) {
    let live = &context.state.training;
    let reports = if live.run.is_some() { live.guard.as_slice() } else { of_past };
    if reports.is_empty() {
        return;
    }
    let (count, palette) = (reports.len().to_string(), context.palette);
    widgets::fold(ui, context.preferences, "train:guard", ("Guard", &count), true, |ui, _| {
        list_ui(ui, palette, reports.iter());
    });
}

/// The sentences of what was seen, the newest first.
pub(in crate::pages) fn list_ui<'a>(
    ui: &mut Ui,
    palette: &Palette,
    reports: impl DoubleEndedIterator<Item = &'a GuardReport>,
) {
    for report in reports.rev().take(LISTED) {
        ui.horizontal_top(|ui| {
            let colour = colour(palette, report.severity);
            let icon = match report.severity {
                GuardSeverity::Info => icons::ICON_INFO,
                GuardSeverity::Warning | GuardSeverity::Critical => icons::ICON_WARNING,
            };
            ui.label(icon.rich_text().color(colour));
            ui.vertical(|ui| {
                ui.label(RichText::new(title(report)).text_style(theme::strong()));
                ui.add(Label::new(&report.text).wrap().selectable(true));
                if let Some(documents) = documents(report) {
                    let documents =
                        RichText::new(documents).color(palette.quiet).text_style(theme::caption());
                    ui.add(Label::new(documents).wrap().selectable(true));
                }
            });
        });
    }
}

/// Marks of what was seen, where it was seen: in one colour where there is one, and else by how bad it was.
pub(in crate::pages) fn marks<'a>(
    palette: &Palette,
    of_run: Option<Color32>,
    reports: impl Iterator<Item = &'a GuardReport>,
    place: impl Fn(u64) -> f64,
) -> Vec<Mark> {
    let mark = |report: &GuardReport| Mark {
        at: place(report.seen),
        colour: of_run.unwrap_or_else(|| colour(palette, report.severity)),
        text: format!("{}. {}", title(report), report.text),
    };
    reports.map(mark).collect()
}

fn title(report: &GuardReport) -> String {
    format!("Step {}: {}", format::whole(report.seen), report.kind.name())
}

fn colour(palette: &Palette, severity: GuardSeverity) -> Color32 {
    match severity {
        GuardSeverity::Info => palette.quiet,
        GuardSeverity::Warning => palette.warning,
        GuardSeverity::Critical => palette.failure,
    }
}

/// The documents that the batch was cut from, by their numbers in the training text.
fn documents(report: &GuardReport) -> Option<String> {
    let named = |number: u64, source: &Option<String>| match source {
        Some(source) => format!("{} ({source})", format::whole(number)),
        None => format::whole(number),
    };
    let all: Vec<String> =
        report.documents.iter().map(|document| named(document.number, &document.source)).collect();
    (!all.is_empty())
        .then(|| format!("The batch was cut from these documents of the training text: {}", all.join(", ")))
}
