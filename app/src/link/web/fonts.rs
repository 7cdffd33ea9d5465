//! Fonts of other scripts, fetched when a character of theirs is first drawn. What no font of ours has, the browser draws with
//! its own, as far as it has any.

use super::boot::boot;
use crate::theme::fonts_for;
use egui::epaint::text::{FallbackRequest, FontData, FontInsert, FontPriority, InsertFontFamily};
use egui::{Context, FontFamily};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Fonts that have come.
static HERE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Has the boot script fetch what a character lacks; until it comes the character is a box. Fonts are asked for again when one
/// has come, so a character that it lacks leads to the next.
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

/// Gives a context a font that has come.
pub(crate) fn add(context: &Context, name: &str, font: Vec<u8>) {
    HERE.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    let families = [FontFamily::Proportional, FontFamily::Monospace, crate::theme::strong_family()];
    let family = |family| InsertFontFamily { family, priority: FontPriority::Lowest };
    context.add_font(FontInsert::new(name, FontData::from_owned(font), families.map(family).into()));
    context.request_repaint();
}
