//! Multiple choice, and labelling of texts, by the likelihood of each option.

use super::prompt::{Pair, Prompting};
use super::rows::{Kind, Marked, Row};
use crate::{Detail, OnProgress, Scorer, Scoring, TokenScore};
use glasshouse_platform::{Result, Yielder};
use std::collections::HashMap;

const AT_ONCE: usize = 128;

/// The option a model chose, by three measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ModelChoice {
    /// Largest Σ log p(answer | text), lm-eval's `acc`.
    pub(super) likeliest: usize,
    /// Largest Σ log p per Unicode character (not byte) of the answer, lm-eval's `acc_norm`; `None` if only the choice is known.
    pub(super) per_character: Option<usize>,
    /// Largest Σ log p(answer | text) − Σ log p(answer), lm-eval's `acc_mutual_info` (Brown et al. 2020,
    /// arXiv:2005.14165); `None` if the vocabulary has no token that texts begin or end with.
    pub(super) mutual_info: Option<usize>,
    /// Σ log p(answer | text) of each option; empty if only the choice is known.
    pub(super) sums: Vec<f64>,
    /// Mean log p per token of each option; `None` if unknown.
    pub(super) per_token: Option<Vec<f64>>,
    /// Whether each token of a continuation is the most likely one.
    pub(super) greedy: bool,
}

pub(super) struct Choosing {
    /// Per row, the choice, or why it could not be asked.
    pub(super) chosen: Vec<Result<ModelChoice, String>>,
    /// Rows whose beginning was cut to fit the context.
    pub(super) cut: u64,
}

pub(super) async fn choose<'a>(
    scorer: &mut Scorer,
    prompting: &Prompting<'_>,
    rows: &'a [Row],
    choices: impl Fn(&'a Row) -> &'a [String] + Copy,
    on_progress: OnProgress<'_>,
) -> Result<Choosing> {
    let (yielder, mut alone) = (Yielder::new(), HashMap::<String, Option<f64>>::new());
    let (mut chosen, mut cut) = (Vec::with_capacity(rows.len()), 0);
    let continues = rows.first().is_some_and(|row| row.kind() == Kind::Continue);
    let detail = if continues { Detail::Tokens } else { Detail::Losses };
    for part in rows.chunks(AT_ONCE) {
        let (mut pairs, mut counts) = (Vec::<Pair>::new(), Vec::with_capacity(part.len()));
        for row in part {
            yielder.maybe_yield().await;
            let found = choices(row).iter().map(|choice| prompting.pair(row, choice));
            counts.push(match found.collect::<Result<Option<Vec<Pair>>>>() {
                Ok(Some(found)) => {
                    let count = found.len();
                    cut += u64::from(found.iter().any(|pair| pair.cut));
                    pairs.extend(found);
                    Ok(count)
                }
                Ok(None) => Err("the vocabulary has no character of one of its choices".to_owned()),
                Err(error) => Err(error.to_string()),
            });
        }
        // After the rows' pairs come unconditional answers that were not scored before.
        let (mut new, chats) = (Vec::new(), part.iter().any(|row| prompting.chats(row)));
        let compares = |row: &&Row| !continues && !matches!(row.marked, Marked::Contexts(_));
        for choice in part.iter().filter(compares).flat_map(choices) {
            if !alone.contains_key(choice) {
                alone.insert(choice.clone(), None);
                if let Some(pair) = prompting.alone(choice, chats)? {
                    new.push(choice.clone());
                    pairs.push(pair);
                }
            }
        }
        let tokens = |pair: &Pair| pair.tokens.len().saturating_sub(pair.from).max(1) as f64;
        let tokens: Vec<f64> = pairs.iter().map(tokens).collect();
        let mut tokens = tokens.into_iter();
        let mut sums =
            sums(scorer, (&pairs, detail), (chosen.len(), rows.len()), on_progress).await?.into_iter();
        let mut own: Vec<Result<Vec<(f64, bool)>, String>> = Vec::with_capacity(part.len());
        own.extend(counts.into_iter().map(|count| count.map(|count| sums.by_ref().take(count).collect())));
        alone.extend(new.into_iter().zip(sums.map(|(sum, _)| Some(sum))));
        let each = part.iter().zip(own);
        chosen.extend(each.map(|(row, own)| {
            own.map(|own| {
                let greedy = own.iter().all(|(_, greedy)| *greedy);
                let own: Vec<f64> = own.into_iter().map(|(sum, _)| sum).collect();
                let per_token = own.iter().zip(tokens.by_ref()).map(|(sum, tokens)| sum / tokens).collect();
                let mut best = best(&own, choices(row), row.asked(), &alone);
                if matches!(row.marked, Marked::Contexts(_)) {
                    // The choices are not scored, so their lengths are irrelevant.
                    best.per_character = None;
                }
                ModelChoice { per_token: Some(per_token), greedy, ..best }
            })
        }));
    }
    on_progress("choosing", rows.len() as u64, rows.len() as u64);
    Ok(Choosing { chosen, cut })
}

