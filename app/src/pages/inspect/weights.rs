//! Weights and gradients by parameter: norms, distributions, and their course over the run.

use super::{Chosen, Shown, remembered};
use crate::pages::prelude::*;
use glasshouse_protocol::inspect::Detail;

/// Height of a table row in points.
const ROW: f32 = 26.0;
const MAX_HEIGHT: f32 = 300.0;
/// Width in points from which the table has room for net changes per step.
const WIDE: f32 = 680.0;
/// Font size of parameter names in points.
const NAME: f32 = 12.0;
/// Maximum curves in a plot: one per colour.
const CURVES: usize = 6;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let (data, palette) = (shown.data, shown.palette);
    let Some((names, steps)) = parameters(data) else {
        return caption(ui, "There are no parameters to show.");
    };
    let parameter = remembered(ui, "parameter", |ui, parameter: &mut usize| {
        *parameter = (*parameter).min(names.len().saturating_sub(1));
        table_ui(ui, shown, (names, steps), parameter);
        *parameter
    });
    ui.add_space(space::MEDIUM);
    if let Some(name) = names.get(parameter) {
        histograms_ui(ui, palette, data, (parameter, name));
    }
    switch_line(ui, &mut chosen.set.along_run, "Along the run");
    if chosen.set.along_run {
        run_ui(ui, shown, (names, steps), parameter);
    }
}

/// The parameters of the rows and the steps of the run; `None` if the data lacks them.
pub fn parameters(data: &ViewData) -> Option<(&[String], &[u64])> {
    let mut details = data.details.iter();
    let found = details.find_map(picked!(Detail::Parameters { names, steps } => (&names[..], &steps[..])));
    found.filter(|(names, _)| !names.is_empty())
}

/// Row `parameter` of a tensor [P, …]; empty if the tensor is missing.
fn of<'a>(data: &'a ViewData, name: &str, parameter: usize) -> &'a [f32] {
    data.tensor(name).map_or(&[], |tensor| tensor.at(&[parameter]))
}

/// A number of a parameter, formatted for the table.
fn figure(data: &ViewData, name: &str, parameter: usize) -> String {
    of(data, name, parameter)
        .first()
        .map_or_else(|| format::NOTHING.to_owned(), |value| short(f64::from(*value)))
}

/// Formats numbers of any magnitude, such as norms.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => format::NOTHING.to_owned(),
        size if size != 0.0 && size < 0.01 => format::scientific(value),
        size if size >= 1000.0 => format::quantity(value),
        _ => format!("{value:.2}"),
    }
}

fn table_ui(ui: &mut Ui, shown: &Shown<'_>, (names, steps): (&[String], &[u64]), parameter: &mut usize) {
    let data = shown.data;
    let ratios = ratios_at(data, steps, shown.inspection.step);
    let width = ui.available_width();
    let narrow = width < 520.0;
    let number = |title, width| Column { title, width, align: Align::Right };
    let spread = Column { title: "Weights", width: spread_width(narrow), align: Align::Left };
    let mut columns = vec![number("Norm", 60.0)];
    if !narrow {
        columns.extend([number("Gradient", 60.0), Column { title: "Gradients", ..spread }]);
        // Ratios exist only for a whole run.
        if width >= WIDE && data.tensor("update_ratios").is_some() {
            columns.push(number("Net change per step", 120.0));
        }
    }
    columns.insert(1, spread);
    // The name column takes the remaining width.
    let others = Table { columns: &columns, row: ROW }.width();
    let name = Column { title: "Parameter", width: (width - others - 14.0).max(80.0), align: Align::Left };
    columns.insert(0, name);
    let table = Table { columns: &columns, row: ROW };
    // All names use the same form: in full if every name fits.
    let longest = names.iter().max_by_key(|name| name.chars().count()).map_or("", String::as_str);
    let in_full = text_width(ui, longest, &FontId::monospace(NAME)) <= name.width;
    let list = scrolled("parameters", MAX_HEIGHT).auto_shrink([false, true]);
    table.rows_ui(ui, list, names.len(), |ui, place| {
        let chosen = place == *parameter;
        if row_ui(ui, (&table, narrow, in_full), (shown, ratios), (place, &names[place]), chosen) {
            *parameter = place;
        }
    });
}

