//! The open project's documents.

use glasshouse_protocol::{DocumentSummary, DocumentsOverview, Event, answer};

#[derive(Debug, Default)]
pub struct Documents {
    /// Totals; `None` before they were listed.
    pub overview: Option<DocumentsOverview>,
    pub search: String,
    /// Index of the page's first document.
    pub offset: usize,
    pub found: usize,
    pub page: Vec<DocumentSummary>,
    pub read: Option<answer::Document>,
    /// Number of file changes and cleanings so far; each renumbers the documents.
    pub changes: u64,
}

impl Documents {
    /// Whether the training or the held-out part of the person's own text is certainly shorter than a context window, so that a
    /// run would be refused. Before tokenization a document has at most one token per byte, plus one for its end.
    pub fn is_too_short(&self, context_length: usize) -> bool {
        let Some(overview) = &self.overview else { return false };
        let short = |(documents, bytes): (u64, u64)| documents + bytes <= context_length as u64;
        let own = !overview.embedded && overview.documents > 0;
        own && (short(overview.train) || short(overview.validation))
    }

    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Documents { overview, search, offset, found, documents } => {
                if self.overview.as_ref().is_some_and(|before| are_others(before, overview)) {
                    self.changes += 1;
                    self.read = None;
                }
                self.overview = Some(overview.clone());
                self.search.clone_from(search);
                self.offset = *offset;
                self.found = *found;
                self.page.clone_from(documents);
            }
            Event::Document(document) => self.read = Some(document.clone()),
            Event::Project { .. } => *self = Self::default(),
            _ => {}
        }
    }
}

/// Whether the documents changed. A changed split does not count.
fn are_others(before: &DocumentsOverview, now: &DocumentsOverview) -> bool {
    let of = |overview: &DocumentsOverview| {
        let DocumentsOverview { cleaned, documents, bytes, .. } = *overview;
        (cleaned, documents, bytes)
    };
    before.files != now.files || of(before) != of(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of documents in these files, with a change of its overview.
    fn listed(files: &[&str], change: fn(&mut DocumentsOverview)) -> Event {
        let files = files.iter().map(|name| ((*name).to_owned(), 1)).collect();
        let mut overview = DocumentsOverview { files, ..DocumentsOverview::default() };
        change(&mut overview);
        Event::Documents { overview, search: String::new(), offset: 0, found: 0, documents: Vec::new() }
    }

    #[test]
    fn a_text_without_a_token_behind_its_first_window_is_too_short() {
        let (train, validation) = ((1, 1000), (1, 127));
        let mut overview = DocumentsOverview { documents: 2, train, validation, ..Default::default() };
        let is_short = |overview: &DocumentsOverview, length| {
            Documents { overview: Some(overview.clone()), ..Documents::default() }.is_too_short(length)
        };
        assert!(is_short(&overview, 128) && !is_short(&overview, 127));
        overview.embedded = true;
        assert!(!is_short(&overview, 128) && !Documents::default().is_too_short(128));
    }

    #[test]
    fn other_documents_are_told_from_the_same_ones_listed_again() {
        let (mut documents, nothing) = (Documents::default(), |_: &mut DocumentsOverview| ());
        documents.apply(&listed(&["a.txt"], nothing));
        let (number, text) = (3, "text".to_owned());
        let read = answer::Document { number, text, learned: Vec::new(), tokens: Vec::new(), cut: false };
        documents.apply(&Event::Document(read));
        documents.apply(&listed(&["a.txt"], nothing));
        assert_eq!((documents.changes, documents.read.is_some()), (0, true));
        documents.apply(&listed(&["a.txt"], |overview| overview.train = (3, 40)));
        assert_eq!(documents.changes, 0, "another split of the same documents");
        documents.apply(&listed(&["a.txt", "b.txt"], nothing));
        assert_eq!((documents.changes, documents.read.is_some()), (1, false));
        documents.apply(&listed(&["a.txt", "b.txt"], |overview| overview.cleaned = true));
        documents.apply(&listed(&["a.txt", "b.txt"], |now| (now.cleaned, now.bytes) = (true, 900)));
        assert_eq!(documents.changes, 3, "cleaned, and cleaned by another recipe");
        documents.apply(&Event::Project { opened: None });
        assert!(documents.overview.is_none());
    }
}
