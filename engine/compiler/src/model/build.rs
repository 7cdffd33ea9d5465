//! Graph-building code that reads like the paper: embed, blocks of attention and MLP, norm, head, loss.

mod blocks;
mod layers;
mod losses;

use super::{HookPoint, HookPoints, Purpose, is_of_adapter};
use crate::Result;
use crate::graph::ops::{Embedding, EmbeddingInputs, LastRow, LastRowInputs, Noise, Softcap, X};
use crate::graph::{Constant, Element, Graph, GraphError, Heads, Input, Parameter, Type, ValueId};
use glasshouse_protocol::{Adapter, ModelConfig, Position, TrainConfig, WeightFormat};
use std::collections::HashMap;

/// A built graph and its important values.
#[derive(Clone, Debug)]
pub struct Model {
    /// The graph, forward only.
    pub graph: Graph,
    pub logits: ValueId,
    /// f32[2], (mean loss, counted rows), for [`Purpose::Loss`].
    pub loss: Option<ValueId>,
    /// Values that can be inspected.
    pub sites: HookPoints,
}

/// Builds the decoder's forward graph.
pub fn build(config: &ModelConfig, purpose: Purpose) -> Result<Model> {
    build_with(config, None, purpose)
}

/// The parameters of a model that no run trains: its own, in the order of all its graphs, in 32 bits.
pub fn model_parameters(config: &ModelConfig) -> Result<Vec<Parameter>> {
    Ok(build(config, Purpose::Window { time: 1 })?.graph.parameters)
}

/// Builds the decoder's forward graph for a run: with embedding noise, an adapter, and a teacher whose logits are the
/// distillation target. The model's own parameters come first, as in all its graphs, then the adapter's, [`super::LORA_A`]
/// before [`super::LORA_B`] and [`super::MAGNITUDE`] for each weight, then the teacher's.
pub(super) fn build_with(
    config: &ModelConfig,
    train: Option<&TrainConfig>,
    purpose: Purpose,
) -> Result<Model> {
    config.validate()?;
    let mut builder = Builder::new(config, train, purpose);
    if builder.adapter.is_some() {
        let plain = model_parameters(config)?;
        let held = |mut own: Parameter| {
            own.ty.element = builder.stored_as(&own.name, &own.ty.shape);
            own
        };
        let plain: Vec<Parameter> = plain.into_iter().map(held).collect();
        builder.declared =
            plain.into_iter().map(|own| (own.name.clone(), builder.graph.parameter(own))).collect();
    }
    Ok(builder.model()?)
}

/// Name of the table of learned positions.
const POSITIONS: &str = "embedding.positions";

/// End of the name of a router's matrix. It is small, and rounding it would send tokens to other experts.
const ROUTER: &str = ".router.weight";

/// Storage format of a parameter in a model with matrices in a format.
pub fn stored_as(model: &ModelConfig, name: &str, shape: &[usize], format: WeightFormat) -> Element {
    let head = if model.tied_head { "embedding.tokens" } else { "head.weight" };
    let format = if name == head { format.for_head() } else { format };
    match shape {
        [_, columns]
            if name != POSITIONS && !name.ends_with(ROUTER) && columns.is_multiple_of(format.block()) =>
        {
            format.into()
        }
        _ => Element::F32,
    }
}

/// Name prefix of the parameters of a classification head.
const CLASSIFIER: &str = "classifier.";

/// Whether a parameter belongs to a classification head, by its name.
pub fn is_of_classifier(name: &str) -> bool {
    name.starts_with(CLASSIFIER)
}

struct Builder<'config> {
    config: &'config ModelConfig,
    adapter: Option<&'config Adapter>,
    /// Maximum embedding noise in training.
    noise: f32,
    teacher: Option<&'config ModelConfig>,
    /// Prefix of names and scopes: [`super::teacher::TEACHER`] or empty.
    prefix: &'static str,
    purpose: Purpose,
    graph: Graph,
    heads: Heads,
    dropouts: u32,
    /// Inspectable values, recorded while building.
    sites: HookPoints,
    /// Parameters added before their layers are built.
    declared: HashMap<String, ValueId>,
}

type Built<T = ValueId> = std::result::Result<T, GraphError>;

impl<'config> Builder<'config> {
    fn new(config: &'config ModelConfig, train: Option<&'config TrainConfig>, purpose: Purpose) -> Self {
        let adapter = train.and_then(|train| train.adapter.as_ref());
        let noise = train.map_or(0.0, |train| train.embedding_noise(config));
        let teacher = train.and_then(TrainConfig::teacher_model);
        let heads = Heads { heads: config.heads, kv_heads: config.kv_heads, head_size: config.head_size };
        let (graph, declared, prefix) = (Graph::default(), HashMap::new(), "");
        Self {
            config,
            adapter,
            noise,
            teacher,
            prefix,
            purpose,
            graph,
            heads,
            dropouts: 0,
            sites: HookPoints::default(),
            declared,
        }
    }

