//! A token-level n-gram model with interpolated modified Kneser–Ney smoothing.
//!
//! Defined as in Chen and Goodman ("An empirical study of smoothing techniques for language modeling", 1998, section 3). Counts
//! at document starts and the uniform distribution below the unigrams follow KenLM's `lmplz` (Heafield et al. 2013):
//!
//! ```text
//! P(w | c) = (a(cw) − D(a(cw)) + m(c) · P(w | c')) / Σ a(cv) over v        c' is c without its first token
//! m(c)     = Σ D(a(cv)) over all v seen after c
//! P(w | )  = the same with c empty and 1/V in the place of P(w | c')
//! a(g)     = occurrences of g if it has the highest order or begins a document; else the number of distinct tokens before g
//! D        = three discounts for each order, see [`Discounts`]
//! ```
//!
//! If no token was seen after c, P(w | c) = P(w | c'). Contexts end at the document's start, which is represented by the end
//! token of the previous document.
//!
//! Existing implementations (KenLM, SRILM) are C++, read words from files, do not run in a browser and cannot yield. Here, all
//! counts are updated token by token, so that learning can pause and the model can be queried at any time. An n-gram is
//! identified by the number of its context and its last token, so there are no hash collisions. Each distinct n-gram takes 20 to
//! 60 bytes ([`NGram::bytes`]).

use super::Discounts;
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;

pub const MAX_ORDER: usize = 5;

/// Tables per order; several small ones, so that growing one takes little time.
const PARTS: usize = 64;

/// Bytes of a hash table entry with its control byte.
const ENTRY_BYTES: usize = 13;

const EMPTY: u32 = 0;

#[derive(Clone, Debug)]
pub struct NGram {
    vocabulary: usize,
    /// Represents the document start: the end-of-document token, or else a number after the last token.
    boundary: u32,
    /// One level per order, from order 0, which contains only the empty n-gram.
    levels: Vec<Level>,
    /// Numbers of the n-grams that end at the last learned token, from order 0. One fewer than levels, or less near a document's
    /// start.
    history: Vec<u32>,
    spare: Vec<u32>,
    pub tokens: u64,
}

/// N-grams of one order, numbered in order of first occurrence. Unigrams have their token's number.
#[derive(Clone, Debug, Default)]
struct Level {
    parts: Vec<HashMap<(u32, u32), u32, FxBuildHasher>>,
    /// a(g) of each n-gram.
    counts: Vec<u32>,
    /// Continuations of each n-gram; empty for the highest order.
    contexts: Vec<Context>,
    is_highest: bool,
    /// Number of n-grams with a count of 1, 2, 3, 4.
    with_count: [u64; 4],
}

#[derive(Clone, Copy, Debug, Default)]
struct Context {
    /// Σ a over the continuations.
    total: u32,
    /// Number of continuations with a count of 1, of 2, and of 3 or more.
    with_count: [u32; 3],
}

impl NGram {
    /// An empty model with an order from 1 to [`MAX_ORDER`]. `end` is the end-of-document token, if any.
    pub fn new(order: usize, vocabulary: usize, end: Option<u32>) -> Self {
        let order = order.clamp(1, MAX_ORDER);
        let levels = (0..=order).map(|own| {
            let numbers = match own {
                0 => 1,
                // Includes the boundary.
                1 => vocabulary + 1,
                _ => 0,
            };
            Level {
                parts: if own > 1 { vec![HashMap::default(); PARTS] } else { Vec::new() },
                counts: vec![0; numbers],
                contexts: if own < order { vec![Context::default(); numbers] } else { Vec::new() },
                is_highest: own == order,
                with_count: [0; 4],
            }
        });
        let boundary = end.unwrap_or(vocabulary as u32);
        let levels = levels.collect();
        let mut model =
            Self { vocabulary, boundary, levels, history: Vec::new(), spare: Vec::new(), tokens: 0 };
        model.begin_document();
        model
    }

    pub fn order(&self) -> usize {
        self.levels.len() - 1
    }

    /// Approximate memory in bytes.
    pub fn bytes(&self) -> u64 {
        let of = |level: &Level| {
            // A table is at most seven eighths full.
            let entries: usize = level.parts.iter().map(|part| part.capacity() / 7 * 8).sum();
            let counts = level.counts.capacity() * size_of::<u32>();
            entries * ENTRY_BYTES + counts + level.contexts.capacity() * size_of::<Context>()
        };
        self.levels.iter().map(of).sum::<usize>() as u64
    }

    fn beginning(&self) -> impl Iterator<Item = u32> + use<> {
        [EMPTY, self.boundary].into_iter().take(self.order())
    }

    /// Learns tokens that continue those learned so far. A new document starts after each end-of-document token.
    pub fn learn(&mut self, tokens: &[u32]) {
        for token in tokens {
            if (*token as usize) < self.vocabulary {
                self.learn_token(*token);
            }
        }
    }

