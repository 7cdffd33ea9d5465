//! What changed between two models: samples of both and a verdict, the text, the tokens, and the parts.

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
    let mut details = shown.data.details.iter();
    let samples =
        details.find_map(picked!(Detail::Samples { prompt, texts, verdict } => (prompt, texts, verdict)));
    if let Some((prompt, texts, verdict)) = samples {
        caption(ui, format!("Both models after “{}”, with the same seed", prompt.trim()));
        halves(ui, space::LARGE, |ui, column| {
            if let Some((name, text)) = texts.get(column) {
                head(ui, name);
                ui.add(Label::new(text).wrap());
            }
        });
        ui.add_space(space::SMALL);
        ui.add(Label::new(RichText::new(verdict).text_style(theme::strong())).wrap());
        ui.add_space(space::SMALL);
    }
    switch_line(ui, &mut chosen.set.held_out, "Held-out text instead of the prompt");
    anchored(ui, "text", |ui| text_ui(ui, shown));
    for table in shown.data.details.iter().filter_map(picked!(Detail::Tables { tables } => tables)).flatten()
    {
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
