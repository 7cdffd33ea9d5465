//! Rules that learn from texts of the user's: a linear classifier, and the perplexity under an n-gram model.

use super::fast_text::{FastText, plain};
use super::measured::Measured;
use super::outcome::{Reason, at_least, at_most};
use crate::personal::lists;
use glasshouse_documents::files::Files;
use glasshouse_documents::settings;
use glasshouse_documents::{Error, Result};
use glasshouse_metrics::baselines::{MAX_ORDER, NGram};
use glasshouse_metrics::moderation::{Classifier, LabelledRows};
use std::path::Path;

settings! {
    Quality {
        maximum_probability: f64 = 0.5, 0 to 1, "Maximum probability of belonging to the unwanted texts, by the classifier.";
    }
    lists {
        file: Option<String> = None,
            "Labelled rows {\"text\", \"label\"} as JSON Lines, or a classifier trained by `glasshouse evaluate moderate --train` (its harmful texts \
             are unwanted), or a fastText model (.bin, .ftz).";
        label: Option<String> = None,
            "The label of wanted texts, such as hq or 1; all others are unwanted. Required for a fastText model and for numeric labels; \
             without it, rows labelled good, keep or ok are wanted.";
    }
}

settings! {
    Perplexity {
        maximum_bits_per_byte: f64 = 3.0, 0 to 64, "Maximum bits per byte: above it, a text is unlike the reference.";
        minimum_bits_per_byte: f64 = 0.0, 0 to 64, "Minimum bits per byte: below it, a text repeats itself or the reference.";
        deviations: f64 = 8.0, 0 to 1000, "Without a reference: maximum distance of a text's bits per character above the median, in deviations of the corpus.";
        margin: f64 = 1.0, 0 to 16, "Without a reference: distance above the median, in bits, below which texts are always kept: in an even corpus, deviations are tiny.";
        minimum_documents: usize = 100, 1 to 1_000_000_000, "Without a reference: with fewer texts all pass, since there is no reliable median.";
        minimum_corpus_characters: usize = 100_000, 1 to 1_000_000_000, "Without a reference: with less text all pass, since the model knows too little.";
        minimum_characters: usize = 40, 0 to 1_000_000, "Without a reference: shorter texts pass, since their score is unreliable.";
        language_confidence: f64 = 0.95, 0 to 1, "Without a reference: texts in a language detected with this confidence pass, since another language is not gibberish.";
    }
    lists {
        file: Option<String> = None,
            "A reference: text that the kept documents should resemble, of at least some hundred kB. Without it, the corpus itself.";
    }
}

const MAX_ROWS_BYTES: u64 = 256 << 20;
const MAX_REFERENCE_BYTES: u64 = 64 << 20;

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
        let file = self.file.as_deref().ok_or_else(|| {
            let reason = "classifier: file is missing; name a file with labelled rows in the recipe's text";
            Error::Invalid(reason.to_owned())
        })?;
        let text = lists::text(Path::new(file), MAX_ROWS_BYTES, files)?;
        let bad = |reason: String| Error::bad_file(file, reason);
        // A stored classifier is one object with a version; rows have texts.
        if text.trim_start().starts_with("{\"version\"") {
            return Classifier::read(text.trim()).map_err(bad);
        }
        let LabelledRows { rows, broken } = LabelledRows::read_wanted(&text, self.label.as_deref());
        if let Some((line, reason)) = broken.first() {
            let next = if self.label.is_none() {
                "; the rule's `label` names the label of wanted texts"
            } else {
                ""
            };
            return Err(bad(format!("line {line}: {reason}{next}")));
        }
        if let Some(label) = self.label.as_deref().filter(|_| rows.iter().all(|row| row.is_harmful)) {
            return Err(bad(format!("no row has the label {label:?}, which the rule's `label` names")));
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
    pub(super) fn model(&self, file: &str, files: &dyn Files) -> Result<NGram> {
        let text = lists::text(Path::new(file), MAX_REFERENCE_BYTES, files)?;
        let mut model = NGram::new(MAX_ORDER, 256, None);
        for line in lines(&text) {
            model.begin_document();
            line.bytes().for_each(|byte| model.learn(&[u32::from(byte)]));
        }
        if model.tokens == 0 {
            let reason = "the reference has no text";
            return Err(Error::bad_file(file, reason));
        }
        Ok(model)
    }

    pub(super) fn judge(&self, model: &NGram, measured: &Measured<'_>) -> Result<(), Reason> {
        let (mut nats, mut length) = (0.0, 0);
        for line in lines(measured.text()) {
            let mut reading = model.reading();
            nats += line.bytes().map(|byte| reading.nats(u32::from(byte))).sum::<f64>();
            length += line.len();
        }
        if length == 0 {
            return Ok(());
        }
        let bits = nats / std::f64::consts::LN_2 / length as f64;
        let what = "bits per byte, under a model of the reference";
        at_most!(self.maximum_bits_per_byte, what, bits)?;
        at_least!(self.minimum_bits_per_byte, what, bits)
    }
}

