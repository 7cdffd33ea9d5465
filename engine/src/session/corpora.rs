//! Public corpora: the catalogue, and adding one to the open project.

use super::Session;
use super::undo::Undo;
use crate::platform::{self, Fetched};
use crate::protocol::{CorpusSummary, Event, FetchProgress};
use crate::{Error, Result};
use glasshouse_documents::catalogue::{self, Entry, Length};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

impl Session {
    pub(super) fn list_corpora(&self) -> Event {
        let corpora = catalogue::ENTRIES.iter().map(summary).collect();
        Event::Corpora { corpora }
    }

    pub(super) async fn fetch_corpus(
        &mut self,
        id: u64,
        name: &str,
        to: Option<PathBuf>,
        add: bool,
    ) -> Result<()> {
        if add {
            self.opened()?;
        }
        let path = self.fetched(id, name.to_owned(), to).await?;
        if add {
            return self.add_documents(id, &[path.display().to_string()], Vec::new()).await;
        }
        self.sink.answer(id, Event::Fetching { progress: FetchProgress::Done { path } });
        Ok(())
    }

    /// The file of a corpus, or the folder of a dataset; downloads it if necessary.
    async fn fetched(&self, id: u64, name: String, to: Option<PathBuf>) -> Result<PathBuf> {
        let stop = Undo::new(Arc::default(), |stop: &Arc<AtomicBool>| stop.store(true, Ordering::Relaxed));
        let told = platform::fetch_corpus(name, to, stop.value.clone())?;
        loop {
            match told.recv().await {
                Ok(Fetched::Progress(progress)) => {
                    if let FetchProgress::Receiving { done, total } = progress {
                        self.sink.progress(done, total);
                    }
                    self.sink.answer(id, Event::Fetching { progress });
                }
                Ok(Fetched::Done(path)) => return path,
                Err(_) => return Err(Error::Internal("a download ended without a result".to_owned())),
            }
        }
    }
}

fn summary(entry: &Entry) -> CorpusSummary {
    CorpusSummary {
        name: entry.name.to_string(),
        title: entry.title.to_string(),
        sentence: entry.sentence.to_string(),
        address: entry.address.to_string(),
        format: entry.format.to_string(),
        bytes: entry.length.bytes(),
        exact: matches!(entry.length, Length::Exact(_)),
        licence: entry.licence.to_string(),
        note: entry.note.to_string(),
    }
}
