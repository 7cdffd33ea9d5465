//! An n-gram model of tokens: interpolated modified Kneser–Ney smoothing.
//!
//! It is defined as in Chen and Goodman ("An empirical study of smoothing techniques for language modeling", 1998, section 3), with counts
//! at documents' beginnings and a uniform distribution below the unigrams as KenLM's `lmplz` has them (Heafield et al. 2013):
//!
//! ```text
//! P(w | c) = (a(cw) − D(a(cw)) + m(c) · P(w | c')) / Σ a(cv) over v        c' is c without its first token
//! m(c)     = Σ D(a(cv)) over all v that were seen behind c
//! P(w | )  = the same with c empty and 1/V in the place of P(w | c')
//! a(g)     = how often g was seen, where g has the highest order or begins a document; else how many different tokens stand before g
//! D        = three discounts for each order, see [`Discounts`]
//! ```
//!
//! Where nothing was seen behind c, P(w | c) = P(w | c'). Contexts end at a document's beginning, which the token that ends the document
//! before stands for.
//!
//! It is our own since what there is (KenLM, SRILM) is C++, reads words from files, and neither runs in a browser nor gives turns. All
//! counts are kept up to date token by token, so that learning can stop and be asked at any time. An n-gram is the number of its context
//! and a token, so that nothing is ever hashed together; each different one takes 20 to 60 bytes ([`NGram::bytes`]).

use super::Discounts;
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;

/// The highest order.
pub const MAX_ORDER: usize = 5;

/// Tables of an order, so that none is long in growing.
const PARTS: usize = 64;

/// Bytes of a table's entry, with the byte that marks it used, and that of n-grams' counts and contexts.
const ENTRY_BYTES: usize = 13;

/// The number of the empty context.
const EMPTY: u32 = 0;

/// An n-gram model.
#[derive(Clone, Debug)]
pub struct NGram {
    vocabulary: usize,
    /// Stands before a document: the token that ends one, else the number behind the last token.
    boundary: u32,
    /// Of each order from 0 on, which has the empty n-gram alone.
    levels: Vec<Level>,
    /// Numbers of the n-grams that end at the last token learned, from order 0 on; one fewer than levels, or fewer still near a
    /// document's beginning.
    history: Vec<u32>,
    /// Room for the next history.
    spare: Vec<u32>,
    tokens: u64,
}

/// N-grams of one order, numbered as they were first seen. Those of order 1 have their tokens' numbers.
#[derive(Clone, Debug, Default)]
struct Level {
    parts: Vec<HashMap<(u32, u32), u32, FxBuildHasher>>,
    /// a(g) of each n-gram.
    counts: Vec<u32>,
    /// What was seen behind each; empty for the highest order.
    contexts: Vec<Context>,
    is_highest: bool,
    /// How many n-grams have a count of 1, 2, 3, 4.
    with_count: [u64; 4],
}

/// What was seen behind an n-gram.
#[derive(Clone, Copy, Debug, Default)]
struct Context {
    /// Σ a over those that continue it.
    total: u32,
    /// How many of those have a count of 1, of 2, and of 3 and more.
    with_count: [u32; 3],
}

impl NGram {
    /// A model of nothing yet, of an order from 1 to [`MAX_ORDER`], over so many tokens. `end` is the token that ends documents, where
    /// there is one.
    pub fn new(order: usize, vocabulary: usize, end: Option<u32>) -> Self {
        let order = order.clamp(1, MAX_ORDER);
        let levels = (0..=order).map(|own| {
            let numbers = match own {
                0 => 1,
                // With the boundary.
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

    /// The highest order.
    pub fn order(&self) -> usize {
        self.levels.len() - 1
    }

    /// Tokens that were learned.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> u64 {
        let of = |level: &Level| {
            // A table is at most seven eighths full.
            let entries: usize = level.parts.iter().map(|part| part.capacity() / 7 * 8).sum();
            let counts = level.counts.capacity() * size_of::<u32>();
            entries * ENTRY_BYTES + counts + level.contexts.capacity() * size_of::<Context>()
        };
        self.levels.iter().map(of).sum::<usize>() as u64
    }

    /// What a document begins behind.
    fn beginning(&self) -> impl Iterator<Item = u32> + use<> {
        [EMPTY, self.boundary].into_iter().take(self.order())
    }

    /// Learns what follows the tokens learned so far. Behind the token that ends documents the next one begins.
    pub fn learn(&mut self, tokens: &[u32]) {
        for token in tokens {
            if (*token as usize) < self.vocabulary {
                self.learn_token(*token);
            }
        }
    }

    /// Begins another document, where no token ended the one before.
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
            // A new token before the n-gram that is shorter by its first.
            if is_new && order > 1 {
                self.count(order - 1, ends[order - 1], history[order - 2]);
            }
            ends.push(number);
        }
        // The longest is of the highest order, or begins a document.
        let longest = history.len();
        self.count(longest, ends[longest], history[longest - 1]);
        ends.truncate(self.order());
        (self.history, self.spare) = (ends, history);
        if token == self.boundary {
            self.begin_document();
        }
    }

    /// Counts an n-gram once more, and so what was seen behind its context.
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

    /// Begins to read a document.
    pub fn reading(&self) -> Reading<'_> {
        let discounts = self.levels.iter().map(|level| Discounts::of(level.with_count)).collect();
        Reading { model: self, discounts, history: self.beginning().map(Some).collect() }
    }

    /// The losses of a document's tokens in nats. `tokens` are what follows its beginning, which is not among them.
    pub fn nats(&self, tokens: &[u32]) -> Vec<f64> {
        let mut reading = self.reading();
        tokens.iter().map(|token| reading.nats(*token)).collect()
    }
}

/// A document that is predicted token by token.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    model: &'a NGram,
    /// Of each order.
    discounts: Vec<Discounts>,
    /// As [`NGram`]'s; `None` where an n-gram was never seen.
    history: Vec<Option<u32>>,
}

impl Reading<'_> {
    /// The loss of the next token in nats, given those before it.
    pub fn nats(&mut self, token: u32) -> f64 {
        let Self { model, discounts, history } = self;
        let mut probability = 1.0 / model.vocabulary.max(1) as f64;
        let mut ends = vec![Some(EMPTY)];
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
        *history = if token == model.boundary { model.beginning().map(Some).collect() } else { ends };
        -libm::log(probability)
    }
}

impl Level {
    /// The table that an n-gram is in.
    fn part(context: u32, token: u32) -> usize {
        let mixed = context.wrapping_mul(0x9e37_79b1) ^ token.wrapping_mul(0x85eb_ca77);
        (mixed.wrapping_mul(0xc2b2_ae3d) >> 26) as usize
    }

    /// The number of an n-gram, and whether it is new.
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
