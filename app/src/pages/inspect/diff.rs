//! What changed between two models: the text, the tokens, the parts, and samples of both.

use super::chosen::Chosen;
use super::remembered::{anchored, remembered};
use super::shading::{largest, shaded_tokens};
use super::shown::Shown;
use crate::format;
use crate::pages::parts::{Ranked, Ranking, caption, head};
use crate::state::Tensor;
use crate::theme::space;
use crate::widgets::{Piece, Stat, halves, segmented, shaded_text, stat, switch};
use egui::{FontId, ScrollArea, Ui};
use glasshouse_protocol::View;
use glasshouse_protocol::inspect::{Detail, TokenText};

/// The quantity that shades the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shade {
    #[default]
    Divergence,
    Change,
}

/// The quantity of the bars of parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Measure {
    #[default]
    Effect,
    Weights,
    Outputs,
    Parameters,
}

const BARS: Ranking = Ranking { font: FontId::monospace(13.0), figures: 90.0, presses: false };

pub(super) fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let samples = shown.data.details.iter().find_map(|detail| match detail {
        Detail::Samples { prompt, texts } => Some((prompt, texts.as_slice())),
        _ => None,
    });
    if let Some((_, [(before, _), (after, _)])) = samples {
        caption(ui, format!("From {before} to {after}"));
    }
    ui.horizontal_wrapped(|ui| {
        let name = "Held-out text in place of the prompt";
        if switch(ui, chosen.set.held_out, name).clicked() {
            chosen.set.held_out ^= true;
        }
        ui.label(name);
    });
    figures_ui(ui, shown);
    anchored(ui, "text", |ui| text_ui(ui, shown));
    places_ui(ui, shown);
    halves(ui, space::LARGE, |ui, column| {
        let (name, title) = [("gained", "Tokens gained"), ("forgotten", "Tokens forgotten")][column];
        tokens_ui(ui, shown, name, title);
    });
    anchored(ui, "parts", |ui| parts_ui(ui, shown));
    if let Some((prompt, texts)) = samples {
        head(ui, "Samples");
        caption(ui, format!("The same prompt and seed: “{}”", prompt.trim()));
        halves(ui, space::LARGE, |ui, column| {
            if let Some((name, text)) = texts.get(column) {
                caption(ui, name.as_str());
                ui.label(text);
            }
        });
    }
}

fn figures_ui(ui: &mut Ui, shown: &Shown<'_>) {
    let unit = if shown.data.tensor("bits_after").is_some() { "bits per byte" } else { "bits per token" };
    ui.horizontal_wrapped(|ui| {
        for (name, title) in [
            ("mean_divergence", "KL from before to after"),
            ("mean_divergence_back", "KL from after to before"),
            ("loss_before", "Loss before"),
            ("loss_after", "Loss after"),
        ] {
            if let [value, low, high] = *shown.data.floats(name) {
                let (value, exact) = (
                    format::loss(value),
                    format!("{value} {unit}, 95 % interval {} to {}", format::loss(low), format::loss(high)),
                );
                stat(ui, 170.0, Stat { name: &format!("{title}, {unit}"), value: &value, exact: &exact });
            }
        }
    });
}

fn text_ui(ui: &mut Ui, shown: &Shown<'_>) {
    let ids = shown.data.integers("ids");
    let divergence = shown.data.floats("divergence");
    let shade = remembered(ui, "shade", |ui, shade| {
        if divergence.is_empty() {
            return Shade::Change;
        }
        segmented(ui, shade, &[(Shade::Divergence, "Divergence"), (Shade::Change, "Probability")]);
        *shade
    });
    let (values, about) = match shade {
        Shade::Divergence => (divergence, "KL from before to after, in bits"),
        Shade::Change => (
            shown.data.floats("change"),
            "log₂ of the factor of the token's probability: orange became likelier, blue less likely",
        ),
    };
    caption(ui, about);
    let text = |id: &u32| TokenText {
        id: *id,
        text: shown.data.text_of(*id).map(str::to_owned).unwrap_or_default(),
    };
    let tokens: Vec<TokenText> = ids.iter().map(text).collect();
    let pieces: Vec<Piece> = shaded_tokens(shown.palette, &tokens, values, largest(values), usize::MAX);
    shaded_text(ui, &format!("The text, shaded by {about}"), &pieces, false, None);
}

