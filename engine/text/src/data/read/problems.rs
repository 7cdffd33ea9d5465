//! Problems found while reading, by file. They are reported to the user, and reading continues.

use glasshouse_protocol::FileProblem;
use glasshouse_protocol::quantity::counted;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum kinds of problem listed per file; further ones are only counted.
const MAX_KINDS: usize = 8;
/// Maximum number of unread fields counted by name.
const MAX_FIELDS: usize = 32;

/// Name under which rows with further unread fields are counted.
const OTHER_FIELDS: &str = "other fields";

/// Problems by file, grouped by kind, each with its first message and the number of further ones.
#[derive(Clone, Debug, Default)]
pub struct Problems(Arc<Mutex<Vec<FileProblems>>>, UnreadFields);

/// Names of unread fields, each with the number of rows that have it.
type UnreadFields = Arc<Mutex<BTreeMap<String, u64>>>;

#[derive(Debug)]
struct FileProblems {
    name: String,
    kinds: Vec<ProblemKind>,
    /// Number of problems of further kinds.
    others: u64,
}

/// Problems whose messages differ only in numbers.
#[derive(Debug)]
struct ProblemKind {
    key: String,
    first: String,
    more: u64,
    count: u64,
}

impl Problems {
    pub fn note(&self, path: &Path, reason: &str) {
        self.add(path, reason, [0, 1], 0);
    }

    /// Records a problem that affects `rows` rows of a file.
    pub fn note_rows(&self, path: &Path, reason: &str, rows: u64) {
        self.add(path, reason, [0, rows], 0);
    }

    /// Counts a row's unread fields. They are not problems: the row is used.
    pub fn unread(&self, fields: impl IntoIterator<Item = String>) {
        let mut known = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let mut has_others = false;
        for field in fields {
            let room = known.len() < MAX_FIELDS;
            if room || known.contains_key(&field) {
                *known.entry(field).or_default() += 1;
            } else {
                has_others = true;
            }
        }
        if has_others {
            *known.entry(OTHER_FIELDS.to_owned()).or_default() += 1;
        }
    }

    pub fn unread_fields(&self) -> BTreeMap<String, u64> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Merges the problems of one file.
    pub(super) fn take_from(&self, path: &Path, own: &Self) {
        let own = std::mem::take(&mut *own.0.lock().unwrap_or_else(PoisonError::into_inner));
        for FileProblems { kinds, others, .. } in own {
            let mut others = others;
            for ProblemKind { first, more, count, .. } in kinds {
                self.add(path, &first, [more, count], std::mem::take(&mut others));
            }
        }
    }

    /// Records a message, the number of further ones like it and affected rows, and the number of problems of other kinds.
    fn add(&self, path: &Path, reason: &str, [more, count]: [u64; 2], others: u64) {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.iter().position(|file| file.name == name).unwrap_or_else(|| {
            known.push(FileProblems { name: name.into_owned(), kinds: Vec::new(), others: 0 });
            known.len() - 1
        });
        let Some(file) = known.get_mut(at) else { return };
        // Line, column and index are numbers; without them, messages of one kind are equal.
        let key: String = reason.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        let room = file.kinds.len() < MAX_KINDS;
        match file.kinds.iter_mut().find(|kind| kind.key == key) {
            Some(kind) => {
                kind.more += more + 1;
                kind.count += count;
            }
            None if room => {
                file.kinds.push(ProblemKind { key, first: reason.to_owned(), more, count });
            }
            None => file.others += more + 1,
        }
        file.others += others;
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// All problems, in file order.
    pub fn list(&self) -> Vec<FileProblem> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = Vec::new();
        for FileProblems { name, kinds, others } in &*known {
            let kinds = kinds.iter().map(|ProblemKind { first, more, count, .. }| match more {
                0 => (first.clone(), *count),
                more => (format!("{first} (and {more} more like it)"), *count),
            });
            let others = (*others > 0)
                .then(|| (format!("has {} of other kinds", counted(*others, "more fault")), *others));
            list.extend(kinds.chain(others).map(|(reason, count)| FileProblem {
                name: name.clone(),
                reason,
                partly: false,
                count,
            }));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_fields_some_are_named_and_rows_with_others_are_counted() {
        let problems = Problems::default();
        for row in 0..3 {
            problems.unread((0..MAX_FIELDS + 2).map(|field| format!("f{field:02}")));
            assert_eq!(problems.unread_fields().get(OTHER_FIELDS), Some(&(row + 1)));
        }
        assert_eq!(problems.unread_fields().len(), MAX_FIELDS + 1);
    }

    #[test]
    fn every_kind_of_fault_is_told_by_its_first_line() {
        let problems = Problems::default();
        assert!(problems.is_empty());
        let rows = Path::new("data/rows.jsonl");
        for (line, reason) in [
            (3, "`messages[0].role`: unknown role \"narrator\""),
            (4, "`messages[1].content`: the assistant message is empty"),
            (9, "`messages[12].content`: the assistant message is empty"),
        ] {
            problems.note(rows, &format!("line {line}: {reason}"));
        }
        problems.note(Path::new("other.jsonl"), "is empty");
        problems.note(rows, "line 10: `messages[2].content`: the assistant message is empty");
        let told: Vec<String> = problems
            .list()
            .into_iter()
            .map(|problem| format!("{} {}", problem.name, problem.reason))
            .collect();
        assert_eq!(
            told,
            [
                "rows.jsonl line 3: `messages[0].role`: unknown role \"narrator\"",
                "rows.jsonl line 4: `messages[1].content`: the assistant message is empty (and 2 more like it)",
                "other.jsonl is empty",
            ]
        );
        assert_eq!(problems.list().iter().map(|problem| problem.count).collect::<Vec<_>>(), [1, 3, 1]);
        // The number of kinds is limited.
        for kind in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
            problems.note(rows, &format!("line 11: unknown role {kind}"));
        }
        let told = problems.list();
        let of_rows: Vec<&str> = told
            .iter()
            .filter(|problem| problem.name == "rows.jsonl")
            .map(|problem| problem.reason.as_str())
            .collect();
        assert_eq!((of_rows.len(), of_rows[8]), (9, "has 3 more faults of other kinds"));
        // Merging keeps the counts.
        let all = Problems::default();
        all.take_from(rows, &problems);
        let again: Vec<String> = all.list().into_iter().map(|problem| problem.reason).collect();
        assert_eq!(again[..8], of_rows[..8]);
        assert_eq!(again.last().map(String::as_str), Some("has 4 more faults of other kinds"));
    }
}
