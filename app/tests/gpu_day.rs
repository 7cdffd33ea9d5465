//! `tests/gpu/run` with tiny models on the test adapter, so that no time on a real GPU is lost to typing errors.

use crate::support::program::{adapter, json_of};
use crate::support::repository;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn scripts() -> PathBuf {
    repository().join("tests/gpu")
}

/// The report of a day with these options: exit code, output, report.
fn day(to: &Path, words: &[&str]) -> (Option<i32>, String, Value) {
    let output = Command::new("python3")
        .arg(scripts().join("run"))
        .args(["--program", env!("CARGO_BIN_EXE_glasshouse"), "--tiny", "--to"])
        .arg(to)
        .args(words)
        .output()
        .expect("python3");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report = std::fs::read_to_string(to.join("report.json")).unwrap_or_else(|_| panic!("{said}"));
    (output.status.code(), said, serde_json::from_str(&report).expect("JSON"))
}

fn figures<'report>(report: &'report Value, part: &str) -> &'report serde_json::Map<String, Value> {
    report["parts"][part]["figures"].as_object().unwrap_or_else(|| panic!("no figures of {part}"))
}

/// Every entry of a part has this number, above zero.
fn each_has(report: &Value, part: &str, least: usize, number: &str) {
    let own = figures(report, part);
    let entries: Vec<_> = own.iter().filter(|(name, _)| name.as_str() != "torch").collect();
    assert!(entries.len() >= least, "{part} has {} entries: {own:?}", entries.len());
    for (name, entry) in entries {
        let found = entry[number].as_f64().is_some_and(|found| found > 0.0);
        assert!(found, "{part}: {name} has no {number}: {entry}");
    }
}

#[test]
fn slow_python_a_day_on_a_gpu_has_every_figure() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said, report) = day(folder.path(), &["--device", &adapter()]);
    println!("{said}");
    for (name, part) in report["parts"].as_object().unwrap() {
        assert_eq!(part["state"], "done", "{name}: {}\n{said}", part["why"]);
    }
    assert_eq!((code, report["parts"].as_object().unwrap().len()), (Some(0), 10), "{said}");
    assert!(figures(&report, "devices")["chosen"]["features"].is_array());
    assert_eq!(figures(&report, "selftest")["rows"].as_array().unwrap().len(), 14);
    each_has(&report, "kernels", 2, "peak_gflop_per_s");
    let lines = figures(&report, "kernels")["nanogpt-gpu f32"]["lines"].as_array().unwrap();
    assert!(lines.iter().all(|line| line["share_of_peak"].as_f64().is_some_and(|share| share > 0.0)));
    assert!(lines.iter().any(|line| line["candidates"].as_array().is_some_and(|all| all.len() > 1)));
    each_has(&report, "products", 2, "compared");
    for found in figures(&report, "products").values() {
        assert_eq!(found["compared"], found["of"], "every product has its twin");
        assert!(
            ["f32", "tf32", "bf16"].iter().all(|kind| found["share_of_torch"][kind].as_f64() > Some(0.0))
        );
    }
    each_has(&report, "steps", 12, "ms_per_step_together");
    for (name, step) in figures(&report, "steps") {
        let idle = step["idle_share"].as_f64().unwrap_or(-1.0);
        assert!((0.0..=1.0).contains(&idle), "{name}: {idle}");
        assert!(step["share_of_f32_peak"].as_f64() > Some(0.0), "{name}");
    }
    each_has(&report, "torch_steps", 18, "ms_per_step");
    each_has(&report, "decode", 2, "generated_tokens_per_s");
    let runs = figures(&report, "losses")["nanogpt-cpu"]["rows"].as_array().unwrap();
    assert!(runs.len() >= 4 && runs.iter().all(|run| run["apart"].as_f64().is_some()), "{runs:?}");
    let curve = figures(&report, "curve");
    assert_eq!((curve["steps"].as_u64(), curve["losses"].as_array().map(Vec::len)), (Some(20), Some(20)));
    assert!(curve["evaluations"].as_array().is_some_and(|all| all.len() >= 2));
    let operations = figures(&report, "variants")["rows"].as_array().unwrap();
    assert!(operations.len() > 8 && operations.iter().any(|row| row["runs"].as_u64() > Some(4)));
    // Each bar has a row, and each part a section.
    let bars = report["summary"].as_array().unwrap();
    assert!(bars.len() >= 6 && bars.iter().all(|bar| bar["verdict"] != "not measured"), "{bars:?}");
    let text = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    for part in report["parts"].as_object().unwrap().values() {
        let title = part["title"].as_str().unwrap();
        assert!(text.contains(&format!("\n## {title}\n")), "no section {title}:\n{text}");
    }
    let bytes = |name| std::fs::metadata(folder.path().join(name)).unwrap().len();
    assert!(bytes("report.md") + bytes("report.json") <= 1_000_000);

    // A report that is too large drops its least important figures, and keeps the summary.
    let thinned = folder.path().join("thinned");
    let script = "import json, pathlib, sys; import report; found = json.load(open(sys.argv[1])); \
                  report.write(found, pathlib.Path(sys.argv[2]), 10_000)";
    let status = Command::new("python3")
        .current_dir(scripts())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-c", script])
        .arg(folder.path().join("report.json"))
        .arg(&thinned)
        .status()
        .expect("python3");
    assert!(status.success());
    let small = json_of(&thinned.join("report.json"));
    assert_eq!(small["summary"].as_array().unwrap().len(), bars.len());
    assert!(small["left_out_for_size"].as_array().is_some_and(|left| left.len() >= 8));
}

