//! Learn: short lessons on the person's own machine and model. A lesson is a file in `app/lessons` or in a teacher's folder. This
//! page draws its text, instrument, prediction and check, and stores the results.

mod answers;
mod check;
mod instrument;
mod lesson;
mod library;
mod markdown;
mod measures;
mod quiz;
mod sheet;
mod text;

pub use lesson::{BUILT_IN, Broken, Lesson};
pub use library::Library;
pub use text::WHAT;

use crate::link;
use crate::pages::prelude::*;
use check::Checking;
use instrument::Shown;
use quiz::Quiz;

#[derive(Debug, Default)]
pub struct LearnPage {
    known: NextLessons,
    open: Option<String>,
    /// A lesson to open once lessons are read, counted from 1.
    wanted: Option<usize>,
    /// Message about an unavailable lesson in the address.
    lacks: Option<String>,
    shown: Shown,
    checking: Checking,
    quiz: Quiz,
}

/// The known lessons, and the next of them as a row of the home page.
#[derive(Debug, Default)]
pub struct NextLessons {
    library: Library,
    /// Opening number of the project whose lessons were requested.
    asked: Option<u64>,
    /// [`Lessons::revision`](crate::state::Lessons) of the files read last.
    read: Option<u64>,
}

impl NextLessons {
    /// Requests a teacher's lessons and the progress in all lessons, once per opened project, and parses the files if they changed.
    /// Returns whether they did.
    fn read(&mut self, context: &mut Context<'_>) -> bool {
        let openings = context.state.projects.openings;
        if context.state.engine.is_some() && self.asked.replace(openings) != Some(openings) {
            context.outbox.send(Command::ListLessons);
        }
        let lessons = &context.state.lessons;
        let changed = self.read.replace(lessons.revision) != Some(lessons.revision);
        if changed {
            self.library = Library::of(&lessons.files);
        }
        changed
    }

    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        self.read(context);
        let all = self.library.lessons.iter().enumerate();
        let next = all.filter(|(_, lesson)| !is_done(context, lesson)).take(columns(ui).0);
        let next: Vec<(usize, &Lesson)> = next.collect();
        section(ui, "Lessons");
        quiet_text(ui, done(context, &self.library));
        ui.add_space(space::SMALL);
        if let Some(place) = row_ui(ui, context, &next) {
            *context.lesson = Some(place + 1);
            *context.go = Some(PageName::Learn);
        }
    }
}

impl Page for LearnPage {
    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        self.read(context);
        if let Some(lacks) = &self.lacks {
            hint_line(ui, lacks);
        }
        let name = self.open.as_ref();
        let place =
            name.and_then(|name| self.known.library.lessons.iter().position(|lesson| lesson.name == *name));
        match place.and_then(|place| Some((place, self.known.library.lessons.get(place)?.clone()))) {
            Some((place, lesson)) => self.lesson_ui(ui, context, place, &lesson),
            None => self.list_ui(ui, context),
        }
    }

    /// The lessons of a project arrive with a new revision, which resets the exercises.
    fn for_project(self, _: bool) -> Self {
        self
    }

    /// A new lesson starts at its top.
    fn part(&self) -> &str {
        self.open.as_deref().unwrap_or_default()
    }

    /// Drops the queued runs.
    fn away(&mut self, _: &Ui, _: &mut Context<'_>) {
        self.checking.away();
    }
}

impl LearnPage {
    /// Opens a lesson by its number from 1.
    pub fn open(&mut self, number: usize) {
        self.wanted = Some(number);
    }

    /// Reads the lessons, and opens the one named in the address.
    fn read(&mut self, context: &mut Context<'_>) {
        if self.known.read(context) {
            (self.shown, self.checking, self.quiz) = Default::default();
        }
        let last = self.known.library.lessons.len();
        // A number beyond the built-in lessons may belong to a project that is still opening.
        let asked = context.state.is_waiting(|command| *command == Command::ListLessons);
        let waits = asked || (context.state.projects.open.is_none() && !context.state.projects.listed);
        if let Some(number) = self.wanted.take_if(|number| *number <= last || !waits) {
            let nearest = number.clamp(1, last.max(1));
            self.go(nearest - 1);
            self.lacks = (number != nearest)
                .then(|| format!("There is no lesson {number}; the nearest is {nearest} (1 to {last})."));
        }
    }

