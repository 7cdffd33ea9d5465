//! One name, one meaning: a newcomer who looks for a type finds it by its name alone, so that few types may share one.

use crate::dependencies::{code, sources};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Structs, enums and traits of one name in the whole of the product's code.
const MAX_NAMESAKES: usize = 3;

/// Names that have had so many meanings that only one is left.
const ONCE: &[&str] = &["Metric", "Part", "Passage", "Place"];

/// Names that a folder has as often as it needs, since they have one meaning in it.
const ONE_MEANING: &[(&str, &str)] = &[
    // What a recipe says of a stage of the data bench; the stage's module says which, as in `near::Settings`.
    ("Settings", "engine/corpus/src"),
];

/// The name of the struct, enum or trait that a line defines.
fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub(") {
        Some(within) => within.split_once(')')?.1,
        None => line.strip_prefix("pub ").unwrap_or(line),
    };
    let line = line.trim_start();
    let name = ["struct ", "enum ", "trait "].iter().find_map(|keyword| line.strip_prefix(keyword))?;
    let name = name.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()?;
    // A macro's `$name` is none.
    (!name.is_empty()).then_some(name)
}

/// A struct, enum or trait of the product's code.
struct DefinedType {
    name: String,
    /// From the repository's root.
    file: PathBuf,
    /// From 1.
    line: usize,
    definition: String,
}

impl DefinedType {
    fn is_public(&self) -> bool {
        self.definition.starts_with("pub ")
    }

    fn place(&self) -> String {
        format!("{}:{}: {}", self.file.display(), self.line, self.definition)
    }
}

/// Sources below folders of the repository, but for tests.
fn files(roots: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for root in roots {
        sources(&glasshouse_tests::repository().join(root), &mut files);
    }
    files.sort();
    files
}

/// The types that files define.
fn types(files: &[PathBuf]) -> Vec<DefinedType> {
    let repository = glasshouse_tests::repository();
    let mut types = Vec::new();
    for path in files {
        let file = path.strip_prefix(&repository).unwrap();
        for (at, line) in code(&std::fs::read_to_string(path).unwrap()).lines().enumerate() {
            let Some(name) = defined(line) else { continue };
            let (name, file, definition) = (name.to_owned(), file.to_owned(), line.trim().to_owned());
            types.push(DefinedType { name, file, line: at + 1, definition });
        }
    }
    types
}

/// The names that more types have than they may, each with those types.
fn too_many(found: &BTreeMap<String, Vec<String>>, most: impl Fn(&str) -> usize) -> String {
    let wrong: Vec<String> = found
        .iter()
        .filter(|(name, types)| types.len() > most(name))
        .map(|(name, types)| format!("{} types are called `{name}`:\n{}", types.len(), types.join("\n")))
        .collect();
    wrong.join("\n\n")
}

#[test]
fn few_types_share_a_name() {
    let files = files(&["app/src", "engine", "shaders", "web"]);
    assert!(files.len() > 900, "{}", files.len());
    let (mut found, mut aside) = (BTreeMap::<String, Vec<String>>::new(), BTreeMap::<_, usize>::new());
    for one in types(&files) {
        let exception =
            ONE_MEANING.iter().find(|(name, folder)| *name == one.name && one.file.starts_with(folder));
        if let Some(exception) = exception {
            *aside.entry(exception).or_insert(0) += 1;
            continue;
        }
        let place = one.place();
        found.entry(one.name).or_default().push(place);
    }
    let wrong = too_many(&found, |name| if ONCE.contains(&name) { 1 } else { MAX_NAMESAKES });
    assert!(wrong.is_empty(), "{wrong}");
    // An exception that is needed no longer is removed.
    for one in ONE_MEANING {
        assert!(aside.get(one).is_some_and(|count| *count > MAX_NAMESAKES), "{one:?} is no exception");
    }
}

/// Everybody reads the protocol, and imports its types side by side.
#[test]
fn public_types_of_the_protocol_have_names_of_their_own() {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for one in types(&files(&["engine/protocol/src"])).into_iter().filter(DefinedType::is_public) {
        let place = one.place();
        found.entry(one.name).or_default().push(place);
    }
    assert!(found.len() > 200, "{}", found.len());
    let wrong = too_many(&found, |_| 1);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn types_are_found_whatever_their_visibility() {
    let types = [
        "struct Place;",
        "pub struct Place<'a> {",
        "    pub(in crate::read) enum Place {",
        "pub(super) trait Place: Copy {",
        "pub struct Place(u32);",
    ];
    for line in types {
        assert_eq!(defined(line), Some("Place"), "{line}");
    }
    let others =
        ["type Place = u32;", "impl Place {", "    pub struct $name {", "let struct_ = Place { at };", ""];
    for line in others {
        assert_eq!(defined(line), None, "{line}");
    }
}
