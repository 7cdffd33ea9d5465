//! The look: colours, type sizes, spacing. `Palette` names every colour once for each theme.

use egui::Color32;

/// Colours of a theme, by what they are for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// It is the dark one.
    pub dark: bool,
    /// Behind everything.
    pub ground: Color32,
    /// Cards and bars.
    pub panel: Color32,
    /// Controls and what stands out of a panel.
    pub raised: Color32,
    /// The one kind of line.
    pub hairline: Color32,
    /// Text.
    pub text: Color32,
    /// Text that stands back.
    pub quiet: Color32,
    /// What can be done, and what is done.
    pub accent: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// Warnings, always with an icon and words.
    pub warning: Color32,
    /// Failures, likewise.
    pub failure: Color32,
    /// Curves, colour-blind safe: training, validation, then the others.
    pub series: [Color32; 6],
}

/// The dark theme.
pub const DARK: Palette = Palette {
    dark: true,
    ground: Color32::from_rgb(0x0E, 0x14, 0x12),
    panel: Color32::from_rgb(0x15, 0x1D, 0x1A),
    raised: Color32::from_rgb(0x1D, 0x27, 0x23),
    hairline: Color32::from_rgb(0x2B, 0x38, 0x33),
    text: Color32::from_rgb(0xE7, 0xEF, 0xEA),
    quiet: Color32::from_rgb(0x9D, 0xAC, 0xA4),
    accent: Color32::from_rgb(0x5F, 0xCF, 0x92),
    on_accent: Color32::from_rgb(0x07, 0x13, 0x0D),
    warning: Color32::from_rgb(0xE3, 0xA6, 0x3B),
    failure: Color32::from_rgb(0xE2, 0x70, 0x5D),
    series: [
        Color32::from_rgb(0x56, 0xB4, 0xE9),
        Color32::from_rgb(0xE6, 0x9F, 0x00),
        Color32::from_rgb(0x00, 0x9E, 0x73),
        Color32::from_rgb(0xCC, 0x79, 0xA7),
        Color32::from_rgb(0xD5, 0x5E, 0x00),
        Color32::from_rgb(0xF0, 0xE4, 0x42),
    ],
};

/// The light theme.
pub const LIGHT: Palette = Palette {
    dark: false,
    ground: Color32::from_rgb(0xF5, 0xF8, 0xF5),
    panel: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    raised: Color32::from_rgb(0xED, 0xF3, 0xEE),
    hairline: Color32::from_rgb(0xD5, 0xDF, 0xD8),
    text: Color32::from_rgb(0x14, 0x20, 0x1A),
    quiet: Color32::from_rgb(0x5A, 0x6A, 0x62),
    accent: Color32::from_rgb(0x16, 0x83, 0x4F),
    on_accent: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    warning: Color32::from_rgb(0xE3, 0xA6, 0x3B),
    failure: Color32::from_rgb(0xE2, 0x70, 0x5D),
    series: [
        Color32::from_rgb(0x56, 0xB4, 0xE9),
        Color32::from_rgb(0xE6, 0x9F, 0x00),
        Color32::from_rgb(0x00, 0x9E, 0x73),
        Color32::from_rgb(0xCC, 0x79, 0xA7),
        Color32::from_rgb(0xD5, 0x5E, 0x00),
        Color32::from_rgb(0x7A, 0x6A, 0x00),
    ],
};
