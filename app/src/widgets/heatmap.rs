//! A matrix as an image with a cell per entry. The pointer or the arrow keys read single entries.

use super::prelude::*;
use egui::cache::FramePublisher;
use egui::{ColorImage, CornerRadius, Id, TextureHandle, TextureOptions};
use std::borrow::Cow;

/// Maximum side of a texture in texels; every graphics card supports this much.
const SIDE: usize = 2048;

/// Textures drawn in this or the last frame, each with the stamp of its content; others are freed.
type Pictures = FramePublisher<Id, (u64, TextureHandle)>;

/// Mapping of values to colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// From 0 to the given maximum, panel colour to accent.
    Magnitude(f32),
    /// From minus to plus the given maximum, two hues with the panel colour at 0.
    Signed(f32),
}

impl Scale {
    pub fn signed(values: &[f32]) -> Self {
        Self::Signed(largest(values))
    }

    pub fn magnitude(values: &[f32]) -> Self {
        Self::Magnitude(largest(values))
    }

    pub fn colour(self, palette: &Palette, value: f32) -> Color32 {
        match self {
            Self::Magnitude(most) => theme::magnitude(palette, value / most.max(f32::MIN_POSITIVE)),
            Self::Signed(most) => theme::signed(palette, value / most.max(f32::MIN_POSITIVE)),
        }
    }
}

fn largest(values: &[f32]) -> f32 {
    let size = |value: f32| if value.is_finite() { value.abs() } else { 0.0 };
    // Eight independent lanes.
    let (chunks, rest) = values.as_chunks::<8>();
    let mut most = [0.0_f32; 8];
    for chunk in chunks {
        for (most, value) in most.iter_mut().zip(chunk) {
            *most = most.max(size(*value));
        }
    }
    rest.iter().map(|value| size(*value)).chain(most).fold(0.0, f32::max)
}

/// A matrix [rows, columns] to draw.
#[derive(Clone, Copy)]
pub struct Heatmap<'a> {
    /// Its accessible name, and its id among its siblings.
    pub name: &'a str,
    pub rows: usize,
    pub columns: usize,
    /// Row-major.
    pub values: &'a [f32],
    pub scale: Scale,
    /// Size in points.
    pub size: Vec2,
    pub chosen: Option<(usize, usize)>,
    /// Text in a cell.
    pub words: Option<&'a dyn Fn(usize, usize) -> String>,
}

#[derive(Debug)]
pub struct Touched {
    /// The widget's response; `clicked` is a click or Enter on a cell or on the whole.
    pub response: Response,
    /// Row and column of the cell under the pointer or the keyboard cursor.
    pub pointed: Option<(usize, usize)>,
    pub clicked: Option<(usize, usize)>,
    /// The cell that an arrow key led to.
    pub reached: Option<(usize, usize)>,
}

impl<'a> Heatmap<'a> {
    pub fn new(
        name: &'a str,
        [rows, columns]: [usize; 2],
        values: &'a [f32],
        scale: Scale,
        size: Vec2,
    ) -> Self {
        Self { name, rows, columns, values, scale, size, chosen: None, words: None }
    }

