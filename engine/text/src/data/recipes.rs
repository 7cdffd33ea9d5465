//! The training and held-out rows of a recipe, generated or the user's own, in two files of a project. Each content has
//! a folder of its own, which identifies the rows a run did not learn.

use super::prepare::RowSplitter;
use super::store::Split;
use super::tasks::TaskSplit;
use glasshouse_platform::files::{self, File};
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, refuse};
use glasshouse_protocol::recipes::{RECIPES, RecipeMetric, TuningRecipe};
use glasshouse_protocol::{DataConfig, Objective, RunConfig};
use sha2::{Digest as _, Sha256};
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Number of generated training rows; fewer for poems, since nobody writes so many.
const ROWS: u64 = 20_000;
const POEMS: u64 = 400;

/// Number of generated held-out rows.
const HELD_OUT: u64 = 300;

/// Held-out share of the user's own rows.
const HELD_OUT_SHARE: f64 = 0.1;

/// Folder in a project, with one subfolder per recipe and content.
pub const RECIPES_FOLDER: &str = "recipes";
/// Folders of instruction tasks of all kinds: with answers, as pairs with a wrong answer, and as prompts only.
pub const TASK_FOLDERS: [&str; 3] = ["tasks", "task-pairs", "task-prompts"];
const TRAIN_FILE: &str = "train.jsonl";
const HELD_OUT_FILE: &str = "held-out.jsonl";

/// Bytes of the content's SHA-256 in the folder name.
const DIGEST: usize = 8;

/// Generates rows of a recipe as JSON lines. Different splits share no wordings. Fails in a browser if the generator cannot be loaded.
pub fn generated(recipe: &TuningRecipe, split: TaskSplit, count: u64) -> Result<Vec<String>> {
    glasshouse_platform::generated_rows(Some(recipe), recipe.objective, split, count).map_err(Error::Refused)
}

/// Generates held-out rows to evaluate a run trained on other data.
pub fn generated_held_out(recipe: &TuningRecipe) -> Result<Vec<String>> {
    generated(recipe, TaskSplit::HeldOut, HELD_OUT)
}

/// Writes a recipe's generated rows to a project and returns the training file, with the held-out file next to it. Recipes measured by
/// perplexity have no held-out rows, since their runs hold out part of the text. Fails if writing fails; nothing is left on disk then.
fn write_generated(recipe: &TuningRecipe, project: &Path) -> Result<PathBuf> {
    let perplexity = recipe.metric() == RecipeMetric::Perplexity;
    let train = generated(recipe, TaskSplit::Train, if perplexity { POEMS } else { ROWS })?;
    let held_out = if perplexity { Vec::new() } else { generated_held_out(recipe)? };
    write(recipe, project, &train, &held_out)
}

/// Writes the training rows for a run: those of the named recipe, or instruction tasks of all kinds in the objective's format. Fails if the
/// recipe is unknown, the objective has no instruction tasks, or writing failed.
pub fn rows_of(project: &Path, recipe: Option<&str>, objective: Objective) -> Result<PathBuf> {
    if let Some(name) = recipe {
        let recipe = glasshouse_protocol::recipes::recipe(name).map_err(Error::Unknown)?;
        return write_generated(recipe, project);
    }
    if !objective.learns_tasks() {
        refuse!("there are no instruction tasks for the objective {objective}; give files to learn from");
    }
    let [answers, pairs, prompts] = TASK_FOLDERS;
    let folder = project.join(match (objective.learns_pairs(), objective.answers_prompts()) {
        (true, _) => pairs,
        (_, true) => prompts,
        _ => answers,
    });
    let path = folder.join(TRAIN_FILE);
    if !files::is_file(&path) {
        let rows = glasshouse_platform::generated_rows(None, objective, TaskSplit::Train, ROWS)
            .map_err(Error::Refused)?;
        let staging = Staging::beside(&folder)?;
        write_lines(&staging.path().join(TRAIN_FILE), &rows)?;
        staging.put(&folder)?;
    }
    Ok(path)
}

/// The held-out rows belonging to a run's training data; `None` if the run did not train on this recipe's data.
pub fn held_out(recipe: &TuningRecipe, project: &Path, run: &RunConfig) -> Result<Option<Vec<String>>> {
    let learned = run.data.paths.first().and_then(|path| folder_of(recipe, Path::new(path)));
    let Some(folder) = learned else { return Ok(None) };
    let path = project.join(RECIPES_FOLDER).join(folder).join(HELD_OUT_FILE);
    let text = storage::read_text(&path, u64::MAX)?;
    Ok(Some(text.lines().map(str::to_owned).collect()))
}

