//! The head of the page: how many bytes each stage keeps, from raw to kept, and the cleaning before, while and after it runs.

use super::stages::{colour, deeds, taken};
use super::*;
use crate::link::here;
use crate::state::Cleaning;
use glasshouse_protocol::cleaning::{CleaningProgress, Phase};

/// `1 document`, `1,200 documents`.
pub fn counted(documents: u64) -> String {
    format::counted(documents, "document")
}

impl DataPage {
    /// The bar of all bytes, with the main figure and the actions.
    pub(super) fn flow_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        let cleaning = &state.cleaning;
        if let Some(error) = cleaning.failed.as_ref().filter(|error| self.dismissed.as_ref() != Some(*error))
        {
            match failed(ui, error, Some("Clean again")) {
                Failed::Acted => self.clean(context),
                Failed::Dismissed => self.dismissed = Some(error.clone()),
                Failed::Waits => {}
            }
        }
        card(ui, |ui| match (&cleaning.progress, &cleaning.report) {
            (Some(progress), _) => working_ui(ui, context, progress),
            (None, Some(report)) => self.cleaned_ui(ui, context, report),
            (None, None) => Self::raw_ui(ui, context),
        });
    }

    /// Cleans the documents, after carrying out a pending removal.
    pub(super) fn clean(&mut self, context: &mut Context<'_>) {
        self.forgetting.take();
        self.dismissed = None;
        self.remove_now(context.outbox);
        context.outbox.send(Command::Clean);
    }

    fn cleaned_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, report: &CleaningReport) {
        let state = context.state;
        let (kept, raw) = (&report.kept, &report.raw);
        let share = kept.bytes as f64 / raw.bytes.max(1) as f64;
        let (part, all) = (format::whole(kept.documents), counted(raw.documents));
        let lines = [
            format!("{} kept of {}", format::bytes(kept.bytes), format::bytes(raw.bytes)),
            format!("{part} of {all} · recipe {}", report.recipe.name),
        ];
        let exact = format!("{} of {} bytes", format::whole(kept.bytes), format::whole(raw.bytes));
        top_ui(ui, &format::percent(share), &exact, &lines, |ui| {
            let save = plain(ui, icons::ICON_SAVE, "Save report");
            if save.on_hover_text("A self-contained page, also for printing").clicked() {
                let name = state.projects.open.as_ref().map(|open| open.summary.name.clone());
                context.asks.wish = Some(Wish::ExportReport { name: name.unwrap_or_default() });
            }
            if self.forgetting.pending().is_some() {
                let hint = "The raw text replaces the cleaned text in a few seconds";
                let keep = plain(ui, icons::ICON_UNDO, "Keep the cleaned text");
                if keep.on_hover_text(hint).clicked() {
                    self.forgetting.take();
                }
                return;
            }
            let hint = "Undo the cleaning: the tokenizer and runs read the raw documents again";
            if quiet(ui, icons::ICON_UNDO, "Use raw text").on_hover_text(hint).clicked() {
                self.forgetting.begin(ui, ());
            }
        });
        ui.add_space(space::TIGHT);
        segment_bar(ui, "Bytes from raw to kept", &segments(report, context), None);
        promise_ui(ui);
    }

    fn raw_ui(ui: &mut Ui, context: &Context<'_>) {
        let empty = DocumentsOverview::default();
        let state = context.state;
        let overview = state.documents.overview.as_ref().unwrap_or(&empty);
        let own = !overview.embedded && !overview.files.is_empty();
        let (documents, characters) = (counted(overview.documents), format::count(overview.characters));
        let distinct = format::whole(overview.distinct_characters as u64);
        let lines = [
            format!("{} of text", format::bytes(overview.bytes)),
            format!("{documents} · {characters} characters, {distinct} distinct"),
        ];
        top_ui(ui, "", "", &lines, |_| ());
        let part = |place, name: &str, (documents, bytes): (u64, u64)| {
            Segment::part(context.palette, place, format!("{name}, {}", counted(documents)), bytes)
        };
        let parts = [part(0, "training", overview.train), part(1, "validation", overview.validation)];
        segment_bar(ui, "Split of the text", &parts, None);
        if own {
            promise_ui(ui);
        }
    }
}

