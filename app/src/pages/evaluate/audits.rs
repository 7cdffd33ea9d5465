//! Results of an audit: each topic with its sample size and limitations.

use super::cards::metrics_ui;
use super::section::{Head, look_with, section_ui, table_ui};
use super::source_evaluated;
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{caption, head};
use crate::theme::space;
use crate::widgets::{self, hint_line, report_csv};
use egui::Ui;
use egui_material_icons::icons;
use glasshouse_protocol::Audit;
use glasshouse_protocol::evaluation::{AuditSection, Cell, Table};

pub(super) fn audits_ui(ui: &mut Ui, context: &mut Context<'_>, audit: &Audit) {
    for part in &audit.sections {
        let key = format!("audit {}", part.name.name());
        let title = format!("Audit: {}", part.title);
        let note = match part.skipped {
            Some(_) => "not made".to_owned(),
            None => format!(
                "step {} · {}",
                format::whole(audit.step),
                format::date_time(audit.made.max(0.0) as u64)
            ),
        };
        let shown = Head { key: &key, title: &title, note: &note, open: true };
        let csv = || part_csv(part);
        let csv: Option<&dyn Fn() -> String> = part.skipped.is_none().then_some(&csv);
        section_ui(ui, context, shown, csv, |ui, context| part_ui(ui, context, audit, part));
    }
}

fn part_ui(ui: &mut Ui, context: &mut Context<'_>, audit: &Audit, part: &AuditSection) {
    if let Some(why) = &part.skipped {
        hint_line(ui, why);
        return;
    }
    if !part.sample.is_empty() {
        caption(ui, &part.sample);
    }
    if !part.metrics.is_empty() {
        metrics_ui(ui, &part.metrics);
    }
    // The first table has the result; tables about its origin start folded.
    for (place, table) in part.tables.iter().enumerate() {
        ui.add_space(space::SMALL);
        let name = format!("evaluate:audit {} {}", part.name.name(), table.title);
        let rows = format::counted(table.rows.len() as u64, "row");
        let title = (table.title.as_str(), rows.as_str());
        let pressed =
            widgets::fold(ui, context.preferences, &name, title, place == 0, |ui, _| table_ui(ui, table));
        if let Some(passage) = pressed.flatten() {
            let source = source_evaluated(context.state, &audit.run, &audit.checkpoint);
            look_with(context, source, passage.prompt);
        }
    }
    limits_ui(ui, "Limitations", &part.limits);
}

pub(super) fn limits_ui(ui: &mut Ui, title: &str, limits: &[String]) {
    if limits.is_empty() {
        return;
    }
    ui.add_space(space::SMALL);
    head(ui, title);
    for limit in limits {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let quiet = crate::theme::Palette::of(ui).quiet;
            ui.label(icons::ICON_INFO.rich_text().size(16.0).color(quiet));
            widgets::prose(ui, limit);
        });
    }
}

/// Metrics, followed by each table.
fn part_csv(part: &AuditSection) -> String {
    let metrics = Table {
        columns: vec!["metric".to_owned(), "value".to_owned()],
        rows: part
            .metrics
            .iter()
            .map(|metric| vec![Cell::Text(metric.name.clone()), Cell::Metric(Box::new(metric.clone()))])
            .collect(),
        ..Table::default()
    };
    let all = std::iter::once(&metrics).chain(&part.tables).filter(|table| !table.rows.is_empty());
    // An empty line separates tables with different columns.
    all.map(report_csv).collect::<Vec<_>>().join("\n")
}
