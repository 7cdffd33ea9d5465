//! The command line: output, exit codes, and errors for bad input.

use crate::support::program::{
    RUN, SHAPE, adapter, both, count_runs, fail, glasshouse, lines, misuse, of, program, run_of, sets,
    stories, succeed,
};
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use glasshouse::cli::arguments::Arguments;
use serde_json::Value;
use std::path::Path;

/// A model and run small enough for tests.
fn small() -> Vec<&'static str> {
    let training = [
        "train.batch_size=4",
        "train.warmup_steps=5",
        "train.eval_interval=20",
        "train.eval_batches=2",
        "train.sample_interval=0",
    ];
    [&["--preset", "nanogpt-cpu"][..], &sets(&SHAPE)[..], &sets(&training)[..]].concat()
}

/// Trains the small model, and returns the events.
fn train(folder: &Path, project: &str, more: &[&str]) -> Vec<Value> {
    let own = ["train", "--data", "stories.txt", "--project", project, "--device", "cpu", "--json"];
    lines(&succeed(folder, &[&own[..], &small()[..], more].concat()))
}

/// A mixed-precision run can resume on a machine without 16-bit floats, since its weights have 32 bits.
#[test]
fn a_run_of_mixed_precision_goes_on_in_32_bits_where_it_is_told_to() {
    let folder = stories(60);
    let folder = folder.path();
    let adapter = adapter();
    let own = ["train", "--data", "stories.txt", "--project", "halves", "--device", &adapter, "--json"];
    let stops = ["--steps", "20", "--stop-after", "10", "--precision", "mixed"];
    let begin = [&own[..], &small()[..], &stops].concat();
    let first = losses(&lines(&succeed(folder, &begin)));
    assert_eq!(first.len(), 10);
    let resume = ["train", "--project", "halves", "--resume", "--device", "cpu", "--json"];
    fail(folder, &resume, 1, &["--precision f32"]);
    let rest = losses(&lines(&succeed(folder, &[&resume[..], &["--precision", "f32"]].concat())));
    assert_eq!(rest.iter().map(|(step, ..)| *step).collect::<Vec<_>>(), (11..=20).collect::<Vec<_>>());
    assert!(rest[9].1 < first[0].1);
}

/// Step, loss and gradient norm of each step.
fn losses(told: &[Value]) -> Vec<(u64, f64, f64)> {
    let number = |line: &Value, name: &str| line[name].as_f64().unwrap();
    let steps = of(told, "step").into_iter();
    steps
        .map(|line| (line["step"].as_u64().unwrap(), number(line, "loss"), number(line, "grad_norm")))
        .collect()
}

