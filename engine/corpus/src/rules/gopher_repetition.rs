//! Gopher's repetition rule: table A1 of Rae et al. 2021 (arXiv:2112.11446).

use super::lines;
use super::measured::{Measured, share};
use super::ngrams;
use super::outcome::{Reason, at_most};
use glasshouse_documents::settings;

settings! {
    GopherRepetition {
        duplicate_paragraph_fraction as "dup_para_frac": f64 = 0.30, 0 to 1, "Maximum share of repeated paragraphs; 1 disables it.";
        duplicate_paragraph_character_fraction as "dup_para_char_frac": f64 = 0.20, 0 to 1,
            "Maximum share of characters in repeated paragraphs; 1 disables it.";
        duplicate_line_fraction as "dup_line_frac": f64 = 0.30, 0 to 1, "Maximum share of repeated lines; 1 disables it.";
        duplicate_line_character_fraction as "dup_line_char_frac": f64 = 0.20, 0 to 1,
            "Maximum share of characters in repeated lines; 1 disables it.";
        top_2_gram: f64 = 0.20, 0 to 1, "Maximum share of characters in the most frequent pair of words.";
        top_3_gram: f64 = 0.18, 0 to 1, "Maximum share of characters in the most frequent three words in a row.";
        top_4_gram: f64 = 0.16, 0 to 1, "Maximum share of characters in the most frequent four words in a row.";
        duplicate_5_grams: f64 = 0.15, 0 to 1, "Maximum share of characters in repeated runs of five words.";
        duplicate_6_grams: f64 = 0.14, 0 to 1, "Maximum share of characters in repeated runs of six words.";
        duplicate_7_grams: f64 = 0.13, 0 to 1, "Maximum share of characters in repeated runs of seven words.";
        duplicate_8_grams: f64 = 0.12, 0 to 1, "Maximum share of characters in repeated runs of eight words.";
        duplicate_9_grams: f64 = 0.11, 0 to 1, "Maximum share of characters in repeated runs of nine words.";
        duplicate_10_grams: f64 = 0.10, 0 to 1, "Maximum share of characters in repeated runs of ten words.";
    }
}

impl GopherRepetition {
    pub fn judge(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let text = measured.text();
        if text.is_empty() {
            return Err(Reason::new("empty", "the text is empty"));
        }
        let of_text = |characters| share(characters, measured.characters());
        let repeats = lines::repeats(lines::paragraphs(text));
        let fraction = share(repeats.repeated, repeats.all);
        at_most!(self.duplicate_paragraph_fraction, "share of repeated paragraphs", fraction)?;
        let what = "share of characters in repeated paragraphs";
        at_most!(self.duplicate_paragraph_character_fraction, what, of_text(repeats.characters))?;

        let repeats = measured.repeated_lines();
        let fraction = share(repeats.repeated, repeats.all);
        at_most!(self.duplicate_line_fraction, "share of repeated lines", fraction)?;
        let what = "share of characters in repeated lines";
        at_most!(self.duplicate_line_character_fraction, what, of_text(repeats.characters))?;

        let mut judged = Ok(());
        ngrams::count(measured.words(), |n, counted| {
            let (top, repeated) = (of_text(counted.top_characters), of_text(counted.repeated_characters));
            let what = match n {
                2..=4 => format!("share of characters in the most frequent {n} words in a row"),
                _ => format!("share of characters in repeated runs of {n} words"),
            };
            judged = match n {
                2 => at_most!(self.top_2_gram, &what, top),
                3 => at_most!(self.top_3_gram, &what, top),
                4 => at_most!(self.top_4_gram, &what, top),
                5 => at_most!(self.duplicate_5_grams, &what, repeated),
                6 => at_most!(self.duplicate_6_grams, &what, repeated),
                7 => at_most!(self.duplicate_7_grams, &what, repeated),
                8 => at_most!(self.duplicate_8_grams, &what, repeated),
                9 => at_most!(self.duplicate_9_grams, &what, repeated),
                _ => at_most!(self.duplicate_10_grams, &what, repeated),
            };
            judged.is_ok()
        });
        judged
    }
}
