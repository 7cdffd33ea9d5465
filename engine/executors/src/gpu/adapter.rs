//! The available adapters, their capabilities, and selection by name.

use crate::device::DeviceKind;
use glasshouse_compiler::plan::lower::{Cooperative, Side, Target};
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::{Precision, order};
use serde::Serialize;
use wgpu::{Adapter, AdapterInfo, Backend, Backends, DeviceType, Features, Instance, Limits};

/// The index of the adapter that a device name selects: `gpu` the best one, software ones included, and anything else the first
/// whose name contains it, ignoring case. [`Error::Device`] lists the adapters if none matches.
pub fn selected(name: &str, adapters: &[AdapterReport]) -> Result<usize> {
    if DeviceKind::is_of_burn(name) {
        return Err(Error::Device(format!(
            "{name} is only for training and its tests; choose auto, gpu, cpu, or part of an adapter's name"
        )));
    }
    if adapters.is_empty() {
        return Err(Error::Device(format!(
            "{}; or choose the CPU (device cpu)",
            glasshouse_platform::without_gpu()
        )));
    }
    let part = name.to_lowercase();
    let is_it = |adapter: &AdapterReport| name == "gpu" || adapter.name.to_lowercase().contains(&part);
    adapters.iter().position(is_it).ok_or_else(|| {
        let mut names: Vec<String> =
            adapters.iter().map(|adapter| format!("{:?} ({})", adapter.name, adapter.backend)).collect();
        names.dedup();
        Error::Device(format!(
            "unknown adapter {name:?}; choose one of {}, or the CPU (device cpu)",
            names.join(", ")
        ))
    })
}

/// An adapter, as printed by `glasshouse devices`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdapterReport {
    /// Empty in browsers.
    pub name: String,
    /// Graphics API: `vulkan`, `metal`, `dx12` or `webgpu`.
    pub backend: String,
    pub kind: AdapterClass,
    pub driver: String,
    /// Whether the adapter runs on the CPU. False if a browser does not tell.
    pub software: bool,
    /// Features that speed up kernels or allow profiling.
    pub features: Vec<&'static str>,
    /// Supported cooperative matrices, among those that have kernels.
    #[serde(skip)]
    pub cooperative: Cooperative,
    /// Supported values of `train.precision`.
    pub precisions: Vec<&'static str>,
    pub limits: AdapterLimits,
}

/// Kinds of adapter, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterClass {
    /// A GPU with its own memory.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A GPU in a virtual machine.
    Virtual,
    Unknown,
    Software,
}

impl AdapterClass {
    // In JSON and for display.
    glasshouse_protocol::named! {
        Discrete = "discrete", Integrated = "integrated", Virtual = "virtual", Unknown = "unknown", Software = "software"
    }
}

/// Limits that determine which models and kernels fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AdapterLimits {
    pub buffer_bytes: u64,
    pub binding_bytes: u64,
    /// Maximum storage buffers per kernel.
    pub storage_buffers: u32,
    pub workgroup_bytes: u32,
    pub workgroup_invocations: u32,
    /// Maximum workgroups per dimension of a dispatch.
    pub workgroups: u32,
}

/// All adapters of this machine.
pub async fn devices() -> Vec<AdapterReport> {
    adapters(&instance()).await.iter().map(AdapterReport::from_adapter).collect()
}

/// Creates the wgpu instance. wgpu is thread-safe.
pub(super) fn instance() -> Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::PRIMARY;
    // WGPU_DEBUG=1 gives pipelines their names in other programs, such as RenderDoc.
    descriptor.flags = descriptor.flags.with_env();
    Instance::new(descriptor)
}

/// All adapters, best first; ties are in the system's order.
async fn adapters(instance: &Instance) -> Vec<Adapter> {
    let mut adapters = instance.enumerate_adapters(Backends::PRIMARY).await;
    if adapters.iter().any(|adapter| adapter.get_info().backend == Backend::BrowserWebGpu) {
        // A browser returns one adapter per request, and a low-power one by default.
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        if let Ok(fast) = instance.request_adapter(&options).await {
            adapters = vec![fast];
        }
    }
    order::sort_by_key(&mut adapters, |adapter| AdapterClass::of(&adapter.get_info()));
    adapters
}

/// The adapter that a device name selects, as [`selected`].
pub(super) async fn choose(instance: &Instance, name: &str) -> Result<(Adapter, AdapterReport)> {
    let mut all = adapters(instance).await;
    let mut reports: Vec<AdapterReport> = all.iter().map(AdapterReport::from_adapter).collect();
    let at = selected(name, &reports)?;
    Ok((all.swap_remove(at), reports.swap_remove(at)))
}

/// The best real GPU, if any.
pub(super) async fn real(instance: &Instance) -> Option<(Adapter, AdapterReport)> {
    let best = adapters(instance).await.into_iter().next()?;
    let report = AdapterReport::from_adapter(&best);
    (!report.software).then_some((best, report))
}