#[test]
fn a_rate_is_found_and_the_runs_of_a_sweep_are_trained_once() {
    let folder = stories(60);
    let folder = folder.path();
    let own = ["--data", "stories.txt", "--project", "lab", "--device", "cpu", "--json", "--steps", "20"];
    let run = |command: &[&'static str]| [command, &own[..], &small()[..]].concat();
    let tested = lines(&succeed(folder, &run(&["find-rate", "--test-steps", "40"])));
    let curve = of(&tested, "range_test");
    assert!(curve[0]["suggestion"].as_f64().is_some_and(|rate| rate > 0.0), "{curve:?}");
    assert!(!folder.join("lab/runs/1-nanogpt-cpu").exists());
    let write = |name: &str, settings: &str| {
        std::fs::write(folder.join(name), format!("[settings]\n{settings}")).unwrap();
    };
    write("sweep.toml", "train.learning_rate = [1e-5, 3e-3]");
    let swept = lines(&succeed(folder, &run(&["sweep", "sweep.toml"])));
    let last = of(&swept, "sweep").pop().unwrap().clone();
    assert_eq!((&last["complete"], &last["best"]), (&Value::Bool(true), &Value::from(1)), "{last}");
    assert_eq!(count_runs(folder, "lab"), 2);
    let again = lines(&succeed(folder, &run(&["sweep", "sweep.toml"])));
    assert_eq!((of(&again, "sweep").len(), count_runs(folder, "lab")), (1, 2));
    // Side by side, no run is trained twice, and a rung waits for all of them.
    let rates = "train.learning_rate = [1e-5, 3e-3, 1e-4, 1e-6]\n[stop]\nrule = \"halving\"\nrungs = [10]\nfactor = 4";
    std::fs::write(folder.join("side.toml"), format!("name = \"side\"\n[settings]\n{rates}")).unwrap();
    let short = ["--set", "train.eval_interval=10"];
    let aside = [&run(&["sweep", "side.toml", "--workers", "3"])[..], &short].concat();
    let heard = lines(&succeed(folder, &aside));
    let last = of(&heard, "sweep").into_iter().rfind(|sweep| sweep["complete"] == true).unwrap().clone();
    let steps: Vec<&Value> = last["rows"].as_array().unwrap().iter().map(|row| &row["step"]).collect();
    assert_eq!(
        (steps, &last["best"]),
        ([10, 20, 10, 10].map(Value::from).iter().collect::<Vec<_>>(), &Value::from(1)),
        "{last}"
    );
    assert_eq!(count_runs(folder, "lab"), 6);
    assert!(!folder.join("lab/sweeps/side.0.lock").exists());
    // Begun by two processes at the same time, only one of two sweeps gets the name.
    let rivals = [["sweep", "one.toml"], ["sweep", "two.toml"]].map(|command| run(&command));
    std::fs::write(folder.join("one.toml"), "name = \"same\"\n[settings]\nseed = [1, 2]").unwrap();
    std::fs::write(folder.join("two.toml"), "name = \"same\"\n[settings]\nseed = [3, 4]").unwrap();
    let won = std::thread::scope(|scope| {
        let started = rivals.each_ref().map(|command| scope.spawn(|| glasshouse(folder, command)));
        started.map(|program| program.join().unwrap().status.success())
    });
    assert!(won[0] != won[1], "{won:?}");
    assert_eq!(count_runs(folder, "lab"), 8);
    let ladder = ["scale", "--workers", "2"];
    fail(folder, &run(&ladder), 2, &["--workers"]);
    let wide = "{ from = 1, to = 1000, count = 1000 }";
    let wide = format!("name = \"wide\"\n[settings]\nseed = {wide}\ntrain.batch_size = {wide}");
    std::fs::write(folder.join("wide.toml"), wide).unwrap();
    fail(folder, &run(&["sweep", "wide.toml"]), 1, &["1,000,000 runs"]);
    write("unknown.toml", "train.learning_rat = [1]");
    fail(folder, &run(&["sweep", "unknown.toml"]), 1, &["learning_rate"]);
}

#[test]
fn a_ladder_predicts_its_largest_model_and_then_trains_it() {
    let folder = stories(60);
    let folder = folder.path();
    let own = ["--data", "stories.txt", "--project", "lab", "--device", "cpu", "--json"];
    let ladder = ["scale", "--sizes", "4", "--tokens-per-parameter", "0.5", "--largest"];
    let run = |largest: &'static str| [&ladder[..], &[largest], &own[..], &small()[..]].concat();
    let heard = lines(&succeed(folder, &run("150000")));
    let swept = of(&heard, "sweep");
    let prediction = |of: &Value| of["scaling"]["prediction"].clone();
    let before = swept.iter().find(|sweep| sweep["current"][0] == 3).unwrap();
    let after = swept[swept.len() - 1];
    assert!(prediction(before)["loss"].as_f64().is_some_and(|loss| loss > 0.0), "{before}");
    assert_eq!(prediction(before)["measured"], Value::Null);
    assert_eq!(prediction(before)["loss"], prediction(after)["loss"]);
    assert!(
        prediction(after)["measured"].as_f64().is_some() && prediction(after)["error"].as_f64().is_some()
    );
    assert_eq!(after["scaling"]["laws"].as_array().unwrap().len(), 3);
    let rows = after["rows"].as_array().unwrap();
    let size = |row: &Value, of: &str| row["size"][of].as_f64().unwrap();
    assert!(rows.windows(2).all(|two| size(&two[0], "parameters") < size(&two[1], "parameters")));
    for row in rows {
        let ratio = size(row, "tokens") / size(row, "parameters");
        assert!((ratio / 0.5 - 1.0).abs() < 0.05, "{row}");
    }
    // The sizes are kept: nothing is trained again.
    let again = lines(&succeed(folder, &run("150000")));
    assert_eq!((of(&again, "sweep").len(), count_runs(folder, "lab")), (1, 4));
    fail(
        folder,
        &[&run("150000")[..], &["--name", "other", "--smallest", "100000"]].concat(),
        1,
        &["at least 4"],
    );
}

#[test]
fn completions_are_written_for_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    assert!(succeed(folder.path(), &["completions", "bash"]).contains("glasshouse"));
}

