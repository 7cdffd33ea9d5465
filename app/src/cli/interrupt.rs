//! Signals: the first that asks for an end lets the work finish what it is at, a second of Ctrl-C or SIGTERM ends the program.

use super::bar;
use anyhow::Result;
use glasshouse_engine::signals::{Signal, listen};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What is called when a flag was raised.
type Raised = Box<dyn Fn(&Flags) + Send>;

/// What signals raise.
#[derive(Default)]
pub(super) struct Flags {
    /// Finish and end.
    pub stop: Arc<AtomicBool>,
    /// Save and go on.
    pub save: AtomicBool,
    /// The exit code of the signal that asked for the end; 0 before one did.
    code: AtomicU8,
    /// What the first signal to end says.
    message: Mutex<&'static str>,
    /// Called, on another thread, when one was raised.
    raised: Mutex<Option<Raised>>,
}

impl Flags {
    /// From now on `raised` is called when a flag was raised, and nothing that was before.
    pub(super) fn when_raised(&self, raised: impl Fn(&Self) + Send + 'static) {
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(raised));
    }

    fn say_raised(&self) {
        if let Some(raised) = &*self.raised.lock().unwrap_or_else(PoisonError::into_inner) {
            raised(self);
        }
    }
}

static FLAGS: OnceLock<Flags> = OnceLock::new();

/// Flags that signals raise from now on, the same wherever they are asked for. The first signal to end also prints the latest `message`, and that a
/// second ends the program at once.
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
            flags.say_raised();
            return;
        }
        let code = signal.exit_code();
        if !flags.stop.load(Ordering::SeqCst) {
            flags.code.store(code, Ordering::SeqCst);
            flags.stop.store(true, Ordering::SeqCst);
            let message = *flags.message.lock().unwrap_or_else(PoisonError::into_inner);
            bar::above(|| tell!("\n{message}; press Ctrl-C again to stop at once"));
            flags.say_raised();
        } else if signal != Signal::HangUp {
            // A terminal that closes after Ctrl-C is no second wish.
            std::process::exit(code.into());
        }
    })?;
    Ok(flags)
}

/// The exit code of a program that a signal ended, where one did.
pub(super) fn exit_code() -> Option<u8> {
    FLAGS.get().map(|flags| flags.code.load(Ordering::SeqCst)).filter(|code| *code != 0)
}
