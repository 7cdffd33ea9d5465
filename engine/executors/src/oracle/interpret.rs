//! Executes a graph's forward nodes, keeping intermediate values.

use super::Device;
use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::dispatch;
use glasshouse_compiler::graph::ops::{Noise, Operands, Operation};
use glasshouse_compiler::graph::{DropoutSite, Element, Graph, Node, Op, Origin, ValueId, random};
use glasshouse_compiler::step::Data;
use glasshouse_platform::{Error, Result};
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "nearly all values are floats, and a box would gain nothing")]
pub(super) enum InterpretedValue {
    /// Floats as a matrix: [`glasshouse_compiler::graph::Type::rows`] × [`glasshouse_compiler::graph::Type::columns`].
    Floats(Tensor<2>),
    /// Ids stay on the host, where they are checked.
    Ids(Rc<[u32]>),
}

impl InterpretedValue {
    pub(super) fn into_floats(self, graph: &Graph, id: ValueId) -> Result<Tensor<2>> {
        match self {
            Self::Floats(tensor) => Ok(tensor),
            Self::Ids(_) => Err(Error::Internal(format!("value {} is {}, not floats", id.0, graph.ty(id)))),
        }
    }
}

pub(super) struct Run<'run> {
    pub(super) graph: &'run Graph,
    pub(super) device: &'run Device,
    seed: [u32; 2],
    /// Nodes needed for the values to be read.
    needed: Vec<bool>,
    /// Remaining uses of each value. The last use takes it, so that burn can work in place.
    uses: Vec<usize>,
    values: HashMap<ValueId, InterpretedValue>,
    /// Terms [N,1] that are 0 and have the gradient of the penalties of JumpReLUs, for the squared error that follows.
    pub(super) penalty: Option<Tensor<2>>,
}

impl<'run> Run<'run> {
    /// Prepares to compute only what `read` needs.
    pub(super) fn new(graph: &'run Graph, device: &'run Device, seed: [u32; 2], read: &[ValueId]) -> Self {
        let mut uses = vec![0; graph.values.len()];
        for id in read {
            uses[id.index()] += 1;
        }
        let mut needed = vec![false; graph.nodes.len()];
        for (at, node) in graph.nodes.iter().enumerate().rev() {
            // Cached attention writes two of its inputs.
            let fills_cache = matches!(node.op, Op::CachedAttention(_));
            let mut written = node.outputs.iter().chain(node.inputs.iter().filter(|_| fills_cache));
            if written.any(|id| uses[id.index()] > 0) {
                needed[at] = true;
                for id in &node.inputs {
                    uses[id.index()] += 1;
                }
            }
        }
        Self { graph, device, seed, needed, uses, values: HashMap::new(), penalty: None }
    }

    /// Sets an input, parameter or cache.
    pub(super) fn bind(&mut self, id: ValueId, value: InterpretedValue) {
        self.values.insert(id, value);
    }

    pub(super) fn value_from_data(&self, id: ValueId, data: &Data) -> Result<InterpretedValue> {
        let ty = self.graph.ty(id);
        match (data, ty.element) {
            (Data::F32(numbers), element) if element != Element::U32 => {
                expect_count(self.graph, id, numbers.len())?;
                let data = TensorData::new(numbers.clone(), [ty.rows(), ty.columns()]);
                Ok(InterpretedValue::Floats(self.device.tensor(data)))
            }
            (Data::U32(ids), Element::U32) => {
                expect_count(self.graph, id, ids.len())?;
                Ok(InterpretedValue::Ids(ids.as_slice().into()))
            }
            _ => Err(Error::Internal(format!("value {} is {ty}, but other data was given", id.0))),
        }
    }

