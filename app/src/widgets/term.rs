//! A term with a tooltip: one sentence, a formula, a link.

use super::glossary::{Term, explained};
use super::prelude::*;
use glasshouse_protocol::setting::Setting;

/// A term with a dotted underline and its explanation as a tooltip; plain text if it is not in the glossary.
pub fn term(ui: &mut Ui, text: &str, colour: Option<Color32>) -> Response {
    let colour = colour.unwrap_or(ui.visuals().text_color());
    match explained(text) {
        Some(_) => explain(underlined(ui, text, colour), text),
        None => ui.add(Label::new(RichText::new(text).color(colour))),
    }
}

/// The title of a setting. Its help, if it is one of a run, precedes the glossary's meaning.
pub(super) fn title(ui: &mut Ui, title: &str, path: &str) -> Response {
    let quiet = Palette::of(ui).quiet;
    match Setting::at(path).map(|setting| setting.help()).filter(|help| !help.is_empty()) {
        Some(help) => explain_by(underlined(ui, title, quiet), title, &help, explained(title)),
        None => term(ui, title, Some(quiet)),
    }
}

fn underlined(ui: &mut Ui, text: &str, colour: Color32) -> Response {
    let response = ui.add(Label::new(RichText::new(text).color(colour)).sense(Sense::hover()));
    let line = response.rect;
    let dots = Stroke::new(1.0, theme::mix(Palette::of(ui).hairline, colour, 0.4));
    let ends = [line.left_bottom(), line.right_bottom()];
    ui.painter().extend(Shape::dotted_line(&ends, dots.color, 3.0, 0.6));
    response
}

/// Adds a term's explanation as a tooltip to another widget.
pub fn explain(response: Response, text: &str) -> Response {
    let Some(entry) = explained(text) else { return response };
    explain_by(response, entry.names.first().copied().unwrap_or_default(), &entry.meaning, Some(entry))
}

fn explain_by(response: Response, name: &str, meaning: &str, entry: Option<&Term>) -> Response {
    response.on_hover_ui(|ui| {
        ui.set_max_width(320.0);
        let palette = Palette::of(ui);
        ui.label(RichText::new(name).text_style(theme::strong()));
        ui.label(with_code(ui, meaning, |words| words));
        let Some(entry) = entry else { return };
        if !entry.formula.is_empty() {
            ui.label(RichText::new(entry.formula).monospace().color(palette.accent));
        }
        if !entry.source.is_empty() {
            ui.label(RichText::new(entry.source).text_style(theme::caption()).color(palette.quiet));
        }
    })
}
