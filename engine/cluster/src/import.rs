//! Imports what was trained with a bundle as a run.

use super::tensors::Places;
use super::{MANIFEST, MAX_JSON_BYTES, Manifest, check_files, is_bundle, sha256};
use glasshouse_compiler::model::parameters;
use glasshouse_formats::huggingface::Family;
use glasshouse_platform::{Error, Result, Yielder, files, storage};
use glasshouse_project::checkpoint::{CheckpointInfo, Checkpoints, settings_of};
use glasshouse_project::metrics::{self, MetricsWriter};
use glasshouse_project::{Project, RunRecord, StagedRun};
use glasshouse_protocol::{Hint, RunState, Start, TrainEvent};
use glasshouse_text::data::prepare;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const STATE: &str = "state.json";
const STATE_FORMAT: &str = "glasshouse-bundle-checkpoint";
const MAX_LOG_BYTES: u64 = 1 << 30;

/// `state.json` of a checkpoint written with the bundle.
#[derive(Debug, Deserialize)]
pub(super) struct CheckpointState {
    format: String,
    version: u32,
    pub(super) step: u64,
    val_loss: Option<f32>,
    files: BTreeMap<String, String>,
    /// SHA-256 of the bundle's `bundle.json`.
    bundle: String,
}

/// Creates a run from the latest checkpoint in `out` (by default the bundle's folder of that name), with the metrics of both, to
/// continue as if it had never left. If the future is dropped, the project is unchanged.
///
/// # Errors
/// The bundle belongs to another project or model, or there is no complete, unmodified checkpoint; no run is created then.
pub async fn import_bundle(
    project: &Project,
    bundle: &Path,
    out: Option<&Path>,
    yielder: &Yielder,
) -> Result<StagedRun> {
    if !is_bundle(bundle) && newest(bundle).is_some() {
        let reason = format!(
            "it has checkpoints but no {MANIFEST}: give the bundle used for training, with this folder as the output folder of train.py, \
             or move this folder into the bundle as `out`"
        );
        return Err(Error::bad_file(bundle, reason).hint(Hint::TrainerOutput));
    }
    let manifest = Manifest::read(bundle)?;
    let out = out.map_or_else(|| bundle.join("out"), Path::to_owned);
    let run = project.recorded_run(&manifest.run)?;
    let config = run.config()?;
    let data = run.data_folder()?;
    let record = run.record()?;
    let bad_bundle = |reason: String| Error::bad_file(bundle, reason);
    let own = (settings_of(&config.model), config.seed, prepare::index(&data)?.train.tokens, record.created);
    if own != (manifest.model, manifest.seed, manifest.train_tokens, manifest.created) {
        let reason = format!(
            "it was exported from another run than {} of this project: open the project that exported it",
            run.name()
        );
        return Err(bad_bundle(reason).hint(Hint::Project));
    }
    if run.config_crc32c()? != manifest.config_crc32c {
        let reason = format!(
            "the settings of {} were changed since it was written: restore them, or export the bundle again",
            run.name()
        );
        return Err(bad_bundle(reason));
    }
    check_files(bundle, &manifest.files, yielder).await?;
    let (folder, state) = latest(&out)?;
    let bad = |reason: String| Error::bad_file(&folder, reason);
    if state.bundle != sha256(&bundle.join(MANIFEST), yielder).await? {
        return Err(bad("it belongs to another bundle: give the bundle used for training".to_owned()));
    }
    if state.step <= manifest.step || state.step > config.train.steps {
        let (from, to) = (manifest.step, config.train.steps);
        return Err(bad(format!(
            "step {} is not between {from} and {to}, the range in which this run continues: export the bundle again and train with the new \
             one",
            state.step
        )));
    }
    check_files(&folder, &state.files, yielder).await?;
    let family = Family::for_model(&config.model, record.family.as_deref())?;
    let trained = parameters(&config.model, &config.train)?;
    let arena = Places::new(family, &config.model, &trained)?.read(&folder, yielder).await?;
    let events = log(&out.join("metrics.jsonl"), manifest.step, state.step)?;
    let tokens_per_step = config.tokens_per_step() as f64;
    let seconds_there: f64 = events
        .iter()
        .filter_map(|event| match event {
            TrainEvent::Step { tokens_per_s, .. } => Some(tokens_per_step / tokens_per_s),
            _ => None,
        })
        .filter(|seconds| seconds.is_finite())
        .sum();
    let mut past =
        if files::is_file(&run.metrics_path()) { metrics::read(&run.metrics_path())? } else { Vec::new() };
    past.retain(|event| event.step().is_none_or(|step| step <= manifest.step));
    past.extend(events);
    let losses: Vec<f32> = past
        .iter()
        .filter_map(|event| match event {
            TrainEvent::Eval { val_loss, .. } => Some(*val_loss),
            _ => None,
        })
        .collect();
    let val_loss = state.val_loss.or(losses.last().copied());
    let best = losses.into_iter().chain(state.val_loss).reduce(f32::min);
    let is_done = state.step == config.train.steps;
    let staged = project.stage_run(&config, &data)?;
    let new = staged.run();
    let info = CheckpointInfo {
        val_loss: state.val_loss,
        best_val_loss: best,
        ..CheckpointInfo::new(&config, new.config_crc32c()?, state.step)
    };
    let is_best = state.val_loss.is_some() && state.val_loss == best;
    let mut checkpoints = Checkpoints::new(new.checkpoints_folder());
    checkpoints.save(&info, &trained, &arena, is_best, yielder).await?;
    let mut metrics = MetricsWriter::create(&new.metrics_path())?;
    for event in &past {
        metrics.write(event)?;
        yielder.maybe_yield().await;
    }
    metrics.sync()?;
    new.set_notes(&format!("steps {} to {} were trained with a bundle", manifest.step + 1, state.step))?;
    new.save_record(&RunRecord {
        state: if is_done { RunState::Finished } else { RunState::Stopped },
        step: state.step,
        evaluate_whole_split: record.evaluate_whole_split,
        parameters: record.parameters,
        val_loss,
        best_val_loss: best,
        seconds: record.seconds + seconds_there,
        family: record.family.clone(),
        plain_pairs: record.plain_pairs,
        restored_from: Some(Start {
            run: run.name(),
            checkpoint: manifest.checkpoint.as_str().into(),
            project: None,
        }),
        ..new.record()?
    })?;
    Ok(staged)
}

