//! Our parameters under the names and in the layouts of `transformers`.

use super::Architecture;
use crate::error::{Error, Result};
use crate::graph::{Parameter, ParameterId};
use crate::model::{Purpose, build};
use crate::plan::arena::ArenaLayout;
use crate::platform::{self, Turns};
use glasshouse_protocol::{ModelConfig, NormKind};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::{BTreeMap, HashMap};

/// A tensor to write: shape and entries.
struct Tensor {
    shape: Vec<usize>,
    entries: Vec<f32>,
}

/// Our weights by name, rows of columns.
struct Source<'run> {
    parameters: Vec<Parameter>,
    by_name: HashMap<String, usize>,
    layout: ArenaLayout,
    arena: &'run [f32],
}

impl Source<'_> {
    fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    fn take(&self, name: &str) -> Result<Tensor> {
        let missing = || Error::Internal(format!("the model has no parameter {name}"));
        let at = *self.by_name.get(name).ok_or_else(missing)?;
        let entries = self.arena.get(self.layout.range(ParameterId(at as u32))).ok_or_else(missing)?.to_vec();
        Ok(Tensor { shape: self.parameters[at].ty.shape.clone(), entries })
    }

    /// Rows of a matrix, or entries of a vector.
    fn rows(&self, name: &str, rows: std::ops::Range<usize>) -> Result<Tensor> {
        let whole = self.take(name)?;
        let columns: usize = whole.shape.iter().skip(1).product();
        let mut shape = whole.shape;
        if let Some(first) = shape.first_mut() {
            *first = rows.len();
        }
        let entries = whole.entries[rows.start * columns..rows.end * columns].to_vec();
        Ok(Tensor { shape, entries })
    }

    /// A vector, or zeros where the model has none.
    fn vector_or_zeros(&self, name: &str, size: usize) -> Result<Tensor> {
        if self.has(name) {
            self.take(name)
        } else {
            Ok(Tensor { shape: vec![size], entries: vec![0.0; size] })
        }
    }
}

/// [out, in] as [in, out]: GPT-2's layers are stored as `Conv1D`.
fn transposed(tensor: &Tensor) -> Tensor {
    platform::pulse();
    let (rows, columns) = (tensor.shape[0], tensor.shape[1]);
    let entries = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    Tensor { shape: vec![columns, rows], entries: entries.map(|at| tensor.entries[at]).collect() }
}

/// `model.safetensors`, whole.
pub(super) async fn safetensors(
    model: &ModelConfig,
    architecture: Architecture,
    arena: &[f32],
    turns: &Turns,
) -> Result<Vec<u8>> {
    let parameters = build(model, Purpose::Window { time: 1 })?.graph.parameters;
    let layout = ArenaLayout::of_parameters(&parameters);
    let by_name = parameters.iter().enumerate().map(|(at, parameter)| (parameter.name.clone(), at)).collect();
    let source = Source { parameters, by_name, layout, arena };
    let tensors = match architecture {
        Architecture::Gpt2 => gpt2(model, &source)?,
        Architecture::Llama | Architecture::Qwen3 => llama(model, &source)?,
    };
    let mut bytes = BTreeMap::<String, (Vec<usize>, Vec<u8>)>::new();
    for (name, tensor) in tensors {
        platform::pulse();
        turns.give().await;
        let entries = tensor.entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        bytes.insert(name, (tensor.shape, entries));
    }
    let views = bytes
        .iter()
        .map(|(name, (shape, bytes))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
                .map_err(|error| Error::Internal(format!("{name}: {error}")))?;
            Ok((name.as_str(), view))
        })
        .collect::<Result<Vec<_>>>()?;
    // `transformers` refuses a file without this entry.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| Error::Internal(error.to_string()))
}

