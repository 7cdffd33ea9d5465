//! Occupancy: the share of time a device is busy while steps are submitted as in training. Every pass records
//! timestamps at its start and end; between passes the device waits for the host, or clears and copies buffers.

use super::Gpu;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::order;
use std::cell::Cell;

/// Queries per set, WebGPU's maximum.
const QUERIES: u32 = 4096;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occupancy {
    /// Seconds within passes.
    pub busy: f64,
    /// Seconds from the start of the first pass to the end of the last.
    pub span: f64,
    pub passes: usize,
}

impl Occupancy {
    /// The share of the span between passes.
    pub fn idle_share(&self) -> f64 {
        (1.0 - self.busy / self.span.max(1e-12)).clamp(0.0, 1.0)
    }

    /// From pairs of timestamps in the order of passes.
    fn from_ticks(pairs: &[(u64, u64)], seconds_per_tick: f64) -> Option<Self> {
        let first = pairs.iter().map(|(begin, _)| *begin).min()?;
        let last = pairs.iter().map(|(_, end)| *end).max()?;
        // Passes may overlap on the device; overlapping time counts once.
        let mut sorted = pairs.to_vec();
        order::sort(&mut sorted);
        let (mut busy, mut until) = (0, first);
        for (begin, end) in sorted {
            busy += end.saturating_sub(begin.max(until));
            until = until.max(end);
        }
        let seconds = |ticks: u64| ticks as f64 * seconds_per_tick;
        Some(Self { busy: seconds(busy), span: seconds(last - first), passes: pairs.len() })
    }
}

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
            label: Some("occupancy"),
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

    /// Evaluates the timestamps after all passes are done; `None` if there were no passes, or too many for the set.
    pub(super) async fn occupancy(&self, gpu: &Gpu) -> Result<Option<Occupancy>> {
        let used = self.used.get();
        if used == 0 || used == QUERIES {
            return Ok(None);
        }
        let bytes = u64::from(used) * 8;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = gpu.buffer("occupancy", bytes, usage).await?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.resolve_query_set(&self.queries, 0..used, &resolved, 0);
        gpu.queue.submit([encoder.finish()]);
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&gpu.read(&resolved, 0, bytes).await?);
        let pairs: Vec<(u64, u64)> = ticks.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        Ok(Occupancy::from_ticks(&pairs, f64::from(gpu.queue.get_timestamp_period()) * 1e-9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_between_passes_is_idle_and_time_of_two_at_once_counts_once() {
        let of = |pairs: &[(u64, u64)]| Occupancy::from_ticks(pairs, 0.5).unwrap();
        let apart = of(&[(10, 20), (30, 40)]);
        assert_eq!((apart.busy, apart.span, apart.passes), (10.0, 15.0, 2));
        assert!((apart.idle_share() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(of(&[(10, 30), (20, 40), (22, 25)]).idle_share(), 0.0);
        // A stopped clock must not give a negative idle share.
        assert!((0.0..=1.0).contains(&of(&[(5, 5)]).idle_share()));
        assert!(Occupancy::from_ticks(&[], 1.0).is_none());
    }
}
