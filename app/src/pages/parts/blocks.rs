//! Reports in the window: sections as cards that fold, each with its numbers as CSV and as a picture.

use crate::pages::prelude::*;
use glasshouse_protocol::blocks::{Bar, Excerpt, Series};
use glasshouse_protocol::evaluation::{Better, CalibrationBin, Table};
use std::borrow::Borrow;

/// Maximum characters of a value next to its name; longer ones go below.
const SHORT: usize = 28;
/// Maximum side of a reliability diagram, height of a plot, and width of an interval's line in points.
const SIDE: f32 = 320.0;
const PLOT: f32 = 150.0;
const BAR: f32 = 64.0;

/// A metric with its title.
pub type Line = (String, Metric);

/// Draws a report; sections become cards. `key` is its prefix in the preferences. Returns the passage of the clicked row.
pub fn report_ui(
    ui: &mut Ui,
    context: &mut Context<'_>,
    key: &str,
    blocks: impl IntoIterator<Item = impl Borrow<Block>>,
) -> Option<Passage> {
    let mut pressed = None;
    for (place, block) in blocks.into_iter().enumerate() {
        ui.push_id(place, |ui| {
            let found = match block.borrow() {
                Block::Section(section) => section_ui(ui, context, key, section, |_, _| ()),
                block => block_ui(ui, context, key, block),
            };
            pressed = found.or(pressed.take());
        });
    }
    pressed
}

