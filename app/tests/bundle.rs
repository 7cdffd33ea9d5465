//! Moving runs to many GPUs and back: the contents of a bundle, the result of importing it, and the refusals.

use crate::support::play::{play_with, use_project};
use crate::support::program::{
    count_runs, error_of, installed, json_of, lines_of, of, python, run_of, sets, stories, succeed, train,
};
use crate::support::tuning::{numbers, weights};
use glasshouse_engine::project::Project;
use glasshouse_engine::{Yielder, block_on};
use glasshouse_protocol::{Command, Event, RunState, answer};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn sha256(path: &Path) -> String {
    let hash = Sha256::digest(std::fs::read(path).unwrap());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

const LLAMA: [&str; 5] = [
    "model.norm.kind=rms",
    "model.norm.bias=false",
    "model.position={kind=\"rope\",base=10000.0}",
    "model.mlp.gate=swiglu",
    "model.bias=false",
];

/// A folder with a project whose run was stopped at step 10 of 20, and its bundle.
fn bundle(more: &[&str]) -> tempfile::TempDir {
    let folder = stories(60);
    train(folder.path(), &folder.path().join("first"), &[&["--stop-after", "10"], more].concat());
    let export =
        ["bundle", "export", "--project", "first", "--to", "bundle/", "--steps", "3", "--device", "cpu"];
    let said = succeed(folder.path(), &export);
    for part in ["bundle/verify\n", "bundle/launch;", "glasshouse bundle import bundle/"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    folder
}

/// Simulates the training of a bundle: its own weights and moments as a checkpoint at `step`.
fn trained_there(folder: &Path, step: u64) -> PathBuf {
    let bundle = folder.join("bundle");
    let out = bundle.join(format!("out/checkpoint-{step}"));
    std::fs::create_dir_all(&out).unwrap();
    let files = [
        ("model/model.safetensors", "model.safetensors"),
        ("optimizer.safetensors", "optimizer.safetensors"),
    ];
    let sums = files.map(|(from, to)| {
        std::fs::copy(bundle.join(from), out.join(to)).unwrap();
        (to, sha256(&out.join(to)))
    });
    let state = json!({
        "format": "glasshouse-bundle-checkpoint",
        "version": 1,
        "step": step,
        "tokens_seen": 0,
        "val_loss": 2.5,
        "files": serde_json::Map::from_iter(sums.map(|(name, sum)| (name.to_owned(), sum.into()))),
        "bundle": sha256(&bundle.join("bundle.json")),
    });
    std::fs::write(out.join("state.json"), state.to_string()).unwrap();
    let line = |step: u64| json!({"event": "step", "step": step, "loss": 2.5, "lr": 0.001, "grad_norm": 1.0, "tokens_per_s": 1.0, "skipped": false});
    let seen = |step: u64| {
        [
            line(step),
            json!({"event": "eval", "step": step, "train_loss": 2.5, "val_loss": 2.5, "best": true}),
            json!({"event": "sample", "step": step, "text": format!("One day {step} owls")}),
            json!({"event": "checkpoint", "step": step, "path": "out", "best": true}),
        ]
    };
    let begun = json!({"event": "notice", "text": "one process, 1 on cpu, 0 of 16 parameters sharded"});
    // It was stopped at a later step without a checkpoint.
    let log = std::iter::once(begun).chain((11..step).map(line)).chain(seen(step)).chain(seen(step + 2));
    let log: Vec<String> = log.map(|event| event.to_string()).collect();
    std::fs::write(bundle.join("out/metrics.jsonl"), log.join("\n") + "\n").unwrap();
    out
}

#[test]
fn a_bundle_holds_the_runs_state_and_expected_results() {
    let folder = bundle(&[]);
    let bundle = folder.path().join("bundle");
    let manifest = json_of(&bundle.join("bundle.json"));
    let files = manifest["files"].as_object().unwrap();
    for name in [
        "train.py",
        "verify",
        "launch",
        "run.json",
        "model/config.json",
        "model/model.safetensors",
        "data/train.bin",
    ] {
        assert_eq!(files[name].as_str().unwrap(), sha256(&bundle.join(name)), "{name}");
    }
    let run = json_of(&bundle.join("run.json"));
    assert_eq!((run["step"].as_u64(), run["steps"].as_u64()), (Some(10), Some(20)));
    assert_eq!((&run["optimizer"], &run["layer_class"]), (&json!("adamw"), &json!("GPT2Block")));
    // GPT-2's class has biases that this model lacks: they stay zero.
    let trainable: Vec<&str> =
        run["trainable"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(trainable.contains(&"transformer.h.0.attn.c_attn.weight"), "{trainable:?}");
    assert!(!trainable.iter().any(|name| name.ends_with(".bias")), "{trainable:?}");
    let tokens =
        run["data"]["train_tokens"].as_u64().unwrap() * run["data"]["element_bytes"].as_u64().unwrap();
    assert_eq!(std::fs::metadata(bundle.join("data/train.bin")).unwrap().len(), tokens);
    let expected = json_of(&bundle.join("expected.json"));
    assert_eq!((expected["steps"].as_array().unwrap().len(), &expected["steps"][0]["step"]), (3, &json!(11)));
    assert!(expected["steps"][2]["loss"].as_f64().unwrap() > 1.0);
    let windows = expected["windows"][0].as_array().unwrap();
    assert_eq!(
        windows.len() as u64,
        run["batch_size"].as_u64().unwrap() * run["accumulate"].as_u64().unwrap()
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(bundle.join("verify")).unwrap().permissions().mode() & 0o111, 0o111);
    }
    // An existing bundle is kept, and other contents even with `--force`.
    let again = ["bundle", "export", "--project", "first", "--to", "bundle"];
    assert!(error_of(folder.path(), &again).contains("already holds"));
    let foreign = |to: &str| {
        let error =
            error_of(folder.path(), &["bundle", "export", "--project", "first", "--to", to, "--force"]);
        assert!(error.contains("not from a bundle"), "{error}");
    };
    foreign("first");
    // Also if one of its files has the name of ours, or lies next to ours.
    let page = folder.path().join("page");
    std::fs::create_dir(&page).unwrap();
    std::fs::write(page.join("bundle.json"), "{\"name\": \"a page\"}").unwrap();
    foreign("page");
    assert!(page.join("bundle.json").exists());
    std::fs::write(bundle.join("notes.txt"), "mine").unwrap();
    foreign("bundle");
    std::fs::remove_file(bundle.join("notes.txt")).unwrap();
    // Files created by following the README do not matter.
    std::fs::create_dir_all(bundle.join("venv/bin")).unwrap();
    std::fs::write(bundle.join("venv/bin/python"), "").unwrap();
    // A run with ten steps left verifies no more than ten.
    succeed(folder.path(), &[&again[..], &["--force", "--device", "cpu"]].concat());
    assert_eq!(json_of(&bundle.join("run.json"))["verify_steps"], 10);
    assert_eq!(json_of(&bundle.join("expected.json"))["steps"].as_array().unwrap().len(), 10);
}

#[test]
fn an_imported_run_continues_with_its_weights_moments_and_curves() {
    for more in [&[][..], &["train.trainable=last:1"], &LLAMA] {
        let folder = bundle(&sets(more));
        let folder = folder.path();
        trained_there(folder, 15);
        let said = succeed(folder, &["bundle", "import", "bundle", "--project", "first"]);
        assert!(said.starts_with("2-nanogpt-cpu: step 15 of 20"), "{more:?}: {said}");
        let (first, imported) = (run_of(folder, "first", "1"), run_of(folder, "first", "2"));
        assert_eq!(weights(folder, "first", "1").0, weights(folder, "first", "2").0, "{more:?}");
        let record = imported.record().unwrap();
        assert_eq!((record.state, record.step, record.val_loss), (RunState::Stopped, 15, Some(2.5)));
        assert_eq!(record.restored_from.unwrap().run, "1-nanogpt-cpu");
        // Five steps there, each taking as many seconds as it has tokens.
        let there = 5.0 * imported.config().unwrap().tokens_per_step() as f64;
        assert_eq!(record.seconds, first.record().unwrap().seconds + there, "{more:?}");
        let events = lines_of(&imported.metrics_path());
        let steps: Vec<u64> =
            of(&events, "step").iter().map(|event| event["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, (1..=15).collect::<Vec<_>>());
        // The run takes over evaluations and samples up to its step, but not the other checkpoints.
        assert_eq!(of(&events, "eval").pop().unwrap()["val_loss"], 2.5, "{more:?}");
        assert_eq!(of(&events, "sample").pop().unwrap()["text"], "One day 15 owls", "{more:?}");
        assert!(of(&events, "checkpoint").iter().all(|event| event["step"] != 15), "{events:?}");
        let told = |event: &&Value| event["text"].as_str().unwrap().starts_with("one process");
        assert!(of(&events, "notice").iter().any(told), "{events:?}");
        // Moments are taken over: the next step equals that of the original run.
        let moments = |run: &glasshouse_engine::project::Run| {
            let config = run.config().unwrap();
            let parameters = glasshouse_engine::model::parameters(&config.model, &config.train).unwrap();
            let mut checkpoints = glasshouse_engine::checkpoint::Checkpoints::new(run.checkpoints_folder());
            let content = glasshouse_engine::checkpoint::Content::WeightsAndMoments;
            let loaded = block_on(checkpoints.load(
                &glasshouse_engine::protocol::CheckpointChoice::Latest,
                &parameters,
                content,
                &Yielder::none(),
            ));
            let state = loaded.unwrap().unwrap().state;
            (state.first_moments, state.second_moments)
        };
        assert!(moments(&first) == moments(&imported), "{more:?}");
        assert!(moments(&imported).0.iter().any(|moment| *moment != 0.0));
        let told = succeed(folder, &["train", "--project", "first", "--resume", "--json"]);
        assert!(told.contains("\"step\":20"), "{told}");
    }
}

#[test]
fn results_outside_the_bundle_are_imported_with_out() {
    let folder = bundle(&["--set", "train.optimizer=adam", "--set", "train.weight_decay=0.0"]);
    let folder = folder.path();
    // Adam is AdamW without weight decay.
    let run = json_of(&folder.join("bundle/run.json"));
    assert_eq!((&run["optimizer"], run["weight_decay"].as_f64()), (&json!("adam"), Some(0.0)));
    trained_there(folder, 15);
    std::fs::rename(folder.join("bundle/out"), folder.join("drive")).unwrap();
    let import = |more: &[&'static str]| [&["bundle", "import", "--project", "first"][..], more].concat();
    let error = refused_with_a_step(folder, &import(&["bundle"]));
    assert!(error.contains("no complete checkpoint") && error.contains("--out"), "{error}");
    let error = refused_with_a_step(folder, &import(&["drive"]));
    assert!(error.contains("no bundle.json"), "{error}");
    let said = succeed(folder, &import(&["bundle", "--out", "drive"]));
    assert!(said.starts_with("2-nanogpt-cpu: step 15 of 20"), "{said}");
    let log = std::fs::read_to_string(run_of(folder, "first", "2").metrics_path()).unwrap();
    assert!(log.contains("One day 15 owls"), "{log}");
}

/// A zip of a folder, under the given folder name.
fn zipped(folder: &Path, name: &str) -> Vec<u8> {
    fn add(zip: &mut ZipWriter<Cursor<Vec<u8>>>, folder: &Path, name: &str) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                add(zip, &path, &name);
            } else {
                zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
                zip.write_all(&std::fs::read(path).unwrap()).unwrap();
            }
        }
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut zip, folder, name);
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_bundle_is_imported_from_a_zip() {
    let folder = bundle(&[]);
    let folder = folder.path();
    let import = |zips: Vec<Vec<u8>>| {
        let command = Command::ImportBundle { from: None, out: None };
        play_with(folder, vec![(use_project(folder.join("first"), false), Vec::new()), (command, zips)])
    };
    let refused = |zip: Vec<u8>| import(vec![zip]).unwrap_err();
    assert!(import(Vec::new()).unwrap_err().contains("no bundle"));
    assert!(refused(b"no zip".to_vec()).contains("cannot be opened"));
    assert!(refused(zipped(&folder.join("first"), "first")).contains("no bundle"));
    // A bundle that was not trained.
    let error = refused(zipped(&folder.join("bundle"), "mine"));
    assert!(error.starts_with("bundle/mine/out: "), "{error}");
    trained_there(folder, 15);
    let heard = import(vec![zipped(&folder.join("bundle"), "anything")]).unwrap();
    let said =
        found!(heard.iter(), Event::RunAdded(answer::RunAdded { run, .. }) => (run.name.clone(), run.step))
            .next();
    assert_eq!(said, Some(("2-nanogpt-cpu".to_owned(), 15)));
    assert_eq!(weights(folder, "first", "1").0, weights(folder, "first", "2").0);
}

/// The error of a command, which must end with advice.
fn refused_with_a_step(folder: &Path, arguments: &[&str]) -> String {
    let error = error_of(folder, arguments);
    let step = error.rsplit([';', ':']).next().unwrap().trim();
    let steps = ["choose ", "copy ", "delete ", "export ", "give ", "open ", "restore ", "start ", "train "];
    assert!(steps.iter().any(|verb| step.starts_with(verb)), "{error}");
    error
}

/// Shape and bytes of tensors by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

/// Changes the tensors of a trained checkpoint, and its list of checksums accordingly.
fn retrained(out: &Path, file: &str, change: impl FnOnce(&mut Tensors)) {
    let path = out.join(file);
    let bytes = std::fs::read(&path).unwrap();
    let views = SafeTensors::deserialize(&bytes).unwrap();
    let mut all: Tensors = views
        .iter()
        .map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), view.data().to_vec())))
        .collect();
    change(&mut all);
    let views = all
        .iter()
        .map(|(name, (shape, bytes))| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let mut state = json_of(&out.join("state.json"));
    state["files"][file] = sha256(&path).into();
    std::fs::write(out.join("state.json"), state.to_string()).unwrap();
}

