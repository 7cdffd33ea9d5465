//! Answers to the rows of a task, by a model run here or from a results file.

use super::answers::tags_of;
use super::choices::{ModelChoice, best};
use super::file::TaskFile;
use super::prompt::names_of;
use super::rows::{Right, Row, chosen};
use glasshouse_platform::{Error, Result};
use serde_json::{Map, Value};
use std::collections::HashMap;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Given {
    /// As text: the chosen option, the label, or all tags.
    pub(super) answer: String,
    pub(super) chosen: Option<ModelChoice>,
}

/// Answered rows, and those that could not be answered.
#[derive(Debug, Default)]
pub(super) struct AllGiven<'a> {
    pub(super) rows: Vec<(&'a Row, Given)>,
    /// Lines without an answer, and why.
    pub(super) broken: Vec<(u64, String)>,
}

impl<'a> AllGiven<'a> {
    pub(super) fn new(rows: &'a [Row], given: impl IntoIterator<Item = Result<Given, String>>) -> Self {
        let mut all = Self::default();
        for (row, given) in rows.iter().zip(given) {
            match given {
                Ok(given) => all.rows.push((row, given)),
                Err(reason) => all.broken.push((row.line, reason)),
            }
        }
        all
    }

    /// Reads the results of an external model: JSON Lines with `line` and `answer`, or `log_likelihoods` for choices. Fails
    /// if no row has an answer.
    pub(super) fn read(name: &str, bytes: &[u8], file: &'a TaskFile) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            Error::bad_file(name, format!("not UTF-8 at its byte {}", error.valid_up_to()))
        })?;
        let places: HashMap<u64, usize> = file.rows.iter().zip(0..).map(|(row, at)| (row.line, at)).collect();
        let mut found: Vec<Option<Given>> = vec![None; file.rows.len()];
        let mut broken = Vec::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let read = result_of(line).and_then(|(at, fields)| match places.get(&at) {
                None => Err(format!("line {at} of {} is not a requested row", file.name)),
                Some(place) => {
                    let row = file.rows.get(*place).ok_or("no such row")?;
                    Ok((*place, given_of(&fields, row)?))
                }
            });
            match read {
                Ok((place, given)) => {
                    if let Some(own) = found.get_mut(place) {
                        *own = Some(given);
                    }
                }
                Err(reason) => broken.push((number, reason)),
            }
        }
        if found.iter().all(Option::is_none) {
            let first = broken
                .first()
                .map_or_else(|| "it is empty".to_owned(), |(line, reason)| format!("line {line}: {reason}"));
            let reason = format!("it has no answer to a row of {}; {first}", file.name);
            return Err(Error::bad_file(name, reason));
        }
        let missing = || Err("its results have no entry for this row".to_owned());
        let mut all = Self::new(&file.rows, found.into_iter().map(|given| given.map_or_else(missing, Ok)));
        all.broken.extend(broken);
        Ok(all)
    }
}

/// A result's fields, and the task line it belongs to.
fn result_of(line: &str) -> Result<(u64, Map<String, Value>), String> {
    let value: Value =
        serde_json::from_slice(line.as_bytes()).map_err(|error| format!("not JSON: {error}"))?;
    let Value::Object(fields) = value else { return Err("expected a JSON object".to_owned()) };
    let line = fields.get("line").and_then(Value::as_u64);
    Ok((line.ok_or("`line`: expected the number of the task file's line")?, fields))
}

fn given_of(fields: &Map<String, Value>, row: &Row) -> Result<Given, String> {
    let answer = fields.get("answer").filter(|answer| !answer.is_null());
    let Right::Choice { choices, .. } = &row.right else {
        return match answer {
            Some(Value::String(text)) => Ok(Given { answer: text.trim().to_owned(), chosen: None }),
            Some(_) => Err("`answer`: expected a text".to_owned()),
            None => Err("`answer`: missing".to_owned()),
        };
    };
    let sums = fields.get("log_likelihoods").and_then(Value::as_array);
    let sums = sums.map(|sums| sums.iter().filter_map(Value::as_f64).collect::<Vec<f64>>());
    let chosen = match (sums, answer) {
        (Some(sums), _) if sums.len() == choices.len() => best(&sums, choices, row.asked(), &HashMap::new()),
        (Some(sums), _) => {
            return Err(format!("`log_likelihoods`: {} for {} choices", sums.len(), choices.len()));
        }
        (None, Some(answer)) => {
            let one = chosen(answer, choices, &[], "answer")?;
            // The measure behind the choice is unknown, so the other measures stay empty.
            ModelChoice { likeliest: one, ..ModelChoice::default() }
        }
        (None, None) => return Err("`answer`: missing".to_owned()),
    };
    let answer = choices.get(chosen.likeliest).cloned().unwrap_or_default();
    Ok(Given { answer, chosen: Some(chosen) })
}

