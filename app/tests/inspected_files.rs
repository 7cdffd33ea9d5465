//! numpy opens the folder that `glasshouse inspect` writes.

use crate::front_ends::{succeed, train};
use crate::handover::python;
use glasshouse_protocol::View;
use serde_json::Value;
use std::process::Command;

#[test]
fn python_numpy_opens_every_view_and_finds_what_json_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = succeed(folder, &["corpus", "stories", "--bytes", "60KB"]);
    std::fs::write(folder.join("stories.txt"), text).unwrap();
    train(folder, &folder.join("first"), &["--steps", "4"]);
    let asked = ["inspect", "--project", "first", "--prompt", "once upon", "--device", "cpu", "--every-part"];
    let names = View::ALL.map(View::name).join(",");
    succeed(folder, &[&asked[..], &["--to", "looked"]].concat());
    let printed = succeed(folder, &[&asked[..], &["--view", &names, "--json"]].concat());
    std::fs::write(folder.join("printed.json"), printed).unwrap();

    let script = crate::support::repository().join("tests/python/check_inspection.py");
    let mut check = Command::new(python());
    check.arg(script).arg(folder.join("looked")).arg(folder.join("printed.json"));
    let output = check.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found.as_object().unwrap().len(), View::ALL.len());
    for view in View::ALL {
        let tensors = found[view.name()].as_array().unwrap();
        // The results of these two views are not tensors.
        assert!(!tensors.is_empty() || [View::Provenance, View::Graph].contains(&view), "{view}");
    }
}
