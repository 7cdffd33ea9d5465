//! Other results of the last cleaning: tables of the corpus, and unreadable files.

use super::cards::small_card;
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{caption, head, icon_button, line_ui};
use crate::theme::{self, Palette};
use crate::widgets::{Align, Column, Table, card, csv, fold, quiet_text};
use egui::{Label, RichText, ScrollArea, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::cleaning::report::{CleaningReport, Troubles};
use glasshouse_protocol::cleaning::table::{CorpusCell, CorpusTable, Unit};

/// Visible rows of a table; all of them can be copied.
const ROWS: usize = 12;
/// Maximum kinds of errors shown.
const TROUBLES: usize = 30;
/// Width of a number column in points.
const NUMBERS: f32 = 56.0;

pub(super) fn report_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    let Some(report) = &state.cleaning.report else { return };
    summary_ui(ui, context.palette, report);
    troubles_ui(ui, context, &report.troubles);
    for table in &report.tables {
        ui.push_id(&table.key, |ui| table_ui(ui, context, table));
    }
}

fn summary_ui(ui: &mut Ui, palette: &Palette, report: &CleaningReport) {
    card(ui, |ui| {
        head(ui, &format!("Recipe {}", report.recipe.name));
        for warning in report.warnings() {
            ui.horizontal_top(|ui| {
                ui.label(icons::ICON_WARNING.rich_text().size(14.0).color(palette.warning));
                ui.add(Label::new(warning).wrap());
            });
        }
        let row = |ui: &mut Ui, name: &str, raw: String, kept: String| {
            egui::Sides::new().height(20.0).show(
                ui,
                |ui| quiet_text(ui, name),
                |ui| {
                    ui.label(format!("{raw} → {kept}"));
                },
            );
        };
        let (raw, kept) = (report.raw, report.kept);
        row(ui, "Documents", format::whole(raw.documents), format::whole(kept.documents));
        row(ui, "Words", format::count(raw.words), format::count(kept.words));
        row(ui, "Text", format::bytes(raw.bytes), format::bytes(kept.bytes));
        let bytes = report.inputs.iter().map(|input| input.bytes).sum();
        let files = format::whole(report.inputs.len() as u64);
        caption(ui, format!("from {files} files, {}", format::bytes(bytes)));
    });
}

fn troubles_ui(ui: &mut Ui, context: &mut Context<'_>, troubles: &Troubles) {
    if troubles.count == 0 {
        return;
    }
    let palette = context.palette;
    let kinds = troubles.by_kind();
    small_card(ui, |ui| {
        let title = "Unreadable files and parts";
        let note = format::whole(troubles.count);
        fold(ui, context.preferences, "bench:troubles", (title, &note), false, |ui, _| {
            for kind in kinds.iter().take(TROUBLES) {
                let trouble = &kind.first;
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = 6.0;
                    ui.label(icons::ICON_WARNING.rich_text().size(14.0).color(palette.warning));
                    ui.vertical(|ui| {
                        ui.spacing_mut().item_spacing.y = 1.0;
                        let place = RichText::new(&trouble.place).text_style(theme::quiet_strong());
                        ui.add(Label::new(place).truncate()).on_hover_text(&trouble.place);
                        if kind.count > 1 {
                            caption(ui, format!("and {} more of this kind", format::whole(kind.count - 1)));
                        }
                        caption(ui, &trouble.reason);
                    });
                });
            }
            let shown: u64 = kinds.iter().take(TROUBLES).map(|kind| kind.count).sum();
            let more = troubles.count.saturating_sub(shown);
            if more > 0 {
                caption(ui, format!("and {} of other kinds, listed in the report", format::whole(more)));
            }
        });
    });
}

