//! Up to four runs side by side: every metric with its interval, and pairwise comparisons on the same text and rows.

use super::cards::metric_of;
use super::*;
use glasshouse_protocol::evaluation::Table;

/// Per-token metrics, which are not comparable between tokenizers.
const PER_TOKEN: [&str; 5] = ["loss", "perplexity", "token_accuracy", "top_5_accuracy", "ece"];

/// A table row's key: the task, or `None` for the text, and the metric's name.
type Row = (Option<String>, String);

/// The evaluated of the shown runs, with their titles.
pub fn evaluated<'a>(
    evaluations: &'a BTreeMap<String, Evaluation>,
    shown: &[&RunSummary],
) -> Vec<(String, &'a Evaluation)> {
    shown.iter().filter_map(|run| Some((called(run), evaluations.get(&run.name)?))).collect()
}

/// One sentence: which run predicts the text best, or why that cannot be said; `None` if fewer than two runs have predicted text.
pub fn verdict(evaluated: &[(String, &Evaluation)], pairs: &[Comparison]) -> Option<String> {
    if differs_in_text(evaluated) {
        let size = |(title, own): &(String, &Evaluation)| {
            let tokens = own.likelihood.as_ref()?.tokens;
            Some(format!("{title} on {}", format::counted(tokens, "token")))
        };
        let sizes: Vec<String> = evaluated.iter().filter_map(size).collect();
        let sizes = sizes.join(" and ");
        let named = |name: &String| evaluated.iter().any(|(_, own)| own.run == *name);
        let both = pairs.iter().any(|pair| named(&pair.first) && named(&pair.second));
        let both = if both { " The paired differences are of what both read." } else { "" };
        return Some(format!("Not comparable: the runs were evaluated on different texts, {sizes}.{both}"));
    }
    let loss = |(title, own): &(String, &Evaluation)| {
        let (unit, loss) = LossUnit::leading(&own.likelihood.as_ref()?.metrics)?;
        let loss = loss.value.filter(|loss| loss.is_finite())?;
        Some((loss, title.clone(), own.run.clone(), unit))
    };
    let mut ranked: Vec<(f64, String, String, LossUnit)> = evaluated.iter().filter_map(loss).collect();
    ranked.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    let [(least, best, first, unit), (more, next, second, _), ..] = &ranked[..] else { return None };
    let numbers =
        format!("{} {} against {} of {next}", format::figures(*least), unit.name(), format::figures(*more));
    let is_pair = |pair: &&Comparison| {
        let (one, other) = (&pair.first, &pair.second);
        pair.what == unit.metric() && ((one, other) == (first, second) || (one, other) == (second, first))
    };
    let interval = pairs.iter().find(is_pair).map(|pair| pair.difference.interval);
    Some(match interval {
        Some(Some([low, high])) if low > 0.0 || high < 0.0 => {
            format!("{best} predicts the text best: {numbers}.")
        }
        Some(_) => format!("{best} and {next} predict the text equally well within the noise: {numbers}."),
        None => format!("{best} has the lowest loss: {numbers}; whether that is chance was not tested."),
    })
}

/// Whether a shown run was evaluated on another text than the one with the most tokens, so that its numbers do not go beside it.
pub fn is_apart(evaluated: &[(String, &Evaluation)], own: &Evaluation) -> bool {
    let texts = evaluated.iter().filter_map(|(_, other)| other.likelihood.as_ref());
    let most = texts.max_by_key(|text| text.tokens);
    own.likelihood.as_ref().zip(most).is_some_and(|(own, most)| !same_text(own, most))
}

/// Draws the table and the pairwise comparisons.
pub fn compare_ui(ui: &mut Ui, context: &mut Context<'_>, results: &Results, shown: &[&RunSummary]) {
    let evaluated = evaluated(&results.evaluations, shown);
    if evaluated.len() < 2 {
        return;
    }
    let note = differ(&evaluated).then(|| Block::Note(text::OTHER_TOKENIZER.to_owned()));
    let blocks = note.into_iter().chain([Block::Table(side_by_side(&evaluated))]);
    let blocks = blocks.chain(gaps(&evaluated).into_iter().map(Block::Note));
    let side_by_side = Section::new("Side by side", blocks).block();
    let named = |name: &String| evaluated.iter().any(|(_, evaluation)| evaluation.run == *name);
    let pairs = results.comparisons.iter().filter(|pair| named(&pair.first) && named(&pair.second));
    let called = |name: &String| {
        let known = context.state.runs.list.iter().find(|known| known.name == *name);
        known.map_or(name.clone(), called)
    };
    let pairs: Vec<Comparison> = pairs
        .map(|pair| Comparison { first: called(&pair.first), second: called(&pair.second), ..pair.clone() })
        .collect();
    let sections = [side_by_side, blocks::compared("Paired differences", &pairs).block()];
    let draw = |ui: &mut Ui, context: &mut Context<'_>, place: usize| {
        report_ui(ui, context, "evaluate", &sections[place]);
    };
    if ui.available_width() < super::TWO_COLUMNS || pairs.is_empty() {
        (0..2).for_each(|place| draw(ui, context, place));
    } else {
        halves(ui, space::MEDIUM, |ui, place| draw(ui, context, place));
    }
}

