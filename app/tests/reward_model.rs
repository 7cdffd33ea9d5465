//! Reward models: a model learns to score answers by pairs of them, and another learns by its scores.

use crate::front_ends::{error_of, succeed, train};
use glasshouse_engine::data::{Split, prepare};
use glasshouse_engine::project::Project;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// What better answers are about, and worse ones.
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
    let message = |role: &str, content: &str| json!([{ "role": role, "content": content }]);
    json!({
        "prompt": message("user", &prompt),
        "chosen": message("assistant", &chosen),
        "rejected": message("assistant", &rejected),
    })
}

/// A folder with a trained model of a few words, pairs of both kinds, and `prompts.jsonl` with nothing but prompts.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), &["corpus", "stories", "--bytes", "60KB"]);
    std::fs::write(folder.path().join("stories.txt"), text).unwrap();
    let roomy = ["--steps", "60", "--set", "model.context_length=64"];
    train(folder.path(), &folder.path().join("first"), &roomy);
    for (name, plain) in [("pairs.jsonl", false), ("plain.jsonl", true)] {
        let rows: String = (0..400).map(|number| format!("{}\n", pair(number, plain))).collect();
        std::fs::write(folder.path().join(name), rows).unwrap();
    }
    let prompt = |at: usize| json!({ "prompt": format!("Say {at}.") }).to_string() + "\n";
    std::fs::write(folder.path().join("prompts.jsonl"), (0..40).map(prompt).collect::<String>()).unwrap();
    folder
}

const FROM: [&str; 10] =
    ["train", "--project", "first", "--device", "cpu", "--threads", "2", "--json", "--from", "1"];

const SCORING: [&str; 6] =
    ["--objective", "preference", "--set", "train.preference.loss=bradley-terry", "--data", "pairs.jsonl"];

/// Enough to tell weather from food.
const LEARNING: [&str; 8] =
    ["--steps", "200", "--lr", "4e-3", "--batch-size", "16", "--set", "train.eval_interval=50"];

fn lines(told: &str) -> Vec<Value> {
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'told>(told: &'told [Value], event: &str) -> Vec<&'told Value> {
    told.iter().filter(|line| line["event"] == event).collect()
}

fn tune(folder: &Path, more: &[&[&str]]) -> Vec<Value> {
    lines(&succeed(folder, &[&FROM[..], &more.concat()].concat()))
}

/// Learns by the scores of a run.
fn learn(folder: &Path, model: &str, more: &[&str]) -> Vec<Value> {
    let set = format!("train.reward.model={model}");
    let own = ["--objective", "reward", "--data", "prompts.jsonl", "--set", &set];
    let sizes = ["--set", "train.reward.max_tokens=8", "--set", "train.batch_size=16"];
    tune(folder, &[&own, &sizes, more])
}

fn score(folder: &Path, run: &str, text: &str) -> f64 {
    let asked = ["classify", "--project", "first", "--run", run, "--json", "--text", text];
    let told = lines(&succeed(folder, &asked));
    let [line] = &told[..] else { panic!("{told:?}") };
    assert_eq!((line["event"].as_str(), line["text"].as_str()), (Some("score"), Some(text)), "{line}");
    line["score"].as_f64().unwrap()
}

