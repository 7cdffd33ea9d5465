//! The raw twin of a cleaned corpus: the same files as they came, to train beside what the cleaning kept.
//!
//! Both are measured on the same held-out documents, as the cleaning left them and as they came. So the raw twin must not hold these:
//! documents that share a run of words with a held-out one are left out of it, and nothing else is. Runs differ by their seeds, so
//! that one pair of runs shows little; what several pairs show is a matter of `glasshouse-evaluate`'s statistics.

use crate::duplicates::contamination::{Set, Settings as Overlap};
use crate::error::{Error, Result};
use crate::files::Files;
use crate::output::{CORPUS_FILE, CorpusIndex, KEPT_FILE, KeptLine};
use crate::pipeline::{Cleaner, Output, StartOptions};
use crate::recipe::Recipe;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// What the raw twin holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawTwin {
    /// Documents that train.
    pub documents: u64,
    /// Documents left out, since held-out text stands in them.
    pub left_out: u64,
    /// Documents held out, the same as in the cleaned corpus.
    pub held_out: u64,
}

/// Makes the raw twin of a cleaned folder from the same inputs, read as its own recipe says, in `out`; and in `held_out` a folder that holds the raw forms of the
/// held-out documents out.
///
/// # Errors
/// `cleaned` is no cleaned folder or holds nothing out; the inputs cannot be read; a folder cannot be written.
pub fn raw_twin(
    files: &dyn Files,
    inputs: &[PathBuf],
    cleaned: &Path,
    out: &Path,
    held_out: &Path,
) -> Result<RawTwin> {
    if CorpusIndex::find(files, cleaned)?.is_none() {
        return Err(Error::bad_file(cleaned, "no folder of `glasshouse data clean`; name one that it wrote"));
    }
    let (mut ids, mut lines) = (BTreeSet::new(), Vec::new());
    let mut set = Set::empty(&Overlap::default());
    each_line(files, &cleaned.join(KEPT_FILE), &mut |line, kept| {
        if kept.split.as_deref() == Some("validation") {
            set.add(&kept.id, &kept.text);
            ids.insert(kept.id);
            lines.push(line.to_owned());
        }
        Ok(())
    })?;
    if lines.is_empty() {
        return Err(Error::bad_file(
            cleaned,
            "the cleaning held no document out: its recipe's `validation` is 0, or its documents are too few or too unequal; set \
             `validation`, or clean more documents",
        ));
    }
    // The same documents: the text of a record stands where the cleaning found it.
    let Recipe { reading, extract, .. } = Recipe::of_cleaning(files, cleaned)?;
    let recipe = Recipe { validation: 0.0, reading, extract, ..Recipe::published("raw")? };
    Cleaner::new(files, recipe, inputs, out, StartOptions { restart: true, force: true })?.run()?;

    // The held-out documents as they came: what overlaps with them is left out too.
    let kept = out.join(KEPT_FILE);
    let mut raw = Vec::new();
    each_line(files, &kept, &mut |line, document| {
        if ids.contains(&document.id) {
            set.add(&document.id, &document.text);
            raw.push(split(&kept, line, "validation")?);
        }
        Ok(())
    })?;
    // Nothing trains on this folder, and a corpus needs a document that could.
    if let Some(first) = lines.first() {
        raw.push(split(&kept, first, "train")?);
    }
    files.create_folder(held_out).map_err(Error::io(held_out))?;
    write(files, held_out.join(KEPT_FILE), &raw)?;
    let index = serde_json::to_string(&CorpusIndex::new("raw", 0.0))
        .map_err(|error| Error::Refused(format!("the index as JSON: {error}")))?;
    write(files, held_out.join(CORPUS_FILE), &[index])?;

    // Each document trains, and what the cleaning held out stands behind them.
    let mut twin = RawTwin { held_out: lines.len() as u64, ..RawTwin::default() };
    let marked = out.join(format!("{KEPT_FILE}.partial"));
    let mut output = Output::new(files, marked.clone())?;
    each_line(files, &kept, &mut |line, document| {
        if ids.contains(&document.id) || set.contaminating(&document.text).is_some() {
            twin.left_out += 1;
            return Ok(());
        }
        twin.documents += 1;
        output.write(format!("{}\n", split(&kept, line, "train")?).as_bytes())
    })?;
    lines.iter().try_for_each(|line| output.write(format!("{line}\n").as_bytes()))?;
    output.flush()?;
    drop(output);
    files.rename(&marked, &kept).map_err(Error::io(&marked))?;
    Ok(twin)
}

