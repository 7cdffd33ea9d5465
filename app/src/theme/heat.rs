//! Colours for magnitudes and signed values, with even steps of lightness, so that twice the value looks twice as far.

use super::*;

/// A magnitude between 0 and 1, from the panel colour to the accent.
pub fn magnitude(palette: &Palette, share: f32) -> Color32 {
    mix(palette.panel, palette.accent, clean(share, 0.0))
}

/// A value between -1 and 1: blue below 0, orange above, the panel colour at 0.
pub fn signed(palette: &Palette, value: f32) -> Color32 {
    let value = clean(value, -1.0);
    let [below, above, ..] = palette.series;
    mix(palette.panel, if value < 0.0 { below } else { above }, value.abs())
}

/// Clamps a number to `low` and 1; NaN becomes 0.
fn clean(value: f32, low: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(low, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::super::{DARK, LIGHT};
    use super::*;

    #[test]
    fn ramps_begin_at_the_panel_and_grow_evenly() {
        for palette in [&DARK, &LIGHT] {
            assert_eq!(magnitude(palette, 0.0), palette.panel);
            assert_eq!(magnitude(palette, f32::NAN), palette.panel);
            assert_eq!(magnitude(palette, 2.0), palette.accent);
            assert_eq!(signed(palette, 0.0), palette.panel);
            assert_ne!(signed(palette, -1.0), signed(palette, 1.0));
            let step = |a: f32| i32::from(magnitude(palette, a).g()) - i32::from(palette.panel.g());
            assert!((step(0.5) * 2 - step(1.0)).abs() <= 2);
        }
    }
}
