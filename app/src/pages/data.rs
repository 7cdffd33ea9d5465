//! Data: the text.

use super::Context;

/// What a person chose on the page.
#[derive(Debug, Default)]
pub struct DataPage {}

impl DataPage {
    /// Draws the page.
    pub fn ui(&mut self, ui: &mut egui::Ui, _context: &mut Context<'_>) {
        ui.label("Data");
    }
}
