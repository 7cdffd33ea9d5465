//! Imports a Hugging Face folder: `config.json`, safetensors, `tokenizer.json`.

use super::families::Family;
use super::fields::Fields;
use super::folder::{Folder, Stored, read_json};
use crate::TAKE_AGAIN;
use crate::found::{Looked, Weights};
use crate::tensors::{Parameters, Tensor, matched};
use glasshouse_platform::{Error, Result, files};
use glasshouse_protocol::{FloatFormat, Hint, ModelConfig};
use glasshouse_text::tokenizer::TokenizerFiles;
use serde_json::{Map, Value};
use std::ops::Range;
use std::path::Path;

/// The tensors of a folder, in the family's order.
#[derive(Debug)]
struct FolderWeights {
    folder: Folder,
    tensors: Vec<Stored>,
}

impl Weights for FolderWeights {
    fn bytes(&self, tensor: usize) -> u64 {
        self.tensors[tensor].bytes()
    }

    fn read(
        &self,
        tensor: usize,
        rows: Range<usize>,
        floats: &mut [f32],
        _bytes: &mut Vec<u8>,
    ) -> Result<()> {
        self.folder.read(&self.tensors[tensor], rows, floats)
    }
}

/// Reads a folder, except for its weights. Fails if a file is missing or damaged, a setting is not supported, or tensors are missing,
/// unexpected or misshapen; the error names them.
pub(crate) fn look(path: &Path) -> Result<Looked> {
    let config_path = path.join("config.json");
    if !files::is_file(&config_path) {
        if files::is_file(&path.join("adapter_config.json")) {
            let reason =
                "it is a PEFT adapter, not a model: import its base model, and merge the adapter into that";
            return Err(Error::bad_file(path, reason).hint(Hint::MergeAdapter));
        }
        let reason = "it has no config.json; choose the folder with config.json and model.safetensors";
        return Err(Error::bad_file(path, reason));
    }
    let mut map: Map<String, Value> = read_json(&config_path)?;
    let mut notices = Vec::new();
    let whole_type = type_of(&map);
    // Multimodal models have separate encoders for images and sound.
    let has_parts = map.get("text_config").is_some_and(Value::is_object);
    if has_parts {
        map = text_part(map);
        notices.push(format!("{whole_type} is a model of several parts: only the text part is imported"));
    }
    let mut model_type = type_of(&map);
    if model_type == "mistral" && map.contains_key("layer_types") {
        model_type = "ministral".to_owned();
    }
    let labels = labels(&map).map_err(|reason| Error::bad_file(&config_path, reason))?;
    let mut fields = Fields::new(&config_path, map);
    let family = Family::named(&model_type).ok_or_else(|| {
        let known = super::FAMILIES.map(|family| family.model_type).join(", ");
        let of = if has_parts { format!(" in the text part of {whole_type}") } else { String::new() };
        let lacked = LACKED.iter().find(|(names, _)| names.split(' ').any(|own| own == model_type));
        let needs = lacked.map_or_else(String::new, |(_, part)| format!(", which needs {part}"));
        fields.error(format!("model_type is `{model_type}`{of}{needs}; these can be imported: {known}"))
    })?;
    let reason =
        "quantised weights cannot be imported; use the model in f32, f16 or bfloat16, or as a GGUF file";
    fields.must_be_absent("quantization_config", reason)?;
    let mut model = ModelConfig { labels, ..family.read(&mut fields)? };
    let generation = ["bos_token_id", "eos_token_id", "pad_token_id"].map(|name| (name, fields.value(name)));
    fields.expect_known("")?;
    let folder = Folder::open(path, "model")?;
    if let Some(head) = other_head(family, &model, &folder)? {
        model.tied_head = false;
        notices.push(format!(
            "{head} is not the embedding, which config.json ties it to: it was kept as a separate head"
        ));
    }
    let whole = Parameters::new(&model)?;
    let (tensors, stored): (_, Vec<Stored>) =
        stored_tensors(family, &model, &whole, &folder, (path, has_parts))?.into_iter().unzip();
    // If all tensors have the same format.
    let first = stored.first().and_then(Stored::format);
    let format = first.filter(|first| stored.iter().all(|other| other.format() == Some(*first)));
    let tokenizer = TokenizerFiles::read(path)?.generating(&generation.into_iter().collect());
    let weights = Box::new(FolderWeights { folder, tensors: stored });
    Ok(Looked {
        family,
        dtype: format.map(FloatFormat::torch_name),
        model,
        notices,
        tokenizer,
        tensors,
        weights,
    })
}

/// Classes that cannot be represented, and what they need.
const LACKED: [(&str, &str); 7] = [
    ("ministral3", "attention scores scaled by position (llama_4_scaling_beta)"),
    ("gpt_oss", "attention sinks and biases of experts"),
    ("gemma3n_text gemma4_text", "embeddings for each layer"),
    ("lfm2 lfm2_moe", "short convolutions"),
    ("mamba mamba2 jamba bamba falcon_h1 granitemoehybrid nemotron_h qwen3_next", "recurrent layers"),
    ("deepseek_v2 deepseek_v3", "latent attention"),
    ("llama4_text", "attention in chunks"),
];

