//! Pipelines, one per kernel variant, built once per device and shared by all its programs.

use super::Gpu;
use super::device::one_line;
use super::{poison, signal};
use glasshouse_compiler::plan::lower::Cooperative;
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_shaders::{Access, Kernel};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use web_time::Instant;

/// Milliseconds between checks of the time that a browser takes to build pipelines.
const PAUSE_MILLISECONDS: i32 = 100;

#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

/// All pipelines of a device, by kernel name.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipelines(Arc<Mutex<HashMap<&'static str, Pipeline>>>);

impl Pipelines {
    /// The pipeline of a kernel passed to [`Gpu::prepare`] before.
    pub(super) fn get(&self, kernel: &Kernel) -> Result<Pipeline> {
        let pipelines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || Error::Internal(format!("kernel {} was not prepared", kernel.name));
        pipelines.get(kernel.name).cloned().ok_or_else(missing)
    }

    fn contains(&self, kernel: &Kernel) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(kernel.name)
    }

    fn insert(&self, kernel: &Kernel, pipeline: Pipeline) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(kernel.name, pipeline);
    }
}

impl Gpu {
    /// Builds the missing pipelines. All builds are started before the first is awaited, so that a browser compiles them in parallel. Fails
    /// if a kernel cannot be built, or the device takes minutes.
    pub async fn prepare(&self, kernels: impl IntoIterator<Item = &'static Kernel>) -> Result<()> {
        self.check()?;
        let (yielder, since) = (Yielder::new(), Instant::now());
        let is_patient = || since.elapsed().as_secs_f64() < self.patience;
        let mut begun: Vec<(&'static Kernel, Pipeline, _)> = Vec::new();
        for kernel in kernels {
            if !self.pipelines.contains(kernel) && begun.iter().all(|(other, ..)| other.name != kernel.name) {
                self.admit(kernel)?;
                let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
                let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
                let pipeline = self.build(kernel);
                let (internal, validation) = (internal.pop(), scope.pop());
                begun.push((kernel, pipeline, async move { validation.await.or(internal.await) }));
                // A driver may take a second per pipeline.
                yielder.maybe_yield().await;
                // Natively, a build ends before its call does.
                if !is_patient() {
                    return Err(self.slow(kernel));
                }
            }
        }
        for (kernel, pipeline, errors) in begun {
            let pause = || glasshouse_platform::later(PAUSE_MILLISECONDS);
            let errors = signal::nudged(errors, pause, is_patient).await;
            if let Some(error) = errors.ok_or_else(|| self.slow(kernel))? {
                self.check()?;
                return Err(Error::Device(format!(
                    "kernel {} could not be built: {}",
                    kernel.name,
                    one_line(&error)
                )));
            }
            self.pipelines.insert(kernel, pipeline);
        }
        Ok(())
    }

    fn slow(&self, kernel: &Kernel) -> Error {
        Error::Device(format!(
            "{} has compiled kernels for {:.0} seconds, the last one {}; update its driver, or choose the CPU (device cpu)",
            self.report().name,
            self.patience,
            kernel.name
        ))
    }

    /// Rejects a kernel that exceeds the device's limits or needs missing features.
    fn admit(&self, kernel: &Kernel) -> Result<()> {
        if kernel.needs_half() && !self.has_half() {
            return Err(glasshouse_compiler::Error::trains_without_half(&self.report().name).into());
        }
        let target = self.target();
        let lacks = [
            (kernel.needs_subgroups() && !target.subgroups, "subgroups"),
            (kernel.needs_cooperative() && target.cooperative == Cooperative::NONE, "cooperative matrices"),
        ];
        if let Some((_, what)) = lacks.into_iter().find(|(lacks, _)| *lacks) {
            let name = &self.report().name;
            return Err(Error::Device(format!("kernel {} needs {what}, and {name} has none", kernel.name)));
        }
        let limits = self.limits();
        let buffers =
            kernel.bindings.iter().filter(|binding| binding.access != Access::Uniform).count() as u32;
        let invocations = kernel.workgroup_size.iter().product::<u32>();
        let rules = [
            ("storage buffers", buffers, limits.max_storage_buffers_per_shader_stage),
            ("invocations in a workgroup", invocations, limits.max_compute_invocations_per_workgroup),
            ("bytes of workgroup memory", kernel.workgroup_memory, limits.max_compute_workgroup_storage_size),
        ];
        match rules.iter().find(|(_, needed, offered)| needed > offered) {
            None => Ok(()),
            Some((what, needed, offered)) => Err(Error::Device(format!(
                "kernel {} needs {needed} {what} and {} offers {offered}; choose the CPU (device cpu)",
                kernel.name,
                self.report().name
            ))),
        }
    }

    fn build(&self, kernel: &'static Kernel) -> Pipeline {
        let entries: Vec<wgpu::BindGroupLayoutEntry> = kernel
            .bindings
            .iter()
            .map(|binding| wgpu::BindGroupLayoutEntry {
                binding: binding.binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match binding.access {
                        Access::Uniform => wgpu::BufferBindingType::Uniform,
                        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                        Access::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
                    },
                    has_dynamic_offset: false,
                    // With a minimum size given here, sizes are validated once per bind group instead of at every dispatch.
                    min_binding_size: NonZeroU64::new(u64::from(binding.stride)),
                },
                count: None,
            })
            .collect();
        let layout = self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(kernel.name),
            entries: &entries,
        });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let source = if self.poisons { poison::source(kernel) } else { None };
        let source = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name),
            source: wgpu::ShaderSource::Wgsl(source.unwrap_or_else(|| kernel.source()).into()),
        };
        let checks =
            wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() };
        #[allow(
            unsafe_code,
            reason = "a second counter in every loop doubles the time of attention's backward kernels"
        )]
        // SAFETY: every other check stays on, so we only promise that no loop is infinite. A `Kernel` is composed and validated before this
        // program is built, no external text becomes one, and each of its loops counts up to a bound from its arguments.
        let module = unsafe { self.device.create_shader_module_trusted(source, checks) };
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(kernel.entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Kernels write all that they read, which tests with poisoned memory prove; clearing takes time, and races with the first
                // writes on some drivers.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { pipeline, layout }
    }
}
