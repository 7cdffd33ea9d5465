//! What changed between two models: the text, the tokens, the parts, and samples of both.

use super::{Chosen, Shown, anchored, largest, remembered, shaded_tokens};
use crate::pages::prelude::*;
use glasshouse_protocol::inspect::{Detail, TokenText};

/// The quantity that shades the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shade {
    #[default]
    Divergence,
    Change,
}

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    switch_line(ui, &mut chosen.set.held_out, "Held-out text instead of the prompt");
    anchored(ui, "text", |ui| text_ui(ui, shown));
    for detail in &shown.data.details {
        match detail {
            Detail::Tables { .. } => {
                for table in detail.tables() {
                    head(ui, &table.title);
                    caption(ui, &table.about);
                    report_table(ui, &table);
                }
            }
            Detail::Samples { prompt, texts } => {
                head(ui, "Samples");
                caption(ui, format!("The same prompt and seed: “{}”", prompt.trim()));
                halves(ui, space::LARGE, |ui, column| {
                    if let Some((name, text)) = texts.get(column) {
                        caption(ui, name.as_str());
                        ui.label(text);
                    }
                });
            }
            _ => {}
        }
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
            "log₂ of the factor of the token's probability: orange became more likely, blue less likely",
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
