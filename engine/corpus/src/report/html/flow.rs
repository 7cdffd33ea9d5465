//! The flow from raw to kept text, in bytes.

use super::super::{CleaningReport, GROUPS, Stage, class_of, number};
use super::shown;
use maud::{Markup, html};

/// Bytes removed by a stage, in dropped and in changed documents; 0 if it makes texts longer.
fn loss(stage: &Stage) -> u64 {
    stage.before.bytes.saturating_sub(stage.after().bytes)
}

/// The three totals, the bar, and the steps from raw to kept.
pub(super) fn section(report: &CleaningReport) -> Markup {
    html! {
        (figures(report))
        @if report.raw.bytes > 0 {
            div.card {
                div.label { "From raw to kept, by bytes of text" }
                (bar(report))
                (steps(report))
            }
        }
    }
}

fn figures(report: &CleaningReport) -> Markup {
    let (kept, raw) = (&report.kept, &report.raw);
    let figures = [
        ("Documents", number::whole as fn(u64) -> String, kept.documents, raw.documents),
        ("Words", number::count, kept.words, raw.words),
        ("Text", number::bytes, kept.bytes, raw.bytes),
    ];
    html! {
        div.figures {
            @for (label, write, kept, raw) in figures {
                div.card {
                    div.label { (label) " kept" }
                    div.figure title=(number::whole(kept)) { (write(kept)) }
                    div.quiet title=(number::whole(raw)) { "of " (write(raw)) " · " (number::percent(number::ratio(kept, raw))) }
                }
            }
        }
    }
}

/// One bar: the kept part, and the part removed by each group of stages.
fn bar(report: &CleaningReport) -> Markup {
    let loss_of = |group| report.stages.iter().filter(|stage| stage.about.group == group).map(loss).sum();
    let losses: Vec<(&str, &str, u64)> = GROUPS
        .into_iter()
        .map(|(group, class)| (group.heading(), class, loss_of(group)))
        .filter(|(.., bytes)| *bytes > 0)
        .collect();
    let whole = report.kept.bytes.saturating_add(losses.iter().map(|(.., bytes)| bytes).sum()).max(1);
    let share = |bytes| number::percent(number::ratio(bytes, whole));
    let mut left = 0.0;
    let rectangles = std::iter::once(("kept", report.kept.bytes))
        .chain(losses.iter().map(|(_, class, bytes)| (*class, *bytes)))
        .map(|(class, bytes)| {
            let (start, width) = (left, 1000.0 * number::ratio(bytes, whole));
            left += width;
            // Even the smallest part is visible, with a gap to its neighbour.
            rectangle(class, start, (width - 1.5).max(0.8), 40)
        });
    html! {
        svg.flow viewBox="0 0 1000 40" preserveAspectRatio="none" role="img" aria-label={ (share(report.kept.bytes)) " of the text was kept" } {
            @for rectangle in rectangles { (rectangle) }
        }
        ul.legend {
            li { span.swatch.fill-kept {} "Kept " b { (share(report.kept.bytes)) } }
            @for (title, class, bytes) in &losses {
                li { span class={ "swatch fill-" (class) } {} (title) " took " b { (share(*bytes)) } }
            }
        }
    }
}

/// A row for each stage that removed something: its input, and the removed part.
fn steps(report: &CleaningReport) -> Markup {
    let largest =
        report.stages.iter().map(|stage| stage.before.bytes).max().unwrap_or(0).max(report.raw.bytes).max(1);
    let scale = |bytes: u64| 1000.0 * number::ratio(bytes, largest);
    let whole = |title: &str, class: &str, bytes: u64| {
        let bar = rectangle(class, 0.0, scale(bytes), 14);
        row(&html! { (title) }, &bar, &number::bytes(bytes))
    };
    let step = |place: usize, stage: &Stage| {
        let left = scale(stage.after().bytes);
        let width = (scale(stage.before.bytes) - left).max(1.0);
        let class = class_of(stage.about.group);
        row(
            &html! { a href={ "#stage-" (place) } { (shown(&stage.about.title)) } },
            &html! { (rectangle("left", 0.0, left, 14)) (rectangle(class, left.min(999.0), width, 14)) },
            &format!("−{}", number::bytes(loss(stage))),
        )
    };
    html! {
        table.fall aria-label="Text after each step" {
            tbody {
                (whole("Raw", "left", report.raw.bytes))
                @for (place, stage) in report.stages.iter().enumerate().filter(|(_, stage)| loss(stage) > 0) {
                    (step(place, stage))
                }
                (whole("Kept", "kept", report.kept.bytes))
            }
        }
    }
}

fn row(title: &Markup, bars: &Markup, value: &str) -> Markup {
    html! {
        tr {
            td { (title) }
            td { svg viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true" { (bars) } }
            td { (value) }
        }
    }
}

fn rectangle(class: &str, left: f64, width: f64, height: u32) -> Markup {
    html! {
        rect class={ "fill-" (class) } x=(format!("{left:.2}")) y="0" width=(format!("{width:.2}")) height=(height) {}
    }
}
