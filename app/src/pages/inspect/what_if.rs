//! What changes where a part is changed.

use super::chosen::Chosen;
use super::shown::Shown;
use super::table;
use egui::Ui;

/// Draws the view, and notes in `chosen` what was pressed in it.
pub(super) fn ui(ui: &mut Ui, shown: &Shown<'_>, _chosen: &mut Chosen) {
    table::ui(ui, shown);
}
