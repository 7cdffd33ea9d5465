//! Import of a Hugging Face folder: `config.json`, safetensors, `tokenizer.json`.

use super::families::Family;
use super::fields::Fields;
use super::folder::{Folder, Stored, read_json};
use super::tensors::{Parameters, Tensor};
use crate::error::{Error, Result};
use crate::platform::{self, Turns, at_once, files};
use crate::tokenizer::TokenizerFiles;
use glasshouse_protocol::{ModelConfig, Position};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Context length that an import keeps where a person wishes no other: caches for more take gigabytes, and a model works in less.
const DEFAULT_CONTEXT: usize = 2048;

/// A folder that was looked at: everything but its weights.
#[derive(Debug)]
pub struct Found {
    /// Its class.
    pub family: &'static Family,
    /// Its model's settings.
    pub model: ModelConfig,
    /// What else the person should know, a line each.
    pub notices: Vec<String>,
    /// Bytes of its weights.
    pub bytes: u64,
    /// Its tokenizer.
    pub tokenizer: TokenizerFiles,
    parameters: Parameters,
    tensors: Vec<(Tensor, Stored)>,
    folder: Folder,
    path: PathBuf,
}

impl Found {
    /// Looks at a folder. `context_length` shortens the model's.
    ///
    /// # Errors
    /// A file is missing or damaged, a setting cannot be represented, or tensors are missing, extra or misshapen; each is named.
    pub fn look(path: &Path, context_length: Option<usize>) -> Result<Self> {
        if !files::is_dir(path) {
            let reason = "it is no folder; name the folder that holds config.json and model.safetensors";
            return Err(Error::bad_file(path, reason));
        }
        let config_path = path.join("config.json");
        if !files::is_file(&config_path) {
            return Err(Error::bad_file(path, "it has no config.json: not a Hugging Face folder"));
        }
        let map: Map<String, Value> = read_json(&config_path)?;
        let model_type = map.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut fields = Fields::new(&config_path, map);
        let family = Family::of_type(&model_type).ok_or_else(|| {
            let known = super::FAMILIES.map(|family| family.model_type).join(", ");
            fields.error(format!("model_type is `{model_type}`; these can be imported: {known}"))
        })?;
        let reason = "quantised weights cannot be imported; take the model in f32, f16 or bfloat16";
        fields.must_be_absent("quantization_config", reason)?;
        let mut model = family.read(&mut fields)?;
        let end = fields.token("eos_token_id");
        let mut notices: Vec<String> = fields
            .unknown()
            .iter()
            .map(|name| format!("config.json: {name} is not known here and was ignored"))
            .collect();
        let folder = Folder::open(path, "model")?;
        // Their shapes are those of the whole context.
        let whole = Parameters::of(&model)?;
        let tensors = matched(family, &model, &whole, &folder, path)?;
        notices.extend(shorten(&mut model, context_length)?);
        let tokenizer = TokenizerFiles::read(path)?.ending_with(end);
        let (tokens, rows) = (tokenizer.tokenizer.vocabulary_size(), model.vocabulary);
        if tokens > rows {
            return Err(Error::bad_file(
                path.join("tokenizer.json"),
                format!(
                    "it has {tokens} tokens, and the model's embedding {rows} rows: one of them belongs to another model"
                ),
            ));
        }
        let bytes = tensors.iter().map(|(_, stored)| stored.bytes()).sum();
        let parameters = Parameters::of(&model)?;
        let path = path.to_owned();
        Ok(Self { family, model, notices, bytes, tokenizer, parameters, tensors, folder, path })
    }

    /// Parameters of the model.
    pub fn parameter_count(&self) -> usize {
        self.parameters.list().iter().map(|parameter| parameter.ty.count()).sum()
    }

    /// The weights, as the arena lays them out.
    ///
    /// # Errors
    /// A file cannot be read, or holds weights that are no numbers: they are counted, and the first tensor of such is named.
    pub fn weights(&self) -> Result<Vec<f32>> {
        at_once(self.weights_in_turns(&Turns::none(), &mut |_| ()))
    }

