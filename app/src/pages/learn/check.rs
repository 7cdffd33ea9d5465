//! Prediction and check of a lesson: the prediction first, then the measurement, and whether the prediction held.

use super::lesson::{Offer, Prediction};
use super::measures::Missing;
use super::quiz::kept;
use super::*;
use crate::pages::home::grow_first_model;
use crate::pages::train::{busy, want_history};
use std::collections::VecDeque;

/// The prediction being made, and the measurement in progress.
#[derive(Debug, Default)]
pub struct Checking {
    /// The choice's index, or the typed number; `None` before any input.
    chosen: Option<f64>,
    /// A measurement was started and is not finished.
    measuring: bool,
    request: Option<(u64, Missing)>,
    asked: BTreeSet<(String, u64)>,
    /// Names of runs whose history could not be read, which are left out of the comparison.
    unread: BTreeSet<String>,
    /// Why the measurement is not possible now.
    lacks: Option<String>,
    /// Runs to train after the current one.
    queue: VecDeque<Offer>,
    /// The latest trained run before the current one was requested.
    before: Option<String>,
}

impl Checking {
    /// Draws the prediction, which stays fixed until it is withdrawn.
    pub fn prediction_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, lesson: &Lesson) {
        let prediction = &lesson.head.prediction;
        head(ui, "Predict first");
        ui.add(Label::new(&prediction.question).wrap());
        ui.add_space(space::TIGHT);
        if let Some(progress) = progress(context, lesson) {
            let words = format!("Your prediction: {}", progress.prediction);
            ui.add(Label::new(RichText::new(words).color(context.palette.accent)).wrap());
            if quiet(ui, icons::ICON_UNDO, "Predict again").clicked() {
                // The test before the lesson stays.
                let before = kept(context, lesson).before;
                let is_tested = !before.is_empty();
                let progress = LessonProgress { before, ..LessonProgress::default() };
                let progress = is_tested.then(|| Box::new(progress));
                context.outbox.send(Command::KeepLesson { lesson: lesson.name.clone(), progress });
                *self = Self::default();
            }
            return;
        }
        match &prediction.number {
            Some(number) => {
                let mut value = self.chosen.unwrap_or_default();
                ui.horizontal(|ui| {
                    let field = ui.add(DragValue::new(&mut value).speed(0.1).max_decimals(3));
                    if field.accessible_name("Your prediction").changed() {
                        self.chosen = Some(value);
                    }
                    ui.label(&number.unit);
                });
            }
            None => {
                for (place, choice) in prediction.choices.iter().enumerate() {
                    let is_chosen = self.chosen == Some(place as f64);
                    if ui.radio(is_chosen, &choice.text).clicked() {
                        self.chosen = Some(place as f64);
                    }
                }
            }
        }
        ui.add_space(space::TIGHT);
        // The initial number may be the answer.
        let number = prediction.number.is_some().then_some(0.0);
        let predicted = self.chosen.or(number).filter(|value| value.is_finite());
        let open = context.state.projects.open.is_some();
        ui.add_enabled_ui(open && predicted.is_some(), |ui| {
            if primary(ui, icons::ICON_CHECK, "Predict").clicked()
                && let Some(predicted) = predicted
            {
                let progress = LessonProgress {
                    question: prediction.question.clone(),
                    prediction: in_words(prediction, predicted),
                    predicted,
                    measurement: None,
                    ..kept(context, lesson)
                };
                keep(context, lesson, progress);
            }
        });
    }

    /// Draws the check. Returns whether a measurement was started.
    pub fn check_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, lesson: &Lesson) -> bool {
        head(ui, "Then measure");
        let Some(measure) = measures::find(&lesson.head.check.measure) else { return false };
        caption(ui, format!("Measured: {}.", measure.about));
        let mut begun = false;
        match progress(context, lesson).cloned() {
            None => quiet_text(ui, text::AFTER_PREDICTION),
            Some(progress) => {
                if let Some(measured) = &progress.measurement {
                    measured_ui(ui, context.palette, measured, &lesson.head.check.after);
                }
                let again = progress.measurement.is_some();
                ui.add_enabled_ui(!self.measuring, |ui| {
                    let icon = icons::ICON_STRAIGHTEN;
                    let button = match again {
                        true => plain(ui, icon, "Measure again"),
                        false => primary(ui, icon, "Measure"),
                    };
                    if button.clicked() {
                        (self.measuring, self.request, self.lacks) = (true, None, None);
                        self.unread.clear();
                        begun = true;
                    }
                });
                if self.measuring {
                    self.measure(context, lesson, progress);
                    if self.measuring {
                        caption(ui, "Measuring…");
                    }
                }
                if let Some(lacks) = &self.lacks {
                    hint_line(ui, lacks);
                }
            }
        }
        self.offers_ui(ui, context, &lesson.head.run);
        begun
    }

    /// Takes the measurement if all data is there, else requests what is missing.
    fn measure(&mut self, context: &mut Context<'_>, lesson: &Lesson, progress: LessonProgress) {
        let Some(measure) = measures::find(&lesson.head.check.measure) else { return };
        match measure.take(context.state, &lesson.head.instrument, &self.unread) {
            Ok(measured) => {
                let held = lesson.head.prediction.holds(progress.predicted, measured.value);
                let measurement = Some(LessonMeasurement { held, ..measured });
                let progress = LessonProgress { measurement, ..progress };
                keep(context, lesson, progress);
                (self.measuring, self.request) = (false, None);
            }
            Err(Missing::Runs(what)) => self.end(what),
            Err(Missing::End) => self.end(text::TRAINS.to_owned()),
            Err(Missing::Number) => self.end(text::NO_NUMBER.to_owned()),
            Err(Missing::Histories(runs)) if self.want(context, &runs) => {}
            Err(Missing::Histories(runs)) => {
                // Unreadable histories are not requested again: a message explains them, and the other runs are compared.
                let before = self.unread.len();
                self.unread.extend(runs);
                match self.unread.len() > before {
                    true => self.measure(context, lesson, progress),
                    false => self.end(text::NO_NUMBER.to_owned()),
                }
            }
            Err(missing) => self.ask(context, lesson, missing),
        }
    }

    /// Requests the runs' histories. Returns whether any is pending.
    fn want(&mut self, context: &mut Context<'_>, runs: &[String]) -> bool {
        let waits = context.state.is_waiting(|command| matches!(command, Command::ReadRun { .. }));
        let before = self.asked.len();
        for run in runs {
            want_history(context, &mut self.asked, run);
        }
        waits || self.asked.len() != before
    }

    fn end(&mut self, lacks: String) {
        (self.measuring, self.request, self.lacks) = (false, None, Some(lacks));
    }

    /// Requests missing data once, and ends the measurement if the answer did not bring it.
    fn ask(&mut self, context: &mut Context<'_>, lesson: &Lesson, missing: Missing) {
        if let Some((request, asked)) = &self.request
            && *asked == missing
        {
            if !context.state.waiting.contains_key(request) {
                let reason = context.state.inspections.failures.get(request).cloned();
                self.end(reason.unwrap_or_else(|| text::NO_NUMBER.to_owned()));
            }
            return;
        }
        let instrument = &lesson.head.instrument;
        let command = match &missing {
            Missing::Tokens if context.state.tokenizer.summary.is_none() => {
                return self.end(text::NO_TOKENIZER.to_owned());
            }
            Missing::Tokens => Command::Tokenize { text: instrument.tokens.clone().unwrap_or_default() },
            Missing::View(view, source) => Command::Inspect {
                source: source.clone(),
                prompt: instrument.prompt.clone(),
                further: Vec::new(),
                views: vec![*view],
                settings: Box::new(instrument.settings(*view)),
            },
            Missing::Histories(_) | Missing::Runs(_) | Missing::End | Missing::Number => return,
        };
        self.request = Some((context.outbox.send(command), missing));
    }

    /// The offered runs, and the one in training.
    fn offers_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, offers: &[Offer]) {
        self.go_on(context);
        let trains = context.state.training.state != TrainingState::Idle;
        if trains {
            let training = &context.state.training;
            let (words, share) = match &training.run {
                Some(run) => (format!("{} is training: step {}", run.name, run.progress()), run.share()),
                None => ("A run is training".to_owned(), 0.0),
            };
            if working(ui, &words, Some(share), Some("Stop")) {
                context.outbox.send(Steer::Stop);
                self.queue.clear();
            }
        }
        if measures::source(context.state, None).is_none() && offers.is_empty() && !trains {
            ui.add_enabled_ui(context.state.engine.is_some() && !busy(context), |ui| {
                if plain(ui, icons::ICON_POTTED_PLANT, "Grow your first model").clicked() {
                    grow_first_model(context);
                }
            });
        }
        if offers.is_empty() {
            return;
        }
        ui.add_space(space::SMALL);
        caption(ui, "Train for this lesson:");
        let ready = context.state.projects.open.is_some() && !busy(context);
        ui.add_enabled_ui(ready, |ui| {
            ui.horizontal_wrapped(|ui| {
                for offer in offers {
                    let means = format!("{}, seed {}, {} steps", offer.preset, offer.seed, offer.steps);
                    let button = plain(ui, PageName::Train.icon(), &offer.title);
                    if button.on_hover_text(means).clicked() {
                        self.train(context, offer);
                    }
                }
                if offers.len() > 1 {
                    let words = format!("All {}, one after another", offers.len());
                    let button = plain(ui, PageName::Train.icon(), &words);
                    if button.on_hover_text("Runs while this page is open").clicked() {
                        self.queue = offers.iter().cloned().collect();
                        self.train_next(context);
                    }
                }
            });
        });
        if !self.queue.is_empty() {
            let count = format::counted(self.queue.len() as u64, "run");
            caption(ui, format!("{count} queued, while this page is open."));
        }
    }

    /// Called when the page is left: drops the queued runs.
    pub fn away(&mut self) {
        self.queue.clear();
    }

    /// Starts the next queued run once the previous one completed all steps. If that was stopped, failed or never began, clears
    /// the queue.
    fn go_on(&mut self, context: &mut Context<'_>) {
        if self.queue.is_empty() || busy(context) {
            return;
        }
        let trained =
            context.state.training.run.as_ref().filter(|run| Some(&run.name) != self.before.as_ref());
        match trained.is_some_and(|run| run.state == RunState::Finished) {
            true => self.train_next(context),
            false => self.queue.clear(),
        }
    }

    fn train_next(&mut self, context: &mut Context<'_>) {
        if let Some(offer) = self.queue.pop_front() {
            self.train(context, &offer);
        }
    }

    fn train(&mut self, context: &mut Context<'_>, offer: &Offer) {
        match offer.config(context.draft) {
            Ok(config) => {
                let config = Box::new(config);
                self.before = context.state.training.run.as_ref().map(|run| run.name.clone());
                context.outbox.send(Command::Train { config, launch: RunLaunch::default() });
                self.lacks = None;
            }
            Err(problem) => {
                self.queue.clear();
                self.lacks = Some(problem);
            }
        }
    }
}

