//! The fonts: Noto Sans (with tabular figures) for reading, Hack for tokens and code, Material Symbols for icons, all from
//! crates. Missing glyphs come from egui's own fonts, and natively from system fonts.

use egui::epaint::text::{FontData, FontDefinitions};
use egui::{Context, FontFamily};
use std::sync::Arc;

/// Family of headings and emphasis.
const SEMI_BOLD: &str = "semi-bold";

pub fn strong_family() -> FontFamily {
    FontFamily::Name(SEMI_BOLD.into())
}

/// Installs the fonts in a context, once before the first frame.
pub(super) fn install_fonts(context: &Context) {
    let mut fonts = FontDefinitions::default();
    for (name, font) in [("Noto Sans", notosans::REGULAR_TTF), ("Noto Sans Bold", notosans::BOLD_TTF)] {
        let font = FontData::from_owned(without_glyph_classes(font));
        fonts.font_data.insert(name.to_owned(), Arc::new(font));
    }
    let mut icons = egui_material_icons::font_insert();
    // Noto Sans letters are higher than those of the font that the icons are aligned with.
    icons.data.tweak.y_offset_factor = 0.0;
    let icon_family = FontFamily::Name(egui_material_icons::FONT_FAMILY.into());
    fonts.font_data.insert(icons.name.clone(), Arc::new(icons.data));
    fonts.families.insert(icon_family, vec![icons.name]);
    let fallbacks = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let led_by =
        |first: &str| std::iter::once(first.to_owned()).chain(fallbacks.iter().cloned()).collect::<Vec<_>>();
    fonts.families.insert(strong_family(), led_by("Noto Sans Bold"));
    fonts.families.insert(FontFamily::Proportional, led_by("Noto Sans"));
    // Formulas use superscripts and subscripts that Hack lacks.
    fonts.families.entry(FontFamily::Monospace).or_default().push("Noto Sans".to_owned());
    context.set_fonts(fonts);
}

/// Removes the glyph classes of a font, so that its marks are those of Unicode. Noto Sans classes the backtick, the acute, the
/// cedilla and similar characters as combining marks; shaping gives marks no width, so the next character would be drawn over them.
fn without_glyph_classes(font: &[u8]) -> Vec<u8> {
    let mut font = font.to_vec();
    // An entry of the font's directory has the name, checksum, offset and length of a table.
    let (entries, _) = font.get(12..).unwrap_or_default().as_chunks::<16>();
    let table = entries.iter().find(|entry| entry.starts_with(b"GDEF"));
    let table = table.map(|entry| u32::from_be_bytes([entry[8], entry[9], entry[10], entry[11]]) as usize);
    // Shapers derive the classes from Unicode if their place in the table is 0.
    if let Some(place) = table.and_then(|at| font.get_mut(at + 4..at + 6)) {
        place.fill(0);
    }
    font
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Color32, FontId};

    /// Width of a line in a family, in points.
    fn width(context: &Context, text: &str, family: &FontFamily) -> f32 {
        let font = FontId::new(26.0, family.clone());
        context.fonts_mut(|fonts| fonts.layout_no_wrap(text.to_owned(), font, Color32::WHITE).size().x)
    }

    #[test]
    fn accents_that_stand_by_themselves_have_a_width_and_combining_ones_none() {
        let context = Context::default();
        install_fonts(&context);
        let output = context.run_ui(egui::RawInput::default(), |_| {});
        output.drop_without_applying_deltas();
        for family in [FontFamily::Proportional, strong_family(), FontFamily::Monospace] {
            let letters = width(&context, "ba", &family);
            for accent in ['`', '´', '¨', '¸', 'ˇ', '˙', '˜', '\u{2BB}', '\u{2C0}', '\u{374}', '\u{37A}']
            {
                let accented = width(&context, &format!("b{accent}a"), &family);
                assert!(accented > letters + 3.0, "{accent} in {family}: {accented} and {letters}");
            }
            // Some fonts lack a glyph for these marks. Hack lacks the second, and Noto Sans gives it a width.
            let marks =
                if family == FontFamily::Monospace { &['\u{300}'][..] } else { &['\u{300}', '\u{484}'] };
            for mark in marks {
                let composed = width(&context, &format!("b{mark}a"), &family);
                assert!((composed - letters).abs() < 1.0, "{mark:?} in {family}: {composed} and {letters}");
            }
        }
    }

    #[test]
    fn what_is_no_such_font_stays_as_it_is() {
        let cut = &notosans::REGULAR_TTF[..600];
        for bytes in [&b""[..], b"no font", cut] {
            assert_eq!(without_glyph_classes(bytes), bytes);
        }
        let mended = without_glyph_classes(notosans::BOLD_TTF);
        let changed = mended.iter().zip(notosans::BOLD_TTF).filter(|(one, other)| one != other).count();
        assert!((1..=2).contains(&changed), "{changed} bytes");
    }
}
