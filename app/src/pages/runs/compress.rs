//! The settings of a smaller model, and measured frontiers.

use crate::pages::prelude::*;
use egui_plot::{Line, Plot, PlotPoints, Points};

/// The fractions on offer.
const SPARSITIES: [(f64, &str); 4] = [(0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (0.9, "90 %")];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Store,
    Prune,
    Remove,
    Frontier,
}

/// The dialog between "Compress" and the new run, while requested.
pub fn ask_ui(ui: &Ui, context: &mut Context<'_>) {
    let (state, asked) = (context.state, &mut context.asks.compress);
    let decision = question(ui.ctx(), "compress", 440.0, asked, |ui, (run, method)| {
        let model = state.runs.histories.get(run.as_str()).map(|history| &history.config.model);
        section(ui, &format!("Compress {run}"));
        ui.add_space(space::TIGHT);
        method_ui(ui, method, model);
        super::export::reading_ui(ui, state, run);
        let name = if method.is_some() { "Create a smaller run" } else { "Measure" };
        (Some(icons::ICON_COMPRESS), name, true)
    });
    if let Some(((run, method), true)) = decision {
        let change = RunChange::Compress { checkpoint: None, method, documents: None, keep: false };
        context.outbox.send(change.to(run));
    }
}

fn method_ui(ui: &mut Ui, method: &mut Option<Compression>, model: Option<&ModelConfig>) {
    let mut kind = match method {
        Some(Compression::Store { .. } | Compression::Calibrate { .. }) => Method::Store,
        Some(Compression::Prune(_)) => Method::Prune,
        Some(Compression::Remove(_)) => Method::Remove,
        None => Method::Frontier,
    };
    let kinds = [
        (Method::Store, "Fewer bits"),
        (Method::Prune, "Prune"),
        (Method::Remove, "Parts"),
        (Method::Frontier, "Compare"),
    ];
    if segmented(ui, &mut kind, &kinds) {
        *method = match kind {
            Method::Store => Some(Compression::Store { weights: WeightFormat::PRESELECTED }),
            Method::Prune => Some(Compression::Prune(PruneSettings::default())),
            Method::Remove => Some(Compression::Remove(RemoveSettings::default())),
            Method::Frontier => None,
        };
    }
    ui.add_space(space::TIGHT);
    match method {
        Some(way @ (Compression::Store { .. } | Compression::Calibrate { .. })) => {
            // The format, or `None` for calibrated rounding.
            let mut format = match way {
                Compression::Store { weights } => Some(*weights),
                _ => None,
            };
            let stored = WeightFormat::COMPRESSED.map(|weights| (Some(weights), weights.title()));
            let formats = [&stored[..], &[(None, "4 bits, calibrated")]].concat();
            if segmented(ui, &mut format, &formats) {
                let windows = PruneSettings::default().windows;
                *way = format
                    .map_or(Compression::Calibrate { windows }, |weights| Compression::Store { weights });
            }
            let how = match format {
                Some(_) => "Rounds each weight of the matrices to the nearest.",
                None => {
                    "Rounds the weights of blocks so that their outputs on training text change least (GPTQ)."
                }
            };
            quiet_text(
                ui,
                format!("{how} The file is smaller, and text is generated from the rounded weights."),
            );
        }
        Some(Compression::Prune(settings)) => pruning_ui(ui, settings),
        Some(Compression::Remove(settings)) => removal_ui(ui, settings, model),
        None => {
            let text = "Measures size, speed and loss of every method, without creating runs: each format, pruning at 50 %, and about a \
                        quarter and a half of the blocks, MLP channels and key-value heads removed.";
            quiet_text(ui, text);
        }
    }
    ui.add_space(space::TIGHT);
    quiet_text(ui, "The loss is measured on the validation text, before and after.");
}

fn removal_ui(ui: &mut Ui, settings: &mut RemoveSettings, model: Option<&ModelConfig>) {
    if segments_ui(ui, &mut settings.part) {
        let there = model.map_or(1, |model| settings.part.count(model));
        settings.count = if settings.part == ModelPart::Blocks { 1 } else { (there / 4).max(1) };
    }
    quiet_text(ui, "The model is smaller and faster; reads the training text.");
    ui.add_space(space::TIGHT);
    ui.horizontal(|ui| {
        let there = model.map_or(usize::MAX, |model| settings.part.count(model));
        let most = there.saturating_sub(1).max(1);
        ui.add(DragValue::new(&mut settings.count).range(1..=most)).accessible_name("Number to remove");
        if model.is_some() {
            ui.label(format!("of {there}"));
        }
    });
}

/// The measured points of a run's frontier, if any.
pub fn frontier_ui(ui: &mut Ui, points: &[Compressed]) {
    card(ui, |ui| {
        section(ui, "Frontier");
        plot_ui(ui, points);
        ui.add_space(space::SMALL);
        report_table(ui, &frontier(points));
    });
}

/// Losses over sizes, with intervals.
fn plot_ui(ui: &mut Ui, points: &[Compressed]) {
    let palette = Palette::of(ui);
    let [first, second] = [palette.series[0], palette.series[1]];
    let original = points.first().and_then(|point| {
        let loss = point.loss.as_ref().map(|[before, _]| before)?;
        Some(("original".to_owned(), point.bytes[0], loss, palette.text))
    });
    let measured = points.iter().filter_map(|point| {
        let colour = match point.method {
            Compression::Store { .. } | Compression::Calibrate { .. } => first,
            Compression::Prune(_) => palette.quiet,
            Compression::Remove(_) => second,
        };
        let loss = point.loss.as_ref().map(|[_, after]| after)?;
        Some((point.method.to_string(), point.bytes[1], loss, colour))
    });
    let all: Vec<_> = original.into_iter().chain(measured).collect();
    if all.is_empty() {
        return;
    }
    let plot = Plot::new("frontier")
        .height(220.0)
        .x_axis_label("MB")
        .y_axis_label("validation loss")
        .show_background(false)
        .show_grid([false, true])
        .grid_color(theme::mix(palette.hairline, palette.quiet, 0.3))
        .show_crosshair(false)
        .allow_scroll(false);
    let drawn = plot.show(ui, |plot| {
        for (name, bytes, loss, colour) in &all {
            let (x, Some(y)) = (*bytes as f64 / 1e6, loss.value) else { continue };
            if let Some([low, high]) = loss.interval {
                let whisker = Line::new(String::new(), PlotPoints::new(vec![[x, low], [x, high]]));
                plot.line(whisker.id(("interval", name)).color(*colour).allow_hover(false));
            }
            plot.points(Points::new(name.clone(), PlotPoints::new(vec![[x, y]])).color(*colour).radius(4.0));
        }
    });
    drawn.response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, "Validation loss over size"));
    quiet_text(ui, "Fewer bits, zeros and removed parts in different colours; lines are 95 % intervals.");
}

fn pruning_ui(ui: &mut Ui, settings: &mut PruneSettings) {
    segments_ui(ui, &mut settings.score);
    ui.add_space(space::TIGHT);
    if segments_ui(ui, &mut settings.pattern) {
        settings.sparsity = PruneSettings::default().sparsity;
    }
    if settings.pattern == SparsityPattern::Unstructured {
        ui.add_space(space::TIGHT);
        segmented(ui, &mut settings.sparsity, &SPARSITIES);
    }
}
