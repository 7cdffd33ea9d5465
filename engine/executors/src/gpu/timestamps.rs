//! Timestamps of passes. In browsers only a pass can be timed, not a dispatch within it.

use super::Gpu;
use super::program::Program;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::order;
use std::cell::Cell;

/// Queries per set, WebGPU's maximum.
const QUERIES: u32 = 4096;

/// A query set that passes fill one after another.
pub(super) struct Stamps {
    queries: wgpu::QuerySet,
    used: Cell<u32>,
}

impl Stamps {
    pub(super) fn new(gpu: &Gpu) -> Result<Self> {
        if !gpu.has_timestamps() {
            return Err(Error::Device(format!("{} offers no timestamp queries", gpu.report().name)));
        }
        let descriptor = wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count: QUERIES,
        };
        Ok(Self { queries: gpu.device.create_query_set(&descriptor), used: Cell::new(0) })
    }

    /// Timestamp writes for the next pass; `None` if the set is full.
    pub(super) fn next(&self) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let first = self.used.get();
        (first + 2 <= QUERIES).then(|| {
            self.used.set(first + 2);
            wgpu::ComputePassTimestampWrites {
                query_set: &self.queries,
                beginning_of_pass_write_index: Some(first),
                end_of_pass_write_index: Some(first + 1),
            }
        })
    }

    /// Begin and end of each pass in ticks, once all are submitted.
    async fn pairs(&self, gpu: &Gpu) -> Result<Vec<[u64; 2]>> {
        let used = self.used.get();
        let bytes = u64::from(used) * 8;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = gpu.buffer("timestamps", bytes, usage).await?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.resolve_query_set(&self.queries, 0..used, &resolved, 0);
        gpu.queue.submit([encoder.finish()]);
        Ok(bytemuck::pod_collect_to_vec(&gpu.read(&resolved, 0, bytes).await?))
    }

    /// The share of time that the device was idle between passes: it waited for the host, or cleared and copied buffers. `None` if there
    /// were no passes, or too many for the set.
    pub(super) async fn idle_share(&self, gpu: &Gpu) -> Result<Option<f64>> {
        match self.used.get() {
            0 | QUERIES => Ok(None),
            _ => Ok(idle_share(self.pairs(gpu).await?)),
        }
    }
}

/// The share of the span of passes, given by begin and end, in which none runs.
fn idle_share(mut passes: Vec<[u64; 2]>) -> Option<f64> {
    order::sort(&mut passes);
    let &[first, _] = passes.first()?;
    // Passes may overlap on the device; overlapping time counts once.
    let (mut busy, mut until) = (0, first);
    for [begin, end] in passes {
        busy += end.saturating_sub(begin.max(until));
        until = until.max(end);
    }
    Some(1.0 - busy as f64 / (until - first).max(1) as f64)
}

/// Nanoseconds of each dispatch of a program, replayed with one pass each: slower overall, but correct per dispatch.
pub(super) async fn dispatch_times(gpu: &Gpu, program: &Program) -> Result<Vec<f64>> {
    let period = f64::from(gpu.queue.get_timestamp_period());
    let mut nanoseconds = Vec::with_capacity(program.len());
    while nanoseconds.len() < program.len() {
        let stamps = Stamps::new(gpu)?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        for at in nanoseconds.len()..program.len() {
            let Some(writes) = stamps.next() else { break };
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
            program.encode(&mut encoder.begin_compute_pass(&descriptor), at..at + 1);
        }
        gpu.queue.submit([encoder.finish()]);
        let pairs = stamps.pairs(gpu).await?;
        nanoseconds.extend(pairs.iter().map(|[begin, end]| end.saturating_sub(*begin) as f64 * period));
    }
    Ok(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_between_passes_is_idle_and_time_of_two_at_once_counts_once() {
        let of = |pairs: &[[u64; 2]]| idle_share(pairs.to_vec()).unwrap();
        assert!((of(&[[10, 20], [30, 40]]) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(of(&[[10, 30], [20, 40], [22, 25]]), 0.0);
        // A stopped clock must not give a negative idle share.
        assert!((0.0..=1.0).contains(&of(&[[5, 5]])));
        assert!(idle_share(Vec::new()).is_none());
    }
}