#[test]
fn help_lists_every_preset_and_what_it_is() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut first = Arguments::command();
    let mut pages = Vec::new();
    for name in ["train", "plan"] {
        let own = first.find_subcommand_mut(name).unwrap().render_long_help();
        pages.push(words(&own.to_string()));
    }
    for (name, about) in glasshouse_engine::protocol::presets::PRESETS.iter() {
        for page in &pages {
            assert!(page.contains(name) && page.contains(&words(about)), "{name}: {page}");
        }
    }
}

#[test]
fn layers_batch_size_and_learning_rate_are_options_of_train_and_plan() {
    let folder = stories(60);
    let folder = folder.path();
    let now = succeed(folder, &["plan", "--layers", "3", "--batch-size", "5", "--vocabulary", "900"]);
    assert!(now.contains("3 layers") && now.contains("batch size 5"), "{now}");
    fail(folder, &["plan", "--lr", "-1"], 2, &["train.learning_rate"]);
    let told = train(folder, "quick", &["--steps", "2", "--lr", "0.01"]);
    assert!(!of(&told, "step").is_empty());
    let config = run_of(folder, "quick", "1").config().unwrap();
    assert_eq!((config.train.learning_rate, config.train.min_learning_rate), (0.01, 0.001));
    let other = ["train", "--project", "quick", "--resume", "--lr", "0.1"];
    fail(folder, &other, 2, &["--resume", "train.learning_rate is 0.1"]);
}

#[cfg(not(feature = "window"))]
#[test]
fn a_program_without_its_window_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fail(folder.path(), &["open"], 1, &["glasshouse train"]);
}

#[cfg(feature = "window")]
#[test]
fn a_window_that_cannot_open_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    fail(folder.path(), &["open", "--show", "tarin"], 2, &["`tarin`", "train"]);
    fail(folder.path(), &["open", "--preset", "first-storys"], 2, &["first-storys", "first-stories"]);
    fail(folder.path(), &["open", "--project", "nowhere"], 1, &["nowhere"]);
    // Other systems always have a display.
    if std::env::consts::OS == "linux" {
        for arguments in [&["open"][..], &[]] {
            let mut command = program(folder.path());
            for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
                command.env_remove(name);
            }
            let output = command.args(arguments).output().unwrap();
            let message = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{message}");
            assert!(message.contains("glasshouse train") && message.lines().count() == 1, "{message}");
        }
    }
}

#[test]
fn a_refused_token_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let output = glasshouse(folder.path(), &["serve", "--token", "hush hush"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && message.contains("--token"), "{message}");
    assert!(!message.contains("hush"), "{message}");
}

#[test]
fn numbers_below_their_range_are_bad_values_and_no_unknown_options() {
    for arguments in [
        ["serve", "--queue", "-1"],
        ["serve", "--parallel", "-1"],
        ["serve", "--port", "-1"],
        ["train", "--canaries", "-1"],
    ] {
        assert_eq!(misuse(&arguments), ErrorKind::ValueValidation, "{arguments:?}");
    }
}

