//! Dependencies between modules point one way: a module of a crate imports only modules that come before it in the crate's list
//! here. Cargo enforces the order of crates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The modules of `engine/compiler/src`, in dependency order.
const COMPILER: &[&str] = &["step", "graph", "error", "optimizer", "sampler", "model", "plan"];

/// The modules of `engine/src`, in dependency order. Re-exported modules of the compiler come before all of them.
const ENGINE: &[&str] = &[
    "error",
    "platform",
    "storage",
    "tokenizer",
    "data",
    "device",
    "initial",
    "cpu",
    "gpu",
    "reference",
    "executor",
    "generate",
    "checkpoint",
    "metrics",
    "project",
    "train",
    "interchange",
    "inspect",
    "evaluate",
    "measure",
    "setup",
    "selftest",
    "session",
];

/// The modules of `app/src`, in dependency order.
const APP: &[&str] = &[
    "format",
    "preferences",
    "serve",
    "theme",
    "widgets",
    "state",
    "link",
    "asks",
    "pages",
    "app",
    "canvas",
    "cli",
];

/// The modules of the protocol crate, in dependency order.
const PROTOCOL: &[&str] = &[
    "names",
    "quantity",
    "random",
    "file_kind",
    "device",
    "chat",
    "cleaning",
    "lessons",
    "source",
    "cluster",
    "model",
    "guard_kind",
    "config",
    "evaluation",
    "presets",
    "typed",
    "proposal",
    "feedback",
    "guard",
    "train_event",
    "recipes",
    "completion",
    "inspect",
    "bench",
    "command",
    "summary",
    "event",
    "message",
];

/// The modules of the corpus crate, in dependency order.
const CORPUS: &[&str] = &[
    "error",
    "document",
    "entropy",
    "fields",
    "readers",
    "files",
    "report",
    "catalogue",
    "repair",
    "extract",
    "read",
    "output",
    "personal",
    "rules",
    "balance",
    "duplicates",
    "recipe",
    "pipeline",
    "script",
    "cards",
    "twins",
];

/// The modules of the evaluation, conversation and stories crates, in dependency order.
const EVALUATE: &[&str] =
    &["baselines", "bias", "statistics", "card", "layouts", "metrics", "moderation", "comparison"];
const CONVERSATION: &[&str] = &["rows", "template", "example"];
const STORIES: &[&str] = &["stories", "tasks", "rows"];

/// Rust files in a folder and its subfolders, except tests.
pub fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
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
pub fn code(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules that a source names as `crate::module` or in `crate::{module::…, module}`, each with its line.
fn named(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        // `glasshouse_crate::` would be another word.
        if code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let line = code[..at].matches('\n').count() + 1;
        let word = |text: &str| -> String {
            text.trim_start()
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect()
        };
        let Some(group) = rest.strip_prefix('{') else {
            found.push((word(rest), line));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (offset, letter) in group.char_indices() {
            if begins && !letter.is_whitespace() {
                found.push((word(&group[offset..]), line));
                begins = false;
            }
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                _ => {}
            }
        }
    }
    found
}

/// The module of each name that a crate's root re-exports, so that `crate::Error` is known to belong to `error`.
fn passed_on(root: &str) -> BTreeMap<String, String> {
    let mut rooms = BTreeMap::new();
    for statement in code(root).split(';') {
        let Some((_, passed)) = statement.rsplit_once("pub use ") else { continue };
        let Some((room, names)) = passed.split_once("::") else { continue };
        let names = names.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let names = names.filter(|name| !name.is_empty());
        rooms.extend(names.map(|name| (name.to_owned(), room.to_owned())));
    }
    rooms
}

/// Upward imports in the source of module `room`, each with its line, including imports through the crate root's re-exports.
fn upward(rooms: &[&str], passed: &BTreeMap<String, String>, room: &str, text: &str) -> Vec<(String, usize)> {
    let place = |name: &str| {
        let name = passed.get(name).map_or(name, String::as_str);
        rooms.iter().position(|listed| *listed == name)
    };
    let own = place(room);
    let mut found = named(&code(text));
    found.retain(|(name, _)| place(name).is_some_and(|named| own.is_none_or(|own| named > own)));
    found
}

fn check(crate_root: &str, rooms: &[&str]) {
    let root = glasshouse_tests::repository().join(crate_root);
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > rooms.len(), "{crate_root} was not found");
    let passed = passed_on(&std::fs::read_to_string(root.join("lib.rs")).unwrap());
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
        let room = first.trim_end_matches(".rs");
        if ["lib", "main"].contains(&room) {
            continue;
        }
        // The replacement of a module that a feature disables.
        let room = room.trim_end_matches("_absent");
        if !rooms.contains(&room) {
            wrong
                .push(format!("{crate_root}/{}: the room `{room}` has no place in the list", path.display()));
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for (name, line) in upward(rooms, &passed, room, &text) {
            wrong.push(format!(
                "{crate_root}/{}:{line}: `{room}` imports `{name}`, which is above it",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_of_the_compiler_import_only_what_is_below_them() {
    check("engine/compiler/src", COMPILER);
}

#[test]
fn rooms_of_the_engine_import_only_what_is_below_them() {
    check("engine/src", ENGINE);
}

#[test]
fn rooms_of_the_app_import_only_what_is_below_them() {
    check("app/src", APP);
}

#[test]
fn rooms_of_the_protocol_import_only_what_is_below_them() {
    check("engine/protocol/src", PROTOCOL);
}

#[test]
fn rooms_of_the_data_bench_import_only_what_is_below_them() {
    check("engine/corpus/src", CORPUS);
}

#[test]
fn rooms_of_small_crates_import_only_what_is_below_them() {
    check("engine/evaluate/src", EVALUATE);
    check("engine/conversation/src", CONVERSATION);
    check("engine/stories/src", STORIES);
}

#[test]
fn an_upward_import_is_found_alone_in_a_group_and_in_a_type() {
    let rooms = ["low", "middle", "high"];
    let passed = passed_on(
        "#[cfg(x)]\npub use high::{\n    Passed,\n    On,\n};\npub use elsewhere as other;\nmod low;",
    );
    let found = |text: &str| upward(&rooms, &passed, "middle", text);
    assert_eq!(found("use crate::{low, On};"), [("On".to_owned(), 1)]);
    assert_eq!(found("use crate::low;\nuse crate::high::Thing;"), [("high".to_owned(), 2)]);
    assert_eq!(found("use crate::{\n    low::{self, Deep},\n    high,\n};"), [("high".to_owned(), 1)]);
    assert_eq!(found("fn f() -> crate::high::Thing {\n}"), [("high".to_owned(), 1)]);
    assert_eq!(
        found(
            "// crate::high\nuse crate::low::{a, high};\n#[cfg(test)]\nmod tests {\n    use crate::high;\n}"
        ),
        []
    );
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
    let engine = ["src", "compiler/src", "conversation/src", "evaluate/src", "protocol/src", "stories/src"];
    for root in engine.map(|crates| format!("engine/{crates}")).iter().map(String::as_str).chain(["app/src"])
    {
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
