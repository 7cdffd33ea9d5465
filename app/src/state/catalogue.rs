//! Public corpora known to the engine, and the one being downloaded.

use glasshouse_protocol::{Command, CorpusSummary, Event, FetchProgress};

#[derive(Debug, Default)]
pub struct Catalogue {
    /// `None` before they were listed.
    pub corpora: Option<Vec<CorpusSummary>>,
    pub fetching: Option<Fetching>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetching {
    pub request: u64,
    pub name: String,
    /// Bytes downloaded.
    pub done: u64,
    /// Approximate total bytes.
    pub total: u64,
    /// The download is complete, and its checksum is being verified.
    pub verifying: bool,
    /// Why the previous attempt failed, while waiting for the next.
    pub retrying: Option<String>,
}

impl Catalogue {
    pub(super) fn sent(&mut self, id: u64, command: &Command) {
        if let Command::FetchCorpus { name, to: None, add: true } = command {
            let corpora = self.corpora.iter().flatten();
            let known = corpora.clone().find(|corpus| corpus.name == *name);
            self.fetching = Some(Fetching {
                request: id,
                name: known.map_or(name, |corpus| &corpus.title).clone(),
                total: known.map_or(0, |corpus| corpus.bytes),
                ..Fetching::default()
            });
        }
    }

    pub(super) fn apply(&mut self, asked: Option<&Command>, event: &Event) {
        match (event, asked) {
            (Event::Corpora { corpora }, _) => self.corpora = Some(corpora.clone()),
            (Event::Fetching { progress }, _) => {
                if let Some(fetching) = &mut self.fetching {
                    fetching.take(progress);
                }
            }
            (Event::Finished | Event::Failed { .. }, Some(Command::FetchCorpus { .. })) => {
                self.fetching = None;
            }
            _ => {}
        }
    }
}

impl Fetching {
    fn take(&mut self, progress: &FetchProgress) {
        (self.verifying, self.retrying) = (false, None);
        match progress {
            FetchProgress::Receiving { done, total } => (self.done, self.total) = (*done, *total),
            FetchProgress::Retrying { reason, .. } => self.retrying = Some(reason.clone()),
            FetchProgress::Verifying => self.verifying = true,
            FetchProgress::Done { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{ErrorKind, ErrorReport};

    #[test]
    fn a_corpus_is_on_its_way_until_it_is_there_or_cannot_be_had() {
        let (name, title) = ("plays".to_owned(), "Plays".to_owned());
        let way = Fetching { request: 3, name: title.clone(), total: 100, ..Fetching::default() };
        let corpus = CorpusSummary { name: name.clone(), title, bytes: 100, ..CorpusSummary::default() };
        let mut catalogue = Catalogue::default();
        catalogue.apply(None, &Event::Corpora { corpora: vec![corpus] });
        let fetch = Command::FetchCorpus { name, to: None, add: true };
        for end in [Event::Finished, Event::Failed { error: ErrorReport::new(ErrorKind::Refused, "") }] {
            catalogue.sent(3, &fetch);
            let receiving = FetchProgress::Receiving { done: 40, total: 100 };
            let reason = Some("no answer".to_owned());
            let retry = FetchProgress::Retrying { reason: "no answer".to_owned(), seconds: 2.0 };
            for (progress, retrying, verifying) in [
                (receiving.clone(), None, false),
                (retry, reason, false),
                (receiving, None, false),
                (FetchProgress::Verifying, None, true),
            ] {
                catalogue.apply(Some(&fetch), &Event::Fetching { progress });
                let now = Fetching { done: 40, retrying, verifying, ..way.clone() };
                assert_eq!(catalogue.fetching, Some(now));
            }
            catalogue.apply(Some(&Command::ListRuns), &Event::Finished);
            assert!(catalogue.fetching.is_some(), "another request ended");
            catalogue.apply(Some(&fetch), &end);
            assert!(catalogue.fetching.is_none());
        }
    }
}
