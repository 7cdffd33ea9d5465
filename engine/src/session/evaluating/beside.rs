//! Evaluations beside a run in training: a slice of the first of them between groups of steps.

use super::super::Session;
use super::super::outlet::Outlet;
use crate::error::{Error, Result};
use crate::platform::TURN;
use crate::project::Run;
use crate::protocol::Evaluation;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use web_time::{Duration, Instant};

/// How long an evaluation holds the steps at once while nobody looks on, when their groups are longer too.
const UNSEEN_TURN: Duration = Duration::from_millis(150);

/// The longest that it holds them where a group takes long itself: a request waits so long at most.
const LONGEST_TURN: Duration = Duration::from_millis(200);

/// The part of a long group's time that its turn behind it lasts: beside steps of seconds it would hardly come to its end otherwise.
const PART: u32 = 4;

/// An evaluation under way. One that is dropped before it is over says that it was cancelled.
pub(super) struct Job {
    id: u64,
    run: Run,
    outlet: Rc<Outlet>,
    work: Pin<Box<dyn Future<Output = (Evaluation, Result<()>)>>>,
    /// How long training waited for it.
    held: Duration,
    /// When its last turn was over.
    rested: Instant,
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
        Self { id, run, outlet, work: Box::pin(work), held, rested: Instant::now(), over: false }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.over {
            self.outlet.failed(Some(self.id), &Error::Cancelled("evaluating the model".to_owned()));
        }
    }
}

/// Evaluations that are under way beside other work, in the order in which they were asked for. Whoever works for another request can cancel
/// them.
#[derive(Default)]
pub(in super::super) struct Evaluations(RefCell<VecDeque<Job>>);

impl Evaluations {
    /// None is under way.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub(super) fn push(&self, job: Job) {
        self.0.borrow_mut().push_back(job);
    }

    /// Gives up the evaluation that a request asked for; false where none did.
    pub(in super::super) fn cancel(&self, request: u64) -> bool {
        let mut jobs = self.0.borrow_mut();
        let at = jobs.iter().position(|job| job.id == request);
        at.is_some_and(|at| jobs.remove(at).is_some())
    }

    /// Gives up those of a run's weights: it was deleted.
    pub(in super::super) fn cancel_of(&self, run: &Run) {
        self.0.borrow_mut().retain(|job| job.run != *run);
    }

    /// Gives up all of them: another project is open.
    pub(in super::super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

impl Session {
    /// Carries the first evaluation on for a moment. `trains` is whether a run waits for it.
    pub(in super::super) async fn carry_on_evaluating(&mut self, trains: bool) {
        let Some(mut job) = self.evaluations.0.borrow_mut().pop_front() else { return };
        let least = if self.visible { TURN } else { UNSEEN_TURN };
        let slice = if trains { (job.rested.elapsed() / PART).clamp(least, LONGEST_TURN) } else { least };
        let begun = Instant::now();
        let polled = poll_fn(|context| match job.work.as_mut().poll(context) {
            Poll::Pending if begun.elapsed() < slice => Poll::Pending,
            polled => Poll::Ready(polled),
        });
        let polled = polled.await;
        job.rested = Instant::now();
        if trains {
            job.held += begun.elapsed();
        }
        let Poll::Ready((mut evaluation, found)) = polled else {
            self.evaluations.0.borrow_mut().push_front(job);
            return;
        };
        job.over = true;
        if !job.held.is_zero() {
            evaluation.held_training_ms = Some(job.held.as_secs_f64() * 1e3);
            if let Some(likelihood) = &mut evaluation.likelihood {
                // The run's steps took most of the time.
                likelihood.tokens_per_s = None;
            }
        }
        let keeps = evaluation.settings.keep;
        let evaluated = self.evaluated(job.id, &job.run, evaluation, found);
        if keeps {
            // The run's next checkpoint may be far off, and a tab closed before it.
            self.keep_files().await;
        }
        match evaluated {
            Ok(()) => self.outlet.finished(job.id),
            Err(error) => self.outlet.failed(Some(job.id), &error),
        }
    }
}
