//! `glasshouse compress`: a run of smaller weights, which evaluates, exports and trains like any other.

use crate::support::program::{count_runs, error_of, folder, run_of, sets, succeed, train};
#[cfg(feature = "window")]
use crate::support::{self, sent};
use glasshouse_engine::project::Trained;
use glasshouse_engine::protocol::{CheckpointChoice, Compressed, WeightFormat};
use glasshouse_engine::{Yielder, block_on};
use std::path::Path;

fn compress(folder: &Path, arguments: &[&str]) -> Compressed {
    let said = succeed(folder, &[&["compress", "--project", "first", "--json"], arguments].concat());
    serde_json::from_str(&said).unwrap()
}

#[test]
fn a_pruned_run_states_its_sparsity_and_its_losses() {
    let (folder, _) = folder();
    let folder = folder.path();
    for (arguments, sparsity) in [
        (&["--method", "magnitude", "--sparsity", "0.25"][..], 0.25),
        (&["--method", "wanda", "--sparsity", "0.9", "--windows", "4"], 0.9),
        (&["--method", "wanda", "--pattern", "2:4"], 0.5),
    ] {
        let pruned = compress(folder, &[&["--run", "1"], arguments].concat());
        assert_eq!(pruned.matrices.len(), 4, "{pruned:?}");
        for matrix in &pruned.matrices {
            assert!((matrix.sparsity() - sparsity).abs() < 0.02, "{matrix:?}");
        }
        let [before, own] = pruned.loss.unwrap();
        assert!(before.interval.is_some() && own.interval.is_some(), "{before:?} {own:?}");
        assert_ne!(before.value.unwrap(), own.value.unwrap());
        let difference = pruned.difference.unwrap();
        assert_eq!(difference.first, pruned.run);
        assert!(difference.difference.interval.is_some(), "{difference:?}");
        // The zeros are those of the saved weights.
        let run = run_of(folder, "first", &pruned.run);
        let saved = block_on(Trained::load(run, &CheckpointChoice::Best, &Yielder::none())).unwrap();
        let zeros = saved.parameters.iter().filter(|weight| **weight == 0.0).count() as u64;
        assert!(zeros >= pruned.matrices.iter().map(|matrix| matrix.zeros).sum(), "{zeros}");
    }
    // It goes on like other runs.
    succeed(
        folder,
        &["export", "--project", "first", "--run", "2", "--to", "pruned.gguf", "--format", "gguf"],
    );
    let more =
        ["train", "--project", "first", "--from", "2", "--device", "cpu", "--threads", "2", "--steps", "1"];
    succeed(folder, &more);
    let said = succeed(folder, &["compress", "--project", "first", "--run", "1", "--method", "magnitude"]);
    assert!(said.contains("blocks.0.mlp.down.weight") && said.contains("\nvalidation loss "), "{said}");
}

#[test]
fn what_cannot_be_pruned_is_refused_and_no_run_is_made() {
    let (folder, _) = folder();
    let folder = folder.path();
    for (arguments, said) in [
        (&["--method", "wanda", "--sparsity", "0"][..], "sparsity = 0 must be above 0 and below 1"),
        (&["--method", "wanda", "--sparsity", "1"], "sparsity = 1 must be above 0 and below 1"),
        (
            &["--method", "magnitude", "--pattern", "2:4", "--sparsity", "0.6"],
            "must be 0.5 with the pattern 2:4",
        ),
        (&["--method", "wanda", "--windows", "0"], "windows = 0 must be between 1"),
        (&["--sparsity", "0.5"], "for --method magnitude or wanda"),
        (&["--documents", "0"], "must be at least 1"),
    ] {
        let error = error_of(folder, &[&["compress", "--project", "first"], arguments].concat());
        assert!(error.contains(said), "{error}");
    }
    assert_eq!(count_runs(folder, "first"), 1);
    // Rows of 18 weights are no groups of four.
    let odd =
        ["model.width=18", "model.heads=1", "model.kv_heads=1", "model.head_size=18", "model.mlp.hidden=36"];
    train(folder, &folder.join("odd"), &[&sets(&odd)[..], &["--stop-after", "1"]].concat());
    let two =
        ["compress", "--project", "odd", "--checkpoint", "latest", "--method", "wanda", "--pattern", "2:4"];
    let error = error_of(folder, &two);
    assert!(error.contains("have 18 weights, which are not groups of 4; prune without a pattern"), "{error}");
    assert_eq!(count_runs(folder, "odd"), 1);
}