    /// Computes all needed nodes.
    pub(super) fn forward(&mut self) -> Result<()> {
        for (at, node) in self.graph.nodes.iter().enumerate() {
            if self.needed[at] {
                let outputs = self.node(node)?;
                for (id, tensor) in node.outputs.iter().zip(outputs) {
                    self.values.insert(*id, InterpretedValue::Floats(tensor));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, id: ValueId) -> Result<InterpretedValue> {
        let value = &self.graph.values[id.index()];
        if let Origin::Constant(constant) = &value.origin
            && !self.values.contains_key(&id)
        {
            let data = TensorData::new(constant.data(&value.ty), [value.ty.rows(), value.ty.columns()]);
            self.values.insert(id, InterpretedValue::Floats(self.device.tensor(data)));
        }
        let uses = &mut self.uses[id.index()];
        *uses = uses.saturating_sub(1);
        let taken = if *uses == 0 { self.values.remove(&id) } else { self.values.get(&id).cloned() };
        taken.ok_or_else(|| {
            Error::Internal(format!("value {} ({:?}) is not given to the oracle", id.0, value.origin))
        })
    }

    pub(super) fn floats(&mut self, id: ValueId) -> Result<Tensor<2>> {
        self.take(id)?.into_floats(self.graph, id)
    }

    pub(super) fn ids(&mut self, id: ValueId) -> Result<Rc<[u32]>> {
        match self.take(id)? {
            InterpretedValue::Ids(ids) => Ok(ids),
            InterpretedValue::Floats(_) => {
                Err(Error::Internal(format!("value {} is {}, not ids", id.0, self.graph.ty(id))))
            }
        }
    }

    /// Reads a value back to the host.
    pub(super) fn read(&mut self, id: ValueId) -> Result<Data> {
        match self.take(id)? {
            InterpretedValue::Ids(ids) => Ok(Data::U32(ids.to_vec())),
            InterpretedValue::Floats(tensor) => Ok(Data::F32(host(tensor)?)),
        }
    }

    /// The op's outputs, in order.
    fn node(&mut self, node: &Node) -> Result<Vec<Tensor<2>>> {
        dispatch!(&node.op, op => self.express(op, node), else {
            let (scope, name) = (&node.scope, node.op.name());
            Err(Error::Internal(format!(
                "{scope}: {name} is not a forward operation; the oracle runs no others"
            )))
        })
    }

    fn express<O: Express>(&mut self, op: &O, node: &Node) -> Result<Vec<Tensor<2>>> {
        match O::Inputs::take(op, &mut node.inputs.iter().copied()) {
            Some(inputs) => Ok(op.express(self, node, inputs)?.list()),
            None => Err(Error::Internal(format!("{}: an input is missing", node.scope))),
        }
    }

    pub(super) fn floats_if(&mut self, id: Option<ValueId>) -> Result<Option<Tensor<2>>> {
        id.map(|id| self.floats(id)).transpose()
    }

    /// (start, length, text) for each row of a cursor.
    pub(super) fn cursor(&mut self, id: ValueId) -> Result<Vec<[usize; 3]>> {
        let ids = self.ids(id)?;
        Ok(ids.as_chunks().0.iter().map(|row: &[u32; 3]| row.map(|entry| entry as usize)).collect())
    }

    /// x + size·u, with elements numbered in row-major order.
    pub(super) fn add_noise(&self, x: Tensor<2>, noise: Noise) -> Tensor<2> {
        let added: Vec<f32> = (0..x.shape().num_elements() as u32)
            .map(|at| noise.size * random::signed(random::bits(self.seed, noise.site, at)))
            .collect();
        let added = self.device.tensor(TensorData::new(added, x.shape()));
        x + added
    }

    /// x·mask/(1 − rate), with elements numbered in row-major order.
    pub(super) fn drop_entries<const D: usize>(&self, x: Tensor<D>, site: DropoutSite) -> Tensor<D> {
        let (threshold, kept) = (random::threshold(site.rate), 1.0 / (1.0 - site.rate));
        let factors: Vec<f32> = (0..x.shape().num_elements() as u32)
            .map(|at| if random::bits(self.seed, site.site, at) < threshold { 0.0 } else { kept })
            .collect();
        let factors = self.device.tensor(TensorData::new(factors, x.shape()));
        x * factors
    }
}

/// An operation as a plain burn expression, following its formula in [`glasshouse_compiler::graph::ops`].
pub(super) trait Express: Operation {
    fn express(&self, run: &mut Run<'_>, node: &Node, inputs: In<Self>) -> Result<Out<Self>>;
}

pub(super) type In<O> = <O as Operation>::Inputs<ValueId>;
pub(super) type Out<O> = <O as Operation>::Outputs<Tensor<2>>;

/// A tensor's entries in row-major order.
pub(super) fn host<E: burn::tensor::Element>(tensor: Tensor<2>) -> Result<Vec<E>> {
    tensor.try_into_vec_as::<E>().map_err(|error| {
        Error::Device(format!("the oracle cannot read a value back as {:?}: {error}", E::dtype()))
    })
}

pub(super) fn expect_count(graph: &Graph, id: ValueId, count: usize) -> Result<()> {
    let ty = graph.ty(id);
    if ty.count() == count {
        Ok(())
    } else {
        Err(Error::Internal(format!("value {} is {ty}, but {count} entries were given", id.0)))
    }
}

pub(super) fn expect_below(scope: &str, ids: &[u32], entries: usize) -> Result<()> {
    match ids.iter().find(|id| **id as usize >= entries) {
        None => Ok(()),
        Some(id) => {
            Err(Error::Refused(format!("{scope}: token {id} is beyond the table's {entries} entries")))
        }
    }
}
