//! The project's own instruction tasks as a suite: every family, in held-out wordings.

use super::file::TaskFile;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::Objective;
use glasshouse_text::data::tasks::{TaskKind, TaskSplit};

/// Default number of rows per family.
const ROWS: usize = 100;

const MAX_ROWS: usize = 10_000;

/// The tasks of each family as files; deterministic. Fails if a browser could not load the generator.
pub fn families(rows: Option<usize>) -> Result<Vec<TaskFile>> {
    let (rows, kinds) = (rows.unwrap_or(ROWS).clamp(1, MAX_ROWS), TaskKind::ALL.len());
    let count = (rows * kinds) as u64;
    let lines = glasshouse_platform::generated_rows(None, Objective::Chat, TaskSplit::HeldOut, count);
    let lines = lines.map_err(Error::Refused)?;
    let of = |(at, kind): (usize, &TaskKind)| {
        // The kinds alternate.
        let own: String =
            lines.iter().skip(at).step_by(kinds).flat_map(|line| [line.as_str(), "\n"]).collect();
        TaskFile::read(kind.name(), own.as_bytes(), None)
    };
    TaskKind::ALL.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rows::{Kind, Right};
    use super::*;

    #[test]
    fn a_family_has_its_own_rows_and_each_is_judged() {
        let files = families(Some(7)).unwrap();
        assert_eq!(files.len(), TaskKind::ALL.len());
        for (file, kind) in files.iter().zip(TaskKind::ALL) {
            assert_eq!((file.name.as_str(), file.kind, file.rows.len()), (kind.name(), Kind::Generate, 7));
            assert!(file.broken.is_empty(), "{:?}", file.broken);
            for row in &file.rows {
                let Right::Answers { references, judged } = &row.right else { panic!("answers") };
                assert_eq!(judged.score(&references[0]), 1.0, "{row:?}");
                assert!(row.group.is_some(), "{row:?}");
            }
        }
        assert_eq!(files, families(Some(7)).unwrap());
    }
}
