//! Exports a run as a bundle, atomically.

use super::scripts::{PROGRAMS, SCRIPTS};
use super::tensors::Places;
use super::{FORMAT, MANIFEST, Manifest, VERSION, sha256};
use glasshouse_compiler::model::{parameters, training_graphs};
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::step::ArenaState;
use glasshouse_executors::executor::Executor;
use glasshouse_formats::huggingface::{Family, export_trained};
use glasshouse_platform::files::{self, File};
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, Yielder, block_on};
use glasshouse_project::checkpoint::{Checkpoints, Content, Loaded, settings_of};
use glasshouse_project::{Run, Trained};
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{
    CheckpointChoice, Hint, ModelConfig, OptimizerKind, Precision, RunConfig, TrainConfig,
};
use glasshouse_text::data::{Prepared, Split, prepare};
use glasshouse_training::step_input;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tokens copied at a time.
const COPIED: usize = 1 << 18;

#[derive(Clone, Copy, Debug)]
pub struct BundleExport<'run> {
    /// The run, which continues from its latest checkpoint.
    pub run: &'run Run,
    /// Device for the verification steps.
    pub device: &'run str,
    /// Threads of the CPU executor.
    pub threads: Option<usize>,
    /// Number of verification steps.
    pub steps: u64,
}

/// The parts of a run needed for a bundle.
struct Exported {
    config: RunConfig,
    prepared: Prepared,
    loaded: Loaded,
    family: &'static Family,
    places: Places,
}

/// Writes a bundle and returns its files. An existing bundle is replaced only if `replace` is set; a folder with other files is
/// refused. `progress` gets the number of completed verification steps.
pub async fn export_bundle(
    request: &BundleExport<'_>,
    to: &Path,
    replace: bool,
    yielder: &Yielder,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<PathBuf>> {
    check_place(to, replace)?;
    let exported = look(request.run)?;
    let Exported { config, prepared, loaded, family, places } = &exported;
    // A nearly complete run has fewer steps left.
    let steps = request.steps.min(config.train.steps - loaded.info.step);
    let request = &BundleExport { steps, ..*request };
    let staging = Staging::beside(to)?;
    let folder = staging.path();
    let trained = Trained {
        run: request.run.clone(),
        config: config.clone(),
        tokenizer: prepared.tokenizer.clone(),
        parameters: places.whole(loaded.state.parameters.to_vec(), yielder).await,
        kept: None,
        info: loaded.info.clone(),
        notices: Vec::new(),
    };
    export_trained(&trained, None, &folder.join("model"), true, yielder).await?;
    drop(trained);
    places.write_moments(&loaded.state, &folder.join("optimizer.safetensors"), yielder).await?;
    write_tokens(prepared, &folder.join("data"), yielder).await?;
    let (expected, after) = steps_here(&exported, request, yielder, progress).await?;
    storage::write_json(&folder.join("expected.json"), &expected)?;
    let after = places.whole(Arc::unwrap_or_clone(after.parameters), yielder).await;
    places.write_weights(&after, &folder.join("expected.safetensors"), yielder).await?;
    storage::write_json(&folder.join("run.json"), &settings(&exported, family, steps)?)?;
    storage::create_folder(&folder.join("configs"))?;
    for (name, text) in SCRIPTS {
        let path = folder.join(name);
        storage::write_atomically(&path, text.as_bytes())?;
        if PROGRAMS.contains(name) {
            glasshouse_platform::make_executable(&path)?;
        }
    }
    let mut names = Vec::new();
    list(folder, "", &mut names)?;
    let mut sums = BTreeMap::new();
    for name in names.into_iter().filter(|name| !is_edited(name)) {
        sums.insert(name.clone(), sha256(&folder.join(&name), yielder).await?);
    }
    let checkpoint = loaded.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        run: request.run.name(),
        checkpoint,
        project: request.run.project_name(),
        created: request.run.record()?.created,
        config_crc32c: request.run.config_crc32c()?,
        step: loaded.info.step,
        model: settings_of(&config.model),
        seed: config.seed,
        train_tokens: prepared.store.len(Split::Train),
        files: sums,
    };
    storage::write_json(&folder.join(MANIFEST), &manifest)?;
    staging.put(to)?;
    Ok(std::iter::once(MANIFEST)
        .chain(manifest.files.keys().map(String::as_str))
        .map(|name| to.join(name))
        .collect())
}

/// Files that users adapt to their machines; the manifest has no checksums of them.
fn is_edited(name: &str) -> bool {
    let fitted = ["slurm.sh", "Dockerfile", ".dockerignore", "notebook.ipynb", "README.md"];
    name.starts_with("configs/") || fitted.contains(&name)
}