/// The lesson's progress in the open project; `None` also if the lesson's question has changed since.
pub fn progress<'a>(context: &'a Context<'_>, lesson: &Lesson) -> Option<&'a LessonProgress> {
    let asked = &lesson.head.prediction;
    let progress = context.state.lessons.progress.get(&lesson.name)?;
    let same =
        progress.question == asked.question && progress.prediction == in_words(asked, progress.predicted);
    same.then_some(progress)
}

pub fn keep(context: &mut Context<'_>, lesson: &Lesson, progress: LessonProgress) {
    let (lesson, progress) = (lesson.name.clone(), Some(Box::new(progress)));
    context.outbox.send(Command::KeepLesson { lesson, progress });
}

fn in_words(prediction: &Prediction, predicted: f64) -> String {
    match &prediction.number {
        Some(number) => format!("{predicted} {}", number.unit),
        None => {
            let choice = prediction.choices.iter().enumerate().find(|(place, _)| *place as f64 == predicted);
            choice.map_or_else(String::new, |(_, choice)| choice.text.clone())
        }
    }
}

/// The measured value, whether the prediction held, and the explanation.
fn measured_ui(ui: &mut Ui, palette: &Palette, measured: &LessonMeasurement, after: &str) {
    let (icon, colour, words) = match measured.held {
        true => (icons::ICON_CHECK_CIRCLE, palette.accent, "Your prediction held."),
        false => (icons::ICON_CANCEL, palette.warning, "Your prediction did not hold."),
    };
    ui.add(Label::new(&measured.sentence).wrap());
    icon_line(ui, icon, colour, RichText::new(words).color(colour));
    if let (Some(run), Some(step)) = (&measured.run, measured.step) {
        caption(ui, format!("Measured on {run}, step {}.", format::whole(step)));
    }
    if !after.is_empty() {
        ui.add_space(space::TIGHT);
        quiet_text(ui, after);
    }
    ui.add_space(space::SMALL);
}
