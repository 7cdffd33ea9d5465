//! Threads: a pool natively, none in a browser. The partition of work is the caller's, so results never depend on which
//! thread happened to take which part.

use crate::error::Result;

#[cfg(not(target_arch = "wasm32"))]
mod threads {
    use super::Result;
    use crate::error::Error;

    /// More threads than this share no work that we have.
    const MOST: usize = 256;

    /// Threads that wait for work.
    #[derive(Debug)]
    pub struct Pool(rayon::ThreadPool);

    impl Pool {
        /// A pool of `count` threads, or of one a core. [`Error::Refused`] outside 1 to 256.
        pub fn new(count: Option<usize>) -> Result<Self> {
            let count = count
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from).min(MOST));
            if !(1..=MOST).contains(&count) {
                return Err(Error::Refused(format!(
                    "{count} threads were asked for; 1 to {MOST} are possible"
                )));
            }
            rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .thread_name(|number| format!("cpu-{number}"))
                .build()
                .map(Self)
                .map_err(|error| Error::Device(format!("the CPU's threads could not be started: {error}")))
        }

        /// How many threads there are.
        pub fn count(&self) -> usize {
            self.0.current_num_threads()
        }

        /// Runs `work` on a thread of the pool, where [`join`] shares work with the others.
        pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
            self.0.install(work)
        }
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
    }

    /// Runs both, one after the other.
    pub fn join<A: Send, B: Send>(
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        (first(), second())
    }
}

pub use threads::{Pool, join};
