//! The walk: one forward pass as boxes in order of computation, from the text to the next token. Each box shows the vector of the
//! inspected token, and opens to the numbers of all tokens.

mod boxes;

use super::{Chosen, Labelled, Shown, remembered, strip_ui};
use crate::pages::prelude::*;
use boxes::{Step, WalkStage};
use glasshouse_protocol::inspect::{Detail, TokenText};

/// Minimum width of a box in points.
const BOX: f32 = 250.0;
/// Number of listed next tokens.
const NEXT: usize = 5;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    if shown.data.tensor("embedded").is_none() {
        return caption(ui, "Type a prompt to walk through the model.");
    }
    let position = shown.position().min(shown.inspection.tokens.len().saturating_sub(1));
    head(ui, &format!("Token {}", shown.place(position)));
    for (number, part) in WalkStage::ALL.into_iter().enumerate() {
        if part == WalkStage::Block {
            layers_ui(ui, shown, chosen);
        } else {
            caption(ui, part.title());
        }
        // Only mixtures of experts have gates.
        let has = |step: &&Step| step.tensor != "gates" || shown.data.tensor(step.tensor).is_some();
        let steps: Vec<&Step> = part.steps().iter().filter(has).collect();
        boxes_ui(ui, shown, &steps, position);
        if number + 1 < WalkStage::ALL.len() {
            ui.label(icons::ICON_ARROW_DOWNWARD.rich_text().size(18.0).color(shown.palette.quiet));
        }
    }
    next_ui(ui, shown);
}

fn layers_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let (layer, layers) = (shown.layer(), shown.inspection.layers);
    ui.horizontal_wrapped(|ui| {
        caption(ui, format!("Block {layer} (0 to {})", layers.saturating_sub(1)));
        let turned = turn_ui(ui, layer, layers, ["Previous block", "Next block"]);
        chosen.set.layer = turned.or(chosen.set.layer);
    });
}

/// Boxes in rows, in reading order.
fn boxes_ui(ui: &mut Ui, shown: &Shown<'_>, steps: &[&Step], position: usize) {
    let columns = columns_fit(ui.available_width(), BOX, space::MEDIUM, usize::MAX);
    grid_ui(ui, columns, space::MEDIUM, steps, |ui, step| {
        raised(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing = vec2(space::SMALL, space::TIGHT);
            ui.push_id(step.title, |ui| box_ui(ui, shown, step, position));
        });
    });
}

fn box_ui(ui: &mut Ui, shown: &Shown<'_>, step: &Step, position: usize) {
    head(ui, step.title);
    if let Some(formula) = formula(shown.data, step) {
        caption(ui, formula);
    }
    caption(ui, step.means);
    let width = ui.available_width();
    if step.tensor.is_empty() {
        return caption(ui, words(shown, step));
    }
    let Some(tensor) = shown.data.tensor(step.tensor) else { return caption(ui, "This model has none.") };
    let axes: Vec<String> =
        tensor.summary.axes.iter().map(|axis| format!("{} {}", axis.name, axis.size)).collect();
    caption(ui, axes.join(" × "));
    let shares = step.tensor == "probabilities";
    let scale = if shares { Scale::Magnitude(1.0) } else { Scale::signed(&tensor.floats) };
    if !shares {
        let row = if tensor.summary.axes.len() == 1 { tensor.at(&[]) } else { tensor.at(&[position]) };
        strip_ui(ui, "strip", step.title, row, scale, width);
    }
    let open = remembered(ui, "numbers", |ui, open: &mut bool| {
        let icon = if *open { icons::ICON_EXPAND_LESS } else { icons::ICON_EXPAND_MORE };
        *open ^= quiet(ui, icon, &format!("{} in numbers", step.title)).clicked();
        *open
    });
    if open {
        numbers_ui(ui, shown, step, tensor, scale, position);
    }
}

/// The formula of a box in the inspected model, if known.
fn formula<'a>(data: &'a ViewData, step: &Step) -> Option<&'a str> {
    let formulas = data.details.iter().find_map(picked!(Detail::Formulas { formulas } => formulas));
    let own = formulas?.iter().find(|(tensor, _)| tensor == step.tensor);
    own.map(|(_, formula)| formula.as_str())
}

/// Text of a box without numbers.
fn words(shown: &Shown<'_>, step: &Step) -> String {
    let tokens = shown.inspection.tokens.iter();
    match step.title {
        "Text" => tokens.map(|token| token.text.as_str()).collect(),
        _ => tokens.map(|token| token.id.to_string()).collect::<Vec<_>>().join(" "),
    }
}

