//! Attribution graphs: the tokens and features that caused the next token (Ameisen et al. 2025, "Circuit Tracing").
//!
//! Transcoders take the place of the MLPs, with an error node for the rest of each output; attention patterns and norms are constants. Then a
//! logit is a sum over nodes, and so is the activation of each feature. All sums are in f64, over the values of one forward pass.

use crate::influence::rank_correlation;
use crate::survey::{RAISED, effects};
use crate::weights::Weights;
use glasshouse_compiler::model::HookPoint;
use glasshouse_inspection::{Attention, Direction, Lens, Tensor, through_norm};
use glasshouse_platform::{OrInternal, Result, Yielder, refuse};
use glasshouse_protocol::features::{Dictionary, FeatureGraph, GraphEdge, GraphNode, GraphSource};
use glasshouse_protocol::inspect::TokenText;
use glasshouse_protocol::{NormPlacement, Residual};
use glasshouse_text::tokenizer::Tokenizer;
use std::ops::Range;

/// Maximum tokens of a prompt: patterns take T² numbers for each head.
const MAX_TOKENS: usize = 128;
/// Features of a block whose inputs are followed, the most influential ones.
const FOLLOWED: usize = 64;
/// Minimum influence of a feature whose inputs are followed.
const LEAST: f64 = 1e-3;
/// Minimum ablated features of a correlation.
const MIN_ABLATED: usize = 3;

/// A dictionary of a block's MLP.
#[derive(Debug)]
pub struct Transcoder {
    pub record: Dictionary,
    pub weights: Weights,
}

/// Something that writes to the residual stream at a position.
pub(crate) struct Node {
    /// 0 for a token, b + 1 for a feature or an error of block b.
    depth: usize,
    position: usize,
    /// A feature with its activation; `None` for tokens and errors.
    pub feature: Option<(usize, f32)>,
    /// [C].
    writes: Vec<f32>,
}

/// A value as a sum over nodes, and a constant from biases.
pub(crate) struct Row {
    /// By node.
    pub shares: Vec<f64>,
    pub constant: f64,
}

/// A model whose parts are linear between nodes: patterns and scales of norms are those of one forward pass.
pub(crate) struct Linear<'a> {
    lens: &'a Lens,
    transcoders: &'a [Transcoder],
    /// H patterns [T,T] of each block.
    patterns: Vec<Vec<Vec<f32>>>,
    /// The stream before each block and after the last, [T,C].
    streams: Vec<Tensor>,
    /// The stream before each MLP, [T,C].
    between: Vec<Tensor>,
    /// Of the next token.
    logits: Vec<f32>,
    /// By depth.
    pub nodes: Vec<Node>,
    /// The nodes of each depth.
    depths: Vec<Range<usize>>,
    yielder: Yielder,
}

fn add(to: &mut [f64], by: f64, row: &[f32]) {
    to.iter_mut().zip(row).for_each(|(to, entry)| *to += by * f64::from(*entry));
}

fn dot(one: &[f64], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * f64::from(*other)).sum()
}

fn is_zero(row: &[f64]) -> bool {
    row.iter().all(|entry| *entry == 0.0)
}

impl<'a> Linear<'a> {
    pub async fn new(lens: &'a mut Lens, transcoders: &'a [Transcoder], tokens: &[u32]) -> Result<Self> {
        let (config, yielder) = (lens.config().clone(), Yielder::new());
        let of_blocks = |point: fn(usize) -> HookPoint| (0..config.layers).map(point).collect::<Vec<_>>();
        let mut probed = Vec::new();
        for point in
            [HookPoint::QueriesKeysValues, HookPoint::Between, HookPoint::MlpInput, HookPoint::MlpOutput]
        {
            probed.push(lens.probe(tokens, &of_blocks(point)).await?);
        }
        let [packed, between, read, written] =
            <[_; 4]>::try_from(probed).ok().or_internal("four kinds of values")?;
        let mut sites: Vec<HookPoint> = (0..=config.layers).map(HookPoint::Stream).collect();
        sites.push(HookPoint::Logits);
        let mut streams = lens.probe(tokens, &sites).await?;
        let logits = streams.pop().or_internal("a text without logits")?;
        let logits = logits.row(tokens.len().saturating_sub(1)).to_vec();
        let mut patterns = Vec::with_capacity(config.layers);
        for (block, packed) in packed.iter().enumerate() {
            let (attention, mut own) = (Attention::new(&config, block, packed), Vec::new());
            for head in 0..config.heads {
                own.push(attention.probabilities(head, &yielder).await);
            }
            patterns.push(own);
        }
        let embedded = streams[0].rows().enumerate();
        let token = |(position, row): (usize, &[f32])| Node {
            depth: 0,
            position,
            feature: None,
            writes: row.to_vec(),
        };
        let mut nodes: Vec<Node> = embedded.map(token).collect();
        let mut depths = Vec::with_capacity(transcoders.len() + 1);
        depths.push(0..nodes.len());
        for (block, Transcoder { record, weights }) in transcoders.iter().enumerate() {
            let (first, depth) = (nodes.len(), block + 1);
            for (position, (x, y)) in read[block].rows().zip(written[block].rows()).enumerate() {
                let mut error: Vec<f32> = y.iter().zip(&weights.decoder_bias).map(|(y, d)| y - d).collect();
                let active = weights.activations(record.settings.k, x).into_iter().enumerate();
                for (feature, activation) in active.filter(|(_, activation)| *activation > 0.0) {
                    let writes: Vec<f32> =
                        weights.direction(feature).iter().map(|entry| activation * entry).collect();
                    error.iter_mut().zip(&writes).for_each(|(error, own)| *error -= own);
                    nodes.push(Node { depth, position, feature: Some((feature, activation)), writes });
                }
                nodes.push(Node { depth, position, feature: None, writes: error });
                yielder.maybe_yield().await;
            }
            depths.push(first..nodes.len());
        }
        Ok(Self { lens, transcoders, patterns, streams, between, logits, nodes, depths, yielder })
    }

