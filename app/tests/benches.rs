//! The benchmark commands: their output is parsed, and bad input gives a one-line error. Speeds are not tested.

use crate::support::program::{SHAPE, adapter, lines, program, sets};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// A model small enough for a software adapter.
fn small() -> Vec<&'static str> {
    [&["--preset", "nanogpt-cpu", "--batch-size", "2"][..], &sets(&SHAPE)[..]].concat()
}

/// The CPU, and the adapter of the engine's own tests.
fn devices() -> [String; 2] {
    ["cpu".to_owned(), adapter()]
}

fn glasshouse(arguments: &[&str]) -> Output {
    // Measurements of a device are cached in the test folder instead of the user's cache.
    let mut command = program(Path::new("."));
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).args(arguments).output().unwrap()
}

/// Standard output of a command that must succeed.
fn succeed(arguments: &[&str]) -> String {
    let output = glasshouse(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command on the small model, and parses its JSON lines.
fn measured(command: &[&str], device: &str, more: &[&str]) -> Vec<Value> {
    lines(&succeed(&[command, &small()[..], &["--device", device], more, &["--json"]].concat()))
}

/// Checks that a command is refused as a usage error, in one line that contains `part`.
fn refused(arguments: &[&str], part: &str) {
    let output = glasshouse(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(message.contains(part) && !message.contains("panicked"), "{part:?} is not in {message:?}");
}

/// A positive number of a line.
fn number(line: &Value, field: &str) -> f64 {
    let number = line[field].as_f64().unwrap_or_else(|| panic!("{field} of {line}"));
    assert!(number.is_finite() && number > 0.0, "{field} of {line}");
    number
}

#[test]
fn writing_is_timed_on_every_device() {
    for device in devices() {
        let more = ["--prompt-tokens", "6", "--tokens", "5", "--repeats", "2"];
        let lines = measured(&["bench", "decode"], &device, &more);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!((&line["bench"], &line["config"]), (&Value::from("decode"), &Value::from("nanogpt-cpu")));
        assert_eq!((number(line, "prompt_tokens"), number(line, "generated_tokens")), (6.0, 5.0));
        assert_eq!(line["tokens_past_window"], 0);
        for field in ["prompt_tokens_per_s", "generated_tokens_per_s", "ms_per_token", "bytes"] {
            number(line, field);
        }
        assert_eq!(line["device"]["kind"], if device == "cpu" { "cpu" } else { "gpu" });
    }
}

#[test]
fn a_passage_that_cannot_be_is_bad_usage() {
    refused(&["bench", "decode", "--prompt-tokens", "65"], "--prompt-tokens");
    refused(&["bench", "decode", "--tokens", "0"], "--tokens");
    refused(&["bench", "decode", "--device", ""], "--device");
}

#[test]
fn a_step_is_timed_with_chosen_kernels_and_without() {
    for device in devices() {
        let mut dispatches = Vec::new();
        for (more, on_gpu) in [
            (&["--repeats", "1"][..], true),
            (&["--repeats", "1", "--no-autotune"], false),
            (&["--repeats", "1", "--unfused"], false),
        ] {
            let lines = measured(&["bench", "step"], &device, more);
            let [line] = lines.as_slice() else { panic!("{lines:?}") };
            assert_eq!(line["unfused"], more.contains(&"--unfused") && device != "cpu", "{line}");
            assert_eq!(line["autotune"], on_gpu && device != "cpu", "{line}");
            assert!(number(line, "ms_per_step") > 0.0 && line["tuned_kernels"].is_u64(), "{line}");
            // The CPU has no queue that could run dry.
            let idle = line["idle_share"].as_f64();
            assert_eq!(idle.is_some_and(|share| (0.0..=1.0).contains(&share)), device != "cpu", "{line}");
            assert_eq!(line["ms_per_step_together"].is_f64(), device != "cpu", "{line}");
            dispatches.push(line["dispatches_per_step"].as_u64().unwrap());
        }
        // A faster kernel may need one more dispatch than the default, but none as many as unfused operations.
        for fused in &dispatches[..2] {
            assert_eq!(dispatches[2] > *fused, device != "cpu", "{dispatches:?}");
        }
    }
}

#[test]
fn a_kernel_that_has_a_choice_is_shown_with_its_candidates() {
    let [_, adapter] = devices();
    let lines = measured(&["bench", "kernel"], &adapter, &["--filter", "linear_input_backward"]);
    let chosen: Vec<&Value> = lines.iter().filter(|line| line["chosen"].is_string()).collect();
    assert!(!chosen.is_empty(), "{lines:?}");
    for line in chosen {
        let candidates = line["candidates"].as_array().unwrap();
        assert!(candidates.len() >= 2, "{line}");
        assert!(candidates.iter().all(|candidate| number(candidate, "ms") > 0.0), "{line}");
        assert!(candidates.iter().any(|candidate| candidate["choice"] == line["chosen"]), "{line}");
        let tier = line["chosen"].as_str().unwrap().split(' ').next().unwrap();
        assert!(line["kernel"].as_str().unwrap().contains(tier), "{line}");
    }
}

#[test]
fn a_devices_own_tests_say_what_was_tried_and_what_was_left() {
    let [_, adapter] = devices();
    let selftest = |words: &[&str]| {
        let told = succeed(&[&["selftest", "--device", &adapter, "--json"][..], words].concat());
        serde_json::from_str::<Value>(&told).unwrap()
    };
    if cfg!(feature = "oracle") {
        let variants = selftest(&["--variants", "--filter", "last_row"]);
        let [row] = variants["rows"].as_array().unwrap().as_slice() else { panic!("{variants}") };
        assert_eq!((&row["cases"], &row["wrong"]), (&row["of"], &Value::from(0)), "{variants}");
        assert!(number(row, "runs") >= 4.0 && variants["left"] == serde_json::json!([]), "{variants}");
    } else {
        let output = glasshouse(&["selftest", "--device", &adapter, "--variants"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("oracle"));
    }
    // The plain run is always made, since the others are compared with it.
    let losses = selftest(&["--losses", "--steps", "2", "--seconds", "0"]);
    let [row] = losses["rows"].as_array().unwrap().as_slice() else { panic!("{losses}") };
    assert!(row["way"] == "f32" && row["apart"] == 0.0 && row["error"].is_null(), "{row}");
    assert!(number(row, "first") > 1.0 && row["curve"].as_array().is_some_and(|curve| curve.len() == 2));
    let left: Vec<&str> = losses["left"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(left.contains(&"f32, kernels as tuned") && left.contains(&"mixed"), "{left:?}");

    let output = glasshouse(&["selftest", "--device", "cpu", "--losses"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("--device"), "{message}");
    refused(&["selftest", "--losses", "--steps", "0"], "--steps");
}

/// Weights stored in 16 bits are also available to the measured kernels.
#[test]
fn kernels_of_a_base_in_16_bits_are_timed() {
    let more = ["--set", "train.adapter.base=f16", "--filter", "unpack", "--no-autotune"];
    for device in devices() {
        for line in measured(&["bench", "kernel"], &device, &more) {
            number(&line, "ms");
        }
    }
}

#[test]
fn every_kernel_has_its_line() {
    for device in devices() {
        let lines = measured(&["bench", "kernel"], &device, &["--filter", "matmul", "--no-autotune"]);
        for line in &lines {
            assert_eq!(line["bench"], "kernel");
            assert!(line["kernel"].as_str().unwrap().contains("linear"), "{line}");
            for field in ["count", "ms", "gb_per_s", "share_of_peak", "peak_gflop_per_s", "peak_gb_per_s"] {
                number(line, field);
            }
            assert_eq!(line["groups"].is_array(), device != "cpu", "{line}");
        }
        // At least four projections, forward and twice backward, all of which are matrix products.
        let products: f64 =
            lines.iter().filter(|line| line["gflop_per_s"].is_f64()).map(|line| number(line, "count")).sum();
        assert!(products >= 12.0, "{lines:?}");
    }
}

#[test]
fn a_kernel_that_is_not_there_is_told_with_those_that_are() {
    let arguments = ["bench", "kernel", "--device", "cpu", "--filter", "matmull"];
    refused(&[&arguments[..], &small()[..]].concat(), "linear");
}

#[test]
fn models_of_many_sizes_are_measured_beside_their_estimates() {
    let lines = lines(&succeed(&["bench", "scaling", "--quick", "--device", "cpu", "--json"]));
    let (summary, cells) = lines.split_last().unwrap();
    assert_eq!(summary["bench"], "scaling_summary");
    let mut judged = 0.0;
    for cell in cells {
        assert_eq!((&cell["bench"], &cell["skipped"]), (&Value::from("scaling"), &Value::Null));
        for field in
            ["layers", "width", "context_length", "vocabulary", "ms_per_step", "bytes", "bytes_estimated"]
        {
            number(cell, field);
        }
        if cell["calibration"] == false {
            judged += 1.0;
            let ratio = number(cell, "ms_per_step") / number(cell, "ms_estimated");
            assert!((number(cell, "time_ratio") / ratio - 1.0).abs() < 1e-6, "{cell}");
        }
    }
    assert!(judged >= 5.0 && number(summary, "cells") == judged, "{summary}");
    assert!(summary["within_30_percent"].is_number() && summary["exact_bytes"].is_number(), "{summary}");
    refused(&["bench", "scaling", "--device", " "], "--device");
}
