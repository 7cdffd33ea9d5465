//! ROUGE (Lin 2004) as in rouge-score 0.1.2: lower case, runs of a–z and 0–9, optional stemming of words with more than three
//! letters; ROUGE-Lsum treats lines as sentences. By this definition, "naïve" is two words, and text in other scripts has none.

use super::lcs::Pattern;
use super::ngrams::{Numbers, count, matches, total};
use super::{Row, Score, porter};

/// A row's scores, each between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rouge {
    /// Unigrams.
    pub rouge_1: Score,
    /// Bigrams.
    pub rouge_2: Score,
    /// Longest common subsequence.
    pub rouge_l: Score,
    /// Longest common subsequences of lines.
    pub rouge_lsum: Score,
}

/// A row's scores, each against the reference with the highest F1 (the first of several).
pub fn rouge(row: &Row<'_>, stemmer: bool) -> Rouge {
    let mut numbers = Numbers::default();
    let answer = NumberedWords::new(row.answer, stemmer, &mut numbers);
    let mut scores =
        row.expected.iter().map(|text| answer.against(&NumberedWords::new(text, stemmer, &mut numbers)));
    let first = scores.next().unwrap_or_default();
    let better = |old: Score, new: Score| if new.f1 > old.f1 { new } else { old };
    scores.fold(first, |old, new| Rouge {
        rouge_1: better(old.rouge_1, new.rouge_1),
        rouge_2: better(old.rouge_2, new.rouge_2),
        rouge_l: better(old.rouge_l, new.rouge_l),
        rouge_lsum: better(old.rouge_lsum, new.rouge_lsum),
    })
}

/// Whether a text has words for ROUGE. It supports only Latin letters; text without words always scores 0.
pub fn has_words(text: &str) -> bool {
    text.to_lowercase().contains(is_letter)
}

fn is_letter(letter: char) -> bool {
    matches!(letter, 'a'..='z' | '0'..='9')
}

/// A text's words as numbers, line by line.
struct NumberedWords {
    words: Vec<u32>,
    /// End of each line in `words`.
    ends: Vec<usize>,
}

impl NumberedWords {
    fn new(text: &str, stemmer: bool, numbers: &mut Numbers) -> Self {
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
            Score::new(matching, total(answer.len(), n), total(wanted.len(), n))
        };
        Rouge {
            rouge_1: of_ngrams(1),
            rouge_2: of_ngrams(2),
            rouge_l: Score::new(Pattern::new(answer).length(wanted), answer.len(), wanted.len()),
            rouge_lsum: Score::new(self.in_lines(expected), answer.len(), wanted.len()),
        }
    }

    /// Number of words in the expected lines that are part of a longest common subsequence with a line of ours, each counted at
    /// most as often as it occurs in both texts.
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