/// With too little time, parts that do not fit are reported as left out, and nothing counts as failed.
#[test]
fn slow_python_a_day_of_forty_seconds_leaves_out_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said, report) = day(folder.path(), &["--device", &adapter(), "--seconds", "40"]);
    assert_eq!(code, Some(1), "{said}");
    let parts = report["parts"].as_object().unwrap();
    assert_eq!((parts.len(), parts["devices"]["state"].as_str()), (10, Some("done")), "{said}");
    for (name, part) in parts {
        assert_ne!(part["state"], "failed", "{name}: {}\n{said}", part["why"]);
        assert_eq!(part["state"] == "done", part["why"].is_null(), "{name} says why: {said}");
    }
    assert_eq!(parts["steps"]["state"], "left out", "{said}");
    let text = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(text.contains("not measured") && !text.contains("FAILED"), "{text}");
}

/// A command ended by its time limit is not a failure; its results are left out.
#[test]
fn python_a_command_whose_time_is_over_counts_as_no_time() {
    let script = "import pathlib, sys, measure
day = measure.Day('', None, '', None, pathlib.Path('.'), True, False)
def selftest(day, clock, figures):
    figures.update(of=day.run([sys.executable, '-c', 'import time; time.sleep(60)'], 0.2))
def half(day, clock, figures):
    figures['one'] = {}
    measure.attempt(figures, 'two', lambda: day.run([sys.executable, '-c', 'import time; time.sleep(60)'], 0.2))
for work in (selftest, half):
    found = measure.Part('p', 'P', work, 1, 9, 9).run(day, 9)
    print(found['state'], found['why'], sep=': ')";
    let output = Command::new("python3")
        .current_dir(scripts())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-c", script])
        .output()
        .expect("python3");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "left out: its 9 s were over\npartly done: its 9 s were over\n", "{complaints}");
}

#[test]
fn python_bad_usage_ends_with_2_and_says_what_to_do() {
    let program = env!("CARGO_BIN_EXE_glasshouse");
    for (words, said) in [
        (["--program", "/nowhere", "--only", "devices"], "; build it with"),
        (["--program", program, "--data", "/nowhere"], "; name a text with --data"),
        (["--program", program, "--only", "device"], "there are devices, selftest"),
    ] {
        let output =
            Command::new("python3").arg(scripts().join("run")).args(words).output().expect("python3");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains(said), "{complaint}");
    }
}

/// Without such an adapter and without torch there is still a report, which says so in every part.
#[test]
fn slow_python_a_day_without_a_gpu_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let words = [
        "--device",
        "Voodoo 2",
        "--python",
        "/nowhere/python",
        "--only",
        "devices,selftest,torch_steps,curve",
    ];
    let (code, said, report) = day(folder.path(), &words);
    assert_eq!(code, Some(1), "{said}");
    for (name, part) in report["parts"].as_object().unwrap() {
        assert_eq!(part["state"], "failed", "{name}: {said}");
    }
    assert!(report["parts"]["devices"]["why"].as_str().unwrap().contains("Voodoo 2"));
    let text = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(text.contains("not measured") && text.contains("FAILED"), "{text}");
}
