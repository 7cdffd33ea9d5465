//! Settings to type, drag or step, each with an accessible name.

use crate::widgets::{self, field, whole_number};
use egui::emath::Numeric;
use egui::{DragValue, Ui};
use glasshouse_protocol::ErrorReport;
use std::ops::RangeInclusive;

pub(super) struct Form<'a> {
    /// The rule that the settings break.
    pub(super) refused: Option<&'a ErrorReport>,
}

impl Form<'_> {
    pub(super) fn whole<T: Numeric>(
        &self,
        ui: &mut Ui,
        name: &str,
        path: &str,
        value: &mut T,
        range: RangeInclusive<T>,
    ) {
        // Dragging across the screen covers the range, whatever the value's size.
        let speed = (value.to_f64() / 80.0).max(0.05);
        field(ui, name, path, self.refused, |ui| {
            let drag = whole_number(value).range(range).clamp_existing_to_range(false).speed(speed);
            ui.add(drag).accessible_name(name);
        });
    }

    pub(super) fn fraction(
        &self,
        ui: &mut Ui,
        name: &str,
        path: &str,
        value: &mut f32,
        range: RangeInclusive<f32>,
        speed: f64,
    ) {
        field(ui, name, path, self.refused, |ui| {
            let drag = DragValue::new(value)
                .range(range)
                .clamp_existing_to_range(false)
                .speed(speed)
                .max_decimals(6);
            ui.add(drag).accessible_name(name);
        });
    }

    pub(super) fn switch(&self, ui: &mut Ui, name: &str, path: &str, value: &mut bool) {
        field(ui, name, path, self.refused, |ui| {
            ui.checkbox(value, "").accessible_name(name);
        });
    }

    pub(super) fn choice<T: PartialEq + Copy>(
        &self,
        ui: &mut Ui,
        name: &str,
        path: &str,
        value: &mut T,
        choices: &[(T, &str)],
    ) {
        field(ui, name, path, self.refused, |ui| {
            let width = ui.available_width().clamp(80.0, 180.0);
            widgets::choice(ui, name, value, Some(width), choices);
        });
    }
}
