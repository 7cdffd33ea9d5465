//! Encodes labelled texts into a token store of examples: a text's tokens, followed by its label's number as the target
//! of the last token. Batches and losses then work as for other examples.

use super::conversations::missing;
use super::corpus::Corpus;
use super::lost::{self, Lost};
use super::split::RowSplitter;
use super::{ENCODE_BYTES, Progress, index_of};
use crate::data::read::{LabelledText, Problems, RowLocation, SourceFile, labelled_texts};
use crate::data::store::{Index, Split, Writer};
use crate::tokenizer::{Tokenizer, TokenizerFiles};
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::{DataConfig, Objective};
use std::collections::BTreeSet;
use std::path::Path;

/// Maximum number of labels; more suggest the wrong column.
const MAX_LABELS: usize = 1000;

/// Reads the texts of a corpus row by row, twice: first the labels, numbered alphabetically, then the tokens, written to `folder`, whose
/// index records `recipe`. Invalid rows are recorded as problems and left out. [`RowSplitter`] selects the held-out rows unless held-out
/// files are given. Fails if a source is neither JSON Lines nor a table, there are fewer than two labels or too many, or a split has no
/// text.
pub(super) async fn encode(
    corpus: &Corpus,
    config: &DataConfig,
    files: &TokenizerFiles,
    (folder, recipe): (&Path, &str),
    problems: &Problems,
    progress: &mut dyn FnMut(Progress),
    yielder: &Yielder,
) -> Result<()> {
    let Some(sources) = corpus.rows() else {
        return Err(Error::Refused(
            "the objective classify learns from texts with labels: give a file of them as data (JSON Lines, a JSON array or a table, \
             .csv)"
                .to_owned(),
        ));
    };
    let sources: Vec<(&SourceFile, Option<Split>)> = sources.collect();
    let labels = labels(&sources, problems, yielder).await?;
    let tokenizer = &files.tokenizer;
    let size = tokenizer.vocabulary_size().max(labels.len());
    let special = tokenizer.special_pattern();
    let mut queue = LabelQueue {
        tokenizer,
        labels: &labels,
        splitter: RowSplitter::new(config),
        writer: Writer::new(folder, size),
        waiting: Vec::new(),
        emptied: Vec::new(),
        lost: Lost::default(),
        characters: 0,
    };
    let total = corpus.bytes();
    let (mut waiting, mut bytes) = (0, 0_u64);
    for (source, split) in sources {
        for row in labelled_texts(source)? {
            yielder.maybe_yield().await;
            // Problems were already recorded in the first pass.
            let Ok(row) = row? else { continue };
            if waiting >= ENCODE_BYTES {
                waiting = 0;
                queue.flush()?;
                progress(Progress::Encoding { bytes: bytes.min(total), total });
            }
            waiting += row.text.len();
            bytes += row.text.len() as u64;
            queue.lost.note_spelled(special.as_ref().and_then(|special| lost::found(special, &row.text)));
            queue.waiting.push((source, split, row));
        }
    }
    queue.flush()?;
    let placed = queue.splitter.finish();
    queue.splitter.tell(problems, &corpus.name());
    queue.write(placed)?;
    let LabelQueue { writer, splitter, emptied, lost, characters, .. } = queue;
    for (path, place) in emptied {
        problems.note(path, &format!("{place}: `text`: the vocabulary has none of its characters"));
    }
    lost.tell(problems, &corpus.name(), "text")?;
    if let Some(missing) = missing(splitter.counts, Objective::Classify, problems) {
        return Err(Error::Refused(missing));
    }
    let [train, held_out] = splitter.counts;
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

/// Tokenizes a text as a text classifier reads it.
pub fn text_tokens(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    Ok(begun(tokenizer, tokenizer.encode(text)?))
}

/// Tokenizes raw text for a reward model, with the end-of-text token, which carries the score.
pub fn scored_tokens(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let mut tokens = text_tokens(tokenizer, text)?;
    if !tokens.is_empty() {
        tokens.extend(tokenizer.end_of_text());
    }
    Ok(tokens)
}

/// Prepends the tokens that every text begins with.
fn begun(tokenizer: &Tokenizer, mut tokens: Vec<u32>) -> Vec<u32> {
    if !tokens.is_empty() {
        tokens.splice(0..0, tokenizer.begins().iter().copied());
    }
    tokens
}

async fn labels(
    sources: &[(&SourceFile, Option<Split>)],
    problems: &Problems,
    yielder: &Yielder,
) -> Result<Vec<String>> {
    let mut labels = BTreeSet::new();
    for (source, _) in sources {
        for row in labelled_texts(source)? {
            yielder.maybe_yield().await;
            let reason = match row? {
                Ok(LabelledText { label: Some(label), unread, .. }) => {
                    problems.unread(unread);
                    labels.insert(label);
                    if labels.len() > MAX_LABELS {
                        let reason =
                            format!("more than {MAX_LABELS} labels: `label` must be one of a few classes");
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
        labels.first().map_or("no text with a label".to_owned(), |only| format!("only one label, {only}"));
    let first = problems.list().into_iter().next();
    let wrong = first.map_or(String::new(), |problem| format!(": {} {}", problem.name, problem.reason));
    Err(Error::Refused(format!("the given data has {has}, but at least two labels are needed{wrong}")))
}

/// Tokens followed by the label's number, and the text.
type Labelled = (Vec<u32>, String);

/// Encodes labelled texts in batches and writes them to a store.
struct LabelQueue<'a> {
    tokenizer: &'a Tokenizer,
    labels: &'a [String],
    splitter: RowSplitter<Labelled>,
    writer: Writer,
    /// Each with its file, and its split if given by the file.
    waiting: Vec<(&'a SourceFile, Option<Split>, LabelledText)>,
    /// Texts without any known token.
    emptied: Vec<(&'a Path, RowLocation)>,
    lost: Lost,
    characters: u64,
}

impl LabelQueue<'_> {
    /// Encodes the waiting rows, and writes those whose split is known.
    fn flush(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        let texts: Vec<&str> = rows.iter().map(|(_, _, row)| row.text.as_str()).collect();
        let encoded = self.tokenizer.encode_spans(&texts)?;
        for ((source, split, row), encoded) in rows.into_iter().zip(encoded) {
            let Some(label) = row.label.as_ref().and_then(|label| self.labels.binary_search(label).ok())
            else {
                continue;
            };
            let lost = self.tokenizer.lost(&row.text, &encoded).map(|(_, character)| character);
            self.lost.note(split.unwrap_or(Split::Train), &row.text, lost);
            let mut tokens = begun(self.tokenizer, encoded.tokens);
            if tokens.is_empty() {
                self.emptied.push((&source.path, row.place));
                continue;
            }
            tokens.push(label as u32);
            let content = row.text.clone();
            let placed = self.splitter.place(&content, split, (tokens, row.text));
            self.write(placed)?;
        }
        Ok(())
    }

    fn write(&mut self, placed: Vec<(Split, Labelled)>) -> Result<()> {
        for (split, (tokens, text)) in placed {
            self.characters += text.chars().count() as u64;
            let mut learned = vec![false; tokens.len()];
            learned.last_mut().into_iter().for_each(|label| *label = true);
            self.writer.append_example(split, &tokens, &learned, text.len() as u64)?;
        }
        Ok(())
    }
}
