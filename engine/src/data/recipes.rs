//! The rows that a recipe's run learns from and is measured by: made up, or a person's own, held apart in two files of a project.

use super::rewards::Judged;
use super::tasks::{Check, TaskSplit};
use crate::error::{Error, Result};
use crate::platform;
use crate::platform::files::{self, File};
use crate::storage::Staging;
use glasshouse_protocol::ChatMessage;
use glasshouse_protocol::recipes::{Metric, TuningRecipe};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Rows for training that are made up; of poems fewer, since nobody writes so many.
const ROWS: u64 = 20_000;
const POEMS: u64 = 400;

/// Held-out rows that are made up.
const HELD_OUT: u64 = 300;

/// Of so many rows of a person's own, one is held out.
const HOLD_OUT_EVERY: usize = 10;

/// Where they lie in a project, a folder a recipe.
pub(crate) const RECIPES_FOLDER: &str = "recipes";
pub(crate) const TASKS_FOLDER: &str = "tasks";
const TRAIN_FILE: &str = "train.jsonl";
const HELD_OUT_FILE: &str = "held-out.jsonl";

/// A recipe's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeRows {
    /// The file of those that are learned.
    pub train: PathBuf,
    /// Those that it is measured by, which lie beside it; of a recipe whose metric is perplexity there are none, since its run holds out
    /// some of its text by itself.
    pub held_out: Vec<String>,
}

/// A question, and what is known of its right answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The conversation up to the answer.
    pub messages: Vec<ChatMessage>,
    /// What scores an answer.
    pub judged: Judged,
}

/// Made-up rows of a recipe, as JSON lines; those of one split share no wording with those of another.
///
/// # Errors
/// What makes them did not come, in a browser.
pub fn made_up(recipe: &TuningRecipe, split: TaskSplit, count: u64) -> Result<Vec<String>> {
    platform::made_up_rows(Some(recipe), split, count).map_err(Error::Refused)
}

/// A recipe's made-up rows, in a project's folder.
///
/// # Errors
/// The disk fails, and then nothing is left of them.
pub fn write_made_up(recipe: &TuningRecipe, project: &Path) -> Result<RecipeRows> {
    let perplexity = recipe.metric() == Metric::Perplexity;
    let train = made_up(recipe, TaskSplit::Train, if perplexity { POEMS } else { ROWS })?;
    let held_out = if perplexity { Vec::new() } else { made_up(recipe, TaskSplit::HeldOut, HELD_OUT)? };
    write(recipe, project, &train, held_out)
}

/// The rows that a run of a project learns: made-up ones of the recipe that is named, or instruction tasks of all kinds.
///
/// # Errors
/// There is no such recipe, or the disk fails.
pub fn rows_of(project: &Path, recipe: Option<&str>) -> Result<PathBuf> {
    if let Some(name) = recipe {
        let recipe = glasshouse_protocol::recipes::recipe(name).map_err(Error::Unknown)?;
        return Ok(write_made_up(recipe, project)?.train);
    }
    let path = project.join(TASKS_FOLDER).join(TRAIN_FILE);
    if !files::is_file(&path) {
        let rows = platform::made_up_rows(None, TaskSplit::Train, ROWS).map_err(Error::Refused)?;
        let staging = Staging::beside(&project.join(TASKS_FOLDER))?;
        write_lines(&staging.path().join(TRAIN_FILE), &rows)?;
        staging.put(&project.join(TASKS_FOLDER))?;
    }
    Ok(path)
}

/// The held-out rows of the recipe's last run in a project; made-up ones where it had none.
///
/// # Errors
/// They cannot be read.
pub fn held_out(recipe: &TuningRecipe, project: &Path) -> Result<Vec<String>> {
    let path = project.join(RECIPES_FOLDER).join(recipe.name).join(HELD_OUT_FILE);
    if !files::is_file(&path) {
        return made_up(recipe, TaskSplit::HeldOut, HELD_OUT);
    }
    let text = files::read_to_string(&path).map_err(Error::io(&path))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// A person's own rows in a project's folder: every tenth is held out, and one at least.
///
/// # Errors
/// There are fewer than two, or the disk fails.
pub fn write_own(recipe: &TuningRecipe, project: &Path, rows: &[String]) -> Result<RecipeRows> {
    if rows.len() < 2 {
        return Err(Error::Refused(format!(
            "the recipe {} needs two rows at least, of which the last is held out; give more",
            recipe.name
        )));
    }
    let is_held_out = |number: usize| {
        (number + 1).is_multiple_of(HOLD_OUT_EVERY)
            || (rows.len() < HOLD_OUT_EVERY && number + 1 == rows.len())
    };
    let part = |held_out: bool| -> Vec<String> {
        let chosen = rows.iter().enumerate().filter(|(number, _)| is_held_out(*number) == held_out);
        chosen.map(|(_, row)| row.clone()).collect()
    };
    write(recipe, project, &part(false), part(true))
}

/// Writes both files, at once or not at all, in the place of those that were there.
fn write(
    recipe: &TuningRecipe,
    project: &Path,
    train: &[String],
    held_out: Vec<String>,
) -> Result<RecipeRows> {
    let folder = project.join(RECIPES_FOLDER).join(recipe.name);
    let staging = Staging::beside(&folder)?;
    write_lines(&staging.path().join(TRAIN_FILE), train)?;
    if !held_out.is_empty() {
        write_lines(&staging.path().join(HELD_OUT_FILE), &held_out)?;
    }
    staging.put(&folder)?;
    Ok(RecipeRows { train: folder.join(TRAIN_FILE), held_out })
}

/// Writes lines, durably.
///
/// # Errors
/// The disk fails.
pub fn write_lines(path: &Path, lines: &[String]) -> Result<()> {
    let mut file = File::create(path).map_err(Error::io(path))?;
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io(path))
}

