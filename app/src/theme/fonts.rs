//! The fonts: Noto Sans (with tabular figures) for reading, Hack for tokens and code, Material Symbols for icons, all from
//! crates. Missing glyphs come from egui's own fonts, and natively from system fonts.

use egui::epaint::text::{FontData, FontDefinitions};
use egui::{Context, FontFamily};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
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
        let font = FontData::from_owned(with_spacing_accents(font));
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

/// Reclassifies the spacing accents of a font, so that they are not marks. Noto Sans classes the backtick, the acute, the cedilla
/// and similar characters as combining marks; shaping gives marks no width, so the next character would be drawn over them. Only
/// the ends of mark ranges are trimmed, so U+02EE, in the middle of a range, stays a mark.
fn with_spacing_accents(font: &[u8]) -> Vec<u8> {
    let mut font = font.to_vec();
    for (at, value) in without_spacing_accents(&font).unwrap_or_default() {
        if let Some(word) = font.get_mut(at..at + 2) {
            word.copy_from_slice(&value.to_be_bytes());
        }
    }
    font
}

/// Glyph classes of OpenType's `GDEF` table.
const LETTER: u16 = 1;
const MARK: u16 = 3;

/// Unicode's blocks of combining marks, and the range in the Cyrillic block.
const COMBINING: [RangeInclusive<u16>; 6] =
    [0x0300..=0x036F, 0x0483..=0x0489, 0x1AB0..=0x1AFF, 0x1DC0..=0x1DFF, 0x20D0..=0x20FF, 0xFE20..=0xFE2F];

fn word(font: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*font.get(at..)?.first_chunk::<2>()?))
}

/// Reads a 32-bit table offset.
fn offset(font: &[u8], at: usize) -> Option<usize> {
    Some((usize::from(word(font, at)?) << 16) | usize::from(word(font, at + 2)?))
}

/// The words to patch, as offset and value, so that no range of marks begins or ends with a glyph that has a width and is not a
/// combining mark.
fn without_spacing_accents(font: &[u8]) -> Option<Vec<(usize, u16)>> {
    let table = |name: &[u8]| {
        let mut entries = (0..usize::from(word(font, 4)?)).map(|entry| 12 + 16 * entry);
        let entry = entries.find(|at| font.get(*at..*at + 4) == Some(name))?;
        offset(font, entry + 8)
    };
    // Glyphs after the last `hmtx` entry share its width.
    let (widths, last) = (table(b"hmtx")?, word(font, table(b"hhea")? + 34)?.checked_sub(1)?);
    let has_width =
        |glyph: u16| word(font, widths + 4 * usize::from(glyph.min(last))).is_some_and(|width| width > 0);
    let combining = combining(font, table(b"cmap")?)?;
    let is_spacing = |glyph: &u16| has_width(*glyph) && combining.get(glyph) == Some(&false);
    let classes = table(b"GDEF")?;
    let classes = classes + usize::from(word(font, classes + 4)?);
    // Format 2: ranges with first glyph, last glyph and class.
    if word(font, classes)? != 2 {
        return None;
    }
    let mut changes = Vec::new();
    for range in 0..usize::from(word(font, classes + 2)?) {
        let at = classes + 4 + 6 * range;
        let (first, last, class) = (word(font, at)?, word(font, at + 2)?, word(font, at + 4)?);
        if class != MARK {
            continue;
        }
        let mut marks = (first..=last).filter(|glyph| !is_spacing(glyph));
        match marks.next() {
            Some(first) => changes.extend([(at, first), (at + 2, marks.next_back().unwrap_or(first))]),
            None => changes.push((at + 4, LETTER)),
        }
    }
    Some(changes)
}

/// The mapped glyphs, and whether any code point of the glyph is combining; from the format-4 `cmap` subtable (16-bit code
/// points).
fn combining(font: &[u8], cmap: usize) -> Option<BTreeMap<u16, bool>> {
    let mut subtables = (0..usize::from(word(font, cmap + 2)?))
        .filter_map(|entry| Some(cmap + offset(font, cmap + 8 + 8 * entry)?));
    let subtable = subtables.find(|at| word(font, *at) == Some(4))?;
    // Four columns of words: segment ends (followed by one word of padding), starts, deltas and offsets.
    let column = usize::from(word(font, subtable + 6)?);
    let mut glyphs = BTreeMap::new();
    for segment in (0..column).step_by(2) {
        let ends = subtable + 14 + segment;
        let (starts, deltas, offsets) = (ends + 2 + column, ends + 2 + 2 * column, ends + 2 + 3 * column);
        let (start, end) = (word(font, starts)?, word(font, ends)?);
        let (delta, distance) = (word(font, deltas)?, usize::from(word(font, offsets)?));
        for point in start..=end {
            let listed = |place: usize| word(font, place).filter(|glyph| *glyph > 0);
            let glyph = match distance {
                0 => Some(point),
                _ => listed(offsets + distance + 2 * usize::from(point - start)),
            };
            if let Some(glyph) = glyph {
                let is_combining = COMBINING.iter().any(|block| block.contains(&point));
                *glyphs.entry(glyph.wrapping_add(delta)).or_insert(false) |= is_combining;
            }
        }
    }
    Some(glyphs)
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
            assert_eq!(with_spacing_accents(bytes), bytes);
        }
        let mended = with_spacing_accents(notosans::BOLD_TTF);
        assert_eq!(with_spacing_accents(&mended), mended);
        let changed = mended.iter().zip(notosans::BOLD_TTF).filter(|(one, other)| one != other).count();
        assert!((10..40).contains(&changed), "{changed} bytes");
    }
}
