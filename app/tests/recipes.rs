//! Recipes: each application is learned by a run and measured on held-out rows; and the exercises of a book.

use crate::support::program::{count_runs, error_of, fail, last, lines, run_of, stories, succeed, train};
use glasshouse_protocol::recipes::{RECIPES, RecipeMetric};
use serde_json::{Value, json};
use std::path::Path;

/// A folder with a small model with a byte-pair tokenizer, whose context fits a question.
fn folder() -> tempfile::TempDir {
    let folder = stories(60);
    let roomy =
        ["--steps", "4", "--set", "model.context_length=320", "--tokenizer", "bpe", "--vocabulary", "400"];
    train(folder.path(), &folder.path().join("first"), &roomy);
    folder
}

const SHORT: [&str; 10] =
    ["--project", "first", "--from", "1", "--steps", "2", "--device", "cpu", "--threads", "2"];

fn learn(folder: &Path, recipe: &str, more: &[&str]) -> Vec<Value> {
    let sets = ["--json", "--batch-size", "2", "--set", "train.eval_batches=2"];
    lines(&succeed(folder, &[&["recipe", recipe], &SHORT[..], &sets, more].concat()))
}

#[test]
fn recipes_are_listed_and_one_that_is_misspelt_is_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), &["recipe"]);
    let help = succeed(folder.path(), &["recipe", "--help"]);
    let told = lines(&succeed(folder.path(), &["recipe", "--json"]));
    assert_eq!(told.len(), RECIPES.len());
    for (recipe, line) in RECIPES.iter().zip(&told) {
        for page in [&text, &help] {
            assert!(page.contains(&recipe.name) && page.contains(&recipe.learns), "{}: {page}", recipe.name);
        }
        assert!(text.contains(&recipe.row) && text.contains(recipe.measured()), "{text}");
        assert_eq!(
            (&line["name"], &line["objective"]),
            (&json!(recipe.name), &json!(recipe.objective.name()))
        );
    }
    fail(folder.path(), &["recipe", "summarize", "--project", "none"], 2, &["'summarise'"]);
    let error = error_of(folder.path(), &["recipe", "summarise", "--project", "none"]);
    assert!(error.contains("glasshouse train"), "{error}");
    assert!(!folder.path().join("none").exists());
}

/// Each recipe's example can be read by its reader and trained on, and every held-out row is measured.
#[test]
fn the_example_of_every_recipe_trains_and_is_measured() {
    let folder = folder();
    let folder = folder.path();
    for (number, recipe) in RECIPES.iter().enumerate() {
        let file = format!("{}.jsonl", recipe.name);
        let told = succeed(folder, &["recipe", &recipe.name, "--example", &file]);
        assert!(!told.is_empty(), "{told}");
        let rows = std::fs::read_to_string(folder.join(&file)).unwrap();
        assert_eq!(rows.lines().count(), 10, "{rows}");
        // Of ten poems one is held out, from which windows are cut.
        let short: &[&str] = match recipe.metric() {
            RecipeMetric::Perplexity => &["--set", "model.context_length=32"],
            RecipeMetric::Answers | RecipeMetric::Labels => &[],
        };
        let told = learn(folder, &recipe.name, &[&["--data", &file], short].concat());
        let score = told.last().unwrap();
        assert_eq!((&score["event"], &score["recipe"]), (&json!("score"), &json!(recipe.name)), "{score}");
        let run = run_of(folder, "first", &(number + 2).to_string());
        assert_eq!(score["run"], run.name());
        let config = run.config().unwrap();
        assert_eq!((config.train.objective, config.train.steps), (recipe.objective, 2));
        if let Some(rate) = recipe.learning_rate {
            assert_eq!(config.train.learning_rate, rate);
        }
        if recipe.metric() == RecipeMetric::Perplexity {
            for field in ["before", "after"] {
                assert!(score[field].as_f64().unwrap() > 1.0, "{score}");
            }
            continue;
        }
        // Of ten rows at least one is held out of training.
        let place = folder.join(&config.data.paths[0]).parent().unwrap().to_owned();
        let own = place.file_name().unwrap().to_str().unwrap();
        assert!(own.starts_with(&format!("{}-", recipe.name)), "{own}");
        let held_out = std::fs::read_to_string(place.join("held-out.jsonl")).unwrap();
        let train = std::fs::read_to_string(place.join("train.jsonl")).unwrap();
        assert_eq!(train.lines().count() + held_out.lines().count(), 10);
        assert_eq!(score["rows"], held_out.lines().count());
        assert!(train.lines().all(|row| !held_out.contains(row)));
        let error = error_of(folder, &["recipe", &recipe.name, "--example", &file]);
        assert!(error.contains(&file), "{error}");
    }
}

