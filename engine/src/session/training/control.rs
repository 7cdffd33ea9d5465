//! What is asked of a run while it trains: to hold, to go on, to do one step, to end.

use super::super::evaluating::Evaluations;
use super::super::outlet::Outlet;
use crate::protocol::{Command, Event, Parcel, Request, TrainingState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was asked of the run.
#[derive(Debug, Default)]
pub(in super::super) struct Control {
    /// The request that the run answers.
    pub(super) request: u64,
    /// Hold after the step in flight.
    pub(super) paused: bool,
    /// One more step, paused or not.
    pub(super) single: bool,
    /// Finish and save; the trainer sees it too.
    pub(super) stop: Arc<AtomicBool>,
    /// Save a checkpoint of the next step; the trainer takes it back then.
    pub(super) save: Arc<AtomicBool>,
}

impl Control {
    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Does what a command to hold, go on or end says; false for any other command.
    pub(in super::super) fn obeys(&mut self, command: &Command) -> bool {
        match command {
            Command::Pause => self.paused = true,
            Command::Continue => (self.paused, self.single) = (false, false),
            Command::StepOnce => (self.paused, self.single) = (true, true),
            Command::SaveCheckpoint => self.save.store(true, Ordering::Relaxed),
            Command::Cancel { request } if *request != self.request => return false,
            Command::StopTraining | Command::Cancel { .. } => self.stop.store(true, Ordering::Relaxed),
            _ => return false,
        }
        true
    }

    /// Nothing is to be done until the next request.
    pub(super) fn holds(&self) -> bool {
        self.paused && !self.single && !self.stopping()
    }

    pub(in super::super) fn state(&self) -> TrainingState {
        match (self.stopping(), self.paused) {
            (true, _) => TrainingState::Stopping,
            (false, true) => TrainingState::Paused,
            (false, false) => TrainingState::Running,
        }
    }
}

/// What is answered in the midst of a step: requests to hold, to go on and to end, also an evaluation beside it. Everything else waits for
/// its end.
pub(super) fn urgent(
    request: Option<Parcel<Request>>,
    control: &mut Control,
    evaluations: &mut Evaluations,
    outlet: &Outlet,
    (step, steps): (u64, u64),
) -> Option<Parcel<Request>> {
    let Some(request) = request else {
        control.stop.store(true, Ordering::Relaxed);
        return None;
    };
    let id = request.body.id;
    if let Command::Cancel { request: other } = request.body.command
        && evaluations.cancel(other)
    {
        outlet.finished(id);
        return None;
    }
    if !control.obeys(&request.body.command) {
        return Some(request);
    }
    outlet.answer(id, Event::TrainingState { state: control.state(), step, steps });
    outlet.finished(id);
    None
}
