//! Paragraphs of earlier documents: notices, menus, licences and stories repeated on many pages.
//!
//! The method is CCNet's (Wenzek et al. 2020, *CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data*): each
//! paragraph is hashed by its words, and removed if the hash was seen before. Here the first document keeps the paragraph,
//! repetition inside a document is allowed (the repetition rules judge it), and short paragraphs are kept, since greetings and
//! headings are not copies.

use super::words::{self, FIRST_FACTOR, SECOND_FACTOR, mixed};
use crate::rules::{Outcome, Reason};
use glasshouse_documents::Result;
use glasshouse_documents::{settings, threshold::Thresholds as _};
use rustc_hash::FxHashSet;

settings! {
    Settings {
        minimum_words: u32 = 15, 1 to 10_000,
            "Minimum number of words of a removed paragraph. A hard-wrapped line of 72 characters has about twelve, consent and copyright notices more than fifteen.";
        memory_megabytes: u32 = 128, 1 to 65_536,
            "Maximum memory, at 10 to 21 bytes per paragraph: 128 MB hold seven million. Once full, known paragraphs are still removed but no new ones are added; the report counts these.";
    }
    lists {
        enabled: bool = false, "Whether to remove repeated paragraphs. Off by default: it edits documents, and removes quotations along with notices.";
    }
}

impl Settings {
    pub fn validate(&self) -> Result<()> {
        self.check("duplicates.paragraphs.")
    }

    /// The paragraphs of a text that are long enough: its lines, as in CCNet. Pure, so it can run on any thread.
    pub fn paragraphs(&self, text: &str) -> Vec<Paragraph> {
        let mut found: Vec<Paragraph> = Vec::new();
        // A paragraph ends where the next line with text begins.
        let mut open: Option<Paragraph> = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let end = at + line.len();
            if !line.trim_ascii().is_empty() {
                found.extend(open.take().map(|paragraph| Paragraph { end: at, ..paragraph }));
                let (mut hash, mut count) = (SECOND_FACTOR, 0_u32);
                words::scan(line, &mut |word: u64| {
                    hash = mixed(hash ^ word, FIRST_FACTOR).rotate_left(27);
                    count = count.saturating_add(1);
                });
                open = (count >= self.minimum_words).then(|| Paragraph {
                    start: at,
                    end,
                    hash: mixed(hash, SECOND_FACTOR).max(1),
                });
            }
            at = end;
        }
        found.extend(open.map(|paragraph| Paragraph { end: at, ..paragraph }));
        found
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paragraph {
    /// Start in bytes.
    pub start: usize,
    /// Start of the next paragraph: the separator is removed with the paragraph.
    pub end: usize,
    hash: u64,
}

/// The paragraphs seen so far: between 10 and 21 bytes each, up to the settings' limit.
#[derive(Clone, Debug)]
pub struct Index {
    seen: FxHashSet<u64>,
    /// Maximum number of paragraphs to remember.
    most: usize,
    /// Number of paragraphs not remembered because the memory was full.
    pub forgotten: u64,
    pub removed: u64,
}

impl Index {
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.validate()?;
        // The table doubles when seven eighths of its buckets, of nine bytes each, are filled, and is held twice meanwhile.
        let buckets = (u64::from(settings.memory_megabytes) << 20) / 14;
        let most = usize::try_from((1_u64 << buckets.ilog2()) / 8 * 7).unwrap_or(usize::MAX);
        Ok(Self { seen: FxHashSet::default(), most, forgotten: 0, removed: 0 })
    }

    /// Removes known paragraphs from the next document and remembers the others. `paragraphs` are those of the same text.
    /// Documents must come in corpus order.
    pub fn filter(&mut self, text: &str, paragraphs: &[Paragraph]) -> Outcome {
        let mut kept = String::new();
        let mut copied = 0;
        let mut repeated = 0_usize;
        for paragraph in paragraphs {
            if self.seen.contains(&paragraph.hash) {
                kept.push_str(text.get(copied..paragraph.start).unwrap_or_default());
                copied = paragraph.end;
                repeated += 1;
            }
        }
        for paragraph in paragraphs {
            if self.seen.len() < self.most {
                self.seen.insert(paragraph.hash);
            } else if !self.seen.contains(&paragraph.hash) {
                self.forgotten += 1;
            }
        }
        self.removed += repeated as u64;
        if repeated == 0 {
            return Outcome::Kept;
        }
        kept.push_str(text.get(copied..).unwrap_or_default());
        kept.truncate(kept.trim_end().len());
        if kept.is_empty() {
            let reason = format!("all of its paragraphs ({repeated}) occur in earlier documents");
            return Outcome::Dropped(Reason::new("minimum_words", reason));
        }
        Outcome::Edited(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTICE: &str =
        "We use cookies to improve your experience; by going on you agree to our use of them all.";

    fn settings() -> Settings {
        Settings { enabled: true, ..Settings::default() }
    }

    fn filter(index: &mut Index, settings: &Settings, text: &str) -> Outcome {
        index.filter(text, &settings.paragraphs(text))
    }

    #[test]
    fn what_an_earlier_document_had_goes() {
        let settings = settings();
        let mut index = Index::new(&settings).unwrap();
        let first = format!("One story.\n\n{NOTICE}\n\n{NOTICE}\n\nIts end.");
        assert_eq!(filter(&mut index, &settings, &first), Outcome::Kept, "a document may repeat itself");
        let second = format!("Another story.\n\n{}\n\nIts end.\n", NOTICE.to_uppercase());
        assert_eq!(
            filter(&mut index, &settings, &second),
            Outcome::Edited("Another story.\n\nIts end.\n".trim().into())
        );
        let third = format!("A third.\n{NOTICE}");
        assert_eq!(filter(&mut index, &settings, &third), Outcome::Edited("A third.".into()));
        assert!(matches!(filter(&mut index, &settings, NOTICE), Outcome::Dropped(_)));
        assert_eq!((index.removed, index.seen.len(), index.forgotten), (3, 1, 0));
    }

    #[test]
    fn short_paragraphs_stay() {
        let settings = settings();
        let mut index = Index::new(&settings).unwrap();
        for _ in 0..3 {
            assert_eq!(filter(&mut index, &settings, "Chapter One\n\nThe end."), Outcome::Kept);
        }
    }

    #[test]
    fn memory_is_bounded_and_what_was_seen_still_goes() {
        let settings = Settings { memory_megabytes: 1, minimum_words: 1, ..settings() };
        let mut index = Index::new(&settings).unwrap();
        for number in 0..200_000 {
            filter(&mut index, &settings, &format!("paragraph {number}"));
        }
        // Nine bytes a bucket, and half as many while the table grew.
        let bytes = index.seen.capacity() * 8 / 7 * 9 * 3 / 2;
        assert!(bytes <= 1 << 20, "{bytes}");
        assert!(index.seen.len() > 50_000, "{}", index.seen.len());
        assert_eq!(index.seen.len() as u64 + index.forgotten, 200_000);
        assert!(
            matches!(filter(&mut index, &settings, "new\nParagraph 17!"), Outcome::Edited(text) if text == "new")
        );
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let settings = Settings { minimum_words: 0, ..settings() };
        assert!(Index::new(&settings).unwrap_err().to_string().contains("minimum_words is 0"));
    }
}
