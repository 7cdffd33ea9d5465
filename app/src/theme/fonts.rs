//! The fonts: Noto Sans for reading, whose figures all have one width, Hack for tokens and code, and Material Symbols for icons.
//! All come with crates. What they lack comes from egui's own fonts, and natively from those of the system.

use egui::epaint::text::{FontData, FontDefinitions};
use egui::{Context, FontFamily};
use std::sync::Arc;

/// Family of headings and of what stands out.
const SEMI_BOLD: &str = "semi-bold";

/// The family of headings and of what stands out.
pub fn strong_family() -> FontFamily {
    FontFamily::Name(SEMI_BOLD.into())
}

/// Gives a context the fonts. Once, before the first frame.
pub(super) fn install_fonts(context: &Context) {
    let mut fonts = FontDefinitions::default();
    for (name, font) in [("Noto Sans", notosans::REGULAR_TTF), ("Noto Sans Bold", notosans::BOLD_TTF)] {
        let font = FontData::from_owned(with_spacing_accents(font));
        fonts.font_data.insert(name.to_owned(), Arc::new(font));
    }
    let mut icons = egui_material_icons::font_insert();
    // Centred on the letters of Noto Sans, which stand higher than those that the icons were set for.
    icons.data.tweak.y_offset_factor = 0.0;
    let icon_family = FontFamily::Name(egui_material_icons::FONT_FAMILY.into());
    fonts.font_data.insert(icons.name.clone(), Arc::new(icons.data));
    fonts.families.insert(icon_family, vec![icons.name]);
    let fallbacks = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let led_by =
        |first: &str| std::iter::once(first.to_owned()).chain(fallbacks.iter().cloned()).collect::<Vec<_>>();
    fonts.families.insert(strong_family(), led_by("Noto Sans Bold"));
    fonts.families.insert(FontFamily::Proportional, led_by("Noto Sans"));
    // Formulas have letters above and below the line that Hack lacks.
    fonts.families.entry(FontFamily::Monospace).or_default().push("Noto Sans".to_owned());
    context.set_fonts(fonts);
}

/// A font whose accents that have a width are letters. Noto Sans counts the backtick, the acute, the cedilla and their like among combining
/// marks, and shaping leaves a mark no width of its own: what follows would be drawn over it.
fn with_spacing_accents(font: &[u8]) -> Vec<u8> {
    let mut font = font.to_vec();
    for at in spacing_accents(&font).unwrap_or_default() {
        if let Some(class) = font.get_mut(at..at + 2) {
            class.copy_from_slice(&LETTER.to_be_bytes());
        }
    }
    font
}

/// The classes of glyphs of OpenType's table GDEF that matter here.
const LETTER: u16 = 1;
const MARK: u16 = 3;

/// Where the classes of those ranges of glyphs stand that are marks although each glyph of them has a width.
fn spacing_accents(font: &[u8]) -> Option<Vec<usize>> {
    let word = |at: usize| Some(usize::from(u16::from_be_bytes(*font.get(at..)?.first_chunk::<2>()?)));
    let table = |name: &[u8]| {
        let mut entries = (0..word(4)?).map(|entry| 12 + 16 * entry);
        let entry = entries.find(|at| font.get(*at..*at + 4) == Some(name))?;
        Some((word(entry + 8)? << 16) | word(entry + 10)?)
    };
    // The glyphs behind the last that has an entry of its own are as wide as that one.
    let (widths, last) = (table(b"hmtx")?, word(table(b"hhea")? + 34)?.checked_sub(1)?);
    let has_width = |glyph: usize| word(widths + 4 * glyph.min(last)).is_some_and(|width| width > 0);
    let classes = table(b"GDEF")?;
    let classes = classes + word(classes + 4)?;
    // Format 2: ranges, each of its first glyph, its last and their class.
    if word(classes)? != 2 {
        return None;
    }
    let ranges = (0..word(classes + 2)?).map(|range| classes + 4 + 6 * range);
    let is_spacing = |at: &usize| {
        let (Some(first), Some(last), Some(class)) = (word(*at), word(at + 2), word(at + 4)) else {
            return false;
        };
        class == usize::from(MARK) && (first..=last).all(has_width)
    };
    Some(ranges.filter(is_spacing).map(|at| at + 4).collect())
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
            for accent in ['`', '´', '¨', '¸', 'ˇ', '˙', '˜'] {
                let accented = width(&context, &format!("b{accent}a"), &family);
                assert!(accented > letters + 3.0, "{accent} in {family}: {accented} and {letters}");
            }
            // There is no letter of its own for this one.
            let composed = width(&context, "b\u{300}a", &family);
            assert!((composed - letters).abs() < 1.0, "in {family}: {composed} and {letters}");
        }
    }

    #[test]
    fn what_is_no_such_font_stays_as_it_is() {
        let cut = &notosans::REGULAR_TTF[..600];
        for bytes in [&b""[..], b"no font", cut] {
            assert_eq!(with_spacing_accents(bytes), bytes);
        }
        let mended = with_spacing_accents(notosans::BOLD_TTF);
        assert_eq!(with_spacing_accents(&mended), mended);
        let changed = mended.iter().zip(notosans::BOLD_TTF).filter(|(one, other)| one != other).count();
        assert!((10..40).contains(&changed), "{changed} ranges");
    }
}
