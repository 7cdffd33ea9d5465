//! Widgets that the pages share, so that cards, folds and numbers look and behave alike everywhere.
//!
//! They know the theme and the preferences, but of the engine only the summaries defined by the protocol. Functions that draw
//! take the [`egui::Ui`] first.

mod banner;
mod bars;
mod buttons;
mod code;
mod curves;
mod field;
mod fold;
mod glossary;
mod heatmap;
mod intervals;
mod layout;
mod panels;
pub mod prelude;
mod report_table;
mod shaded;
mod sparkline;
mod stat;
mod switch;
mod table;
mod term;

pub use banner::{hint_line, icon_line};
pub use bars::{Segment, legend, progress_bar, segment_bar, share_bar};
pub use buttons::{hero, hero_plain, icon_button, plain, pressed, primary, quiet, segmented, slider, tab};
pub use code::with_code;
pub use curves::{Axis, Curve, CurvePlot, Mark, smoothed};
pub use field::{
    choice, choice_or, closing, committed, composer, field, field_error, grouped, line_edit, radio,
    text_area, whole_number,
};
pub use fold::{arrow_keys, describe_fold, focus_ring, fold, fold_head, fold_row, is_open, what_is_this};
pub use heatmap::{Heatmap, Scale, Touched};
pub use intervals::{Measured, diagram, interval_bar, interval_plot};
pub use layout::{
    WIDE, card, card_with, column, columns_fit, columns_ui, dashed_frame, dialog, elided, halves, is_narrow,
    names_below, page, page_foot, prose, question, quiet_text, raised, readable, scrolled, section, staying,
    text_width,
};
pub use panels::{Failed, empty, failed, spinning, working};
pub use report_table::{report_csv, report_table};
pub use shaded::{Piece, shaded_text};
pub use sparkline::sparkline;
pub use stat::{Stat, stat, stat_row};
pub use switch::{switch, switch_line};
pub use table::{Align, Column, Table, csv};
use term::title;
pub use term::{explain, term};

/// The shapes that `work` draws in the third frame of a test window, when all sizes are known.
#[cfg(test)]
pub fn drawn(mut work: impl FnMut(&mut egui::Ui)) -> Vec<egui::epaint::ClippedShape> {
    let context = egui::Context::default();
    crate::theme::prepare(&context, &crate::preferences::Preferences::default());
    let mut shapes = Vec::new();
    for _ in 0..3 {
        let mut output = context.run_ui(egui::RawInput::default(), |ui| work(ui));
        shapes = std::mem::take(&mut output.shapes);
        output.drop_without_applying_deltas();
    }
    shapes
}
