//! Inspect: a model at work on a text, seen from every side. Each view is a section that can be opened; what is open is kept up to date
//! with the text, the weights and what was pressed, one question at a time.

mod asking;
mod attention;
mod chosen;
mod embeddings;
mod graph;
mod head;
mod labelled;
mod logit_lens;
mod neurons;
mod next_token;
mod one;
mod positions;
mod provenance;
mod remembered;
mod residual;
mod scrub;
mod section;
mod shading;
mod shown;
mod strip;
mod table;
mod text;
mod tokens;
mod top;
mod walk;
mod weights;
mod what_if;
mod wish;

pub use wish::Wish;

use super::parts::Once;
use super::written::{has_model, named_run, run_of};
use super::{Context, PageName};
use crate::theme::space;
use crate::widgets::{self, what_is_this};
use asking::Asking;
use chosen::{Chosen, takes_long};
use egui::Ui;
use glasshouse_protocol::{Command, TrainingState, View};
pub(super) use one::OneView;
use scrub::Scrub;
use shown::Shown;
use std::collections::BTreeSet;

/// Seconds between two looks at weights in training: of views that are quick, and of those that take long.
const LOOKS: [f64; 2] = [2.0, 10.0];

/// What a person chose on the page.
#[derive(Debug, Default)]
pub struct InspectPage {
    chosen: Chosen,
    asking: Asking,
    /// The prompt is what the page begins with or what was typed: it is the person's from here on.
    typed: bool,
    documents: Once,
    /// The step of the weights in training that quick views and slow ones looked at, and when, in seconds of egui's clock.
    looked: [Option<(u64, f64)>; 2],
    /// The run whose weights are looked at: layers, heads and positions that were chosen are of its model.
    run: Option<String>,
    /// Views that are shown as tables.
    tables: BTreeSet<View>,
    scrub: Scrub,
    /// The view that is scrolled to.
    going: Option<View>,
    opening: u64,
    /// What an address asked for, until there is a model.
    wished: Option<Wish>,
    /// Part of another page.
    embedded: bool,
    /// The one view that is shown.
    alone: Option<View>,
}

impl InspectPage {
    /// The run whose model is shown, where the person chose one.
    pub fn looks_at(&self) -> Option<&str> {
        named_run(&self.chosen.source)
    }

