//! Import and export of Hugging Face folders: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`,
//! `generation_config.json` and a model card.
//!
//! Each supported class of `transformers` is in a file of `families`, with one table that maps its tensors to our parameters for
//! both export and import. A model is exported as a class only if the class computes it exactly, which is verified by reading
//! back the generated settings. If no class fits, the error names the settings that the closest one lacks.

mod card;
mod families;
mod fields;
mod folder;
mod import;
mod peft;

pub use card::CardFacts;
pub(crate) use families::packed_rows;
pub use families::{FAMILIES, Family};
pub use folder::{Folder, MAX_JSON_BYTES, shards_of};
use folder::{dtype, encode};
pub(super) use import::look;
pub use peft::{another_base, export_adapter, merge_adapter};

use super::tensors::{Parameters, Tensor, check_finite};
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, Yielder, files};
use glasshouse_project::{RunRecord, Trained, parameters_of, weights_crc32c};
use glasshouse_protocol::{Evaluation, FloatFormat, ModelConfig, Position, RunConfig, RunState};
use glasshouse_text::data::prepare;
use glasshouse_text::tokenizer::{CHAT_TEMPLATE_FILE, GENERATION_FILE, SETTINGS_FILE, TokenizerFiles};
use half::{bf16, f16};
use safetensors::tensor::TensorInfo;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub struct Export<'run> {
    /// The run's settings, with a resolved vocabulary.
    pub config: &'run RunConfig,
    pub tokenizer: &'run TokenizerFiles,
    /// `model_type` of the class it was imported as; preferred if that class still computes the model.
    pub family: Option<&'run str>,
    pub precision: FloatFormat,
    /// Weights in the arena layout of the model's parameters ([`glasshouse_compiler::plan::arena::ArenaLayout`]).
    pub parameters: &'run [f32],
    /// Data and results for the model card.
    pub facts: &'run CardFacts,
}

/// Writes the folder atomically and returns the names of its files. An existing export is replaced only if `replace` is set; a
/// folder with other files is refused.
pub async fn export(
    export: &Export<'_>,
    folder: &Path,
    replace: bool,
    yielder: &Yielder,
) -> Result<Vec<PathBuf>> {
    let Export { config, tokenizer, facts, family, precision, .. } = *export;
    let fits = |model: &ModelConfig| Family::for_model(model, family).is_ok();
    let (model, divisor) = crate::without_divisor(&config.model, fits);
    let config = &RunConfig { model: model.into_owned(), ..config.clone() };
    let (export, model) = (&Export { config, ..*export }, &config.model);
    let family = Family::for_model(model, family)?;
    storage::check_place(folder, "an export", &NAMES, replace)?;
    let staging = Staging::beside(folder)?;
    let generation = generation_config(model, tokenizer);
    let mut fields = family.write(model);
    fields.extend(shared_fields(family, model, tokenizer, &generation, precision));
    if !model.labels.is_empty() {
        fields.extend(label_fields(family, model, padding(model, tokenizer)));
    }
    let texts: [(&str, Vec<u8>); 4] = [
        ("config.json", pretty(&Value::Object(fields))?),
        (SETTINGS_FILE, pretty(&tokenizer_config(export))?),
        (GENERATION_FILE, pretty(&Value::Object(generation))?),
        ("README.md", card::card(export.config, family, facts).into_bytes()),
    ];
    let mut written = Vec::new();
    for (name, bytes) in texts {
        let path = staging.path().join(name);
        let mut file = files::File::create(&path).map_err(Error::io(&path))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(Error::io(&path))?;
        written.push(folder.join(name));
    }
    let parameters = Parameters::new(model)?.with_norm_divided_by(divisor);
    let tensors = family.tensors(model, &parameters);
    let entries: Vec<_> =
        tensors.iter().map(|tensor| (tensor.name.clone(), tensor, export.parameters)).collect();
    let path = staging.path().join("model.safetensors");
    write_tensors(&entries, &parameters, precision, &path, yielder).await?;
    tokenizer.tokenizer.save(&staging.path().join("tokenizer.json"))?;
    written.extend(["model.safetensors", "tokenizer.json"].map(|name| folder.join(name)));
    if let Some(template) = &tokenizer.chat_template {
        storage::write_atomically(&staging.path().join(CHAT_TEMPLATE_FILE), template.as_bytes())?;
        written.push(folder.join(CHAT_TEMPLATE_FILE));
    }
    staging.put(folder)?;
    Ok(written)
}