fn type_of(config: &Map<String, Value>) -> String {
    config.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The settings of a multimodal model's text part, with the vocabulary and quantisation settings of the whole model.
fn text_part(mut whole: Map<String, Value>) -> Map<String, Value> {
    let Some(Value::Object(mut part)) = whole.remove("text_config") else { return whole };
    let names =
        ["bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings", "quantization_config"];
    for name in names {
        if let (None, Some(value)) = (part.get(name), whole.remove(name)) {
            part.insert(name.to_owned(), value);
        }
    }
    part
}

/// Possible names of a tensor: its own, without the prefix (saved without its head), or within a multimodal model.
fn names_of(tensor: &Tensor, family: &Family) -> [String; 5] {
    let (name, short) = (&tensor.name, tensor.name.strip_prefix(family.prefix).unwrap_or(&tensor.name));
    [
        name.clone(),
        short.to_owned(),
        format!("model.language_model.{short}"),
        format!("language_model.{name}"),
        format!("language_model.{short}"),
    ]
}

fn find<'folder>(
    folder: &'folder Folder,
    tensor: &Tensor,
    family: &Family,
) -> Option<(&'folder String, &'folder Stored)> {
    names_of(tensor, family).iter().find_map(|name| folder.tensors.get_key_value(name))
}

/// The name of a head tensor that differs from the embedding although the settings tie them.
fn other_head(family: &Family, model: &ModelConfig, folder: &Folder) -> Result<Option<String>> {
    if !model.tied_head || !model.labels.is_empty() {
        return Ok(None);
    }
    let untied = ModelConfig { tied_head: false, ..model.clone() };
    let tensors = family.tensors(&untied, &Parameters::new(&untied)?);
    let of = |parameter: &str| {
        let tensor = tensors.iter().find(|tensor| tensor.parameter == parameter)?;
        Some((tensor, find(folder, tensor, family)?))
    };
    let (Some((tensor, (name, head))), Some((_, (_, embedding)))) =
        (of("head.weight"), of("embedding.tokens"))
    else {
        return Ok(None);
    };
    if head.shape != embedding.shape
        || head.shape != tensor.shape
        || head.check().is_err()
        || embedding.check().is_err()
    {
        return Ok((head.shape != embedding.shape).then(|| name.clone()));
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for rows in tensor.pieces() {
        for (stored, floats) in [(head, &mut left), (embedding, &mut right)] {
            floats.resize(rows.len() * tensor.columns(), 0.0);
            folder.read(stored, rows.clone(), floats)?;
        }
        if left != right {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// The labels of a sequence classification class, by number; empty for language models.
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
    let missing =
        |number| format!("id2label has {} labels but no number {number}: number them from 0", names.len());
    (0..names.len()).map(|number| name(number).ok_or_else(|| missing(number))).collect()
}

/// Matches the family's tensors with the folder's.
fn stored_tensors(
    family: &Family,
    model: &ModelConfig,
    parameters: &Parameters,
    folder: &Folder,
    (path, has_parts): (&Path, bool),
) -> Result<Vec<(Tensor, Stored)>> {
    // Other parts have distinct tensor names; blocks without a part's name belong to the text part.
    let is_text = |name: &str| name.contains("language_model.") || name.starts_with("model.layers.");
    let is_needed = |name: &&str| !is_redundant(name, model) && (!has_parts || is_text(name));
    let left = folder.tensors.keys().map(String::as_str).filter(is_needed).collect();
    let of = |tensor: &Tensor| {
        find(folder, tensor, family).map(|(name, stored)| (name.as_str(), &*stored.shape, (name, stored)))
    };
    let bad = |reason: String| Error::bad_file(path, reason);
    let tensors = family.tensors(model, parameters);
    let found = matched(tensors, left, of, ["config.json", family.class, TAKE_AGAIN]).map_err(bad)?;
    let checked = found.into_iter().map(|(tensor, (name, stored))| {
        stored.check().map_err(|reason| bad(format!("{name} {reason}")))?;
        Ok((tensor, stored.clone()))
    });
    checked.collect()
}

/// Tensors written by older versions that follow from the settings: causal masks, rotary angles, a head tied to the embedding.
fn is_redundant(name: &str, model: &ModelConfig) -> bool {
    let endings = [
        ".attn.bias",
        ".attn.masked_bias",
        ".attention.bias",
        ".attention.masked_bias",
        ".rotary_emb.inv_freq",
    ];
    let head = ["lm_head.weight", "embed_out.weight", "language_model.lm_head.weight"];
    endings.iter().any(|ending| name.ends_with(ending)) || model.tied_head && head.contains(&name)
}
