//! Versions of a corpus for an ablation: cleaned without one stage of the recipe, or not at all, with the same documents held out.

use crate::duplicates::contamination::{Set, Settings as Overlap};
use crate::output::{KEPT_FILE, KeptLine, damaged, kept_lines};
use crate::pipeline::Output;
use crate::pipeline::stages::At;
use crate::recipe::Recipe;
use crate::report::lot;
use glasshouse_documents::files::Files;
use glasshouse_documents::repair;
use glasshouse_documents::{Error, Result};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Minimum held-out documents, for an interval; at most half of the candidates are held out.
const MIN_HELD_OUT: usize = 16;
/// Held-out share of the cleaned text, up to this many bytes.
const SHARE: f64 = 0.1;
const MAX_HELD_OUT_BYTES: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldOut {
    pub documents: u64,
    pub bytes: u64,
    /// Whether no version changes their text. Otherwise, they have the text of the first version.
    pub unchanged: bool,
}

/// The training text of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    pub documents: u64,
    pub bytes: u64,
    /// Documents left out because they contain held-out text.
    pub left_out: u64,
    /// Checksum of the texts in order.
    pub checksum: u64,
}

/// A document that all versions keep.
struct Candidate {
    checksum: u64,
    bytes: u64,
    unchanged: bool,
}

impl Recipe {
    /// The recipe without a stage; `None` if it cannot be switched off.
    pub fn without(&self, stage: &str) -> Option<Self> {
        let mut other = self.clone();
        if stage == At::Repair.name(self) {
            other.repair = repair::Settings::none();
        } else {
            other.switch(stage, false).ok()?;
        }
        (other != *self).then_some(other)
    }

    /// Only its reading and extraction.
    pub fn raw_twin(&self) -> Result<Self> {
        let (reading, extract) = (self.reading.clone(), self.extract.clone());
        Ok(Self { validation: 0.0, reading, extract, ..Self::published("raw")? })
    }
}

/// Marks the same documents as held out in all versions, folders of finished cleanings of the same files; the first is the cleaned text.
/// They are drawn from the documents that all versions keep, if possible with the same text. Training documents that contain
/// held-out text are removed. `give` is called for every document.
///
/// # Errors
/// There are too few documents, or a folder cannot be read or written.
pub async fn hold_out(
    files: &dyn Files,
    folders: &[PathBuf],
    give: &impl AsyncFn(),
) -> Result<(HeldOut, Vec<Version>)> {
    let (mut candidates, mut total) = (BTreeMap::<String, Candidate>::new(), 0);
    for (at, folder) in folders.iter().enumerate() {
        let mut kept = BTreeMap::new();
        for line in kept_lines(files, folder)? {
            let (_, KeptLine { id, text, .. }) = line?;
            let (checksum, bytes) = (lot(&text), text.len() as u64);
            if at == 0 {
                total += bytes;
                kept.insert(id, Candidate { checksum, bytes, unchanged: true });
            } else if let Some(own) = candidates.remove(&id) {
                kept.insert(id, Candidate { unchanged: own.unchanged && own.checksum == checksum, ..own });
            }
            give().await;
        }
        candidates = kept;
    }
    let unchanged = candidates.values().filter(|own| own.unchanged).count() >= 2 * MIN_HELD_OUT;
    candidates.retain(|_, own| own.unchanged || !unchanged);
    if candidates.len() < 2 * MIN_HELD_OUT {
        return Err(Error::Refused(format!(
            "an ablation needs at least {} documents that the recipe keeps, to hold half of them out, and this text has {}; add documents, or \
             split it into several",
            2 * MIN_HELD_OUT,
            candidates.len()
        )));
    }
    let mut drawn: Vec<(u64, &String, u64)> =
        candidates.iter().map(|(id, own)| (lot(id), id, own.bytes)).collect();
    drawn.sort_unstable();
    let limit = ((total as f64 * SHARE) as u64).min(MAX_HELD_OUT_BYTES);
    let (mut held_out, mut chosen) = (HeldOut { unchanged, ..HeldOut::default() }, BTreeSet::new());
    for (_, id, bytes) in drawn.iter().take(drawn.len() / 2) {
        if held_out.bytes >= limit && chosen.len() >= MIN_HELD_OUT {
            break;
        }
        chosen.insert((*id).clone());
        held_out.documents += 1;
        held_out.bytes += bytes;
    }

    // All forms of the held-out documents.
    let (mut set, mut forms, mut marked) = (Set::empty(&Overlap::default()), BTreeSet::new(), Vec::new());
    for (at, folder) in folders.iter().enumerate() {
        for line in kept_lines(files, folder)? {
            let (line, KeptLine { id, text, .. }) = line?;
            if chosen.contains(&id) {
                if forms.insert(lot(&text)) {
                    set.add(&id, &text);
                }
                if at == 0 {
                    marked.push(split(folder, &line, "validation")?);
                }
            }
            give().await;
        }
    }
    let mut versions = Vec::new();
    for folder in folders {
        let (path, partial) = (folder.join(KEPT_FILE), folder.join(format!("{KEPT_FILE}.partial")));
        let (mut version, mut output) = (Version::default(), Output::new(files, partial.clone())?);
        for line in kept_lines(files, folder)? {
            let (line, KeptLine { id, text, .. }) = line?;
            give().await;
            let checksum = lot(&text);
            if chosen.contains(&id) {
                continue;
            }
            // Short texts have no n-grams, and are compared as a whole.
            if forms.contains(&checksum) || set.contaminating(&text).is_some() {
                version.left_out += 1;
                continue;
            }
            version.documents += 1;
            version.bytes += text.len() as u64;
            version.checksum = version.checksum.wrapping_mul(0x0100_0000_01b3) ^ checksum;
            output.write(split(folder, &line, "train")?.as_bytes())?;
        }
        marked.iter().try_for_each(|line| output.write(line.as_bytes()))?;
        output.flush()?;
        drop(output);
        files.rename(&partial, &path).map_err(Error::io(&partial))?;
        versions.push(version);
    }
    Ok((held_out, versions))
}