/// A conversation whose last message is its answer, as a line: what [`questions`] takes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answered {
    /// All messages.
    pub messages: Vec<ChatMessage>,
    /// What scores an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

impl Answered {
    /// Its question, where there is an answer to one.
    pub fn question(mut self) -> Option<Question> {
        let answer = self.messages.pop()?;
        let asked = self.messages.last()?.content.clone();
        let judged = Judged { asked, check: self.check, answer: Some(answer.content) };
        Some(Question { messages: self.messages, judged })
    }
}

/// The questions of [`Answered`] lines.
///
/// # Errors
/// A line is none.
pub fn questions(lines: &[String]) -> Result<Vec<Question>> {
    let read = |line: &String| {
        let row = serde_json::from_str::<Answered>(line).map_err(|error| error.to_string());
        row.and_then(|row| row.question().ok_or_else(|| "no question with an answer".to_owned()))
    };
    lines.iter().map(|line| read(line).map_err(|reason| bad(line, &reason))).collect()
}

/// The texts of lines with `text` and `label`.
///
/// # Errors
/// A line is none.
pub fn labelled(lines: &[String]) -> Result<Vec<Labelled>> {
    lines
        .iter()
        .map(|line| serde_json::from_str(line).map_err(|error| bad(line, &error.to_string())))
        .collect()
}

/// A text and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Labelled {
    /// The text.
    pub text: String,
    /// Its label.
    pub label: String,
}

fn bad(line: &str, reason: &str) -> Error {
    Error::Refused(format!("a held-out row is none that can be measured by, {line}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::recipes::{RECIPES, recipe};

    #[test]
    fn every_recipe_has_rows_and_holds_others_out() {
        let folder = tempfile::tempdir().unwrap();
        for recipe in RECIPES {
            let written = write_made_up(recipe, folder.path()).unwrap();
            assert!(written.train.is_file());
            let rows = written.held_out;
            let perplexity = recipe.metric() == Metric::Perplexity;
            assert_eq!(rows.len() as u64, if perplexity { 0 } else { HELD_OUT }, "{}", recipe.name);
            match recipe.metric() {
                Metric::Perplexity => {}
                Metric::Labels => assert_eq!(labelled(&rows).unwrap().len(), rows.len()),
                Metric::Answers => {
                    for question in questions(&rows).unwrap() {
                        let answer = question.judged.answer.clone().unwrap();
                        assert_eq!(question.judged.score(&answer), 1.0, "{question:?}");
                    }
                }
            }
            if !perplexity {
                assert_eq!(held_out(recipe, folder.path()).unwrap(), rows);
            }
        }
    }

    #[test]
    fn tasks_of_all_kinds_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = rows_of(folder.path(), None).unwrap();
        let lines = std::fs::read_to_string(&path).unwrap();
        assert_eq!(lines.lines().count() as u64, ROWS);
        assert!(lines.lines().next().unwrap().contains("\"messages\""));
        std::fs::write(&path, "as it was").unwrap();
        assert_eq!(std::fs::read_to_string(rows_of(folder.path(), None).unwrap()).unwrap(), "as it was");
    }

    #[test]
    fn every_tenth_row_is_held_out_and_one_at_least() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = recipe("answer").unwrap();
        let rows = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        for (count, held) in [(2, vec!["1"]), (9, vec!["8"]), (25, vec!["9", "19"])] {
            let written = write_own(recipe, folder.path(), &rows(count)).unwrap();
            assert_eq!(written.held_out, held);
            let train = std::fs::read_to_string(&written.train).unwrap();
            assert_eq!(train.lines().count(), count - held.len());
            assert_eq!(held_out(recipe, folder.path()).unwrap(), held);
        }
        let few = write_own(recipe, folder.path(), &rows(1)).unwrap_err().to_string();
        assert!(few.contains("two rows at least"), "{few}");
    }
}
