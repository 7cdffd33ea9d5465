//! Threads: a pool natively, none in a browser. The caller partitions the work, so results never depend on which thread takes which piece.

use crate::Result;

/// Maximum threads that any work can be shared among.
pub const MAX_THREADS: usize = 256;

#[cfg(not(target_arch = "wasm32"))]
mod threads {
    use super::{MAX_THREADS, Result};
    use crate::Error;
    use async_channel::Receiver;

    #[derive(Debug)]
    pub struct Pool(rayon::ThreadPool);

    impl Pool {
        /// A pool of `count` threads, by default one per core. [`Error::Refused`] outside 1 to 256.
        pub fn new(count: Option<usize>) -> Result<Self> {
            let count = count.unwrap_or_else(|| {
                std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS)
            });
            if !(1..=MAX_THREADS).contains(&count) {
                crate::refuse!("threads must be 1 to {MAX_THREADS} (got {count})");
            }
            rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .thread_name(|number| format!("cpu-{number}"))
                // The waiting caller notices a panic by the missing answer.
                .panic_handler(|_| ())
                .build()
                .map(Self)
                .map_err(|error| Error::Device(format!("cannot start the CPU's threads: {error}")))
        }

        pub fn count(&self) -> usize {
            self.0.current_num_threads()
        }

        /// Runs `work` on a thread of the pool, where [`join`] shares work with the others.
        pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
            self.0.install(work)
        }

        /// Starts `work` on a thread of the pool. If it panics, the channel closes without an answer.
        pub fn begin<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Receiver<R> {
            let (done, answer) = async_channel::bounded(1);
            self.0.spawn(move || drop(done.try_send(work())));
            answer
        }
    }

    /// Blocks until the work started with [`Pool::begin`] is done; `None` if it panicked.
    pub fn wait<R>(answer: &Receiver<R>) -> Option<R> {
        answer.recv_blocking().ok()
    }

    /// Number of the current thread in its pool; 0 outside a pool.
    pub fn thread_number() -> usize {
        rayon::current_thread_index().unwrap_or(0)
    }

    /// Runs both closures, in parallel if a thread is free.
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

    #[derive(Debug)]
    pub struct Pool(());

    impl Pool {
        pub fn new(_count: Option<usize>) -> Result<Self> {
            Ok(Self(()))
        }

        pub fn count(&self) -> usize {
            1
        }

        /// Runs `work` on the current thread.
        pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
            work()
        }

        /// Runs `work` immediately on the current thread.
        pub fn begin<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Receiver<R> {
            let (done, answer) = async_channel::bounded(1);
            done.try_send(work()).ok();
            answer
        }
    }

    /// The answer of [`Pool::begin`].
    pub fn wait<R>(answer: &Receiver<R>) -> Option<R> {
        answer.try_recv().ok()
    }

    pub fn thread_number() -> usize {
        0
    }

    /// Runs both closures, one after the other.
    pub fn join<A: Send, B: Send>(
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        (first(), second())
    }
}

pub use threads::{Pool, join, thread_number, wait};
