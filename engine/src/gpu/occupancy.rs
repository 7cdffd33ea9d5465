//! How much of its time a device works while steps are sent as training sends them. Every pass writes the device's clock when it begins
//! and when it ends; what lies between passes is time in which the device waits for the host, or clears and copies buffers.

use super::Gpu;
use crate::error::{Error, Result};
use std::cell::Cell;

/// Queries of a set: WebGPU allows no more.
const QUERIES: u32 = 4096;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occupancy {
    /// Seconds within passes.
    pub busy: f64,
    /// Seconds from the beginning of the first pass to the end of the last.
    pub span: f64,
    /// Passes.
    pub passes: usize,
}

impl Occupancy {
    /// The share of the span that lies between passes.
    pub fn idle_share(&self) -> f64 {
        (1.0 - self.busy / self.span.max(1e-12)).clamp(0.0, 1.0)
    }

    /// From pairs of ticks of a clock, in the order in which the passes ran.
    fn from_ticks(pairs: &[(u64, u64)], seconds_per_tick: f64) -> Option<Self> {
        let first = pairs.iter().map(|(begin, _)| *begin).min()?;
        let last = pairs.iter().map(|(_, end)| *end).max()?;
        // Passes may overlap where a device begins one before the one ahead has ended: time counts once.
        let mut sorted = pairs.to_vec();
        sorted.sort_unstable();
        let (mut busy, mut until) = (0, first);
        for (begin, end) in sorted {
            busy += end.saturating_sub(begin.max(until));
            until = until.max(end);
        }
        let seconds = |ticks: u64| ticks as f64 * seconds_per_tick;
        Some(Self { busy: seconds(busy), span: seconds(last - first), passes: pairs.len() })
    }
}

/// A set of queries that passes write into one after another, until it is full.
#[derive(Debug)]
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

    /// What the next pass shall write; nothing where the set is full.
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

    /// What the passes wrote, once all of them are done; `None` where there was none, or more than the set has room for.
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
        // A clock that stood still says nothing of idleness that could be below zero.
        assert!((0.0..=1.0).contains(&of(&[(5, 5)]).idle_share()));
        assert!(Occupancy::from_ticks(&[], 1.0).is_none());
    }
}