/// Writes tensors, each with a name and an arena, as safetensors; only one is in memory at a time.
pub async fn write_tensors(
    tensors: &[(String, &Tensor, &[f32])],
    parameters: &Parameters,
    format: FloatFormat,
    path: &Path,
    yielder: &Yielder,
) -> Result<()> {
    let mut end = 0;
    let infos = tensors.iter().map(|(name, tensor, _)| {
        let start = end;
        end += tensor.shape.iter().product::<usize>() * format.width();
        let (dtype, shape) = (dtype(format), tensor.shape.clone());
        (name.clone(), TensorInfo { dtype, shape, data_offsets: (start, end) })
    });
    // `transformers` rejects files without this entry.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let head = storage::safetensors_head(metadata, infos.collect())?;
    let mut file = files::File::create(path).map_err(Error::io(path))?;
    glasshouse_platform::reserve(&file, (head.len() + end) as u64)
        .and_then(|()| file.write_all(&head))
        .map_err(Error::io(path))?;
    let mut bits16 = Vec::new();
    for (name, tensor, arena) in tensors {
        glasshouse_platform::pulse();
        let entries = tensor.gather(parameters, arena)?;
        check_finite(name, &entries)?;
        // A larger weight would be infinite.
        let largest = match format {
            FloatFormat::F32 => f32::MAX,
            FloatFormat::F16 => f16::MAX.to_f32(),
            FloatFormat::Bf16 => bf16::MAX.to_f32(),
        };
        if let Some(odd) = entries.iter().find(|entry| entry.abs() > largest) {
            return Err(Error::Refused(format!(
                "{name} holds {odd}, which is outside the range of {format}; export it with another precision"
            )));
        }
        let mut bytes = encode(format, &entries, &mut bits16);
        storage::copy(&mut bytes, &mut file, yielder).await.map_err(Error::io(path))?;
    }
    file.sync_all().map_err(Error::io(path))
}

/// Fields of every class's `config.json`.
fn shared_fields(
    family: &Family,
    model: &ModelConfig,
    files: &TokenizerFiles,
    generation: &Map<String, Value>,
    format: FloatFormat,
) -> Map<String, Value> {
    // If the field is missing, some classes default to an id that a smaller vocabulary lacks.
    let padding = files.special("pad_token").filter(|id| (*id as usize) < model.vocabulary);
    families::object(json!({
        "architectures": [family.class],
        "model_type": family.model_type,
        "bos_token_id": generation.get("bos_token_id").cloned().or_else(|| files.special("bos_token").map(Value::from)),
        "eos_token_id": generation.get("eos_token_id").cloned().or_else(|| files.tokenizer.end_of_text().map(Value::from)),
        "pad_token_id": padding,
        "dtype": format.torch_name(),
        // Read by transformers before 4.56.
        "torch_dtype": format.torch_name(),
    }))
}

/// The label fields of `config.json`. `transformers` uses the padding token to find the last token of each row in a batch.
fn label_fields(family: &Family, model: &ModelConfig, padding: Option<u32>) -> Map<String, Value> {
    let named = model.labels.iter().enumerate();
    let names: Map<String, Value> = named.clone().map(|(at, label)| (at.to_string(), json!(label))).collect();
    let numbers: Map<String, Value> = named.map(|(at, label)| (label.clone(), json!(at))).collect();
    let mut fields = families::object(json!({
        "architectures": [family.class_of(model)],
        "id2label": names,
        "label2id": numbers,
        "pad_token_id": padding,
    }));
    // A single label is a score, not a class.
    if !model.scores() {
        fields.insert("problem_type".to_owned(), json!("single_label_classification"));
    }
    fields
}

