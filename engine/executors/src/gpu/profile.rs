//! Profiling of a step on the device. In browsers only a pass can be timed, not a dispatch within it, so profiling
//! replays the same dispatches with one pass each: slower overall, but correct per dispatch.

use super::Gpu;
use super::program::Program;
use glasshouse_platform::{Error, Result};
use serde::Serialize;
use std::ops::Range;

/// Passes timed with one query set; WebGPU allows 4096 queries per set.
const PASSES: usize = 2048;

/// Time of a kernel within a scope, summed over its dispatches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// The graph's scope, like `blocks.3.attention`, or the phase's name.
    pub scope: String,
    pub kernel: &'static str,
    pub dispatches: usize,
    pub nanoseconds: f64,
}

/// Replays programs one after another and times every dispatch; each counts as often as given with its program. Sums
/// are in order of first occurrence.
pub(super) async fn profile(gpu: &Gpu, programs: &[(&Program, usize)]) -> Result<Vec<Timing>> {
    if !gpu.has_timestamps() {
        return Err(Error::Device(format!("{} offers no timestamp queries", gpu.report().name)));
    }
    let mut timings: Vec<Timing> = Vec::new();
    for (program, dispatches) in programs.iter().copied() {
        for (at, spent) in dispatch_times(gpu, program).await?.into_iter().enumerate() {
            let nanoseconds = spent * dispatches as f64;
            let (scope, kernel) = program.name(at);
            match timings.iter_mut().find(|timing| timing.scope == scope && timing.kernel == kernel) {
                Some(timing) => {
                    timing.dispatches += dispatches;
                    timing.nanoseconds += nanoseconds;
                }
                None => timings.push(Timing { scope: scope.to_owned(), kernel, dispatches, nanoseconds }),
            }
        }
    }
    Ok(timings)
}

/// Nanoseconds of each dispatch of a program.
pub(super) async fn dispatch_times(gpu: &Gpu, program: &Program) -> Result<Vec<f64>> {
    let mut nanoseconds = Vec::with_capacity(program.len());
    for start in (0..program.len()).step_by(PASSES) {
        nanoseconds.extend(time(gpu, program, start..(start + PASSES).min(program.len())).await?);
    }
    Ok(nanoseconds)
}

/// Nanoseconds of each dispatch in a range.
async fn time(gpu: &Gpu, program: &Program, range: Range<usize>) -> Result<Vec<f64>> {
    let count = 2 * range.len() as u32;
    let queries = gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
        label: Some("profile"),
        ty: wgpu::QueryType::Timestamp,
        count,
    });
    let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
    let resolved = gpu.buffer("profile", u64::from(count) * 8, usage).await?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    for (pair, at) in range.enumerate() {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                query_set: &queries,
                beginning_of_pass_write_index: Some(2 * pair as u32),
                end_of_pass_write_index: Some(2 * pair as u32 + 1),
            }),
        });
        program.encode(&mut pass, at..at + 1);
    }
    encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
    gpu.queue.submit([encoder.finish()]);
    let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&gpu.read(&resolved, 0, u64::from(count) * 8).await?);
    let period = f64::from(gpu.queue.get_timestamp_period());
    Ok(ticks.chunks_exact(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * period).collect())
}
