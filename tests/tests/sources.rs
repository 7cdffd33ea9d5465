//! What no compiler sees in the sources.

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
