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
    fonts.font_data.insert("Noto Sans".to_owned(), Arc::new(FontData::from_static(notosans::REGULAR_TTF)));
    fonts.font_data.insert("Noto Sans Bold".to_owned(), Arc::new(FontData::from_static(notosans::BOLD_TTF)));
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
