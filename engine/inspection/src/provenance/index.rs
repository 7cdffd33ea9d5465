//! Index for finding spans of a text in a training stream.

use super::grams::Grams;
use super::suffixes::{self, suffix_array};
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_text::data::store::{Split, TokenStore};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Minimum length of a listed span in tokens; three-word sequences are found everywhere.
const MIN_SPAN: usize = 4;

/// Tokens compared at a time.
const COMPARED: usize = 32;

/// Maximum positions with the same hash that are compared; spans that occur everywhere are not worth the time.
const MAX_COMPARED: usize = 1 << 18;

/// Tokens read at a time.
const READ: usize = 1 << 16;

/// Minimum bytes for a useful index.
const MIN_BYTES: u64 = 1 << 10;

/// Maximum positions listed per span.
const LISTED: usize = 4;

/// Limits of an index: tokens to sort, and bytes in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) sorted: u64,
    pub(super) bytes: u64,
}

impl Limits {
    /// Limits for this machine: at most a quarter of the available memory.
    pub(super) fn here() -> Self {
        let room = glasshouse_platform::available_memory().map_or(u64::MAX, |available| available / 4);
        Self { sorted: glasshouse_platform::SORTED_TOKENS, bytes: glasshouse_platform::INDEX_BYTES.min(room) }
    }
}

/// Allocates zeros, or returns `None` if memory is short (`vec!` would abort the program).
pub(super) type Zeros = fn(usize) -> Option<Vec<u32>>;

fn zeros(count: usize) -> Option<Vec<u32>> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(count).ok()?;
    zeros.resize(count, 0);
    Some(zeros)
}

/// A searchable training stream.
#[derive(Debug)]
pub struct TextIndex {
    store: TokenStore,
    /// Document ends, if the stream has document boundaries.
    documents: Option<Vec<u64>>,
    kind: Kind,
    /// The stream has too many tokens to sort, independent of memory.
    is_long: bool,
}

#[derive(Debug)]
enum Kind {
    /// Finds any span.
    Suffixes(Vec<u32>),
    /// Finds spans of at least a fixed length.
    Grams(Grams),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occurrences {
    pub count: usize,
    /// Positions in ascending order, at most [`LISTED`]: the first in the stream and then the first in each further document, or
    /// simply the next ones if there are no document boundaries.
    pub firsts: Vec<u64>,
}

impl TextIndex {
    /// Indexes a store's training stream. If it has too many tokens to sort, or memory is short, only spans of a minimum length are found.
    pub(super) async fn new(store: TokenStore, limits: Limits, yielder: &Yielder) -> Result<Self> {
        Self::with_memory(store, limits, zeros, yielder).await
    }

    async fn with_memory(store: TokenStore, limits: Limits, zeros: Zeros, yielder: &Yielder) -> Result<Self> {
        let tokens = store.len(Split::Train);
        let documents = documents(&store, yielder).await?;
        let is_long = tokens > limits.sorted.min(suffixes::MAX_TOKENS);
        let sorted = if !is_long && tokens <= limits.bytes / suffixes::BYTES_PER_TOKEN {
            sorted(&store, zeros, yielder).await?
        } else {
            None
        };
        let kind = match sorted {
            Some(places) => Kind::Suffixes(places),
            None => Kind::Grams(grams(&store, limits.bytes, zeros, yielder).await?),
        };
        Ok(Self { store, documents, kind, is_long })
    }

    /// Explains why short spans are not found; `None` if all spans of at least the listed length are.
    pub(super) fn shortcoming(&self) -> Option<String> {
        let (tokens, shortest) = (self.tokens(), self.shortest());
        let found = format!("spans of {shortest} tokens and more are found.");
        match (&self.kind, self.is_long) {
            (Kind::Suffixes(_), _) => None,
            (Kind::Grams(_), true) => Some(format!(
                "The training text of {tokens} tokens is too long for an index of every span: {found}"
            )),
            (Kind::Grams(_), false) => Some(format!(
                "There is no memory for an index of every span of the training text's {tokens} tokens; with a smaller one, {found}"
            )),
        }
    }

    pub(super) fn tokens(&self) -> u64 {
        self.store.len(Split::Train)
    }

