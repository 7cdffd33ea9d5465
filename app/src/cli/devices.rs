//! `glasshouse devices`: the adapters of this machine.

use anyhow::Result;
use glasshouse_engine::gpu;

pub(super) fn devices(json: bool) -> Result<()> {
    let adapters = pollster::block_on(gpu::devices());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let auto = adapters.iter().find(|adapter| !adapter.software);
    if json {
        let report = serde_json::json!({
            "adapters": adapters,
            "cpu_threads": threads,
            "auto": auto.map_or("cpu", |adapter| adapter.name.as_str()),
        });
        println!("{report}");
        return Ok(());
    }
    if adapters.is_empty() {
        println!("no GPU adapter: install a Vulkan, Metal or DirectX 12 driver to train on a GPU");
    }
    for adapter in &adapters {
        println!("{adapter}");
    }
    println!("cpu: {threads} threads");
    match auto {
        Some(adapter) => println!("--device auto takes {}", adapter.name),
        None => println!("--device auto takes the CPU: there is no real GPU here"),
    }
    Ok(())
}
