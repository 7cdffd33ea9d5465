//! Heat maps: with row names on the left, and column names below if they fit; and a vector as a strip.

use super::anchored;
use crate::pages::prelude::*;
use egui::AsIdSalt;

pub struct Labelled<'a> {
    /// Accessible name, and id among its siblings.
    pub name: &'a str,
    pub rows: &'a [String],
    pub columns: &'a [String],
    /// Row-major.
    pub values: &'a [f32],
    pub scale: Scale,
    /// Maximum cell width in points.
    pub cell: f32,
    pub chosen: Option<(usize, usize)>,
    /// Text in a cell, which is at least `WORD` large: more columns than fit are scrolled to.
    pub words: Option<&'a dyn Fn(usize, usize) -> String>,
}

/// Height of the column names in points.
const BELOW: f32 = 16.0;
/// Minimum size of a cell with text in points.
const WORD: Vec2 = vec2(34.0, 24.0);
/// Minimum distance between names in points.
const LINE: f32 = 12.0;

impl<'a> Labelled<'a> {
    pub fn new(
        name: &'a str,
        rows: &'a [String],
        columns: &'a [String],
        values: &'a [f32],
        scale: Scale,
    ) -> Self {
        Self { name, rows, columns, values, scale, cell: 40.0, chosen: None, words: None }
    }

    /// Draws the heat map in the available width. `read` describes a cell.
    pub fn ui(&self, ui: &mut Ui, palette: &Palette, read: impl Fn(usize, usize, f32) -> String) -> Touched {
        let font = FontId::proportional(11.0);
        let longest = self.rows.iter().map(|name| text_width(ui, name, &font)).fold(0.0, f32::max);
        let names = (longest + 8.0).min(ui.available_width() * 0.34);
        let room = ui.available_width() - names;
        let count = self.columns.len().max(1) as f32;
        let (least, tall) = match self.words {
            Some(_) => (WORD.x, WORD.y),
            // A few rows have the height of a line; many share 360 points.
            None => (0.0, (360.0 / self.rows.len().max(1) as f32).clamp(6.0, 18.0)),
        };
        let size = vec2((room / count).clamp(least, self.cell) * count, tall * self.rows.len() as f32);
        let draw = |ui: &mut Ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let (rect, _) = ui.allocate_exact_size(vec2(names, size.y), Sense::hover());
            let mut free_from = rect.top();
            for (place, name) in self.rows.iter().enumerate() {
                let middle = rect.top() + tall * (place as f32 + 0.5);
                if middle - LINE / 2.0 < free_from - 0.5 && place > 0 {
                    continue;
                }
                free_from = middle + LINE / 2.0;
                let at = pos2(rect.right() - 6.0, middle);
                ui.painter_at(rect).text(at, Align2::RIGHT_CENTER, name, font.clone(), palette.quiet);
            }
            let map = |ui: &mut Ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let shape = [self.rows.len(), self.columns.len()];
                let map = Heatmap::new(self.name, shape, self.values, self.scale, size);
                let touched = Heatmap { chosen: self.chosen, words: self.words, ..map }.ui(ui, read);
                let (below, _) = ui.allocate_exact_size(vec2(size.x, BELOW), Sense::hover());
                let columns = self.columns.iter().map(String::as_str);
                let room = (below.x_range(), below.with_min_y(below.top() + 2.0));
                names_below(ui, &FontId::monospace(10.0), room, columns);
                touched
            };
            match self.words {
                None => ui.vertical(map).inner,
                // The last columns are seen first.
                Some(_) => {
                    let area = ScrollArea::horizontal().id_salt("columns").stick_to_right(true);
                    area.show(ui, |ui| ui.vertical(map).inner).inner
                }
            }
        };
        anchored(ui, self.name, |ui| ui.horizontal_top(draw).inner)
    }
}

/// A vector's entries from left to right, blue below 0 and orange above. `id` distinguishes strips of the same name.
pub fn strip_ui(ui: &mut Ui, id: impl AsIdSalt, name: &str, of: &[f32], scale: Scale, width: f32) -> Touched {
    let size = vec2(width.max(24.0), space::LARGE);
    let map = Heatmap::new(name, [1, of.len().max(1)], of, scale, size);
    ui.push_id(id, |ui| map.ui(ui, |_, entry, value| format!("{name}, entry {entry}: {value:.4}"))).inner
}
