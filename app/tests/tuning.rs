//! Supervised fine-tuning: a base model learns to answer.

use crate::support::program::{both, count_runs, error_of, fail, of, program, referee, succeed, write_rows};
use crate::support::tuning::{
    AS_REFEREES, ROOMY, add_sets, at, config, notices, numbers, resume, run, same_steps, same_weights,
    trained, trained_llama, tune,
};
use glasshouse_engine::data::{Split, prepare};
use glasshouse_protocol::{CHATML_TOKENS, Objective};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

/// Training data: questions with one answer each.
const ANSWERS: [(&str, &str); 3] = [("Who?", "Ada."), ("Where?", "At sea."), ("When?", "At dawn.")];

/// A folder with a small trained model, and `rows.jsonl` with the answers repeated.
fn folder(more: &[&str]) -> tempfile::TempDir {
    let folder = trained(&[&ROOMY[..], more].concat());
    let rows = (0..120).map(|at| {
        let (asked, answer) = ANSWERS[at % ANSWERS.len()];
        let messages =
            json!([{ "role": "user", "content": asked }, { "role": "assistant", "content": answer }]);
        json!({ "messages": messages })
    });
    write_rows(&folder.path().join("rows.jsonl"), rows);
    folder
}

/// Fine-tunes run 1 of the project `first`.
fn teach(folder: &Path, more: &[&str]) -> Vec<Value> {
    if !folder.join("same-rows.jsonl").exists() {
        std::fs::copy(folder.join("rows.jsonl"), folder.join("same-rows.jsonl")).unwrap();
    }
    tune(folder, "1", "chat", "rows.jsonl", &[&["--validation", "same-rows.jsonl"][..], more].concat())
}

