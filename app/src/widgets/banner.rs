//! Lines with an icon.

use super::prelude::*;
use egui::WidgetText;

/// A line with a warning icon, about something that blocks nothing.
pub fn hint_line(ui: &mut Ui, text: &str) {
    let warning = Palette::of(ui).warning;
    let text = with_code(ui, text, |words| words.color(warning));
    icon_line(ui, icons::ICON_WARNING, warning, text);
}

/// A line of text after an icon of a colour.
pub fn icon_line(ui: &mut Ui, icon: MaterialIcon, colour: Color32, text: impl Into<WidgetText>) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(icon.rich_text().size(16.0).color(colour));
        prose(ui, text);
    });
}