/// Draws a section as a card, and `more` below its blocks.
pub fn section_ui(
    ui: &mut Ui,
    context: &mut Context<'_>,
    key: &str,
    section: &Section,
    more: impl FnOnce(&mut Ui, &mut Context<'_>),
) -> Option<Passage> {
    let Section { title, note, is_closed, blocks, .. } = section;
    let key = format!("{key}:{}", section.key);
    let (mut copies, mut saves) = (false, false);
    let (pressed, card) = card_with(ui, context.palette.panel, |ui| {
        ui.push_id(&key, |ui| {
            if !fold_row(ui, context.preferences, &key, (title, note), !is_closed) {
                return None;
            }
            if has_numbers(blocks) {
                ui.horizontal(|ui| {
                    copies = icon_button(ui, true, icons::ICON_CONTENT_COPY, &format!("CSV of {title}"));
                    saves = icon_button(ui, true, icons::ICON_IMAGE, &format!("PNG of {title}"));
                });
            }
            let pressed = blocks_ui(ui, context, &key, blocks);
            more(ui, context);
            pressed
        })
        .inner
    });
    if copies {
        ui.ctx().copy_text(numbers(blocks).join("\n"));
        context.asks.show_toast("Copied as CSV");
    }
    if saves {
        context.asks.picture(ui, card.rect, title);
    }
    pressed
}

pub fn blocks_ui(ui: &mut Ui, context: &mut Context<'_>, key: &str, blocks: &[Block]) -> Option<Passage> {
    let draw = |(place, block)| ui.push_id(place, |ui| block_ui(ui, context, key, block)).inner;
    blocks.iter().enumerate().filter_map(draw).last()
}

fn block_ui(ui: &mut Ui, context: &mut Context<'_>, key: &str, block: &Block) -> Option<Passage> {
    match block {
        Block::Section(own) => return part_ui(ui, context, key, own),
        Block::Table(table) if !table.rows.is_empty() => {
            if !table.title.is_empty() {
                ui.add_space(space::SMALL);
                head(ui, &table.title);
            }
            if !table.about.is_empty() {
                caption(ui, &table.about);
            }
            return report_table(ui, table);
        }
        Block::Table(_) => {}
        Block::Text(text) => prose(ui, text),
        Block::Note(text) => caption(ui, text),
        Block::Warning(text) => icon_line(ui, icons::ICON_WARNING, context.palette.warning, text),
        Block::List(items) => {
            items.iter().for_each(|item| icon_line(ui, icons::ICON_INFO, context.palette.quiet, item));
        }
        Block::Figures(facts) | Block::Facts(facts) => facts_ui(ui, facts),
        Block::Metrics(metrics) => metrics_ui(ui, metrics),
        Block::Bars(bars) => {
            let row = |Bar { name, length, text }: &Bar| {
                Ranked::bar(name.clone(), *length, context.palette.accent, text.clone(), text.clone())
            };
            bar_rows(ui, &bars.iter().map(row).collect::<Vec<_>>());
        }
        Block::Series(series) => series_ui(ui, series),
        Block::Reliability(bins) => diagram_ui(ui, bins),
        Block::Code(text) => {
            ui.add(Label::new(RichText::new(text).monospace().size(12.0)).wrap());
        }
        Block::Excerpt(excerpt) => excerpt_ui(ui, excerpt),
    }
    None
}

/// A section within a card.
fn part_ui(ui: &mut Ui, context: &mut Context<'_>, key: &str, own: &Section) -> Option<Passage> {
    let key = format!("{key}:{}", own.key);
    let is_open = fold_row(ui, context.preferences, &key, (&own.title, &own.note), !own.is_closed);
    is_open.then(|| ui.push_id(&key, |ui| blocks_ui(ui, context, &key, &own.blocks)).inner).flatten()
}

pub fn facts_ui(ui: &mut Ui, facts: &[Fact]) {
    let width = ui.available_width().min(theme::PROSE);
    column(ui, width, |ui| facts.iter().for_each(|fact| fact_ui(ui, fact)));
}

fn fact_ui(ui: &mut Ui, fact: &Fact) {
    let Fact { name, value, exact, note, difference } = fact;
    if let Some(metric) = difference {
        ui.add_space(space::SMALL);
        ui.add(Label::new(RichText::new(name).text_style(theme::strong())).wrap());
        ui.horizontal_wrapped(|ui| {
            difference_ui(ui, metric);
            ui.label(value).on_hover_text(exact);
        });
    } else if value.chars().count() <= SHORT && name.chars().count() <= 2 * SHORT && !value.is_empty() {
        stat_row(ui, name, value, exact);
    } else {
        caption(ui, name);
        if !value.is_empty() {
            ui.add(Label::new(value).wrap());
        }
    }
    if !note.is_empty() {
        caption(ui, note);
    }
}

/// A difference with its interval around 0; in colour if it is significant.
fn difference_ui(ui: &mut Ui, metric: &Metric) {
    let palette = Palette::of(ui);
    let [low, high] = metric.interval.unwrap_or_default();
    let is_significant = metric.better != Better::Neither && (low > 0.0 || high < 0.0);
    let colour = if is_significant { palette.accent } else { palette.quiet };
    if let Some(measured) = Measured::new("", metric, colour) {
        let far = low.abs().max(high.abs()).max(measured.value.abs()) * 1.15;
        interval_bar(ui, &measured, [-far, far], Some(0.0), 160.0);
    }
}

fn excerpt_ui(ui: &mut Ui, excerpt: &Excerpt) {
    ui.add(Label::new(RichText::new(&excerpt.title).text_style(theme::quiet_strong())).truncate());
    let plain = excerpt.plain();
    for text in [&excerpt.note, &excerpt.reason, &plain].into_iter().filter(|text| !text.is_empty()) {
        caption(ui, format::in_one_line(text));
    }
}

fn series_ui(ui: &mut Ui, series: &Series) {
    let [colour, ..] = Palette::of(ui).series;
    let point = |(label, metric): &(String, Metric)| {
        let nothing = Measured { label: label.clone(), value: f64::NAN, ..Measured::default() };
        Measured::new(label, metric, colour).unwrap_or(nothing)
    };
    let points: Vec<Measured> = series.groups.iter().map(point).collect();
    ui.add_space(space::SMALL);
    ui.add(Label::new(RichText::new(&series.title).text_style(theme::strong())).wrap());
    if points.iter().all(|point| !point.value.is_finite()) {
        return caption(ui, "Nothing was measured.");
    }
    let each = points.iter().take(24).map(|point| format!("{} {}", point.label, point.written));
    let spoken = format!("{}: {}", series.title, each.collect::<Vec<_>>().join(", "));
    interval_plot(ui, &spoken, PLOT, series.axis.is_some(), &points);
}

fn diagram_ui(ui: &mut Ui, bins: &[CalibrationBin]) {
    let bins = || bins.iter().filter(|bin| bin.is_drawn());
    let most = bins().map(|bin| bin.count).max().unwrap_or(1).max(1) as f32;
    let points: Vec<_> = bins()
        .map(|bin| {
            let hover = format!(
                "{}, mean confidence {}: {} were right ({} to {})",
                format::counted(bin.count, "token"),
                format::percent(bin.confidence),
                format::percent(bin.accuracy),
                format::percent(bin.interval[0]),
                format::percent(bin.interval[1])
            );
            // A dot's area is proportional to the number of tokens.
            ([bin.confidence, bin.accuracy], bin.interval, (bin.count as f32 / most).sqrt(), hover)
        })
        .collect();
    let spoken: Vec<&str> = points.iter().map(|(.., hover)| hover.as_str()).collect();
    let name = format!("Reliability diagram. {}", spoken.join(". "));
    diagram(ui, &name, ["confidence", "accuracy"], ui.available_width().min(SIDE), &points);
}

/// For each line the range from 0 that covers all its intervals, so that they share a scale; 0 to 1 for proportions.
pub fn ranges(all: &[Vec<Line>]) -> BTreeMap<String, [f64; 2]> {
    let mut ranges: BTreeMap<String, [f64; 2]> = BTreeMap::new();
    for (name, metric) in all.iter().flatten() {
        let Some(value) = metric.value.filter(|value| value.is_finite()) else { continue };
        let [low, high] = metric.interval.unwrap_or([value; 2]);
        let whole = if metric.is_share() { [0.0, 1.0] } else { [0.0; 2] };
        let range = ranges.entry(name.clone()).or_insert(whole);
        *range = [range[0].min(low), range[1].max(high)];
    }
    ranges
}

/// A metric's name, interval and value on one line.
pub fn line_ui(ui: &mut Ui, (name, metric): &Line, ranges: &BTreeMap<String, [f64; 2]>, colour: Color32) {
    let quiet = Palette::of(ui).quiet;
    egui::Sides::new().height(20.0).shrink_left().truncate().show(
        ui,
        |ui| term(ui, name, Some(quiet)),
        |ui| {
            // From right to left, so that the figures align.
            ui.label(metric.text()).on_hover_text(metric.exactly());
            let range = ranges.get(name).filter(|_| metric.interval.is_some());
            if let Some((measured, range)) = Measured::new(name, metric, colour).zip(range) {
                interval_bar(ui, &measured, *range, None, BAR);
            }
        },
    );
}

fn metrics_ui(ui: &mut Ui, metrics: &[Metric]) {
    let lines: Vec<Line> =
        metrics.iter().map(|metric| (metric_title(&metric.name), metric.clone())).collect();
    let ranges = ranges(std::slice::from_ref(&lines));
    let accent = Palette::of(ui).accent;
    let width = ui.available_width().min(theme::PROSE);
    column(ui, width, |ui| lines.iter().for_each(|line| line_ui(ui, line, &ranges, accent)));
    for signature in metrics.iter().filter_map(|metric| metric.signature.as_ref()) {
        caption(ui, signature);
    }
}

fn has_numbers(blocks: &[Block]) -> bool {
    blocks.iter().any(|block| match block {
        Block::Section(section) => has_numbers(&section.blocks),
        Block::Table(Table { rows, .. }) => !rows.is_empty(),
        Block::Metrics(metrics) => !metrics.is_empty(),
        Block::Bars(_) | Block::Series(_) | Block::Reliability(_) => true,
        _ => false,
    })
}

/// The numbers of blocks as one CSV each.
fn numbers(blocks: &[Block]) -> Vec<String> {
    let with = |columns: [&str; 3], groups: &[Line]| {
        let row = |(name, metric): &Line| [name.as_str().into(), metric.into(), metric.count.into()];
        report_csv(&Table::new("", columns, groups.iter().map(row)))
    };
    let csv = |block: &Block| match block {
        Block::Section(section) => numbers(&section.blocks),
        Block::Table(table) if !table.rows.is_empty() => vec![report_csv(table)],
        Block::Metrics(metrics) if !metrics.is_empty() => {
            let named: Vec<Line> =
                metrics.iter().map(|metric| (metric.name.clone(), metric.clone())).collect();
            vec![with(["metric", "value", "count"], &named)]
        }
        Block::Series(series) => vec![with([&series.title, "value", "count"], &series.groups)],
        Block::Bars(bars) => {
            let rows = bars.iter().map(|bar| [bar.name.as_str().into(), Cell::Number(bar.length)]);
            vec![report_csv(&Table::new("", ["name", "value"], rows))]
        }
        Block::Reliability(bins) => {
            let row = |bin: &CalibrationBin| {
                let [low, high] = bin.interval;
                let numbers = [bin.confidence, bin.accuracy, low, high].map(|number| number.to_string());
                [vec![bin.count.to_string()], numbers.to_vec()].concat()
            };
            let head = ["tokens", "confidence", "accuracy", "from", "to"];
            vec![widgets::csv(&head, bins.iter().map(row))]
        }
        _ => Vec::new(),
    };
    // An empty line separates tables with different columns.
    blocks.iter().flat_map(csv).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_all_blocks_are_copied() {
        let metric = Metric {
            name: "acc".to_owned(),
            value: Some(0.5),
            interval: Some([0.25, 0.75]),
            count: 7,
            ..Metric::default()
        };
        let bin = CalibrationBin { count: 20, confidence: 0.5, accuracy: 0.25, interval: [0.0, 1.0] };
        let groups = vec![("rare".to_owned(), metric.clone())];
        let inner = Block::Table(Table::new("Words", ["word", "times"], [["a".into(), 3.into()]]));
        let blocks = [
            Block::Text("no numbers".to_owned()),
            Block::Metrics(vec![metric]),
            Block::Series(Series { title: "By token".to_owned(), groups, ..Series::default() }),
            Block::Bars(vec![Bar { name: "kept".to_owned(), length: 2.5, text: String::new() }]),
            Block::Reliability(vec![bin]),
            Block::Section(Section::new("Inner", [inner])),
        ];
        assert!(has_numbers(&blocks) && !has_numbers(&blocks[..1]));
        assert_eq!(
            numbers(&blocks).concat(),
            "metric,value,value from,value to,count\nacc,0.5,0.25,0.75,7\nBy token,value,value from,value to,count\nrare,0.5,0.25,0.75,7\n\
             name,value\nkept,2.5\ntokens,confidence,accuracy,from,to\n20,0.5,0.25,0,1\nword,times\na,3\n"
        );
    }
}
