//! Preference learning: a model learns which of two answers is better.

use crate::support::program::{error_of, of, referee, succeed, write_rows};
use crate::support::tuning::{
    AS_REFEREES, ROOMY, add_sets, at, pair_row, restored, resume, run, same_steps, same_weights, trained,
    trained_llama, tune,
};
use glasshouse_engine::data::{Split, prepare};
use serde_json::{Value, json};
use std::path::Path;

/// Prompt, better answer, worse answer.
const PAIRS: [[&str; 3]; 3] =
    [["Who?", "Ada.", "Bo."], ["Where?", "At sea.", "In the wood."], ["When?", "At dawn.", "Never."]];

/// A folder with a small trained model, and `pairs.jsonl` with the pairs repeated.
fn folder() -> tempfile::TempDir {
    let folder = trained(&ROOMY);
    let rows = (0..60).map(|at| {
        let [prompt, chosen, rejected] = PAIRS[at % PAIRS.len()];
        pair_row(prompt, chosen, rejected)
    });
    write_rows(&folder.path().join("pairs.jsonl"), rows);
    folder
}

/// Fine-tunes a run of the project `first` on preferences.
fn prefer(folder: &Path, from: &str, more: &[&str]) -> Vec<Value> {
    let [pairs, same] = ["pairs.jsonl", "same-pairs.jsonl"].map(|name| folder.join(name));
    // A changed file is prepared again.
    if std::fs::read(&pairs).ok() != std::fs::read(&same).ok() {
        std::fs::copy(pairs, same).unwrap();
    }
    let own = ["--batch-size", "8", "--validation", "same-pairs.jsonl"];
    tune(folder, from, "preference", "pairs.jsonl", &[&own[..], more].concat())
}

/// The first and the last evaluation.
fn ends(told: &[Value]) -> [&Value; 2] {
    let evaluations = of(told, "eval");
    let [first, .., last] = evaluations[..] else { panic!("{evaluations:?}") };
    [first, last]
}

#[test]
fn the_better_answers_become_likelier_by_every_loss() {
    let folder = folder();
    let folder = folder.path();
    for (loss, begins) in [("sigmoid", Some(2_f64.ln())), ("orpo", None)] {
        let set = format!("train.preference.loss={loss}");
        let told = prefer(folder, "1", &["--steps", "80", "--lr", "3e-3", "--set", &set]);
        let [first, last] = ends(&told);
        let number = |event: &Value, name: &str| event["preference"][name].as_f64();
        let margins = [first, last].map(|event| number(event, "margin").unwrap());
        assert!(margins[1] > margins[0] + 0.02, "{loss}: {first} {last}");
        assert_eq!(number(last, "accuracy"), Some(1.0), "{loss}: {last}");
        let losses = [first, last].map(|event| event["val_loss"].as_f64().unwrap());
        assert!(losses[1] < losses[0], "{loss}: {losses:?}");
        // Before the first step the model equals its reference.
        match begins {
            Some(begins) => {
                assert!((losses[0] - begins).abs() < 1e-5 * begins, "{loss}: {losses:?}");
                assert_eq!((margins[0], number(first, "log_ratio")), (0.0, Some(0.0)), "{loss}");
                let step = of(&told, "step")[0];
                assert!((step["loss"].as_f64().unwrap() - begins).abs() < 1e-4 * begins, "{loss}: {step}");
            }
            None => assert_eq!(number(last, "log_ratio"), None, "{loss}"),
        }
        // Each step reports its own pairs before the update. They are the same pairs, so the last values are close to the
        // evaluation's.
        let steps = of(&told, "preference");
        assert_eq!((steps.len(), steps[0]["step"].as_u64()), (80, Some(1)), "{loss}");
        assert!(
            steps[79]["margin"].as_f64().unwrap() > steps[0]["margin"].as_f64().unwrap() + 0.02,
            "{loss}"
        );
        assert_eq!(steps[79]["accuracy"].as_f64(), Some(1.0), "{loss}: {}", steps[79]);
        assert_eq!(steps[79].get("log_ratio").is_some(), begins.is_some(), "{loss}: {}", steps[79]);
        for step in steps {
            let [margin, chosen, rejected] =
                ["margin", "chosen_reward", "rejected_reward"].map(|name| step[name].as_f64().unwrap());
            assert!((chosen - rejected - margin).abs() < 1e-5, "{loss}: {step}");
        }
    }
    // An adapter on the first of these runs, which differs from it from the first step on.
    let low = ["--steps", "30", "--lr", "1e-2", "--adapter", "lora"];
    let told = prefer(folder, "2", &low);
    let [first, last] = ends(&told);
    assert_eq!(first["preference"]["margin"].as_f64(), Some(0.0), "{first}");
    assert!(last["preference"]["margin"].as_f64().unwrap() > 0.02, "{last}");
}

