//! Bars of histograms. Painted here because `egui_plot`'s axes and zoom do not fit into such small plots. Every bar
//! has a tooltip with its exact value.

use crate::pages::prelude::*;
use egui::CornerRadius;

#[derive(Clone, Debug)]
pub struct Bar {
    /// Shown below the bar.
    pub label: String,
    pub value: f64,
    /// Tooltip with the exact value.
    pub hover: String,
    pub colour: Color32,
}

/// Vertical bars from left to right, with the labels that fit below.
pub fn bars_ui(ui: &mut Ui, palette: &Palette, name: &str, height: f32, bars: &[Bar]) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name));
    if bars.is_empty() || !ui.is_rect_visible(rect) {
        return;
    }
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let floor = rect.bottom() - 16.0;
    let step = rect.width() / bars.len() as f32;
    let width = (step - 2.0).clamp(1.0, 28.0);
    let painter = ui.painter_at(rect);
    painter.hline(rect.x_range(), floor, (1.0, palette.hairline));
    let pointed = response.hover_pos().map(|at| ((at.x - rect.left()) / step) as usize);
    for (place, bar) in bars.iter().enumerate() {
        let middle = rect.left() + step * (place as f32 + 0.5);
        let tall = ((bar.value / most) as f32 * (floor - rect.top() - 2.0)).max(if bar.value > 0.0 {
            1.0
        } else {
            0.0
        });
        let shape =
            Rect::from_min_max(pos2(middle - width / 2.0, floor - tall), pos2(middle + width / 2.0, floor));
        let colour =
            if pointed == Some(place) { theme::mix(bar.colour, palette.text, 0.3) } else { bar.colour };
        painter.rect_filled(shape, CornerRadius { nw: 2, ne: 2, sw: 0, se: 0 }, colour);
    }
    let below = (rect.x_range(), rect.with_min_y(floor + 2.0));
    names_below(ui, &FontId::proportional(11.0), below, bars.iter().map(|bar| bar.label.as_str()));
    if let Some(bar) = pointed.and_then(|place| bars.get(place)) {
        response.on_hover_text_at_pointer(&bar.hover);
    }
}
