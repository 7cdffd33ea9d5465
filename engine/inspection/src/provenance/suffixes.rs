//! Suffix array: the positions of a token stream, sorted by the suffixes that begin there (Manber and Myers 1990), built with
//! Larsson and Sadakane's algorithm ("Faster suffix sorting", 1999), which needs only two integers per token.
//!
//! Existing crates are not used, because they do not yield (`psacak`, `sais_drum`, `divsufsort`), which would block a browser
//! tab's only thread, or are C bindings (`libsais`), which the browser build excludes.

use glasshouse_platform::Yielder;

/// Flag for a run of sorted suffixes; the other bits are its length.
const SORTED: u32 = 1 << 31;

/// Maximum size of groups sorted by insertion.
const FEW: usize = 12;

/// Steps between yields.
const STEPS: usize = 1 << 14;

/// Maximum tokens that can be sorted.
pub(super) const MAX_TOKENS: u64 = SORTED as u64 - 1;

/// Memory for sorting.
pub(super) const BYTES_PER_TOKEN: u64 = 8;

/// Sorts the positions of a stream of at most [`MAX_TOKENS`] tokens. `places` is a buffer of the same length; the stream is used
/// as scratch space.
pub(super) async fn suffix_array(mut stream: Vec<u32>, places: Vec<u32>, yielder: &Yielder) -> Vec<u32> {
    let count = stream.len();
    debug_assert_eq!(places.len(), count, "a place for each token");
    if count == 0 {
        return places;
    }
    let mut sorting = Sorting { places, ranks: Vec::new(), depth: 1 };
    sorting.by_first_token(&mut stream, yielder).await;
    sorting.ranks = stream;
    while sorting.places[0] != SORTED | count as u32 {
        sorting.round(yielder).await;
        sorting.depth *= 2;
    }
    for (at, ranks) in sorting.ranks.chunks(STEPS).enumerate() {
        for (place, rank) in (at * STEPS..).zip(ranks) {
            sorting.places[*rank as usize] = place as u32;
        }
        yielder.maybe_yield().await;
    }
    sorting.places
}

struct Sorting {
    /// Positions, in groups with equal first `depth` tokens; or [`SORTED`] with the length of a sorted run.
    places: Vec<u32>,
    /// For each position, the last index of its group.
    ranks: Vec<u32>,
    depth: usize,
}

/// Remaining work in a group. Smaller elements are numbered before larger ones are processed, so that the ranks used for
/// comparisons are always in order.
enum SortTask {
    Sort(usize, usize),
    Number(usize, usize),
}

