//! Reads `config.json` field by field. Unknown fields are rejected unless they are known to have no effect.

use crate::{TAKE_AGAIN, longrope_attention};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{Activation, Gate, ModelConfig, Rope, RopeScaling};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Fields without effect on what a model computes: about its training, its users, its class and the program that wrote it.
const IDLE: &str = "\
    _attn_implementation _attn_implementation_autoset _commit_hash _flash_attn_2_enabled \
    _model_name_or_path _name_or_path architectures attn_implementation auto_map begin_suppress_tokens \
    bos_token_id cache_implementation chunk_size_feed_forward classifier_dropout cls_token_id \
    decoder_start_token_id diversity_penalty do_sample dtype early_stopping encoder_no_repeat_ngram_size \
    eos_token_id finetuning_task forced_bos_token_id forced_eos_token_id gradient_checkpointing id2label \
    initializer_range is_decoder is_llama_config keys_to_ignore_at_inference label2id language \
    length_penalty mask_token_id max_length min_length model_type n_ctx n_special no_repeat_ngram_size \
    num_beam_groups num_beams num_return_sequences output_attentions output_hidden_states output_past \
    output_scores pad_token_id predict_special_tokens prefix pretraining_tp problem_type \
    remove_invalid_values reorder_and_upcast_attn repetition_penalty return_dict return_dict_in_generate \
    sep_token_id summary_activation summary_first_dropout summary_proj_to_labels summary_type \
    summary_use_proj suppress_tokens task_specific_params temperature tf_legacy_loss tokenizer_class \
    top_k top_p torch_dtype torchscript transformers_version transformers.js_config unk_token_id \
    typical_p unsloth_fixed unsloth_version use_bfloat16 use_cache use_flash_attn";

/// Switches that are off in classes that do not have them.
const OFF: &[&str] = &[
    "add_cross_attention",
    "attention_bias",
    "is_encoder_decoder",
    "mlp_bias",
    "qk_layernorm",
    "tie_encoder_decoder",
    "use_bias",
    "use_bidirectional_attention",
    "use_mrope",
    "use_qk_norm",
    "use_sliding_window",
];

/// Switches that are on in classes that do not have them.
const ON: &[&str] = &["is_causal"];

/// Whether a field has no effect in a class that does not read it.
fn says_nothing(name: &str, value: &Value) -> bool {
    if IDLE.split(' ').any(|idle| idle == name) {
        return true;
    }
    match value {
        Value::Null => true,
        Value::Bool(on) => if *on { ON } else { OFF }.contains(&name),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(_) | Value::String(_) => false,
    }
}

/// Value in `layer_types` for a layer that sees the whole context.
const FULL: &str = "full_attention";
const SLIDING: &str = "sliding_attention";

/// The fields of a `config.json`.
pub struct Fields {
    path: PathBuf,
    fields: Map<String, Value>,
    read: BTreeSet<String>,
}

impl Fields {
    pub fn new(path: &Path, fields: Map<String, Value>) -> Self {
        Self { path: path.to_owned(), fields, read: BTreeSet::new() }
    }

