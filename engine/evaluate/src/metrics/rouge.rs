//! ROUGE (Lin 2004) as rouge-score 0.1.2 computes it: lower case, runs of a–z and 0–9, stems of words of more than three letters where
//! asked for; ROUGE-Lsum takes lines as sentences. "naïve" is two words, and text of other scripts has none: that is the definition.

use super::lcs::Pattern;
use super::ngrams::{Numbers, count, matches, total};
use super::{Row, Score, porter};

/// A row's scores, each between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rouge {
    /// Of single words.
    pub rouge_1: Score,
    /// Of pairs of neighbours.
    pub rouge_2: Score,
    /// Of the longest common subsequence.
    pub rouge_l: Score,
    /// Of the longest common subsequences of the lines.
    pub rouge_lsum: Score,
}

/// A row's scores, each against the right answer of its highest F1 (the first of several).
pub fn rouge(row: &Row<'_>, stemmer: bool) -> Rouge {
    let mut numbers = Numbers::default();
    let answer = NumberedWords::of(row.answer, stemmer, &mut numbers);
    let mut scores =
        row.expected.iter().map(|text| answer.against(&NumberedWords::of(text, stemmer, &mut numbers)));
    let first = scores.next().unwrap_or_default();
    let better = |old: Score, new: Score| if new.f1 > old.f1 { new } else { old };
    scores.fold(first, |old, new| Rouge {
        rouge_1: better(old.rouge_1, new.rouge_1),
        rouge_2: better(old.rouge_2, new.rouge_2),
        rouge_l: better(old.rouge_l, new.rouge_l),
        rouge_lsum: better(old.rouge_lsum, new.rouge_lsum),
    })
}

/// Whether ROUGE finds a word in a text: of other scripts than Latin it knows none, so that what has no word scores 0 whatever it says.
pub fn has_words(text: &str) -> bool {
    text.to_lowercase().contains(is_letter)
}

fn is_letter(letter: char) -> bool {
    matches!(letter, 'a'..='z' | '0'..='9')
}

/// A text's words as numbers, line after line.
struct NumberedWords {
    words: Vec<u32>,
    /// Where lines end in the words.
    ends: Vec<usize>,
}

impl NumberedWords {
    fn of(text: &str, stemmer: bool, numbers: &mut Numbers) -> Self {
        let (mut words, mut ends) = (Vec::new(), Vec::new());
        for line in text.split('\n') {
            let lower = line.to_lowercase();
            for word in lower.split(|letter| !is_letter(letter)) {
                let stem = (stemmer && word.len() > 3).then(|| porter::stem(word));
                let word = stem.as_deref().unwrap_or(word);
                if !word.is_empty() {
                    words.push(numbers.of(word));
                }
            }
            ends.push(words.len());
        }
        Self { words, ends }
    }

    fn lines(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.words[start..*end]).filter(|line| !line.is_empty())
    }

    fn against(&self, expected: &Self) -> Rouge {
        let (answer, wanted) = (&self.words, &expected.words);
        let of_ngrams = |n: usize| {
            let matching = matches(&count(wanted, n), &count(answer, n));
            Score::of(matching, total(answer.len(), n), total(wanted.len(), n))
        };
        Rouge {
            rouge_1: of_ngrams(1),
            rouge_2: of_ngrams(2),
            rouge_l: Score::of(Pattern::new(answer).length(wanted), answer.len(), wanted.len()),
            rouge_lsum: Score::of(self.in_lines(expected), answer.len(), wanted.len()),
        }
    }

    /// Words of the expected lines that are in a longest common subsequence with one of ours, none more often than both texts have it.
    fn in_lines(&self, expected: &Self) -> usize {
        let patterns: Vec<Pattern<'_>> = self.lines().map(Pattern::new).collect();
        let largest = self.words.iter().chain(&expected.words).max().map_or(0, |word| *word as usize);
        let mut left = [vec![0u32; largest + 1], vec![0u32; largest + 1]];
        for (left, words) in left.iter_mut().zip([&self.words, &expected.words]) {
            words.iter().for_each(|word| left[*word as usize] += 1);
        }
        let [ours, theirs] = &mut left;
        let mut hits = 0;
        for line in expected.lines() {
            let mut common = vec![false; line.len()];
            for pattern in &patterns {
                pattern.positions(line).into_iter().for_each(|position| common[position] = true);
            }
            for word in line.iter().zip(common).filter(|(_, common)| *common).map(|(word, _)| *word as usize)
            {
                if ours[word] > 0 && theirs[word] > 0 {
                    hits += 1;
                    ours[word] -= 1;
                    theirs[word] -= 1;
                }
            }
        }
        hits
    }
}
