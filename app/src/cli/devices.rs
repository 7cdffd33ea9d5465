//! `glasshouse devices`: lists this machine's adapters.

use super::arguments::JsonArguments;
use anyhow::Result;
use glasshouse_engine::gpu::{self, AdapterLimits};
use glasshouse_engine::protocol::quantity::{bytes, counted};

pub(super) fn devices(arguments: &JsonArguments) -> Result<()> {
    let adapters = pollster::block_on(gpu::devices());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let auto = adapters.iter().find(|adapter| !adapter.software);
    if arguments.json {
        let report = serde_json::json!({
            "adapters": adapters,
            "tuned": adapters.iter().map(gpu::known).collect::<Vec<_>>(),
            "cpu_threads": threads,
            "auto": auto.map_or("cpu", |adapter| adapter.name.as_str()),
        });
        say!("{report}")?;
        return Ok(());
    }
    if adapters.is_empty() {
        say!("no GPU adapter: install a Vulkan, Metal or DirectX 12 driver to train on a GPU")?;
    }
    for adapter in &adapters {
        let AdapterLimits {
            buffer_bytes,
            binding_bytes,
            storage_buffers,
            workgroup_bytes,
            workgroup_invocations,
            ..
        } = &adapter.limits;
        say!("{} ({}, {}, {})", adapter.name, adapter.kind.name(), adapter.backend, adapter.driver)?;
        say!("  features: {}", adapter.features.join(", "))?;
        say!("  precisions: {}", adapter.precisions.join(", "))?;
        let (precisions, kernels): (Vec<_>, Vec<_>) =
            gpu::known(adapter).into_iter().partition(|(name, _)| name.starts_with("precision "));
        if !kernels.is_empty() {
            say!("  autotuned kernels: {} shape buckets", kernels.len())?;
        }
        for (class, found) in precisions {
            say!("  --precision auto takes {found} for steps of {}", class.trim_start_matches("precision "))?;
        }
        say!(
            "  limits: buffers of {}, bindings of {}, {storage_buffers} storage buffers per stage",
            bytes(*buffer_bytes),
            bytes(*binding_bytes)
        )?;
        say!(
            "  workgroups: {workgroup_invocations} invocations, {} of memory",
            bytes(u64::from(*workgroup_bytes))
        )?;
    }
    say!("cpu: {}; precisions: f32", counted(threads as u64, "thread"))?;
    match auto {
        Some(adapter) => say!("--device auto takes {}", adapter.name)?,
        None => say!("--device auto takes the CPU: there is no hardware GPU")?,
    }
    Ok(())
}
