//! Evaluations on the command line: cards, tasks, comparisons, external models.

use crate::support::program::{
    both, error_of, folder, glasshouse, json_of, last, lines, lines_of, of, referee, succeed, train,
    write_rows,
};
use glasshouse_engine::metrics::card::is_titled;
use glasshouse_engine::metrics::metrics::classification;
use glasshouse_engine::project::Project;
use serde_json::{Value, json};
use std::path::Path;

/// A folder with a run of a small model with a byte-pair tokenizer, whose context fits a question.
fn with_run() -> tempfile::TempDir {
    let (folder, _) = folder();
    train_one(folder.path(), &[]);
    folder
}

fn train_one(folder: &Path, more: &[&str]) {
    let roomy =
        ["--steps", "10", "--set", "model.context_length=64", "--tokenizer", "bpe", "--vocabulary", "400"];
    train(folder, &folder.join("first"), &[&roomy[..], more].concat());
}

const EVALUATE: [&str; 9] =
    ["evaluate", "--project", "first", "--device", "cpu", "--threads", "2", "--resamples", "200"];

fn evaluate(folder: &Path, more: &[&str]) -> Vec<Value> {
    let told = lines(&succeed(folder, &[&EVALUATE[..], &["--json"], more].concat()));
    told.iter().for_each(titled);
    told
}

/// Checks that every reported metric has a title, since a card would otherwise show its key.
fn titled(told: &Value) {
    match told {
        Value::Object(fields) => {
            if let (Some(name), true) = (fields.get("name"), fields.contains_key("better")) {
                assert!(name.as_str().is_some_and(is_titled), "evaluation/measures.rs lacks {told}");
            }
            fields.values().for_each(titled);
        }
        Value::Array(all) => all.iter().for_each(titled),
        _ => {}
    }
}

fn metric<'a>(found: &'a Value, name: &str) -> &'a Value {
    let metrics = found["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("no {name}: {found}"))
}

fn choices(count: usize) -> Vec<Value> {
    let words = ["cat", "dog and a fox", "small boat", "tree"];
    let row = |at: usize| {
        let all = [words[at % 4], words[(at + 1) % 4], words[(at / 4 + 2) % 4]];
        json!({ "prompt": format!("One day, number {at}, Lily saw a"), "choices": all, "answer": at % 3, "group": at % 2 })
    };
    (0..count).map(row).collect()
}

