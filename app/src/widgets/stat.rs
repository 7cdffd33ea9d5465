//! A number with its unit and name. Its place stays fixed while it changes: figures are tabular, and the width is constant.

use super::prelude::*;

#[derive(Clone, Copy, Debug)]
pub struct Stat<'a> {
    pub name: &'a str,
    pub value: &'a str,
    pub exact: &'a str,
}

/// A number above its name, in a fixed width.
pub fn stat(ui: &mut Ui, width: f32, stat: Stat<'_>) {
    let quiet = Palette::of(ui).quiet;
    ui.vertical(|ui| {
        ui.set_width(width);
        ui.spacing_mut().item_spacing.y = 2.0;
        let value = ui.label(RichText::new(stat.value).text_style(theme::emphasis()).strong());
        if !stat.exact.is_empty() {
            value.on_hover_text(stat.exact);
        }
        ui.label(RichText::new(stat.name).text_style(theme::caption()).color(quiet));
    });
}

/// A name on the left and the number on the right, over the available width.
pub fn stat_row(ui: &mut Ui, name: &str, value: &str, exact: &str) {
    let quiet = Palette::of(ui).quiet;
    egui::Sides::new().height(20.0).shrink_left().truncate().show(
        ui,
        |ui| term(ui, name, Some(quiet)),
        |ui| {
            let value = ui.label(value);
            if !exact.is_empty() {
                value.on_hover_text(exact);
            }
        },
    );
}
