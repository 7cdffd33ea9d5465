//! The supported classes of `transformers`: conversion of settings in both directions, and the mapping of tensors to our parameters.

mod gemma;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod granite;
mod llama;
mod mistral;
mod olmo2;
mod phi;
mod phi3;
mod qwen;
mod smollm3;
mod stablelm;
mod starcoder2;

use super::fields::Fields;
use crate::tensors::{Parameters, Rows, Tensor, TensorTable};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{Bias, ModelConfig, Position};
use serde_json::{Map, Value};
use std::path::Path;

#[derive(Debug)]
pub struct Family {
    /// `model_type` in `config.json`.
    pub model_type: &'static str,
    /// The class with a causal language modelling head.
    pub class: &'static str,
    /// The class of a block, the unit of sharding in distributed training.
    pub layer_class: &'static str,
    /// Prefix of tensor names; absent in folders of a model without its head.
    pub prefix: &'static str,
    /// Converts `config.json` to settings.
    read: fn(&mut Fields) -> Result<ModelConfig>,
    /// Converts settings to fields, as closely as the class can. Unsupported settings are found by reading them back.
    write: fn(&ModelConfig) -> Map<String, Value>,
    tensors: fn(&ModelConfig, &mut TensorTable<'_>),
    /// Whether it always has biases in linear layers and norms; those that a model lacks are exported as zeros.
    padded_biases: fn(Bias) -> (Bias, bool),
}

/// A class with Llama's tensors, by its `model_type` and the beginning of its classes' names.
macro_rules! llama_like {
    ($model_type:literal, $name:literal, $read:expr, $write:expr) => {
        Family {
            model_type: $model_type,
            class: concat!($name, "ForCausalLM"),
            layer_class: concat!($name, "DecoderLayer"),
            read: $read,
            write: $write,
            ..super::llama::FAMILY
        }
    };
}

use llama_like;

/// All families, in order of preference for exports.
pub const FAMILIES: [&Family; 21] = [
    &gpt2::FAMILY,
    &llama::FAMILY,
    &qwen::QWEN3,
    &mistral::FAMILY,
    &mistral::MINISTRAL,
    &qwen::QWEN2,
    &smollm3::FAMILY,
    &gemma::FAMILY,
    &gemma::GEMMA2,
    &gpt_neox::FAMILY,
    &phi::FAMILY,
    &phi3::FAMILY,
    &granite::FAMILY,
    &olmo2::FAMILY,
    &gemma::GEMMA3,
    &gpt_neo::FAMILY,
    &mistral::MIXTRAL,
    &qwen::QWEN3_MOE,
    &olmo2::OLMO3,
    &starcoder2::FAMILY,
    &stablelm::FAMILY,
];

impl Family {
    pub fn named(model_type: &str) -> Option<&'static Self> {
        FAMILIES.into_iter().find(|family| family.model_type == model_type)
    }

    /// The class that computes this model exactly; `wished` is preferred if it does. Fails if no class does; the error names the settings
    /// that the closest one lacks.
    pub fn for_model(model: &ModelConfig, wished: Option<&str>) -> Result<&'static Self> {
        let wished = wished.and_then(Self::named);
        let (family, lacks) = crate::nearest(wished, &FAMILIES, |family| family.lacks(model))?;
        if lacks.is_empty() {
            return Ok(family);
        }
        Err(Error::Refused(format!(
            "this model fits no transformers class: the nearest, {}, has no {}; its weights are in the run's checkpoints as safetensors",
            family.class,
            lacks.join(", no "),
        )))
    }

    /// Settings that the class does not support, such as `model.qk_norm = true`.
    fn lacks(&self, model: &ModelConfig) -> Result<Vec<String>> {
        let fields = (self.write)(model);
        let read = (self.read)(&mut Fields::new(Path::new("config.json"), fields));
        let mut lacks = crate::lacks(model, read.ok().as_ref(), self.padded_biases);
        // Since version 5, transformers refuses to open others, although these classes could compute them.
        let strict = [llama::FAMILY.model_type, gemma::GEMMA2.model_type, gemma::GEMMA3.model_type];
        if strict.contains(&self.model_type) && !model.width.is_multiple_of(model.heads) {
            lacks.push(format!("model.width = {} with model.heads = {}", model.width, model.heads));
        }
        if self.model_type == granite::FAMILY.model_type && !model.labels.is_empty() {
            lacks.push("classification head".to_owned());
        }
        Ok(lacks)
    }

    /// Converts a `config.json` to settings. Fails if a field is missing or has an unsupported value; the error names it.
    pub fn read(&self, fields: &mut Fields) -> Result<ModelConfig> {
        let model = (self.read)(fields)?;
        model.validate().map_err(|invalid| fields.error(invalid))?;
        Ok(model)
    }

    /// The fields of `config.json` that describe a model.
    pub fn write(&self, model: &ModelConfig) -> Map<String, Value> {
        (self.write)(model)
    }

    pub fn tensors(&self, model: &ModelConfig, parameters: &Parameters) -> Vec<Tensor> {
        let mut table = TensorTable::new(parameters);
        (self.tensors)(model, &mut table);
        table.whole("score.weight", "classifier.weight");
        table.done()
    }

    /// The `transformers` class for a model: with a classification head if the model has labels.
    pub fn class_of(&self, model: &ModelConfig) -> String {
        if model.labels.is_empty() {
            return self.class.to_owned();
        }
        let name = self.class.trim_end_matches("LMHeadModel").trim_end_matches("ForCausalLM");
        let text = if self.model_type.ends_with("_text") { "Text" } else { "" };
        format!("{name}{text}ForSequenceClassification")
    }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Adds the fields of `more`, an object.
