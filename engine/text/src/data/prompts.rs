//! Prompts with data for judging answers: the batches of the objective `reward`. A step's prompts are a pure function
//! of its number; the model itself writes the answers.

use super::examples::{of_held_out, permuted};
use super::rewards::{Judge, Judged};
use super::store::{Split, TokenStore};
use crate::tokenizer::Tokenizer;
use glasshouse_platform::{Error, OrInternal, Result, refuse};
use glasshouse_protocol::quantity::{counted, things};
use glasshouse_protocol::random::nth;
use std::sync::Arc;

/// Stream ids of the random draws.
const TRAINING: u64 = 0x7077_7472;
const EVALUATION: u64 = 0x7077_6576;

#[derive(Clone, Debug)]
pub struct Prompts<'a> {
    store: &'a TokenStore,
    pub tokenizer: &'a Tokenizer,
    pub ends: Vec<u32>,
    pub judge: Judge,
    /// For training and validation.
    rows: [Arc<Vec<PromptRow>>; 2],
    settings: PromptSettings,
    /// Number of prompts left out because they leave no room for an answer, for training and validation.
    left_out: [usize; 2],
}

#[derive(Clone, Copy, Debug)]
pub struct PromptSettings {
    pub seed: u64,
    /// Prompts per step.
    pub prompts: usize,
    /// Maximum prompt length in tokens.
    pub room: usize,
}

/// A usable prompt: its example number in the split, and its data on correct answers.
#[derive(Clone, Debug)]
struct PromptRow {
    example: usize,
    judged: Judged,
}

#[derive(Clone, Debug)]
pub struct Prompt {
    /// The prompt's tokens, up to the start of the answer.
    pub tokens: Vec<u32>,
    pub judged: Judged,
}

impl<'a> Prompts<'a> {
    /// Selects the usable prompts of both splits. Fails if a split has no prompt short enough, or the data on correct answers is damaged.
    pub fn new(
        store: &'a TokenStore,
        tokenizer: &'a Tokenizer,
        ends: Vec<u32>,
        judge: Judge,
        settings: PromptSettings,
    ) -> Result<Self> {
        let mut left_out = [0; 2];
        let mut of = |split: Split| -> Result<Arc<Vec<PromptRow>>> {
            let damaged = || Error::Internal(format!("the {split} prompts have no reference answers"));
            let examples = store.examples(split).ok_or_else(damaged)?;
            let mut rows = Vec::with_capacity(examples.count());
            let known = examples.rows()?;
            let mut known = known.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            for example in 0..examples.count() {
                let judged =
                    known.next().and_then(|line| serde_json::from_slice(line).ok()).ok_or_else(damaged)?;
                let range = examples.range(example);
                if range.end - range.start <= settings.room as u64 {
                    rows.push(PromptRow { example, judged });
                } else {
                    left_out[split as usize] += 1;
                }
            }
            if rows.is_empty() {
                refuse!(
                    "no prompt of the {split} data has {} tokens or fewer, the room that the context length leaves for a prompt; give \
                     shorter prompts, leave less room for answers, or use a model with a longer context",
                    settings.room
                );
            }
            Ok(Arc::new(rows))
        };
        let rows = [of(Split::Train)?, of(Split::Validation)?];
        Ok(Self { store, tokenizer, ends, judge, rows, settings, left_out })
    }

    pub fn count(&self, split: Split) -> usize {
        self.rows[split as usize].len()
    }

    /// The prompts of a step. Every epoch uses each prompt once, in a new order.
    pub fn of_step(&self, step: u64) -> Result<Vec<Prompt>> {
        let PromptSettings { seed, prompts, .. } = self.settings;
        let rows = &self.rows[Split::Train as usize];
        let count = rows.len() as u64;
        let drawn = (step * prompts as u64..(step + 1) * prompts as u64).map(|at| {
            let key = nth(nth(seed, TRAINING, 0), TRAINING, at / count);
            permuted(at % count, count, key)
        });
        self.prompts(Split::Train, drawn)
    }

    /// Up to `most` prompts of a split for evaluation; all evaluations of a run use the same ones.
    pub fn evaluation(&self, split: Split, most: usize) -> Result<Vec<Prompt>> {
        let count = self.rows[split as usize].len() as u64;
        let key = nth(self.settings.seed, EVALUATION, split as u64);
        self.prompts(split, (0..count.min(most as u64)).map(|at| permuted(at, count, key)))
    }

