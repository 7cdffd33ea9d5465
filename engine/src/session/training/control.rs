//! Control of a run in training: pause, resume, single step, stop.

use super::super::evaluation::Evaluations;
use super::super::event_sink::EventSink;
use crate::protocol::{Command, Envelope, Event, Request, Steer, TrainingState};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Requests to a run in training. Shared, so that other work can receive further requests meanwhile.
#[derive(Debug, Default)]
pub(in super::super) struct Control {
    /// The request that started the run.
    pub(super) request: u64,
    pub(super) paused: Cell<bool>,
    /// Do one more step, paused or not.
    pub(super) single: Cell<bool>,
    /// Stop and save; shared with the trainer.
    pub(super) stop: Arc<AtomicBool>,
    /// Save a checkpoint of the next step; the trainer clears it.
    pub(super) save: Arc<AtomicBool>,
}

impl Control {
    pub(in super::super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Handles commands to pause, resume or stop; returns whether it was one.
    pub(in super::super) fn obeys(&self, command: &Command) -> bool {
        match command {
            Command::Steer(steer) => self.steered(steer),
            Command::Cancel { request } => *request == self.request && self.steered(&Steer::Stop),
            _ => false,
        }
    }

    /// Like [`Self::obeys`].
    pub(super) fn steered(&self, steer: &Steer) -> bool {
        match steer {
            Steer::Pause => self.paused.set(true),
            Steer::Continue => self.holds_and_steps(false, false),
            Steer::StepOnce => self.holds_and_steps(true, true),
            Steer::SaveCheckpoint => self.save.store(true, Ordering::Relaxed),
            Steer::Stop => self.stop.store(true, Ordering::Relaxed),
            Steer::Change { .. } | Steer::Profile => return false,
        }
        true
    }

    fn holds_and_steps(&self, paused: bool, single: bool) {
        self.paused.set(paused);
        self.single.set(single);
    }

    /// Whether the run waits for the next request.
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
pub(in super::super) struct RunControl<'live> {
    pub(in super::super) control: &'live Control,
    pub(in super::super) at: (u64, u64),
}

/// Whether a stopping run does not wait for the command; it is then served after the run has ended.
pub(in super::super) fn is_put_off(command: &Command) -> bool {
    matches!(command, Command::Inspect { .. })
}

/// Handles requests that cannot wait for the end of a step or of another request: cancelling an evaluation, and, if a run is
/// `run_control`, pausing, resuming and stopping it. Returns other requests.
pub(in super::super) fn urgent(
    request: Option<Envelope<Request>>,
    evaluations: &Evaluations,
    sink: &EventSink,
    run_control: Option<RunControl<'_>>,
) -> Option<Envelope<Request>> {
    let Some(request) = request else {
        if let Some(RunControl { control, .. }) = run_control {
            control.stop.store(true, Ordering::Relaxed);
        }
        return None;
    };
    let Request { id, command, .. } = &request.body;
    if !matches!(command, Command::Cancel { request } if evaluations.cancel(*request)) {
        match run_control {
            Some(RunControl { control, at: (step, steps) }) if control.obeys(command) => {
                sink.answer(*id, Event::TrainingState { state: control.state(), step, steps });
            }
            _ => return Some(request),
        }
    }
    sink.finished(*id);
    None
}
