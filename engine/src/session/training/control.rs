//! What is asked of a run while it trains: to hold, to go on, to do one step, to end.

use super::super::evaluating::Evaluations;
use super::super::outlet::Outlet;
use crate::protocol::{Command, Event, Parcel, Request, TrainingState};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was asked of the run. Whoever works for a request while it trains can hear of more.
#[derive(Debug, Default)]
pub(in super::super) struct Control {
    /// The request that the run answers.
    pub(super) request: u64,
    /// Hold after the step in flight.
    pub(super) paused: Cell<bool>,
    /// One more step, paused or not.
    pub(super) single: Cell<bool>,
    /// Finish and save; the trainer sees it too.
    pub(super) stop: Arc<AtomicBool>,
    /// Save a checkpoint of the next step; the trainer takes it back then.
    pub(super) save: Arc<AtomicBool>,
}

impl Control {
    pub(in super::super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Does what a command to hold, go on or end says; false for any other command.
    pub(in super::super) fn obeys(&self, command: &Command) -> bool {
        match command {
            Command::Pause => self.paused.set(true),
            Command::Continue => self.holds_and_steps(false, false),
            Command::StepOnce => self.holds_and_steps(true, true),
            Command::SaveCheckpoint => self.save.store(true, Ordering::Relaxed),
            Command::Cancel { request } if *request != self.request => return false,
            Command::StopTraining | Command::Cancel { .. } => self.stop.store(true, Ordering::Relaxed),
            _ => return false,
        }
        true
    }

    fn holds_and_steps(&self, paused: bool, single: bool) {
        self.paused.set(paused);
        self.single.set(single);
    }

    /// Nothing is to be done until the next request.
    pub(super) fn holds(&self) -> bool {
        self.paused.get() && !self.single.get() && !self.stopping()
    }

    pub(in super::super) fn state(&self) -> TrainingState {
        match (self.stopping(), self.paused.get()) {
            (true, _) => TrainingState::Stopping,
            (false, true) => TrainingState::Paused,
            (false, false) => TrainingState::Running,
        }
    }
}

/// A run that waits while a request is served.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Steered<'live> {
    pub(in super::super) control: &'live Control,
    pub(in super::super) at: (u64, u64),
}

/// What a run that is to end does not wait for: it is served behind its end.
pub(in super::super) fn is_put_off(command: &Command) -> bool {
    matches!(command, Command::Inspect { .. })
}

/// What is answered in the midst of a step, and of another request: that an evaluation is to end, and that a run is to hold, to go on and to
/// end, where one is `steered`. Everything else waits for its end.
pub(in super::super) fn urgent(
    request: Option<Parcel<Request>>,
    evaluations: &Evaluations,
    outlet: &Outlet,
    steered: Option<Steered<'_>>,
) -> Option<Parcel<Request>> {
    let Some(request) = request else {
        if let Some(Steered { control, .. }) = steered {
            control.stop.store(true, Ordering::Relaxed);
        }
        return None;
    };
    let Request { id, command } = &request.body;
    if !matches!(command, Command::Cancel { request } if evaluations.cancel(*request)) {
        match steered {
            Some(Steered { control, at: (step, steps) }) if control.obeys(command) => {
                outlet.answer(*id, Event::TrainingState { state: control.state(), step, steps });
            }
            _ => return Some(request),
        }
    }
    outlet.finished(*id);
    None
}