    fn get(&mut self, name: &str) -> Option<&Value> {
        self.read.insert(name.to_owned());
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Whether a field exists, even if it is null.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub fn is(&mut self, name: &str, value: &Value) -> bool {
        self.get(name) == Some(value)
    }

    pub fn must_be_absent(&mut self, name: &str, reason: &str) -> Result<()> {
        match self.get(name).cloned() {
            Some(value) => Err(self.refuse(name, &value, reason)),
            None => Ok(()),
        }
    }

    pub fn replace(&mut self, name: &str, value: Value) {
        self.fields.insert(name.to_owned(), value);
    }

    /// Adds the class's defaults for missing fields.
    pub fn defaults<const N: usize>(&mut self, defaults: [(&str, usize); N]) {
        for (name, value) in defaults {
            self.fields.entry(name).or_insert_with(|| json!(value));
        }
    }

    /// Marks fields as having no effect in this class.
    pub fn ignore(&mut self, names: &[&str]) {
        self.read.extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// For a model with a sliding window, gives blocks the whole context according to `layer_types`, or else to `is_full`.
    pub fn windows(&mut self, model: &mut ModelConfig, is_full: impl Fn(usize) -> bool) -> Result<()> {
        let kinds = match self.get("layer_types").cloned() {
            None => {
                (0..model.layers).map(|block| json!(if is_full(block) { FULL } else { SLIDING })).collect()
            }
            Some(Value::Array(kinds)) if kinds.len() == model.layers => kinds,
            Some(other) => {
                return Err(self.refuse("layer_types", &other, "expected a list with one entry per layer"));
            }
        };
        if let Some(other) = kinds.iter().find(|kind| **kind != SLIDING && **kind != FULL) {
            return Err(self.refuse(
                "layer_types",
                other,
                &format!("{FULL} and {SLIDING} can be represented"),
            ));
        }
        if kinds.iter().all(|kind| kind == FULL) {
            model.sliding_window = None;
        }
        if model.sliding_window.is_some() {
            let full = kinds.iter().enumerate().filter(|(_, kind)| **kind == FULL);
            model.full_attention = full.map(|(block, _)| block).collect();
        }
        Ok(())
    }

    /// Fails if `layer_types` has other entries than full attention.
    pub fn full_attention_everywhere(&mut self) -> Result<()> {
        match self.get("layer_types").cloned() {
            Some(Value::Array(kinds)) if kinds.iter().any(|kind| kind != FULL) => Err(self.refuse(
                "layer_types",
                &json!(kinds),
                "only layers of full attention can be represented",
            )),
            _ => Ok(()),
        }
    }

    /// The value of a field; null if it is missing.
    pub fn value(&mut self, name: &str) -> Value {
        self.get(name).cloned().unwrap_or_default()
    }

    pub fn error(&self, reason: impl std::fmt::Display) -> Error {
        Error::bad_file(&self.path, reason.to_string())
    }

    fn missing(&self, name: &str) -> Error {
        self.error(format!("it has no {name}; {TAKE_AGAIN}"))
    }

    fn refuse(&self, name: &str, value: &Value, reason: &str) -> Error {
        self.error(format!("{name} is {value}: {reason}"))
    }

    pub fn whole(&mut self, name: &str) -> Result<usize> {
        self.whole_or_none(name)?.ok_or_else(|| self.missing(name))
    }

    pub fn whole_or_none(&mut self, name: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(name).cloned() else { return Ok(None) };
        let whole = value.as_u64().and_then(|number| usize::try_from(number).ok());
        whole.map(Some).ok_or_else(|| self.refuse(name, &value, "expected a whole number"))
    }

    /// An integer, or `default` if the field is missing; null means none.
    pub fn whole_or(&mut self, name: &str, default: Option<usize>) -> Result<Option<usize>> {
        if self.has(name) { self.whole_or_none(name) } else { Ok(default) }
    }

    pub fn number_or(&mut self, name: &str, default: f64) -> Result<f64> {
        Ok(self.number_or_none(name)?.unwrap_or(default))
    }

    pub fn number_or_none(&mut self, name: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(name).cloned() else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.refuse(name, &value, "expected a number"))
    }

    fn numbers(&mut self, name: &str) -> Result<Vec<f32>> {
        let value = self.value(name);
        let numbers = value.as_array().map(|list| list.iter().map(|entry| Some(entry.as_f64()? as f32)));
        let numbers = numbers.and_then(Iterator::collect);
        numbers.ok_or_else(|| self.refuse(name, &value, "expected a list of numbers"))
    }

    pub fn number(&mut self, name: &str) -> Result<f32> {
        self.get(name);
        match self.has(name) {
            true => self.number_or(name, 0.0).map(|number| number as f32),
            false => Err(self.missing(name)),
        }
    }

    pub fn flag_or(&mut self, name: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(name).cloned() else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.refuse(name, &value, "expected true or false"))
    }

    pub fn word_or(&mut self, name: &str, default: &str) -> Result<String> {
        let Some(value) = self.get(name).cloned() else { return Ok(default.to_owned()) };
        value.as_str().map(str::to_owned).ok_or_else(|| self.refuse(name, &value, "expected a word"))
    }

    /// Fails if a field has another value than the only supported one.
    pub fn must_be(&mut self, name: &str, expected: &Value) -> Result<()> {
        match self.get(name).cloned() {
            Some(value) if value != *expected => {
                Err(self.refuse(name, &value, &format!("only {expected} can be represented")))
            }
            _ => Ok(()),
        }
    }

    /// The activation of a plain MLP.
    pub fn activation(&mut self, name: &str, default: &str) -> Result<Activation> {
        let word = self.word_or(name, default)?;
        match word.as_str() {
            "gelu" => Ok(Activation::GeluExact),
            "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
            "relu" => Ok(Activation::Relu),
            "relu2" => Ok(Activation::ReluSquared),
            "silu" | "swish" => Ok(Activation::Silu),
            _ => {
                let known = "gelu, gelu_new, gelu_pytorch_tanh, relu, relu2 and silu can be represented";
                Err(self.refuse(name, &json!(word), known))
            }
        }
    }

    pub fn gate(&mut self, name: &str, default: &str) -> Result<Gate> {
        let word = self.word_or(name, default)?;
        match word.as_str() {
            "silu" | "swish" => Ok(Gate::Swiglu),
            "gelu_pytorch_tanh" | "gelu_new" => Ok(Gate::Geglu),
            _ => {
                let known = "only gates with silu or gelu_pytorch_tanh can be represented";
                Err(self.refuse(name, &json!(word), known))
            }
        }
    }