fn table_ui(ui: &mut Ui, context: &mut Context<'_>, table: &CorpusTable) {
    let palette = context.palette;
    card(ui, |ui| {
        let copy = line_ui(
            ui,
            |ui| icon_button(ui, true, icons::ICON_CONTENT_COPY, &format!("Copy as CSV: {}", table.title)),
            |ui| {
                head(ui, &table.title);
            },
        );
        if copy {
            context.asks.copy_csv(ui, as_csv(table));
        }
        if !table.note.is_empty() {
            caption(ui, &table.note);
        }
        let places = shown(table);
        let numbers = places.len().saturating_sub(1) as f32;
        let first = (ui.available_width() - numbers * (NUMBERS + 14.0) - 16.0).max(72.0);
        let columns: Vec<Column<'_>> = places
            .iter()
            .enumerate()
            .filter_map(|(place, column)| {
                let column = table.columns.get(*column)?;
                let number = column.unit != Unit::Text;
                Some(Column {
                    title: short(&column.title),
                    width: if place == 0 { first } else { NUMBERS },
                    align: if number { Align::Right } else { Align::Left },
                })
            })
            .collect();
        let drawn = Table { columns: &columns, row: 24.0 };
        ScrollArea::horizontal().id_salt(&table.key).show(ui, |ui| {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                drawn.titles_ui(ui);
                for (number, row) in table.rows.iter().take(ROWS).enumerate() {
                    let name = format!("{} {}", table.title, number + 1);
                    let row_response = drawn.row_ui(ui, &name, false, |ui, place| {
                        let column = places.get(place).copied().unwrap_or_default();
                        let unit = table.columns.get(column).map_or(Unit::Text, |column| column.unit);
                        let cell = row.get(column).unwrap_or(&CorpusCell::Nothing);
                        let colour = if place == 0 { palette.text } else { palette.quiet };
                        ui.add(Label::new(RichText::new(cell.text(unit)).color(colour)).truncate());
                    });
                    row_response.on_hover_text(whole_row(table, row));
                }
            });
        });
        let more = table.rows.len().saturating_sub(ROWS);
        if more > 0 {
            caption(ui, format!("and {} more rows", format::whole(more as u64)));
        }
    });
}

/// The columns that fit: the first, followed by the columns of shares if there are two or more, else by the next two.
fn shown(table: &CorpusTable) -> Vec<usize> {
    let others = || table.columns.iter().enumerate().skip(1);
    let shares: Vec<usize> =
        others().filter(|(_, column)| column.unit == Unit::Share).map(|(place, _)| place).collect();
    let chosen = if shares.len() >= 2 { shares } else { others().map(|(place, _)| place).collect() };
    std::iter::once(0).chain(chosen.into_iter().take(2)).collect()
}

/// A column's title without the word common to all columns.
fn short(title: &str) -> &str {
    title.strip_prefix("Documents ").or_else(|| title.strip_prefix("Share ")).unwrap_or(title)
}

fn whole_row(table: &CorpusTable, row: &[CorpusCell]) -> String {
    let cells = table.columns.iter().zip(row).map(|(column, cell)| {
        let value = match cell {
            CorpusCell::Whole(value) => format::whole(*value),
            cell => cell.text(column.unit),
        };
        format!("{}: {value}", column.title)
    });
    cells.collect::<Vec<_>>().join("\n")
}

fn as_csv(table: &CorpusTable) -> String {
    let head: Vec<&str> = table.columns.iter().map(|column| column.title.as_str()).collect();
    let exact = |cell: &CorpusCell| match cell {
        CorpusCell::Whole(value) => value.to_string(),
        CorpusCell::Real(value) => value.to_string(),
        CorpusCell::Text(text) => text.clone(),
        CorpusCell::Nothing => String::new(),
    };
    csv(&head, table.rows.iter().map(|row| row.iter().map(exact).collect::<Vec<String>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::cleaning::table::Column;

    fn table() -> CorpusTable {
        CorpusTable {
            columns: vec![
                Column::new("Language", Unit::Text),
                Column::new("Documents raw", Unit::Count),
                Column::new("Documents kept", Unit::Count),
                Column::new("Share raw", Unit::Share),
                Column::new("Share kept", Unit::Share),
            ],
            rows: vec![vec![
                "eng".into(),
                20_263_u64.into(),
                14_906_u64.into(),
                0.944.into(),
                CorpusCell::Nothing,
            ]],
            ..CorpusTable::default()
        }
    }

    #[test]
    fn a_narrow_table_shows_shares_and_a_row_tells_all_of_it() {
        let mut table = table();
        assert_eq!(shown(&table), [0, 3, 4]);
        let row =
            "Language: eng\nDocuments raw: 20,263\nDocuments kept: 14,906\nShare raw: 94.4 %\nShare kept: –";
        assert_eq!(whole_row(&table, &table.rows[0]), row);
        assert_eq!(as_csv(&table).lines().nth(1), Some("eng,20263,14906,0.944,"));
        table.columns.truncate(3);
        assert_eq!(shown(&table), [0, 1, 2]);
    }
}