/// The units of the n-gram model, whose breaks it neither learns nor judges: lines, since corpora separate paragraphs by one line
/// end or by two.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
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
    fn label_names_the_wanted_rows() {
        let folder = tempfile::tempdir().unwrap();
        let rule = |name: &str, labels: [&str; 2], label: Option<&str>| {
            let of = |texts: [&str; 6], label: &str| {
                texts.map(|text| format!("{{\"text\": {text:?}, \"label\": {label}}}")).join("\n")
            };
            let rows = format!("{}\n{}", of(GOOD, labels[0]), of(BAD, labels[1]));
            let label = label.map(str::to_owned);
            Rule::Quality(Quality { file: file(&folder, name, &rows), label, ..Quality::default() })
        };
        let refused = |rule: Rule| Judge::new(&[rule], &SystemFiles).err().unwrap().to_string();
        let (wanted, unwanted) = ("Water and carbon dioxide give oxygen.", "Order now, click here, free!");
        for (labels, label) in [
            (["1", "0"], "1"),
            (["0.0", "1"], "0"),
            (["true", "false"], "1"),
            (["true", "false"], "true"),
            (["\"hq\"", "\"lq\""], "hq"),
        ] {
            let rule = |text| dropped(rule("rows.jsonl", labels, Some(label)), text);
            assert_eq!((rule(wanted), rule(unwanted)), (None, Some("maximum_probability")), "{label}");
        }
        for labels in [["1", "0"], ["\"1\"", "\"0\""], ["\"true\"", "\"false\""]] {
            assert!(refused(rule("rows.jsonl", labels, None)).contains("line 1: `label` is"), "{labels:?}");
        }
        assert!(refused(rule("rows.jsonl", ["\"hq\"", "\"lq\""], None)).contains("at least 5"));
        assert!(refused(rule("rows.jsonl", ["\"hq\"", "\"lq\""], Some("good"))).contains("\"good\""));
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
    fn perplexity_does_not_depend_on_paragraph_breaks() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder, "r.txt", &GOOD.join("\n\n").repeat(20)).unwrap();
        let rule = Perplexity::default();
        let model = rule.model(&file, &SystemFiles).unwrap();
        let bits = |text: String| {
            let strict = Perplexity { maximum_bits_per_byte: 0.0, ..rule.clone() };
            strict.judge(&model, &Measured::new(text)).unwrap_err().text
        };
        let ten = [GOOD[0]; 10];
        assert_eq!(bits(ten.join("\n\n")), bits(GOOD[0].to_owned()));
        assert_eq!(bits(ten.join("\n\n\n\n")), bits(GOOD[0].to_owned()));
        assert_eq!(bits(ten.join("\n")), bits(GOOD[0].to_owned()));
    }

    #[test]
    fn files_that_teach_nothing_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |rule: Rule| Judge::new(&[rule], &SystemFiles).err().unwrap().to_string();
        assert!(refused(Rule::Quality(Quality::default())).starts_with("classifier: file is missing"));
        let empty = file(&folder, "empty.txt", "\n \n");
        assert!(
            refused(Rule::Perplexity(Perplexity { file: empty, ..Perplexity::default() }))
                .contains("no text")
        );
        let one = file(
            &folder,
            "one.jsonl",
            "{\"text\": \"a\", \"label\": \"good\"}\n{\"text\": 1, \"label\": \"bad\"}\n",
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
        // A document's language is the model's, also if whatlang finds another one, and if the text is too short to judge.
        let text = "Stary rybak opowiadał dzieciom, jak łódź zniknęła pewnej nocy na jeziorze der".to_owned();
        let document = Document { text, ..Document::default() };
        for (listed, minimum_characters) in [("deu", 1), ("eng", 100)] {
            let Rule::Language(rule) = language(&[listed]) else { panic!("a rule of languages") };
            let judge =
                Judge::new(&[Rule::Language(Language { minimum_characters, ..rule })], &SystemFiles).unwrap();
            let judgement = judge.judge(&document);
            assert_eq!((judgement.dropped, judgement.language.as_deref()), (None, Some("deu")));
        }
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
