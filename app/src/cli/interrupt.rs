//! Ctrl-C: the first asks the work to finish what it is at, the second ends the program.

use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that the first Ctrl-C raises, which also prints `message`.
pub(super) fn flag(message: &'static str) -> Result<Arc<AtomicBool>> {
    let raised = Arc::new(AtomicBool::new(false));
    let flag = raised.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(1);
        }
        eprintln!("\n{message}");
    })?;
    Ok(raised)
}
