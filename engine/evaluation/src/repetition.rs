//! Repetition in sampled texts, compared with the held-out text.

use super::documents::{Document, HeldOut};
use super::{OnProgress, Subject};
use glasshouse_generation::{Batch, Decoder, Opening, request};
use glasshouse_metrics::statistics::{self, Bootstrap, MIN_VALUES, finite, ratio, sum};
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::evaluation::Metric;
use glasshouse_protocol::{EvaluateSettings, GenerateConfig};
use std::collections::HashSet;

/// Number of sampled texts, and tokens of each.
const TEXTS: usize = 16;
const LENGTH: usize = 200;

/// Tokens of the held-out text used as a prompt if no token begins a text.
const PROMPT: usize = 8;

/// Bytes of held-out text that contain as many words as are sampled.
const BYTES: usize = 1 << 16;

/// Words per n-gram for repetition.
const GRAM: usize = 4;

/// Counts of a text: repeated n-grams, all n-grams, distinct word pairs, all word pairs.
type Counts = [f64; 4];

/// The share of repeated word 4-grams, and of distinct word pairs (Li et al. 2016, "A diversity-promoting objective
/// function for neural conversation models"), in sampled texts and in as much held-out text.
pub(super) async fn repetition(
    subject: &Subject<'_>,
    settings: &EvaluateSettings,
    held_out: &HeldOut,
    on_progress: OnProgress<'_>,
) -> Result<Vec<Metric>> {
    let tokenizer = &subject.tokenizer.tokenizer;
    let context = subject.scorer.config().context_length;
    let (mut prompts, mut texts, yielder) = (Vec::new(), Vec::new(), Yielder::new());
    let mut last: Option<(usize, Document)> = None;
    for number in 0..TEXTS {
        // If there are too few documents, one is used several times from different positions; a long one is read only once.
        let at = number * held_out.count() / TEXTS;
        let document = match last.take() {
            Some((own, document)) if own == at => document,
            _ => held_out.document(at, tokenizer)?,
        };
        yielder.maybe_yield().await;
        let given = document.predicted.iter().position(|predicted| *predicted).unwrap_or(1);
        let parts = &document.parts;
        let part = parts.get(number * parts.len() / TEXTS);
        let begins = part.filter(|_| held_out.passages).map_or(0, |part| part.tokens.start);
        let prompt = if document.given == 0 && given <= 1 {
            begins..(begins + PROMPT).min(document.tokens.len())
        } else {
            0..given
        };
        let prompt = document.tokens.get(prompt).unwrap_or_default();
        let cut = prompt.len().saturating_sub(context);
        prompts.push(prompt.get(cut..).unwrap_or_default().to_vec());
        let from = part.filter(|_| held_out.passages).map_or(0, |part| part.text.start);
        let text = document.text.get(from..).unwrap_or_default();
        texts.push(text.get(..text.floor_char_boundary(BYTES)).unwrap_or(text).to_owned());
        last = Some((at, document));
    }
    let own = GenerateConfig {
        max_tokens: LENGTH,
        temperature: 1.0,
        seed: settings.seed,
        ..GenerateConfig::default()
    };
    let written = sampled(subject, &prompts, &own, on_progress).await?;
    // Longer texts repeat more, so both have the same number of words.
    let pairs = texts.iter().zip(&written);
    let held_out: Vec<Counts> =
        pairs.map(|(text, written)| counts(text, written.split_whitespace().count())).collect();
    let sampled: Vec<Counts> = written.iter().map(|written| counts(written, usize::MAX)).collect();
    let bootstrap = Bootstrap { resamples: settings.resamples, seed: settings.seed };
    Ok([("", &sampled, "sampled"), ("_of_text", &held_out, "held-out")]
        .into_iter()
        .flat_map(|(name, counts, of)| metrics(name, counts, of, &bootstrap))
        .collect())
}