/// A line of a `kept.jsonl` in this split, with its line feed.
fn split(folder: &Path, line: &str, split: &str) -> Result<String> {
    let mut fields: Map<String, Value> = serde_json::from_str(line).map_err(damaged(folder))?;
    fields.insert("split".to_owned(), split.into());
    Ok(format!("{}\n", Value::Object(fields)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Cleaner, StartOptions};
    use glasshouse_documents::files::SystemFiles;

    fn clean(folder: &Path, out: &str, recipe: Recipe) -> PathBuf {
        let (inputs, out) = ([folder.join("in")], folder.join(out));
        Cleaner::new(&SystemFiles, recipe, &inputs, &out, StartOptions::default()).unwrap().run().unwrap();
        out
    }

    fn texts(folder: &Path, of: &str) -> BTreeMap<String, String> {
        let lines = kept_lines(&SystemFiles, folder).unwrap().map(|line| line.unwrap().1);
        let held = lines.filter(|line: &KeptLine| line.split.as_deref() == Some(of));
        held.map(|line| (line.id, line.text)).collect()
    }

    /// A corpus of different documents with copies of all of them, of which cleaning keeps one.
    fn versions(documents: usize, mark: &str) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let text = |number: usize| -> String {
            (0..60).map(|word| format!("w{}x{} ", number, word * 7 % 61)).collect::<String>() + "."
        };
        let mut lines = String::new();
        for number in (0..documents).chain(0..documents) {
            lines += &(serde_json::json!({ "text": format!("{mark}{}", text(number)) }).to_string() + "\n");
        }
        std::fs::write(folder.path().join("in/a.jsonl"), &lines).unwrap();
        let whole = Recipe { rules: Vec::new(), validation: 0.0, ..Recipe::default() };
        let without = whole.without("exact-duplicates").unwrap().without("near-duplicates").unwrap();
        let raw = whole.raw_twin().unwrap();
        let folders = [("whole", whole), ("without", without), ("raw", raw)];
        let folders = folders.map(|(name, recipe)| clean(folder.path(), name, recipe)).to_vec();
        (folder, folders)
    }

    #[test]
    fn no_version_trains_on_held_out_documents_or_their_copies() {
        // Control characters are repaired by the cleaning, so raw and clean forms differ.
        for (mark, unchanged) in [("", true), ("\u{1}", false)] {
            let (_folder, folders) = versions(40, mark);
            let (held_out, found) =
                pollster::block_on(hold_out(&SystemFiles, &folders, &async || ())).unwrap();
            assert_eq!((held_out.documents, held_out.unchanged), (16, unchanged));
            let counts: Vec<[u64; 2]> = found.iter().map(|own| [own.documents, own.left_out]).collect();
            assert_eq!(counts, [[24, 0], [48, 16], [48, 16]]);
            assert!(found[0].checksum != found[1].checksum);
            let held: Vec<_> = folders.iter().map(|folder| texts(folder, "validation")).collect();
            assert!(held[0].len() == 16 && held.iter().all(|own| *own == held[0]));
            for folder in &folders {
                let training = texts(folder, "train");
                let is_held =
                    |text: &String| held[0].values().any(|own| text.trim_start_matches('\u{1}') == own);
                assert!(!training.values().any(is_held));
            }
        }
    }

    #[test]
    fn a_small_corpus_is_told_how_much_is_needed() {
        let (_folder, folders) = versions(31, "");
        let error =
            pollster::block_on(hold_out(&SystemFiles, &folders, &async || ())).unwrap_err().to_string();
        assert!(error.contains("32 documents") && error.contains("has 31"), "{error}");
    }

    #[test]
    fn every_stage_that_can_be_switched_off_is_a_version() {
        let recipe = Recipe::published("fineweb").unwrap();
        for stage in ["repair", "gopher-quality", "near-duplicates", "personal-data"] {
            assert!(recipe.without(stage).is_some(), "{stage}");
        }
        assert_eq!((recipe.without("extraction"), recipe.without("unknown")), (None, None));
    }
}
