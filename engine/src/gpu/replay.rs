//! Replaying units of work (a micro-batch, with what belongs before and after it), cut into submissions by measured time.
//! Short units share a submission, whose fixed cost is that of a hundred dispatches. A long one is split, so that a desktop
//! gets its turn and no driver's watchdog takes the device for hung. Where the cuts lie changes no result.

use super::Gpu;
use super::occupancy::Stamps;
use super::program::Program;
use crate::error::Result;
use std::collections::VecDeque;
use web_time::Instant;

/// What a submission should last while a window is open: half a frame.
const INTERACTIVE_SECONDS: f64 = 0.008;
/// What it should last otherwise: a tenth of what the strictest watchdog allows.
const UNATTENDED_SECONDS: f64 = 0.2;

/// Floating-point operations that a submission may hold as long as nothing has been measured: a tenth of a second on a GPU that
/// does no more than fifty billion a second.
const UNMEASURED_WORK: f64 = 5e9;

/// How units fall into submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// As many units in one submission.
    Together(usize),
    /// One unit in as many submissions.
    Apart(usize),
}

/// How long units take, and how they are cut for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pacing {
    /// A window or tab is visible.
    pub(super) interactive: bool,
    /// Seconds of a unit, as last measured.
    seconds: Option<f64>,
    /// Submissions of a unit before that.
    first: usize,
    /// Seconds that a wait takes by itself.
    wait: f64,
}

impl Pacing {
    /// The pacing of units of so many floating-point operations, on a device where a wait takes so long by itself.
    pub(super) fn of(work: f64, wait: f64) -> Self {
        Self { first: (work / UNMEASURED_WORK).ceil() as usize, wait, ..Self::default() }
    }

    /// The cut for the next units.
    pub(super) fn cut(&self) -> Cut {
        let budget = if self.interactive { INTERACTIVE_SECONDS } else { UNATTENDED_SECONDS };
        match self.seconds {
            None if self.first <= 1 => Cut::Together(1),
            None => Cut::Apart(self.first),
            Some(seconds) if seconds <= budget => Cut::Together((budget / seconds.max(1e-6)) as usize),
            Some(seconds) => Cut::Apart((seconds / budget).ceil() as usize),
        }
    }

    /// Notes what some units took with the wait for them. What may be either is not all taken for waiting, so that submissions grow
    /// step by step.
    pub(super) fn observe(&mut self, seconds: f64, units: usize) {
        if units > 0 {
            let work = (seconds - self.wait).max(seconds / 8.0);
            self.seconds = Some(work / units as f64);
        }
    }
}

/// Pieces of a long unit that are submitted before the first of them is done: while the device works on one the next is ready,
/// and whoever gives up the unit waits for no more than these.
const UNDER_WAY: usize = 2;

/// What launching dispatches has cost the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EncodeStatistics {
    /// Seconds spent encoding and submitting. A driver may hold a submission back until it has room for it: then that
    /// wait is in here too.
    pub seconds: f64,
    /// Dispatches encoded.
    pub dispatches: u64,
    /// Submissions made.
    pub submissions: u64,
}

/// A micro-batch's work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'a> {
    /// Cleared before it.
    pub(super) clear: &'a [&'a wgpu::Buffer],
    /// Replayed one after another.
    pub(super) programs: &'a [&'a Program],
}

/// Records units and submits them as the cut says.
pub(super) struct Recorder<'a> {
    gpu: &'a Gpu,
    cut: Cut,
    stamps: Option<&'a Stamps>,
    encoder: Option<wgpu::CommandEncoder>,
    units: usize,
    /// Pieces of a long unit that the device may not have done yet.
    under_way: VecDeque<wgpu::SubmissionIndex>,
    begun: Instant,
    statistics: EncodeStatistics,
}

impl<'a> Recorder<'a> {
    /// A recorder whose passes write into `stamps`, where there are any.
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

    /// Records a unit. A full submission is sent off when more comes, so that the last one also holds the copy of the reports.
    ///
    /// # Errors
    /// The device was lost.
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
                self.under_way.extend(submission);
                if self.under_way.len() > UNDER_WAY {
                    let waited = Instant::now();
                    self.gpu.turn(self.under_way.pop_front()).await?;
                    // Waiting is no launch overhead.
                    self.begun += waited.elapsed();
                }
            }
            self.pass(unit, total * piece / pieces, total * (piece + 1) / pieces);
        }
        self.statistics.dispatches += total as u64;
        Ok(())
    }

    /// One pass over the unit's dispatches from `start` to `end`, counted through its programs.
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

    /// Encodes what is not submitted yet, and drops it.
    pub(super) fn discard(mut self) {
        debug_assert_eq!(self.statistics.submissions, 0, "what was submitted is not dropped");
        drop(self.encoder.take().map(wgpu::CommandEncoder::finish));
    }

    /// Copies the first `bytes` of `from` to `to` at the end, submits the rest, and says which submission was the last
    /// and what recording cost.
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

    /// Steps of 2 ms in a visible tab of Firefox, where a wait takes 100 ms: they share submissions where nudges are heard, and are cut
    /// into two where not, which once were thirteen.
    #[test]
    fn waiting_is_not_taken_for_work() {
        let cut = |hears: bool| {
            let mut pacing = Pacing::of(1e9, firefox::waited(0.0, hears));
            pacing.interactive = true;
            for _ in 0..4 {
                pacing.observe(firefox::waited(0.002, hears), 1);
            }
            pacing.cut()
        };
        assert!(matches!(cut(true), Cut::Together(2..)), "{:?}", cut(true));
        assert_eq!(cut(false), Cut::Apart(2));
        // A long unit is none for that: a desktop still gets its turn.
        let mut pacing = Pacing::of(1e9, firefox::waited(0.0, true));
        pacing.interactive = true;
        pacing.observe(firefox::waited(0.2, true), 1);
        assert!(matches!(pacing.cut(), Cut::Apart(24..=26)), "{:?}", pacing.cut());
    }

    #[test]
    fn a_large_first_unit_is_split_before_anything_is_measured() {
        assert_eq!(Pacing::of(1e9, 0.0).cut(), Cut::Together(1));
        let mut pacing = Pacing::of(3.1e11, 0.0);
        assert_eq!(pacing.cut(), Cut::Apart(62));
        pacing.observe(0.05, 1);
        assert_eq!(pacing.cut(), Cut::Together(4));
    }
}