/// Loads a run's data, and fails if a bundle cannot continue it.
fn look(run: &Run) -> Result<Exported> {
    run.check_has_text()?;
    let config = run.config()?;
    let refused = |reason: String| Error::bad_file(run.folder(), reason);
    // Adam is AdamW without weight decay, here and in PyTorch.
    if !matches!(config.train.optimizer, OptimizerKind::Adamw | OptimizerKind::Adam) {
        return Err(refused(format!(
            "train.optimizer is {}, but a bundle continues with AdamW: its moments would be lost; start a run from its weights with \
             optimizer adamw",
            json!(config.train.optimizer).as_str().unwrap_or_default()
        ))
        .hint(Hint::NewRun));
    }
    if !config.train.objective.is_text() {
        return Err(refused(format!(
            "its objective is {}, but a bundle supports only text; export a run with the objective text",
            config.train.objective
        )));
    }
    if config.train.unlikelihood > 0.0 {
        let reason = "train.unlikelihood is on, but a bundle's loss is only the cross-entropy: its numbers would differ; start a run \
                      from its weights with unlikelihood 0";
        return Err(refused(reason.to_owned()).hint(Hint::NewRun));
    }
    if config.model.base_width.is_some() {
        let reason = "model.base_width is set (muP), but a bundle's optimizer has one learning rate for all matrices; export a run of the \
                      standard parametrisation";
        return Err(refused(reason.to_owned()).hint(Hint::NewRun));
    }
    if config.train.keep_zeros == Some(true) {
        let reason = "it is pruned and keeps its zeros, but a bundle's optimizer updates all weights; start a run from its weights with \
                      train.keep_zeros = false";
        return Err(refused(reason.to_owned()).hint(Hint::NewRun));
    }
    if config.train.ema > 0.0 {
        let reason = "train.ema is on, but a bundle keeps no average of the weights; start a run from its weights with train.ema = 0";
        return Err(refused(reason.to_owned()).hint(Hint::NewRun));
    }
    if let Some(adapter) = &config.train.adapter {
        return Err(refused(format!(
            "it trains an adapter ({adapter}), but a bundle trains the parameters of a transformers class; merge it into the weights \
             (`glasshouse merge`) and start a run from those, or export the adapter separately"
        ))
        .hint(Hint::ExportAdapter));
    }
    if !config.data.synthetic.is_none() {
        let reason = "it learns generated rows (data.synthetic), but a bundle's batches are windows of a text; start a run from its \
                      weights on a text";
        return Err(refused(reason.to_owned()).hint(Hint::NewRun));
    }
    if config.train.document_mask {
        let reason = "train.document_mask is on, but a bundle's attention sees whole windows: its numbers would differ; start a run \
                      from its weights with document_mask false";
        return Err(refused(reason.to_owned()).hint(Hint::NewRun));
    }
    let family = Family::for_model(&config.model, run.record()?.family.as_deref())?;
    let trained = parameters(&config.model, &config.train)?;
    let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
    let (latest, content) = (CheckpointChoice::Latest, Content::WeightsAndMoments);
    let loaded = block_on(checkpoints.load(&latest, &trained, content, &Yielder::none()))?;
    let untrained =
        "this run has no checkpoint yet; train it for a step first, on the CPU if it fits no GPU here";
    let untrained = || refused(untrained.to_owned()).hint(Hint::OneStep).hint(Hint::Cpu);
    let loaded = loaded.ok_or_else(untrained)?;
    run.check_model(&loaded.info, &config)?;
    if loaded.info.guard.as_ref().is_some_and(|guard| !guard.interventions.is_empty()) {
        let reason = "the guard rolled this run back or lowered its learning rate, but a bundle takes batches and rates only from the \
                      settings; start a run from its weights";
        return Err(refused(reason.to_owned()).hint(Hint::NewRun));
    }
    let (step, steps) = (loaded.info.step, config.train.steps);
    if step >= steps {
        return Err(refused(format!(
            "all its {steps} steps are done; start a run from its weights, or give it more steps while it trains"
        ))
        .hint(Hint::NewRun));
    }
    let prepared = prepare::open(&run.data_folder()?)?;
    let places = Places::new(family, &config.model, &trained)?;
    Ok(Exported { config, prepared, loaded, family, places })
}

