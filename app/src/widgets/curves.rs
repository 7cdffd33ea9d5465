//! Curves over steps or time. Pinch or Ctrl and the wheel zoom, dragging pans, a double click resets the view. The pointer reads
//! all curves at one step.
//!
//! Curves of thousands of points are thinned to the plot's width before plotting. Each bucket keeps its lowest and highest point,
//! so that spikes stay visible and a frame costs the same after an hour as after a minute.

mod readings;

use super::prelude::*;
use egui_plot::{AxisHints, GridInput, GridMark, Line, LineStyle, Plot, PlotPoints, Points, VLine};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    #[default]
    Steps,
    Time,
    /// Base-10 logarithms of learning rates.
    Rate,
    /// Base-10 logarithms of numbers of parameters.
    Parameters,
}

impl Axis {
    /// Full label of a place on the axis.
    pub fn label(self, at: f64) -> String {
        match self {
            Self::Steps => format!("step {}", step_label(at.round())),
            Self::Time => format::duration(at.max(0.0)),
            Self::Rate => format!("learning rate {}", format::scientific(10_f64.powf(at))),
            Self::Parameters => format!("{} parameters", format::quantity(10_f64.powf(at))),
        }
    }

    /// Short label of a tick.
    fn mark(self, at: f64) -> String {
        match self {
            Self::Steps => step_label(at),
            Self::Time if at < 0.0 => String::new(),
            Self::Time => format::duration(at),
            Self::Rate => format::scientific(10_f64.powf(at)),
            Self::Parameters => format::quantity(10_f64.powf(at)),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Curve {
    /// Name in the legend; empty for a curve drawn behind another.
    pub name: String,
    pub colour: Color32,
    /// Place on the axis and value, in order. A NaN value is a gap in the line.
    pub points: Vec<[f64; 2]>,
    /// Line width in points.
    pub width: f32,
    /// Distinguishes curves by more than colour.
    pub dashed: bool,
    /// Draws each point, for curves with few of them.
    pub marks: bool,
}

/// An event at a place on the axis.
#[derive(Clone, Debug)]
pub struct Mark {
    pub at: f64,
    pub colour: Color32,
    /// Meaning of the line, in the legend.
    pub name: &'static str,
    /// Shown when the pointer is near.
    pub text: String,
}

#[derive(Clone, Copy)]
pub struct CurvePlot<'a> {
    /// Id for egui; a new id resets the view.
    pub id: &'a str,
    pub axis: Axis,
    /// Height in points.
    pub height: f32,
    /// Logarithmic scale; values not above 0 are omitted.
    pub log: bool,
    pub write: fn(f64) -> String,
}

impl Curve {
    /// A solid line.
    pub fn new(name: impl Into<String>, colour: Color32, points: Vec<[f64; 2]>) -> Self {
        Self { name: name.into(), colour, points, width: 2.0, dashed: false, marks: false }
    }
}

impl CurvePlot<'_> {
    /// Draws curves and event marks below a legend.
    pub fn ui(&self, ui: &mut Ui, curves: &[Curve], happened: &[Mark]) {
        legend_ui(ui, curves, happened);
        let palette = Palette::of(ui);
        let font = theme::caption().resolve(ui.style());
        let most = (ui.available_width() * 1.5).max(64.0) as usize;
        let (write, log, counts) = (self.write, self.log, self.axis);
        let tick = |value: f64, step: f64| match value.abs().max(step) {
            size if size >= 1000.0 => format::quantity(value),
            size if size < 0.01 => format::scientific(value),
            _ => format!("{value:.*}", decimals(step)),
        };
        let axis =
            |hints: AxisHints<'static>| hints.tick_label_font(font.clone()).tick_label_color(palette.quiet);
        let steps = axis(
            AxisHints::new_x()
                .label_spacing(egui::Rangef::new(24.0, 48.0))
                .formatter(move |mark, _| counts.mark(mark.value)),
        );
        let values = axis(AxisHints::new_y().min_thickness(46.0).formatter(move |mark, _| match log {
            true => write(10_f64.powf(mark.value)),
            false => tick(mark.value, mark.step_size),
        }));
        let plot = Plot::new(self.id)
            .height(self.height)
            .show_background(false)
            .show_axes(true)
            .show_grid([false, true])
            .x_grid_spacer(move |input| marks(&input, 76.0, counts))
            .y_grid_spacer(|input| marks(&input, 44.0, Axis::Steps))
            .grid_color(theme::mix(palette.hairline, palette.quiet, 0.3))
            .show_crosshair(false)
            .set_margin_fraction(Vec2::new(0.01, 0.08))
            .allow_scroll(false)
            .allow_axis_zoom_drag(false)
            .custom_x_axes(vec![steps])
            .custom_y_axes(vec![values]);
        let scaled = |points: &[[f64; 2]]| -> Vec<[f64; 2]> {
            let usable = points.iter().filter(|[_, y]| !log || *y > 0.0);
            let all: Vec<[f64; 2]> = usable.map(|[x, y]| [*x, if log { y.log10() } else { *y }]).collect();
            thinned(&all, most)
        };
        let shown = plot.show(ui, |plot| {
            for (number, mark) in happened.iter().enumerate() {
                let line = VLine::new(String::new(), mark.at).id(("happened", number)).color(mark.colour);
                plot.vline(line.width(1.0).style(LineStyle::dotted_dense()).allow_hover(false));
            }
            for curve in curves {
                let style = if curve.dashed { LineStyle::dashed_dense() } else { LineStyle::Solid };
                for (number, part) in curve.points.split(|[_, y]| !y.is_finite()).enumerate() {
                    let points = scaled(part);
                    if curve.marks {
                        let marks = Points::new(curve.name.clone(), PlotPoints::new(points.clone()));
                        let marks = marks.color(curve.colour).radius(2.5).allow_hover(false);
                        plot.points(marks.id(("marks", &curve.name, number)));
                    }
                    let line =
                        Line::new(curve.name.clone(), PlotPoints::new(points)).id((&curve.name, number));
                    let line = line.color(curve.colour).width(curve.width).style(style);
                    plot.line(line.allow_hover(false));
                }
            }
        });
        readings::readings_ui(ui, self, (curves, happened), &shown.response, &shown.transform);
    }
}

/// The names of the curves, and the meanings of the event marks, each once.
fn legend_ui(ui: &mut Ui, curves: &[Curve], happened: &[Mark]) {
    let quiet = Palette::of(ui).quiet;
    let name = |ui: &mut Ui, name: &str| {
        ui.label(RichText::new(name).text_style(theme::caption()).color(quiet));
        ui.add_space(8.0);
    };
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for curve in curves.iter().filter(|curve| !curve.name.is_empty()) {
            let (rect, _) = ui.allocate_exact_size(Vec2::new(18.0, 12.0), Sense::hover());
            let ends = [rect.left_center(), rect.right_center()];
            let stroke = Stroke::new(2.5, curve.colour);
            if curve.dashed {
                ui.painter().extend(Shape::dashed_line(&ends, stroke, 4.0, 3.0));
            } else {
                ui.painter().line_segment(ends, stroke);
            }
            if curve.marks {
                ui.painter().circle_filled(rect.center(), 3.0, curve.colour);
            }
            name(ui, &curve.name);
        }
        for mark in kinds(happened) {
            let (rect, _) = ui.allocate_exact_size(Vec2::new(6.0, 12.0), Sense::hover());
            let ends = [rect.center_top(), rect.center_bottom()];
            ui.painter().extend(Shape::dotted_line(&ends, mark.colour, 3.0, 1.0));
            name(ui, mark.name);
        }
    });
}