    /// Draws the heat map. `read` describes a cell for the tooltip and for screen readers.
    pub fn ui(&self, ui: &mut Ui, read: impl Fn(usize, usize, f32) -> String) -> Touched {
        let palette = Palette::of(ui);
        let (rect, response) = ui.allocate_exact_size(self.size, Sense::click());
        let whole = self.values.len() == self.rows * self.columns && !self.values.is_empty();
        if whole && ui.is_rect_visible(rect) {
            self.paint(ui, palette, rect, response.id);
            self.words_ui(ui, palette, rect);
        }
        let from_pointer = response.hover_pos().filter(|_| whole).map(|at| self.cell_at(rect, at));
        let (mut cursor, has_moved) = self.moved(ui, &response, whole);
        let reached = cursor.filter(|_| has_moved);
        if let Some(cell) = reached {
            ui.scroll_to_rect(self.rect_of(rect, cell), None);
        }
        if from_pointer.is_some() && response.hovered() {
            cursor = cursor.filter(|_| response.has_focus());
        }
        let pointed = from_pointer.or(cursor);
        let clicked = response.clicked().then(|| {
            let place = response.interact_pointer_pos().filter(|_| whole);
            place.map(|at| self.cell_at(rect, at)).or(cursor)
        });
        let mark = |cell: (usize, usize), colour: Color32| {
            let stroke = Stroke::new(1.5, colour);
            // Around the cell, but within the map: a scroll area clips what is beyond its edge.
            let frame = self.rect_of(rect, cell).expand(stroke.width).intersect(rect);
            ui.painter().rect_stroke(frame, 1.0, stroke, StrokeKind::Inside);
        };
        if let Some(cell) = self.chosen.filter(|_| whole) {
            mark(cell, palette.accent);
        }
        if let Some(cell) = pointed {
            mark(cell, palette.text);
        }
        if response.has_focus() {
            let ring = Stroke::new(1.5, palette.accent);
            let corner = CornerRadius::same(2);
            ui.painter().rect_stroke(rect.expand(3.0), corner, ring, StrokeKind::Outside);
        }
        let written = |(row, column): (usize, usize)| {
            let value = self.values.get(row * self.columns + column).copied().unwrap_or(f32::NAN);
            read(row, column, value)
        };
        let said = pointed.map(written);
        let name = format!("{}, choose cells with the arrow keys", self.name);
        response.widget_info(|| WidgetInfo {
            current_text_value: said.clone(),
            ..WidgetInfo::labeled(Role::Button, true, &name)
        });
        if let Some(words) = &said {
            if response.hovered() {
                response.clone().on_hover_text_at_pointer(words);
            } else if let Some(cell) = cursor {
                let (context, layer, at) = (ui.ctx().clone(), ui.layer_id(), self.rect_of(rect, cell));
                egui::Tooltip::always_open(context, layer, response.id.with("cell"), at).show(|ui| {
                    ui.label(words);
                });
            }
        }
        Touched { response, pointed, clicked: clicked.flatten(), reached }
    }

