//! Layout: page margins and scrolling, cards, sections, prose.

use super::prelude::*;
use crate::theme::CARD_CORNER;
use egui::text::TextWrapping;
use egui::{AsIdSalt, Context, Id, Modal, Painter, Rangef, UiBuilder, WidgetText};
use std::sync::Arc;

/// Maximum width of a page's contents in points.
const PAGE_WIDTH: f32 = 1760.0;
/// Width in points from which a page has a third column.
pub const WIDE: f32 = 1480.0;

/// Width in points from which there is room for two columns.
const HALVED: f32 = 640.0;

/// Whether there is room for one column only.
pub fn is_narrow(ui: &Ui) -> bool {
    ui.ctx().content_rect().width() < theme::NARROW_WIDTH
}

/// A page's contents with margins, a readable width, and scrolling.
pub fn page<R>(ui: &mut Ui, name: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let side = if is_narrow(ui) { 16 } else { 28 };
    ScrollArea::vertical()
        .id_salt(name)
        .auto_shrink(false)
        .show(ui, |ui| {
            let margin = Margin { left: side, right: side, top: 4, bottom: 32 };
            Frame::new().inner_margin(margin).show(ui, |ui| {
                ui.set_width(ui.available_width().min(PAGE_WIDTH));
                contents(ui)
            })
        })
        .inner
        .inner
}

/// The part of a page that stays at the bottom, below what scrolls; with the margins of [`page`].
pub fn page_foot(ui: &mut Ui, name: &str, contents: impl FnOnce(&mut Ui)) {
    let side = if is_narrow(ui) { 16 } else { 28 };
    let frame = Frame::new().inner_margin(Margin { left: side, right: side, top: 4, bottom: 12 });
    egui::Panel::bottom(Id::unique(name)).frame(frame).show_separator_line(false).show(ui, |ui| {
        // The panel itself keeps the width of the window.
        ui.vertical(|ui| {
            ui.set_width(ui.available_width().min(PAGE_WIDTH));
            contents(ui);
        });
    });
}

/// A list that scrolls beyond a height. A scroll area alone requests little height from a dialog or card.
pub fn scrolled(salt: impl AsIdSalt, height: f32) -> ScrollArea {
    ScrollArea::vertical().id_salt(salt).min_scrolled_height(height).max_height(height)
}

/// Width of a line of text in points.
pub fn text_width(ui: &Ui, text: &str, font: &FontId) -> f32 {
    ui.painter().layout_no_wrap(text.to_owned(), font.clone(), Color32::PLACEHOLDER).size().x
}

/// Writes a name below each of evenly spaced places over `span`, at the top of `room`. Names without room are left out.
pub fn names_below<'a>(
    ui: &Ui,
    font: &FontId,
    (span, room): (Rangef, Rect),
    names: impl ExactSizeIterator<Item = &'a str>,
) {
    let (quiet, step) = (Palette::of(ui).quiet, span.span() / names.len().max(1) as f32);
    let mut free_from = room.left();
    for (place, name) in names.enumerate().filter(|(_, name)| !name.is_empty()) {
        let galley = ui.painter().layout_no_wrap(name.to_owned(), font.clone(), quiet);
        let (middle, width) = (span.min + step * (place as f32 + 0.5), galley.size().x);
        // The first and the last name may be wider than their places.
        let left = (middle - width / 2.0).min(room.right() - width).max(room.left());
        if left >= free_from {
            free_from = left + width + 4.0;
            ui.painter().galley(pos2(left, room.top()), galley, quiet);
        }
    }
}

/// A group on the panel colour.
pub fn card<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    card_with(ui, Palette::of(ui).panel, contents).0
}

/// A card with another fill; also returns its response.
pub fn card_with<R>(ui: &mut Ui, fill: Color32, contents: impl FnOnce(&mut Ui) -> R) -> (R, Response) {
    let shown = Frame::new()
        .fill(fill)
        .corner_radius(CARD_CORNER)
        .inner_margin(Margin::same(space::LARGE as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            contents(ui)
        });
    (shown.inner, shown.response)
}

pub fn raised<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    Frame::new()
        .fill(Palette::of(ui).raised)
        .corner_radius(CARD_CORNER)
        .inner_margin(Margin::symmetric(12, 10))
        .show(ui, contents)
        .inner
}

/// A dialog above the page with a card's margin instead of egui's menu margin.
pub fn dialog(context: &Context, name: &str) -> Modal {
    let frame = Frame::popup(&context.global_style()).inner_margin(Margin::same(space::LARGE as i8));
    Modal::new(Id::unique(name)).frame(frame)
}

