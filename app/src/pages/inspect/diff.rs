//! What changed between two models: the text, the tokens, the parts, and samples of both.

use super::chosen::Chosen;
use super::remembered::{anchored, remembered};
use super::shading::{largest, shaded_tokens};
use super::shown::Shown;
use crate::format;
use crate::pages::parts::{Ranked, Ranking, caption, head};
use crate::theme::space;
use crate::widgets::{Piece, halves, report_table, segmented, shaded_text, switch};
use egui::{FontId, Ui};
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
    anchored(ui, "text", |ui| text_ui(ui, shown));
    anchored(ui, "parts", |ui| parts_ui(ui, shown));
    tables_ui(ui, shown);
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

fn tables_ui(ui: &mut Ui, shown: &Shown<'_>) {
    let tables = shown.data.details.iter().filter_map(|detail| match detail {
        Detail::Tables { tables } => Some(tables),
        _ => None,
    });
    for table in tables.flatten().filter(|table| !table.rows.is_empty()) {
        head(ui, &table.title);
        caption(ui, &table.about);
        report_table(ui, table);
    }
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

fn parts_ui(ui: &mut Ui, shown: &Shown<'_>) {
    let Some(effect) = shown.data.tensor("effect") else { return };
    let columns = effect.size(1).max(1);
    head(ui, "Parts that changed most");
    let measure = remembered(ui, "measure", |ui, measure| {
        let choices =
            [(Measure::Effect, "Effect"), (Measure::Weights, "Weights"), (Measure::Outputs, "Outputs")];
        segmented(ui, measure, &choices);
        *measure
    });
    let values = shown.data.floats(match measure {
        Measure::Effect => "effect",
        Measure::Weights => "weights",
        Measure::Outputs => "activations",
    });
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*other].abs().total_cmp(&values[*one].abs()));
    order.truncate(shown.settings.count);
    let row = |at: usize| {
        let part = View::Diff.place_name("part", at % columns).unwrap_or_default();
        let name = format!("layer {} {part}", at / columns);
        let (figure, hover) = (format::signed(values[at], 4), format!("{name}: {}", values[at]));
        let bars = vec![(values[at], shown.palette.accent)];
        Ranked { label: hover.clone(), hover, bars, name, figure, ..Ranked::default() }
    };
    BARS.ui(ui, shown.palette, &order.into_iter().map(row).collect::<Vec<_>>());
}
