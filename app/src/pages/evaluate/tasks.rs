//! Results of tasks: metrics, tables such as a confusion matrix, and the answers, which can be searched and filtered for
//! failures.

use super::EvaluatePage;
use super::cards::{contamination_ui, metric_of, metrics_ui};
use super::section::{Head, kept_ui, look_with, section_ui, tables_ui};
use super::{look, source_evaluated, suite};
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{caption, head, places};
use crate::theme::{self, space};
use crate::widgets::{self, Align, Column, Table, hint_line, plain, raised, report_table};
use egui::{Label, RichText, ScrollArea, TextEdit, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::Evaluation;
use glasshouse_protocol::evaluation::{
    self, AnswerKind, Cell, Metric, TaskAnswer, TaskBaseline, TaskReport, metric_text, metric_title,
};

/// Heights of a row of the answer list and of the list, in points.
const ROW: f32 = 28.0;
const HEIGHT: f32 = 280.0;
/// Number of invalid lines that are named individually.
const NAMED: usize = 5;

#[derive(Debug)]
pub(super) struct Filter {
    wrong: bool,
    search: String,
    /// Line of the answer shown in full.
    open: Option<u64>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { wrong: true, search: String::new(), open: None }
    }
}

impl Filter {
    fn holds(&self, answer: &TaskAnswer) -> bool {
        let search = self.search.trim();
        let texts = [&answer.prompt, &answer.answer].into_iter().chain(&answer.expected).chain(&answer.group);
        let found = search.is_empty() || texts.into_iter().any(|text| !places(text, search).is_empty());
        found && (!self.wrong || has_failed(answer))
    }
}

/// Whether a row's first score is below the maximum. Metrics over all rows have no row scores; then an answer fails if it equals
/// no expected one.
fn has_failed(answer: &TaskAnswer) -> bool {
    match answer.scores.iter().flatten().next() {
        Some(score) => *score < 1.0,
        None => !answer.expected.iter().any(|expected| expected.trim() == answer.answer.trim()),
    }
}

fn does(kind: AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Generate => "writes answers",
        AnswerKind::Choose => "chooses among answers by likelihood",
        AnswerKind::Classify => "predicts labels",
        AnswerKind::Tag => "predicts a tag for each word",
        AnswerKind::Continue => "scores continuations",
    }
}

impl EvaluatePage {
    pub(super) fn tasks_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, evaluation: &Evaluation) {
        suite::suite_ui(ui, context, &evaluation.tasks);
        for (place, task) in evaluation.tasks.iter().enumerate() {
            // Two files may have the same name.
            let filter = self.answers.entry(format!("{} {place} {}", evaluation.run, task.name)).or_default();
            let key = format!("task {place} {}", task.name);
            let note = format!("{} · {}", format::counted(task.rows, "row"), does(task.kind));
            // The tasks of a suite are in its table, and start folded.
            let part = Head { key: &key, title: &task.name, note: &note, open: task.suite.is_empty() };
            section_ui(ui, context, part, Some(&|| csv(task)), |ui, context| {
                kept_ui(ui, task.kept_from);
                for sentence in &task.about {
                    caption(ui, sentence);
                }
                metrics_ui(ui, &task.metrics);
                for signature in task.metrics.iter().filter_map(|metric| metric.signature.as_ref()) {
                    caption(ui, signature);
                }
                broken_ui(ui, task);
                beside_ui(ui, task);
                if let Some(contamination) = &task.contamination {
                    contamination_ui(ui, context.palette, "row", contamination);
                }
                if let Some(passage) = tables_ui(ui, &task.tables) {
                    look(context, evaluation, passage);
                }
                answers_ui(ui, context, (evaluation, task), filter);
            });
        }
    }
}

/// Lines that could not be evaluated.
fn broken_ui(ui: &mut Ui, task: &TaskReport) {
    let Some(count) = Some(task.broken.len()).filter(|count| *count > 0) else { return };
    let were = if count == 1 { "was" } else { "were" };
    hint_line(
        ui,
        &format!("{} {were} left out; the others were evaluated.", format::counted(count as u64, "line")),
    );
    for (line, why) in task.broken.iter().take(NAMED) {
        caption(ui, format!("Line {}: {why}", format::whole(*line)));
    }
    if count > NAMED {
        caption(ui, format!("and {} more", format::whole((count - NAMED) as u64)));
    }
}

/// Baselines on the same rows.
fn beside_ui(ui: &mut Ui, task: &TaskReport) {
    let Some(table) = beside(task) else { return };
    ui.add_space(space::SMALL);
    head(ui, &table.title);
    report_table(ui, &table);
    for other in &task.beside {
        if !other.about.is_empty() {
            caption(ui, format!("{}: {}", other.name, other.about));
        }
        if let Some((line, why)) = other.broken.first() {
            let count = format::counted(other.broken.len() as u64, "line");
            let line = format::whole(*line);
            caption(ui, format!("{count} of {} had no result for a row; line {line}: {why}", other.name));
        }
    }
}