    /// The gradient [T,C] of a linear function of the stream at one position.
    fn gradient(&self, position: usize, channels: &[f64]) -> Vec<f64> {
        let mut gradient = vec![0.0; self.streams[0].data.len()];
        gradient[position * channels.len()..][..channels.len()].copy_from_slice(channels);
        gradient
    }

    /// The row of an active feature's input E·x + e.
    pub async fn row_of_feature(&self, node: usize) -> Result<Row> {
        let Node { depth, position, feature, .. } = &self.nodes[node];
        let (feature, _) = feature.or_internal("a node without a feature")?;
        let (block, weights) = (depth - 1, &self.transcoders[depth - 1].weights);
        let reads: Vec<f64> = weights.encoder_row(feature).iter().map(|entry| f64::from(*entry)).collect();
        let stream = self.between[block].row(*position);
        let (channels, bias) = self.through_norm(&format!("blocks.{block}.mlp.norm"), stream, &reads)?;
        let mut gradient = self.gradient(*position, &channels);
        let of_attention = self.attention(block, &mut gradient).await?;
        let mut row = self.row(gradient, block).await?;
        row.constant += f64::from(weights.encoder_bias[feature]) + bias + of_attention;
        Ok(row)
    }

    /// The row of Σ gradient·stream, with the gradient [T,C] of the stream after block `depth` − 1.
    async fn row(&self, mut gradient: Vec<f64>, depth: usize) -> Result<Row> {
        let width = self.lens.config().width;
        let (mut shares, mut constant) = (vec![0.0; self.nodes.len()], 0.0);
        for depth in (0..=depth).rev() {
            for node in self.depths[depth].clone() {
                let Node { position, writes, .. } = &self.nodes[node];
                shares[node] = dot(&gradient[position * width..][..width], writes);
            }
            if let Some(block) = depth.checked_sub(1) {
                let bias = &self.transcoders[block].weights.decoder_bias;
                constant += gradient.chunks_exact(width).map(|row| dot(row, bias)).sum::<f64>();
                constant += self.attention(block, &mut gradient).await?;
            }
        }
        Ok(Row { shares, constant })
    }

    fn through_norm(&self, path: &str, stream: &[f32], reads: &[f64]) -> Result<(Vec<f64>, f64)> {
        let (channels, bias) =
            through_norm(self.lens, path, stream, reads).or_internal("a block without its norm")?;
        Ok((channels, bias.unwrap_or(0.0)))
    }

