//! One word for one thing, the field's: words that we once used for a thing and no longer do stand in no text of the repository.

use std::path::{Path, PathBuf};

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
    ("the processor", "the CPU"),
    ("graphics processor", "GPU"),
    ("go on with", "continue, or continue with"),
    ("goes on with", "continues, or continues with"),
    ("going on with", "continuing"),
    ("gone on with", "continued"),
    ("stretch of", "span, passage or run of"),
    ("stretches of", "spans, passages or runs of"),
    ("stored in halves", "stored in f16"),
    ("products of halves", "products of f16"),
    ("floats or halves", "f32 or f16"),
];

/// What names of limits do not begin with: they are called MAX and MIN, with what they count.
const NO_LIMITS: &[&str] =
    &["MOST", "LONGEST", "LARGEST", "LEAST", "FEWEST", "SHORTEST", "SMALLEST", "WIDEST", "DEEPEST"];

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

/// Folders of what is built, downloaded or trained, of cards that quote other texts, and git's.
const BUILT: &[&str] =
    &["target", "dist", "node_modules", "__pycache__", "glasshouse-project", "cards", ".git"];

/// All text of the repository: what people read, and what is made of it.
fn texts(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !BUILT.contains(&name) {
                texts(&path, found);
            }
        // Names of others' packages; and the words themselves.
        } else if !name.ends_with("lock") && !path.ends_with("tests/words.rs") {
            // What is no text is no UTF-8.
            found.extend(
                std::fs::read(&path)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .map(|text| (path, text)),
            );
        }
    }
}

/// A text as its words, in small letters, with one space between lines and in the place of `_`; and where each line begins. Marks of
/// comments, lists and quotes at the start of a line are left out, and so are names that old files have.
fn words_of(text: &str) -> (String, Vec<usize>) {
    let (mut words, mut begins) = (String::with_capacity(text.len()), Vec::new());
    for line in text.lines() {
        begins.push(words.len());
        let line =
            line.trim().trim_start_matches(['/', '!', '#', '*', '>']).trim_start().trim_end_matches('\\');
        let (before, alias) = line.split_once("alias = \"").unwrap_or((line, ""));
        for part in [before, alias.split_once('"').map_or("", |(_, behind)| behind)] {
            words.push_str(&part.to_lowercase().replace('_', " "));
        }
        words.push(' ');
    }
    (words, begins)
}

/// Whether a place of a text is the edge of a word.
fn is_edge(words: &str, at: usize) -> bool {
    !words[..at].ends_with(char::is_alphanumeric) || !words[at..].starts_with(char::is_alphanumeric)
}

/// What a text says that is not said, each with its line, and what to say.
fn found_in(text: &str) -> Vec<(usize, String)> {
    let (words, begins) = words_of(text);
    let line = |at: usize| begins.partition_point(|begin| *begin <= at);
    let mut found = Vec::new();
    for (phrase, say) in NOT_SAID {
        for (at, _) in words.match_indices(phrase) {
            if is_edge(&words, at) && is_edge(&words, at + phrase.len()) {
                found.push((line(at), format!("{phrase:?}; write {say:?}")));
            }
        }
    }
    let begins_with = |text: &str, word: &&&str| text.starts_with(**word) && is_edge(text, word.len());
    let ends_with =
        |text: &str, word: &&&str| text.ends_with(**word) && is_edge(text, text.len() - word.len());
    for (at, a) in words.match_indices(" a ") {
        let (before, behind) = (&words[..at], &words[at + a.len()..]);
        let what = COUNTED.iter().find(|word| ends_with(before, word));
        let each = FOR_EACH.iter().find(|word| begins_with(behind, word));
        if let (Some(what), Some(each)) = (what, each) {
            found.push((line(at), format!("\"{what} a {each}\"; write \"{what} per {each}\"")));
        }
    }
    for (at, line) in text.lines().enumerate() {
        for name in line.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
            let limits = |first: &&str| {
                name.strip_prefix(*first).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            };
            if NO_LIMITS.iter().any(limits) {
                found.push((at + 1, format!("{name:?}; write \"MAX\" or \"MIN\" of what it counts")));
            }
        }
    }
    found
}

#[test]
fn a_thing_has_one_name_in_all_texts() {
    let repository = glasshouse_tests::repository();
    let mut sources = Vec::new();
    texts(&repository, &mut sources);
    assert!(sources.len() > 1400, "{}", sources.len());
    let mut problems = Vec::new();
    for (path, text) in sources {
        let place = path.strip_prefix(&repository).unwrap_or(&path).display();
        problems.extend(found_in(&text).iter().map(|(line, found)| format!("{place}:{line}: {found}")));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn whole_words_are_found_and_parts_of_words_are_not() {
    let found = |text: &str| -> Vec<String> { found_in(text).into_iter().map(|(_, found)| found).collect() };
    assert_eq!(found("Seconds that it was foretold to take"), ["\"foretold\"; write \"estimated\""]);
    assert_eq!(found("34 Tokens a second."), ["\"tokens a second\"; write \"tokens per second\""]);
    assert_eq!(found("2.1 nats a token"), ["\"nats a token\"; write \"nats per token\""]);
    assert!(found("usually #[serde(alias = \"foretold_seconds\")] unusual tokens a stepwise").is_empty());
}

#[test]
fn phrases_are_found_in_identifiers_and_across_lines() {
    assert_eq!(found_in("fn f() {}\nlet seconds_a_step = most_tokens;").len(), 2);
    let broken = found_in("a line\n    /// told in 0.3 bytes a\n    /// token, as it\n    /// comes");
    assert_eq!(broken.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn limits_are_called_max_and_min() {
    let found = found_in("const MAX_BYTES: u32 = 1;\nconst LONGEST_NAME: usize = LATEST.min(LEAST);");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], (2, "\"LONGEST_NAME\"; write \"MAX\" or \"MIN\" of what it counts".to_owned()));
    assert!(found_in("let longest_name = most; // AT_MOST, the LEASTWISE").is_empty());
}
