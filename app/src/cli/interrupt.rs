//! Signals: the first termination signal lets the current work finish, a second Ctrl-C or SIGTERM ends the program. Without work,
//! the first one ends it.

use super::bar;
use anyhow::Result;
use glasshouse_engine::signals::{Signal, listen};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

type Raised = Box<dyn Fn(&Flags) + Send>;

#[derive(Default)]
pub(super) struct Flags {
    pub stop: AtomicBool,
    pub save: AtomicBool,
    /// No work is in progress that could finish.
    pub idle: AtomicBool,
    /// Exit code of the termination signal; 0 before one.
    code: AtomicU8,
    /// Printed at the first termination signal.
    message: Mutex<&'static str>,
    /// Called on another thread when a flag was raised; one per thread that waits for it.
    raised: Mutex<Vec<(ThreadId, Raised)>>,
}

impl Flags {
    /// Forgets a Ctrl-C whose work has ended, if the program goes on after it. Returns whether it was one.
    pub(super) fn forget_interrupt(&self) -> bool {
        let is_interrupt = self.code.load(Ordering::SeqCst) == Signal::Interrupt.exit_code();
        if is_interrupt {
            self.stop.store(false, Ordering::SeqCst);
            self.code.store(0, Ordering::SeqCst);
        }
        is_interrupt
    }

    /// Calls `stop` once a termination signal arrives, or now if one has arrived. Replaces the thread's callback before.
    pub(super) fn on_stop(&self, stop: impl Fn() + Send + 'static) {
        self.when_raised(move |flags| {
            if flags.stop.load(Ordering::SeqCst) {
                stop();
            }
        });
    }

    /// Calls `raised` now and whenever a flag is raised. Replaces the thread's callback before.
    pub(super) fn when_raised(&self, raised: impl Fn(&Self) + Send + 'static) {
        // Kept first, so that no signal between the two is lost.
        let own = thread::current().id();
        {
            let mut all = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|(thread, _)| *thread != own);
            all.push((own, Box::new(raised)));
        }
        self.say_raised();
    }

    fn say_raised(&self) {
        for (_, raised) in &*self.raised.lock().unwrap_or_else(PoisonError::into_inner) {
            raised(self);
        }
    }
}

static FLAGS: OnceLock<Flags> = OnceLock::new();

/// The process-wide flags. The first termination signal also prints the latest `message`, and that a second one ends the program
/// at once.
pub(super) fn flags(message: &'static str) -> Result<&'static Flags> {
    let listens = FLAGS.get().is_some();
    let flags = FLAGS.get_or_init(Flags::default);
    *flags.message.lock().unwrap_or_else(PoisonError::into_inner) = message;
    if listens {
        return Ok(flags);
    }
    listen(move |signal| {
        if signal == Signal::Save {
            flags.save.store(true, Ordering::SeqCst);
            return flags.say_raised();
        }
        let code = signal.exit_code();
        if flags.idle.load(Ordering::SeqCst) {
            report!("");
            std::process::exit(code.into());
        }
        if !flags.stop.load(Ordering::SeqCst) {
            flags.code.store(code, Ordering::SeqCst);
            flags.stop.store(true, Ordering::SeqCst);
            let message = *flags.message.lock().unwrap_or_else(PoisonError::into_inner);
            bar::above(|| report!("\n{message}; press Ctrl-C again to stop at once"));
            flags.say_raised();
        } else if signal != Signal::HangUp {
            // SIGHUP from a terminal closed after Ctrl-C does not count as a second request.
            std::process::exit(code.into());
        }
    })?;
    Ok(flags)
}

pub(super) fn exit_code() -> Option<u8> {
    FLAGS.get().map(|flags| flags.code.load(Ordering::SeqCst)).filter(|code| *code != 0)
}
