//! Import of a Hugging Face folder: `config.json`, safetensors, `tokenizer.json`.

use super::families::Family;
use super::fields::Fields;
use super::folder::{Folder, Format, Stored, read_json};
use crate::error::{Error, Result};
use crate::interchange::TAKE_AGAIN;
use crate::interchange::found::{Looked, Weights};
use crate::interchange::tensors::{Parameters, Tensor};
use crate::platform::files;
use crate::tokenizer::TokenizerFiles;
use glasshouse_protocol::ModelConfig;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

/// The tensors of a folder, by the numbers of the family's.
#[derive(Debug)]
struct FolderWeights {
    folder: Folder,
    tensors: Vec<Stored>,
}

impl Weights for FolderWeights {
    fn bytes(&self, tensor: usize) -> u64 {
        self.tensors[tensor].bytes()
    }

    fn read(&self, tensor: usize, rows: Range<usize>, floats: &mut [f32]) -> Result<()> {
        self.folder.read(&self.tensors[tensor], rows, floats)
    }
}

/// Looks at a folder.
///
/// # Errors
/// A file is missing or damaged, a setting cannot be represented, or tensors are missing, extra or misshapen; each is named.
pub(in crate::interchange) fn look(path: &Path) -> Result<Looked> {
    let config_path = path.join("config.json");
    if !files::is_file(&config_path) {
        let reason = match files::is_file(&path.join("adapter_config.json")) {
            true => {
                "it is an adapter that PEFT wrote, and no model: import the model that it is for, and merge the adapter into that"
            }
            false => "it has no config.json; name the folder in which config.json and model.safetensors lie",
        };
        return Err(Error::bad_file(path, reason));
    }
    let map: Map<String, Value> = read_json(&config_path)?;
    let model_type = map.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let labels = labels(&map).map_err(|reason| Error::bad_file(&config_path, reason))?;
    let mut fields = Fields::new(&config_path, map);
    let family = Family::of_type(&model_type).ok_or_else(|| {
        let known = super::FAMILIES.map(|family| family.model_type).join(", ");
        fields.error(format!("model_type is `{model_type}`; these can be imported: {known}"))
    })?;
    let reason =
        "quantised weights cannot be imported; take the model in f32, f16 or bfloat16, or as a GGUF file";
    fields.must_be_absent("quantization_config", reason)?;
    let model = ModelConfig { labels, ..family.read(&mut fields)? };
    let generation = ["bos_token_id", "eos_token_id", "pad_token_id"].map(|name| (name, fields.value(name)));
    let notices = fields
        .unknown()
        .iter()
        .map(|name| format!("config.json: {name} is not known here and was ignored"))
        .collect();
    let folder = Folder::open(path, "model")?;
    let whole = Parameters::of(&model)?;
    let (tensors, stored): (_, Vec<Stored>) =
        matched(family, &model, &whole, &folder, path)?.into_iter().unzip();
    // Where all tensors are stored alike.
    let first = stored.first().and_then(Stored::format);
    let format = first.filter(|first| stored.iter().all(|other| other.format() == Some(*first)));
    let tokenizer = TokenizerFiles::read(path)?.generating(&generation.into_iter().collect());
    let weights = Box::new(FolderWeights { folder, tensors: stored });
    Ok(Looked { family, dtype: format.map(Format::name), model, notices, tokenizer, tensors, weights })
}

/// The labels of a class with a head for them, in the order of their numbers; none of one that goes on from texts.
fn labels(config: &Map<String, Value>) -> Result<Vec<String>, String> {
    let class = config.get("architectures").and_then(|classes| classes.get(0)).and_then(Value::as_str);
    let Some(class) = class.filter(|class| class.ends_with("ForSequenceClassification")) else {
        return Ok(Vec::new());
    };
    let names = config.get("id2label").and_then(Value::as_object);
    let names = names.ok_or_else(|| {
        format!("{class} without id2label: its labels have no names; add it to config.json")
    })?;
    let name = |number: usize| names.get(&number.to_string()).and_then(Value::as_str).map(str::to_owned);
    let missing = |number| {
        format!("id2label has {} labels and none of number {number}: number them from 0 on", names.len())
    };
    (0..names.len()).map(|number| name(number).ok_or_else(|| missing(number))).collect()
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
                    "{name} is {:?}, where config.json makes it {:?}: they belong to different models; {TAKE_AGAIN}",
                    stored.shape, tensor.shape
                );
                return Err(Error::bad_file(path, reason));
            }
            None => missing.push(tensor.name),
        }
    }
    if let Some(first) = missing.first() {
        let reason = format!("{} tensors are missing, {first} the first; {TAKE_AGAIN}", missing.len());
        return Err(Error::bad_file(path, reason));
    }
    left.retain(|name| !is_redundant(name, model));
    if let Some(first) = left.first() {
        let reason = format!(
            "{} tensors are left over that {} has no use for, {first} the first: it may be another model than its config.json says; {TAKE_AGAIN}",
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