impl Sorting {
    /// Counting sort by the first token; replaces the stream by ranks.
    async fn by_first_token(&mut self, stream: &mut [u32], yielder: &Yielder) {
        let alphabet = stream.iter().max().map_or(0, |largest| *largest as usize + 1);
        let mut ends = vec![0_u32; alphabet];
        for tokens in stream.chunks(STEPS) {
            tokens.iter().for_each(|token| ends[*token as usize] += 1);
            yielder.maybe_yield().await;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        let mut next = ends.clone();
        for at in (0..stream.len()).rev() {
            let token = stream[at] as usize;
            next[token] -= 1;
            self.places[next[token] as usize] = at as u32;
            stream[at] = ends[token] - 1;
            if at % STEPS == 0 {
                yielder.maybe_yield().await;
            }
        }
        for (start, end) in next.into_iter().zip(ends) {
            if end - start == 1 {
                self.places[start as usize] = SORTED | 1;
            }
        }
    }

    /// One doubling round: sorts groups with equal first `depth` tokens by the next `depth` tokens.
    async fn round(&mut self, yielder: &Yielder) {
        let (mut at, mut run, mut steps) = (0, 0, 0);
        while at < self.places.len() {
            let place = self.places[at];
            steps += 1;
            if place & SORTED != 0 {
                let length = (place & !SORTED) as usize;
                run += length;
                at += length;
            } else {
                self.join(at, &mut run);
                let end = self.ranks[place as usize] as usize + 1;
                steps += end - at;
                if end - at <= FEW {
                    self.sort_few(at, end);
                } else {
                    self.sort(at, end, yielder).await;
                }
                at = end;
            }
            if steps >= STEPS {
                steps = 0;
                yielder.maybe_yield().await;
            }
        }
        self.join(at, &mut run);
    }

    /// Merges the sorted run that ends before `at` into one mark.
    fn join(&mut self, at: usize, run: &mut usize) {
        if *run > 0 {
            self.places[at - *run] = SORTED | *run as u32;
        }
        *run = 0;
    }

    /// Sort key of a position: the rank of the suffix `depth` tokens later; the stream's end is smallest.
    fn key(&self, place: u32) -> u32 {
        self.ranks.get(place as usize + self.depth).map_or(0, |rank| rank + 1)
    }

    fn number(&mut self, from: usize, to: usize, end: usize) {
        for place in &self.places[from..to] {
            self.ranks[*place as usize] = end as u32 - 1;
        }
    }

    fn sort_few(&mut self, from: usize, to: usize) {
        let mut keyed = [(0_u32, 0_u32); FEW];
        let keyed = &mut keyed[..to - from];
        for (entry, at) in keyed.iter_mut().zip(from..) {
            *entry = (self.key(self.places[at]), self.places[at]);
        }
        keyed.sort_unstable_by_key(|entry| entry.0);
        let mut at = from;
        for alike in keyed.chunk_by(|one, other| one.0 == other.0) {
            for (entry, at) in alike.iter().zip(at..) {
                self.places[at] = entry.1;
            }
            let end = at + alike.len();
            self.number(at, end, end);
            if alike.len() == 1 {
                self.places[at] = SORTED | 1;
            }
            at = end;
        }
    }

    /// Three-way quicksort.
    async fn sort(&mut self, from: usize, to: usize, yielder: &Yielder) {
        let mut tasks = vec![SortTask::Sort(from, to)];
        while let Some(task) = tasks.pop() {
            match task {
                SortTask::Sort(from, to) if from == to => {}
                SortTask::Sort(from, to) if to - from <= FEW => self.sort_few(from, to),
                SortTask::Sort(from, to) => {
                    let pivot = self.pivot(from, to);
                    let (mut equal, mut at, mut above) = (from, from, to);
                    while at < above {
                        self.partition(pivot, (&mut equal, &mut at, &mut above));
                        yielder.maybe_yield().await;
                    }
                    tasks.extend([
                        SortTask::Sort(above, to),
                        SortTask::Number(equal, above),
                        SortTask::Sort(from, equal),
                    ]);
                }
                SortTask::Number(from, to) => {
                    for at in (from..to).step_by(STEPS) {
                        self.number(at, to.min(at + STEPS), to);
                        yielder.maybe_yield().await;
                    }
                    if to - from == 1 {
                        self.places[from] = SORTED | 1;
                    }
                }
            }
        }
    }

    /// The median of nine keys.
    fn pivot(&self, from: usize, to: usize) -> u32 {
        let step = (to - from - 1) / 8;
        let mut keys: [u32; 9] = std::array::from_fn(|nth| self.key(self.places[from + nth * step]));
        keys.sort_unstable();
        keys[4]
    }

    /// Partitions for up to [`STEPS`] steps: keys below the pivot are before `equal`, equal ones before `at`, larger ones from `above` on.
    fn partition(&mut self, pivot: u32, (equal, at, above): (&mut usize, &mut usize, &mut usize)) {
        for _ in 0..STEPS {
            if at >= above {
                return;
            }
            match self.key(self.places[*at]).cmp(&pivot) {
                std::cmp::Ordering::Less => {
                    self.places.swap(*equal, *at);
                    *equal += 1;
                    *at += 1;
                }
                std::cmp::Ordering::Equal => *at += 1,
                std::cmp::Ordering::Greater => {
                    *above -= 1;
                    self.places.swap(*at, *above);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;
    use proptest::prelude::*;

    fn sorted(stream: &[u32]) -> Vec<u32> {
        block_on(suffix_array(stream.to_vec(), vec![0; stream.len()], &Yielder::none()))
    }

    fn sorted_plainly(stream: &[u32]) -> Vec<u32> {
        let mut places: Vec<u32> = (0..stream.len() as u32).collect();
        places.sort_by_key(|place| &stream[*place as usize..]);
        places
    }

    proptest! {
        #[test]
        fn suffixes_stand_in_order(alphabet in 1_u32..5, seed in prop::collection::vec(0_u32..1000, 0..300)) {
            let stream: Vec<u32> = seed.iter().map(|draw| draw % alphabet).collect();
            prop_assert_eq!(sorted(&stream), sorted_plainly(&stream));
        }
    }

    /// Takes quadratic time when sorting by single tokens, or by prefixes that grow one token at a time.
    #[test]
    fn a_stream_that_repeats_itself_is_sorted() {
        let period = [3, 1, 4, 1, 5, 9, 2, 6];
        let stream: Vec<u32> = (0..2000).map(|at| period[at % period.len()]).collect();
        assert_eq!(sorted(&stream), sorted_plainly(&stream));
        let same = vec![7; 1000];
        assert_eq!(sorted(&same), (0..1000).rev().collect::<Vec<u32>>());
    }
}
