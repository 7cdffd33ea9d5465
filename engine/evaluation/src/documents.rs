//! The held-out documents, in the tokens of the evaluated model.
//!
//! Each document is predicted independently, after the token that ends the previous one. A text with few documents is
//! split into passages at line ends: confidence intervals need many units to resample, and passages of a text are the
//! same for every tokenizer.

use super::windows::{Window, windows};
use glasshouse_platform::{Error, Result, Yielder, files};
use glasshouse_project::Run;
use glasshouse_protocol::quantity::counted;
use glasshouse_protocol::{Objective, RunConfig};
use glasshouse_text::data::prepare::{self, Prepared};
use glasshouse_text::data::store::{INDEX_FILE, Split};
use glasshouse_text::tokenizer::{Tokenizer, TokenizerFiles};
use std::ops::Range;

/// Texts with fewer documents are counted in passages.
const FEW: usize = 16;
/// Number of passages of the whole text, and minimum bytes of a passage.
const PASSAGES: usize = 64;
const MIN_PASSAGE_BYTES: usize = 64;
/// Maximum chain of starting runs.
const GENERATIONS: usize = 32;

#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Given tokens, the document's tokens, and the end-of-document token if there is one.
    pub tokens: Vec<u32>,
    /// Number of given tokens before the document.
    pub given: usize,
    pub predicted: Vec<bool>,
    pub text: String,
    /// Start of each token in the text; the text's length for the end token, 0 for given tokens.
    pub starts: Vec<usize>,
    /// Units of counting: the document itself, or its passages.
    pub parts: Vec<DocumentPart>,
    /// Index of its source in the mixture, if known.
    pub source: Option<usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentPart {
    pub tokens: Range<usize>,
    pub text: Range<usize>,
    /// UTF-8 bytes of its predicted tokens.
    pub bytes: u32,
}

impl Document {
    pub(super) fn predicted_tokens(&self) -> Vec<u32> {
        let tokens = self.tokens.iter().zip(&self.predicted);
        tokens.filter(|(_, is)| **is).map(|(token, _)| *token).collect()
    }

    /// The tokens of a part, and whether each is predicted.
    pub(super) fn part(&self, part: &DocumentPart) -> impl Iterator<Item = (u32, bool)> {
        let tokens = self.tokens.get(part.tokens.clone()).unwrap_or_default();
        let predicted = self.predicted.get(part.tokens.clone()).unwrap_or_default();
        tokens.iter().copied().zip(predicted.iter().copied())
    }

    /// Windows that score each of its tokens once.
    pub fn windows(&self, window: usize, stride: usize, separate: bool) -> Vec<Window> {
        let given = self.given;
        if !separate || given == 0 || self.tokens.len() <= given {
            let mut all = windows(self.tokens.len(), window, stride);
            all.iter_mut().for_each(|window| window.from = window.from.max(given.min(window.tokens.end)));
            all.retain(|window| window.from < window.tokens.end);
            return all;
        }
        // As in training, only the first token sees the end of the previous document.
        let first = Window { tokens: 0..given + 1, from: given };
        let behind = windows(self.tokens.len() - given, window, stride).into_iter();
        let moved = behind.map(|Window { tokens, from }| Window {
            tokens: tokens.start + given..tokens.end + given,
            from: from + given,
        });
        std::iter::once(first).chain(moved).collect()
    }
}

#[derive(Debug)]
pub struct HeldOut {
    pub(super) prepared: Prepared,
    /// Token range of each document in the validation split, without its end token, and whether it has one.
    spans: Vec<(Range<u64>, bool)>,
    /// Whether documents are conversations, of which only the answers are predicted.
    pub(super) answers: bool,
    /// Whether the text is stored in the evaluated model's tokens.
    pub(super) own_tokens: bool,
    /// Tokens the model gets before and after a document.
    before: Vec<u32>,
    end: Option<u32>,
    /// Whether documents do not see the end of the previous one.
    pub separate: bool,
    pub split: String,
    pub sources: Vec<String>,
    pub passages: bool,
}

