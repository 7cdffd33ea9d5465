//! Readings at the pointer: the values of all curves at one place of the axis.

use super::*;
use egui_plot::PlotTransform;

/// How far beyond a curve's ends it is still read, as a fraction of the plot's width.
const BEYOND: f64 = 0.02;

/// Maximum distance in points between the pointer and an event mark.
const NEAR: f32 = 6.0;

/// Draws a line at the read place, a point on each curve, and the values next to the pointer.
pub(super) fn readings_ui(
    ui: &mut Ui,
    plot: &CurvePlot<'_>,
    (curves, happened): (&[Curve], &[Mark]),
    response: &Response,
    transform: &PlotTransform,
) {
    let frame = *transform.frame();
    let Some(pointer) = response.hover_pos().filter(|pointer| frame.contains(*pointer)) else { return };
    let at = transform.value_from_position(pointer).x;
    let slack = transform.bounds().width() * BEYOND;
    let readings: Vec<(&Curve, [f64; 2])> =
        curves.iter().filter_map(|curve| Some((curve, nearest(&curve.points, at, slack)?))).collect();
    let near = |mark: &&Mark| (transform.position_from_point_x(mark.at) - pointer.x).abs() <= NEAR;
    let near: Vec<&Mark> = happened.iter().filter(near).collect();
    if readings.is_empty() && near.is_empty() {
        return;
    }
    let at = place_read(readings.iter().map(|(_, [x, _])| *x), at);
    let palette = Palette::of(ui);
    let painter = ui.painter_at(frame);
    let line = transform.position_from_point_x(at);
    painter.vline(line, frame.y_range(), Stroke::new(1.0, palette.quiet));
    for (curve, [x, y]) in &readings {
        let height = if plot.log { y.log10() } else { *y };
        let place = pos2(transform.position_from_point_x(*x), transform.position_from_point_y(height));
        if height.is_finite() && !curve.name.is_empty() {
            painter.circle_filled(place, 3.5, curve.colour);
        }
    }
    egui::Tooltip::for_widget(response).at_pointer().gap(14.0).show(|ui| {
        ui.spacing_mut().item_spacing = Vec2::new(8.0, 2.0);
        ui.label(RichText::new(plot.axis.label(at)).text_style(theme::strong()));
        egui::Grid::new("readings").num_columns(3).show(ui, |ui| {
            for (curve, [x, y]) in &readings {
                let (mark, _) = ui.allocate_exact_size(Vec2::splat(8.0), Sense::hover());
                ui.painter().circle_filled(mark.center(), 4.0, curve.colour);
                let name = if curve.name.is_empty() { "as measured" } else { curve.name.as_str() };
                ui.label(RichText::new(name).color(palette.quiet));
                ui.label(reading(plot.axis, (plot.write)(*y), *x, at));
                ui.end_row();
            }
        });
        for mark in near {
            ui.set_max_width(360.0);
            ui.add(Label::new(RichText::new(&mark.text).color(mark.colour)).wrap());
        }
    });
}

/// The point of a curve nearest to a place of the axis; `None` beyond the curve's ends.
fn nearest(points: &[[f64; 2]], at: f64, slack: f64) -> Option<[f64; 2]> {
    let (first, last) = (points.first()?, points.last()?);
    if at < first[0] - slack || at > last[0] + slack {
        return None;
    }
    let behind = points.partition_point(|[x, _]| *x < at);
    let around = points.get(behind.saturating_sub(1)..(behind + 1).min(points.len()))?;
    around.iter().min_by(|a, b| (a[0] - at).abs().total_cmp(&(b[0] - at).abs())).copied()
}

/// The place to read: the nearest point's, or the pointer's if there is none.
fn place_read(points: impl Iterator<Item = f64>, pointer: f64) -> f64 {
    points.min_by(|a, b| (a - pointer).abs().total_cmp(&(b - pointer).abs())).unwrap_or(pointer)
}

/// A curve's value, with its own place if that differs: an evaluation may be hundreds of steps old.
fn reading(axis: Axis, value: String, of: f64, at: f64) -> String {
    let (of, at) = (axis.label(of), axis.label(at));
    if of == at { value } else { format!("{value} ({of})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::Preferences;
    use egui::{Color32, Event, RawInput, Rect, Shape};

    #[test]
    fn the_line_stands_at_the_point_that_is_read() {
        let context = egui::Context::default();
        theme::prepare(&context, &Preferences::default());
        let curve = Curve {
            name: "validation".to_owned(),
            colour: Color32::RED,
            points: vec![[0.0, 7.0], [200.0, 4.0]],
            width: 1.0,
            dashed: false,
            marks: true,
        };
        let plot = CurvePlot {
            id: "read",
            axis: Axis::Steps,
            height: 200.0,
            log: false,
            write: |value| value.to_string(),
        };
        // Left of the middle, so the first evaluation is nearer.
        let pointer = pos2(180.0, 100.0);
        let (mut line, mut point) = (None, None);
        for _ in 0..4 {
            let input = RawInput {
                screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), Vec2::new(500.0, 300.0))),
                events: vec![Event::PointerMoved(pointer)],
                ..RawInput::default()
            };
            let output = context.run_ui(input, |ui| plot.ui(ui, std::slice::from_ref(&curve), &[]));
            for clipped in &output.shapes {
                match &clipped.shape {
                    Shape::LineSegment { points: [from, to], .. } if from.x == to.x => line = Some(from.x),
                    Shape::Circle(circle) if circle.radius == 3.5 => point = Some(circle.center.x),
                    _ => {}
                }
            }
            output.drop_without_applying_deltas();
        }
        let (line, point) = (line.expect("a line"), point.expect("a point on the curve"));
        assert!((line - point).abs() <= 1.0, "the line is at {line}, the point at {point}");
        assert!((line - pointer.x).abs() > 40.0, "the line is at the pointer");
    }

    #[test]
    fn a_value_of_another_step_says_so() {
        // Training at every step, validation at steps 0 and 200, pointer at step 85.
        let at = place_read([85.0, 0.0].into_iter(), 85.3);
        assert_eq!(Axis::Steps.label(at), "step 85");
        assert_eq!(reading(Axis::Steps, "7.1".to_owned(), 85.0, at), "7.1");
        assert_eq!(reading(Axis::Steps, "9.644".to_owned(), 0.0, at), "9.644 (step 0)");
        // Points within the same second have the same label.
        assert_eq!(reading(Axis::Time, "7.1".to_owned(), 20.2, 20.4), "7.1");
        assert_eq!(reading(Axis::Time, "9.644".to_owned(), 0.0, 20.4), "9.644 (0.0 s)");
        assert_eq!(place_read(std::iter::empty(), 12.5), 12.5);
    }

    #[test]
    fn a_curve_is_read_at_its_nearest_point_and_not_beyond_its_ends() {
        let points = [[0.0, 7.0], [100.0, 5.0], [200.0, 4.0]];
        assert_eq!(nearest(&points, 0.0, 1.0), Some([0.0, 7.0]));
        assert_eq!(nearest(&points, 49.0, 1.0), Some([0.0, 7.0]));
        assert_eq!(nearest(&points, 51.0, 1.0), Some([100.0, 5.0]));
        assert_eq!(nearest(&points, 201.0, 1.0), Some([200.0, 4.0]));
        assert_eq!(nearest(&points, 202.0, 1.0), None);
        assert_eq!(nearest(&points, -2.0, 1.0), None);
        assert_eq!(nearest(&[], 0.0, 1.0), None);
    }
}
