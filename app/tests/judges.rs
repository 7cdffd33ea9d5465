//! Teachers and reward models that train on while others learn from them: those continue with the original weights.

use crate::support::program::{error_of, lines, stories, train, write_rows};
use crate::support::tuning::{ROOMY, at, config, pair_row, restored, resume, run, trained, tune};
use glasshouse_engine::checkpoint::Checkpoints;
use glasshouse_engine::project::Run;
use serde_json::{Value, json};
use std::path::Path;

/// A folder with a trained model, pairs of answers and prompts.
fn folder_with_pairs() -> tempfile::TempDir {
    let folder = trained(&[&ROOMY[..], &["--steps", "60"]].concat());
    let pair = |number: usize| {
        let who = ["Ada", "The owl", "Ben", "A fox", "Mia"][number % 5];
        let (better, worse) =
            (["rain", "snow", "wind"][number % 3], ["soup", "bread", "honey"][number / 5 % 3]);
        let [better, worse] = [better, worse].map(|what| format!("{who} saw {what}."));
        pair_row(&format!("Say {number}."), &better, &worse)
    };
    write_rows(&folder.path().join("pairs.jsonl"), (0..400).map(pair));
    let prompt = |at: usize| json!({ "prompt": format!("Say {at}.") });
    write_rows(&folder.path().join("prompts.jsonl"), (0..40).map(prompt));
    folder
}

fn has_checkpoint(run: &Run, file: &str) -> bool {
    Checkpoints::new(run.checkpoints_folder()).list().iter().any(|summary| summary.file == file)
}

/// Trains run `judge` on until the checkpoint is gone that run `learns` names in `setting`, and then resumes `learns`: steps 6 to
/// 8 must equal those of `whole`.
fn expect_same_numbers(
    folder: &Path,
    [judge, learns]: [&str; 2],
    setting: &str,
    kept: &str,
    whole: &[Value],
    events: &[&str],
) {
    let (name, file) = setting.split_once(':').unwrap();
    let judged = run(folder, judge);
    assert!(name == judged.name() && has_checkpoint(&judged, file), "{setting}");
    resume(folder, judge);
    assert!(!has_checkpoint(&judged, file), "{setting} is to be gone");
    // It resumes with the stored copy.
    let (copy, aside) = (run(folder, learns).folder().join(kept), folder.join("aside"));
    std::fs::rename(&copy, &aside).unwrap();
    let again = ["train", "--project", "first", "--run", learns, "--resume", "--json"];
    let error = error_of(folder, &again);
    assert!(error.contains(file), "{error}");
    std::fs::rename(&aside, &copy).unwrap();
    let rest = resume(folder, learns);
    for event in events {
        for step in 6..=8 {
            assert_eq!(at(whole, event, step), at(&rest, event, step), "{event} {step}");
        }
    }
}

/// Frequent evaluations, which soon find a better checkpoint.
const OFTEN: [&str; 4] = ["--set", "train.eval_interval=20", "--set", "train.milestone_interval=0"];

/// Trains a reward model on conversations, as run 2.
fn score(folder: &Path, more: &[&str]) {
    let own = ["--set", "train.preference.loss=bradley-terry", "--lr", "4e-3", "--batch-size", "16"];
    tune(folder, "1", "preference", "pairs.jsonl", &[&own[..], &OFTEN, more].concat());
}

/// Options for learning from the scores of run 2.
const BY_SCORES: [&str; 10] = [
    "--set",
    "train.reward.model=2",
    "--set",
    "train.reward.max_tokens=8",
    "--set",
    "train.batch_size=16",
    "--steps",
    "8",
    "--lr",
    "3e-3",
];

/// Trains on the scores of run 2.
fn learn(folder: &Path, more: &[&str]) -> Vec<Value> {
    tune(folder, "1", "reward", "prompts.jsonl", &[&BY_SCORES[..], more].concat())
}

#[test]
fn a_policy_goes_on_by_the_scores_that_it_began_with() {
    let folder = folder_with_pairs();
    let folder = folder.path();
    score(folder, &["--steps", "100", "--stop-after", "10"]);
    let whole = learn(folder, &[]);
    learn(folder, &["--stop-after", "5"]);
    let setting = config(folder, "4").train.reward.model;
    let kept = "reward-model.safetensors";
    expect_same_numbers(folder, ["2", "4"], &setting, kept, &whole, &["step", "reward"]);
    // A restored run has it, too.
    let [before, after] =
        [run(folder, "3"), restored(folder, "3")].map(|run| std::fs::read(run.folder().join(kept)).unwrap());
    assert!(before == after);
}

#[test]
fn a_student_goes_on_by_the_teacher_that_it_began_with() {
    let folder = stories(60);
    let folder = folder.path();
    let learn = |more: &[&str]| lines(&train(folder, &folder.join("first"), &[more, &["--json"]].concat()));
    learn(&[&OFTEN[..], &["--steps", "100", "--lr", "3e-3", "--stop-after", "10"]].concat());
    let own = ["--objective", "distil", "--set", "train.distil.teacher=1", "--steps", "8"];
    let whole = learn(&own);
    learn(&[&own[..], &["--stop-after", "5"]].concat());
    let setting = config(folder, "3").train.distil.teacher;
    expect_same_numbers(folder, ["1", "3"], &setting, "teacher.safetensors", &whole, &["step"]);
}

#[test]
fn a_reward_model_of_conversations_says_so_itself() {
    let folder = folder_with_pairs();
    let folder = folder.path();
    score(folder, &["--steps", "2"]);
    let judge = run(folder, "2");
    assert_eq!(judge.record().unwrap().plain_pairs, Some(false));
    let error = error_of(
        folder,
        &["evaluate", "classify", "--project", "first", "--run", "2", "--text", "Ada saw rain."],
    );
    assert!(error.contains("conversations"), "{error}");
    // Its data are not needed.
    let data = judge.data_folder().unwrap();
    std::fs::remove_file(data.join("index.json")).unwrap();
    learn(folder, &["--stop-after", "1"]);
    std::fs::write(data.join("chat_template.jinja"), "{{ messages }}").unwrap();
    let from = ["train", "--project", "first", "--device", "cpu", "--from", "1", "--objective", "reward"];
    let error = error_of(folder, &[&from[..], &["--data", "prompts.jsonl"], &BY_SCORES].concat());
    assert!(error.contains("train.reward.model") && error.contains("chat template"), "{error}");
}
