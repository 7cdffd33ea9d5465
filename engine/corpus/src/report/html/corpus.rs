//! What the corpus is made of, and a few documents of it.

use super::super::{Cell, Report, Table, Unit, number};
use super::{Page, escape};

/// Rows that the page shows of a table.
const ROWS_SHOWN: usize = 40;

/// All tables.
pub(super) fn tables(page: &mut Page, report: &Report) {
    if report.tables.is_empty() {
        return;
    }
    page.raw("<section id=\"tables\"><h2>What it is made of</h2><p class=\"lead\">Raw beside kept, so that what the rules did to the balance can be seen.</p>");
    for table in report.tables.iter().filter(|table| !table.columns.is_empty()) {
        grid(page, table);
    }
    page.raw("</section>\n");
}

/// The documents that were kept, a few of them.
pub(super) fn samples(page: &mut Page, report: &Report) {
    if report.samples.is_empty() {
        return;
    }
    page.raw("<section id=\"samples\"><h2>Samples of what was kept</h2>");
    for sample in &report.samples {
        let about =
            format!("{} · {}", escape(&sample.source), number::of(sample.amount.words, "word", "words"));
        page.text(&sample.id, &about, "", &sample.excerpt);
    }
    page.raw("</section>\n");
}

/// A table, with a thin bar under each number that says how much of the most it is.
fn grid(page: &mut Page, table: &Table) {
    page.put(format_args!("<div class=\"whole\"><h3>{}</h3>", escape(&table.title)));
    if !table.note.is_empty() {
        page.put(format_args!("<p class=\"note\">{}</p>", escape(&table.note)));
    }
    page.raw("<div class=\"card scroll\"><table class=\"grid\"><thead><tr>");
    for column in &table.columns {
        page.put(format_args!("<th{}>{}</th>", class(column.unit), escape(&column.title)));
    }
    page.raw("</tr></thead><tbody>");
    for row in table.rows.iter().take(ROWS_SHOWN) {
        page.raw("<tr>");
        for (column, cell) in table.columns.iter().zip(row) {
            page.put(format_args!("<td{}", class(column.unit)));
            if let Cell::Whole(value) = cell
                && matches!(column.unit, Unit::Count | Unit::Bytes)
            {
                page.put(format_args!(" title=\"{}\"", number::whole(*value)));
            }
            page.put(format_args!(">{}", escape(&number::cell(cell, column.unit))));
            if let (Some(value), Some(most)) = (cell.number(), most(table, column.unit)) {
                page.put(format_args!(
                    "<svg viewBox=\"0 0 100 3\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"fill-bar\" x=\"{:.1}\" y=\"0\" width=\"{:.1}\" \
height=\"3\"/></svg>",
                    100.0 - 100.0 * (value / most).clamp(0.0, 1.0),
                    100.0 * (value / most).clamp(0.0, 1.0),
                ));
            }
            page.raw("</td>");
        }
        page.raw("</tr>");
    }
    page.raw("</tbody></table>");
    page.more(table.rows.len() as u64, ROWS_SHOWN, "more rows");
    page.raw("</div></div>");
}

fn class(unit: Unit) -> &'static str {
    if unit == Unit::Text { " class=\"words\"" } else { "" }
}

/// The largest value of all columns of a unit: raw and kept share a scale.
fn most(table: &Table, unit: Unit) -> Option<f64> {
    if !matches!(unit, Unit::Count | Unit::Bytes | Unit::Share) {
        return None;
    }
    let cells = table.rows.iter().take(ROWS_SHOWN).flat_map(|row| table.columns.iter().zip(row));
    let values = cells.filter(|(column, _)| column.unit == unit).filter_map(|(_, cell)| cell.number());
    Some(values.fold(0.0, f64::max)).filter(|most| *most > 0.0)
}
