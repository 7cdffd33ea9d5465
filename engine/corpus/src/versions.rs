//! Versions of a corpus for an ablation: cleaned without one stage of the recipe, not at all, or with another weight of a source; with the
//! same documents held out.

use crate::duplicates::contamination::{Set, Settings as Overlap};
use crate::output::{CORPUS_FILE, CorpusIndex, KEPT_FILE, KeptLine, damaged, kept_lines};
use crate::pipeline::Output;
use crate::pipeline::stages::At;
use crate::recipe::Recipe;
use crate::report::draw_key;
use glasshouse_documents::files::Files;
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

impl Version {
    fn add(&mut self, text: &str) {
        self.documents += 1;
        self.bytes += text.len() as u64;
        self.checksum = self.checksum.wrapping_mul(0x0100_0000_01b3) ^ draw_key(text);
    }
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
            other.repair.enabled = false;
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
/// held-out text are removed. `yield_now` is called for every document. Fails if there are too few documents, or a folder cannot be
/// read or written.
pub async fn hold_out(
    files: &dyn Files,
    folders: &[PathBuf],
    yield_now: &impl AsyncFn(),
) -> Result<(HeldOut, Vec<Version>)> {
    let (mut candidates, mut total) = (BTreeMap::<String, Candidate>::new(), 0);
    for (at, folder) in folders.iter().enumerate() {
        let mut kept = BTreeMap::new();
        for line in kept_lines(files, folder)? {
            let (_, KeptLine { id, text, .. }) = line?;
            let (checksum, bytes) = (draw_key(&text), text.len() as u64);
            if at == 0 {
                total += bytes;
                kept.insert(id, Candidate { checksum, bytes, unchanged: true });
            } else if let Some(own) = candidates.remove(&id) {
                kept.insert(id, Candidate { unchanged: own.unchanged && own.checksum == checksum, ..own });
            }
            yield_now().await;
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
        candidates.iter().map(|(id, own)| (draw_key(id), id, own.bytes)).collect();
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
                if forms.insert(draw_key(&text)) {
                    set.add(&id, &text);
                }
                if at == 0 {
                    marked.push(split(folder, &line, "validation")?);
                }
            }
            yield_now().await;
        }
    }
    let mut versions = Vec::new();
    for folder in folders {
        let (path, partial) = (folder.join(KEPT_FILE), folder.join(format!("{KEPT_FILE}.partial")));
        let (mut version, mut output) = (Version::default(), Output::new(files, partial.clone())?);
        for line in kept_lines(files, folder)? {
            let (line, KeptLine { id, text, .. }) = line?;
            yield_now().await;
            let checksum = draw_key(&text);
            if chosen.contains(&id) {
                continue;
            }
            // Short texts have no n-grams, and are compared as a whole.
            if forms.contains(&checksum) || set.contaminating(&text).is_some() {
                version.left_out += 1;
                continue;
            }
            version.add(&text);
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

/// Writes a version of the cleaned text, whose documents are held out, with another weight of a source: it has none of the source's
/// training documents (0), or each of them as often as the weight says. A fraction is that of the documents with the lowest ranks, drawn
/// by seed and id. Fails if no training document is left, or a folder cannot be read or written.
pub async fn with_weight(
    files: &dyn Files,
    (whole, folder): (&Path, &Path),
    (source, weight): (&str, f64),
    seed: u64,
    yield_now: &impl AsyncFn(),
) -> Result<Version> {
    let trains = |line: &KeptLine| line.split.as_deref() == Some("train");
    let rank = |line: &KeptLine| draw_key(&format!("{seed} {}", line.id));
    let mut ranks = Vec::new();
    for line in kept_lines(files, whole)? {
        let (_, line): (_, KeptLine) = line?;
        ranks.extend((trains(&line) && line.source == source).then(|| rank(&line)));
        yield_now().await;
    }
    ranks.sort_unstable();
    let (times, part) = (weight.floor(), (ranks.len() as f64 * weight.fract()).round());
    let limit = ranks.get(part as usize).copied().unwrap_or(u64::MAX);

    files.create_folder(folder).map_err(Error::io(folder))?;
    let (mut version, mut output) = (Version::default(), Output::new(files, folder.join(KEPT_FILE))?);
    // Further copies follow the whole text, so that a window seldom holds a document twice.
    for copy in 0..weight.ceil().max(1.0) as u64 {
        for line in kept_lines(files, whole)? {
            let (text, line): (_, KeptLine) = line?;
            yield_now().await;
            let copies = match line.source == source && trains(&line) {
                true => times as u64 + u64::from(rank(&line) < limit),
                false => 1,
            };
            if copy < copies {
                output.write(text.as_bytes())?;
                output.write(b"\n")?;
                if trains(&line) {
                    version.add(&line.text);
                }
            }
        }
    }
    output.flush()?;
    // Shares of a mixture do not depend on the number of documents.
    let mut index = CorpusIndex::find(files, whole)?.unwrap_or_default();
    if let Some(share) = index.mixture.get_mut(source) {
        *share *= weight;
    }
    let sum: f64 = index.mixture.values().sum();
    if version.documents == 0 || sum == 0.0 && !index.mixture.is_empty() {
        return Err(Error::Refused(format!(
            "with the weight {weight} for the source {source}, no text is left to train on; give it another weight"
        )));
    }
    index.mixture.values_mut().for_each(|share| *share /= sum);
    let path = folder.join(CORPUS_FILE);
    let mut output = Output::new(files, path.clone())?;
    output.write(&serde_json::to_vec(&index).map_err(damaged(&path))?)?;
    output.flush()?;
    Ok(version)
}

/// A line of a `kept.jsonl` in this split, with its line feed.
fn split(folder: &Path, line: &str, split: &str) -> Result<String> {
    let mut fields: Map<String, Value> = serde_json::from_slice(line.as_bytes()).map_err(damaged(folder))?;
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
    fn a_source_is_left_out_thinned_or_repeated_and_its_held_out_documents_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let line = |number: usize| {
            let source = ["web", "books"][number % 2];
            let text: String = (0..60).map(|word| format!("w{number}x{} ", word * 7 % 61)).collect();
            serde_json::json!({ "text": text, "source": source }).to_string() + "\n"
        };
        std::fs::write(folder.path().join("in/a.jsonl"), (0..80).map(line).collect::<String>()).unwrap();
        let mut recipe = Recipe { rules: Vec::new(), validation: 0.0, ..Recipe::default() };
        recipe.mixture.weights.insert("web".to_owned(), 3.0);
        let whole = clean(folder.path(), "whole", recipe);
        let (held_out, found) =
            pollster::block_on(hold_out(&SystemFiles, std::slice::from_ref(&whole), &async || ())).unwrap();
        let read = |folder: &Path| -> Vec<KeptLine> {
            kept_lines(&SystemFiles, folder).unwrap().map(|line| line.unwrap().1).collect()
        };
        let own = |folder: &Path, source: &str| -> Vec<String> {
            let lines = read(folder).into_iter();
            let own = lines.filter(|line| line.source == source && line.split.as_deref() == Some("train"));
            own.map(|line| line.id).collect()
        };
        let [web, books] = ["web", "books"].map(|source| own(&whole, source));
        assert_eq!((web.len() + books.len()) as u64, found[0].documents);
        let weighted = |weight: f64, seed: u64| {
            let out = folder.path().join(format!("{weight}-{seed}"));
            let asked = ((&*whole, &*out), ("web", weight));
            let version = pollster::block_on(with_weight(&SystemFiles, asked.0, asked.1, seed, &async || ()));
            (version.unwrap(), out)
        };
        let half = (web.len() as f64 / 2.0).round() as usize;
        let mut shares = Vec::new();
        for (weight, count) in [(0.0, 0), (0.5, half), (1.5, web.len() + half), (2.0, 2 * web.len())] {
            let (version, out) = weighted(weight, 1);
            assert_eq!((own(&out, "web").len(), own(&out, "books")), (count, books.clone()), "{weight}");
            assert_eq!(version.documents as usize, count + books.len());
            assert!(version.checksum != found[0].checksum);
            assert_eq!(texts(&out, "validation"), texts(&whole, "validation"));
            let held = read(&out).iter().filter(|line| line.split.as_deref() == Some("validation")).count();
            assert_eq!(held as u64, held_out.documents);
            let mixture = CorpusIndex::find(&SystemFiles, &out).unwrap().unwrap().mixture;
            assert!((mixture.values().sum::<f64>() - 1.0).abs() < 1e-9, "{mixture:?}");
            shares.push(mixture["web"]);
        }
        assert!(shares[0] == 0.0 && shares.is_sorted_by(|one, next| one < next), "{shares:?}");
        // The choice is the same each time, and another with another seed.
        let thinned = |seed| own(&weighted(0.5, seed).1, "web");
        assert_eq!(thinned(1), thinned(1));
        assert!(thinned(1) != thinned(2));
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
