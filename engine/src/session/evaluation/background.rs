//! Runs evaluations and audits next to a run in training, one slice between two groups of steps.

use super::super::event_sink::EventSink;
use super::super::{RequestOutcome, Session};
use crate::platform::TURN;
use crate::project::Run;
use crate::{Error, Result};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use web_time::{Duration, Instant};

/// Duration of a slice while the window is not visible, when step groups are longer too.
const UNSEEN_TURN: Duration = Duration::from_millis(150);

/// Maximum duration of a slice, which requests must wait for.
const MAX_TURN: Duration = Duration::from_millis(200);

/// After a long group, a slice lasts this fraction (1/n) of its time. Otherwise an evaluation next to slow steps would hardly finish.
const PART: u32 = 4;

/// Stores and reports the results; gets the time that training waited.
pub(in super::super) type Finish = Box<dyn FnOnce(&Session, Duration) -> Result<()>>;

/// An evaluation or audit in progress. If dropped before it is done, it reports that it was cancelled.
struct Job {
    id: u64,
    name: &'static str,
    run: Run,
    sink: Rc<EventSink>,
    work: Pin<Box<dyn Future<Output = Finish>>>,
    /// Time that training waited for it.
    held: Duration,
    /// End of its last slice.
    rested: Instant,
    over: bool,
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.over {
            self.sink.failed(Some(self.id), &Error::Cancelled(self.name.to_owned()));
        }
    }
}

/// Evaluations and audits in progress, in the order of their requests. Other work in progress can cancel them.
#[derive(Default)]
pub(in super::super) struct Evaluations(RefCell<VecDeque<Job>>);

impl Evaluations {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Cancels the job of a request; returns whether there was one.
    pub(in super::super) fn cancel(&self, request: u64) -> bool {
        let mut jobs = self.0.borrow_mut();
        let at = jobs.iter().position(|job| job.id == request);
        at.is_some_and(|at| jobs.remove(at).is_some())
    }

    /// Cancels the jobs of a deleted run.
    pub(in super::super) fn cancel_of(&self, run: &Run) {
        self.0.borrow_mut().retain(|job| job.run != *run);
    }

    /// Cancels all jobs, because another project is opened.
    pub(in super::super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

impl Session {
    /// Runs the work of a request to evaluate or audit a run: at once, or in slices after other such jobs and while a run trains.
    /// `held` is the time that the run in training has waited already.
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
        let (sink, held, rested) = (self.sink.clone(), held.unwrap_or_default(), Instant::now());
        let work = Box::pin(work);
        let job = Job { id, name, run, sink, work, held, rested, over: false };
        self.evaluations.0.borrow_mut().push_back(job);
        Ok(RequestOutcome::Later)
    }

    /// Continues the first job for a slice. `trains` says whether a run waits for it.
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
        // The run's next checkpoint may be far off, and the tab may be closed before.
        self.keep_files().await;
        match finished {
            Ok(()) => self.sink.finished(job.id),
            Err(error) => self.sink.failed(Some(job.id), &error),
        }
    }
}