#[test]
fn misspelt_names_are_bad_usage_and_get_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&["plan", "--preset", "nanogtp-cpu"][..], "'nanogpt-cpu'"),
        (&["plan", "--set", "train.lerning_rate=1"], "`learning_rate`"),
        (&["plan", "--set", "trian.steps=1"], "`train`"),
        (&["plan", "--tokenizer", "bbpe"], "`bpe`"),
        (&["plan", "--set", "model.heads=5"], "model.kv_heads"),
        (&["data", "fetch", "nope"], "nope"),
        (&["tarin"], "train"),
    ] {
        fail(folder.path(), arguments, 2, &[part]);
    }
}

#[test]
fn errors_of_files_end_in_what_to_do() {
    let folder = stories(60);
    std::fs::write(folder.path().join("empty.txt"), "").unwrap();
    let bytes = ["tokenizer", "train", "--kind", "byte", "--data", "stories.txt", "--to", "t.json"];
    succeed(folder.path(), &bytes);
    let next = "; check the name and that its folder exists";
    for (arguments, end) in [
        (&["train", "--data", "absent.txt", "--device", "cpu"][..], next),
        (&["train", "--config", "absent.toml", "--device", "cpu"], next),
        (&["tokenizer", "encode", "--file", "absent.json", "--text", "a"], next),
        (&["unpack", "absent.glasshouse"], next),
        (&["train", "--data", "stories.txt", "--project", "stories.txt"], ": choose another place"),
        (&["train", "--data", "empty.txt", "--device", "cpu"], "; leave it out, or put text into it"),
        (&["data", "explain", "x", "--in", "stories.txt"], " have the ids"),
        (&["unpack", "stories.txt"], "; download or create it again"),
        (&["tokenizer", "decode", "--file", "t.json", "257"], "; use ids from 0 to 256"),
    ] {
        let error = fail(folder.path(), arguments, 1, &[]);
        assert!(error.ends_with(end), "{error}");
    }
}

#[test]
fn plan_refuses_a_vocabulary_that_train_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let errors = ["plan", "train"].map(|command| {
        fail(folder.path(), &[command, "--vocabulary", "3"], 2, &["tokenizer.vocabulary = 3"])
    });
    assert_eq!(errors[0], errors[1]);
}

#[test]
fn the_corpus_is_the_text_of_its_size_and_seed() {
    let folder = tempfile::tempdir().unwrap();
    let printed = succeed(folder.path(), &["corpus", "stories", "--bytes", "20KB", "--seed", "7"]);
    assert_eq!(printed, glasshouse_engine::data::stories::text(20_000, 7));
    assert!(printed.len() >= 20_000 && printed.len() < 24_000, "{}", printed.len());
}

#[test]
fn tasks_are_written_whole_and_replaced_only_when_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write =
        ["corpus", "tasks", "--count", "60", "--kinds", "story,refusal", "--level", "1", "--to", "tasks"];
    let said = succeed(folder, &write);
    assert!(said.contains("train.jsonl: 60 rows") && said.contains("README.md"), "{said}");
    let read = |name: &str| std::fs::read_to_string(folder.join("tasks").join(name)).unwrap();
    let rows = read("train.jsonl");
    for row in lines(&rows) {
        assert!(["story", "refusal"].contains(&row["kind"].as_str().unwrap()) && row["level"] == 1, "{row}");
        assert_eq!(row["messages"].as_array().unwrap().last().unwrap()["role"], "assistant");
    }
    assert_eq!(lines(&read("held-out.jsonl")).len(), 60);
    fail(folder, &write, 1, &["--force"]);
    succeed(folder, &[&write[..], &["--force"]].concat());
    assert_eq!(read("train.jsonl"), rows);
    fail(folder, &["corpus", "tasks", "--kinds", "storys", "--to", "other"], 2, &["story, summary"]);
}

