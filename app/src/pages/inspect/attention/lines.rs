//! The tokens in two columns, queries on the left and keys on the right, with a line for each attention weight.

use crate::pages::inspect::{Chosen, Shown, remembered};
use crate::pages::prelude::*;
use egui::style::ScrollAnimation;

/// Height of a token's line in points.
const LINE: f32 = 20.0;
/// Attention weights below this are not drawn.
const MIN_SHARE: f32 = 0.02;
/// Maximum number of tokens for which the lines of all are drawn.
const CROWD: usize = 64;
/// Height in points beyond which it scrolls.
const TALL: f32 = 520.0;

/// Draws the lines of a head's matrix [T, T]. The hovered token's lines are highlighted, else those of `query`, else those of the
/// position.
pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen, matrix: &[f32], query: Option<usize>) {
    let tokens = matrix.len().isqrt();
    scrolled("lines", TALL).show(ui, |ui| {
        let size = vec2(ui.available_width(), LINE * tokens as f32);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        let row_at = |at: Pos2| (((at.y - rect.top()) / LINE) as usize).min(tokens.saturating_sub(1));
        let position = chosen.set.position.unwrap_or(tokens.saturating_sub(1)).min(tokens.saturating_sub(1));
        // Scroll the chosen token into view.
        let seen = [shown.layer(), shown.head(), position];
        if remembered(ui, "line in sight", |_, before: &mut Option<[usize; 3]>| {
            before.replace(seen) != Some(seen)
        }) {
            let top = rect.top() + LINE * position as f32;
            let line = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), LINE));
            ui.scroll_to_rect_animation(line, None, ScrollAnimation::none());
        }
        let [_, step] = arrow_keys(ui, &response, [false, true]);
        let stepped = position.saturating_add_signed(step).min(tokens.saturating_sub(1));
        if stepped != position {
            chosen.set.position = Some(stepped);
        }
        let pointed = response.hover_pos().map(row_at);
        if let Some(place) = pointed.filter(|_| response.clicked()) {
            chosen.set.position = Some(place);
        }
        let reads = pointed.or(query).unwrap_or(position);
        let said = sentence(shown, matrix, tokens, reads);
        let name = "Attention of a token, choose tokens with the arrow keys";
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(said.clone()),
            ..WidgetInfo::labeled(Role::Button, true, name)
        });
        if ui.is_rect_visible(rect) {
            paint(ui, shown, matrix, rect, reads);
        }
        focus_ring(ui, &response, 3.0);
        response.on_hover_text_at_pointer(said);
    });
}

/// The tokens a query attends to, in descending order.
fn sentence(shown: &Shown<'_>, matrix: &[f32], tokens: usize, query: usize) -> String {
    let row = matrix.get(query * tokens..(query + 1) * tokens).unwrap_or_default();
    let mut most: Vec<(usize, f32)> =
        row.iter().copied().enumerate().filter(|(_, share)| *share >= MIN_SHARE).collect();
    most.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let parts: Vec<String> =
        most.iter().take(5).map(|(key, share)| format!("{share:.2} from {}", shown.place(*key))).collect();
    format!("{} reads {}", shown.place(query), parts.join(", "))
}

fn paint(ui: &Ui, shown: &Shown<'_>, matrix: &[f32], rect: Rect, reads: usize) {
    let palette = shown.palette;
    let tokens = matrix.len().isqrt();
    let painter = ui.painter_at(rect);
    let words = (rect.width() * 0.3).min(150.0);
    let (left, right) = (rect.left() + words, rect.right() - words);
    let middle = |place: usize| rect.top() + LINE * (place as f32 + 0.5);
    let row = |query: usize| matrix.get(query * tokens..(query + 1) * tokens).unwrap_or_default();
    let line = |query: usize, strength: f32| {
        for (key, share) in row(query).iter().enumerate().filter(|(_, share)| **share >= MIN_SHARE) {
            let colour = theme::mix(palette.panel, palette.accent, share.sqrt() * strength);
            let ends = [pos2(left, middle(query)), pos2(right, middle(key))];
            painter.line_segment(ends, Stroke::new(0.75 + 2.25 * share * strength, colour));
        }
    };
    // In a long text, only the chosen token's lines can be distinguished.
    for query in (0..tokens).filter(|query| *query != reads && tokens <= CROWD) {
        line(query, 0.25);
    }
    line(reads, 1.0);
    let font = FontId::monospace(12.0);
    let fitted = |text: String, at: Pos2, anchor: Align2, colour| {
        let room = Rect::from_min_max(
            pos2(if anchor == Align2::RIGHT_CENTER { rect.left() } else { right }, at.y - LINE / 2.0),
            pos2(if anchor == Align2::RIGHT_CENTER { left } else { rect.right() }, at.y + LINE / 2.0),
        );
        let painter = painter.with_clip_rect(room.intersect(painter.clip_rect()));
        painter.text(at, anchor, text, font.clone(), colour);
    };
    for place in 0..tokens {
        let share = row(reads).get(place).copied().unwrap_or_default();
        let (y, colour) = (middle(place), if place == reads { palette.accent } else { palette.quiet });
        fitted(shown.token(place), pos2(left - 6.0, y), Align2::RIGHT_CENTER, colour);
        let words = match share >= MIN_SHARE {
            true => format!("{} {share:.2}", shown.token(place)),
            false => shown.token(place),
        };
        let colour = theme::mix(palette.quiet, palette.text, share.sqrt());
        fitted(words, pos2(right + 6.0, y), Align2::LEFT_CENTER, colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ViewData;
    use crate::theme::DARK;
    use glasshouse_protocol::inspect::TokenText;
    use glasshouse_protocol::{InspectSettings, Inspection, View};

    const TOKENS: usize = 40;

    /// Whether a token's line is visible when one position of many is shown.
    fn is_seen(place: usize, position: usize) -> bool {
        let token = |id: usize| TokenText { id: id as u32, text: format!("w{id}") };
        let tokens = (0..TOKENS).map(token).collect();
        let inspection = Inspection { layers: 1, heads: 1, tokens, position, ..Inspection::default() };
        let (view, tensors, details, notices) = (View::Attention, Vec::new(), Vec::new(), Vec::new());
        let data = ViewData { view, tensors, details, notices, ms: 0.0 };
        let settings = InspectSettings::default();
        let shown =
            Shown { inspection: &inspection, data: &data, settings: &settings, column: 0, palette: &DARK };
        let mut chosen = Chosen::default();
        chosen.set.position = Some(position);
        let matrix = vec![0.0; TOKENS * TOKENS];
        let shapes = crate::widgets::drawn(|ui| super::ui(ui, &shown, &mut chosen, &matrix, None));
        shapes.iter().any(|clipped| match &clipped.shape {
            egui::Shape::Text(text) => {
                text.galley.text() == format!("w{place}") && clipped.clip_rect.contains(text.pos)
            }
            _ => false,
        })
    }

    #[test]
    fn the_token_that_is_looked_at_is_in_sight() {
        assert!(is_seen(0, 0) && !is_seen(TOKENS - 1, 0), "not all lines find room");
        assert!(is_seen(TOKENS - 1, TOKENS - 1) && !is_seen(0, TOKENS - 1));
    }
}