    /// Starts a new document without an end-of-document token.
    pub fn begin_document(&mut self) {
        self.history.clear();
        self.history.extend(self.beginning());
    }

    fn learn_token(&mut self, token: u32) {
        self.tokens += 1;
        let (history, mut ends) = (std::mem::take(&mut self.history), std::mem::take(&mut self.spare));
        ends.clear();
        ends.push(EMPTY);
        for (order, context) in (1..).zip(&history) {
            let (number, is_new) = self.levels[order].number(*context, token);
            // A new distinct token precedes the n-gram without its first token.
            if is_new && order > 1 {
                self.count(order - 1, ends[order - 1], history[order - 2]);
            }
            ends.push(number);
        }
        // The longest n-gram has the highest order or starts a document.
        let longest = history.len();
        self.count(longest, ends[longest], history[longest - 1]);
        ends.truncate(self.order());
        (self.history, self.spare) = (ends, history);
        if token == self.boundary {
            self.begin_document();
        }
    }

    /// Increments an n-gram's count and its context's continuation counts.
    fn count(&mut self, order: usize, number: u32, context: u32) {
        let level = &mut self.levels[order];
        let before = level.counts[number as usize];
        level.counts[number as usize] = before + 1;
        if let Some(fewer) = (before as usize).checked_sub(1).and_then(|at| level.with_count.get_mut(at)) {
            *fewer -= 1;
        }
        if let Some(more) = level.with_count.get_mut(before as usize) {
            *more += 1;
        }
        let behind = &mut self.levels[order - 1].contexts[context as usize];
        behind.total += 1;
        match before {
            0 => behind.with_count[0] += 1,
            1 | 2 => {
                behind.with_count[before as usize - 1] -= 1;
                behind.with_count[before as usize] += 1;
            }
            _ => {}
        }
    }

    pub fn reading(&self) -> Reading<'_> {
        let discounts = self.levels.iter().map(|level| Discounts::from_counts(level.with_count)).collect();
        Reading { model: self, discounts, history: self.beginning().map(Some).collect(), spare: Vec::new() }
    }

    /// Losses of a document's tokens in nats. `tokens` does not include the document start.
    pub fn nats(&self, tokens: &[u32]) -> Vec<f64> {
        let mut reading = self.reading();
        tokens.iter().map(|token| reading.nats(*token)).collect()
    }
}

#[derive(Clone, Debug)]
pub struct Reading<'a> {
    model: &'a NGram,
    /// One per order.
    discounts: Vec<Discounts>,
    /// Like [`NGram`]'s history; `None` for unseen n-grams.
    history: Vec<Option<u32>>,
    spare: Vec<Option<u32>>,
}

impl Reading<'_> {
    /// Loss of the next token in nats, given the preceding tokens.
    pub fn nats(&mut self, token: u32) -> f64 {
        let Self { model, discounts, history, spare: ends } = self;
        let mut probability = 1.0 / model.vocabulary.max(1) as f64;
        ends.clear();
        ends.push(Some(EMPTY));
        for (order, context) in (1..).zip(history.iter()) {
            let number = context.and_then(|context| model.levels[order].find(context, token));
            ends.push(number);
            let behind = context.and_then(|context| model.levels[order - 1].contexts.get(context as usize));
            let Some(behind) = behind.filter(|behind| behind.total > 0) else { continue };
            let Discounts([one, two, more]) = discounts[order];
            let [ones, twos, others] = behind.with_count.map(f64::from);
            let left = one * ones + two * twos + more * others;
            let count = number.and_then(|number| model.levels[order].counts.get(number as usize));
            let count = count.map_or(0, |count| *count);
            let kept = f64::from(count) - discounts[order].from(count);
            probability = (kept + left * probability) / f64::from(behind.total);
        }
        ends.truncate(model.order());
        std::mem::swap(history, ends);
        if token == model.boundary {
            history.clear();
            history.extend(model.beginning().map(Some));
        }
        -libm::log(probability)
    }
}

impl Level {
    fn part(context: u32, token: u32) -> usize {
        let mixed = context.wrapping_mul(0x9e37_79b1) ^ token.wrapping_mul(0x85eb_ca77);
        (mixed.wrapping_mul(0xc2b2_ae3d) >> 26) as usize
    }

    fn number(&mut self, context: u32, token: u32) -> (u32, bool) {
        let Some(part) = self.parts.get_mut(Self::part(context, token)) else { return (token, false) };
        let next = self.counts.len() as u32;
        let number = *part.entry((context, token)).or_insert(next);
        let is_new = number == next;
        if is_new {
            self.counts.push(0);
            if !self.is_highest {
                self.contexts.push(Context::default());
            }
        }
        (number, is_new)
    }

    fn find(&self, context: u32, token: u32) -> Option<u32> {
        match self.parts.get(Self::part(context, token)) {
            Some(part) => part.get(&(context, token)).copied(),
            None => Some(token),
        }
    }
}
