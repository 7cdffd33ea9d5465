//! Reinforcement learning: a model's own answers, and rules that say what they are worth.

use crate::front_ends::{error_of, succeed, train};
use glasshouse_engine::project::Project;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// A folder with a trained model of a few words, and `prompts.jsonl`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), &["corpus", "stories", "--bytes", "60KB"]);
    std::fs::write(folder.path().join("stories.txt"), text).unwrap();
    let roomy = ["--steps", "60", "--set", "model.context_length=64"];
    train(folder.path(), &folder.path().join("first"), &roomy);
    let row = |at: usize| json!({ "prompt": format!("Say {at}."), "answer": "e" }).to_string() + "\n";
    std::fs::write(folder.path().join("prompts.jsonl"), (0..40).map(row).collect::<String>()).unwrap();
    folder
}

const FROM: [&str; 11] = [
    "train",
    "--project",
    "first",
    "--device",
    "cpu",
    "--threads",
    "2",
    "--from",
    "1",
    "--objective",
    "reward",
];

/// Trains the first project's first run by rewards.
fn reward(folder: &Path, sets: &[&str], more: &[&str]) -> Vec<Value> {
    let mut arguments = FROM.to_vec();
    arguments.extend(["--data", "prompts.jsonl", "--json"]);
    sets.iter().for_each(|set| arguments.extend(["--set", set]));
    arguments.extend(more);
    lines(&succeed(folder, &arguments))
}

fn lines(told: &str) -> Vec<Value> {
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'told>(told: &'told [Value], event: &str) -> Vec<&'told Value> {
    told.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn what_a_rule_rewards_becomes_likelier() {
    let folder = folder();
    let folder = folder.path();
    let sets = [
        "train.reward.rule=contains",
        "train.reward.pattern=\"w\"",
        "train.reward.max_tokens=8",
        "train.batch_size=16",
        "train.sample_interval=20",
        "train.eval_interval=20",
        "train.warmup_steps=0",
    ];
    let told = reward(folder, &sets, &["--steps", "40", "--lr", "3e-3"]);
    let rewards: Vec<f64> = of(&told, "reward").iter().map(|step| step["reward"].as_f64().unwrap()).collect();
    assert_eq!(rewards.len(), 40);
    let mean = |rewards: &[f64]| rewards.iter().sum::<f64>() / rewards.len() as f64;
    let (first, last) = (mean(&rewards[..5]), mean(&rewards[35..]));
    assert!(first < 0.6 && last > first + 0.3, "{rewards:?}");
    let step = of(&told, "reward")[0];
    assert!(step["tokens"].as_f64().unwrap() <= 8.0 && step["kl"].is_null() && step["clipped"].is_null());
    // What evaluations call a loss falls with it, and the best checkpoint is that of the highest reward.
    let losses: Vec<f64> = of(&told, "eval").iter().map(|eval| eval["val_loss"].as_f64().unwrap()).collect();
    assert!(
        losses.iter().all(|loss| (0.0..=1.0).contains(loss)) && losses[losses.len() - 1] <= losses[0],
        "{losses:?}"
    );
    let samples = of(&told, "sample");
    let text = samples[samples.len() - 1]["text"].as_str().unwrap();
    assert!(text.starts_with("Say ") && text.contains("[reward "), "{text}");
    let notices: String = told.iter().filter_map(|event| event["text"].as_str()).collect();
    assert!(notices.contains("prompts to answer") && notices.contains("1 − the mean reward"), "{notices}");

    // Where all answers are worth the same, the weights stay as they are.
    let same = [
        "train.reward.rule=regex",
        "train.reward.pattern=\".*\"",
        "train.batch_size=8",
        "train.weight_decay=0",
    ];
    let told = reward(folder, &same, &["--steps", "2"]);
    for (step, rewards) in of(&told, "step").iter().zip(of(&told, "reward")) {
        assert_eq!((step["grad_norm"].as_f64(), rewards["uniform_groups"].as_f64()), (Some(0.0), Some(1.0)));
    }
}

/// Three steps learn from the same answers; the run stops between them.
#[test]
fn a_run_that_was_interrupted_goes_on_with_the_same_answers() {
    let folder = folder();
    let folder = folder.path();
    let sets = [
        "train.reward.rule=length",
        "train.reward.words=3",
        "train.reward.max_tokens=10",
        "train.reward.iterations=3",
        "train.reward.beta=0.05",
        "train.reward.group=4",
        "train.batch_size=4",
        "train.accumulate=2",
        "train.eval_interval=4",
        "train.eval_batches=1",
    ];
    let steps = ["--steps", "8", "--lr", "1e-2"];
    let whole = reward(folder, &sets, &steps);
    reward(folder, &sets, &[&steps[..], &["--stop-after", "4"]].concat());
    let rest = lines(&succeed(folder, &["train", "--project", "first", "--run", "3", "--resume", "--json"]));
    for event in ["step", "reward"] {
        let at = |told: &[Value], step: u64| {
            let mut found = (*of(told, event).iter().find(|line| line["step"] == step).unwrap()).clone();
            found.as_object_mut().unwrap().remove("tokens_per_s");
            found
        };
        for number in 5..=8 {
            assert_eq!(at(&whole, number), at(&rest, number), "{event} {number}");
        }
    }
    let kl = |step: usize| of(&whole, "reward")[step]["kl"].as_f64().unwrap();
    assert!(kl(0).abs() < 1e-6 && kl(7) > 1e-4, "{} {}", kl(0), kl(7));
    assert!(of(&whole, "reward").iter().any(|step| step["clipped"].as_f64().unwrap() > 0.0));
}

