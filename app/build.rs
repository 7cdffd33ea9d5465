//! Embeds the lessons of `lessons/` as a list of file names and texts, sorted by name, and sets the version that `glasshouse
//! --version` prints.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=lessons");
    let mut files = Vec::new();
    for entry in fs::read_dir("lessons")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // README.md documents the lesson format.
        if name.ends_with(".md") && name != "README.md" {
            files.push((name, fs::read_to_string(&path)?));
        }
    }
    files.sort();
    let to = std::env::var("OUT_DIR")?;
    fs::write(Path::new(&to).join("lessons.rs"), format!("&{files:?}"))?;
    let built = [commit(), std::env::var("TARGET").ok()].into_iter().flatten().collect::<Vec<_>>().join(", ");
    println!("cargo::rustc-env=GLASSHOUSE_VERSION={} ({built})", std::env::var("CARGO_PKG_VERSION")?);
    Ok(())
}

/// The commit that `GLASSHOUSE_COMMIT` names, or the checked-out one. Set to nothing, it names none, since otherwise each commit
/// recompiles this crate.
fn commit() -> Option<String> {
    println!("cargo::rerun-if-env-changed=GLASSHOUSE_COMMIT");
    let full = match std::env::var("GLASSHOUSE_COMMIT") {
        Ok(named) => Some(named).filter(|commit| !commit.is_empty())?,
        Err(_) => {
            // Grows with each commit and each checkout.
            let log = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists());
            log.iter().for_each(|log| println!("cargo::rerun-if-changed={log}"));
            git(&["rev-parse", "HEAD"])?
        }
    };
    Some(full.chars().take(12).collect())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
