//! A number with its unit and what it means. Numbers keep their place while they change: figures are tabular and the room for
//! them is fixed.

use crate::theme::{self, Palette};
use egui::{RichText, Ui};

/// A number to show.
#[derive(Clone, Copy, Debug)]
pub struct Stat<'a> {
    /// What it means.
    pub name: &'a str,
    /// The number with its unit.
    pub value: &'a str,
    /// The exact value, shown under the pointer.
    pub exact: &'a str,
}

/// A number above what it means, in a fixed width.
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

/// What a number means at the left and the number at the right, on one line of the width there is.
pub fn stat_row(ui: &mut Ui, row: Stat<'_>) {
    let quiet = Palette::of(ui).quiet;
    egui::Sides::new().height(20.0).shrink_left().truncate().show(
        ui,
        |ui| super::term(ui, row.name, Some(quiet)),
        |ui| {
            let value = ui.label(row.value);
            if !row.exact.is_empty() {
                value.on_hover_text(row.exact);
            }
        },
    );
}
