//! What the model had in mind at one token: the likeliest tokens, before and after temperature, and after every cut.

use super::look::all_tokens;
use crate::format;
use crate::pages::parts::{caption, visible};
use crate::state::{Distribution, Text};
use crate::theme::{self, Palette};
use crate::widgets::{card, term};
use egui::accesskit::Role;
use egui::{Align2, FontId, Rect, RichText, Sense, Ui, WidgetInfo, pos2, vec2};
use glasshouse_protocol::{Candidate, WrittenToken};

/// Height of a candidate's row, in points.
const ROW: f32 = 32.0;

/// The tokens before a place and the one at it.
pub(super) fn prefix(text: &Text, place: usize) -> Option<(Vec<u32>, u32)> {
    let mut tokens = all_tokens(text);
    let before: Vec<u32> = tokens.by_ref().take(place).map(|token| token.id).collect();
    let chosen = tokens.next()?.id;
    (!before.is_empty()).then_some((before, chosen))
}

/// A token that is looked into.
pub(super) struct Explained<'a> {
    pub(super) token: &'a WrittenToken,
    /// Its place in the text.
    pub(super) place: usize,
    /// What the model thought there, once it was answered.
    pub(super) distribution: Option<&'a Distribution>,
    /// The weights are no longer those that wrote it.
    pub(super) moved_on: bool,
    /// The text can be written on from an alternative.
    pub(super) branches: bool,
}

/// Draws it. The text of an alternative that was pressed comes back.
pub(super) fn explain_ui(ui: &mut Ui, palette: &Palette, explained: &Explained<'_>) -> Option<String> {
    let Explained { token, place, distribution, moved_on, branches } = *explained;
    card(ui, |ui| {
        ui.set_min_height(ROW * 10.0 + 70.0);
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(visible(&token.text)).monospace().size(18.0).color(palette.accent));
            let Some(distribution) = distribution else {
                let text =
                    if place == 0 { "The first token has nothing before it." } else { "Asking the model…" };
                caption(ui, text);
                return;
            };
            let chosen = distribution.candidates.iter().find(|candidate| candidate.id == token.id);
            if let Some(chosen) = chosen {
                let probability = format::percent(f64::from(chosen.probability));
                ui.label(format!("{probability} likely, rank {}", format::whole(chosen.rank as u64)));
            }
            term(ui, "Entropy", Some(palette.quiet));
            ui.label(format!("{:.2} bits", distribution.entropy_bits));
            caption(ui, format!("{} tokens left to draw from", format::whole(distribution.kept as u64)));
        });
        let distribution = distribution?;
        legend_ui(ui, palette);
        ui.spacing_mut().item_spacing.y = 0.0;
        let most = distribution
            .candidates
            .iter()
            .map(|candidate| candidate.probability.max(candidate.tempered).max(candidate.drawn));
        let most = most.fold(f32::MIN_POSITIVE, f32::max);
        let mut pressed = None;
        for candidate in &distribution.candidates {
            if candidate_ui(ui, palette, candidate, (candidate.id == token.id, branches), most) {
                pressed = Some(candidate.text.clone());
            }
        }
        ui.add_space(4.0);
        caption(ui, "The model's probability, and the one that was drawn with.");
        if branches {
            caption(ui, "Press a token to go on from there.");
        }
        if moved_on {
            caption(
                ui,
                "The weights have moved on since this was written: this is how the model sees it now.",
            );
        }
        pressed
    })
}

fn legend_ui(ui: &mut Ui, palette: &Palette) {
    ui.horizontal_wrapped(|ui| {
        for (colour, name) in bars(palette) {
            // A mark and its words stay on one line.
            let font = theme::caption().resolve(ui.style());
            let needed = ui.painter().layout_no_wrap(name.to_owned(), font, palette.quiet).size().x + 32.0;
            if ui.available_size_before_wrap().x < needed {
                ui.end_row();
            }
            let (mark, _) = ui.allocate_exact_size(vec2(10.0, 14.0), Sense::hover());
            ui.painter().rect_filled(Rect::from_center_size(mark.center(), vec2(10.0, 4.0)), 1.0, colour);
            caption(ui, name);
        }
    });
}

