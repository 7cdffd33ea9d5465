//! Tables: sortable headers, rows of equal height, right-aligned numbers; and the same rows as CSV.

use super::prelude::*;
use egui::UiBuilder;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// For text.
    #[default]
    Left,
    /// For numbers.
    Right,
}

#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// May be empty.
    pub title: &'a str,
    /// In points.
    pub width: f32,
    pub align: Align,
}

/// A table of given columns. Rows are added one by one.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// From left to right.
    pub columns: &'a [Column<'a>],
    /// Row height in points.
    pub row: f32,
}

/// Gap between columns in points.
const GAP: f32 = 14.0;
/// Margin before the first and after the last column, in points.
const EDGE: f32 = 8.0;

impl Table<'_> {
    pub fn width(&self) -> f32 {
        let sum: f32 = self.columns.iter().map(|column| column.width).sum();
        sum + GAP * (self.columns.len().saturating_sub(1)) as f32 + 2.0 * EDGE
    }

    /// The header. `sorted` is the sort column, and whether it is descending. Returns the index of the clicked column.
    pub fn head_ui(&self, ui: &mut Ui, sorted: Option<(usize, bool)>) -> Option<usize> {
        let palette = Palette::of(ui);
        let mut pressed = None;
        let (rect, _) = ui.allocate_exact_size(Vec2::new(self.width(), 26.0), Sense::hover());
        for (place, (column, cell)) in self.cells(rect).enumerate() {
            if column.title.is_empty() {
                continue;
            }
            let response = ui.interact(cell, ui.scope_id().with(("head", place)), Sense::click());
            let mine = sorted.filter(|(by, _)| *by == place);
            let colour = if mine.is_some() || response.hovered() { palette.text } else { palette.quiet };
            let mark = match mine {
                Some((_, true)) => " ↓",
                Some((_, false)) => " ↑",
                None => "",
            };
            let font = theme::quiet_strong().resolve(ui.style());
            let (at, anchor) = anchor(column, cell);
            ui.painter().text(at, anchor, format!("{}{mark}", column.title), font, colour);
            if response.has_focus() {
                ui.painter().hline(cell.x_range(), cell.bottom(), Stroke::new(2.0, palette.accent));
            }
            response.widget_info(|| {
                WidgetInfo::labeled(Role::ColumnHeader, true, format!("Sort by {}", column.title))
            });
            if response.clicked() {
                pressed = Some(place);
            }
        }
        let line = Stroke::new(1.0, palette.hairline);
        ui.painter().hline(rect.x_range(), rect.bottom(), line);
        pressed
    }

    /// The header of a table that cannot be sorted.
    pub fn titles_ui(&self, ui: &mut Ui) -> Response {
        let palette = Palette::of(ui);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(self.width(), 26.0), Sense::hover());
        for (column, cell) in self.cells(rect) {
            let font = theme::quiet_strong().resolve(ui.style());
            let (at, anchor) = anchor(column, cell);
            ui.painter_at(cell).text(at, anchor, column.title, font, palette.quiet);
        }
        ui.painter().hline(rect.x_range(), rect.bottom(), Stroke::new(1.0, palette.hairline));
        response
    }

    /// The titles above a scrolled list of `count` rows, of which those in sight are drawn.
    pub fn rows_ui(&self, ui: &mut Ui, list: ScrollArea, count: usize, mut row: impl FnMut(&mut Ui, usize)) {
        self.titles_ui(ui);
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            list.show_rows(ui, self.row, count, |ui, rows| rows.for_each(|place| row(ui, place)));
        });
    }

    /// A clickable row; `cell` draws the contents of each column.
    pub fn row_ui(
        &self,
        ui: &mut Ui,
        name: &str,
        chosen: bool,
        mut cell: impl FnMut(&mut Ui, usize),
    ) -> Response {
        let palette = Palette::of(ui);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(self.width(), self.row), Sense::click());
        if chosen {
            ui.painter().rect_filled(rect, 4.0, palette.chosen());
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 4.0, palette.raised);
        }
        focus_ring(ui, &response, 4.0);
        response.widget_info(|| WidgetInfo::selected(Role::Row, true, chosen, name));
        for (place, (column, cell_rect)) in self.cells(rect).enumerate() {
            let layout = match column.align {
                Align::Left => Layout::left_to_right(egui::Align::Center),
                Align::Right => Layout::right_to_left(egui::Align::Center),
            };
            let builder = UiBuilder::new().id_salt(("cell", name, place)).max_rect(cell_rect).layout(layout);
            let mut inside = ui.new_child(builder);
            inside.set_clip_rect(cell_rect.expand(2.0).intersect(ui.clip_rect()));
            inside.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
            cell(&mut inside, place);
        }
        response
    }

    fn cells(&self, rect: Rect) -> impl Iterator<Item = (&Column<'_>, Rect)> {
        let mut left = rect.left() + EDGE;
        self.columns.iter().map(move |column| {
            let size = Vec2::new(column.width, rect.height());
            let cell = Rect::from_min_size(pos2(left, rect.top()), size);
            left += column.width + GAP;
            (column, cell)
        })
    }
}

fn anchor(column: &Column<'_>, cell: Rect) -> (Pos2, Align2) {
    match column.align {
        Align::Left => (cell.left_center(), Align2::LEFT_CENTER),
        Align::Right => (cell.right_center(), Align2::RIGHT_CENTER),
    }
}

/// Rows as CSV (RFC 4180) after a header; cells are quoted if necessary.
pub fn csv<Row: AsRef<[String]>>(head: &[&str], rows: impl IntoIterator<Item = Row>) -> String {
    let mut text = String::new();
    csv_row(&mut text, head);
    rows.into_iter().for_each(|row| csv_row(&mut text, row.as_ref()));
    text
}

fn csv_row<Cell: AsRef<str>>(text: &mut String, cells: impl IntoIterator<Item = Cell>) {
    for (number, cell) in cells.into_iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        let cell = cell.as_ref();
        if !cell.contains([',', '"', '\n', '\r']) {
            text.push_str(cell);
            continue;
        }
        text.push('"');
        for (number, part) in cell.split('"').enumerate() {
            text.push_str(if number > 0 { "\"\"" } else { "" });
            text.push_str(part);
        }
        text.push('"');
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_must_be_quoted() {
        let rows = [vec!["a, b".to_owned(), "1".to_owned()], vec!["said \"so\"".to_owned(), "2".to_owned()]];
        assert_eq!(csv(&["name", "value"], rows), "name,value\n\"a, b\",1\n\"said \"\"so\"\"\",2\n");
    }
}