#[test]
fn a_run_that_was_interrupted_continues_with_the_same_reference() {
    let folder = folder();
    let folder = folder.path();
    let set = ["--steps", "12", "--set", "train.accumulate=3", "--set", "train.eval_interval=4"];
    let whole = prefer(folder, "1", &set);
    prefer(folder, "1", &[&set[..], &["--stop-after", "5"]].concat());
    let reference = run(folder, "3").folder().join("reference.safetensors");
    let before = std::fs::read(&reference).unwrap();
    assert_eq!(before, std::fs::read(run(folder, "2").folder().join("reference.safetensors")).unwrap());
    let again = ["train", "--project", "first", "--run", "3", "--resume", "--json"];
    // Without the reference it cannot resume.
    std::fs::rename(&reference, folder.join("aside")).unwrap();
    let error = error_of(folder, &again);
    assert!(error.contains("reference"), "{error}");
    std::fs::rename(folder.join("aside"), &reference).unwrap();
    let rest = resume(folder, "3");
    assert_eq!(std::fs::read(&reference).unwrap(), before);
    for number in 6..=12 {
        assert_eq!(at(&whole, "step", number), at(&rest, "step", number), "step {number}");
    }
    let [whole, rest] = [&whole, &rest].map(|told| ends(told)[1]);
    assert_eq!(whole, rest);
    // A restored run uses the same reference.
    let restored = restored(folder, "2");
    assert_eq!(std::fs::read(restored.folder().join("reference.safetensors")).unwrap(), before);
}

/// Ten steps of TRL's `DPOTrainer`, `CPOTrainer` and `ORPOTrainer` from the same weights on the same pairs. Each step takes all
/// of them, so that the order of pairs does not matter.
#[test]
fn slow_python_trl_prefers_the_same_answers() {
    let folder = trained_llama(96, 60);
    let folder = folder.path();
    let rows = (0..16).map(|at| {
        let (better, worse) = ("It is Ada. ".repeat(1 + at % 3), "It is the old cat. ".repeat(1 + at % 2));
        let (chosen, rejected) = (format!(" {}", better.trim()), format!(" {}", worse.trim()));
        json!({ "prompt": format!("Question {at}: who is it?"), "chosen": chosen, "rejected": rejected })
    });
    write_rows(&folder.join("pairs.jsonl"), rows);
    // A step that changes almost nothing adds the new tokens' rows to the weights.
    prefer(folder, "1", &["--steps", "1", "--lr", "1e-12", "--set", "train.weight_decay=0"]);
    succeed(folder, &["export", "--project", "first", "--run", "2", "--to", "begun"]);
    let prepared = prepare::open(&run(folder, "2").data_folder().unwrap()).unwrap();
    let examples = prepared.store.examples(Split::Train).unwrap();
    let count = examples.count() / 2;
    assert_eq!(count, 16);
    let ids = |example: usize| {
        let range = examples.range(example);
        let length = (range.end - range.start) as usize;
        let tokens = prepared.store.read(Split::Train, range.start, length).unwrap();
        let given = examples.learned(range).filter(|learned| !learned).count();
        let (prompt, answer) = tokens.split_at(given);
        (prompt.to_vec(), answer.to_vec())
    };
    let pairs = (0..count).map(|pair| {
        let ((prompt, chosen), (other, rejected)) = (ids(2 * pair), ids(2 * pair + 1));
        assert_eq!(prompt, other);
        json!({ "prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected })
    });
    write_rows(&folder.join("ids.jsonl"), pairs);
    for (number, (loss, beta)) in (3..).zip([("sigmoid", 0.1), ("orpo", 0.4)]) {
        let settings = json!({
            "loss": loss, "beta": beta, "max_steps": 10, "per_device_train_batch_size": count,
            "learning_rate": 1e-3, "lr_scheduler_type": "constant", "warmup_steps": 0, "weight_decay": 0.1,
            "max_grad_norm": 1.0, "adam_beta1": 0.9, "adam_beta2": 0.95, "adam_epsilon": 1e-8,
        });
        std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
        let out = format!("out-{loss}");
        referee(folder, "trl_dpo.py", &["begun", "ids.jsonl", "settings.json", &out]);
        let sets = [
            format!("train.preference.loss={loss}"),
            format!("train.preference.beta={beta}"),
            format!("train.batch_size={}", 2 * count),
        ];
        let mut more = [&AS_REFEREES[..], &["--steps", "10", "--lr", "1e-3"]].concat();
        add_sets(&mut more, &sets);
        let told = prefer(folder, "2", &more);
        let out = folder.join(out);
        same_steps(&told, &out, 10, loss);
        same_weights(folder, &number.to_string(), &out, loss);
    }
}