/// The model and its baselines: first the metrics they share, then the model's others. `None` without baselines.
fn beside(task: &TaskReport) -> Option<evaluation::Table> {
    let has = |name: &str| task.beside.iter().any(|other| metric_of(&other.metrics, name).is_some());
    let metrics: Vec<&Metric> = task.metrics.iter().filter(|metric| has(&metric.name)).collect();
    if metrics.is_empty() {
        return None;
    }
    let cell = |metric: Option<&Metric>| match metric {
        Some(metric) => Cell::Metric(Box::new(metric.clone())),
        None => Cell::Text(format::NOTHING.to_owned()),
    };
    let mut columns = vec!["what".to_owned()];
    let mut own = vec![Cell::Text("this model".to_owned())];
    for &metric in &metrics {
        columns.extend([metric_title(&metric.name), "this model minus it".to_owned()]);
        own.extend([cell(Some(metric)), cell(None)]);
    }
    let row = |other: &TaskBaseline| {
        let mut row = vec![Cell::Text(other.name.clone())];
        for metric in &metrics {
            row.push(cell(metric_of(&other.metrics, &metric.name)));
            // Differences have a range of their own.
            let name = format!("difference_{}", metric.name);
            let difference = metric_of(&other.differences, &metric.name);
            row.push(cell(difference.map(|metric| Metric { name, ..metric.clone() }).as_ref()));
        }
        row
    };
    let rows = std::iter::once(own).chain(task.beside.iter().map(row)).collect();
    Some(evaluation::Table { title: "Baselines".to_owned(), about: String::new(), columns, rows })
}

fn answers_ui(
    ui: &mut Ui,
    context: &mut Context<'_>,
    (evaluation, task): (&Evaluation, &TaskReport),
    filter: &mut Filter,
) {
    if task.answers.is_empty() {
        return;
    }
    ui.add_space(space::SMALL);
    head(ui, "Answers");
    ui.horizontal_wrapped(|ui| {
        let name = |what: &str| format!("{what} of {}", task.name);
        ui.checkbox(&mut filter.wrong, "Wrong ones only").accessible_name(name("Wrong ones only"));
        let field = TextEdit::singleline(&mut filter.search).hint_text("Search").id_salt("search answers");
        ui.add(field.desired_width(200.0)).accessible_name(name("Search answers"));
    });
    let found: Vec<&TaskAnswer> = task.answers.iter().filter(|answer| filter.holds(answer)).collect();
    let all = format::counted(task.answers.len() as u64, "answer");
    caption(ui, format!("{} of {all}", format::whole(found.len() as u64)));
    if found.is_empty() {
        return;
    }
    let columns = columns(ui.available_width(), widgets::is_narrow(ui));
    let table = Table { columns: &columns, row: ROW };
    table.titles_ui(ui);
    let list = ScrollArea::vertical().id_salt("answers").max_height(HEIGHT);
    let before = ui.spacing().item_spacing.y;
    ui.spacing_mut().item_spacing.y = 0.0;
    list.show_rows(ui, ROW, found.len(), |ui, rows| {
        for answer in rows.filter_map(|place| found.get(place)) {
            let cells = [
                answer.line.to_string(),
                answer.prompt.clone(),
                answer.answer.clone(),
                answer.expected.join(" / "),
            ];
            let said = format!("Line {}: {}, expected {}", cells[0], cells[2], cells[3]);
            let mine = filter.open == Some(answer.line);
            let row = ui.push_id(answer.line, |ui| {
                table.row_ui(ui, &said, mine, |ui, place| {
                    // A narrow screen shows the question only in the full answer below.
                    let place = if columns.len() < cells.len() && place > 0 { place + 1 } else { place };
                    if let Some(text) = cells.get(place) {
                        ui.add(Label::new(format::in_one_line(text)).truncate());
                    }
                })
            });
            let row = row.inner;
            if row.clicked() {
                filter.open = (!mine).then_some(answer.line);
            }
        }
    });
    ui.spacing_mut().item_spacing.y = before;
    let open = found.iter().find(|answer| Some(answer.line) == filter.open);
    if let Some(answer) = open {
        ui.add_space(space::SMALL);
        if answer_ui(ui, task, answer) {
            let source = source_evaluated(context.state, &evaluation.run, &evaluation.checkpoint);
            look_with(context, source, answer.prompt.clone());
        }
    }
}

fn columns(width: f32, narrow: bool) -> Vec<Column<'static>> {
    let column = |title, width| Column { title, width, align: Align::Left };
    let line = Column { title: "line", width: 40.0, align: Align::Right };
    let left = (width - line.width - 16.0 - 14.0 * if narrow { 2.0 } else { 3.0 }).max(120.0);
    let [half, third] = [left * 0.5, left * 0.25];
    match narrow {
        true => vec![line, column("answer", half), column("expected", half)],
        false => vec![line, column("prompt", half), column("answer", third), column("expected", third)],
    }
}