    fn prompts(&self, split: Split, drawn: impl Iterator<Item = u64>) -> Result<Vec<Prompt>> {
        let rows = &self.rows[split as usize];
        drawn
            .map(|at| {
                let PromptRow { example, judged } = &rows[at as usize];
                let range =
                    self.store.examples(split).or_internal("prompts without their lengths")?.range(*example);
                let count = (range.end - range.start) as usize;
                let tokens = self.store.read(split, range.start, count)?;
                Ok(Prompt { tokens, judged: judged.clone() })
            })
            .collect()
    }

    /// Notes for the user, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let [train, validation] = [0, 1].map(|split| self.rows[split].len() as u64);
        let lack = if self.judge.is_by_model() { "− the mean score" } else { "1 − the mean reward" };
        let mut all = vec![
            format!("{} to train on, {validation} held out", counted(train, "prompt")),
            format!("evaluations use the most likely answers and report {lack} as their loss"),
        ];
        let room = self.settings.room as u64;
        let lost = |left_out: usize| {
            (left_out > 0).then(|| {
                format!(
                    "{} left out: more than {room} {}, the room that the context length leaves for a prompt",
                    counted(left_out as u64, "prompt"),
                    things(room, "token")
                )
            })
        };
        let [train, validation] = self.left_out.map(lost);
        all.extend(train.into_iter().chain(validation.map(of_held_out)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::store::Writer;
    use glasshouse_platform::{Yielder, block_on};
    use glasshouse_protocol::config::{RewardRule, RewardSettings};
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind, presets};

    /// A store of prompts with 1, 2, … tokens, some held out.
    fn store(folder: &std::path::Path, count: usize, held_out: &[usize]) -> TokenStore {
        let mut writer = Writer::new(folder, 300);
        for number in 0..count {
            let split = if held_out.contains(&number) { Split::Validation } else { Split::Train };
            let tokens = vec![number as u32; number + 1];
            let judged = Judged { asked: number.to_string(), ..Judged::default() };
            writer.append_example(split, &tokens, &vec![false; tokens.len()], 1).unwrap();
            writer.append_row(split, &judged).unwrap();
        }
        writer.finish(crate::data::examples::tests::index()).unwrap();
        TokenStore::open(folder).unwrap()
    }

    #[test]
    fn every_prompt_comes_once_before_any_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 14, &[0, 1]);
        block_on(store.verify(folder.path(), &Yielder::none())).unwrap();
        let preset = presets::preset("nanogpt-cpu").unwrap();
        let config = TokenizerConfig { kind: TokenizerKind::Byte, ..preset.tokenizer };
        let tokenizer = crate::tokenizer::TokenizerTrainer::new(&config).unwrap().finish(false).unwrap();
        let judge =
            || Judge::new(&RewardSettings { rule: RewardRule::Length, ..RewardSettings::default() }).unwrap();
        let settings = PromptSettings { seed: 3, prompts: 5, room: 12 };
        let prompts = Prompts::new(&store, &tokenizer, vec![0], judge(), settings).unwrap();
        let step = |step| {
            let of_step = prompts.of_step(step).unwrap();
            of_step.iter().for_each(|prompt| {
                assert_eq!(prompt.judged.asked, prompt.tokens[0].to_string(), "a prompt has its own answer");
            });
            of_step.iter().map(|prompt| prompt.tokens.len()).collect::<Vec<_>>()
        };
        let mut first = [step(0), step(1)].concat();
        assert_eq!(first, [step(0), step(1)].concat());
        first.sort_unstable();
        assert_eq!(first, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert_ne!([step(0), step(1)], [step(2), step(3)]);
        assert_eq!(prompts.evaluation(Split::Validation, 9).unwrap().len(), 2);
        let said = prompts.sentences();
        assert_eq!(said[0], "10 prompts to train on, 2 held out");
        assert!(said[2].starts_with("2 prompts left out: more than 12 tokens"), "{said:?}");
        let none = PromptSettings { room: 2, ..settings };
        let error = Prompts::new(&store, &tokenizer, vec![0], judge(), none).unwrap_err().to_string();
        assert!(error.contains("no prompt of the training data has 2 tokens or fewer"), "{error}");
        // Losses of the held-out split are reported too.
        let folder = tempfile::tempdir().unwrap();
        let store = self::store(folder.path(), 14, &[0, 13]);
        let said = Prompts::new(&store, &tokenizer, vec![0], judge(), settings).unwrap().sentences();
        assert!(said[2].starts_with("1 prompt left out"), "{said:?}");
        assert!(said[3].starts_with("of those held out 1 prompt left out: more than 12 tokens"), "{said:?}");
    }
}
