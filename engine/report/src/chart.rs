//! Charts as inline SVG, which prints and needs no script.

use super::blocks::shown;
use glasshouse_protocol::blocks::Series;
use glasshouse_protocol::evaluation::{CalibrationBin, Metric};
use glasshouse_protocol::quantity::{figures, percent};
use maud::{Markup, html};

/// Size of a loss chart, and its margins: left, right, top, bottom.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
const MARGIN: [f64; 4] = [52.0, 12.0, 10.0, 44.0];

/// Side of a reliability diagram, and its margins on the left and bottom.
const SIDE: f64 = 300.0;
const EDGE: f64 = 46.0;

/// Height of the strip of counts below a reliability diagram.
const STRIP: f64 = 36.0;

/// Maximum labels below a chart, and maximum letters of a label.
const LABELS: usize = 10;
const LETTERS: usize = 24;

/// Approximate width of a letter, and the minimum gap between labels.
const LETTER: f64 = 6.2;
const GAP: f64 = 8.0;

struct Point {
    x: f64,
    y: f64,
    interval: Option<[f64; 2]>,
}

/// Values of groups in order, as a line with the intervals as a band.
pub(crate) fn line(by: &Series, axis: &str) -> Markup {
    let mean = by.mean;
    let [left, right, top, bottom] = MARGIN;
    let labels: Vec<String> = by.groups.iter().map(|(label, _)| short(label)).collect();
    // The outer labels are centred below the ends of the line.
    let left = labels.first().map_or(left, |label| left.max(width(label) / 2.0));
    let right = labels.last().map_or(right, |label| right.max(width(label) / 2.0));
    let known = |(at, (_, metric)): (usize, &(String, Metric))| {
        let y = metric.value.filter(|value| value.is_finite())?;
        Some(Point {
            x: at as f64,
            y,
            interval: metric.interval.filter(|own| own.iter().all(|end| end.is_finite())),
        })
    };
    let points: Vec<Point> = by.groups.iter().enumerate().filter_map(known).collect();
    let ends = points.iter().flat_map(|point| point.interval.unwrap_or([point.y; 2])).chain(mean);
    let (low, high) =
        ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end), high.max(end)));
    if points.is_empty() {
        return html! {};
    }
    let ticks = ticks(low, high);
    let (low, high) = (low.min(ticks[0]), high.max(ticks[ticks.len() - 1]));
    let last = (by.groups.len() - 1).max(1) as f64;
    let across = |x: f64| left + (WIDTH - left - right) * if by.groups.len() > 1 { x / last } else { 0.5 };
    let up = |y: f64| HEIGHT - bottom - (HEIGHT - top - bottom) * (y - low) / (high - low);
    let path = points.iter().map(|point| format!("{:.1},{:.1}", across(point.x), up(point.y)));
    let path: Vec<String> = path.collect();
    let edge = |end: usize| {
        points.iter().map(move |point| (point.x, point.interval.map_or(point.y, |interval| interval[end])))
    };
    let band: Vec<String> = edge(1)
        .chain(edge(0).collect::<Vec<_>>().into_iter().rev())
        .map(|(x, y)| format!("{:.1},{:.1}", across(x), up(y)))
        .collect();
    // Only as many labels as fit without overlap.
    let widest = labels.iter().map(|label| width(label)).fold(0.0, f64::max) + GAP;
    let most = 1 + ((WIDTH - left - right) / widest) as usize;
    let every = by.groups.len().div_ceil(most.min(LABELS));
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label={ (shown(&by.title)) ", by " (shown(axis)) } {
            @for tick in &ticks {
                line.rule x1=(left) x2=(WIDTH - right) y1=(at(up(*tick))) y2=(at(up(*tick))) {}
                text x=(left - 6.0) y=(at(up(*tick) + 4.0)) text-anchor="end" { (figures(*tick)) }
            }
            @if let Some(mean) = mean {
                line.mean x1=(left) x2=(WIDTH - right) y1=(at(up(mean))) y2=(at(up(mean))) {}
                text x=(left + 4.0) y=(at(up(mean) - 4.0)) { "mean" }
            }
            polygon.band points=(band.join(" ")) {}
            polyline.line points=(path.join(" ")) {}
            @for point in &points {
                circle.dot cx=(at(across(point.x))) cy=(at(up(point.y))) r="2.6" {
                    title { (by.groups.get(point.x as usize).map(|(label, _)| shown(label)).unwrap_or_default()) ": " (figures(point.y)) }
                }
            }
            @for (nth, label) in labels.iter().enumerate().filter(|(nth, _)| nth % every == 0) {
                text x=(at(across(nth as f64))) y=(HEIGHT - bottom + 16.0) text-anchor="middle" { (label) }
            }
            text.axis x=(at(f64::midpoint(left, WIDTH - right))) y=(HEIGHT - 8.0) text-anchor="middle" { (shown(axis)) }
        }
    }
}