pub(super) fn tags<'a>(row: &'a Row, given: &Given, names: &[String]) -> Option<(&'a [String], Vec<String>)> {
    let Right::Tags { tags, .. } = &row.right else { return None };
    Some((tags, tags_of(&given.answer, names, tags.len())))
}

/// Trivial baselines: random choice or the majority label, with the score of each row.
pub(super) fn simplest(rows: &[(&Row, Given)]) -> Option<(&'static str, String, Vec<f64>)> {
    let (first, _) = rows.first()?;
    match first.right {
        Right::Choice { .. } => {
            let worth = |(row, _): &(&Row, Given)| match &row.right {
                Right::Choice { right, .. } => right.len() as f64 / row.asked().max(1) as f64,
                _ => 0.0,
            };
            let about = "A random choice: chance accuracy.".to_owned();
            Some(("random", about, rows.iter().map(worth).collect()))
        }
        Right::Label(_) => {
            let all: Vec<Row> = rows.iter().map(|(row, _)| (*row).clone()).collect();
            let count =
                |name: &String| all.iter().filter(|row| row.right == Right::Label(name.clone())).count();
            // Ties go to the first by name.
            let commonest = names_of(&all).into_iter().rev().max_by_key(count)?;
            let worth =
                all.iter().map(|row| f64::from(u8::from(row.right == Right::Label(commonest.clone()))));
            let about = format!("The most frequent label of the file, {commonest}, for every text.");
            Some(("majority", about, worth.collect()))
        }
        Right::Answers { .. } | Right::Tags { .. } | Right::Continuation(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> TaskFile {
        TaskFile::read("rows.jsonl", text.as_bytes(), None).unwrap()
    }

    #[test]
    fn results_are_found_by_their_lines() {
        let file = file("{\"prompt\":\"a\",\"answer\":\"b\"}\n\n{\"prompt\":\"c\",\"answer\":\"d\"}\n");
        let text = "{\"line\":3,\"answer\":\" d \"}\n{\"line\":2,\"answer\":\"x\"}\n{\"answer\":\"x\"}\n";
        let all = AllGiven::read("t5.jsonl", text.as_bytes(), &file).unwrap();
        assert_eq!(all.rows.len(), 1);
        assert_eq!((all.rows[0].0.line, all.rows[0].1.answer.as_str()), (3, "d"));
        let said = ["have no entry for this row", "line 2 of rows.jsonl is not a requested row", "`line`"];
        for ((_, reason), part) in all.broken.iter().zip(said) {
            assert!(reason.contains(part), "{reason}");
        }
        let error = AllGiven::read("t5.jsonl", b"", &file).unwrap_err().to_string();
        assert!(error.contains("no answer to a row of rows.jsonl; it is empty"), "{error}");
    }

    #[test]
    fn a_choice_is_a_text_a_number_or_likelihoods() {
        let file = file("{\"prompt\":\"a\",\"choices\":[\"yes\",\"certainly\"],\"answer\":1}\n");
        for (line, likeliest, per_character) in [
            (r#"{"line":1,"answer":"certainly"}"#, 1, None),
            (r#"{"line":1,"answer":0}"#, 0, None),
            (r#"{"line":1,"log_likelihoods":[-3.0,-6.0]}"#, 0, Some(1)),
        ] {
            let all = AllGiven::read("t5.jsonl", line.as_bytes(), &file).unwrap();
            let chosen = all.rows[0].1.chosen.clone().unwrap();
            assert_eq!((chosen.likeliest, chosen.per_character), (likeliest, per_character), "{line}");
        }
    }

    #[test]
    fn the_simplest_rule_is_chance_or_the_commonest_label() {
        let choices = file("{\"prompt\":\"a\",\"choices\":[\"x\",\"y\",\"z\",\"w\"],\"answer\":1}\n");
        let rows: Vec<_> = choices.rows.iter().map(|row| (row, Given::default())).collect();
        let (name, _, worth) = simplest(&rows).unwrap();
        assert_eq!((name, worth), ("random", vec![0.25]));
        let labels = file(
            "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n{\"text\":\"c\",\"label\":\"y\"}\n",
        );
        let rows: Vec<_> = labels.rows.iter().map(|row| (row, Given::default())).collect();
        let (name, about, worth) = simplest(&rows).unwrap();
        assert_eq!((name, worth), ("majority", vec![0.0, 1.0, 1.0]));
        assert!(about.contains(", y,"), "{about}");
    }
}
