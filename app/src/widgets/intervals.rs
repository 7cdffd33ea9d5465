//! Numbers with their 95 % confidence intervals, as dots with whiskers: single or side by side. Painted here because
//! `egui_plot`'s axes and zoom do not fit into such small plots.

use super::prelude::*;
use egui::{CornerRadius, Painter};
use glasshouse_protocol::evaluation::Metric;

/// A number with its confidence interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Name, or position on an axis.
    pub label: String,
    /// Non-finite values are not drawn.
    pub value: f64,
    pub interval: Option<[f64; 2]>,
    pub written: String,
    /// Tooltip, also read by screen readers.
    pub hover: String,
    pub colour: Color32,
}

impl Measured {
    /// A metric; `None` without a value.
    pub fn new(label: &str, metric: &Metric, colour: Color32) -> Option<Self> {
        Some(Self {
            label: label.to_owned(),
            value: metric.value?,
            interval: metric.interval,
            written: metric.text(),
            hover: metric.exactly(),
            colour,
        })
    }

    /// Ends of the interval, or twice the value.
    fn ends(&self) -> [f64; 2] {
        let ends = self.interval.filter(|ends| ends.iter().all(|end| end.is_finite()));
        ends.unwrap_or([self.value; 2])
    }
}

/// Half the height of a whisker's end strokes in points.
const TICK: f32 = 3.5;

/// The range covering all numbers and intervals; `None` without any number.
fn range_of<'a>(all: impl IntoIterator<Item = &'a Measured>) -> Option<[f64; 2]> {
    let numbers = all.into_iter().filter(|measured| measured.value.is_finite());
    numbers.map(Measured::ends).reduce(|[low, high], [least, most]| [low.min(least), high.max(most)])
}

/// Relative position of a value in a range, clamped to 0 to 1.
fn share(value: f64, [low, high]: [f64; 2]) -> f32 {
    if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) as f32 } else { 0.5 }
}

/// A line between two points with strokes across its ends.
fn whisker(painter: &Painter, ends: [Pos2; 2], stroke: Stroke) {
    let [first, second] = ends;
    painter.line_segment(ends, stroke);
    let across =
        if (second - first).x.abs() > (second - first).y.abs() { vec2(0.0, TICK) } else { vec2(TICK, 0.0) };
    for end in ends {
        painter.line_segment([end - across, end + across], stroke);
    }
}

/// A number with its interval on an axis over `range`. `mark` is a reference value such as 0.
pub fn interval_bar(
    ui: &mut Ui,
    measured: &Measured,
    range: [f64; 2],
    mark: Option<f64>,
    width: f32,
) -> Response {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width.max(16.0), 16.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, &measured.hover));
    let room = rect.shrink2(vec2(5.0, 0.0));
    let painter = ui.painter();
    let at = |value: f64| pos2(room.left() + room.width() * share(value, range), rect.center().y);
    painter.hline(rect.x_range(), rect.center().y, Stroke::new(1.0, palette.hairline));
    if let Some(mark) = mark {
        painter.vline(at(mark).x, rect.y_range(), Stroke::new(1.0, palette.quiet));
    }
    if measured.value.is_finite() {
        let [low, high] = measured.ends();
        if high > low {
            whisker(painter, [at(low), at(high)], Stroke::new(1.5, measured.colour));
        }
        painter.circle_filled(at(measured.value), 4.0, measured.colour);
    }
    response.on_hover_text(&measured.hover)
}

