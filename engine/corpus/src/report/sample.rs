//! Deterministic sampling of a few items, independent of their order.

use std::collections::BTreeMap;

const SHOWN: usize = 5;

/// The first `limit` bytes of a text, cut between words if possible, with `…` if it continues.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let head = text.get(..text.floor_char_boundary(limit)).unwrap_or_default();
    let word = head.rfind(char::is_whitespace).filter(|end| *end > limit / 2).unwrap_or(head.len());
    format!("{} …", head.get(..word).unwrap_or(head).trim_end())
}

/// A sample of items with the smallest hashes of their keys: it depends only on the set of items.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drawn<T> {
    items: BTreeMap<(u64, String), T>,
}

impl<T> Drawn<T> {
    /// Offers an item. `make` is called only if it is selected; returns whether it is. Among equal keys the first is kept.
    pub(crate) fn offer(&mut self, salt: &str, key: &str, make: impl FnOnce() -> T) -> bool {
        // Salted with the stage's name, so that stages select independently.
        let key = (draw_key(&format!("{salt}\0{key}")), key.to_owned());
        let last = self.items.last_key_value().filter(|_| self.items.len() >= SHOWN);
        let chosen = last.is_none_or(|(last, _)| key < *last) && !self.items.contains_key(&key);
        if chosen {
            self.items.insert(key, make());
            if self.items.len() > SHOWN {
                self.items.pop_last();
            }
        }
        chosen
    }

    pub(crate) fn into_items(self) -> Vec<T> {
        self.items.into_values().collect()
    }
}

/// A pseudorandom number from a text, the same on every machine: FNV-1a, then MurmurHash3's finaliser. It decides which
/// documents are shown.
pub(crate) fn draw_key(text: &str) -> u64 {
    hash(text.bytes())
}

/// Like [`draw_key`], without white space, which depends on a document's file. It decides which documents are held out.
pub(crate) fn content_key(text: &str) -> u64 {
    hash(text.bytes().filter(|byte| !byte.is_ascii_whitespace()))
}

fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
