//! Detects placeholder pages without real content.

use aho_corasick::AhoCorasick;

use super::blocklist::searched;
use super::measured::Measured;
use super::outcome::{Reason, at_most};
use glasshouse_documents::Result;
use glasshouse_documents::settings;

settings! {
    Placeholder {
        drop_filler_latin: bool = true, 0 to 1, "Drops texts with lorem ipsum or its best-known phrases.";
        short_text_words: usize = 100, 0 to 1_000_000, "Drops texts of up to this many words for a single phrase.";
        maximum_phrases_per_thousand_words: f64 = 20.0, 0 to 1000, "In longer texts: maximum number of phrases per thousand words.";
    }
    lists {
        phrases: Vec<String> = PHRASES.split('|').map(str::to_owned).collect(), "Phrases of placeholder texts, in any case.";
    }
}

const PHRASES: &str = "under construction|coming soon|check back soon|check back later|page not found|404 not found|\
    no content available|content goes here|your text here|insert text here|enter text here|\
    placeholder text|sample text|dummy text|this is a test post|this page is intentionally left blank|\
    this domain is for sale|edit or delete it, then start writing";

const FILLER: [&str; 5] =
    ["lorem ipsum", "dolor sit amet", "consectetur adipiscing", "sed do eiusmod", "ut enim ad minim veniam"];

#[derive(Debug)]
pub struct PlaceholderFinder {
    settings: Placeholder,
    finder: AhoCorasick,
}

impl Placeholder {
    pub fn finder(&self) -> Result<PlaceholderFinder> {
        let all: Vec<&str> = FILLER.into_iter().chain(self.phrases.iter().map(String::as_str)).collect();
        Ok(PlaceholderFinder { settings: self.clone(), finder: searched("placeholder", "phrases", &all)? })
    }
}

impl PlaceholderFinder {
    pub fn judge(&self, measured: &Measured<'_>) -> Result<(), Reason> {
        let (text, settings) = (measured.text(), &self.settings);
        let (mut first, mut count) = (None, 0_usize);
        for found in self.finder.find_iter(text) {
            let phrase = text.get(found.range()).unwrap_or_default();
            if found.pattern().as_usize() >= FILLER.len() {
                first.get_or_insert(phrase);
                count += 1;
            } else if settings.drop_filler_latin {
                let text = format!("filler text: {:?}", phrase.to_lowercase());
                return Err(Reason::new("drop_filler_latin", text));
            }
        }
        let Some(phrase) = first else { return Ok(()) };
        let words = measured.words().iter().filter(|word| !word.is_symbols()).count();
        if words <= settings.short_text_words {
            let text = format!("a text of {words} words that says {:?}", phrase.to_lowercase());
            return Err(Reason::new("short_text_words", text));
        }
        let (what, rate) = ("placeholder phrases per thousand words", 1000.0 * count as f64 / words as f64);
        at_most!(settings.maximum_phrases_per_thousand_words, what, rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_phrase_is_refused() {
        let rule = Placeholder { phrases: vec!["coming soon".into(), " ".into()], ..Placeholder::default() };
        assert!(rule.finder().unwrap_err().to_string().contains("phrases contains an empty phrase"));
    }
}
