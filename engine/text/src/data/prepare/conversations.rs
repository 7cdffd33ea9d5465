//! Encodes conversations, written by a chat template, into a token store of examples. A preference becomes two, the better answer first.

use super::Progress;
use super::lost;
use super::rows::{RowPreparation, RowQueue, RowText, Rows, template_fault, written};
use crate::data::read;
use crate::data::store::{Index, Split, Writer};
use crate::tokenizer::{EncodedText, Tokenizer};
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::ChatExample;
use glasshouse_protocol::config::Objective;

/// Prompt length in bytes that leaves room for an answer in most contexts.
const SHORT_PROMPT: usize = 200;

/// Reads the conversations of a corpus line by line, and writes their tokens and learned masks. If the loss judges single answers, each
/// example is followed by its prompt with another example's answer. Invalid lines, and conversations whose answers consist only of unknown
/// characters, are recorded as problems and left out. Fails if a source is not JSON Lines, there are no conversations, or a split has none.
pub(super) async fn encode(
    preparation: &RowPreparation<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let RowPreparation { corpus, config, files, problems, yielder, .. } = preparation;
    let (objective, judges) = (config.train.objective, config.train.judges_answers());
    let renderer = files.chat_renderer()?;
    let Some(sources) = corpus.rows() else {
        refuse!(
            "the objective {objective} learns from {}s: give a file of them as data (JSON Lines or a JSON array)",
            objective.row()
        );
    };
    let special = files.tokenizer.special_pattern();
    let judged = judges.then(Default::default);
    let conversations = Conversations { prompt: None, plain: true, rows: 0, judged };
    let vocabulary = files.tokenizer.vocabulary_size();
    let mut queue = RowQueue::new(preparation, vocabulary, conversations, progress);
    for (source, split) in sources {
        let read = |row: &str, place| {
            let example =
                renderer.example(row, objective).and_then(|example| suits(example, objective, judges));
            let example = example.map(|mut example| {
                problems.unread(std::mem::take(&mut example.unread));
                // A raw text contains its special tokens on purpose.
                let spelled = if example.raw { None } else { lost::spelled(special.as_ref(), row) };
                (place, spelled, example)
            });
            written(example, &renderer, problems, (&source.path, place))
        };
        for example in read::json_rows(source, read)? {
            let (place, spelled, example) = example?;
            yielder.maybe_yield().await;
            let bytes = answers(&example).map(|answer| answer.text.len()).sum();
            queue.push((split, &source.path, place), spelled, bytes, Some(example))?;
        }
    }
    let (Conversations { prompt, plain, .. }, writer, index) = queue.finish(|| template_fault(&renderer))?;
    writer.finish(Index { prompt, plain, ..index })?;
    Ok(())
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

struct Conversations {
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

impl Rows for Conversations {
    type Row = ChatExample;
    type Encoded = (ChatExample, Vec<Marked>);
    const EMPTIED: &str = "no character of an answer is in the vocabulary";

    fn texts(example: &ChatExample) -> impl Iterator<Item = &str> {
        answers(example).map(|answer| answer.text.as_str())
    }

    fn encoded(tokenizer: &Tokenizer, example: ChatExample, texts: Vec<RowText>) -> Option<Self::Encoded> {
        let is_emptied = answers(&example)
            .zip(&texts)
            .any(|(answer, (encoded, lost))| lost::is_emptied(tokenizer, encoded, &answer.learned, lost));
        let own = answers(&example).zip(texts);
        let marked = own.map(|(answer, (encoded, _))| marked(tokenizer, answer, encoded)).collect();
        (!is_emptied).then_some((example, marked))
    }

    fn write(&mut self, writer: &mut Writer, split: Split, (example, learned): Self::Encoded) -> Result<()> {
        if split == Split::Validation {
            self.ask(&example);
        }
        self.plain &= example.raw;
        self.rows += 1;
        for (number, marked) in learned.into_iter().enumerate() {
            if self.judged.is_some() {
                let good = example.label.unwrap_or(number == 0);
                self.judge(writer, (split, number), good, marked)?;
            } else {
                append(writer, split, &marked)?;
            }
        }
        Ok(())
    }

    /// Writes the last answers, paired with their chain's first ones. An answer alone in its chain takes one of any
    /// other row; without another row nothing could be held out, which is rejected elsewhere.
    fn end(&mut self, writer: &mut Writer) -> Result<()> {
        let Some([train, held_out]) = self.judged.as_mut().map(std::mem::take) else { return Ok(()) };
        for (split, chains, others) in
            [(Split::Train, &train, &held_out), (Split::Validation, &held_out, &train)]
        {
            for chain in chains {
                let Some((row, last)) = &chain.last else { continue };
                let all = std::iter::once(chain).chain(chains).chain(others);
                let mut answers = all.flat_map(|chain| chain.first.iter().chain(&chain.last));
                if let Some((_, other)) = answers.find(|(of, _)| of != row) {
                    append_judged(writer, split, last, other)?;
                }
            }
        }
        Ok(())
    }
}

impl Conversations {
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

    /// Writes the previous answer together with this answer to its prompt, in row order, as TRL pairs them. `number` is
    /// the answer's index within its row.
    fn judge(
        &mut self,
        writer: &mut Writer,
        (split, number): (Split, usize),
        good: bool,
        mut marked: Marked,
    ) -> Result<()> {
        marked.learned.iter_mut().take(1).for_each(|mark| *mark = good);
        let row = self.rows;
        let chains = self.judged.as_mut().map(|both| &mut both[split as usize]);
        let Some(chain) = chains.and_then(|chains| chains.get_mut(number)) else { return Ok(()) };
        chain.first.get_or_insert_with(|| (row, marked.clone()));
        match chain.last.replace((row, marked.clone())) {
            Some((_, before)) => append_judged(writer, split, &before, &marked),
            None => Ok(()),
        }
    }
}

fn marked(tokenizer: &Tokenizer, example: &ChatExample, encoded: EncodedText) -> Marked {
    let mut learned: Vec<bool> = encoded.learned(&example.learned).collect();
    let mut tokens = encoded.tokens;
    if example.raw {
        // Templates write the tokens at the start and end of a text themselves; raw texts need them added.
        tokens.splice(0..0, tokenizer.begins().iter().copied());
        learned.splice(0..0, tokenizer.begins().iter().map(|_| false));
        tokens.extend(tokenizer.end_of_text());
        learned.resize(tokens.len(), true);
    }
    Marked { tokens, learned, bytes: example.text.len() as u64 }
}

fn append(writer: &mut Writer, split: Split, example: &Marked) -> Result<()> {
    writer.append_example(split, &example.tokens, &example.learned, example.bytes)
}

fn append_judged(writer: &mut Writer, split: Split, own: &Marked, next: &Marked) -> Result<()> {
    append(writer, split, own)?;
    append(writer, split, &own.with_answer_of(next))
}
