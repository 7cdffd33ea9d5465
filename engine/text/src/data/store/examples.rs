//! The division of a split's tokens into examples, and which tokens are learned.

use super::index::ExamplesRecord;
use glasshouse_platform::{Error, Result, storage};
use std::ops::Range;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct Examples {
    /// End of each example among the split's tokens.
    ends: Vec<u64>,
    /// One byte per token.
    learned: Vec<u8>,
    /// One line of JSON per example, if there is extra data.
    rows: Option<PathBuf>,
}

impl Examples {
    /// Opens the files of a split of `tokens` tokens.
    pub(super) fn open(folder: &Path, record: &ExamplesRecord, tokens: u64) -> Result<Self> {
        let (path, count) = (folder.join(&record.lengths.file), record.lengths.tokens);
        let lengths = storage::read_within(&path, u64::MAX)?;
        if lengths.len() as u64 != count.saturating_mul(4) {
            return Err(Error::bad_file(path, format!("it does not hold {count} lengths")));
        }
        let mut end = 0_u64;
        let sums = lengths.as_chunks().0.iter().map(|length| {
            end += u64::from(u32::from_le_bytes(*length));
            end
        });
        let ends: Vec<u64> = sums.collect();
        if end != tokens {
            return Err(Error::bad_file(
                path,
                format!("its examples have {end} tokens, but the split has {tokens}"),
            ));
        }
        let path = folder.join(&record.learned.file);
        let learned = storage::read_within(&path, u64::MAX)?;
        if learned.len() as u64 != tokens {
            return Err(Error::bad_file(path, format!("{} marks for {tokens} tokens", learned.len())));
        }
        let rows = record.rows.as_ref().map(|rows| folder.join(&rows.file));
        Ok(Self { ends, learned, rows })
    }

    pub fn count(&self) -> usize {
        self.ends.len()
    }

    pub fn range(&self, example: usize) -> Range<u64> {
        let from = example.checked_sub(1).map_or(0, |before| self.ends[before]);
        from..self.ends[example]
    }

    /// The example that contains a token of the split.
    pub fn holding(&self, token: u64) -> usize {
        self.ends.partition_point(|end| *end <= token).min(self.ends.len().saturating_sub(1))
    }

    /// The extra data of the examples, one line of JSON each; empty if there is none.
    pub fn rows(&self) -> Result<Vec<u8>> {
        self.rows.as_deref().map_or_else(|| Ok(Vec::new()), storage::read)
    }

    /// Whether each token of a range is learned.
    pub fn learned(&self, range: Range<u64>) -> impl Iterator<Item = bool> {
        let bytes = self.learned.get(range.start as usize..range.end as usize).unwrap_or_default();
        bytes.iter().map(|byte| *byte != 0)
    }
}