#[test]
fn a_checkpoint_of_another_model_or_with_nan_is_not_imported() {
    type Change = fn(&mut Tensors, &str);
    let folder = bundle(&[]);
    let folder = folder.path();
    let (weight, moment) =
        ("transformer.h.0.attn.c_attn.weight", "exp_avg.transformer.h.0.attn.c_attn.weight");
    let other: Change = |all, name| all.get_mut(name).unwrap().0.reverse();
    let less: Change = |all, name| drop(all.remove(name));
    let odd: Change = |all, name| all.get_mut(name).unwrap().1[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    for (file, name, change, said) in [
        ("model.safetensors", weight, other, "another model"),
        ("model.safetensors", weight, less, "is missing"),
        ("model.safetensors", weight, odd, "NaN"),
        ("optimizer.safetensors", moment, other, "another model"),
        ("optimizer.safetensors", moment, less, "is missing"),
        ("optimizer.safetensors", moment, odd, "NaN"),
    ] {
        let out = trained_there(folder, 15);
        retrained(&out, file, |all| change(all, name));
        let error = refused_with_a_step(folder, &["bundle", "import", "bundle", "--project", "first"]);
        assert!(error.contains(&format!("{name} ")) && error.contains(said), "{file}, {said}: {error}");
        assert_eq!(count_runs(folder, "first"), 1);
    }
    // Without the fault, the import succeeds.
    trained_there(folder, 15);
    succeed(folder, &["bundle", "import", "bundle", "--project", "first"]);
}

/// How `launch` starts Python on a machine with one GPU, with or without bfloat16: the process and its arguments.
#[cfg(unix)]
#[test]
fn on_one_gpu_launch_becomes_the_training_itself() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("python");
    let stub = "#!/bin/sh\n[ \"$1\" = -c ] && { echo \"$BF16\"; exit; }\necho $$ \"$@\"\n";
    std::fs::write(&python, stub).unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/cluster/src/files");
    let files = std::fs::canonicalize(files).unwrap();
    for (bf16, words) in [("True", "--bf16 --keep 2"), ("False", "--keep 2")] {
        let child = std::process::Command::new("bash")
            .arg(files.join("launch"))
            .args(["--keep", "2"])
            .envs([("GPUS", "1"), ("BF16", bf16)])
            .env("PYTHON", &python)
            .env_remove("CONFIG")
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // It is the same process, so signals reach train.py.
        let expected = format!("{} {}/train.py {words}\n", child.id(), files.display());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}

#[test]
fn a_changed_or_foreign_bundle_is_not_imported() {
    let folder = bundle(&[]);
    let folder = folder.path();
    let refused = || refused_with_a_step(folder, &["bundle", "import", "bundle", "--project", "first"]);
    assert!(refused().contains("no complete checkpoint"));
    let out = trained_there(folder, 15);
    // A file changed by hand.
    let file = out.join("model.safetensors");
    let whole = std::fs::read(&file).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &changed).unwrap();
    assert!(refused().contains("model.safetensors") && refused().contains("changed"));
    std::fs::write(&file, &whole).unwrap();
    // A bundle with changed settings, and one adapted to a machine.
    let settings = folder.join("bundle/run.json");
    let written = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{written} ")).unwrap();
    assert!(refused().contains("run.json") && refused().contains("changed"), "{}", refused());
    std::fs::write(&settings, &written).unwrap();
    std::fs::write(folder.join("bundle/slurm.sh"), "mine").unwrap();
    // A step beyond the run's end.
    let state = out.join("state.json");
    let text = std::fs::read_to_string(&state).unwrap();
    let beyond = folder.join("bundle/out/checkpoint-25");
    std::fs::rename(&out, &beyond).unwrap();
    std::fs::write(beyond.join("state.json"), text.replace("\"step\":15", "\"step\":25")).unwrap();
    assert!(refused().contains("step 25"), "{}", refused());
    std::fs::rename(&beyond, &out).unwrap();
    std::fs::write(&state, &text).unwrap();
    // A truncated log, and a missing one.
    let log = folder.join("bundle/out/metrics.jsonl");
    let lines = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, lines.lines().next().unwrap()).unwrap();
    assert!(refused().contains("step 15"), "{}", refused());
    std::fs::remove_file(&log).unwrap();
    assert!(refused().contains("metrics.jsonl"), "{}", refused());
    std::fs::write(&log, lines).unwrap();
    // The checkpoint of another bundle.
    std::fs::write(&state, text.replacen("\"bundle\":\"", "\"bundle\":\"0", 1)).unwrap();
    assert!(refused().contains("another bundle"), "{}", refused());
    std::fs::write(&state, &text).unwrap();
    // A project without such a run, or with one of another model.
    train(folder, &folder.join("second"), &["--stop-after", "1", "--set", "model.layers=2"]);
    let error = refused_with_a_step(folder, &["bundle", "import", "bundle", "--project", "second"]);
    assert!(error.contains("1-nanogpt-cpu"), "{error}");
    // A run whose settings have changed since.
    let toml = folder.join("first/runs/1-nanogpt-cpu/run.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, text.replacen("weight_decay = 0.1", "weight_decay = 0.2", 1)).unwrap();
    assert!(refused().contains("settings of 1-nanogpt-cpu"), "{}", refused());
    std::fs::write(&toml, text).unwrap();
    assert!(
        error_of(folder, &["bundle", "import", "first", "--project", "first"]).contains("no bundle.json")
    );
    // An optimizer with other moments, and a finished run.
    train(
        folder,
        &folder.join("third"),
        &["--stop-after", "1", "--set", "train.optimizer=sgd", "--set", "train.beta1=0.0"],
    );
    let export = |project: &str| {
        refused_with_a_step(folder, &["bundle", "export", "--project", project, "--to", "none"])
    };
    assert!(export("third").contains("moments"), "{}", export("third"));
    train(folder, &folder.join("fourth"), &["--steps", "2"]);
    assert!(export("fourth").contains("2 steps"), "{}", export("fourth"));
    assert!(!folder.join("none").exists());
    assert_eq!(count_runs(folder, "first"), 1);
}

