//! Walks a graph's forward nodes and keeps the values between them.

use super::Device;
use super::expressions::{self as express, Expression};
use crate::error::{Error, Result};
use crate::graph::{Element, Graph, Node, Op, Origin, ValueId};
use crate::step::Data;
use burn::tensor::{Tensor, TensorData};
use std::collections::HashMap;
use std::rc::Rc;

/// An intermediate value.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "nearly all values are floats, and a box would gain nothing")]
pub(super) enum Value {
    /// Floats, as rows and columns whatever their shape: [`crate::graph::Type::rows`] × [`crate::graph::Type::columns`].
    Floats(Tensor<2>),
    /// Ids stay on the host, where they are checked.
    Ids(Rc<[u32]>),
}

impl Value {
    pub(super) fn into_floats(self, graph: &Graph, id: ValueId) -> Result<Tensor<2>> {
        match self {
            Self::Floats(tensor) => Ok(tensor),
            Self::Ids(_) => Err(Error::Internal(format!("value {} is {}, not floats", id.0, graph.ty(id)))),
        }
    }
}

/// One run over a graph.
pub(super) struct Run<'run> {
    graph: &'run Graph,
    device: &'run Device,
    seed: [u32; 2],
    /// Which nodes lead to the values that are read.
    needed: Vec<bool>,
    /// How often each value will still be asked for: the last one takes it, so that burn may work in place.
    uses: Vec<usize>,
    values: HashMap<ValueId, Value>,
}

impl<'run> Run<'run> {
    /// A run that computes what `read` needs and no more.
    pub(super) fn new(graph: &'run Graph, device: &'run Device, seed: [u32; 2], read: &[ValueId]) -> Self {
        let mut uses = vec![0; graph.values.len()];
        for id in read {
            uses[id.index()] += 1;
        }
        let mut needed = vec![false; graph.nodes.len()];
        for (at, node) in graph.nodes.iter().enumerate().rev() {
            // Attention with a cache writes two of its inputs.
            let fills_cache = matches!(node.op, Op::CachedAttention { .. });
            let mut written = node.outputs.iter().chain(node.inputs.iter().filter(|_| fills_cache));
            if written.any(|id| uses[id.index()] > 0) {
                needed[at] = true;
                for id in &node.inputs {
                    uses[id.index()] += 1;
                }
            }
        }
        Self { graph, device, seed, needed, uses, values: HashMap::new() }
    }

    /// Sets an input, parameter or cache.
    pub(super) fn bind(&mut self, id: ValueId, value: Value) {
        self.values.insert(id, value);
    }

    /// A host value as this run holds it.
    pub(super) fn value_from_data(&self, id: ValueId, data: &Data) -> Result<Value> {
        let ty = self.graph.ty(id);
        match (data, ty.element) {
            (Data::F32(numbers), Element::F32) => {
                expect_count(self.graph, id, numbers.len())?;
                let data = TensorData::new(numbers.clone(), [ty.rows(), ty.columns()]);
                Ok(Value::Floats(self.device.tensor(data)))
            }
            (Data::U32(ids), Element::U32) => {
                expect_count(self.graph, id, ids.len())?;
                Ok(Value::Ids(ids.as_slice().into()))
            }
            _ => Err(Error::Internal(format!("value {} is {ty}, and other data is given", id.0))),
        }
    }