/// A label truncated to the maximum length.
fn short(label: &str) -> String {
    match label.char_indices().nth(LETTERS - 1) {
        Some((end, _)) => format!("{}…", shown(&label[..end])),
        None => shown(label),
    }
}

/// Approximate width of a label.
fn width(label: &str) -> f64 {
    LETTER * label.chars().count() as f64
}

/// At least two round numbers that cover the range.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = (high - low).max(high.abs() * 1e-3).max(1e-6);
    let raw = span / 4.0;
    let unit = 10_f64.powf(raw.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|own| own * unit).find(|step| *step >= raw).unwrap_or(unit);
    let first = (low / step).floor();
    let count = ((high / step).ceil() - first).clamp(1.0, 20.0) as u32;
    (0..=count).map(|nth| (first + f64::from(nth)) * step).collect()
}

/// Accuracy against confidence: the bars of a well-calibrated model end at the diagonal.
pub(crate) fn reliability(bins: &[CalibrationBin]) -> Markup {
    let width = SIDE / bins.len().max(1) as f64;
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0).max(1) as f64;
    let across = |x: f64| EDGE + SIDE * x;
    let up = |y: f64| 10.0 + SIDE * (1.0 - y.clamp(0.0, 1.0));
    let (right, below) = (EDGE + SIDE + 12.0, 10.0 + SIDE);
    let strip = below + 26.0;
    html! {
        svg.chart.square viewBox=(format!("0 0 {right} {}", strip + STRIP + 26.0)) role="img" aria-label="Reliability diagram: accuracy by confidence" {
            @for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
                line.rule x1=(EDGE) x2=(EDGE + SIDE) y1=(at(up(tick))) y2=(at(up(tick))) {}
                text x=(EDGE - 6.0) y=(at(up(tick) + 4.0)) text-anchor="end" { (tick) }
                text x=(at(across(tick))) y=(below + 16.0) text-anchor="middle" { (tick) }
            }
            @for (nth, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.is_drawn()) {
                rect.bar x=(at(EDGE + nth as f64 * width + 1.0)) y=(at(up(bin.accuracy))) width=(at(width - 2.0))
                    height=(at(below - up(bin.accuracy))) {
                    title {
                        "Confidence " (percent(bin.confidence)) ", right " (percent(bin.accuracy)) " of " (bin.count)
                    }
                }
                line.error x1=(at(EDGE + (nth as f64 + 0.5) * width)) x2=(at(EDGE + (nth as f64 + 0.5) * width))
                    y1=(at(up(bin.interval[0]))) y2=(at(up(bin.interval[1]))) {}
                rect.count x=(at(EDGE + nth as f64 * width + 1.0)) width=(at(width - 2.0))
                    y=(at(strip + STRIP * (1.0 - bin.count as f64 / most))) height=(at(STRIP * bin.count as f64 / most)) {}
            }
            line.mean x1=(EDGE) y1=(up(0.0)) x2=(EDGE + SIDE) y2=(up(1.0)) {}
            text.axis x="12" y=(at(10.0 + SIDE / 2.0)) text-anchor="middle" transform=(format!("rotate(-90 12 {:.1})", 10.0 + SIDE / 2.0)) { "Accuracy" }
            text x=(EDGE - 6.0) y=(at(strip + STRIP)) text-anchor="end" { "tokens" }
            text.axis x=(at(EDGE + SIDE / 2.0)) y=(at(strip + STRIP + 18.0)) text-anchor="middle" { "Confidence" }
        }
    }
}

fn at(place: f64) -> String {
    format!("{place:.1}")
}