#[test]
fn a_run_in_fewer_bits_is_smaller_and_is_decoded_as_it_is_stored() {
    let (folder, _) = folder();
    let folder = folder.path();
    let wide = ["model.width=32", "model.heads=2", "model.kv_heads=2", "model.head_size=16"];
    train(folder, &folder.join("wide"), &[&sets(&wide)[..], &["--stop-after", "2"]].concat());
    let compress =
        ["compress", "--project", "wide", "--checkpoint", "latest", "--run", "1", "--threads", "2"];
    let mut sizes = Vec::new();
    for (number, format) in
        [WeightFormat::F16, WeightFormat::Q8_0, WeightFormat::Q4_0].into_iter().enumerate()
    {
        let said = succeed(folder, &[&compress[..], &["--method", format.name(), "--json"]].concat());
        let found: serde_json::Value = serde_json::from_str(&said).unwrap();
        let compressed: Compressed = serde_json::from_str(&said).unwrap();
        assert!(
            compressed.run.ends_with(&format.name().replace('_', "-"))
                || compressed.run.contains(format.name())
        );
        assert_eq!(found["tokens_per_s"].as_array().unwrap().len(), 2);
        let [before, after] = compressed.loss.unwrap().map(|loss| loss.value.unwrap());
        assert!(before != after && (before - after).abs() < 0.05, "{format:?}: {before} {after}");
        let [whole, own] = compressed.bytes;
        assert!(own < whole, "{format:?}: {own} of {whole}");
        sizes.push(own);
        let number = (number + 2).to_string();
        let generate =
            ["generate", "--project", "wide", "--run", &number, "--prompt", "a", "--max-tokens", "4"];
        let said = succeed(folder, &[&generate[..], &["--device", "cpu", "--json"]].concat());
        assert!(said.contains(&format!("\"weights\":\"{}\"", format.name())), "{said}");
    }
    assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");
    let error = error_of(folder, &["compress", "--project", "wide", "--run", "2"]);
    assert!(error.contains("is compressed to f16 already"), "{error}");
    assert_eq!(count_runs(folder, "wide"), 4);
}

#[cfg(feature = "window")]
#[test]
fn the_window_asks_how_a_run_is_compressed() {
    use egui::Role;
    use egui_kittest::kittest::Queryable as _;
    use glasshouse::pages::PageName;
    use glasshouse_protocol::{Command, Compression, PruneScore, PruneSettings, RunChange};
    let mut window = support::on(PageName::Runs, [1280.0, 900.0]);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
    window.run_steps(3);
    let mut press = |role, names: &[&str]| {
        for name in names {
            window.get_by_role_and_label(role, name).click();
            window.run_steps(3);
        }
        let compress = |command: &Command| {
            matches!(command, Command::ChangeRun { change: RunChange::Compress { .. }, .. })
        };
        sent(window.state_mut()).into_iter().rfind(compress)
    };
    let command =
        |method| RunChange::Compress { checkpoint: None, method, documents: None }.to("2-llama-tiny");
    press(Role::Button, &["Compress"]);
    press(Role::RadioButton, &["4 bits"]);
    let create = ["Create a smaller run"];
    let stored = Compression::Store { weights: WeightFormat::Q4_0 };
    assert_eq!(press(Role::Button, &create), Some(command(stored)));
    press(Role::Button, &["Compress"]);
    press(Role::RadioButton, &["Prune", "Magnitude", "75 %"]);
    let settings = PruneSettings { score: PruneScore::Magnitude, sparsity: 0.75, ..PruneSettings::default() };
    assert_eq!(press(Role::Button, &create), Some(command(Compression::Prune(settings))));
}