impl HeldOut {
    /// Opens the validation split of a run. For a run without text, takes that of the run it started from, else of the
    /// project's latest run with text. If there are more than `documents` documents, takes an evenly spaced selection. Fails
    /// if there is no held-out text, or it cannot be read.
    pub async fn open(
        run: &Run,
        tokenizer: &TokenizerFiles,
        documents: Option<usize>,
        yielder: &Yielder,
    ) -> Result<Self> {
        let (text_of, config) = text_run(run)?;
        let prepared = prepare::open_aside(text_of.data_folder()?).await?;
        let index = prepared.store.index();
        let json = tokenizer.tokenizer.to_json()?;
        let own_tokens = index.is_some_and(|index| index.tokenizer_crc32c == crc32c::crc32c(json.as_bytes()));
        let store = &prepared.store;
        let answers = store.examples(Split::Validation).is_some();
        if answers && !own_tokens {
            return Err(Error::Refused(format!(
                "the held-out text is conversations of {}, in the tokens of another tokenizer; evaluate it with a task file",
                text_of.name()
            )));
        }
        let ended = index.and_then(|index| index.end_of_text);
        let mut spans = match store.examples(Split::Validation) {
            // The better answer of a pair, which comes first; of judged answers the good ones, whose first token is marked.
            Some(examples) => {
                let (step, judged) = (config.train.rows_together(), config.train.judges_answers());
                let is_good = |range: &Range<u64>| {
                    !judged || examples.learned(range.start..range.start + 1).any(|good| good)
                };
                let spans = (0..examples.count()).step_by(step).map(|example| examples.range(example));
                spans.filter(is_good).map(|range| (range, false)).collect()
            }
            None => store.documents(Split::Validation, ended, yielder).await?,
        };
        let all = spans.len();
        if let Some(most) = documents.filter(|most| *most < all) {
            spans = (0..most).filter_map(|at| spans.get(at * all / most).cloned()).collect();
        }
        let mut sources: Vec<String> = Vec::new();
        for stretch in index.iter().flat_map(|index| &index.validation.stretches) {
            if !sources.contains(&stretch.source) {
                sources.push(stretch.source.clone());
            }
        }
        let files = &tokenizer.tokenizer;
        // Foreign tokens are given only to models that came with their own tokenizer.
        let foreign = !own_tokens || run.is_imported();
        let before = match (files.begins(), files.end_of_text()) {
            (begins, _) if foreign && !begins.is_empty() => begins.to_vec(),
            // A model that never saw a document end has not learned the token.
            (_, Some(end)) if !answers && (ended.is_some() || !own_tokens) => vec![end],
            _ => Vec::new(),
        };
        let passages = !answers && all < FEW;
        let held_out = Self {
            spans,
            answers,
            own_tokens,
            before,
            end: files.end_of_text().filter(|_| ended.is_some()),
            separate: !answers && run.config()?.train.document_mask,
            split: String::new(),
            sources,
            passages,
            prepared,
        };
        let split = held_out.words(all, run, &text_of);
        if held_out.spans.is_empty() {
            let (what, part, advice) = match config.train.judges_answers() {
                true => ("data", "good answer", "hold more out (data.validation)"),
                false => ("text", "part", "start a run with data.validation above 0"),
            };
            return Err(Error::Refused(format!(
                "the {what} of {} has no held-out {part}; {advice}, or evaluate it with a task file",
                text_of.name()
            )));
        }
        Ok(Self { split, ..held_out })
    }

    fn words(&self, all: usize, run: &Run, text_of: &Run) -> String {
        let mut words = read_in_words(self.spans.len(), all, self.answers);
        if self.passages {
            words.push_str(", counted by passages");
        }
        if run != text_of {
            words = format!("{words}; the text belongs to {}", text_of.name());
        }
        words
    }

    pub fn count(&self) -> usize {
        self.spans.len()
    }

    pub fn bytes(&self) -> u64 {
        self.prepared.store.index().map_or(0, |index| index.validation.bytes)
    }

