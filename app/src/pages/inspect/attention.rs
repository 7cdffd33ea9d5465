//! Attention: thumbnails of every head of every layer, what each head does according to its scores, and one head large, with a
//! line from each token to those it attends to.

mod lines;
mod names;

use super::{Chosen, Labelled, Shown};
use crate::pages::prelude::*;
use names::name_ui;

/// Minimum side of a thumbnail in points.
const SMALL: f32 = 84.0;
/// Maximum side of a thumbnail in points.
const LARGE: f32 = 132.0;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let Some(probabilities) = shown.data.tensor("probabilities") else {
        return caption(ui, "There is no attention to show.");
    };
    let layers = shown.data.integers("layers");
    let layer = looked_at(shown, chosen);
    // The large map shows the chosen layer, whose answer may still be on its way.
    let row = layers.iter().position(|of| *of as usize == layer).unwrap_or(layers.len().saturating_sub(1));
    let number = chosen.set.head.unwrap_or(0).min(probabilities.size(1).saturating_sub(1));
    large_ui(ui, shown, chosen, probabilities, [row, number]);
    ui.add_space(space::SMALL);
    head(ui, "All heads");
    caption(ui, "Rows are queries, columns are keys. Press a head to enlarge it.");
    if shown.settings.layer.is_some() && layers.len() < shown.inspection.layers {
        caption(ui, "Not all layers fit for a prompt of this length: only the layer chosen above is shown.");
    }
    heads_ui(ui, shown, chosen, probabilities, [row, number]);
}

fn looked_at(shown: &Shown<'_>, chosen: &Chosen) -> usize {
    chosen.set.layer.unwrap_or(shown.inspection.layers.saturating_sub(1))
}

/// The chosen layer if the answer lacks it because not all layers fit: it has to be requested separately.
pub fn left_out(shown: &Shown<'_>, chosen: &Chosen) -> Option<usize> {
    let layers = shown.data.integers("layers");
    let layer = looked_at(shown, chosen);
    let lacks = layers.len() < shown.inspection.layers && !layers.iter().any(|of| *of as usize == layer);
    (lacks && !layers.is_empty()).then_some(layer)
}

fn layer_of(shown: &Shown<'_>, row: usize) -> usize {
    shown.data.integers("layers").get(row).map_or(row, |layer| *layer as usize)
}

fn large_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen, all: &Tensor, of: [usize; 2]) {
    let matrix = all.at(&of);
    let tokens = all.size(2);
    if matrix.is_empty() {
        return;
    }
    let layer = layer_of(shown, of[0]);
    ui.horizontal_wrapped(|ui| {
        head(ui, &format!("Layer {layer}, head {}", of[1]));
        name_ui(ui, shown, layer, of[1]);
        if quiet(ui, None, "Show the calculation").clicked() {
            chosen.set.layer = Some(layer);
            chosen.set.head = Some(of[1]);
            chosen.go = Some(View::Head);
        }
    });
    let width = ui.available_width();
    let names: Vec<String> = (0..tokens).map(|place| shown.token(place)).collect();
    let draw_map = |ui: &mut Ui, chosen: &mut Chosen, width: f32| {
        let position = chosen.set.position.unwrap_or(tokens.saturating_sub(1));
        let map = Labelled::new("Attention of the head", &names, &names, matrix, Scale::Magnitude(1.0));
        let map = Labelled { cell: 36.0, is_square: true, ..map };
        let read =
            |query, key, value| format!("{} reads {value:.3} from {}", shown.place(query), shown.place(key));
        let touched = column(ui, width, |ui| map.ui(ui, shown.palette, read));
        if let Some((query, _)) = touched.clicked {
            chosen.set.position = Some(query);
        }
        touched.pointed.map_or(position, |(query, _)| query)
    };
    if Breakpoint::of(width) == Breakpoint::Phone {
        let query = draw_map(ui, chosen, width);
        lines::ui(ui, shown, chosen, matrix, Some(query));
    } else {
        let half = ((width - space::LARGE) / 2.0).floor();
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::LARGE;
            let query = column(ui, half, |ui| draw_map(ui, chosen, half.min(620.0)));
            column(ui, half, |ui| lines::ui(ui, shown, chosen, matrix, Some(query)));
        });
    }
}

fn heads_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen, all: &Tensor, of: [usize; 2]) {
    let tokens = all.size(2);
    let gap = space::SMALL;
    let (fit, width) = columns_fit(ui.available_width(), SMALL, gap, usize::MAX);
    let side = width.min(LARGE);
    for row in 0..all.size(0) {
        let layer = layer_of(shown, row);
        caption(ui, format!("Layer {layer}"));
        let heads: Vec<usize> = (0..all.size(1)).collect();
        grid_ui(ui, (fit, side), gap, &heads, |ui, number| {
            let name = format!("Layer {layer}, head {number}");
            // Screen readers learn what the head does, and that it is chosen.
            let does = names::words(shown, layer, *number).map(|words| format!(", {words}"));
            let chosen_one = if [row, *number] == of { ", chosen" } else { "" };
            let said = format!("{name}{}{chosen_one}", does.unwrap_or_default());
            let (matrix, scale) = (all.at(&[row, *number]), Scale::Magnitude(1.0));
            let map = Heatmap::new(&said, [tokens; 2], matrix, scale, Vec2::splat(side));
            let touched = map.ui(ui, |query, key, value| {
                format!("{name}: {} reads {value:.3} from {}", shown.place(query), shown.place(key))
            });
            if [row, *number] == of {
                let ring = touched.response.rect.expand(2.0);
                let stroke = (2.0, shown.palette.accent);
                ui.painter().rect_stroke(ring, 2.0, stroke, StrokeKind::Outside);
            }
            if touched.response.clicked() {
                chosen.set.layer = Some(layer);
                chosen.set.head = Some(*number);
            }
            name_ui(ui, shown, layer, *number);
        });
    }
}
