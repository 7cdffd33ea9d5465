//! Encodes labelled texts into a token store of examples: a text's tokens, followed by its label's number as the target
//! of the last token. Batches and losses then work as for other examples.

use super::Progress;
use super::lost;
use super::rows::{RowPreparation, RowQueue, RowText, Rows};
use crate::data::read::{LabelledText, Problems, SourceFile, labelled_texts};
use crate::data::store::{Index, Split, Writer};
use crate::tokenizer::Tokenizer;
use glasshouse_platform::{Error, Result, Yielder, refuse};
use std::collections::BTreeSet;

/// Maximum number of labels; more suggest the wrong column.
const MAX_LABELS: usize = 1000;

/// Reads the texts of a corpus row by row, twice: first the labels, numbered alphabetically, then the tokens. Invalid rows are recorded as
/// problems and left out. Fails if a source is neither JSON Lines nor a table, there are fewer than two labels or too many, or a split has
/// no text.
pub(super) async fn encode(
    preparation: &RowPreparation<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let RowPreparation { corpus, files, problems, yielder, .. } = preparation;
    let Some(sources) = corpus.rows() else {
        refuse!(
            "the objective classify learns from texts with labels: give a file of them as data (JSON Lines, a JSON array or a table, \
             .csv)"
        );
    };
    let sources: Vec<(&SourceFile, Option<Split>)> = sources.collect();
    let labels = labels(&sources, problems, yielder).await?;
    let vocabulary = files.tokenizer.vocabulary_size().max(labels.len());
    let special = files.tokenizer.special_pattern();
    let mut queue = RowQueue::new(preparation, vocabulary, LabelledTexts, progress);
    for (source, split) in sources {
        for row in labelled_texts(source)? {
            yielder.maybe_yield().await;
            // Problems were already recorded in the first pass.
            let Ok(LabelledText { text, label, place, .. }) = row? else { continue };
            let label = label.and_then(|label| labels.binary_search(&label).ok());
            let spelled = special.as_ref().and_then(|special| lost::found(special, &text));
            let bytes = text.len();
            let row = label.map(|label| (text, label as u32));
            queue.push((split, &source.path, place), spelled, bytes, row)?;
        }
    }
    let (_, writer, index) = queue.finish(|| None)?;
    writer.finish(Index { vocabulary, labels, ..index })?;
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
    refuse!("the given data has {has}, but at least two labels are needed{wrong}")
}

struct LabelledTexts;

impl Rows for LabelledTexts {
    /// A text, and the number of its label.
    type Row = (String, u32);
    /// Tokens followed by the label's number, and the text's bytes.
    type Encoded = (Vec<u32>, u64);
    const EMPTIED: &str = "`text`: the vocabulary has none of its characters";

    fn texts((text, _): &Self::Row) -> impl Iterator<Item = &str> {
        std::iter::once(text.as_str())
    }

    fn encoded(
        tokenizer: &Tokenizer,
        (text, label): Self::Row,
        texts: Vec<RowText>,
    ) -> Option<Self::Encoded> {
        let own = texts.into_iter().flat_map(|(encoded, _)| encoded.tokens).collect();
        let mut tokens = begun(tokenizer, own);
        let has_any = !tokens.is_empty();
        tokens.push(label);
        has_any.then_some((tokens, text.len() as u64))
    }

    fn write(&mut self, writer: &mut Writer, split: Split, (tokens, bytes): Self::Encoded) -> Result<()> {
        let mut learned = vec![false; tokens.len()];
        learned.last_mut().into_iter().for_each(|label| *label = true);
        writer.append_example(split, &tokens, &learned, bytes)
    }
}
