//! Requests from the operating system to programs without a window: terminate or save.

use crate::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C in the terminal, or SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal was closed.
    HangUp,
    /// SIGUSR1: save and continue.
    Save,
}

impl Signal {
    /// Exit code of a program ended by the signal, as in shells: 128 plus the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::HangUp => 129,
            Self::Interrupt => 130,
            Self::Save => 138,
            Self::Terminate => 143,
        }
    }
}

/// Calls `on_signal` for every signal from now on, on its own thread. Must be called only once.
#[cfg(unix)]
pub fn listen(mut on_signal: impl FnMut(Signal) + Send + 'static) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
    let mut wanted = vec![SIGINT, SIGTERM, SIGUSR1];
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted).map_err(refused)?;
    let listening = std::thread::Builder::new().name("signals".to_owned());
    let listening = listening.spawn(move || {
        for signal in signals.forever() {
            on_signal(match signal {
                SIGINT => Signal::Interrupt,
                SIGTERM => Signal::Terminate,
                SIGHUP => Signal::HangUp,
                _ => Signal::Save,
            });
        }
    });
    listening.map(|_| ()).map_err(refused)
}

/// Calls `on_signal` for every signal from now on, on its own thread. Must be called only once.
#[cfg(not(unix))]
pub fn listen(mut on_signal: impl FnMut(Signal) + Send + 'static) -> Result<()> {
    ctrlc::set_handler(move || on_signal(Signal::Interrupt)).map_err(refused)
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Refused(format!("cannot listen for signals: {error}; close other programs and try again"))
}

/// Whether the signal is ignored at startup, as with `nohup`.
#[cfg(unix)]
#[allow(unsafe_code, reason = "signal handlers have no safe interface")]
fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, the call only writes the current one to the given location, which is large enough; zeros are
    // a valid value if it does not.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
