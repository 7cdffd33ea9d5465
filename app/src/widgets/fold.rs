//! Folds whose state is stored in the preferences, and each page's "what is this?".

use super::prelude::*;
use crate::preferences::Preferences;
use crate::theme::CONTROL;
use egui::EventFilter;

pub fn is_open(preferences: &Preferences, name: &str, unless_chosen: bool) -> bool {
    preferences.folds.get(name).copied().unwrap_or(unless_chosen)
}

/// A header that shows or hides the contents. `name` is the key in the preferences; `note` is shown at the right. Returns the
/// contents' result if open.
pub fn fold<R>(
    ui: &mut Ui,
    preferences: &mut Preferences,
    name: &str,
    (title, note): (&str, &str),
    open_at_first: bool,
    contents: impl FnOnce(&mut Ui, &mut Preferences) -> R,
) -> Option<R> {
    fold_row(ui, preferences, name, (title, note), open_at_first).then(|| {
        ui.push_id(name, |ui| {
            let shown = contents(ui, preferences);
            ui.add_space(space::SMALL);
            shown
        })
        .inner
    })
}

/// A fold's header, with its state in the preferences. Returns whether it is open.
pub fn fold_row(
    ui: &mut Ui,
    preferences: &mut Preferences,
    name: &str,
    (title, note): (&str, &str),
    open_at_first: bool,
) -> bool {
    let mut open = is_open(preferences, name, open_at_first);
    if fold_head(ui, &mut open, title, note) {
        preferences.folds.insert(name.to_owned(), open);
    }
    open
}

/// A fold's header without stored state. Returns whether it was toggled.
pub fn fold_head(ui: &mut Ui, open: &mut bool, title: &str, note: &str) -> bool {
    let palette = Palette::of(ui);
    let height = ui.spacing().interact_size.y.max(CONTROL);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::click());
    let clicked = response.clicked();
    *open ^= clicked;
    let open = *open;
    let painter = ui.painter_at(rect.expand(2.0));
    let colour = if response.hovered() { palette.accent } else { palette.text };
    let icon = if open { icons::ICON_EXPAND_MORE } else { icons::ICON_CHEVRON_RIGHT };
    let mark = FontId::new(18.0, icon.font_family());
    let middle = pos2(rect.left() + 9.0, rect.center().y);
    painter.text(middle, Align2::CENTER_CENTER, icon.codepoint, mark, colour);
    let font = theme::strong().resolve(ui.style());
    let left = pos2(rect.left() + 24.0, rect.center().y);
    let words = painter.text(left, Align2::LEFT_CENTER, title, font, colour);
    if !note.is_empty() {
        let font = TextStyle::Body.resolve(ui.style());
        let room = rect.right() - words.right() - space::MEDIUM;
        let galley = elided(&painter, note, font, palette.quiet, room);
        let place = pos2(rect.right() - galley.size().x, rect.center().y - galley.size().y / 2.0);
        painter.galley(place, galley, palette.quiet);
    }
    focus_ring(ui, &response, f32::from(theme::CONTROL_CORNER));
    describe_fold(ui, &response, open, title);
    if !note.is_empty() {
        // The note is painted, so pass it to screen readers.
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(note));
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand);
    clicked
}

/// Sets the accessible name and state of a fold's header.
pub fn describe_fold(ui: &Ui, head: &Response, open: bool, title: &str) {
    head.widget_info(|| WidgetInfo::labeled(Role::DisclosureTriangle, ui.is_enabled(), title));
    ui.ctx().accesskit_node_builder(head.id, |node| node.set_expanded(open));
}

/// A frame inside a widget that has the keyboard.
pub fn focus_ring(ui: &Ui, response: &Response, corner: f32) {
    if response.has_focus() {
        let ring = Stroke::new(1.5, Palette::of(ui).accent);
        ui.painter().rect_stroke(response.rect, corner, ring, StrokeKind::Inside);
    }
}

/// Steps to the right and down by the arrow keys, which are captured along these axes while a widget has the keyboard.
pub fn arrow_keys(
    ui: &Ui,
    response: &Response,
    [horizontal_arrows, vertical_arrows]: [bool; 2],
) -> [isize; 2] {
    if response.gained_focus() {
        // The arrow keys are captured from the next frame on, so draw one before a key is pressed.
        ui.ctx().request_repaint();
    }
    if !response.has_focus() {
        return [0; 2];
    }
    let filter = EventFilter { horizontal_arrows, vertical_arrows, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let pressed = |key| isize::from(ui.input(|input| input.key_pressed(key)));
    [pressed(Key::ArrowRight) - pressed(Key::ArrowLeft), pressed(Key::ArrowDown) - pressed(Key::ArrowUp)]
}

/// A page's introduction. It can be hidden; the question mark in the top bar shows it again.
pub fn what_is_this(ui: &mut Ui, preferences: &mut Preferences, page: &str, text: &str) {
    let name = format!("what:{page}");
    if !is_open(preferences, &name, true) {
        return;
    }
    let quiet = Palette::of(ui).quiet;
    let width = ui.available_width().min(theme::PROSE + 160.0);
    ui.allocate_ui(Vec2::new(width, 0.0), |ui| {
        ui.set_width(width);
        ui.spacing_mut().extra_text_line_spacing = 3.0;
        ui.add(Label::new(RichText::new(text).color(quiet)).wrap());
    });
    ui.scope(|ui| {
        ui.spacing_mut().button_padding.x = 0.0;
        ui.spacing_mut().interact_size.y = 18.0;
        let words = RichText::new("Hide this").text_style(theme::caption()).color(quiet).underline();
        let hide = ui.add(egui::Button::new(words).frame(false).min_size(Vec2::ZERO));
        if hide.on_hover_text("Show it again with the question mark next to the title").clicked() {
            preferences.folds.insert(name, false);
        }
    });
    ui.add_space(space::MEDIUM);
}
