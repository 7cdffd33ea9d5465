//! One name, one meaning: a newcomer who looks for a type finds it by its name alone, so that few types may share one.

use crate::dependencies::{code, sources};
use std::collections::BTreeMap;

/// Structs, enums and traits of one name in the whole of the product's code.
const MAX_NAMESAKES: usize = 3;

/// Names that have had so many meanings that only one is left.
const ONCE: &[&str] = &["Place", "Part"];

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

#[test]
fn few_types_share_a_name() {
    let repository = glasshouse_tests::repository();
    let mut files = Vec::new();
    for root in ["app/src", "engine", "shaders", "web"] {
        sources(&repository.join(root), &mut files);
    }
    assert!(files.len() > 900, "{}", files.len());
    files.sort();
    let (mut found, mut aside) = (BTreeMap::<String, Vec<String>>::new(), BTreeMap::<_, usize>::new());
    for file in files {
        let path = file.strip_prefix(&repository).unwrap();
        for (at, line) in code(&std::fs::read_to_string(&file).unwrap()).lines().enumerate() {
            let Some(name) = defined(line) else { continue };
            let one = ONE_MEANING.iter().find(|(one, folder)| *one == name && path.starts_with(folder));
            if let Some(one) = one {
                *aside.entry(one).or_insert(0) += 1;
                continue;
            }
            let place = format!("{}:{}: {}", path.display(), at + 1, line.trim());
            found.entry(name.to_owned()).or_default().push(place);
        }
    }
    let most = |name: &str| if ONCE.contains(&name) { 1 } else { MAX_NAMESAKES };
    let wrong: Vec<String> = found
        .iter()
        .filter(|(name, types)| types.len() > most(name))
        .map(|(name, types)| format!("{} types are called `{name}`:\n{}", types.len(), types.join("\n")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // An exception that is needed no longer is removed.
    for one in ONE_MEANING {
        assert!(aside.get(one).is_some_and(|count| *count > MAX_NAMESAKES), "{one:?} is no exception");
    }
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
