//! Home: projects and the first step.

use super::Context;

/// What a person chose on the page.
#[derive(Debug, Default)]
pub struct HomePage {}

impl HomePage {
    /// Draws the page.
    pub fn ui(&mut self, ui: &mut egui::Ui, _context: &mut Context<'_>) {
        ui.label("Home");
    }
}
