//! Free-form answers by greedy generation, in batches.

use super::prompt::Prompting;
use super::rows::{Kind, Right, Row};
use crate::OnProgress;
use glasshouse_generation::{Batch, Decoder, request};
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::GenerateConfig;
use glasshouse_text::tokenizer::TokenizerFiles;

/// Tokens of an answer beyond the longest correct one's, and in total.
const ROOM: usize = 16;
const MAX_TOKENS: usize = 512;

pub(super) struct Answered {
    /// Per row, its answer or why it could not be asked.
    pub(super) answers: Vec<Result<String, String>>,
    /// Rows whose beginning was cut to fit the context.
    pub(super) cut: u64,
    pub(super) max_tokens: usize,
    /// Whether answers ended at a line break.
    pub(super) of_a_line: bool,
}

pub(super) async fn answers(
    decoder: &mut Decoder,
    files: &TokenizerFiles,
    prompting: &Prompting<'_>,
    rows: &[Row],
    (max_tokens, until): (Option<usize>, &[String]),
    on_progress: OnProgress<'_>,
) -> Result<Answered> {
    let yielder = Yielder::new();
    let max_tokens = match max_tokens {
        Some(most) => most.max(1),
        None => longest(files, rows)?,
    };
    let lines = rows.iter().flat_map(Row::expected).any(|text| text.contains('\n'));
    let tags = rows.first().is_some_and(|row| matches!(row.right, Right::Tags { .. }));
    let of_a_line = until.is_empty() && !lines && rows.iter().any(|row| !prompting.chats(row));
    let (mut answers, mut requests, mut cut) = (Vec::with_capacity(rows.len()), Vec::new(), 0);
    let mut asked = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        yielder.maybe_yield().await;
        match prompting.question(row, max_tokens) {
            Err(error) => answers.push(Err(error.to_string())),
            Ok(prompt) => {
                let stop = match until {
                    [] if lines || prompting.chats(row) => Vec::new(),
                    [] => vec!["\n".to_owned()],
                    until => until.to_vec(),
                };
                let config =
                    GenerateConfig { max_tokens, temperature: 0.0, stop, ..GenerateConfig::default() };
                requests.push(request(&files.tokenizer, &prompt.tokens, &prompt.ends, &config));
                asked.push(at);
                cut += u64::from(prompt.cut);
                answers.push(Ok(String::new()));
            }
        }
    }
    if !requests.is_empty() {
        let (what, count) = (if tags { "tagging" } else { "answering" }, requests.len() as u64);
        let mut batch = Batch::new(decoder, requests)?;
        while !batch.is_over() {
            batch.next(decoder).await?;
            on_progress(what, batch.written() as u64, count);
            yielder.maybe_yield().await;
        }
        for (at, written) in asked.into_iter().zip(batch.finish()) {
            if let Some(answer) = answers.get_mut(at) {
                *answer = Ok(written.text.trim().to_owned());
            }
        }
    }
    Ok(Answered { answers, cut, max_tokens, of_a_line })
}

/// Number of tokens that leaves room for the longest correct answer.
fn longest(files: &TokenizerFiles, rows: &[Row]) -> Result<usize> {
    let mut expected: Vec<String> = rows.iter().flat_map(Row::expected).collect();
    // Answers judged only by a rule may be longer.
    let ruled = rows
        .iter()
        .any(|row| matches!(&row.right, Right::Answers { references, .. } if references.is_empty()));
    glasshouse_protocol::order::sort_by_key(&mut expected, |text| std::cmp::Reverse(text.len()));
    // Longer texts have more tokens, or nearly so.
    expected.truncate(64);
    let texts: Vec<&str> = expected.iter().map(String::as_str).collect();
    let tokens = files.tokenizer.encode_many(&texts)?.iter().map(Vec::len).max().unwrap_or(0);
    let least = if ruled { 4 * ROOM } else { ROOM };
    Ok((tokens + least).min(MAX_TOKENS))
}

/// The tags in an answer for `words` words, padded with `O` (outside): its words that are among the `names`, or of the form `B-TYPE`, which
/// are wrong where no row has the type.
pub(super) fn tags_of(answer: &str, names: &[String], words: usize) -> Vec<String> {
    let is_tag = |word: &str| {
        let named =
            word.split_once('-').filter(|(letter, _)| ["B", "I", "E", "S", "L", "U"].contains(letter));
        named.is_some_and(|(_, name)| name.ends_with(char::is_alphanumeric)) || word == "O"
    };
    let said = answer.split_whitespace().filter(|word| names.iter().any(|name| name == word) || is_tag(word));
    let outside = || std::iter::repeat_with(|| "O".to_owned());
    said.map(str::to_owned).chain(outside()).take(words).collect()
}

impl Answered {
    pub(super) fn about(&self, kind: Kind) -> String {
        let what = if kind == Kind::Tag { "Tags" } else { "Answers" };
        let ends = if self.of_a_line { " and end at a new line" } else { "" };
        format!("{what} are the most likely tokens (greedy), at most {} of them{ends}.", self.max_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_the_words_of_an_answer_that_are_tags() {
        let names = ["B-PER", "I-PER", "O"].map(str::to_owned);
        assert_eq!(tags_of("B-PER I-PER, and O X", &names, 4), ["B-PER", "O", "O", "O"]);
        assert_eq!(tags_of("B-LOC B-PER", &names, 2), ["B-LOC", "B-PER"], "no row has the type LOC");
        assert_eq!(tags_of("O O O", &names, 2), ["O", "O"]);
        assert_eq!(tags_of("", &names, 1), ["O"]);
    }
}
