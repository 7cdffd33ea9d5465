//! Evaluations beside a run in training: a slice of the first of them between groups of steps.

use super::super::Session;
use super::super::outlet::Outlet;
use crate::error::{Error, Result};
use crate::platform::TURN;
use crate::project::Run;
use crate::protocol::Evaluation;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use web_time::{Duration, Instant};

/// How long an evaluation holds the steps at once while nobody looks on, when their groups are longer too.
const UNSEEN_TURN: Duration = Duration::from_millis(150);

/// An evaluation under way. One that is dropped before it is over says that it was cancelled.
pub(super) struct Job {
    id: u64,
    run: Run,
    outlet: Rc<Outlet>,
    work: Pin<Box<dyn Future<Output = (Evaluation, Result<()>)>>>,
    /// How long training waited for it.
    held: Duration,
    over: bool,
}

impl Job {
    /// `held` is how long training has waited already.
    pub(super) fn new(
        id: u64,
        run: Run,
        outlet: Rc<Outlet>,
        work: impl Future<Output = (Evaluation, Result<()>)> + 'static,
        held: Duration,
    ) -> Self {
        Self { id, run, outlet, work: Box::pin(work), held, over: false }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.over {
            self.outlet.failed(Some(self.id), &Error::Cancelled("evaluating the model".to_owned()));
        }
    }
}

/// Evaluations that are under way beside other work, in the order in which they were asked for.
#[derive(Default)]
pub(in super::super) struct Evaluations(VecDeque<Job>);

impl Evaluations {
    /// None is under way.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, job: Job) {
        self.0.push_back(job);
    }

    /// Gives up the evaluation that a request asked for; false where none did.
    pub(in super::super) fn cancel(&mut self, request: u64) -> bool {
        let at = self.0.iter().position(|job| job.id == request);
        at.is_some_and(|at| self.0.remove(at).is_some())
    }
}

impl Session {
    /// Carries the first evaluation on for a moment. `trains` is whether a run waits for it.
    pub(in super::super) async fn carry_on_evaluating(&mut self, trains: bool) {
        let Some(mut job) = self.generations.evaluations.0.pop_front() else { return };
        let (begun, slice) = (Instant::now(), if self.visible { TURN } else { UNSEEN_TURN });
        let polled = poll_fn(|context| match job.work.as_mut().poll(context) {
            Poll::Pending if begun.elapsed() < slice => Poll::Pending,
            polled => Poll::Ready(polled),
        });
        let polled = polled.await;
        if trains {
            job.held += begun.elapsed();
        }
        let Poll::Ready((mut evaluation, found)) = polled else {
            self.generations.evaluations.0.push_front(job);
            return;
        };
        job.over = true;
        evaluation.held_training_ms = (!job.held.is_zero()).then_some(job.held.as_secs_f64() * 1e3);
        match self.evaluated(job.id, &job.run, evaluation, found) {
            Ok(()) => self.outlet.finished(job.id),
            Err(error) => self.outlet.failed(Some(job.id), &error),
        }
    }
}
