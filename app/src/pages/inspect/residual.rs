//! The residual stream: each component's contribution to a token's logit, its dependence on the prompt's tokens, and the stream's
//! norm and direction by layer and position.

use super::{Chosen, Labelled, Shown, largest, shaded_tokens};
use crate::pages::prelude::*;
use glasshouse_protocol::inspect::TokenText;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    attribution_ui(ui, shown, chosen);
    saliency_ui(ui, shown, chosen);
    stream_ui(ui, shown, chosen);
}

/// Each component's contribution to the logit of a token.
fn attribution_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let (data, palette) = (shown.data, shown.palette);
    let added = data.tensor("attribution");
    let Some(token) = data.integers("token").first() else { return };
    let text = shown.text(*token);
    ui.horizontal_wrapped(|ui| {
        head(ui, &format!("Contributions to the logit of {text}"));
        term(ui, "Direct logit attribution", Some(palette.quiet));
    });
    candidates_ui(ui, shown, *token, chosen);
    let Some(added) = added else { return };
    let row = |(name, value): (&String, &f32)| {
        let label = format!("{name} adds {value:.3}");
        Ranked::signed(palette, name.clone(), *value, label, format!("{value} added to the logit of {text}"))
    };
    let rows: Vec<Ranked> = added.labels(0).iter().zip(&added.floats).map(row).collect();
    Ranking { font: FontId::proportional(13.0), figures: 64.0, presses: false }.ui(ui, palette, &rows);
    let sum: f32 = added.floats.iter().sum();
    let sum = format::signed(sum, 3);
    caption(ui, format!("Sum {sum}, with the scale of the final norm held fixed."));
    ui.add_space(space::MEDIUM);
}

/// The most likely next tokens, to choose whose logit is shown.
fn candidates_ui(ui: &mut Ui, shown: &Shown<'_>, token: u32, chosen: &mut Chosen) {
    if chosen.listed.is_empty() {
        if quiet(ui, icons::ICON_BAR_CHART, "Show likely next tokens").clicked() {
            chosen.go = Some(View::NextToken);
        }
        return;
    }
    let piece = |TokenText { id, text }: &TokenText| Piece {
        text: format!(" {} ", visible(text)),
        fill: shown.palette.raised,
        hover: format!("id {id}: show its logit"),
        lit: *id == token,
        ..Piece::default()
    };
    let pieces: Vec<Piece> = chosen.listed.iter().map(piece).collect();
    let cursor = pieces.iter().position(|piece| piece.lit);
    let pressed = shaded_text(ui, "Likely next tokens", &pieces, true, cursor);
    if let Some(id) = pressed.and_then(|place| Some(chosen.listed.get(place)?.id)) {
        chosen.set.token = Some(id);
    }
    ui.add_space(space::TIGHT);
}

/// The dependence of the logit on each prompt token.
fn saliency_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let saliency = shown.data.floats("saliency");
    if saliency.is_empty() {
        return;
    }
    let palette = shown.palette;
    ui.horizontal_wrapped(|ui| {
        head(ui, "Saliency of tokens");
        term(ui, "Saliency", Some(palette.quiet));
    });
    let (tokens, most) = (&shown.inspection.tokens, largest(saliency));
    let pieces = shaded_tokens(palette, tokens, saliency, most, shown.inspection.position);
    let cursor = Some(chosen.set.position.unwrap_or(shown.inspection.position));
    if let Some(place) = shaded_text(ui, "Saliency of the prompt's tokens", &pieces, true, cursor) {
        chosen.set.position = Some(place);
    }
    caption(
        ui,
        "Gradient times embedding: orange supports the token, blue opposes it. Press a token to choose its position.",
    );
    ui.add_space(space::MEDIUM);
}

/// Norms and directions as heat maps over layers and positions.
fn stream_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let maps = [
        ("norms", "Norm of the stream", "Its L2 norm after each part, at each position."),
        ("cosines", "Direction of the stream", "Cosine similarity with the final stream."),
        ("attention_norms", "Attention output", "Its L2 norm in each layer."),
        ("mlp_norms", "MLP output", "Its L2 norm in each layer."),
    ];
    let columns: Vec<String> = (0..shown.inspection.tokens.len()).map(|place| shown.token(place)).collect();
    for (name, title, means) in maps {
        let Some(tensor) = shown.data.tensor(name).filter(|tensor| !tensor.floats.is_empty()) else {
            continue;
        };
        let values = &tensor.floats[..];
        let rows = match tensor.labels(0) {
            [] => (0..tensor.size(0)).map(|layer| format!("layer {layer}")).collect(),
            parts => parts.to_vec(),
        };
        head(ui, title);
        caption(ui, means);
        let scale = if name == "cosines" { Scale::Signed(1.0) } else { Scale::magnitude(values) };
        let map = Labelled::new(title, &rows, &columns, values, scale);
        let touched = map.ui(ui, shown.palette, |row, column, value| {
            let row = rows.get(row).map_or("", String::as_str);
            format!("{row}, position {}: {value:.4}", shown.place(column))
        });
        if let Some((_, column)) = touched.clicked {
            chosen.set.position = Some(column);
        }
        ui.add_space(space::MEDIUM);
    }
}
