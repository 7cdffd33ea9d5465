//! A few documents out of many: always the same few, whoever saw them and in whatever order.

/// Bytes of text that an excerpt shows at most.
pub const EXCERPT_BYTES: usize = 400;

/// The beginning of a text, cut at a word where one ends near, with `…` where something follows.
pub fn excerpt(text: &str) -> String {
    cut(text.trim(), EXCERPT_BYTES)
}

/// The first `limit` bytes of a text, cut at a word where one ends near, with `…` where something follows.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let head = text.get(..text.floor_char_boundary(limit)).unwrap_or_default();
    let word = head.rfind(char::is_whitespace).filter(|end| *end > limit / 2).unwrap_or(head.len());
    format!("{} …", head.get(..word).unwrap_or(head).trim_end())
}

/// A few items, chosen by a hash of their keys: the smallest hashes stay. Which ones these are depends on the set of items alone.
#[derive(Clone, Debug)]
pub(crate) struct Chosen<T> {
    limit: usize,
    /// Ascending by hash and key.
    items: Vec<(u64, String, T)>,
}

impl<T> Chosen<T> {
    /// None yet, and at most `limit` ever.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, items: Vec::new() }
    }

    /// Offers an item, which is made only if it is chosen, as is said then. Of items with one key the first stays.
    pub(crate) fn offer(&mut self, salt: &str, key: &str, make: impl FnOnce() -> T) -> bool {
        let hash = hash(salt, key);
        let place = self.place(hash, key);
        if let Some(place) = place {
            self.insert(place, (hash, key.to_owned(), make()));
        }
        place.is_some()
    }

    /// The chosen ones.
    pub(crate) fn into_items(self) -> Vec<T> {
        self.items.into_iter().map(|(_, _, item)| item).collect()
    }

    /// Where an item would stand, if it would be chosen.
    fn place(&self, hash: u64, key: &str) -> Option<usize> {
        let place = self
            .items
            .binary_search_by(|(other_hash, other, _)| (*other_hash, other.as_str()).cmp(&(hash, key)))
            .err()?;
        (place < self.limit).then_some(place)
    }

    fn insert(&mut self, place: usize, item: (u64, String, T)) {
        self.items.insert(place, item);
        self.items.truncate(self.limit);
    }
}

/// A hash that spreads and is the same on every target, unlike those of hash maps, which follow the width of a pointer: FNV-1a, mixed
/// at its end (splitmix64) since it is its order that counts here. Salted with the stage's name, so that two stages choose apart.
fn hash(salt: &str, key: &str) -> u64 {
    let bytes = salt.bytes().chain([0]).chain(key.bytes());
    let mut value = bytes
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
