//! Ctrl-C: the first asks the run to finish its step and save, the second ends the program.

use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that the first Ctrl-C raises.
pub(super) fn flag() -> Result<Arc<AtomicBool>> {
    let raised = Arc::new(AtomicBool::new(false));
    let flag = raised.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(1);
        }
        eprintln!("\nfinishing this step and saving; press Ctrl-C again to stop at once");
    })?;
    Ok(raised)
}
