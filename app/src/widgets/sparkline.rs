//! A small curve without axes.

use super::prelude::*;

/// Draws values from left to right over the whole height; non-finite ones are skipped.
pub fn sparkline(ui: &mut Ui, values: &[f32], size: Vec2, colour: Color32) {
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let low = finite().fold(f32::INFINITY, f32::min);
    let high = finite().fold(f32::NEG_INFINITY, f32::max);
    let count = finite().count();
    if count < 2 {
        let line = rect.x_range();
        ui.painter().hline(line, rect.bottom(), Stroke::new(1.0, Palette::of(ui).hairline));
        return;
    }
    let inner = rect.shrink(2.0);
    let span = (high - low).max(f32::EPSILON);
    let points: Vec<_> = finite()
        .enumerate()
        .map(|(place, value)| {
            let x = inner.left() + inner.width() * place as f32 / (count - 1) as f32;
            pos2(x, inner.bottom() - inner.height() * (value - low) / span)
        })
        .collect();
    let last = points.last().copied();
    ui.painter().add(Shape::line(points, Stroke::new(1.75, colour)));
    if let Some(last) = last {
        ui.painter().circle_filled(last, 2.5, colour);
    }
}