/// Runs a file of a bundle with a program. Returns whether it succeeded, and its output. `launch` uses two processes on the CPU.
fn run_there(bundle: &Path, program: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = std::process::Command::new(program);
    command.current_dir(bundle).args(arguments).env("PYTHON", python()).env("OMP_NUM_THREADS", "1");
    command.env("HF_HUB_OFFLINE", "1").env("GPUS", "0").env("PROCESSES", "2");
    let output = command.output().unwrap();
    let told =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), told)
}

/// Replaces a file of a bundle, and its checksum in the bundle's list.
fn rewrite(bundle: &Path, name: &str, text: &str) {
    std::fs::write(bundle.join(name), text).unwrap();
    let mut manifest = json_of(&bundle.join("bundle.json"));
    manifest["files"][name] = sha256(&bundle.join(name)).into();
    std::fs::write(bundle.join("bundle.json"), manifest.to_string()).unwrap();
}

/// With one window per step, the second process has none.
#[test]
fn slow_a_run_of_one_window_a_step_passes_its_verification() {
    let one = ["train.batch_size=1", "train.accumulate=1", "train.optimizer=adam", "train.weight_decay=0.0"];
    let folder = bundle(&sets(&one));
    let bundle = folder.path().join("bundle");
    let (agrees, told) = run_there(&bundle, &python(), &["verify.py"]);
    assert!(agrees && told.contains("PASSED"), "{told}");
    // Both processes evaluate and sample, and an idle one is reported.
    let (done, told) = run_there(&bundle, Path::new("bash"), &["launch"]);
    assert!(
        done && told.contains("2 processes are more than a step's windows (1,")
            && told.contains("eval step 20"),
        "{told}"
    );
    let said = succeed(folder.path(), &["bundle", "import", "bundle", "--project", "first"]);
    assert!(said.starts_with("2-nanogpt-cpu: step 20 of 20"), "{said}");
}

