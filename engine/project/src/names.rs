//! Portable names for the user's files: added, packed and unpacked files have names that every file system supports, so that
//! projects can be moved anywhere.

use glasshouse_platform::files;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

/// Device names reserved by Windows, with or without a digit.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// A portable file name, with `_` instead of unsupported characters.
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

/// Whether a name without its extension is reserved by Windows.
pub(super) fn is_reserved(stem: &str) -> bool {
    let stem = stem.to_ascii_lowercase();
    RESERVED.contains(&stem.trim_end_matches(|letter: char| letter.is_ascii_digit()))
}

/// The names in a folder, unique even without case, because some file systems ignore it.
#[derive(Debug, Default)]
pub struct Siblings(BTreeSet<String>);

impl Siblings {
    /// The existing names in a folder; empty if it cannot be read.
    pub fn in_folder(folder: &Path) -> Self {
        let entries = files::read_dir(folder).into_iter().flatten().flatten();
        Self(entries.map(|entry| entry.file_name().to_string_lossy().to_lowercase()).collect())
    }

    /// The portable form of a name, with a number appended if it is taken; the result counts as taken from now on.
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
