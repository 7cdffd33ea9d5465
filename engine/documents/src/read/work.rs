//! Counts the work of readers, so that tests can check that it grows linearly.

#[cfg(test)]
thread_local! {
    pub(super) static WORK: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Adds bytes copied or searched.
pub(super) fn worked(bytes: usize) {
    #[cfg(test)]
    WORK.with(|work| work.set(work.get() + bytes as u64 + 1));
    #[cfg(not(test))]
    let _ = bytes;
}
