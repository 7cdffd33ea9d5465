//! The three states common to all pages: empty, working, failed.

use super::prelude::*;
use glasshouse_protocol::ErrorReport;

/// An empty page with the one button that fills it. Returns whether it was clicked.
pub fn empty(ui: &mut Ui, icon: MaterialIcon, title: &str, text: &str, button: &str) -> bool {
    let palette = Palette::of(ui);
    ui.add_space(space::PAGE);
    ui.vertical_centered(|ui| {
        ui.set_max_width(ui.available_width().min(theme::PROSE));
        ui.label(icon.rich_text().size(44.0).color(theme::mix(palette.quiet, palette.accent, 0.5)));
        ui.label(RichText::new(title).text_style(theme::section()));
        ui.label(RichText::new(text).color(palette.quiet));
        ui.add_space(space::SMALL);
        !button.is_empty() && primary(ui, None, button).clicked()
    })
    .inner
}

/// Progress of a task, with an optional cancel button. Returns whether it was clicked.
pub fn working(ui: &mut Ui, text: &str, share: Option<f32>, cancel: Option<&str>) -> bool {
    card(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(icons::ICON_PROGRESS_ACTIVITY.rich_text().size(18.0).color(Palette::of(ui).accent));
            ui.add(Label::new(text).wrap());
        });
        if let Some(share) = share {
            progress_bar(ui, share, ui.available_width());
        }
        cancel.is_some_and(|cancel| plain(ui, icons::ICON_STOP, cancel).clicked())
    })
}

/// A spinner with a line about what is awaited.
pub fn spinning(ui: &mut Ui, text: &str) {
    ui.horizontal(|ui| {
        ui.spinner();
        quiet_text(ui, text);
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    Waits,
    /// The action button was clicked.
    Acted,
    Dismissed,
}

/// What happened, and what to do.
pub fn failed(ui: &mut Ui, error: &ErrorReport, action: Option<&str>) -> Failed {
    card(ui, |ui| {
        let palette = Palette::of(ui);
        ui.horizontal(|ui| {
            ui.label(icons::ICON_ERROR.rich_text().size(20.0).color(palette.failure));
            ui.label(RichText::new("The action failed").text_style(theme::strong()));
        });
        let message = with_code(ui, &error.message, |words| words);
        prose(ui, message);
        ui.horizontal(|ui| {
            let acted = action.is_some_and(|action| primary(ui, None, action).clicked());
            let dismissed = plain(ui, None, "Dismiss").clicked();
            match (acted, dismissed) {
                (true, _) => Failed::Acted,
                (_, true) => Failed::Dismissed,
                _ => Failed::Waits,
            }
        })
        .inner
    })
}