/// Runs the next steps here, without dropout (which no two programs draw alike); returns the results and the state after them.
async fn steps_here(
    exported: &Exported,
    request: &BundleExport<'_>,
    yielder: &Yielder,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Value, ArenaState)> {
    let Exported { config, prepared, loaded, .. } = exported;
    let model = ModelConfig { dropout: Dropout::everywhere(0.0), ..config.model.clone() };
    let train = TrainConfig { precision: Precision::F32, ..config.train.clone() };
    let graphs = training_graphs(&model, &train)?;
    let (mut executor, _) =
        Executor::open(request.device, &graphs, Optimizer::new(&train), request.threads).await?;
    executor.set_state(&ArenaState { loss_scale: None, ..loaded.state.clone() }).await?;
    let batches = prepared.batches(config)?;
    let windows_drawn = batches.as_windows()?;
    let (mut steps, mut windows) = (Vec::new(), Vec::new());
    for step in loaded.info.step..loaded.info.step + request.steps {
        let reports = executor.train(&[step_input(config, &batches, step)?]).await?;
        let report = reports.first().ok_or_else(|| Error::Internal("a step without a report".to_owned()))?;
        steps.push(json!({ "step": step + 1, "loss": report.loss, "gradient_norm": report.gradient_norm }));
        let micro_batches = 0..train.accumulate as u64;
        windows.push(micro_batches.flat_map(|micro| windows_drawn.starts(step, micro)).collect::<Vec<u64>>());
        progress(step + 1 - loaded.info.step, request.steps);
        yielder.maybe_yield().await;
    }
    let device = executor.describe().to_string();
    Ok((json!({ "device": device, "steps": steps, "windows": windows }), executor.state().await?))
}

/// Writes both splits as little-endian integers, as wide as in the store.
async fn write_tokens(prepared: &Prepared, folder: &Path, yielder: &Yielder) -> Result<()> {
    storage::create_folder(folder)?;
    let wide = element_bytes(prepared) == 4;
    for (split, name) in [(Split::Train, "train.bin"), (Split::Validation, "validation.bin")] {
        let path = folder.join(name);
        let mut file = BufWriter::new(File::create(&path).map_err(Error::io(&path))?);
        let length = prepared.store.len(split);
        for start in (0..length).step_by(COPIED) {
            let count = COPIED.min((length - start) as usize);
            let tokens = prepared.store.read(split, start, count)?;
            let bytes: Vec<u8> = match wide {
                true => tokens.iter().flat_map(|token| token.to_le_bytes()).collect(),
                false => tokens.iter().flat_map(|token| (*token as u16).to_le_bytes()).collect(),
            };
            file.write_all(&bytes).map_err(Error::io(&path))?;
            yielder.maybe_yield().await;
        }
        let file = file.into_inner().map_err(|error| Error::io(&path)(error.into_error()))?;
        file.sync_all().map_err(Error::io(&path))?;
    }
    Ok(())
}

/// Bytes per token.
fn element_bytes(prepared: &Prepared) -> u32 {
    if prepared.tokenizer.vocabulary_size() <= 1 << 16 { 2 } else { 4 }
}

/// `run.json`.
fn settings(exported: &Exported, family: &Family, steps: u64) -> Result<Value> {
    let Exported { config, prepared, loaded, places, .. } = exported;
    let batches = prepared.batches(config)?;
    let train = serde_json::to_value(&config.train).map_err(|error| Error::Internal(error.to_string()))?;
    let Value::Object(mut run) = train else {
        return Err(Error::Internal("settings are not a table".to_owned()));
    };
    let more = json!({
        "step": loaded.info.step,
        "tokens_seen": loaded.info.tokens_seen,
        "seed": config.seed,
        "context_length": config.model.context_length,
        "dropout": config.model.dropout,
        "trainable": places.trainable(),
        "layer_class": family.layer_class,
        "data": {
            "train_tokens": prepared.store.len(Split::Train),
            "validation_tokens": prepared.store.len(Split::Validation),
            "element_bytes": element_bytes(prepared),
            "mixture": batches.as_windows()?.mixture(),
        },
        "verify_steps": steps,
    });
    if let Value::Object(more) = more {
        run.extend(more);
    }
    Ok(Value::Object(run))
}

/// Lists the files below a folder, by path with `/` as separator.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<()> {
    for entry in files::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if files::is_dir(&path) {
            list(&path, &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

/// Checks that the folder is new, empty, or a bundle that may be replaced.
fn check_place(to: &Path, replace: bool) -> Result<()> {
    if !files::exists(to) || files::read_dir(to).is_ok_and(|mut entries| entries.next().is_none()) {
        return Ok(());
    }
    let foreign = || {
        let reason = "holds files that are not from a bundle; choose an empty or new folder";
        Err(Error::bad_file(to, reason).hint(Hint::Destination))
    };
    let Ok(manifest) = Manifest::read(to) else { return foreign() };
    let mut names = Vec::new();
    list(to, "", &mut names)?;
    let ours = |name: &String| {
        let first = name.split('/').next().unwrap_or_default();
        let made_there = matches!(first, MANIFEST | "out" | "configs" | "__pycache__" | "venv");
        made_there || manifest.files.contains_key(name) || SCRIPTS.iter().any(|(script, _)| script == name)
    };
    match (names.iter().all(ours), replace) {
        (false, _) => foreign(),
        (true, false) => {
            let reason =
                "already holds a bundle; choose another place, or replace it and what was trained in it";
            Err(Error::bad_file(to, reason).hint(Hint::Replace))
        }
        (true, true) => Ok(()),
    }
}
