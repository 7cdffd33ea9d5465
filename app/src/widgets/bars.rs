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
pub struct Segment {
    /// What it is.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
}

/// How memory is shared out among parts, against what the device has. Parts are named below, with their bytes.
pub fn memory_bar(ui: &mut Ui, parts: &[Segment], limit: Option<u64>) {
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
    let named: Vec<(&str, u64, Color32)> = parts
        .iter()
        .enumerate()
        .map(|(place, part)| (part.name.as_str(), part.bytes, part_colour(palette, place)))
        .collect();
    legend(ui, &named);
}

/// What the colours of a bar mean, with the bytes of each; wraps.
fn legend(ui: &mut Ui, named: &[(&str, u64, Color32)]) {
    let palette = Palette::of(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::new(6.0, 2.0);
        ui.set_row_height(18.0);
        for (name, bytes, colour) in named {
            // A mark, its name and its number stay on one line.
            let font = theme::caption().resolve(ui.style());
            let words = format!("{name}{}", format::bytes(*bytes));
            let needed = ui.painter().layout_no_wrap(words, font, palette.quiet).size().x + 40.0;
            if ui.available_size_before_wrap().x < needed {
                ui.end_row();
                ui.set_row_height(18.0);
            }
            let (mark, _) = ui.allocate_exact_size(Vec2::splat(8.0), Sense::hover());
            ui.painter().rect_filled(mark, 2.0, *colour);
            ui.label(RichText::new(*name).text_style(theme::caption()).color(palette.quiet));
            ui.label(RichText::new(format::bytes(*bytes)).text_style(theme::caption()));
            ui.add_space(6.0);
        }
    });
}

/// A segment of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSegment {
    /// What it is.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// Its colour.
    pub colour: Color32,
    /// What the pointer on it tells.
    pub hover: String,
}

/// Where bytes went, from the left to the right, each segment as long as its share and none too small to be pointed at.
pub fn flow_bar(ui: &mut Ui, name: &str, segments: &[FlowSegment]) {
    let palette = Palette::of(ui);
    let gap = 2.0;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 18.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name));
    let bytes: Vec<u64> = segments.iter().map(|segment| segment.bytes).collect();
    let lengths = lengths(&bytes, rect.width() - gap * segments.len().saturating_sub(1) as f32);
    let mut left = rect.left();
    for (place, (segment, length)) in segments.iter().zip(lengths).enumerate() {
        let piece = Rect::from_min_max(pos2(left, rect.top()), pos2(left + length, rect.bottom()));
        left += length + gap;
        let response = ui.interact(piece, ui.scope_id().with(("flow", place)), Sense::hover());
        let lit = response.hovered();
        let colour = if lit { theme::mix(segment.colour, palette.text, 0.25) } else { segment.colour };
        ui.painter().rect_filled(piece, 3.0, colour);
        response.on_hover_text(&segment.hover);
    }
    let named: Vec<(&str, u64, Color32)> =
        segments.iter().map(|segment| (segment.name.as_str(), segment.bytes, segment.colour)).collect();
    legend(ui, &named);
}

/// Lengths in proportion to bytes, of at least a few points each as long as there is room for that.
fn lengths(bytes: &[u64], room: f32) -> Vec<f32> {
    /// Least length of a segment, in points.
    const MIN_LENGTH: f32 = 4.0;
    let whole = bytes.iter().map(|bytes| *bytes as f64).sum::<f64>().max(1.0);
    let room = room.max(0.0);
    let least = MIN_LENGTH.min(room / bytes.len().max(1) as f32);
    let free = room - least * bytes.len() as f32;
    bytes.iter().map(|bytes| least + (*bytes as f64 / whole) as f32 * free).collect()
}

fn part_colour(palette: &Palette, place: usize) -> Color32 {
    let [first, second, third, fourth, fifth, sixth] = palette.series;
    let order = [palette.accent, first, fourth, second, third, sixth, fifth];
    order[place % order.len()]
}

#[cfg(test)]
mod tests {
    use super::lengths;

    #[test]
    fn a_flow_fills_its_room_and_every_segment_can_be_pointed_at() {
        let found = lengths(&[1_000_000, 1, 0, 500_000], 300.0);
        assert!((found.iter().sum::<f32>() - 300.0).abs() < 1e-3, "{found:?}");
        assert!(found.iter().all(|length| *length >= 4.0), "{found:?}");
        assert!(found[0] > found[3] && found[3] > found[1]);
        assert_eq!(lengths(&[], 300.0), Vec::<f32>::new());
        assert!(lengths(&[5, 5, 5], 6.0).iter().all(|length| (length - 2.0).abs() < 1e-6));
    }
}