    /// Turns the gradient of the stream before a block's MLP into that of the stream before the block, and returns what biases add.
    async fn attention(&self, block: usize, gradient: &mut [f64]) -> Result<f64> {
        let (config, heads) = (self.lens.config(), self.lens.heads());
        let (width, size) = (config.width, heads.head_size);
        let (columns, group) = (heads.kv_heads * size, heads.heads / heads.kv_heads);
        let scale = f64::from(config.residual_scale);
        let path = format!("blocks.{block}.attention");
        let weight = |name: &str| self.lens.weight(&format!("{path}.{name}")).map(|(entries, _)| entries);
        let output = weight("output.weight").or_internal("attention without its output")?;
        let packed = weight("qkv.weight").or_internal("attention without its values")?;
        let first = heads.packed() - columns;
        let (mut of_values, mut constant) = (vec![0.0; gradient.len() / width * columns], 0.0);
        for (query, own) in gradient.chunks_exact(width).enumerate().filter(|(_, own)| !is_zero(own)) {
            constant += scale * weight("output.bias").map_or(0.0, |bias| dot(own, bias));
            let mut attended = vec![0.0; heads.width()];
            for (entry, row) in own.iter().zip(output.chunks_exact(heads.width())) {
                add(&mut attended, scale * entry, row);
            }
            for (head, own) in attended.chunks_exact(size).enumerate() {
                let pattern = &self.patterns[block][head];
                let pattern = &pattern[query * pattern.len().isqrt()..][..=query];
                for (position, probability) in pattern.iter().enumerate() {
                    let at = position * columns + head / group * size;
                    for (to, entry) in of_values[at..at + size].iter_mut().zip(own) {
                        *to += f64::from(*probability) * entry;
                    }
                }
            }
            self.yielder.maybe_yield().await;
        }
        let stream = &self.streams[block];
        for (position, own) in of_values.chunks_exact(columns).enumerate().filter(|(_, own)| !is_zero(own)) {
            constant += weight("qkv.bias").map_or(0.0, |bias| dot(own, &bias[first..]));
            let mut reads = vec![0.0; width];
            for (entry, row) in own.iter().zip(packed.chunks_exact(width).skip(first)) {
                add(&mut reads, *entry, row);
            }
            let (channels, bias) =
                self.through_norm(&format!("{path}.norm"), stream.row(position), &reads)?;
            constant += bias;
            let to = gradient[position * width..][..width].iter_mut();
            to.zip(&channels).for_each(|(to, entry)| *to += entry);
            self.yielder.maybe_yield().await;
        }
        Ok(constant)
    }
}

/// Values of all paths from a node to the logit.
struct Paths {
    /// The fraction of the paths' weight that runs through each node. A path's weight is the product of its edges', each divided by the sum of
    /// all absolute values of the same row.
    influence: Vec<f64>,
    /// The change of the logit per whole contribution of the node.
    effect: Vec<f64>,
    /// Influence of features whose inputs were not followed.
    omitted: f64,
}

impl Paths {
    fn add(&mut self, row: &Row, influence: f64, effect: f64) {
        let sum = row.shares.iter().map(|share| share.abs()).sum::<f64>().max(f64::MIN_POSITIVE);
        for ((own, total), share) in self.influence.iter_mut().zip(&mut self.effect).zip(&row.shares) {
            *own += influence * share.abs() / sum;
            *total += effect * share;
        }
    }

    /// `on_block` is told the number of finished blocks.
    async fn new(model: &Linear<'_>, logit: &Row, on_block: impl Fn(u64)) -> Result<Self> {
        let zeros = vec![0.0; model.nodes.len()];
        let mut paths = Self { influence: zeros.clone(), effect: zeros, omitted: 0.0 };
        paths.add(logit, 1.0, 1.0);
        for (done, depth) in (1..).zip(model.depths.iter().skip(1).rev()) {
            let features = depth.clone().filter(|node| model.nodes[*node].feature.is_some());
            let mut features: Vec<usize> = features.collect();
            features.sort_by(|one, other| paths.influence[*other].total_cmp(&paths.influence[*one]));
            for (place, node) in features.into_iter().enumerate() {
                let (influence, effect) = (paths.influence[node], paths.effect[node]);
                if place >= FOLLOWED || influence < LEAST {
                    paths.omitted += influence;
                    continue;
                }
                let (_, activation) = model.nodes[node].feature.or_internal("a node without a feature")?;
                paths.add(&model.row_of_feature(node).await?, influence, effect / f64::from(activation));
            }
            on_block(done);
        }
        Ok(paths)
    }

    /// Sum of the influence of tokens or errors.
    fn of_leaves(&self, nodes: &[Node], is_token: bool) -> f64 {
        let own = nodes.iter().zip(&self.influence);
        let own = own.filter(|(node, _)| node.feature.is_none() && (node.depth == 0) == is_token);
        own.map(|(_, influence)| influence).sum()
    }
}

