//! New runs that start from another run's checkpoint.

use super::guard::Guard;
use super::trainer::{REFERENCE_FILE, REWARD_MODEL_FILE, ROUND_FILE, TEACHER_FILE};
use glasshouse_compiler::model;
use glasshouse_platform::{Result, Yielder, files, storage};
use glasshouse_project::checkpoint::{Checkpoints, Content, Loaded};
use glasshouse_project::initial;
use glasshouse_project::metrics::{self, MetricsWriter};
use glasshouse_project::{Project, Run, RunRecord, StagedRun};
use glasshouse_protocol::{CheckpointChoice, RunState, Start};

/// Creates a run that starts from a checkpoint of another run, with its settings and data; a file must be one of
/// [`Checkpoints::list`]. [`crate::Trainer::begin`] continues it.
///
/// From a checkpoint with moments, it continues at that step, bit-identical to the first run, with its curves up to there. A milestone has
/// only weights: the new run then starts at step 0 of its schedule, with zero moments. If the future is dropped, the project is unchanged.
/// Fails if the checkpoint does not exist or is damaged, or the file system refuses; no run is created then.
pub async fn restore(
    project: &Project,
    run: &Run,
    checkpoint: &CheckpointChoice,
    yielder: &Yielder,
) -> Result<StagedRun> {
    run.check_has_text()?;
    let (config, record) = (run.config()?, run.record()?);
    let parameters = model::parameters(&config.model, &config.train)?;
    let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
    let is_meant = |file: &str| checkpoint.file() == Some(file);
    let is_resumable =
        !checkpoints.list().iter().any(|summary| is_meant(&summary.file) && !summary.resumable);
    let content = if is_resumable { Content::WeightsAndMoments } else { Content::Weights };
    let Loaded { mut info, mut state, path, .. } =
        checkpoints.load_named(checkpoint, &parameters, content, yielder).await?;
    run.check_model(&info, &config)?;
    if !is_resumable {
        let zeros = initial::zero_moments(&config.train, &parameters);
        (state.first_moments, state.second_moments) = (zeros.first_moments, zeros.second_moments);
        (info.step, info.tokens_seen, info.best_val_loss) = (0, 0, None);
        info.guard = None;
    }
    let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let checkpoint = CheckpointChoice::File(file);
    let staged = project.stage_run(&config, &run.data_folder()?)?;
    let restored = staged.run();
    let mut checkpoints = Checkpoints::new(restored.checkpoints_folder());
    let is_best = is_resumable && info.val_loss.is_some() && info.val_loss == info.best_val_loss;
    // An active guard can roll back to it, like that of the first run.
    if is_resumable && Guard::new(&config, info.guard.clone()).keeps(info.step, &config.train) {
        checkpoints.keep_next();
    }
    checkpoints.save(&info, &parameters, &state, is_best, yielder).await?;
    if is_resumable && files::is_file(&run.metrics_path()) {
        storage::copy_file(&run.metrics_path(), &restored.metrics_path(), yielder).await?;
        let [from, to] = [run, restored].map(|run| metrics::timed_path(&run.metrics_path()));
        if files::is_file(&from) {
            storage::copy_file(&from, &to, yielder).await?;
        }
        MetricsWriter::resume(&restored.metrics_path(), info.step)?;
    }
    // Data that the next steps need. A run from a milestone is its own reference and uses the same judges.
    for name in [REFERENCE_FILE, ROUND_FILE, TEACHER_FILE, REWARD_MODEL_FILE] {
        let from = run.folder().join(name);
        let is_of_judge = [TEACHER_FILE, REWARD_MODEL_FILE].contains(&name);
        if (is_resumable || is_of_judge) && files::is_file(&from) {
            storage::copy_file(&from, &restored.folder().join(name), yielder).await?;
        }
    }
    restored.save_record(&RunRecord {
        state: RunState::Stopped,
        step: info.step,
        evaluate_whole_split: record.evaluate_whole_split,
        device: record.device.clone(),
        parameters: record.parameters,
        val_loss: info.val_loss,
        best_val_loss: info.best_val_loss,
        family: record.family.clone(),
        whole_context: record.whole_context,
        plain_pairs: record.plain_pairs,
        // An early stop of the first run does not apply.
        patience_from: match record.state {
            RunState::StoppedEarly => Some(info.step),
            _ => record.patience_from.filter(|from| *from <= info.step),
        },
        restored_from: Some(Start { run: run.name(), checkpoint, project: None }),
        ..restored.record()?
    })?;
    Ok(staged)
}
