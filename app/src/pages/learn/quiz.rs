//! A lesson's test: the same questions before the prediction and after the measurement.

use super::lesson::Question;
use super::*;

/// The test being taken.
#[derive(Debug, Default)]
pub struct Quiz {
    /// The choice of each question; empty before the test is begun.
    chosen: Vec<Option<usize>>,
}

impl Quiz {
    /// Draws the test before the prediction, until it is handed in or the prediction is made.
    pub fn before_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, lesson: &Lesson) {
        let taken = kept(context, lesson).before;
        if let Some(own) = check::progress(context, lesson)
            && own.measurement.is_none()
        {
            // A test that was not handed in is not that after the lesson.
            self.chosen.clear();
        }
        if lesson.head.test.is_empty() || check::progress(context, lesson).is_some() {
            return;
        }
        card(ui, |ui| {
            if taken.len() == lesson.head.test.len() {
                return caption(ui, "The test is submitted. The same questions follow after the lesson.");
            }
            let title = "Test yourself before the lesson";
            self.test_ui(ui, context, lesson, title, |kept, answers| kept.before = answers);
        });
        ui.add_space(space::TIGHT);
    }

    /// Draws the test after the measurement, and its results.
    pub fn after_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, lesson: &Lesson) {
        let is_done = check::progress(context, lesson).is_some_and(|own| own.measurement.is_some());
        if lesson.head.test.is_empty() || !is_done {
            return;
        }
        let LessonProgress { before, after, .. } = kept(context, lesson);
        ui.add_space(space::TIGHT);
        card(ui, |ui| {
            if after.len() != lesson.head.test.len() {
                let title = "Test yourself after the lesson";
                return self.test_ui(ui, context, lesson, title, |kept, answers| kept.after = answers);
            }
            head(ui, "Your test");
            let of = lesson.head.test.len();
            let earlier = score(&lesson.head.test, &before)
                .map(|right| format!("Before the lesson: {right} of {of} right. "));
            let now = score(&lesson.head.test, &after).unwrap_or_default();
            ui.label(format!("{}After it: {now} of {of} right.", earlier.unwrap_or_default()));
            for (question, answer) in lesson.head.test.iter().zip(&after) {
                let is_right = question.is_right(answer);
                let icon = if is_right { icons::ICON_CHECK_CIRCLE } else { icons::ICON_CANCEL };
                let colour = if is_right { context.palette.accent } else { context.palette.warning };
                ui.add_space(space::TIGHT);
                ui.add(Label::new(&question.question).wrap());
                icon_line(ui, icon, colour, RichText::new(question.answer()).color(context.palette.quiet));
            }
        });
    }

    fn test_ui(
        &mut self,
        ui: &mut Ui,
        context: &mut Context<'_>,
        lesson: &Lesson,
        title: &str,
        keep: impl FnOnce(&mut LessonProgress, Vec<String>),
    ) {
        head(ui, title);
        let questions = &lesson.head.test;
        if self.chosen.len() != questions.len() {
            caption(ui, "The results are kept in the project, and saved with the answers.");
            let count = format::counted(questions.len() as u64, "question");
            if plain(ui, icons::ICON_QUIZ, &format!("Answer {count}")).clicked() {
                self.chosen = vec![None; questions.len()];
            }
            return;
        }
        for (question, chosen) in questions.iter().zip(&mut self.chosen) {
            ui.add(Label::new(&question.question).wrap());
            for (place, choice) in question.choices.iter().enumerate() {
                if ui.radio(*chosen == Some(place), choice).clicked() {
                    *chosen = Some(place);
                }
            }
            ui.add_space(space::SMALL);
        }
        let open = context.state.projects.open.is_some();
        let answers = questions.iter().zip(&self.chosen);
        let answers: Option<Vec<String>> =
            answers.map(|(question, chosen)| question.choices.get((*chosen)?).cloned()).collect();
        ui.add_enabled_ui(open && answers.is_some(), |ui| {
            if primary(ui, icons::ICON_CHECK, "Hand in").clicked()
                && let Some(answers) = answers
            {
                let mut progress = kept(context, lesson);
                keep(&mut progress, answers);
                check::keep(context, lesson, progress);
                self.chosen.clear();
            }
        });
    }
}

/// The stored results of the lesson, even if its questions have changed since.
pub fn kept(context: &Context<'_>, lesson: &Lesson) -> LessonProgress {
    context.state.lessons.progress.get(&lesson.name).cloned().unwrap_or_default()
}

/// The number of right answers; `None` if the test was not taken.
pub fn score(questions: &[Question], answers: &[String]) -> Option<usize> {
    let right =
        || questions.iter().zip(answers).filter(|(question, answer)| question.is_right(answer)).count();
    (!answers.is_empty()).then(right)
}
