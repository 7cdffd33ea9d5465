//! A run as a project of its own, to be given away: its weights, tokenizer and settings, without text, training state, or paths of
//! this machine.

use crate::checkpoint::{CheckpointInfo, Checkpoints};
use crate::{Project, RunRecord, Trained, archive, parameters_of};
use glasshouse_compiler::step::ArenaState;
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Result, Yielder, refuse};
use glasshouse_protocol::{DataConfig, RunConfig, RunState, TrainConfig, WeightFormat};
use glasshouse_text::data::prepare;
use glasshouse_text::tokenizer::TokenizerFiles;

/// The format in which a model's matrices are packed: a compressed run's own, because others would round them twice, else the one
/// that is `wanted`.
pub fn packed_format(config: &RunConfig, wanted: WeightFormat) -> WeightFormat {
    match config.weights {
        WeightFormat::F32 | WeightFormat::Gguf => wanted,
        own => own,
    }
}

/// Packs a model as a `.glasshouse` file that holds one run, which counts as imported: other runs can start from it. `notes` become the
/// run's note; `format` is one of [`packed_format`]. Fails if the tokenizer is missing or damaged, a weight is outside the range of the
/// format, or writing fails; nothing remains then.
pub async fn pack_alone(
    model: &Trained,
    name: &str,
    notes: &str,
    format: WeightFormat,
    yielder: &Yielder,
) -> Result<Vec<u8>> {
    let passing = glasshouse_platform::passing_folder();
    storage::create_folder(&passing)?;
    let staging = Staging::inside(&passing)?;
    let project = Project::open_or_create(&staging.path().join("project"))?;
    project.set_name(name)?;
    let tokenizer = TokenizerFiles::with(model.tokenizer.clone(), &model.run.data_folder()?)?;
    let (files, data) = prepare::stage_tokenizer(project.folder(), &tokenizer)?;
    files.put_new(&data)?;
    drop(files);
    let is_quantised = format.is_quantised();
    if let Some(weight) =
        model.parameters.iter().find(|weight| is_quantised && weight.abs() > format.largest())
    {
        refuse!("a weight of {weight} is outside the range of {}; use f16", format.name());
    }
    let mut config = settings(&model.config);
    // Sixteen bits are those of the file: the model computes with floats.
    if is_quantised || config.weights == WeightFormat::Gguf {
        config.weights = if is_quantised { format } else { WeightFormat::F32 };
    }
    let parameters = parameters_of(&config)?;
    let staged = project.stage_run(&config, &data)?;
    let run = staged.run();
    // That of the weights before they are rounded to a few bits.
    let val_loss = model.info.val_loss.filter(|_| !is_quantised || model.config.weights == format);
    let info = CheckpointInfo {
        config_crc32c: run.config_crc32c()?,
        val_loss,
        best_val_loss: val_loss,
        guard: None,
        ..model.info.clone()
    };
    let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
    let values = model.parameters.clone();
    match format {
        WeightFormat::F16 => checkpoints.save_half(&info, &parameters, values, yielder).await?,
        _ => {
            let state = ArenaState::from_weights(values);
            checkpoints.save(&info, &parameters, &state, true, yielder).await?
        }
    };
    let RunRecord { family, whole_context, plain_pairs, .. } = model.run.record()?;
    run.set_title(&model.run.about().title)?;
    run.set_notes(notes)?;
    run.save_record(&RunRecord {
        state: RunState::Imported,
        parameters: parameters.iter().map(|own| own.ty.count() as u64).sum(),
        family,
        whole_context,
        plain_pairs,
        val_loss,
        best_val_loss: val_loss,
        ..run.record()?
    })?;
    staged.put()?;
    Ok(archive::pack(project.folder(), yielder).await?.0)
}

/// The model, the tokenizer and the optimizer's settings; the objective's may name runs and files of this project.
fn settings(own: &RunConfig) -> RunConfig {
    let train = own.train.clone();
    RunConfig {
        device: "auto".to_owned(),
        start: None,
        data: DataConfig::default(),
        train: TrainConfig {
            steps: train.steps,
            batch_size: train.batch_size,
            accumulate: train.accumulate,
            optimizer: train.optimizer,
            learning_rate: train.learning_rate,
            min_learning_rate: train.min_learning_rate,
            warmup_steps: train.warmup_steps,
            decay: train.decay,
            decay_steps: train.decay_steps,
            beta1: train.beta1,
            beta2: train.beta2,
            eps: train.eps,
            weight_decay: train.weight_decay,
            gradient_clipping: train.gradient_clipping,
            eval_interval: train.eval_interval,
            eval_batches: train.eval_batches,
            checkpoint_interval: train.checkpoint_interval,
            sample_interval: train.sample_interval,
            sample_prompt: train.sample_prompt,
            ..TrainConfig::default()
        },
        ..own.clone()
    }
}
