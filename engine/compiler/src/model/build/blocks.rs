//! A block: attention and MLP, each added to the residual stream, with norms before or after them.

use super::{Builder, Built};
use crate::graph::ops::{self, *};
use crate::graph::{Constant, Input, Type, ValueId};
use crate::model::{HookPoint, Purpose};
use glasshouse_protocol::model::Experts;
use glasshouse_protocol::{Gate, NormPlacement, Residual};

impl Builder<'_> {
    pub(super) fn block(&mut self, block: usize, stream: ValueId) -> Built {
        let placement = self.config.norm.placement;
        let [attention, mlp] = ["attention", "mlp"].map(|part| format!("blocks.{block}.{part}"));
        self.scope(&attention);
        if placement == NormPlacement::Post {
            let sum = self.attention(block, stream, stream)?;
            let stream = self.norm(&format!("{attention}.norm"), sum)?;
            self.sites.note(HookPoint::Between(block), stream);
            self.scope(&mlp);
            let sum = self.mlp(block, stream, stream)?;
            return self.norm(&format!("{mlp}.norm"), sum);
        }
        let before = placement.is_before();
        let read = if before { self.norm(&format!("{attention}.norm"), stream)? } else { stream };
        let attended = self.attention(block, read, stream)?;
        self.sites.note(HookPoint::Between(block), attended);
        self.scope(&mlp);
        let read = match self.config.residual {
            _ if !before => attended,
            Residual::Sequential => self.norm(&format!("{mlp}.norm"), attended)?,
            Residual::Parallel => self.norm(&format!("{mlp}.norm"), stream)?,
            Residual::ParallelOneNorm => read,
        };
        self.mlp(block, read, attended)
    }

    /// stream + dropout(output(attention(qkv(x)))).
    fn attention(&mut self, block: usize, x: ValueId, stream: ValueId) -> Built {
        let (config, heads) = (self.config, self.heads);
        let path = format!("blocks.{block}.attention");
        let (scale, softcap) = (config.attention_scale, config.attention_softcap);
        let window = config.window(block);
        self.sites.note(HookPoint::AttentionInput(block), x);
        let mut qkv = self.linear(&format!("{path}.qkv"), x, heads.packed(), config.bias.qkv)?;
        if config.qk_norm {
            let whole = config.qk_norm_whole;
            let [[_, query], [_, key]] = heads.normed(whole);
            let query = self.scale(&format!("{path}.query_norm"), query);
            let key = self.scale(&format!("{path}.key_norm"), key);
            let op = HeadNorm { heads, whole, eps: config.norm.eps };
            qkv = self.graph.add(op, HeadNormInputs { qkv, query, key })?.y;
        }
        if let Some(rope) = config.rope(block) {
            let shape = [config.context_length, config.head_size];
            let table = self.graph.constant(Constant::RopeTable(rope), Type::f32(&shape));
            let cursor = self.decode_cursor();
            let op = Rope { heads, inverse: false, cursor: cursor.is_some() };
            qkv = self.graph.add(op, RopeInputs { qkv, table, cursor })?.y;
        }
        self.sites.note(HookPoint::QueriesKeysValues(block), qkv);
        let attended = if let Purpose::Decode { texts, .. } = self.purpose {
            let number = 2 * block as u32;
            let shape = Type::f32(&[texts, config.kv_heads, config.context_length, config.head_size]);
            let keys = self.graph.cache(number, shape.clone());
            let values = self.graph.cache(number + 1, shape);
            let cursor = self.cursor();
            let inputs = CachedAttentionInputs { qkv, keys, values, cursor };
            self.graph.add(CachedAttention { heads, scale, softcap, window }, inputs)?.y
        } else {
            let dropout = self.site(config.dropout.attention);
            let starts = self.starts();
            let op = Attention { heads, scale, softcap, dropout, window, documents: starts.is_some() };
            self.graph.add(op, AttentionInputs { qkv, starts })?.y
        };
        self.sites.note(HookPoint::Attended(block), attended);
        let y = self.back_to_stream(&path, "output", attended, config.bias.output)?;
        self.sites.note(HookPoint::AttentionOutput(block), y);
        Ok(self.graph.add(Add, AddInputs { a: y, b: stream })?.y)
    }

    /// stream + dropout(down(activation(up(x)))), or the gated form.
    fn mlp(&mut self, block: usize, x: ValueId, stream: ValueId) -> Built {
        let (mlp, path) = (self.config.mlp, format!("blocks.{block}.mlp"));
        self.sites.note(HookPoint::MlpInput(block), x);
        if self.config.experts.count > 0 {
            let y = self.experts(block, &path, x)?;
            self.sites.note(HookPoint::MlpOutput(block), y);
            return Ok(self.graph.add(Add, AddInputs { a: y, b: stream })?.y);
        }
        let hidden = if mlp.gate == Gate::None {
            let up = self.linear(&format!("{path}.up"), x, mlp.hidden, self.config.bias.mlp)?;
            self.graph.add(Activation(mlp.activation), X { x: up })?.y
        } else {
            let up = self.linear(&format!("{path}.up"), x, 2 * mlp.hidden, self.config.bias.mlp)?;
            self.graph.add(ops::Gate(mlp.gate), X { x: up })?.y
        };
        self.sites.note(HookPoint::Hidden(block), hidden);
        let y = self.back_to_stream(&path, "down", hidden, self.config.bias.mlp)?;
        self.sites.note(HookPoint::MlpOutput(block), y);
        Ok(self.graph.add(Add, AddInputs { a: y, b: stream })?.y)
    }

    /// dropout(down(gates·activation(up(x)))) of the experts that the router chooses.
    fn experts(&mut self, block: usize, path: &str, x: ValueId) -> Built {
        let (mlp, width) = (self.config.mlp, self.config.width);
        let Experts { count, per_token, renormalise, balance, z_loss } = self.config.experts;
        let logits = self.linear(&format!("{path}.router"), x, count, false)?;
        let gates = self.graph.add(Route { per_token, renormalise }, X { x: logits })?.y;
        self.sites.note(HookPoint::Gates(block), gates);
        if let Purpose::Loss { batch, time, .. } = self.purpose
            && self.prefix.is_empty()
        {
            let share = 1.0 / self.config.layers as f32;
            let op = RouterLoss { balance: share * balance, z: share * z_loss };
            let shares = self.graph.input(Input::Shares, Type::f32(&[batch * time]));
            self.graph.add(op, RouterLossInputs { x: logits, gates, shares })?;
        }
        let outputs = count * mlp.hidden * if mlp.gate == Gate::None { 1 } else { 2 };
        let weight = self.weight(&format!("{path}.up.weight"), &[outputs, width], false);
        let weight = self.readable(x, weight)?;
        let op = ExpertLinear { per_token, down: false };
        let up = self.graph.add(op, ExpertLinearInputs { x, gates, weight })?.y;
        let h = match mlp.gate {
            Gate::None => self.graph.add(Activation(mlp.activation), X { x: up })?.y,
            gate => self.graph.add(ops::Gate(gate), X { x: up })?.y,
        };
        let x = self.graph.add(WeighExperts, WeighExpertsInputs { h, gates })?.y;
        self.sites.note(HookPoint::Hidden(block), x);
        let weight = self.weight(&format!("{path}.down.weight"), &[width, count * mlp.hidden], true);
        let weight = self.readable(x, weight)?;
        let op = ExpertLinear { per_token, down: true };
        let y = self.graph.add(op, ExpertLinearInputs { x, gates, weight })?.y;
        self.before_stream(path, y)
    }

    /// The projection back into the residual stream, with its norm and scale, before the addition.
    fn back_to_stream(&mut self, part: &str, layer: &str, x: ValueId, bias: bool) -> Built {
        let path = format!("{part}.{layer}");
        let shape = [self.config.width, self.graph.ty(x).columns()];
        let weight = self.weight(&format!("{path}.weight"), &shape, true);
        let y = self.product(&path, x, weight, bias)?;
        self.before_stream(part, y)
    }

    /// A part's output with its norm and scale.
    fn before_stream(&mut self, part: &str, mut y: ValueId) -> Built {
        if let Some(norm) = self.config.norm.placement.output_norm() {
            y = self.norm(&format!("{part}.{norm}"), y)?;
        }
        let y = self.scaled(self.config.residual_scale, y)?;
        self.dropout(self.config.dropout.residual, y)
    }
}