    /// Element type of a model parameter. An adapter's base format applies to the matrices of blocks, the format that is decoded
    /// from to all matrices.
    fn stored_as(&self, name: &str, shape: &[usize]) -> Element {
        match (self.purpose, self.adapter) {
            (_, Some(adapter)) if name.starts_with("blocks.") && !is_of_adapter(name) => {
                stored_as(self.config, name, shape, adapter.base)
            }
            (Purpose::Decode { weights, .. }, None) => stored_as(self.config, name, shape, weights),
            _ => Element::F32,
        }
    }

    /// B and T of the tokens.
    fn size(&self) -> (usize, usize) {
        match self.purpose {
            Purpose::Loss { batch, time, .. } => (batch, time),
            Purpose::Decode { batch, chunk, .. } => (batch, chunk),
            Purpose::Window { time } => (1, time),
        }
    }

    fn cursor(&mut self) -> ValueId {
        let (batch, _) = self.size();
        self.graph.input(Input::Cursor, Type::u32(&[batch, 3]))
    }

    /// Document starts, if rows hold several documents.
    fn starts(&mut self) -> Option<ValueId> {
        let (batch, time) = self.size();
        let documents = matches!(self.purpose, Purpose::Loss { documents: true, .. });
        documents.then(|| self.graph.input(Input::Starts, Type::u32(&[batch, time])))
    }

    /// The cursor, if positions are counted from it.
    fn decode_cursor(&mut self) -> Option<ValueId> {
        matches!(self.purpose, Purpose::Decode { .. }).then(|| self.cursor())
    }

    /// Sets the scope of subsequently added nodes.
    fn scope(&mut self, path: &str) {
        self.graph.set_scope(&format!("{}{path}", self.prefix));
    }

    fn logits(&mut self) -> Built {
        let (batch, time) = self.size();
        let tokens = self.graph.input(Input::Tokens, Type::u32(&[batch, time]));
        self.scope("embedding");
        let table = self.weight("embedding.tokens", &[self.config.vocabulary, self.config.width], false);
        let mut stream = self.embed(tokens, table)?;
        for block in 0..self.config.layers {
            self.sites.note(HookPoint::Stream(block), stream);
            stream = self.block(block, stream)?;
        }
        self.sites.note(HookPoint::Stream(self.config.layers), stream);
        if self.config.norm.placement.has_final() {
            self.scope("norm");
            stream = self.norm("norm", stream)?;
        }
        self.sites.note(HookPoint::Normed, stream);
        self.scope("head");
        if !matches!(self.purpose, Purpose::Loss { .. }) {
            let cursor = self.cursor();
            stream = self.graph.add(LastRow, LastRowInputs { x: stream, cursor })?.y;
        }
        let logits = self.head(stream, table)?;
        self.sites.note(HookPoint::Logits, logits);
        Ok(logits)
    }

    /// Logits over tokens, or over labels in a classifier.
    fn head(&mut self, x: ValueId, table: ValueId) -> Built {
        let shape = [self.config.outputs(), self.config.width];
        if !self.config.labels.is_empty() {
            let weight = self.weight(&format!("{CLASSIFIER}weight"), &shape, false);
            return self.product("classifier", x, weight, false);
        }
        let head = if self.config.tied_head { table } else { self.weight("head.weight", &shape, false) };
        let x = self.scaled(1.0 / self.config.logit_divisor, x)?;
        let logits = self.product("head", x, head, self.config.bias.head)?;
        match self.config.logit_softcap {
            Some(cap) => Ok(self.graph.add(Softcap(cap), X { x: logits })?.y),
            None => Ok(logits),
        }
    }

    fn embed(&mut self, tokens: ValueId, table: ValueId) -> Built {
        let shape = [self.config.context_length, self.config.width];
        let positions = match self.config.position {
            Position::Learned => Some(self.weight(POSITIONS, &shape, false)),
            Position::Sinusoidal => Some(self.graph.constant(Constant::SinusoidalTable, Type::f32(&shape))),
            Position::Rope(_) | Position::None => None,
        };
        let cursor = positions.and_then(|_| self.decode_cursor());
        let op = Embedding { positions: positions.is_some(), cursor: cursor.is_some() };
        let inputs = EmbeddingInputs { tokens, table, positions, cursor };
        let mut embedded = self.graph.add(op, inputs)?.y;
        if self.site_rate(self.noise) > 0.0 {
            self.dropouts += 1;
            embedded = self.graph.add(Noise { size: self.noise, site: self.dropouts }, X { x: embedded })?.y;
        }
        embedded = self.scaled(self.config.embedding_scale, embedded)?;
        self.dropout(self.config.dropout.embedding, embedded)
    }
}
