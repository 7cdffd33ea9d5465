//! Texts with labels into a token store of examples, each a text's tokens and, behind them, the number of its label: the target of its
//! last token, so that batches and losses are those of any other examples.

use super::corpus::Corpus;
use super::split::HeldOut;
use super::{ENCODE_BYTES, Progress, index_of};
use crate::data::read::{LabelledText, Problems, RowLocation, SourceFile, labelled_texts};
use crate::data::store::{Index, Writer};
use crate::error::{Error, Result};
use crate::platform::Turns;
use crate::tokenizer::{Tokenizer, TokenizerFiles};
use glasshouse_protocol::DataConfig;
use std::collections::BTreeSet;
use std::path::Path;

/// Most labels: more are more likely another column.
const MAX_LABELS: usize = 1000;

/// Reads the texts of a corpus twice, row by row: for the labels, which are numbered in the order of their letters, and for the tokens,
/// which go to a `folder`, whose index records the `recipe`. Rows that are none are noted among the problems and left out. Each is held
/// out by chance, of its number alone, as often as [`DataConfig::validation`] says, and the last where none was.
///
/// # Errors
/// A source that is neither JSON Lines nor a table, fewer than two labels, too many of them, or no text for one of the splits.
pub(super) async fn encode(
    corpus: &Corpus,
    config: &DataConfig,
    files: &TokenizerFiles,
    (folder, recipe): (&Path, &str),
    problems: &Problems,
    progress: &mut dyn FnMut(Progress),
    turns: &Turns,
) -> Result<()> {
    let Corpus::Files { sources, .. } = corpus else {
        return Err(Error::Refused(
            "the objective classify learns from texts with labels: name a file of JSON Lines, a JSON array or a table (.csv) of them as data".to_owned(),
        ));
    };
    let labels = labels(sources, problems, turns).await?;
    let tokenizer = &files.tokenizer;
    let size = tokenizer.vocabulary_size().max(labels.len());
    let mut queue = LabelQueue {
        tokenizer,
        labels: &labels,
        held_out: HeldOut::new(config),
        writer: Writer::new(folder, size),
        waiting: Vec::new(),
        characters: 0,
        lost: Vec::new(),
    };
    let total = corpus.bytes();
    let (mut waiting, mut bytes) = (0, 0_u64);
    for (at, source) in sources.iter().enumerate() {
        for row in labelled_texts(source)? {
            turns.give().await;
            // What is wrong with others was noted before.
            let Ok(row) = row? else { continue };
            if waiting >= ENCODE_BYTES {
                waiting = 0;
                queue.flush(false)?;
                progress(Progress::Encoding { bytes: bytes.min(total), total });
            }
            waiting += row.text.len();
            bytes += row.text.len() as u64;
            queue.waiting.push((at, row));
        }
    }
    queue.flush(true)?;
    let LabelQueue { writer, held_out: HeldOut { counts, .. }, characters, lost, .. } = queue;
    for (at, place) in lost {
        let reason = format!("{place}: `text`: no character that the vocabulary has");
        sources.get(at).into_iter().for_each(|source| problems.note(&source.path, &reason));
    }
    let [train, held_out] = counts;
    if train == 0 {
        return Err(Error::Refused(format!(
            "all {held_out} texts are held out; give more, or a lower data.validation"
        )));
    }
    writer.finish(Index {
        vocabulary: size,
        documents: train + held_out,
        characters,
        bytes,
        labels,
        ..index_of(corpus, tokenizer, recipe, problems)?
    })?;
    Ok(())
}

/// A text's tokens, as a model that classifies texts reads them.
///
/// # Errors
/// The tokenizer fails.
pub fn text_tokens(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    Ok(begun(tokenizer, tokenizer.encode(text)?))
}

/// A text's tokens, as a reward model reads one that no template wrote: with what ends it, whose score is the text's.
///
/// # Errors
/// The tokenizer fails.
pub fn scored_tokens(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let mut tokens = text_tokens(tokenizer, text)?;
    if !tokens.is_empty() {
        tokens.extend(tokenizer.end_of_text());
    }
    Ok(tokens)
}

/// Tokens behind those that every text begins with.
fn begun(tokenizer: &Tokenizer, mut tokens: Vec<u32>) -> Vec<u32> {
    if !tokens.is_empty() {
        tokens.splice(0..0, tokenizer.begins().iter().copied());
    }
    tokens
}

/// All labels, in the order of their letters.
async fn labels(sources: &[SourceFile], problems: &Problems, turns: &Turns) -> Result<Vec<String>> {
    let mut labels = BTreeSet::new();
    for source in sources {
        for row in labelled_texts(source)? {
            turns.give().await;
            let reason = match row? {
                Ok(LabelledText { label: Some(label), unread, .. }) => {
                    problems.unread(unread);
                    labels.insert(label);
                    if labels.len() > MAX_LABELS {
                        let reason = format!(
                            "more than {MAX_LABELS} labels: `label` is to name one of a few kinds that texts are of"
                        );
                        return Err(Error::bad_file(&source.path, reason));
                    }
                    continue;
                }
                Ok(LabelledText { place, .. }) => format!("{place}: `label`: missing"),
                Err(reason) => reason,
            };
            problems.note(&source.path, &reason);
        }
    }
    if labels.len() >= 2 {
        return Ok(labels.into_iter().collect());
    }
    let has =
        labels.first().map_or("no text with a label".to_owned(), |only| format!("one label alone, {only}"));
    let first = problems.list().into_iter().next();
    let wrong = first.map_or(String::new(), |problem| format!(": {} {}", problem.name, problem.reason));
    Err(Error::Refused(format!("the given data holds {has}, and at least two labels are needed{wrong}")))
}

/// Texts that wait for being encoded together.
struct LabelQueue<'a> {
    tokenizer: &'a Tokenizer,
    labels: &'a [String],
    held_out: HeldOut,
    writer: Writer,
    /// Each with the number of its source.
    waiting: Vec<(usize, LabelledText)>,
    characters: u64,
    /// Source and place of texts of which no token is left.
    lost: Vec<(usize, RowLocation)>,
}

impl LabelQueue<'_> {
    /// Encodes and writes what waits. Where none was held out by chance, the `last` one of all is.
    fn flush(&mut self, last: bool) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        let texts: Vec<&str> = rows.iter().map(|(_, row)| row.text.as_str()).collect();
        let encoded = self.tokenizer.encode_many(&texts)?;
        let count = rows.len();
        for (at, ((source, row), tokens)) in rows.iter().zip(encoded).enumerate() {
            let Some(label) = row.label.as_ref().and_then(|label| self.labels.binary_search(label).ok())
            else {
                continue;
            };
            let mut tokens = begun(self.tokenizer, tokens);
            if tokens.is_empty() {
                self.lost.push((*source, row.place));
                continue;
            }
            let split = self.held_out.next(last && at + 1 == count);
            self.characters += row.text.chars().count() as u64;
            let mut learned = vec![false; tokens.len()];
            tokens.push(label as u32);
            learned.push(true);
            self.writer.append_example(split, &tokens, &learned, row.text.len() as u64)?;
        }
        Ok(())
    }
}
