//! A single view outside of the Inspect page, for lessons.

use super::{Chosen, Shown, Wish, asking::Asking, chosen::OF_LAYER, top, view_ui};
use crate::pages::prelude::*;

#[derive(Debug)]
pub struct OneView {
    view: View,
    chosen: Chosen,
    asking: Asking,
}

impl OneView {
    pub fn new(view: View, prompt: &str, settings: &InspectSettings) -> Self {
        let set = InspectSettings { every_part: false, ..settings.clone() };
        let chosen = Chosen { prompt: prompt.to_owned(), set, ..Chosen::default() };
        Self { view, chosen, asking: Asking::default() }
    }

    /// Draws the prompt with its tokens and, for views of a part, the choice of that part. Asks for the view only if it `shows`.
    pub fn prompt_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, source: &WeightSource, shows: bool) {
        self.chosen.source.clone_from(source);
        let moment = context.state.runs.revision;
        // The view of the tokens needs one pass, as every other.
        let asked = if shows { self.view } else { View::Tokens };
        self.asking.ask(context, &self.chosen, &[asked], moment);
        let before = self.chosen.clone();
        ui.add(text_area("Prompt", "", 2, &mut self.chosen.prompt)).accessible_name("Prompt");
        top::positions_ui(ui, &self.asking, &mut self.chosen);
        if OF_LAYER.contains(&self.view) {
            top::choosers_ui(ui, &self.asking, &mut self.chosen);
        }
        for notice in self.asking.notices(0) {
            caption(ui, notice);
        }
        self.chosen.follow(ui, context, &before);
    }

    /// The texts of a prompt's tokens; empty unless that prompt was answered last.
    pub fn pieces(&self, prompt: &str) -> Vec<String> {
        let seen = self.asking.last(0, prompt).filter(|seen| seen.answer.prompt == prompt);
        let tokens = seen.map_or(&[][..], |seen| &seen.answer.inspection.tokens);
        tokens.iter().map(|token| token.text.clone()).collect()
    }

    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let before = self.chosen.clone();
        if let Some(seen) = self.asking.seen_ui(ui, (0, self.view), &self.chosen.prompt) {
            let (answer, data) = (seen.answer.clone(), seen.data.clone());
            view_ui(ui, &Shown::new(&answer, &data, 0, context.palette), &mut self.chosen);
        }
        // A view may open another one, which is on the Inspect page.
        if let Some(view) = self.chosen.go.take() {
            let InspectSettings { layer, head, position, .. } = self.chosen.set;
            let (view, prompt) = (Some(view), Some(self.chosen.prompt.clone()));
            *context.look = Some(Wish { view, prompt, layer, head, position, ..Wish::default() });
            *context.go = Some(PageName::Inspect);
        }
        self.chosen.follow(ui, context, &before);
    }
}
