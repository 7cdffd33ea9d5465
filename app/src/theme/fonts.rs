//! The fonts: Inter for reading, with tabular figures cut in (see `assets/fonts/make_fonts.py`), Hack for tokens and code, and
//! Material Symbols for icons. What they lack comes from egui's own fonts, and natively from those of the system.

use egui::epaint::text::{FontData, FontDefinitions};
use egui::{Context, FontFamily};
use std::sync::Arc;

/// Family of headings and of what stands out.
pub(super) const SEMI_BOLD: &str = "semi-bold";

const REGULAR: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.ttf");
const STRONG: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.ttf");

/// Gives a context the fonts. Once, before the first frame.
pub(super) fn install_fonts(context: &Context) {
    let mut fonts = FontDefinitions::default();
    fonts.font_data.insert("Inter".to_owned(), Arc::new(FontData::from_static(REGULAR)));
    fonts.font_data.insert("Inter SemiBold".to_owned(), Arc::new(FontData::from_static(STRONG)));
    let mut icons = egui_material_icons::font_insert();
    // Centred on the letters of Inter, which stand higher than those that the icons were set for.
    icons.data.tweak.y_offset_factor = 0.0;
    let icon_family = FontFamily::Name(egui_material_icons::FONT_FAMILY.into());
    fonts.font_data.insert(icons.name.clone(), Arc::new(icons.data));
    fonts.families.insert(icon_family, vec![icons.name]);
    let fallbacks = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let led_by =
        |first: &str| std::iter::once(first.to_owned()).chain(fallbacks.iter().cloned()).collect::<Vec<_>>();
    fonts.families.insert(FontFamily::Name(SEMI_BOLD.into()), led_by("Inter SemiBold"));
    fonts.families.insert(FontFamily::Proportional, led_by("Inter"));
    context.set_fonts(fonts);
}