/// A row of the table. Returns whether it was clicked.
fn row_ui(
    ui: &mut Ui,
    (table, narrow, in_full): (&Table<'_>, bool, bool),
    (shown, ratios): (&Shown<'_>, &[f32]),
    (place, name): (usize, &String),
    chosen: bool,
) -> bool {
    let data = shown.data;
    let [weights, gradients, ..] = shown.palette.series;
    let spread = |ui: &mut Ui, tensor: &str, colour: Color32| {
        let heights = heights(of(data, tensor, place));
        sparkline(ui, &heights, vec2(spread_width(narrow), ROW - 8.0), colour);
    };
    let row = table.row_ui(ui, name, chosen, |ui, column| match column {
        0 => {
            let name =
                RichText::new(if in_full { name.as_str() } else { ending(name) }).monospace().size(NAME);
            ui.add(Label::new(name).truncate());
        }
        1 => {
            ui.label(figure(data, "norms", place));
        }
        2 => spread(ui, "histogram", weights),
        3 => {
            ui.label(figure(data, "gradient_norms", place));
        }
        4 => spread(ui, "gradient_histogram", gradients),
        _ => {
            let ratio = ratios.get(place).map(|ratio| short(f64::from(*ratio)));
            ui.label(ratio.unwrap_or_else(|| format::NOTHING.to_owned()));
        }
    });
    let exact = |tensor: &str| of(data, tensor, place).first().map_or_else(String::new, f32::to_string);
    let (norm, gradient) = (exact("norms"), exact("gradient_norms"));
    row.on_hover_text(format!("{name}\nnorm {norm}, gradient norm {gradient}")).clicked()
}

/// Width of a histogram in the table, in points.
fn spread_width(narrow: bool) -> f32 {
    if narrow { 60.0 } else { 110.0 }
}

/// The distinguishing part of a parameter name: `0.attention.query` for `blocks.0.attention.query.weight`.
fn ending(name: &str) -> &str {
    let name = name.strip_prefix("blocks.").unwrap_or(name);
    name.strip_suffix(".weight").unwrap_or(name)
}

/// Net changes per step at the inspected step or the last one before it; empty at the first step, which has no predecessor.
fn ratios_at<'a>(data: &'a ViewData, steps: &[u64], step: u64) -> &'a [f32] {
    let row = steps.partition_point(|own| *own <= step).checked_sub(1).filter(|row| *row > 0);
    let tensor = data.tensor("update_ratios");
    row.zip(tensor).map_or(&[], |(row, tensor)| tensor.at(&[row]))
}

/// Bar heights of shares, from 0 to 1, on a logarithmic scale: outliers squeeze all other entries into a few bins and would be
/// invisible on a linear one.
fn heights(shares: &[f32]) -> Vec<f32> {
    let seen = || shares.iter().copied().filter(|share| *share > 0.0);
    let (least, most) =
        seen().fold((f32::INFINITY, 0.0_f32), |(least, most), share| (least.min(share), most.max(share)));
    // Keep the smallest bar visible.
    let floor = least / 2.0;
    let height = |share: &f32| if *share > 0.0 { (share / floor).ln() / (most / floor).ln() } else { 0.0 };
    shares.iter().map(height).collect()
}

fn histograms_ui(ui: &mut Ui, palette: &Palette, data: &ViewData, (parameter, name): (usize, &String)) {
    head(ui, name);
    let [weights, gradients, ..] = palette.series;
    for (title, tensor, edges, norm, colour) in [
        ("Weights", "histogram", "edges", "norms", weights),
        ("Gradients", "gradient_histogram", "gradient_edges", "gradient_norms", gradients),
    ] {
        let shares = of(data, tensor, parameter);
        let [low, high] = of(data, edges, parameter) else { continue };
        let value = figure(data, norm, parameter);
        stat_row(ui, &format!("{title}, norm"), &value, "");
        let width = (high - low) / shares.len().max(1) as f32;
        let bar = |(bin, (share, height)): (usize, (&f32, f32))| {
            let from = low + width * bin as f32;
            let to = from + width;
            let label = match bin {
                _ if bin + 1 == shares.len() => short(f64::from(*high)),
                _ if bin % 16 == 0 => short(f64::from(from)),
                _ => String::new(),
            };
            Bar {
                label,
                value: f64::from(height),
                hover: format!("{from:.3e} to {to:.3e}: {}", format::percent(f64::from(*share))),
                colour,
            }
        };
        let bars: Vec<Bar> = shares.iter().zip(heights(shares)).enumerate().map(bar).collect();
        bars_ui(ui, palette, &format!("{title} of {name}"), 120.0, &bars);
    }
    caption(ui, "From the smallest entry to the largest; counts on a logarithmic scale.");
    ui.add_space(space::SMALL);
}