    /// Draws the page.
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let opening = context.state.projects.open.as_ref().map(|open| open.opening);
        if let Some(opening) = opening.filter(|opening| *opening != self.opening) {
            let (wished, embedded, alone) = (self.wished.take(), self.embedded, self.alone);
            *self = Self { opening, wished, embedded, alone, ..Self::default() };
        }
        widgets::page(ui, PageName::Inspect.key(), |ui| {
            what_is_this(ui, context.preferences, PageName::Inspect.key(), text::WHAT);
            let icon = PageName::Inspect.icon();
            if opening.is_none() {
                if widgets::empty(ui, icon, "No project is open", text::NO_PROJECT, "Choose a project") {
                    *context.go = Some(PageName::Home);
                }
                return;
            }
            if !has_model(context) {
                let title = "Nothing has been trained yet";
                if widgets::empty(ui, icon, title, text::NO_MODEL, "Go to training") {
                    *context.go = Some(PageName::Train);
                }
                return;
            }
            self.begin(context);
            self.follow_run(context);
            self.take_wish(context);
            let open = self.open(context);
            let [quick, slow] = self.moments(ui, context);
            let trains = context.state.training.state != TrainingState::Idle;
            let moment = |view: View| match view {
                // Where a text stands in the training text says nothing of the weights.
                View::Provenance if trains => 0,
                _ if takes_long(view) => slow,
                _ => quick,
            };
            // What the prompt's tokens are is wanted in any case.
            let asked = if open.is_empty() { &[View::Tokens] } else { open.as_slice() };
            self.asking.ask_each(context, &self.chosen, asked, moment);
            let before = self.chosen.clone();
            self.top_ui(ui, context, &open);
            ui.add_space(space::SMALL);
            self.sections_ui(ui, context);
            self.follow(ui, &before, context);
        });
    }

    /// Begins with the person's own text, where there is any.
    fn begin(&mut self, context: &mut Context<'_>) {
        if self.typed {
            return;
        }
        let documents = &context.state.documents;
        if self.chosen.prompt.is_empty() {
            self.chosen.prompt = "Once upon a time".to_owned();
        }
        let Some(overview) = &documents.overview else {
            if self.documents.due(self.opening, documents.changes) {
                let (search, validation) = (String::new(), context.draft.data.validation);
                context.outbox.send(Command::ListDocuments { search, offset: 0, count: 1, validation });
            }
            return;
        };
        self.typed = true;
        let own = documents.page.first().filter(|_| !overview.embedded);
        let words = own.map(|document| beginning(&document.preview)).unwrap_or_default();
        if !words.is_empty() {
            self.chosen.prompt = words;
        }
    }

    /// Views that are open, in the page's order.
    fn open(&self, context: &Context<'_>) -> Vec<View> {
        let open = |view: &View| section::is_open(context.preferences, *view);
        self.views().into_iter().filter(open).collect()
    }

    /// Views that the page has.
    fn views(&self) -> Vec<View> {
        self.alone.map_or_else(|| View::ALL.to_vec(), |view| vec![view])
    }

    /// Counts states of the weights that are in training, for views that are quick and for slow ones: while a run trains, its step at
    /// the last look, which is moved on at most as often as [`LOOKS`] says.
    fn moments(&mut self, ui: &Ui, context: &Context<'_>) -> [u64; 2] {
        let training = &context.state.training;
        if training.state == TrainingState::Idle {
            self.looked = [None; 2];
            return [context.state.runs.revision; 2];
        }
        let now = ui.input(|input| input.time);
        let mut moments = [training.step; 2];
        for ((looked, moment), seconds) in self.looked.iter_mut().zip(&mut moments).zip(LOOKS) {
            let (step, at) = *looked.get_or_insert((training.step, now));
            if step == training.step {
                continue;
            }
            let left = seconds - (now - at);
            if left > 0.0 || self.asking.is_waiting() {
                ui.ctx().request_repaint_after_secs(left.max(0.1) as f32);
                *moment = step;
            } else {
                *looked = Some((training.step, now));
            }
        }
        moments
    }

    /// What belongs to one run's model is forgotten where the weights are another run's, whoever chose them.
    fn follow_run(&mut self, context: &Context<'_>) {
        let Some(run) = run_of(&self.chosen.source, context.state) else { return };
        if self.run.as_ref() == Some(&run.name) {
            return;
        }
        if self.run.replace(run.name.clone()).is_some() {
            self.chosen.another_model();
        }
    }

    /// Does what follows from what was pressed.
    fn follow(&mut self, ui: &Ui, before: &Chosen, context: &mut Context<'_>) {
        if std::mem::take(&mut self.chosen.take_written) {
            match context.state.writing.texts.values().next_back() {
                Some(text) => self.chosen.prompt = text.prompt.clone() + &text.said,
                None => context.asks.tell("No text has been written yet: write one on Write or in Chat"),
            }
            self.typed = true;
        }
        if self.chosen.prompt != before.prompt {
            self.chosen.another_prompt();
        }
        if let Some(view) = self.chosen.go.take() {
            section::open(context.preferences, view);
            self.going = Some(view);
        }
        if self.chosen != *before {
            // What changed is asked for in the next frame.
            ui.ctx().request_repaint();
        }
    }
}

/// The first words of a text: as much as a prompt needs.
fn beginning(text: &str) -> String {
    text.split_whitespace().take(8).collect::<Vec<_>>().join(" ")
}

/// Draws a view.
fn view_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    remembered::anchored(ui, "view", |ui| match shown.data.view {
        View::Walk => walk::ui(ui, shown, chosen),
        View::Tokens => tokens::ui(ui, shown, chosen),
        View::Embeddings => embeddings::ui(ui, shown, chosen),
        View::Positions => positions::ui(ui, shown, chosen),
        View::Attention => attention::ui(ui, shown, chosen),
        View::Head => head::ui(ui, shown, chosen),
        View::Residual => residual::ui(ui, shown, chosen),
        View::Neurons => neurons::ui(ui, shown, chosen),
        View::LogitLens => logit_lens::ui(ui, shown, chosen),
        View::NextToken => next_token::ui(ui, shown, chosen),
        View::Weights => weights::ui(ui, shown, chosen),
        View::WhatIf => what_if::ui(ui, shown, chosen),
        View::Provenance => provenance::ui(ui, shown, chosen),
        View::Graph => graph::ui(ui, shown, chosen),
    });
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn a_prompt_is_the_first_words_of_a_text() {
        assert_eq!(
            beginning("One day,\n a little girl named Mia found a key."),
            "One day, a little girl named Mia found"
        );
        assert_eq!(beginning("  "), "");
    }
}
