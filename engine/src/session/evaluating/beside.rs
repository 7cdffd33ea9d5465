//! Evaluations and audits beside a run in training: a slice of the first of them between groups of steps.

use super::super::outlet::Outlet;
use super::super::{RequestOutcome, Session};
use crate::error::{Error, Result};
use crate::platform::TURN;
use crate::project::Run;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use web_time::{Duration, Instant};

/// How long an evaluation or an audit holds the steps at once while nobody looks on, when their groups are longer too.
const UNSEEN_TURN: Duration = Duration::from_millis(150);

/// The longest that it holds them where a group takes long itself: a request waits so long at most.
const MAX_TURN: Duration = Duration::from_millis(200);

/// The part of a long group's time that its turn behind it lasts: beside steps of seconds it would hardly come to its end otherwise.
const PART: u32 = 4;

/// Keeps and tells what was found, by how long training waited for it.
pub(in super::super) type Finish = Box<dyn FnOnce(&Session, Duration) -> Result<()>>;

/// An evaluation or an audit under way. One that is dropped before it is over says that it was cancelled.
struct Job {
    id: u64,
    /// What it is called while it is under way.
    name: &'static str,
    run: Run,
    outlet: Rc<Outlet>,
    work: Pin<Box<dyn Future<Output = Finish>>>,
    /// How long training waited for it.
    held: Duration,
    /// When its last turn was over.
    rested: Instant,
    over: bool,
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.over {
            self.outlet.failed(Some(self.id), &Error::Cancelled(self.name.to_owned()));
        }
    }
}

/// Evaluations and audits that are under way beside other work, in the order in which they were asked for. Whoever works for another request
/// can cancel them.
#[derive(Default)]
pub(in super::super) struct Evaluations(RefCell<VecDeque<Job>>);

impl Evaluations {
    /// None is under way.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Gives up what a request asked for; false where that is none of them.
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
    /// Does the work of a request to evaluate or audit a run's weights, which is called by a name: at once, or, behind others of its kind and
    /// while a run trains, a slice at a time. `held` is how long such a run has waited already.
    pub(in super::super) async fn work_beside(
        &mut self,
        (id, name): (u64, &'static str),
        run: Run,
        held: Option<Duration>,
        work: impl Future<Output = Finish> + 'static,
    ) -> Result<RequestOutcome> {
        if held.is_none() && self.evaluations.is_empty() {
            let finish = work.await;
            finish(self, Duration::ZERO)?;
            return Ok(RequestOutcome::Done);
        }
        let (outlet, held, rested) = (self.outlet.clone(), held.unwrap_or_default(), Instant::now());
        let work = Box::pin(work);
        let job = Job { id, name, run, outlet, work, held, rested, over: false };
        self.evaluations.0.borrow_mut().push_back(job);
        Ok(RequestOutcome::Later)
    }

    /// Carries the first evaluation on for a moment. `trains` is whether a run waits for it.
    pub(in super::super) async fn carry_on_evaluating(&mut self, trains: bool) {
        let Some(mut job) = self.evaluations.0.borrow_mut().pop_front() else { return };
        let least = if self.visible { TURN } else { UNSEEN_TURN };
        let slice = if trains { (job.rested.elapsed() / PART).clamp(least, MAX_TURN) } else { least };
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
        let Poll::Ready(finish) = polled else {
            self.evaluations.0.borrow_mut().push_front(job);
            return;
        };
        job.over = true;
        let finished = finish(self, job.held);
        // The run's next checkpoint may be far off, and a tab closed before it.
        self.keep_files().await;
        match finished {
            Ok(()) => self.outlet.finished(job.id),
            Err(error) => self.outlet.failed(Some(job.id), &error),
        }
    }
}
