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
}

impl Lab {
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Project { .. } => *self = Self::default(),
            Event::RangeTested { curve } => self.curve = Some((**curve).clone()),
            Event::Sweep { sweep } => {
                self.sweep = Some((**sweep).clone());
                self.reports += 1;
            }
            _ => {}
        }
    }
}