#[test]
fn slow_what_disagrees_or_trains_alone_fails_its_verification_and_why_is_said() {
    let folder = bundle(&[]);
    let bundle = folder.path().join("bundle");
    let verify = || run_there(&bundle, &python(), &["verify.py"]);
    // A loss other than the one computed here.
    let whole = std::fs::read_to_string(bundle.join("expected.json")).unwrap();
    let mut expected: Value = serde_json::from_str(&whole).unwrap();
    expected["steps"][0]["loss"] = (1.001 * expected["steps"][0]["loss"].as_f64().unwrap()).into();
    rewrite(&bundle, "expected.json", &expected.to_string());
    let (agrees, told) = verify();
    assert!(!agrees && told.contains("DIFFERS") && told.contains("FAILED: "), "{told}");
    assert!(told.contains("loss of the first step"), "{told}");
    rewrite(&bundle, "expected.json", &whole);
    // Processes that do not communicate.
    let program = std::fs::read_to_string(bundle.join("train.py")).unwrap();
    let deaf = "for name in (\"RANK\", \"LOCAL_RANK\", \"WORLD_SIZE\", \"LOCAL_WORLD_SIZE\", \"MASTER_ADDR\", \"MASTER_PORT\"):\n    \
                os.environ.pop(name, None)\n\nimport numpy as np";
    let alone = program.replacen("import numpy as np", deaf, 1);
    assert!(alone != program);
    rewrite(&bundle, "train.py", &alone);
    let (agrees, told) = verify();
    assert!(!agrees && told.contains("2 processes were started") && told.contains("FAILED: "), "{told}");
}

