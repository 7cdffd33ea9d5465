//! Gopher's rule about repetition: table A1 of Rae et al. 2021 (arXiv:2112.11446).

use super::lines;
use super::measured::{Measured, share};
use super::ngrams;
use super::outcome::Outcome;
use super::threshold::settings;

settings! {
    /// Drops texts that repeat themselves: their lines, paragraphs, or runs of words.
    GopherRepetition {
        duplicate_paragraph_fraction: f64 = 0.30, 0 to 1,
            "Most paragraphs that were there before, as a share of all; 1 switches it off.";
        duplicate_paragraph_character_fraction: f64 = 0.20, 0 to 1,
            "Most characters in paragraphs that were there before, as a share of the text; 1 switches it off.";
        duplicate_line_fraction: f64 = 0.30, 0 to 1,
            "Most lines that were there before, as a share of all; 1 switches it off.";
        duplicate_line_character_fraction: f64 = 0.20, 0 to 1,
            "Most characters in lines that were there before, as a share of the text; 1 switches it off.";
        top_2_gram: f64 = 0.20, 0 to 1,
            "Most characters in the most frequent pair of words, as a share of the text.";
        top_3_gram: f64 = 0.18, 0 to 1,
            "Most characters in the most frequent three words in a row, as a share of the text.";
        top_4_gram: f64 = 0.16, 0 to 1,
            "Most characters in the most frequent four words in a row, as a share of the text.";
        duplicate_5_grams: f64 = 0.15, 0 to 1,
            "Most characters in runs of five words that were there before, as a share of the text.";
        duplicate_6_grams: f64 = 0.14, 0 to 1,
            "Most characters in runs of six words that were there before, as a share of the text.";
        duplicate_7_grams: f64 = 0.13, 0 to 1,
            "Most characters in runs of seven words that were there before, as a share of the text.";
        duplicate_8_grams: f64 = 0.12, 0 to 1,
            "Most characters in runs of eight words that were there before, as a share of the text.";
        duplicate_9_grams: f64 = 0.11, 0 to 1,
            "Most characters in runs of nine words that were there before, as a share of the text.";
        duplicate_10_grams: f64 = 0.10, 0 to 1,
            "Most characters in runs of ten words that were there before, as a share of the text.";
    }
}

impl GopherRepetition {
    /// Judges a text.
    pub fn judge(&self, measured: &Measured<'_>) -> Outcome {
        let text = measured.text();
        if text.is_empty() {
            return Outcome::dropped("empty", "the text is empty");
        }
        self.paragraphs(measured)
            .or_else(|| self.lines(measured))
            .or_else(|| self.runs_of_words(measured))
            .unwrap_or(Outcome::Kept)
    }

    fn paragraphs(&self, measured: &Measured<'_>) -> Option<Outcome> {
        let repeats = lines::repeats(lines::paragraphs(measured.text()));
        let fraction = share(repeats.repeated, repeats.all);
        let characters = share(repeats.characters, measured.characters());
        let (most, most_characters) =
            (self.duplicate_paragraph_fraction, self.duplicate_paragraph_character_fraction);
        Outcome::above("duplicate_paragraph_fraction", "share of repeated paragraphs", fraction, most)
            .or_else(|| {
                let what = "share of characters in repeated paragraphs";
                Outcome::above("duplicate_paragraph_character_fraction", what, characters, most_characters)
            })
    }

    fn lines(&self, measured: &Measured<'_>) -> Option<Outcome> {
        let repeats = measured.repeated_lines();
        let fraction = share(repeats.repeated, repeats.all);
        let characters = share(repeats.characters, measured.characters());
        let most = self.duplicate_line_fraction;
        Outcome::above("duplicate_line_fraction", "share of repeated lines", fraction, most).or_else(|| {
            let most = self.duplicate_line_character_fraction;
            let what = "share of characters in repeated lines";
            Outcome::above("duplicate_line_character_fraction", what, characters, most)
        })
    }

