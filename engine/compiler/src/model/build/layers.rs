//! Layers of blocks, embedding and head, and their parameters.

use super::{Builder, Built};
use crate::graph::ops::*;
use crate::graph::{DropoutSite, Element, Init, NormForm, Parameter, Type, ValueId};
use crate::model::{LORA_A, LORA_B, MAGNITUDE, Purpose};
use glasshouse_protocol::{Adapter, AdapterKind, Gate};

impl Builder<'_> {
    pub(super) fn linear(&mut self, path: &str, x: ValueId, out: usize, bias: bool) -> Built {
        let weight = self.weight(&format!("{path}.weight"), &[out, self.graph.ty(x).columns()], false);
        self.product(path, x, weight, bias)
    }

    /// x·weightᵀ, plus the layer's bias if it has one, plus the adapter.
    pub(super) fn product(&mut self, path: &str, x: ValueId, weight: ValueId, bias: bool) -> Built {
        let out = self.graph.ty(weight).shape[0];
        let bias = bias.then(|| self.bias(&format!("{path}.bias"), out));
        let weight = self.readable(x, weight)?;
        let adapter = self.adapter.filter(|adapter| adapter.adapts(path));
        let has_magnitudes = adapter.is_some_and(|adapter| adapter.kind == AdapterKind::Dora);
        let own = bias.filter(|_| !has_magnitudes);
        let op = Linear { bias: own.is_some(), residual: false };
        let y = self.graph.add(op, LinearInputs { x, weight, bias: own, residual: None })?.y;
        let Some(adapter) = adapter else { return Ok(y) };
        let (change, a, b) = self.low_rank(adapter, path, x, out)?;
        let y = self.graph.add(Add, AddInputs { a: y, b: change })?.y;
        if !has_magnitudes {
            return Ok(y);
        }
        // y·magnitude / ‖W + scale·B·A‖ + bias (Liu et al. 2024).
        let factors = self.graph.add(RowNorm { factor: adapter.scale() }, RowNormInputs { weight, a, b })?.y;
        let y = self.graph.add(Multiply { bias: false }, MultiplyInputs { x: y, factors, bias: None })?.y;
        let factors = self.scale(&format!("{path}{MAGNITUDE}"), out);
        let op = Multiply { bias: bias.is_some() };
        Ok(self.graph.add(op, MultiplyInputs { x: y, factors, bias })?.y)
    }

    /// The weight as a product with x reads it.
    pub(super) fn readable(&mut self, x: ValueId, weight: ValueId) -> Built {
        let stored = self.graph.ty(weight).element != Element::F32;
        // The product of one token is limited by reading the weight, and reads it as it is stored. Norms of its rows need floats.
        let decodes = matches!(self.purpose, Purpose::Decode { .. })
            && self.adapter.is_none_or(|adapter| adapter.kind != AdapterKind::Dora);
        let direct = decodes && matches!(self.graph.ty(x).shape[..], [_, 1, _]);
        if stored && !direct { Ok(self.graph.add(Unpack, X { x: weight })?.y) } else { Ok(weight) }
    }

    /// scale·B·(A·dropout(x)) (Hu et al. 2021): x [.., in], A [r, in], B [out, r]; with A and B. The scale is applied to the narrow
    /// intermediate values.
    fn low_rank(
        &mut self,
        adapter: &Adapter,
        path: &str,
        x: ValueId,
        out: usize,
    ) -> Built<(ValueId, ValueId, ValueId)> {
        let (rank, columns) = (adapter.rank, self.graph.ty(x).columns());
        // PyTorch's Kaiming initialisation with a = √5, as in PEFT.
        let bound = Init::Uniform(1.0 / (columns as f32).sqrt());
        let down = self.add(&format!("{path}{LORA_A}"), &[rank, columns], true, bound);
        let up = self.add(&format!("{path}{LORA_B}"), &[out, rank], true, Init::Constant(0.0));
        let x = self.dropout(adapter.dropout, x)?;
        let inputs = LinearInputs { x, weight: down, bias: None, residual: None };
        let narrow = self.graph.add(Linear::PLAIN, inputs)?.y;
        let narrow = self.scaled(adapter.scale(), narrow)?;
        let inputs = LinearInputs { x: narrow, weight: up, bias: None, residual: None };
        Ok((self.graph.add(Linear::PLAIN, inputs)?.y, down, up))
    }

    /// x·factor; no node for a factor of 1.
    pub(super) fn scaled(&mut self, factor: f32, x: ValueId) -> Built {
        if factor == 1.0 { Ok(x) } else { Ok(self.graph.add(Scale(factor), X { x })?.y) }
    }

    pub(super) fn norm(&mut self, path: &str, x: ValueId) -> Built {
        let norm = &self.config.norm;
        let form = NormForm { kind: norm.kind, eps: norm.eps, unit_offset: norm.add_unit_offset };
        let (with_bias, width) = (norm.bias, self.config.width);
        let scale = if norm.add_unit_offset {
            self.bias(&format!("{path}.weight"), width)
        } else {
            self.scale(&format!("{path}.weight"), width)
        };
        let bias = with_bias.then(|| self.bias(&format!("{path}.bias"), width));
        Ok(self.graph.add(Norm { form, bias: with_bias }, NormInputs { x, scale, bias })?.y)
    }

    /// The rate if this graph uses dropout, else 0.
    pub(super) fn site_rate(&self, rate: f32) -> f32 {
        let learns = self.prefix.is_empty();
        if learns && matches!(self.purpose, Purpose::Loss { dropout: true, .. }) { rate } else { 0.0 }
    }

    pub(super) fn site(&mut self, rate: f32) -> Option<DropoutSite> {
        let rate = self.site_rate(rate);
        if rate > 0.0 {
            self.dropouts += 1;
            Some(DropoutSite { rate, site: self.dropouts })
        } else {
            None
        }
    }

    pub(super) fn dropout(&mut self, rate: f32, x: ValueId) -> Built {
        let Some(site) = self.site(rate) else { return Ok(x) };
        Ok(self.graph.add(Dropout { site, residual: false }, DropoutInputs { x, residual: None })?.y)
    }

    /// A matrix or embedding: normally distributed initial values, decayed.
    pub(super) fn weight(&mut self, name: &str, shape: &[usize], into_stream: bool) -> ValueId {
        let init = self.config.init;
        let narrow = into_stream && init.scale_residual;
        let std = if narrow { init.std / (2.0 * self.config.layers as f32).sqrt() } else { init.std };
        // muP: embedding and head keep theirs.
        let is_hidden = name.starts_with("blocks.");
        let std = if is_hidden { std / self.config.width_multiplier().sqrt() } else { std };
        self.add(name, shape, true, Init::Normal(std))
    }

    pub(super) fn scale(&mut self, name: &str, size: usize) -> ValueId {
        self.add(name, &[size], false, Init::Constant(1.0))
    }

    fn bias(&mut self, name: &str, size: usize) -> ValueId {
        self.add(name, &[size], false, Init::Constant(0.0))
    }

    fn add(&mut self, name: &str, shape: &[usize], decayed: bool, init: Init) -> ValueId {
        if let Some(declared) = self.declared.get(name) {
            return *declared;
        }
        let element = self.stored_as(name, shape);
        self.graph.parameter(Parameter {
            name: format!("{}{name}", self.prefix),
            ty: Type { shape: shape.to_vec(), element },
            decayed,
            trainable: self.prefix.is_empty() && element == Element::F32,
            init,
            stacked: self.stacked(name),
        })
    }

    /// Rows of the matrices that a weight stacks.
    fn stacked(&self, name: &str) -> Vec<usize> {
        let (heads, mlp) = (self.heads, self.config.mlp);
        let is_gated = mlp.gate != Gate::None && self.config.experts.count == 0;
        if name.ends_with(".attention.qkv.weight") {
            let keys = heads.kv_heads * heads.head_size;
            vec![heads.width(), keys, keys]
        } else if name.ends_with(".mlp.up.weight") && is_gated {
            vec![mlp.hidden; 2]
        } else {
            Vec::new()
        }
    }
}