/// Norms, net changes and gradients over the milestones.
fn run_ui(ui: &mut Ui, shown: &Shown<'_>, (names, steps): (&[String], &[u64]), parameter: usize) {
    let (data, palette) = (shown.data, shown.palette);
    // The first milestone has no predecessor.
    let plots = [
        ("Norm", "norms_by_step", false, 0),
        ("Net change per step", "update_ratios", true, 1),
        ("Gradient norm", "gradient_norms_by_step", true, 0),
    ];
    if plots.iter().all(|(_, tensor, ..)| data.tensor(tensor).is_none()) {
        let words = match shown.settings.along_run {
            true => "The run has no milestones to compare.",
            false => "Reading the run's milestones…",
        };
        return caption(ui, words);
    }
    let together = alike(names, parameter);
    for (title, tensor, log, first) in plots {
        let Some(tensor) = data.tensor(tensor) else { continue };
        explain(ui.label(RichText::new(title).text_style(theme::strong())), title);
        let curve = |(place, of): (usize, &usize)| {
            let colour = if *of == parameter { palette.accent } else { *palette.series.get(place)? };
            let (width, marks) = (if *of == parameter { 2.5 } else { 1.5 }, steps.len() <= 64);
            let curve = Curve::new(names.get(*of)?, colour, points(tensor, steps, *of, first));
            Some(Curve { width, marks, ..curve })
        };
        let curves: Vec<Curve> = together.iter().enumerate().filter_map(curve).collect();
        let id = format!("{title} {}", names.get(parameter).map_or("", String::as_str));
        CurvePlot { id: &id, axis: Axis::Steps, height: 220.0, log, write: short }.ui(ui, &curves, &[]);
    }
}

/// A column of a tensor [M, P] over the milestones' steps.
fn points(tensor: &Tensor, steps: &[u64], parameter: usize, first: usize) -> Vec<[f64; 2]> {
    let value = |row: usize| tensor.at(&[row, parameter]).first().map_or(f64::NAN, |value| f64::from(*value));
    steps.iter().enumerate().skip(first).map(|(row, step)| [*step as f64, value(row)]).collect()
}

/// A parameter and its counterparts in other layers, evenly spaced if there are many.
fn alike(names: &[String], parameter: usize) -> Vec<usize> {
    let without_layer = |name: &str| -> String {
        name.split('.').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join(".")
    };
    let Some(own) = names.get(parameter).map(|name| without_layer(name)) else { return Vec::new() };
    let all: Vec<usize> = (0..names.len()).filter(|place| without_layer(&names[*place]) == own).collect();
    if all.len() <= CURVES {
        return all;
    }
    let mut some: Vec<usize> = (0..CURVES).map(|place| all[place * (all.len() - 1) / (CURVES - 1)]).collect();
    if !some.contains(&parameter) {
        // The parameter replaces its nearest neighbour.
        let nearest = (0..some.len()).min_by_key(|place| some[*place].abs_diff(parameter)).unwrap_or(0);
        some[nearest] = parameter;
    }
    some
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_drawn_with_those_of_its_name_in_other_layers() {
        let mut names = vec!["embedding.tokens".to_owned()];
        for layer in 0..12 {
            names.extend(["attention.query", "mlp.up"].map(|name| format!("blocks.{layer}.{name}.weight")));
        }
        assert_eq!(alike(&names, 0), [0]);
        let some = alike(&names, 9);
        assert_eq!(some.len(), CURVES);
        assert!(some.contains(&9) && some.contains(&1) && some.contains(&23), "{some:?}");
        assert!(some.iter().all(|place| names[*place].contains("query")), "{some:?}");
        assert_eq!(alike(&names, 99), [0; 0]);
    }

    #[test]
    fn the_few_entries_of_a_histogram_are_seen_beside_the_many() {
        let heights = heights(&[0.0, 1e-5, 0.99, 1e-3, 0.0]);
        assert_eq!((heights[0], heights[2], heights[4]), (0.0, 1.0, 0.0));
        assert!(heights[1] > 0.05 && heights[3] > 2.0 * heights[1] && heights[3] < 0.6, "{heights:?}");
        assert_eq!(super::heights(&[0.25; 4]), [1.0; 4]);
        assert_eq!(super::heights(&[0.0; 2]), [0.0; 2]);
    }
}
