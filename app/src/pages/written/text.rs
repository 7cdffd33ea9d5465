//! The text as prose with selectable tokens, by pointer or arrow keys.

use super::paper::{LINE, Paper};
use crate::pages::prelude::*;
use crate::state::TextEnding;
use egui::Event;

pub fn ending(why: TextEnding) -> &'static str {
    match why {
        TextEnding::By(Ending::MaxTokens) => "max tokens reached",
        TextEnding::By(Ending::EndOfText) => "end of text",
        TextEnding::By(Ending::StopString) => "stop string reached",
        TextEnding::By(Ending::Interrupted) => "stopped",
        TextEnding::By(Ending::Moderated) => "ended by moderation",
        TextEnding::Failed => "failed",
    }
}

/// Draws a text of a request with an accessible name such as `Text of the first column`.
pub fn text_ui(
    ui: &mut Ui,
    palette: &Palette,
    paper: &mut Paper,
    chosen: &mut Option<usize>,
    (name, request, text): (&str, u64, &Text),
) {
    paper.take(ui, request, text, ui.available_width());
    let size = Vec2::new(ui.available_width(), paper.height().max(LINE) + 6.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(paper.text().to_owned()),
        ..WidgetInfo::labeled(Role::Button, true, format!("{name}, choose tokens with the arrow keys"))
    });
    let at = |position: Pos2| paper.token_at(ui, palette, position - rect.min);
    let pointed = response.hover_pos().and_then(at);
    if response.clicked() {
        response.request_focus();
        if let Some(place) = response.interact_pointer_pos().and_then(at) {
            *chosen = if *chosen == Some(place) { None } else { Some(place) };
        }
    }
    arrow_keys(ui, &response, [true, true]);
    if response.has_focus() {
        let line = |place: usize, lines: f32| {
            let here = paper.rects(ui, palette, place).into_iter().next()?;
            paper.token_at(ui, palette, here.center().to_vec2() + vec2(0.0, lines * LINE))
        };
        for key in keys(ui) {
            let seen = |place: usize| paper.is_seen(place);
            *chosen = moved(*chosen, key, paper.count(), text.prompt_tokens.len(), &seen, &line);
        }
        let ring = rect.expand(4.0);
        let stroke = (1.5, palette.accent);
        ui.painter().rect_stroke(ring, theme::CONTROL_CORNER, stroke, StrokeKind::Inside);
    }
    let mark = |place: usize, fill: Color32| {
        for place in paper.rects(ui, palette, place) {
            ui.painter().rect_filled(place.translate(rect.min.to_vec2()).shrink2(vec2(0.0, 2.0)), 3.0, fill);
        }
    };
    if let Some(place) = pointed {
        mark(place, palette.lit());
    }
    if let Some(place) = *chosen {
        mark(place, theme::mix(palette.panel, palette.accent, 0.4));
    }
    paper.draw(ui, palette, rect.min);
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

/// The token that an arrow key leads to among `count`, skipping tokens without a visible character.
fn moved(
    chosen: Option<usize>,
    key: Key,
    count: usize,
    written: usize,
    seen: &dyn Fn(usize) -> bool,
    line: &dyn Fn(usize, f32) -> Option<usize>,
) -> Option<usize> {
    let Some(place) = chosen else {
        return (written < count).then_some(written);
    };
    match key {
        Key::ArrowLeft => (0..place).rev().find(|place| seen(*place)).or(chosen),
        Key::ArrowRight => (place + 1..count).find(|place| seen(*place)).or(chosen),
        Key::ArrowUp => line(place, -1.0).or(chosen),
        _ => line(place, 1.0).or(chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_move_from_token_to_token_and_pass_over_unfinished_ones() {
        let line = |_: usize, _: f32| None;
        // The second token ends within a character.
        let seen = |place: usize| place != 1;
        let go = |from, key| moved(from, key, 4, 2, &seen, &line);
        assert_eq!(go(None, Key::ArrowRight), Some(2));
        assert_eq!(go(Some(0), Key::ArrowRight), Some(2));
        assert_eq!(go(Some(2), Key::ArrowLeft), Some(0));
        assert_eq!(go(Some(3), Key::ArrowRight), Some(3));
        assert_eq!(go(Some(3), Key::ArrowUp), Some(3));
        assert_eq!(moved(None, Key::ArrowLeft, 0, 0, &seen, &line), None);
    }
}
