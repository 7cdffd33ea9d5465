//! A term with a tooltip: one sentence, a formula, a link.

use super::glossary::explained;
use crate::theme::{self, Palette};
use egui::{Color32, Label, Response, RichText, Sense, Ui};

/// A term with a dotted underline and its explanation as a tooltip; plain text if it is not in the glossary.
pub fn term(ui: &mut Ui, text: &str, colour: Option<Color32>) -> Response {
    let colour = colour.unwrap_or(ui.visuals().text_color());
    let words = RichText::new(text).color(colour);
    if explained(text).is_none() {
        return ui.add(Label::new(words));
    }
    let response = ui.add(Label::new(words).sense(Sense::hover()));
    let line = response.rect;
    let dots = egui::Stroke::new(1.0, theme::mix(Palette::of(ui).hairline, colour, 0.4));
    let ends = [line.left_bottom(), line.right_bottom()];
    ui.painter().extend(egui::Shape::dotted_line(&ends, dots.color, 3.0, 0.6));
    explain(response, text)
}

/// Adds a term's explanation as a tooltip to another widget.
pub fn explain(response: Response, text: &str) -> Response {
    let Some(entry) = explained(text) else { return response };
    response.on_hover_ui(|ui| {
        ui.set_max_width(320.0);
        let palette = Palette::of(ui);
        ui.label(RichText::new(entry.names.first().copied().unwrap_or_default()).text_style(theme::strong()));
        ui.label(entry.meaning);
        if !entry.formula.is_empty() {
            ui.label(RichText::new(entry.formula).monospace().color(palette.accent));
        }
        if !entry.source.is_empty() {
            ui.label(RichText::new(entry.source).text_style(theme::caption()).color(palette.quiet));
        }
    })
}
