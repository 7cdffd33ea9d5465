//! Similarity of positions, and the rotation angles of rotary position embeddings.

use super::{Chosen, Labelled, Shown};
use crate::pages::prelude::*;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let tokens = shown.inspection.tokens.len();
    let named = |count: usize| -> Vec<String> {
        let name = |place| if place < tokens { shown.place(place) } else { format!("{place}") };
        (0..count).map(name).collect()
    };
    if let Some(similarity) = shown.data.tensor("similarity") {
        let (name, positions) = ("Similarity of positions", named(similarity.size(0)));
        let map = Labelled::new(name, &positions, &positions, &similarity.floats, Scale::Signed(1.0));
        let map = Labelled { cell: 20.0, is_square: true, ..map };
        let touched = map
            .ui(ui, shown.palette, |row, column, value| format!("positions {row} and {column}: {value:.3}"));
        if let Some((row, _)) = touched.clicked
            && row < tokens
        {
            chosen.set.position = Some(row);
        }
        caption(ui, "Cosine similarity: orange is similar, blue is opposite, neither is orthogonal.");
    }
    if let Some(rotations) = shown.data.tensor("rotations") {
        head(ui, "Rotations");
        let (rows, columns) = (named(rotations.size(0)), rotations.size(1));
        let columns: Vec<String> = (0..columns).map(|pair| pair.to_string()).collect();
        let turned: Vec<f32> = rotations.floats.iter().map(|angle| angle.cos()).collect();
        let (name, scale) = ("Rotations by position and pair", Scale::Signed(1.0));
        let map = Labelled { cell: 24.0, ..Labelled::new(name, &rows, &columns, &turned, scale) };
        map.ui(ui, shown.palette, |position, pair, cosine| {
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
