//! Threads: a pool natively, none in a browser. The partition of work is the caller's, so results never depend on which
//! thread happened to take which piece.

use crate::error::Result;

/// More threads than this share no work that we have.
pub const MAX_THREADS: usize = 256;

#[cfg(not(target_arch = "wasm32"))]
mod threads {
    use super::{MAX_THREADS, Result};
    use crate::error::Error;
    use async_channel::Receiver;

    /// Threads that wait for work.
    #[derive(Debug)]
    pub struct Pool(rayon::ThreadPool);

    impl Pool {
        /// A pool of `count` threads, or of one a core. [`Error::Refused`] outside 1 to 256.
        pub fn new(count: Option<usize>) -> Result<Self> {
            let count = count.unwrap_or_else(|| {
                std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS)
            });
            if !(1..=MAX_THREADS).contains(&count) {
                return Err(Error::Refused(format!("threads must be 1 to {MAX_THREADS} (got {count})")));
            }
            rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .thread_name(|number| format!("cpu-{number}"))
                // Whoever waits for the work learns of it by its missing answer.
                .panic_handler(|_| ())
                .build()
                .map(Self)
                .map_err(|error| Error::Device(format!("cannot start the CPU's threads: {error}")))
        }

        /// How many threads there are.
        pub fn count(&self) -> usize {
            self.0.current_num_threads()
        }

        /// Runs `work` on a thread of the pool, where [`join`] shares work with the others.
        pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
            self.0.install(work)
        }

        /// Begins `work` on a thread of the pool; its answer never comes where it panicked.
        pub fn begin<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Receiver<R> {
            let (done, answer) = async_channel::bounded(1);
            self.0.spawn(move || drop(done.try_send(work())));
            answer
        }
    }

    /// Waits for what [`Pool::begin`] began.
    pub fn wait<R>(answer: &Receiver<R>) -> Option<R> {
        answer.recv_blocking().ok()
    }

    /// The number of this thread in its pool; 0 for one of no pool.
    pub fn thread_number() -> usize {
        rayon::current_thread_index().unwrap_or(0)
    }

    /// Runs both, on two threads where another one is free.
    pub fn join<A: Send, B: Send>(
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        rayon::join(first, second)
    }
}

#[cfg(target_arch = "wasm32")]
mod threads {
    use super::Result;
    use async_channel::Receiver;

    /// The only thread there is.
    #[derive(Debug)]
    pub struct Pool(());

    impl Pool {
        /// One thread, whatever was asked for.
        pub fn new(_count: Option<usize>) -> Result<Self> {
            Ok(Self(()))
        }

        /// One.
        pub fn count(&self) -> usize {
            1
        }

        /// Runs `work` here.
        pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
            work()
        }

        /// Does `work` here, at once.
        pub fn begin<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Receiver<R> {
            let (done, answer) = async_channel::bounded(1);
            done.try_send(work()).ok();
            answer
        }
    }

    /// Takes what [`Pool::begin`] did.
    pub fn wait<R>(answer: &Receiver<R>) -> Option<R> {
        answer.try_recv().ok()
    }

    /// The only thread's number.
    pub fn thread_number() -> usize {
        0
    }

    /// Runs both, one after the other.
    pub fn join<A: Send, B: Send>(
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        (first(), second())
    }
}

pub use threads::{Pool, join, thread_number, wait};