/// The first mark of each name and colour.
fn kinds(happened: &[Mark]) -> Vec<&Mark> {
    let mut kinds: Vec<&Mark> = Vec::new();
    for mark in happened {
        if !kinds.iter().any(|known| (known.name, known.colour) == (mark.name, mark.colour)) {
            kinds.push(mark);
        }
    }
    kinds
}

/// Ticks at round distances, at least `apart` points from each other.
fn marks(input: &GridInput, apart: f64, axis: Axis) -> Vec<GridMark> {
    // egui_plot's base step is eight points wide.
    let least = input.base_step_size * apart / 8.0;
    let step = match axis {
        Axis::Steps | Axis::Rate | Axis::Parameters => round_step(least),
        Axis::Time => round_time(least),
    };
    let (low, high) = input.bounds;
    if !step.is_finite() || step <= 0.0 || !(high - low).is_finite() || (high - low) / step > 1e3 {
        return Vec::new();
    }
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|at| GridMark { value: at as f64 * step, step_size: step }).collect()
}

/// The smallest of 1, 2, 5, 10, 20, 50 … and their tenths that is at least `length`.
fn round_step(length: f64) -> f64 {
    let power = 10_f64.powf(length.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= length * 0.999);
    power * factor.unwrap_or(10.0)
}

