//! Puts the lessons of `lessons/` into the program: a list of each file's name and its text, in the order of the names.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=lessons");
    let mut files = Vec::new();
    for entry in fs::read_dir("lessons")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // README.md says how a lesson is written.
        if name.ends_with(".md") && name != "README.md" {
            files.push((name, fs::read_to_string(&path)?));
        }
    }
    files.sort();
    let to = std::env::var("OUT_DIR")?;
    fs::write(Path::new(&to).join("lessons.rs"), format!("&{files:?}"))?;
    Ok(())
}
