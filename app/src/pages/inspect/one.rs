//! A single view outside of the Inspect page, for lessons.

use super::{
    Chosen, Shown, Wish,
    asking::Asking,
    chosen::{OF_LAYER, OF_POSITION},
    top, view_ui,
};
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

    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, source: &WeightSource) {
        self.chosen.source.clone_from(source);
        let view = self.view;
        let moment = context.state.runs.revision;
        self.asking.ask(context, &self.chosen, &[view], moment);
        let before = self.chosen.clone();
        ui.add(text_area("Prompt", "", 2, &mut self.chosen.prompt)).accessible_name("Prompt");
        if OF_POSITION.contains(&view) {
            top::positions_ui(ui, &self.asking, &mut self.chosen);
        }
        if OF_LAYER.contains(&view) {
            top::choosers_ui(ui, &self.asking, &mut self.chosen);
        }
        for notice in self.asking.notices(0) {
            caption(ui, notice);
        }
        if let Some(seen) = self.asking.seen_ui(ui, (0, view), &self.chosen.prompt) {
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