/// An answer in full. Returns whether to open it on the Inspect page.
fn answer_ui(ui: &mut Ui, task: &TaskReport, answer: &TaskAnswer) -> bool {
    raised(ui, |ui| {
        ui.set_width(ui.available_width());
        let expected = answer.expected.join("\n");
        for (title, text) in [("Prompt", &answer.prompt), ("Answer", &answer.answer), ("Expected", &expected)]
        {
            caption(ui, title);
            let shown = if text.is_empty() { "nothing" } else { text.as_str() };
            ui.add(Label::new(RichText::new(shown).text_style(theme::emphasis())).wrap().selectable(true));
        }
        let scores = task.metrics.iter().zip(&answer.scores).filter_map(|(metric, score)| {
            Some(format!("{} {}", metric_title(&metric.name), metric_text(&metric.name, (*score)?)))
        });
        let group = answer.group.iter().map(|group| format!("group {group}"));
        let about: Vec<String> = scores.chain(group).collect();
        if !about.is_empty() {
            caption(ui, about.join(" · "));
        }
        plain(ui, icons::ICON_BIOTECH, "Look inside").clicked()
    })
}

fn csv(task: &TaskReport) -> String {
    let mut head = vec!["line", "group", "prompt", "answer", "expected"];
    head.extend(task.metrics.iter().map(|metric| metric.name.as_str()));
    let rows = task.answers.iter().map(|answer| {
        let mut row = vec![
            answer.line.to_string(),
            answer.group.clone().unwrap_or_default(),
            answer.prompt.clone(),
            answer.answer.clone(),
            answer.expected.join(" / "),
        ];
        let score = |place: usize| answer.scores.get(place).copied().flatten();
        let number = |score: Option<f64>| score.map_or_else(String::new, |score| score.to_string());
        row.extend((0..task.metrics.len()).map(|place| number(score(place))));
        row
    });
    widgets::csv(&head, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(said: &str, score: Option<f64>) -> TaskAnswer {
        TaskAnswer {
            line: 3,
            prompt: "Who lost the ball?".to_owned(),
            answer: said.to_owned(),
            expected: vec!["The boy".to_owned()],
            scores: vec![score],
            ..TaskAnswer::default()
        }
    }

    #[test]
    fn wrong_answers_are_told_by_their_score_else_by_their_words() {
        assert!(has_failed(&answer("The owl", Some(0.5))) && !has_failed(&answer("A boy", Some(1.0))));
        assert!(has_failed(&answer("The owl", None)) && !has_failed(&answer(" The boy\n", None)));
    }

    #[test]
    fn answers_are_looked_through_by_any_of_their_words() {
        let mut filter = Filter { search: "OWL".to_owned(), ..Filter::default() };
        assert!(filter.holds(&answer("the owl", Some(0.0))) && !filter.holds(&answer("Mia", Some(0.0))));
        assert!(!filter.holds(&answer("the owl", Some(1.0))), "it is right");
        (filter.wrong, filter.search) = (false, " lost ".to_owned());
        assert!(filter.holds(&answer("Mia", Some(1.0))));
    }

    #[test]
    fn what_others_make_of_the_rows_stands_below_what_the_model_does() {
        let metric =
            |name: &str, value| Metric { name: name.to_owned(), value: Some(value), ..Metric::default() };
        let mut task = TaskReport {
            metrics: vec![metric("acc", 0.5), metric("f1_macro", 0.4)],
            ..TaskReport::default()
        };
        assert!(beside(&task).is_none());
        task.beside.push(TaskBaseline {
            name: "majority".to_owned(),
            metrics: vec![metric("acc", 0.25)],
            differences: vec![metric("acc", 0.25)],
            ..TaskBaseline::default()
        });
        let table = beside(&task).unwrap();
        assert_eq!(table.columns, ["what", "Accuracy", "this model minus it"]);
        let said = |row: usize| match &table.rows[row][..] {
            [Cell::Text(name), Cell::Metric(value), difference] => {
                (name.clone(), value.value, difference.clone())
            }
            other => panic!("{other:?}"),
        };
        let nothing = Cell::Text(format::NOTHING.to_owned());
        assert_eq!(said(0), ("this model".to_owned(), Some(0.5), nothing));
        let difference = Cell::Metric(Box::new(metric("difference_acc", 0.25)));
        assert_eq!(said(1), ("majority".to_owned(), Some(0.25), difference));
    }

    #[test]
    fn columns_fill_the_width_and_no_more() {
        for (width, narrow) in [(326.0, true), (700.0, false), (1500.0, false)] {
            let columns = columns(width, narrow);
            let wide = Table { columns: &columns, row: ROW }.width();
            assert!((wide - width).abs() < 2.0, "{wide} of {width}");
        }
    }
}