    /// Rotary positions for heads of `head_size`, of which `share` is rotated. Reads both `rope_parameters` (transformers 5) and
    /// the older `rope_scaling`.
    pub fn rope(&mut self, head_size: usize, base: f64, share: f64) -> Result<Rope> {
        self.must_be("rope_interleaved", &json!(false))?;
        self.must_be("use_mrope", &json!(false))?;
        let (old, new) = (self.get("rope_scaling").cloned(), self.get("rope_parameters").cloned());
        // An empty object means none.
        let old = old.filter(|old| old.as_object().is_none_or(|fields| !fields.is_empty()));
        let name = if old.is_some() { "rope_scaling" } else { "rope_parameters" };
        let parameters = match old.or(new) {
            Some(Value::Object(parameters)) => parameters,
            Some(other) => return Err(self.refuse(name, &other, "expected an object")),
            None => Map::new(),
        };
        self.rope_of(name, parameters, head_size, (base, share))
    }

    /// Rotary positions with the `parameters` of a field.
    pub fn rope_of(
        &mut self,
        name: &str,
        parameters: Map<String, Value>,
        head_size: usize,
        (base, share): (f64, f64),
    ) -> Result<Rope> {
        let whole = self.whole("max_position_embeddings")?;
        let mut inner = Self::new(&self.path, parameters);
        let base = inner.number_or("rope_theta", base)? as f32;
        let share = inner.number_or("partial_rotary_factor", share)?;
        let kind = inner.word_or("rope_type", "")?;
        let kind = if kind.is_empty() { inner.word_or("type", "default")? } else { kind };
        inner.get("type");
        let scaling = match kind.as_str() {
            "default" => None,
            "linear" => Some(RopeScaling::Linear { factor: inner.number("factor")? }),
            "dynamic" => {
                Some(RopeScaling::Dynamic { factor: inner.number("factor")?, original_context_length: whole })
            }
            "yarn" => Some(inner.yarn(whole)?),
            // `su` is the name in the first files of Phi-3. The class prefers its own field to the one of the parameters.
            "longrope" | "su" => {
                let original = self.whole_or_none("original_max_position_embeddings")?;
                Some(inner.longrope(whole, original)?)
            }
            "llama3" => Some(RopeScaling::Llama3 {
                factor: inner.number("factor")?,
                low_freq_factor: inner.number("low_freq_factor")?,
                high_freq_factor: inner.number("high_freq_factor")?,
                original_context_length: inner.whole("original_max_position_embeddings")?,
            }),
            _ => {
                let known = "default, linear, dynamic, llama3, yarn and longrope can be represented";
                return Err(self.refuse(&format!("{name}.rope_type"), &json!(kind), known));
            }
        };
        inner.expect_known(&format!("{name}."))?;
        let channels = (head_size as f64 * share) as usize;
        let channels = (channels != head_size).then_some(channels);
        Ok(Rope { scaling, channels, ..Rope::new(base) })
    }

    /// The parameters of YaRN, for a model of `whole` positions.
    fn yarn(&mut self, whole: usize) -> Result<RopeScaling> {
        let original = self.whole_or_none("original_max_position_embeddings")?.unwrap_or(whole);
        let factor = self.number_or("factor", whole as f64 / original as f64)?;
        let scale = |share: f64| if factor > 1.0 { 0.1 * share * libm::log(factor) + 1.0 } else { 1.0 };
        let (own, all) = (self.number_or("mscale", 0.0)?, self.number_or("mscale_all_dim", 0.0)?);
        let of_scales = (own != 0.0 && all != 0.0).then(|| scale(own) / scale(all));
        let attention_factor = self.number_or_none("attention_factor")?.or(of_scales);
        Ok(RopeScaling::Yarn {
            factor: factor as f32,
            original_context_length: original,
            attention_factor: attention_factor.map(|factor| factor as f32),
            beta_fast: self.number_or("beta_fast", 32.0)? as f32,
            beta_slow: self.number_or("beta_slow", 1.0)? as f32,
            truncate: self.flag_or("truncate", true)?,
        })
    }

    /// The parameters of LongRoPE, for a model of `whole` positions. The attention factor follows from these also if a run
    /// shortens the context.
    fn longrope(&mut self, whole: usize, original: Option<usize>) -> Result<RopeScaling> {
        let own = self.whole_or_none("original_max_position_embeddings")?;
        let original = original.or(own).unwrap_or(whole);
        let factor = self.number_or("factor", whole as f64 / original as f64)?;
        let attention = self.number_or_none("attention_factor")?;
        let attention = attention.map_or_else(|| longrope_attention(factor, original), |given| given as f32);
        Ok(RopeScaling::Longrope {
            short_factor: self.numbers("short_factor")?,
            long_factor: self.numbers("long_factor")?,
            original_context_length: original,
            attention_factor: Some(attention),
        })
    }

