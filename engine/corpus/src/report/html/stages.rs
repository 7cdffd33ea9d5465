//! A card for each stage: description, removed amounts, and examples; and the groups of copies.

use super::super::{
    CleaningReport, Cluster, CorpusTable, Duplicates, Stage, Unit, class_of, diff, number, rows,
};
use super::{ROWS_SHOWN, grid, shown, text};
use glasshouse_protocol::cleaning::TextFate;
use maud::{Markup, html};

/// The stages that did something as cards under the headings of their groups, and the names of the others.
pub(super) fn section(report: &CleaningReport) -> Markup {
    // One example is open, to show what the folded ones contain.
    let open = report.stages.iter().position(|stage| !stage.changes.is_empty());
    let (acted, others): (Vec<_>, Vec<_>) =
        report.stages.iter().enumerate().partition(|(_, stage)| stage.acted() || !stage.counters.is_empty());
    let (off, idle): (Vec<_>, Vec<_>) = others.into_iter().partition(|(_, stage)| stage.about.is_off);
    let lists = [("Ran and found nothing", idle), ("Switched off in this recipe", off)];
    html! {
        @if !report.stages.is_empty() {
            section #stages {
                h2 { "What each step removed" }
                p.lead {
                    "In order. Each step saw only the output of the steps before it. With each step: a few of its "
                    "documents, a fixed random sample."
                }
                (grid(&rows::steps(report), usize::MAX, ""))
                @for group in acted.chunk_by(|(_, one), (_, next)| one.about.group == next.about.group) {
                    @if let Some((_, first)) = group.first() { h3 { (first.about.group.heading()) } }
                    @for (place, stage) in group { (card(stage, *place, open == Some(*place))) }
                }
                @for (title, stages) in lists.iter().filter(|(_, stages)| !stages.is_empty()) {
                    h3 { (title) }
                    ul.idle {
                        @for (_, stage) in stages {
                            li {
                                (shown(&stage.about.title))
                                @if !stage.about.threshold.is_empty() { ": " (shown(&stage.about.threshold)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn card(stage: &Stage, place: usize, open: bool) -> Markup {
    let about = &stage.about;
    let chips = [&about.threshold, &about.paper].into_iter().filter(|text| !text.is_empty());
    html! {
        article.card.stage style={ "--part:var(--" (class_of(about.group)) ")" } id={ "stage-" (place) } {
            div.stage-head { h4 { (shown(&about.title)) } bdi.mono { (shown(&about.name)) } }
            @if !about.sentence.is_empty() { p { (shown(&about.sentence)) } }
            @if chips.clone().next().is_some() {
                ul.chips { @for text in chips { li { (shown(text)) } } }
            }
            (effect(stage))
            @if !stage.counters.is_empty() {
                ul.chips {
                    @for counter in &stage.counters {
                        li { (shown(&counter.name.replace('_', " "))) " " b { (number::whole(counter.count)) } }
                    }
                }
            }
            @if !stage.victims.is_empty() {
                details {
                    summary { (some(stage.victims.len() as u64, stage.removed.documents)) " that it removed" }
                    @for victim in &stage.victims {
                        (text(&victim.id, &victim.source, victim.words, &victim.reason, &victim.excerpt))
                    }
                }
            }
            @if !stage.changes.is_empty() {
                details open[open] {
                    summary { (some(stage.changes.len() as u64, stage.edited.before.documents)) " that it changed, before and after" }
                    @for change in &stage.changes {
                        div.text {
                            div.text-head { bdi { (shown(&change.id)) } span { (shown(&change.source)) } }
                            (changed(&change.before, &change.after))
                        }
                    }
                }
            }
        }
    }
}

/// `The document`, `All 4 documents`, `5 of 1,200 documents`.
fn some(shown: u64, all: u64) -> String {
    match (shown, all) {
        (1, 1) => "The document".to_owned(),
        _ if shown >= all => format!("All {all} documents"),
        _ => format!("{shown} of {} documents", number::whole(all)),
    }
}

fn effect(stage: &Stage) -> Markup {
    let (removed, edited) = (&stage.removed, &stage.edited);
    let documents = |count: u64| if count == 1 { "document" } else { "documents" };
    let change = |before: u64, after: u64, write: fn(u64) -> String| match rows::change(before, after, write)
    {
        same if same.is_empty() => "±0".to_owned(),
        change => change,
    };
    html! {
        div.effect {
            @if removed.documents > 0 {
                div {
                    b.gone { "−" (number::whole(removed.documents)) } " "
                    span {
                        (documents(removed.documents)) " · " (number::percent(number::ratio(removed.documents, stage.before.documents)))
                        " of those that reached it · " (number::count(removed.words)) " words · " (number::bytes(removed.bytes))
                    }
                }
            }
            @if edited.before.documents > 0 {
                div {
                    b { (number::whole(edited.before.documents)) } " "
                    span {
                        (documents(edited.before.documents)) " changed · "
                        (change(edited.before.words, edited.after.words, number::count)) " words · "
                        (change(edited.before.bytes, edited.after.bytes, number::bytes))
                    }
                }
            }
        }
    }
}

pub(super) fn duplicates(report: &CleaningReport) -> Markup {
    html! {
        @if !report.duplicates.is_empty() {
            section #duplicates {
                h2 { "Copies" }
                p.lead { "One document of each group was kept. Below: the sizes of the groups, and the largest groups." }
                @for found in &report.duplicates { (copies(found)) }
            }
        }
    }
}

fn copies(found: &Duplicates) -> Markup {
    let sizes = CorpusTable::new(
        [""; 3],
        [("Documents in a group", Unit::Text), ("Groups", Unit::Count)],
        found.sizes.iter().map(|size| [size.size.into(), size.clusters.into()]),
    );
    html! {
        div.card {
            h4 { (shown(&found.title)) }
            p.note { (shown(&found.method)) }
            @if found.clusters == 0 {
                p { "None were found." }
            } @else {
                p {
                    (number::counted(found.clusters, "group")) " of " (number::counted(found.documents, "document"))
                    @if let Some(bytes) = found.bytes_per_document { ", " (number::bytes(bytes)) " of memory a document" }
                }
                (grid(&sizes, ROWS_SHOWN, "more sizes"))
                @for (place, cluster) in found.largest.iter().enumerate() { (members(cluster, place)) }
            }
        }
    }
}

/// A group: the kept document in full, the others by their differences. Only the first groups are printed.
fn members(cluster: &Cluster, place: usize) -> Markup {
    let kept = cluster.members.iter().find(|member| member.kept).map(|member| member.excerpt.as_str());
    let rest = cluster.size.saturating_sub(cluster.members.len() as u64);
    html! {
        details open[place == 0] .later[place >= 3] {
            summary {
                (number::counted(cluster.size, "document"))
                @if !cluster.reason.is_empty() { "; kept: " (shown(&cluster.reason)) }
            }
            @for member in &cluster.members {
                div.text {
                    div.text-head {
                        bdi { (shown(&member.id)) }
                        span {
                            (shown(&member.source)) " · " (number::counted(member.words, "word"))
                            @if let Some(share) = member.similarity.filter(|_| !member.kept) {
                                " · " (number::percent(share)) " alike, " (shown(&member.found_by))
                            }
                        }
                        @if member.kept { span.tag { "kept" } }
                    }
                    @if member.kept || kept != Some(&member.excerpt) {
                        (changed(kept.unwrap_or(&member.excerpt), &member.excerpt))
                    }
                }
            }
            @if rest > 0 && !cluster.members.is_empty() { p.note { "And " (number::whole(rest)) " more." } }
        }
    }
}

/// Both versions of a text in one: removed parts struck through, added parts underlined.
fn changed(before: &str, after: &str) -> Markup {
    html! {
        div.body dir="auto" {
            @for change in diff::words(before, after) {
                @match change.fate {
                    TextFate::Same => (shown(&change.text)),
                    TextFate::Removed => del { (visible(&change.text)) },
                    TextFate::Added => ins { (visible(&change.text)) },
                }
            }
        }
    }
}

/// Marks line breaks and spaces in a change of only white space, which would be invisible.
fn visible(text: &str) -> String {
    if !text.chars().all(char::is_whitespace) {
        return shown(text);
    }
    let signed = |letter| match letter {
        '\n' => "↵\n",
        '\r' => "␍",
        '\t' => "⇥",
        _ => "·",
    };
    text.chars().map(signed).collect()
}
