//! Single runs of arbitrary graphs, for op tests and probes.

use super::Gpu;
use super::program::Program;
use super::storage::Storage;
use super::timestamps::dispatch_times;
use glasshouse_compiler::blocks;
use glasshouse_compiler::graph::{Element, Graph, Origin, ParameterId, ValueId};
use glasshouse_compiler::plan::buffers::{Role, buffers};
use glasshouse_compiler::plan::control::ScheduleRow;
use glasshouse_compiler::plan::fuse::Fusions;
use glasshouse_compiler::plan::lower::Target;
use glasshouse_compiler::plan::memory::Spot;
use glasshouse_compiler::plan::{Buffer, Numbered, Plan, compile};
use glasshouse_compiler::step::{Data, LossScale};
use glasshouse_platform::{Error, Result};
use half::f16;

/// Fills every slot before the run: a quiet NaN with a recognisable payload, out of range for every buffer when used as
/// an index. A kernel that reads uninitialised memory cannot be right by luck.
const POISON: u32 = 0x7fc0_3039;

/// Runs a graph once, node by node, and reads values back. `inputs` sets inputs, parameters, caches and, where they
/// should not start at zero, gradients. [`Error::Refused`] names a missing value.
pub async fn run_graph(
    gpu: &Gpu,
    graph: &Graph,
    inputs: &[(ValueId, Data)],
    read: &[ValueId],
) -> Result<Vec<Data>> {
    run_graph_for(gpu, graph, inputs, read, [0, 0], gpu.target().with_fusions(Fusions::NONE)).await
}

/// Like [`run_graph`], with a dropout seed and the kernels of another target.
pub async fn run_graph_for(
    gpu: &Gpu,
    graph: &Graph,
    inputs: &[(ValueId, Data)],
    read: &[ValueId],
    seed: [u32; 2],
    target: Target,
) -> Result<Vec<Data>> {
    run_plan(gpu, &compile(graph.clone(), read, &target)?, inputs, read, seed).await
}

pub(super) async fn run_plan(
    gpu: &Gpu,
    plan: &Plan,
    inputs: &[(ValueId, Data)],
    read: &[ValueId],
    seed: [u32; 2],
) -> Result<Vec<Data>> {
    let (storage, program) = prepare(gpu, plan, None).await?;
    fill(gpu, plan, &storage, inputs).await?;
    given(plan, inputs, false)?;
    run(gpu, (plan, &storage, &program), read, seed).await
}

/// A graph that stays on the device between runs.
#[derive(Debug)]
pub struct PreparedGraph {
    plan: Plan,
    storage: Storage,
    program: Program,
    shares_weights: bool,
}

impl PreparedGraph {
    /// Compiles a graph and allocates its buffers; values in `read` can be read after a run. With `beside`, it shares the weights of that
    /// graph of the same model: uploads affect both. Fails if the device cannot hold or bind what the graph needs.
    pub async fn new(
        gpu: &Gpu,
        graph: &Graph,
        read: &[ValueId],
        fusions: Fusions,
        beside: Option<&Self>,
    ) -> Result<Self> {
        let plan = compile(graph.clone(), read, &gpu.target().with_fusions(fusions))?;
        let allocations = buffers(&[&plan], None, &[], 1);
        let lender = beside.map(|other| &other.storage).filter(|other| other.lends_weights(&allocations));
        let (storage, program) = prepare(gpu, &plan, lender).await?;
        Ok(Self { shares_weights: lender.is_some(), plan, storage, program })
    }

    /// Whether it shares the weights of the `beside` graph.
    pub fn shares_weights(&self) -> bool {
        self.shares_weights
    }

    /// Uploads entries of values, which stay until overwritten. Fails if the number or type of entries does not match the value.
    pub async fn upload(&self, gpu: &Gpu, inputs: &[(ValueId, Data)]) -> Result<()> {
        fill(gpu, &self.plan, &self.storage, inputs).await
    }

