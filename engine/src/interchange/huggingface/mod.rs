//! Export as a Hugging Face folder that `transformers` loads by itself: `config.json`, `model.safetensors`,
//! `tokenizer.json`, `tokenizer_config.json`, `generation_config.json` and a model card.
//!
//! Only shapes that a class there computes exactly are written: GPT-2, Llama, and Qwen3 (a Llama with query and key
//! norms). Anything else is refused with the setting that no class has.

mod architecture;
mod card;
mod weights;

pub use architecture::Architecture;
pub use card::CardFacts;

use crate::data::prepare;
use crate::error::{Error, Result};
use crate::platform::{Turns, at_once, files};
use crate::project::{Trained, parameters_of};
use crate::storage::{self, Staging};
use crate::tokenizer::Tokenizer;
use glasshouse_protocol::RunConfig;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What an export needs.
#[derive(Debug)]
pub struct Export<'run> {
    /// The run; its model's vocabulary is resolved.
    pub config: &'run RunConfig,
    /// The run's tokenizer.
    pub tokenizer: &'run Tokenizer,
    /// Weights, laid out as the arena of the model's parameters ([`crate::plan::arena::ArenaLayout`]).
    pub parameters: &'run [f32],
    /// What the model card says of data and results.
    pub facts: &'run CardFacts,
}

/// Writes the folder, at once or not at all, and returns the names of its files. An earlier export is replaced where that is asked
/// for; a folder that holds other files is refused.
pub fn export(export: &Export<'_>, folder: &Path, replace: bool) -> Result<Vec<PathBuf>> {
    at_once(export_in_turns(export, folder, replace, &Turns::none()))
}

async fn export_in_turns(
    export: &Export<'_>,
    folder: &Path,
    replace: bool,
    turns: &Turns,
) -> Result<Vec<PathBuf>> {
    let architecture = Architecture::of(&export.config.model)?;
    check_place(folder, replace)?;
    let weights = weights::safetensors(&export.config.model, architecture, export.parameters, turns).await?;
    let end_of_text = export.tokenizer.end_of_text();
    let files: [(&str, Vec<u8>); 5] = [
        ("config.json", pretty(&architecture.config(&export.config.model, end_of_text))?),
        ("tokenizer_config.json", pretty(&tokenizer_config(export))?),
        ("generation_config.json", pretty(&generation_config(end_of_text))?),
        ("README.md", card::card(export.config, architecture, export.facts).into_bytes()),
        ("model.safetensors", weights),
    ];
    let staging = Staging::beside(folder)?;
    let mut written = Vec::new();
    for (name, bytes) in files {
        let path = staging.path().join(name);
        let mut file = files::File::create(&path).map_err(Error::io(&path))?;
        let copied = storage::copy_in_turns(&mut bytes.as_slice(), &mut file, turns).await;
        copied.and_then(|()| file.sync_all()).map_err(Error::io(&path))?;
        written.push(folder.join(name));
    }
    export.tokenizer.save(&staging.path().join("tokenizer.json"))?;
    written.push(folder.join("tokenizer.json"));
    staging.put(folder)?;
    Ok(written)
}

/// Exports a project's model with what its run and text say for the model card, while others have their turns. Whoever drops it leaves
/// what stood there before.
pub(crate) async fn export_trained(
    model: &Trained,
    folder: &Path,
    replace: bool,
    turns: &Turns,
) -> Result<Vec<PathBuf>> {
    let record = model.run.record()?;
    // The card can do without: a model whose text was thrown away is still a model.
    let index = prepare::index(&model.run.data_folder()?).ok();
    let index = index.as_ref();
    let facts = CardFacts {
        name: format!("{} ({})", model.run.project_name(), model.run.name()),
        sources: index
            .map(|index| index.sources.iter().map(|source| last_name(&source.path)).collect())
            .unwrap_or_default(),
        train_tokens: index.map_or(0, |index| index.train.tokens),
        validation_tokens: index.map_or(0, |index| index.validation.tokens),
        step: model.info.step,
        validation_loss: model.info.val_loss,
        device: record.device.map_or_else(|| "an unrecorded device".to_owned(), |device| device.to_string()),
        parameters: parameters_of(&model.config)?.iter().map(|parameter| parameter.ty.count()).sum(),
    };
    let Trained { config, tokenizer, parameters, .. } = model;
    let export = Export { config, tokenizer, parameters, facts: &facts };
    export_in_turns(&export, folder, replace, turns).await
}

/// The last name of a path, of this system or another: what lies around it is the business of the machine that it was on.
fn last_name(path: &str) -> String {
    path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path).to_owned()
}

/// Names that an export writes; a folder may hold these and nothing else.
const NAMES: [&str; 6] = [
    "config.json",
    "tokenizer_config.json",
    "generation_config.json",
    "README.md",
    "model.safetensors",
    "tokenizer.json",
];

fn check_place(folder: &Path, replace: bool) -> Result<()> {
    let entries = match files::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(folder)(error)),
    };
    for entry in entries {
        let name = entry.map_err(Error::io(folder))?.file_name().to_string_lossy().into_owned();
        // An older version was stopped while it wrote.
        let known = name.strip_suffix(".partial").unwrap_or(&name);
        if !NAMES.contains(&known) {
            let reason =
                format!("holds {name}, which no export wrote; choose an empty or new folder with --to");
            return Err(Error::bad_file(folder, reason));
        }
        if !replace {
            return Err(Error::bad_file(folder, "holds an export already; --force replaces it"));
        }
    }
    Ok(())
}

fn pretty(value: &Value) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn tokenizer_config(export: &Export<'_>) -> Value {
    let mut config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": export.config.model.context_length,
        "clean_up_tokenization_spaces": false,
    });
    let end = export.tokenizer.end_of_text().and_then(|id| export.tokenizer.token(id));
    if let (Some(token), Some(fields)) = (end, config.as_object_mut()) {
        for field in ["bos_token", "eos_token", "unk_token"] {
            fields.insert(field.to_owned(), json!(token));
        }
    }
    config
}

fn generation_config(end_of_text: Option<u32>) -> Value {
    let mut config = json!({ "do_sample": true, "temperature": 0.8, "max_new_tokens": 200 });
    if let (Some(id), Some(fields)) = (end_of_text, config.as_object_mut()) {
        fields.insert("bos_token_id".to_owned(), json!(id));
        fields.insert("eos_token_id".to_owned(), json!(id));
        fields.insert("pad_token_id".to_owned(), json!(id));
    }
    config
}
