//! A bundle's manifest, checksums, checkpoints and log, without training.

use super::import::{latest, log, newest};
use super::tensors::Places;
use super::*;
use glasshouse_compiler::model::parameters;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::ArenaState;
use glasshouse_formats::huggingface::Family;
use glasshouse_platform::block_on;
use glasshouse_project::metrics::MetricsWriter;
use glasshouse_protocol::config::Trainable;
use glasshouse_protocol::{RunConfig, TrainEvent, presets};
use serde_json::json;

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

#[test]
fn manifests_of_other_folders_and_versions_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let refused = || Manifest::read(folder).unwrap_err().to_string();
    assert!(!is_bundle(folder) && refused().contains("bundle export"));
    let manifest = |format: &str, version: u32| {
        json!({
            "format": format, "version": version, "app_version": "0", "run": "1", "checkpoint": "last", "project": "p",
            "created": 1, "config_crc32c": 2, "step": 3, "model": {}, "seed": 4, "train_tokens": 5, "files": {},
        })
    };
    for (format, version, is_known) in
        [(FORMAT, VERSION, true), (FORMAT, VERSION + 1, false), ("zip", 1, false)]
    {
        write(folder, MANIFEST, &manifest(format, version).to_string());
        assert!(is_bundle(folder));
        match is_known {
            true => assert_eq!(Manifest::read(folder).unwrap().step, 3),
            false => assert!(refused().contains("use the program that wrote it"), "{}", refused()),
        }
    }
}

#[test]
fn files_are_verified_by_their_checksums_and_stay_in_the_folder() {
    // FIPS 180-4's first example.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "data/abc.txt", "abc");
    write(folder, "outside", "abc");
    let check = |name: &str, sum: &str| {
        let sums = BTreeMap::from([(name.to_owned(), sum.to_owned())]);
        block_on(check_files(&folder.join("data"), &sums, &Yielder::none()))
            .map_err(|error| error.to_string())
    };
    assert_eq!(block_on(sha256(&folder.join("data/abc.txt"), &Yielder::none())).unwrap(), ABC);
    assert_eq!(check("abc.txt", ABC), Ok(()));
    assert!(check("abc.txt", &ABC.replace('b', "c")).unwrap_err().contains("checksum"));
    assert!(check("gone.txt", ABC).unwrap_err().contains("missing"));
    for outside in ["../outside", "a/../../outside", "/outside", "", "a//b", "C:x", "..\\outside"] {
        assert!(check(outside, ABC).unwrap_err().contains("is not a file name of a bundle"), "{outside}");
    }
}

#[test]
fn the_latest_complete_checkpoint_is_imported() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path();
    let state = |step: u64, format: &str| json!({ "format": format, "version": 1, "step": step, "val_loss": null, "files": {}, "bundle": "" });
    assert!(newest(out).is_none() && latest(out).unwrap_err().to_string().contains("no complete checkpoint"));
    let own = "glasshouse-bundle-checkpoint";
    write(out, "checkpoint-9/state.json", &state(9, own).to_string());
    write(out, "checkpoint-10/state.json", &state(10, own).to_string());
    // Without its state, a checkpoint is incomplete.
    write(out, "checkpoint-11/model.safetensors", "");
    write(out, "checkpoint-x/state.json", "{}");
    assert_eq!(newest(out).map(|(step, _)| step), Some(10));
    assert_eq!(
        latest(out).map(|(folder, state)| (folder, state.step)).unwrap(),
        (out.join("checkpoint-10"), 10)
    );
    for wrong in [state(9, own), state(10, "another")] {
        write(out, "checkpoint-10/state.json", &wrong.to_string());
        assert!(latest(out).unwrap_err().to_string().contains("not the state of step 10"));
    }
}