/// Numbers with intervals side by side, labelled below and joined by a line if `follow` is set. Labels that do not fit are left
/// out.
pub fn interval_plot(ui: &mut Ui, name: &str, height: f32, follow: bool, all: &[Measured]) -> Rect {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name));
    let Some([low, high]) = range_of(all) else { return rect };
    // Leave a tenth of the range free above and below; equal values are centred.
    let beyond = ((high - low) * 0.1).max(high.abs() * 1e-3).max(1e-6);
    let range = [low - beyond, high + beyond];
    let font = theme::caption().resolve(ui.style());
    let painter = ui.painter();
    let number = |value: f64| painter.layout_no_wrap(format::figures(value), font.clone(), palette.quiet);
    let (top, bottom) = (number(high), number(low));
    let left = rect.left() + top.size().x.max(bottom.size().x) + 8.0;
    let room = Rect::from_min_max(pos2(left, rect.top() + 4.0), pos2(rect.right(), rect.bottom() - 20.0));
    let y = |value: f64| room.bottom() - room.height() * share(value, range);
    for (value, galley) in [(high, top), (low, bottom)] {
        painter.hline(room.x_range(), y(value), Stroke::new(1.0, palette.hairline));
        let place = pos2(left - 8.0 - galley.size().x, y(value) - galley.size().y / 2.0);
        painter.galley(place, galley, palette.quiet);
    }
    let step = room.width() / all.len().max(1) as f32;
    let x = |place: usize| room.left() + step * (place as f32 + 0.5);
    if follow {
        let known = all.iter().enumerate().filter(|(_, measured)| measured.value.is_finite());
        let line: Vec<Pos2> = known.map(|(place, measured)| pos2(x(place), y(measured.value))).collect();
        let colour = all.first().map_or(palette.accent, |first| first.colour);
        painter.line(line, Stroke::new(1.5, theme::mix(palette.panel, colour, 0.6)));
    }
    for (place, measured) in all.iter().enumerate().filter(|(_, measured)| measured.value.is_finite()) {
        let [low, high] = measured.ends();
        if high > low {
            let ends = [low, high].map(|end| pos2(x(place), y(end)));
            whisker(painter, ends, Stroke::new(1.5, measured.colour));
        }
        painter.circle_filled(pos2(x(place), y(measured.value)), 3.5, measured.colour);
    }
    let below = (room.x_range(), rect.with_min_y(rect.bottom() - 16.0));
    names_below(ui, &font, below, all.iter().map(|measured| measured.label.as_str()));
    let pointed = response.hover_pos().map(|at| ((at.x - room.left()) / step).max(0.0) as usize);
    if let Some(measured) = pointed.and_then(|place| all.get(place)) {
        response.on_hover_text_at_pointer(format!("{}: {}", measured.label, measured.hover));
    }
    rect
}

/// A point of a [`diagram`]: position, vertical interval, size from 0 to 1, and tooltip.
pub type Point = ([f64; 2], [f64; 2], f32, String);

/// A square plot from 0 to 1 on both axes with its diagonal, and points with intervals. `names` are the horizontal and vertical
/// axis titles.
pub fn diagram(ui: &mut Ui, name: &str, names: [&str; 2], side: f32, points: &[Point]) -> Rect {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side.max(80.0)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name));
    let font = theme::caption().resolve(ui.style());
    let painter = ui.painter_at(rect);
    let room = Rect::from_min_max(rect.min + vec2(30.0, 18.0), rect.max - vec2(8.0, 32.0));
    painter.rect_filled(room, CornerRadius::same(4), palette.raised);
    let at = |[x, y]: [f64; 2]| {
        let [x, y] = [x, y].map(|value| share(value, [0.0, 1.0]));
        pos2(room.left() + room.width() * x, room.bottom() - room.height() * y)
    };
    let (ends, stroke) = ([room.left_bottom(), room.right_top()], Stroke::new(1.0, palette.quiet));
    painter.extend(Shape::dashed_line(&ends, stroke, 4.0, 4.0));
    let words = |at, anchor, text: &str| painter.text(at, anchor, text, font.clone(), palette.quiet);
    for value in [0.0, 0.5, 1.0] {
        words(at([value, 0.0]) + vec2(0.0, 4.0), Align2::CENTER_TOP, &value.to_string());
        words(at([0.0, value]) - vec2(4.0, 0.0), Align2::RIGHT_CENTER, &value.to_string());
    }
    words(rect.left_top(), Align2::LEFT_TOP, names[1]);
    words(rect.right_bottom() - vec2(8.0, 0.0), Align2::RIGHT_BOTTOM, names[0]);
    let [colour, ..] = palette.series;
    for ([x, y], [low, high], size, _) in points {
        let stroke = Stroke::new(1.5, theme::mix(palette.raised, colour, 0.7));
        whisker(&painter, [at([*x, *low]), at([*x, *high])], stroke);
        painter.circle_filled(at([*x, *y]), 3.0 + 4.0 * size.clamp(0.0, 1.0), colour);
    }
    if let Some(pointer) = response.hover_pos() {
        let far = |place: &[f64; 2]| at(*place).distance(pointer);
        let nearest = points.iter().min_by(|(a, ..), (b, ..)| far(a).total_cmp(&far(b)));
        if let Some((.., hover)) = nearest.filter(|(place, ..)| far(place) < 24.0) {
            response.on_hover_text_at_pointer(hover);
        }
    }
    rect
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_every_interval_and_passes_over_what_is_no_number() {
        let of = |value, interval| Measured { value, interval, ..Measured::default() };
        let all = [of(2.0, Some([1.5, 2.5])), of(3.0, None), of(f64::NAN, Some([-9.0, 9.0]))];
        assert_eq!(range_of(&all), Some([1.5, 3.0]));
        assert_eq!(range_of(&[of(1.0, Some([f64::NAN, 2.0]))]), Some([1.0, 1.0]));
        assert_eq!(range_of(&[]), None);
    }
}
