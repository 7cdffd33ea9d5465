//! The model's distribution at one token: the most likely tokens before and after temperature, and after every cut.

use super::*;
use crate::state::Distribution;

/// Row height of a candidate in points.
const ROW: f32 = 32.0;

/// The tokens before an index and the one at it; `None` for the first token.
pub fn prefix(text: &Text, place: usize) -> Option<(Vec<u32>, u32)> {
    let mut tokens = all_tokens(text);
    let before: Vec<u32> = tokens.by_ref().take(place).map(|token| token.id).collect();
    let chosen = tokens.next()?.id;
    (!before.is_empty()).then_some((before, chosen))
}

pub struct Explained<'a> {
    pub token: &'a WrittenToken,
    pub place: usize,
    /// The distribution there, once answered.
    pub distribution: Option<&'a Distribution>,
    /// The weights have changed since the text was generated.
    pub moved_on: bool,
    /// The text can be continued from an alternative.
    pub branches: bool,
}

/// Draws the distribution. Returns the text of a clicked alternative.
pub fn explain_ui(ui: &mut Ui, palette: &Palette, explained: &Explained<'_>) -> Option<String> {
    let Explained { token, place, distribution, moved_on, branches } = *explained;
    card(ui, |ui| {
        ui.set_min_height(ROW * 10.0 + 70.0);
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(visible(&token.text)).monospace().size(18.0).color(palette.accent));
            let Some(distribution) = distribution else {
                let text = if place == 0 { "The first token has no context." } else { "Asking the model…" };
                return caption(ui, text);
            };
            let chosen = distribution.candidates.iter().find(|candidate| candidate.id == token.id);
            if let Some(chosen) = chosen {
                let probability = format::percent(f64::from(chosen.probability));
                ui.label(format!("{probability} likely, rank {}", format::whole(chosen.rank as u64)));
            }
            term(ui, "Entropy", Some(palette.quiet));
            ui.label(format!("{:.2} bits", distribution.entropy_bits));
            caption(ui, format!("{} tokens left to draw from", format::whole(distribution.kept as u64)));
        });
        let distribution = distribution?;
        let verb = branches.then_some("Continue with");
        let pressed = candidates_ui(ui, palette, &distribution.candidates, Some(token.id), verb);
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add_space(4.0);
        if branches {
            caption(ui, "Press a token to continue from there.");
        }
        if moved_on {
            caption(ui, "The weights have changed since: these are the current probabilities.");
        }
        pressed.and_then(|place| Some(distribution.candidates.get(place)?.text.clone()))
    })
}
