//! Audit results on the card, each with samples and limitations.

use super::tables;
use super::words::shown;
use glasshouse_protocol::evaluation::{Audit, AuditSection, Evaluation};
use glasshouse_protocol::quantity::whole;
use maud::{Markup, html};

pub(super) fn section(evaluation: &Evaluation, audit: Option<&Audit>) -> Markup {
    html! {
        @if let Some(audit) = audit {
            section #audits {
                h2 { "Audits" }
                @if audit.weights_crc32c != evaluation.weights_crc32c {
                    p.bad {
                        "Audit of other weights of the run than the evaluation above: of " (shown(&audit.checkpoint)) ", step " (whole(audit.step)) "."
                    }
                }
                @for own in &audit.sections { (part(own)) }
            }
        }
    }
}

fn part(own: &AuditSection) -> Markup {
    let heading = if own.title.is_empty() { super::title(own.name.name()) } else { shown(&own.title) };
    html! {
        h3 { (heading) }
        div.card {
            @if let Some(reason) = &own.skipped { p.quiet { "Not made: " (shown(reason)) } }
            @if !own.sample.is_empty() { p.note { (shown(&own.sample)) } }
            @if !own.metrics.is_empty() { (tables::metrics(&own.metrics)) }
            @for table in &own.tables { (tables::table(table)) }
            @if !own.limits.is_empty() {
                h4 { "What it cannot show" }
                ul { @for limit in &own.limits { li { (shown(limit)) } } }
            }
        }
    }
}
