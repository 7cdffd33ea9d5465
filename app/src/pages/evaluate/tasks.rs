//! Results of tasks: metrics, tables such as a confusion matrix, and the answers, which can be searched and filtered for
//! failures.

use super::*;
use glasshouse_protocol::evaluation::{TaskAnswer, metric_text};

/// Heights of a row of the answer list and of the list, in points.
const ROW: f32 = 28.0;
const HEIGHT: f32 = 280.0;

#[derive(Debug)]
pub struct Filter {
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

/// A section for each task. The tasks of a suite are in its table, and start folded.
pub fn sections(evaluation: &Evaluation) -> Vec<Section> {
    let section =
        |task: &TaskReport| Section { is_closed: !task.suite.is_empty(), ..blocks::task(task, &date) };
    evaluation.tasks.iter().map(section).collect()
}

pub fn tasks_ui(
    ui: &mut Ui,
    context: &mut Context<'_>,
    evaluation: &Evaluation,
    sections: &[Section],
    answers: &mut BTreeMap<String, Filter>,
) {
    for (place, (task, section)) in evaluation.tasks.iter().zip(sections).enumerate() {
        // Two files may have the same name.
        let filter = answers.entry(format!("{} {place} {}", evaluation.run, task.name)).or_default();
        let key = format!("evaluate:{place}");
        let pressed = section_ui(ui, context, &key, section, |ui, context| {
            answers_ui(ui, context, (evaluation, task), filter);
        });
        look(context, &evaluation.run, &evaluation.checkpoint, pressed);
    }
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
        line_edit(ui, &name("Search answers"), "Search", 200.0, &mut filter.search);
    });
    let found: Vec<&TaskAnswer> = task.answers.iter().filter(|answer| filter.holds(answer)).collect();
    let all = format::counted(task.answers.len() as u64, "answer");
    caption(ui, format!("{} of {all}", format::whole(found.len() as u64)));
    if found.is_empty() {
        return;
    }
    let columns = columns(ui.available_width(), is_narrow(ui));
    let table = Table { columns: &columns, row: ROW };
    let list = ScrollArea::vertical().id_salt("answers").max_height(HEIGHT);
    table.rows_ui(ui, list, found.len(), |ui, place| {
        let answer = found[place];
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
        if row.inner.clicked() {
            filter.open = (!mine).then_some(answer.line);
        }
    });
    let open = found.iter().find(|answer| Some(answer.line) == filter.open);
    if let Some(answer) = open {
        ui.add_space(space::SMALL);
        if answer_ui(ui, task, answer) {
            let passage = Passage { prompt: answer.prompt.clone(), token: String::new() };
            look(context, &evaluation.run, &evaluation.checkpoint, Some(passage));
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
}
