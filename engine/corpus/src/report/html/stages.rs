//! A card for each stage: what it is, what it took, and from whom.

use super::super::diff::{self, Fate};
use super::super::{Example, Report, Stage, number};
use super::{Page, escape, flow};

/// The stages that did something as cards under the headings of their groups, and the others by name.
pub(super) fn section(page: &mut Page, report: &Report) {
    if report.stages.is_empty() {
        return;
    }
    page.raw(
        "<section id=\"stages\"><h2>What each step took</h2><p class=\"lead\">In the order in which they ran. Each saw only what those before it had left. \
Shown with each are a few of the documents that it met, chosen by chance and always the same ones.</p>",
    );
    let mut group = None;
    // One example stands open, so that a reader sees what the folded ones hold.
    let open = report.stages.iter().position(|stage| !stage.changes.is_empty());
    for (place, stage) in
        report.stages.iter().enumerate().filter(|(_, stage)| stage.acted() || !stage.counters.is_empty())
    {
        if group != Some(stage.about.group) {
            group = Some(stage.about.group);
            page.put(format_args!("<h3>{}</h3>", flow::title(stage.about.group)));
        }
        card(page, stage, place, open == Some(place));
    }
    let idle: Vec<&Stage> =
        report.stages.iter().filter(|stage| !stage.acted() && stage.counters.is_empty()).collect();
    if !idle.is_empty() {
        page.raw("<h3>Asked, and found nothing to take</h3><ul class=\"idle\">");
        for stage in idle {
            page.put(format_args!("<li>{}", escape(&stage.about.title)));
            if !stage.about.threshold.is_empty() {
                page.put(format_args!(": {}", escape(&stage.about.threshold)));
            }
            page.raw("</li>");
        }
        page.raw("</ul>");
    }
    page.raw("</section>\n");
}

fn card(page: &mut Page, stage: &Stage, place: usize, open: bool) {
    let about = &stage.about;
    page.put(format_args!(
        "<article class=\"card stage {}\" id=\"stage-{place}\"><div class=\"stage-head\"><h4>{}</h4>\
<bdi class=\"mono\">{}</bdi></div>",
        flow::edge(about.group),
        escape(&about.title),
        escape(&about.name),
    ));
    if !about.sentence.is_empty() {
        page.put(format_args!("<p>{}</p>", escape(&about.sentence)));
    }
    if !about.threshold.is_empty() || !about.paper.is_empty() {
        page.raw("<ul class=\"chips\">");
        for text in [&about.threshold, &about.paper].into_iter().filter(|text| !text.is_empty()) {
            page.put(format_args!("<li>{}</li>", escape(text)));
        }
        page.raw("</ul>");
    }
    effect(page, stage);
    if !stage.counters.is_empty() {
        page.raw("<ul class=\"chips\">");
        for counter in &stage.counters {
            page.put(format_args!(
                "<li>{} <b>{}</b></li>",
                escape(&counter.name.replace('_', " ")),
                number::whole(counter.count)
            ));
        }
        page.raw("</ul>");
    }
    if !stage.victims.is_empty() {
        page.put(format_args!(
            "<details><summary>{} that it took away</summary>",
            some(stage.victims.len() as u64, stage.removed.documents)
        ));
        for victim in &stage.victims {
            let about = format!("{} · {}", escape(&victim.source), number::of(victim.words, "word", "words"));
            page.text(&victim.id, &about, &victim.reason, &victim.excerpt);
        }
        page.raw("</details>");
    }
    if !stage.changes.is_empty() {
        page.put(format_args!(
            "<details{}><summary>{} that it changed, before and after</summary>",
            if open { " open" } else { "" },
            some(stage.changes.len() as u64, stage.edited.before.documents)
        ));
        stage.changes.iter().for_each(|change| example(page, change));
        page.raw("</details>");
    }
    page.raw("</article>");
}

/// `The document`, `All 4 documents`, `5 of 1,200 documents`.
fn some(shown: u64, all: u64) -> String {
    match (shown, all) {
        (1, 1) => "The document".to_owned(),
        _ if shown >= all => format!("All {all} documents"),
        _ => format!("{shown} of {} documents", number::whole(all)),
    }
}

/// What it took away and what it changed, in numbers.
fn effect(page: &mut Page, stage: &Stage) {
    page.raw("<div class=\"effect\">");
    if stage.removed.documents > 0 {
        page.put(format_args!(
            "<div><b class=\"gone\">−{}</b> <span>{} · {} of those that reached it · {} words · {}</span></div>",
            number::whole(stage.removed.documents),
            if stage.removed.documents == 1 { "document" } else { "documents" },
            number::share(number::ratio(stage.removed.documents, stage.before.documents)),
            number::count(stage.removed.words),
            number::bytes(stage.removed.bytes),
        ));
    }
    let edited = &stage.edited;
    if edited.before.documents > 0 {
        let change = |before: u64, after: u64, write: fn(u64) -> String| match after.cmp(&before) {
            std::cmp::Ordering::Less => format!("−{}", write(before - after)),
            std::cmp::Ordering::Equal => "±0".to_owned(),
            std::cmp::Ordering::Greater => format!("+{}", write(after - before)),
        };
        page.put(format_args!(
            "<div><b>{}</b> <span>{} changed · {} words · {}</span></div>",
            number::whole(edited.before.documents),
            if edited.before.documents == 1 { "document" } else { "documents" },
            change(edited.before.words, edited.after.words, number::count),
            change(edited.before.bytes, edited.after.bytes, number::bytes).replace("±0", "same size"),
        ));
    }
    page.raw("</div>");
}

/// A changed document with what was taken struck through and what was put in underlined.
fn example(page: &mut Page, example: &Example) {
    page.put(format_args!(
        "<div class=\"text\"><div class=\"text-head\"><bdi>{}</bdi><span>{}</span></div>",
        escape(&example.id),
        escape(&example.source)
    ));
    changed(page, &example.before, &example.after);
    page.raw("</div>");
}

/// A text as it was and as it is, in one.
pub(super) fn changed(page: &mut Page, before: &str, after: &str) {
    page.raw("<div class=\"body\" dir=\"auto\">");
    for change in diff::words(before, after) {
        match change.fate {
            Fate::Same => page.put(format_args!("{}", escape(change.text))),
            Fate::Removed => page.put(format_args!("<del>{}</del>", visible(change.text))),
            Fate::Added => page.put(format_args!("<ins>{}</ins>", visible(change.text))),
        }
    }
    page.raw("</div>");
}

/// A change that is only white space would be nothing to see: line breaks and spaces get a sign.
fn visible(text: &str) -> String {
    if text.chars().all(char::is_whitespace) {
        let signs: String = text
            .chars()
            .map(|letter| if letter == '\n' { "↵\n".to_owned() } else { signed(letter) })
            .collect();
        escape(&signs).to_string()
    } else {
        escape(text).to_string()
    }
}

fn signed(space: char) -> String {
    match space {
        '\r' => "␍".to_owned(),
        '\t' => "⇥".to_owned(),
        _ => "·".to_owned(),
    }
}
