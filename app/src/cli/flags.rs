//! The engine says what to do in words that every front end can follow. Here they get the flag that does it.

/// Words of the engine's errors, and what is typed for them.
const FLAGS: [(&str, &str); 15] = [
    ("replace it", "--force"),
    ("write beside it", "--force"),
    ("name another project folder", "--project"),
    ("the project that handed it over", "--project"),
    ("choose an empty or new folder", "--to"),
    ("name the file to write", "--to"),
    ("folder for the file", "--to"),
    ("where train.py wrote", "--out"),
    ("merge a run that has one", "--run"),
    ("as its start", "--from"),
    ("begin a run with its weights", "--from"),
    ("begins with a trained model", "--from"),
    ("train it for a step first", "--stop-after 1"),
    ("train in 32 bits", "--precision f32"),
    ("write in 32 bits", "--precision f32"),
];

/// The flags for what an error says to do, in brackets; nothing where it names them itself.
pub(super) fn of(error: &str) -> String {
    let named = FLAGS.iter().filter(|(words, flag)| error.contains(words) && !error.contains(flag));
    let flags: Vec<&str> = named.map(|(_, flag)| *flag).collect();
    if flags.is_empty() { String::new() } else { format!(" ({})", flags.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_has_its_flag() {
        assert_eq!(of("model.gguf: is there already; replace it, or choose another place"), " (--force)");
        assert_eq!(of("holds it; replace it, or choose an empty or new folder"), " (--force, --to)");
        assert_eq!(of("is there already; --force lets it replace it"), "");
        assert_eq!(of("unknown run `7`"), "");
    }
}
