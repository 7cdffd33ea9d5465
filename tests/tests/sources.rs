//! What no compiler sees in the sources.

use std::path::{Path, PathBuf};

/// Rust files in a folder and its subfolders, except tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        let of_tests = name.starts_with("tests") || name.ends_with("_tests.rs");
        if path.is_dir() && !of_tests {
            sources(&path, found);
        } else if name.ends_with(".rs") && !of_tests {
            found.push(path);
        }
    }
}

/// A source without comments and its own tests; line numbers stay the same.
fn code(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// An objective's properties are methods in `objective.rs` or an exhaustive `match`: the compiler would not report a comparison
/// that a new objective needs to change.
#[test]
fn objectives_are_asked_and_never_compared() {
    // A test module.
    const ASIDE: [&str; 1] = ["plan/lower/reach.rs"];
    let compares = |line: &str| {
        let names = line.contains("Objective::");
        names && ["== Objective::", "!= Objective::", "matches!("].iter().any(|sign| line.contains(sign))
    };
    let mut files = Vec::new();
    for root in ["engine", "app/src"] {
        sources(&glasshouse_tests::repository().join(root), &mut files);
    }
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !ASIDE.iter().any(|aside| file.ends_with(aside))) {
        let text = code(&std::fs::read_to_string(file).unwrap());
        let lines = text.lines().enumerate().filter(|(_, line)| compares(line));
        wrong.extend(lines.map(|(at, line)| format!("{}:{}: {}", file.display(), at + 1, line.trim())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file next to `main.rs` that `main.rs` does not name would never be compiled.
#[test]
fn every_file_of_tests_is_part_of_its_program() {
    for folder in ["tests/tests", "app/tests"] {
        let folder = glasshouse_tests::repository().join(folder);
        let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let module = name.trim_end_matches(".rs");
            assert!(module == "main" || main.contains(&format!("mod {module};")), "{name} is in no program");
        }
    }
}