/// All tokens of a step as a heat map, and the first numbers of the inspected token.
fn numbers_ui(ui: &mut Ui, shown: &Shown<'_>, step: &Step, tensor: &Tensor, scale: Scale, position: usize) {
    let count = tensor.summary.axes.len();
    if count == 3 {
        for head in 0..tensor.size(0) {
            let name = format!("{} of head {head}", step.title);
            matrix_ui(ui, shown, &name, (tensor, &[head]), scale);
            caption(ui, format!("Head {head}"));
        }
        return;
    }
    if count == 2 {
        let name = format!("{} of all tokens", step.title);
        matrix_ui(ui, shown, &name, (tensor, &[]), scale);
    }
    let row = if count == 1 { tensor.at(&[]) } else { tensor.at(&[position]) };
    let first: Vec<String> = row.iter().take(8).map(|value| format!("{value:.3}")).collect();
    let more = if row.len() > first.len() { " …" } else { "" };
    caption(ui, format!("[{}{more}]", first.join(", ")));
    let square: f32 = row.iter().map(|value| value * value).sum();
    let mean = row.iter().sum::<f32>() / row.len().max(1) as f32;
    caption(ui, format!("length {:.3}, mean {mean:.4}", square.sqrt()));
}

/// The matrix at an index of a tensor's outermost axes.
fn matrix_ui(ui: &mut Ui, shown: &Shown<'_>, name: &str, (tensor, place): (&Tensor, &[usize]), scale: Scale) {
    let Some([down, across]) = tensor.summary.axes.get(place.len()..) else { return };
    let values = tensor.at(place);
    // [T, C] is not tokens by tokens even if T = C.
    let of_tokens = down.name == across.name;
    let rows: Vec<String> = (0..down.size).map(|row| shown.along(down, row)).collect();
    let columns: Vec<String> = match of_tokens {
        true => (0..across.size).map(|column| shown.along(across, column)).collect(),
        false => vec![String::new(); across.size],
    };
    let cell = if of_tokens { 18.0 } else { f32::INFINITY };
    let map = Labelled::new(name, &rows, &columns, values, scale);
    // The boxes stay of moderate height.
    Labelled { cell, tall: 240.0, is_square: of_tokens, ..map }.ui(
        ui,
        shown.palette,
        |row, column, value| {
            let column = if of_tokens { shown.place(column) } else { format!("entry {column}") };
            format!("{}, {column}: {value:.4}", shown.place(row))
        },
    );
}

/// The most likely next tokens by the logits.
fn next_ui(ui: &mut Ui, shown: &Shown<'_>) {
    let likeliest = likeliest(shown.data.floats("logits"), shown.data.tokens());
    if likeliest.is_empty() {
        return;
    }
    head(ui, "What comes next");
    caption(ui, "p = softmax(logits): the most likely tokens.");
    let bar = |(id, share)| {
        let percent = format::percent(share);
        let hover = format!("{percent}, token {id}");
        Ranked::bar(shown.text(id), share, shown.palette.accent, percent, hover)
    };
    let bars: Vec<Ranked> = likeliest.into_iter().map(bar).collect();
    ui.scope(|ui| {
        ui.set_max_width(ui.available_width().min(480.0));
        bar_rows(ui, &bars);
    });
}

/// The most likely of the `listed` tokens, with probabilities over all logits.
fn likeliest(logits: &[f32], listed: &[TokenText]) -> Vec<(u32, f64)> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: f32| f64::from((logit - largest).exp());
    let sum: f64 = logits.iter().map(|logit| weight(*logit)).sum();
    let share = |token: &TokenText| Some((token.id, weight(*logits.get(token.id as usize)?) / sum));
    let mut shares: Vec<(u32, f64)> = listed.iter().filter_map(share).collect();
    shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    shares.truncate(NEXT);
    shares
}

#[cfg(test)]
mod tests {
    use super::{TokenText, likeliest};

    #[test]
    fn probabilities_of_the_likeliest_are_softmax_of_all() {
        let listed = [0, 1, 3, 9].map(|id| TokenText { id, text: String::new() });
        let found = likeliest(&[0.0, 2.0_f32.ln(), 0.0, f32::NEG_INFINITY], &listed);
        let ids: Vec<u32> = found.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [1, 0, 3], "of those that are listed and have a logit");
        for ((_, share), expected) in found.iter().zip([0.5, 0.25, 0.0]) {
            assert!((share - expected).abs() < 1e-6, "{share}, not {expected}");
        }
        assert!(likeliest(&[], &listed).is_empty());
    }
}