    /// Reads document `at`.
    pub fn document(&self, at: usize, tokenizer: &Tokenizer) -> Result<Document> {
        let Some((span, ended)) = self.spans.get(at).cloned() else {
            return Err(Error::Internal(format!("document {at} of {}", self.spans.len())));
        };
        let store = &self.prepared.store;
        let mut own = store.read(Split::Validation, span.start, (span.end - span.start) as usize)?;
        let given = self.before.len();
        let mut tokens = self.before.clone();
        let mut starts = vec![0; given];
        let mut text = String::new();
        if !self.own_tokens {
            text = self.prepared.tokenizer.decode(&own);
            own = tokenizer.encode(&text)?;
        }
        let (mut stream, mut length, mut decoded) = (tokenizer.decode_stream(), 0, String::new());
        for token in &own {
            starts.push(length);
            if let Some(piece) = stream.push(*token) {
                length += piece.len();
                decoded.push_str(&piece);
            }
        }
        decoded.extend(stream.flush());
        if self.own_tokens {
            text = decoded;
        }
        starts.iter_mut().for_each(|start| *start = (*start).min(text.len()));
        tokens.append(&mut own);
        if let Some(end) = self.end.filter(|_| ended) {
            tokens.push(end);
            starts.push(text.len());
        }
        let mut predicted = vec![true; tokens.len()];
        predicted.iter_mut().take(given.max(1)).for_each(|predicted| *predicted = false);
        if let Some(examples) = store.examples(Split::Validation) {
            for (predicted, learned) in predicted.iter_mut().skip(given).zip(examples.learned(span.clone())) {
                *predicted &= learned;
            }
        }
        let stretches = store.index().map_or(&[][..], |index| &index.validation.stretches);
        let stretch = stretches.partition_point(|stretch| stretch.start <= span.start);
        let source = stretch.checked_sub(1).and_then(|at| stretches.get(at));
        let source = source.and_then(|own| self.sources.iter().position(|source| *source == own.source));
        let mut document = Document { tokens, given, predicted, text, starts, parts: Vec::new(), source };
        document.parts = self.parts_of(&document, tokenizer);
        Ok(document)
    }

    fn parts_of(&self, document: &Document, tokenizer: &Tokenizer) -> Vec<DocumentPart> {
        let Document { tokens, given, text, starts, .. } = document;
        if self.answers {
            // Only the visible bytes of predicted tokens count.
            let bytes = tokenizer.decode_plain(&document.predicted_tokens()).len() as u32;
            return vec![DocumentPart { tokens: *given..tokens.len(), text: 0..text.len(), bytes }];
        }
        let share = |bytes: usize| bytes as f64 / self.bytes().max(1) as f64;
        let wanted = if self.passages { (PASSAGES as f64 * share(text.len())).round() as usize } else { 1 };
        let mut from = *given;
        let mut parts = Vec::new();
        for text in passages(text, wanted.min(text.len() / MIN_PASSAGE_BYTES).max(1)) {
            let is_last = text.end == document.text.len();
            let behind = starts.get(from..).unwrap_or_default();
            let count = behind.partition_point(|start| *start < text.end);
            let to = if is_last { tokens.len() } else { from + count };
            parts.push(DocumentPart { tokens: from..to, bytes: text.len() as u32, text });
            from = to;
        }
        parts
    }
}

/// A description of the selection of documents, and of what counts in conversations.
fn read_in_words(read: usize, all: usize, answers: bool) -> String {
    let (what, counts) =
        if answers { ("conversation", ", scored on answer tokens only") } else { ("document", "") };
    let spaced = format!(", {read} of its {}, evenly spaced", counted(all as u64, what));
    format!("validation{}{counts}", if read == all { "" } else { &spaced })
}

/// Splits a text into `count` passages of about equal length, at nearby line ends if possible.
fn passages(text: &str, count: usize) -> Vec<Range<usize>> {
    let mut cuts = vec![0];
    for number in 1..count {
        let mut at = number * text.len() / count;
        while !text.is_char_boundary(at) {
            at += 1;
        }
        let near = text.get(at..).unwrap_or_default();
        let line = near.find('\n').filter(|line| *line < text.len() / (2 * count));
        let cut = at + line.map_or(0, |line| line + 1);
        if cuts.last().is_some_and(|last| *last < cut) && cut < text.len() {
            cuts.push(cut);
        }
    }
    let ends = cuts.iter().copied().skip(1).chain([text.len()]);
    cuts.iter().copied().zip(ends).map(|(from, to)| from..to).collect()
}

