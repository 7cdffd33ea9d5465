//! One word for one thing, the field's: words that we once used for a thing and no longer do stand in no source and no page.

use std::path::Path;

/// What is not said, and what is said instead.
const NOT_SAID: &[(&str, &str)] = &[
    ("foretold", "estimated"),
    ("foretell", "estimate"),
    ("foretells", "estimates"),
    ("usual", "default, or ordinary"),
    ("driving", "launch overhead"),
    ("disappoints", "falls back"),
    ("in earnest", "what is done, plainly"),
    ("as it comes", "what comes, plainly"),
    ("what is alive", "live values"),
    ("lowest learning rate", "minimum learning rate"),
    ("depth dial", "size by layers"),
    ("most tokens", "max tokens"),
    ("optimiser", "optimizer"),
    ("optimizer's state", "optimizer state"),
    ("different characters", "distinct characters"),
    ("different ones", "distinct"),
    ("taken away", "removed"),
    ("laid over", "overlaid"),
    ("over each other", "an overlay"),
    ("at its best", "best checkpoint"),
    ("expected usize", "expected a whole number"),
];

/// Rates are said with "per".
const COUNTED: &[&str] = &[
    "ms",
    "µs",
    "milliseconds",
    "microseconds",
    "seconds",
    "tokens",
    "bytes",
    "byte",
    "bits",
    "nats",
    "flops",
    "launches",
    "dispatches",
    "operations",
    "losses",
    "documents",
    "characters",
    "windows",
    "buffers",
    "dollars",
];
const FOR_EACH: &[&str] = &[
    "token",
    "step",
    "second",
    "dispatch",
    "document",
    "line",
    "parameter",
    "batch",
    "character",
    "weight",
    "byte",
    "stage",
    "hour",
];

/// What people read of the program: its sources, what a browser gets, and the pages about it.
const READ: &[&str] = &[
    "app/src",
    "app/lessons",
    "engine/src",
    "engine/compiler",
    "engine/conversation",
    "engine/corpus",
    "engine/evaluate",
    "engine/protocol",
    "engine/report",
    "shaders/README.md",
    "web",
    "README.md",
    "docs",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "tests/benches/README.md",
    "tests/gpu",
];

fn files(place: &Path, found: &mut Vec<std::path::PathBuf>) {
    if place.is_dir() {
        for entry in std::fs::read_dir(place).expect("a folder of the repository") {
            files(&entry.expect("an entry").path(), found);
        }
    } else if ["rs", "js", "mjs", "ts", "html", "md", "py"]
        .iter()
        .any(|kind| place.extension().is_some_and(|own| own == *kind))
    {
        found.push(place.to_owned());
    }
}

/// Whether a line holds a phrase as whole words.
fn holds(line: &str, phrase: &str) -> bool {
    let inside = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(phrase)
        .any(|(at, _)| !line[..at].ends_with(inside) && !line[at + phrase.len()..].starts_with(inside))
}

/// What a line says that is not said, and what to say.
fn found_in(line: &str) -> Vec<String> {
    let line = line.to_lowercase();
    let not_said = NOT_SAID.iter().filter(|(phrase, _)| holds(&line, phrase));
    let mut found: Vec<String> = not_said.map(|(phrase, say)| format!("{phrase:?}; write {say:?}")).collect();
    for what in COUNTED {
        for each in FOR_EACH {
            if holds(&line, &format!("{what} a {each}")) {
                found.push(format!("\"{what} a {each}\"; write \"{what} per {each}\""));
            }
        }
    }
    found
}

#[test]
fn a_thing_has_one_name_in_sources_and_pages() {
    let repository = glasshouse_tests::repository();
    let mut sources = Vec::new();
    for place in READ {
        files(&repository.join(place), &mut sources);
    }
    assert!(sources.len() > 300, "{}", sources.len());
    let mut problems = Vec::new();
    for path in sources {
        let text = std::fs::read_to_string(&path).expect("a text file");
        for (number, line) in text.lines().enumerate() {
            let place = path.strip_prefix(&repository).unwrap_or(&path).display();
            problems.extend(found_in(line).iter().map(|found| format!("{place}:{}: {found}", number + 1)));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn whole_words_are_found_and_parts_of_words_are_not() {
    assert_eq!(found_in("Seconds that it was foretold to take"), ["\"foretold\"; write \"estimated\""]);
    assert_eq!(found_in("34 Tokens a second."), ["\"tokens a second\"; write \"tokens per second\""]);
    assert_eq!(found_in("2.1 nats a token"), ["\"nats a token\"; write \"nats per token\""]);
    assert!(found_in("usually #[serde(alias = \"foretold_seconds\")] unusual tokens a stepwise").is_empty());
}
