//! Batches of documents that keep all cores busy with bounded memory.

use glasshouse_documents::document::Document;
use glasshouse_documents::read::{Item, Trouble};

/// Bytes of documents in a batch: enough for all cores, small enough to hold two.
const BATCH_BYTES: usize = 8 << 20;
const BATCH_DOCUMENTS: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub documents: Vec<(usize, Document)>,
    pub troubles: Vec<Trouble>,
    /// The input of the last item, and the number of items taken from it.
    pub end: (usize, u64),
}

/// An item with the index of its input and its index there.
pub(super) type Numbered = (usize, u64, Item);

/// Takes the next batch; `None` at the end. A document larger than a batch is a batch of its own.
pub(super) fn next(items: &mut (dyn Iterator<Item = Numbered> + Send)) -> Option<Batch> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    while bytes < BATCH_BYTES && batch.documents.len() < BATCH_DOCUMENTS {
        let Some((input, number, item)) = items.next() else { break };
        batch.end = (input, number + 1);
        match item {
            Ok(document) => {
                bytes += document.bytes();
                batch.documents.push((input, document));
            }
            Err(trouble) => batch.troubles.push(trouble),
        }
    }
    (!batch.documents.is_empty() || !batch.troubles.is_empty()).then_some(batch)
}