#[test]
fn plan_says_what_a_run_takes_within_the_budget_of_dispatches() {
    let folder = tempfile::tempdir().unwrap();
    for (preset, layers, parameters) in [
        ("nanogpt-cpu", 4, 804_096),
        ("nanogpt-gpu", 6, 10_745_088),
        ("gpt2-124m", 12, 124_439_808),
        ("llama-tiny", 6, 0),
    ] {
        let text = succeed(
            folder.path(),
            &["plan", "--preset", preset, "--batch-size", "1", "--set", "train.accumulate=1", "--json"],
        );
        let plan: Value = serde_json::from_str(&text).unwrap();
        let counted = plan["parameters"].as_u64().unwrap();
        assert!(parameters == 0 || counted == parameters, "{preset}: {counted}");
        assert!(plan["bytes"]["total"].as_u64().unwrap() > 16 * counted, "{text}");
        assert!(plan["dispatches_per_step"].as_u64().unwrap() <= 34 * layers + 30, "{text}");
        assert!(plan["flops_per_token"].as_f64().unwrap() > 6.0 * counted as f64, "{text}");
        assert!(plan["seconds"].as_f64().unwrap() > 0.0 && plan["speed_from"].is_string(), "{text}");
    }
    let said = succeed(folder.path(), &["plan"]);
    assert!(said.contains("parameters") && said.contains("Expected time"), "{said}");
}

