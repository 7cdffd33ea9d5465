//! Tables of a report with any cell types: columns fit their cells, numbers are right-aligned. If the window is too narrow, each
//! row becomes a list of its cells.

use super::prelude::*;
use egui::text::TextWrapping;
use glasshouse_protocol::evaluation::{self, Cell, Passage};
use std::collections::BTreeMap;

/// Row height in points.
const ROW: f32 = 28.0;
const MAX_VISIBLE_ROWS: usize = 12;
/// Minimum and maximum width of a text column in points; the minimum also applies to passages.
const WORDS: [f32; 2] = [56.0, 420.0];
const PASSAGE: f32 = 220.0;
/// Width of an interval's line next to a metric, in points.
const BAR: f32 = 64.0;
/// Gap between columns and at both ends, as in [`Table`], in points.
const GAP: f32 = 14.0;
/// Number of rows measured for column widths.
const LOOKED_AT: usize = 200;
/// Maximum characters shown before a passage's token.
const BEFORE: usize = 160;

/// A cell on one line, as screen readers read it.
fn text_of(cell: &Cell) -> String {
    one_line(&cell.text())
}

/// A cell's CSV fields, with exact numbers.
fn exact(cell: &Cell) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    match cell {
        Cell::Count(count) => vec![count.to_string()],
        Cell::Number(value) => vec![value.to_string()],
        Cell::Text(text) => vec![text.clone()],
        Cell::Metric(metric) => {
            let [low, high] = metric.interval.map_or([None; 2], |ends| ends.map(Some));
            vec![number(metric.value), number(low), number(high)]
        }
        Cell::Passage(passage) => vec![passage.prompt.clone(), passage.token.clone()],
        Cell::Corpus(own, _) => vec![number(own.number())],
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// A table as CSV with exact numbers. A metric takes three columns, a passage two.
pub fn report_csv(table: &evaluation::Table) -> String {
    let mut head = Vec::new();
    for (place, title) in table.columns.iter().enumerate() {
        let holds = |is: fn(&Cell) -> bool| table.rows.iter().filter_map(|row| row.get(place)).any(is);
        head.push(title.clone());
        if holds(|cell| matches!(cell, Cell::Metric(_))) {
            head.extend([format!("{title} from"), format!("{title} to")]);
        } else if holds(|cell| matches!(cell, Cell::Passage(_))) {
            head.push(format!("{title}: token"));
        }
    }
    let wide = |place: usize| -> usize {
        table.rows.iter().filter_map(|row| row.get(place)).map(|cell| exact(cell).len()).max().unwrap_or(1)
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(wide).collect();
    let rows = table.rows.iter().map(|row| {
        let mut line = Vec::new();
        for (cell, width) in row.iter().zip(&widths) {
            let mut cells = exact(cell);
            cells.resize(*width, String::new());
            line.extend(cells);
        }
        line
    });
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    csv(&head, rows)
}

/// Draws a table. Returns the passage of the clicked row.
pub fn report_table(ui: &mut Ui, table: &evaluation::Table) -> Option<Passage> {
    let columns = columns_of(ui, table);
    let drawn = Table { columns: &columns, row: ROW };
    let ranges = ranges_of(table);
    let mut pressed = None;
    ui.push_id(("report table", &table.title), |ui| {
        if drawn.width() > ui.available_width() && is_narrow(ui) {
            pressed = lists_ui(ui, table);
            return;
        }
        ScrollArea::horizontal().id_salt("columns").show(ui, |ui| {
            ui.vertical(|ui| {
                let list = scrolled("rows", ROW * MAX_VISIBLE_ROWS as f32);
                drawn.rows_ui(ui, list, table.rows.len(), |ui, number| {
                    let row = &table.rows[number];
                    let response = ui.push_id(number, |ui| row_ui(ui, &drawn, &ranges, row)).inner;
                    if response.clicked() {
                        pressed = passage_of(row).cloned();
                    }
                });
            });
        });
    });
    pressed
}

/// For each metric name the range covering all its intervals in a table, so that they share a scale.
type Ranges<'a> = BTreeMap<&'a str, [f64; 2]>;

fn ranges_of(table: &evaluation::Table) -> Ranges<'_> {
    let mut ranges = Ranges::new();
    for cell in table.rows.iter().flatten() {
        let Cell::Metric(metric) = cell else { continue };
        let Some([low, high]) = metric.interval else { continue };
        let range = ranges.entry(metric.name.as_str()).or_insert([low, high]);
        *range = [range[0].min(low), range[1].max(high)];
    }
    ranges
}

fn passage_of(row: &[Cell]) -> Option<&Passage> {
    row.iter().find_map(picked!(Cell::Passage(passage) => passage))
}

fn row_ui(ui: &mut Ui, table: &Table<'_>, ranges: &Ranges<'_>, row: &[Cell]) -> Response {
    let opens = passage_of(row).is_some();
    let name: Vec<String> = row.iter().map(text_of).collect();
    let response = table.row_ui(ui, &name.join(", "), false, |ui, place| {
        if let Some(cell) = row.get(place) {
            cell_ui(ui, ranges, cell);
        }
    });
    match opens {
        true => response
            .on_hover_cursor(egui::CursorIcon::PointingHand)
            .on_hover_text_at_pointer("Press to inspect the model on this row"),
        false => response,
    }
}

fn cell_ui(ui: &mut Ui, ranges: &Ranges<'_>, cell: &Cell) {
    let palette = Palette::of(ui);
    match cell {
        Cell::Metric(metric) => {
            // Laid out from right to left.
            let range = ranges.get(metric.name.as_str());
            let measured = Measured::new("", metric, palette.quiet).filter(|own| own.interval.is_some());
            if let Some((measured, range)) = measured.zip(range) {
                interval_bar(ui, &measured, *range, None, BAR);
            }
            ui.label(metric.text()).on_hover_text(metric.exactly());
        }
        Cell::Passage(passage) => {
            let font = TextStyle::Body.resolve(ui.style());
            let job = passage_job(palette, font, passage, ui.available_width());
            ui.add(Label::new(job));
        }
        Cell::Number(number) => {
            ui.label(text_of(cell)).on_hover_text(number.to_string());
        }
        Cell::Text(text) => {
            let shown = ui.add(Label::new(text_of(cell)).truncate());
            if text.len() > 40 {
                shown.on_hover_text(text);
            }
        }
        Cell::Count(_) | Cell::Corpus(..) => {
            ui.label(text_of(cell));
        }
    }
}

/// The end of the text before the token, and the token, highlighted; the beginning of the text if there is no token.
fn passage_job(palette: &Palette, font: FontId, passage: &Passage, width: f32) -> LayoutJob {
    let prompt = one_line(&passage.prompt);
    let token = one_line(&passage.token);
    let mut job = LayoutJob { wrap: TextWrapping::truncate_at_width(width), ..LayoutJob::default() };
    let plain = TextFormat::simple(font.clone(), palette.text);
    let Some(before) = prompt.strip_suffix(token.as_str()).filter(|_| !token.is_empty()) else {
        job.append(&prompt, 0.0, plain);
        return job;
    };
    // The number of characters that fit, by the font's average width.
    let room = ((width / (font.size * 0.52)) as usize).saturating_sub(token.chars().count() + 1).min(BEFORE);
    let long = before.chars().count();
    if long > room {
        job.append("…", 0.0, TextFormat::simple(font.clone(), palette.quiet));
    }
    let end: String = before.chars().skip(long.saturating_sub(room)).collect();
    job.append(&end, 0.0, TextFormat::simple(font.clone(), palette.quiet));
    let lit = TextFormat { background: palette.chosen(), ..TextFormat::simple(font, palette.text) };
    job.append(&token, 0.0, lit);
    job
}

/// Columns as wide as their widest cell; the remaining width goes to text columns.
fn columns_of<'a>(ui: &Ui, table: &'a evaluation::Table) -> Vec<Column<'a>> {
    let body = TextStyle::Body.resolve(ui.style());
    let head = theme::quiet_strong().resolve(ui.style());
    let wide = |text: &str, font: &FontId| text_width(ui, text, font) + 2.0;
    let mut columns: Vec<Column<'_>> = Vec::new();
    let mut grows = Vec::new();
    for (place, title) in table.columns.iter().enumerate() {
        let cells = || table.rows.iter().take(LOOKED_AT).filter_map(|row| row.get(place));
        let each = cells().map(|cell| match cell {
            Cell::Metric(metric) => {
                wide(&metric.text(), &body) + if metric.interval.is_some() { BAR + 12.0 } else { 0.0 }
            }
            Cell::Passage(_) => PASSAGE,
            cell => wide(&text_of(cell).chars().take(120).collect::<String>(), &body),
        });
        let width = each.fold(wide(title, &head), f32::max).clamp(WORDS[0], WORDS[1]);
        let align = if table.is_words(place) { Align::Left } else { Align::Right };
        if cells().any(|cell| matches!(cell, Cell::Passage(_))) {
            grows.push(place);
        }
        columns.push(Column { title, width, align });
    }
    // Excess width is taken from the widest columns; spare width goes to passages.
    let sum: f32 = columns.iter().map(|column| column.width).sum();
    let left = ui.available_width() - sum - GAP * columns.len() as f32 - 4.0;
    if left > 0.0 && !grows.is_empty() {
        for place in &grows {
            if let Some(column) = columns.get_mut(*place) {
                column.width += left / grows.len() as f32;
            }
        }
    } else if left < 0.0
        && let Some(widest) = columns.iter_mut().max_by(|a, b| a.width.total_cmp(&b.width))
    {
        widest.width = (widest.width + left).max(PASSAGE.min(widest.width));
    }
    columns
}