fn with(mut fields: Map<String, Value>, more: Value) -> Map<String, Value> {
    fields.extend(object(more));
    fields
}

/// For each of the family's head channels, ours. Partial rotation pairs their channels i and i + R/2, ours i and i + D/2.
/// Channels that are not rotated fill the places between.
fn rotary_order(model: &ModelConfig) -> Vec<usize> {
    let head_size = model.head_size;
    let turning = match &model.position {
        Position::Rope(rope) => rope.channels.unwrap_or(head_size),
        _ => head_size,
    };
    let (pairs, half) = (turning / 2, head_size / 2);
    let lows = (0..pairs).chain(pairs..half);
    let highs = (half..half + pairs).chain(half + pairs..head_size);
    let turning = lows.clone().take(pairs).chain(highs.clone().take(pairs));
    turning.chain(lows.skip(pairs)).chain(highs.skip(pairs)).collect()
}

/// Our rows of queries, keys and values, with the family's order of channels.
pub(crate) fn packed_rows(model: &ModelConfig) -> Rows {
    let (turned, size) = (model.heads + model.kv_heads, model.head_size);
    let values = turned * size..(turned + model.kv_heads) * size;
    Rows::from_heads(0, turned, &rotary_order(model)).and(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensors::tests::covers;
    use glasshouse_protocol::{Residual, Rope, RopeScaling};
    use serde_json::json;

    /// A small `config.json` of each family with its specific features.
    fn examples() -> Vec<Value> {
        let llama = json!({
            "vocab_size": 29, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 4,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
        });
        let like = |model_type: &str, own: Value| {
            let mut fields = object(llama.clone());
            fields.insert("model_type".to_owned(), json!(model_type));
            fields.extend(object(own));
            Value::Object(fields)
        };
        vec![
            json!({ "model_type": "gpt2", "vocab_size": 29, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 16 }),
            like(
                "llama",
                json!({ "rope_theta": 5e5, "rope_scaling": {
                    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 32,
                }}),
            ),
            like("qwen3", json!({ "tie_word_embeddings": true })),
            like("qwen2", json!({ "rope_parameters": { "rope_type": "default", "rope_theta": 1e6 } })),
            like("mistral", json!({ "sliding_window": 16 })),
            like(
                "ministral",
                json!({ "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"] }),
            ),
            like("smollm3", json!({ "mlp_bias": true })),
            like("gemma", json!({ "hidden_act": "gelu" })),
            like("gpt_neox", json!({ "rotary_pct": 0.67, "head_dim": null, "num_key_value_heads": null })),
            like("phi", json!({ "head_dim": null, "partial_rotary_factor": 0.67 })),
            like(
                "phi3",
                json!({ "head_dim": null, "partial_rotary_factor": 0.67, "sliding_window": 16, "rope_scaling": {
                    "type": "longrope", "short_factor": [1.0, 1.5], "long_factor": [2.0, 4.0],
                }, "original_max_position_embeddings": 32 }),
            ),
            like(
                "granite",
                json!({
                    "attention_multiplier": 0.0625, "embedding_multiplier": 12.0, "logits_scaling": 8.0,
                    "residual_multiplier": 0.22, "rope_scaling": {
                        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 0.7,
                        "mscale_all_dim": 1.0,
                    },
                }),
            ),
            like("olmo2", json!({ "rope_scaling": { "rope_type": "dynamic", "factor": 2.0 } })),
            like(
                "gemma3_text",
                json!({
                    "sliding_window": 16, "sliding_window_pattern": 2, "query_pre_attn_scalar": 24,
                    "rope_local_base_freq": 100.0, "rope_scaling": { "rope_type": "linear", "factor": 8.0 },
                }),
            ),
            json!({
                "model_type": "gpt_neo", "vocab_size": 29, "hidden_size": 24, "num_layers": 4, "num_heads": 3,
                "max_position_embeddings": 64, "window_size": 16, "attention_types": [[["global", "local"], 2]],
            }),
            like(
                "mixtral",
                json!({ "num_local_experts": 3, "num_experts_per_tok": 2, "sliding_window": null }),
            ),
            like(
                "qwen3_moe",
                json!({ "num_experts": 4, "num_experts_per_tok": 3, "moe_intermediate_size": 20 }),
            ),
            like(
                "gemma2",
                json!({ "attn_logit_softcapping": 5.0, "sliding_window": 16, "query_pre_attn_scalar": 24 }),
            ),
            like(
                "olmo3",
                json!({ "head_dim": null, "sliding_window": 16, "rope_scaling": { "rope_type": "linear", "factor": 8.0 } }),
            ),
            like("starcoder2", json!({ "head_dim": null, "sliding_window": 16 })),
            like(
                "stablelm",
                json!({ "head_dim": null, "partial_rotary_factor": 0.67, "use_qkv_bias": true, "use_parallel_residual": true }),
            ),
        ]
    }

    fn read(config: &Value) -> (&'static Family, ModelConfig) {
        let map = object(config.clone());
        let family = Family::named(map["model_type"].as_str().unwrap()).unwrap();
        let model = family.read(&mut Fields::new(Path::new("config.json"), map)).unwrap();
        (family, model)
    }

    #[test]
    fn every_family_reads_what_it_writes_and_is_the_first_to_say_it() {
        for config in examples() {
            let (family, model) = read(&config);
            assert_eq!(family.lacks(&model).unwrap(), Vec::<String>::new(), "{family:?}");
            let first = Family::for_model(&model, None).unwrap();
            assert_eq!(first.model_type, family.model_type, "{model:?}");
            assert_eq!(Family::for_model(&model, Some("phi")).unwrap().model_type, family.model_type);
        }
        assert_eq!(examples().len(), FAMILIES.len());
    }

    #[test]
    fn every_tensor_is_a_place_of_its_own_and_goes_both_ways() {
        for config in examples() {
            let (family, model) = read(&config);
            let parameters = Parameters::new(&model).unwrap();
            let tensors = family.tensors(&model, &parameters);
            covers(&parameters, &tensors).unwrap_or_else(|reason| panic!("{family:?}: {reason}"));
            let arena: Vec<f32> = (0..parameters.count()).map(|at| at as f32).collect();
            let mut back = vec![0.0; arena.len()];
            for tensor in &tensors {
                let entries = tensor.gather(&parameters, &arena).unwrap();
                assert_eq!(entries.len(), tensor.shape.iter().product::<usize>(), "{}", tensor.name);
                // Two rows at a time, like reading from a file.
                let columns: usize = tensor.shape.iter().skip(1).product();
                for (number, entries) in entries.chunks(2 * columns).enumerate() {
                    tensor.scatter(&parameters, &mut back, 2 * number, entries).unwrap();
                }
            }
            for tensor in &tensors {
                let (one, other) = (tensor.gather(&parameters, &arena), tensor.gather(&parameters, &back));
                assert_eq!(one.unwrap(), other.unwrap(), "{family:?} {}", tensor.name);
            }
        }
    }

    #[test]
    fn what_no_class_has_is_named() {
        let (_, llama) = read(&examples()[1]);
        let refused = |model: ModelConfig| Family::for_model(&model, None).unwrap_err().to_string();
        let text = refused(ModelConfig { qk_norm: true, embedding_scale: 3.0, ..llama.clone() });
        assert!(text.contains("model.embedding_scale = 3"), "{text}");
        let partial = Position::Rope(Rope { channels: Some(4), ..Rope::new(1e4) });
        let text = refused(ModelConfig { qk_norm: true, position: partial, ..llama.clone() });
        assert!(text.contains("model.position.channels = 4"), "{text}");
        let text = refused(ModelConfig { residual: Residual::Parallel, ..llama.clone() });
        assert!(text.contains("model.residual = parallel"), "{text}");
        let text = refused(ModelConfig { position: Position::Learned, ..llama });
        assert!(text.contains("model.position.kind = learned"), "{text}");
    }

    #[test]
    fn what_cannot_be_represented_is_refused_by_field_and_value() {
        for (at, field, value, named) in [
            (0, "scale_attn_by_inverse_layer_idx", json!(true), "is true"),
            (0, "activation_function", json!("mish"), "\"mish\""),
            (
                1,
                "rope_scaling",
                json!({ "rope_type": "proportional", "factor": 4.0 }),
                "rope_scaling.rope_type is \"proportional\"",
            ),
            (1, "rope_scaling", json!("linear"), "expected an object"),
            (1, "rope_scaling", json!({ "rope_type": "linear" }), "it has no factor"),
            (
                1,
                "rope_scaling",
                json!({ "rope_type": "default", "partial_rotary_factor": 0.5 }),
                "4 of 8 channels",
            ),
            (
                1,
                "rope_scaling",
                json!({ "rope_type": "default", "beta_fast": 32 }),
                "rope_scaling.beta_fast is 32",
            ),
            (1, "partial_rotary_factor", json!(0.5), "partial_rotary_factor is 0.5"),
            (7, "hidden_activation", json!("silu"), "hidden_activation is"),
            (1, "hidden_act", json!("relu"), "\"relu\""),
            (1, "num_attention_heads", json!("four"), "expected a whole number"),
            (1, "num_attention_heads", json!(-4), "expected a whole number"),
            (1, "vocab_size", json!(1_u64 << 60), "model.vocabulary"),
            (1, "layer_types", json!(["full_attention", "sliding_attention"]), "sliding_attention"),
            (5, "layer_types", json!(["full_attention"]), "one entry per layer"),
            (
                5,
                "layer_types",
                json!(["full_attention", "chunked_attention", "full_attention", "full_attention"]),
                "chunked",
            ),
            (6, "use_sliding_window", json!(true), "use_sliding_window is true"),
            (6, "no_rope_layers", json!([1, 0, 0, 1]), "no_rope_layers"),
            (8, "hidden_size", json!(25), "not a multiple of"),
            (9, "qk_layernorm", json!(true), "qk_layernorm is true"),
            (10, "rope_scaling", json!({ "type": "linear", "factor": 2.0 }), "no other scaling"),
            (10, "rope_scaling", json!({ "type": "longrope", "short_factor": 1 }), "short_factor is 1"),
            (13, "attn_logit_softcapping", json!(50.0), "attn_logit_softcapping is 50"),
            (
                13,
                "rope_parameters",
                json!({ "sliding_attention": { "rope_type": "linear", "factor": 2.0 } }),
                "only the layers of full attention",
            ),
            (17, "attn_logit_softcapping", json!(0.0), "model.attention_softcap"),
            (17, "attn_logit_softcapping", json!("50"), "expected a number"),
            (14, "attention_types", json!([[["global"], 1_u64 << 60]]), "attention_types"),
            (14, "attention_types", json!([[["global", "sparse"], 2]]), "attention_types"),
            (14, "attention_layers", json!(["global"]), "attention_layers is [\"global\"]"),
        ] {
            let mut map = object(examples()[at].clone());
            map.insert(field.to_owned(), value);
            let family = Family::named(map["model_type"].as_str().unwrap()).unwrap();
            let error = family.read(&mut Fields::new(Path::new("config.json"), map)).unwrap_err().to_string();
            assert!(error.contains(named), "{field}: {error}");
        }
    }

    #[test]
    fn partial_rotation_pairs_their_channels_as_ours_pair() {
        let (_, phi) = read(&examples()[9]);
        let order = |channels, head_size| {
            let position = Position::Rope(Rope { channels, ..Rope::new(10.0) });
            rotary_order(&ModelConfig { position, head_size, ..phi.clone() })
        };
        assert_eq!(order(None, 6), [0, 1, 2, 3, 4, 5]);
        // Theirs rotates 0 with 2 and 1 with 3; ours 0 with 4 and 1 with 5.
        assert_eq!(order(Some(4), 8), [0, 1, 4, 5, 2, 3, 6, 7]);
        for (channels, size) in [(2, 4), (2, 10), (6, 8), (10, 10)] {
            let mut order = order(Some(channels), size);
            order.sort_unstable();
            assert!(order.into_iter().eq(0..size), "{channels} of {size}");
        }
    }

    #[test]
    fn null_is_what_the_class_makes_of_it() {
        let kv_heads = |value: Option<Value>| {
            let mut map = object(examples()[3].clone());
            map.remove("num_key_value_heads");
            map.extend(value.map(|value| ("num_key_value_heads".to_owned(), value)));
            let model = Family::named("qwen2").unwrap().read(&mut Fields::new(Path::new("config.json"), map));
            model.map(|model| model.kv_heads).map_err(|error| error.to_string())
        };
        assert_eq!(kv_heads(Some(Value::Null)), Ok(4));
        // The class's default of 32 is not divisible by four heads.
        assert!(kv_heads(None).unwrap_err().contains("model.kv_heads (32)"));
    }

    #[test]
    fn shares_of_channels_come_back() {
        let (family, phi) = read(&examples()[9]);
        for (channels, head_size) in
            (1..129).flat_map(|pairs| (1..pairs).map(move |turning| (2 * turning, 2 * pairs)))
        {
            let position = Position::Rope(Rope { channels: Some(channels), ..Rope::new(1e4) });
            let model = ModelConfig { head_size, width: 4 * head_size, position, ..phi.clone() };
            assert_eq!(family.lacks(&model).unwrap(), Vec::<String>::new(), "{channels} of {head_size}");
        }
    }

    #[test]
    fn angles_are_read_in_both_dialects() {
        let rope = |model: &ModelConfig| match &model.position {
            Position::Rope(rope) => rope.clone(),
            _ => panic!("no rotary positions"),
        };
        let (_, llama) = read(&examples()[1]);
        assert_eq!(rope(&llama).base, 5e5);
        assert!(matches!(
            rope(&llama).scaling,
            Some(RopeScaling::Llama3 { original_context_length: 32, .. })
        ));
        let (_, qwen) = read(&examples()[3]);
        assert_eq!(rope(&qwen), Rope::new(1e6));
        let (_, neox) = read(&examples()[8]);
        // Of a head size of 24 ÷ 4.
        assert_eq!(rope(&neox).channels, Some(4));
        // Both dialects of Gemma 3, which has a base for each kind of layer.
        let (family, gemma) = read(&examples()[13]);
        assert_eq!((rope(&gemma).base, rope(&gemma).local_base), (1e6, Some(100.0)));
        assert_eq!(gemma.full_attention, [1, 3]);
        let mut written = family.write(&gemma);
        for old in ["rope_theta", "rope_local_base_freq", "rope_scaling"] {
            written.remove(old);
        }
        assert_eq!(family.read(&mut Fields::new(Path::new("config.json"), written)).unwrap(), gemma);
    }

    #[test]
    fn caps_of_gemma_2_are_the_class_s_unless_they_are_null() {
        let caps = |own: Value| {
            let mut map = object(examples()[17].clone());
            map.remove("attn_logit_softcapping");
            map.extend(object(own));
            let (_, model) = read(&Value::Object(map));
            assert_eq!(model.full_attention, [1, 3]);
            (model.attention_softcap, model.logit_softcap)
        };
        assert_eq!(caps(json!({})), (Some(50.0), Some(30.0)));
        assert_eq!(
            caps(json!({ "attn_logit_softcapping": null, "final_logit_softcapping": 7 })),
            (None, Some(7.0))
        );
    }

    #[test]
    fn attention_factors_are_those_of_the_class() {
        let factor = |at: usize, scaling: Value| {
            let mut map = object(examples()[at].clone());
            map.insert("rope_scaling".to_owned(), scaling);
            let Position::Rope(rope) = read(&Value::Object(map)).1.position else {
                panic!("no rotary positions")
            };
            match rope.scaling {
                Some(
                    RopeScaling::Yarn { attention_factor, .. }
                    | RopeScaling::Longrope { attention_factor, .. },
                ) => attention_factor,
                other => panic!("{other:?}"),
            }
        };
        let yarn = |own: Value| {
            let mut fields = object(json!({ "rope_type": "yarn", "factor": 4.0 }));
            fields.extend(object(own));
            factor(1, Value::Object(fields))
        };
        assert_eq!(yarn(json!({})), None);
        assert_eq!(yarn(json!({ "mscale": 1.0 })), None);
        assert_eq!(
            yarn(json!({ "attention_factor": 1.25, "mscale": 1.0, "mscale_all_dim": 2.0 })),
            Some(1.25)
        );
        // (0.1 · 0.5 · ln 4 + 1) / (0.1 · 2 · ln 4 + 1)
        let of_scales = yarn(json!({ "mscale": 0.5, "mscale_all_dim": 2.0 })).unwrap();
        assert!((of_scales - 0.837_195).abs() < 1e-6, "{of_scales}");
        // √(1 + ln 2 / ln 32): 64 positions instead of 32.
        let longrope = json!({ "type": "su", "short_factor": [1, 1.5], "long_factor": [2, 4] });
        let of_length = factor(10, longrope).unwrap();
        assert!((of_length - 1.2_f32.sqrt()).abs() < 1e-6, "{of_length}");
    }
}
