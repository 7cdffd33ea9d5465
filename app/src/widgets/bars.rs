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
    pub colour: Color32,
    pub hover: String,
}

impl Segment {
    /// A part of a whole, in the colour of its place among the parts.
    pub fn part(palette: &Palette, place: usize, name: String, bytes: u64) -> Self {
        let [first, second, third, fourth, fifth, sixth] = palette.series;
        let order = [palette.accent, first, fourth, second, third, sixth, fifth];
        let hover = format!("{name}: {} bytes", format::whole(bytes));
        Self { name, bytes, colour: order[place % order.len()], hover }
    }
}

/// A bar of bytes from left to right: segments proportional to their bytes, and wide enough to be seen and hovered. Below it the
/// total compared with a limit, such as the device's memory, of which a small model takes a thousandth, and a legend.
pub fn segment_bar(ui: &mut Ui, name: &str, segments: &[Segment], limit: Option<u64>) {
    let palette = Palette::of(ui);
    let (gap, width) = (2.0, ui.available_width());
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, 14.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name));
    let track = theme::mix(palette.raised, palette.quiet, 0.25);
    let bytes: Vec<u64> = segments.iter().map(|own| own.bytes).filter(|bytes| *bytes > 0).collect();
    let sum: u64 = bytes.iter().sum();
    if sum == 0 {
        ui.painter().rect_filled(rect, 3.0, track);
    }
    let lengths = lengths(&bytes, rect.width() - gap * bytes.len().saturating_sub(1) as f32);
    let mut left = rect.left();
    let drawn = segments.iter().filter(|own| own.bytes > 0);
    for (place, (segment, length)) in drawn.zip(lengths).enumerate() {
        let piece = Rect::from_min_max(pos2(left, rect.top()), pos2(left + length, rect.bottom()));
        left += length + gap;
        let response = ui.interact(piece, ui.scope_id().with(("segment", place)), Sense::hover());
        let lit = response.hovered();
        let colour = if lit { theme::mix(segment.colour, palette.text, 0.25) } else { segment.colour };
        ui.painter().rect_filled(piece, 3.0, colour);
        response.on_hover_text(&segment.hover);
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
    legend(ui, segments.iter().map(|own| (own.colour, own.name.as_str(), format::bytes(own.bytes))));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_memory_is_seen_beside_however_much_the_device_has() {
        let parts = [("weights", 3_500_000), ("nothing", 0), ("activations", 62_000_000)];
        for limit in [None, Some(24_500_000_000), Some(1_000_000)] {
            let mut colours = Vec::new();
            let shapes = crate::widgets::drawn(|ui| {
                let parts = parts.iter().zip(0..);
                let part = |((name, bytes), place): (&(&str, u64), usize)| {
                    Segment::part(Palette::of(ui), place, (*name).to_owned(), *bytes)
                };
                let segments: Vec<Segment> = parts.map(part).collect();
                colours = segments.iter().map(|segment| segment.colour).collect();
                segment_bar(ui, "Memory", &segments, limit);
            });
            // Marks of the legend are eight points high.
            let drawn = shapes.iter().filter_map(|clipped| match &clipped.shape {
                Shape::Rect(shape) if (shape.rect.height() - 14.0).abs() < 0.1 => {
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