/// The run's answer by greedy decoding.
fn answers(folder: &Path, run: &str, asked: &str) -> String {
    let mut chat = program(folder)
        .args(["chat", "--project", "first", "--run", run, "--device", "cpu", "--temperature", "0"])
        .args(["--max-tokens", "20"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(chat.stdin.take().unwrap(), "{asked}").unwrap();
    String::from_utf8(chat.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

/// With learned positions each conversation has its own row; with rotary ones, several share a row.
#[test]
fn a_model_learns_to_answer_and_stops_where_the_answer_ends() {
    for (more, packs) in [(&[][..], false), (&["--set", "model.position={kind=\"none\"}"], true)] {
        let folder = folder(more);
        let folder = folder.path();
        let told = teach(folder, &["--steps", "300", "--lr", "3e-3", "--set", "train.batch_size=8"]);
        let losses = numbers(&told, "eval", "val_loss");
        assert!(losses[0] > 1.0 && losses[losses.len() - 1] < 0.12, "{losses:?}");
        for (asked, answer) in ANSWERS {
            assert_eq!(answers(folder, "2", asked), answer);
        }
        let config = config(folder, "2");
        assert_eq!(config.train.packs_examples(&config.model), packs);
        assert_eq!(config.tokenizer.special_tokens, CHATML_TOKENS);
        // Samples answer the first held-out prompt.
        let samples: Vec<&str> =
            of(&told, "sample").into_iter().filter_map(|event| event["text"].as_str()).collect();
        let last = samples.last().unwrap();
        assert!(ANSWERS.iter().any(|(asked, answer)| *last == format!("{asked}\n> {answer}")), "{samples:?}");
        let notices = notices(&told);
        let rows = if packs { "learned in an epoch" } else { "conversations in 1" };
        assert!(notices.contains(rows), "{notices}");
    }
}

#[test]
fn a_run_that_was_interrupted_continues_with_the_same_batches() {
    let folder = folder(&["--set", "model.position={kind=\"none\"}"]);
    let folder = folder.path();
    let set = ["--steps", "12", "--set", "train.accumulate=3", "--set", "train.batch_size=2"];
    let whole = teach(folder, &set);
    teach(folder, &[&set[..], &["--stop-after", "5"]].concat());
    let rest = resume(folder, "3");
    for number in 6..=12 {
        assert_eq!(at(&whole, "step", number), at(&rest, "step", number), "step {number}");
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
    // The answer of this row lies beyond the context length.
    let long = json!({ "prompt": "Who? ".repeat(40), "completion": "Ada." });
    std::fs::write(folder.join("rows.jsonl"), format!("{rows}{long}\n")).unwrap();
    let from = ["train", "--project", "first", "--device", "cpu", "--from", "1", "--objective", "chat"];
    let from = [&from[..], &["--steps", "1"]].concat();
    let (said, told) = both(folder, &[&from[..], &["--data", "rows.jsonl"]].concat());
    let told = told + &said;
    for said in [
        "rows.jsonl line 121: `messages[0].role`",
        "rows.jsonl line 122: `messages[1].content`",
        "rows.jsonl line 123: `messages[1].role`",
        "1 conversation longer",
        "1 conversation left out",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }

    // Unusable data is an error, and leaves no run.
    std::fs::write(folder.join("none.jsonl"), "{\"chosen\":\"a\",\"rejected\":\"b\",\"prompt\":\"c\"}\n")
        .unwrap();
    for (data, said) in
        [("stories.txt", ".jsonl"), ("none.jsonl", "none.jsonl line 1: `chosen` and `rejected`")]
    {
        let error = error_of(folder, &[&from[..], &["--data", data]].concat());
        assert!(error.contains(said), "{error}");
    }
    let fresh =
        error_of(folder, &["train", "--objective", "chat", "--data", "rows.jsonl", "--project", "new"]);
    assert!(fresh.contains("train.objective = chat") && fresh.contains("--from"), "{fresh}");
    assert!(!folder.join("new").exists());
    for frozen in [["--adapter", "lora"], ["--set", "train.trainable=last:1"]] {
        let error = error_of(folder, &[&from[..], &["--data", "rows.jsonl"], &frozen].concat());
        assert!(error.contains("chat template") && error.contains("freezes"), "{error}");
    }
    fail(folder, &["train", "--objective", "chap"], 2, &["'chap'", "text, chat"]);
    assert_eq!(count_runs(folder, "first"), 2);
    assert_eq!(config(folder, "2").train.objective, Objective::Chat);
    let error = error_of(folder, &["bundle", "export", "--project", "first", "--run", "2", "--to", "bundle"]);
    assert!(error.contains("chat"), "{error}");
}

/// Rows as published for Stanford's Alpaca and KTO: an array with the prompt next to the fields it was built from, and thumbs.
#[test]
fn published_rows_are_read_as_they_are() {
    let folder = folder(&[]);
    let folder = folder.path();
    let alpaca: Vec<Value> = (0..20)
        .map(|at| {
            let (asked, answer) = ANSWERS[at % ANSWERS.len()];
            let text =
                format!("Below is an instruction.\n\n### Instruction:\n{asked}\n\n### Response:\n{answer}");
            let answer = if at == 2 { " " } else { answer };
            json!({ "instruction": asked, "input": "", "output": answer, "text": text })
        })
        .collect();
    std::fs::write(folder.join("alpaca.json"), serde_json::to_string_pretty(&alpaca).unwrap()).unwrap();
    let thumbs = (0..20).map(|at| json!({ "prompt": "Who?", "completion": " Ada.", "label": at % 4 != 0 }));
    write_rows(&folder.join("thumbs.jsonl"), thumbs);
    let from = ["train", "--project", "first", "--device", "cpu", "--from", "1", "--objective", "chat"];
    let from = [&from[..], &["--steps", "1"]].concat();
    let (said, told) =
        both(folder, &[&from[..], &["--data", "alpaca.json", "--data", "thumbs.jsonl"]].concat());
    let told = told + &said;
    for said in ["alpaca.json row 3: `output`", "thumbs.jsonl line 1: `label`", "(and 4 more like it)"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let prepared = prepare::open(&run(folder, "2").data_folder().unwrap()).unwrap();
    assert_eq!(prepared.store.index().unwrap().documents, 19 + 15);
    let tokens = prepared.store.read(Split::Train, 0, prepared.store.len(Split::Train) as usize).unwrap();
    let text = prepared.tokenizer.decode(&tokens);
    assert!(!text.contains("Below is an instruction"), "{text}");
    std::fs::write(folder.join("one.json"), alpaca[0].to_string()).unwrap();
    let error = error_of(folder, &[&from[..], &["--data", "one.json"]].concat());
    assert!(error.contains("one.json") && error.contains("array"), "{error}");
}

/// Ten steps of TRL's `SFTTrainer` from the same weights on the same conversations. Each step takes all of them, so that the
/// order of rows does not matter. Ours packs them, and takes them in micro-batches with different numbers of targets.
#[test]
fn slow_python_trl_trains_the_same_answers() {
    // No conversation is cut off: TRL counts the tokens of a cut one differently.
    let folder = trained_llama(128, 20);
    let folder = folder.path();
    let rows: Vec<Value> = (0..24)
        .map(|at| {
            let asked = format!("Question {at}: who is it?");
            let answer = "It is Ada and the cat. ".repeat(1 + at % 3);
            let mut messages = json!([
                { "role": "user", "content": asked },
                { "role": "assistant", "content": answer.trim() }
            ]);
            if at % 4 == 0 {
                let more = [
                    json!({ "role": "user", "content": "And then?" }),
                    json!({ "role": "assistant", "content": "They went home." }),
                ];
                messages.as_array_mut().unwrap().extend(more);
            }
            json!({ "messages": messages })
        })
        .collect();
    write_rows(&folder.join("rows.jsonl"), rows.iter().cloned());
    // A step that changes almost nothing adds the new tokens' rows and a template to the weights.
    teach(folder, &["--steps", "1", "--lr", "1e-12", "--set", "train.weight_decay=0"]);
    succeed(folder, &["export", "--project", "first", "--run", "2", "--to", "begun"]);

    let prepared = prepare::open(&run(folder, "2").data_folder().unwrap()).unwrap();
    let examples = prepared.store.examples(Split::Train).unwrap();
    let trained = (0..examples.count()).map(|at| {
        let range = examples.range(at);
        let length = (range.end - range.start) as usize;
        let tokens = prepared.store.read(Split::Train, range.start, length).unwrap();
        let text = prepared.tokenizer.decode(&tokens);
        let is_asked = |row: &&Value| text.contains(row["messages"][0]["content"].as_str().unwrap());
        let mut row = rows.iter().find(is_asked).unwrap().clone();
        let learned = tokens.iter().zip(examples.learned(range)).filter(|(_, learned)| *learned);
        row["learned"] = learned.map(|(token, _)| *token).collect();
        row
    });
    write_rows(&folder.join("trained.jsonl"), trained);
    let count = examples.count();
    assert_eq!(count, 24, "all rows train");
    let settings = json!({
        "max_length": 128, "max_steps": 10, "per_device_train_batch_size": count, "learning_rate": 1e-3,
        "lr_scheduler_type": "constant", "warmup_steps": 0, "weight_decay": 0.1, "max_grad_norm": 1.0,
        "adam_beta1": 0.9, "adam_beta2": 0.95, "adam_epsilon": 1e-8,
    });
    std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
    referee(folder, "trl_sft.py", &["begun", "trained.jsonl", "settings.json", "out"]);

    // There are fewer packed rows than conversations, and as many padded ones.
    for (number, packing) in [(3, true), (4, false)] {
        let rows = if packing {
            let about = prepared.about_batches(&config(folder, "2")).unwrap().join(" ");
            about.split(" in ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
        } else {
            count
        };
        let accumulate = if rows % 2 == 0 { 2 } else { 1 };
        let sets = [
            format!("train.chat.packing={packing}"),
            format!("train.batch_size={}", rows / accumulate),
            format!("train.accumulate={accumulate}"),
        ];
        let own = ["--validation", "same-rows.jsonl", "--steps", "10", "--lr", "1e-3"];
        let mut more = [&AS_REFEREES[..], &own].concat();
        add_sets(&mut more, &sets);
        let told = tune(folder, "2", "chat", "rows.jsonl", &more);
        let (out, about) = (folder.join("out"), format!("packing {packing}"));
        same_steps(&told, &out, 10, &about);
        same_weights(folder, &number.to_string(), &out, &about);
    }
}
