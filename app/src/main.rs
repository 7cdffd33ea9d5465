//! The `glasshouse` program. The command line lives in [`glasshouse::cli`]; the window will stand beside it.

fn main() -> std::process::ExitCode {
    glasshouse::cli::run()
}
