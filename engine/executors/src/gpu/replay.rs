//! Replay of units of work (a micro-batch with what precedes and follows it), split into submissions by measured time.
//! Short units share a submission, whose fixed cost equals that of a hundred dispatches. Long units are split, so that
//! the desktop stays responsive and no driver watchdog takes the device for hung. The splits do not affect results.

use super::Gpu;
use super::device::UnderWay;
use super::program::Program;
use super::timestamps::Stamps;
use glasshouse_platform::Result;
use std::collections::VecDeque;
use web_time::Instant;

/// Target duration of a submission while a window is open: half a frame.
const INTERACTIVE_SECONDS: f64 = 0.008;
/// Target duration otherwise: a tenth of the strictest watchdog limit.
const UNATTENDED_SECONDS: f64 = 0.2;

/// Maximum floating-point operations per submission before anything has been measured: a tenth of a second at fifty billion per second.
const UNMEASURED_WORK: f64 = 5e9;

/// How units are split into submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// This many units per submission.
    Together(usize),
    /// One unit in this many submissions.
    Apart(usize),
}

/// Measured duration of units, and the resulting split.
#[derive(Clone, Debug, Default)]
pub(super) struct Pacing {
    /// Whether a window or tab is visible.
    pub(super) interactive: bool,
    /// Seconds per unit, as last measured.
    seconds: Option<f64>,
    /// Submissions per unit before the first measurement.
    first: usize,
    /// Overhead of a wait in seconds.
    wait: f64,
}

impl Pacing {
    /// Pacing for units of `work` floating-point operations, with `wait` seconds of overhead per wait.
    pub(super) fn new(work: f64, wait: f64) -> Self {
        Self { first: (work / UNMEASURED_WORK).ceil() as usize, wait, ..Self::default() }
    }

    pub(super) fn cut(&self) -> Cut {
        let budget = if self.interactive { INTERACTIVE_SECONDS } else { UNATTENDED_SECONDS };
        match self.seconds {
            None if self.first <= 1 => Cut::Together(1),
            None => Cut::Apart(self.first),
            Some(seconds) if seconds <= budget => Cut::Together((budget / seconds.max(1e-6)) as usize),
            Some(seconds) => Cut::Apart((seconds / budget).ceil() as usize),
        }
    }

    /// Records the duration of units including the wait. At most 7/8 of it is attributed to waiting, so that submissions grow gradually.
    pub(super) fn observe(&mut self, seconds: f64, units: usize) {
        if units > 0 {
            let work = (seconds - self.wait).max(seconds / 8.0);
            self.seconds = Some(work / units as f64);
        }
    }
}

/// Maximum pieces of a long unit submitted ahead: the next is ready when the device finishes one, and cancelling a unit
/// waits only for these.
const UNDER_WAY: usize = 2;

/// CPU cost of launching dispatches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EncodeStatistics {
    /// Seconds spent encoding and submitting. Includes waits of a driver that holds a submission back.
    pub seconds: f64,
    pub dispatches: u64,
    pub submissions: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'a> {
    /// Buffers to clear first.
    pub(super) clear: &'a [&'a wgpu::Buffer],
    /// Programs to replay in sequence.
    pub(super) programs: &'a [&'a Program],
}

/// Records units and submits them as split by `cut`.
pub(super) struct Recorder<'a> {
    gpu: &'a Gpu,
    cut: Cut,
    stamps: Option<&'a Stamps>,
    encoder: Option<wgpu::CommandEncoder>,
    units: usize,
    /// Pieces of a long unit that may still be running.
    under_way: VecDeque<UnderWay>,
    begun: Instant,
    statistics: EncodeStatistics,
}

impl<'a> Recorder<'a> {
    /// Creates a recorder; its passes write to `stamps`, if given.
    pub(super) fn new(gpu: &'a Gpu, cut: Cut, stamps: Option<&'a Stamps>) -> Self {
        Self {
            gpu,
            cut,
            stamps,
            encoder: None,
            units: 0,
            under_way: VecDeque::new(),
            begun: Instant::now(),
            statistics: EncodeStatistics::default(),
        }
    }

    fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        let device = &self.gpu.device;
        self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()))
    }

    /// Records a unit. A full submission is sent only when another unit follows, so that the last one also includes the
    /// copy of the reports.
    pub(super) async fn record(&mut self, unit: Unit<'_>) -> Result<()> {
        let total: usize = unit.programs.iter().map(|program| program.len()).sum();
        let (most, pieces) = match self.cut {
            Cut::Together(most) => (most, 1),
            Cut::Apart(pieces) => (1, pieces.clamp(1, total.max(1))),
        };
        if self.units >= most {
            self.submit();
        }
        self.units += 1;
        for buffer in unit.clear {
            self.encoder().clear_buffer(buffer, 0, None);
        }
        for piece in 0..pieces {
            if piece > 0 {
                let submission = self.submit();
                self.units = 1;
                self.under_way.push_back(self.gpu.under_way(submission));
                if self.under_way.len() > UNDER_WAY
                    && let Some(first) = self.under_way.pop_front()
                {
                    let waited = Instant::now();
                    self.gpu.finished(first).await?;
                    // Waiting is not launch overhead.
                    self.begun += waited.elapsed();
                }
            }
            self.pass(unit, total * piece / pieces, total * (piece + 1) / pieces);
        }
        self.statistics.dispatches += total as u64;
        Ok(())
    }

    /// Records one pass over dispatches `start..end`, numbered across the unit's programs.
    fn pass(&mut self, unit: Unit<'_>, start: usize, end: usize) {
        let timestamp_writes = self.stamps.and_then(Stamps::next);
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
        let mut pass = self.encoder().begin_compute_pass(&descriptor);
        let mut before = 0;
        for program in unit.programs {
            let from = start.clamp(before, before + program.len()) - before;
            let to = end.clamp(before, before + program.len()) - before;
            program.encode(&mut pass, from..to);
            before += program.len();
        }
    }

    fn submit(&mut self) -> Option<wgpu::SubmissionIndex> {
        self.units = 0;
        let encoder = self.encoder.take()?;
        self.statistics.submissions += 1;
        Some(self.gpu.queue.submit([encoder.finish()]))
    }

    /// Encodes the pending work and drops it without submitting.
    pub(super) fn discard(mut self) {
        debug_assert_eq!(self.statistics.submissions, 0, "what was submitted is not dropped");
        drop(self.encoder.take().map(wgpu::CommandEncoder::finish));
    }

    /// Copies the first `bytes` of `from` to `to`, submits the rest, and returns the last submission and the recording cost.
    pub(super) fn finish(
        mut self,
        from: &wgpu::Buffer,
        to: &wgpu::Buffer,
        bytes: u64,
    ) -> (wgpu::SubmissionIndex, EncodeStatistics) {
        self.encoder().copy_buffer_to_buffer(from, 0, to, 0, bytes);
        let commands = self.encoder.take().map(wgpu::CommandEncoder::finish);
        let submission = self.gpu.queue.submit(commands);
        self.statistics.submissions += 1;
        self.statistics.seconds = self.begun.elapsed().as_secs_f64();
        (submission, self.statistics)
    }
}

impl std::ops::AddAssign for EncodeStatistics {
    fn add_assign(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.dispatches += other.dispatches;
        self.submissions += other.submissions;
    }
}

#[cfg(test)]
mod tests {
    use super::super::signal::firefox;
    use super::*;

    #[test]
    fn short_units_share_and_long_ones_split() {
        let mut pacing = Pacing::default();
        assert_eq!(pacing.cut(), Cut::Together(1));
        pacing.observe(0.1, 10);
        assert_eq!(pacing.cut(), Cut::Together(20));
        pacing.interactive = true;
        assert_eq!(pacing.cut(), Cut::Apart(2));
        pacing.observe(3.0, 1);
        assert_eq!(pacing.cut(), Cut::Apart(375));
        pacing.interactive = false;
        assert_eq!(pacing.cut(), Cut::Apart(15));
    }

    /// Steps of 2 ms in a visible Firefox tab, where a wait takes 100 ms: they share submissions if nudges are heard,
    /// and are split in two (formerly thirteen) if not.
    #[test]
    fn waiting_is_not_taken_for_work() {
        let cut = |reacts: bool| {
            let mut pacing = Pacing::new(1e9, firefox::waited(0.0, reacts));
            pacing.interactive = true;
            for _ in 0..4 {
                pacing.observe(firefox::waited(0.002, reacts), 1);
            }
            pacing.cut()
        };
        assert!(matches!(cut(true), Cut::Together(2..)), "{:?}", cut(true));
        assert_eq!(cut(false), Cut::Apart(2));
        // A long unit is still split, so that the desktop stays responsive.
        let mut pacing = Pacing::new(1e9, firefox::waited(0.0, true));
        pacing.interactive = true;
        pacing.observe(firefox::waited(0.2, true), 1);
        assert!(matches!(pacing.cut(), Cut::Apart(24..=26)), "{:?}", pacing.cut());
    }

    #[test]
    fn a_large_first_unit_is_split_before_anything_is_measured() {
        assert_eq!(Pacing::new(1e9, 0.0).cut(), Cut::Together(1));
        let mut pacing = Pacing::new(3.1e11, 0.0);
        assert_eq!(pacing.cut(), Cut::Apart(62));
        pacing.observe(0.05, 1);
        assert_eq!(pacing.cut(), Cut::Together(4));
    }
}
