//! numpy opens the folder that `glasshouse inspect` writes.

use crate::support::program::{referee, stories, succeed, train};
use glasshouse_protocol::View;
use serde_json::Value;

#[test]
fn python_numpy_opens_every_view_and_finds_what_json_says() {
    let folder = stories(60);
    let folder = folder.path();
    train(folder, &folder.join("first"), &["--steps", "4"]);
    let asked = ["inspect", "--project", "first", "--prompt", "once upon", "--device", "cpu", "--every-part"];
    let names = View::ALL.map(View::name).join(",");
    succeed(folder, &[&asked[..], &["--to", "looked"]].concat());
    let printed = succeed(folder, &[&asked[..], &["--view", &names, "--json"]].concat());
    std::fs::write(folder.join("printed.json"), printed).unwrap();

    let told = referee(folder, "check_inspection.py", &["looked", "printed.json"]);
    let found: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(found.as_object().unwrap().len(), View::ALL.len());
    for view in View::ALL {
        let tensors = found[view.name()].as_array().unwrap();
        // The results of these two views are not tensors.
        assert!(!tensors.is_empty() || [View::Provenance, View::Graph].contains(&view), "{view}");
    }
}
