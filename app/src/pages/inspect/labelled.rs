//! Heat maps with row names on the left and column names below, which scroll if they need more room; and a vector as a strip.

use super::anchored;
use crate::pages::prelude::*;
use egui::AsIdSalt;
use egui::epaint::TextShape;

pub struct Labelled<'a> {
    /// Accessible name, and id among its siblings.
    pub name: &'a str,
    pub rows: &'a [String],
    /// Empty names have no room below.
    pub columns: &'a [String],
    /// Row-major.
    pub values: &'a [f32],
    pub scale: Scale,
    /// Maximum cell width in points.
    pub cell: f32,
    /// Whether cells are as high as they are wide.
    pub is_square: bool,
    /// Height in points beyond which it scrolls.
    pub tall: f32,
    pub chosen: Option<(usize, usize)>,
    /// Text in a cell, which is at least `WORD` large.
    pub words: Option<&'a dyn Fn(usize, usize) -> String>,
}

/// Minimum size of a cell with text in points.
const WORD: Vec2 = vec2(34.0, 24.0);
/// Minimum distance between names in points.
const LINE: f32 = 13.0;
/// Maximum height of a row without text in points.
const HIGH: f32 = 18.0;
/// Maximum height of upright column names in points.
const UPRIGHT: f32 = 84.0;

impl<'a> Labelled<'a> {
    pub fn new(
        name: &'a str,
        rows: &'a [String],
        columns: &'a [String],
        values: &'a [f32],
        scale: Scale,
    ) -> Self {
        let (cell, tall) = (40.0, 520.0);
        Self { name, rows, columns, values, scale, cell, is_square: false, tall, chosen: None, words: None }
    }

    /// Draws the heat map in the available width. `read` describes a cell.
    pub fn ui(&self, ui: &mut Ui, palette: &Palette, read: impl Fn(usize, usize, f32) -> String) -> Touched {
        let fonts = [FontId::proportional(11.0), FontId::monospace(10.0)];
        let longest = |names: &[String], font: &FontId| {
            names.iter().map(|name| text_width(ui, name, font)).fold(0.0, f32::max)
        };
        let left = (longest(self.rows, &fonts[0]) + 8.0).min(ui.available_width() * 0.34);
        let longest = longest(self.columns, &fonts[1]);
        let room = ui.available_width() - left;
        let count = self.columns.len().max(1) as f32;
        let least = match self.words {
            Some(_) => WORD.x,
            None if longest > 0.0 => LINE,
            None => 0.0,
        };
        let width = (room / count).clamp(least, self.cell.max(least));
        let height = match self.words {
            Some(_) => WORD.y,
            None if self.is_square => width,
            // A few rows have the height of a line; many share most of the height.
            None => (0.7 * self.tall / self.rows.len().max(1) as f32).clamp(LINE, HIGH),
        };
        let cell = vec2(width, height);
        let size = cell * vec2(count, self.rows.len() as f32);
        let upright = longest + 4.0 > width;
        let below = match longest {
            0.0 => 0.0,
            _ if upright => longest.min(UPRIGHT) + 6.0,
            _ => 16.0,
        };
        let map = |ui: &mut Ui| {
            let shape = [self.rows.len(), self.columns.len()];
            let map = Heatmap::new(self.name, shape, self.values, self.scale, size);
            Heatmap { chosen: self.chosen, words: self.words, ..map }.ui(ui, &read)
        };
        let draw = |ui: &mut Ui| {
            ui.spacing_mut().item_spacing = Vec2::ZERO;
            ui.add_space(left);
            let vertical = |ui: &mut Ui| {
                // The last columns of text are seen first.
                let area = ScrollArea::both().id_salt("cells").max_height(self.tall);
                let area = area.min_scrolled_height(self.tall).stick_to_right(self.words.is_some());
                let (touched, seen) = match size.x > room || size.y > self.tall {
                    true => {
                        let shown = area.show(ui, map);
                        (shown.inner, shown.inner_rect)
                    }
                    false => {
                        let touched = map(ui);
                        let seen = touched.response.rect;
                        (touched, seen)
                    }
                };
                let (below, _) = ui.allocate_exact_size(vec2(seen.width(), below), Sense::hover());
                (touched, seen, below)
            };
            let (touched, seen, below) = ui.vertical(vertical).inner;
            let at = touched.response.rect.min;
            let rows = seen.with_min_x(seen.left() - left).with_max_x(seen.left());
            let painter = ui.painter_at(rows);
            for (place, name) in self.rows.iter().enumerate() {
                let middle = at.y + height * (place as f32 + 0.5);
                if rows.y_range().expand(LINE).contains(middle) {
                    let text = elided(&painter, name, fonts[0].clone(), palette.quiet, left - 8.0);
                    let place = pos2(rows.right() - 6.0, middle) - text.size() * vec2(1.0, 0.5);
                    painter.galley(place, text, palette.quiet);
                }
            }
            let painter = ui.painter_at(below);
            for (place, name) in self.columns.iter().enumerate() {
                let middle = at.x + width * (place as f32 + 0.5);
                if !below.x_range().expand(width).contains(middle) {
                    continue;
                }
                let room = if upright { UPRIGHT } else { width };
                let text = elided(&painter, name, fonts[1].clone(), palette.quiet, room);
                let Vec2 { x: long, y: high } = text.size();
                if upright {
                    let from = pos2(middle - high / 2.0, below.top() + 4.0 + long);
                    let shape = TextShape::new(from, text, palette.quiet);
                    painter.add(shape.with_angle(-std::f32::consts::FRAC_PI_2));
                } else {
                    painter.galley(pos2(middle - long / 2.0, below.top() + 2.0), text, palette.quiet);
                }
            }
            touched
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::DARK;
    use egui::Shape;

    /// The names that are drawn within their strips, for `count` tokens by `count` in `width` points.
    fn seen(count: usize, width: f32) -> (Vec<String>, bool) {
        let names: Vec<String> = (0..count).map(|place| format!("·w{place}")).collect();
        let values = vec![0.5; count * count];
        let shapes = crate::widgets::drawn(|ui| {
            ui.set_max_width(width);
            let map = Labelled::new("map", &names, &names, &values, Scale::Magnitude(1.0));
            Labelled { is_square: true, ..map }.ui(ui, &DARK, |_, _, _| String::new());
        });
        let mut upright = false;
        let drawn = shapes.iter().filter_map(|clipped| match &clipped.shape {
            Shape::Text(text) if clipped.clip_rect.intersects(text.visual_bounding_rect()) => {
                upright |= text.angle != 0.0;
                Some(text.galley.text().to_owned())
            }
            _ => None,
        });
        (drawn.collect(), upright)
    }

    #[test]
    fn every_token_is_named_on_both_axes() {
        let (names, upright) = seen(4, 600.0);
        assert!(names.len() == 8 && !upright, "{names:?}");
        let (names, upright) = seen(24, 400.0);
        assert!(names.len() == 48 && upright, "{} names", names.len());
    }

    #[test]
    fn tokens_without_room_are_scrolled_to() {
        let (names, upright) = seen(200, 400.0);
        assert!((30..150).contains(&names.len()) && upright, "{} names", names.len());
        assert_eq!(names.iter().filter(|name| *name == "·w0").count(), 2);
    }
}