#[test]
fn rows_and_settings_that_cannot_be_judged_are_named() {
    let folder = folder();
    let folder = folder.path();
    let mut rows = std::fs::read_to_string(folder.join("prompts.jsonl")).unwrap();
    rows.push_str("{\"prompt\":[{\"role\":\"narrator\",\"content\":\"a\"}]}\n");
    rows.push_str(&(json!({ "prompt": "Say it. ".repeat(60), "answer": "e" }).to_string() + "\n"));
    std::fs::write(folder.join("rows.jsonl"), rows).unwrap();
    let with = |more: &[&str]| -> Vec<String> {
        [&FROM[..], more].concat().iter().map(ToString::to_string).collect()
    };
    let ok = with(&[
        "--data",
        "rows.jsonl",
        "--steps",
        "1",
        "--set",
        "train.reward.rule=exact",
        "--set",
        "train.batch_size=8",
    ]);
    let output =
        Command::new(env!("CARGO_BIN_EXE_glasshouse")).current_dir(folder).args(&ok).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    for said in [
        "rows.jsonl line 41: `prompt[0].role`: unknown role \"narrator\"",
        "1 prompt left out: more than 32 tokens",
        "reward 0.000 ± 0.000",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    for (more, said) in [
        (
            &["--data", "prompts.jsonl", "--set", "train.batch_size=8"][..],
            "holds no prompt to learn from: prompts.jsonl line 1: `check`: missing",
        ),
        (&["--data", "stories.txt", "--set", "train.batch_size=8"], "expected JSON Lines (.jsonl)"),
        (
            &["--data", "prompts.jsonl", "--set", "train.batch_size=4"],
            "must be a multiple of train.reward.group (8)",
        ),
        (
            &[
                "--data",
                "prompts.jsonl",
                "--set",
                "train.batch_size=8",
                "--set",
                "train.reward.rule=exact",
                "--set",
                "train.reward.max_tokens=64",
            ],
            "train.reward.max_tokens = 64 must be less than model.context_length (64)",
        ),
        (
            &[
                "--data",
                "prompts.jsonl",
                "--set",
                "train.batch_size=8",
                "--set",
                "train.reward.rule=regex",
                "--set",
                "train.reward.pattern=\"(\"",
            ],
            "train.reward.pattern is no regular expression",
        ),
    ] {
        let arguments = with(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let error = error_of(folder, &arguments);
        assert!(error.contains(said), "{said}: {error}");
    }
    assert_eq!(Project::open(&folder.join("first")).unwrap().runs().unwrap().len(), 2);
}

/// Three steps of TRL's `GRPOTrainer` on the answers that ours learns from, with clipped tokens and a divergence, by every loss.
#[test]
fn slow_python_trl_learns_the_same_from_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = succeed(folder, &["corpus", "stories", "--bytes", "60KB"]);
    std::fs::write(folder.join("stories.txt"), text).unwrap();
    let row = |at: usize| json!({ "prompt": format!("Say {at}.") }).to_string() + "\n";
    std::fs::write(folder.join("prompts.jsonl"), (0..40).map(row).collect::<String>()).unwrap();
    let turns = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;
    std::fs::write(folder.join("rows.jsonl"), format!("{turns}\n").repeat(8)).unwrap();
    let sizes = [
        "model.layers=2",
        "model.width=32",
        "model.heads=4",
        "model.kv_heads=2",
        "model.head_size=8",
        "model.mlp.hidden=64",
        "model.context_length=64",
    ];
    let mut base = vec!["train", "--preset", "llama-tiny", "--data", "stories.txt", "--project", "first"];
    base.extend(["--device", "cpu", "--steps", "40", "--vocab", "400", "--batch-size", "4"]);
    sizes.iter().for_each(|set| base.extend(["--set", set]));
    succeed(folder, &base);
    // A step that changes next to nothing gives weights with the new tokens' rows, and a template.
    let tuned = ["train", "--project", "first", "--device", "cpu", "--from", "1", "--objective", "chat"];
    let tuned = [
        &tuned[..],
        &["--data", "rows.jsonl", "--steps", "1", "--lr", "1e-12", "--set", "train.weight_decay=0"],
    ];
    succeed(folder, &tuned.concat());
    succeed(folder, &["export", "--project", "first", "--run", "2", "--to", "begun"]);

    let losses =
        [("dapo", true, true), ("grpo", false, true), ("bnpo", true, false), ("dr_grpo", true, true)];
    let mut settings = Vec::new();
    for (loss, corrected, scaled) in losses {
        let sets = [
            format!("train.reward.loss={loss}"),
            format!("train.reward.bias_corrected_kl={corrected}"),
            format!("train.reward.scale_rewards={scaled}"),
        ];
        let own = [
            "train.reward.rule=length",
            "train.reward.words=6",
            "train.reward.max_tokens=20",
            "train.reward.iterations=3",
            "train.reward.beta=0.04",
            "train.reward.group=4",
            "train.batch_size=4",
            "train.accumulate=2",
            "train.decay=constant",
            "train.warmup_steps=0",
            "train.weight_decay=0.1",
            "train.gradient_clipping=1",
            "train.beta2=0.95",
            "train.eval_interval=0",
        ];
        let mut arguments = vec!["train", "--project", "first", "--device", "cpu", "--from", "2"];
        arguments.extend([
            "--objective",
            "reward",
            "--data",
            "prompts.jsonl",
            "--steps",
            "3",
            "--lr",
            "5e-3",
        ]);
        sets.iter().map(String::as_str).chain(own).for_each(|set| arguments.extend(["--set", set]));
        // Between its steps a run keeps the answers.
        succeed(folder, &[&arguments[..], &["--stop-after", "1"]].concat());
        settings.push(json!({
            "group": 4, "steps": 3, "loss_type": loss, "use_bias_correction_kl": corrected, "beta": 0.04,
            "scale_rewards": if scaled { "group" } else { "none" }, "epsilon": 0.2, "max_completion_length": 20,
            "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "temperature": 1.0,
            "adam": { "learning_rate": 5e-3, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "clip": 1.0 },
        }));
    }
    let project = Project::open(&folder.join("first")).unwrap();
    let round = project.run("3").unwrap().folder().join("round.json");
    for number in 4..7 {
        let other = project.run(&number.to_string()).unwrap().folder().join("round.json");
        let answers = |path: &Path| {
            serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap()["answers"].clone()
        };
        assert_eq!(answers(&round), answers(&other), "answers are a function of weights, data and seed");
    }
    std::fs::write(folder.join("settings.json"), Value::from(settings).to_string()).unwrap();
    let output = Command::new(crate::handover::python())
        .current_dir(folder)
        .arg(crate::support::repository().join("tests/python/trl_grpo.py"))
        .args([Path::new("begun"), &round, Path::new("settings.json"), Path::new("out")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    for (number, (loss, ..)) in losses.iter().enumerate() {
        let run = (number + 3).to_string();
        succeed(folder, &["train", "--project", "first", "--run", &run, "--resume"]);
        let told =
            std::fs::read_to_string(project.run(&run).unwrap().folder().join("metrics.jsonl")).unwrap();
        let told = lines(&told);
        let out = folder.join("out").join(number.to_string());
        let theirs: Vec<Value> =
            serde_json::from_str(&std::fs::read_to_string(out.join("steps.json")).unwrap()).unwrap();
        let (steps, rewards) = (of(&told, "step"), of(&told, "reward"));
        assert_eq!((steps.len(), rewards.len(), theirs.len()), (3, 3, 3));
        for (at, theirs) in theirs.iter().enumerate() {
            let pair = |ours: &Value, theirs: &Value| (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            let (ours, wanted) = pair(&steps[at]["loss"], &theirs["loss"]);
            assert!((ours - wanted).abs() < 1e-5 * wanted.abs().max(1.0), "{loss} {at}: {ours} for {wanted}");
            let (ours, wanted) = pair(&steps[at]["grad_norm"], &theirs["gradient_norm"]);
            assert!((ours - wanted).abs() < 1e-4 * wanted, "{loss} {at}: {ours} for {wanted}");
            let (ours, wanted) = pair(&rewards[at]["clipped"], &theirs["clipped"]);
            assert!((ours - wanted).abs() < 1e-6, "{loss} {at}: {ours} for {wanted} clipped");
        }
        assert!(theirs[2]["clipped"].as_f64().unwrap() > 0.0, "{loss}: {theirs:?}");
        let to = format!("tuned-{run}");
        succeed(
            folder,
            &["export", "--project", "first", "--run", &run, "--checkpoint", "latest", "--to", &to],
        );
        let ours = std::fs::read(folder.join(to).join("model.safetensors")).unwrap();
        let ours = safetensors::SafeTensors::deserialize(&ours).unwrap();
        let theirs = std::fs::read(out.join("weights.safetensors")).unwrap();
        let theirs = safetensors::SafeTensors::deserialize(&theirs).unwrap();
        let floats = |bytes: &[u8]| -> Vec<f64> {
            bytes.as_chunks::<4>().0.iter().map(|four| f64::from(f32::from_le_bytes(*four))).collect()
        };
        for (name, tensor) in ours.tensors() {
            let (mine, other) = (floats(tensor.data()), floats(theirs.tensor(&name).unwrap().data()));
            let apart: f64 = mine.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            let size = other.iter().map(|entry| entry.powi(2)).sum::<f64>().sqrt();
            assert!(apart < 1e-4 * size, "{loss}, {name}: {apart} of {size}");
        }
    }
}
