//! Conversations, as a chat template writes them, into a token store of examples. Of a preference there are two, the better answer first.

use super::corpus::Corpus;
use super::split::HeldOut;
use super::{ENCODE_BYTES, Progress, index_of};
use crate::data::read::{self, Problems, RowLocation};
use crate::data::store::{Index, Split, Writer};
use crate::error::{Error, Result};
use crate::platform::{ChatRenderer, Turns};
use crate::tokenizer::{EncodedText, TokenizerFiles, template_fails};
use glasshouse_protocol::config::Objective;
use glasshouse_protocol::{ChatExample, DataConfig};
use std::path::Path;

/// Bytes of a prompt that leaves room for an answer in most contexts.
const SHORT_PROMPT: usize = 200;

/// Reads the conversations of a corpus line by line and writes their tokens, with which of them are learned, to a `folder`, whose index
/// records the `recipe`. Where the loss `judges` answers, each is an example with another example's answer to its prompt behind it. Lines that are none are noted among the problems and left out. Each is held out by chance, of its number alone,
/// as often as [`DataConfig::validation`] says, and the last where none was.
///
/// # Errors
/// A source that is no JSON Lines, no conversation at all, or none for one of the splits.
pub(super) async fn encode(
    corpus: &Corpus,
    (config, objective, judges): (&DataConfig, Objective, bool),
    files: &TokenizerFiles,
    (folder, recipe): (&Path, &str),
    problems: &Problems,
    progress: &mut dyn FnMut(Progress),
    turns: &Turns,
) -> Result<()> {
    let renderer = files.chat_renderer()?;
    let Corpus::Files { sources, .. } = corpus else {
        return Err(Error::Refused(format!(
            "the objective {objective} learns from {}s: name a file of them, JSON Lines or a JSON array, as data",
            noun(objective)
        )));
    };
    let total = corpus.bytes();
    let mut queue = ConversationQueue {
        files,
        held_out: HeldOut::new(config),
        writer: Writer::new(folder, files.tokenizer.vocabulary_size()),
        waiting: Vec::new(),
        characters: 0,
        prompt: None,
        plain: true,
        judged: judges.then(Default::default),
    };
    let (mut waiting, mut bytes) = (0, 0);
    for source in sources {
        let read = |row: &str, place: RowLocation| {
            let example =
                renderer.example(row, objective).and_then(|example| suits(example, objective, judges));
            let example = example.map(|mut example| {
                problems.unread(std::mem::take(&mut example.unread));
                Some(example)
            });
            example.or_else(|reason| {
                // In a browser its module may be gone, with which every line that follows would be left out.
                renderer.still_there().map_err(|gone| format!("cannot be written: {gone}"))?;
                problems.note(&source.path, &format!("{place}: {reason}"));
                Ok(None)
            })
        };
        for example in read::json_rows(source, read)? {
            let example = example?;
            turns.give().await;
            if waiting >= ENCODE_BYTES {
                waiting = 0;
                queue.flush(false)?;
                progress(Progress::Encoding { bytes: bytes.min(total), total });
            }
            let length = answers(&example).map(|answer| answer.text.len()).sum::<usize>();
            waiting += length;
            bytes += length as u64;
            queue.waiting.push(example);
        }
    }
    queue.flush(true)?;
    queue.end_judged()?;
    let ConversationQueue { writer, held_out: HeldOut { counts, .. }, characters, prompt, plain, .. } = queue;
    let documents: u64 = counts.iter().sum();
    if let Some(missing) = missing(counts, objective, problems) {
        let fault = template_fault(&renderer).filter(|_| documents == 0);
        return Err(fault.unwrap_or(Error::Refused(missing)));
    }
    writer.finish(Index {
        documents,
        characters,
        bytes,
        prompt,
        plain,
        ..index_of(corpus, &files.tokenizer, recipe, problems)?
    })?;
    Ok(())
}

/// What is wrong with a template that writes no conversation, whatever a file holds.
pub(super) fn template_fault(renderer: &ChatRenderer) -> Option<Error> {
    const PLAIN: &str =
        r#"{"messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":"Hello"}]}"#;
    renderer.example(PLAIN, Objective::Chat).err().map(|reason| template_fails(&reason))
}

/// What examples are missing, of so many that train and are held out.
pub(super) fn missing(
    [train, held_out]: [u64; 2],
    objective: Objective,
    problems: &Problems,
) -> Option<String> {
    let noun = noun(objective);
    if train + held_out == 0 {
        let nothing = format!("the given data holds no {noun} to learn from");
        return Some(match problems.list().first() {
            Some(problem) => {
                format!("{nothing}: {} {}; mend the file, or give another", problem.name, problem.reason)
            }
            None => nothing,
        });
    }
    (train == 0)
        .then(|| format!("all {held_out} {noun}s are held out; give more, or a lower data.validation"))
}

/// What an objective learns from.
fn noun(objective: Objective) -> &'static str {
    match objective {
        Objective::Preference => "preference",
        Objective::Reward => "prompt",
        Objective::Classify => "text",
        Objective::Text | Objective::Chat | Objective::Distil => "conversation",
    }
}

/// Refuses a row that the objective does not learn, or its loss, where that `judges` single answers.
fn suits(example: ChatExample, objective: Objective, judges: bool) -> Result<ChatExample, String> {
    match (objective, &example.rejected) {
        (Objective::Preference, None) if judges && example.label.is_none() => Err(
            "no judgement: train.preference.loss = kto learns from `prompt`, `completion` and `label` (true or false), or from `chosen` and \
             `rejected`"
                .to_owned(),
        ),
        (Objective::Preference, None) if !judges => Err(match example.label {
            Some(_) => "a single answer with a `label`: train.preference.loss=kto learns from it; other losses need `chosen` and `rejected`",
            None => "no preference: the objective preference learns from `chosen` and `rejected`",
        }
        .to_owned()),
        (
            Objective::Text | Objective::Chat | Objective::Reward | Objective::Classify | Objective::Distil,
            Some(_),
        ) => Err(format!(
            "`chosen` and `rejected`: a preference, which the objective {objective} does not learn"
        )),
        _ => Ok(example),
    }
}

