//! Inspect: a model processing a text, in many views. Each view is a section that can be opened. Open views follow the text, the
//! weights and the person's choices, one request at a time.

mod asking;
mod attention;
mod chosen;
mod diff;
mod embeddings;
mod graph;
mod head;
mod labelled;
mod logit_lens;
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
mod table;
mod text;
mod tokens;
mod top;
mod walk;
mod weights;
mod what_if;
mod wish;

pub use text::WHAT;
pub use wish::Wish;

use super::written::{named_run, run_of};
use crate::pages::prelude::*;
use asking::Asking;
use chosen::{Chosen, takes_long};
use labelled::{Labelled, strip_ui};
pub(super) use one::OneView;
use remembered::{anchored, remembered};
use scrub::Scrub;
pub(super) use shading::{largest, shaded_tokens};
use shown::Shown;
use std::collections::BTreeSet;

/// Seconds between updates of views of weights in training: fast views, slow views.
const LOOKS: [f64; 2] = [2.0, 10.0];

#[derive(Debug, Default)]
pub struct InspectPage {
    chosen: Chosen,
    asking: Asking,
    /// The prompt was set, by the start options or by typing, and is not replaced any more.
    typed: bool,
    /// Change count of the documents when requested.
    documents: Option<u64>,
    /// Step of the weights in training that fast and slow views last looked at, and when, in seconds of egui's clock.
    looked: [Option<(u64, f64)>; 2],
    /// The run whose weights are shown; chosen layers, heads and positions belong to its model.
    run: Option<String>,
    tables: BTreeSet<View>,
    scrub: Scrub,
    going: Option<View>,
    /// A request from an address, kept until there is a model.
    wished: Option<Wish>,
    embedded: bool,
    alone: Option<View>,
}

impl Page for InspectPage {
    fn needs(&self) -> Needs {
        Needs::Model(text::NO_PROJECT, text::NO_MODEL)
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        self.begin(context);
        self.follow_run(context);
        self.take_wish(context);
        let open = self.open(context);
        let [quick, slow] = self.moments(ui, context);
        let trains = context.state.training.state != TrainingState::Idle;
        let moment = |view: View| match view {
            // Occurrences in the training text do not depend on the weights.
            View::Provenance if trains => 0,
            _ if takes_long(view) => slow,
            _ => quick,
        };
        // The prompt's tokens are always needed.
        let mut asked = open.clone();
        if asked.iter().all(|view| *view == View::Diff) {
            asked.push(View::Tokens);
        }
        self.asking.ask_each(context, &self.chosen, &asked, moment);
        let before = self.chosen.clone();
        self.top_ui(ui, context, &open);
        ui.add_space(space::SMALL);
        self.sections_ui(ui, context);
        self.follow(ui, &before, context);
    }

    fn for_project(self, is_same: bool) -> Self {
        let Self { wished, embedded, alone, .. } = self;
        let prompt = if is_same { self.chosen.prompt } else { String::new() };
        let (chosen, typed) = (Chosen { prompt, ..Chosen::default() }, is_same && self.typed);
        Self { wished, embedded, alone, chosen, typed, ..Self::default() }
    }

    fn models(&self) -> Models<'_> {
        Models::Weights(named_run(&self.chosen.source).into_iter().collect())
    }
}

impl InspectPage {
    /// Sets the initial prompt from the person's own text, if there is any.
    fn begin(&mut self, context: &mut Context<'_>) {
        if self.typed {
            return;
        }
        let documents = &context.state.documents;
        if self.chosen.prompt.is_empty() {
            self.chosen.prompt = "Once upon a time".to_owned();
        }
        let Some(overview) = &documents.overview else {
            if self.documents.replace(documents.changes) != Some(documents.changes) {
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

    fn open(&self, context: &Context<'_>) -> Vec<View> {
        let open = |view: &View| section::is_open(context.preferences, *view);
        self.views().into_iter().filter(open).collect()
    }

    fn views(&self) -> Vec<View> {
        match (self.alone, &self.chosen.beside) {
            (Some(view), _) => vec![view],
            (None, Some(_)) => [&[View::Diff], &View::ALL[..]].concat(),
            (None, None) => View::ALL.to_vec(),
        }
    }

    /// The states of the weights in training for fast and slow views: the step of the last update, at most one per [`LOOKS`]
    /// interval.
    fn moments(&mut self, ui: &Ui, context: &Context<'_>) -> [u64; 2] {
        let training = &context.state.training;
        if training.state == TrainingState::Idle {
            self.looked = [None; 2];
            return [context.state.runs.revision; 2];
        }
        let now = ui.input(|input| input.time);
        let mut moments = [training.step(); 2];
        for ((looked, moment), seconds) in self.looked.iter_mut().zip(&mut moments).zip(LOOKS) {
            let (step, at) = *looked.get_or_insert((training.step(), now));
            if step == training.step() {
                continue;
            }
            let left = seconds - (now - at);
            if left > 0.0 || self.asking.is_waiting() {
                ui.ctx().request_repaint_after_secs(left.max(0.1) as f32);
                *moment = step;
            } else {
                *looked = Some((training.step(), now));
            }
        }
        moments
    }

    /// Resets choices that belong to a model when the weights become another run's.
    fn follow_run(&mut self, context: &Context<'_>) {
        let Some(run) = run_of(&self.chosen.source, context.state) else { return };
        if self.run.as_ref() == Some(&run.name) {
            return;
        }
        if self.run.replace(run.name.clone()).is_some() {
            self.chosen.another_model();
        }
    }

    /// Carries out the consequences of clicks.
    fn follow(&mut self, ui: &Ui, before: &Chosen, context: &mut Context<'_>) {
        self.typed |= self.chosen.take_written;
        if let Some(view) = self.chosen.go.take() {
            section::open(context.preferences, view);
            self.going = Some(view);
        }
        self.chosen.follow(ui, context, before);
    }
}

/// The first eight words of a text, enough for a prompt.
fn beginning(text: &str) -> String {
    text.split_whitespace().take(8).collect::<Vec<_>>().join(" ")
}

type Drawing = fn(&mut Ui, &Shown<'_>, &mut Chosen);

/// Drawings of the views; a view without one is a table.
const DRAWINGS: [(View, Drawing); 14] = [
    (View::Walk, walk::ui),
    (View::Tokens, tokens::ui),
    (View::Embeddings, embeddings::ui),
    (View::Positions, positions::ui),
    (View::Attention, attention::ui),
    (View::Head, head::ui),
    (View::Residual, residual::ui),
    (View::LogitLens, logit_lens::ui),
    (View::NextToken, next_token::ui),
    (View::Weights, weights::ui),
    (View::WhatIf, what_if::ui),
    (View::Provenance, provenance::ui),
    (View::Graph, graph::ui),
    (View::Diff, diff::ui),
];

fn view_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let drawing = DRAWINGS.into_iter().find(|(view, _)| *view == shown.data.view);
    anchored(ui, "view", |ui| match drawing {
        Some((_, draw)) => draw(ui, shown, chosen),
        None => table::ui(ui, shown),
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
