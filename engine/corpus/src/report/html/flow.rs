//! From raw to kept, by bytes.

use super::super::{Group, Report, Stage, number};
use super::{Page, escape};

/// The groups in the order of the bench.
const GROUPS: [Group; 8] = [
    Group::Reading,
    Group::Extraction,
    Group::Repair,
    Group::Rules,
    Group::Duplicates,
    Group::Contamination,
    Group::Personal,
    Group::Balance,
];

/// What people read over a group.
pub(super) fn title(group: Group) -> &'static str {
    match group {
        Group::Reading => "Reading",
        Group::Extraction => "Prose from pages",
        Group::Repair => "Repair of text",
        Group::Rules => "Quality rules",
        Group::Duplicates => "Copies",
        Group::Contamination => "Contamination",
        Group::Personal => "Personal data",
        Group::Balance => "Balance",
    }
}

/// The class that carries a group's colour.
pub(super) fn fill(group: Group) -> &'static str {
    match group {
        Group::Reading => "fill-reading",
        Group::Extraction => "fill-extraction",
        Group::Repair => "fill-repair",
        Group::Rules => "fill-rules",
        Group::Duplicates => "fill-duplicates",
        Group::Contamination => "fill-contamination",
        Group::Personal => "fill-personal",
        Group::Balance => "fill-balance",
    }
}

/// The class that gives a card the colour of its group.
pub(super) fn edge(group: Group) -> &'static str {
    match group {
        Group::Reading => "edge-reading",
        Group::Extraction => "edge-extraction",
        Group::Repair => "edge-repair",
        Group::Rules => "edge-rules",
        Group::Duplicates => "edge-duplicates",
        Group::Contamination => "edge-contamination",
        Group::Personal => "edge-personal",
        Group::Balance => "edge-balance",
    }
}

/// Bytes that a stage took away: of documents that it dropped, and out of those that it changed. A stage that makes texts longer took
/// nothing.
fn loss(stage: &Stage) -> u64 {
    stage.before.bytes.saturating_sub(stage.after().bytes)
}

/// The three numbers, the bar, and the steps from raw to kept.
pub(super) fn section(page: &mut Page, report: &Report) {
    figures(page, report);
    if report.raw.bytes == 0 {
        return;
    }
    page.raw("<div class=\"card\"><div class=\"label\">From raw to kept, by bytes of text</div>");
    bar(page, report);
    steps(page, report);
    page.raw("</div>\n");
}

fn figures(page: &mut Page, report: &Report) {
    let figures = [
        (
            "Documents",
            number::whole(report.kept.documents),
            number::whole(report.raw.documents),
            report.kept.documents,
            report.raw.documents,
        ),
        (
            "Words",
            number::count(report.kept.words),
            number::count(report.raw.words),
            report.kept.words,
            report.raw.words,
        ),
        (
            "Text",
            number::bytes(report.kept.bytes),
            number::bytes(report.raw.bytes),
            report.kept.bytes,
            report.raw.bytes,
        ),
    ];
    page.raw("<div class=\"figures\">");
    for (label, kept, raw, kept_exact, raw_exact) in figures {
        page.put(format_args!(
            "<div class=\"card\"><div class=\"label\">{label} kept</div><div class=\"figure\" title=\"{}\">{kept}</div>\
<div class=\"quiet\" title=\"{}\">of {raw} · {}</div></div>",
            number::whole(kept_exact),
            number::whole(raw_exact),
            number::share(number::ratio(kept_exact, raw_exact)),
        ));
    }
    page.raw("</div>");
}

/// One bar: what was kept, and what each group of stages took.
fn bar(page: &mut Page, report: &Report) {
    let losses: Vec<(Group, u64)> = GROUPS
        .into_iter()
        .map(|group| (group, report.stages.iter().filter(|stage| stage.about.group == group).map(loss).sum()))
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    let whole = report.kept.bytes.saturating_add(losses.iter().map(|(_, bytes)| bytes).sum()).max(1);
    page.put(format_args!(
        "<svg class=\"flow\" viewBox=\"0 0 1000 40\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{} of the text was kept\">",
        number::share(number::ratio(report.kept.bytes, whole))
    ));
    let mut left = 0.0;
    let parts = std::iter::once(("fill-kept", report.kept.bytes))
        .chain(losses.iter().map(|(group, bytes)| (fill(*group), *bytes)));
    for (class, bytes) in parts {
        let width = 1000.0 * number::ratio(bytes, whole);
        // What is there can be seen, and a gap parts it from its neighbour.
        page.put(format_args!(
            "<rect class=\"{class}\" x=\"{left:.2}\" y=\"0\" width=\"{:.2}\" height=\"40\"/>",
            (width - 1.5).max(0.8)
        ));
        left += width;
    }
    page.raw("</svg><ul class=\"legend\">");
    page.put(format_args!(
        "<li><span class=\"swatch fill-kept\"></span>Kept <b>{}</b></li>",
        number::share(number::ratio(report.kept.bytes, whole))
    ));
    for (group, bytes) in losses {
        page.put(format_args!(
            "<li><span class=\"swatch {}\"></span>{} took <b>{}</b></li>",
            fill(group),
            title(group),
            number::share(number::ratio(bytes, whole)),
        ));
    }
    page.raw("</ul>");
}

/// A row a stage that took something: what had come so far, and how much of it went here.
fn steps(page: &mut Page, report: &Report) {
    let largest =
        report.stages.iter().map(|stage| stage.before.bytes).max().unwrap_or(0).max(report.raw.bytes).max(1);
    let scale = |bytes: u64| 1000.0 * number::ratio(bytes, largest);
    page.raw("<table class=\"fall\" aria-label=\"What was left after each step\"><tbody>");
    row(page, "Raw", &[("fill-left", 0.0, scale(report.raw.bytes))], &number::bytes(report.raw.bytes));
    for (place, stage) in report.stages.iter().enumerate().filter(|(_, stage)| loss(stage) > 0) {
        let left = scale(stage.after().bytes);
        let width = (scale(stage.before.bytes) - left).max(1.0);
        row(
            page,
            &format!("<a href=\"#stage-{place}\">{}</a>", escape(&stage.about.title)),
            &[("fill-left", 0.0, left), (fill(stage.about.group), left.min(999.0), width)],
            &format!("−{}", number::bytes(loss(stage))),
        );
    }
    row(page, "Kept", &[("fill-kept", 0.0, scale(report.kept.bytes))], &number::bytes(report.kept.bytes));
    page.raw("</tbody></table>");
}

/// A row under a title that is markup.
fn row(page: &mut Page, title: &str, bars: &[(&str, f64, f64)], value: &str) {
    page.put(format_args!(
        "<tr><td>{title}</td><td><svg viewBox=\"0 0 1000 14\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    ));
    for (class, left, width) in bars {
        page.put(format_args!(
            "<rect class=\"{class}\" x=\"{left:.2}\" y=\"0\" width=\"{width:.2}\" height=\"14\"/>"
        ));
    }
    page.put(format_args!("</svg></td><td>{}</td></tr>", escape(value)));
}
