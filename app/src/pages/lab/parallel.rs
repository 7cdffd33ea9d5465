//! Parallel coordinates (Inselberg 1985): an axis for each setting and for the loss, a line for each run.

use crate::pages::prelude::*;

const HEIGHT: f32 = 240.0;
/// Room for the names above and the ends below.
const EDGE: f32 = 24.0;
/// A ratio of the largest to the smallest value from which an axis is logarithmic.
const LOG_RATIO: f64 = 20.0;

pub fn parallel_ui(ui: &mut Ui, sweep: &SweepSummary) {
    // The lowest loss is drawn last.
    let rows: Vec<(&SweepRow, f32)> =
        sweep.by_loss().into_iter().rev().filter_map(|row| Some((row, row.loss?))).collect();
    let mut axes: Vec<(String, Scaled)> = Vec::new();
    for (at, path) in sweep.settings().enumerate() {
        let values = rows.iter().filter_map(|(row, _)| row.values.get(at));
        let values: Vec<String> = values.map(|(_, value)| value.clone()).collect();
        axes.push((path.rsplit('.').next().unwrap_or(path).to_owned(), Scaled::new(&values)));
    }
    let losses = rows.iter().map(|(_, loss)| format::loss(*loss));
    axes.push(("validation loss (nats)".to_owned(), Scaled::new(&losses.collect::<Vec<_>>())));
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), HEIGHT), Sense::hover());
    let words = format!("Parallel coordinates of {}", format::counted(rows.len() as u64, "run"));
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &words));
    let inner = rect.shrink2(Vec2::new(60.0, EDGE));
    let place = |axis: usize, share: f32| -> Pos2 {
        let x = inner.left() + inner.width() * axis as f32 / axes.len().saturating_sub(1).max(1) as f32;
        pos2(x, inner.bottom() - inner.height() * share)
    };
    let font = theme::caption().resolve(ui.style());
    for (number, (name, scaled)) in axes.iter().enumerate() {
        let (top, bottom) = (place(number, 1.0), place(number, 0.0));
        ui.painter().line_segment([top, bottom], Stroke::new(1.0, palette.hairline));
        let write = |at, anchor, text: &str| ui.painter().text(at, anchor, text, font.clone(), palette.quiet);
        write(top - Vec2::new(0.0, 8.0), Align2::CENTER_BOTTOM, name);
        if let [low, high] = scaled.ends.as_slice() {
            write(bottom + Vec2::new(0.0, 6.0), Align2::CENTER_TOP, low);
            write(top + Vec2::new(6.0, 0.0), Align2::LEFT_TOP, high);
        }
    }
    for (at, (row, _)) in rows.iter().enumerate() {
        let share = (at + 1) as f32 / rows.len() as f32;
        let line: Vec<Pos2> =
            axes.iter().enumerate().map(|(axis, (_, scaled))| place(axis, scaled.shares[at])).collect();
        let is_best = sweep.best_row() == Some(*row);
        let colour =
            if is_best { palette.accent } else { theme::mix(palette.hairline, palette.series[0], share) };
        ui.painter().add(Shape::line(line, Stroke::new(if is_best { 3.0 } else { 1.5 }, colour)));
    }
}

/// Values as places on an axis from 0 to 1.
struct Scaled {
    shares: Vec<f32>,
    /// The lowest and the highest value.
    ends: Vec<String>,
}

impl Scaled {
    /// Numbers by size, other values in alphabetical order.
    fn new(values: &[String]) -> Self {
        let numbers: Option<Vec<f64>> = values.iter().map(|value| value.parse().ok()).collect();
        let places = numbers.unwrap_or_else(|| {
            let mut known = values.to_vec();
            known.sort();
            known.dedup();
            values
                .iter()
                .map(|value| known.iter().position(|other| other == value).unwrap_or(0) as f64)
                .collect()
        });
        let low = places.iter().copied().fold(f64::INFINITY, f64::min);
        let high = places.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scale = |value: f64| if low > 0.0 && high / low >= LOG_RATIO { value.ln() } else { value };
        let span = scale(high) - scale(low);
        let share = |value: &f64| if span > 0.0 { ((scale(*value) - scale(low)) / span) as f32 } else { 0.5 };
        let at =
            |end: f64| places.iter().position(|place| *place == end).and_then(|at| values.get(at)).cloned();
        Self {
            shares: places.iter().map(share).collect(),
            ends: [at(low), at(high)].into_iter().flatten().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(values: &[&str]) -> Scaled {
        Scaled::new(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn values_are_placed_by_size_or_by_name() {
        assert_eq!(scaled(&["1", "3", "2"]).shares, [0.0, 1.0, 0.5]);
        let rates = scaled(&["0.0001", "0.001", "0.01"]);
        assert!((rates.shares[1] - 0.5).abs() < 1e-6, "a wide range of sizes is logarithmic");
        assert_eq!(rates.ends, ["0.0001", "0.01"]);
        let names = scaled(&["sgd", "adamw", "muon"]);
        assert_eq!(
            (names.shares.as_slice(), names.ends),
            (&[1.0, 0.0, 0.5][..], vec!["adamw".to_owned(), "sgd".to_owned()])
        );
        assert_eq!(scaled(&["2", "2"]).shares, [0.5, 0.5]);
        assert!(scaled(&[]).ends.is_empty());
    }
}
