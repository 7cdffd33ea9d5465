//! The command line: output, exit codes, and errors for bad input.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A model and run small enough for tests.
const SMALL: &[&str] = &[
    "--preset",
    "nanogpt-cpu",
    "--set",
    "model.layers=1",
    "--set",
    "model.width=32",
    "--set",
    "model.heads=2",
    "--set",
    "model.kv_heads=2",
    "--set",
    "model.head_size=16",
    "--set",
    "model.mlp.hidden=64",
    "--set",
    "model.context_length=16",
    "--set",
    "train.batch_size=4",
    "--set",
    "train.warmup_steps=5",
    "--set",
    "train.eval_interval=20",
    "--set",
    "train.eval_batches=2",
    "--set",
    "train.sample_interval=0",
];

fn glasshouse(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_glasshouse")).current_dir(folder).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs a command that must succeed, and returns its output.
fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = glasshouse(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

/// Runs a command that must fail with `code` and one line that contains `parts`.
fn fail(folder: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = glasshouse(folder, arguments);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    let line =
        message.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{message}"));
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

fn events<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

fn stories(folder: &Path) {
    let text = succeed(folder, &["corpus", "stories", "--bytes", "60KB", "--seed", "1"]);
    std::fs::write(folder.join("stories.txt"), text).unwrap();
}

fn train(folder: &Path, project: &str, more: &[&str]) -> String {
    let mut arguments =
        vec!["train", "--data", "stories.txt", "--project", project, "--device", "cpu", "--json"];
    arguments.extend_from_slice(SMALL);
    arguments.extend_from_slice(more);
    succeed(folder, &arguments)
}

/// A mixed-precision run can resume on a machine without 16-bit floats, since its weights have 32 bits.
#[test]
fn a_run_of_mixed_precision_goes_on_in_32_bits_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stories(folder);
    let adapter = std::env::var("GLASSHOUSE_TEST_ADAPTER").unwrap_or_else(|_| "llvmpipe".to_owned());
    let mut begin =
        vec!["train", "--data", "stories.txt", "--project", "halves", "--device", &adapter, "--json"];
    begin.extend_from_slice(SMALL);
    begin.extend(["--steps", "20", "--stop-after", "10", "--precision", "mixed"]);
    let first = losses(&json_lines(&succeed(folder, &begin)));
    assert_eq!(first.len(), 10);
    let resume = ["train", "--project", "halves", "--resume", "--device", "cpu", "--json"];
    fail(folder, &resume, 1, &["--precision f32"]);
    let rest = losses(&json_lines(&succeed(folder, &[&resume[..], &["--precision", "f32"]].concat())));
    assert_eq!(rest.iter().map(|(step, ..)| *step).collect::<Vec<_>>(), (11..=20).collect::<Vec<_>>());
    assert!(rest[9].1 < first[0].1);
}

fn losses(lines: &[Value]) -> Vec<(u64, f64, f64)> {
    events(lines, "step")
        .iter()
        .map(|line| {
            (
                line["step"].as_u64().unwrap(),
                line["loss"].as_f64().unwrap(),
                line["grad_norm"].as_f64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn help_names_every_subcommand() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), &["--help"]);
    for name in [
        "train",
        "generate",
        "chat",
        "audit",
        "moderate",
        "evaluate",
        "inspect",
        "provenance",
        "plan",
        "devices",
        "selftest",
        "serve",
        "corpus",
        "tokenizer",
        "export",
        "bench",
        "recipe",
        "reproduce",
        "window",
    ] {
        assert!(text.contains(name), "{name}");
    }
    assert!(succeed(folder.path(), &["completions", "bash"]).contains("glasshouse"));
}

#[test]
fn help_lists_every_preset_and_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let of = |arguments: &[&str]| words(succeed(folder.path(), arguments));
    let pages = [of(&["help"]), of(&["help", "train"]), of(&["train", "--help"]), of(&["plan", "--help"])];
    for (name, about) in glasshouse_engine::protocol::presets::PRESETS {
        for page in &pages {
            assert!(page.contains(name) && page.contains(&words((*about).to_owned())), "{name}: {page}");
        }
    }
}

#[test]
fn layers_batch_size_and_learning_rate_are_options_of_train_and_plan() {
    let folder = tempfile::tempdir().unwrap();
    let plan = |more: &[&str]| succeed(folder.path(), &[&["plan"], more].concat());
    let now = plan(&["--layers", "3", "--batch-size", "5", "--vocabulary", "900"]);
    assert!(now.contains("3 layers, width 192, context length 256") && now.contains("batch size 5"), "{now}");
    fail(folder.path(), &["plan", "--lr", "-1"], 2, &["train.learning_rate", "above 0"]);
    stories(folder.path());
    let lines = train(folder.path(), "quick", &["--steps", "2", "--lr", "0.01"]);
    assert!(!events(&json_lines(&lines), "step").is_empty());
    let run = std::fs::read_to_string(folder.path().join("quick/runs/1-nanogpt-cpu/run.toml")).unwrap();
    assert!(run.contains("learning_rate = 0.01\nmin_learning_rate = 0.001\n"), "{run}");
    let other = ["train", "--project", "quick", "--resume", "--lr", "0.1"];
    fail(folder.path(), &other, 2, &["--resume", "--lr is 0.1 instead of 0.01"]);
}

#[cfg(not(feature = "window"))]
#[test]
fn a_program_without_its_window_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fail(folder.path(), &["window"], 1, &["built without its window", "glasshouse train"]);
}

#[cfg(feature = "window")]
#[test]
fn a_window_that_cannot_open_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    fail(folder.path(), &["window", "--page", "tarin"], 2, &["unknown page `tarin`", "train"]);
    fail(folder.path(), &["window", "--preset", "first-storys"], 2, &["first-storys", "first-stories"]);
    fail(folder.path(), &["window", "--project", "nowhere"], 1, &["nowhere is not a folder"]);
    // Other systems always have a display.
    if std::env::consts::OS == "linux" {
        for arguments in [&["window", "--record", "messages.jsonl"][..], &[]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
            command.current_dir(folder.path()).args(arguments);
            for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
                command.env_remove(name);
            }
            let output = command.output().unwrap();
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{message}");
            assert!(message.starts_with("error: the window cannot open"), "{message}");
            assert!(message.contains("glasshouse train") && message.lines().count() == 1, "{message}");
        }
        assert!(!folder.path().join("messages.jsonl").exists(), "nothing was recorded");
    }
}

