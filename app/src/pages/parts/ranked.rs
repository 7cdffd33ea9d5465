//! Rows to compare and choose from: a name, bars from a common zero, and a figure.

use crate::pages::prelude::*;

#[derive(Clone, Debug, Default)]
pub struct Ranked {
    /// Shown before the name; may be empty.
    pub rank: String,
    pub name: String,
    /// Length and colour of each bar, from top to bottom. Negative bars go to the left.
    pub bars: Vec<(f32, Color32)>,
    /// Shown at the end of the row.
    pub figure: String,
    /// Tooltip with the exact values.
    pub hover: String,
    /// Accessible name.
    pub label: String,
    pub chosen: bool,
    /// Drawn faint, since it is excluded.
    pub faint: bool,
}

impl Ranked {
    /// A row with one bar, described by its tooltip.
    pub fn bar(name: String, value: f64, colour: Color32, figure: String, hover: String) -> Self {
        let (bars, label) = (vec![(value as f32, colour)], format!("{name}: {hover}"));
        Self { name, bars, figure, hover, label, ..Self::default() }
    }

    /// A row with one bar, coloured by its sign.
    pub fn signed(palette: &Palette, name: String, value: f32, label: String, hover: String) -> Self {
        let [below, above, ..] = palette.series;
        let bars = vec![(value, if value < 0.0 { below } else { above })];
        Self { name, bars, figure: format::signed(value, 3), hover, label, ..Self::default() }
    }
}

/// Draws bars, with names and figures as wide as they need.
pub fn bar_rows(ui: &mut Ui, rows: &[Ranked]) {
    let (font, small) = (FontId::proportional(13.0), FontId::proportional(11.0));
    let names = rows.iter().map(|row| text_width(ui, &row.name, &font)).fold(0.0, f32::max);
    // Widths are rounded, and a name that is longer than its room is cut.
    let names = (names.ceil() + 2.0).min(ui.available_width() * 0.45);
    let figures = rows.iter().map(|row| text_width(ui, &row.figure, &small)).fold(0.0, f32::max) + 12.0;
    let ranking = Ranking { font, figures, presses: false };
    ranking.rows_ui(ui, Palette::of(ui), rows, Some(names));
}

#[derive(Clone, Debug)]
pub struct Ranking {
    pub font: FontId,
    /// Width of the figures in points.
    pub figures: f32,
    pub presses: bool,
}

impl Ranking {
    /// Like [`Self::ui`], with names over half the width.
    pub fn wide_ui(&self, ui: &mut Ui, palette: &Palette, rows: &[Ranked]) -> Option<usize> {
        self.rows_ui(ui, palette, rows, Some(ui.available_width() * 0.55))
    }

    /// Draws rows. Returns the index of the clicked one.
    pub fn ui(&self, ui: &mut Ui, palette: &Palette, rows: &[Ranked]) -> Option<usize> {
        self.rows_ui(ui, palette, rows, None)
    }

    /// Draws rows with names of a width in points, by default a part of the row's.
    fn rows_ui(&self, ui: &mut Ui, palette: &Palette, rows: &[Ranked], names: Option<f32>) -> Option<usize> {
        let values = rows.iter().flat_map(|row| &row.bars).map(|(value, _)| *value);
        let finite = values.filter(|value| value.is_finite());
        let (low, high) =
            finite.fold((0.0_f32, 0.0_f32), |(low, high), value| (low.min(value), high.max(value)));
        let before = std::mem::replace(&mut ui.spacing_mut().item_spacing.y, 0.0);
        let mut pressed = None;
        for (place, row) in rows.iter().enumerate() {
            if self.row_ui(ui, palette, row, (low, high), names) {
                pressed = Some(place);
            }
        }
        ui.spacing_mut().item_spacing.y = before;
        pressed
    }

    fn row_ui(
        &self,
        ui: &mut Ui,
        palette: &Palette,
        row: &Ranked,
        (low, high): (f32, f32),
        names: Option<f32>,
    ) -> bool {
        let sense = if self.presses { Sense::click() } else { Sense::hover() };
        let height = 20.0 + 4.0 * row.bars.len() as f32;
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), sense);
        let role = if self.presses { Role::Button } else { Role::Label };
        response.widget_info(|| WidgetInfo::labeled(role, true, &row.label));
        let painter = ui.painter_at(rect);
        if self.presses && (response.hovered() || response.has_focus()) {
            painter.rect_filled(rect, theme::CONTROL_CORNER, palette.raised);
        }
        focus_ring(ui, &response, f32::from(theme::CONTROL_CORNER));
        let colour = match (row.chosen, row.faint) {
            (true, _) => palette.accent,
            (false, true) => palette.quiet,
            (false, false) => palette.text,
        };
        let inner = rect.shrink2(vec2(8.0, 0.0));
        let names = inner.left() + names.unwrap_or((inner.width() * 0.3).clamp(84.0, 150.0));
        let small = FontId::proportional(11.0);
        let left = if row.rank.is_empty() {
            inner.left()
        } else {
            let rank = pos2(inner.left(), inner.center().y);
            painter.text(rank, Align2::LEFT_CENTER, &row.rank, small.clone(), palette.quiet);
            inner.left() + 26.0
        };
        let name = Rect::from_min_max(pos2(left, inner.top()), pos2(names, inner.bottom()));
        let galley = elided(&painter, &row.name, self.font.clone(), colour, name.width());
        painter.galley(name.left_center() - vec2(0.0, galley.size().y / 2.0), galley, colour);
        let right = (inner.right() - self.figures).max(names + 6.0);
        let room = Rect::from_min_max(pos2(names + 6.0, inner.top()), pos2(right, inner.bottom()));
        let span = (high - low).max(f32::MIN_POSITIVE);
        let zero = room.left() - low / span * room.width();
        if low < 0.0 {
            painter.vline(zero, room.y_range(), (1.0, palette.hairline));
        }
        // A single bar is as thick as two.
        let thick = if row.bars.len() == 1 { 10.0 } else { 4.5 };
        let top = inner.center().y - ((thick + 2.0) * row.bars.len() as f32 - 2.0) / 2.0;
        for (number, (value, colour)) in row.bars.iter().enumerate() {
            let long = if value.is_finite() { value / span * room.width() } else { 0.0 };
            if long.abs() < 0.4 {
                continue;
            }
            let end = zero + if long.abs() < 1.0 { long.signum() } else { long };
            let top = top + (thick + 2.0) * number as f32;
            let bar = Rect::from_min_max(pos2(zero.min(end), top), pos2(zero.max(end), top + thick));
            painter.rect_filled(bar, 1.5, *colour);
        }
        let at = pos2(inner.right(), inner.center().y);
        let colour = if row.faint { palette.quiet } else { palette.text };
        painter.text(at, Align2::RIGHT_CENTER, &row.figure, small, colour);
        response.on_hover_text(&row.hover).clicked()
    }
}
