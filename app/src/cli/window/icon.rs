//! The window's icon, drawn: the house as a diamond around a seed.

use crate::theme::DARK;
use egui::{Color32, IconData};

const SIZE: usize = 128;

/// The icon at 128 pixels.
pub(super) fn icon() -> IconData {
    let mut rgba = Vec::with_capacity(SIZE * SIZE * 4);
    for row in 0..SIZE {
        for column in 0..SIZE {
            // From -1 to 1 across the image.
            let place = |at: usize| (at as f32 + 0.5) / SIZE as f32 * 2.0 - 1.0;
            rgba.extend(pixel(place(column), place(row)).to_srgba_unmultiplied());
        }
    }
    IconData { rgba, width: SIZE as u32, height: SIZE as u32 }
}

fn pixel(x: f32, y: f32) -> Color32 {
    // Distances are in half-widths of the image; a soft edge is a pixel or two wide.
    let soft = |distance: f32| (0.5 - distance * SIZE as f32 / 3.0).clamp(0.0, 1.0);
    let corner = 0.36_f32;
    let (over_x, over_y) = ((x.abs() - 0.96 + corner).max(0.0), (y.abs() - 0.96 + corner).max(0.0));
    let ground = soft(over_x.hypot(over_y) - corner);
    let diamond = (x.abs() + y.abs() - 0.62) / std::f32::consts::SQRT_2;
    let line = soft(diamond.abs() - 0.065);
    let seed = soft(x.hypot(y) - 0.15);
    let mark = crate::theme::mix(DARK.ground, DARK.accent, line.max(seed));
    Color32::from_rgba_unmultiplied(mark.r(), mark.g(), mark.b(), (ground * 255.0).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icon_is_round_at_the_corners_and_has_a_seed() {
        let icon = icon();
        assert_eq!(icon.rgba.len(), SIZE * SIZE * 4);
        let at = |x: usize, y: usize| &icon.rgba[(y * SIZE + x) * 4..][..4];
        assert_eq!(at(0, 0)[3], 0);
        assert_eq!(at(SIZE / 2, SIZE / 2)[..3], [DARK.accent.r(), DARK.accent.g(), DARK.accent.b()]);
        assert_eq!(at(SIZE / 2, 8)[..3], [DARK.ground.r(), DARK.ground.g(), DARK.ground.b()]);
    }
}