#[test]
fn plan_says_what_many_gpus_would_take_and_all_that_it_assumes() {
    let folder = tempfile::tempdir().unwrap();
    let plan = |more: &[&str]| {
        succeed(folder.path(), &[&["plan", "--preset", "gpt2-124m", "--gpus"], more].concat())
    };
    let said = plan(&["8", "--gpu", "h100-80gb"]);
    for part in ["8 GPUs of h100-80gb", "optimizer state", "--utilization", "--price"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    let number = |more: &[&str], name: &str| {
        let plan: Value = serde_json::from_str(&plan(&[more, &["--json"]].concat())).unwrap();
        plan[name].as_f64().unwrap()
    };
    let (half, eight) = (["8", "--utilization", "0.2", "--price", "1"], number(&["8"], "seconds"));
    let seconds = number(&half, "seconds");
    assert!((seconds / eight - 2.0).abs() < 1e-9, "{seconds} for {eight}");
    assert!((number(&half, "dollars") - seconds / 3600.0 * 8.0).abs() < 1e-6);
    assert_eq!(number(&["0"], "gpus"), number(&["0"], "fewest"));
    let refused = |more: &[&str], part: &str| {
        fail(folder.path(), &[&["plan", "--preset", "gpt2-124m", "--gpus"], more].concat(), 1, &[part]);
    };
    refused(&["8", "--gpu", "h100-80"], "`h100-80gb`");
    refused(&["8", "--utilization", "40"], "at most 1");
    refused(&["481"], "480");
}

#[test]
fn tokenizers_train_encode_and_decode() {
    let folder = stories(60);
    let folder = folder.path();
    for kind in ["byte", "char", "bpe", "word_piece", "unigram"] {
        let train = ["tokenizer", "train", "--kind", kind, "--vocabulary", "700", "--data", "stories.txt"];
        succeed(folder, &[&train[..], &["--to", "t.json", "--force"]].concat());
        fail(folder, &[&train[..], &["--to", "t.json"]].concat(), 1, &["t.json", "--force replaces it"]);
        let text = "The cat said, \"We can go home.\"";
        let line = succeed(folder, &["tokenizer", "encode", "--file", "t.json", "--text", text, "--json"]);
        let encoded: Value = serde_json::from_str(&line).unwrap();
        let ids: Vec<String> = encoded["ids"].as_array().unwrap().iter().map(Value::to_string).collect();
        assert_eq!(ids.len(), encoded["tokens"].as_array().unwrap().len());
        let mut decode = vec!["tokenizer", "decode", "--file", "t.json"];
        decode.extend(ids.iter().map(String::as_str));
        assert_eq!(succeed(folder, &decode).trim_end(), text, "{kind}");
    }
}

#[test]
fn a_resumed_run_equals_the_uninterrupted_one_and_runs_are_never_overwritten() {
    let folder = stories(60);
    let folder = folder.path();
    let resume = || lines(&succeed(folder, &["train", "--project", "parts", "--resume", "--json"]));
    let whole = train(folder, "whole", &["--steps", "60"]);
    let first = train(folder, "parts", &["--steps", "60", "--stop-after", "30"]);
    let rest = resume();
    let mut together = losses(&first);
    together.extend(losses(&rest));
    assert_eq!(together.len(), 60);
    let over = resume();
    assert!(of(&over, "step").is_empty() && !of(&over, "notice").is_empty(), "{over:?}");
    assert_eq!(together, losses(&whole));
    assert!(together[59].1 < together[0].1);
    for line in of(&whole, "eval") {
        assert!(line["train_loss"].is_f64() && line["val_loss"].is_f64(), "{line}");
    }
    assert_eq!(of(&whole, "done").len(), 1);
    let is_full = |line: &&Value| line["lr"].is_f64() && line["tokens_per_s"].is_f64();
    assert!(of(&whole, "step").iter().all(is_full));

    train(folder, "whole", &["--steps", "20", "--seed", "5"]);
    assert_eq!(count_runs(folder, "whole"), 2);

    let write = |more: &[&str]| succeed(folder, &[&["generate", "--project", "whole"][..], more].concat());
    let day = ["--prompt", "One day", "--max-tokens", "40"];
    let told_of = |more: &[&str]| lines(&write(&[&day[..], &["--json"], more].concat()));
    let told = told_of(&[]);
    let done = of(&told, "done");
    assert_eq!(done.len(), 1);
    let pieces: String = of(&told, "tokens").iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(done[0]["text"], pieces.as_str());
    assert!(done[0]["tokens_per_s"].as_f64().unwrap() > 0.0);
    assert_eq!(of(&told_of(&[]), "done")[0]["text"], done[0]["text"]);
    let greedy = |seed: &str| write(&["--prompt", "One", "--greedy", "--max-tokens", "20", "--seed", seed]);
    assert_eq!(greedy("1"), greedy("2"));
    let several = told_of(&["--samples", "3"]);
    let written = of(&several, "sample");
    assert_eq!(written.len(), 3);
    // Each seed writes the same text as in a separate call.
    let by_seed = |seed: u64| written.iter().find(|line| line["seed"] == seed).unwrap();
    assert_eq!(by_seed(1)["text"], done[0]["text"]);
    assert_eq!(of(&told_of(&["--seed", "3"]), "done")[0]["text"], by_seed(3)["text"]);
    let all = of(&several, "done");
    let tokens: usize = written.iter().map(|line| line["ids"].as_array().unwrap().len()).sum();
    assert_eq!((all.len(), &all[0]["tokens"], &all[0]["device"]), (1, &tokens.into(), &done[0]["device"]));
    let text = write(&[&day[..], &["--samples", "3"]].concat());
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("--- sample ")).collect();
    assert!(headings.len() == 3 && headings[2].ends_with("seed 3"), "in their order: {headings:?}");
    assert_eq!(misuse(&["generate", "--samples", "0"]), ErrorKind::ValueValidation);
    let stopped = write(&["--prompt", "One day", "--stop", " ", "--max-tokens", "60"]);
    assert!(!stopped.trim_start_matches("One day").trim_end().contains(' '), "{stopped:?}");

    succeed(folder, &["export", "--project", "whole", "--run", "1", "--to", "exported"]);
    for file in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "README.md",
    ] {
        assert!(folder.join("exported").join(file).is_file(), "{file}");
    }
}

