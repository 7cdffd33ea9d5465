//! Encodes conversations, written by a chat template, into a token store of examples. A preference becomes two, the better answer first.

use super::corpus::Corpus;
use super::lost::{self, Lost};
use super::split::RowSplitter;
use super::{ENCODE_BYTES, Progress, index_of};
use crate::data::read::{self, Problems, RowLocation};
use crate::data::store::{Index, Split, Writer};
use crate::tokenizer::{EncodedText, TokenizerFiles, template_fails};
use glasshouse_platform::{ChatRenderer, Error, Result, Yielder};
use glasshouse_protocol::config::Objective;
use glasshouse_protocol::{ChatExample, DataConfig};
use std::path::Path;

/// Prompt length in bytes that leaves room for an answer in most contexts.
const SHORT_PROMPT: usize = 200;

/// Reads the conversations of a corpus line by line, and writes their tokens and learned masks to `folder`, whose index records `recipe`.
/// If the loss `judges` single answers, each example is followed by its prompt with another example's answer. Invalid lines, and
/// conversations whose answers consist only of unknown characters, are recorded as problems and left out. [`RowSplitter`] selects the
/// held-out rows unless held-out files are given. Fails if a source is not JSON Lines, there are no conversations, or a split has none.
pub(super) async fn encode(
    corpus: &Corpus,
    (config, objective, judges): (&DataConfig, Objective, bool),
    files: &TokenizerFiles,
    (folder, recipe): (&Path, &str),
    problems: &Problems,
    progress: &mut dyn FnMut(Progress),
    yielder: &Yielder,
) -> Result<()> {
    let renderer = files.chat_renderer()?;
    let Some(sources) = corpus.rows() else {
        return Err(Error::Refused(format!(
            "the objective {objective} learns from {}s: give a file of them as data (JSON Lines or a JSON array)",
            objective.row()
        )));
    };
    let total = corpus.bytes();
    let special = files.tokenizer.special_pattern();
    let mut queue = ConversationQueue {
        files,
        splitter: RowSplitter::new(config),
        writer: Writer::new(folder, files.tokenizer.vocabulary_size()),
        waiting: Vec::new(),
        emptied: Vec::new(),
        lost: Lost::default(),
        characters: 0,
        prompt: None,
        plain: true,
        rows: 0,
        judged: judges.then(Default::default),
    };
    let (mut waiting, mut bytes) = (0, 0);
    for (source, split) in sources {
        let read = |row: &str, place: RowLocation| {
            let example =
                renderer.example(row, objective).and_then(|example| suits(example, objective, judges));
            let example = example.map(|mut example| {
                problems.unread(std::mem::take(&mut example.unread));
                // A raw text contains its special tokens on purpose.
                let spelled = if example.raw { None } else { lost::spelled(special.as_ref(), row) };
                Some((place, spelled, example))
            });
            example.or_else(|reason| {
                // In a browser the template's module may be gone, which would fail every further line.
                renderer.still_there().map_err(|gone| format!("cannot be written: {gone}"))?;
                problems.note(&source.path, &format!("{place}: {reason}"));
                Ok(None)
            })
        };
        for example in read::json_rows(source, read)? {
            let (place, spelled, example) = example?;
            queue.lost.note_spelled(spelled);
            yielder.maybe_yield().await;
            if waiting >= ENCODE_BYTES {
                waiting = 0;
                queue.flush()?;
                progress(Progress::Encoding { bytes: bytes.min(total), total });
            }
            let length = answers(&example).map(|answer| answer.text.len()).sum::<usize>();
            waiting += length;
            bytes += length as u64;
            queue.waiting.push(WaitingRow { split, place, path: &source.path, example });
        }
    }
    queue.flush()?;
    let placed = queue.splitter.finish();
    queue.splitter.tell(problems, &corpus.name());
    queue.write(placed)?;
    queue.end_judged()?;
    let ConversationQueue { writer, splitter, emptied, lost, characters, prompt, plain, .. } = queue;
    for (path, place) in emptied {
        problems.note(path, &format!("{place}: no character of an answer is in the vocabulary"));
    }
    lost.tell(problems, &corpus.name(), objective.row())?;
    let counts = splitter.counts;
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

/// The error, if any, of a template that cannot write even a plain conversation.
pub(super) fn template_fault(renderer: &ChatRenderer) -> Option<Error> {
    const PLAIN: &str =
        r#"{"messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":"Hello"}]}"#;
    renderer.example(PLAIN, Objective::Chat).err().map(|reason| template_fails(&reason))
}

/// Describes the missing examples, given the number of training and held-out ones.
pub(super) fn missing(
    [train, held_out]: [u64; 2],
    objective: Objective,
    problems: &Problems,
) -> Option<String> {
    let noun = objective.row();
    if train + held_out == 0 {
        let nothing = format!("the given data has no {noun} to learn from");
        return Some(match problems.list().first() {
            Some(problem) => {
                format!("{nothing}: {} {}; fix the file, or give another", problem.name, problem.reason)
            }
            None => nothing,
        });
    }
    if train == 0 {
        return Some(format!("all {held_out} {noun}s are held out; give others with different content"));
    }
    (held_out == 0).then(|| {
        format!(
            "none of the {train} {noun}s is held out: give at least two, and held-out files with at least one"
        )
    })
}

/// Rejects a row unsuited to the objective, or to its loss if that `judges` single answers.
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
        (_, Some(_)) if !objective.learns_pairs() => Err(format!(
            "`chosen` and `rejected`: a preference, which the objective {objective} does not learn"
        )),
        _ => Ok(example),
    }
}

