//! Tokens with their probability given the preceding ones. A stronger strip below a token means more surprise.

use super::{Chosen, Shown};
use crate::pages::prelude::*;

/// Surprise in bits at which the strip has its strongest colour.
const MAX_BITS: f32 = 12.0;
/// Height in points of a token with its id, probability and strip.
const TALL: f32 = 62.0;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let (tokens, surprise) = (shown.data.integers("ids").len(), shown.data.floats("surprise"));
    if tokens == 0 {
        return caption(ui, "There are no tokens to show.");
    }
    // A classifier gives tokens no probability.
    if !surprise.is_empty() {
        summary_ui(ui, surprise, shown.data.floats("entropy"));
    }
    let position = chosen.set.position.unwrap_or(tokens - 1);
    ui.spacing_mut().item_spacing = Vec2::new(2.0, 6.0);
    ui.horizontal_wrapped(|ui| {
        for place in 0..tokens {
            if token_ui(ui, shown, place, place == position) {
                chosen.set.position = Some(place);
            }
        }
    });
}

/// Averages over the prompt's tokens except the first.
fn summary_ui(ui: &mut Ui, surprise: &[f32], entropy: &[f32]) {
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
    let Some(scored) = surprise.get(1..).filter(|scored| !scored.is_empty()) else {
        return caption(ui, "A single token has no context to be predicted from: type more.");
    };
    let bits = mean(scored);
    ui.horizontal_wrapped(|ui| {
        term(ui, "Perplexity", None);
        ui.label(format!("{:.2}", bits.exp2()));
        caption(ui, format!("{bits:.3} bits per token"));
        if let Some(expected) = entropy.get(..entropy.len().saturating_sub(1)).filter(|all| !all.is_empty()) {
            caption(ui, format!("expected {:.3} (mean entropy)", mean(expected)));
        }
    });
}

/// A token. Returns whether it was clicked.
fn token_ui(ui: &mut Ui, shown: &Shown<'_>, place: usize, is_chosen: bool) -> bool {
    let palette = shown.palette;
    let text = shown.token(place);
    let at = |name: &str| shown.data.floats(name).get(place).copied().unwrap_or(f32::NAN);
    let id = shown.data.integers("ids").get(place).copied().unwrap_or_default();
    let rank = shown.data.integers("rank").get(place).copied().unwrap_or_default();
    let share = format::percent(f64::from(at("log_probabilities").exp()));
    let scored = !shown.data.floats("surprise").is_empty();
    let said = if !scored {
        format!("Position {place}: {text}, token {id}")
    } else if place == 0 {
        format!("Position 0: {text}, token {id}; no context")
    } else {
        let (bits, whole) = (at("surprise"), format::whole(u64::from(rank)));
        format!("Position {place}: {text}, token {id}, {share} likely, rank {whole}, surprise {bits:.2} bits")
    };
    let (font, small) = (FontId::monospace(14.0), FontId::monospace(10.0));
    let wide = |text: &str, font: &FontId| {
        ui.painter().layout_no_wrap(text.to_owned(), font.clone(), palette.text).size().x
    };
    let below = if place == 0 || !scored { String::new() } else { share };
    let number = id.to_string();
    let width = wide(&text, &font).max(wide(&number, &small)).max(wide(&below, &small)) + 8.0;
    let width = width.clamp(14.0, ui.max_rect().width().max(14.0));
    let (rect, response) = ui.allocate_exact_size(vec2(width, TALL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_chosen, &said));
    if ui.is_rect_visible(rect) {
        let painter = ui.painter_at(rect.expand(1.0));
        let [first, second, third, fourth, ..] = palette.series;
        let tint = [first, second, third, fourth][place % 4];
        let stands_out = is_chosen || response.hovered() || response.has_focus();
        let body = rect.with_max_y(rect.top() + 26.0);
        let fill = theme::mix(palette.panel, tint, if stands_out { 0.55 } else { 0.28 });
        painter.rect_filled(body, 3.0, fill);
        if is_chosen || response.has_focus() {
            painter.rect_stroke(body, 3.0, (1.5, palette.text), StrokeKind::Inside);
        }
        painter.text(body.center(), Align2::CENTER_CENTER, &text, font, palette.text);
        let line = |y: f32, text: &str, colour| {
            painter.text(pos2(rect.center().x, y), Align2::CENTER_TOP, text, small.clone(), colour);
        };
        line(body.bottom() + 2.0, &number, palette.quiet);
        line(body.bottom() + 15.0, &below, palette.text);
        let strip = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 6.0), rect.max);
        if scored {
            painter.rect_filled(strip, 1.0, palette.raised);
        }
        if scored && place > 0 {
            painter.rect_filled(strip, 1.0, theme::magnitude(palette, at("surprise") / MAX_BITS));
        }
    }
    response.on_hover_text(said).clicked()
}
