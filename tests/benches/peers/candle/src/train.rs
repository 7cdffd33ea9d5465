//! A training step from candle's own linear layers, norms, embedding, loss and AdamW.
//!
//! candle's norm with a bias and its fused softmax have no backward pass, so the plain ones are used. candle has no clipping by
//! the norm of all gradients, and an optimizer applies one weight decay to all of its variables: hence the clipping function
//! and the two optimizers.

use anyhow::{Context, Result};
use candle_core::backprop::GradStore;
use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::ops::softmax;
use candle_nn::{AdamW, Embedding, LayerNorm, Linear, Module, Optimizer, ParamsAdamW, loss};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Instant;

/// Steps before the measurement starts; the runner drops the same number.
const WARM_UP: usize = 3;
/// If a step takes longer than this, only a few are measured.
const SLOW_MS: f64 = 5000.0;

struct Block {
    attention_norm: LayerNorm,
    qkv: Linear,
    output: Linear,
    mlp_norm: LayerNorm,
    up: Linear,
    down: Linear,
}

struct Model {
    tokens: Embedding,
    positions: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
    heads: usize,
    /// `[T, T]`: 0 where a token may attend, minus infinity elsewhere.
    mask: Tensor,
}

impl Model {
    fn new(variables: &HashMap<String, Var>, heads: usize) -> Result<Self> {
        let weight = |name: String| {
            let found = variables.get(&name).with_context(|| format!("the problem lacks {name}"));
            found.map(|variable| variable.as_tensor().clone())
        };
        let linear = |name: String| anyhow::Ok(Linear::new(weight(format!("{name}.weight"))?, None));
        let norm = |name: String| anyhow::Ok(LayerNorm::new_no_bias(weight(format!("{name}.weight"))?, 1e-5));
        let depth =
            (0..).take_while(|at| variables.contains_key(&format!("blocks.{at}.mlp.up.weight"))).count();
        let blocks = (0..depth).map(|at| {
            Ok(Block {
                attention_norm: norm(format!("blocks.{at}.attention.norm"))?,
                qkv: linear(format!("blocks.{at}.attention.qkv"))?,
                output: linear(format!("blocks.{at}.attention.output"))?,
                mlp_norm: norm(format!("blocks.{at}.mlp.norm"))?,
                up: linear(format!("blocks.{at}.mlp.up"))?,
                down: linear(format!("blocks.{at}.mlp.down"))?,
            })
        });
        let embedding = weight("embedding.tokens".to_owned())?;
        let positions = weight("embedding.positions".to_owned())?;
        let (context, width) = positions.dims2()?;
        let future =
            |query: usize| (0..context).map(move |key| if key > query { f32::NEG_INFINITY } else { 0.0 });
        let mask: Vec<f32> = (0..context).flat_map(future).collect();
        Ok(Self {
            tokens: Embedding::new(embedding.clone(), width),
            blocks: blocks.collect::<Result<_>>()?,
            norm: norm("norm".to_owned())?,
            head: Linear::new(embedding, None),
            heads,
            mask: Tensor::from_vec(mask, (context, context), positions.device())?,
            positions,
        })
    }

    fn attention(&self, block: &Block, x: &Tensor) -> candle_core::Result<Tensor> {
        let (batch, time, width) = x.dims3()?;
        let size = width / self.heads;
        let qkv = block.qkv.forward(x)?;
        let part = |at: usize| {
            let part = qkv.narrow(D::Minus1, at * width, width)?;
            part.reshape((batch, time, self.heads, size))?.transpose(1, 2)?.contiguous()
        };
        let (query, key, value) = (part(0)?, part(1)?, part(2)?);
        let scores = (query.matmul(&key.t()?)? / (size as f64).sqrt())?;
        let shares = softmax(&scores.broadcast_add(&self.mask)?, D::Minus1)?;
        let mixed = shares.matmul(&value)?.transpose(1, 2)?.reshape((batch, time, width))?;
        block.output.forward(&mixed)
    }

    fn loss(&self, tokens: &Tensor, targets: &Tensor) -> candle_core::Result<Tensor> {
        let mut x = self.tokens.forward(tokens)?.broadcast_add(&self.positions)?;
        for block in &self.blocks {
            x = (&x + self.attention(block, &block.attention_norm.forward(&x)?)?)?;
            let hidden = block.up.forward(&block.mlp_norm.forward(&x)?)?.gelu_erf()?;
            x = (&x + block.down.forward(&hidden)?)?;
        }
        let logits = self.head.forward(&self.norm.forward(&x)?)?;
        loss::cross_entropy(&logits.flatten_to(1)?, targets)
    }
}

/// Scales all gradients so that their joint norm is at most 1.
fn clip(gradients: &mut GradStore, variables: &HashMap<String, Var>) -> candle_core::Result<()> {
    let mut squares = 0.0;
    for variable in variables.values() {
        if let Some(gradient) = gradients.get(variable) {
            squares += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
    }
    let scale = 1.0 / (squares.sqrt() + 1e-6);
    if scale < 1.0 {
        for variable in variables.values() {
            if let Some(gradient) = gradients.get(variable) {
                let scaled = (gradient * scale)?;
                gradients.insert(variable, scaled);
            }
        }
    }
    Ok(())
}

/// Trains on the problem's batch. Returns the `losses` (before each update) and `milliseconds` of every step, including the
/// warm-up.
pub fn train(problem: &str, heads: usize, repeats: usize) -> Result<Value> {
    let device = Device::Cpu;
    let mut loaded = candle_core::safetensors::load(problem, &device)?;
    let mut ids = |name: &str| {
        let tensor = loaded.remove(name).with_context(|| format!("{problem} lacks {name}"))?;
        anyhow::Ok(tensor.to_dtype(DType::U32)?)
    };
    let (tokens, targets) = (ids("tokens")?, ids("targets")?.flatten_all()?);
    let variables: HashMap<String, Var> = loaded
        .into_iter()
        .map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?)))
        .collect::<Result<_>>()?;
    let model = Model::new(&variables, heads)?;
    let (matrices, vectors): (Vec<Var>, Vec<Var>) =
        variables.values().cloned().partition(|variable| variable.rank() >= 2);
    let settings = |weight_decay| ParamsAdamW { lr: 1e-3, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay };
    let mut decayed = AdamW::new(matrices, settings(0.1))?;
    let mut plain = AdamW::new(vectors, settings(0.0))?;
    let (mut losses, mut milliseconds) = (Vec::new(), Vec::new());
    let mut steps = (WARM_UP + repeats).max(21);
    while losses.len() < steps {
        let began = Instant::now();
        let loss = model.loss(&tokens, &targets)?;
        let mut gradients = loss.backward()?;
        clip(&mut gradients, &variables)?;
        decayed.step(&gradients)?;
        plain.step(&gradients)?;
        losses.push(loss.to_scalar::<f32>()?);
        milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
        if losses.len() == 2 && milliseconds.last().is_some_and(|&last| last > SLOW_MS) {
            steps = 4;
        }
    }
    Ok(json!({ "device": "cpu", "losses": losses, "milliseconds": milliseconds }))
}