#[test]
fn a_refused_token_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .current_dir(folder.path())
        .args(["serve", "--token", "hush hush"])
        .output()
        .unwrap();
    let message = stderr(&output);
    assert!(!output.status.success() && message.contains("--token"), "{message}");
    assert!(!message.contains("hush"), "{message}");
}

#[test]
fn numbers_below_their_range_are_bad_values_and_no_unknown_options() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, parts) in [
        (["serve", "--queue", "-1"], ["invalid value '-1' for '--queue <N>'", "0..=3840"]),
        (["serve", "--parallel", "-1"], ["invalid value '-1' for '--parallel <N>'", "1..=256"]),
        (["serve", "--port", "-1"], ["invalid value '-1' for '--port <N>'", "0..=65535"]),
        (
            ["train", "--canaries", "-1"],
            ["invalid value '-1' for '--canaries <N>'", "expected a whole number"],
        ),
    ] {
        fail(folder.path(), &arguments, 2, &parts);
    }
}

#[test]
fn misspelt_names_are_bad_usage_and_get_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    fail(folder.path(), &["plan", "--preset", "nanogtp-cpu"], 2, &["did you mean `nanogpt-cpu`"]);
    fail(folder.path(), &["plan", "--set", "train.lerning_rate=1"], 2, &["did you mean `learning_rate`"]);
    fail(folder.path(), &["plan", "--set", "trian.steps=1"], 2, &["did you mean `train`"]);
    fail(folder.path(), &["plan", "--tokenizer", "bbpe"], 2, &["did you mean `bpe`"]);
    fail(folder.path(), &["plan", "--set", "model.heads=5"], 2, &["model.heads = 5", "model.kv_heads"]);
    fail(folder.path(), &["data", "fetch", "nope"], 2, &["nope is not in the catalogue, which has "]);
    let kernels =
        ["bench", "kernel", "--device", "cpu", "--preset", "first-stories-small", "--filter", "zzz"];
    fail(folder.path(), &kernels, 2, &["no kernel of this step has \"zzz\" in its name; there are: "]);
    assert_eq!(glasshouse(folder.path(), &["tarin"]).status.code(), Some(2));
}

