//! The oracle: forward graphs executed as plain burn operations and differentiated by burn.
//!
//! It shares only the graph with our executors. Each operation is a single straightforward expression, in a file named like that
//! of its formula ([`glasshouse_compiler::graph::ops`]): attention stores its T×T matrix, a norm is five element-wise operations. Backward
//! nodes are not used; burn's autodiff differentiates the forward part. So errors in a gradient rule, a kernel or a CPU loop show
//! up as differences. It runs on any burn device: Flex in f32 or f64 (CPU), and burn-wgpu with the feature `burn-wgpu`, which
//! also serves as a performance baseline for our kernels.

mod attention;
mod cached;
mod device;
mod dictionary;
mod distil;
mod elementwise;
mod embedding;
mod executor;
mod experts;
mod head_norm;
mod interpret;
mod linear;
mod loss;
mod mlp;
mod norm;
mod policy;
mod preference;
mod rope;
mod unlikelihood;

#[cfg(feature = "burn-wgpu")]
mod wgpu;
#[cfg(not(feature = "burn-wgpu"))]
#[path = "without_wgpu.rs"]
mod wgpu;

pub use device::Device;
pub use executor::OracleExecutor;

use burn::tensor::{Tensor, TensorData};
use glasshouse_compiler::graph::{Graph, ValueId};
use glasshouse_compiler::step::Data;
use glasshouse_platform::{Error, Result};
use interpret::{InterpretedValue, Run};

/// Runs the part of a forward graph that `read` needs and returns the values of `read`. `inputs` are all its inputs, caches and parameters;
/// constants come from the graph. Dropout uses the seed [0, 0]. A cache is returned with its contents after the run. Fails if an input is
/// missing, does not match its type or has an id out of range; or a backward operation is needed.
pub fn run_graph(
    graph: &Graph,
    inputs: &[(ValueId, Data)],
    read: &[ValueId],
    device: &Device,
) -> Result<Vec<Data>> {
    let mut run = Run::new(graph, device, [0, 0], read);
    for (id, data) in inputs {
        run.bind(*id, run.value_from_data(*id, data)?);
    }
    run.forward()?;
    read.iter().map(|id| run.read(*id)).collect()
}

/// The gradient of Σ output·output_gradient with respect to each of `wrt` (float inputs or parameters); zeros if the output does
/// not depend on it. Errors as in [`run_graph`].
pub fn gradients_of(
    graph: &Graph,
    inputs: &[(ValueId, Data)],
    output: ValueId,
    output_gradient: Vec<f32>,
    wrt: &[ValueId],
    device: &Device,
) -> Result<Vec<Data>> {
    let mut run = Run::new(graph, device, [0, 0], &[output]);
    let mut leaves = Vec::new();
    for (id, data) in inputs {
        let mut value = run.value_from_data(*id, data)?;
        if wrt.contains(id) {
            let leaf = value.into_floats(graph, *id)?.require_grad();
            leaves.push((*id, leaf.clone()));
            value = InterpretedValue::Floats(leaf);
        }
        run.bind(*id, value);
    }
    run.forward()?;
    let weights = run.value_from_data(output, &Data::F32(output_gradient))?.into_floats(graph, output)?;
    let sum = (run.floats(output)? * weights).sum();
    let gradients = sum.is_tracked().then(|| sum.backward());
    wrt.iter()
        .map(|id| {
            let (_, leaf) = leaves
                .iter()
                .find(|(leaf, _)| leaf == id)
                .ok_or_else(|| Error::Internal(format!("value {} is not an input of the oracle", id.0)))?;
            let gradient = gradients.as_ref().and_then(|gradients| leaf.grad(gradients));
            Ok(Data::F32(match gradient {
                Some(gradient) => interpret::host(gradient)?,
                None => vec![0.0; graph.ty(*id).count()],
            }))
        })
        .collect()
}

/// Like [`run_graph`], entirely in double precision on the CPU, for central differences.
pub fn run_graph_in_f64(
    graph: &Graph,
    floats: &[(ValueId, Vec<f64>)],
    ids: &[(ValueId, Vec<u32>)],
    read: &[ValueId],
) -> Result<Vec<Vec<f64>>> {
    let device = Device::flex_in_f64().without_autodiff();
    let mut run = Run::new(graph, &device, [0, 0], read);
    for (id, numbers) in floats {
        let (rows, columns) = (graph.ty(*id).rows(), graph.ty(*id).columns());
        interpret::expect_count(graph, *id, numbers.len())?;
        run.bind(
            *id,
            InterpretedValue::Floats(device.tensor(TensorData::new(numbers.clone(), [rows, columns]))),
        );
    }
    for (id, numbers) in ids {
        run.bind(*id, InterpretedValue::Ids(numbers.as_slice().into()));
    }
    run.forward()?;
    read.iter().map(|id| interpret::host(run.floats(*id)?)).collect()
}

/// 1/√(mean over columns of x² + eps), [N,1].
fn reciprocal_root(x: Tensor<2>, eps: f32) -> Tensor<2> {
    ((x.clone() * x).mean_dim(1) + f64::from(eps)).sqrt().recip()
}

/// x (+ term).
fn plus(x: Tensor<2>, term: Option<Tensor<2>>) -> Tensor<2> {
    match term {
        Some(term) => x + term,
        None => x,
    }
}

/// log Σ exp along a dimension, with the maximum subtracted first.
fn log_sum_exp<const D: usize>(x: Tensor<D>, dimension: usize) -> Tensor<D> {
    let largest = x.clone().detach().max_dim(dimension);
    (x - largest.clone()).exp().sum_dim(dimension).log() + largest
}