/// A row's answers: one, or the better and the worse.
fn answers(example: &ChatExample) -> impl Iterator<Item = &ChatExample> {
    std::iter::once(example).chain(example.rejected.as_deref())
}

/// A conversation waiting to be encoded.
struct WaitingRow<'a> {
    /// Given by its file, if any.
    split: Option<Split>,
    place: RowLocation,
    path: &'a Path,
    example: ChatExample,
}

/// Encodes conversations in batches and writes them to a store.
struct ConversationQueue<'a> {
    files: &'a TokenizerFiles,
    splitter: RowSplitter<(ChatExample, Vec<Marked>)>,
    writer: Writer,
    waiting: Vec<WaitingRow<'a>>,
    /// Rows whose answers consist only of unknown characters.
    emptied: Vec<(&'a Path, RowLocation)>,
    lost: Lost,
    characters: u64,
    /// The prompt for samples, from a held-out conversation.
    prompt: Option<String>,
    /// Whether all rows are raw texts.
    plain: bool,
    rows: u64,
    /// If answers are judged: for training and for validation, one chain of the rows' first answers and one of the
    /// pairs' rejected ones, so that two answers of one row are never adjacent.
    judged: Option<[[Judged; 2]; 2]>,
}

/// A chain of judged answers with their row numbers: its first answer, and its last, which waits for the next row's answer.
#[derive(Default)]
struct Judged {
    first: Option<(u64, Marked)>,
    last: Option<(u64, Marked)>,
}

/// Tokens, and which are learned. The first token is never learned; its mark tells whether the answer is good.
#[derive(Clone)]
struct Marked {
    tokens: Vec<u32>,
    learned: Vec<bool>,
    bytes: u64,
}

impl Marked {
    fn answer(&self) -> usize {
        self.learned.iter().skip(1).position(|learned| *learned).map_or(self.tokens.len(), |at| at + 1)
    }

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
    /// Keeps a prompt for samples: the first short one, or the shortest.
    fn ask(&mut self, example: &ChatExample) {
        let shorter = |asked: &&String| match &self.prompt {
            Some(kept) => kept.len() > SHORT_PROMPT && asked.len() < kept.len(),
            None => true,
        };
        if let Some(asked) = example.prompt.as_ref().filter(shorter) {
            self.prompt = Some(asked.clone());
        }
    }

