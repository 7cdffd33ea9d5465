//! `glasshouse devices`: lists this machine's adapters.

use super::prelude::*;
use glasshouse_engine::gpu;

pub(super) fn devices(arguments: &JsonArguments) -> Result<()> {
    let adapters = pollster::block_on(gpu::devices());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let auto = adapters.iter().find(|adapter| !adapter.software);
    if arguments.json {
        let report = json!({
            "adapters": adapters,
            "tuned": adapters.iter().map(gpu::known).collect::<Vec<_>>(),
            "cpu_threads": threads,
            "auto": auto.map_or("cpu", |adapter| adapter.name.as_str()),
        });
        return Ok(say!("{report}")?);
    }
    if adapters.is_empty() {
        say!("no GPU adapter: install a Vulkan, Metal or DirectX 12 driver to train on a GPU")?;
    }
    for adapter in &adapters {
        let (precisions, kernels): (Vec<_>, Vec<_>) =
            gpu::known(adapter).into_iter().partition(|(name, _)| name.starts_with("precision "));
        let mut blocks = report::records(&[json!(adapter)], &["name"]);
        if !kernels.is_empty() {
            blocks.push(Block::Text(format!("autotuned kernels: {} shape buckets", kernels.len())));
        }
        let chosen = precisions.iter().map(|(class, found)| {
            let steps = class.trim_start_matches("precision ");
            Block::Text(format!("--precision auto selects {found} for steps of {steps}"))
        });
        blocks.extend(chosen);
        report::print(&[Block::Section(Section::new(&adapter.name, blocks))])?;
    }
    say!("cpu: {}; precisions: f32", counted(threads as u64, "thread"))?;
    match auto {
        Some(adapter) => say!("--device auto selects {}", adapter.name)?,
        None => say!("--device auto selects the CPU: there is no hardware GPU")?,
    }
    Ok(())
}
