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
/// records the `recipe`. Lines that are none are noted among the problems and left out. Each is held out by chance, of its number alone,
/// as often as [`DataConfig::validation`] says, and the last where none was.
///
/// # Errors
/// A source that is no JSON Lines, no conversation at all, or none for one of the splits.
pub(super) async fn encode(
    corpus: &Corpus,
    (config, objective): (&DataConfig, Objective),
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
    };
    let (mut waiting, mut bytes) = (0, 0);
    for source in sources {
        let read = |row: &str, place: RowLocation| {
            let example = renderer.example(row, objective).and_then(|example| suits(example, objective));
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

/// Refuses a row that the objective does not learn.
fn suits(example: ChatExample, objective: Objective) -> Result<ChatExample, String> {
    match (objective, &example.rejected) {
        (Objective::Preference, None) => {
            Err("no preference: the objective preference learns from `chosen` and `rejected`".to_owned())
        }
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
            for (answer, encoded) in answers(example).zip(encoded.by_ref()) {
                self.write(split, answer, encoded)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, split: Split, example: &ChatExample, encoded: EncodedText) -> Result<()> {
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
        self.writer.append_example(split, &tokens, &learned, example.text.len() as u64)
    }
}
