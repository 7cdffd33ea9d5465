//! Where a model fails: rows by template or group, worst first.

use super::given::Given;
use super::measured::{AnswerMeasures, RIGHT};
use super::prompt::Prompting;
use super::rows::Row;
use glasshouse_metrics::statistics::{Bootstrap, metric};
use glasshouse_protocol::evaluation::{Cell, Passage, Table, metric_title};
use std::collections::BTreeMap;

const LISTED: usize = 40;

/// Groups with their scores on the first metric that is a mean over rows, each with a failed question; `None` if there
/// is only one group.
pub(super) fn by_group(
    rows: &[(&Row, Given)],
    measured: &AnswerMeasures,
    prompting: &Prompting<'_>,
    bootstrap: &Bootstrap,
) -> Option<Table> {
    let (name, scores) = measured.first_of_rows()?;
    let mut groups = BTreeMap::<&str, Vec<usize>>::new();
    for (at, (row, _)) in rows.iter().enumerate() {
        groups.entry(row.group.as_deref().unwrap_or("none")).or_default().push(at);
    }
    if groups.len() < 2 {
        return None;
    }
    let of = |places: &[usize]| places.iter().filter_map(|at| scores.get(*at).copied()).collect::<Vec<f64>>();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let mut groups: Vec<_> =
        groups.into_iter().map(|(group, places)| (mean(&of(&places)), group, places)).collect();
    glasshouse_protocol::order::sort_by(&mut groups, |(one, ..), (other, ..)| one.total_cmp(other));
    let count = groups.len();
    groups.truncate(LISTED);
    let line = |(value, group, places): (f64, &str, Vec<usize>)| {
        let values = of(&places);
        let failed = places.iter().filter(|at| scores.get(**at).is_some_and(|score| *score < RIGHT));
        let failed = failed.min_by(|one, other| scores[**one].total_cmp(&scores[**other]));
        let (question, answer) = match failed.and_then(|at| rows.get(*at)) {
            Some((row, given)) => {
                let question = Passage { prompt: prompting.text(row), token: String::new() };
                (question.into(), given.answer.clone().into())
            }
            None => (Cell::from(""), Cell::from("")),
        };
        let count = values.len() as u64;
        let metric = metric(name, Some(value), bootstrap.mean(&values), (count, "rows"));
        [group.into(), count.into(), metric.into(), question, answer]
    };
    let more = if count > LISTED { format!(" of {count}") } else { String::new() };
    let columns = ["template", "rows", &metric_title(name), "failed", "answer"];
    Some(Table {
        about: format!("The worst first{more}, each with a failed question and the model's answer."),
        ..Table::new("By template", columns, groups.into_iter().map(line))
    })
}
