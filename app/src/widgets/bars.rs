//! Bars: how far something is, and how memory is shared out.

use crate::format;
use crate::theme::{self, Palette};
use egui::{Color32, Rect, RichText, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2};

/// How far something is, from 0 to 1.
pub fn progress_bar(ui: &mut Ui, share: f32, width: f32) {
    let palette = Palette::of(ui);
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width.max(8.0), 6.0), Sense::hover());
    ui.painter().rect_filled(rect, 3.0, theme::mix(palette.raised, palette.quiet, 0.25));
    let done = Rect::from_min_size(rect.min, Vec2::new((rect.width() * share).max(6.0), rect.height()));
    if share > 0.0 {
        ui.painter().rect_filled(done, 3.0, palette.accent);
    }
    response.widget_info(|| {
        let mut info = WidgetInfo::new(Role::ProgressIndicator);
        info.value = Some(f64::from(share));
        info
    });
}

/// A part of a bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
}

/// How memory is shared out among parts, against what the device has. Parts are named below, with their bytes.
pub fn memory_bar(ui: &mut Ui, parts: &[Part], limit: Option<u64>) {
    let palette = Palette::of(ui);
    let sum: u64 = parts.iter().map(|part| part.bytes).sum();
    let whole = limit.unwrap_or(0).max(sum).max(1) as f64;
    let width = ui.available_width();
    let (rect, _) = ui.allocate_exact_size(Vec2::new(width, 12.0), Sense::hover());
    ui.painter().rect_filled(rect, 4.0, theme::mix(palette.raised, palette.quiet, 0.25));
    let mut left = rect.left();
    for (place, part) in parts.iter().enumerate() {
        let length = (part.bytes as f64 / whole) as f32 * rect.width();
        let piece = Rect::from_min_max(pos2(left, rect.top()), pos2(left + length, rect.bottom()));
        ui.painter().rect_filled(piece.shrink2(Vec2::new(0.5, 0.0)), 2.0, part_colour(palette, place));
        let response = ui.interact(piece, ui.scope_id().with(("memory", place)), Sense::hover());
        response.on_hover_text(format!("{}: {} bytes", part.name, format::whole(part.bytes)));
        left += length;
    }
    if let Some(limit) = limit.filter(|limit| *limit < sum) {
        let line = rect.left() + (limit as f64 / whole) as f32 * rect.width();
        ui.painter().vline(line, rect.y_range().expand(3.0), Stroke::new(2.0, palette.failure));
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::new(6.0, 2.0);
        ui.set_row_height(18.0);
        for (place, part) in parts.iter().enumerate() {
            // A mark, its name and its number stay on one line.
            let font = theme::caption().resolve(ui.style());
            let words = format!("{}{}", part.name, format::bytes(part.bytes));
            let needed = ui.painter().layout_no_wrap(words, font, palette.quiet).size().x + 40.0;
            if ui.available_size_before_wrap().x < needed {
                ui.end_row();
                ui.set_row_height(18.0);
            }
            let (mark, _) = ui.allocate_exact_size(Vec2::splat(8.0), Sense::hover());
            ui.painter().rect_filled(mark, 2.0, part_colour(palette, place));
            ui.label(RichText::new(&part.name).text_style(theme::caption()).color(palette.quiet));
            ui.label(RichText::new(format::bytes(part.bytes)).text_style(theme::caption()));
            ui.add_space(6.0);
        }
    });
}

fn part_colour(palette: &Palette, place: usize) -> Color32 {
    let [first, second, third, fourth, fifth, sixth] = palette.series;
    let order = [palette.accent, first, fourth, second, third, sixth, fifth];
    order[place % order.len()]
}
