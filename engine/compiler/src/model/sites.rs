//! The places of a decoder that can be looked at: [`super::build()`] notes of each which value it is.

use crate::graph::ValueId;

/// A value of the decoder's forward pass. Shapes are in the legend's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// [B,T,C]: the residual stream before a layer; as many as there are layers, behind the last.
    Stream(usize),
    /// [B,T,C]: what a layer's attention reads: normed, where norms come first.
    AttentionInput(usize),
    /// [B,T,(H + 2K)·D]: queries, keys and values side by side, as attention has them: normed and rotated, where the model does that.
    QueriesKeysValues(usize),
    /// [B,T,H·D]: what each head found, side by side.
    Attended(usize),
    /// [B,T,C]: what a layer's attention adds to the stream.
    AttentionOutput(usize),
    /// [B,T,C]: the stream between a layer's attention and its MLP.
    Between(usize),
    /// [B,T,C]: what a layer's MLP reads.
    MlpInput(usize),
    /// [B,T,F]: an MLP's neurons, behind activation or gate.
    Hidden(usize),
    /// [B,T,C]: what a layer's MLP adds to the stream.
    MlpOutput(usize),
    /// [B,T,C]: what the head reads.
    Normed,
    /// [B,T,V]: the logits.
    Logits,
}

/// Which value each [`Site`] of a graph is.
#[derive(Clone, Debug, Default)]
pub struct Sites(Vec<(Site, ValueId)>);

impl Sites {
    pub(super) fn note(&mut self, site: Site, value: ValueId) {
        self.0.push((site, value));
    }

    /// The value at a site, where the model has it.
    pub fn get(&self, site: Site) -> Option<ValueId> {
        self.0.iter().find(|(noted, _)| *noted == site).map(|(_, value)| *value)
    }

    /// All of them, in the order of the forward pass.
    pub fn iter(&self) -> impl Iterator<Item = (Site, ValueId)> + '_ {
        self.0.iter().copied()
    }
}
