//! The logit lens: every layer's prediction at every position, as if it were the last layer (nostalgebraist 2020).

use super::{Chosen, Shown, remembered};
use crate::pages::prelude::*;
use egui::StrokeKind;

/// Cell width if all positions fit, minimum cell width, cell height, and width of the row names, in points.
const WIDE: f32 = 68.0;
const NARROW: f32 = 34.0;
const HEIGHT: f32 = 24.0;
const NAMES: f32 = 72.0;
/// Horizontal padding of a cell in points.
const EDGE: f32 = 2.0;
/// Minimum divergence in bits at which a cell has its strongest colour.
const MIN_BITS: f32 = 1.0;

/// Size of a cell: as wide as fits all positions, within readable limits.
fn cell(width: f32, positions: usize) -> Vec2 {
    vec2((width / positions.max(1) as f32).floor().clamp(NARROW, WIDE), HEIGHT)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shading {
    /// Probability of the top token.
    #[default]
    Probability,
    /// Divergence of the layer's prediction from the last layer's.
    Divergence,
}

struct Lens<'a> {
    /// Number of layers plus one.
    stages: usize,
    positions: usize,
    top: &'a [u32],
    probabilities: &'a [f32],
    divergence: &'a [f32],
}

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let data = shown.data;
    let Some(top) = data.tensor("top") else { return caption(ui, "There are no predictions to show.") };
    let lens = Lens {
        stages: top.size(0),
        positions: top.size(1),
        top: &top.integers,
        probabilities: data.floats("probabilities"),
        divergence: data.floats("divergence"),
    };
    let choices = [(Shading::Probability, "Probability"), (Shading::Divergence, "KL to the last")];
    let shading = remembered(ui, "shading", |ui, shading| {
        segmented(ui, shading, &choices);
        *shading
    });
    ui.add_space(space::SMALL);
    table_ui(ui, shown, (&lens, shading), chosen);
    caption(
        ui,
        match shading {
            Shading::Probability => {
                "The likeliest next token at each layer, shaded by its probability. Press a column to choose its position."
            }
            Shading::Divergence => {
                "KL divergence of each layer's prediction from the last layer's, in bits. Press a column to choose its position."
            }
        },
    );
}

fn table_ui(ui: &mut Ui, shown: &Shown<'_>, (lens, shading): (&Lens<'_>, Shading), chosen: &mut Chosen) {
    let palette = shown.palette;
    let size = cell(ui.available_width() - NAMES, lens.positions);
    let tall = size.y * (lens.stages + 1) as f32;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let (names, _) = ui.allocate_exact_size(vec2(NAMES, tall), Sense::hover());
        for stage in 0..lens.stages {
            let at = pos2(names.left(), names.top() + size.y * (stage as f32 + 1.5));
            let font = FontId::proportional(11.0);
            ui.painter().text(at, Align2::LEFT_CENTER, stage_name(stage), font, palette.quiet);
        }
        // Scrolled to the last position, the default one.
        ScrollArea::horizontal().id_salt("logit lens").stick_to_right(true).show(ui, |ui| {
            let all = vec2(size.x * lens.positions as f32, tall);
            let (rect, response) = ui.allocate_exact_size(all, Sense::click());
            cells_ui(ui, shown, lens, (shading, rect, size));
            let cell_at = |at: egui::Pos2| {
                let place = (at - rect.min) / size;
                let column = (place.x.max(0.0) as usize).min(lens.positions.saturating_sub(1));
                ((place.y.max(0.0) as usize).checked_sub(1), column)
            };
            if response.clicked() {
                response.request_focus();
                if let Some(at) = response.interact_pointer_pos() {
                    chosen.set.position = Some(cell_at(at).1);
                }
            }
            let [step, _] = arrow_keys(ui, &response, [true, false]);
            if response.has_focus() {
                if step != 0 {
                    // The answer may be for a position that was left since.
                    let position = chosen.set.position.unwrap_or(shown.inspection.position);
                    let column = position.saturating_add_signed(step).min(lens.positions.saturating_sub(1));
                    chosen.set.position = Some(column);
                    let left = rect.left() + size.x * column as f32;
                    ui.scroll_to_rect(Rect::from_min_size(pos2(left, rect.top()), size), None);
                }
                let corner = theme::CONTROL_CORNER;
                ui.painter().rect_stroke(rect, corner, (1.5, palette.accent), StrokeKind::Inside);
            }
            let said = || {
                let column = shown.inspection.position;
                let stages = (0..lens.stages).map(|stage| read(shown, lens, stage, column));
                stages.collect::<Vec<_>>().join("; ")
            };
            response.widget_info(|| WidgetInfo {
                current_text_value: Some(said()),
                ..WidgetInfo::labeled(Role::Button, true, "Logit lens, choose positions with the arrow keys")
            });
            let pointed = response.hover_pos().map(cell_at);
            match pointed {
                Some((Some(stage), column)) => {
                    response.on_hover_text_at_pointer(read(shown, lens, stage, column));
                }
                Some((None, column)) => {
                    response.on_hover_text_at_pointer(format!("Position {}", shown.place(column)));
                }
                None => {}
            }
        });
    });
}