/// Each row as a vertical list of its cells.
fn lists_ui(ui: &mut Ui, table: &evaluation::Table) -> Option<Passage> {
    let palette = Palette::of(ui);
    let mut pressed = None;
    scrolled("lists", ROW * MAX_VISIBLE_ROWS as f32 * 1.5).show(ui, |ui| {
        for (number, row) in table.rows.iter().take(LOOKED_AT).enumerate() {
            let frame = Frame::new().fill(palette.raised).corner_radius(theme::CONTROL_CORNER);
            frame.inner_margin(Margin::symmetric(10, 6)).show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.spacing_mut().item_spacing.y = 2.0;
                for (title, cell) in table.columns.iter().zip(row) {
                    let text = text_of(cell);
                    if text.is_empty() {
                        continue;
                    }
                    let title = RichText::new(title).text_style(theme::caption()).color(palette.quiet);
                    ui.add(Label::new(title).wrap());
                    let long: String = text.chars().take(2 * BEFORE).collect();
                    ui.add(Label::new(long).wrap());
                }
                if let Some(passage) = passage_of(row) {
                    let open = quiet(ui, None, "Look inside");
                    if open.accessible_name(format!("Inspect row {}", number + 1)).clicked() {
                        pressed = Some(passage.clone());
                    }
                }
            });
            ui.add_space(space::TIGHT);
        }
        if table.rows.len() > LOOKED_AT {
            quiet_text(ui, format!("and {} more: see the CSV", table.rows.len() - LOOKED_AT));
        }
    });
    pressed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::DARK;
    use glasshouse_protocol::evaluation::Metric;

    fn metric(value: f64) -> Cell {
        let interval = Some([value - 0.1, value + 0.1]);
        let name = "acc".to_owned();
        Cell::Metric(Box::new(Metric { name, value: Some(value), interval, ..Metric::default() }))
    }

    #[test]
    fn a_table_as_csv_has_intervals_and_tokens_in_columns_of_their_own() {
        let passage = Passage { prompt: "Once upon\na".to_owned(), token: "a".to_owned() };
        let table = evaluation::Table {
            columns: ["kind", "tokens", "acc", "where"].map(str::to_owned).to_vec(),
            rows: vec![
                vec![Cell::Text("names".to_owned()), Cell::Count(1200), metric(0.5), Cell::Passage(passage)],
                vec!["rare".into(), Cell::Count(7), Cell::Number(0.25), "".into()],
            ],
            ..evaluation::Table::default()
        };
        let text = report_csv(&table);
        let lines: Vec<&str> = text.split("\n").collect();
        assert_eq!(lines[0], "kind,tokens,acc,acc from,acc to,where,where: token");
        assert_eq!(lines[1], "names,1200,0.5,0.4,0.6,\"Once upon");
        assert_eq!(lines[2], "a\",a");
        assert_eq!(lines[3], "rare,7,0.25,,,,");
        assert_eq!(text_of(&table.rows[0][3]), "Once upon a");
        assert_eq!(text_of(&table.rows[0][2]), "50.0 % (40.0 % to 60.0 %)");
        assert_eq!(text_of(&Cell::Number(f64::NAN)), glasshouse_protocol::quantity::NOTHING);
    }

    #[test]
    fn a_passage_shows_its_token_however_long_the_text_before_it_is() {
        let font = FontId::proportional(13.0);
        let long = Passage { prompt: format!("{} fox", "word ".repeat(500)), token: " fox".to_owned() };
        let job = passage_job(&DARK, font.clone(), &long, 300.0);
        let text = &job.text;
        assert!(text.starts_with('…') && text.ends_with(" fox") && text.len() < 100, "{text}");
        let whole = Passage { prompt: "Once\nupon".to_owned(), token: String::new() };
        assert_eq!(passage_job(&DARK, font, &whole, 300.0).text, "Once upon");
    }
}