    /// Computes everything that is needed.
    pub(super) fn forward(&mut self) -> Result<()> {
        for (at, node) in self.graph.nodes.iter().enumerate() {
            if self.needed[at] {
                let outputs = self.node(node)?;
                for (id, tensor) in node.outputs.iter().zip(outputs) {
                    self.values.insert(*id, Value::Floats(tensor));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, id: ValueId) -> Result<Value> {
        let value = &self.graph.values[id.index()];
        if let Origin::Constant(constant) = value.origin
            && !self.values.contains_key(&id)
        {
            let data = TensorData::new(constant.data(&value.ty), [value.ty.rows(), value.ty.columns()]);
            self.values.insert(id, Value::Floats(self.device.tensor(data)));
        }
        let uses = &mut self.uses[id.index()];
        *uses = uses.saturating_sub(1);
        let taken = if *uses == 0 { self.values.remove(&id) } else { self.values.get(&id).cloned() };
        taken.ok_or_else(|| {
            Error::Internal(format!("value {} ({:?}) is not given to the reference", id.0, value.origin))
        })
    }

    /// A value of floats.
    pub(super) fn floats(&mut self, id: ValueId) -> Result<Tensor<2>> {
        self.take(id)?.into_floats(self.graph, id)
    }

    fn ids(&mut self, id: ValueId) -> Result<Rc<[u32]>> {
        match self.take(id)? {
            Value::Ids(ids) => Ok(ids),
            Value::Floats(_) => {
                Err(Error::Internal(format!("value {} is {}, not ids", id.0, self.graph.ty(id))))
            }
        }
    }

    /// A value on the host.
    pub(super) fn read(&mut self, id: ValueId) -> Result<Data> {
        match self.take(id)? {
            Value::Ids(ids) => Ok(Data::U32(ids.to_vec())),
            Value::Floats(tensor) => Ok(Data::F32(host(tensor)?)),
        }
    }

    /// The op's outputs, in its order.
    fn node(&mut self, node: &Node) -> Result<Vec<Tensor<2>>> {
        let graph = self.graph;
        let shape = &graph.ty(node.inputs[0]).shape;
        let device = self.device;
        // Inputs in the order of the op's documentation; those in round brackets follow the flags.
        let mut inputs = node.inputs.iter().copied();
        let mut next =
            || inputs.next().ok_or_else(|| Error::Internal(format!("{}: an input is missing", node.scope)));
        let express = Expression { device, seed: self.seed };
        Ok(match node.op {
            Op::Embedding { positions, cursor } => {
                let (tokens, table) = (self.ids(next()?)?, next()?);
                let entries = graph.ty(table).rows();
                expect_below(&node.scope, &tokens, entries)?;
                let table = self.floats(table)?;
                let positions = if positions { Some(self.floats(next()?)?) } else { None };
                let start = if cursor { self.cursor(next()?)?.0 } else { 0 };
                vec![express.embedding(&tokens, table, positions, start, shape[1])]
            }
            Op::Norm { form, bias } => {
                let (x, weight) = (self.floats(next()?)?, self.floats(next()?)?);
                let bias = if bias { Some(self.floats(next()?)?) } else { None };
                let (y, statistics) = express.norm(x, weight, bias, form);
                vec![y, statistics]
            }
            Op::Linear { bias, residual } => {
                let (x, weight) = (self.floats(next()?)?, self.floats(next()?)?);
                let bias = if bias { Some(self.floats(next()?)?) } else { None };
                let residual = if residual { Some(self.floats(next()?)?) } else { None };
                vec![express.linear(x, weight, bias, residual)]
            }
            Op::LinearActivation { bias, kind } => {
                let (x, weight) = (self.floats(next()?)?, self.floats(next()?)?);
                let bias = if bias { Some(self.floats(next()?)?) } else { None };
                let z = express.linear(x, weight, bias, None);
                vec![express.nonlinearity(z.clone(), kind), z]
            }
            Op::LinearRope { bias, heads } => {
                let (x, weight) = (self.floats(next()?)?, self.floats(next()?)?);
                let bias = if bias { Some(self.floats(next()?)?) } else { None };
                let qkv = express.linear(x, weight, bias, None);
                vec![express.rope(&qkv, self.floats(next()?)?, heads, shape[1], 0, false)]
            }
            Op::HeadNorm { heads, eps } => {
                let (qkv, query, key) = (self.floats(next()?)?, self.floats(next()?)?, self.floats(next()?)?);
                let (y, roots) = express.head_norm(&qkv, query, key, heads, eps);
                vec![y, roots]
            }
            Op::Rope { heads, inverse, cursor } => {
                let (qkv, table) = (self.floats(next()?)?, self.floats(next()?)?);
                let start = if cursor { self.cursor(next()?)?.0 } else { 0 };
                vec![express.rope(&qkv, table, heads, shape[1], start, inverse)]
            }
            Op::Attention { heads, dropout } => {
                let (y, lse) = express.attention(&self.floats(next()?)?, heads, shape[1], dropout);
                vec![y, lse]
            }
            Op::CachedAttention { heads } => {
                let (qkv, keys, values) = (self.floats(next()?)?, next()?, next()?);
                let (start, length) = self.cursor(next()?)?;
                let caches = express::Caches { keys: self.floats(keys)?, values: self.floats(values)? };
                let (y, caches) = express.cached_attention(&qkv, caches, heads, start, length);
                self.values.insert(keys, Value::Floats(caches.keys));
                self.values.insert(values, Value::Floats(caches.values));
                vec![y]
            }
            Op::LastRow => {
                let x = self.floats(next()?)?;
                let (_, length) = self.cursor(next()?)?;
                vec![x.narrow(0, length.saturating_sub(1), 1)]
            }
            Op::Activation(kind) => vec![express.activation(self.floats(next()?)?, kind)],
            Op::Gate(gate) => vec![express.gate(self.floats(next()?)?, gate)],
            Op::Dropout { site, residual } => {
                let x = self.floats(next()?)?;
                let residual = if residual { Some(self.floats(next()?)?) } else { None };
                vec![express.dropout(x, residual, site)]
            }
            Op::Add => vec![self.floats(next()?)? + self.floats(next()?)?],
            Op::LinearCrossEntropy { label_smoothing, ignore_index, .. } => {
                let (x, weight, targets) = (self.floats(next()?)?, self.floats(next()?)?, self.ids(next()?)?);
                let logits = express.linear(x, weight, None, None);
                cross_entropy(&express, node, logits, &targets, (label_smoothing, ignore_index))?
            }
            Op::CrossEntropy { label_smoothing, ignore_index } => {
                let (logits, targets) = (self.floats(next()?)?, self.ids(next()?)?);
                cross_entropy(&express, node, logits, &targets, (label_smoothing, ignore_index))?
            }
            _ => {
                return Err(Error::Internal(format!(
                    "{}: {} is no forward operation, and the reference runs no other",
                    node.scope,
                    node.op.name()
                )));
            }
        })
    }

    /// (start, length) of a cursor.
    fn cursor(&mut self, id: ValueId) -> Result<(usize, usize)> {
        match *self.ids(id)? {
            [start, length] => Ok((start as usize, length as usize)),
            _ => Err(Error::Internal("a cursor has two entries".to_owned())),
        }
    }
}

/// Mean loss with its count, and (lse, loss) of each row.
fn cross_entropy(
    express: &Expression<'_>,
    node: &Node,
    logits: Tensor<2>,
    targets: &[u32],
    (label_smoothing, ignore_index): (f32, Option<u32>),
) -> Result<Vec<Tensor<2>>> {
    let counted: Vec<bool> = targets.iter().map(|id| Some(*id) != ignore_index).collect();
    // What does not count may be any number.
    let targets: Vec<u32> =
        targets.iter().zip(&counted).map(|(id, counts)| if *counts { *id } else { 0 }).collect();
    expect_below(&node.scope, &targets, logits.dims()[1])?;
    let (loss, rows) = express.cross_entropy(logits, &targets, &counted, label_smoothing);
    Ok(vec![loss, rows])
}

/// A tensor's entries in row-major order.
pub(super) fn host<E: burn::tensor::Element>(tensor: Tensor<2>) -> Result<Vec<E>> {
    tensor.try_into_vec_as::<E>().map_err(|error| {
        Error::Device(format!("the reference cannot read a value back as {:?}: {error}", E::dtype()))
    })
}

pub(super) fn expect_count(graph: &Graph, id: ValueId, count: usize) -> Result<()> {
    let ty = graph.ty(id);
    if ty.count() == count {
        Ok(())
    } else {
        Err(Error::Internal(format!("value {} is {ty}, and {count} entries are given", id.0)))
    }
}

fn expect_below(scope: &str, ids: &[u32], entries: usize) -> Result<()> {
    match ids.iter().find(|id| **id as usize >= entries) {
        None => Ok(()),
        Some(id) => {
            Err(Error::Refused(format!("{scope}: token {id} lies past the table's {entries} entries")))
        }
    }
}