    /// The same, while others have their turns; `progress` hears how many of [`Found::bytes`] were read.
    pub(crate) async fn weights_in_turns(
        &self,
        turns: &Turns,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Vec<f32>> {
        let mut arena = vec![0.0; self.parameters.count()];
        let (mut done, mut broken) = (0, Vec::new());
        for (tensor, stored) in &self.tensors {
            let mut odd = 0;
            self.folder.read(stored, |first, entries| {
                platform::pulse();
                odd += entries.iter().filter(|entry| !entry.is_finite()).count();
                tensor.scatter(&self.parameters, &mut arena, first, entries)
            })?;
            if odd > 0 {
                broken.push((&tensor.name, odd));
            }
            done += stored.bytes();
            progress(done);
            turns.give().await;
        }
        if let Some((first, _)) = broken.first() {
            let count: usize = broken.iter().map(|(_, odd)| odd).sum();
            let reason = format!(
                "{count} weights are NaN or infinite, in {} of its tensors, {first} the first: the model is damaged",
                broken.len()
            );
            return Err(Error::bad_file(&self.path, reason));
        }
        Ok(arena)
    }
}

/// Shortens the context as wished, or to what is kept by default; says so.
fn shorten(model: &mut ModelConfig, wished: Option<usize>) -> Result<Option<String>> {
    let whole = model.context_length;
    if let Some(wished) = wished.filter(|wished| *wished > whole || *wished == 0) {
        return Err(Error::Refused(format!(
            "a context length of {wished} was asked for; the model has {whole}, and it can only be shortened"
        )));
    }
    // A table of positions is a weight, which is kept whole.
    let default = if model.position == Position::Learned { whole } else { whole.min(DEFAULT_CONTEXT) };
    model.context_length = wished.unwrap_or(default);
    if model.context_length == whole {
        return Ok(None);
    }
    let advice = if wished.is_some() { "" } else { "; --context keeps more" };
    Ok(Some(format!(
        "the context length was shortened from {whole} to {} tokens{advice}",
        model.context_length
    )))
}

/// Each tensor of the family with the one of the folder; nothing is missing, left over or of another shape.
fn matched(
    family: &Family,
    model: &ModelConfig,
    parameters: &Parameters,
    folder: &Folder,
    path: &Path,
) -> Result<Vec<(Tensor, Stored)>> {
    let mut left: BTreeSet<&String> = folder.tensors.keys().collect();
    let (mut tensors, mut missing) = (Vec::new(), Vec::new());
    for tensor in family.tensors(model, parameters) {
        // A model that was saved without its head has no prefix.
        let short = tensor.name.strip_prefix(family.prefix).unwrap_or(&tensor.name);
        let found =
            folder.tensors.get_key_value(&tensor.name).or_else(|| folder.tensors.get_key_value(short));
        match found {
            Some((name, stored)) if stored.shape == tensor.shape => {
                stored.check().map_err(|reason| Error::bad_file(path, format!("{name} {reason}")))?;
                left.remove(name);
                tensors.push((tensor, stored.clone()));
            }
            Some((name, stored)) => {
                let reason = format!(
                    "{name} is {:?}, where config.json makes it {:?}: they belong to different models",
                    stored.shape, tensor.shape
                );
                return Err(Error::bad_file(path, reason));
            }
            None => missing.push(tensor.name),
        }
    }
    if let Some(first) = missing.first() {
        let reason = format!("{} tensors are missing, {first} the first", missing.len());
        return Err(Error::bad_file(path, reason));
    }
    left.retain(|name| !is_redundant(name, model));
    if let Some(first) = left.first() {
        let reason = format!(
            "{} tensors are left over that {} has no use for, {first} the first: it may be another model than its config.json says",
            left.len(),
            family.class
        );
        return Err(Error::bad_file(path, reason));
    }
    Ok(tensors)
}

/// Tensors that older versions wrote and that follow from the settings: causal masks, angles, a head that is the embedding.
fn is_redundant(name: &str, model: &ModelConfig) -> bool {
    let endings = [
        ".attn.bias",
        ".attn.masked_bias",
        ".attention.bias",
        ".attention.masked_bias",
        ".rotary_emb.inv_freq",
    ];
    let head = ["lm_head.weight", "embed_out.weight"];
    endings.iter().any(|ending| name.ends_with(ending)) || model.tied_head && head.contains(&name)
}
