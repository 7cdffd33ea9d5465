//! Export of a cleaned corpus in shards of JSON Lines with `id`, `text`, `metadata` and `token_count`, as datatrove writes them.

use crate::output::{CorpusIndex, kept_lines};
use flate2::{Compression, write::GzEncoder};
use glasshouse_documents::files::Files;
use glasshouse_documents::{Error, Result};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Maximum bytes of a shard before compression: it is in memory.
const MAX_SHARD_BYTES: u64 = 4 << 30;

const ENDINGS: [&str; 3] = [".jsonl.gz", ".jsonl.zst", ".jsonl"];

#[derive(Serialize)]
struct Row {
    id: Value,
    text: String,
    metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_count: Option<u64>,
}

/// Writes the kept documents of a cleaning to `NAME-00000.jsonl.gz` and so on, given the path `NAME.jsonl.gz` (or `.jsonl.zst`,
/// or `.jsonl`), in shards of about `bytes` bytes before compression; returns their paths. `tokens` counts the tokens of a text.
pub fn export(
    files: &dyn Files,
    cleaned: &Path,
    to: &Path,
    bytes: u64,
    tokens: &mut dyn FnMut(&str) -> Result<Option<u64>>,
) -> Result<Vec<PathBuf>> {
    if CorpusIndex::find(files, cleaned)?.is_none() {
        let reason = "not a folder of `glasshouse data clean`; name one that it wrote";
        return Err(Error::bad_file(cleaned, reason));
    }
    let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let split = ENDINGS.iter().find_map(|ending| Some((name.strip_suffix(*ending)?, *ending)));
    let Some((stem, ending)) = split.filter(|(stem, _)| !stem.is_empty()) else {
        let reason =
            "cannot tell the format of the shards; name them NAME.jsonl, NAME.jsonl.gz or NAME.jsonl.zst";
        return Err(Error::bad_file(to, reason));
    };
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        files.create_folder(folder).map_err(Error::io(folder))?;
    }
    let mut written = Vec::new();
    let mut write = |lines: &mut Vec<u8>| -> Result<()> {
        let path = to.with_file_name(format!("{stem}-{:05}{ending}", written.len()));
        if files.file_type(&path).is_ok() {
            return Err(Error::bad_file(path, "exists; remove it, or choose another name"));
        }
        let partial = path.with_added_extension("partial");
        let packed = match ending {
            ".jsonl.gz" => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(lines).and_then(|()| encoder.finish()).map_err(Error::io(&path))?
            }
            ".jsonl.zst" => compress_to_vec(lines.as_slice(), CompressionLevel::Fastest),
            _ => std::mem::take(lines),
        };
        lines.clear();
        let file = files.create(&partial).map_err(Error::io(&partial));
        file?.write_all(&packed).map_err(Error::io(&partial))?;
        files.rename(&partial, &path).map_err(Error::io(&partial))?;
        written.push(path);
        Ok(())
    };
    let mut lines = Vec::new();
    for line in kept_lines(files, cleaned)? {
        let (_, mut metadata): (_, Map<String, Value>) = line?;
        let text = match metadata.shift_remove("text") {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (id, token_count) = (metadata.shift_remove("id").unwrap_or_default(), tokens(&text)?);
        serde_json::to_writer(&mut lines, &Row { id, text, metadata, token_count })
            .map_err(|error| Error::Refused(format!("cannot write a document as JSON: {error}")))?;
        lines.push(b'\n');
        if lines.len() as u64 >= bytes.min(MAX_SHARD_BYTES) {
            write(&mut lines)?;
        }
    }
    if !lines.is_empty() {
        write(&mut lines)?;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{CORPUS_FILE, KEPT_FILE};
    use glasshouse_documents::files::SystemFiles;
    use glasshouse_documents::read;
    use std::sync::Arc;

    #[test]
    fn shards_read_back_and_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let line = |number: usize| {
            let text = format!("Text {number} ").repeat(50);
            serde_json::json!({ "id": format!("a#{number}"), "source": "s", "licence": null, "text": text })
                .to_string()
        };
        std::fs::write(at(KEPT_FILE), (0..10).map(|number| line(number) + "\n").collect::<String>()).unwrap();
        let index = serde_json::to_string(&CorpusIndex::new("raw", 0.0)).unwrap();
        std::fs::write(at(CORPUS_FILE), index).unwrap();
        let export = |name: &str| {
            let words = &mut |text: &str| Ok(Some(text.split_whitespace().count() as u64));
            super::export(&SystemFiles, folder.path(), &at(name), 2_000, words)
        };
        for name in ["shards/a.jsonl", "shards/b.jsonl.gz", "shards/c.jsonl.zst"] {
            let paths = export(name).unwrap();
            assert_eq!(paths.len(), 2, "{paths:?}");
            let found = read::find(&SystemFiles, &paths, &read::Settings::default());
            let documents: Vec<_> = found
                .sources
                .iter()
                .flat_map(|source| {
                    read::open(&SystemFiles, source, &read::Settings::default(), &Arc::default())
                })
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(documents.len(), 10);
            let last = documents.last().unwrap();
            assert!(last.text.starts_with("Text 9 ") && last.id.ends_with(":a#9"), "{last:?}");
            let record = last.record.as_ref().unwrap();
            assert_eq!((&record["token_count"], &record["metadata"]["source"]), (&100.into(), &"s".into()));
            assert!(export(name).unwrap_err().to_string().contains("exists"));
        }
        assert!(export("a.parquet").unwrap_err().to_string().contains("NAME.jsonl.gz"));
        assert!(super::export(&SystemFiles, &at("shards"), &at("a.jsonl"), 1, &mut |_| Ok(None)).is_err());
    }
}