#[test]
fn errors_of_files_end_in_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    stories(folder.path());
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
        (&["unpack", "stories.txt"], "; get or make it again"),
        (&["tokenizer", "decode", "--file", "t.json", "257"], "; use ids from 0 to 256"),
    ] {
        fail(folder.path(), arguments, 1, &[end]);
        let output = glasshouse(folder.path(), arguments);
        assert!(stderr(&output).trim_end().ends_with(end), "{}", stderr(&output));
    }
}

#[test]
fn plan_refuses_a_vocabulary_that_train_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let errors = ["plan", "train"].map(|command| {
        let output = glasshouse(folder.path(), &[command, "--vocabulary", "3"]);
        assert_eq!(output.status.code(), Some(2));
        stderr(&output)
    });
    assert!(errors[0].starts_with("error: tokenizer.vocabulary = 3 must be at least 257"), "{}", errors[0]);
    assert_eq!(errors[0], errors[1]);
}

#[test]
fn the_corpus_is_the_same_every_time_and_ends_with_a_whole_story() {
    let folder = tempfile::tempdir().unwrap();
    let once = succeed(folder.path(), &["corpus", "stories", "--bytes", "20KB", "--seed", "7"]);
    assert_eq!(once, succeed(folder.path(), &["corpus", "stories", "--bytes", "20KB", "--seed", "7"]));
    assert_ne!(once, succeed(folder.path(), &["corpus", "stories", "--bytes", "20KB", "--seed", "8"]));
    assert!(once.len() >= 20_000 && once.len() < 24_000, "{}", once.len());
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
    for row in json_lines(&rows) {
        assert!(["story", "refusal"].contains(&row["kind"].as_str().unwrap()) && row["level"] == 1, "{row}");
        assert_eq!(row["messages"].as_array().unwrap().last().unwrap()["role"], "assistant");
    }
    assert_eq!(json_lines(&read("held-out.jsonl")).len(), 60);
    fail(folder, &write, 1, &["holds tasks already", "--force"]);
    succeed(folder, &[&write[..], &["--force"]].concat());
    assert_eq!(read("train.jsonl"), rows);
    let output = glasshouse(folder, &["corpus", "tasks", "--kinds", "storys", "--to", "other"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("expected story, summary"), "{}", stderr(&output));
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
        assert!(plan["dispatches_per_step"].as_u64().unwrap() <= 30 * layers + 30, "{text}");
        assert!(plan["flops_per_token"].as_f64().unwrap() > 6.0 * counted as f64, "{text}");
    }
    assert!(succeed(folder.path(), &["plan"]).contains("parameters"));
}