/// A row's answers: one, or the better and the worse.
fn answers(example: &ChatExample) -> impl Iterator<Item = &ChatExample> {
    std::iter::once(example).chain(example.rejected.as_deref())
}

/// Conversations that wait for being encoded together.
struct ConversationQueue<'a> {
    files: &'a TokenizerFiles,
    held_out: HeldOut,
    writer: Writer,
    waiting: Vec<ChatExample>,
    characters: u64,
    /// What the first that is held out asks.
    prompt: Option<String>,
    /// All are texts that no template wrote.
    plain: bool,
    /// What waits for the answer after it, of training and validation, where answers are judged.
    judged: Option<[Judged; 2]>,
}

/// Answers of a split that are judged: the first one, and the last, which waits for another's answer to its prompt.
#[derive(Default)]
struct Judged {
    first: Option<Marked>,
    last: Option<Marked>,
}

/// Tokens, and which are learned. The first token is never learned: its mark says whether the answer is a good one.
#[derive(Clone)]
struct Marked {
    tokens: Vec<u32>,
    learned: Vec<bool>,
    bytes: u64,
}

impl Marked {
    /// Where the answer begins.
    fn answer(&self) -> usize {
        self.learned.iter().skip(1).position(|learned| *learned).map_or(self.tokens.len(), |at| at + 1)
    }

    /// Its prompt with the answer of another.
    fn with_answer_of(&self, other: &Self) -> Self {
        let (own, theirs) = (self.answer(), other.answer());
        Self {
            tokens: [&self.tokens[..own], &other.tokens[theirs..]].concat(),
            learned: [&vec![false; own], &other.learned[theirs..]].concat(),
            bytes: 0,
        }
    }
}

impl ConversationQueue<'_> {
    /// Keeps what an example asks for samples: the first prompt that is short, or the shortest.
    fn ask(&mut self, example: &ChatExample) {
        let shorter = |asked: &&String| match &self.prompt {
            Some(kept) => kept.len() > SHORT_PROMPT && asked.len() < kept.len(),
            None => true,
        };
        if let Some(asked) = example.prompt.as_ref().filter(shorter) {
            self.prompt = Some(asked.clone());
        }
    }

    /// Encodes and writes what waits. Where none was held out by chance, the `last` one of all is.
    fn flush(&mut self, last: bool) -> Result<()> {
        let examples = std::mem::take(&mut self.waiting);
        let count = examples.len();
        let texts: Vec<&str> = examples.iter().flat_map(answers).map(|answer| answer.text.as_str()).collect();
        let mut encoded = self.files.tokenizer.encode_spans(&texts)?.into_iter();
        for (at, example) in examples.iter().enumerate() {
            let split = self.held_out.next(last && at + 1 == count);
            if split == Split::Validation {
                self.ask(example);
            }
            self.plain &= example.raw;
            for (number, (answer, encoded)) in answers(example).zip(encoded.by_ref()).enumerate() {
                let marked = self.marked(answer, encoded);
                if self.judged.is_some() {
                    self.judge(split, example.label.unwrap_or(number == 0), marked)?;
                } else {
                    self.append(split, &marked)?;
                }
            }
        }
        Ok(())
    }

    fn marked(&mut self, example: &ChatExample, encoded: EncodedText) -> Marked {
        let mut learned: Vec<bool> = encoded.learned(&example.learned).collect();
        let mut tokens = encoded.tokens;
        let tokenizer = &self.files.tokenizer;
        self.characters += example.text.chars().count() as u64;
        if example.raw {
            // Templates write themselves what a text begins and ends with.
            tokens.splice(0..0, tokenizer.begins().iter().copied());
            learned.splice(0..0, tokenizer.begins().iter().map(|_| false));
            tokens.extend(tokenizer.end_of_text());
            learned.resize(tokens.len(), true);
        }
        Marked { tokens, learned, bytes: example.text.len() as u64 }
    }

    fn append(&mut self, split: Split, example: &Marked) -> Result<()> {
        self.writer.append_example(split, &example.tokens, &example.learned, example.bytes)
    }

    /// Writes the answer before this one with this one's answer to its prompt, as TRL pairs them: in the order of the rows.
    fn judge(&mut self, split: Split, good: bool, mut marked: Marked) -> Result<()> {
        marked.learned.iter_mut().take(1).for_each(|mark| *mark = good);
        let Some(judged) = self.judged.as_mut().map(|both| &mut both[split as usize]) else { return Ok(()) };
        judged.first.get_or_insert_with(|| marked.clone());
        match judged.last.replace(marked.clone()) {
            Some(before) => self.append_judged(split, &before, &marked),
            None => Ok(()),
        }
    }

    fn append_judged(&mut self, split: Split, own: &Marked, next: &Marked) -> Result<()> {
        self.append(split, own)?;
        self.append(split, &own.with_answer_of(next))
    }

    /// Writes the last answers, each with the first one's.
    fn end_judged(&mut self) -> Result<()> {
        for split in [Split::Train, Split::Validation] {
            let judged = self.judged.as_mut().map(|both| std::mem::take(&mut both[split as usize]));
            if let Some(Judged { first: Some(first), last: Some(last) }) = judged {
                self.append_judged(split, &last, &first)?;
            }
        }
        Ok(())
    }
}
