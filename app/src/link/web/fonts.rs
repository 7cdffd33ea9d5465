//! Fonts of other scripts, fetched when one of their characters is first drawn. For characters in none of our fonts, the browser
//! uses its own, if it has any.

use super::boot::boot;
use crate::theme::fonts_for;
use egui::epaint::text::{FallbackRequest, FontData, FontInsert, FontPriority, InsertFontFamily};
use egui::{Context, FontFamily};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Fonts that have arrived.
static HERE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Has the boot script fetch fonts for missing characters, which are boxes until then. Each arriving font triggers another check,
/// so a character it lacks leads to the next font.
pub(crate) fn fetch_on_demand(context: &Context) {
    context.add_font_provider(Arc::new(|request: &FallbackRequest<'_>| {
        let character = request.cluster.chars().next()?;
        let here = HERE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(font) = fonts_for(character).iter().find(|font| !here.contains(**font)) {
            boot().want_font(font);
        }
        None
    }));
}

pub(crate) fn add(context: &Context, name: &str, font: Vec<u8>) {
    HERE.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    let families = [FontFamily::Proportional, FontFamily::Monospace, crate::theme::strong_family()];
    let family = |family| InsertFontFamily { family, priority: FontPriority::Lowest };
    context.add_font(FontInsert::new(name, FontData::from_owned(font), families.map(family).into()));
    context.request_repaint();
}