#[test]
fn plan_says_what_many_gpus_would_take_and_all_that_it_assumes() {
    let folder = tempfile::tempdir().unwrap();
    let plan = |more: &[&str]| {
        succeed(folder.path(), &[&["plan", "--preset", "gpt2-124m", "--gpus"], more].concat())
    };
    let said = plan(&["8", "--gpu", "h100-80gb"]);
    for part in [
        "gpt2-124m: on 8 GPUs of h100-80gb",
        "  optimizer state",
        "fewest that hold it",
        "US dollars",
        "989 TFLOP/s on bfloat16 as published",
        "training reaches 40 % of that peak (--utilization)",
        "yours may be another) (--price)",
        "FSDP2 shards weights, gradients and optimizer state",
    ] {
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
    refused(&["8", "--gpu", "h100-80"], "did you mean `h100-80gb`");
    refused(&["8", "--utilization", "40"], "above 0 and at most 1");
    refused(&["481"], "a step of 480 windows cannot be divided among 481 GPUs");
}

#[test]
fn tokenizers_train_encode_and_decode() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stories(folder);
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

/// The folders of a project's runs.
fn runs(project: &Path) -> Vec<std::path::PathBuf> {
    let places = std::fs::read_dir(project.join("runs")).unwrap().map(|entry| entry.unwrap().path());
    places.filter(|place| place.is_dir()).collect()
}

#[test]
fn a_resumed_run_equals_the_uninterrupted_one_and_runs_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stories(folder);
    let whole = json_lines(&train(folder, "whole", &["--steps", "60"]));
    let first = json_lines(&train(folder, "parts", &["--steps", "60", "--stop-after", "30"]));
    let rest = json_lines(&succeed(folder, &["train", "--project", "parts", "--resume", "--json"]));
    let mut together = losses(&first);
    together.extend(losses(&rest));
    assert_eq!(together.len(), 60);
    let over = json_lines(&succeed(folder, &["train", "--project", "parts", "--resume", "--json"]));
    let said =
        |notice: &&Value| notice["text"].as_str().is_some_and(|text| text.contains("all 60 steps are done"));
    assert_eq!(events(&over, "notice").into_iter().filter(said).count(), 1, "{over:?}");
    assert_eq!(together, losses(&whole));
    assert!(together[59].1 < together[0].1);
    for line in events(&whole, "eval") {
        assert!(line["train_loss"].is_f64() && line["val_loss"].is_f64(), "{line}");
    }
    assert_eq!(events(&whole, "done").len(), 1);
    assert!(
        whole
            .iter()
            .all(|line| line["event"] != "step" || line["lr"].is_f64() && line["tokens_per_s"].is_f64())
    );

    train(folder, "whole", &["--steps", "20", "--seed", "5"]);
    assert_eq!(runs(&folder.join("whole")).len(), 2);
    fail(folder, &["train", "--project", "whole", "--resume", "--seed", "3"], 2, &["--resume"]);

    let text = succeed(
        folder,
        &["generate", "--project", "whole", "--prompt", "One day", "--max-tokens", "40", "--json"],
    );
    let lines = json_lines(&text);
    let done = events(&lines, "done");
    assert_eq!(done.len(), 1);
    let pieces: String = events(&lines, "tokens").iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(done[0]["text"], pieces.as_str());
    assert!(done[0]["tokens_per_s"].as_f64().unwrap() > 0.0);
    let again = succeed(
        folder,
        &["generate", "--project", "whole", "--prompt", "One day", "--max-tokens", "40", "--json"],
    );
    assert_eq!(events(&json_lines(&again), "done")[0]["text"], done[0]["text"]);
    let greedy = |seed: &str| {
        succeed(
            folder,
            &[
                "generate",
                "--project",
                "whole",
                "--prompt",
                "One",
                "--greedy",
                "--max-tokens",
                "20",
                "--seed",
                seed,
            ],
        )
    };
    assert_eq!(greedy("1"), greedy("2"));
    let samples =
        ["generate", "--project", "whole", "--prompt", "One day", "--max-tokens", "40", "--samples", "3"];
    let lines = json_lines(&succeed(folder, &[&samples[..], &["--json"]].concat()));
    let written = events(&lines, "sample");
    assert_eq!(written.len(), 3);
    // Each seed writes the same text as in a separate call.
    let by_seed = |seed: u64| written.iter().find(|line| line["seed"] == seed).unwrap();
    assert_eq!(by_seed(1)["text"], done[0]["text"]);
    let third = [
        "generate",
        "--project",
        "whole",
        "--prompt",
        "One day",
        "--max-tokens",
        "40",
        "--seed",
        "3",
        "--json",
    ];
    assert_eq!(events(&json_lines(&succeed(folder, &third)), "done")[0]["text"], by_seed(3)["text"]);
    let all = events(&lines, "done");
    let tokens: usize = written.iter().map(|line| line["ids"].as_array().unwrap().len()).sum();
    assert_eq!((all.len(), &all[0]["tokens"], &all[0]["device"]), (1, &tokens.into(), &done[0]["device"]));
    let text = succeed(folder, &samples);
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("--- sample ")).collect();
    assert_eq!(headings[2], "--- sample 3 of 3, seed 3", "in their order");
    fail(folder, &["generate", "--project", "whole", "--samples", "0"], 2, &["--samples"]);
    let stopped = succeed(
        folder,
        &["generate", "--project", "whole", "--prompt", "One day", "--stop", " ", "--max-tokens", "60"],
    );
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
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stories(folder);
    let said = train(folder, "p", &["--steps", "20", "--stop-after", "12"]);
    assert!(events(&json_lines(&said), "notice").is_empty(), "{said}");
    for command in ["train --resume", "generate", "chat", "export --to model"] {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--project", "p", "--run", "7"]);
        fail(folder, &arguments, 2, &["p: unknown run `7`", "1-nanogpt-cpu"]);
    }

    let resumed = succeed(folder, &["train", "--project", "p", "--resume", "--stop-after", "10", "--json"]);
    let lines = json_lines(&resumed);
    let notices = events(&lines, "notice");
    let text = "the run is already at step 12, so --stop-after 10 leaves nothing to train";
    assert!(notices.iter().any(|notice| notice["text"] == text), "{resumed}");
    assert!(events(&lines, "step").is_empty(), "{resumed}");
    let told = succeed(folder, &["train", "--project", "p", "--resume", "--stop-after", "10"]);
    assert!(told.contains("glasshouse train --project p --resume --run 1-nanogpt-cpu"), "{told}");

    std::fs::write(folder.join("model"), "mine").unwrap();
    for force in [&[][..], &["--force"]] {
        let export = [&["export", "--project", "p", "--to", "model"], force].concat();
        fail(folder, &export, 1, &["model: is a file; choose an empty or new folder (--to)"]);
    }
    assert_eq!(std::fs::read(folder.join("model")).unwrap(), b"mine");

    std::fs::write(folder.join("prompts"), b"One day\n\xffTwo\n").unwrap();
    let mut chat = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    chat.current_dir(folder).args(["chat", "--project", "p", "--device", "cpu", "--max-tokens", "2"]);
    let output = chat.stdin(std::fs::File::open(folder.join("prompts")).unwrap()).output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let end = "error: standard input, line 2: not UTF-8; convert it to UTF-8\n";
    assert!(message.ends_with(end), "{message}");

    succeed(folder, &["pack", "--project", "p"]);
    let said = succeed(folder, &["unpack", "p.glasshouse", "--project", "again"]);
    assert!(said.trim_end().ends_with(", 1 run"), "{said}");
    let mut bytes = std::fs::read(folder.join("p.glasshouse")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(folder.join("bad.glasshouse"), bytes).unwrap();
    let unpack = ["unpack", "bad.glasshouse", "--project", "never"];
    fail(folder, &unpack, 1, &["bad.glasshouse: this .glasshouse file cannot be opened", "(checksum)"]);
    let said = succeed(folder, &["plan", "--steps", "1", "--preset", "first-stories-small"]);
    assert!(said.contains("whole run: 1 step, "), "{said}");
}