/// Number of decimals that distinguishes ticks `step` apart.
fn decimals(step: f64) -> usize {
    if step > 0.0 { (-step.log10().floor()).clamp(0.0, 6.0) as usize } else { 0 }
}

fn step_label(step: f64) -> String {
    if step < 0.0 || step.fract() != 0.0 { String::new() } else { format::whole(step as u64) }
}

/// The smallest round duration that is at least `seconds`.
fn round_time(seconds: f64) -> f64 {
    const ROUND: [f64; 14] =
        [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0];
    let round = ROUND.into_iter().find(|round| *round >= seconds);
    round.unwrap_or_else(|| 86_400.0 * round_step(seconds / 86_400.0))
}

/// Thins a curve to about `most` points: the lowest and the highest of each of equally many buckets.
fn thinned(points: &[[f64; 2]], most: usize) -> Vec<[f64; 2]> {
    if points.len() <= most.max(4) {
        return points.to_vec();
    }
    let bucket = points.len().div_ceil(most.max(4) / 2);
    let mut kept = Vec::with_capacity(most + 2);
    for part in points.chunks(bucket) {
        let by_value = |a: &&[f64; 2], b: &&[f64; 2]| a[1].total_cmp(&b[1]);
        let (Some(low), Some(high)) = (part.iter().min_by(by_value), part.iter().max_by(by_value)) else {
            continue;
        };
        let (first, second) = if low[0] <= high[0] { (low, high) } else { (high, low) };
        kept.push(*first);
        if first != second {
            kept.push(*second);
        }
    }
    kept
}

/// Exponential moving average of a curve: each value has weight `1 - weight`, the previous average `weight`, with Adam's bias
/// correction, so that the curve starts at the first value.
pub fn smoothed(points: &[[f64; 2]], weight: f64) -> Vec<[f64; 2]> {
    let weight = weight.clamp(0.0, 0.999);
    let (mut mean, mut sum) = (0.0, 0.0);
    points
        .iter()
        .map(|[x, y]| {
            if !y.is_finite() {
                return [*x, f64::NAN];
            }
            mean = weight * mean + (1.0 - weight) * y;
            sum = weight * sum + (1.0 - weight);
            [*x, mean / sum]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_spikes_and_order() {
        let mut points: Vec<[f64; 2]> = (0..10_000).map(|step| [f64::from(step), 1.0]).collect();
        points[4_321][1] = 9.0;
        points[7_000][1] = -9.0;
        let thin = thinned(&points, 500);
        assert!(thin.len() <= 502, "{}", thin.len());
        assert!(thin.contains(&[4_321.0, 9.0]) && thin.contains(&[7_000.0, -9.0]));
        assert!(thin.windows(2).all(|pair| pair[0][0] < pair[1][0]));
        assert_eq!(thinned(&points[..100], 500), points[..100]);
    }

    #[test]
    fn marks_stand_at_round_distances() {
        for (length, step) in [(1.0, 1.0), (1.2, 2.0), (3.0, 5.0), (7.0, 10.0), (0.03, 0.05), (140.0, 200.0)]
        {
            assert!((round_step(length) - step).abs() < 1e-9 * step, "{length}: {}", round_step(length));
        }
        let input = GridInput { bounds: (-3.0, 1210.0), base_step_size: 20.0 };
        let values: Vec<f64> = marks(&input, 76.0, Axis::Steps).iter().map(|mark| mark.value).collect();
        assert_eq!(values, [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0, 1200.0]);
        for (least, mark) in [(0.2, 1.0), (12.0, 30.0), (61.0, 120.0), (90_000.0, 172_800.0)] {
            assert_eq!(round_time(least), mark, "{least} seconds");
        }
    }

    #[test]
    fn smoothing_begins_at_the_first_value_and_settles_at_a_constant() {
        let points: Vec<[f64; 2]> = (0..50).map(|step| [f64::from(step), 3.0]).collect();
        assert!(smoothed(&points, 0.9).iter().all(|[_, y]| (y - 3.0).abs() < 1e-9));
        let rough = [[0.0, 4.0], [1.0, f64::NAN], [2.0, 0.0]];
        let smooth = smoothed(&rough, 0.0);
        assert_eq!((smooth[0], smooth[2]), ([0.0, 4.0], [2.0, 0.0]));
        assert!(smooth[1][1].is_nan(), "a gap stays one");
        assert_eq!(smoothed(&rough, 0.5)[0], [0.0, 4.0]);
    }
}
