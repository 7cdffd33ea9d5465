//! A text with individually shaded pieces, such as token scores or groups.

use super::prelude::*;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub struct Piece {
    pub text: String,
    pub fill: Color32,
    /// Underline colour; transparent for none.
    pub line: Color32,
    /// Tooltip; empty for none.
    pub hover: String,
    pub lit: bool,
}

/// Draws pieces as one wrapping text with the accessible name `name`. If `chooses` is set, returns the index of the piece that
/// was clicked, or reached by an arrow key from `cursor`.
pub fn shaded_text(
    ui: &mut Ui,
    name: &str,
    pieces: &[Piece],
    chooses: bool,
    cursor: Option<usize>,
) -> Option<usize> {
    let palette = Palette::of(ui);
    let (galley, ends) = laid_out(ui, palette, pieces);
    let size = Vec2::new(ui.available_width(), galley.size().y.max(22.0));
    let (rect, response) =
        ui.allocate_exact_size(size, if chooses { Sense::click() } else { Sense::hover() });
    // A label's accessible name would be its text.
    let role = if chooses { Role::Button } else { Role::Group };
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(pieces.iter().map(|piece| piece.text.as_str()).collect()),
        ..WidgetInfo::labeled(role, true, name)
    });
    ui.painter().galley(rect.min, galley.clone(), palette.text);
    let at = |place: Pos2| {
        let letter = letter_at(&galley, place - rect.min)?;
        let piece = ends.partition_point(|end| *end <= letter);
        (piece < pieces.len()).then_some(piece)
    };
    let mut chosen = None;
    if response.clicked() {
        response.request_focus();
        chosen = response.interact_pointer_pos().and_then(at);
    }
    let [step, _] = arrow_keys(ui, &response, [true, false]);
    if chooses && response.has_focus() {
        if let Some(last) = pieces.len().checked_sub(1).filter(|_| step != 0) {
            chosen = Some(cursor.map_or(0, |at| at.saturating_add_signed(step).min(last)));
        }
        let ring = rect.expand(4.0);
        ui.painter().rect_stroke(ring, theme::CONTROL_CORNER, (1.5, palette.accent), StrokeKind::Inside);
    }
    let pointed = response.hover_pos().and_then(at).and_then(|piece| pieces.get(piece));
    if let Some(piece) = pointed.filter(|piece| !piece.hover.is_empty()) {
        response.on_hover_text_at_pointer(&piece.hover);
    }
    chosen
}

/// The laid-out text, and the end of each piece in it.
fn laid_out(ui: &Ui, palette: &Palette, pieces: &[Piece]) -> (Arc<Galley>, Vec<usize>) {
    let mut job = LayoutJob::default();
    job.wrap.max_width = ui.available_width();
    let mut ends = Vec::with_capacity(pieces.len());
    let mut letters = 0;
    for piece in pieces {
        let colour = if piece.lit { palette.on_accent } else { palette.text };
        let format = TextFormat {
            background: if piece.lit { palette.accent } else { piece.fill },
            underline: if piece.line.a() > 0 { Stroke::new(2.0, piece.line) } else { Stroke::NONE },
            line_height: Some(22.0),
            ..TextFormat::simple(FontId::monospace(13.0), colour)
        };
        job.append(&piece.text, 0.0, format);
        letters += piece.text.chars().count();
        ends.push(letters);
    }
    (ui.painter().layout_job(job), ends)
}

/// Index of the character at a position in a galley; `None` outside its rows.
fn letter_at(galley: &Galley, place: Vec2) -> Option<usize> {
    let row = galley.rows.iter().find(|row| row.rect().y_range().contains(place.y))?;
    if !row.rect().x_range().contains(place.x) {
        return None;
    }
    let cursor = galley.cursor_from_pos(place);
    // A cursor lies between characters; take the character under the pointer.
    let (letter, edge) = (cursor.index.0, galley.pos_from_cursor(cursor).left());
    Some(if place.x < edge { letter.saturating_sub(1) } else { letter })
}