/// Losses and gradient norms of a training's steps, and its final weights.
fn trained_in(out: &Path) -> (Vec<[f64; 2]>, BTreeMap<String, Vec<f32>>) {
    let events = lines_of(&out.join("metrics.jsonl"));
    let steps = of(&events, "step").into_iter();
    let steps = steps.map(|step| ["loss", "grad_norm"].map(|name| step[name].as_f64().unwrap())).collect();
    let bytes = std::fs::read(out.join("checkpoint-20/model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let entries = |view: &TensorView<'_>| {
        view.data().as_chunks::<4>().0.iter().map(|entry| f32::from_le_bytes(*entry)).collect()
    };
    (steps, tensors.iter().map(|(name, view)| (name.to_owned(), entries(&view))).collect())
}

/// The bundle's DeepSpeed configuration on CPUs: one process, or two with a shard of every parameter each, have the losses,
/// gradient norms and weights of the plain launch, and their result can be imported.
#[test]
fn slow_deepspeed_trains_a_bundle_as_a_plain_process_does() {
    // One process computes four of eight windows at once, so a step has two backward passes.
    let folder = bundle(&["--set", "train.accumulate=2"]);
    let bundle = folder.path().join("bundle");
    let out = |name: &str| folder.path().join(name).display().to_string();
    let (done, told) = run_there(&bundle, &python(), &["train.py", "--no-dropout", "--out", &out("plain")]);
    assert!(done, "{told}");
    let (plain_steps, plain_weights) = trained_in(&folder.path().join("plain"));
    assert_eq!(plain_steps.len(), 10);
    // Set for these processes only, because Accelerate imports DeepSpeed wherever it finds it.
    let found = format!("PYTHONPATH={}", installed("deepspeed").display());
    let interpreter = python().display().to_string();
    let script = crate::support::repository().join("tests/python/deepspeed_on_cpus.py").display().to_string();
    for processes in [1, 2] {
        let (count, to) = (processes.to_string(), out(&format!("deepspeed-{processes}")));
        let arguments = [
            &[found.as_str(), "DS_ACCELERATOR=cpu", "CUDA_VISIBLE_DEVICES=", &interpreter][..],
            &["-m", "accelerate.commands.launch"],
            &["--config_file", "configs/eight-gpus-deepspeed-zero3.yaml", "--num_processes", &count],
            &["--mixed_precision", "no", "--main_process_port", "0"],
            &[script.as_str(), "train.py", "--no-bf16", "--no-dropout", "--out", &to],
        ];
        let (done, told) = run_there(&bundle, Path::new("env"), &arguments.concat());
        assert!(done, "{processes}: {told}");
        let about = json_of(&Path::new(&to).join("processes.json"));
        assert_eq!((&about["kind"], &about["processes"]), (&json!("DeepSpeed"), &json!(processes)), "{told}");
        assert_eq!(about["sharded"], about["parameters"], "{about}");
        let (parameters, entries) =
            (about["parameters"].as_u64().unwrap(), about["entries"].as_u64().unwrap());
        // Shards are padded to equal length.
        let most = entries / processes + parameters;
        let held: Vec<u64> =
            about["held"].as_array().unwrap().iter().map(|held| held.as_u64().unwrap()).collect();
        assert!(held.len() as u64 == processes && held.iter().all(|held| *held <= most), "{about}");

        let (steps, weights) = trained_in(Path::new(&to));
        assert_eq!(steps.len(), plain_steps.len(), "{processes}: {told}");
        for (step, (ours, plain)) in (11..).zip(steps.iter().zip(&plain_steps)) {
            for (ours, plain, most) in [(ours[0], plain[0], 1e-5), (ours[1], plain[1], 1e-4)] {
                let near = (ours - plain).abs() <= most * plain.abs();
                assert!(near, "{processes}, step {step}: {ours} and {plain}");
            }
        }
        assert!(weights.keys().eq(plain_weights.keys()), "{processes}: {:?}", weights.keys());
        for (name, plain) in &plain_weights {
            let norm = |of: &dyn Fn(usize) -> f32| {
                (0..plain.len()).map(|at| f64::from(of(at)).powi(2)).sum::<f64>().sqrt()
            };
            let (apart, whole) = (norm(&|at| weights[name][at] - plain[at]), norm(&|at| plain[at]));
            assert!(apart <= 1e-4 * whole, "{processes}, {name}: {apart} of {whole}");
        }
    }
    let to = out("deepspeed-2");
    let said = succeed(folder.path(), &["bundle", "import", "bundle", "--project", "first", "--out", &to]);
    assert!(said.starts_with("2-nanogpt-cpu: step 20 of 20"), "{said}");
}

/// Twenty steps here, twenty there and twenty here again equal sixty here, for a GPT-2 and a Llama; `verify` agrees on the way.
/// The training there uses one process, or two that share the model and write checkpoints in two files.
#[test]
fn slow_a_run_is_exported_trained_by_pytorch_and_imported() {
    let llama = [&LLAMA[..], &["model.kv_heads=1", "model.tied_head=false"]].concat();
    let (one, two) = (["train.py", "--stop-after", "40"], ["launch", "--stop-after", "40", "--shards", "2"]);
    for (own, program, trained) in [(&[][..], python(), &one[..]), (&llama[..], "bash".into(), &two[..])] {
        let folder = stories(60);
        let folder = folder.path();
        let parts = ["embedding", "attention", "residual"].map(|part| format!("model.dropout.{part}=0.0"));
        let calm = parts.each_ref().map(String::as_str);
        let more = [&sets(own)[..], &sets(&calm)[..], &["--steps", "60"]].concat();
        train(folder, &folder.join("straight"), &more);
        train(folder, &folder.join("first"), &[&more[..], &["--stop-after", "20"]].concat());
        succeed(folder, &["bundle", "export", "--project", "first", "--to", "bundle", "--device", "cpu"]);
        let bundle = folder.join("bundle");
        let (agrees, told) = run_there(&bundle, &python(), &["verify.py"]);
        assert!(agrees, "{own:?}: {told}");
        let (done, told) = run_there(&bundle, &program, trained);
        assert!(done, "{own:?}: {told}");
        let in_two = bundle.join("out/checkpoint-40/model-00002-of-00002.safetensors").exists();
        assert_eq!(in_two, trained[0] == "launch", "{told}");
        succeed(folder, &["bundle", "import", "bundle", "--project", "first"]);
        succeed(folder, &["train", "--project", "first", "--resume"]);
        let losses = |project: &str| {
            let run = Project::open(&folder.join(project)).unwrap().latest_run().unwrap();
            numbers(&lines_of(&run.metrics_path()), "step", "loss")
        };
        let (here, round) = (losses("straight"), losses("first"));
        assert_eq!((here.len(), round.len()), (60, 60), "{own:?}");
        for (step, (here, round)) in here.iter().zip(&round).enumerate() {
            assert!(
                (here - round).abs() <= 1e-3 * here.abs(),
                "{own:?}, step {}: {here} and {round}",
                step + 1
            );
        }
        // A file changed by hand is named.
        std::fs::write(folder.join("bundle/run.json"), "{}").unwrap();
        let (agrees, told) = run_there(&bundle, &python(), &["verify.py"]);
        assert!(!agrees && told.contains("run.json"), "{told}");
    }
}
