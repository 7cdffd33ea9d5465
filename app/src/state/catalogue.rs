//! Public corpora that the engine knows, and the one that is on its way.

use glasshouse_protocol::{Command, CorpusSummary, Event};

/// Corpora.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// All of them; `None` before they were listed.
    pub corpora: Option<Vec<CorpusSummary>>,
    /// The one that is on its way.
    pub fetching: Option<Fetching>,
}

/// How far a corpus is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetching {
    /// What people call it.
    pub name: String,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all, about.
    pub total: u64,
}

impl Catalogue {
    pub(super) fn sent(&mut self, command: &Command) {
        if let Command::FetchCorpus { name } = command {
            let corpora = self.corpora.iter().flatten();
            let known = corpora.clone().find(|corpus| corpus.name == *name);
            self.fetching = Some(Fetching {
                name: known.map_or(name, |corpus| &corpus.title).clone(),
                done: 0,
                total: known.map_or(0, |corpus| corpus.bytes),
            });
        }
    }

    pub(super) fn apply(&mut self, asked: Option<&Command>, event: &Event) {
        match (event, asked) {
            (Event::Corpora { corpora }, _) => self.corpora = Some(corpora.clone()),
            (Event::Fetching { done, total }, _) => {
                if let Some(fetching) = &mut self.fetching {
                    (fetching.done, fetching.total) = (*done, *total);
                }
            }
            (Event::Finished | Event::Failed { .. }, Some(Command::FetchCorpus { .. })) => {
                self.fetching = None;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{ErrorKind, ErrorReport};

    #[test]
    fn a_corpus_is_on_its_way_until_it_is_there_or_cannot_be_had() {
        let mut catalogue = Catalogue::default();
        let corpus = CorpusSummary {
            name: "plays".to_owned(),
            title: "Plays".to_owned(),
            bytes: 100,
            ..CorpusSummary::default()
        };
        catalogue.apply(None, &Event::Corpora { corpora: vec![corpus] });
        let fetch = Command::FetchCorpus { name: "plays".to_owned() };
        for end in [
            Event::Finished,
            Event::Failed {
                error: ErrorReport { kind: ErrorKind::Refused, message: String::new(), field: None },
            },
        ] {
            catalogue.sent(&fetch);
            catalogue.apply(Some(&fetch), &Event::Fetching { done: 40, total: 100 });
            let way = Fetching { name: "Plays".to_owned(), done: 40, total: 100 };
            assert_eq!(catalogue.fetching, Some(way));
            catalogue.apply(Some(&Command::ListRuns), &Event::Finished);
            assert!(catalogue.fetching.is_some(), "another request ended");
            catalogue.apply(Some(&fetch), &end);
            assert!(catalogue.fetching.is_none());
        }
    }
}
