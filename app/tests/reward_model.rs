//! Reward models: a model learns to score answers from pairs, and another one learns from its scores.

use crate::support::program::{
    count_runs, error_of, json_of, lines, of, referee, sets, succeed, train, write_rows,
};
use crate::support::tuning::{
    AS_REFEREES, ROOMY, add_sets, at, mean, notices, numbers, pair_row, resume, run, same_steps,
    same_weights, trained, trained_llama, tune,
};
use glasshouse_engine::data::{Split, prepare};
use serde_json::{Value, json};
use std::path::Path;

/// Topics of better and of worse answers.
const WEATHER: [&str; 4] = ["rain", "a storm", "much snow", "wind"];
const FOOD: [&str; 4] = ["soup", "apples", "bread", "honey"];

fn answer(number: usize, about: &[&'static str; 4]) -> String {
    let who = ["Ada", "The owl", "Ben", "A fox", "Mia"][number % 5];
    format!("{who} saw {} and {}.", about[number / 5 % 4], about[number / 7 % 4])
}

/// A prompt with the better and the worse answer, as messages or as plain text.
fn pair(number: usize, plain: bool) -> Value {
    let prompt = format!("Say {number}.");
    let [chosen, rejected] = [answer(number, &WEATHER), answer(number / 3, &FOOD)];
    if plain {
        return json!({ "prompt": prompt, "chosen": format!(" {chosen}"), "rejected": format!(" {rejected}") });
    }
    pair_row(&prompt, &chosen, &rejected)
}

/// A folder with a small trained model, pairs of both formats, and `prompts.jsonl` with only prompts.
fn folder() -> tempfile::TempDir {
    let folder = trained(&[&ROOMY[..], &["--steps", "60"]].concat());
    for (name, plain) in [("pairs.jsonl", false), ("plain.jsonl", true)] {
        write_rows(&folder.path().join(name), (0..400).map(|number| pair(number, plain)));
    }
    let prompt = |at: usize| json!({ "prompt": format!("Say {at}.") });
    write_rows(&folder.path().join("prompts.jsonl"), (0..40).map(prompt));
    folder
}

const FROM: [&str; 9] =
    ["train", "--project", "first", "--device", "cpu", "--threads", "2", "--json", "--from"];

/// Enough training to distinguish weather from food.
const LEARNING: [&str; 8] =
    ["--steps", "200", "--lr", "4e-3", "--batch-size", "16", "--set", "train.eval_interval=50"];

/// Trains a reward model on pairs.
fn score_pairs(folder: &Path, from: &str, data: &str, more: &[&[&str]]) -> Vec<Value> {
    let more = [&["--set", "train.preference.loss=bradley-terry"][..], &more.concat()].concat();
    tune(folder, from, "preference", data, &more)
}

/// Trains on the scores of a run.
fn learn(folder: &Path, model: &str, more: &[&str]) -> Vec<Value> {
    let set = format!("train.reward.model={model}");
    let own = ["--set", &set, "--set", "train.reward.max_tokens=8", "--set", "train.batch_size=16"];
    tune(folder, "1", "reward", "prompts.jsonl", &[&own[..], more].concat())
}

fn score(folder: &Path, run: &str, text: &str) -> f64 {
    let asked = ["evaluate", "classify", "--project", "first", "--run", run, "--json", "--text", text];
    let told = lines(&succeed(folder, &asked));
    let [line] = &told[..] else { panic!("{told:?}") };
    assert_eq!((line["event"].as_str(), line["text"].as_str()), (Some("score"), Some(text)), "{line}");
    line["score"].as_f64().unwrap()
}

#[test]
fn a_model_learns_to_score_answers_and_another_learns_by_its_scores() {
    let folder = folder();
    let folder = folder.path();
    let told = score_pairs(folder, "1", "pairs.jsonl", &[&LEARNING]);
    let evaluations = of(&told, "eval");
    let (first, last) = (evaluations[0], evaluations[evaluations.len() - 1]);
    let number = |event: &Value, name: &str| event["preference"][name].as_f64().unwrap();
    assert!(first["val_loss"].as_f64().unwrap() > 0.4, "{first}");
    assert!(last["val_loss"].as_f64().unwrap() < 0.3, "{last}");
    assert!(number(last, "accuracy") > 0.9 && number(last, "margin") > 1.0, "{last}");
    let margin = number(last, "chosen_reward") - number(last, "rejected_reward");
    assert!((margin - number(last, "margin")).abs() < 1e-4, "{last}");
    assert!(last["preference"]["log_ratio"].is_null(), "{last}");
    let said = notices(&told);
    assert!(said.contains("last token"), "{said}");
    assert!(of(&told, "accuracy").is_empty() && of(&told, "sample").is_empty());
    let model = run(folder, "2").config().unwrap().model;
    assert_eq!((model.labels.as_slice(), model.outputs()), (&["reward".to_owned()][..], 1));

    // The format that transformers and TRL load.
    succeed(folder, &["export", "--project", "first", "--run", "2", "--to", "exported"]);
    let config = json_of(&folder.join("exported/config.json"));
    assert_eq!(config["id2label"], json!({ "0": "reward" }), "{config}");
    assert!(config.get("problem_type").is_none(), "{config}");
    assert!(config["architectures"][0].as_str().unwrap().ends_with("ForSequenceClassification"), "{config}");
    // The end-of-text token is an input, so padding is another token.
    assert!(config["pad_token_id"].is_u64() && config["pad_token_id"] != config["eos_token_id"], "{config}");
    let weights = std::fs::read(folder.join("exported/model.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    assert_eq!(weights.tensor("score.weight").unwrap().shape(), [1, model.width]);

    // Another run from the same weights learns from it.
    let sets = [
        "--set",
        "train.eval_interval=20",
        "--set",
        "train.warmup_steps=0",
        "--set",
        "train.sample_interval=20",
    ];
    let told = learn(folder, "2", &[&sets[..], &["--steps", "40", "--lr", "3e-3"]].concat());
    let rewards = numbers(&told, "reward", "reward");
    assert!(rewards.len() == 40 && mean(&rewards[35..]) > mean(&rewards[..5]) + 0.3, "{rewards:?}");
    let losses = numbers(&told, "eval", "val_loss");
    assert!(losses[losses.len() - 1] < losses[0], "{losses:?}");
    let notices = notices(&told);
    assert!(notices.contains("2-nanogpt-cpu"), "{notices}");
    // The reward model is stored by its run's name and its checkpoint's file.
    let settings = run(folder, "3").config().unwrap().train.reward;
    let named = format!("{}:step-", run(folder, "2").name());
    assert!(settings.model.starts_with(&named), "{}", settings.model);
}

#[test]
fn plain_pairs_are_scored_as_they_stand() {
    let folder = folder();
    let folder = folder.path();
    let told = score_pairs(folder, "1", "plain.jsonl", &[&LEARNING]);
    let last = *of(&told, "eval").last().unwrap();
    assert!(last["preference"]["accuracy"].as_f64().unwrap() > 0.9, "{last}");
    for number in [1000, 1011, 1023] {
        let [better, worse] = [&WEATHER, &FOOD]
            .map(|about| score(folder, "2", &format!("Say {number}. {}", answer(number, about))));
        assert!(better > worse, "{number}: {better} {worse}");
    }
    let said = succeed(
        folder,
        &["evaluate", "classify", "--project", "first", "--run", "2", "--text", "Say 1. Ada saw rain."],
    );
    let (number, text) = said.trim().split_once(": ").unwrap();
    assert!(number.parse::<f64>().is_ok() && text == "Say 1. Ada saw rain.", "{said}");
    let told = learn(folder, "2", &["--steps", "2"]);
    assert_eq!(of(&told, "reward").len(), 2);
}

/// Pairs in several micro-batches, and answers used by several steps.
#[test]
fn runs_that_were_interrupted_go_on_to_the_same_numbers() {
    let folder = folder();
    let folder = folder.path();
    let steps =
        ["--steps", "8", "--lr", "3e-3", "--set", "train.eval_interval=4", "--set", "train.eval_batches=2"];
    let stop = ["--stop-after", "5"];
    let pairs = ["--batch-size", "4", "--set", "train.accumulate=3"];
    let whole = score_pairs(folder, "1", "pairs.jsonl", &[&pairs, &steps]);
    score_pairs(folder, "1", "pairs.jsonl", &[&pairs, &steps, &stop]);
    let rest = resume(folder, "3");
    for number in 6..=8 {
        assert_eq!(at(&whole, "step", number), at(&rest, "step", number), "step {number}");
    }
    assert_eq!(at(&whole, "eval", 8), at(&rest, "eval", 8));
    let answers = ["--set", "train.reward.iterations=3", "--set", "train.reward.group=4"];
    let whole = learn(folder, "2", &[&steps[..], &answers].concat());
    learn(folder, "2", &[&steps[..], &answers, &stop].concat());
    let rest = resume(folder, "5");
    for event in ["step", "reward"] {
        for number in 6..=8 {
            assert_eq!(at(&whole, event, number), at(&rest, event, number), "{event} {number}");
        }
    }
    assert_eq!(at(&whole, "eval", 8), at(&rest, "eval", 8));
}

/// An adapter on a model with a new head.
#[test]
fn an_adapter_learns_to_score() {
    let folder = folder();
    let folder = folder.path();
    // The tokens that mark turns are trained first, because an adapter freezes them.
    score_pairs(folder, "1", "pairs.jsonl", &[&["--steps", "2"]]);
    let adapter = ["--adapter", "lora", "--steps", "150", "--lr", "1e-2", "--batch-size", "16"];
    let told = score_pairs(folder, "2", "pairs.jsonl", &[&adapter]);
    let last = *of(&told, "eval").last().unwrap();
    assert!(last["preference"]["accuracy"].as_f64().unwrap() > 0.75, "{last}");
    let told = learn(folder, "3", &["--steps", "1"]);
    assert_eq!(of(&told, "reward").len(), 1);
}

#[test]
fn what_is_no_reward_model_is_refused() {
    let folder = folder();
    let folder = folder.path();
    score_pairs(folder, "1", "pairs.jsonl", &[&["--steps", "1"]]);
    // Another text has another vocabulary.
    let text = std::fs::read_to_string(folder.join("stories.txt")).unwrap();
    std::fs::write(folder.join("stories.txt"), "Äöü ß.\n".to_owned() + &text).unwrap();
    train(folder, &folder.join("first"), &[&ROOMY[..], &["--steps", "1"]].concat());
    let reward = |from: &'static str, settings: &[&'static str]| {
        let own =
            [&FROM[..], &[from, "--objective", "reward", "--data", "prompts.jsonl", "--batch-size", "16"]];
        error_of(folder, &[&own.concat()[..], &sets(settings)[..]].concat())
    };
    for (from, settings, said) in [
        ("1", &["train.reward.model=9"][..], "`9`"),
        ("1", &["train.reward.model=1"], "train.objective=preference"),
        ("3", &["train.reward.model=2"], "vocabulary"),
        ("1", &["train.reward.model=2", "train.reward.rule=length"], "train.reward.rule = length"),
        ("2", &["train.reward.model=2"], "model.labels = reward"),
    ] {
        let error = reward(from, settings);
        assert!(error.contains(said), "{said}: {error}");
    }
    for command in ["generate", "chat"] {
        let error = error_of(folder, &[command, "--project", "first", "--run", "2", "--device", "cpu"]);
        assert!(error.contains("scores texts"), "{error}");
    }
    let center = [
        "1",
        "--objective",
        "preference",
        "--data",
        "pairs.jsonl",
        "--set",
        "train.preference.center_rewards_coefficient=0.1",
    ];
    let error = error_of(folder, &[&FROM[..], &center].concat());
    assert!(error.contains("train.preference.loss"), "{error}");
    assert_eq!(count_runs(folder, "first"), 3);
}

/// Ten steps of TRL's `RewardTrainer` from the same weights on the same pairs. Each step takes all of them, so that the order of
/// pairs does not matter.
#[test]
fn slow_python_trl_scores_the_same_pairs() {
    let folder = trained_llama(96, 60);
    let folder = folder.path();
    write_rows(&folder.join("pairs.jsonl"), (0..16).map(|number| pair(number, true)));
    // A step that changes almost nothing adds the new head and the new tokens' rows to the weights.
    let still = ["--steps", "1", "--lr", "1e-12", "--set", "train.weight_decay=0"];
    score_pairs(folder, "1", "pairs.jsonl", &[&still]);
    succeed(folder, &["export", "--project", "first", "--run", "2", "--to", "begun"]);
    let prepared = prepare::open(&run(folder, "2").data_folder().unwrap()).unwrap();
    let examples = prepared.store.examples(Split::Train).unwrap();
    let count = examples.count() / 2;
    assert!((10..16).contains(&count), "{count}");
    let ids = |example: usize| {
        let range = examples.range(example);
        let length = (range.end - range.start) as usize;
        prepared.store.read(Split::Train, range.start, length).unwrap()
    };
    let pairs =
        (0..count).map(|pair| json!({ "chosen_ids": ids(2 * pair), "rejected_ids": ids(2 * pair + 1) }));
    write_rows(&folder.join("ids.jsonl"), pairs);
    for (number, (margin, center)) in (3..).zip([(0.0, 0.0), (0.5, 0.1)]) {
        let settings = json!({
            "margin": margin, "center_rewards_coefficient": center, "max_steps": 10,
            "per_device_train_batch_size": count, "learning_rate": 1e-3, "lr_scheduler_type": "constant",
            "warmup_steps": 0, "weight_decay": 0.1, "max_grad_norm": 1.0, "adam_beta1": 0.9, "adam_beta2": 0.95,
            "adam_epsilon": 1e-8,
        });
        std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
        let out = format!("out-{number}");
        referee(folder, "trl_reward.py", &["begun", "ids.jsonl", "settings.json", &out]);
        let sets = [
            format!("train.preference.margin={margin}"),
            format!("train.preference.center_rewards_coefficient={center}"),
            format!("train.batch_size={}", 2 * count),
        ];
        let mut more = [&AS_REFEREES[..], &["--steps", "10", "--lr", "1e-3"]].concat();
        add_sets(&mut more, &sets);
        let told = score_pairs(folder, "2", "pairs.jsonl", &[&more]);
        let (out, about, run) = (folder.join(out), format!("margin {margin}"), number.to_string());
        same_steps(&told, &out, 10, &about);
        same_weights(folder, &run, &out, &about);
        // TRL scores texts of different lengths in one batch; here they are scored one by one.
        let theirs: Vec<f64> = serde_json::from_value(json_of(&out.join("scores.json"))).unwrap();
        for (at, wanted) in theirs.iter().enumerate() {
            let text = prepared.tokenizer.decode(&ids(at)[..ids(at).len() - 1]);
            let found = score(folder, &run, &text);
            assert!((found - wanted).abs() < 1e-3 * wanted.abs().max(1.0), "{text}: {found} for {wanted}");
        }
    }
}
