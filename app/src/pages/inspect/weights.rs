//! Weights and gradients by parameter: norms, how they are spread, and along the run.

use super::chosen::Chosen;
use super::remembered::remembered;
use super::shown::Shown;
use crate::format;
use crate::pages::parts::{Bar, bars_ui, caption, head};
use crate::state::{Tensor, ViewData};
use crate::theme::{Palette, space};
use crate::widgets::{
    Align, Axis, Column, Curve, CurvePlot, Stat, Table, explain, sparkline, stat_row, switch,
};
use egui::{Color32, Label, RichText, ScrollArea, Ui, vec2};
use glasshouse_protocol::inspect::Detail;

/// Height of a row of the table, and of the whole at most, in points.
const ROW: f32 = 26.0;
const MAX_HEIGHT: f32 = 300.0;
/// Curves drawn at a time: as many as there are colours.
const CURVES: usize = 6;

/// Draws the view, and notes in `chosen` what was pressed in it.
pub(super) fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let (data, palette) = (shown.data, shown.palette);
    let Some((names, steps)) = parameters(data) else {
        caption(ui, "There are no parameters to show.");
        return;
    };
    let parameter = remembered(ui, "parameter", |ui, parameter: &mut usize| {
        *parameter = (*parameter).min(names.len().saturating_sub(1));
        table_ui(ui, data, names, parameter);
        *parameter
    });
    ui.add_space(space::MEDIUM);
    if let Some(name) = names.get(parameter) {
        histograms_ui(ui, palette, data, (parameter, name));
    }
    ui.horizontal(|ui| {
        if switch(ui, chosen.along_run, "Along the run").clicked() {
            chosen.along_run ^= true;
        }
        ui.label("Along the run");
    });
    if chosen.along_run {
        run_ui(ui, shown, (names, steps), parameter);
    }
}

/// The parameters that rows stand for, and the steps of the run; `None` where there are none.
pub(super) fn parameters(data: &ViewData) -> Option<(&[String], &[u64])> {
    let found = data.details.iter().find_map(|detail| match detail {
        Detail::Parameters { names, steps } => Some((names.as_slice(), steps.as_slice())),
        _ => None,
    });
    found.filter(|(names, _)| !names.is_empty())
}

/// A row of a tensor [P, …]; nothing where there is none.
fn of<'a>(data: &'a ViewData, name: &str, parameter: usize) -> &'a [f32] {
    data.tensor(name).map_or(&[], |tensor| tensor.at(&[parameter]))
}

/// A number of a parameter as it stands in the table.
fn figure(data: &ViewData, name: &str, parameter: usize) -> String {
    of(data, name, parameter)
        .first()
        .map_or_else(|| format::NOTHING.to_owned(), |value| short(f64::from(*value)))
}

/// Norms are of all sizes.
fn short(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => format::NOTHING.to_owned(),
        size if size != 0.0 && size < 0.01 => format::scientific(value),
        size if size >= 1000.0 => format::quantity(value),
        _ => format!("{value:.2}"),
    }
}

fn table_ui(ui: &mut Ui, data: &ViewData, names: &[String], parameter: &mut usize) {
    let width = ui.available_width();
    let narrow = width < 520.0;
    let number = |title| Column { title, width: 60.0, align: Align::Right };
    let spread = Column { title: "Weights", width: spread_width(narrow), align: Align::Left };
    let mut columns = vec![number("Norm")];
    if !narrow {
        columns.extend([number("Gradient"), Column { title: "Gradients", ..spread }]);
    }
    columns.insert(1, spread);
    // The name has what the others leave.
    let others = Table { columns: &columns, row: ROW }.width();
    let name = Column { title: "Parameter", width: (width - others - 14.0).max(80.0), align: Align::Left };
    columns.insert(0, name);
    let table = Table { columns: &columns, row: ROW };
    table.titles_ui(ui);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let list = ScrollArea::vertical()
            .id_salt("parameters")
            .max_height(MAX_HEIGHT)
            .min_scrolled_height(MAX_HEIGHT);
        list.auto_shrink([false, true]).show_rows(ui, ROW, names.len(), |ui, seen| {
            for place in seen {
                let Some(name) = names.get(place) else { continue };
                let chosen = place == *parameter;
                if row_ui(ui, (&table, narrow), data, (place, name), chosen) {
                    *parameter = place;
                }
            }
        });
    });
}

