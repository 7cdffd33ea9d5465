//! The look: colours, font sizes, spacing. [`Palette`] names every colour once per theme; [`apply`] turns it into egui's style.
//!
//! The light theme's accent, warning, failure and series are darker than the dark theme's, because the same colours reach only
//! 2:1 to 4:1 on white. A test below requires a contrast of 4.5:1 for text and 3:1 for marks from every pair that is drawn.

mod fonts;
mod heat;
mod scripts;
mod style;

pub use fonts::strong_family;
pub use heat::{magnitude, signed};
pub use scripts::fonts_for;
pub use style::{apply, caption, emphasis, number, quiet_strong, section, strong, title};

use egui::Color32;

/// The spacing grid, in points.
pub mod space {
    /// Between parts of a unit.
    pub const TIGHT: f32 = 4.0;
    /// Between lines of a group.
    pub const SMALL: f32 = 8.0;
    /// Between controls.
    pub const MEDIUM: f32 = 12.0;
    /// A card's padding.
    pub const LARGE: f32 = 16.0;
    pub const SECTION: f32 = 24.0;
    pub const PAGE: f32 = 32.0;
}

/// Height of a control in points.
pub const CONTROL: f32 = 28.0;
/// Height of a control on touch screens, in points.
pub const TOUCH: f32 = 36.0;
pub const CONTROL_CORNER: u8 = 6;
pub const CARD_CORNER: u8 = 10;
/// Maximum width of prose in points: about 72 characters of body text.
pub const PROSE: f32 = 460.0;
/// Below this window width in points, the rail shows icons only.
pub const MEDIUM_WIDTH: f32 = 900.0;
/// Below this window width in points, there is one column, and the rail becomes a bar at the bottom.
pub const NARROW_WIDTH: f32 = 600.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    pub dark: bool,
    /// Window background.
    pub ground: Color32,
    /// Cards and bars.
    pub panel: Color32,
    /// Controls, and surfaces raised above a panel.
    pub raised: Color32,
    /// All separators and borders.
    pub hairline: Color32,
    pub text: Color32,
    /// Secondary text.
    pub quiet: Color32,
    /// Actions and selections.
    pub accent: Color32,
    pub on_accent: Color32,
    /// Warnings, always with an icon and words.
    pub warning: Color32,
    /// Failures, always with an icon and words.
    pub failure: Color32,
    /// Curve colours, safe for colour blindness: training, validation, then others.
    pub series: [Color32; 6],
}

impl Palette {
    pub fn of(ui: &egui::Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }

    /// A raised control under the pointer.
    pub fn lit(&self) -> Color32 {
        mix(self.raised, self.text, 0.08)
    }

    /// A selected item: raised with a tint of the accent.
    pub fn chosen(&self) -> Color32 {
        mix(self.raised, self.accent, if self.dark { 0.16 } else { 0.12 })
    }
}

/// Sets a context's fonts and styles. Call it before the first frame: a frame keeps the style it began with.
pub fn prepare(context: &egui::Context, preferences: &crate::preferences::Preferences) {
    fonts::install_fonts(context);
    apply(context, preferences);
}

pub fn mix(from: Color32, to: Color32, share: f32) -> Color32 {
    let part = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
    Color32::from_rgb(part(from.r(), to.r()), part(from.g(), to.g()), part(from.b(), to.b()))
}

const fn rgb(hex: u32) -> Color32 {
    let [_, red, green, blue] = hex.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

pub const DARK: Palette = Palette {
    dark: true,
    ground: rgb(0x0E1412),
    panel: rgb(0x151D1A),
    raised: rgb(0x1D2723),
    hairline: rgb(0x2B3833),
    text: rgb(0xE7EFEA),
    quiet: rgb(0x9DACA4),
    accent: rgb(0x5FCF92),
    on_accent: rgb(0x07130D),
    warning: rgb(0xE3A63B),
    failure: rgb(0xE2705D),
    series: [rgb(0x56B4E9), rgb(0xE69F00), rgb(0x009E73), rgb(0xCC79A7), rgb(0xD55E00), rgb(0xF0E442)],
};

pub const LIGHT: Palette = Palette {
    dark: false,
    ground: rgb(0xF5F8F5),
    panel: rgb(0xFFFFFF),
    raised: rgb(0xEDF3EE),
    hairline: rgb(0xD5DFD8),
    text: rgb(0x14201A),
    quiet: rgb(0x5A6A62),
    accent: rgb(0x147A49),
    on_accent: rgb(0xFFFFFF),
    warning: rgb(0x8A5B00),
    failure: rgb(0xB03A2A),
    series: [rgb(0x2C8FC7), rgb(0xB37B00), rgb(0x00956C), rgb(0xC4679A), rgb(0xB8401A), rgb(0x7A6A00)],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.
    fn luminance(colour: Color32) -> f32 {
        let [red, green, blue, _] = egui::Rgba::from(colour).to_array();
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_stand_out_on_every_surface_of_both_themes() {
        for palette in [&DARK, &LIGHT] {
            let surfaces = [palette.ground, palette.panel, palette.raised, palette.lit(), palette.chosen()];
            for (place, surface) in surfaces.into_iter().enumerate() {
                let body = contrast(palette.text, surface);
                assert!(body >= 7.0, "text on surface {place}: {body:.2}, dark {}", palette.dark);
            }
            for surface in &surfaces[..3] {
                for text in [palette.quiet, palette.accent, palette.warning, palette.failure] {
                    let found = contrast(text, *surface);
                    assert!(found >= 4.5, "{text:?} on {surface:?}: {found:.2}");
                }
                for mark in palette.series {
                    let found = contrast(mark, *surface);
                    assert!(found >= 3.0, "{mark:?} on {surface:?}: {found:.2}");
                }
            }
            assert!(contrast(palette.on_accent, palette.accent) >= 4.5);
        }
    }

    #[test]
    fn series_can_be_told_apart() {
        for palette in [&DARK, &LIGHT] {
            for (place, first) in palette.series.iter().enumerate() {
                for second in &palette.series[place + 1..] {
                    let apart = |a: u8, b: u8| f32::from(a.abs_diff(b)).powi(2);
                    let distance = apart(first.r(), second.r())
                        + apart(first.g(), second.g())
                        + apart(first.b(), second.b());
                    assert!(distance.sqrt() > 55.0, "{first:?} and {second:?}");
                }
            }
        }
    }
}
