//! The `glasshouse` program. Natively [`glasshouse::cli`] parses the command line; without arguments it opens the window.

/// Encoding for the GPU and cleaning text both allocate many small blocks on several threads.
#[cfg(not(target_arch = "wasm32"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// In a browser, the boot script has prepared what the page needs.
#[cfg(target_arch = "wasm32")]
fn main() {
    glasshouse::canvas::web_start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    #[cfg(target_os = "linux")]
    quiet_device_selection();
    glasshouse::cli::run()
}

/// Mesa's device-select layer asks the desktop which GPU it runs on; without a desktop session it prints an error on every start.
/// We choose the adapter ourselves.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "set_var is unsafe where other threads may read the environment")]
fn quiet_device_selection() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the first statement of the program; no other thread exists yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
