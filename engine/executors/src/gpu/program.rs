//! A list of dispatches prepared for replay, with pipelines, uploaded arguments and bind groups. Encoding takes two or
//! three calls per dispatch and allocates nothing.

use super::Gpu;
use super::device::one_line;
use super::storage::Storage;
use glasshouse_compiler::plan::buffers::ARGUMENTS_STRIDE;
use glasshouse_compiler::plan::{Binding, Dispatch};
use glasshouse_platform::{Error, Result};
use glasshouse_shaders::Access;
use std::ops::Range;
use std::rc::Rc;

#[derive(Debug)]
struct Launch {
    pipeline: wgpu::ComputePipeline,
    /// Whether the pipeline differs from the previous launch's.
    switches: bool,
    bind_group: wgpu::BindGroup,
    groups: [u32; 3],
    scope: Rc<str>,
    kernel: &'static str,
}

/// Dispatches prepared for replay.
#[derive(Debug)]
pub(super) struct Program {
    launches: Vec<Launch>,
}

impl Program {
    /// Prepares dispatches over the buffers of a plan, given by its index. Their arguments are stored in the plan's
    /// arguments from number `first` on.
    pub(super) async fn new(
        gpu: &Gpu,
        dispatches: &[Dispatch],
        storage: &Storage,
        plan: usize,
        first: usize,
    ) -> Result<Self> {
        for dispatch in dispatches {
            check(gpu, dispatch)?;
        }
        gpu.prepare(dispatches.iter().map(|dispatch| dispatch.kernel)).await?;
        let stride = ARGUMENTS_STRIDE as usize;
        let mut table = vec![0u8; dispatches.len() * stride];
        for (dispatch, row) in dispatches.iter().zip(table.chunks_exact_mut(stride)) {
            row[..dispatch.arguments.len()].copy_from_slice(&dispatch.arguments);
        }
        let arguments = storage.arguments(plan)?;
        gpu.write(arguments, first as u64 * ARGUMENTS_STRIDE, &table).await?;

        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let mut launches: Vec<Launch> = Vec::with_capacity(dispatches.len());
        let mut problem = None;
        for (at, dispatch) in dispatches.iter().enumerate() {
            match launch(gpu, first + at, dispatch, storage, plan) {
                Ok(mut launch) => {
                    launch.switches = at == 0 || dispatches[at - 1].kernel.name != dispatch.kernel.name;
                    launches.push(launch);
                }
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            }
        }
        let scope = scope.pop();
        if let Some(error) = problem {
            return Err(error);
        }
        if let Some(error) = scope.await {
            gpu.check()?;
            return Err(Error::Internal(format!("a binding does not fit its kernel: {}", one_line(&error))));
        }
        Ok(Self { launches })
    }

    pub(super) fn len(&self) -> usize {
        self.launches.len()
    }

    pub(super) fn name(&self, at: usize) -> (&str, &'static str) {
        (&self.launches[at].scope, self.launches[at].kernel)
    }

    pub(super) fn encode(&self, pass: &mut wgpu::ComputePass<'_>, range: Range<usize>) {
        let first = range.start;
        for (at, launch) in self.launches[range].iter().enumerate() {
            if launch.switches || (at == 0 && first > 0) {
                pass.set_pipeline(&launch.pipeline);
            }
            pass.set_bind_group(0, &launch.bind_group, &[]);
            let [x, y, z] = launch.groups;
            pass.dispatch_workgroups(x, y, z);
        }
    }
}

/// Checks rules whose violation would otherwise be a device error without a kernel's name.
fn check(gpu: &Gpu, dispatch: &Dispatch) -> Result<()> {
    let kernel = dispatch.kernel;
    let wrong =
        |reason: String| Err(Error::Internal(format!("{} ({}): {reason}", dispatch.scope, kernel.name)));
    let arguments = kernel.bindings.first().filter(|binding| binding.access == Access::Uniform);
    let Some(arguments) = arguments else {
        return wrong("binding 0 must hold the arguments".to_owned());
    };
    if dispatch.arguments.len() != arguments.stride as usize
        || dispatch.arguments.len() > ARGUMENTS_STRIDE as usize
    {
        return wrong(format!(
            "{} bytes of arguments given, {} needed",
            dispatch.arguments.len(),
            arguments.stride
        ));
    }
    if dispatch.bindings.len() + 1 != kernel.bindings.len() {
        return wrong(format!(
            "{} buffers given, {} needed",
            dispatch.bindings.len(),
            kernel.bindings.len() - 1
        ));
    }
    let most = gpu.limits().max_compute_workgroups_per_dimension;
    if dispatch.groups.iter().any(|groups| *groups > most) {
        return wrong(format!("{:?} workgroups, the device takes {most} along a dimension", dispatch.groups));
    }
    for (at, (given, declared)) in dispatch.bindings.iter().zip(&kernel.bindings[1..]).enumerate() {
        for (other, declared_other) in dispatch.bindings.iter().zip(&kernel.bindings[1..]).skip(at + 1) {
            if given.buffer == other.buffer && declared.access != declared_other.access {
                return wrong(format!(
                    "{:?} is bound for reading and for writing, as {} and {}",
                    given.buffer, declared.name, declared_other.name
                ));
            }
        }
    }
    Ok(())
}

fn launch(gpu: &Gpu, number: usize, dispatch: &Dispatch, storage: &Storage, plan: usize) -> Result<Launch> {
    let built = gpu.pipelines.get(dispatch.kernel)?;
    let range = |buffer, offset: u64, bytes: Option<u64>| {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer,
            offset,
            size: bytes.and_then(std::num::NonZeroU64::new),
        })
    };
    let mut entries = vec![wgpu::BindGroupEntry {
        binding: 0,
        resource: range(
            storage.arguments(plan)?,
            number as u64 * ARGUMENTS_STRIDE,
            Some(dispatch.arguments.len() as u64),
        ),
    }];
    for (binding, declared) in dispatch.bindings.iter().zip(&dispatch.kernel.bindings[1..]) {
        let Binding { buffer, offset, bytes } = *binding;
        entries.push(wgpu::BindGroupEntry {
            binding: declared.binding,
            resource: range(storage.get(plan, buffer)?, offset, bytes),
        });
    }
    let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some(dispatch.kernel.name),
        layout: &built.layout,
        entries: &entries,
    });
    Ok(Launch {
        pipeline: built.pipeline,
        switches: true,
        bind_group,
        groups: dispatch.groups,
        scope: dispatch.scope.clone(),
        kernel: dispatch.kernel.name,
    })
}