/// Texts after the prompts, without those that are empty, each with a seed of its own.
pub(super) async fn sampled(
    subject: &Subject<'_>,
    prompts: &[Vec<u32>],
    settings: &GenerateConfig,
    on_progress: OnProgress<'_>,
) -> Result<Vec<String>> {
    let tokenizer = &subject.tokenizer.tokenizer;
    let (device, config) = (subject.scorer.device(), subject.scorer.config());
    let opening = Opening { threads: Some(subject.scorer.threads()), texts: TEXTS, ..Opening::default() };
    let (mut decoder, _) = Decoder::open(device, config, subject.parameters, &opening).await?;
    let prompts_and_seeds = prompts.iter().zip(0..).filter(|(prompt, _)| !prompt.is_empty());
    let requests = prompts_and_seeds.map(|(prompt, number)| {
        let own = GenerateConfig { seed: settings.seed.wrapping_add(number), ..settings.clone() };
        request(tokenizer, prompt, &[], &own)
    });
    let mut batch = Batch::new(&mut decoder, requests)?;
    while !batch.is_over() {
        batch.next(&mut decoder).await?;
        on_progress("sampled texts", batch.written() as u64, prompts.len() as u64);
    }
    Ok(batch.finish().into_iter().map(|written| written.text).collect())
}

fn metrics(name: &str, counts: &[Counts], of: &str, bootstrap: &Bootstrap) -> [Metric; 2] {
    let metric = |base: &str, of: String, [above, below]: [usize; 2]| {
        let counts: Vec<[f64; 2]> = counts.iter().map(|counts| [counts[above], counts[below]]).collect();
        let sums @ [_, count] = sum(&counts);
        let interval = bootstrap.sums(&counts, ratio).filter(|_| count >= MIN_VALUES as f64);
        let count = (count as u64, of.as_str());
        statistics::metric(&format!("{base}{name}"), finite(ratio(sums)), interval, count)
    };
    [
        metric("repetition", format!("4-grams of words of {of} texts"), [0, 1]),
        metric("distinct_2", format!("pairs of words of {of} texts"), [2, 3]),
    ]
}

/// Counts over a text's first `words` words.
fn counts(text: &str, words: usize) -> Counts {
    let words: Vec<&str> = text.split_whitespace().take(words).collect();
    let (mut grams, mut pairs) = (HashSet::new(), HashSet::new());
    let repeated = words.windows(GRAM).filter(|gram| !grams.insert(*gram)).count();
    let distinct = words.windows(2).filter(|pair| pairs.insert(*pair)).count();
    let of = |gram: usize| (words.len() + 1).saturating_sub(gram) as f64;
    [repeated as f64, of(GRAM), distinct as f64, of(2)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::evaluation::Better;

    #[test]
    fn what_stood_before_in_the_same_text_is_repeated() {
        assert_eq!(counts("a b c d a b c d", usize::MAX), [1.0, 5.0, 4.0, 7.0]);
        assert_eq!(counts("a b c d a b c d", 5), [0.0, 2.0, 4.0, 4.0]);
        assert_eq!(counts("a a a a a a", usize::MAX), [2.0, 3.0, 1.0, 5.0]);
        assert_eq!(counts("", usize::MAX), [0.0; 4]);
        let bootstrap = Bootstrap { resamples: 100, seed: 1 };
        let [repetition, distinct] =
            metrics("", &[[10.0, 50.0, 40.0, 70.0], [0.0, 50.0, 70.0, 70.0]], "sampled", &bootstrap);
        assert_eq!(
            (repetition.name.as_str(), repetition.value, repetition.count),
            ("repetition", Some(0.1), 100)
        );
        assert_eq!((distinct.name.as_str(), distinct.value), ("distinct_2", Some(110.0 / 140.0)));
        assert_eq!([repetition.better, distinct.better], [Better::Neither; 2]);
        let [low, high] = repetition.interval.unwrap();
        assert!((0.0..=0.1).contains(&low) && (0.1..=0.2).contains(&high));
        // Two short answers: all word pairs are distinct, and there are too few 4-grams for an interval.
        let short = metrics("", &[[0.0, 1.0, 3.0, 3.0], [1.0, 2.0, 4.0, 4.0]], "sampled", &bootstrap);
        assert!(short.iter().all(|metric| metric.value.is_some() && metric.interval.is_none()), "{short:?}");
        let distinct = metrics("", &[[0.0, 50.0, 52.0, 52.0]; 2], "sampled", &bootstrap);
        assert_eq!(distinct.each_ref().map(|metric| metric.interval), [None; 2]);
        // Nothing was generated.
        assert_eq!(metrics("", &[[0.0; 4]; 2], "sampled", &bootstrap)[0].value, None);
    }
}