    /// Bytes in memory, not counting the stream.
    pub(super) fn bytes(&self) -> u64 {
        let own = match &self.kind {
            Kind::Suffixes(places) => places.len() as u64 * 4,
            Kind::Grams(grams) => grams.bytes(),
        };
        own + self.documents.as_ref().map_or(0, |ends| ends.len() as u64 * 8)
    }

    /// Length of the shortest span that can be found.
    pub(super) fn shortest(&self) -> usize {
        match &self.kind {
            Kind::Suffixes(_) => MIN_SPAN,
            Kind::Grams(grams) => grams.shortest().max(MIN_SPAN),
        }
    }

    /// All maximal spans of a text that occur in the stream, in text order.
    pub(super) async fn spans(&self, text: &[u32], yielder: &Yielder) -> Result<Vec<Range<usize>>> {
        let (shortest, mut found, mut from) = (self.shortest(), Vec::new(), 0);
        while from + shortest <= text.len() {
            let length = self.longest(&text[from..], yielder).await?;
            if length < shortest {
                from += 1;
                continue;
            }
            let end = from + length;
            found.push(from..end);
            if end == text.len() {
                break;
            }
            // The next span includes the token that ended this one. Longer spans are less likely to occur, so binary search works.
            let (mut low, mut high) = (from + 1, end + 2 - shortest);
            while low < high {
                let middle = low.midpoint(high);
                if self.longest(&text[middle..=end], yielder).await? == end + 1 - middle {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            from = low;
        }
        Ok(found)
    }

    /// Length of the longest prefix of a text that occurs in the stream. Values below [`Self::shortest`] may be too low.
    async fn longest(&self, text: &[u32], yielder: &Yielder) -> Result<usize> {
        yielder.maybe_yield().await;
        let mut longest = 0;
        match &self.kind {
            Kind::Suffixes(places) => {
                let at = self.bound(places, text, Ordering::Greater)?;
                for neighbour in places[at.saturating_sub(1)..].iter().take(2) {
                    longest = longest.max(self.compare(text, u64::from(*neighbour))?.0);
                }
            }
            Kind::Grams(grams) => {
                for place in grams.candidates(text).take(MAX_COMPARED) {
                    longest = longest.max(self.compare(text, place)?.0);
                    if longest == text.len() {
                        break;
                    }
                    yielder.maybe_yield().await;
                }
            }
        }
        Ok(longest)
    }

    pub async fn occurrences(&self, span: &[u32], yielder: &Yielder) -> Result<Occurrences> {
        match &self.kind {
            Kind::Suffixes(places) => {
                let from = self.bound(places, span, Ordering::Greater)?;
                let to = self.bound(places, span, Ordering::Equal)?;
                let own = places.get(from..to).unwrap_or_default();
                let firsts = self.firsts(own.iter().map(|place| u64::from(*place)), yielder).await;
                Ok(Occurrences { count: own.len(), firsts })
            }
            Kind::Grams(grams) => {
                let mut own = Vec::new();
                for place in grams.candidates(span).take(MAX_COMPARED) {
                    if self.compare(span, place)?.0 == span.len() {
                        own.push(place);
                    }
                    yielder.maybe_yield().await;
                }
                Ok(Occurrences { count: own.len(), firsts: self.firsts(own.iter().copied(), yielder).await })
            }
        }
    }

    /// Selects the positions to list; `places` can be in any order.
    async fn firsts(&self, places: impl Iterator<Item = u64> + Clone, yielder: &Yielder) -> Vec<u64> {
        let (mut firsts, mut from) = (Vec::new(), 0);
        while firsts.len() < LISTED
            && let Some(first) = places.clone().filter(|place| *place >= from).min()
        {
            firsts.push(first);
            from = self.document(first).map_or(first + 1, |(_, document)| document.end);
            yielder.maybe_yield().await;
        }
        firsts
    }

    /// Whether a span has more positions with its hash than are compared.
    pub(super) fn is_cut(&self, span: &[u32]) -> bool {
        match &self.kind {
            Kind::Suffixes(_) => false,
            Kind::Grams(grams) => grams.candidates(span).nth(MAX_COMPARED).is_some(),
        }
    }

    /// Index of the first suffix that is not less than `text`, or with `Equal`, the first after all suffixes that begin with it.
    fn bound(&self, places: &[u32], text: &[u32], past: Ordering) -> Result<usize> {
        let (mut low, mut high) = (0, places.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.compare(text, u64::from(places[middle]))?.1 >= past {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Length of the common prefix of `text` and the stream at `place`, and how `text` compares; equal if it matches completely.
    fn compare(&self, text: &[u32], place: u64) -> Result<(usize, Ordering)> {
        let (mut alike, tokens) = (0, self.tokens());
        while alike < text.len() {
            let from = place + alike as u64;
            let count = (text.len() - alike).min(COMPARED).min(tokens.saturating_sub(from) as usize);
            if count == 0 {
                return Ok((alike, Ordering::Greater));
            }
            let own = self.store.read(Split::Train, from, count)?;
            for (given, own) in text[alike..].iter().zip(own) {
                match given.cmp(&own) {
                    Ordering::Equal => alike += 1,
                    other => return Ok((alike, other)),
                }
            }
        }
        Ok((alike, Ordering::Equal))
    }

    /// Tokens in a range, cut at the end of the stream.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Vec<u32>> {
        let end = range.end.min(self.tokens());
        self.store.read(Split::Train, range.start.min(end), end.saturating_sub(range.start) as usize)
    }

    /// Index (from 0) and token range of the document at a position; `None` if there are no document boundaries.
    pub(super) fn document(&self, place: u64) -> Option<(u64, Range<u64>)> {
        let ends = self.documents.as_ref()?;
        let number = ends.partition_point(|end| *end <= place);
        let from = number.checked_sub(1).map_or(0, |before| ends[before]);
        Some((number as u64, from..ends.get(number).copied().unwrap_or(self.tokens())))
    }
}

/// The suffix array of a store's training stream; `None` if memory is short.
async fn sorted(store: &TokenStore, zeros: Zeros, yielder: &Yielder) -> Result<Option<Vec<u32>>> {
    let count = store.len(Split::Train) as usize;
    let (Some(mut stream), Some(places)) = (zeros(count), zeros(count)) else { return Ok(None) };
    for (at, part) in stream.chunks_mut(READ).enumerate() {
        let read = store.read(Split::Train, (at * READ) as u64, part.len())?;
        part.iter_mut().zip(read).for_each(|(to, token)| *to = token);
        yielder.maybe_yield().await;
    }
    Ok(Some(suffix_array(stream, places, yielder).await))
}

/// The largest hash index that fits into `bytes` and the available memory.
async fn grams(store: &TokenStore, bytes: u64, zeros: Zeros, yielder: &Yielder) -> Result<Grams> {
    let mut budget = bytes;
    loop {
        if let Some(grams) = Grams::new(store, budget, zeros, yielder).await? {
            return Ok(grams);
        }
        if budget < MIN_BYTES {
            return Err(Error::OutOfMemory {
                what: "an index of the training text".to_owned(),
                needed: MIN_BYTES,
                held: None,
                advice: "close other programs or tabs, and search again".to_owned(),
            });
        }
        budget /= 2;
    }
}

/// End positions of documents (after their end token) or of examples.
async fn documents(store: &TokenStore, yielder: &Yielder) -> Result<Option<Vec<u64>>> {
    if let Some(examples) = store.examples(Split::Train) {
        return Ok(Some((0..examples.count()).map(|example| examples.range(example).end).collect()));
    }
    let Some(separator) = store.index().and_then(|index| index.end_of_text) else { return Ok(None) };
    let (tokens, mut ends) = (store.len(Split::Train), Vec::new());
    for from in (0..tokens).step_by(READ) {
        let read = store.read(Split::Train, from, READ.min((tokens - from) as usize))?;
        let own = (from + 1..).zip(read).filter(|(_, token)| *token == separator);
        ends.extend(own.map(|(end, _)| end));
        yielder.maybe_yield().await;
    }
    Ok(Some(ends))
}

type Indexed = (PathBuf, Arc<TextIndex>);

/// Cached indices, most recently used last; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Indices(Rc<RefCell<Vec<Indexed>>>);

impl Indices {
    /// The cached index of a folder, if any.
    pub(super) fn get(&mut self, folder: &Path) -> Option<Arc<TextIndex>> {
        let mut kept = self.0.borrow_mut();
        let at = kept.iter().position(|(own, _)| own == folder)?;
        let own = kept.remove(at);
        let index = own.1.clone();
        kept.push(own);
        Some(index)
    }

    /// The index of a folder's stream, cached or newly built and cached, and whether it is new. Fails if the folder has no complete store.
    pub async fn open(&mut self, folder: &Path, yielder: &Yielder) -> Result<(Arc<TextIndex>, bool)> {
        if let Some(index) = self.get(folder) {
            return Ok((index, false));
        }
        let limits = Limits::here();
        let index = Arc::new(TextIndex::new(TokenStore::open(folder)?, limits, yielder).await?);
        self.keep(folder, index.clone(), limits.bytes);
        Ok((index, true))
    }

    /// Caches an index, evicting the least recently used ones beyond the budget.
    pub(super) fn keep(&mut self, folder: &Path, index: Arc<TextIndex>, bytes: u64) {
        let mut kept = self.0.borrow_mut();
        // Another request may have built it meanwhile.
        kept.retain(|(own, _)| own != folder);
        kept.push((folder.to_owned(), index));
        while kept.len() > 1 && kept.iter().map(|(_, index)| index.bytes()).sum::<u64>() > bytes {
            kept.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;
    use glasshouse_protocol::random;
    use proptest::prelude::*;

    const SORTED: Limits = Limits { sorted: 1 << 20, bytes: 1 << 30 };
    const GRAMS: Limits = Limits { sorted: 0, bytes: 1 << 30 };

    fn index(stream: &[u32], limits: Limits) -> TextIndex {
        let store = TokenStore::in_memory(stream.to_vec(), Vec::new());
        block_on(TextIndex::new(store, limits, &Yielder::none())).unwrap()
    }

    fn places(stream: &[u32], span: &[u32]) -> Vec<u64> {
        let windows = stream.windows(span.len()).enumerate();
        windows.filter(|(_, own)| *own == span).map(|(at, _)| at as u64).collect()
    }

    /// All spans of the text that occur in the stream, except those inside another.
    fn spans_plainly(stream: &[u32], text: &[u32], shortest: usize) -> Vec<Range<usize>> {
        let stands = |range: &Range<usize>| !places(stream, &text[range.clone()]).is_empty();
        let all = (0..text.len()).flat_map(|from| (from + shortest..=text.len()).map(move |to| from..to));
        let all: Vec<_> = all.filter(stands).collect();
        let within = |one: &Range<usize>, other: &Range<usize>| {
            one != other && other.start <= one.start && one.end <= other.end
        };
        all.iter().filter(|one| !all.iter().any(|other| within(one, other))).cloned().collect()
    }

    fn agrees(stream: &[u32], text: &[u32], limits: Limits) -> std::result::Result<(), TestCaseError> {
        let index = index(stream, limits);
        let found = block_on(index.spans(text, &Yielder::none())).unwrap();
        prop_assert_eq!(&found, &spans_plainly(stream, text, index.shortest()));
        for range in found {
            let own = places(stream, &text[range.clone()]);
            let expected = Occurrences { count: own.len(), firsts: own.into_iter().take(LISTED).collect() };
            prop_assert_eq!(block_on(index.occurrences(&text[range], &Yielder::none())).unwrap(), expected);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn the_longest_spans_are_those_of_a_plain_search(
            alphabet in 1_u32..4,
            stream in prop::collection::vec(0_u32..1000, 0..200),
            text in prop::collection::vec(0_u32..1000, 0..24),
            copied in prop::option::of((0_usize..150, 5_usize..30)),
            places in 3_u64..400,
        ) {
            let of = |draws: Vec<u32>| draws.iter().map(|draw| draw % alphabet).collect::<Vec<u32>>();
            let (stream, mut text) = (of(stream), of(text));
            // Random tokens alone have few long spans.
            if let Some((from, count)) = copied {
                text.extend(stream.iter().skip(from).take(count));
            }
            agrees(&stream, &text, SORTED)?;
            agrees(&stream, &text, GRAMS)?;
            agrees(&stream, &text, Limits { bytes: places * 8, ..GRAMS })?;
        }
    }

    #[test]
    fn an_index_of_few_bytes_finds_longer_spans_alone() {
        let stream: Vec<u32> = (0..1000).collect();
        let whole = index(&stream, GRAMS);
        assert_eq!(whole.shortest(), 8);
        let small = index(&stream, Limits { sorted: 0, bytes: 2000 });
        assert_eq!(small.shortest(), 11);
        assert!(small.bytes() <= 2000 && whole.bytes() > 4000, "{} {}", small.bytes(), whole.bytes());
        assert_eq!(index(&stream, Limits { sorted: 999, ..SORTED }).shortest(), 8);
        assert_eq!(index(&stream, Limits { sorted: 1000, ..SORTED }).shortest(), MIN_SPAN);
    }

    #[test]
    fn an_index_that_does_not_find_every_span_says_why() {
        let stream: Vec<u32> = (0..1000).collect();
        let said = |limits| index(&stream, limits).shortcoming();
        let all = Limits { sorted: 1000, bytes: 8000 };
        assert_eq!(said(all), None);
        let long = said(Limits { sorted: 999, ..all }).unwrap();
        assert!(
            long.contains("of 1000 tokens is too long") && long.contains("of 8 tokens and more"),
            "{long}"
        );
        let small = said(Limits { bytes: 2000, ..all }).unwrap();
        assert!(
            small.starts_with("There is no memory") && small.contains("of 11 tokens and more"),
            "{small}"
        );
    }

    #[test]
    fn without_memory_for_an_index_a_smaller_one_is_made() {
        let stream: Vec<u32> = (0..1000).collect();
        let made = |zeros: Zeros| {
            let store = TokenStore::in_memory(stream.clone(), Vec::new());
            block_on(TextIndex::with_memory(store, SORTED, zeros, &Yielder::none()))
        };
        assert_eq!(made(|count| (count <= 1000).then(|| vec![0; count])).unwrap().shortcoming(), None);
        let small = made(|count| (count <= 200).then(|| vec![0; count])).unwrap();
        let said = small.shortcoming().unwrap();
        assert!(said.starts_with("There is no memory"), "{said}");
        let shortest = small.shortest();
        assert!((9..40).contains(&shortest) && said.contains(&format!("of {shortest} tokens")), "{said}");
        let text: Vec<u32> = (500..600).collect();
        let found = block_on(small.spans(&text, &Yielder::none())).unwrap();
        assert!(found.len() == 1 && found[0] == (0..100), "{found:?}");
        let error = made(|_| None).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    }

    /// Byte-level, to get the maximum number of tokens, within a browser tab's memory.
    #[test]
    fn slow_a_hundred_megabytes_of_text_are_looked_up_within_a_tabs_budget() {
        const TAB: Limits = Limits { sorted: 4 << 20, bytes: 192 << 20 };
        let byte = |at: u64| (random::nth(7, 1, at) % 256) as u32;
        let stream: Vec<u32> = (0..100_000_000).map(byte).collect();
        let place = 60_000_001;
        let text = stream[place..place + 40].to_vec();
        let store = TokenStore::in_memory(stream, Vec::new());
        let index = block_on(TextIndex::new(store, TAB, &Yielder::none())).unwrap();
        assert!(
            index.bytes() <= TAB.bytes && index.shortest() <= 16,
            "{} {}",
            index.bytes(),
            index.shortest()
        );
        let found = block_on(index.spans(&text, &Yielder::none())).unwrap();
        assert_eq!((found.len(), &found[0]), (1, &(0..40)));
        let expected = Occurrences { count: 1, firsts: vec![place as u64] };
        assert_eq!(block_on(index.occurrences(&text, &Yielder::none())).unwrap(), expected);
    }

    #[test]
    fn indices_are_kept_within_a_budget() {
        let (mut kept, text) = (Indices::default(), [1, 2, 3, 4, 5]);
        for name in ["a", "b", "c"] {
            // 20 bytes each.
            kept.keep(Path::new(name), Arc::new(index(&text, SORTED)), 45);
        }
        assert!(kept.get(Path::new("a")).is_none());
        assert!(kept.get(Path::new("b")).is_some() && kept.get(Path::new("c")).is_some());
    }

    /// Natively and in a browser, the work can be dropped at every yield.
    #[test]
    fn making_an_index_gives_turns() {
        let stream: Vec<u32> = (0..200_000).map(|at| at * 7919 % 101).collect();
        let store = TokenStore::in_memory(stream, Vec::new());
        let yielder = Yielder::at_every_chance();
        assert!(!glasshouse_platform::given_up_after(20, TextIndex::new(store, SORTED, &yielder)));
    }
}