/// The graph of the logit of `chosen`, or of the likeliest next token, after `tokens`, with the `count` most influential nodes. `transcoders` are
/// those of all blocks, in order; `progress` is told the finished and all parts of the work. Fails for models with norms elsewhere than before
/// attention and MLP, or blocks that are not sequential.
pub async fn attribution_graph(
    lens: &mut Lens,
    tokenizer: &Tokenizer,
    transcoders: &[Transcoder],
    tokens: &[u32],
    (chosen, count): (Option<u32>, usize),
    progress: impl Fn(u64, u64),
) -> Result<FeatureGraph> {
    let (config, yielder) = (lens.config().clone(), Yielder::new());
    if config.norm.placement != NormPlacement::Pre || config.residual != Residual::Sequential {
        refuse!(
            "attribution graphs need a model with one norm before each attention and MLP, which follow each other"
        );
    }
    if tokens.len() > MAX_TOKENS {
        refuse!("the prompt is {} tokens; an attribution graph takes up to {MAX_TOKENS}", tokens.len());
    }
    let last = tokens.len().saturating_sub(1);
    let model = Linear::new(lens, transcoders, tokens).await?;
    let logits = &model.logits;
    let likeliest = (0..logits.len() as u32)
        .max_by(|one, other| logits[*one as usize].total_cmp(&logits[*other as usize]));
    let token = chosen.or(likeliest).or_internal("a model without outputs")?;
    let plain = *logits.get(token as usize).or_internal("a token without a logit")?;
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp = |logit: &f32| f64::from(logit - largest).exp();
    let probability = exp(&plain) / logits.iter().map(exp).sum::<f64>();

    let stream = model.streams[config.layers].row(last);
    let direction = Direction::new(model.lens, stream, token).or_internal("a model without its last norm")?;
    let mut row = model.row(model.gradient(last, &direction.channels), config.layers).await?;
    row.constant += direction.bias.unwrap_or(0.0);
    let total = (config.layers + count.min(model.nodes.len())) as u64;
    let paths = Paths::new(&model, &row, |done| progress(done, total)).await?;
    let mut kept: Vec<usize> = (0..model.nodes.len()).collect();
    kept.sort_by(|one, other| paths.influence[*other].total_cmp(&paths.influence[*one]));
    kept.truncate(count);
    let mut edges = Vec::new();
    let mut connect = |to: Option<usize>, row: &Row| {
        let own = kept.iter().enumerate().map(|(from, node)| (from, row.shares[*node]));
        let own = own.filter(|(_, weight)| *weight != 0.0);
        edges.extend(own.map(|(from, weight)| GraphEdge { from, to, weight }));
    };
    connect(None, &row);
    for (place, node) in kept.iter().enumerate() {
        if model.nodes[*node].feature.is_some() {
            connect(Some(place), &model.row_of_feature(*node).await?);
        }
    }
    let [of_tokens, of_errors] = [true, false].map(|is_token| paths.of_leaves(&model.nodes, is_token));
    let Linear { nodes, streams, .. } = model;
    let text = |id: u32| TokenText { id, text: tokenizer.describe(id).text };
    let mut found = FeatureGraph {
        tokens: tokens.iter().map(|id| text(*id)).collect(),
        token: text(token),
        logit: row.shares.iter().sum::<f64>() + row.constant,
        constant: row.constant,
        probability,
        errors: of_errors / (of_tokens + of_errors + paths.omitted).max(f64::MIN_POSITIVE),
        omitted: paths.omitted,
        edges,
        ..FeatureGraph::default()
    };
    for (done, node) in (config.layers as u64 + 1..).zip(kept) {
        let (influence, effect) = (paths.influence[node], paths.effect[node]);
        let Node { depth, position, feature, writes } = &nodes[node];
        let mut own = GraphNode { position: *position, influence, effect, ..GraphNode::default() };
        own.source = match (depth.checked_sub(1), feature) {
            (None, _) => GraphSource::Token,
            (Some(block), None) => GraphSource::Error { block },
            (Some(block), Some((feature, activation))) => {
                let Transcoder { record, weights } = &transcoders[block];
                let mut changed = streams[*depth].clone();
                let columns = changed.columns();
                let stream = &mut changed.data[position * columns..][..columns];
                stream.iter_mut().zip(writes).for_each(|(entry, own)| *entry -= own);
                changed.shape = vec![1, tokens.len(), columns];
                let read = lens.probe_from(HookPoint::Stream(*depth), &changed, &[HookPoint::Logits]).await?;
                let ablated = read.first().map_or(f32::NAN, |logits| logits.row(last)[token as usize]);
                own.ablated = Some(f64::from(ablated - plain));
                let at = HookPoint::MlpOutput(block);
                let [raises, _] = effects(lens, tokenizer, at, weights.direction(*feature), RAISED).await?;
                own.raises = raises.into_iter().map(|effect| effect.token).collect();
                own.name = record.name(*feature).map(str::to_owned);
                own.activation = *activation;
                GraphSource::Feature { block, dictionary: record.number, feature: *feature }
            }
        };
        found.nodes.push(own);
        progress(done, total);
        yielder.maybe_yield().await;
    }
    let pairs = found.nodes.iter().filter_map(|node| Some((-node.effect, node.ablated?)));
    let (predicted, measured): (Vec<f64>, Vec<f64>) = pairs.unzip();
    found.correlation = (predicted.len() >= MIN_ABLATED).then(|| rank_correlation(&predicted, &measured));
    Ok(found)
}
