//! Conversations, as a chat template writes them, into a token store of examples.

use super::corpus::Corpus;
use super::{ENCODE_BYTES, Progress, checksum};
use crate::data::read::{self, Problems};
use crate::data::store::{Index, Split, SplitRecord, Writer};
use crate::error::{Error, Result};
use crate::graph::random::nth;
use crate::platform::Turns;
use crate::tokenizer::{EncodedText, TokenizerFiles};
use glasshouse_protocol::{ChatExample, DataConfig};
use std::path::Path;

/// What decides which conversations are held out.
const HELD_OUT: u64 = 0x6865_6c64;

/// Reads the conversations of a corpus line by line and writes their tokens, with which of them are learned, to a `folder`, whose index
/// records the `recipe`. Lines that are none are noted among the problems and left out. Each is held out by chance, of its number alone,
/// as often as [`DataConfig::validation`] says.
///
/// # Errors
/// A source that is no JSON Lines, no conversation at all, or none for one of the splits.
pub(super) async fn encode(
    corpus: &Corpus,
    config: &DataConfig,
    files: &TokenizerFiles,
    (folder, recipe): (&Path, &str),
    problems: &Problems,
    progress: &mut dyn FnMut(Progress),
    turns: &Turns,
) -> Result<()> {
    let renderer = files.chat_renderer()?;
    let Corpus::Files { sources, .. } = corpus else {
        return Err(Error::Refused(
            "the objective chat learns from conversations: name a JSON Lines file of them as data".to_owned(),
        ));
    };
    let total = corpus.bytes();
    let mut queue = Queue {
        files,
        held_out: (config.validation * 2.0_f64.powi(64)) as u64,
        writer: Writer::new(folder, files.tokenizer.vocabulary_size()),
        waiting: Vec::new(),
        counts: [0; 2],
        characters: 0,
        prompt: None,
    };
    let (mut waiting, mut bytes) = (0, 0);
    for source in sources {
        let read = |line: &str, number: u64| {
            renderer.example(line).map(Some).or_else(|reason| {
                problems.note(&source.path, &format!("line {number}: {reason}"));
                Ok(None)
            })
        };
        for example in read::json_lines(source, read)? {
            let example = example?;
            turns.give().await;
            waiting += example.text.len();
            bytes += example.text.len() as u64;
            queue.waiting.push(example);
            if waiting >= ENCODE_BYTES {
                waiting = 0;
                queue.flush()?;
                progress(Progress::Encoding { bytes: bytes.min(total), total });
            }
        }
    }
    queue.flush()?;
    let Queue { writer, counts, characters, prompt, .. } = queue;
    let documents: u64 = counts.iter().sum();
    if let Some(missing) = missing(counts, problems) {
        return Err(Error::Refused(missing));
    }
    writer.finish(Index {
        format: 0,
        element_bytes: 0,
        vocabulary: files.tokenizer.vocabulary_size(),
        end_of_text: files.tokenizer.end_of_text(),
        ends_within: 0,
        tokenizer_crc32c: checksum(&files.tokenizer)?,
        recipe: recipe.to_owned(),
        sources: corpus.records(),
        mixture: Default::default(),
        documents,
        characters,
        bytes,
        prompt,
        train: SplitRecord::default(),
        validation: SplitRecord::default(),
    })?;
    Ok(())
}

/// What conversations are missing, of so many that train and are held out.
fn missing([train, held_out]: [u64; 2], problems: &Problems) -> Option<String> {
    if train + held_out == 0 {
        let nothing = "the given data holds no conversation to learn from";
        return Some(match problems.list().first() {
            Some(problem) => {
                format!("{nothing}: {} {}; mend the file, or give another", problem.name, problem.reason)
            }
            None => nothing.to_owned(),
        });
    }
    let advice = "give more, or another data.validation";
    match (train, held_out) {
        (_, 0) => Some(format!("of {train} conversations none is held out; {advice}")),
        (0, _) => Some(format!("all {held_out} conversations are held out; {advice}")),
        _ => None,
    }
}

/// Conversations that wait for being encoded together.
struct Queue<'a> {
    files: &'a TokenizerFiles,
    /// Numbers below it are held out.
    held_out: u64,
    writer: Writer,
    waiting: Vec<ChatExample>,
    /// Conversations that train, and that are held out.
    counts: [u64; 2],
    characters: u64,
    /// What the first that is held out asks.
    prompt: Option<String>,
}

impl Queue<'_> {
    fn flush(&mut self) -> Result<()> {
        let examples = std::mem::take(&mut self.waiting);
        let texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
        let tokenizer = &self.files.tokenizer;
        for (example, EncodedText { mut tokens, spans }) in
            examples.iter().zip(tokenizer.encode_spans(&texts)?)
        {
            let number = self.counts.iter().sum();
            let split =
                if nth(HELD_OUT, 0, number) < self.held_out { Split::Validation } else { Split::Train };
            self.counts[split as usize] += 1;
            self.characters += example.text.chars().count() as u64;
            if split == Split::Validation && self.prompt.is_none() {
                self.prompt.clone_from(&example.prompt);
            }
            let learned = spans.iter().map(|span| {
                example.learned.iter().any(|range| span.start < range.end && span.end > range.start)
            });
            let mut learned: Vec<bool> = learned.collect();
            if example.raw {
                // Templates write themselves what a text begins and ends with.
                tokens.splice(0..0, tokenizer.begins().iter().copied());
                learned.splice(0..0, tokenizer.begins().iter().map(|_| false));
                tokens.extend(tokenizer.end_of_text());
                learned.resize(tokens.len(), true);
            }
            self.writer.append_example(split, &tokens, &learned, example.text.len() as u64)?;
        }
        Ok(())
    }
}
