//! The raw twin of a cleaned corpus: the same files without cleaning, to compare training on both.
//!
//! Both are evaluated on the same held-out documents, in cleaned and in raw form. So the raw twin must not contain them:
//! documents that share an n-gram with a held-out one are left out of it, and nothing else. Runs differ by seed, so one pair of
//! runs shows little; for several pairs see the statistics of `glasshouse-metrics`.

use crate::duplicates::contamination::{Set, Settings as Overlap};
use crate::error::{Error, Result};
use crate::files::Files;
use crate::output::{CORPUS_FILE, CorpusIndex, KEPT_FILE, KeptLine, damaged, each_line};
use crate::pipeline::{Cleaner, Output, StartOptions};
use crate::recipe::Recipe;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawTwin {
    pub documents: u64,
    /// Number of documents left out because they contain held-out text.
    pub left_out: u64,
    /// Number of held-out documents, the same as in the cleaned corpus.
    pub held_out: u64,
}

/// Creates the raw twin of a cleaned folder in `out`, from the same inputs, read with its recipe's settings; and in `held_out`
/// a folder with the raw forms of the held-out documents.
pub fn raw_twin(
    files: &dyn Files,
    inputs: &[PathBuf],
    cleaned: &Path,
    out: &Path,
    held_out: &Path,
) -> Result<RawTwin> {
    if CorpusIndex::find(files, cleaned)?.is_none() {
        return Err(Error::bad_file(
            cleaned,
            "not a folder of `glasshouse data clean`; name one that it wrote",
        ));
    }
    let (mut ids, mut lines) = (BTreeSet::new(), Vec::new());
    let mut set = Set::empty(&Overlap::default());
    each_line(files, &cleaned.join(KEPT_FILE), &mut |line, kept: KeptLine| {
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
            "the cleaning held out no documents: its recipe's `validation` is 0, or its documents are too few or too uneven; set \
             `validation`, or clean more documents",
        ));
    }
    // The same documents: a record's text is read from the field that the cleaning used.
    let Recipe { reading, extract, .. } = Recipe::of_cleaning(files, cleaned)?;
    let recipe = Recipe { validation: 0.0, reading, extract, ..Recipe::published("raw")? };
    Cleaner::new(files, recipe, inputs, out, StartOptions { restart: true, force: true })?.run()?;

    // The raw forms of the held-out documents: overlaps with them are left out too.
    let kept = out.join(KEPT_FILE);
    let mut raw = Vec::new();
    each_line(files, &kept, &mut |line, document: KeptLine| {
        if ids.contains(&document.id) {
            set.add(&document.id, &document.text);
            raw.push(split(&kept, line, "validation")?);
        }
        Ok(())
    })?;
    // Nothing trains on this folder, but a corpus needs a training document.
    if let Some(first) = lines.first() {
        raw.push(split(&kept, first, "train")?);
    }
    files.create_folder(held_out).map_err(Error::io(held_out))?;
    write(files, held_out.join(KEPT_FILE), &raw)?;
    let index = serde_json::to_string(&CorpusIndex::new("raw", 0.0))
        .map_err(|error| Error::Refused(format!("cannot write the index as JSON: {error}")))?;
    write(files, held_out.join(CORPUS_FILE), &[index])?;

    // All documents train; the cleaning's held-out documents follow.
    let mut twin = RawTwin { held_out: lines.len() as u64, ..RawTwin::default() };
    let marked = out.join(format!("{KEPT_FILE}.partial"));
    let mut output = Output::new(files, marked.clone())?;
    each_line(files, &kept, &mut |line, document: KeptLine| {
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
            // Control characters are repaired by the cleaning, so raw and clean forms differ.
            let own = format!("\u{1}{}", text(number));
            lines += &(serde_json::json!({ "data": { "body": own }, "source": "s" }).to_string() + "\n");
        }
        std::fs::write(at("in/a.jsonl"), &lines).unwrap();
        let mut recipe = Recipe { rules: Vec::new(), validation: 0.1, ..Recipe::default() };
        // Reading settings that differ from the raw recipe's.
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
            each_line(&SystemFiles, &at(name).join(KEPT_FILE), &mut |_, line: KeptLine| {
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