/// The tokens with the largest divergence, and the likeliest tokens of both models there.
fn places_ui(ui: &mut Ui, shown: &Shown<'_>) {
    let places = shown.data.integers("places");
    if places.is_empty() {
        return;
    }
    head(ui, "Largest divergence");
    let at =
        |name: &str, place: u32| shown.data.floats(name).get(place as usize).copied().unwrap_or_default();
    let likeliest = |name: &str, row: usize| {
        let (ids, shares) = (shown.data.tensor(name), shown.data.floats(&format!("{name}_probability")));
        let columns = ids.map_or(1, |ids| ids.size(1)).max(1);
        let ids = ids.map_or(&[][..], |ids: &Tensor| &ids.integers);
        let pairs = ids.iter().zip(shares).skip(row * columns).take(columns);
        let said =
            pairs.map(|(id, share)| format!("{} {}", shown.text(*id), format::percent(f64::from(*share))));
        said.collect::<Vec<_>>().join("   ")
    };
    ScrollArea::horizontal().id_salt("places").show(ui, |ui| {
        egui::Grid::new("places").striped(true).num_columns(5).show(ui, |ui| {
            for title in ["Token", "KL", "Change", "Likeliest before", "Likeliest after"] {
                caption(ui, title);
            }
            ui.end_row();
            for (row, place) in places.iter().enumerate() {
                let id = shown.data.integers("ids").get(*place as usize).copied().unwrap_or_default();
                ui.monospace(format!("{place} {}", shown.text(id)));
                ui.label(format::loss(at("divergence", *place)));
                ui.label(format::signed(at("change", *place), 2));
                ui.monospace(likeliest("top_before", row));
                ui.monospace(likeliest("top_after", row));
                ui.end_row();
            }
        });
    });
}

fn tokens_ui(ui: &mut Ui, shown: &Shown<'_>, name: &str, title: &str) {
    head(ui, title);
    let (ids, bits) = (shown.data.integers(name), shown.data.floats(&format!("{name}_bits")));
    if ids.is_empty() {
        caption(ui, "None");
    }
    let counts = shown.data.integers(&format!("{name}_count"));
    let row = |((id, bits), count): ((&u32, &f32), &u32)| {
        let (text, figure) = (shown.text(*id), format!("{} bits", format::signed(*bits, 2)));
        let times = format::counted(u64::from(*count), "occurrence");
        Ranked {
            label: format!("{title}: {text}, {figure}, {times}"),
            hover: format!("{figure} over {times}"),
            bars: vec![(bits.abs(), shown.palette.accent)],
            name: text,
            figure,
            ..Ranked::default()
        }
    };
    BARS.ui(ui, shown.palette, &ids.iter().zip(bits).zip(counts).map(row).collect::<Vec<_>>());
}

fn parts_ui(ui: &mut Ui, shown: &Shown<'_>) {
    let Some(effect) = shown.data.tensor("effect") else { return };
    let columns = effect.size(1).max(1);
    head(ui, "Parts");
    let measure = remembered(ui, "measure", |ui, measure| {
        let choices = [
            (Measure::Effect, "Effect"),
            (Measure::Weights, "Weights"),
            (Measure::Outputs, "Outputs"),
            (Measure::Parameters, "Parameters"),
        ];
        segmented(ui, measure, &choices);
        *measure
    });
    let (name, about) = match measure {
        Measure::Effect => (
            "effect",
            "Change of the earlier model's loss with this part of the later one, in bits per token",
        ),
        Measure::Weights => ("weights", "Relative change of the part's weights"),
        Measure::Outputs => {
            ("activations", "Relative change of what the part adds to the residual stream on this text")
        }
        Measure::Parameters => (
            "parameter_change",
            "Relative change; the tooltip has the share of its largest singular direction",
        ),
    };
    caption(ui, about);
    let values = shown.data.floats(name);
    let directions = shown.data.floats("first_direction");
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*other].abs().total_cmp(&values[*one].abs()));
    order.truncate(shown.settings.count);
    let row = |at: usize| {
        let name = match measure {
            Measure::Parameters => shown.along("P", at),
            _ => {
                let part = View::Diff.place_name("part", at % columns).unwrap_or_default();
                format!("layer {} {part}", at / columns)
            }
        };
        let figure = format::signed(values[at], 4);
        let hover = match directions.get(at).filter(|_| measure == Measure::Parameters) {
            Some(share) => {
                format!("{name}: {figure}; largest direction {}", format::percent(f64::from(*share)))
            }
            None => format!("{name}: {}", values[at]),
        };
        Ranked {
            label: hover.clone(),
            hover,
            bars: vec![(values[at], shown.palette.accent)],
            name,
            figure,
            ..Ranked::default()
        }
    };
    BARS.ui(ui, shown.palette, &order.into_iter().map(row).collect::<Vec<_>>());
}
