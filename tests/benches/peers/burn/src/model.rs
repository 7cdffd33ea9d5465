//! The problem file, and nanoGPT's decoder built from burn's modules with the weights in that file.

use anyhow::{Context, Result, bail};
use burn::module::{Module, Param};
use burn::nn::activation::Gelu;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Int, Tensor, TensorData, module};
use safetensors::SafeTensors;

/// The bytes of a problem file.
pub struct Problem {
    path: String,
    bytes: Vec<u8>,
}

impl Problem {
    pub fn read(path: &str) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("{path} cannot be read"))?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// A tensor's four-byte entries, each decoded with `entry`, and its shape.
    fn entries<E>(&self, name: &str, entry: fn([u8; 4]) -> E) -> Result<(Vec<E>, Vec<usize>)> {
        let file =
            SafeTensors::deserialize(&self.bytes).with_context(|| format!("{} is damaged", self.path))?;
        let tensor = file.tensor(name).with_context(|| format!("{} lacks {name}", self.path))?;
        let (quads, _) = tensor.data().as_chunks::<4>();
        Ok((quads.iter().map(|quad| entry(*quad)).collect(), tensor.shape().to_vec()))
    }

    /// Token ids and their shape.
    pub fn ids(&self, name: &str) -> Result<(Vec<i32>, Vec<usize>)> {
        self.entries(name, i32::from_le_bytes)
    }

    fn has(&self, name: &str) -> bool {
        SafeTensors::deserialize(&self.bytes).is_ok_and(|file| file.tensor(name).is_ok())
    }

    fn parameter<const D: usize>(&self, name: &str, device: &Device) -> Result<Param<Tensor<D>>> {
        let (entries, shape) = self.entries(name, f32::from_le_bytes)?;
        Ok(Param::from_data(TensorData::new(entries, shape), device))
    }

    /// A layer with the file's weights `[out, in]`, which burn stores as `[in, out]`.
    fn linear(&self, name: &str, device: &Device) -> Result<Linear> {
        let (entries, shape) = self.entries(&format!("{name}.weight"), f32::from_le_bytes)?;
        let [outputs, inputs] = shape[..] else { bail!("{name}.weight is no matrix") };
        let transposed =
            (0..inputs).flat_map(|input| (0..outputs).map(move |output| output * inputs + input));
        let entries: Vec<f32> = transposed.map(|at| entries[at]).collect();
        let mut layer = LinearConfig::new(inputs, outputs).with_bias(false).init(device);
        layer.weight = Param::from_data(TensorData::new(entries, [inputs, outputs]), device);
        Ok(layer)
    }

    fn norm(&self, name: &str, device: &Device) -> Result<LayerNorm> {
        let gamma = self.parameter::<1>(&format!("{name}.weight"), device)?;
        let [width] = gamma.val().dims();
        let mut norm = LayerNormConfig::new(width).with_bias(false).init(device);
        norm.gamma = gamma;
        Ok(norm)
    }
}

#[derive(Module, Debug)]
pub struct Block {
    attention_norm: LayerNorm,
    qkv: Linear,
    output: Linear,
    mlp_norm: LayerNorm,
    up: Linear,
    down: Linear,
}

#[derive(Module, Debug)]
pub struct Model {
    tokens: Embedding,
    positions: Param<Tensor<2>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    heads: usize,
}

impl Model {
    pub fn new(problem: &Problem, heads: usize, device: &Device) -> Result<Self> {
        let weight = problem.parameter::<2>("embedding.tokens", device)?;
        let [vocabulary, width] = weight.val().dims();
        let mut tokens = EmbeddingConfig::new(vocabulary, width).init(device);
        tokens.weight = weight;
        let mut blocks = Vec::new();
        while problem.has(&format!("blocks.{}.mlp.up.weight", blocks.len())) {
            let block = format!("blocks.{}", blocks.len());
            blocks.push(Block {
                attention_norm: problem.norm(&format!("{block}.attention.norm"), device)?,
                qkv: problem.linear(&format!("{block}.attention.qkv"), device)?,
                output: problem.linear(&format!("{block}.attention.output"), device)?,
                mlp_norm: problem.norm(&format!("{block}.mlp.norm"), device)?,
                up: problem.linear(&format!("{block}.mlp.up"), device)?,
                down: problem.linear(&format!("{block}.mlp.down"), device)?,
            });
        }
        let positions = problem.parameter("embedding.positions", device)?;
        Ok(Self { tokens, positions, blocks, norm: problem.norm("norm", device)?, heads })
    }

    /// The parameters with weight decay.
    pub fn matrices(&self) -> Vec<&Param<Tensor<2>>> {
        let of_blocks = self.blocks.iter().flat_map(|block| {
            let Block { qkv, output, up, down, .. } = block;
            [&qkv.weight, &output.weight, &up.weight, &down.weight]
        });
        [&self.tokens.weight, &self.positions].into_iter().chain(of_blocks).collect()
    }

    /// The parameters without weight decay.
    pub fn vectors(&self) -> Vec<&Param<Tensor<1>>> {
        let of_blocks =
            self.blocks.iter().flat_map(|block| [&block.attention_norm.gamma, &block.mlp_norm.gamma]);
        of_blocks.chain([&self.norm.gamma]).collect()
    }

    fn attention(&self, block: &Block, x: Tensor<3>) -> Tensor<3> {
        let [batch, time, width] = x.dims();
        let qkv = block.qkv.forward(x);
        let part = |at: usize| {
            let part = qkv.clone().narrow(2, at * width, width);
            part.reshape([batch, time, self.heads, width / self.heads]).swap_dims(1, 2)
        };
        let causal = AttentionModuleOptions { is_causal: true, ..Default::default() };
        let mixed = module::attention(part(0), part(1), part(2), None, None, causal);
        block.output.forward(mixed.swap_dims(1, 2).reshape([batch, time, width]))
    }

    /// Mean loss for tokens `[B, T]` and targets `[B·T]`.
    pub fn loss(&self, tokens: Tensor<2, Int>, targets: Tensor<1, Int>) -> Tensor<1> {
        let mut x = self.tokens.forward(tokens) + self.positions.val().unsqueeze::<3>();
        for block in &self.blocks {
            x = x.clone() + self.attention(block, block.attention_norm.forward(x));
            let hidden = Gelu::new().forward(block.up.forward(block.mlp_norm.forward(x.clone())));
            x = x + block.down.forward(hidden);
        }
        let x = self.norm.forward(x).flatten::<2>(0, 1);
        let logits = x.matmul(self.tokens.weight.val().transpose());
        CrossEntropyLossConfig::new().init(&logits.device()).forward(logits, targets)
    }
}