/// A model's answer does not depend on the others in a batch, so its score is that of its answers.
#[test]
fn a_model_that_learned_its_answers_is_right_and_another_is_not() {
    let folder = folder();
    let folder = folder.path();
    let answers = [("Who?", "Ada."), ("Where?", "At sea."), ("When?", "At dawn.")];
    let row = |at: usize| {
        let (asked, answer) = answers[at % 3];
        json!({ "prompt": format!("{at}: {asked}"), "completion": answer }).to_string() + "\n"
    };
    std::fs::write(folder.join("rows.jsonl"), (0..120).map(row).collect::<String>()).unwrap();
    let own =
        ["recipe", "answer", "--project", "first", "--from", "1", "--data", "rows.jsonl", "--device", "cpu"];
    let fast = ["--steps", "400", "--lr", "3e-3", "--batch-size", "8", "--set", "model.context_length=64"];
    let score = last(&succeed(folder, &[&own[..], &fast, &["--json", "--threads", "2"]].concat()));
    let right = score["right"].as_u64().unwrap();
    let rows = score["rows"].as_u64().unwrap();
    assert!(rows >= 2 && right + 1 >= rows, "{score}");
    assert_eq!(score["pass_rate"].as_f64().unwrap(), right as f64 / rows as f64);
    let score = format!("answer: {right} of {rows} questions right");

    let again = ["recipe", "answer", "--project", "first", "--measure", "2", "--device", "cpu"];
    let told = succeed(folder, &again);
    assert!(told.contains(&score), "{told}");
    // Each question of the file occurs ten times; the second file has a different answer to one of them.
    let asked = |file: &str, rows: &str| {
        std::fs::write(folder.join(file), rows).unwrap();
        let score = last(&succeed(folder, &[&again[..], &["--data", file, "--json"]].concat()));
        assert_eq!(score["rows"], 30, "{score}");
        score["right"].as_u64().unwrap()
    };
    let rows: String = (0..30).map(row).collect();
    let (known, changed) =
        (asked("known.jsonl", &rows), asked("wrong.jsonl", &rows.replace("At sea.", "At home.")));
    assert!(known >= 28 && (known - 10).abs_diff(changed) <= 1, "{changed} and {known} of 30");

    // A run is measured by its own rows, even if another one learned others since.
    learn(folder, "answer", &["--data", "wrong.jsonl"]);
    let told = succeed(folder, &again);
    assert!(told.contains(&score), "{told}");
}

/// Impossible command lines are refused before any work.
#[test]
fn what_does_nothing_or_fits_nothing_is_refused() {
    let folder = folder();
    let folder = folder.path();
    for (arguments, said) in [
        (&["--steps", "5"][..], "required"),
        (&["--project", "first"], "required"),
        (&["answer", "--measure", "1", "--steps", "5"], "cannot be used with"),
        (&["answer", "--example", "a.jsonl", "--set", "train.steps=5"], "cannot be used with"),
        (&["poems", "--project", "first", "--measure", "1", "--data", "stories.txt"], "--data"),
        (&["classify", "--project", "first", "--measure", "1"], "objective text"),
        (&["answer", "--project", "first", "--set", "train.stepz=5"], "`steps`"),
        (&["answer", "--project", "new", "--from", "./none", "--adapter", "lore"], "`lora`"),
    ] {
        let error = error_of(folder, &[&["recipe"], arguments].concat());
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
    assert!(!folder.join("first/recipes").exists() && !folder.join("new").exists());
}

#[test]
fn data_of_another_format_are_refused_by_what_the_recipe_reads() {
    let folder = folder();
    let folder = folder.path();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("labels.jsonl", "{\"text\":\"a b\",\"label\":\"x\"}\n{\"text\":\"a c\",\"label\":\"y\"}\n");
    write(
        "questions.jsonl",
        "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"c\",\"completion\":\"d\"}\n",
    );
    write("one.jsonl", "{\"prompt\":\"a\",\"completion\":\"b\"}\n");
    for (recipe, data, said) in [
        ("summarise", "labels.jsonl", "JSON Lines"),
        ("summarise", "labels.jsonl", "--example rows.jsonl"),
        ("summarise", "stories.txt", "summarise"),
        ("classify", "questions.jsonl", "`label`"),
        ("classify", "stories.txt", "classify"),
        ("tag", "one.jsonl", "two different rows"),
        ("poems", "nowhere.txt", "nowhere.txt"),
        ("tag", "nowhere.jsonl", "nowhere.jsonl"),
    ] {
        let error = error_of(folder, &[&["recipe", recipe, "--data", data], &SHORT[..]].concat());
        assert!(error.contains(said), "{recipe} {data}: {error}");
    }
    let error = error_of(folder, &["recipe", "tag", "--example", "rows.txt"]);
    assert!(error.contains(".jsonl"), "{error}");
    assert_eq!(count_runs(folder, "first"), 1);
}
