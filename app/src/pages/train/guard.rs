//! Reports of the training guard: marks on the curves, and a list of sentences with the documents of each batch.

use crate::pages::prelude::*;

/// Maximum reports in a list, newest first.
const LISTED: usize = 20;
/// Maximum documents of a batch that can be opened.
const OPENED: usize = 6;

/// The list for the shown run: the one in training, or a past one.
pub fn fold_ui(ui: &mut Ui, context: &mut Context<'_>, past: Option<&Training>) {
    let state = context.state;
    let shown = if state.training.run.is_some() { Some(&state.training) } else { past };
    let Some(Training { guard: reports, run, .. }) = shown.filter(|shown| !shown.guard.is_empty()) else {
        return;
    };
    let learns_from = run.as_ref().map(|run| run.learns_from).unwrap_or_default();
    let (count, palette) = (reports.len().to_string(), context.palette);
    let title = ("Guard", count.as_str());
    let pressed = fold(ui, context.preferences, "train:guard", title, true, |ui, _| {
        list_ui(ui, palette, learns_from, reports.iter())
    });
    open(context, pressed.flatten());
}

pub fn open(context: &mut Context<'_>, pressed: Option<String>) {
    if let Some(words) = pressed {
        context.asks.document = Some(words);
        *context.go = Some(PageName::Data);
    }
}

/// The reports of a run, newest first. Returns the words of the clicked document, for [`open`].
pub fn list_ui<'a>(
    ui: &mut Ui,
    palette: &Palette,
    learns_from: LearnsFrom,
    reports: impl DoubleEndedIterator<Item = &'a GuardReport>,
) -> Option<String> {
    let mut pressed = None;
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
                if let Some(words) = documents_ui(ui, learns_from, &report.documents) {
                    pressed = Some(words);
                }
            });
        });
    }
    pressed
}

/// The documents of a batch, the first ones quoted. Returns the words of the clicked one.
fn documents_ui(ui: &mut Ui, learns_from: LearnsFrom, documents: &[GuardDocument]) -> Option<String> {
    let numbers: Vec<String> = documents.iter().map(numbered).collect();
    if numbers.is_empty() {
        return None;
    }
    let numbers =
        format!("The batch contains parts of these documents of the training text: {}", numbers.join(", "));
    let numbers = RichText::new(numbers).color(Palette::of(ui).quiet).text_style(theme::caption());
    ui.add(Label::new(numbers).wrap().selectable(true));
    let elsewhere = elsewhere(learns_from);
    if let Some(words) = elsewhere {
        caption(ui, words);
    }
    let mut pressed = None;
    let known = documents.iter().filter_map(|document| Some((document, document.words.as_ref()?)));
    for (document, words) in known.take(OPENED) {
        ui.horizontal(|ui| {
            let name = format!("Read document {} on Data", numbered(document));
            if icon_button(ui, elsewhere.is_none(), icons::ICON_DESCRIPTION, &name) {
                pressed = Some(words.clone());
            }
            ui.add(Label::new(format!("{}: {words}", numbered(document))).truncate());
        });
    }
    let more = documents.iter().filter(|document| document.words.is_some()).count().saturating_sub(OPENED);
    if more > 0 {
        caption(ui, format!("and {more} more"));
    }
    pressed
}

/// Why the documents of a run's batches cannot be opened on the Data page, if so.
fn elsewhere(learns_from: LearnsFrom) -> Option<&'static str> {
    match learns_from {
        LearnsFrom::Documents => None,
        LearnsFrom::Feedback => Some("They are rows of feedback, which are listed on Chat, not on Data."),
        LearnsFrom::Tasks => Some("They are instruction tasks or rows of a recipe, not documents on Data."),
    }
}

/// A document by its number in the training text, and its source.
fn numbered(document: &GuardDocument) -> String {
    let number = format::whole(document.number);
    match &document.source {
        Some(source) => format!("{number} ({source})"),
        None => number,
    }
}

/// Marks of the reports: in the run's colour if given, else by severity.
pub fn marks<'a>(
    palette: &Palette,
    of_run: Option<Color32>,
    reports: impl Iterator<Item = &'a GuardReport>,
    place: impl Fn(u64) -> f64,
) -> Vec<Mark> {
    let mark = |report: &GuardReport| Mark {
        at: place(report.seen),
        colour: of_run.unwrap_or_else(|| colour(palette, report.severity)),
        name: match (of_run, report.severity) {
            (Some(_), _) => "guard",
            (None, GuardSeverity::Info) => "guard: info",
            (None, GuardSeverity::Warning) => "guard: warning",
            (None, GuardSeverity::Critical) => "guard: critical",
        },
        text: format!("{}. {}", title(report), report.text),
    };
    reports.map(mark).collect()
}

fn title(report: &GuardReport) -> String {
    format!("Step {}: {}", format::whole(report.seen), report.kind.title())
}

fn colour(palette: &Palette, severity: GuardSeverity) -> Color32 {
    match severity {
        GuardSeverity::Info => palette.quiet,
        GuardSeverity::Warning => palette.warning,
        GuardSeverity::Critical => palette.failure,
    }
}