/// A parameter in the table. Whether it was pressed.
fn row_ui(
    ui: &mut Ui,
    (table, narrow): (&Table<'_>, bool),
    data: &ViewData,
    (place, name): (usize, &String),
    chosen: bool,
) -> bool {
    let [weights, gradients, ..] = Palette::of(ui).series;
    let spread = |ui: &mut Ui, tensor: &str, colour: Color32| {
        sparkline(ui, of(data, tensor, place), vec2(spread_width(narrow), ROW - 8.0), colour);
    };
    let row = table.row_ui(ui, name, chosen, |ui, column| match column {
        0 => {
            let name = RichText::new(ending(name, narrow)).monospace().size(12.0);
            ui.add(Label::new(name).truncate());
        }
        1 => {
            ui.label(figure(data, "norms", place));
        }
        2 => spread(ui, "histogram", weights),
        3 => {
            ui.label(figure(data, "gradient_norms", place));
        }
        _ => spread(ui, "gradient_histogram", gradients),
    });
    let exact = |tensor: &str| of(data, tensor, place).first().map_or_else(String::new, f32::to_string);
    let (norm, gradient) = (exact("norms"), exact("gradient_norms"));
    row.on_hover_text(format!("{name}\nnorm {norm}, gradient norm {gradient}")).clicked()
}

/// Room for a histogram in the table, in points.
fn spread_width(narrow: bool) -> f32 {
    if narrow { 60.0 } else { 110.0 }
}

/// A parameter's name, or where it is narrow what tells it from others: `blocks.0.attention.query.weight` is `0.attention.query`.
fn ending(name: &str, narrow: bool) -> &str {
    if !narrow {
        return name;
    }
    let name = name.strip_prefix("blocks.").unwrap_or(name);
    name.strip_suffix(".weight").unwrap_or(name)
}

/// How a parameter's weights and gradients are spread.
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
        stat_row(ui, Stat { name: &format!("{title}, norm"), value: &value, exact: "" });
        let width = (high - low) / shares.len().max(1) as f32;
        let bar = |(bin, share): (usize, &f32)| {
            let from = low + width * bin as f32;
            let to = from + width;
            Bar {
                label: if bin % 16 == 0 { short(f64::from(from)) } else { String::new() },
                value: f64::from(*share),
                hover: format!("{from:.3e} to {to:.3e}: {}", format::percent(f64::from(*share))),
                colour,
            }
        };
        let bars: Vec<Bar> = shares.iter().enumerate().map(bar).collect();
        bars_ui(ui, palette, &format!("{title} of {name}"), 120.0, &bars);
    }
    ui.add_space(space::SMALL);
}

/// Norms, update ratios and gradients from milestone to milestone.
fn run_ui(ui: &mut Ui, shown: &Shown<'_>, (names, steps): (&[String], &[u64]), parameter: usize) {
    let (data, palette) = (shown.data, shown.palette);
    // The first milestone follows from none.
    let plots = [
        ("Norm", "norms_by_step", false, 0),
        ("Update ratio", "update_ratios", true, 1),
        ("Gradient norm", "gradient_norms_by_step", true, 0),
    ];
    if plots.iter().all(|(_, tensor, ..)| data.tensor(tensor).is_none()) {
        let words = match shown.settings.along_run {
            true => "The run has no milestones to compare.",
            false => "Reading the run's milestones…",
        };
        caption(ui, words);
        return;
    }
    let together = alike(names, parameter);
    for (title, tensor, log, first) in plots {
        let Some(tensor) = data.tensor(tensor) else { continue };
        explain(head(ui, title), title);
        let curves: Vec<Curve> = together
            .iter()
            .enumerate()
            .filter_map(|(place, of)| {
                let colour = if *of == parameter { palette.accent } else { *palette.series.get(place)? };
                Some(Curve {
                    name: names.get(*of)?.clone(),
                    colour,
                    points: points(tensor, steps, *of, first),
                    width: if *of == parameter { 2.5 } else { 1.5 },
                    dashed: false,
                    marks: steps.len() <= 64,
                })
            })
            .collect();
        CurvePlot::legend_ui(ui, &curves);
        let id = format!("{title} {}", names.get(parameter).map_or("", String::as_str));
        CurvePlot { id: &id, axis: Axis::Steps, height: 220.0, log, write: short }.ui(ui, &curves);
    }
}

/// A column of a tensor [M, P] over the milestones' steps.
fn points(tensor: &Tensor, steps: &[u64], parameter: usize, first: usize) -> Vec<[f64; 2]> {
    let value = |row: usize| tensor.at(&[row, parameter]).first().map_or(f64::NAN, |value| f64::from(*value));
    steps.iter().enumerate().skip(first).map(|(row, step)| [*step as f64, value(row)]).collect()
}

/// A parameter and those of the same name in other layers, evenly spread over them where there are many.
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
        // It takes the place of the nearest.
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
    fn norms_of_all_sizes_are_short() {
        for (value, words) in [(0.0, "0.00"), (3.0e-4, "3.0e-4"), (1.25, "1.25"), (12_345.0, "12.3 k")] {
            assert_eq!(short(value), words);
        }
        assert_eq!(short(f64::NAN), format::NOTHING);
        assert_eq!(ending("blocks.0.attention.query.weight", true), "0.attention.query");
        assert_eq!(ending("final_norm.weight", false), "final_norm.weight");
    }
}
