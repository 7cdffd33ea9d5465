//! Ctrl-C: the first asks the work to finish what it is at, the second ends the program.

use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A flag that the first Ctrl-C raises, which also prints `message`. Asked again, it is the same flag and message: a program
/// has one handler.
pub(super) fn flag(message: &'static str) -> Result<Arc<AtomicBool>> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if let Some(raised) = FLAG.get() {
        return Ok(raised.clone());
    }
    let raised = FLAG.get_or_init(Arc::default).clone();
    let flag = raised.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(1);
        }
        eprintln!("\n{message}");
    })?;
    Ok(raised)
}
