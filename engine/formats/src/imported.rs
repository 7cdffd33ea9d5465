//! An imported model in a project: a run without steps whose first checkpoint is the model.

use super::Found;
use super::found::Piece;
use glasshouse_platform::{Error, OrInternal, Result, Yielder, files};
use glasshouse_project::checkpoint::{ARENA_VERSION, CheckpointInfo, Checkpoints, settings_of};
use glasshouse_project::{Project, Run, RunRecord, parameters_of};
use glasshouse_protocol::{
    Decay, RunConfig, RunState, TokenizerConfig, TokenizerKind, TrainConfig, WeightFormat, presets,
};
use glasshouse_text::data::prepare;
use std::path::Path;
use web_time::UNIX_EPOCH;

/// Reads a model's weights and stores it in the project.
///
/// The run's record stores `source` and whether the model serves only for comparison; `progress` gets the number of bytes read, of
/// [`Found::bytes`]. If the future is dropped, the project is unchanged. Fails as [`Found::weights`] does, or if writing fails; no run is
/// created then.
pub async fn import(
    project: &Project,
    found: &Found,
    name: &str,
    source: Option<String>,
    for_comparison: bool,
    yielder: &Yielder,
    progress: &mut dyn FnMut(u64),
) -> Result<Run> {
    let origin = (source, for_comparison);
    let format = found.format()?;
    if let Some(run) = import_in(project, found, name, &origin, format, yielder, progress).await? {
        return Ok(run);
    }
    // Blocks of another quantiser, which would be rounded again.
    let run = import_in(project, found, name, &origin, WeightFormat::Gguf, yielder, progress).await?;
    run.or_internal("the blocks of a file do not hold its model")
}

/// [`import`] with matrices in a format; `None` if that does not hold them exactly.
async fn import_in(
    project: &Project,
    found: &Found,
    name: &str,
    (source, for_comparison): &(Option<String>, bool),
    weights: WeightFormat,
    yielder: &Yielder,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<Run>> {
    let config = RunConfig { weights, ..settings(found, name)? };
    let (tokenizer, data) = prepare::stage_tokenizer(project.folder(), &found.tokenizer)?;
    let staged = project.stage_run(&config, &data)?;
    let run = staged.run();
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
    let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
    let parameters = if weights == WeightFormat::Gguf { found.in_blocks()? } else { parameters_of(&config)? };
    let mut begun = checkpoints.begin(&info, &parameters)?;
    // Streams from file to file, so memory holds only a piece, or a matrix in blocks, at a time.
    let put = &mut |_, piece: Piece<'_>| match piece {
        Piece::Floats(floats) => begun.put(floats),
        Piece::Blocks(rows) => begun.put_blocks(rows),
    };
    found.read(&parameters, yielder, progress, put).await?;
    if !begun.is_exact() {
        return Ok(None);
    }
    checkpoints.finish(begun, true)?;
    let (count, family) = (found.parameter_count() as u64, Some(found.family.model_type.to_owned()));
    let record = run.record()?;
    let (state, dtype) = (RunState::Imported, found.dtype.map(str::to_owned));
    run.save_record(&RunRecord {
        state,
        parameters: count,
        family,
        dtype,
        whole_context: found.shortened_from,
        source: source.clone(),
        for_comparison: *for_comparison,
        ..record
    })?;
    let new = tokenizer.put_new(&data)?;
    let run = staged.put().inspect_err(|_| {
        if new {
            // Nothing else refers to it.
            files::remove_dir_all(&data).ok();
        }
    })?;
    Ok(Some(run))
}

/// Identifies a folder's or file's contents without reading them: path, total size, and last modification time. `None` if these
/// cannot be determined.
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

