//! A letter trigram model of a corpus.
//!
//! Texts of one corpus share their spelling. Text written differently (random keys, encoded data, another script) takes more
//! bits per letter under a model of the rest, without a list of possible faults. Counts are integers and costs are rounded to
//! 1/1024 bit, so that scores are the same on every machine and with any number of cores.

/// Letters, digits, ASCII marks, white space, and bins for other characters.
const SYMBOLS: usize = 96;
const SPACE: usize = 0;
/// Costs are integers in this fraction of a bit.
const PART: f64 = 1024.0;

/// The symbol of a character: letters without case, white space as one symbol, non-ASCII characters in 27 bins.
fn symbol(character: char) -> usize {
    let code = character as usize;
    match character {
        'a'..='z' => 1 + code - 'a' as usize,
        'A'..='Z' => 1 + code - 'A' as usize,
        '!'..='@' => 27 + code - '!' as usize,
        '['..='`' => 59 + code - '[' as usize,
        '{'..='~' => 65 + code - '{' as usize,
        _ if character.is_ascii() || character.is_whitespace() => SPACE,
        _ => 69 + code % 27,
    }
}

/// The table indices of all trigrams of a text; white space counts once, and is added before and after the text.
fn trigrams(text: &str) -> impl Iterator<Item = usize> {
    let mut before = (SPACE, SPACE);
    text.chars().chain(std::iter::once(' ')).filter_map(move |character| {
        let symbol = symbol(character);
        if symbol == SPACE && before.1 == SPACE {
            return None;
        }
        let place = (before.0 * SYMBOLS + before.1) * SYMBOLS + symbol;
        before = (before.1, symbol);
        Some(place)
    })
}

#[derive(Clone, Debug, PartialEq, Eq, smart_default::SmartDefault)]
pub struct TrigramModel {
    #[default(vec![0; SYMBOLS * SYMBOLS * SYMBOLS])]
    counts: Vec<u32>,
}

impl TrigramModel {
    pub fn add(&mut self, text: &str) {
        for place in trigrams(text) {
            if let Some(count) = self.counts.get_mut(place) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// The costs under these counts, with additive smoothing of 0.5 so that nothing is impossible.
    pub fn finish(&self) -> Trigrams {
        let mut costs = Vec::with_capacity(self.counts.len());
        for following in self.counts.chunks(SYMBOLS) {
            let all: u64 = following.iter().map(|&count| u64::from(count)).sum();
            let all = all as f64 + 0.5 * SYMBOLS as f64;
            let cost = |&count: &u32| (PART * libm::log2(all / (f64::from(count) + 0.5))).round() as u16;
            costs.extend(following.iter().map(cost));
        }
        Trigrams { costs }
    }
}

/// The cost of each letter after the two before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigrams {
    costs: Vec<u16>,
}

impl Trigrams {
    /// Bits per character of a text, counting white space once; 0 for an empty one.
    pub fn bits_per_character(&self, text: &str) -> f64 {
        let (mut sum, mut count) = (0_u64, 0_u64);
        for place in trigrams(text) {
            sum += u64::from(self.costs.get(place).copied().unwrap_or(u16::MAX));
            count += 1;
        }
        if count == 0 { 0.0 } else { sum as f64 / (PART * count as f64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_have_places_of_their_own() {
        let mut seen = [false; SYMBOLS];
        for character in (0_u8..128).map(char::from) {
            let symbol = symbol(character);
            assert!(symbol < 69);
            if !character.is_ascii_uppercase() && symbol != SPACE {
                assert!(!std::mem::replace(&mut seen[symbol], true), "{character:?}");
            }
        }
        assert_eq!((symbol('Q'), symbol('\u{a0}')), (symbol('q'), SPACE));
        assert!((69..SYMBOLS).contains(&symbol('é')));
    }

    #[test]
    fn what_was_seen_costs_less_and_costs_are_those_of_the_formula() {
        let mut model = TrigramModel::default();
        model.add("aa");
        // After two spaces `a` was seen once in one: log2((1 + 48) / 1.5).
        let first = libm::log2(49.0 / 1.5);
        let costs = model.finish();
        assert!((costs.bits_per_character("a  \n") - (first + libm::log2(49.0 / 0.5)) / 2.0).abs() < 1e-3);
        assert!(costs.bits_per_character("aa") < costs.bits_per_character("ab"));
        assert_eq!(costs.bits_per_character(""), 0.0);
    }
}