/// A dialog of at most `width` points while something is `asked`, with buttons to agree and to cancel below its contents, which return
/// the icon and the words of the first, and whether it can be pressed. Once it is decided, takes and returns what was asked, and
/// whether the person agreed.
pub fn question<T>(
    context: &Context,
    name: &str,
    width: f32,
    asked: &mut Option<T>,
    contents: impl FnOnce(&mut Ui, &mut T) -> (Option<MaterialIcon>, &'static str, bool),
) -> Option<(T, bool)> {
    let about = asked.as_mut()?;
    let shown = dialog(context, name).show(context, |ui| {
        ui.set_width((context.content_rect().width() - 64.0).min(width));
        let (icon, words, is_ready) = contents(ui, about);
        ui.add_space(space::SMALL);
        let buttons = |ui: &mut Ui| {
            let agree = |ui: &mut Ui| {
                let button = primary(ui, icon, words);
                if ui.memory(|memory| memory.focused().is_none()) {
                    button.request_focus();
                }
                button.clicked()
            };
            let agrees = ui.add_enabled_ui(is_ready, agree).inner;
            let cancels = plain(ui, None, "Cancel").clicked();
            (agrees || cancels).then_some(agrees)
        };
        ui.horizontal_wrapped(buttons).inner
    });
    // A click outside does not drop what is typed.
    let closes = shown.should_close() && !shown.backdrop_response.clicked()
        || context.input(|input| input.key_pressed(Key::Escape));
    let agrees = shown.inner.or(closes.then_some(false))?;
    asked.take().map(|about| (about, agrees))
}

pub fn section(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).text_style(theme::section()));
}

/// Prose, at most 72 characters wide.
pub fn prose(ui: &mut Ui, text: impl Into<WidgetText>) {
    ui.scope(|ui| {
        ui.set_max_width(ui.available_width().min(theme::PROSE));
        ui.add(Label::new(text).wrap());
    });
}

pub fn quiet_text(ui: &mut Ui, text: impl Into<String>) {
    let quiet = Palette::of(ui).quiet;
    let text: String = text.into();
    let text = with_code(ui, &text, |words| words.color(quiet));
    readable(ui, text);
}

/// A text that wraps, on wide pages at a readable width.
pub fn readable(ui: &mut Ui, text: impl Into<WidgetText>) -> Response {
    const WIDTH: f32 = theme::PROSE + 160.0;
    let label = Label::new(text).wrap();
    if ui.layout().is_horizontal() || ui.available_width() <= WIDTH {
        return ui.add(label);
    }
    ui.scope(|ui| {
        ui.set_max_width(WIDTH);
        ui.add(label)
    })
    .inner
}

/// A line laid out to at most `width`, truncated with an ellipsis.
pub fn elided(
    painter: &Painter,
    text: impl Into<String>,
    font: FontId,
    colour: Color32,
    width: f32,
) -> Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(text.into(), font, colour);
    job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
    painter.layout_job(job)
}

/// Two columns of equal width, or one below the other if it is narrow; `contents` draws column 0, then column 1.
pub fn halves(ui: &mut Ui, gap: f32, mut contents: impl FnMut(&mut Ui, usize)) {
    if ui.available_width() < HALVED {
        contents(ui, 0);
        ui.add_space(space::SMALL);
        return contents(ui, 1);
    }
    let width = ((ui.available_width() - gap) / 2.0).floor();
    columns_ui(ui, gap, &[width; 2], contents);
}

pub fn column<R>(ui: &mut Ui, width: f32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let layout = Layout::top_down(egui::Align::Min);
    ui.allocate_ui_with_layout(Vec2::new(width, 0.0), layout, |ui| {
        ui.set_width(width);
        contents(ui)
    })
    .inner
}

/// Columns of these widths, `gap` points apart; `part` draws the column of an index.
pub fn columns_ui(ui: &mut Ui, gap: f32, widths: &[f32], mut part: impl FnMut(&mut Ui, usize)) {
    let spacing = ui.spacing().item_spacing;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        for (place, width) in widths.iter().enumerate() {
            column(ui, *width, |ui| {
                ui.spacing_mut().item_spacing = spacing;
                part(ui, place);
            });
        }
    });
}

/// A column that stays in sight while its page scrolls, and scrolls by itself; in a narrow window it is a part of the page.
pub fn staying(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let (view, place) = (ui.clip_rect(), ui.max_rect());
    if place.width() > 0.5 * view.width() {
        return contents(ui);
    }
    let top = place.top().max(view.top() + space::SMALL);
    let shown = Rect::from_x_y_ranges(place.x_range(), top..=view.bottom());
    ui.new_child(UiBuilder::new().max_rect(shown)).push_id("staying", |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, contents);
    });
}

/// A dashed frame.
pub fn dashed_frame(painter: &Painter, rect: Rect, stroke: Stroke) {
    let corners =
        [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
    painter.extend(Shape::dashed_line(&corners, stroke, 6.0, 5.0));
}

/// How many columns of at least `least` points fit, up to `most`, and the width of each.
pub fn columns_fit(available: f32, least: f32, gap: f32, most: usize) -> (usize, f32) {
    let count = (((available + gap) / (least + gap)).floor() as usize).min(most).max(1);
    (count, (available - gap * (count - 1) as f32) / count as f32)
}
