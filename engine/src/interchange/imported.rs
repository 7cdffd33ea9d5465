//! An imported model in a project: a run without steps, whose first checkpoint is the model.

use super::Found;
use crate::checkpoint::{ARENA_VERSION, CheckpointInfo, Checkpoints, settings_of};
use crate::data::prepare;
use crate::error::{Error, Result};
use crate::platform::{Turns, at_once, files};
use crate::project::{Project, Run, RunRecord, parameters_of};
use crate::protocol::presets;
use crate::protocol::{Decay, RunConfig, RunState, TokenizerConfig, TokenizerKind, TrainConfig};
use crate::step::ArenaState;
use std::path::Path;
use web_time::UNIX_EPOCH;

/// Reads the weights of what was found and keeps them in the project.
///
/// # Errors
/// As [`Found::weights`], or the disk fails; there is no run then.
pub fn import(project: &Project, found: &Found, name: &str) -> Result<Run> {
    at_once(import_in_turns(project, found, name, &Turns::none(), &mut |_| ()))
}

/// The same, while others have their turns; `progress` hears how many of [`Found::bytes`] were read. Whoever drops it leaves the project
/// as it was.
pub(crate) async fn import_in_turns(
    project: &Project,
    found: &Found,
    name: &str,
    turns: &Turns,
    progress: &mut dyn FnMut(u64),
) -> Result<Run> {
    let config = settings(found, name)?;
    config.validate()?;
    let weights = found.weights_in_turns(turns, progress).await?;
    let (data, new) = prepare::keep_tokenizer(project.folder(), &found.tokenizer)?;
    let parameters = parameters_of(&config)?;
    let count = found.parameter_count() as u64;
    let run = project.create_run_with(&config, &data, |run| {
        let info = CheckpointInfo {
            arena_version: ARENA_VERSION,
            step: 0,
            seed: config.seed,
            tokens_seen: 0,
            config_crc32c: run.config_crc32c()?,
            val_loss: None,
            best_val_loss: None,
            model: settings_of(&config.model),
            guard: None,
        };
        let state = ArenaState { parameters: weights, ..ArenaState::default() };
        Checkpoints::new(run.checkpoints_folder()).save(&info, &parameters, &state, true)?;
        let family = Some(found.family.model_type.to_owned());
        let record = run.record()?;
        run.save_record(&RunRecord { state: RunState::Imported, parameters: count, family, ..record })
    });
    run.inspect_err(|_| {
        if new {
            // Nothing else knows of it.
            files::remove_dir_all(&data).ok();
        }
    })
}

/// What tells a folder's or a file's content from another's without reading it: its path, how many bytes it has, and when it was written
/// last. `None` where that cannot be found out.
pub fn source_of(path: &Path) -> Option<String> {
    let paths = match files::is_dir(path) {
        true => {
            files::read_dir(path).ok()?.map(|entry| Some(entry.ok()?.path())).collect::<Option<Vec<_>>>()?
        }
        false => vec![path.to_owned()],
    };
    let (mut bytes, mut written) = (0, 0);
    for path in paths.iter().filter(|path| files::is_file(path)) {
        let metadata = files::metadata(path).ok()?;
        let time = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        bytes += metadata.len();
        written = written.max(time.as_millis());
    }
    let path = std::path::absolute(path).ok()?;
    Some(format!("{}, {bytes} bytes, written at {written}", path.display()))
}

/// The settings of a run that goes on from it: its model and tokenizer, and the defaults of transformers' `TrainingArguments` for
/// fine-tuning. A window at a time: logits of large vocabularies leave room for few.
fn settings(found: &Found, name: &str) -> Result<RunConfig> {
    let defaults = presets::preset("nanogpt-cpu").map_err(Error::Internal)?;
    Ok(RunConfig {
        preset: name.to_owned(),
        model: found.model.clone(),
        tokenizer: TokenizerConfig {
            kind: TokenizerKind::Imported,
            vocabulary: found.tokenizer.tokenizer.vocabulary_size(),
            special_tokens: Vec::new(),
            ..defaults.tokenizer.clone()
        },
        train: TrainConfig {
            steps: 200,
            batch_size: 1,
            accumulate: 8,
            learning_rate: 5e-5,
            min_learning_rate: 0.0,
            warmup_steps: 0,
            decay: Decay::Linear,
            beta2: 0.999,
            weight_decay: 0.0,
            eval_interval: 50,
            eval_batches: 10,
            checkpoint_interval: 100,
            sample_interval: 50,
            sample_prompt: String::new(),
            ..defaults.train.clone()
        },
        ..defaults
    })
}
