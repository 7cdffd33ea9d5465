//! `glasshouse compress`: a run of smaller weights, which evaluates, exports and trains like any other.

use crate::support::program::{count_runs, error_of, folder, run_of, sets, succeed, train};
use crate::support::tuning::{notices, numbers, resume, tune, weights};
#[cfg(feature = "window")]
use crate::support::{self, sent};
use glasshouse_engine::protocol::{Compressed, WeightFormat};
use glasshouse_protocol::{Compression, ModelPart};
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
        assert_eq!(Some(&difference.first), pruned.run.as_ref());
        assert!(difference.difference.interval.is_some(), "{difference:?}");
        // The zeros are those of the saved weights.
        let saved = weights(folder, "first", &pruned.run.unwrap()).0;
        let zeros =
            saved.values().flat_map(|(_, weights)| weights).filter(|weight| **weight == 0.0).count() as u64;
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
    assert!(said.contains("blocks.0.mlp.down.weight") && said.contains("  validation loss  "), "{said}");
}

#[test]
fn training_from_a_pruned_run_keeps_its_zeros_unless_told_otherwise() {
    let (folder, _) = folder();
    let folder = folder.path();
    compress(folder, &["--run", "1", "--method", "magnitude"]);
    let learn = |more: &[&str]| tune(folder, "2", "text", "stories.txt", &[&["--lr", "1e-3"], more].concat());
    let mut told = learn(&["--steps", "30", "--stop-after", "15"]);
    assert!(notices(&told).contains("its zeros stay zero"), "{told:?}");
    told.extend(resume(folder, "3"));
    let losses = numbers(&told, "step", "loss");
    assert!(losses.len() > 1 && losses[losses.len() - 1] < losses[0], "{losses:?}");
    assert_eq!(run_of(folder, "first", "3").config().unwrap().train.keep_zeros, Some(true));
    learn(&["--steps", "2", "--set", "train.keep_zeros=false"]);
    let [pruned, tuned, dense] = ["2", "3", "4"].map(|run| weights(folder, "first", run).0);
    let zeros = |weights: &[f32]| weights.iter().filter(|weight| **weight == 0.0).count();
    let matrices =
        pruned.iter().filter(|(name, (own, _))| name.starts_with("blocks.") && own.ty.shape.len() == 2);
    let mut count = 0;
    for (name, (_, before)) in matrices {
        let after = &tuned[name].1;
        assert!(zeros(before) * 5 > before.len() * 2, "{name}");
        assert!(
            before.iter().zip(after).all(|(before, after)| (*before == 0.0) == (*after == 0.0)),
            "{name}"
        );
        assert!(before.iter().zip(after).any(|(before, after)| before != after), "{name}");
        assert!(zeros(&dense[name].1) * 2 < zeros(before), "{name}");
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn removed_parts_leave_an_ordinary_smaller_run_that_recovers_by_distilling() {
    let (folder, _) = folder();
    let folder = folder.path();
    let shape = ["model.layers=3", "model.heads=4", "model.kv_heads=4", "model.head_size=8"];
    train(folder, &folder.join("first"), &[&sets(&shape)[..], &["--steps", "40", "--lr", "3e-3"]].concat());
    let whole = run_of(folder, "first", "2").config().unwrap().model;
    let mut made = Vec::new();
    for (part, count) in [("blocks", "2"), ("channels", "8"), ("heads", "1")] {
        let removed = compress(folder, &["--run", "2", "--method", part, "--remove", count]);
        assert!(removed.tokens_per_s.is_some() && removed.loss.is_some(), "{removed:?}");
        assert_eq!(removed.removed.len(), if part == "blocks" { 2 } else { 0 });
        let run = removed.run.unwrap();
        let [before, now] = ["2", &run].map(|run| run_of(folder, "first", run).record().unwrap().parameters);
        assert!(now < before, "{now} of {before}");
        let model = run_of(folder, "first", &run).config().unwrap().model;
        let part = ModelPart::named("part", part).unwrap();
        assert_eq!(part.count(&model) + count.parse::<usize>().unwrap(), part.count(&whole));
        // GPT-2's format has no head size: it is the width divided among the heads.
        if part != ModelPart::Heads {
            let to = format!("{run}.gguf");
            succeed(
                folder,
                &["export", "--project", "first", "--run", &run, "--to", &to, "--format", "gguf"],
            );
        }
        made.push(run);
    }
    let taught = ["--set", "train.distil.teacher=2", "--lr", "3e-3", "--steps", "60"];
    // Batches differ more than the loss falls.
    let losses = numbers(&tune(folder, &made[0], "distil", "stories.txt", &taught), "eval", "val_loss");
    assert!(losses[losses.len() - 1] < losses[0], "{losses:?}");
}

#[test]
fn a_frontier_measures_every_method_and_leaves_no_run() {
    let (folder, _) = folder();
    let folder = folder.path();
    let wide =
        ["model.width=32", "model.heads=2", "model.kv_heads=2", "model.head_size=16", "model.layers=2"];
    train(folder, &folder.join("wide"), &[&sets(&wide)[..], &["--stop-after", "2"]].concat());
    let frontier =
        ["compress", "--project", "wide", "--checkpoint", "latest", "--threads", "2", "--frontier"];
    let said = succeed(folder, &[&frontier[..], &["--json"]].concat());
    let found: serde_json::Value = serde_json::from_str(&said).unwrap();
    let points: Vec<Compressed> = serde_json::from_value(found["points"].clone()).unwrap();
    assert!(points.iter().all(|point| point.run.is_none() && point.loss.is_some()), "{points:?}");
    assert!(points.iter().all(|point| point.difference.is_some() && point.tokens_per_s.is_some()));
    let kinds: [fn(&Compression) -> bool; 3] = [
        |method| matches!(method, Compression::Store { .. }),
        |method| matches!(method, Compression::Prune(_)),
        |method| matches!(method, Compression::Remove(_)),
    ];
    for kind in kinds {
        assert!(points.iter().filter(|point| kind(&point.method)).count() >= 3, "{points:?}");
    }
    // Zeros take as much as other weights; everything else is smaller.
    let is_dense = |point: &&Compressed| matches!(point.method, Compression::Prune(_));
    let dense = points.iter().filter(is_dense).map(|point| point.bytes[1]).min().unwrap();
    assert!(points.iter().all(|point| is_dense(&point) == (point.bytes[1] >= dense)), "{points:?}");
    assert_eq!(count_runs(folder, "wide"), 1);
    let said = succeed(folder, &[&frontier[..], &["--keep"]].concat());
    assert!(
        said.contains("original") && said.contains("q4_0") && said.contains("MLP channels removed"),
        "{said}"
    );
    assert_eq!(count_runs(folder, "wide"), 1 + points.len());
    let error = error_of(folder, &[&frontier[..], &["--run", "2"]].concat());
    assert!(error.contains("is compressed to f16 already"), "{error}");
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
        (&["--method", "gptq4", "--windows", "0"], "windows = 0 must be between 1"),
        (&["--sparsity", "0.5"], "for --method magnitude or wanda"),
        (&["--documents", "0"], "must be at least 1"),
        (&["--method", "blocks", "--remove", "0"], "remove = 0 must be at least 1"),
        (&["--method", "blocks", "--remove", "7"], "which cannot be removed"),
        (&["--method", "channels", "--remove", "100000"], "remove at most"),
        (&["--method", "wanda", "--remove", "1"], "--remove is for --method blocks, channels or heads"),
        (&["--method", "q8_0", "--windows", "3"], "--windows is for --method gptq4, wanda"),
        (&["--frontier", "--method", "wanda"], "cannot be used with"),
        (&["--method", "lottery"], "lottery"),
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
        let run = compressed.run.unwrap();
        assert!(run.ends_with(&format.name().replace('_', "-")) || run.contains(format.name()), "{run}");
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
    // The same format, with other weights.
    let calibrated = ["--method", "gptq4", "--windows", "8", "--json"];
    let said = succeed(folder, &[&compress[..], &calibrated].concat());
    let compressed: Compressed = serde_json::from_str(&said).unwrap();
    assert_eq!(compressed.bytes[1], sizes[2]);
    let [nearest, calibrated] = ["4", &compressed.run.unwrap()].map(|run| weights(folder, "wide", run).0);
    let differ = |name: &str| nearest[name].1 != calibrated[name].1;
    assert!(differ("blocks.0.mlp.up.weight") && !differ("embedding.tokens"));
    let error = error_of(folder, &["compress", "--project", "wide", "--run", "2"]);
    assert!(error.contains("is compressed to f16 already"), "{error}");
    assert_eq!(count_runs(folder, "wide"), 5);
}

#[cfg(feature = "window")]
#[test]
fn the_window_asks_how_a_run_is_compressed() {
    use egui::Role;
    use egui_kittest::kittest::Queryable as _;
    use glasshouse::pages::PageName;
    use glasshouse_protocol::{Command, PruneScore, PruneSettings, RemoveSettings, RunChange};
    let settings = PruneSettings { score: PruneScore::Magnitude, sparsity: 0.75, ..PruneSettings::default() };
    for (pressed, method) in [
        (&["4 bits"][..], Some(Compression::Store { weights: WeightFormat::Q4_0 })),
        (&["4 bits, calibrated"], Some(Compression::Calibrate { windows: 64 })),
        (&["Prune", "Magnitude", "75 %"], Some(Compression::Prune(settings))),
        (&["Parts"], Some(Compression::Remove(RemoveSettings::default()))),
        (&["Compare"], None),
    ] {
        let create = if method.is_some() { "Create a smaller run" } else { "Measure" };
        let mut window = support::on(PageName::Runs, [1280.0, 900.0]);
        window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
        window.run_steps(3);
        let choices = pressed.iter().map(|name| (Role::RadioButton, *name));
        let presses = [(Role::Button, "Compress")].into_iter().chain(choices);
        for (role, name) in presses.chain([(Role::Button, create)]) {
            window.get_by_role_and_label(role, name).click();
            window.run_steps(3);
        }
        let compress = |command: &Command| {
            matches!(command, Command::ChangeRun { change: RunChange::Compress { .. }, .. })
        };
        let command =
            RunChange::Compress { checkpoint: None, method, documents: None, keep: false }.to("2-llama-tiny");
        assert_eq!(sent(window.state_mut()).into_iter().rfind(compress), Some(command));
    }
}

#[cfg(feature = "window")]
#[test]
fn the_window_shows_a_frontier_and_recovers_a_pruned_run() {
    use egui::Role;
    use egui_kittest::kittest::Queryable as _;
    use glasshouse::pages::PageName;
    use glasshouse_protocol::evaluation::Metric;
    use glasshouse_protocol::{Command, Event, Objective, RemoveSettings, RunState, RunSummary, Start};
    let mut window = support::on(PageName::Runs, [1280.0, 1400.0]);
    window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
    window.run_steps(3);
    for (role, name) in
        [(Role::Button, "Compress"), (Role::RadioButton, "Compare"), (Role::Button, "Measure")]
    {
        window.get_by_role_and_label(role, name).click();
        window.run_steps(3);
    }
    let loss = |value: f64| {
        let interval = Some([value - 0.1, value + 0.1]);
        Metric { name: "loss".to_owned(), value: Some(value), interval, ..Metric::default() }
    };
    let point = |method: Compression, value: f64| {
        let compressed = Compressed {
            run: None,
            method,
            bytes: [2_000_000, 1_000_000],
            tokens_per_s: Some([100.0, 150.0]),
            removed: Vec::new(),
            matrices: Vec::new(),
            loss: Some([loss(1.0), loss(value)]),
            difference: None,
        };
        Event::Compressed { compressed: Box::new(compressed) }
    };
    let stored = Compression::Store { weights: WeightFormat::Q8_0 };
    let removed = Compression::Remove(RemoveSettings::default());
    let events = [point(stored.clone(), 1.5), point(removed, 1.25), point(stored, 1.125), Event::Finished];
    let measures =
        |command: &Command| matches!(command, Command::ChangeRun { run, .. } if run == "2-llama-tiny");
    support::answer(window.state_mut(), measures, events);
    window.run_steps(3);
    let points = &window.state().state().runs.frontiers["2-llama-tiny"];
    assert_eq!(points.len(), 2, "a point measured again replaces the former one: {points:?}");
    assert!(window.query_by_label("Validation loss over size").is_some());
    assert!(window.query_all_by_label_contains("1 block removed").next().is_some());
    assert!(window.query_by_label("Recover").is_none(), "it was not pruned");
    let name = "3-llama-tiny-pruned";
    let pruned = RunSummary { steps: 0, ..support::run(name, RunState::Imported, 0, 0) };
    support::send(window.state_mut(), [Event::Runs { runs: vec![pruned] }]);
    window.run_steps(3);
    window.get_by_role_and_label(Role::Row, name).click_accesskit();
    let mut history = support::history(name, 1e-3);
    (history.config.preset, history.config.start) =
        ("llama-tiny-pruned".to_owned(), Some(Start::best_of("2-llama-tiny")));
    support::send(window.state_mut(), [history]);
    window.run_steps(3);
    support::press(&mut window, "Recover");
    support::press(&mut window, "Tune");
    let started = support::sent(window.state_mut()).into_iter().find_map(|command| match command {
        Command::Train { config, .. } => Some(config),
        _ => None,
    });
    let started = started.unwrap();
    assert_eq!(started.start, Some(Start::best_of(name)));
    let train = &started.train;
    assert_eq!((train.objective, train.distil.teacher.as_str()), (Objective::Distil, "2-llama-tiny:best"));
}
