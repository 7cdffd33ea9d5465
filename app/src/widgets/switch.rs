//! An on/off switch.

use super::prelude::*;
use crate::theme::mix;

/// A switch with its name on the right, which a click toggles.
pub fn switch_line(ui: &mut Ui, on: &mut bool, name: &str) {
    ui.horizontal_wrapped(|ui| {
        *on ^= switch(ui, *on, name).clicked();
        ui.label(name);
    });
}

/// A switch with an accessible name. The caller toggles the value on a click.
pub fn switch(ui: &mut Ui, on: bool, name: &str) -> Response {
    let palette = Palette::of(ui);
    let height = ui.spacing().interact_size.y;
    let (area, response) = ui.allocate_exact_size(Vec2::new(36.0, height), Sense::click());
    let track = Rect::from_center_size(area.center(), Vec2::new(32.0, 18.0));
    let enabled = ui.is_enabled();
    let lit = response.hovered() || response.has_focus();
    let rest = mix(palette.raised, palette.quiet, if lit { 0.55 } else { 0.4 });
    let fill = match on {
        true if lit => mix(palette.accent, palette.text, 0.14),
        true => palette.accent,
        false => rest,
    };
    let fill = if enabled { fill } else { mix(fill, palette.panel, 0.5) };
    let painter = ui.painter();
    painter.rect_filled(track, 9.0, fill);
    let x = if on { track.right() - 9.0 } else { track.left() + 9.0 };
    let knob = if on { palette.on_accent } else { palette.panel };
    painter.circle_filled(pos2(x, track.center().y), 6.5, knob);
    if response.has_focus() {
        let ring = Stroke::new(1.5, palette.text);
        painter.rect_stroke(track.expand(2.0), 11.0, ring, StrokeKind::Inside);
    }
    response.widget_info(|| WidgetInfo::selected(Role::Switch, enabled, on, name));
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}