/// The bytes removed by each stage, and the kept rest.
fn segments(report: &CleaningReport, context: &Context<'_>) -> Vec<Segment> {
    let palette = context.palette;
    let mut all: Vec<Segment> = report
        .stages
        .iter()
        .filter(|stage| taken(stage) > 0)
        .map(|stage| Segment {
            name: stage.about.title.clone(),
            bytes: taken(stage),
            colour: colour(palette, stage.about.group),
            hover: format!("{}: {}", stage.about.title, deeds(stage)),
        })
        .collect();
    // Neighbouring segments of the same group alternate between two shades.
    let mut shade = false;
    for place in 1..all.len() {
        let (before, now) = all.split_at_mut(place);
        if let (Some(before), Some(now)) = (before.last(), now.first_mut()) {
            shade = before.colour == now.colour && !shade;
            if shade {
                now.colour = theme::mix(palette.panel, now.colour, 0.65);
            }
        }
    }
    all.push(Segment {
        name: "Kept".to_owned(),
        bytes: report.kept.bytes,
        colour: palette.accent,
        hover: format!("Kept: {}, {}", counted(report.kept.documents), format::bytes(report.kept.bytes)),
    });
    all
}

/// A main figure, lines that explain it, and buttons at the right, or below on narrow pages.
fn top_ui(ui: &mut Ui, number: &str, exact: &str, lines: &[String; 2], buttons: impl FnOnce(&mut Ui)) {
    let words = |ui: &mut Ui| {
        if !number.is_empty() {
            ui.label(RichText::new(number).text_style(theme::number())).on_hover_text(exact);
            ui.add_space(space::TIGHT);
        }
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            head(ui, &lines[0]);
            quiet_text(ui, &lines[1]);
        });
    };
    if ui.available_width() < 700.0 {
        ui.horizontal(words);
        ui.horizontal_wrapped(buttons);
        return;
    }
    let sides = egui::Sides::new().height(44.0).spacing(space::MEDIUM).shrink_left();
    sides.show(ui, words, buttons);
}

fn working_ui(ui: &mut Ui, context: &mut Context<'_>, done: &CleaningProgress) {
    let Cleaning { request, stopping: stops, resumed, .. } = context.state.cleaning;
    let share = done.share();
    let number = share.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0));
    let phase = match done.phase {
        _ if stops => "Stopping",
        Phase::Reading => "Reading documents and judging each",
        Phase::Comparing => "Comparing near duplicates",
        Phase::Judging => "Learning the spelling of the texts",
        Phase::Writing | Phase::Done => "Writing the kept documents",
    };
    let lines = [
        format!("{phase}…"),
        format!("{} read · {} kept so far", counted(done.documents), format::whole(done.kept)),
    ];
    let exact = format!("{} of {}", format::whole(done.done), format::whole(done.total));
    top_ui(ui, &number, &exact, &lines, |ui| {
        let stop = pressed(ui, !stops, |ui| plain(ui, icons::ICON_STOP, "Stop"));
        if let Some(request) = request.filter(|_| stop) {
            context.outbox.send(Command::Cancel { request });
        }
    });
    progress_bar(ui, share.unwrap_or(0.0), ui.available_width());
    if let Some(documents) = resumed {
        caption(ui, format!("Resuming after the {} read by a stopped cleaning.", counted(documents)));
    }
    promise_ui(ui);
}

/// States where the work is done.
fn promise_ui(ui: &mut Ui) {
    let quiet = Palette::of(ui).quiet;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        ui.spacing_mut().interact_size.y = 16.0;
        ui.label(icons::ICON_LOCK.rich_text().size(13.0).color(quiet));
        caption(ui, format!("Nothing leaves {}.", here()));
    });
}
