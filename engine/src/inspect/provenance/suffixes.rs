//! A suffix array: the places of a stream of tokens in the order of what follows from each on (Manber and Myers 1990), made by
//! Larsson and Sadakane's sorting ("Faster suffix sorting", 1999), which needs two integers a token and no more.
//!
//! It is our own since it gives turns: a tab has one thread, and the crates that sort suffixes (`psacak`, `sais_drum`, `divsufsort`)
//! hold it until they are done, or are bindings to C (`libsais`), which a browser's engine is built without.

use crate::platform::Turns;

/// What marks, where a suffix would stand, that so many from there on are in their places.
const SORTED: u32 = 1 << 31;

/// Groups that are sorted by insertion.
const FEW: usize = 12;

/// Steps between turns.
const STEPS: usize = 1 << 14;

/// More tokens than this cannot be sorted.
pub(super) const MAX_TOKENS: u64 = SORTED as u64 - 1;

/// Bytes that sorting takes for each token.
pub(super) const BYTES_PER_TOKEN: u64 = 8;

/// The places of a stream in order, written to a list of its length. It is at most [`MAX_TOKENS`] tokens long. The stream itself becomes scratch.
pub(super) async fn suffix_array(mut stream: Vec<u32>, places: Vec<u32>, turns: &Turns) -> Vec<u32> {
    let count = stream.len();
    debug_assert_eq!(places.len(), count, "a place for each token");
    if count == 0 {
        return places;
    }
    let mut sorting = Sorting { places, ranks: Vec::new(), depth: 1 };
    sorting.by_first_token(&mut stream, turns).await;
    sorting.ranks = stream;
    while sorting.places[0] != SORTED | count as u32 {
        sorting.round(turns).await;
        sorting.depth *= 2;
    }
    for (at, ranks) in sorting.ranks.chunks(STEPS).enumerate() {
        for (place, rank) in (at * STEPS..).zip(ranks) {
            sorting.places[*rank as usize] = place as u32;
        }
        turns.give().await;
    }
    sorting.places
}

struct Sorting {
    /// Places, in groups of those that are alike in their first `depth` tokens; or [`SORTED`] and how many.
    places: Vec<u32>,
    /// Of each place the last index of its group.
    ranks: Vec<u32>,
    depth: usize,
}

/// What is left to do within a group. What is smaller is numbered before what is larger is looked at, so that the ranks that others
/// compare by are in order at any time.
enum SortTask {
    Sort(usize, usize),
    Number(usize, usize),
}

impl Sorting {
    /// Counts tokens, so that those that are alike stand together, and makes the stream their ranks.
    async fn by_first_token(&mut self, stream: &mut [u32], turns: &Turns) {
        let alphabet = stream.iter().max().map_or(0, |largest| *largest as usize + 1);
        let mut ends = vec![0_u32; alphabet];
        for tokens in stream.chunks(STEPS) {
            tokens.iter().for_each(|token| ends[*token as usize] += 1);
            turns.give().await;
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
                turns.give().await;
            }
        }
        for (start, end) in next.into_iter().zip(ends) {
            if end - start == 1 {
                self.places[start as usize] = SORTED | 1;
            }
        }
    }

    /// Goes through all groups: those that are alike in `depth` tokens are sorted by as many more.
    async fn round(&mut self, turns: &Turns) {
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
                    self.sort(at, end, turns).await;
                }
                at = end;
            }
            if steps >= STEPS {
                steps = 0;
                turns.give().await;
            }
        }
        self.join(at, &mut run);
    }

    /// Makes one mark of those of a run that ends before `at`.
    fn join(&mut self, at: usize, run: &mut usize) {
        if *run > 0 {
            self.places[at - *run] = SORTED | *run as u32;
        }
        *run = 0;
    }

    /// What a place is sorted by: the rank of what stands `depth` tokens on; the stream's end comes first.
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

    /// Quicksort in three parts.
    async fn sort(&mut self, from: usize, to: usize, turns: &Turns) {
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
                        turns.give().await;
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
                        turns.give().await;
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

    /// A turn's work on a group: what is below the pivot stands before `equal`, what equals it before `at`, what is above it from
    /// `above` on.
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
    use crate::platform::at_once;
    use proptest::prelude::*;

    fn sorted(stream: &[u32]) -> Vec<u32> {
        at_once(suffix_array(stream.to_vec(), vec![0; stream.len()], &Turns::none()))
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

    /// What takes sorting by single tokens, or by longer and longer prefixes one token at a time, quadratic time.
    #[test]
    fn a_stream_that_repeats_itself_is_sorted() {
        let period = [3, 1, 4, 1, 5, 9, 2, 6];
        let stream: Vec<u32> = (0..2000).map(|at| period[at % period.len()]).collect();
        assert_eq!(sorted(&stream), sorted_plainly(&stream));
        let same = vec![7; 1000];
        assert_eq!(sorted(&same), (0..1000).rev().collect::<Vec<u32>>());
    }
}