/// The settings of a run that continues from it: its model and tokenizer, with the defaults of transformers' `TrainingArguments`
/// for fine-tuning. The batch size is 1, because logits of large vocabularies leave little memory.
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
            eval_batches: 2,
            checkpoint_interval: 100,
            sample_interval: 50,
            sample_prompt: String::new(),
            ..defaults.train.clone()
        },
        ..defaults
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::huggingface::{CardFacts, Export, export};
    use glasshouse_compiler::model::parameters;
    use glasshouse_compiler::plan::arena::ArenaLayout;
    use glasshouse_platform::{block_on, given_up_after};
    use glasshouse_project::Trained;
    use glasshouse_protocol::{CheckpointChoice, FloatFormat};
    use glasshouse_text::tokenizer::{Tokenizer, TokenizerFiles};

    /// Exports a small GPT-2, and returns its weights, all of which are different.
    fn exported(folder: &Path) -> Vec<f32> {
        let mut config = presets::preset("gpt2-124m").unwrap();
        config.tokenizer.kind = TokenizerKind::Byte;
        let tokenizer =
            block_on(Tokenizer::train(&config.tokenizer, ["owl", "fox"], &Yielder::none())).unwrap();
        let model = &mut config.model;
        (model.vocabulary, model.context_length) = (tokenizer.vocabulary_size(), 16);
        (model.layers, model.width, model.head_size, model.heads) = (2, 8, 4, 2);
        (model.kv_heads, model.mlp.hidden) = (2, 32);
        let parameters = parameters(&config.model, &config.train).unwrap();
        let layout = ArenaLayout::from_parameters(&parameters);
        let mut arena = vec![0.0; layout.length];
        for (start, count) in layout.offsets.iter().zip(&layout.counts) {
            (*start..start + count).for_each(|at| arena[at] = at as f32 / 1000.0);
        }
        let (tokenizer, facts) = (TokenizerFiles::from(tokenizer), CardFacts::default());
        let export_of = Export {
            config: &config,
            tokenizer: &tokenizer,
            family: None,
            precision: FloatFormat::F32,
            parameters: &arena,
            facts: &facts,
        };
        block_on(export(&export_of, folder, false, &Yielder::none())).unwrap();
        arena
    }

    #[test]
    fn an_import_is_there_in_the_end_or_never_was() {
        let folder = tempfile::tempdir().unwrap();
        let (model, place) = (folder.path().join("model"), folder.path().join("project"));
        let arena = exported(&model);
        let project = Project::open_or_create(&place).unwrap();
        let found = Found::look(&model, None).unwrap();
        let left = || {
            let names =
                ["data", "runs"].map(|name| std::fs::read_dir(place.join(name)).into_iter().flatten());
            names.into_iter().flatten().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
        };
        let mut polls = 0;
        loop {
            let (yielder, mut progress) = (Yielder::at_every_chance(), |_| ());
            if given_up_after(polls, import(&project, &found, "small", None, false, &yielder, &mut progress))
            {
                break;
            }
            assert_eq!(left(), 0, "after {polls} turns");
            polls += 1;
        }
        assert!(polls > 10, "{polls} turns");
        assert_eq!(left(), 2);
        let [run] = &project.runs().unwrap()[..] else { panic!("one run") };
        let trained =
            block_on(Trained::load(run.clone(), &CheckpointChoice::Latest, &Yielder::none())).unwrap();
        assert_eq!(trained.parameters, arena);
    }

    #[test]
    fn damaged_weights_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (model, place) = (folder.path().join("model"), folder.path().join("project"));
        exported(&model);
        let weights = model.join("model.safetensors");
        let mut bytes = std::fs::read(&weights).unwrap();
        let begin = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        bytes[begin..begin + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        std::fs::write(&weights, bytes).unwrap();
        let project = Project::open_or_create(&place).unwrap();
        let found = Found::look(&model, None).unwrap();
        let error = block_on(import(&project, &found, "small", None, false, &Yielder::none(), &mut |_| ()))
            .unwrap_err()
            .to_string();
        assert!(error.contains("1 weights are NaN or infinite, in 1 of its tensors"), "{error}");
        assert!(project.runs().unwrap().is_empty());
        for name in ["data", "runs"] {
            let entries = std::fs::read_dir(place.join(name)).unwrap();
            assert_eq!(entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count(), 0, "{name}");
        }
    }
}
