//! Samples answers with the current weights, in batches.

use glasshouse_generation::Decoder;
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::GenerateConfig;
use glasshouse_protocol::random::nth;
use glasshouse_text::data::{Prompt, Prompts};
use serde::{Deserialize, Serialize};

/// Random stream of the answers.
const ANSWERS: u64 = 0x616e_7377;

/// A sampled answer with its reward.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub asked: String,
    pub prompt: Vec<u32>,
    /// The answer's tokens, including the end token, if any.
    pub tokens: Vec<u32>,
    /// Whether it ended before the maximum length.
    pub ended: bool,
    pub text: String,
    /// 0 to 1 from a rule, any number from a reward model.
    pub reward: f32,
}

#[derive(Clone, Copy, Debug)]
pub struct Drawing {
    /// Answers per prompt.
    pub each: usize,
    pub max_tokens: usize,
    pub temperature: f32,
    /// Each answer's random numbers depend only on the seed and the answer's number.
    pub seed: u64,
}

/// Samples answers with their rewards, ordered by prompt.
pub async fn draw(
    decoder: &mut Decoder,
    prompts: &Prompts<'_>,
    asked: &[Prompt],
    drawing: Drawing,
) -> Result<Vec<Answer>> {
    let Drawing { each, max_tokens, temperature, seed } = drawing;
    let mut answers: Vec<Answer> = asked
        .iter()
        .flat_map(|prompt| std::iter::repeat_n(prompt, each))
        .map(|prompt| Answer {
            asked: prompt.judged.asked.clone(),
            prompt: prompt.tokens.clone(),
            ..Answer::default()
        })
        .collect();
    let yielder = Yielder::new();
    let (mut next, mut under_way) = (0, Vec::new());
    (0..decoder.places()).for_each(|place| decoder.release(place));
    loop {
        // One prompt at a time, because prefill may take a while.
        let mut read = None;
        while under_way.len() < decoder.places()
            && next < answers.len()
            && read.is_none_or(|prompt| prompt == next / each)
        {
            read = Some(next / each);
            let seed = nth(seed, ANSWERS, next as u64);
            let config = GenerateConfig { max_tokens, temperature, seed, ..GenerateConfig::default() };
            let place = decoder.admit(&answers[next].prompt, &config).await?;
            under_way.push((place, next));
            next += 1;
        }
        let left = under_way.iter().map(|(_, number)| max_tokens - answers[*number].tokens.len()).min();
        let Some(left) = left else { break };
        let count = if read.is_some() { 1 } else { left.min(decoder.batch()) };
        let written = decoder.advance_all(count).await?;
        yielder.maybe_yield().await;
        for (place, tokens) in written {
            let Some(at) = under_way.iter().position(|(own, _)| *own == place) else { continue };
            let number = under_way[at].1;
            let answer = &mut answers[number];
            for token in tokens {
                answer.tokens.push(token);
                answer.ended = prompts.ends.contains(&token);
                if answer.ended {
                    break;
                }
            }
            if answer.ended || answer.tokens.len() >= max_tokens {
                decoder.release(place);
                under_way.swap_remove(at);
                let own = &answer.tokens[..answer.tokens.len() - usize::from(answer.ended)];
                answer.text = prompts.tokenizer.decode(own);
                let judged = &asked[number / each].judged;
                answer.reward = prompts.judge.score(judged, &answer.text) as f32;
            }
        }
    }
    Ok(answers)
}