/// Exports a project's model, with its run's and data's facts for the model card. Without a precision, an imported model keeps its own, and
/// others have 32 bits. If the future is dropped, an earlier export is unchanged.
pub async fn export_trained(
    model: &Trained,
    precision: Option<FloatFormat>,
    folder: &Path,
    replace: bool,
    yielder: &Yielder,
) -> Result<Vec<PathBuf>> {
    let record = model.run.record()?;
    // Optional: a model whose text was deleted can still be exported.
    let index = prepare::index(&model.run.data_folder()?).ok();
    let index = index.as_ref();
    // Results of other weights would be false. Unreadable evaluations are reported where evaluations are listed.
    let own = |evaluation: &Evaluation| evaluation.weights_crc32c == weights_crc32c(&model.parameters);
    let evaluation = model.run.evaluation().ok().flatten().filter(own);
    let facts = CardFacts {
        name: format!("{} ({})", model.run.project_name(), model.run.name()),
        sources: index
            .map(|index| index.sources.iter().map(|source| last_name(&source.path)).collect())
            .unwrap_or_default(),
        train_tokens: index.map_or(0, |index| index.train.tokens),
        validation_tokens: index.map_or(0, |index| index.validation.tokens),
        step: model.info.step,
        validation_loss: model.info.val_loss,
        device: record.device.as_ref().map_or_else(|| "an unrecorded device".to_owned(), ToString::to_string),
        parameters: parameters_of(&model.config)?.iter().map(|parameter| parameter.ty.count()).sum(),
        imported: record.state == RunState::Imported,
        evaluation: evaluation.map(Box::new),
    };
    let Trained { config, parameters, .. } = model;
    let config = &RunConfig { model: with_whole_context(&config.model, &record), ..config.clone() };
    let tokenizer = TokenizerFiles::with(model.tokenizer.clone(), &model.run.data_folder()?)?;
    let family = record.family.as_deref();
    let own = record.dtype.as_deref().filter(|_| facts.imported).and_then(FloatFormat::from_torch_name);
    let precision = precision.or(own).unwrap_or_default();
    let parts = Export { config, tokenizer: &tokenizer, family, precision, parameters, facts: &facts };
    export(&parts, folder, replace, yielder).await
}

/// The model with its context length from before the import shortened it. What it has learned since, it learned with the shorter context.
pub(super) fn with_whole_context(model: &ModelConfig, record: &RunRecord) -> ModelConfig {
    let context_length = record.whole_context.unwrap_or_default().max(model.context_length);
    ModelConfig { context_length, ..model.clone() }
}

/// The last component of a path of any system; the rest is private to the machine.
pub(crate) fn last_name(path: &str) -> String {
    path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path).to_owned()
}

/// Names that an export may write; a folder to be replaced must hold nothing else.
const NAMES: [&str; 7] = [
    "config.json",
    SETTINGS_FILE,
    CHAT_TEMPLATE_FILE,
    GENERATION_FILE,
    "README.md",
    "model.safetensors",
    "tokenizer.json",
];

fn pretty(value: &Value) -> Result<Vec<u8>> {
    let text =
        glasshouse_protocol::json::indented(value).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(format!("{text}\n").into_bytes())
}

fn tokenizer_config(export: &Export<'_>) -> Value {
    let mut config = plain_tokenizer_config(export);
    let (model, TokenizerFiles { tokenizer, .. }) = (&export.config.model, export.tokenizer);
    let padding = padding(model, export.tokenizer).filter(|_| model.scores());
    if let (Some(token), Some(fields)) = (padding.and_then(|id| tokenizer.token(id)), config.as_object_mut())
    {
        fields.insert("pad_token".to_owned(), json!(token));
    }
    config
}

