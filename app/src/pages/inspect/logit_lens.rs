//! The logit lens: every layer's prediction at every position, as if it were the last layer (nostalgebraist 2020).

use super::{Chosen, Labelled, Shown, remembered};
use crate::pages::prelude::*;

/// Maximum cell width in points.
const CELL: f32 = 68.0;
/// Minimum divergence in bits at which a cell has its strongest colour.
const MIN_BITS: f32 = 1.0;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shading {
    /// Probability of the top token.
    #[default]
    Probability,
    /// Divergence of the layer's prediction from the last layer's.
    Divergence,
}

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let data = shown.data;
    let Some(top) = data.tensor("top") else { return caption(ui, "There are no predictions to show.") };
    let (stages, positions) = (top.size(0), top.size(1));
    let (probabilities, divergence) = (data.floats("probabilities"), data.floats("divergence"));
    let choices = [(Shading::Probability, "Probability"), (Shading::Divergence, "KL to the last")];
    let shading = remembered(ui, "shading", |ui, shading| {
        segmented(ui, shading, &choices);
        *shading
    });
    ui.add_space(space::SMALL);
    let finite = divergence.iter().copied().filter(|bits| bits.is_finite());
    let (values, most, about) = match shading {
        Shading::Probability => {
            (probabilities, 1.0, "The most likely next token at each layer, shaded by its probability.")
        }
        Shading::Divergence => {
            let most = finite.fold(MIN_BITS, f32::max);
            (divergence, most, "KL divergence of each layer's prediction from the last layer's, in bits.")
        }
    };
    let number = |of: &[f32], stage: usize, column: usize| {
        of.get(stage * positions + column).copied().unwrap_or(f32::NAN)
    };
    let token = |stage: usize, column: usize| {
        let id = top.integers.get(stage * positions + column);
        id.map_or_else(String::new, |id| shown.text(*id))
    };
    let words = |stage: usize, column: usize| match shading {
        Shading::Probability => token(stage, column),
        Shading::Divergence => format!("{:.2}", number(divergence, stage, column)),
    };
    let rows = top.labels(0);
    let columns: Vec<String> = (0..positions).map(|place| shown.token(place)).collect();
    let position = chosen.set.position.unwrap_or(shown.inspection.position);
    // At most half of the full colour, so that text stays readable on it.
    let scale = Scale::Magnitude(2.0 * most);
    let map = Labelled {
        cell: CELL,
        chosen: Some((stages.saturating_sub(1), position.min(positions.saturating_sub(1)))),
        words: Some(&words),
        ..Labelled::new("Logit lens", rows, &columns, values, scale)
    };
    let touched = map.ui(ui, shown.palette, |stage, column, _| {
        let name = rows.get(stage).map_or("", String::as_str);
        let (after, top) = (shown.token(column), token(stage, column));
        let [probability, bits] = [probabilities, divergence].map(|of| number(of, stage, column));
        format!("{name} after {after}: {top}, probability {probability:.4}, KL {bits:.4} bits")
    });
    if let Some((_, column)) = touched.clicked.or(touched.reached) {
        chosen.set.position = Some(column);
    }
    caption(ui, format!("{about} Press a column to choose its position."));
}
