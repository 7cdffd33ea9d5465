//! A vector as a strip of cells.

use crate::theme::space;
use crate::widgets::{Heatmap, Scale, Touched};
use egui::{AsIdSalt, Ui, vec2};

/// A vector's entries from left to right, blue below 0 and orange above. `id` distinguishes strips of the same name.
pub(super) fn strip_ui(
    ui: &mut Ui,
    id: impl AsIdSalt,
    name: &str,
    values: &[f32],
    scale: Scale,
    width: f32,
) -> Touched {
    let size = vec2(width.max(24.0), space::LARGE);
    let map = Heatmap { name, rows: 1, columns: values.len().max(1), values, scale, size, chosen: None };
    ui.push_id(id, |ui| map.ui(ui, |_, entry, value| format!("{name}, entry {entry}: {value:.4}"))).inner
}
