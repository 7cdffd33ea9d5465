//! Settings: device, theme, text size.

use super::Context;

/// What a person chose on the page.
#[derive(Debug, Default)]
pub struct SettingsPage {}

impl SettingsPage {
    /// Draws the page.
    pub fn ui(&mut self, ui: &mut egui::Ui, _context: &mut Context<'_>) {
        ui.label("Settings");
    }
}
