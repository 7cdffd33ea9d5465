//! Candidates for the next token: the model's probability, after temperature and penalty, and as sampled.

use crate::pages::prelude::*;

/// Distance in points from the right end of a row to that of its figures.
const FIGURES_EDGE: f32 = 8.0;

/// Draws candidates, with the one of id `chosen` highlighted. With a `verb` they are clickable; returns the index of the clicked
/// one.
pub fn candidates_ui(
    ui: &mut Ui,
    palette: &Palette,
    candidates: &[Candidate],
    chosen: Option<u32>,
    verb: Option<&str>,
) -> Option<usize> {
    let names = bars(palette);
    legend(ui, names.map(|(colour, name)| (colour, name, String::new())));
    let share = |probability: f32| format::percent(f64::from(probability));
    let row = |candidate: &Candidate| {
        let name = visible(&candidate.text);
        let given = share(candidate.probability);
        let verb = verb.map_or_else(String::new, |verb| format!("{verb} "));
        let cut = candidate.cut_by.map(|by| format!("cut by {}", by.title()));
        let values = [candidate.probability, candidate.tempered, candidate.drawn];
        Ranked {
            rank: candidate.rank.to_string(),
            label: format!(
                "{verb}{name}, {given} likely{}",
                cut.as_ref().map_or_else(String::new, |cut| format!(", {cut}"))
            ),
            name,
            bars: values.into_iter().zip(names.iter().map(|(colour, _)| *colour)).collect(),
            figure: match &cut {
                Some(cut) => format!("{given} → {cut}"),
                None => format!("{given} → {}", share(candidate.drawn)),
            },
            hover: format!(
                "id {} · {:.6} by the model, {:.6} after temperature, {:.6} when drawn",
                candidate.id, candidate.probability, candidate.tempered, candidate.drawn
            ),
            chosen: Some(candidate.id) == chosen,
            faint: candidate.cut_by.is_some(),
        }
    };
    let rows: Vec<Ranked> = candidates.iter().map(row).collect();
    // The figures show the first and the last of the three bars.
    egui::Sides::new().height(14.0).show(
        ui,
        |_| {},
        |ui| {
            ui.add_space(FIGURES_EDGE);
            caption(ui, "model → drawn");
        },
    );
    let figures = if ui.available_width() < 436.0 { 128.0 } else { 150.0 };
    Ranking { font: FontId::monospace(14.0), figures, presses: verb.is_some() }.ui(ui, palette, &rows)
}

fn bars(palette: &Palette) -> [(Color32, &'static str); 3] {
    let [first, second, ..] = palette.series;
    let drawn = (palette.accent, "when drawn");
    [(first, "the model's probability"), (second, "after temperature and penalty"), drawn]
}
