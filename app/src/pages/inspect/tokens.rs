//! Tokens with their probability given the preceding ones. A stronger strip below a token means more surprise.

use super::{Chosen, Shown};
use crate::pages::prelude::*;

/// Surprise in bits at which the strip has its strongest colour.
const MAX_BITS: f32 = 12.0;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let (tokens, surprise) = (shown.data.integers("ids").len(), shown.data.floats("surprise"));
    if tokens == 0 {
        return caption(ui, "There are no tokens to show.");
    }
    // A classifier gives tokens no probability.
    if !surprise.is_empty() {
        summary_ui(ui, surprise, shown.data.floats("entropy"));
    }
    let position = chosen.set.position.unwrap_or(tokens - 1);
    let chips: Vec<Chip> = (0..tokens).map(|place| chip(shown, place, place == position)).collect();
    if let Some(place) = chips_ui(ui, shown.palette, "tokens", &chips) {
        chosen.set.position = Some(place);
    }
}

/// Averages over the prompt's tokens except the first.
fn summary_ui(ui: &mut Ui, surprise: &[f32], entropy: &[f32]) {
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
    let Some(scored) = surprise.get(1..).filter(|scored| !scored.is_empty()) else {
        return caption(ui, "A single token has no context to be predicted from: type more.");
    };
    let bits = mean(scored);
    ui.horizontal_wrapped(|ui| {
        term(ui, "Perplexity", None);
        ui.label(format!("{:.2}", bits.exp2()));
        caption(ui, format!("{bits:.3} bits per token"));
        if let Some(expected) = entropy.get(..entropy.len().saturating_sub(1)).filter(|all| !all.is_empty()) {
            caption(ui, format!("expected {:.3} (mean entropy)", mean(expected)));
        }
    });
}

fn chip(shown: &Shown<'_>, place: usize, is_chosen: bool) -> Chip {
    let text = shown.inspection.tokens.get(place).map_or("", |token| token.text.as_str());
    let at = |name: &str| shown.data.floats(name).get(place).copied().unwrap_or(f32::NAN);
    let id = shown.data.integers("ids").get(place).copied().unwrap_or_default();
    let chip = Chip { below: id.to_string(), ..Chip::of(place, text, is_chosen) };
    let said = format!("Position {place}: {}, token {id}", chip.text);
    if shown.data.floats("surprise").is_empty() {
        return Chip { hover: said, ..chip };
    }
    if place == 0 {
        let score = Some((String::new(), shown.palette.raised));
        return Chip { hover: format!("{said}; no context"), score, ..chip };
    }
    let rank = shown.data.integers("rank").get(place).copied().unwrap_or_default();
    let (bits, rank) = (at("surprise"), format::whole(u64::from(rank)));
    let share = format::percent(f64::from(at("log_probabilities").exp()));
    let hover = format!("{said}, {share} likely, rank {rank}, surprise {bits:.2} bits");
    let score = Some((share, theme::magnitude(shown.palette, bits / MAX_BITS)));
    Chip { hover, score, ..chip }
}