    /// Encodes the waiting rows, and writes those whose split is known.
    fn flush(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        let all = rows.iter().flat_map(|row| answers(&row.example));
        let texts: Vec<&str> = all.map(|answer| answer.text.as_str()).collect();
        let mut encoded = self.files.tokenizer.encode_spans(&texts)?.into_iter();
        for WaitingRow { split, place, path, example } in rows {
            let own: Vec<(&ChatExample, EncodedText)> = answers(&example).zip(encoded.by_ref()).collect();
            let mut is_emptied = false;
            for (answer, encoded) in &own {
                let tokenizer = &self.files.tokenizer;
                let lost: Vec<(usize, char)> = tokenizer.lost(&answer.text, encoded).collect();
                is_emptied |= lost::is_emptied(tokenizer, encoded, &answer.learned, &lost);
                let characters = lost.iter().map(|(_, character)| *character);
                self.lost.note(split.unwrap_or(Split::Train), &answer.text, characters);
            }
            if is_emptied {
                self.emptied.push((path, place));
                continue;
            }
            let learned = own.into_iter().map(|(answer, encoded)| self.marked(answer, encoded)).collect();
            let content: String = answers(&example).map(|answer| answer.text.as_str()).collect();
            let placed = self.splitter.place(&content, split, (example, learned));
            self.write(placed)?;
        }
        Ok(())
    }

    fn write(&mut self, placed: Vec<(Split, (ChatExample, Vec<Marked>))>) -> Result<()> {
        for (split, (example, learned)) in placed {
            if split == Split::Validation {
                self.ask(&example);
            }
            self.plain &= example.raw;
            self.rows += 1;
            for (number, (answer, marked)) in answers(&example).zip(learned).enumerate() {
                self.characters += answer.text.chars().count() as u64;
                if self.judged.is_some() {
                    self.judge((split, number), example.label.unwrap_or(number == 0), marked)?;
                } else {
                    self.append(split, &marked)?;
                }
            }
        }
        Ok(())
    }

    fn marked(&self, example: &ChatExample, encoded: EncodedText) -> Marked {
        let mut learned: Vec<bool> = encoded.learned(&example.learned).collect();
        let mut tokens = encoded.tokens;
        let tokenizer = &self.files.tokenizer;
        if example.raw {
            // Templates write the tokens at the start and end of a text themselves; raw texts need them added.
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

    /// Writes the previous answer together with this answer to its prompt, in row order, as TRL pairs them. `number` is
    /// the answer's index within its row.
    fn judge(&mut self, (split, number): (Split, usize), good: bool, mut marked: Marked) -> Result<()> {
        marked.learned.iter_mut().take(1).for_each(|mark| *mark = good);
        let row = self.rows;
        let chains = self.judged.as_mut().map(|both| &mut both[split as usize]);
        let Some(chain) = chains.and_then(|chains| chains.get_mut(number)) else { return Ok(()) };
        chain.first.get_or_insert_with(|| (row, marked.clone()));
        match chain.last.replace((row, marked.clone())) {
            Some((_, before)) => self.append_judged(split, &before, &marked),
            None => Ok(()),
        }
    }

    fn append_judged(&mut self, split: Split, own: &Marked, next: &Marked) -> Result<()> {
        self.append(split, own)?;
        self.append(split, &own.with_answer_of(next))
    }

    /// Writes the last answers, paired with their chain's first ones. An answer alone in its chain takes one of any
    /// other row; without another row nothing could be held out, which is rejected elsewhere.
    fn end_judged(&mut self) -> Result<()> {
        let Some([train, held_out]) = self.judged.as_mut().map(std::mem::take) else { return Ok(()) };
        for (split, chains, others) in
            [(Split::Train, &train, &held_out), (Split::Validation, &held_out, &train)]
        {
            for chain in chains {
                let Some((row, last)) = &chain.last else { continue };
                let all = std::iter::once(chain).chain(chains).chain(others);
                let mut answers = all.flat_map(|chain| chain.first.iter().chain(&chain.last));
                if let Some((_, other)) = answers.find(|(of, _)| of != row) {
                    self.append_judged(split, last, other)?;
                }
            }
        }
        Ok(())
    }
}