    /// Runs the graph like [`run_graph`], with previously uploaded parameters. Gradients start at zero.
    pub async fn run(&self, gpu: &Gpu, inputs: &[(ValueId, Data)], read: &[ValueId]) -> Result<Vec<Data>> {
        given(&self.plan, inputs, true)?;
        self.upload(gpu, inputs).await?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        for gradient in self.storage.all(|role| matches!(role, Role::Bound(Buffer::Gradients(_)))) {
            encoder.clear_buffer(gradient, 0, None);
        }
        gpu.queue.submit([encoder.finish()]);
        run(gpu, (&self.plan, &self.storage, &self.program), read, [0, 0]).await
    }

    /// Returns a value's entries after a run. Fails if the device was lost, or the value was not in `read` when the graph was prepared.
    pub async fn read(&self, gpu: &Gpu, value: ValueId) -> Result<Data> {
        read_back(gpu, &self.plan, &self.storage, value).await
    }

    /// Milliseconds of each of the plan's dispatches, measured in an extra run with one pass each; empty without timestamps.
    pub async fn timings(&self, gpu: &Gpu) -> Result<Vec<f64>> {
        if !gpu.has_timestamps() {
            return Ok(Vec::new());
        }
        let nanoseconds = dispatch_times(gpu, &self.program).await?;
        Ok(nanoseconds.into_iter().map(|spent| spent / 1e6).collect())
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Bytes held on the device, without the weights.
    pub fn bytes(&self) -> u64 {
        self.storage.bytes_beside_weights()
    }
}

async fn prepare(gpu: &Gpu, plan: &Plan, lender: Option<&Storage>) -> Result<(Storage, Program)> {
    let allocations = buffers(&[plan], None, &[], 1);
    let storage = Storage::create_beside(gpu, &allocations, &[plan], &[], lender).await?;
    let program = Program::new(gpu, &plan.dispatches, &storage, 0, 0).await?;
    for slot in storage.all(|role| matches!(role, Role::Bound(Buffer::Slot(_)))) {
        gpu.write(slot, 0, bytemuck::cast_slice(&vec![POISON; slot.size() as usize / 4])).await?;
    }
    storage.fill_constants(gpu, 0, plan).await?;
    storage.set_loss_scale(gpu, LossScale::ONE).await?;
    Ok((storage, program))
}

async fn run(
    gpu: &Gpu,
    (plan, storage, program): (&Plan, &Storage, &Program),
    read: &[ValueId],
    seed: [u32; 2],
) -> Result<Vec<Data>> {
    let row = ScheduleRow { seed, ..ScheduleRow::default() };
    gpu.write(storage.get(0, Buffer::Schedule)?, 0, bytemuck::bytes_of(&row)).await?;

    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        program.encode(&mut pass, 0..program.len());
    }
    gpu.queue.submit([encoder.finish()]);
    let mut results = Vec::with_capacity(read.len());
    for value in read {
        results.push(read_back(gpu, plan, storage, *value).await?);
    }
    Ok(results)
}

async fn read_back(gpu: &Gpu, plan: &Plan, storage: &Storage, value: ValueId) -> Result<Data> {
    let ty = plan.graph.ty(value);
    let mut bytes = Vec::with_capacity(ty.bytes() as usize);
    for (buffer, offset, count) in places(plan, value)? {
        bytes.extend(gpu.read(storage.get(0, buffer)?, offset, count).await?);
    }
    Ok(match ty.element {
        Element::F32 => Data::F32(bytemuck::pod_collect_to_vec(&bytes)),
        Element::F16 => {
            let entries = bytes.as_chunks::<2>().0.iter().take(ty.count());
            Data::F32(entries.map(|entry| f16::from_le_bytes(*entry).to_f32()).collect())
        }
        Element::U32 => Data::U32(bytemuck::pod_collect_to_vec(&bytes)),
        _ => {
            let mut weights = vec![0.0; ty.count()];
            blocks::unpack(
                ty.element,
                ty.columns(),
                &bytemuck::pod_collect_to_vec::<_, u32>(&bytes),
                &mut weights,
            );
            Data::F32(weights)
        }
    })
}

