//! Neurons of an MLP: the most active ones at a position, their activations along the prompt, and, for one of them, the passages
//! of the validation text that activate it most.

use super::{Chosen, Labelled, Shown, largest, shaded_tokens};
use crate::pages::prelude::*;
use glasshouse_protocol::inspect::{ActivatingPassage, Detail};

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let (data, palette) = (shown.data, shown.palette);
    let (neurons, activations) = (data.integers("neurons"), data.floats("activations"));
    if neurons.is_empty() {
        return caption(ui, "There are no neurons to show.");
    }
    let here = shown.place(shown.inspection.position);
    head(ui, &format!("Most active in layer {}, at position {here}", shown.layer()));
    let row = |(neuron, activation): (&u32, &f32)| {
        let label = format!("Neuron {neuron}, activation {activation:.3}");
        let hover = format!(
            "Neuron {neuron}: {activation}. Press it to find the passages with its strongest activations."
        );
        let chosen = chosen.set.neuron == Some(*neuron as usize);
        Ranked { chosen, ..Ranked::signed(palette, neuron.to_string(), *activation, label, hover) }
    };
    let rows: Vec<Ranked> = neurons.iter().zip(activations).map(row).collect();
    let ranking = Ranking { font: FontId::monospace(13.0), figures: 64.0, presses: true };
    if let Some(neuron) = ranking.ui(ui, palette, &rows).and_then(|place| neurons.get(place)) {
        chosen.set.neuron = Some(*neuron as usize);
    }
    ui.add_space(space::MEDIUM);
    strip_ui(ui, shown, chosen);
    passages_ui(ui, shown, chosen);
}

/// Activations of the neurons at every position.
fn strip_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let Some(hidden) = shown.data.tensor("hidden") else { return };
    let neurons = shown.data.integers("neurons");
    let positions = hidden.size(0);
    let of = |neuron: usize| (0..positions).map(move |place| hidden.at(&[place, neuron]).first().copied());
    let values: Vec<f32> = (0..neurons.len()).flat_map(of).map(|value| value.unwrap_or(f32::NAN)).collect();
    let rows: Vec<String> = neurons.iter().map(u32::to_string).collect();
    let columns: Vec<String> = (0..positions).map(|place| shown.token(place)).collect();
    head(ui, "Along the prompt");
    let lit = chosen.set.neuron.and_then(|neuron| neurons.iter().position(|own| *own as usize == neuron));
    let (name, scale) = ("Activations along the prompt", Scale::signed(&values));
    let chosen_cell = lit.map(|row| (row, shown.inspection.position));
    let map = Labelled { chosen: chosen_cell, ..Labelled::new(name, &rows, &columns, &values, scale) };
    let touched = map.ui(ui, shown.palette, |row, column, value| {
        let neuron = rows.get(row).map_or("", String::as_str);
        format!("Neuron {neuron}, position {}: {}", shown.place(column), format::signed(value, 4))
    });
    if let Some((row, column)) = touched.clicked {
        chosen.set.position = Some(column);
        chosen.set.neuron = neurons.get(row).map(|neuron| *neuron as usize);
    }
    ui.add_space(space::MEDIUM);
}

fn passages_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &Chosen) {
    let Some(neuron) = chosen.set.neuron else {
        return caption(ui, "Press a neuron for the passages of the validation text that activate it most.");
    };
    let mut details = shown.data.details.iter();
    let found = details.find_map(picked!(Detail::Passages { passages, searched } => (passages, *searched)));
    head(ui, &format!("Strongest activations of neuron {neuron}"));
    // The answer is for another neuron.
    if shown.settings.neuron != Some(neuron) {
        return caption(ui, "Searching the validation text…");
    }
    let Some((passages, searched)) = found else {
        return caption(ui, "There is no validation text to search.");
    };
    caption(ui, format!("Out of {} of validation text", format::counted(searched as u64, "token")));
    let most = largest(passages.iter().flat_map(|passage| &passage.activations));
    for (number, passage) in passages.iter().enumerate() {
        passage_ui(ui, shown.palette, (number, passage), most);
    }
}

fn passage_ui(ui: &mut Ui, palette: &Palette, (number, passage): (usize, &ActivatingPassage), most: f32) {
    let ActivatingPassage { tokens, activations, peak } = passage;
    let pieces = shaded_tokens(palette, tokens, activations, most, *peak);
    let strongest = activations.get(*peak).copied().unwrap_or(f32::NAN);
    caption(ui, format!("{}. up to {}", number + 1, format::signed(strongest, 3)));
    shaded_text(ui, &format!("Passage {}, up to {strongest:.3}", number + 1), &pieces, false, None);
}
