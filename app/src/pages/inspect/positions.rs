//! Similarity of positions, and the rotation angles of rotary position embeddings.

use super::{Chosen, Shown};
use crate::pages::prelude::*;

/// Maximum cell width in points.
const CELL: f32 = 18.0;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let width = ui.available_width().min(560.0);
    if let Some(similarity) = shown.data.tensor("similarity") {
        let (rows, columns) = (similarity.size(0), similarity.size(1));
        let (name, size) = ("Similarity of positions", fitted(rows, columns, width, CELL));
        let map = Heatmap::new(name, [rows, columns], &similarity.floats, Scale::Signed(1.0), size);
        let touched = map.ui(ui, |row, column, value| format!("positions {row} and {column}: {value:.3}"));
        if let Some((row, _)) = touched.clicked
            && row < shown.inspection.tokens.len()
        {
            chosen.set.position = Some(row);
        }
        caption(ui, "Cosine similarity: orange is similar, blue is opposite, neither is orthogonal.");
    }
    if let Some(rotations) = shown.data.tensor("rotations") {
        head(ui, "Rotations");
        let (rows, columns) = (rotations.size(0), rotations.size(1));
        // There are many positions and few pairs.
        let size = fitted(rows, columns, width, CELL);
        let turned: Vec<f32> = rotations.floats.iter().map(|angle| angle.cos()).collect();
        let (name, size) = ("Rotations by position and pair", vec2(size.x, size.y.min(width)));
        let map = Heatmap::new(name, [rows, columns], &turned, Scale::Signed(1.0), size);
        map.ui(ui, |position, pair, cosine| {
            let angle = rotations.at(&[position, pair]).first().copied().unwrap_or(f32::NAN);
            format!("position {position}, pair {pair}: {angle:.3} rad, cosine {cosine:.3}")
        });
        let frequencies = shown.data.floats("frequencies");
        if let (Some(first), Some(last)) = (frequencies.first(), frequencies.last()) {
            let turn = |frequency: f32| std::f32::consts::TAU / frequency.max(f32::MIN_POSITIVE);
            caption(
                ui,
                format!(
                    "Each row is a position, each column a pair of features: the first pair turns once in {:.1} positions, the last in {}. The \
                     colour is the cosine of the angle.",
                    turn(*first),
                    format::whole(turn(*last).round() as u64)
                ),
            );
        }
    }
}