/// Whether a training file holds rows of a recipe or of instruction tasks. Works for moved projects.
pub fn is_of_tasks(path: &Path) -> bool {
    let of_all_kinds = TASK_FOLDERS.iter().any(|folder| path.ends_with(Path::new(folder).join(TRAIN_FILE)));
    of_all_kinds || RECIPES.iter().any(|recipe| folder_of(recipe, path).is_some())
}

/// The name of a training file's folder if it holds this recipe's rows. Works for moved projects.
fn folder_of<'path>(recipe: &TuningRecipe, path: &'path Path) -> Option<&'path OsStr> {
    let folder = path.parent().filter(|_| path.file_name() == Some(OsStr::new(TRAIN_FILE)))?;
    let place = folder.parent()?.file_name()?;
    let name = folder.file_name()?;
    let digest = name.to_str()?.strip_prefix(recipe.name.as_str())?.strip_prefix('-')?;
    (place == RECIPES_FOLDER && !digest.is_empty()).then_some(name)
}

/// Writes the user's own rows to a project and returns the training file. A tenth is held out by `RowSplitter`. Fails if fewer than two
/// rows differ, or writing failed.
pub fn write_own(recipe: &TuningRecipe, project: &Path, rows: &[String]) -> Result<PathBuf> {
    let config = DataConfig { validation: HELD_OUT_SHARE, ..DataConfig::default() };
    let mut splitter = RowSplitter::new(&config);
    let mut placed: Vec<(Split, &String)> = Vec::with_capacity(rows.len());
    for row in rows {
        placed.extend(splitter.place(row, None, row));
    }
    placed.extend(splitter.finish());
    let part = |split: Split| -> Vec<String> {
        placed.iter().filter(|(own, _)| *own == split).map(|(_, row)| (*row).clone()).collect()
    };
    let (train, held_out) = (part(Split::Train), part(Split::Validation));
    if train.is_empty() || held_out.is_empty() || splitter.holds_a_copy {
        refuse!(
            "the recipe {} needs at least two different rows, one of them held out; give more",
            recipe.name
        );
    }
    write(recipe, project, &train, &held_out)
}

/// Writes both files atomically to a folder named by their content, unless it exists.
fn write(recipe: &TuningRecipe, project: &Path, train: &[String], held_out: &[String]) -> Result<PathBuf> {
    let mut hash = Sha256::new();
    for part in [train, held_out] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(text_of(part));
    }
    let digest: String = hash.finalize().iter().take(DIGEST).map(|byte| format!("{byte:02x}")).collect();
    let folder = project.join(RECIPES_FOLDER).join(format!("{}-{digest}", recipe.name));
    let holds = |name: &str, lines: &[String]| {
        let text = files::read_to_string(folder.join(name));
        text.is_ok_and(|text| text == text_of(lines))
            || (lines.is_empty() && !files::is_file(&folder.join(name)))
    };
    if !(holds(TRAIN_FILE, train) && holds(HELD_OUT_FILE, held_out)) {
        let staging = Staging::beside(&folder)?;
        write_lines(&staging.path().join(TRAIN_FILE), train)?;
        if !held_out.is_empty() {
            write_lines(&staging.path().join(HELD_OUT_FILE), held_out)?;
        }
        staging.put(&folder)?;
    }
    Ok(folder.join(TRAIN_FILE))
}

/// Writes lines durably.
pub fn write_lines(path: &Path, lines: &[String]) -> Result<()> {
    let mut file = File::create(path).map_err(Error::io(path))?;
    file.write_all(text_of(lines).as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io(path))
}

