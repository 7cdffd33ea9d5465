//! The text itself, laid out as prose, with each token a place of its own: under the pointer, by the arrow keys, and for the strip of
//! entropy below the lines.

use super::column::all_tokens;
use crate::state::Text;
use crate::theme::{self, Palette};
use egui::accesskit::Role;
use egui::text::{CCursor, LayoutJob};
use egui::{Event, EventFilter, FontId, Galley, Key, Rect, Sense, TextFormat, Ui, Vec2, WidgetInfo, vec2};
use std::collections::BTreeMap;
use std::ops::Range;

/// Size and line height of the text, in points.
const SIZE: f32 = 16.0;
const LINE: f32 = 26.0;
/// Widest line: about 72 characters.
const WIDEST: f32 = 600.0;
/// Bits of entropy at which the strip is as strong as it gets.
const MOST_BITS: f32 = 8.0;

/// Why a text ended.
pub(super) fn ending(why: &str) -> &str {
    match why {
        "max_tokens" => "as long as was asked",
        "end_of_text" => "the model ended it",
        "stop_string" => "ended by a stop string",
        "interrupted" => "stopped",
        "failed" => "it failed",
        other => other,
    }
}

/// Where each token stands, in characters. Some tokens add none: their character is not whole yet.
fn ranges(text: &Text) -> Vec<Range<usize>> {
    let mut from = 0;
    let next = |token: &glasshouse_protocol::WrittenToken| {
        let range = from..from + token.text.chars().count();
        from = range.end;
        range
    };
    all_tokens(text).map(next).collect()
}

pub(super) fn text_ui(
    ui: &mut Ui,
    palette: &Palette,
    name: &str,
    text: &Text,
    chosen: &mut Option<usize>,
    entropies: &BTreeMap<usize, f32>,
) {
    let format = |colour| TextFormat {
        line_height: Some(LINE),
        ..TextFormat::simple(FontId::proportional(SIZE), colour)
    };
    let mut job = LayoutJob::default();
    job.wrap.max_width = ui.available_width().min(WIDEST);
    if text.prompt_tokens.is_empty() {
        job.append(&text.prompt, 0.0, format(palette.quiet));
    }
    for token in &text.prompt_tokens {
        job.append(&token.text, 0.0, format(palette.quiet));
    }
    for token in &text.tokens {
        job.append(&token.text, 0.0, format(palette.text));
    }
    let galley = ui.painter().layout_job(job);
    let size = Vec2::new(ui.available_width(), galley.size().y.max(LINE) + 6.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(galley.text().to_owned()),
        ..WidgetInfo::labeled(
            Role::Button,
            true,
            format!("Text of the {name} column, tokens by the arrow keys"),
        )
    });
    let ranges = ranges(text);
    let at = |position: egui::Pos2| {
        let letter = galley.cursor_from_pos(position - rect.min).index.0;
        let edge = galley.pos_from_cursor(CCursor::new(letter)).left() + rect.left();
        // A cursor stands between letters: the letter is the one that the pointer is on.
        let letter = if position.x < edge { letter.saturating_sub(1) } else { letter };
        ranges.iter().position(|range| range.contains(&letter))
    };
    let pointed = response.hover_pos().and_then(at);
    if response.clicked() {
        response.request_focus();
        if let Some(place) = response.interact_pointer_pos().and_then(at) {
            *chosen = if *chosen == Some(place) { None } else { Some(place) };
        }
    }
    if response.gained_focus() {
        // The arrows are taken from the next frame on: it must not be the one in which one is pressed.
        ui.ctx().request_repaint();
    }
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let line = |place: usize, lines: f32| {
            let here = place_rects(&galley, ranges.get(place)?).into_iter().next()?;
            at(rect.min + here.center().to_vec2() + vec2(0.0, lines * LINE))
        };
        for key in keys(ui) {
            *chosen = moved(*chosen, key, &ranges, text.prompt_tokens.len(), &line);
        }
        let ring = rect.expand(4.0);
        ui.painter().rect_stroke(
            ring,
            theme::CONTROL_CORNER,
            (1.5, palette.accent),
            egui::StrokeKind::Inside,
        );
    }
    let mark = |place: usize, fill: egui::Color32| {
        for place in ranges.get(place).map(|range| place_rects(&galley, range)).unwrap_or_default() {
            ui.painter().rect_filled(place.translate(rect.min.to_vec2()).shrink2(vec2(0.0, 2.0)), 3.0, fill);
        }
    };
    if let Some(place) = pointed {
        mark(place, palette.lit());
    }
    if let Some(place) = *chosen {
        mark(place, theme::mix(palette.panel, palette.accent, 0.4));
    }
    for (place, bits) in entropies {
        let fill = theme::magnitude(palette, 0.15 + 0.85 * bits / MOST_BITS);
        for place in ranges.get(*place).map(|range| place_rects(&galley, range)).unwrap_or_default() {
            let strip = Rect::from_min_max(
                egui::pos2(place.left() + 0.5, place.bottom() - 3.0),
                egui::pos2(place.right() - 0.5, place.bottom()),
            );
            ui.painter().rect_filled(strip.translate(rect.min.to_vec2()), 1.0, fill);
        }
    }
    ui.painter().galley(rect.min, galley, palette.text);
    if let Some(bits) = pointed.and_then(|place| entropies.get(&place)) {
        response.on_hover_text_at_pointer(format!("{bits:.2} bits"));
    }
}