/// The prompt's tokens, and below them the prediction of each layer. Draws only visible cells.
fn cells_ui(ui: &Ui, shown: &Shown<'_>, lens: &Lens<'_>, (shading, rect, size): (Shading, Rect, Vec2)) {
    let palette = shown.palette;
    let font = FontId::monospace(11.0);
    let finite = lens.divergence.iter().copied().filter(|bits| bits.is_finite());
    let most = finite.fold(MIN_BITS, f32::max);
    for column in 0..lens.positions {
        let left = rect.left() + size.x * column as f32;
        let head = Rect::from_min_size(pos2(left, rect.top()), size);
        let here = column == shown.inspection.position;
        if !ui.is_rect_visible(head.with_max_y(rect.bottom())) {
            continue;
        }
        let colour = if here { palette.accent } else { palette.quiet };
        let write = |cell: Rect, words: String, colour: Color32| {
            // Long text is truncated.
            let galley = elided(ui.painter(), words, font.clone(), colour, cell.width() - 2.0 * EDGE);
            ui.painter().galley(cell.center() - galley.size() / 2.0, galley, colour);
        };
        write(head, shown.token(column), colour);
        for stage in 0..lens.stages {
            let cell = head.translate(vec2(0.0, size.y * (stage + 1) as f32)).shrink(0.5);
            let place = stage * lens.positions + column;
            let bits = lens.divergence.get(place).copied().unwrap_or(f32::NAN);
            let (share, words) = match shading {
                Shading::Probability => {
                    (lens.probabilities.get(place).copied().unwrap_or(0.0), top(shown, lens, place))
                }
                Shading::Divergence => (bits / most, format!("{bits:.2}")),
            };
            // At most half of the full colour, so that text stays readable on it.
            ui.painter().rect_filled(cell, 2.0, theme::magnitude(palette, share * 0.5));
            write(cell, words, palette.text);
        }
        if here {
            let column = head.with_max_y(rect.bottom());
            ui.painter_at(rect).rect_stroke(column, 2.0, (1.5, palette.accent), StrokeKind::Inside);
        }
    }
}

fn top(shown: &Shown<'_>, lens: &Lens<'_>, place: usize) -> String {
    lens.top.get(place).map_or_else(String::new, |id| shown.text(*id))
}

fn read(shown: &Shown<'_>, lens: &Lens<'_>, stage: usize, column: usize) -> String {
    let place = stage * lens.positions + column;
    let probability = lens.probabilities.get(place).copied().unwrap_or(f32::NAN);
    let bits = lens.divergence.get(place).copied().unwrap_or(f32::NAN);
    let (name, token, top) = (stage_name(stage), shown.token(column), top(shown, lens, place));
    format!("{name} after {token}: {top}, probability {probability:.4}, KL {bits:.4} bits")
}

/// Name of a stage: the first is before all layers, each other one after a layer.
fn stage_name(stage: usize) -> String {
    View::LogitLens.place_name("stage", stage).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_positions_are_seen_where_cells_can_be_read_at_that_width() {
        assert_eq!(cell(700.0, 5).x, WIDE);
        assert!(17.0 * cell(620.0, 17).x <= 620.0 && cell(620.0, 17).x > NARROW);
        assert_eq!(cell(300.0, 128).x, NARROW, "the others are scrolled to");
    }
}
