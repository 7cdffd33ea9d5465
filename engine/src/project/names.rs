//! One rule for names of files that people bring: what is added, packed and unpacked has names that every file system takes, so
//! that a project can be carried anywhere.

use crate::platform::files;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

/// Names that Windows keeps for its devices, with a digit behind or without.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// A file's name as every file system takes it: `_` instead of what some do not.
pub fn portable(name: &OsStr) -> String {
    let taken = |letter: char| {
        letter.is_control() || letter == char::REPLACEMENT_CHARACTER || "/\\:*?\"<>|".contains(letter)
    };
    let text: String =
        name.to_string_lossy().chars().map(|letter| if taken(letter) { '_' } else { letter }).collect();
    let kept = text.trim_end_matches(['.', ' ']);
    let padded = format!("{kept}{}", "_".repeat(text.len() - kept.len()));
    let stem = padded.split('.').next().unwrap_or_default();
    if is_reserved(stem) { format!("_{padded}") } else { padded }
}

/// Whether a folder's or file's name without its ending is a device's on Windows.
pub(super) fn is_reserved(stem: &str) -> bool {
    let stem = stem.to_ascii_lowercase();
    RESERVED.contains(&stem.trim_end_matches(|letter: char| letter.is_ascii_digit()))
}

/// The names of one folder, none of which differ in capitals alone: some file systems take those for one.
#[derive(Debug, Default)]
pub struct Siblings(BTreeSet<String>);

impl Siblings {
    /// Those that lie in a folder already; none where it cannot be read.
    pub fn in_folder(folder: &Path) -> Self {
        let entries = files::read_dir(folder).into_iter().flatten().flatten();
        Self(entries.map(|entry| entry.file_name().to_string_lossy().to_lowercase()).collect())
    }

    /// The portable form of a name, with a number behind it where that is taken; it is taken from now on.
    pub fn take(&mut self, name: &OsStr) -> String {
        let plain = portable(name);
        if self.0.insert(plain.to_lowercase()) {
            return plain;
        }
        let path = Path::new(&plain);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let ending =
            path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
        let mut number = 2_u64;
        loop {
            let numbered = format!("{stem} {number}{ending}");
            if self.0.insert(numbered.to_lowercase()) {
                return numbered;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_that_every_file_system_takes() {
        for (name, wanted) in [
            ("plain name.txt", "plain name.txt"),
            ("Текст.txt", "Текст.txt"),
            ("a:b\\c.txt", "a_b_c.txt"),
            ("two\nlines", "two_lines"),
            ("end. ", "end__"),
            ("What?.md", "What_.md"),
            ("con.txt", "_con.txt"),
            ("Com1", "_Com1"),
            ("comet.txt", "comet.txt"),
            (" ", "_"),
        ] {
            assert_eq!(portable(OsStr::new(name)), wanted);
            assert_eq!(portable(OsStr::new(wanted)), wanted, "once is enough");
        }
        let mut siblings = Siblings::default();
        let taken =
            ["Readme.md", "README.md", "readme.md", "a:b", "a?b"].map(|name| siblings.take(OsStr::new(name)));
        assert_eq!(taken, ["Readme.md", "README 2.md", "readme 3.md", "a_b", "a_b 2"]);
    }
}