    fn runs_of_words(&self, measured: &Measured<'_>) -> Option<Outcome> {
        let characters = measured.characters();
        let mut outcome = None;
        ngrams::count(measured.words(), |n, counted| {
            let top = share(counted.top_characters, characters);
            let repeated = share(counted.repeated_characters, characters);
            let (threshold, value, most) = match n {
                2 => ("top_2_gram", top, self.top_2_gram),
                3 => ("top_3_gram", top, self.top_3_gram),
                4 => ("top_4_gram", top, self.top_4_gram),
                5 => ("duplicate_5_grams", repeated, self.duplicate_5_grams),
                6 => ("duplicate_6_grams", repeated, self.duplicate_6_grams),
                7 => ("duplicate_7_grams", repeated, self.duplicate_7_grams),
                8 => ("duplicate_8_grams", repeated, self.duplicate_8_grams),
                9 => ("duplicate_9_grams", repeated, self.duplicate_9_grams),
                _ => ("duplicate_10_grams", repeated, self.duplicate_10_grams),
            };
            let what = match n {
                2..=4 => format!("share of characters in the most frequent {n} words in a row"),
                _ => format!("share of characters in repeated runs of {n} words"),
            };
            outcome = Outcome::above(threshold, &what, value, most);
            outcome.is_none()
        });
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(rule: &GopherRepetition, text: &str) -> Option<&'static str> {
        rule.judge(&Measured::new(text)).threshold()
    }

    /// Nothing is asked but what a test sets.
    fn nothing_asked() -> GopherRepetition {
        let mut rule = crate::rules::Rule::GopherRepetition(GopherRepetition::default());
        for threshold in rule.thresholds() {
            rule.set_threshold(threshold.name, 1.0).unwrap();
        }
        let crate::rules::Rule::GopherRepetition(rule) = rule else { panic!() };
        rule
    }

    #[test]
    fn lines_and_paragraphs_go_above_their_share_and_stay_at_it() {
        let rule = GopherRepetition { duplicate_line_fraction: 0.25, ..nothing_asked() };
        assert_eq!(threshold(&rule, "one\nas\nas\ntwo"), None);
        assert_eq!(threshold(&rule, "one\nas\nas\nas"), Some("duplicate_line_fraction"));
        let rule = GopherRepetition { duplicate_line_character_fraction: 0.25, ..nothing_asked() };
        assert_eq!(threshold(&rule, "éé\néé\nde"), None);
        assert_eq!(threshold(&rule, "éé\néé\n"), Some("duplicate_line_character_fraction"));
        let rule = GopherRepetition { duplicate_paragraph_fraction: 0.5, ..nothing_asked() };
        assert_eq!(threshold(&rule, "a\n\na\n"), None);
        assert_eq!(threshold(&rule, "a\n\na\n\na\n"), Some("duplicate_paragraph_fraction"));
        let rule = GopherRepetition { duplicate_paragraph_character_fraction: 0.25, ..nothing_asked() };
        assert_eq!(threshold(&rule, "a\n\na"), None);
        assert_eq!(threshold(&rule, "ab\n\nab"), Some("duplicate_paragraph_character_fraction"));
        assert_eq!(threshold(&rule, ""), Some("empty"));
    }

    #[test]
    fn runs_of_words_go_above_their_share_and_stay_at_it() {
        // "of it" twice: 10 characters of 40.
        let text = "we saw of it what she knew of it 1234567";
        assert_eq!(text.len(), 40);
        assert_eq!(threshold(&GopherRepetition { top_2_gram: 0.25, ..nothing_asked() }, text), None);
        let rule = GopherRepetition { top_2_gram: 0.249, ..nothing_asked() };
        assert_eq!(threshold(&rule, text), Some("top_2_gram"));
        // Five words of 16 characters, the second time among 64.
        let text = "as she has said once, 12345 678901 23456 789 as she has said once 12345";
        assert_eq!(text.len(), 71);
        let rule = GopherRepetition { duplicate_5_grams: 16.0 / 71.0, ..nothing_asked() };
        assert_eq!(threshold(&rule, text), None);
        let rule = GopherRepetition { duplicate_5_grams: 15.9 / 71.0, ..nothing_asked() };
        assert_eq!(threshold(&rule, text), Some("duplicate_5_grams"));
        let rule = GopherRepetition { duplicate_6_grams: 0.0, ..nothing_asked() };
        assert_eq!(threshold(&rule, text), None);
    }
}