/// Σ log p of each pair's answer, and whether each of its tokens is the most likely one.
async fn sums(
    scorer: &mut Scorer,
    (pairs, detail): (&[Pair], Detail),
    (begun, rows): (usize, usize),
    on_progress: OnProgress<'_>,
) -> Result<Vec<(f64, bool)>> {
    let texts: Vec<Scoring<'_>> =
        pairs.iter().map(|pair| Scoring { tokens: &pair.tokens, from: pair.from }).collect();
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let mut progress = |done: u64, of: u64| {
        let part = (rows - begun).min(AT_ONCE) as f64 * done as f64 / of.max(1) as f64;
        on_progress("choosing", begun as u64 + part as u64, rows as u64);
    };
    let scored = scorer.score(&texts, detail, &mut progress).await?;
    let sum = |text: &Vec<TokenScore>| {
        let sum = text.iter().map(|token| f64::from(token.log_probability)).sum();
        (sum, text.iter().all(|token| token.rank == 1))
    };
    Ok(scored.iter().map(sum).collect())
}

/// The best of the first `asked` options by each measure; the first of equal ones, like NumPy's argmax.
pub(super) fn best(
    all: &[f64],
    choices: &[String],
    asked: usize,
    alone: &HashMap<String, Option<f64>>,
) -> ModelChoice {
    let (sums, choices) = (all.get(..asked).unwrap_or(all), choices.get(..asked).unwrap_or(choices));
    let lengths = choices.iter().map(|choice| choice.chars().count().max(1) as f64);
    let per_character: Vec<f64> = sums.iter().zip(lengths).map(|(sum, length)| sum / length).collect();
    let own = choices.iter().map(|choice| alone.get(choice).copied().flatten());
    let mutual_info: Option<Vec<f64>> = sums.iter().zip(own).map(|(sum, own)| Some(sum - own?)).collect();
    ModelChoice {
        likeliest: largest(sums),
        per_character: Some(largest(&per_character)),
        mutual_info: mutual_info.as_deref().map(largest),
        sums: all.to_vec(),
        per_token: None,
        greedy: false,
    }
}

fn largest(values: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (at, value) in values.iter().enumerate() {
        if *value > best.1 {
            best = (at, *value);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_choices_is_chosen_by_each_measure() {
        let choices = ["no", "certainly", "öäü"].map(str::to_owned);
        let alone = HashMap::from([
            ("no".to_owned(), Some(-1.0)),
            ("certainly".to_owned(), Some(-9.5)),
            ("öäü".to_owned(), Some(-2.0)),
        ]);
        // Per character −2, −1, −4/3: lengths are in characters, not bytes.
        let chosen = best(&[-4.0, -9.0, -4.0], &choices, 3, &alone);
        let wanted =
            ModelChoice { likeliest: 0, per_character: Some(1), mutual_info: Some(1), ..chosen.clone() };
        assert_eq!((&chosen, chosen.sums.as_slice()), (&wanted, [-4.0, -9.0, -4.0].as_slice()));
        let unknown = best(&[-4.0, -9.0, -3.0], &choices, 3, &HashMap::new());
        assert_eq!((unknown.likeliest, unknown.mutual_info), (2, None));
        // Options beyond `asked` have a likelihood but are never chosen.
        let first = best(&[-4.0, -9.0, -3.0], &choices, 2, &HashMap::new());
        assert_eq!((first.likeliest, first.per_character, first.sums.len()), (0, Some(1), 3));
    }
}