    fn go(&mut self, place: usize) {
        self.open = self.known.library.lessons.get(place).map(|lesson| lesson.name.clone());
        (self.shown, self.checking, self.quiz, self.lacks) = Default::default();
    }

    fn list_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        ui.horizontal_wrapped(|ui| {
            quiet_text(ui, done(context, &self.known.library));
            if quiet(ui, icons::ICON_REFRESH, "Read lessons again").clicked() {
                self.known.asked = None;
            }
            let begun = &context.state.lessons.progress;
            if !begun.is_empty() && quiet(ui, icons::ICON_DOWNLOAD, "Save answers").clicked() {
                let file = answers::json(&self.known.library.lessons, begun);
                context.asks.save = Some((format::file_name("lesson answers", "json"), file));
            }
        });
        ui.add_space(space::SMALL);
        let mut chosen = None;
        let (columns, _) = columns(ui);
        let lessons: Vec<(usize, &Lesson)> = self.known.library.lessons.iter().enumerate().collect();
        for row in lessons.chunks(columns) {
            chosen = row_ui(ui, context, row).or(chosen);
            ui.add_space(space::SMALL);
        }
        if let Some(place) = chosen {
            self.go(place);
        }
        for broken in &self.known.library.broken {
            hint_line(ui, &format!("{broken}. The other lessons are unchanged."));
        }
    }

    fn lesson_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, place: usize, lesson: &Lesson) {
        self.head_ui(ui, context, place, lesson);
        if self.open.as_ref() != Some(&lesson.name) {
            // The instrument and the prediction are already those of another lesson.
            return ui.ctx().request_repaint();
        }
        ui.label(RichText::new(&lesson.head.title).text_style(theme::title()));
        caption(ui, format!("about {} minutes", lesson.head.minutes));
        ui.add_space(space::SMALL);
        if context.state.projects.open.is_none() {
            quiet_text(ui, text::NO_PROJECT);
            if primary(ui, PageName::Home.icon(), "Choose a project").clicked() {
                *context.go = Some(PageName::Home);
            }
            ui.add_space(space::SMALL);
        }
        let width = ui.available_width();
        let prose = theme::PROSE;
        if width < 2.0 * prose {
            markdown::ui(ui, &lesson.text);
            self.work_ui(ui, context, lesson);
        } else {
            columns_ui(
                ui,
                space::SECTION,
                &[prose, width - prose - space::SECTION],
                |ui, place| match place {
                    0 => markdown::ui(ui, &lesson.text),
                    _ => self.work_ui(ui, context, lesson),
                },
            );
        }
    }

    /// The header of a lesson: back, previous and next, and close.
    fn head_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, place: usize, lesson: &Lesson) {
        let last = self.known.library.lessons.len().saturating_sub(1);
        ui.horizontal_wrapped(|ui| {
            if quiet(ui, icons::ICON_ARROW_BACK, "All lessons").clicked() {
                self.open = None;
                self.checking.away();
            }
            if place > 0 && quiet(ui, icons::ICON_CHEVRON_LEFT, "Previous lesson").clicked() {
                self.go(place - 1);
            }
            if place < last && quiet(ui, icons::ICON_CHEVRON_RIGHT, "Next lesson").clicked() {
                self.go(place + 1);
            }
            if quiet(ui, icons::ICON_PRINT, "Save a sheet to print").clicked() {
                let address = address(context, place, lesson);
                let pieces = self.shown.pieces(context, &lesson.head.instrument);
                let page = sheet::html(lesson, place + 1, &address, &pieces).into_bytes();
                context.asks.save = Some((format::file_name(&lesson.name, "html"), page));
            }
            if quiet(ui, icons::ICON_LINK, "Copy link").clicked() {
                ui.ctx().copy_text(address(context, place, lesson));
                context.asks.show_toast(text::COPIED);
            }
        });
    }

    /// The exercises of a lesson: test, what is asked about, prediction, measurement, instrument, test, code.
    fn work_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, lesson: &Lesson) {
        self.quiz.before_ui(ui, context, lesson);
        let predicted = check::progress(context, lesson).is_some();
        widgets::card(ui, |ui| self.shown.given_ui(ui, context, &lesson.head, predicted));
        ui.add_space(space::TIGHT);
        widgets::card(ui, |ui| self.checking.prediction_ui(ui, context, lesson));
        ui.add_space(space::TIGHT);
        let begun = widgets::card(ui, |ui| self.checking.check_ui(ui, context, lesson));
        ui.add_space(space::TIGHT);
        if begun && lesson.head.instrument.tokens.is_some() {
            // The measurement uses the lesson's own text, not one typed since.
            self.shown = Shown::default();
        }
        if predicted {
            self.shown.ui(ui, context, &lesson.head);
        }
        self.quiz.after_ui(ui, context, lesson);
        ui.add_space(space::TIGHT);
        if !lesson.head.code.is_empty() {
            widgets::card(ui, |ui| {
                head(ui, "In the code");
                for code in &lesson.head.code {
                    ui.add(Label::new(&code.what).wrap());
                    let kernel = code.kernel.as_ref().map(|kernel| format!(" · kernel {kernel}"));
                    let place = format!("{}{}", code.file, kernel.unwrap_or_default());
                    let words = RichText::new(place).text_style(theme::caption()).monospace();
                    ui.add(Label::new(words.color(context.palette.quiet)).wrap());
                }
            });
        }
    }
}