/// The padding token: the end-of-text token, or for a reward model, which scores that token, another special token.
fn padding(model: &ModelConfig, files: &TokenizerFiles) -> Option<u32> {
    let (tokenizer, end) = (&files.tokenizer, files.tokenizer.end_of_text());
    if !model.scores() {
        return end;
    }
    let other = |id: &u32| Some(*id) != end && tokenizer.describe(*id).special;
    let all = || (0..tokenizer.vocabulary_size() as u32).find(other);
    files.special("pad_token").filter(other).or_else(all)
}

fn plain_tokenizer_config(export: &Export<'_>) -> Value {
    let TokenizerFiles { tokenizer, settings, .. } = export.tokenizer;
    let length = json!(export.config.model.context_length);
    if !settings.is_empty() {
        let mut settings = settings.clone();
        // A position table may have been shortened.
        if !settings.contains_key("model_max_length") || export.config.model.position == Position::Learned {
            settings.insert("model_max_length".to_owned(), length);
        }
        return Value::Object(settings);
    }
    let mut config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": length,
        "clean_up_tokenization_spaces": false,
    });
    let end = tokenizer.end_of_text().and_then(|id| tokenizer.token(id));
    if let (Some(token), Some(fields)) = (end, config.as_object_mut()) {
        for field in ["bos_token", "eos_token", "unk_token"] {
            fields.insert(field.to_owned(), json!(token));
        }
    }
    config
}

/// `generation_config.json`: an imported model's original, or defaults for a model trained here.
fn generation_config(model: &ModelConfig, files: &TokenizerFiles) -> Map<String, Value> {
    if !files.generation.is_empty() {
        return files.generation.clone();
    }
    let end = files.tokenizer.end_of_text();
    let begin = files.special("bos_token").or(end.filter(|_| files.settings.is_empty()));
    // Never more than the available positions. `max_new_tokens` is not set, because it would override lm-eval's limit.
    let mut fields = families::object(
        json!({ "do_sample": true, "temperature": 0.8, "max_length": model.context_length }),
    );
    let ids = [("bos_token_id", begin), ("eos_token_id", end), ("pad_token_id", end)];
    fields.extend(ids.into_iter().filter_map(|(name, id)| Some((name.to_owned(), json!(id?)))));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;
    use std::io::ErrorKind;

    #[test]
    fn floats_of_16_bits_go_out_as_they_came_in() {
        let mut bits16 = Vec::new();
        let all = || 0..=u16::MAX;
        for (format, floats) in [
            (FloatFormat::F16, all().map(|bits| f16::from_bits(bits).to_f32()).collect::<Vec<_>>()),
            (FloatFormat::Bf16, all().map(|bits| bf16::from_bits(bits).to_f32()).collect()),
        ] {
            let bytes = encode(format, &floats, &mut bits16).chunks_exact(format.width());
            let same =
                |((bits, float), bytes): ((u16, &f32), &[u8])| float.is_nan() || bytes == bits.to_le_bytes();
            assert!(all().zip(&floats).zip(bytes).all(same), "{format:?}");
            assert_eq!(FloatFormat::from_torch_name(format.torch_name()), Some(format));
        }
    }

    /// A device that is always full, if the system has one.
    #[test]
    fn a_disk_that_takes_nothing_is_an_error() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let model = glasshouse_protocol::presets::gpt(29, 16, 2, 3, 24);
        let parameters = Parameters::new(&model).unwrap();
        let tensors = Family::for_model(&model, None).unwrap().tensors(&model, &parameters);
        let arena = vec![0.0; parameters.count()];
        let entries: Vec<_> =
            tensors.iter().map(|tensor| (tensor.name.clone(), tensor, arena.as_slice())).collect();
        for format in FloatFormat::ALL {
            let written = block_on(write_tensors(&entries, &parameters, format, full, &Yielder::none()));
            let error = written.unwrap_err();
            let said = matches!(&error, Error::Io { path, cause } if path == full && cause.kind() == ErrorKind::StorageFull);
            assert!(said, "{error}");
        }
    }
}