/// Whether the models have different tokenizers.
pub fn differ(evaluated: &[(String, &Evaluation)]) -> bool {
    let mut tokenizers = evaluated.iter().map(|(_, own)| own.model.tokenizer_crc32c);
    tokenizers.next().is_some_and(|first| tokenizers.any(|other| other != first))
}

fn differs_in_text(evaluated: &[(String, &Evaluation)]) -> bool {
    evaluated.iter().any(|(_, evaluation)| is_apart(evaluated, evaluation))
}

/// All comparable metrics of any run: none of the text if the texts differ.
fn rows_of(evaluated: &[(String, &Evaluation)]) -> Vec<Row> {
    let (mut names, differ) = (Vec::<Row>::new(), differ(evaluated));
    let one_text = !differs_in_text(evaluated);
    for (_, evaluation) in evaluated {
        let text = evaluation.likelihood.as_ref().filter(|_| one_text);
        let likelihood = text.iter().flat_map(|likelihood| &likelihood.metrics);
        let calibrated = text.is_some_and(|likelihood| likelihood.calibration.is_some());
        let own = likelihood.map(|metric| metric.name.as_str()).chain(calibrated.then_some("ece"));
        let own = own.filter(|name| !differ || !PER_TOKEN.contains(name));
        let own = own.map(|name| (None, name.to_owned()));
        let tasks = evaluation.tasks.iter().flat_map(|task| {
            task.metrics.iter().map(|metric| (Some(task.name.clone()), metric.name.clone()))
        });
        for name in own.chain(tasks) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn title_of((task, name): &Row) -> String {
    let title = metric_title(name);
    task.as_ref().map_or(title.clone(), |task| format!("{task}: {title}"))
}

/// Why a run lacks metrics that others have, one sentence each.
fn gaps(evaluated: &[(String, &Evaluation)]) -> Vec<String> {
    let rows = rows_of(evaluated);
    let of = |(run, evaluation): &(String, &Evaluation)| {
        let gap = |row: &Row| match find(evaluation, row.0.as_deref(), &row.1) {
            Some(Metric { value: Some(_), .. }) => None,
            Some(Metric { count: 0, of, .. }) if !of.is_empty() => {
                Some(format!("{} (there are no {of})", title_of(row)))
            }
            Some(_) => Some(format!("{} (not finite)", title_of(row))),
            None => Some(format!("{} (not evaluated)", title_of(row))),
        };
        let gaps: Vec<String> = rows.iter().filter_map(gap).collect();
        (!gaps.is_empty()).then(|| format!("{run} has no figure for {}.", gaps.join(", ")))
    };
    evaluated.iter().filter_map(of).collect()
}

/// A row per metric, a column per run.
fn side_by_side(evaluated: &[(String, &Evaluation)]) -> Table {
    let columns = std::iter::once("metric".to_owned());
    let columns = columns.chain(evaluated.iter().map(|(name, _)| name.clone())).collect();
    let row = |row: Row| {
        let title = title_of(&row);
        let (task, name) = row;
        let cell = |(_, evaluation): &(String, &Evaluation)| match find(evaluation, task.as_deref(), &name) {
            Some(metric) => metric.into(),
            None => format::NOTHING.into(),
        };
        std::iter::once(Cell::Text(title)).chain(evaluated.iter().map(cell)).collect()
    };
    let rows = rows_of(evaluated).into_iter().map(row).collect();
    Table { columns, rows, ..Table::default() }
}

/// A metric of a task, or of the text's likelihood.
fn find<'a>(evaluation: &'a Evaluation, task: Option<&str>, name: &str) -> Option<&'a Metric> {
    if let Some(task) = task {
        let report = evaluation.tasks.iter().find(|report| report.name == task)?;
        return metric_of(&report.metrics, name);
    }
    let likelihood = evaluation.likelihood.as_ref()?;
    let calibrated = || likelihood.calibration.as_ref().map(|calibration| &calibration.ece);
    metric_of(&likelihood.metrics, name).or_else(|| calibrated().filter(|_| name == "ece"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::evaluation::{Calibration, DocumentLoss};

    fn metric(name: &str, value: f64, interval: Option<[f64; 2]>) -> Metric {
        Metric { name: name.to_owned(), value: Some(value), interval, ..Metric::default() }
    }

    #[test]
    fn runs_stand_side_by_side_with_all_that_any_of_them_has() {
        let likelihood = |metrics| Some(Likelihood { metrics, ..Likelihood::default() });
        let task = TaskReport {
            name: "qa".to_owned(),
            metrics: vec![metric("f1", 0.5, None)],
            ..TaskReport::default()
        };
        let first =
            Evaluation { likelihood: likelihood(vec![metric("loss", 2.0, None)]), ..Evaluation::default() };
        let second = Evaluation {
            likelihood: likelihood(vec![metric("loss", 1.5, None), metric("repetition", 0.2, None)]),
            tasks: vec![task],
            ..Evaluation::default()
        };
        let evaluated = [("a".to_owned(), &first), ("b".to_owned(), &second)];
        let table = side_by_side(&evaluated);
        let titles: Vec<&Cell> = table.rows.iter().map(|row| &row[0]).collect();
        let text = |text: &str| Cell::Text(text.to_owned());
        let wanted = ["Loss in nats per token", "Repetition of 4-grams", "qa: Token F1"].map(text);
        assert_eq!(titles, wanted.iter().collect::<Vec<_>>());
        assert_eq!(table.rows[1][1], text(format::NOTHING));
        assert!(matches!(&table.rows[2][2], Cell::Metric(metric) if metric.value == Some(0.5)));
        assert!(!differ(&evaluated) && !differs_in_text(&evaluated));
        let gap = "a has no figure for Repetition of 4-grams (not evaluated), qa: Token F1 (not evaluated).";
        assert_eq!(gaps(&evaluated), [gap]);
        // Metrics that are not comparable have no row, and metrics of no data say so.
        let mut other = second.clone();
        other.model.tokenizer_crc32c = 9;
        other.likelihood.as_mut().unwrap().calibration = Some(Calibration::default());
        let one_tokenizer = Evaluation { model: other.model.clone(), ..second.clone() };
        let table = side_by_side(&[("b".to_owned(), &one_tokenizer), ("c".to_owned(), &other)]);
        assert!(table.rows.iter().any(|row| row[0] == text("Expected calibration error")));
        let repetition = &mut other.likelihood.as_mut().unwrap().metrics[1];
        (repetition.value, repetition.of) = (None, "4-grams of words of sampled texts".to_owned());
        let evaluated = [("b".to_owned(), &second), ("c".to_owned(), &other)];
        let table = side_by_side(&evaluated);
        let titles: Vec<&Cell> = table.rows.iter().map(|row| &row[0]).collect();
        assert_eq!(titles, wanted[1..].iter().collect::<Vec<_>>());
        let gap =
            "c has no figure for Repetition of 4-grams (there are no 4-grams of words of sampled texts).";
        assert_eq!(gaps(&evaluated), [gap]);
        let mut third = first.clone();
        let other = DocumentLoss { text_crc32c: 9, ..DocumentLoss::default() };
        third.likelihood.as_mut().unwrap().by_document = vec![other];
        let evaluated = [("a".to_owned(), &first), ("c".to_owned(), &third)];
        assert!(differs_in_text(&evaluated) && rows_of(&evaluated).is_empty());
    }

    #[test]
    fn a_verdict_names_the_better_run_and_refuses_different_texts() {
        let of = |run: &str, bits: f64, tokens: u64, text_crc32c: u32| Evaluation {
            run: run.to_owned(),
            likelihood: Some(Likelihood {
                tokens,
                metrics: vec![metric("bits_per_byte", bits, None)],
                by_document: vec![DocumentLoss { text_crc32c, ..DocumentLoss::default() }],
                ..Likelihood::default()
            }),
            ..Evaluation::default()
        };
        let [one, two, small] = [of("1-a", 1.5, 59_232, 1), of("2-b", 1.25, 59_232, 1), of("3-c", 0.5, 8, 2)];
        let pair = |low, high| {
            let difference = metric("bits_per_byte", (low + high) / 2.0, Some([low, high]));
            let (first, second, what) = ("1-a".to_owned(), "2-b".to_owned(), "bits_per_byte".to_owned());
            [Comparison { first, second, what, difference, ..Comparison::default() }]
        };
        let both = [("A".to_owned(), &one), ("B".to_owned(), &two)];
        let said = |pairs: &[Comparison]| verdict(&both, pairs).unwrap();
        assert!(said(&pair(0.2, 0.3)).starts_with("B predicts the text best: 1.2500"));
        assert!(said(&pair(-0.1, 0.3)).contains("within the noise") && said(&[]).contains("not tested"));
        let apart = [("A".to_owned(), &one), ("C".to_owned(), &small)];
        let refused = verdict(&apart, &[]).unwrap();
        assert!(refused.contains("A on 59,232 tokens and C on 8 tokens"), "{refused}");
        assert!(side_by_side(&apart).rows.is_empty() && is_apart(&apart, &small) && !is_apart(&apart, &one));
        assert_eq!(verdict(&both[..1], &[]), None);
    }
}