fn text_of(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tasks::Check;
    use glasshouse_protocol::presets;
    use glasshouse_protocol::recipes::recipe;
    use serde_json::Value;

    fn parsed(row: &str) -> Value {
        serde_json::from_str(row).unwrap()
    }

    /// The settings of a run trained on a file.
    fn run(train: &Path) -> RunConfig {
        let mut run = presets::preset("first-stories").unwrap();
        run.data.paths = vec![train.display().to_string()];
        run
    }

    #[test]
    fn every_recipe_has_rows_and_holds_others_out() {
        let folder = tempfile::tempdir().unwrap();
        for recipe in RECIPES.iter() {
            let train = write_generated(recipe, folder.path()).unwrap();
            assert!(train.is_file());
            if recipe.metric() == RecipeMetric::Perplexity {
                assert!(!train.with_file_name(HELD_OUT_FILE).exists());
                continue;
            }
            let rows = held_out(recipe, folder.path(), &run(&train)).unwrap().unwrap();
            assert_eq!(rows.len() as u64, HELD_OUT, "{}", recipe.name);
            match recipe.metric() {
                RecipeMetric::Perplexity => {}
                RecipeMetric::Labels => {
                    for row in rows.iter().map(|row| parsed(row)) {
                        assert!(row["text"].is_string() && row["label"].is_string(), "{row}");
                    }
                }
                RecipeMetric::Answers => {
                    for row in rows.iter().map(|row| parsed(row)) {
                        let check: Check = serde_json::from_value(row["check"].clone()).unwrap();
                        let answer = row["messages"].as_array().unwrap().last().unwrap();
                        assert_eq!(check.score(answer["content"].as_str().unwrap()), 1.0, "{row}");
                    }
                }
            }
        }
    }

    #[test]
    fn tasks_of_all_kinds_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = rows_of(folder.path(), None, Objective::Chat).unwrap();
        let lines = std::fs::read_to_string(&path).unwrap();
        assert_eq!(lines.lines().count() as u64, ROWS);
        assert!(lines.lines().next().unwrap().contains("\"messages\""));
        std::fs::write(&path, "as it was").unwrap();
        let again = rows_of(folder.path(), None, Objective::Chat).unwrap();
        assert_eq!(std::fs::read_to_string(again).unwrap(), "as it was");
        for (objective, field) in [(Objective::Preference, "\"rejected\""), (Objective::Reward, "\"prompt\"")]
        {
            let rows = std::fs::read_to_string(rows_of(folder.path(), None, objective).unwrap()).unwrap();
            assert!(rows.lines().all(|line| line.contains(field)), "{objective}");
        }
        for objective in Objective::ALL {
            let rows = rows_of(folder.path(), None, objective);
            assert_eq!(rows.is_ok(), objective.learns_tasks(), "{objective}");
        }
    }

    #[test]
    fn rows_of_tasks_are_known_by_their_place_in_a_project() {
        let of_tasks = |path: &str| is_of_tasks(Path::new(path));
        assert!(of_tasks("recipes/answer-0123/train.jsonl") && of_tasks("/p/tasks/train.jsonl"));
        assert!(!of_tasks("my-recipes.txt") && !of_tasks("texts/a.txt"));
        assert!(!of_tasks("/home/tasks/p/documents/train.jsonl"), "a project may be in any folder");
    }

    #[test]
    fn a_tenth_of_own_rows_is_held_out_and_one_at_least() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = recipe("answer").unwrap();
        let rows = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        for (count, most) in [(2, 1), (9, 4), (400, 60)] {
            let written = write_own(recipe, folder.path(), &rows(count)).unwrap();
            let train = std::fs::read_to_string(&written).unwrap();
            let held = held_out(recipe, folder.path(), &run(&written)).unwrap().unwrap();
            assert!((1..=most).contains(&held.len()), "{held:?}");
            assert_eq!(train.lines().count(), count - held.len());
            assert!(train.lines().all(|row| held.iter().all(|held| held != row)));
        }
        for few in [&rows(1)[..], &["a".to_owned(), "A!".to_owned()]] {
            let few = write_own(recipe, folder.path(), few).unwrap_err().to_string();
            assert!(few.contains("at least two different rows"), "{few}");
        }
    }

    #[test]
    fn rows_of_other_content_lie_beside_those_that_a_run_learned() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = recipe("answer").unwrap();
        let rows = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        let first = write_own(recipe, folder.path(), &rows(3)).unwrap();
        let changed = || std::fs::metadata(&first).unwrap().modified().unwrap();
        let before = changed();
        let other = write_own(recipe, folder.path(), &rows(5)).unwrap();
        assert_ne!(first, other);
        assert_eq!(write_own(recipe, folder.path(), &rows(3)).unwrap(), first);
        assert_eq!(changed(), before, "what lies there already stays");
        for (written, count) in [(&first, 3), (&other, 5)] {
            let held = held_out(recipe, folder.path(), &run(written)).unwrap().unwrap();
            assert_eq!(held.len() + std::fs::read_to_string(written).unwrap().lines().count(), count);
        }
        // The project may have been moved since training.
        let moved = first.strip_prefix(folder.path()).unwrap();
        let again = held_out(recipe, folder.path(), &run(moved)).unwrap();
        assert_eq!(again, held_out(recipe, folder.path(), &run(&first)).unwrap());
        // The user's own file, and the data of another recipe's run.
        let own = run(&folder.path().join("train.jsonl"));
        assert_eq!(held_out(recipe, folder.path(), &own).unwrap(), None);
        let tag = glasshouse_protocol::recipes::recipe("tag").unwrap();
        assert_eq!(held_out(tag, folder.path(), &run(&first)).unwrap(), None);
    }
}