#[test]
fn the_standard_card_of_a_run_has_intervals_and_baselines_and_is_kept() {
    let folder = with_run();
    let folder = folder.path();
    let told = evaluate(folder, &["--documents", "20", "--card", "card.html"]);
    let found = of(&told, "evaluation")[0].clone();
    assert_eq!((&found["run"], told.len()), (&json!("2-nanogpt-cpu"), 2));
    // Memorisation is part of the same card.
    let memory = &of(&told, "audit")[0]["sections"][0];
    assert_eq!((&memory["name"], &memory["skipped"]), (&json!("memorisation"), &Value::Null));
    let extractable = metric(memory, "extractable")["value"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&extractable), "{memory}");
    let likelihood = &found["likelihood"];
    for name in ["loss", "perplexity", "bits_per_byte", "token_accuracy", "top_5_accuracy"] {
        let value = metric(likelihood, name);
        let [low, high] = [0, 1].map(|at| value["interval"][at].as_f64().unwrap());
        let own = value["value"].as_f64().unwrap();
        assert!(low <= own && own <= high && low < high, "{value}");
    }
    let (loss, perplexity) = (metric(likelihood, "loss"), metric(likelihood, "perplexity"));
    let difference = loss["value"].as_f64().unwrap().exp() - perplexity["value"].as_f64().unwrap();
    assert!(difference.abs() < 1e-6 * perplexity["value"].as_f64().unwrap());
    let names: Vec<&str> =
        found["baselines"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    for name in ["unigram", "uniform", "gzip", "xz"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(found["model"]["settings"].to_string().contains("preset = nanogpt-cpu"), "{}", found["model"]);
    assert!(!found["limits"].as_array().unwrap().is_empty(), "{}", found["limits"]);
    let page = std::fs::read_to_string(folder.join("card.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("2-nanogpt-cpu"), "{}", page.len());
    let path = folder.join("first/runs/2-nanogpt-cpu/evaluation.json");
    let kept = json_of(&path);
    assert_eq!(kept["likelihood"]["metrics"], likelihood["metrics"]);
    // An export of the evaluated weights includes their figures for the Hub; one of other weights does not.
    let exported = |to: &str| {
        succeed(folder, &["export", "--project", "first", "--to", to]);
        std::fs::read_to_string(folder.join(to).join("README.md")).unwrap()
    };
    let readme = exported("same");
    let bits = metric(likelihood, "bits_per_byte")["value"].to_string();
    let figure =
        format!("type: \"bits_per_byte\"\n      name: \"Bits per byte\"\n      value: {}", &bits[..10]);
    assert!(readme.contains("model-index:") && readme.contains(&figure), "{figure}: {readme}");
    let mut of_others = kept;
    of_others["weights_crc32c"] = json!(of_others["weights_crc32c"].as_u64().unwrap() ^ 1);
    std::fs::write(&path, of_others.to_string()).unwrap();
    assert!(!exported("others").contains("model-index:"));
    of_others["weights_crc32c"] = json!(of_others["weights_crc32c"].as_u64().unwrap() ^ 1);
    std::fs::write(&path, of_others.to_string()).unwrap();
    // An existing card is only replaced on request, and an evaluation of tasks keeps the earlier results.
    write_rows(&folder.join("qa.jsonl"), [json!({ "prompt": "Who?", "answer": "Ada" })]);
    let error = error_of(
        folder,
        &[&EVALUATE[..], &["--no-likelihood", "--task", "qa.jsonl", "--card", "card.html"]].concat(),
    );
    assert!(error.contains("card.html"), "{error}");
    let text = succeed(folder, &[&EVALUATE[..], &["--no-likelihood", "--task", "qa.jsonl"]].concat());
    for part in ["Bits per byte", "baselines", "Task qa.jsonl · 1 row · writes answers", "Limitations"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The text and its baselines are marked as kept; the task is new.
    assert_eq!(text.matches("Kept from an evaluation of").count(), 2, "{text}");
}

#[test]
fn broken_rows_are_named_and_the_rest_is_evaluated() {
    let folder = with_run();
    let folder = folder.path();
    let row = |at: usize| {
        json!({ "prompt": format!("Number {at}?"), "answer": "Ada", "group": at % 3 }).to_string()
    };
    let mut rows: Vec<String> = (0..40).map(row).collect();
    rows[6] = "{\"prompt\":".to_owned();
    rows[9] = "{\"prompt\":\"Who?\"}".to_owned();
    rows[20] = "{\"prompt\":\"Who?\",\"answers\":[\"\"]}".to_owned();
    std::fs::write(folder.join("qa.jsonl"), rows.join("\n")).unwrap();
    let told =
        evaluate(folder, &["--no-likelihood", "--task", "qa.jsonl", "--metric", "exact_match,f1,bleu"]);
    let task = &of(&told, "evaluation")[0]["tasks"][0];
    assert_eq!((&task["rows"], &task["kind"]), (&json!(37), &json!("generate")));
    let broken = task["broken"].as_array().unwrap();
    let said = [(7, "not JSON"), (10, "`answer`: missing"), (21, "nothing to compare")];
    assert_eq!(broken.len(), said.len());
    for (one, (line, part)) in broken.iter().zip(said) {
        assert!(one[0] == line && one[1].as_str().unwrap().contains(part), "{one}");
    }
    let answers = task["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 37);
    for answer in answers {
        let said = answer["answer"].as_str().unwrap();
        assert!(!said.contains('\n') && answer["scores"].as_array().unwrap().len() == 3, "{answer}");
        assert!(answer["scores"][2].is_null(), "BLEU is of all rows at once: {answer}");
    }
    let mean =
        |at: usize| answers.iter().map(|answer| answer["scores"][at].as_f64().unwrap()).sum::<f64>() / 37.0;
    assert!((metric(task, "f1")["value"].as_f64().unwrap() - mean(1)).abs() < 1e-12);
    assert!(metric(task, "bleu")["signature"].as_str().unwrap().contains("tok:13a"));
    assert_eq!(task["tables"][0]["rows"].as_array().unwrap().len(), 3);
}

/// Labels have scikit-learn's report including averages: verbatim on a terminal, and its figures in tables of cards and pages.
#[test]
fn labels_have_the_report_that_scikit_learn_prints() {
    let folder = with_run();
    let folder = folder.path();
    let label = |at: usize| ["good", "bad"][at % 2];
    let row = |at: usize| json!({ "text": format!("It is number {at}."), "label": label(at) });
    write_rows(&folder.join("labels.jsonl"), (0..6).map(row));
    let asked = ["--no-likelihood", "--task", "labels.jsonl"];
    let task = of(&evaluate(folder, &asked), "evaluation")[0]["tasks"][0].clone();
    let labels = task["answers"].as_array().unwrap().iter().map(|answer| {
        let label = |value: &Value| value.as_str().unwrap().to_owned();
        (label(&answer["expected"][0]), label(&answer["answer"]))
    });
    let printed = classification(&labels.collect::<Vec<_>>()).report();
    assert_eq!(task["reports"], json!([["Classification report", printed]]));
    let table = &task["tables"][0];
    let names: Vec<&str> =
        table["rows"].as_array().unwrap().iter().filter_map(|row| row[0].as_str()).collect();
    assert_eq!(names, ["bad", "good", "accuracy", "macro avg", "weighted avg"], "{table}");
    assert_eq!((&table["rows"][2][3], &table["rows"][2][4]), (&metric(&task, "acc")["value"], &json!(6)));
    let text = succeed(folder, &[&EVALUATE[..], &asked[..]].concat());
    let block: String = printed
        .lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") })
        .collect();
    assert!(text.contains(&block), "{block} in {text}");
}

/// A rule with a comma and capitals is one rule, taken literally.
#[test]
fn a_rule_s_pattern_is_taken_as_it_is_typed() {
    let folder = with_run();
    let folder = folder.path();
    write_rows(&folder.join("qa.jsonl"), [json!({ "prompt": "Who?", "answer": "Ada" })]);
    let score = |pattern: &str| {
        let list = format!("Exact_match,rouge:stemmer,rule:regex={pattern}");
        let asked = ["--no-likelihood", "--task", "qa.jsonl", "--max-tokens", "4", "--metric", list.as_str()];
        let told = evaluate(folder, &asked);
        let task = of(&told, "evaluation")[0]["tasks"][0].clone();
        let metrics = task["metrics"].as_array().unwrap();
        let names: Vec<&str> = metrics.iter().filter_map(|metric| metric["name"].as_str()).collect();
        assert_eq!(names, ["exact_match", "rouge1", "rouge2", "rougeL", "pass_rate"]);
        assert!(metrics[1]["signature"].as_str().unwrap().contains("use_stemmer=True"), "{task}");
        metric(&task, "pass_rate")["value"].as_f64().unwrap()
    };
    // Any answer has 0 to 99 characters, and no letter is both upper and lower case.
    assert_eq!((score(r"\A(?s:.){0,99}\z"), score(r"[A-Z&&[a-z]]")), (1.0, 0.0));
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_evaluated() {
    let folder = with_run();
    let folder = folder.path();
    write_rows(&folder.join("choices.jsonl"), choices(4));
    std::fs::write(folder.join("empty.jsonl"), "\n").unwrap();
    std::fs::create_dir(folder.join("mine")).unwrap();
    std::fs::write(folder.join("latin.jsonl"), b"{\"prompt\":\"\xe4\",\"answer\":\"a\"}\n").unwrap();
    for (more, said) in [
        (&["--task", "choices.jsonl", "--metric", "bleu"][..], "those that fit: acc"),
        (&["--task", "choices.jsonl", "--metric", "accuracy"], "did you mean `acc`? Known: exact_match, f1"),
        (&["--task", "empty.jsonl"], "no rows"),
        (&["--task", "latin.jsonl"], "byte 11"),
        (&["--task", "nowhere.jsonl"], "nowhere.jsonl"),
        (&["--run", "7"], "7"),
        (&["--against", "mine"], "no config.json"),
        (&["--against", "empty.jsonl"], "GGUF"),
        (&["--against", "nowhere"], "`nowhere`"),
        (&["--task", "choices.jsonl", "--card", "nowhere/card.html"], "nowhere"),
        (&["--task", "choices.jsonl", "--card", "first", "--force"], "first"),
    ] {
        let error = error_of(folder, &[&EVALUATE[..], &["--no-likelihood"], more].concat());
        assert!(error.contains(said), "{more:?}: {error}");
    }
    let error = error_of(folder, &[&EVALUATE[..], &["--no-likelihood"]].concat());
    assert!(error.contains("nothing"), "{error}");
    // An invalid stride is refused before a model is read.
    let output = glasshouse(folder, &[&EVALUATE[..], &["--stride", "1000000"]].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("nearest"), "{told}");
    assert!(!told.contains("loading the model"), "{told}");
    assert!(!folder.join("first/runs/2-nanogpt-cpu/evaluation.json").exists());
}

#[test]
fn runs_are_compared_paired_and_a_run_with_itself_differs_by_nothing() {
    let folder = with_run();
    let folder = folder.path();
    train_one(folder, &["--seed", "2"]);
    write_rows(&folder.join("choices.jsonl"), choices(24));
    for (run, title) in [("2", "base"), ("3", "other seed")] {
        succeed(folder, &["runs", "--project", "first", "rename", run, title]);
    }
    let told = evaluate(
        folder,
        &[
            "--runs",
            "base,other seed",
            "--documents",
            "10",
            "--no-baselines",
            "--no-memorisation",
            "--task",
            "choices.jsonl",
        ],
    );
    let found = of(&told, "evaluation");
    assert_eq!(found.len(), 2);
    let task = &found[0]["tasks"][0];
    for name in ["acc", "acc_norm", "acc_mutual_info"] {
        let value = metric(task, name)["value"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&value), "{name}: {value}");
    }
    assert_eq!(task["beside"][0]["name"], "random");
    let chance = metric(&task["beside"][0], "acc")["value"].as_f64().unwrap();
    assert!((chance - 1.0 / 3.0).abs() < 1e-12);
    let compared = of(&told, "comparison");
    // All per-document metrics of two models with the same tokenizer are paired.
    for name in ["perplexity", "token_accuracy", "top_5_accuracy"] {
        let one = compared
            .iter()
            .find(|one| one["what"] == name)
            .unwrap_or_else(|| panic!("no {name}: {compared:?}"));
        assert!(one["difference"]["interval"].is_array(), "{one}");
        let [first, second] =
            [0, 1].map(|at| metric(&found[at]["likelihood"], name)["value"].as_f64().unwrap());
        assert!((one["difference"]["value"].as_f64().unwrap() - (first - second)).abs() < 1e-6, "{one}");
    }
    let bits = compared.iter().find(|one| one["what"] == "bits_per_byte").unwrap();
    let [first, second] =
        [0, 1].map(|at| metric(&found[at]["likelihood"], "bits_per_byte")["value"].as_f64().unwrap());
    assert!((bits["difference"]["value"].as_f64().unwrap() - (first - second)).abs() < 1e-9, "{bits}");
    assert!(!bits["verdict"].as_str().unwrap().is_empty());
    let text = succeed(
        folder,
        &[&EVALUATE[..], &["--runs", "1,2", "--no-likelihood", "--suite", "tasks", "--rows", "2"]].concat(),
    );
    for part in ["Task story", "Task conversation", "Paired differences"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn an_exported_model_is_imported_to_compare_with_and_does_the_same() {
    let folder = with_run();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "elsewhere"]);
    write_rows(&folder.join("choices.jsonl"), choices(12));
    let rows = [("One day", "Lily"), ("Then", "Ben")];
    let row = |(prompt, answer): (&str, &str)| json!({ "prompt": prompt, "answer": answer });
    write_rows(&folder.join("qa.jsonl"), rows.map(row));
    let told = evaluate(
        folder,
        &[
            "--against",
            "./elsewhere",
            "--documents",
            "10",
            "--no-baselines",
            "--no-memorisation",
            "--task",
            "choices.jsonl",
            "--task",
            "qa.jsonl",
        ],
    );
    let found = of(&told, "evaluation");
    assert_eq!((found.len(), &found[1]["settings"]["text_of"]), (2, &json!("2-nanogpt-cpu")));
    let tasks = |at: usize| found[at]["tasks"].as_array().unwrap();
    assert_eq!(tasks(0).len(), 2);
    for (one, other) in tasks(0).iter().zip(tasks(1)) {
        assert_eq!(one["answers"], other["answers"]);
    }
    let bits = |at: usize| metric(&found[at]["likelihood"], "bits_per_byte")["value"].as_f64().unwrap();
    assert!((bits(0) - bits(1)).abs() < 1e-6, "{} {}", bits(0), bits(1));
    // The project's latest run is unchanged.
    let again = evaluate(folder, &["--no-likelihood", "--task", "qa.jsonl"]);
    assert_eq!(of(&again, "evaluation")[0]["run"], "2-nanogpt-cpu");
    let latest = || Project::open(&folder.join("first")).unwrap().latest_run().unwrap().name();
    assert_eq!(latest(), "2-nanogpt-cpu");
    let listed = succeed(folder, &["runs", "--project", "first"]);
    assert!(listed.contains("imported for comparison"), "{listed}");
    // Importing it explicitly makes it a run of the project.
    let said = succeed(folder, &["import", "elsewhere", "--project", "first"]);
    assert!(said.starts_with("3-elsewhere: "), "{said}");
    assert_eq!(latest(), "3-elsewhere");
}

#[test]
fn a_model_is_not_compared_with_itself_and_that_is_said() {
    let folder = with_run();
    let folder = folder.path();
    write_rows(&folder.join("qa.jsonl"), [json!({ "prompt": "One day", "answer": "Lily" })]);
    let asked =
        ["--no-likelihood", "--task", "qa.jsonl", "--max-tokens", "2", "--run", "2", "--against", "2"];
    let (said, told) = both(folder, &[&EVALUATE[..], &asked].concat());
    assert!(told.contains("note: 2-nanogpt-cpu"), "{told}");
    assert!(!said.contains("Paired differences"));
}

/// lm-eval on the exported folder, with its own tokenisation, sums and three accuracies.
#[test]
fn slow_python_lm_eval_chooses_the_same() {
    let folder = with_run();
    let folder = folder.path();
    write_rows(&folder.join("choices.jsonl"), choices(60));
    let told = evaluate(folder, &["--no-likelihood", "--task", "choices.jsonl"]);
    let task = &of(&told, "evaluation")[0]["tasks"][0];
    succeed(folder, &["export", "--project", "first", "--to", "exported"]);
    let theirs = last(&referee(folder, "lm_eval_choices.py", &["exported", "choices.jsonl"]));
    for name in ["acc", "acc_norm", "acc_mutual_info"] {
        let (own, wanted) = (metric(task, name)["value"].as_f64().unwrap(), theirs[name].as_f64().unwrap());
        assert!((own - wanted).abs() < 1e-9, "{name}: {own} for {theirs}");
    }
}

/// The same descriptions, read by lm-eval and by us: continuations, and contexts of a text.
#[test]
fn slow_python_lm_eval_reads_the_same_descriptions() {
    const LAST_WORDS: &str = r#"
task: described
output_type: loglikelihood
doc_to_text: "{{text.split(' ')[:-1] | join(' ')}}"
doc_to_target: "{{' ' + text.split(' ')[-1]}}"
target_delimiter: ""
metric_list: [{ metric: perplexity }, { metric: acc }]
"#;
    const CONTEXTS: &str = r#"
task: described
output_type: multiple_choice
description: "Say: "
doc_to_text: "{{answer}}"
doc_to_choice: "{{[text + ' cat', text + ' dog']}}"
doc_to_target: "{{rest}}"
metric_list: [{ metric: acc }]
"#;
    const DELIMITED: &str = r###"
task: described
output_type: multiple_choice
description: "Say: "
doc_to_text: "{{text | regex_replace('(o+)', '<\\\\1>')}}"
doc_to_choice: ["cat", "big dog"]
doc_to_target: answer
target_delimiter: "\n"
metric_list: [{ metric: acc }, { metric: acc_norm }]
"###;
    let folder = with_run();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "exported"]);
    let texts = [
        "One day Lily went to the park",
        "The dog ran after the ball",
        "Once upon a time",
        "Tom said hello to Lily",
    ];
    let row = |(at, text): (usize, &str)| json!({ "text": text, "answer": at % 2, "rest": "ran home." });
    write_rows(&folder.join("described.jsonl"), texts.into_iter().enumerate().map(row));
    for (description, names) in
        [(LAST_WORDS, &["perplexity", "acc"][..]), (CONTEXTS, &["acc"]), (DELIMITED, &["acc", "acc_norm"])]
    {
        std::fs::write(folder.join("described.yaml"), description).unwrap();
        let told = evaluate(folder, &["--no-likelihood", "--task", "described.yaml"]);
        let task = &of(&told, "evaluation")[0]["tasks"][0];
        let theirs =
            last(&referee(folder, "lm_eval_choices.py", &["exported", "described.jsonl", "described.yaml"]));
        for name in names {
            let (own, wanted) =
                (metric(task, name)["value"].as_f64().unwrap(), theirs[*name].as_f64().unwrap());
            assert!((own - wanted).abs() <= 1e-4 * wanted.abs(), "{name}: {own} for {theirs}");
        }
    }
}

/// The script for transformers gives our answers with a decoder, and with an encoder-decoder results to compare with.
#[test]
fn slow_python_models_that_do_not_run_here_answer_the_same_rows() {
    let folder = with_run();
    let folder = folder.path();
    referee(folder, "make_answerers.py", &["models"]);
    write_rows(&folder.join("choices.jsonl"), choices(12));
    let asked = ["The ferry crossed", "Ein Satz", "def area", "Nobody looked up"];
    write_rows(
        &folder.join("qa.jsonl"),
        asked.map(|prompt| json!({ "prompt": prompt, "answer": "the sound" })),
    );
    let tasks = ["--task", "choices.jsonl", "--task", "qa.jsonl", "--max-tokens", "12"];
    succeed(folder, &[&["evaluate", "--script", "others"], &tasks[..]].concat());
    let error = error_of(folder, &[&["evaluate", "--script", "others"], &tasks[..]].concat());
    assert!(error.contains("others"), "{error}");
    let results = ["others/choices.results.jsonl", "others/qa.results.jsonl"];
    let answer = |model: &str| {
        let program = folder.join("others/answer.py").display().to_string();
        referee(folder, &program, &["--model", model, "--device", "cpu"]);
    };
    answer("models/gpt2");
    let with =
        ["--with-results", results[0], "--with-results", results[1], "--name", "other", "--name", "other"];
    let told = evaluate(
        folder,
        &[&["--no-likelihood", "--run", "1", "--against", "./models/gpt2"], &tasks[..], &with].concat(),
    );
    let found = of(&told, "evaluation");
    for task in found[1]["tasks"].as_array().unwrap() {
        let other = task["beside"].as_array().unwrap().iter().find(|one| one["name"] == "other").unwrap();
        for metric in other["metrics"].as_array().unwrap() {
            let own = self::metric(task, metric["name"].as_str().unwrap());
            assert_eq!(own["value"], metric["value"], "{metric}");
        }
    }
    for (task, file) in found[1]["tasks"].as_array().unwrap().iter().zip(results) {
        let theirs = lines_of(&folder.join(file));
        for (own, theirs) in task["answers"].as_array().unwrap().iter().zip(&theirs) {
            // The number of replacement characters for invalid UTF-8 differs between programs.
            let said = |row: &Value| row["answer"].as_str().unwrap().replace('\u{fffd}', "");
            assert_eq!((&own["line"], said(own)), (&theirs["line"], said(theirs)));
        }
    }
    answer("models/t5");
    let told = evaluate(folder, &[&["--no-likelihood", "--run", "1"], &tasks[..], &with].concat());
    for task in of(&told, "evaluation")[0]["tasks"].as_array().unwrap() {
        let other = task["beside"].as_array().unwrap().iter().find(|one| one["name"] == "other").unwrap();
        assert!(other["broken"].as_array().unwrap().is_empty(), "{other}");
        assert!(!other["differences"].as_array().unwrap().is_empty(), "{other}");
    }
}