fn bars(palette: &Palette) -> [(egui::Color32, &'static str); 3] {
    let [first, second, ..] = palette.series;
    [
        (first, "as the model gives it"),
        (second, "after temperature and penalty"),
        (palette.accent, "as it is drawn"),
    ]
}

/// A candidate, whether it was `written`, and whether the text `branches` to it. Whether it was pressed.
fn candidate_ui(
    ui: &mut Ui,
    palette: &Palette,
    candidate: &Candidate,
    (written, branches): (bool, bool),
    most: f32,
) -> bool {
    let sense = if branches { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), sense);
    let share = |probability: f32| format::percent(f64::from(probability));
    let (verb, role) = if branches { ("Go on with ", Role::Button) } else { ("", Role::Label) };
    let words = format!("{verb}{}, {} likely", visible(&candidate.text), share(candidate.probability));
    response.widget_info(|| WidgetInfo::labeled(role, true, &words));
    let painter = ui.painter_at(rect);
    if branches && (response.hovered() || response.has_focus()) {
        painter.rect_filled(rect, theme::CONTROL_CORNER, palette.raised);
    }
    if response.has_focus() {
        painter.rect_stroke(rect, theme::CONTROL_CORNER, (1.5, palette.accent), egui::StrokeKind::Inside);
    }
    let cut = candidate.cut_by.is_some();
    let colour = match (written, cut) {
        (true, _) => palette.accent,
        (false, true) => palette.quiet,
        (false, false) => palette.text,
    };
    let inner = rect.shrink2(vec2(8.0, 0.0));
    let names = (inner.width() * 0.3).clamp(84.0, 150.0);
    let small = FontId::proportional(11.0);
    let rank = pos2(inner.left(), inner.center().y);
    painter.text(rank, Align2::LEFT_CENTER, candidate.rank, small.clone(), palette.quiet);
    let name = Rect::from_min_max(
        pos2(inner.left() + 26.0, inner.top()),
        pos2(inner.left() + names, inner.bottom()),
    );
    let text = visible(&candidate.text);
    ui.painter_at(name).text(name.left_center(), Align2::LEFT_CENTER, text, FontId::monospace(14.0), colour);
    let numbers = if inner.width() < 420.0 { 128.0 } else { 150.0 };
    let room = Rect::from_min_max(
        pos2(inner.left() + names + 6.0, inner.top()),
        pos2(inner.right() - numbers, inner.bottom()),
    );
    let values = [candidate.probability, candidate.tempered, candidate.drawn];
    for (number, (value, (colour, _))) in values.into_iter().zip(bars(palette)).enumerate() {
        let top = inner.center().y - 9.0 + 6.5 * number as f32;
        let long = (value / most).clamp(0.0, 1.0) * room.width();
        let bar = Rect::from_min_size(
            pos2(room.left(), top),
            vec2(if long < 0.4 { 0.0 } else { long.max(1.0) }, 4.5),
        );
        painter.rect_filled(bar, 1.5, colour);
    }
    let given = share(candidate.probability);
    let after = match candidate.cut_by.as_deref() {
        Some(by) => format!("{given} → cut by {}", by.replace('_', "-")),
        None => format!("{given} → {}", share(candidate.drawn)),
    };
    let at = pos2(inner.right(), inner.center().y);
    painter.text(at, Align2::RIGHT_CENTER, after, small, if cut { palette.quiet } else { palette.text });
    let exact = format!(
        "id {} · {:.6} as given, {:.6} after temperature, {:.6} as drawn",
        candidate.id, candidate.probability, candidate.tempered, candidate.drawn
    );
    response.on_hover_text(exact).clicked()
}
