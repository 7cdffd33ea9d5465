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
    /// Each with the number of its input.
    pub documents: Vec<(usize, Document)>,
    pub troubles: Vec<Trouble>,
    /// The number of the input that the last item came from, and how many items of it were taken.
    pub end: (usize, u64),
}

/// An item with the number of its input, and its own number there.
pub(super) type Numbered = (usize, u64, Item);

/// Takes the next batch; `None` at the end. A document larger than a batch is a batch by itself.
pub(super) fn next(items: &mut (dyn Iterator<Item = Numbered> + Send)) -> Option<Batch> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    while bytes < BATCH_BYTES && batch.documents.len() < BATCH_DOCUMENTS {
        let Some((input, number, item)) = items.next() else { break };
        batch.end = (input, number + 1);
        match item {
            Ok(document) => {
                bytes += document.text.len();
                batch.documents.push((input, document));
            }
            Err(trouble) => batch.troubles.push(trouble),
        }
    }
    (!batch.documents.is_empty() || !batch.troubles.is_empty()).then_some(batch)
}
