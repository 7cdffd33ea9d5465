//! Messages: an error with its consequences for the person's work and advice, or a notice.

use super::prelude::*;
use crate::theme::{CARD_CORNER, mix};
use egui::WidgetText;
use glasshouse_protocol::{ErrorKind, ErrorReport};

pub fn advice(kind: ErrorKind) -> (&'static str, &'static str) {
    match kind {
        ErrorKind::Notice => ("", ""),
        ErrorKind::Invalid => ("Nothing was started.", "Change the named setting and try again."),
        ErrorKind::Refused => ("Nothing was changed.", "Do what the message says first, then try again."),
        ErrorKind::Unknown => ("Nothing was changed.", "Use one of the existing names."),
        ErrorKind::Io => (
            "Every step up to the last checkpoint is safe.",
            "Check that the folder exists and can be written, then try again.",
        ),
        ErrorKind::StorageFull => (
            "All saved work is intact.",
            "Free some space, or delete a project on Home, then resume the run.",
        ),
        ErrorKind::BadFile => {
            ("Your projects are unchanged.", "Try another copy of the file, or leave it out.")
        }
        ErrorKind::Device => ("Your projects are unchanged.", "Choose another device under Settings."),
        ErrorKind::DeviceLost => (
            "Every step up to the last checkpoint is safe.",
            "Resume the run; if it happens again, choose the CPU under Settings.",
        ),
        ErrorKind::TooLarge => (
            "Nothing was started.",
            "Make the model, the batch or the context length smaller: Fit to my device on Model does this.",
        ),
        ErrorKind::OutOfMemory => (
            "Every step up to the last checkpoint is safe.",
            "Close other programs, or make the batch smaller, then resume the run.",
        ),
        ErrorKind::EngineLost => (
            "Every step up to the last checkpoint is safe.",
            "Start the engine again, then resume the run; if it happens again, please send us the report.",
        ),
        ErrorKind::Cancelled => ("No partial results are left.", "Start it again at any time."),
        ErrorKind::Busy => ("The current work continues.", "Try again after it has ended."),
        ErrorKind::Internal => (
            "Every step up to the last checkpoint is safe.",
            "This is a bug in Glasshouse: please report it with the message.",
        ),
    }
}

/// A message that can be dismissed. Returns whether it was.
pub fn banner(ui: &mut Ui, error: &ErrorReport) -> bool {
    let palette = Palette::of(ui);
    let notice = error.kind == ErrorKind::Notice;
    let (icon, colour) = match notice {
        true => (icons::ICON_INFO, palette.accent),
        false => (icons::ICON_ERROR, palette.failure),
    };
    Frame::new()
        .fill(mix(palette.panel, colour, 0.10))
        .stroke(Stroke::new(1.0, mix(palette.hairline, colour, 0.4)))
        .shadow(ui.visuals().popup_shadow)
        .corner_radius(CARD_CORNER)
        .inner_margin(Margin::symmetric(12, 8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            // Screen readers announce it when it appears.
            let role = if notice { Role::Status } else { Role::Alert };
            ui.ctx().accesskit_node_builder(ui.unique_id(), |node| node.set_role(role));
            let (_, dismissed) = egui::Sides::new().shrink_left().wrap().show(
                ui,
                |ui| {
                    ui.label(icon.rich_text().size(18.0).color(colour));
                    ui.vertical(|ui| {
                        ui.spacing_mut().item_spacing.y = 2.0;
                        let message = with_code(ui, &error.message, |words| words);
                        ui.add(Label::new(message).wrap().selectable(true));
                        if !notice {
                            let (safe, next) = advice(error.kind);
                            let text = RichText::new(format!("{safe} {next}")).color(palette.quiet);
                            ui.add(Label::new(text).wrap());
                        }
                    });
                },
                |ui| icon_button(ui, icons::ICON_CLOSE, "Dismiss").clicked(),
            );
            dismissed
        })
        .inner
}

/// A line with a warning icon, about something that blocks nothing.
pub fn hint_line(ui: &mut Ui, text: &str) {
    let warning = Palette::of(ui).warning;
    let text = with_code(ui, text, |words| words.color(warning));
    icon_line(ui, icons::ICON_WARNING, warning, text);
}

/// A line of text after an icon of a colour.
pub fn icon_line(ui: &mut Ui, icon: MaterialIcon, colour: Color32, text: impl Into<WidgetText>) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(icon.rich_text().size(16.0).color(colour));
        prose(ui, text);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_says_what_is_safe_and_what_to_do() {
        for kind in ErrorKind::ALL {
            let (safe, next) = advice(kind);
            assert!(safe.ends_with('.') && next.ends_with('.'), "{kind:?}");
        }
        assert!(advice(ErrorKind::Internal).1.contains("report"));
        assert!(advice(ErrorKind::TooLarge).1.contains("context length"));
    }
}
