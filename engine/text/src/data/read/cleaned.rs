//! Folders written by `glasshouse data clean`, whose documents have a source and possibly a split.

use super::{Mark, SourceFile, SourceKind, TextPiece};
use crate::data::store::Split;
use glasshouse_corpus::output::{CorpusIndex, KEPT_FILE, KeptLine};
use glasshouse_platform::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The index of a cleaned folder; `None` for other folders.
pub(super) fn index(folder: &Path) -> Result<Option<CorpusIndex>> {
    CorpusIndex::find(&glasshouse_platform::CorpusFiles, folder).map_err(Error::from)
}

/// The mixture recorded in a cleaned folder among `sources`; empty if there is none. Fails if a folder's index is damaged, or a folder with
/// a mixture is not the only source.
pub fn mixture(sources: &[SourceFile]) -> Result<BTreeMap<String, f64>> {
    for source in sources.iter().filter(|source| source.kind == SourceKind::Cleaned) {
        let folder = source.path.parent().unwrap_or(Path::new(""));
        let Some(index) = index(folder)?.filter(|index| !index.mixture.is_empty()) else { continue };
        if sources.len() > 1 {
            let reason = "the folder's mixture weights only its own sources; clean the other text with it, or use only this folder";
            return Err(Error::bad_file(folder, reason));
        }
        return Ok(index.mixture);
    }
    Ok(BTreeMap::new())
}

/// The path of a cleaned folder's kept documents; `None` for other folders. Nothing else in a cleaned folder is read.
pub(super) fn kept(folder: &Path) -> Result<Option<std::path::PathBuf>> {
    Ok(index(folder)?.map(|_| folder.join(KEPT_FILE)))
}

/// Parses a line of `kept.jsonl`.
pub(super) fn read_kept(line: &str) -> Result<Option<TextPiece>, String> {
    let line: KeptLine = serde_json::from_slice(line.as_bytes())
        .map_err(|error| format!("is not a kept document: {error}; clean again"))?;
    if line.text.trim().is_empty() {
        return Ok(None);
    }
    let split = match line.split.as_deref() {
        None => None,
        Some("train") => Some(Split::Train),
        Some("validation") => Some(Split::Validation),
        Some(other) => return Err(format!("has a split {other:?}, which is neither train nor validation")),
    };
    let mark = Mark { id: Arc::from(line.id), source: Arc::from(line.source), split };
    Ok(Some(TextPiece { mark: Some(mark), ..TextPiece::whole(line.text) }))
}
