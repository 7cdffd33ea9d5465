//! The project's own instruction tasks: a row per family, with metrics and intervals.

use super::cards::metric_of;
use super::section::{Head, section_ui};
use super::text;
use crate::format;
use crate::pages::Context;
use crate::pages::parts::caption;
use crate::widgets::{report_csv, report_table};
use egui::Ui;
use glasshouse_protocol::evaluation::{Cell, Table, TaskReport, metric_title};

/// Draws the families of a suite, if any were evaluated.
pub(super) fn suite_ui(ui: &mut Ui, context: &mut Context<'_>, tasks: &[TaskReport]) {
    let Some(table) = by_family(tasks) else { return };
    let rows: u64 = tasks.iter().filter(|task| !task.suite.is_empty()).map(|task| task.rows).sum();
    let note =
        format!("{} families · {}", format::whole(table.rows.len() as u64), format::counted(rows, "row"));
    let part = Head { key: "suite", title: "Instruction tasks by family", note: &note, open: true };
    section_ui(ui, context, part, Some(&|| report_csv(&table)), |ui, _| {
        caption(ui, text::SUITE);
        report_table(ui, &table);
    });
}

/// A row per family, worst first by the first metric; `None` without any family.
fn by_family(tasks: &[TaskReport]) -> Option<Table> {
    let mut families: Vec<&TaskReport> = tasks.iter().filter(|task| !task.suite.is_empty()).collect();
    let worth = |task: &TaskReport| task.metrics.first().and_then(|metric| metric.value).unwrap_or_default();
    families.sort_by(|one, other| worth(one).total_cmp(&worth(other)));
    let mut names: Vec<&str> = Vec::new();
    for metric in families.iter().flat_map(|task| &task.metrics) {
        if !names.contains(&metric.name.as_str()) {
            names.push(&metric.name);
        }
    }
    let row = |task: &&TaskReport| {
        let mut row = vec![Cell::Text(task.name.clone()), Cell::Count(task.rows)];
        row.extend(names.iter().map(|name| match metric_of(&task.metrics, name) {
            Some(metric) => Cell::Metric(Box::new(metric.clone())),
            None => Cell::Text(format::NOTHING.to_owned()),
        }));
        row
    };
    let rows: Vec<Vec<Cell>> = families.iter().map(row).collect();
    let titles = names.iter().map(|name| metric_title(name));
    let columns = ["family", "rows"].map(str::to_owned).into_iter().chain(titles).collect();
    let (title, about) = ("Instruction tasks by family".to_owned(), String::new());
    (!rows.is_empty()).then_some(Table { title, about, columns, rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::evaluation::Metric;

    #[test]
    fn families_stand_below_one_another_the_worst_first_and_own_files_apart() {
        let task = |name: &str, suite: &str, metrics: &[(&str, f64)]| TaskReport {
            name: name.to_owned(),
            suite: suite.to_owned(),
            rows: 7,
            metrics: metrics
                .iter()
                .map(|(name, value)| Metric {
                    name: (*name).to_owned(),
                    value: Some(*value),
                    interval: Some([value - 0.1, value + 0.1]),
                    ..Metric::default()
                })
                .collect(),
            ..TaskReport::default()
        };
        let own = task("qa.jsonl", "", &[("exact", 0.1)]);
        assert_eq!(by_family(std::slice::from_ref(&own)), None);
        let tasks = [
            task("count", "tasks", &[("pass_rate", 0.75)]),
            own,
            task("story", "tasks", &[("pass_rate", 0.5), ("score", 0.625)]),
        ];
        let table = by_family(&tasks).unwrap();
        assert_eq!(table.columns, ["family", "rows", "Pass rate", "Mean score by the rule"]);
        let names: Vec<&Cell> = table.rows.iter().map(|row| &row[0]).collect();
        let text = |text: &str| Cell::Text(text.to_owned());
        assert_eq!(names, [&text("story"), &text("count")]);
        assert!(matches!(&table.rows[0][3], Cell::Metric(metric) if metric.interval == Some([0.525, 0.725])));
        assert_eq!(table.rows[1][3], text(format::NOTHING));
    }
}
