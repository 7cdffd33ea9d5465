//! Inspectable values of a decoder, recorded by [`super::build()`].

use crate::graph::ValueId;

/// A value of the decoder's forward pass. For shape letters see `shaders/README.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HookPoint {
    /// [B,T,C]: the residual stream before a layer; with the number of layers as index, after the last.
    Stream(usize),
    /// [B,T,C]: the input of a layer's attention: normed, if norms come first.
    AttentionInput(usize),
    /// [B,T,(H + 2K)·D]: concatenated queries, keys and values as attention reads them: normed and rotated, if the model does that.
    QueriesKeysValues(usize),
    /// [B,T,H·D]: concatenated head outputs.
    Attended(usize),
    /// [B,T,C]: what a layer's attention adds to the stream.
    AttentionOutput(usize),
    /// [B,T,C]: the stream between a layer's attention and its MLP.
    Between(usize),
    /// [B,T,C]: the input of a layer's MLP.
    MlpInput(usize),
    /// [B,T,E]: the weights of a layer's experts, 0 for those that a token does not use.
    Gates(usize),
    /// [B,T,F]: an MLP's hidden units, after activation or gate; [B,T,E·F] with experts, weighted by the router.
    Hidden(usize),
    /// [B,T,C]: what a layer's MLP adds to the stream.
    MlpOutput(usize),
    /// [B,T,C]: the input of the head.
    Normed,
    /// [B,T,V].
    Logits,
}

impl std::fmt::Display for HookPoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (block, part) = match *self {
            Self::Stream(layer) => return write!(formatter, "stream.{layer}"),
            Self::Normed => return formatter.write_str("norm.output"),
            Self::Logits => return formatter.write_str("logits"),
            Self::AttentionInput(block) => (block, "attention.input"),
            Self::QueriesKeysValues(block) => (block, "attention.qkv"),
            Self::Attended(block) => (block, "attention.heads"),
            Self::AttentionOutput(block) => (block, "attention.output"),
            Self::Between(block) => (block, "between"),
            Self::MlpInput(block) => (block, "mlp.input"),
            Self::Gates(block) => (block, "mlp.gates"),
            Self::Hidden(block) => (block, "mlp.hidden"),
            Self::MlpOutput(block) => (block, "mlp.output"),
        };
        write!(formatter, "blocks.{block}.{part}")
    }
}

#[derive(Clone, Debug, Default)]
pub struct HookPoints(Vec<(HookPoint, ValueId)>);

impl HookPoints {
    pub(super) fn note(&mut self, site: HookPoint, value: ValueId) {
        self.0.push((site, value));
    }

    pub fn get(&self, site: HookPoint) -> Option<ValueId> {
        self.0.iter().find(|(noted, _)| *noted == site).map(|(_, value)| *value)
    }

    /// All sites in the order of the forward pass.
    pub fn iter(&self) -> impl Iterator<Item = (HookPoint, ValueId)> + '_ {
        self.0.iter().copied()
    }
}
