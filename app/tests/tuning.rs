//! Supervised fine-tuning: a model that went on from texts learns to answer.

use crate::front_ends::{error_of, succeed, train};
use glasshouse_engine::project::Project;
use glasshouse_protocol::{CHATML_TOKENS, Objective, RunConfig};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the model is to learn: questions with one answer each.
const ANSWERS: [(&str, &str); 3] = [("Who?", "Ada."), ("Where?", "At sea."), ("When?", "At dawn.")];

/// A folder with a trained model of a few words, and `rows.jsonl` of the answers over and over.
fn folder(more: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), &["corpus", "stories", "--bytes", "60KB"]);
    std::fs::write(folder.path().join("stories.txt"), text).unwrap();
    let roomy = ["--steps", "20", "--set", "model.context_length=64"];
    train(folder.path(), &folder.path().join("first"), &[&roomy[..], more].concat());
    let rows = (0..120).map(|at| {
        let (asked, answer) = ANSWERS[at % ANSWERS.len()];
        let messages =
            json!([{ "role": "user", "content": asked }, { "role": "assistant", "content": answer }]);
        json!({ "messages": messages }).to_string() + "\n"
    });
    std::fs::write(folder.path().join("rows.jsonl"), rows.collect::<String>()).unwrap();
    folder
}

/// Fine-tunes the first project's latest run.
fn tune(folder: &Path, more: &[&str]) -> Vec<Value> {
    let own = ["train", "--project", "first", "--device", "cpu", "--threads", "2", "--json", "--from", "1"];
    let own = [&own[..], &["--objective", "chat", "--data", "rows.jsonl"]].concat();
    lines(&succeed(folder, &[&own[..], more].concat()))
}

fn lines(told: &str) -> Vec<Value> {
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn losses(told: &[Value]) -> BTreeMap<u64, f64> {
    let evaluations = told.iter().filter(|event| event["event"] == "eval");
    evaluations.map(|event| (event["step"].as_u64().unwrap(), event["val_loss"].as_f64().unwrap())).collect()
}

/// What the run answers, of highest probability at each token.
fn answers(folder: &Path, run: &str, asked: &str) -> String {
    let mut chat = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .current_dir(folder)
        .args(["chat", "--project", "first", "--run", run, "--device", "cpu", "--temperature", "0"])
        .args(["--max-tokens", "20"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(chat.stdin.take().unwrap(), "{asked}").unwrap();
    String::from_utf8(chat.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

fn config(folder: &Path, run: &str) -> RunConfig {
    Project::open(&folder.join("first")).unwrap().run(run).unwrap().config().unwrap()
}

/// With learned positions, where each conversation has a row of its own, and with rotary ones, where several share a row.
#[test]
fn a_model_learns_to_answer_and_stops_where_the_answer_ends() {
    for (more, packs) in [(&[][..], false), (&["--set", "model.position=none"], true)] {
        let folder = folder(more);
        let folder = folder.path();
        let told = tune(folder, &["--steps", "150", "--lr", "3e-3", "--set", "train.batch_size=8"]);
        let losses = losses(&told);
        assert!(losses[&0] > 1.0 && losses[&150] < 0.05, "{losses:?}");
        for (asked, answer) in ANSWERS {
            assert_eq!(answers(folder, "2", asked), answer);
        }
        let config = config(folder, "2");
        assert_eq!(config.train.objective.packs(&config.model), packs);
        assert_eq!(config.tokenizer.special_tokens, CHATML_TOKENS);
        // The first that is held out is what samples answer.
        let samples: Vec<&str> = told
            .iter()
            .filter(|event| event["event"] == "sample")
            .filter_map(|event| event["text"].as_str())
            .collect();
        let last = samples.last().unwrap();
        assert!(ANSWERS.iter().any(|(asked, answer)| *last == format!("{asked}\n> {answer}")), "{samples:?}");
        let notices: String = told.iter().filter_map(|event| event["text"].as_str()).collect();
        let rows = if packs { "learned in an epoch" } else { "conversations in 1" };
        assert!(notices.contains(rows), "{notices}");
    }
}

#[test]
fn a_run_that_was_interrupted_goes_on_with_the_same_batches() {
    let folder = folder(&["--set", "model.position=none"]);
    let folder = folder.path();
    let set = ["--steps", "12", "--set", "train.accumulate=3", "--set", "train.batch_size=2"];
    let whole = tune(folder, &set);
    tune(folder, &[&set[..], &["--stop-after", "5"]].concat());
    let rest = lines(&succeed(folder, &["train", "--project", "first", "--run", "3", "--resume", "--json"]));
    let step = |told: &[Value], step: u64| {
        let at = told.iter().find(|event| event["event"] == "step" && event["step"] == step).unwrap();
        (at["loss"].clone(), at["grad_norm"].clone())
    };
    for number in 6..=12 {
        assert_eq!(step(&whole, number), step(&rest, number), "step {number}");
    }
}

#[test]
fn rows_that_are_no_conversations_are_named_and_left_out() {
    let folder = folder(&[]);
    let folder = folder.path();
    let mut rows = std::fs::read_to_string(folder.join("rows.jsonl")).unwrap();
    for wrong in [
        r#"{"messages":[{"role":"narrator","content":"a"}]}"#,
        r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":" "}]}"#,
        r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#,
    ] {
        rows.push_str(wrong);
        rows.push('\n');
    }
    // Of the next, the answer lies beyond the context length.
    let long = json!({ "prompt": "Who? ".repeat(40), "completion": "Ada." });
    std::fs::write(folder.join("rows.jsonl"), format!("{rows}{long}\n")).unwrap();
    let from = ["train", "--project", "first", "--device", "cpu", "--from", "1", "--objective", "chat"];
    let from = [&from[..], &["--steps", "1"]].concat();
    let output = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .current_dir(folder)
        .args(&from)
        .args(["--data", "rows.jsonl"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    for said in [
        "rows.jsonl line 121: `messages[0].role`: unknown role \"narrator\"",
        "(and 2 more like it)",
        "1 conversation longer than the context length",
        "1 conversation left out",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }

    // What cannot be learned from at all is one error, and no run.
    std::fs::write(folder.join("none.jsonl"), "{\"chosen\":\"a\",\"rejected\":\"b\",\"prompt\":\"c\"}\n")
        .unwrap();
    for (data, said) in [
        ("stories.txt", "expected JSON Lines (.jsonl), a conversation a line"),
        ("none.jsonl", "holds no conversation to learn from: none.jsonl line 1: `chosen` and `rejected`"),
    ] {
        let error = error_of(folder, &[&from[..], &["--data", data]].concat());
        assert!(error.contains(said), "{error}");
    }
    let fresh =
        error_of(folder, &["train", "--objective", "chat", "--data", "rows.jsonl", "--project", "new"]);
    assert!(fresh.contains("train.objective is chat") && fresh.contains("--from"), "{fresh}");
    assert!(!folder.join("new").exists());
    let error = error_of(folder, &["train", "--objective", "chap"]);
    assert!(error.contains("chap") && error.contains("text, chat"), "{error}");
    assert_eq!(Project::open(&folder.join("first")).unwrap().runs().unwrap().len(), 2);
    assert!(matches!(config(folder, "2").train.objective, Objective::Chat(_)));
    let error = error_of(folder, &["handover", "--project", "first", "--run", "2", "--to", "bundle"]);
    assert!(error.contains("its objective is chat"), "{error}");
}
