//! Experiments on the open project.

use super::*;

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

    /// Gives the sweep's row the current numbers of the run in training.
    pub(super) fn follow(&mut self, training: &Training) {
        let (Some(run), Some(sweep)) = (&training.run, &mut self.sweep) else { return };
        let is_ablation = sweep.ablation.is_some();
        let Some(row) = sweep.rows.iter_mut().find(|row| row.run.as_ref() == Some(&run.name)) else { return };
        let before = (row.step, row.steps, row.loss);
        (row.step, row.steps, row.seconds) = (run.step, run.steps, run.seconds);
        // Ladders and ablations compare losses at the end.
        if !is_ablation && row.size.is_none() {
            row.loss = run.best_val_loss.or(row.loss);
        }
        self.reports += u64::from(before != (row.step, row.steps, row.loss));
    }
}