#[test]
fn a_model_learns_to_score_answers_and_another_learns_by_its_scores() {
    let folder = folder();
    let folder = folder.path();
    let told = tune(folder, &[&SCORING, &LEARNING]);
    let evaluations = of(&told, "eval");
    let (first, last) = (evaluations[0], evaluations[evaluations.len() - 1]);
    let number = |event: &Value, name: &str| event["preference"][name].as_f64().unwrap();
    assert!(first["val_loss"].as_f64().unwrap() > 0.4, "{first}");
    assert!(last["val_loss"].as_f64().unwrap() < 0.3, "{last}");
    assert!(number(last, "accuracy") > 0.9 && number(last, "margin") > 1.0, "{last}");
    let margin = number(last, "chosen_reward") - number(last, "rejected_reward");
    assert!((margin - number(last, "margin")).abs() < 1e-4, "{last}");
    assert!(last["preference"]["log_ratio"].is_null(), "{last}");
    let notices: String = told.iter().filter_map(|event| event["text"].as_str()).collect();
    assert!(notices.contains("each scored at its last token"), "{notices}");
    assert!(of(&told, "accuracy").is_empty() && of(&told, "sample").is_empty());
    let project = Project::open(&folder.join("first")).unwrap();
    let model = project.run("2").unwrap().config().unwrap().model;
    assert_eq!((model.labels.as_slice(), model.outputs()), (&["reward".to_owned()][..], 1));

    // As transformers and TRL load it.
    succeed(folder, &["export", "--project", "first", "--run", "2", "--to", "exported"]);
    let config = std::fs::read_to_string(folder.join("exported/config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["id2label"], json!({ "0": "reward" }), "{config}");
    assert!(config.get("problem_type").is_none(), "{config}");
    assert!(config["architectures"][0].as_str().unwrap().ends_with("ForSequenceClassification"), "{config}");
    // What ends a text is read, so that something else fills rows up.
    assert!(config["pad_token_id"].is_u64() && config["pad_token_id"] != config["eos_token_id"], "{config}");
    let weights = std::fs::read(folder.join("exported/model.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    assert_eq!(weights.tensor("score.weight").unwrap().shape(), [1, model.width]);

    // What it is worth to another run, from the same weights.
    let sets = [
        "--set",
        "train.eval_interval=20",
        "--set",
        "train.warmup_steps=0",
        "--set",
        "train.sample_interval=20",
    ];
    let told = learn(folder, "2", &[&sets[..], &["--steps", "40", "--lr", "3e-3"]].concat());
    let rewards: Vec<f64> = of(&told, "reward").iter().map(|step| step["reward"].as_f64().unwrap()).collect();
    let mean = |rewards: &[f64]| rewards.iter().sum::<f64>() / rewards.len() as f64;
    assert!(rewards.len() == 40 && mean(&rewards[35..]) > mean(&rewards[..5]) + 0.3, "{rewards:?}");
    let losses: Vec<f64> = of(&told, "eval").iter().map(|eval| eval["val_loss"].as_f64().unwrap()).collect();
    assert!(losses[losses.len() - 1] < losses[0], "{losses:?}");
    let notices: String = told.iter().filter_map(|event| event["text"].as_str()).collect();
    assert!(notices.contains("call − the mean score of those their loss"), "{notices}");
    assert!(notices.contains("answers are scored by 2-nanogpt-cpu"), "{notices}");
    // Which run that was is kept by its name.
    let settings = project.run("3").unwrap().config().unwrap().train.reward;
    assert_eq!(settings.model, project.run("2").unwrap().name());
}

#[test]
fn plain_pairs_are_scored_as_they_stand() {
    let folder = folder();
    let folder = folder.path();
    let told = tune(folder, &[&SCORING[..5], &["plain.jsonl"], &LEARNING]);
    let last = *of(&told, "eval").last().unwrap();
    assert!(last["preference"]["accuracy"].as_f64().unwrap() > 0.9, "{last}");
    for number in [1000, 1011, 1023] {
        let [better, worse] = [&WEATHER, &FOOD]
            .map(|about| score(folder, "2", &format!("Say {number}. {}", answer(number, about))));
        assert!(better > worse, "{number}: {better} {worse}");
    }
    let said =
        succeed(folder, &["classify", "--project", "first", "--run", "2", "--text", "Say 1. Ada saw rain."]);
    let (number, text) = said.trim().split_once(": ").unwrap();
    assert!(number.parse::<f64>().is_ok() && text == "Say 1. Ada saw rain.", "{said}");
    let told = learn(folder, "2", &["--steps", "2"]);
    assert_eq!(of(&told, "reward").len(), 2);
}

/// Both halves: pairs in several micro-batches, and answers that several steps learn from.
#[test]
fn runs_that_were_interrupted_go_on_to_the_same_numbers() {
    let folder = folder();
    let folder = folder.path();
    let at = |told: &[Value], event: &str, step: u64| {
        let mut found = (*of(told, event).iter().find(|line| line["step"] == step).unwrap()).clone();
        found.as_object_mut().unwrap().remove("tokens_per_s");
        found
    };
    let steps =
        ["--steps", "8", "--lr", "3e-3", "--set", "train.eval_interval=4", "--set", "train.eval_batches=2"];
    let stop = ["--stop-after", "5"];
    let pairs = ["--batch-size", "4", "--set", "train.accumulate=3"];
    let whole = tune(folder, &[&SCORING, &pairs, &steps]);
    tune(folder, &[&SCORING, &pairs, &steps, &stop]);
    let again = |run: &str| {
        lines(&succeed(folder, &["train", "--project", "first", "--run", run, "--resume", "--json"]))
    };
    let rest = again("3");
    for number in 6..=8 {
        assert_eq!(at(&whole, "step", number), at(&rest, "step", number), "step {number}");
    }
    assert_eq!(at(&whole, "eval", 8), at(&rest, "eval", 8));
    let answers = ["--set", "train.reward.iterations=3", "--set", "train.reward.group=4"];
    let whole = learn(folder, "2", &[&steps[..], &answers].concat());
    learn(folder, "2", &[&steps[..], &answers, &stop].concat());
    let rest = again("5");
    for event in ["step", "reward"] {
        for number in 6..=8 {
            assert_eq!(at(&whole, event, number), at(&rest, event, number), "{event} {number}");
        }
    }
    assert_eq!(at(&whole, "eval", 8), at(&rest, "eval", 8));
}

/// An adapter beside a model whose head is new.
#[test]
fn an_adapter_learns_to_score() {
    let folder = folder();
    let folder = folder.path();
    // The tokens of turns are learned first, which an adapter freezes.
    tune(folder, &[&SCORING, &["--steps", "2"]]);
    let from =
        [&FROM[..9], &["2"], &SCORING[..], &["--adapter", "lora", "--steps", "150", "--lr", "1e-2"]].concat();
    let told = lines(&succeed(folder, &[&from[..], &["--batch-size", "16"]].concat()));
    let last = *of(&told, "eval").last().unwrap();
    assert!(last["preference"]["accuracy"].as_f64().unwrap() > 0.75, "{last}");
    let told = learn(folder, "3", &["--steps", "1"]);
    assert_eq!(of(&told, "reward").len(), 1);
}

#[test]
fn what_is_no_reward_model_is_refused() {
    let folder = folder();
    let folder = folder.path();
    tune(folder, &[&SCORING, &["--steps", "1"]]);
    // Another text has another vocabulary.
    let text = std::fs::read_to_string(folder.join("stories.txt")).unwrap();
    std::fs::write(folder.join("stories.txt"), text + "Äöü ß.\n").unwrap();
    train(folder, &folder.join("first"), &["--steps", "1", "--set", "model.context_length=64"]);
    let reward = |from: &'static str, sets: &[&'static str]| {
        let own =
            [&FROM[..9], &[from, "--objective", "reward", "--data", "prompts.jsonl", "--batch-size", "16"]];
        let sets = sets.iter().flat_map(|set| ["--set", *set]);
        error_of(folder, &own.concat().into_iter().chain(sets).collect::<Vec<_>>())
    };
    for (from, sets, said) in [
        ("1", &["train.reward.model=9"][..], "unknown run `9`"),
        ("1", &["train.reward.model=1"], "scores no texts; train a reward model by --objective preference"),
        ("3", &["train.reward.model=2"], "reads texts by another vocabulary"),
        (
            "1",
            &["train.reward.model=2", "train.reward.rule=length"],
            "train.reward.rule = length must be left out beside train.reward.model",
        ),
        ("2", &["train.reward.model=2"], "model.labels = reward must be none"),
    ] {
        let error = reward(from, sets);
        assert!(error.contains(said), "{said}: {error}");
    }
    for command in ["generate", "chat"] {
        let error = error_of(folder, &[command, "--project", "first", "--run", "2", "--device", "cpu"]);
        assert!(error.contains("scores texts and writes none"), "{error}");
    }
    let center = [
        "--objective",
        "preference",
        "--data",
        "pairs.jsonl",
        "--set",
        "train.preference.center_rewards_coefficient=0.1",
    ];
    let error = error_of(folder, &[&FROM[..], &center].concat());
    assert!(error.contains("must be 0, unless train.preference.loss is bradley_terry"), "{error}");
    assert_eq!(Project::open(&folder.join("first")).unwrap().runs().unwrap().len(), 3);
}

/// Ten steps of TRL's `RewardTrainer` from the same weights on the same pairs: each step takes all of them, so that the order of pairs is
/// nobody's.
#[test]
fn slow_python_trl_scores_the_same_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = succeed(folder, &["corpus", "stories", "--bytes", "60KB"]);
    std::fs::write(folder.join("stories.txt"), text).unwrap();
    let sizes = [
        "layers=2",
        "width=32",
        "heads=4",
        "kv_heads=2",
        "head_size=8",
        "mlp.hidden=64",
        "context_length=96",
    ];
    let sets: Vec<String> = sizes.iter().map(|size| format!("model.{size}")).collect();
    let mut base = vec!["train", "--preset", "llama-tiny", "--data", "stories.txt", "--project", "first"];
    base.extend(["--device", "cpu", "--steps", "60", "--vocab", "400", "--batch-size", "4"]);
    sets.iter().for_each(|set| base.extend(["--set", set]));
    succeed(folder, &base);
    let rows: String = (0..16).map(|number| format!("{}\n", pair(number, true))).collect();
    std::fs::write(folder.join("pairs.jsonl"), rows).unwrap();
    // A step that changes next to nothing gives weights with the new head and the new tokens' rows.
    tune(folder, &[&SCORING, &["--steps", "1", "--lr", "1e-12", "--set", "train.weight_decay=0"]]);
    succeed(folder, &["export", "--project", "first", "--run", "2", "--to", "begun"]);
    let run = Project::open(&folder.join("first")).unwrap().run("2").unwrap();
    let prepared = prepare::open(&run.data_folder().unwrap()).unwrap();
    let examples = prepared.store.examples(Split::Train).unwrap();
    let count = examples.count() / 2;
    assert!((10..16).contains(&count), "{count}");
    let ids = |example: usize| {
        let range = examples.range(example);
        let length = (range.end - range.start) as usize;
        prepared.store.read(Split::Train, range.start, length).unwrap()
    };
    let pairs = (0..count).map(|pair| {
        format!("{}\n", json!({ "chosen_ids": ids(2 * pair), "rejected_ids": ids(2 * pair + 1) }))
    });
    std::fs::write(folder.join("ids.jsonl"), pairs.collect::<String>()).unwrap();
    for (number, (margin, center)) in (3..).zip([(0.0, 0.0), (0.5, 0.1)]) {
        let settings = json!({
            "margin": margin, "center_rewards_coefficient": center, "max_steps": 10,
            "per_device_train_batch_size": count, "learning_rate": 1e-3, "lr_scheduler_type": "constant",
            "warmup_steps": 0, "weight_decay": 0.1, "max_grad_norm": 1.0, "adam_beta1": 0.9, "adam_beta2": 0.95,
            "adam_epsilon": 1e-8,
        });
        std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
        let out = format!("out-{number}");
        let output = Command::new(crate::handover::python())
            .current_dir(folder)
            .arg(crate::support::repository().join("tests/python/trl_reward.py"))
            .args(["begun", "ids.jsonl", "settings.json", &out])
            .output()
            .unwrap();
        assert!(output.status.success(), "{margin}: {}", String::from_utf8_lossy(&output.stderr));
        let steps = std::fs::read_to_string(folder.join(&out).join("steps.json")).unwrap();
        let steps: Vec<Value> = serde_json::from_str(&steps).unwrap();
        let sets = [
            format!("train.preference.margin={margin}"),
            format!("train.preference.center_rewards_coefficient={center}"),
            format!("train.batch_size={}", 2 * count),
            "train.decay=constant".to_owned(),
            "train.warmup_steps=0".to_owned(),
            "train.weight_decay=0.1".to_owned(),
            "train.gradient_clipping=1".to_owned(),
            "train.beta2=0.95".to_owned(),
        ];
        let mut more = [&FROM[..9], &["2"], &SCORING[..], &["--steps", "10", "--lr", "1e-3"]].concat();
        sets.iter().for_each(|set| more.extend(["--set", set]));
        let told = lines(&succeed(folder, &more));
        let ours = of(&told, "step");
        assert_eq!((ours.len(), steps.len()), (10, 10));
        for (ours, theirs) in ours.iter().zip(&steps) {
            let pair =
                |mine: &str, other: &str| (ours[mine].as_f64().unwrap(), theirs[other].as_f64().unwrap());
            let (found, wanted) = pair("loss", "loss");
            assert!((found - wanted).abs() < 1e-5 * wanted.max(1.0), "{margin}: {ours} for {theirs}");
            let (norm, wanted) = pair("grad_norm", "gradient_norm");
            assert!((norm - wanted).abs() < 1e-4 * wanted, "{margin}: {ours} for {theirs}");
        }
        let to = format!("tuned-{number}");
        succeed(folder, &["export", "--project", "first", "--run", &number.to_string(), "--to", &to]);
        let [ours, theirs] =
            [folder.join(to).join("model.safetensors"), folder.join(&out).join("weights.safetensors")]
                .map(|path| std::fs::read(path).unwrap());
        let [ours, theirs] =
            [&ours, &theirs].map(|bytes| safetensors::SafeTensors::deserialize(bytes).unwrap());
        let floats = |bytes: &[u8]| -> Vec<f64> {
            let floats = bytes.as_chunks().0.iter();
            floats.map(|four| f64::from(f32::from_le_bytes(*four))).collect()
        };
        for (name, tensor) in ours.tensors() {
            let (mine, other) = (floats(tensor.data()), floats(theirs.tensor(&name).unwrap().data()));
            let apart: f64 = mine.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            let size = other.iter().map(|entry| entry.powi(2)).sum::<f64>().sqrt();
            assert!(apart < 1e-4 * size, "{margin}, {name}: {apart} of {size}");
        }
        // Texts of several lengths in one batch of theirs, and by themselves here.
        let theirs = std::fs::read_to_string(folder.join(&out).join("scores.json")).unwrap();
        let theirs: Vec<f64> = serde_json::from_str(&theirs).unwrap();
        let run = number.to_string();
        for (at, wanted) in theirs.iter().enumerate() {
            let text = prepared.tokenizer.decode(&ids(at)[..ids(at).len() - 1]);
            let found = score(folder, &run, &text);
            assert!((found - wanted).abs() < 1e-3 * wanted.abs().max(1.0), "{text}: {found} for {wanted}");
        }
    }
}