/// The address that opens a lesson with the settings of its runs, or else of the draft; natively only the query part.
fn address(context: &Context<'_>, place: usize, lesson: &Lesson) -> String {
    let mut words = format!("{}?lesson={}", link::page_address(), place + 1);
    let offer = lesson.head.run.first();
    let (preset, seed) =
        offer.map_or((&context.draft.preset, context.draft.seed), |offer| (&offer.preset, offer.seed));
    if presets::preset(preset).is_ok() {
        words.push_str(&format!("&preset={preset}&seed={seed}"));
    }
    words
}

fn is_done(context: &Context<'_>, lesson: &Lesson) -> bool {
    check::progress(context, lesson).is_some_and(|progress| progress.measurement.is_some())
}

fn done(context: &Context<'_>, library: &Library) -> String {
    let finished = library.lessons.iter().filter(|lesson| is_done(context, lesson)).count();
    format!("{finished} of {} done", library.lessons.len())
}

/// Lessons per row, and the width of each in points.
fn columns(ui: &Ui) -> (usize, f32) {
    columns_fit(ui.available_width(), 300.0, space::MEDIUM, usize::MAX)
}

/// A row of lessons with their indices. Returns the index of the clicked one.
fn row_ui(ui: &mut Ui, context: &Context<'_>, lessons: &[(usize, &Lesson)]) -> Option<usize> {
    let (columns, mut chosen) = (columns(ui), None);
    grid_ui(ui, columns, space::MEDIUM, lessons, |ui, (place, lesson)| {
        if card_ui(ui, context, *place, lesson) {
            chosen = Some(*place);
        }
    });
    chosen
}

/// A lesson's card. Returns whether it was clicked.
fn card_ui(ui: &mut Ui, context: &Context<'_>, number: usize, lesson: &Lesson) -> bool {
    let palette = context.palette;
    let progress = check::progress(context, lesson);
    let measured = progress.and_then(|progress| progress.measurement.as_ref());
    let (icon, words) = match (progress, measured) {
        (_, Some(_)) => (icons::ICON_CHECK_CIRCLE, "done"),
        (Some(_), None) => (icons::ICON_PENDING, "predicted"),
        (None, None) => (icons::ICON_RADIO_BUTTON_UNCHECKED, "not begun"),
    };
    let (_, card) = card_with(ui, palette.panel, |ui| {
        ui.horizontal(|ui| {
            let colour = if measured.is_some() { palette.accent } else { palette.quiet };
            ui.label(icon.rich_text().size(18.0).color(colour));
            let title = format!("{}. {}", number + 1, lesson.head.title);
            ui.add(Label::new(RichText::new(title).text_style(theme::strong())).truncate());
        });
        caption(ui, format!("about {} minutes · {words}", lesson.head.minutes));
        if let Some(measured) = measured {
            caption(ui, &measured.sentence);
        }
    });
    let response = ui.interact(card.rect, ui.scope_id().with(("lesson", number)), Sense::click());
    let name = format!("Lesson {}: {}, {words}", number + 1, lesson.head.title);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    if response.has_focus() || response.hovered() {
        let ring = Stroke::new(1.5, palette.accent);
        let corner = f32::from(theme::CARD_CORNER);
        ui.painter().rect_stroke(response.rect, corner, ring, StrokeKind::Inside);
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}