/// Errors about an unknown run, an occupied path, a prompt that is not text, and a run past its end.
#[test]
fn a_trained_project_gets_specific_answers() {
    let folder = stories(60);
    let folder = folder.path();
    let told = train(folder, "p", &["--steps", "20", "--stop-after", "12"]);
    assert!(of(&told, "notice").is_empty(), "{told:?}");
    for command in ["train --resume", "generate", "chat", "export --to model"] {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--project", "p", "--run", "7"]);
        fail(folder, &arguments, 2, &["`7`", RUN]);
    }

    let again = ["train", "--project", "p", "--resume", "--stop-after", "10"];
    let resumed = lines(&succeed(folder, &[&again[..], &["--json"]].concat()));
    let says = |notice: &&Value| notice["text"].as_str().unwrap().contains("--stop-after 10");
    assert!(of(&resumed, "notice").iter().any(says) && of(&resumed, "step").is_empty(), "{resumed:?}");
    let told = succeed(folder, &again);
    assert!(told.contains("glasshouse train --project p --resume --run 1-nanogpt-cpu"), "{told}");

    std::fs::write(folder.join("model"), "mine").unwrap();
    for force in [&[][..], &["--force"]] {
        let export = [&["export", "--project", "p", "--to", "model"], force].concat();
        fail(folder, &export, 1, &["model: is a file", "--to"]);
    }
    assert_eq!(std::fs::read(folder.join("model")).unwrap(), b"mine");

    std::fs::write(folder.join("prompts"), b"One day\n\xffTwo\n").unwrap();
    let mut chat = program(folder);
    chat.args(["chat", "--project", "p", "--device", "cpu", "--max-tokens", "2"]);
    let output = chat.stdin(std::fs::File::open(folder.join("prompts")).unwrap()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    let error = message.lines().last().unwrap();
    assert!(error.starts_with("error: ") && error.contains("line 2: not UTF-8"), "{message}");

    succeed(folder, &["pack", "--project", "p"]);
    let said = succeed(folder, &["unpack", "p.glasshouse", "--project", "again"]);
    assert!(said.trim_end().ends_with(", 1 run"), "{said}");
    let mut bytes = std::fs::read(folder.join("p.glasshouse")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(folder.join("bad.glasshouse"), bytes).unwrap();
    let unpack = ["unpack", "bad.glasshouse", "--project", "never"];
    fail(folder, &unpack, 1, &["bad.glasshouse", "(checksum)"]);
    let said = succeed(folder, &["plan", "--steps", "1", "--preset", "first-stories-small"]);
    assert!(said.contains("Whole run: 1 step, "), "{said}");
}

#[test]
fn a_truncated_checkpoint_falls_back_to_the_one_before_and_says_so() {
    let folder = stories(60);
    let folder = folder.path();
    train(folder, "project", &["--steps", "40", "--set", "train.checkpoint_interval=10"]);
    let checkpoints = run_of(folder, "project", "1").checkpoints_folder();
    let files = std::fs::read_dir(checkpoints).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"));
    let newest = files.max().unwrap();
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(newest, &bytes[..bytes.len() / 2]).unwrap();
    let write = ["generate", "--project", "project", "--prompt", "One", "--checkpoint", "latest"];
    let (_, told) = both(folder, &[&write[..], &["--max-tokens", "5"]].concat());
    assert!(told.contains("damaged"), "{told}");
}

#[test]
fn bad_text_gets_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let refuse = |name: &str, content: &[u8], parts: &[&str]| {
        std::fs::write(folder.join(name), content).unwrap();
        let own = ["train", "--data", name, "--device", "cpu"];
        fail(folder, &[&own[..], &small()[..]].concat(), 1, parts);
    };
    refuse("empty.txt", b"", &["empty.txt"]);
    refuse("binary.txt", b"PK\x03\x04\x00\x00\x00\x00data", &["binary.txt"]);
    refuse("lines.jsonl", b"{\"number\":1}\n{\"number\":2}\n", &["lines.jsonl", "text"]);
    refuse("picture.png", b"\x89PNG", &["picture.png"]);
    refuse("short.txt", b"too short for a window", &["17"]);
    fail(folder, &["train", "--data", "missing.txt"], 1, &["missing.txt"]);
    fail(folder, &["train", "--config", "missing.toml"], 1, &["missing.toml"]);
    fail(folder, &["generate", "--project", "nowhere"], 1, &["nowhere"]);
}

#[test]
fn a_project_of_another_version_or_another_kind_of_folder_is_left_alone() {
    let folder = stories(60);
    let folder = folder.path();
    train(folder, "project", &["--steps", "5"]);
    let file = folder.join("project/project.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut project: Value = serde_json::from_str(&text).unwrap();
    project["version"] = Value::from(999);
    std::fs::write(&file, project.to_string()).unwrap();
    let own = ["train", "--data", "stories.txt", "--project", "project"];
    let mut arguments = [&own[..], &small()[..]].concat();
    fail(folder, &arguments, 1, &["999"]);
    std::fs::create_dir(folder.join("photos")).unwrap();
    std::fs::write(folder.join("photos/cat.jpg"), b"cat").unwrap();
    arguments[4] = "photos";
    fail(folder, &arguments, 1, &["photos"]);
    assert_eq!(std::fs::read_dir(folder.join("photos")).unwrap().count(), 1);
}

#[test]
fn unknown_devices_are_refused_and_listed() {
    let folder = stories(60);
    let folder = folder.path();
    let report: Value = serde_json::from_str(&succeed(folder, &["devices", "--json"])).unwrap();
    assert!(report["adapters"].is_array() && report["cpu_threads"].as_u64().unwrap() >= 1);
    assert!(succeed(folder, &["devices"]).contains("--device auto"));
    // Before any text is read, and without leaving a project.
    fail(folder, &["train", "--device", "warp", "--project", "new"], 1, &["\"warp\""]);
    fail(folder, &["train", "--threads", "0", "--project", "new"], 2, &["--threads"]);
    assert!(!folder.join("new").exists());
}

#[test]
fn runs_are_renamed_tagged_deleted_restored_and_copied_as_a_command() {
    let folder = stories(60);
    let folder = folder.path();
    for _ in 0..2 {
        train(folder, "p", &["--steps", "5"]);
    }
    let runs = |more: &[&str]| succeed(folder, &[&["runs", "--project", "p"], more].concat());
    assert!(runs(&["rename", "1", "Owls by night"]).contains("Owls by night"));
    assert!(runs(&["tag", "1", "birds", "small"]).contains("birds, small"));
    let listed = lines(&runs(&["--json"]));
    assert_eq!((listed.len(), listed[0]["title"].as_str()), (2, Some("Owls by night")));
    assert_eq!(listed[0]["tags"], serde_json::json!(["birds", "small"]));
    assert!(listed[1].get("title").is_none());
    let line = runs(&["command", "2"]);
    assert!(
        line.starts_with("glasshouse train --preset nanogpt-cpu --data stories.txt --device cpu"),
        "{line}"
    );
    assert!(line.contains("--steps 5") && line.lines().count() == 1, "{line}");

    let told = runs(&["delete", "1"]);
    assert!(
        told.contains("glasshouse runs --project p restore 1-nanogpt-cpu") && !told.contains("Owls"),
        "{told}"
    );
    fail(folder, &["runs", "--project", "p", "delete", "2", "1"], 2, &["1"]);
    assert_eq!(lines(&runs(&["--json"])).len(), 1, "one that is not there: nothing is deleted");
    assert!(runs(&["restore", "1-nanogpt-cpu"]).contains("Owls by night"));
    fail(folder, &["runs", "--project", "p", "restore", "2-nanogpt-cpu"], 1, &["2-nanogpt-cpu"]);
    assert!(runs(&["tag", "1"]).lines().all(|line| !line.contains("birds")));
}

#[test]
fn a_text_seen_too_often_and_a_model_too_large_for_it_are_told_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("stories.txt"), "The owl sat in the old oak. ".repeat(60)).unwrap();
    let lines = train(folder, "p", &["--steps", "1000", "--stop-after", "1"]);
    let notices: Vec<&str> =
        of(&lines, "notice").into_iter().filter_map(|line| line["text"].as_str()).collect();
    let told = |part: &str| notices.iter().any(|text| text.contains(part));
    assert!(told("reads its text about") && told("tokens per parameter"), "{notices:?}");
}
