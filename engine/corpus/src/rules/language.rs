//! Language identification by `whatlang` (letter trigram frequencies of 69 languages) or by a fastText model.

use super::fast_text::FastText;
use super::measured::Measured;
use super::outcome::{Reason, at_least};
use glasshouse_documents::Error;
use glasshouse_documents::fields;
use glasshouse_documents::files::Files;
use glasshouse_documents::settings;
use std::borrow::Cow;

settings! {
    Language {
        minimum_confidence: f64 = 0.3, 0 to 1,
            "Minimum confidence of the detection, where 1 is certain. FineWeb uses 0.65 with fastText, whose scale is different.";
        minimum_characters: usize = 100, 0 to 1_000_000, "Shorter texts pass: too little data.";
    }
    lists {
        languages: Vec<String> = vec!["eng".into()],
            "Languages to keep, by ISO 639-3 code, such as eng or deu; empty for every language detected with confidence.";
        file: Option<String> = None,
            "A fastText model such as lid.176.ftz, used instead of whatlang; its labels may be listed as languages, too.";
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Identified {
    pub code: &'static str,
    /// From 0 to 1 (certain).
    pub confidence: f64,
}

/// Number of samples, spread evenly over the text, so that a heading in another language does not decide; the second number is
/// used if the first leaves doubt. More samples would not change the result, and this is the most expensive step of any rule.
const PIECES: [usize; 2] = [4, 16];

const PIECE: usize = 128;

/// Confidence from which on no more samples are taken.
const CERTAIN: f64 = 0.95;

/// Identifies the language of a text from samples of all of it; `None` if it has no letters of a known script.
pub fn identify(text: &str) -> Option<Identified> {
    let mut found = None;
    for pieces in PIECES {
        let sample = sample(text, pieces);
        let info = whatlang::detect(&sample);
        found = info.map(|info| Identified { code: info.lang().code(), confidence: info.confidence() });
        if matches!(sample, Cow::Borrowed(_)) || found.is_some_and(|found| found.confidence >= CERTAIN) {
            break;
        }
    }
    found
}

/// Evenly spread samples of a text from its first to its last byte, separated by spaces; a short text as a whole.
fn sample(text: &str, pieces: usize) -> Cow<'_, str> {
    if text.len() <= pieces * PIECE {
        return text.into();
    }
    let mut sample = String::with_capacity(pieces * (PIECE + 1));
    for piece in 0..pieces {
        let start = text.floor_char_boundary((text.len() - PIECE) * piece / (pieces - 1));
        let part = text.get(start..text.floor_char_boundary(start + PIECE + 3)).unwrap_or_default();
        // A sample starts with a whole word if it has one.
        let word = if start > 0 { part.find(char::is_whitespace).unwrap_or(0) } else { 0 };
        sample.push_str(part.get(word..).unwrap_or(part));
        sample.push(' ');
    }
    sample.into()
}

/// A language's name and code, such as `German (deu)`; only the code if it is unknown.
pub fn name(code: &str) -> String {
    match whatlang::Lang::from_code(code) {
        Some(language) => format!("{} ({code})", language.eng_name()),
        None => code.to_owned(),
    }
}

impl Language {
    pub fn judge(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        if self.passes(measured) {
            return Ok(());
        }
        let found = identify(measured.text()).map(|found| (found.code, found.confidence));
        measured.language.set(found.map(|(code, _)| code.to_owned()));
        self.compare(found)
    }

    /// The fastText model, which knows the listed languages.
    pub(super) fn model(&self, file: &str, files: &dyn Files) -> Result<FastText, Error> {
        let model = FastText::read(file, files)?;
        let is_known = |own: &str| {
            let short = fields::languages().find(|(_, long)| *long == own).map(|(short, _)| short);
            model.labels().any(|label| label == own || Some(label) == short)
        };
        match self.languages.iter().find(|own| !is_known(own)) {
            Some(own) => {
                Err(Error::Invalid(format!("language: languages: the model {file} does not know {own:?}")))
            }
            None => Ok(model),
        }
    }

    /// Judges by a fastText model, whose finding becomes the text's language, also of a short one.
    pub(super) fn judge_by(&self, model: &FastText, measured: &Measured<'_>) -> Result<(), Reason> {
        let found = model.best(measured.text());
        let code = found.and_then(|(label, _)| fields::language(label));
        measured.language.set(code.clone());
        if self.passes(measured) {
            return Ok(());
        }
        let is_listed = |label: &str| self.languages.iter().any(|own| own == label);
        self.compare(found.map(|(label, confidence)| {
            let code = code.as_deref().filter(|_| !is_listed(label));
            (code.unwrap_or(label), confidence)
        }))
    }

    fn passes(&self, measured: &Measured<'_>) -> bool {
        let length = self.minimum_characters;
        measured.text().len() < length || measured.text().chars().take(length).count() < length
    }

    fn compare(&self, found: Option<(&str, f64)>) -> Result<(), Reason> {
        let Some((code, confidence)) = found else {
            return Err(Reason::new("languages", "no language detected"));
        };
        if !self.languages.is_empty() && !self.languages.iter().any(|own| own == code) {
            let asked = self.languages.join(", ");
            let text = format!("language: {} at confidence {confidence:.2}, expected: {asked}", name(code));
            return Err(Reason::new("languages", text));
        }
        at_least!(self.minimum_confidence, &format!("confidence in the language {}", name(code)), confidence)
    }

    pub(super) fn unknown_code(&self) -> Option<&str> {
        if self.file.is_some() {
            return None;
        }
        self.languages.iter().map(String::as_str).find(|code| whatlang::Lang::from_code(*code).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "The river ran high that spring, and nobody who lived beside it slept well before the end of \
        May, when the water went back to where it had come from.";
    const GERMAN: &str = "Der Fluss stand in diesem Frühjahr hoch, und niemand, der an seinem Ufer wohnte, schlief ruhig, \
        bis das Wasser Ende Mai dorthin zurückging, woher es gekommen war.";

    fn threshold(rule: &Language, text: &str) -> Option<&'static str> {
        rule.judge(&Measured::new(text)).err().map(|reason| reason.threshold)
    }

    #[test]
    fn other_languages_are_dropped() {
        let rule = Language::default();
        assert_eq!(threshold(&rule, ENGLISH), None);
        assert_eq!(threshold(&rule, GERMAN), Some("languages"));
        assert_eq!(threshold(&rule, &"12 ".repeat(100)), Some("languages"));
        let rule = Language { languages: vec!["deu".into(), "fra".into()], ..rule };
        assert_eq!(threshold(&rule, GERMAN), None);
        assert_eq!(threshold(&rule, ENGLISH), Some("languages"));
        let rule = Language { languages: Vec::new(), ..rule };
        assert_eq!((threshold(&rule, GERMAN), threshold(&rule, ENGLISH)), (None, None));
    }

    #[test]
    fn a_heading_in_another_language_does_not_decide() {
        let text = format!("{} {}", ENGLISH.repeat(14), GERMAN.repeat(200));
        assert!(ENGLISH.len() * 14 > 2048);
        let found = identify(&text).unwrap();
        assert_eq!(found.code, "deu");
        let reason = Language::default().judge(&Measured::new(text)).unwrap_err();
        assert!(reason.text.starts_with("language: German (deu) at confidence "), "{}", reason.text);
    }

    #[test]
    fn samples_reach_from_end_to_end_and_cut_no_character() {
        let text: String = (0..3000).map(|number| format!("é{number} ")).collect();
        let sample = sample(&text, 16);
        assert!((15 * PIECE..=16 * (PIECE + 1)).contains(&sample.len()), "{}", sample.len());
        assert!(sample.starts_with("é0 é1 ") && sample.contains(" é2999 "));
        assert!(matches!(super::sample("short", 4), Cow::Borrowed("short")));
    }

    #[test]
    fn short_texts_pass_and_doubtful_ones_do_not() {
        let rule = Language { minimum_characters: GERMAN.chars().count(), ..Language::default() };
        assert_eq!(threshold(&rule, GERMAN), Some("languages"));
        assert_eq!(threshold(&rule, &GERMAN[1..]), None);
        let mixed = format!("{} {}", &ENGLISH[..60], &GERMAN[..60]);
        let rule = Language { minimum_confidence: 1.0, languages: Vec::new(), ..Language::default() };
        assert_eq!(threshold(&rule, &mixed), Some("minimum_confidence"));
    }
}