/// Arrow keys pressed in this frame, in order.
fn keys(ui: &Ui) -> Vec<Key> {
    let arrow = |event: &Event| match event {
        Event::Key {
            key: key @ (Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown),
            pressed: true,
            ..
        } => Some(*key),
        _ => None,
    };
    ui.input(|input| input.events.iter().filter_map(arrow).collect())
}

/// The token that an arrow key leads to. Tokens that add no letter are passed over.
fn moved(
    chosen: Option<usize>,
    key: Key,
    ranges: &[Range<usize>],
    written: usize,
    line: &dyn Fn(usize, f32) -> Option<usize>,
) -> Option<usize> {
    let Some(place) = chosen else {
        return (written < ranges.len()).then_some(written);
    };
    let seen = |place: &usize| ranges.get(*place).is_some_and(|range| !range.is_empty());
    match key {
        Key::ArrowLeft => (0..place).rev().find(seen).or(chosen),
        Key::ArrowRight => (place + 1..ranges.len()).find(seen).or(chosen),
        Key::ArrowUp => line(place, -1.0).or(chosen),
        _ => line(place, 1.0).or(chosen),
    }
}

/// Where letters stand, a rectangle a line.
fn place_rects(galley: &Galley, letters: &Range<usize>) -> Vec<Rect> {
    let start = CCursor { prefer_next_row: true, ..CCursor::new(letters.start) };
    let from = galley.pos_from_cursor(start);
    let to = galley.pos_from_cursor(CCursor::new(letters.end));
    if letters.is_empty() {
        return Vec::new();
    }
    if (from.top() - to.top()).abs() < 1.0 {
        return vec![Rect::from_min_max(from.left_top(), egui::pos2(to.left(), to.bottom()))];
    }
    let row = galley.pos_from_cursor(galley.cursor_end_of_row(&start)).left();
    let end = egui::pos2(row.max(from.left() + 4.0), from.bottom());
    let mut places = vec![Rect::from_min_max(from.left_top(), end)];
    if to.left() > 0.5 {
        places.push(Rect::from_min_max(egui::pos2(0.0, to.top()), egui::pos2(to.left(), to.bottom())));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_move_from_token_to_token_and_pass_over_unfinished_ones() {
        let ranges = [0..3, 3..3, 3..6, 6..7];
        let line = |_: usize, _: f32| None;
        let go = |from, key| moved(from, key, &ranges, 2, &line);
        assert_eq!(go(None, Key::ArrowRight), Some(2));
        assert_eq!(go(Some(0), Key::ArrowRight), Some(2));
        assert_eq!(go(Some(2), Key::ArrowLeft), Some(0));
        assert_eq!(go(Some(3), Key::ArrowRight), Some(3));
        assert_eq!(go(Some(3), Key::ArrowUp), Some(3));
        assert_eq!(moved(None, Key::ArrowLeft, &[], 0, &line), None);
    }
}
