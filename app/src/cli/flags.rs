//! Adds flags and commands to the engine's advice, which is worded for all front ends.

/// Phrases of the engine, and the flag or command for each.
const FLAGS: &[(&str, &str)] = &[
    ("replace it", "--force"),
    ("write beside it", "--force"),
    ("choose another project folder", "--project"),
    ("the project that exported it", "--project"),
    ("choose an empty or new folder", "--to"),
    ("name the file to write", "--to"),
    ("folder for the file", "--to"),
    ("output folder of train.py", "--out"),
    ("merge a run that has one", "--run"),
    ("as its start", "--from"),
    ("start a run from its weights", "glasshouse train --from"),
    ("or choose another run", "--run"),
    ("choose one of these, such as", "--run"),
    ("restore a copy of the file, or delete the run", "glasshouse runs delete"),
    ("begins with a trained model", "--from"),
    ("train it for a step first", "--stop-after 1"),
    ("train in 32 bits", "--precision f32"),
    ("write in 32 bits", "--precision f32"),
    ("on the CPU if it fits no GPU here", "--device cpu"),
    ("train on the CPU", "--device cpu"),
    ("choose a GPU", "--device gpu"),
    ("a longer context length keeps more", "--context-length"),
    ("no adapter, train.trainable=all", "--adapter none"),
    ("with the objective chat", "--objective chat"),
    ("train a run on texts with labels", "--objective classify"),
    ("give it a task of texts and labels", "--task"),
    ("without a file of rows", "--data"),
    ("name the field of text in reading.text_field", "glasshouse data clean --text-field"),
    ("name the column of text in reading.text_field", "glasshouse data clean --text-field"),
    ("export the adapter separately", "--format peft"),
    ("of that peak", "--utilization"),
    ("yours may be another", "--price"),
    ("evaluate it first", "glasshouse evaluate"),
    ("audit it again", "glasshouse audit"),
    ("in its section on bias", "glasshouse audit --section bias --pairs FILE"),
    ("merge the adapter into that", "glasshouse merge --adapter"),
    ("train one on labelled rows", "glasshouse moderate --train rows.jsonl"),
    ("with the run's own run.toml", "glasshouse train --config run.toml --stop-after 1"),
];

/// The flags for the engine's advice in brackets; empty if it names them already.
pub(super) fn of(said: &str) -> String {
    let named = FLAGS.iter().filter(|(words, flag)| said.contains(words) && !names(said, flag));
    let mut flags: Vec<&str> = named.map(|(_, flag)| *flag).collect();
    flags.dedup();
    if flags.is_empty() { String::new() } else { format!(" ({})", flags.join(", ")) }
}

/// Whether a text contains a flag as a whole, not as the prefix of another.
fn names(text: &str, flag: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '-';
    text.match_indices(flag)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + flag.len()..].starts_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Collects sources without tests and comments, with each string on one line.
    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["tests", "benches", "examples", "target"].contains(&name.as_str()) {
                sources(&path, found);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let mut joined = String::with_capacity(text.len());
                for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
                    let begun = line.strip_suffix('\\');
                    joined.push_str(begun.unwrap_or(line));
                    joined.push_str(if begun.is_some() { "" } else { "\n" });
                }
                found.push(joined);
            }
        }
    }

    fn engine() -> Vec<String> {
        let mut found = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine"), &mut found);
        assert!(found.len() > 300, "{}", found.len());
        found
    }

    #[test]
    fn what_is_to_be_done_has_its_flag() {
        assert_eq!(of("model.gguf: already exists; replace it, or choose another place"), " (--force)");
        assert_eq!(of("holds it; replace it, or choose an empty or new folder"), " (--force, --to)");
        assert_eq!(of("already exists; --force lets it replace it"), "");
        assert_eq!(of("replace it, or write beside it"), " (--force)");
        assert_eq!(of("--tokenizer: choose an empty or new folder"), " (--to)");
        assert_eq!(of("unknown run `7`"), "");
    }

    #[test]
    fn the_engine_says_all_that_has_a_flag() {
        let engine = engine();
        for (words, flag) in FLAGS {
            assert!(engine.iter().any(|text| text.contains(words)), "nothing says {words:?} for {flag}");
        }
    }
}