#[test]
fn a_log_is_cut_to_the_steps_of_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    assert!(log(&path, 0, 3).unwrap_err().to_string().contains("missing"));
    let step = |step| TrainEvent::Step {
        step,
        loss: 2.0,
        lr: 1e-3,
        grad_norm: 1.0,
        tokens_per_s: 100.0,
        skipped: false,
    };
    let mut writer = MetricsWriter::create(&path).unwrap();
    for event in [1, 2, 3, 4].map(step) {
        writer.write(&event).unwrap();
    }
    writer.sync().unwrap();
    let steps = |after, upto| -> Result<Vec<_>> {
        Ok(log(&path, after, upto)?.iter().filter_map(TrainEvent::step).collect())
    };
    assert_eq!(steps(1, 3).unwrap(), [2, 3]);
    assert!(steps(1, 5).unwrap_err().to_string().contains("does not contain step 5"));
}

fn config(trainable: Trainable) -> RunConfig {
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    (config.model.layers, config.model.heads, config.model.width) = (2, 2, 16);
    (config.model.kv_heads, config.model.head_size) = (2, 8);
    (config.model.vocabulary, config.model.context_length) = (40, 8);
    config.train.trainable = trainable;
    config
}

#[test]
fn weights_and_moments_come_back_from_a_checkpoint() {
    for trainable in [Trainable::All, Trainable::Last(1), Trainable::Norms] {
        let config = config(trainable.clone());
        let trained = parameters(&config.model, &config.train).unwrap();
        let family = Family::for_model(&config.model, None).unwrap();
        let places = Places::new(family, &config.model, &trained).unwrap();
        let layout = ArenaLayout::from_parameters(&trained);
        // Every entry differs; padding is zero.
        let filled = |length: usize, offset: f32, all: bool| {
            let mut values = vec![0.0; length];
            for (parameter, (start, count)) in trained.iter().zip(layout.offsets.iter().zip(&layout.counts)) {
                for (at, value) in values.iter_mut().enumerate().skip(*start).take(*count) {
                    if all || parameter.trainable {
                        *value = offset + at as f32 / 1024.0;
                    }
                }
            }
            values
        };
        let state = ArenaState {
            parameters: filled(layout.length, 1.0, true).into(),
            first_moments: filled(layout.trained_end, -3.0, false),
            second_moments: filled(layout.trained_end, 5.0, false),
            ..ArenaState::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let [model, optimizer] =
            ["model", "optimizer"].map(|name| folder.join(format!("{name}.safetensors")));
        block_on(async {
            let yielder = Yielder::none();
            let whole = places.whole(state.parameters.to_vec(), &yielder).await;
            places.write_weights(&whole, &model, &yielder).await.unwrap();
            places.write_moments(&state, &optimizer, &yielder).await.unwrap();
            let read = places.read(folder, &yielder).await.unwrap();
            assert!(read.parameters == state.parameters, "{trainable}: weights");
            assert!(read.first_moments == state.first_moments, "{trainable}: first moments");
            assert!(read.second_moments == state.second_moments, "{trainable}: second moments");
            let refused = async || places.read(folder, &yielder).await.unwrap_err().to_string();
            let mut odd = whole.clone();
            odd[0] = f32::NAN;
            let written = places.write_weights(&odd, &model, &yielder).await.unwrap_err().to_string();
            assert!(written.contains("holds NaN"), "{written}");
            places.write_weights(&whole, &model, &yielder).await.unwrap();
            let mut bytes = std::fs::read(&model).unwrap();
            let begin = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
            bytes[begin..begin + 4].copy_from_slice(&f32::NAN.to_le_bytes());
            std::fs::write(&model, bytes).unwrap();
            assert!(refused().await.contains("1 entries that are NaN"), "{}", refused().await);
            places.write_weights(&whole, &model, &yielder).await.unwrap();
            std::fs::rename(&model, &optimizer).unwrap();
            places.write_weights(&whole, &model, &yielder).await.unwrap();
            assert!(refused().await.contains("is missing: train with the run's own bundle"));
        });
    }
}
