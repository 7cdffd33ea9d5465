//! The raw twin of a cleaned corpus: the same files as they came, to train beside what the cleaning kept.
//!
//! Both are measured on the text that the cleaning held out. So the raw one must not hold it: documents that share a run of
//! words with a held-out one are left out of the raw twin, and nothing else is.

use crate::error::{Error, Result};
use crate::files::Files;
use crate::output::{CorpusIndex, KEPT_FILE, KeptLine};
use crate::pipeline::Cleaner;
use crate::recipe::Recipe;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// What the raw twin holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawTwin {
    /// Documents that train.
    pub documents: u64,
    /// Documents left out, since held-out text stands in them.
    pub left_out: u64,
    /// Documents held out, the same as in the cleaned corpus.
    pub held_out: u64,
}

/// Makes the raw twin of a cleaned folder in `out`, from the same inputs.
///
/// # Errors
/// `cleaned` is no cleaned folder or holds nothing out; the inputs cannot be read; `out` cannot be written.
pub fn raw_twin(files: &dyn Files, inputs: &[PathBuf], cleaned: &Path, out: &Path) -> Result<RawTwin> {
    if CorpusIndex::find(files, cleaned)?.is_none() {
        return Err(Error::bad_file(cleaned, "no folder of `glasshouse data clean`"));
    }
    let held_out = held_out_lines(files, cleaned)?;
    if held_out.is_empty() {
        return Err(Error::bad_file(
            cleaned,
            "the cleaning held no document out; set `validation` in its recipe",
        ));
    }
    files.create_folder(out).map_err(Error::io(out))?;
    let held_out_file = out.join(".held-out.jsonl");
    write_lines(files, &held_out_file, &held_out)?;
    let mut recipe = Recipe::published("raw")?;
    recipe.validation = 0.0;
    recipe.contamination.against = vec![held_out_file.clone()];
    let report = Cleaner::new(files, recipe, inputs, out)?.run(&mut |_| true)?;
    files.remove(&held_out_file).map_err(Error::io(&held_out_file))?;

    // Each document trains, and what the cleaning held out stands behind them.
    let kept = out.join(KEPT_FILE);
    let marked = out.join(format!("{KEPT_FILE}.partial"));
    let input = BufReader::new(files.open(&kept).map_err(Error::io(&kept))?);
    let mut output = BufWriter::new(files.create(&marked).map_err(Error::io(&marked))?);
    for line in input.lines() {
        let line = line.map_err(Error::io(&kept))?;
        let mut fields = record(&kept, &line)?;
        fields.insert("split".to_owned(), "train".into());
        let line = serde_json::Value::Object(fields).to_string();
        writeln!(output, "{line}").map_err(Error::io(&marked))?;
    }
    for line in &held_out {
        writeln!(output, "{line}").map_err(Error::io(&marked))?;
    }
    output.flush().map_err(Error::io(&marked))?;
    drop(output);
    files.rename(&marked, &kept).map_err(Error::io(&marked))?;
    Ok(RawTwin {
        documents: report.kept.documents,
        left_out: report.dropped(),
        held_out: held_out.len() as u64,
    })
}

/// The lines of what a cleaning held out.
fn held_out_lines(files: &dyn Files, cleaned: &Path) -> Result<Vec<String>> {
    let path = cleaned.join(KEPT_FILE);
    let input = BufReader::new(files.open(&path).map_err(Error::io(&path))?);
    let mut lines = Vec::new();
    for line in input.lines() {
        let line = line.map_err(Error::io(&path))?;
        let kept: KeptLine = serde_json::from_str(&line)
            .map_err(|error| Error::bad_file(&path, format!("is damaged: {error}; clean again")))?;
        if kept.split.as_deref() == Some("validation") {
            lines.push(line);
        }
    }
    Ok(lines)
}

fn write_lines(files: &dyn Files, path: &Path, lines: &[String]) -> Result<()> {
    let mut output = BufWriter::new(files.create(path).map_err(Error::io(path))?);
    for line in lines {
        writeln!(output, "{line}").map_err(Error::io(path))?;
    }
    output.flush().map_err(Error::io(path))
}

fn record(path: &Path, line: &str) -> Result<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(line).map_err(|error| Error::bad_file(path, format!("is damaged: {error}")))
}
