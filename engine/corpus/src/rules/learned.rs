//! Rules that learn from texts of the user's: a linear classifier, and the perplexity under an n-gram model.

use super::measured::Measured;
use super::outcome::{Reason, at_least, at_most};
use super::threshold::settings;
use crate::error::{Error, Result};
use crate::files::{FileType, Files};
use crate::personal::lists;
use glasshouse_metrics::baselines::{MAX_ORDER, NGram};
use glasshouse_metrics::moderation::{Classifier, LabelledRows};
use std::io::Read as _;
use std::path::Path;

settings! {
    Quality {
        maximum_probability: f64 = 0.5, 0 to 1,
            "Highest probability of belonging to the unwanted texts, by the classifier.";
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
        maximum_bits_per_byte: f64 = 3.0, 0 to 64, "Most bits per byte: above it, a text is unlike the reference.";
        minimum_bits_per_byte: f64 = 0.0, 0 to 64, "Fewest bits per byte: below it, a text repeats itself or the reference.";
    }
    lists {
        file: Option<String> = None, "A reference: text that the kept documents should resemble, from some hundred kB on.";
    }
}

const MAX_ROWS_BYTES: u64 = 256 << 20;
const MAX_REFERENCE_BYTES: u64 = 64 << 20;

fn read(rule: &str, what: &str, file: Option<&str>, most: u64, files: &dyn Files) -> Result<String> {
    let file =
        file.ok_or_else(|| Error::Invalid(format!("{rule}: file is missing; name a file with {what}")))?;
    lists::text(Path::new(file), most, files)
}

/// A fastText model for classification.
pub struct FastText(fasttext_pure_rs::FastText);

/// Bytes before the number of the dictionary's entries, and least bytes of an entry.
const BEFORE_ENTRIES: usize = 64;
const ENTRY_BYTES: u64 = 10;

impl FastText {
    pub(super) fn read(file: &str, files: &dyn Files) -> Result<Self> {
        let path = Path::new(file);
        let bad = |reason: String| Error::bad_file(path, format!("is not a fastText model: {reason}"));
        let size = match files.file_type(path).map_err(Error::io(path))? {
            FileType::File(size) => size,
            _ => return Err(bad("is not a file".to_owned())),
        };
        let mut input = files.open(path).map_err(Error::io(path))?;
        let mut head = [0; BEFORE_ENTRIES + 4];
        input.read_exact(&mut head).map_err(|_| bad("it is too short".to_owned()))?;
        // The library allocates for as many entries as are stated.
        let entries = head.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        if u64::from(entries) * ENTRY_BYTES > size {
            return Err(bad("it states more entries than it has".to_owned()));
        }
        let whole = std::io::Cursor::new(head).chain(std::io::BufReader::new(input));
        fasttext_pure_rs::FastText::load_from_reader(whole).map(Self).map_err(|error| bad(error.to_string()))
    }

    /// The likeliest label of a text and its probability; `None` for a text without words.
    pub(super) fn best(&self, text: &str) -> Option<(String, f64)> {
        let found = self.0.predict(text, 1, 0.0).ok()?.into_iter().next()?;
        Some((plain(&found.label).to_owned(), f64::from(found.probability).min(1.0)))
    }

    fn probability(&self, text: &str, label: &str) -> f64 {
        let all = self.0.predict(text, usize::MAX, 0.0).unwrap_or_default();
        let own = all.iter().find(|found| plain(&found.label) == plain(label));
        own.map_or(0.0, |found| f64::from(found.probability).min(1.0))
    }
}

/// A label without fastText's prefix.
fn plain(label: &str) -> &str {
    label.strip_prefix("__label__").unwrap_or(label)
}

impl Quality {
    /// The fastText model, if `file` is one.
    pub(super) fn fast_text(&self, files: &dyn Files) -> Result<Option<FastText>> {
        let Some(file) = self.file.as_deref().filter(|file| file.ends_with(".bin") || file.ends_with(".ftz"))
        else {
            return Ok(None);
        };
        if self.label.is_none() {
            return Err(Error::Invalid(
                "classifier: label is missing; name the label of wanted texts in the model".to_owned(),
            ));
        }
        FastText::read(file, files).map(Some)
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
        if model.tokens() == 0 {
            return Err(Error::bad_file(
                self.file.as_deref().unwrap_or_default(),
                "the reference has no text",
            ));
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
    use crate::document::Document;
    use crate::files::SystemFiles;
    use crate::rules::{Judge, Rule};

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
}
