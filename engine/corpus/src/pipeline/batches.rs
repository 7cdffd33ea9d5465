//! Documents in groups that keep all cores busy and memory bounded.

use crate::document::Document;
use crate::read::{Item, Trouble};

/// Bytes of text in a batch: enough for the cores to share, little enough to hold twice.
const BATCH_BYTES: usize = 8 << 20;
/// Documents in a batch.
const BATCH_DOCUMENTS: usize = 4096;

/// Some documents in their order, and what could not be read between them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub documents: Vec<Document>,
    pub troubles: Vec<Trouble>,
}

/// Takes the next batch; `None` at the end. A document larger than a batch is a batch by itself.
pub(super) fn next(items: &mut (dyn Iterator<Item = Item> + Send)) -> Option<Batch> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    while bytes < BATCH_BYTES && batch.documents.len() < BATCH_DOCUMENTS {
        match items.next() {
            Some(Ok(document)) => {
                bytes += document.text.len();
                batch.documents.push(document);
            }
            Some(Err(trouble)) => batch.troubles.push(trouble),
            None => break,
        }
    }
    (!batch.documents.is_empty() || !batch.troubles.is_empty()).then_some(batch)
}
