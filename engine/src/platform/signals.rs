//! What the operating system asks of a program that works without a window: to end, or to save.

use crate::error::{Error, Result};

/// A request from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C in the terminal, or SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
    /// SIGUSR1: save, and go on.
    Save,
}

impl Signal {
    /// The exit code of a program that it ended, by the shells' custom: 128 and the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Save => 138,
            Self::Terminate => 143,
        }
    }
}

/// Tells `heard` of every request from now on, on a thread of its own. To be called once.
///
/// # Errors
/// The system refuses.
#[cfg(unix)]
pub fn listen(mut heard: impl FnMut(Signal) + Send + 'static) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
    let mut wanted = vec![SIGINT, SIGTERM, SIGUSR1];
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted).map_err(refused)?;
    let listening = std::thread::Builder::new().name("signals".to_owned());
    let listening = listening.spawn(move || {
        for signal in signals.forever() {
            heard(match signal {
                SIGINT => Signal::Interrupt,
                SIGTERM => Signal::Terminate,
                SIGHUP => Signal::HangUp,
                _ => Signal::Save,
            });
        }
    });
    listening.map(|_| ()).map_err(refused)
}

/// Tells `heard` of every request from now on, on a thread of its own. To be called once.
///
/// # Errors
/// The system refuses.
#[cfg(not(unix))]
pub fn listen(mut heard: impl FnMut(Signal) + Send + 'static) -> Result<()> {
    ctrlc::set_handler(move || heard(Signal::Interrupt)).map_err(refused)
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Refused(format!("signals cannot be listened to: {error}; close other programs and try again"))
}

/// Whether whoever started this program wants a signal ignored, as `nohup` does.
#[cfg(unix)]
#[allow(unsafe_code, reason = "what is done at a signal has no safe question")]
fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action the call only writes the present one to where it is told, which has room for it; zeros are
    // a valid value where it does not.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
