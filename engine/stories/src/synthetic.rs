//! Rows of tasks on which small models change suddenly while they learn: modular addition, induction, addition and parentheses.

use glasshouse_protocol::Synthetic;
use glasshouse_protocol::random::nth;
use std::collections::BTreeSet;

/// Digits of a number in modular addition.
const SYMBOLS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw";
/// Letters of a row about induction, and the longest segment.
const LETTERS: usize = 32;
const SEGMENT: usize = 16;
/// Digits of a summand.
const DIGITS: usize = 10;
/// Parentheses of a row.
const PARENTHESES: usize = 24;
/// Held-out rows of the tasks whose rows are drawn at random, and training rows.
const HELD_OUT: usize = 512;
const LEARNED: usize = 30_000;
/// Share of the unordered pairs of modular addition that is held out.
const HELD_OUT_SHARE: f64 = 0.4;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub text: String,
    pub held_out: bool,
}

/// Counter-based random numbers.
struct Draws {
    seed: u64,
    count: u64,
}

impl Draws {
    fn new(task: Synthetic) -> Self {
        Self { seed: nth(1, 0x7379_6e74, task as u64), count: 0 }
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        nth(self.seed, 0, self.count)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The rows of a task, each once; the same for every run.
pub fn rows(task: Synthetic) -> Vec<Row> {
    let mut draws = Draws::new(task);
    let draw = match task {
        Synthetic::None => return Vec::new(),
        Synthetic::ModularAddition => return modular_addition(&mut draws),
        Synthetic::Induction => induction,
        Synthetic::Addition => addition,
        Synthetic::Parentheses => parentheses,
    };
    let mut seen = BTreeSet::new();
    let mut rows = Vec::with_capacity(HELD_OUT + LEARNED);
    while rows.len() < HELD_OUT + LEARNED {
        let text = draw(&mut draws);
        if seen.insert(text.clone()) {
            rows.push(Row { text, held_out: rows.len() < HELD_OUT });
        }
    }
    rows
}

/// Byte at which a row's answer begins.
pub fn answer_start(task: Synthetic, text: &str) -> usize {
    match task {
        Synthetic::None => 0,
        // The first letter of the repetition cannot be known.
        Synthetic::Induction => {
            let first = text.as_bytes().first();
            text.bytes().skip(1).position(|letter| Some(&letter) == first).map_or(text.len(), |at| at + 2)
        }
        Synthetic::ModularAddition | Synthetic::Addition | Synthetic::Parentheses => {
            text.find('=').map_or(text.len(), |at| at + 1)
        }
    }
}

fn modular_addition(draws: &mut Draws) -> Vec<Row> {
    let mut rows = Vec::with_capacity(SYMBOLS.len() * SYMBOLS.len());
    let symbol = |number: usize| char::from(SYMBOLS[number % SYMBOLS.len()]);
    for left in 0..SYMBOLS.len() {
        for right in left..SYMBOLS.len() {
            // Both orders are on the same side, so that no held-out sum was seen the other way round.
            let held_out = (draws.next() as f64) < HELD_OUT_SHARE * 2.0_f64.powi(64);
            let orders: BTreeSet<(usize, usize)> = [(left, right), (right, left)].into();
            rows.extend(orders.into_iter().map(|(left, right)| Row {
                text: format!("{}+{}={}", symbol(left), symbol(right), symbol(left + right)),
                held_out,
            }));
        }
    }
    rows
}

fn induction(draws: &mut Draws) -> String {
    let mut letters: Vec<char> = ('a'..='z').collect();
    draws.shuffle(&mut letters);
    letters.truncate(SEGMENT / 2 + draws.below(SEGMENT / 2 + 1));
    letters.iter().cycle().take(LETTERS).collect()
}

fn addition(draws: &mut Draws) -> String {
    let limit = 10_u64.pow(DIGITS as u32);
    let (left, right) = (draws.next() % limit, draws.next() % limit);
    let reversed =
        |number: u64, digits: usize| format!("{number:0digits$}").chars().rev().collect::<String>();
    format!("{}+{}={}", reversed(left, DIGITS), reversed(right, DIGITS), reversed(left + right, DIGITS + 1))
}

/// Balanced parentheses in every second row. Half of the others have as many opening as closing ones, so that counting is not enough.
fn parentheses(draws: &mut Draws) -> String {
    let mut row = balanced(draws);
    match draws.below(4) {
        0 | 1 => {}
        2 => draws.shuffle(&mut row),
        _ => {
            let at = draws.below(PARENTHESES);
            row[at] = !row[at];
        }
    }
    let answer = if is_balanced(&row) { 'y' } else { 'n' };
    let text: String = row.iter().map(|opens| if *opens { '(' } else { ')' }).collect();
    format!("{text}={answer}")
}

/// Balanced parentheses, true for an opening one, uniformly: the rotation after the first lowest depth of a shuffled row with one closing
/// parenthesis too many, without that one (Dvoretzky and Motzkin's cycle lemma).
fn balanced(draws: &mut Draws) -> Vec<bool> {
    let mut row: Vec<bool> = (0..=PARENTHESES).map(|at| at < PARENTHESES / 2).collect();
    draws.shuffle(&mut row);
    let (mut depth, mut lowest, mut begin) = (0, 0, 0);
    for (at, opens) in row.iter().enumerate() {
        depth += if *opens { 1 } else { -1 };
        if depth < lowest {
            (lowest, begin) = (depth, at + 1);
        }
    }
    row.rotate_left(begin);
    row.pop();
    row
}

fn is_balanced(row: &[bool]) -> bool {
    let mut depth = 0;
    let never_below = row.iter().all(|opens| {
        depth += if *opens { 1 } else { -1 };
        depth >= 0
    });
    never_below && depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [Synthetic; 4] =
        [Synthetic::ModularAddition, Synthetic::Induction, Synthetic::Addition, Synthetic::Parentheses];

    fn halves(task: Synthetic, row: &Row) -> (&str, &str) {
        row.text.split_at(answer_start(task, &row.text))
    }

    #[test]
    fn rows_are_the_same_every_time_and_none_is_in_both_splits() {
        for task in TASKS {
            let rows = rows(task);
            assert_eq!(rows, super::rows(task));
            let texts: BTreeSet<&str> = rows.iter().map(|row| row.text.as_str()).collect();
            assert_eq!(texts.len(), rows.len(), "{task:?}");
            let lengths: BTreeSet<usize> = rows.iter().map(|row| row.text.len()).collect();
            assert_eq!(lengths.len(), 1, "{task:?}");
            let held_out = rows.iter().filter(|row| row.held_out).count();
            assert!(held_out >= HELD_OUT && held_out < rows.len() / 2, "{task:?}: {held_out}");
            for row in &rows {
                let (prompt, answer) = halves(task, row);
                assert!(!prompt.is_empty() && !answer.is_empty(), "{row:?}");
            }
            // Every character of a held-out row was seen, so that the tokenizer of the training rows has it.
            let characters = |held_out| -> BTreeSet<char> {
                rows.iter().filter(|row| row.held_out == held_out).flat_map(|row| row.text.chars()).collect()
            };
            assert!(characters(true).is_subset(&characters(false)), "{task:?}");
        }
    }

    #[test]
    fn modular_sums_are_right_and_both_orders_are_in_one_split() {
        let task = Synthetic::ModularAddition;
        let rows = rows(task);
        assert_eq!(rows.len(), 59 * 59);
        let number = |symbol: u8| SYMBOLS.iter().position(|known| *known == symbol).unwrap();
        let of = |row: &Row| {
            let [left, b'+', right, b'=', sum] = row.text.as_bytes() else { panic!("{row:?}") };
            (number(*left), number(*right), number(*sum))
        };
        for row in &rows {
            let (left, right, sum) = of(row);
            assert_eq!((left + right) % 59, sum);
            let other = rows.iter().find(|other| of(other) == (right, left, sum)).unwrap();
            assert_eq!(other.held_out, row.held_out);
        }
    }

    #[test]
    fn sums_of_ten_digits_are_right() {
        for row in rows(Synthetic::Addition).iter().take(1000) {
            let forward: String = row.text.chars().rev().collect();
            let (sum, summands) = forward.split_once('=').unwrap();
            let (right, left) = summands.split_once('+').unwrap();
            let [left, right, sum] = [left, right, sum].map(|digits| digits.parse::<u64>().unwrap());
            assert_eq!(left + right, sum);
        }
        assert_eq!(answer_start(Synthetic::Addition, "0000000005+0000000006=00000000011"), 22);
    }

    #[test]
    fn a_segment_of_different_letters_repeats() {
        assert_eq!(answer_start(Synthetic::Induction, "xyzxyz"), 4);
        let mut lengths = BTreeSet::new();
        for row in rows(Synthetic::Induction).iter().take(1000) {
            let length = answer_start(Synthetic::Induction, &row.text) - 1;
            lengths.insert(length);
            let (segment, rest) = row.text.split_at(length);
            assert_eq!(segment.chars().collect::<BTreeSet<_>>().len(), length);
            assert!(rest.bytes().zip(segment.bytes().cycle()).all(|(one, other)| one == other), "{row:?}");
        }
        assert_eq!(lengths, (8..=16).collect());
    }

    #[test]
    fn parentheses_are_balanced_in_about_half_of_the_rows() {
        let rows = rows(Synthetic::Parentheses);
        let mut counts = [0; 3];
        for row in &rows {
            // Referee: removing pairs until none is left.
            let (mut rest, answer) =
                row.text.split_once('=').map(|(rest, answer)| (rest.to_owned(), answer)).unwrap();
            let opening = rest.matches('(').count();
            while rest.contains("()") {
                rest = rest.replace("()", "");
            }
            assert_eq!(rest.is_empty(), answer == "y", "{row:?}");
            counts[if rest.is_empty() { 0 } else { 1 + usize::from(2 * opening == PARENTHESES) }] += 1;
        }
        let [balanced, unequal, equal] = counts.map(|count| count as f64 / rows.len() as f64);
        assert!(balanced > 0.3 && unequal > 0.15 && equal > 0.15, "{balanced} {unequal} {equal}");
    }
}