/// Hands over the lines of a `kept.jsonl`.
fn each_line(
    files: &dyn Files,
    path: &Path,
    take: &mut dyn FnMut(&str, KeptLine) -> Result<()>,
) -> Result<()> {
    let input = BufReader::new(files.open(path).map_err(Error::io(path))?);
    for line in input.lines() {
        let line = line.map_err(Error::io(path))?;
        let kept = serde_json::from_str(&line).map_err(damaged(path))?;
        take(&line, kept)?;
    }
    Ok(())
}

fn damaged(path: &Path) -> impl Fn(serde_json::Error) -> Error {
    move |error| Error::bad_file(path, format!("is damaged: {error}; clean again"))
}

/// A line with another split.
fn split(path: &Path, line: &str, split: &str) -> Result<String> {
    let mut fields: Map<String, Value> = serde_json::from_str(line).map_err(damaged(path))?;
    fields.insert("split".to_owned(), split.into());
    Ok(Value::Object(fields).to_string())
}

fn write(files: &dyn Files, path: PathBuf, lines: &[String]) -> Result<()> {
    let mut output = Output::new(files, path)?;
    lines.iter().try_for_each(|line| output.write(format!("{line}\n").as_bytes()))?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::SystemFiles;

    #[test]
    fn the_twin_trains_on_nothing_that_is_held_out_and_holds_its_raw_forms() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("in")).unwrap();
        let text = |number: usize| -> String {
            (0..60).map(|word| format!("w{}x{} ", number, word * 7 % 61)).collect::<String>() + "."
        };
        let mut lines = String::new();
        for number in 0..40 {
            // Control characters are what the cleaning mends: raw and clean forms differ.
            let own = format!("\u{1}{}", text(number));
            lines += &(serde_json::json!({ "data": { "body": own }, "source": "s" }).to_string() + "\n");
        }
        std::fs::write(at("in/a.jsonl"), &lines).unwrap();
        let mut recipe = Recipe { rules: Vec::new(), validation: 0.1, ..Recipe::default() };
        // A recipe that nobody would take for the raw one's reading.
        recipe.reading.text_field = Some("data.body".to_owned());
        let inputs = [at("in")];
        Cleaner::new(&SystemFiles, recipe, &inputs, &at("clean"), StartOptions::default())
            .unwrap()
            .run()
            .unwrap();
        let twin = raw_twin(&SystemFiles, &inputs, &at("clean"), &at("raw"), &at("held")).unwrap();
        assert_eq!(twin, RawTwin { documents: 36, left_out: 4, held_out: 4 });
        let kept = |name: &str, split: &str| {
            let mut texts = Vec::new();
            each_line(&SystemFiles, &at(name).join(KEPT_FILE), &mut |_, line| {
                if line.split.as_deref() == Some(split) {
                    texts.push((line.id, line.text));
                }
                Ok(())
            })
            .unwrap();
            texts
        };
        assert_eq!(kept("raw", "validation"), kept("clean", "validation"));
        let ids = |list: Vec<(String, String)>| list.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>();
        assert_eq!(ids(kept("held", "validation")), ids(kept("clean", "validation")));
        assert!(ids(kept("raw", "train")).is_disjoint(&ids(kept("clean", "validation"))));
        assert!(CorpusIndex::find(&SystemFiles, &at("held")).unwrap().is_some());
    }
}
