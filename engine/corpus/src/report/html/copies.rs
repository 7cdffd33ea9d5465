//! Personal data by class, and groups of copies.

use super::super::{CleaningReport, Cluster, ClusterSize, Duplicates, number};
use super::{shown, stages};
use maud::{Markup, html};

/// Maximum columns of the histogram of group sizes; the last one contains all larger groups.
const COLUMNS: usize = 12;

/// Groups that are printed; the others are only shown on the screen.
const PRINTED: usize = 3;

pub(super) fn personal(report: &CleaningReport) -> Markup {
    let name = |class: &str| shown(&class.replace('_', " "));
    html! {
        @if !report.personal.is_empty() {
            section #personal {
                h2 { "Personal data" }
                p.lead { "Personal data never reached the output. The samples below are masked." }
                div.card.scroll {
                    table.grid {
                        thead { tr { th.words { "Class" } th.words { "Treatment" } th { "Found" } th { "Documents" } } }
                        tbody {
                            @for class in &report.personal {
                                tr {
                                    td.words { (name(&class.class)) }
                                    td.words { (shown(&class.treatment)) }
                                    td { (number::whole(class.found)) }
                                    td { (number::whole(class.documents)) }
                                }
                            }
                        }
                    }
                }
                @for class in report.personal.iter().filter(|class| !class.samples.is_empty()) {
                    details {
                        summary { "Masked samples: " (name(&class.class)) }
                        div.text {
                            @for sample in &class.samples {
                                p.sample { bdi.mono { (shown(&sample.id)) } bdi { (shown(&sample.masked)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Groups of copies by detection method.
pub(super) fn duplicates(report: &CleaningReport) -> Markup {
    html! {
        @if !report.duplicates.is_empty() {
            section #duplicates {
                h2 { "Copies" }
                p.lead { "One document of each group was kept. Below: the sizes of the groups, and the largest groups." }
                @for found in &report.duplicates { (group(found)) }
            }
        }
    }
}

fn group(found: &Duplicates) -> Markup {
    html! {
        div.card {
            h4 { (shown(&found.title)) }
            p.note { (shown(&found.method)) }
            @if found.clusters == 0 {
                p { "None were found." }
            } @else {
                div.effect {
                    div { b { (number::whole(found.clusters)) } " " span { (if found.clusters == 1 { "group" } else { "groups" }) } }
                    div { b { (number::whole(found.documents)) } " " span { "documents in them" } }
                    @if let Some(bytes) = found.bytes_per_document {
                        div { b { (number::bytes(bytes)) } " " span { "of memory a document" } }
                    }
                }
                (histogram(&found.sizes))
                @for (place, cluster) in found.largest.iter().enumerate() { (members(cluster, place)) }
            }
        }
    }
}

/// Number of groups by size, on a logarithmic scale, since there are many small and few large ones.
fn histogram(sizes: &[ClusterSize]) -> Markup {
    let mut columns: Vec<(String, u64)> =
        sizes.iter().take(COLUMNS - 1).map(|size| (number::whole(size.size), size.clusters)).collect();
    let rest = sizes.get(COLUMNS - 1..).unwrap_or_default();
    if let Some(first) = rest.first() {
        let larger = if rest.len() > 1 { "+" } else { "" };
        let clusters = rest.iter().map(|size| size.clusters).sum();
        columns.push((number::whole(first.size) + larger, clusters));
    }
    let height = |clusters: u64| (clusters as f64 + 1.0).ln();
    let top = columns.iter().map(|(_, clusters)| height(*clusters)).fold(f64::MIN_POSITIVE, f64::max);
    let tall = |clusters: u64| 84.0 * height(clusters) / top;
    html! {
        @if columns.len() > 1 {
            div.columns role="img" aria-label="Groups by size" {
                @for (label, clusters) in &columns {
                    div {
                        b { (number::count(*clusters)) }
                        svg viewBox="0 0 10 84" preserveAspectRatio="none" aria-hidden="true" {
                            rect.fill-duplicates x="0" y=(format!("{:.1}", 84.0 - tall(*clusters))) width="10" height=(format!("{:.1}", tall(*clusters))) {}
                        }
                        (label)
                    }
                }
            }
            p.note { "Groups by number of documents; heights are logarithmic." }
        }
    }
}

/// A group: the kept document in full, the others by their differences.
fn members(cluster: &Cluster, place: usize) -> Markup {
    let kept = cluster.members.iter().find(|member| member.kept).map(|member| member.excerpt.as_str());
    let rest = cluster.size.saturating_sub(cluster.members.len() as u64);
    html! {
        details open[place == 0] .later[place >= PRINTED] {
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
                        (stages::changed(kept.unwrap_or(&member.excerpt), &member.excerpt))
                    }
                }
            }
            @if rest > 0 && !cluster.members.is_empty() { p.note { "And " (number::whole(rest)) " more." } }
        }
    }
}
