//! The inputs of the Inspect page: prompt and its tokens, weights, layer and head.

use super::{Chosen, InspectPage, asking::Asking, scrub};
use crate::pages::prelude::*;
use crate::pages::written::{another_source, source_ui};
use glasshouse_protocol::inspect::TokenText;

impl InspectPage {
    pub(super) fn top_ui(&mut self, ui: &mut Ui, context: &Context<'_>, open: &[View]) {
        card(ui, |ui| {
            beside_ui(ui, 300.0, space::LARGE, |ui, place| match place {
                0 => {
                    self.prompt_ui(ui);
                    self.scrub_ui(ui, context, open);
                }
                _ => {
                    self.weights_ui(ui, context);
                    choosers_ui(ui, &self.asking, &mut self.chosen);
                }
            });
            for notice in self.asking.notices(0) {
                caption(ui, notice);
            }
            positions_ui(ui, &self.asking, &mut self.chosen);
        });
        self.chosen.set.reference = scrub::reference(&self.chosen, context.state);
    }

    fn prompt_ui(&mut self, ui: &mut Ui) {
        let hint = "What text should the model read?";
        let (field, _) = composer(ui, "Prompt", hint, false, &mut self.chosen.prompt);
        self.typed |= field.changed();
    }

    fn weights_ui(&mut self, ui: &mut Ui, context: &Context<'_>) {
        let state = context.state;
        source_ui(ui, state, "Weights", &mut self.chosen.source);
        if let Some(beside) = &mut self.chosen.beside {
            source_ui(ui, state, "Weights to compare", beside);
        }
        let name = if self.chosen.beside.is_some() { "One model" } else { "Compare" };
        if plain(ui, icons::ICON_COMPARE, name).clicked() {
            self.chosen.beside = match &self.chosen.beside {
                Some(_) => None,
                None => another_source(&self.chosen.source, state).or(Some(WeightSource::Current)),
            };
        }
    }
}

/// The layer and head of single-layer and single-head views.
pub fn choosers_ui(ui: &mut Ui, asking: &Asking, chosen: &mut Chosen) {
    let Some(seen) = asking.last(0, &chosen.prompt) else { return };
    let (layers, heads) = (seen.answer.inspection.layers, seen.answer.inspection.heads);
    let layer = chosen.set.layer.unwrap_or(layers.saturating_sub(1));
    let head = chosen.set.head.unwrap_or(0);
    let of = &seen.answer.inspection;
    let mut about =
        format!("{} · step {} · {}", of.run, format::whole(of.step), format::short_device(&of.device));
    if let Some(ms) = of.held_training_ms {
        about += &format!(" · delayed training by {}", format::milliseconds(ms));
    }
    ui.horizontal_wrapped(|ui| {
        if let Some(layer) = number_ui(ui, "Layer", layer, layers) {
            chosen.set.layer = Some(layer);
        }
        if let Some(head) = number_ui(ui, "Head", head, heads) {
            chosen.set.head = Some(head);
        }
    });
    caption(ui, about);
}

/// The prompt's tokens; a click selects the position.
pub fn positions_ui(ui: &mut Ui, asking: &Asking, chosen: &mut Chosen) {
    let Some(seen) = asking.last(0, &chosen.prompt) else { return };
    let of = &seen.answer.inspection;
    let position = chosen.set.position.unwrap_or(of.tokens.len().saturating_sub(1));
    let chip = |(place, token): (usize, &TokenText)| Chip {
        below: token.id.to_string(),
        hover: format!("Position {place}: {}, token {}", visible(&token.text), token.id),
        ..Chip::of(place, &token.text, place == position)
    };
    let chips: Vec<Chip> = of.tokens.iter().enumerate().map(chip).collect();
    if of.cut > 0 {
        let (cut, length) = (format::whole(of.cut as u64), of.tokens.len());
        caption(ui, format!("The first {cut} tokens are left out: the context length is {length}."));
    }
    // A position in another text does not apply here.
    if let Some(place) = chips_ui(ui, Palette::of(ui), "positions", &chips)
        && seen.answer.prompt == chosen.prompt
    {
        chosen.set.position = Some(place);
    }
}

/// A list of numbers from 0. Returns the newly chosen one.
fn number_ui(ui: &mut Ui, name: &str, shown: usize, count: usize) -> Option<usize> {
    let mut chosen = shown;
    let choices: Vec<_> = (0..count).map(|number| (number, format!("{name} {number}"))).collect();
    choice_or(ui, (name, &format!("{name} {shown}")), &mut chosen, Some(96.0), &choices);
    (chosen != shown).then_some(chosen)
}
