//! Settings of a form: each row has a name, a dotted path, and a control with an accessible name. If `refused` names the path, the
//! broken rule is shown below.

use crate::widgets::{self, field, whole_number};
use egui::emath::Numeric;
use egui::{DragValue, Response, Ui};
use glasshouse_protocol::ErrorReport;
use std::ops::RangeInclusive;

/// A number, whole if its type is.
pub(in crate::pages) fn number<T: Numeric>(
    ui: &mut Ui,
    (name, path): (&str, &str),
    value: &mut T,
    range: RangeInclusive<T>,
    refused: Option<&ErrorReport>,
) {
    // Dragging across the screen covers the range, whatever the value's size.
    let speed = (value.to_f64().abs() / 80.0).max(if T::INTEGRAL { 0.05 } else { 0.001 });
    field(ui, name, path, refused, |ui| {
        let drag = if T::INTEGRAL { whole_number(value) } else { DragValue::new(value) };
        ui.add(drag.range(range).clamp_existing_to_range(false).speed(speed)).accessible_name(name)
    });
}

/// A number that is dragged by `speed` per point.
pub(in crate::pages) fn fraction(
    ui: &mut Ui,
    (name, path): (&str, &str),
    value: &mut f32,
    range: RangeInclusive<f32>,
    speed: f64,
    refused: Option<&ErrorReport>,
) {
    field(ui, name, path, refused, |ui| {
        let drag = DragValue::new(value).range(range).clamp_existing_to_range(false);
        ui.add(drag.speed(speed).max_decimals(6)).accessible_name(name)
    });
}

pub(in crate::pages) fn switch(
    ui: &mut Ui,
    (name, path): (&str, &str),
    value: &mut bool,
    refused: Option<&ErrorReport>,
) {
    field(ui, name, path, refused, |ui| ui.checkbox(value, "").accessible_name(name));
}

/// A choice from a list.
pub(in crate::pages) fn pick<T: Copy + PartialEq>(
    ui: &mut Ui,
    (name, path): (&str, &str),
    value: &mut T,
    choices: &[(T, &str)],
    refused: Option<&ErrorReport>,
) -> Response {
    field(ui, name, path, refused, |ui| {
        let width = ui.available_width().clamp(80.0, 180.0);
        widgets::choice(ui, name, value, Some(width), choices)
    })
}
