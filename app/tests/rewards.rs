//! Reinforcement learning: a model's own answers, scored by rules.

use crate::support::program::{json_of, lines_of, of, referee, succeed, write_rows};
use crate::support::tuning::{
    AS_REFEREES, ROOMY, add_sets, at, mean, notices, numbers, resume, run, same_steps, same_weights, trained,
    trained_llama, tune,
};
use serde_json::{Value, json};
use std::path::Path;

/// A folder with a small trained model and `prompts.jsonl`.
fn folder() -> tempfile::TempDir {
    let folder = trained(&[&ROOMY[..], &["--steps", "60"]].concat());
    let row = |at: usize| json!({ "prompt": format!("Say {at}."), "answer": "e" });
    write_rows(&folder.path().join("prompts.jsonl"), (0..40).map(row));
    folder
}

/// Trains run 1 of the project `first` by rewards.
fn reward(folder: &Path, sets: &[&str], more: &[&str]) -> Vec<Value> {
    let mut more = more.to_vec();
    add_sets(&mut more, sets);
    tune(folder, "1", "reward", "prompts.jsonl", &more)
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
    let rewards = numbers(&told, "reward", "reward");
    assert_eq!(rewards.len(), 40);
    let (first, last) = (mean(&rewards[..5]), mean(&rewards[35..]));
    assert!(first < 0.6 && last > first + 0.3, "{rewards:?}");
    let step = of(&told, "reward")[0];
    assert!(step["tokens"].as_f64().unwrap() <= 8.0 && step["kl"].is_null() && step["clipped"].is_null());
    // The evaluation loss falls as the reward rises, so the best checkpoint has the highest reward.
    let losses = numbers(&told, "eval", "val_loss");
    assert!(
        losses.iter().all(|loss| (0.0..=1.0).contains(loss)) && losses[losses.len() - 1] <= losses[0],
        "{losses:?}"
    );
    let samples = of(&told, "sample");
    let text = samples[samples.len() - 1]["text"].as_str().unwrap();
    assert!(text.starts_with("Say ") && text.contains("[reward "), "{text}");
    let notices = notices(&told);
    assert!(notices.contains("prompts to train on"), "{notices}");

    // If all answers have the same reward, the weights do not change.
    let same = [
        "train.reward.rule=regex",
        "train.reward.pattern=\".*\"",
        "train.batch_size=8",
        "train.weight_decay=0",
    ];
    let told = reward(folder, &same, &["--steps", "12"]);
    assert_eq!(of(&told, "step").len(), 12);
    for (step, rewards) in of(&told, "step").iter().zip(of(&told, "reward")) {
        assert_eq!((step["grad_norm"].as_f64(), rewards["uniform_groups"].as_f64()), (Some(0.0), Some(1.0)));
    }
    let notices = self::notices(&told);
    assert_eq!(notices.matches("for 10 steps").count(), 1, "{notices}");
}

/// Three steps learn from the same answers; the run is interrupted between them.
#[test]
fn a_run_that_was_interrupted_continues_with_the_same_answers() {
    let folder = folder();
    let folder = folder.path();
    let sets = [
        "train.reward.rule=length",
        "train.reward.words=3",
        "train.reward.max_tokens=10",
        "train.reward.iterations=10",
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
    let rest = resume(folder, "3");
    for event in ["step", "reward"] {
        for number in 5..=8 {
            assert_eq!(at(&whole, event, number), at(&rest, event, number), "{event} {number}");
        }
    }
    let kl = |step: usize| of(&whole, "reward")[step]["kl"].as_f64().unwrap();
    assert!(kl(0).abs() < 1e-6 && kl(7) > 1e-4, "{} {}", kl(0), kl(7));
    assert!(of(&whole, "reward").iter().any(|step| step["clipped"].as_f64().unwrap() > 0.0));
}

/// Ten steps of TRL's `GRPOTrainer` on the answers that ours learns from, with clipped tokens and a divergence, for every loss.
#[test]
fn slow_python_trl_learns_the_same_from_the_same_answers() {
    let folder = trained_llama(64, 40);
    let folder = folder.path();
    write_rows(&folder.join("prompts.jsonl"), (0..40).map(|at| json!({ "prompt": format!("Say {at}.") })));
    let turns = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;
    std::fs::write(folder.join("rows.jsonl"), format!("{turns}\n").repeat(8)).unwrap();
    // A step that changes almost nothing adds the new tokens' rows and a template to the weights.
    let still = ["--steps", "1", "--lr", "1e-12", "--set", "train.weight_decay=0"];
    tune(folder, "1", "chat", "rows.jsonl", &still);
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
            "train.reward.iterations=10",
            "train.reward.beta=0.04",
            "train.reward.group=4",
            "train.batch_size=4",
            "train.accumulate=2",
            "train.eval_interval=0",
            // With less, updates of weights with tiny gradients are rounding errors.
            "train.eps=0.000001",
        ];
        let mut more = [&AS_REFEREES[..], &["--steps", "10", "--lr", "2e-3"]].concat();
        add_sets(&mut more, &sets);
        add_sets(&mut more, &own);
        // The run stores its answers between steps.
        more.extend(["--stop-after", "1"]);
        tune(folder, "2", "reward", "prompts.jsonl", &more);
        settings.push(json!({
            "group": 4, "steps": 10, "loss_type": loss, "use_bias_correction_kl": corrected, "beta": 0.04,
            "scale_rewards": if scaled { "group" } else { "none" }, "epsilon": 0.2, "max_completion_length": 20,
            "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "temperature": 1.0,
            "adam": { "learning_rate": 2e-3, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "eps": 1e-6, "clip": 1.0 },
        }));
    }
    let round = run(folder, "3").folder().join("round.json");
    for number in 4..7 {
        let other = run(folder, &number.to_string()).folder().join("round.json");
        let answers = |path: &Path| json_of(path)["answers"].clone();
        assert_eq!(answers(&round), answers(&other), "answers are a function of weights, data and seed");
    }
    std::fs::write(folder.join("settings.json"), Value::from(settings).to_string()).unwrap();
    referee(folder, "trl_grpo.py", &["begun", &round.display().to_string(), "settings.json", "out"]);

    for (number, (loss, ..)) in losses.iter().enumerate() {
        let name = (number + 3).to_string();
        resume(folder, &name);
        // All steps, including those before the interruption.
        let told = lines_of(&run(folder, &name).folder().join("metrics.jsonl"));
        let out = folder.join("out").join(number.to_string());
        let theirs = same_steps(&told, &out, 10, loss);
        let rewards = of(&told, "reward");
        assert_eq!(rewards.len(), 10);
        for (ours, theirs) in rewards.iter().zip(&theirs) {
            let [found, wanted] = [*ours, theirs].map(|step| step["clipped"].as_f64().unwrap());
            assert!((found - wanted).abs() < 1e-6, "{loss}: {ours} for {theirs}");
            let [found, wanted] = [*ours, theirs].map(|step| step["kl"].as_f64().unwrap());
            assert!((found - wanted).abs() < 1e-5 + 1e-3 * wanted, "{loss}: {ours} for {theirs}");
        }
        assert!(theirs[9]["clipped"].as_f64().unwrap() > 0.0, "{loss}: {theirs:?}");
        assert!(theirs[9]["kl"].as_f64().unwrap() > 1e-4, "{loss}: {theirs:?}");
        same_weights(folder, &name, &out, loss);
    }
}
