//! A part of the page: a fold in a card with export buttons, and the link from a passage to the Inspect page.

use crate::format;
use crate::pages::inspect::Wish;
use crate::pages::parts::{caption, head};
use crate::pages::{Context, PageName};
use crate::theme::space;
use crate::widgets::{self, report_table};
use egui::Ui;
use egui_material_icons::icons;
use glasshouse_protocol::evaluation::{Passage, Table};
use glasshouse_protocol::{View, WeightSource};

/// Fold key, title, note at the right, and whether it is open by default.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) key: &'a str,
    pub(super) title: &'a str,
    pub(super) note: &'a str,
    pub(super) open: bool,
}

/// Draws a part. `csv` creates its numbers on demand; `None` if it has none.
pub(super) fn section_ui(
    ui: &mut Ui,
    context: &mut Context<'_>,
    head: Head<'_>,
    csv: Option<&dyn Fn() -> String>,
    contents: impl FnOnce(&mut Ui, &mut Context<'_>),
) {
    let Head { key, title, note, open } = head;
    let remembered = format!("evaluate:{key}");
    let mut is_open = widgets::is_open(context.preferences, &remembered, open);
    let (mut copied, mut captured) = (false, false);
    let ((), card) = widgets::card_with(ui, context.palette.panel, |ui| {
        ui.push_id(key, |ui| {
            if widgets::fold_head(ui, &mut is_open, title, note) {
                context.preferences.folds.insert(remembered, is_open);
            }
            if !is_open {
                return;
            }
            if csv.is_some() {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = space::SMALL;
                    let named = |what: &str| format!("{what} of {title}");
                    copied = widgets::icon_button(ui, icons::ICON_CONTENT_COPY, &named("CSV")).clicked();
                    captured = widgets::icon_button(ui, icons::ICON_IMAGE, &named("PNG")).clicked();
                });
            }
            contents(ui, context);
        });
    });
    if let Some(csv) = csv.filter(|_| copied) {
        context.asks.copy_csv(ui, csv());
    }
    if captured {
        context.asks.picture(ui, card.rect, title);
    }
}

/// States the date of results kept from an earlier evaluation.
pub(super) fn kept_ui(ui: &mut Ui, from: Option<f64>) {
    if let Some(found) = from {
        caption(ui, format!("{}.", format::capitalized(&format::kept_from(found))));
    }
}

/// Draws tables with titles. Returns the passage of the clicked row.
pub(super) fn tables_ui(ui: &mut Ui, tables: &[Table]) -> Option<Passage> {
    let mut pressed = None;
    for table in tables {
        ui.add_space(space::SMALL);
        head(ui, &table.title);
        pressed = table_ui(ui, table).or(pressed);
    }
    pressed
}

/// Draws a table without its title. Returns the passage of the clicked row.
pub(super) fn table_ui(ui: &mut Ui, table: &Table) -> Option<Passage> {
    if !table.about.is_empty() {
        caption(ui, &table.about);
    }
    report_table(ui, table)
}

/// Opens a model and a text on the Inspect page.
pub(super) fn look_with(context: &mut Context<'_>, source: WeightSource, prompt: String) {
    let (view, prompt, source) = (Some(View::Tokens), Some(prompt), Some(source));
    *context.look = Some(Wish { view, prompt, source, ..Wish::default() });
    *context.go = Some(PageName::Inspect);
}