    /// The head size: the width divided by the number of heads, which must divide it.
    pub fn head_size(
        &self,
        (width_name, width): (&str, usize),
        (heads_name, heads): (&str, usize),
    ) -> Result<usize> {
        match heads {
            1.. if width.is_multiple_of(heads) => Ok(width / heads),
            _ => Err(self.error(format!(
                "{width_name} is {width}, which is not a multiple of {heads_name} = {heads}"
            ))),
        }
    }

    /// Fails if a field was not read, unless it has no effect. `within` is a prefix for names of nested fields. The error names the first
    /// such field.
    pub fn expect_known(&self, within: &str) -> Result<()> {
        let known =
            |(name, value): &(&String, &Value)| self.read.contains(*name) || says_nothing(name, value);
        match self.fields.iter().find(|field| !known(field)) {
            None => Ok(()),
            Some((name, value)) => {
                let reason = "it is unknown and may change what the model computes; if it does not, remove it from the file";
                Err(self.refuse(&format!("{within}{name}"), value, reason))
            }
        }
    }
}

/// The fields for readers of both formats: `rope_theta` with `rope_scaling`, and `rope_parameters`. If the class rotates only
/// part of the channels, also the share under its name from before version 5.
pub fn rope_fields(rope: &Rope, partial: Option<(&str, usize)>) -> Map<String, Value> {
    let base = shortest(rope.base);
    let mut attention = None;
    let mut parameters = match &rope.scaling {
        None => json!({ "rope_type": "default" }),
        Some(RopeScaling::Linear { factor }) => json!({ "rope_type": "linear", "factor": shortest(*factor) }),
        Some(RopeScaling::Dynamic { factor, .. }) => {
            json!({ "rope_type": "dynamic", "factor": shortest(*factor) })
        }
        Some(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context_length }) => {
            json!({
                "rope_type": "llama3",
                "factor": shortest(*factor),
                "low_freq_factor": shortest(*low_freq_factor),
                "high_freq_factor": shortest(*high_freq_factor),
                "original_max_position_embeddings": original_context_length,
            })
        }
        Some(RopeScaling::Yarn {
            factor,
            original_context_length,
            attention_factor,
            beta_fast,
            beta_slow,
            truncate,
        }) => {
            attention = *attention_factor;
            json!({
                "rope_type": "yarn",
                "factor": shortest(*factor),
                "original_max_position_embeddings": original_context_length,
                "beta_fast": shortest(*beta_fast),
                "beta_slow": shortest(*beta_slow),
                "truncate": truncate,
            })
        }
        Some(RopeScaling::Longrope {
            short_factor,
            long_factor,
            original_context_length,
            attention_factor,
        }) => {
            attention = *attention_factor;
            let [short, long] = [short_factor, long_factor]
                .map(|factors| factors.iter().map(|factor| shortest(*factor)).collect::<Vec<_>>());
            json!({
                "rope_type": "longrope",
                "short_factor": short,
                "long_factor": long,
                "original_max_position_embeddings": original_context_length,
            })
        }
    };
    if let Some(attention) = attention {
        parameters["attention_factor"] = json!(shortest(attention));
    }
    parameters["rope_theta"] = json!(base);
    let mut fields = Map::new();
    fields.insert("rope_theta".to_owned(), json!(base));
    if let Some((name, head_size)) = partial {
        let share = json!(share_of(rope.channels.unwrap_or(head_size), head_size));
        parameters["partial_rotary_factor"] = share.clone();
        fields.insert(name.to_owned(), share);
    }
    if rope.scaling.is_some() {
        // Read by versions before 5.
        fields.insert("rope_scaling".to_owned(), parameters.clone());
    }
    fields.insert("rope_parameters".to_owned(), parameters);
    fields
}

/// A share that gives back exactly `channels` when it is multiplied by the head size and truncated.
fn share_of(channels: usize, head_size: usize) -> f64 {
    let share = channels as f64 / head_size as f64;
    if (head_size as f64 * share) as usize == channels { share } else { share.next_up() }
}

/// The number as its shortest decimal, without the digits of the binary fraction.
pub fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

/// The activation's name in `transformers`.
pub fn activation_word(activation: Activation) -> &'static str {
    match activation {
        Activation::GeluExact => "gelu",
        Activation::GeluTanh => "gelu_new",
        Activation::Relu => "relu",
        Activation::ReluSquared => "relu2",
        Activation::Silu => "silu",
    }
}

/// The gate's name in `transformers`; a plain MLP's activation has none.
pub fn gate_word(gate: Gate) -> &'static str {
    if gate == Gate::Geglu { "gelu_pytorch_tanh" } else { "silu" }
}
