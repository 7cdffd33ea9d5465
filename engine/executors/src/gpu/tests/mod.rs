//! Tests that hold for any choice of kernels.

mod executor;
mod mixed;
mod parts;
mod pieces;
mod tuning;

use super::program::Program;
use super::run::run_plan;
use super::storage::Storage;
use super::{AdapterClass, Gpu, devices, run_graph, test_gpu};
use glasshouse_compiler::graph::{Graph, Input, Type, ValueId, ops};
use glasshouse_compiler::plan::buffers::buffers;
use glasshouse_compiler::plan::lower::{Cooperative, Target, Tier};
use glasshouse_compiler::plan::{compile, trial};
use glasshouse_compiler::step::Data;
use glasshouse_platform::Error;
use glasshouse_shaders::Kernel;

/// A target that uses cooperative matrices wherever possible, if the device and the graph support any.
pub(super) fn with_cooperative(gpu: &Gpu, graph: &Graph) -> Option<Target> {
    let choices = trial::everywhere(graph, Tier::Cooperative, |class| class.family.multiplies());
    let possible = gpu.target().cooperative != Cooperative::NONE && !choices.is_empty();
    possible.then(|| {
        let target = Target::new(false).with_subgroups(true);
        target.with_cooperative(gpu.target().cooperative).with(&choices)
    })
}

#[test]
fn lists_the_software_adapter_as_one() {
    let found = pollster::block_on(devices());
    let software = found.iter().find(|report| report.name.contains("llvmpipe"));
    assert!(
        software.is_some_and(|report| report.software && report.kind == AdapterClass::Software),
        "{found:?}"
    );
}

#[test]
fn an_unknown_name_is_refused_with_the_names_there_are() {
    let refused = pollster::block_on(Gpu::open("Voodoo 2"));
    match refused {
        Err(Error::Device(text)) => {
            assert!(text.contains("\"Voodoo 2\"") && text.contains("llvmpipe"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_real_gpu_is_never_a_software_adapter() {
    let real = pollster::block_on(Gpu::open_real());
    assert!(matches!(real, Ok(None)) || real.is_ok_and(|gpu| gpu.is_some_and(|gpu| !gpu.report().software)));
}

#[test]
fn a_lost_device_is_an_error() {
    let gpu = test_gpu();
    assert!(gpu.check().is_ok());
    gpu.device.destroy();
    for _ in 0..2 {
        let usage = wgpu::BufferUsages::COPY_SRC;
        let after = pollster::block_on(async {
            let buffer = gpu.buffer("test", 64, usage).await?;
            gpu.read(&buffer, 0, 64).await
        });
        assert!(matches!(after, Err(Error::DeviceLost(_))), "{after:?}");
    }
}

/// The mapping fails before the loss is reported.
#[test]
fn a_device_that_is_lost_during_a_read_is_lost() {
    let gpu = test_gpu();
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = pollster::block_on(gpu.buffer("test", 64, usage)).unwrap();
    let submission = gpu.queue.submit([]);
    let reading = gpu.begin_read(&staging, 64, submission);
    gpu.lose();
    let read = pollster::block_on(gpu.end_read(reading));
    assert!(matches!(read, Err(Error::DeviceLost(_)) | Ok(_)), "{read:?}");
    assert!(matches!(pollster::block_on(gpu.idle()), Err(Error::DeviceLost(_))));
}

/// A graph of add and dropout: small, but with a control table to read.
fn graph() -> (Graph, Vec<(ValueId, Data)>, ValueId) {
    let mut graph = Graph::default();
    let x = graph.input(Input::Free(0), Type::f32(&[3, 5]));
    let y = graph.input(Input::Free(1), Type::f32(&[3, 5]));
    let sum = graph.push(ops::Add, &[x, y]).unwrap()[0];
    let sum = graph.push(ops::Add, &[sum, sum]).unwrap()[0];
    let inputs = vec![(x, Data::F32((0..15).map(|at| at as f32).collect())), (y, Data::F32(vec![0.5; 15]))];
    (graph, inputs, sum)
}

#[test]
fn runs_a_graph() {
    let gpu = test_gpu();
    let (graph, inputs, sum) = graph();
    let read = pollster::block_on(run_graph(&gpu, &graph, &inputs, &[sum])).unwrap();
    assert_eq!(read, [Data::F32((0..15).map(|at| 2.0 * at as f32 + 1.0).collect())]);
}

#[test]
fn a_missing_or_misshapen_value_is_named() {
    let gpu = test_gpu();
    let (graph, mut inputs, sum) = graph();
    let missing = pollster::block_on(run_graph(&gpu, &graph, &inputs[..1], &[sum]));
    assert!(
        missing.as_ref().is_err_and(|error| error.to_string().contains("value 1 (Input(Free(1)))")),
        "{missing:?}"
    );
    inputs[1].1 = Data::U32(vec![0; 15]);
    let wrong = pollster::block_on(run_graph(&gpu, &graph, &inputs, &[sum]));
    assert!(wrong.as_ref().is_err_and(|error| error.to_string().contains("f32[3, 5]")), "{wrong:?}");
}

static BROKEN: Kernel = Kernel {
    name: "broken",
    entry_point: "broken",
    pieces: &["@compute @workgroup_size(1) fn broken() { let x = missing; }"],
    workgroup_size: [1, 1, 1],
    bindings: &[],
    workgroup_memory: 0,
    reads_z: false,
};

/// A kernel that exceeds every device's limits.
static GREEDY: Kernel = Kernel {
    name: "greedy",
    entry_point: "greedy",
    pieces: &["@compute @workgroup_size(1) fn greedy() {}"],
    workgroup_size: [1, 1, 1],
    bindings: &[],
    workgroup_memory: 1 << 30,
    reads_z: false,
};

#[test]
fn a_kernel_that_cannot_be_built_is_named() {
    let gpu = test_gpu();
    for (kernel, says) in
        [(&BROKEN, "kernel broken could not be built"), (&GREEDY, "kernel greedy needs 1073741824 bytes")]
    {
        match pollster::block_on(gpu.prepare([kernel])) {
            Err(Error::Device(text)) => assert!(text.contains(says) && !text.contains('\n'), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(gpu.check().is_ok());
}

#[test]
fn a_buffer_bound_for_reading_and_writing_is_a_fault_with_a_name() {
    let gpu = test_gpu();
    let (graph, _, sum) = graph();
    let mut plan = compile(graph, &[sum], &gpu.target()).unwrap();
    plan.dispatches[1].bindings[0].buffer = plan.dispatches[1].bindings[2].buffer;
    let list = buffers(&[&plan], None, &[], 1);
    let refused = pollster::block_on(async {
        let storage = Storage::create(&gpu, &list, &[&plan], &[]).await?;
        Program::new(&gpu, &plan.dispatches, &storage, 0, 0).await
    });
    assert!(
        refused.as_ref().is_err_and(|error| error.to_string().contains("bound for reading and for writing")),
        "{refused:?}"
    );
}

#[test]
fn nothing_is_zero_that_nobody_wrote() {
    let gpu = test_gpu();
    let (graph, inputs, sum) = graph();
    let mut plan = compile(graph, &[sum], &gpu.target()).unwrap();
    plan.dispatches.pop();
    let read = pollster::block_on(run_plan(&gpu, &plan, &inputs, &[sum], [0, 0])).unwrap();
    assert!(
        matches!(&read[..], [Data::F32(entries)] if entries.iter().all(|entry| entry.is_nan())),
        "{read:?}"
    );
}
