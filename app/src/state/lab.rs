//! Experiments on the open project.

use glasshouse_protocol::{Event, RangeCurve, SweepSummary};

#[derive(Debug, Default)]
pub struct Lab {
    /// The last range test of learning rates.
    pub curve: Option<RangeCurve>,
    /// The last sweep.
    pub sweep: Option<SweepSummary>,
    /// Number of reports of sweeps so far, to detect a new one.
    pub reports: u64,
    /// The current work of an ablation between its runs, in words; else empty.
    pub work: String,
}

impl Lab {
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Project { .. } => *self = Self::default(),
            Event::RangeTested { curve } => self.curve = Some((**curve).clone()),
            Event::Sweep { sweep } => {
                self.sweep = Some((**sweep).clone());
                self.reports += 1;
                self.work.clear();
            }
            Event::Progress { what, .. } => self.work.clone_from(what),
            _ => {}
        }
    }
}