    /// Draws the texture, which is rebuilt only if a number, the scale or the theme changed.
    fn paint(&self, ui: &Ui, palette: &Palette, rect: Rect, id: Id) {
        let stamp = self.stamp(palette.dark);
        let known = ui.memory_mut(|memory| memory.caches.cache::<Pictures>().get(&id).cloned());
        let texture = match known {
            Some((of, texture)) if of == stamp => texture,
            _ => {
                let side = ui.input(|input| input.max_texture_side).min(SIDE);
                let (rows, columns, texels) = self.texels(side);
                let pixels = texels.iter().map(|value| self.scale.colour(palette, *value)).collect();
                let image = ColorImage::new([columns, rows], pixels);
                ui.ctx().load_texture(self.name, image, TextureOptions::NEAREST)
            }
        };
        let drawn = (stamp, texture.clone());
        ui.memory_mut(|memory| memory.caches.cache::<Pictures>().set(id, drawn));
        let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture.id(), rect, all, Color32::WHITE);
    }

    /// Rows, columns and entries downsampled to at most `side` texels per side. Of the entries in a texel, the one farthest from
    /// 0 stays.
    fn texels(&self, side: usize) -> (usize, usize, Cow<'_, [f32]>) {
        let (rows, columns) = (self.rows.min(side), self.columns.min(side));
        if (rows, columns) == (self.rows, self.columns) {
            return (rows, columns, Cow::Borrowed(self.values));
        }
        let begin = |texel: usize, entries: usize, texels: usize| {
            (texel as u64 * entries as u64 / texels as u64) as usize
        };
        let span = |texel: usize, entries: usize, texels: usize| {
            begin(texel, entries, texels)..begin(texel + 1, entries, texels)
        };
        let mut picture = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                let across = span(column, self.columns, columns);
                let mut farthest = f32::NAN;
                for own in span(row, self.rows, rows) {
                    for value in &self.values[own * self.columns..][across.clone()] {
                        if farthest.is_nan() || value.abs() > farthest.abs() {
                            farthest = *value;
                        }
                    }
                }
                picture.push(farthest);
            }
        }
        (rows, columns, Cow::Owned(picture))
    }

    /// A 64-bit hash of everything the texture depends on. It hashes the entries, not their address: the next answer may reuse
    /// the memory of the last.
    fn stamp(&self, dark: bool) -> u64 {
        let scale = match self.scale {
            Scale::Magnitude(most) => u64::from(most.to_bits()),
            Scale::Signed(most) => u64::from(most.to_bits()) | 1 << 32,
        };
        let begin = scale ^ u64::from(dark) << 33 ^ (self.columns as u64) << 34;
        // The multiplier of Steele and Vigna's generators spreads similar values.
        let next = |sum: u64, bits: u64| (sum.rotate_left(5) ^ bits).wrapping_mul(0xd134_2543_de82_ef95);
        // Eight independent lanes: this runs in every frame.
        let (chunks, rest) = self.values.as_chunks::<8>();
        let mut sums = [begin; 8];
        for chunk in chunks {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum = next(*sum, u64::from(value.to_bits()));
            }
        }
        let rest = rest.iter().map(|value| u64::from(value.to_bits()));
        sums.into_iter().chain(rest).fold(begin, next)
    }

    /// Writes into the visible cells.
    fn words_ui(&self, ui: &Ui, palette: &Palette, rect: Rect) {
        let Some(words) = self.words else { return };
        let cells = (0..self.rows).flat_map(|row| (0..self.columns).map(move |column| (row, column)));
        for (row, column) in cells {
            let cell = self.rect_of(rect, (row, column));
            if ui.is_rect_visible(cell) {
                let font = FontId::monospace(11.0);
                let width = cell.width() - 4.0;
                let galley = elided(ui.painter(), words(row, column), font, palette.text, width);
                ui.painter().galley(cell.center() - galley.size() / 2.0, galley, palette.text);
            }
        }
    }

    fn cell_at(&self, rect: Rect, at: Pos2) -> (usize, usize) {
        let part = (at - rect.min) / rect.size();
        let place = |share: f32, count: usize| {
            ((share.max(0.0) * count as f32) as usize).min(count.saturating_sub(1))
        };
        (place(part.y, self.rows), place(part.x, self.columns))
    }

    fn rect_of(&self, rect: Rect, (row, column): (usize, usize)) -> Rect {
        let cell = rect.size() / vec2(self.columns.max(1) as f32, self.rows.max(1) as f32);
        Rect::from_min_size(rect.min + cell * vec2(column as f32, row as f32), cell)
    }

    /// The keyboard cursor's cell, while the heat map has the focus, and whether a key moved it.
    fn moved(&self, ui: &Ui, response: &Response, whole: bool) -> (Option<(usize, usize)>, bool) {
        if !response.has_focus() || !whole {
            return (None, false);
        }
        let [right, down] = arrow_keys(ui, response, [true, true]);
        let id = response.id.with("cursor");
        let known: Option<(usize, usize)> = ui.data(|data| data.get_temp(id));
        let known = known.filter(|_| !response.gained_focus());
        let (row, column) = known.or(self.chosen).unwrap_or_default();
        let moved = |at: usize, step: isize, count: usize| at.saturating_add_signed(step).min(count - 1);
        let cell = (moved(row, down, self.rows), moved(column, right, self.columns));
        ui.data_mut(|data| data.insert_temp(id, cell));
        (Some(cell), [right, down] != [0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f32]) -> Heatmap<'_> {
        let scale = Scale::signed(values);
        Heatmap::new("example", [2, 3], values, scale, vec2(30.0, 20.0))
    }

    #[test]
    fn a_place_of_the_picture_is_a_cell_and_back() {
        let values = [0.0; 6];
        let map = map(&values);
        let rect = Rect::from_min_size(pos2(100.0, 50.0), map.size);
        for cell in [(0, 0), (0, 2), (1, 1)] {
            assert_eq!(map.cell_at(rect, map.rect_of(rect, cell).center()), cell);
        }
        assert_eq!(map.cell_at(rect, rect.max), (1, 2), "the edge belongs to the last");
        assert_eq!(map.cell_at(rect, rect.min - vec2(5.0, 5.0)), (0, 0));
    }

    #[test]
    fn the_picture_is_another_one_where_a_number_is() {
        let (one, other) = ([1.0, 2.0, 3.0, -4.0, 5.0, f32::NAN], [1.0, 2.0, 3.0, 4.0, 5.0, f32::NAN]);
        assert_eq!(map(&one).stamp(true), map(&one).stamp(true));
        assert_ne!(map(&one).stamp(true), map(&other).stamp(true));
        assert_ne!(map(&one).stamp(true), map(&one).stamp(false));
        assert_eq!(Scale::signed(&one), Scale::Signed(5.0));
        let wider = Heatmap { rows: 3, columns: 2, ..map(&one) };
        assert_ne!(map(&one).stamp(true), wider.stamp(true));
        let many: Vec<f32> = (0..600).map(|entry| (entry as f32).sin()).collect();
        let of = |values: &[f32]| Heatmap { rows: 20, columns: 30, ..map(values) }.stamp(true);
        for place in [0, 7, 8, 300, 599] {
            let mut other = many.clone();
            other[place] += 1.0;
            assert_ne!(of(&many), of(&other), "entry {place}");
        }
    }

    #[test]
    fn the_largest_is_found_wherever_it_stands() {
        for place in [0, 7, 8, 15, 16, 17] {
            let mut values = [1.0, f32::NAN, f32::INFINITY, -2.0, 0.5, 0.0, 0.0, 1.0].repeat(3);
            values[place] = -9.0;
            assert_eq!(Scale::magnitude(&values), Scale::Magnitude(9.0), "entry {place}");
        }
        assert_eq!(Scale::signed(&[]), Scale::Signed(0.0));
    }

    #[test]
    fn a_picture_of_more_columns_than_a_texture_has_shows_the_farthest_of_each_span() {
        let mut values = vec![0.25; 32_000];
        values[0] = f32::NAN;
        values[5] = -1.0;
        values[31_999] = 3.0;
        let wide = Heatmap { rows: 1, columns: 32_000, ..map(&values) };
        let (rows, columns, texels) = wide.texels(SIDE);
        assert_eq!((rows, columns, texels.len()), (1, 2048, 2048));
        assert_eq!((texels[0], texels[1], texels[2047]), (-1.0, 0.25, 3.0));
        let tall = Heatmap { rows: 4_000, columns: 8, ..map(&values) };
        let (rows, columns, texels) = tall.texels(SIDE);
        assert_eq!((rows, columns, texels.len()), (2048, 8, 2048 * 8));
        assert_eq!((texels[5], texels[2048 * 8 - 1]), (-1.0, 3.0));
        let small = map(&values[..6]);
        let (rows, columns, texels) = small.texels(SIDE);
        assert_eq!((rows, columns, texels.len()), (2, 3, 6));
    }

    #[test]
    fn a_picture_of_any_size_is_drawn_and_let_go_of_with_it() {
        let context = egui::Context::default();
        theme::prepare(&context, &crate::preferences::Preferences::default());
        let values = vec![1.0; 32_000];
        let frame = |drawn: bool| {
            let output = context.run_ui(egui::RawInput::default(), |ui| {
                if drawn {
                    Heatmap { rows: 1, columns: 32_000, ..map(&values) }.ui(ui, |_, _, _| String::new());
                }
            });
            output.drop_without_applying_deltas();
            context.tex_manager().read().num_allocated()
        };
        frame(false);
        let before = frame(false);
        assert_eq!(frame(true), before + 1);
        assert_eq!(frame(true), before + 1, "it would be made anew in each frame");
        frame(false);
        assert_eq!(frame(false), before, "its texture would stay for ever");
    }
}
