//! Fonts of other scripts, fetched when a character of theirs is first drawn: all of them would be eleven megabytes.

use super::boot::boot;
use egui::epaint::text::{FallbackRequest, FontData, FontInsert, FontPriority, InsertFontFamily};
use egui::{Context, FontFamily};
use std::sync::Arc;

/// Has the boot script fetch what a character lacks; until it comes the character is a box.
pub(super) fn fetch_on_demand(context: &Context) {
    context.add_font_provider(Arc::new(|request: &FallbackRequest<'_>| {
        if let Some(script) = request.cluster.chars().next().and_then(script_of) {
            boot().want_font(script);
        }
        None
    }));
}

/// Gives a context a font that has come.
pub(super) fn add(context: &Context, script: &str, font: Vec<u8>) {
    let families = [FontFamily::Proportional, FontFamily::Monospace, crate::theme::strong_family()];
    let family = |family| InsertFontFamily { family, priority: FontPriority::Lowest };
    context.add_font(FontInsert::new(script, FontData::from_owned(font), families.map(family).into()));
    context.request_repaint();
}

/// Which of the files in `fonts/` (web/build lists them) has a character; `None` where none has.
fn script_of(character: char) -> Option<&'static str> {
    match character {
        '\u{590}'..='\u{5FF}' => Some("hebrew"),
        '\u{600}'..='\u{6FF}' | '\u{750}'..='\u{77F}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFE}' => {
            Some("arabic")
        }
        '\u{900}'..='\u{97F}' => Some("devanagari"),
        '\u{E00}'..='\u{E7F}' => Some("thai"),
        '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7AF}' => Some("korean"),
        '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' => Some("japanese"),
        '\u{3000}'..='\u{303F}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FF00}'..='\u{FFEF}' => Some("chinese"),
        _ => None,
    }
}
