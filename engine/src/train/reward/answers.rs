//! Answers of the model as it is, drawn many at once.

use crate::data::{Prompt, Prompts};
use crate::error::Result;
use crate::generate::Decoder;
use crate::platform::Turns;
use crate::protocol::GenerateConfig;
use crate::protocol::random::nth;
use serde::{Deserialize, Serialize};

/// What the draws are named by.
const ANSWERS: u64 = 0x616e_7377;

/// An answer with what it is worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What people read of the prompt.
    pub asked: String,
    /// Tokens of the prompt.
    pub prompt: Vec<u32>,
    /// Its own tokens, the one that ends it included, where one does.
    pub tokens: Vec<u32>,
    /// It came to an end before it was too long.
    pub ended: bool,
    /// Its text.
    pub text: String,
    /// What it is worth: 0 to 1 by a rule, any number by a reward model.
    pub reward: f32,
}

/// How answers are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Drawing {
    /// Answers to each prompt.
    pub each: usize,
    /// Max tokens of an answer.
    pub max_tokens: usize,
    /// What logits are divided by; 0 takes the likeliest token.
    pub temperature: f32,
    /// Each answer's draws are a pure function of it and of the answer's number.
    pub seed: u64,
}

/// Answers to prompts, all of the first one first, and what they are worth.
///
/// # Errors
/// The device fails.
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
    let turns = Turns::new();
    let (mut next, mut under_way) = (0, Vec::new());
    (0..decoder.places()).for_each(|place| decoder.release(place));
    loop {
        // A prompt at a time: reading one may take a while.
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
        turns.give().await;
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