#[test]
fn a_truncated_checkpoint_falls_back_to_the_one_before_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stories(folder);
    train(folder, "project", &["--steps", "40", "--set", "train.checkpoint_interval=10"]);
    let checkpoints = runs(&folder.join("project"))[0].join("checkpoints");
    let mut files: Vec<_> = std::fs::read_dir(checkpoints)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    files.sort();
    let newest = files.last().unwrap();
    let bytes = std::fs::read(newest).unwrap();
    std::fs::write(newest, &bytes[..bytes.len() / 2]).unwrap();
    let output = glasshouse(
        folder,
        &[
            "generate",
            "--project",
            "project",
            "--prompt",
            "One",
            "--checkpoint",
            "latest",
            "--max-tokens",
            "5",
        ],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("damaged"), "{}", stderr(&output));
}

#[test]
fn bad_text_gets_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let refuse = |name: &str, content: &[u8], parts: &[&str]| {
        std::fs::write(folder.join(name), content).unwrap();
        let mut arguments = vec!["train", "--data", name, "--device", "cpu"];
        arguments.extend_from_slice(SMALL);
        fail(folder, &arguments, 1, parts);
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
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stories(folder);
    train(folder, "project", &["--steps", "5"]);
    let file = folder.join("project/project.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut project: Value = serde_json::from_str(&text).unwrap();
    project["version"] = Value::from(999);
    std::fs::write(&file, project.to_string()).unwrap();
    let mut arguments = vec!["train", "--data", "stories.txt", "--project", "project"];
    arguments.extend_from_slice(SMALL);
    fail(folder, &arguments, 1, &["999"]);
    std::fs::create_dir(folder.join("photos")).unwrap();
    std::fs::write(folder.join("photos/cat.jpg"), b"cat").unwrap();
    arguments[4] = "photos";
    fail(folder, &arguments, 1, &["photos"]);
    assert_eq!(std::fs::read_dir(folder.join("photos")).unwrap().count(), 1);
}

#[test]
fn unknown_devices_are_refused_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stories(folder);
    let mut arguments = vec!["train", "--data", "stories.txt", "--device", "voodoo 3dfx"];
    arguments.extend_from_slice(SMALL);
    fail(folder, &arguments, 1, &["voodoo 3dfx"]);
    let report: Value = serde_json::from_str(&succeed(folder, &["devices", "--json"])).unwrap();
    assert!(report["adapters"].is_array() && report["cpu_threads"].as_u64().unwrap() >= 1);
    assert!(succeed(folder, &["devices"]).contains("--device auto"));
    // Before any text is read, and without leaving a project.
    fail(folder, &["train", "--device", "warp", "--project", "new"], 1, &["unknown adapter \"warp\""]);
    fail(folder, &["train", "--threads", "0", "--project", "new"], 2, &["--threads", "1 to 256"]);
    assert!(!folder.join("new").exists());
}

