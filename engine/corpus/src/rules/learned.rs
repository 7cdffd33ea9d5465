//! Rules that learn from texts of the user's: a linear classifier, and the perplexity under an n-gram model.

use super::measured::Measured;
use super::outcome::{Reason, at_least, at_most};
use crate::personal::lists;
use glasshouse_documents::files::{FileType, Files};
use glasshouse_documents::settings;
use glasshouse_documents::{Error, Result};
use glasshouse_metrics::baselines::{MAX_ORDER, NGram};
use glasshouse_metrics::moderation::{Classifier, LabelledRows};
use std::io::{self, BufRead, BufReader, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

settings! {
    Quality {
        maximum_probability: f64 = 0.5, 0 to 1, "Maximum probability of belonging to the unwanted texts, by the classifier.";
    }
    lists {
        file: Option<String> = None,
            "Labelled rows {\"text\", \"label\"} as JSON Lines (the labels good, keep, ok or 0 are wanted texts, all others unwanted), \
             or a classifier trained on such rows by `glasshouse moderate --train`, or a fastText model (.bin, .ftz) with `label`.";
        label: Option<String> = None, "The label of wanted texts in a fastText model, such as hq.";
    }
}

settings! {
    Perplexity {
        maximum_bits_per_byte: f64 = 3.0, 0 to 64, "Maximum bits per byte: above it, a text is unlike the reference.";
        minimum_bits_per_byte: f64 = 0.0, 0 to 64, "Minimum bits per byte: below it, a text repeats itself or the reference.";
    }
    lists {
        file: Option<String> = None, "A reference: text that the kept documents should resemble, of at least some hundred kB.";
    }
}

const MAX_ROWS_BYTES: u64 = 256 << 20;
const MAX_REFERENCE_BYTES: u64 = 64 << 20;

fn read(rule: &str, what: &str, file: Option<&str>, most: u64, files: &dyn Files) -> Result<String> {
    let file = file.ok_or_else(|| {
        Error::Invalid(format!("{rule}: file is missing; name a file with {what} in the recipe's text"))
    })?;
    lists::text(Path::new(file), most, files)
}

/// A fastText model for classification.
pub struct FastText {
    model: fasttext_pure_rs::FastText,
    /// Without fastText's prefix.
    labels: Vec<String>,
}

/// Bytes before a model's dictionary, and least bytes of an entry.
const HEADER: usize = 92;
const ENTRY_BYTES: u64 = 10;
const MAX_WORD: u64 = 1 << 20;
const MAX_LABELS: i32 = 10_000;

impl FastText {
    /// Checks what the library trusts: it allocates as much as a file states, and panics if parts contradict each other.
    pub(super) fn read(file: &str, files: &dyn Files) -> Result<Self> {
        let path = Path::new(file);
        let bad =
            |reason: &str| Error::bad_file(path, format!("is not a fastText model for labels: {reason}"));
        let open = || files.open(path).map(BufReader::new).map_err(Error::io(path));
        let FileType::File(size) = files.file_type(path).map_err(Error::io(path))? else {
            return Err(bad("is not a file"));
        };
        let (mut input, mut head) = (open()?, [0; HEADER]);
        input.read_exact(&mut head).map_err(|_| bad("it is too short"))?;
        let number =
            |at: usize| head.as_chunks::<4>().0.get(at).map_or(0, |bytes| i32::from_le_bytes(*bytes));
        let [dimension, grams, bucket, longest] = [2, 7, 10, 12].map(number);
        let [entries, words, labels] = [16, 17, 18].map(number);
        let is_sound = (1..=4096).contains(&dimension)
            && (0..=16).contains(&grams)
            && (0..=64).contains(&longest)
            && (bucket > 0 || grams <= 1 && longest == 0)
            && (1..=MAX_LABELS).contains(&labels)
            && words >= 0
            && words.checked_add(labels) == Some(entries)
            && entries as u64 * ENTRY_BYTES <= size;
        if !is_sound {
            return Err(bad("its header is of another kind, or damaged"));
        }
        let labels = labels_of(&mut input, entries).map_err(|error| bad(&error.to_string()))?;
        let input = open()?;
        let model = catch_unwind(AssertUnwindSafe(|| fasttext_pure_rs::FastText::load_from_reader(input)));
        let model = model.map_err(|_| bad("it is damaged"))?.map_err(|error| bad(&error.to_string()))?;
        Ok(Self { model, labels })
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    fn predict(&self, text: &str, count: usize) -> Vec<fasttext_pure_rs::Prediction> {
        let found = catch_unwind(AssertUnwindSafe(|| self.model.predict(text, count, 0.0)));
        found.ok().and_then(std::result::Result::ok).unwrap_or_default()
    }

    /// The most likely label of a text and its probability; `None` for a text without words.
    pub(super) fn best(&self, text: &str) -> Option<(String, f64)> {
        let found = self.predict(text, 1).into_iter().next()?;
        Some((plain(&found.label).to_owned(), f64::from(found.probability).min(1.0)))
    }

    fn probability(&self, text: &str, label: &str) -> f64 {
        let all = self.predict(text, self.labels.len());
        let own = all.iter().find(|found| plain(&found.label) == plain(label));
        own.map_or(0.0, |found| f64::from(found.probability).min(1.0))
    }
}

fn labels_of(input: &mut impl BufRead, entries: i32) -> io::Result<Vec<String>> {
    let (mut labels, mut word, mut about) = (Vec::new(), Vec::new(), [0; 9]);
    for _ in 0..entries {
        word.clear();
        input.by_ref().take(MAX_WORD).read_until(0, &mut word)?;
        // A count and the kind.
        input.read_exact(&mut about)?;
        if about[8] == 1 {
            let word = String::from_utf8_lossy(word.strip_suffix(b"\0").unwrap_or(&word));
            labels.push(plain(&word).to_owned());
        }
    }
    Ok(labels)
}

/// A label without fastText's prefix.
fn plain(label: &str) -> &str {
    label.strip_prefix("__label__").unwrap_or(label)
}

impl Quality {
    pub(super) fn fast_text(&self, files: &dyn Files) -> Result<Option<FastText>> {
        let Some(file) = self.file.as_deref().filter(|file| file.ends_with(".bin") || file.ends_with(".ftz"))
        else {
            return Ok(None);
        };
        let model = FastText::read(file, files)?;
        let label = self.label.as_deref().unwrap_or_default();
        if !model.labels().any(|own| own == plain(label)) {
            let some: Vec<&str> = model.labels().take(10).collect();
            let reason = format!("name the label of wanted texts in the model, of {}", some.join(", "));
            return Err(Error::Invalid(format!("classifier: label is {label:?}; {reason}")));
        }
        Ok(Some(model))
    }

    pub(super) fn judge_by(&self, model: &FastText, measured: &Measured<'_>) -> Result<(), Reason> {
        let wanted = model.probability(measured.text(), self.label.as_deref().unwrap_or_default());
        at_most!(self.maximum_probability, "probability of being unwanted", 1.0 - wanted)
    }

    pub(super) fn classifier(&self, files: &dyn Files) -> Result<Classifier> {
        let file = self.file.as_deref();
        let text = read("classifier", "labelled rows", file, MAX_ROWS_BYTES, files)?;
        let bad = |reason: String| Error::bad_file(file.unwrap_or_default(), reason);
        // A stored classifier is one object with a version; rows have texts.
        if text.trim_start().starts_with("{\"version\"") {
            return Classifier::read(text.trim()).map_err(bad);
        }
        let LabelledRows { rows, broken } = LabelledRows::read(&text);
        if let Some((line, reason)) = broken.first() {
            return Err(bad(format!("line {line}: {reason}")));
        }
        Classifier::train(&rows, 0, |_, _| ()).map_err(bad)
    }

    pub(super) fn judge(&self, classifier: &Classifier, measured: &Measured<'_>) -> Result<(), Reason> {
        at_most!(
            self.maximum_probability,
            "probability of being unwanted",
            classifier.probability(measured.text())
        )
    }
}

impl Perplexity {
    pub(super) fn model(&self, files: &dyn Files) -> Result<NGram> {
        let text = read("perplexity", "reference text", self.file.as_deref(), MAX_REFERENCE_BYTES, files)?;
        let mut model = NGram::new(MAX_ORDER, 256, None);
        for document in text.split("\n\n").map(str::trim).filter(|document| !document.is_empty()) {
            model.begin_document();
            model.learn(&bytes(document));
        }
        if model.tokens == 0 {
            let reason = "the reference has no text";
            return Err(Error::bad_file(self.file.as_deref().unwrap_or_default(), reason));
        }
        Ok(model)
    }

    pub(super) fn judge(&self, model: &NGram, measured: &Measured<'_>) -> Result<(), Reason> {
        let text = measured.text().trim();
        if text.is_empty() {
            return Ok(());
        }
        let bits = model.nats(&bytes(text)).iter().sum::<f64>() / std::f64::consts::LN_2 / text.len() as f64;
        let what = "bits per byte, under a model of the reference";
        at_most!(self.maximum_bits_per_byte, what, bits)?;
        at_least!(self.minimum_bits_per_byte, what, bits)
    }
}

fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Judge, Language, Rule};
    use glasshouse_documents::document::Document;
    use glasshouse_documents::files::SystemFiles;

    const GOOD: [&str; 6] = [
        "The moon pulls the sea towards it, and the sea rises twice a day on most coasts.",
        "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
        "A triangle with two equal sides has two equal angles, as Euclid proved.",
        "Iron rusts because water and oxygen take electrons from its surface.",
        "The heart has four chambers, of which two receive blood and two send it on.",
        "Sound travels faster in water than in air, since water is harder to compress.",
    ];
    const BAD: [&str; 6] = [
        "Click here to win a free phone, limited offer, buy now and save big!",
        "Subscribe today and get fifty percent off all shoes, free shipping!",
        "Best casino bonus, no deposit needed, sign up now and win!",
        "Hot deals every day, click the link, order now, limited stock!",
        "Lose weight fast with this one trick, buy now, money back!",
        "Cheap watches, free delivery, click here and order today!",
    ];

    fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> Option<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path.to_str().unwrap().to_owned())
    }

    fn dropped(rule: Rule, text: &str) -> Option<&'static str> {
        let document = Document { text: text.into(), ..Document::default() };
        Judge::new(&[rule], &SystemFiles)
            .unwrap()
            .judge(&document)
            .dropped
            .map(|(_, reason)| reason.threshold)
    }

    #[test]
    fn a_classifier_of_labelled_rows_drops_what_is_like_the_unwanted_ones() {
        let folder = tempfile::tempdir().unwrap();
        let row = |text: &&str, label: &str| serde_json::json!({ "text": text, "label": label }).to_string();
        let rows: Vec<String> = GOOD
            .iter()
            .map(|text| row(text, "good"))
            .chain(BAD.iter().map(|text| row(text, "advertising")))
            .collect();
        let rule = || {
            Rule::Quality(Quality {
                file: file(&folder, "rows.jsonl", &rows.join("\n")),
                ..Quality::default()
            })
        };
        assert_eq!(dropped(rule(), "Buy now and win a free watch, click here!"), Some("maximum_probability"));
        assert_eq!(
            dropped(rule(), "Water rises in the stem because the leaves give off oxygen and water."),
            None
        );
        let stored = Quality { file: file(&folder, "rows.jsonl", &rows.join("\n")), ..Quality::default() };
        let stored = serde_json::to_string(&stored.classifier(&SystemFiles).unwrap()).unwrap();
        let stored = Quality { file: file(&folder, "classifier.json", &stored), ..Quality::default() };
        assert_eq!(
            dropped(Rule::Quality(stored), "Order now, limited offer, click here!"),
            Some("maximum_probability")
        );
    }

    #[test]
    fn perplexity_tells_reference_noise_and_repetition_apart() {
        let folder = tempfile::tempdir().unwrap();
        let reference = GOOD.join("\n\n").repeat(20);
        let rule = |lowest: f64| {
            let file = file(&folder, "reference.txt", &reference);
            Rule::Perplexity(Perplexity { file, minimum_bits_per_byte: lowest, ..Perplexity::default() })
        };
        assert_eq!(
            dropped(rule(0.0), "The sea rises twice a day, and the moon pulls it towards the coasts."),
            None
        );
        assert_eq!(dropped(rule(0.0), "xq9 ZZv_17 %%kk wpq#0 jjx"), Some("maximum_bits_per_byte"));
        assert_eq!(dropped(rule(1.0), GOOD[0]), Some("minimum_bits_per_byte"));
    }

    #[test]
    fn files_that_teach_nothing_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |rule: Rule| Judge::new(&[rule], &SystemFiles).err().unwrap().to_string();
        assert!(refused(Rule::Perplexity(Perplexity::default())).starts_with("perplexity: file is missing"));
        let empty = file(&folder, "empty.txt", "\n \n");
        assert!(
            refused(Rule::Perplexity(Perplexity { file: empty, ..Perplexity::default() }))
                .contains("no text")
        );
        let one = file(
            &folder,
            "one.jsonl",
            "{\"text\": \"a\", \"label\": \"good\"}\n{\"text\": 1, \"label\": 0}\n",
        );
        assert!(refused(Rule::Quality(Quality { file: one, ..Quality::default() })).contains("line 2"));
        let few = file(&folder, "few.jsonl", "{\"text\": \"a\", \"label\": \"good\"}\n");
        assert!(refused(Rule::Quality(Quality { file: few, ..Quality::default() })).contains("at least 5"));
    }

    /// A fastText model of one matrix row per word and label.
    fn fast_text(words: &[(&str, [f32; 2])], labels: &[(&str, [f32; 2])]) -> Vec<u8> {
        let (count, numbers) = (words.len() + labels.len(), |numbers: &[i32]| {
            numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>()
        });
        let mut bytes = numbers(&[793_712_314, 12, 2, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100]);
        bytes.extend(1e-4_f64.to_le_bytes());
        bytes.extend(numbers(&[count as i32, words.len() as i32, labels.len() as i32]));
        bytes.extend([9_i64, -1].iter().flat_map(|number| number.to_le_bytes()));
        for (kind, entries) in [(0, words), (1, labels)] {
            for (name, _) in entries {
                bytes.extend(name.bytes().chain([0]).chain(3_i64.to_le_bytes()).chain([kind]));
            }
        }
        for rows in [words, labels] {
            bytes.push(0);
            bytes.extend([rows.len() as i64, 2].iter().flat_map(|number| number.to_le_bytes()));
            bytes.extend(rows.iter().flat_map(|(_, row)| row).flat_map(|value| value.to_le_bytes()));
        }
        bytes
    }

    #[test]
    fn fast_text_models_judge_quality_and_language() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            Some(path.to_str().unwrap().to_owned())
        };
        let refused = |rule: Rule| Judge::new(&[rule], &SystemFiles).err().unwrap().to_string();
        let words = [("the", [1.0, 0.0]), ("der", [0.0, 1.0])];
        let bytes = fast_text(&words, &[("__label__en", [4.0, 0.0]), ("__label__de", [0.0, 4.0])]);
        let file = put("model.bin", &bytes);
        let language = |languages: &[&str]| {
            let languages = languages.iter().map(|own| (*own).to_owned()).collect();
            Rule::Language(Language {
                file: file.clone(),
                languages,
                minimum_characters: 1,
                ..Language::default()
            })
        };
        assert_eq!(dropped(language(&["eng"]), "the the the"), None);
        assert_eq!(dropped(language(&["en"]), "the the the"), None);
        assert_eq!(dropped(language(&["eng"]), "der der der"), Some("languages"));
        assert_eq!(dropped(language(&["eng"]), "nothing known"), Some("languages"));
        assert!(refused(language(&["eng", "fra"])).contains("does not know \"fra\""));
        let quality = |file: Option<String>, label: &str| {
            Rule::Quality(Quality { file, label: Some(label.to_owned()), ..Quality::default() })
        };
        assert_eq!(dropped(quality(file.clone(), "__label__en"), "the\nthe"), None);
        assert_eq!(dropped(quality(file.clone(), "en"), "der"), Some("maximum_probability"));
        assert!(refused(quality(file.clone(), "hq")).contains("of en, de"));
        for length in 0..bytes.len() {
            let cut = refused(quality(put("cut.bin", &bytes[..length]), "en"));
            assert!(cut.contains("is not a fastText model"), "{length}: {cut}");
        }
        // Contradictions of the header and the dictionary.
        for (place, value) in [(8, 0_i32), (36, i32::MAX), (48, 3), (64, i32::MAX), (68, 3), (72, 0)] {
            let mut wrong = bytes.clone();
            wrong[place..place + 4].copy_from_slice(&value.to_le_bytes());
            let told = refused(quality(put("wrong.bin", &wrong), "en"));
            assert!(told.contains("is not a fastText model"), "{place}: {told}");
        }
    }
}
