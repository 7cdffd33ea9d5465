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

    fn listed(files: &[&str]) -> Event {
        let files = files.iter().map(|name| ((*name).to_owned(), 1)).collect();
        let overview = DocumentsOverview { files, ..DocumentsOverview::default() };
        Event::Documents { overview, search: String::new(), offset: 0, found: 0, documents: Vec::new() }
    }

    #[test]
    fn a_text_without_a_token_behind_its_first_window_is_too_short() {
        let overview = DocumentsOverview {
            documents: 2,
            train: (1, 1000),
            validation: (1, 127),
            ..DocumentsOverview::default()
        };
        let mut documents = Documents { overview: Some(overview), ..Documents::default() };
        assert!(documents.is_too_short(128) && !documents.is_too_short(127));
        documents.overview.as_mut().unwrap().embedded = true;
        assert!(!documents.is_too_short(128));
        documents.overview = None;
        assert!(!documents.is_too_short(128), "nothing is known of it");
    }

    #[test]
    fn a_document_is_forgotten_when_the_files_change_and_not_when_they_are_listed_again() {
        let mut documents = Documents::default();
        documents.apply(&listed(&["a.txt"]));
        documents.apply(&Event::Document(answer::Document {
            number: 3,
            text: "text".to_owned(),
            learned: Vec::new(),
            tokens: Vec::new(),
            cut: false,
        }));
        documents.apply(&listed(&["a.txt"]));
        assert_eq!((documents.changes, documents.read.is_some()), (0, true));
        documents.apply(&listed(&["a.txt", "b.txt"]));
        assert_eq!((documents.changes, documents.read.is_some()), (1, false));
        documents.apply(&Event::Project { opened: None });
        assert!(documents.overview.is_none());
    }

    #[test]
    fn a_cleaning_makes_other_documents_of_the_same_files_and_another_split_does_not() {
        let mut documents = Documents::default();
        let Event::Documents { mut overview, .. } = listed(&["a.html"]) else { panic!("a list") };
        let mut tell = |documents: &mut Documents, change: fn(&mut DocumentsOverview)| {
            change(&mut overview);
            let (overview, search) = (overview.clone(), String::new());
            documents.apply(&Event::Documents {
                overview,
                search,
                offset: 0,
                found: 0,
                documents: Vec::new(),
            });
            documents.changes
        };
        assert_eq!(tell(&mut documents, |_| ()), 0);
        assert_eq!(tell(&mut documents, |overview| overview.train = (3, 40)), 0);
        assert_eq!(tell(&mut documents, |overview| overview.cleaned = true), 1);
        assert_eq!(tell(&mut documents, |overview| overview.bytes = 900), 2, "cleaned by another recipe");
    }
}