impl AdapterClass {
    fn of(info: &AdapterInfo) -> Self {
        match info.device_type {
            _ if is_software(info) => Self::Software,
            DeviceType::DiscreteGpu => Self::Discrete,
            DeviceType::IntegratedGpu => Self::Integrated,
            DeviceType::VirtualGpu => Self::Virtual,
            DeviceType::Other | DeviceType::Cpu => Self::Unknown,
        }
    }
}

/// Whether the CPU does the work: by type, or by known names if the type is unknown.
fn is_software(info: &AdapterInfo) -> bool {
    let known = ["llvmpipe", "lavapipe", "swiftshader", "microsoft basic render"];
    let texts = [info.name.to_lowercase(), info.driver.to_lowercase()];
    info.device_type == DeviceType::Cpu
        || texts.iter().any(|text| {
            known.iter().any(|known| text.contains(known))
                || text.split_whitespace().any(|word| word == "warp")
        })
}

/// Workgroup size of cooperative-matrix kernels; subgroups must be full. wgpu cannot require that, so a kernel is used only where
/// [`super::autotune`] found its results right on the device.
const COOPERATING: u32 = 64;

/// The largest supported matrices of each kind, with sums in 32-bit floats. Vulkan lists them even if a device lacks another requirement.
fn cooperative(adapter: &Adapter) -> Cooperative {
    use wgpu::CooperativeScalarType::{F16, F32};
    let needed = Features::EXPERIMENTAL_COOPERATIVE_MATRIX | Features::SUBGROUP;
    if !adapter.features().contains(needed) || adapter.get_info().subgroup_max_size > COOPERATING {
        return Cooperative::NONE;
    }
    let all = adapter.cooperative_matrix_properties();
    let largest = |entries| {
        let sides = [(16, Side::Sixteen), (8, Side::Eight)];
        let offers = |side: u32| {
            all.iter().any(|matrix| {
                [matrix.m_size, matrix.n_size, matrix.k_size] == [side; 3]
                    && matrix.ab_type == entries
                    && matrix.cr_type == F32
                    && !matrix.saturating_accumulation
            })
        };
        sides.into_iter().find(|(size, _)| offers(*size)).map(|(_, side)| side)
    };
    let f16s = largest(F16).filter(|_| adapter.features().contains(Features::SHADER_F16));
    Cooperative { floats: largest(F32), f16s }
}

impl AdapterReport {
    /// The target kernels are chosen for.
    pub(super) fn target(&self) -> Target {
        Target::new(self.software)
            .with_all_experts(true)
            .with_binding(self.limits.binding_bytes)
            .with_buffer(self.limits.buffer_bytes)
            .with_subgroups(self.features.contains(&"subgroups"))
            .with_cooperative(self.cooperative)
    }

    fn from_adapter(adapter: &Adapter) -> Self {
        let info = adapter.get_info();
        let software = is_software(&info);
        let (features, cooperative) = (adapter.features(), cooperative(adapter));
        let known = [
            (Features::SHADER_F16, "shader-f16"),
            (Features::SUBGROUP, "subgroups"),
            (Features::TIMESTAMP_QUERY, "timestamp-query"),
        ];
        Self {
            backend: info.backend.to_string(),
            kind: AdapterClass::of(&info),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            software,
            features: known
                .iter()
                .filter(|(feature, _)| features.contains(*feature))
                .map(|(_, name)| *name)
                .chain(cooperative.names())
                .collect(),
            cooperative,
            precisions: match features.contains(Features::SHADER_F16) {
                true => vec![Precision::F32.name(), Precision::Mixed.name()],
                false => vec![Precision::F32.name()],
            },
            limits: AdapterLimits::from_limits(&adapter.limits()),
            name: info.name,
        }
    }
}

impl AdapterLimits {
    pub(super) fn from_limits(limits: &Limits) -> Self {
        Self {
            buffer_bytes: limits.max_buffer_size,
            binding_bytes: limits.max_storage_buffer_binding_size,
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
            workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            workgroups: limits.max_compute_workgroups_per_dimension,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, device_type: DeviceType) -> AdapterInfo {
        AdapterInfo { name: name.to_owned(), ..AdapterInfo::new(device_type, Backend::Vulkan) }
    }

    #[test]
    fn knows_a_software_adapter() {
        for name in [
            "llvmpipe (LLVM 15.0.6, 256 bits)",
            "SwiftShader Device (Subzero)",
            "Microsoft Basic Render Driver",
        ] {
            assert!(is_software(&info(name, DeviceType::Other)), "{name}");
        }
        assert!(is_software(&info("anything", DeviceType::Cpu)));
        for name in ["", "NVIDIA GeForce RTX 4090", "Apple M2", "Warpdrive 9000"] {
            assert!(!is_software(&info(name, DeviceType::Other)), "{name}");
        }
    }

    #[test]
    fn prefers_discrete_and_takes_software_last() {
        let order = [
            info("a", DeviceType::DiscreteGpu),
            info("b", DeviceType::IntegratedGpu),
            info("c", DeviceType::VirtualGpu),
            info("d", DeviceType::Other),
            info("llvmpipe", DeviceType::DiscreteGpu),
        ];
        assert!(order.iter().map(AdapterClass::of).is_sorted_by(|before, after| before < after));
    }
}