/// The latest complete checkpoint in a folder: its step and its folder.
pub(super) fn newest(out: &Path) -> Option<(u64, PathBuf)> {
    let entries = files::read_dir(out).into_iter().flatten().flatten().map(|entry| entry.path());
    let checkpoints = entries.filter_map(|path| {
        let step: u64 = path.file_name()?.to_str()?.strip_prefix("checkpoint-")?.parse().ok()?;
        // The state file is written last; without it, the checkpoint is incomplete.
        files::is_file(&path.join(STATE)).then_some((step, path))
    });
    checkpoints.max_by_key(|(step, _)| *step)
}

pub(super) fn latest(out: &Path) -> Result<(PathBuf, CheckpointState)> {
    let Some((step, folder)) = newest(out) else {
        let reason = "it has no complete checkpoint: train with the bundle first (`launch`, see its README.md), or give the output \
                      folder of train.py";
        return Err(Error::bad_file(out, reason).hint(Hint::TrainerOutput));
    };
    let path = folder.join(STATE);
    let state: CheckpointState = storage::read_json(&path, MAX_JSON_BYTES)?;
    if state.format != STATE_FORMAT || state.version != 1 || state.step != step {
        return Err(Error::bad_file(
            path,
            format!(
                "not the state of step {step} of a bundle: delete this folder to import the checkpoint before it"
            ),
        ));
    }
    Ok((folder, state))
}

/// The log's events after one step and up to another, except checkpoints, which are not imported.
pub(super) fn log(path: &Path, after: u64, upto: u64) -> Result<Vec<TrainEvent>> {
    if !files::is_file(path) {
        return Err(Error::bad_file(path, "missing: copy its whole folder again"));
    }
    if files::metadata(path).map_err(Error::io(path))?.len() > MAX_LOG_BYTES {
        return Err(Error::bad_file(path, "too long for a log: copy it again from where it was written"));
    }
    let mut events = metrics::read(path)?;
    events.retain(|event| match event {
        TrainEvent::Checkpoint { .. } | TrainEvent::Done { .. } => false,
        event => event.step().is_none_or(|step| step > after && step <= upto),
    });
    let last = |event: &TrainEvent| matches!(event, TrainEvent::Step { step, .. } if *step == upto);
    match events.iter().any(last) {
        true => Ok(events),
        false => Err(Error::bad_file(
            path,
            format!(
                "it does not contain step {upto}: it is truncated, or belongs to another run; copy its whole folder again"
            ),
        )),
    }
}
