//! Model: the decoder and its size.

use super::Context;

/// What a person chose on the page.
#[derive(Debug, Default)]
pub struct ModelPage {}

impl ModelPage {
    /// Draws the page.
    pub fn ui(&mut self, ui: &mut egui::Ui, _context: &mut Context<'_>) {
        ui.label("Model");
    }
}