/// Uploads values, rounded where stored in fewer bits. For a weight, also uploads its 16-bit copy, if any.
async fn fill(gpu: &Gpu, plan: &Plan, storage: &Storage, inputs: &[(ValueId, Data)]) -> Result<()> {
    for (value, data) in inputs {
        let ty = plan.graph.ty(*value);
        let (count, element) = match data {
            Data::F32(entries) => (entries.len(), Element::F32),
            Data::U32(entries) => (entries.len(), Element::U32),
        };
        let fits = (element == Element::U32) == (ty.element == Element::U32);
        if !fits || count != ty.count() {
            return Err(Error::Refused(format!(
                "value {} is {ty}, but {count} {element:?} were given",
                value.0
            )));
        }
        let mut words = Vec::new();
        let mut bytes: &[u8] = match data {
            Data::F32(entries) if ty.element == Element::F16 => &f16_bytes(entries),
            Data::F32(entries) if ty.element != Element::F32 => {
                words.resize((ty.bytes() / 4) as usize, 0);
                blocks::pack(ty.element, ty.columns(), entries, &mut words);
                bytemuck::cast_slice(&words)
            }
            Data::F32(entries) => bytemuck::cast_slice(entries),
            Data::U32(entries) => bytemuck::cast_slice(entries),
        };
        for (buffer, offset, count) in places(plan, *value)? {
            let (own, rest) = bytes.split_at(count as usize);
            gpu.write(storage.get(0, buffer)?, offset, own).await?;
            if let Buffer::Parameters(piece) = buffer
                && let Ok(copy) = storage.get(0, Buffer::HalfParameters(piece))
            {
                gpu.write(copy, offset / 2, &f16_bytes(&bytemuck::pod_collect_to_vec(own))).await?;
            }
            bytes = rest;
        }
    }
    Ok(())
}

/// Checks that all inputs are given, and all parameters unless they were uploaded before.
fn given(plan: &Plan, inputs: &[(ValueId, Data)], has_parameters: bool) -> Result<()> {
    for value in plan.graph.nodes.iter().flat_map(|node| &node.inputs) {
        let origin = &plan.graph.values[value.index()].origin;
        let needed = match origin {
            Origin::Input(_) => true,
            Origin::Parameter(_) => !has_parameters,
            _ => false,
        };
        if needed && inputs.iter().all(|(given, _)| given != value) {
            return Err(Error::Refused(format!("missing input: value {} ({origin:?})", value.0)));
        }
    }
    Ok(())
}

/// Floats as f16 bytes, padded to a multiple of four bytes.
pub(super) fn f16_bytes(entries: &[f32]) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(|entry| f16::from_f32(*entry).to_le_bytes()).collect();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Location of a value: buffer, offset and length in bytes, for each arena piece it spans.
fn places(plan: &Plan, value: ValueId) -> Result<Vec<(Buffer, u64, u64)>> {
    let of_arena = |arena: Numbered, id: ParameterId| {
        let (arena, entries): (Numbered, usize) = match plan.arena.stored(id) {
            Some(stored) => (Buffer::Stored, stored.words.len()),
            None => (arena, plan.arena.counts[id.index()]),
        };
        let spans = plan.arena.spans_of(id, 0..entries);
        spans.map(|(piece, own)| (arena(piece), own.start as u64 * 4, own.len() as u64 * 4)).collect()
    };
    let one = |buffer, offset| vec![(buffer, offset, plan.graph.ty(value).bytes())];
    Ok(match plan.graph.values[value.index()].origin {
        Origin::Input(input) => one(Buffer::Input(input), 0),
        Origin::Parameter(id) => of_arena(Buffer::Parameters, id),
        Origin::Gradient(id) => of_arena(Buffer::Gradients, id),
        Origin::Constant(_) => one(Buffer::Constant(value), 0),
        Origin::Cache(number) => one(Buffer::Cache(number), 0),
        Origin::Node(_) | Origin::Removed => match plan.placement.spot_of_value[value.index()] {
            Some(Spot { slot, offset }) => one(Buffer::Slot(slot), offset),
            None => return Err(Error::Internal(format!("value {} has no slot", value.0))),
        },
    })
}