/// The first `tokens` tokens of a run's held-out text, or of the text that [`HeldOut::open`] takes in its place; `special` tokens
/// are left out or spelled. Fails if there is no held-out text, or it cannot be read.
pub async fn beginning(run: &Run, tokens: usize, special: bool) -> Result<String> {
    let (text_of, _) = text_run(run)?;
    let Prepared { store, tokenizer, .. } = prepare::open_aside(text_of.data_folder()?).await?;
    let count = store.len(Split::Validation).min(tokens as u64) as usize;
    let tokens = store.read(Split::Validation, 0, count)?;
    let text = if special { tokenizer.decode(&tokens) } else { tokenizer.decode_plain(&tokens) };
    // A character may be cut at the end.
    Ok(text.trim_end_matches('\u{FFFD}').to_owned())
}

/// The run whose text a model is evaluated on, and its settings.
fn text_run(run: &Run) -> Result<(Run, RunConfig)> {
    let mut next = Some(run.clone());
    for _ in 0..GENERATIONS {
        let Some(run) = next.take() else { break };
        let config = run.config()?;
        if has_text(&run, &config) {
            return Ok((run, config));
        }
        let start = config.start.as_ref().filter(|start| start.project.is_none());
        next = start.map(|start| run.project()?.recorded_run(&start.run)).transpose().unwrap_or_default();
    }
    let runs = run.project().and_then(|project| project.runs()).unwrap_or_default();
    for other in runs.into_iter().rev() {
        if let Ok(config) = other.config()
            && config.train.objective.learns_text()
            && config.data.synthetic.is_none()
            && has_text(&other, &config)
        {
            return Ok((other, config));
        }
    }
    Err(Error::Refused(format!(
        "{} has no text, and no other run of the project has one for an evaluation; train a run on a text, or give a task file",
        run.name()
    )))
}

/// Whether a run's data is text with tokens to predict.
fn has_text(run: &Run, config: &RunConfig) -> bool {
    let predicts = match config.train.objective {
        Objective::Text | Objective::Distil | Objective::Chat => true,
        Objective::Preference => !config.train.learns_scores(),
        Objective::Classify | Objective::Reward => false,
    };
    predicts && run.data_folder().is_ok_and(|folder| files::is_file(&folder.join(INDEX_FILE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_says_how_much_of_it_is_read_and_what_counts() {
        assert_eq!(read_in_words(9, 9, false), "validation");
        assert_eq!(read_in_words(5, 1200, false), "validation, 5 of its 1,200 documents, evenly spaced");
        assert_eq!(read_in_words(9, 9, true), "validation, scored on answer tokens only");
        let some = "validation, 5 of its 9 conversations, evenly spaced, scored on answer tokens only";
        assert_eq!(read_in_words(5, 9, true), some);
    }

    #[test]
    fn passages_are_cut_at_lines_and_are_the_whole_text() {
        let text = "one line\nanother line\nund noch größere Zeile\nlast";
        for count in 1..9 {
            let cut = passages(text, count);
            assert!(cut.len() <= count && !cut.is_empty());
            assert_eq!(cut.iter().map(|part| &text[part.clone()]).collect::<String>(), text);
        }
        // One line end is too far, another near enough; characters stay whole.
        assert_eq!(passages(text, 2), [0..25, 25..51]);
        assert_eq!(passages(text, 3), [0..22, 22..35, 35..51]);
        assert_eq!(passages("", 3).len(), 1);
    }

    #[test]
    fn what_is_given_is_not_scored_and_the_rest_once() {
        let document = Document { tokens: vec![0; 12], given: 1, ..Document::default() };
        for separate in [false, true] {
            for (window, stride) in [(4, 2), (4, 4), (20, 10), (1, 1)] {
                let mut next = 1;
                for Window { tokens, from } in document.windows(window, stride, separate) {
                    assert_eq!(from, next);
                    assert!(from > tokens.start && tokens.len() <= window + 1);
                    assert!(!separate || from == 1 || tokens.start >= 1, "{tokens:?}");
                    next = tokens.end;
                }
                assert_eq!(next, 12, "{window} {stride} {separate}");
            }
        }
        let bare = Document { tokens: vec![0; 3], ..Document::default() };
        assert_eq!(bare.windows(8, 4, true), [Window { tokens: 0..3, from: 1 }]);
    }
}
