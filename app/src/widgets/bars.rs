//! Bars: progress, and the distribution of memory.

use super::prelude::*;

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

/// Shares of a whole as bars, one over another.
pub fn share_bar(ui: &mut Ui, size: Vec2, shares: &[(f32, Color32)]) -> Response {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().rect_filled(rect, 2.0, Palette::of(ui).raised);
    for (share, colour) in shares {
        let length = (rect.width() * share.clamp(0.0, 1.0)).max(2.0);
        ui.painter().rect_filled(rect.with_max_x(rect.left() + length), 2.0, *colour);
    }
    response
}

#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub name: String,
    pub bytes: u64,
}

/// The distribution of memory among parts, each wide enough to be visible, and below it the total compared with the device's
/// memory: a small model takes a thousandth of it. A legend names the parts with their bytes.
pub fn memory_bar(ui: &mut Ui, parts: &[Segment], limit: Option<u64>) {
    let palette = Palette::of(ui);
    let sum: u64 = parts.iter().map(|part| part.bytes).sum();
    let width = ui.available_width();
    let (rect, _) = ui.allocate_exact_size(Vec2::new(width, 12.0), Sense::hover());
    let track = theme::mix(palette.raised, palette.quiet, 0.25);
    if sum == 0 {
        ui.painter().rect_filled(rect, 4.0, track);
    }
    let bytes: Vec<u64> = parts.iter().map(|part| part.bytes).filter(|bytes| *bytes > 0).collect();
    let mut lengths = lengths(&bytes, rect.width()).into_iter();
    let mut left = rect.left();
    for (place, part) in parts.iter().enumerate().filter(|(_, part)| part.bytes > 0) {
        let length = lengths.next().unwrap_or_default();
        let piece = Rect::from_min_max(pos2(left, rect.top()), pos2(left + length, rect.bottom()));
        ui.painter().rect_filled(piece.shrink2(Vec2::new(0.5, 0.0)), 2.0, part_colour(palette, place));
        let response = ui.interact(piece, ui.scope_id().with(("memory", place)), Sense::hover());
        response.on_hover_text(format!("{}: {} bytes", part.name, format::whole(part.bytes)));
        left += length;
    }
    if let Some(limit) = limit.filter(|limit| *limit > 0) {
        let (rect, response) = ui.allocate_exact_size(Vec2::new(width, 4.0), Sense::hover());
        let whole = limit.max(sum) as f64;
        let at = |bytes: u64| rect.left() + (bytes as f64 / whole) as f32 * rect.width();
        ui.painter().rect_filled(rect, 2.0, track);
        if sum > 0 {
            let end = at(sum).max(rect.left() + 2.0);
            let colour = if sum > limit { palette.failure } else { palette.quiet };
            ui.painter().rect_filled(rect.with_max_x(end), 2.0, colour);
        }
        if sum > limit {
            let line = Stroke::new(2.0, palette.failure);
            ui.painter().vline(at(limit), rect.y_range().expand(3.0), line);
        }
        response.on_hover_text(format!("{} of {} bytes", format::whole(sum), format::whole(limit)));
    }
    let parts = parts.iter().enumerate();
    legend(
        ui,
        parts.map(|(place, part)| (part_colour(palette, place), &*part.name, format::bytes(part.bytes))),
    );
}

/// A legend of colours with names and figures, which may be empty; wraps.
pub fn legend<'a>(ui: &mut Ui, names: impl IntoIterator<Item = (Color32, &'a str, String)>) {
    let palette = Palette::of(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::new(6.0, 2.0);
        ui.set_row_height(18.0);
        for (colour, name, figure) in names {
            // A mark, its name and its figure stay on one line.
            let font = theme::caption().resolve(ui.style());
            let needed = text_width(ui, name, &font) + text_width(ui, &figure, &font) + 40.0;
            if ui.available_size_before_wrap().x < needed {
                ui.end_row();
                ui.set_row_height(18.0);
            }
            let (mark, _) = ui.allocate_exact_size(Vec2::splat(8.0), Sense::hover());
            ui.painter().rect_filled(mark, 2.0, colour);
            ui.label(RichText::new(name).text_style(theme::caption()).color(palette.quiet));
            if !figure.is_empty() {
                ui.label(RichText::new(figure).text_style(theme::caption()));
            }
            ui.add_space(6.0);
        }
    });
}

#[derive(Clone, Debug, PartialEq)]
pub struct FlowSegment {
    pub name: String,
    pub bytes: u64,
    pub colour: Color32,
    pub hover: String,
}

/// A bar of bytes from left to right. Segments are proportional to their bytes, and wide enough to be hovered.
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
    legend(ui, segments.iter().map(|own| (own.colour, own.name.as_str(), format::bytes(own.bytes))));
}

/// Lengths proportional to bytes, each at least `MIN_LENGTH` if there is enough room.
fn lengths(bytes: &[u64], room: f32) -> Vec<f32> {
    /// Minimum length of a segment in points.
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
    use super::*;

    #[test]
    fn every_part_of_memory_is_seen_beside_however_much_the_device_has() {
        let part = |name: &str, bytes| Segment { name: name.to_owned(), bytes };
        let parts = [part("weights", 3_500_000), part("nothing", 0), part("activations", 62_000_000)];
        for limit in [None, Some(24_500_000_000), Some(1_000_000)] {
            let mut colours = Vec::new();
            let shapes = crate::widgets::drawn(|ui| {
                colours = (0..3).map(|place| part_colour(Palette::of(ui), place)).collect();
                memory_bar(ui, &parts, limit);
            });
            // Marks of the legend are eight points high.
            let drawn = shapes.iter().filter_map(|clipped| match &clipped.shape {
                Shape::Rect(shape) if (shape.rect.height() - 12.0).abs() < 0.1 => {
                    Some((shape.fill, shape.rect.width()))
                }
                _ => None,
            });
            let (fills, widths): (Vec<Color32>, Vec<f32>) = drawn.unzip();
            assert_eq!(fills, [colours[0], colours[2]], "{limit:?}");
            assert!(widths[0] > 3.0 && widths[1] > 10.0 * widths[0], "{limit:?}: {widths:?}");
        }
    }

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