#[test]
fn runs_are_renamed_tagged_deleted_restored_and_copied_as_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stories(folder);
    for _ in 0..2 {
        train(folder, "p", &["--steps", "5"]);
    }
    let runs = |more: &[&str]| succeed(folder, &[&["runs", "--project", "p"], more].concat());
    assert!(runs(&["rename", "1", "Owls by night"]).contains("Owls by night"));
    assert!(runs(&["tag", "1", "birds", "small"]).contains("birds, small"));
    let listed = json_lines(&runs(&["--json"]));
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
    assert_eq!(json_lines(&runs(&["--json"])).len(), 1, "one that is not there: nothing is deleted");
    assert!(runs(&["restore", "1-nanogpt-cpu"]).contains("Owls by night"));
    fail(folder, &["runs", "--project", "p", "restore", "2-nanogpt-cpu"], 1, &["no deleted run"]);
    assert!(runs(&["tag", "1"]).lines().all(|line| !line.contains("birds")));
}

#[test]
fn a_text_seen_too_often_and_a_model_too_large_for_it_are_told_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("stories.txt"), "The owl sat in the old oak. ".repeat(60)).unwrap();
    let lines = json_lines(&train(folder, "p", &["--steps", "1000", "--stop-after", "1"]));
    let notices: Vec<&str> =
        events(&lines, "notice").iter().filter_map(|line| line["text"].as_str()).collect();
    let told = |part: &str| notices.iter().any(|text| text.contains(part));
    assert!(told("reads its text about") && told("parameters per token"), "{notices:?}");
}