fn gpt2(model: &ModelConfig, source: &Source<'_>) -> Result<BTreeMap<String, Tensor>> {
    debug_assert_eq!(model.norm.kind, NormKind::Layer);
    let width = model.width;
    let mut tensors = BTreeMap::new();
    let mut put = |name: String, tensor: Tensor| tensors.insert(name, tensor);
    put("transformer.wte.weight".into(), source.take("embedding.tokens")?);
    put("transformer.wpe.weight".into(), source.take("embedding.positions")?);
    for block in 0..model.layers {
        let (ours, theirs) = (format!("blocks.{block}"), format!("transformer.h.{block}"));
        for (our_part, their_part) in [("attention.norm", "ln_1"), ("mlp.norm", "ln_2")] {
            put(format!("{theirs}.{their_part}.weight"), source.take(&format!("{ours}.{our_part}.weight"))?);
            let bias = source.vector_or_zeros(&format!("{ours}.{our_part}.bias"), width)?;
            put(format!("{theirs}.{their_part}.bias"), bias);
        }
        for (our_part, their_part, out) in [
            ("attention.qkv", "attn.c_attn", 3 * width),
            ("attention.output", "attn.c_proj", width),
            ("mlp.up", "mlp.c_fc", model.mlp.hidden),
            ("mlp.down", "mlp.c_proj", width),
        ] {
            let weight = source.take(&format!("{ours}.{our_part}.weight"))?;
            put(format!("{theirs}.{their_part}.weight"), transposed(&weight));
            let bias = source.vector_or_zeros(&format!("{ours}.{our_part}.bias"), out)?;
            put(format!("{theirs}.{their_part}.bias"), bias);
        }
    }
    put("transformer.ln_f.weight".into(), source.take("norm.weight")?);
    put("transformer.ln_f.bias".into(), source.vector_or_zeros("norm.bias", width)?);
    if !model.tied_head {
        put("lm_head.weight".into(), source.take("head.weight")?);
    }
    Ok(tensors)
}

fn llama(model: &ModelConfig, source: &Source<'_>) -> Result<BTreeMap<String, Tensor>> {
    let mut tensors = BTreeMap::new();
    let mut put = |name: String, tensor: Tensor| tensors.insert(name, tensor);
    put("model.embed_tokens.weight".into(), source.take("embedding.tokens")?);
    let queries = model.heads * model.head_size;
    let keys = model.kv_heads * model.head_size;
    let hidden = model.mlp.hidden;
    for block in 0..model.layers {
        let (ours, theirs) = (format!("blocks.{block}"), format!("model.layers.{block}"));
        put(
            format!("{theirs}.input_layernorm.weight"),
            source.take(&format!("{ours}.attention.norm.weight"))?,
        );
        put(
            format!("{theirs}.post_attention_layernorm.weight"),
            source.take(&format!("{ours}.mlp.norm.weight"))?,
        );
        let kinds: &[&str] = if model.bias { &["weight", "bias"] } else { &["weight"] };
        for kind in kinds {
            let packed = format!("{ours}.attention.qkv.{kind}");
            for (part, rows) in [
                ("q_proj", 0..queries),
                ("k_proj", queries..queries + keys),
                ("v_proj", queries + keys..queries + 2 * keys),
            ] {
                put(format!("{theirs}.self_attn.{part}.{kind}"), source.rows(&packed, rows)?);
            }
            let output = source.take(&format!("{ours}.attention.output.{kind}"))?;
            put(format!("{theirs}.self_attn.o_proj.{kind}"), output);
            let packed = format!("{ours}.mlp.up.{kind}");
            put(format!("{theirs}.mlp.gate_proj.{kind}"), source.rows(&packed, 0..hidden)?);
            put(format!("{theirs}.mlp.up_proj.{kind}"), source.rows(&packed, hidden..2 * hidden)?);
            put(format!("{theirs}.mlp.down_proj.{kind}"), source.take(&format!("{ours}.mlp.down.{kind}"))?);
        }
        if model.qk_norm {
            put(
                format!("{theirs}.self_attn.q_norm.weight"),
                source.take(&format!("{ours}.attention.query_norm"))?,
            );
            put(
                format!("{theirs}.self_attn.k_norm.weight"),
                source.take(&format!("{ours}.attention.key_norm"))?,
            );
        }
    }
    put("model.norm.weight".into(), source.take("norm.weight")?);
    if !model.tied_head {
        put("lm_head.weight".into(), source.take("head.weight")?);
    }
    Ok(tensors)
}
