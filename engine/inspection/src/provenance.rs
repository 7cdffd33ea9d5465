//! Finds passages of a text in the training text, to distinguish memorised from newly composed text.

mod grams;
mod index;
mod suffixes;

pub use index::Indices;

use super::{Found, Subject};
use glasshouse_platform::{Error, Result, Yielder, files};
use glasshouse_protocol::inspect::{Detail, Match, Place};
use glasshouse_protocol::order;
use glasshouse_protocol::quantity::counted;
use glasshouse_text::data::store::INDEX_FILE;
use glasshouse_text::tokenizer::Tokenizer;
use index::TextIndex;
use std::ops::Range;
use web_time::Instant;

/// Tokens shown before and after a span, and from the start of its document.
const AROUND: u64 = 24;

/// The longest spans of the prompt that occur in the run's training text. The whole prompt is searched, not only the part that
/// fits into the context.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let (yielder, mut found) = (Yielder::new(), Found::default());
    let folder = subject.run.data_folder()?;
    if !files::is_file(&folder.join(INDEX_FILE)) {
        let run = subject.run.name();
        found.notice(format!("The run {run} has no training text here, so there is nothing to search."));
        return Ok(found);
    }
    let begun = Instant::now();
    let (index, is_new) = subject.indices.open(&folder, &yielder).await?;
    let build_ms = if is_new { begun.elapsed().as_secs_f64() * 1e3 } else { 0.0 };
    // Includes the tokens that the tokenizer prepends, like everywhere else.
    let text = subject.tokenizer.encode_prompt(subject.prompt)?;
    let Stands { matches, longest, found: count, is_cut } =
        stands(&index, &text, subject.settings.count, subject.tokenizer, &yielder).await?;
    let (searched, shortest) = (index.tokens(), index.shortest());
    if let Some(shortcoming) = index.shortcoming() {
        found.notice(shortcoming);
    }
    if text.len() < shortest {
        let tokens = counted(text.len() as u64, "token");
        found.notice(format!("The text has {tokens}: spans of {shortest} and more are searched for."));
    }
    if count == 0 && text.len() >= shortest {
        let searched = counted(searched, "token");
        found.notice(format!("No span of the text occurs in {searched} of training text: it was composed."));
    }
    if is_cut {
        found.notice("Some spans are so frequent that not all their occurrences were counted.");
    }
    let (searched, index_bytes) = (searched as usize, index.bytes());
    // Only the tokens that fit into the context, like every tensor along T; the others precede them.
    let shown = longest.get(text.len().saturating_sub(subject.tokens.len())..).unwrap_or_default();
    found.integers("longest", "", &[("T", shown.len())], shown.to_vec());
    found.detail(Detail::Matches { matches, found: count, searched, index_bytes, build_ms });
    Ok(found)
}

/// Passages of a text found in the training text.
struct Stands {
    /// The longest spans, as many as requested, in text order.
    matches: Vec<Match>,
    /// For each token, the length of the longest span that contains it, listed or not; 0 if none does.
    longest: Vec<u32>,
    /// Number of spans.
    found: usize,
    /// Whether the occurrences of a listed span were not all counted.
    is_cut: bool,
}

async fn stands(
    index: &TextIndex,
    text: &[u32],
    count: usize,
    tokenizer: &Tokenizer,
    yielder: &Yielder,
) -> Result<Stands> {
    let mut spans = index.spans(text, yielder).await?;
    let (mut longest, found) = (vec![0_u32; text.len()], spans.len());
    for span in &spans {
        for token in &mut longest[span.clone()] {
            *token = span.len().max(*token as usize) as u32;
        }
    }
    // Of equally long spans, the earlier ones.
    order::sort_by_key(&mut spans, |span| std::cmp::Reverse(span.len()));
    spans.truncate(count);
    order::sort_by_key(&mut spans, |span| span.start);
    let (mut matches, mut is_cut) = (Vec::with_capacity(spans.len()), false);
    for span in spans {
        let own = &text[span.clone()];
        let occurrences = index.occurrences(own, yielder).await?;
        is_cut |= index.is_cut(own);
        let Some((&from, further)) = occurrences.firsts.split_first() else {
            return Err(Error::Internal("a span was found without a position".to_owned()));
        };
        let to = from + span.len() as u64;
        let document = index.document(from);
        // Other documents are not context, unless the span continues into them.
        let around = document.as_ref().map_or(0..index.tokens(), |(_, range)| range.start..range.end.max(to));
        let decode = |range: Range<u64>| index.read(range).map(|tokens| tokenizer.decode(&tokens));
        let before = decode(around.start.max(from.saturating_sub(AROUND))..from)?;
        let after = decode(to..around.end.min(to + AROUND))?;
        let document = document
            .map(|(number, range)| {
                let end = range.end.min(range.start + AROUND);
                decode(range.start..end).map(|text| (number, text))
            })
            .transpose()?;
        matches.push(Match {
            start: span.start,
            length: span.len(),
            occurrences: occurrences.count,
            context: [before, tokenizer.decode(own), after],
            document,
            place: from,
            further: further
                .iter()
                .map(|token| Place {
                    token: *token,
                    document: index.document(*token).map(|(number, _)| number),
                })
                .collect(),
        });
    }
    Ok(Stands { matches, longest, found, is_cut })
}

#[cfg(test)]
mod tests {
    use super::index::Limits;
    use super::*;
    use glasshouse_platform::block_on;
    use glasshouse_protocol::{TokenizerKind, presets};
    use glasshouse_text::data::prepare::prepare;

    /// Prepares documents like a run's text, and looks up a text in them.
    fn of_documents(text: &str, count: usize) -> Stands {
        let folder = tempfile::tempdir().unwrap();
        let [path, held_out] = ["text.txt", "held-out.txt"].map(|name| folder.path().join(name));
        let documents = [
            "The red fox ran home. ",
            "A cat sat on the mat. ",
            "The red fox sat down. ",
            "An old dog slept. ",
        ];
        let filler = |at: usize| format!("{}{}\n<|endoftext|>\n", documents[at], "zzz yyy xxx ".repeat(100));
        std::fs::write(&path, (0..3).map(filler).collect::<String>()).unwrap();
        std::fs::write(&held_out, filler(3)).unwrap();
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        config.tokenizer.kind = TokenizerKind::Byte;
        config.data.paths = vec![path.display().to_string()];
        config.data.validation_files = vec![held_out.display().to_string()];
        let prepared = prepare(&config, folder.path(), &mut |_| ()).unwrap();
        let (tokenizer, yielder) = (prepared.tokenizer, Yielder::none());
        let index = block_on(TextIndex::new(prepared.store, Limits::here(), &yielder)).unwrap();
        let text = tokenizer.encode(text).unwrap();
        block_on(stands(&index, &text, count, &tokenizer, &yielder)).unwrap()
    }

    fn found(text: &str, count: usize) -> Vec<Match> {
        of_documents(text, count).matches
    }

    #[test]
    fn a_text_is_found_in_the_documents_that_it_was_taken_from() {
        let found = found("Now the red fox sat on the mat.", 10);
        let spans: Vec<&str> = found.iter().map(|one| one.context[1].as_str()).collect();
        // The first overlaps the second, but neither contains the other.
        assert_eq!(spans, [" the ", "he red fox sat ", " sat on the mat."]);
        assert_eq!((found[1].start, found[1].length, found[1].occurrences), (5, 15, 1));
        assert_eq!(found[2].context[0], "A cat");
        assert!(found[2].context[2].starts_with(" zzz"), "{:?}", found[2].context);
        let documents: Vec<_> = found.iter().map(|one| one.document.clone().unwrap()).collect();
        assert_eq!(documents[1], (2, "The red fox sat down. zz".to_owned()));
        assert_eq!(documents[2], (1, "A cat sat on the mat. zz".to_owned()));
    }

    #[test]
    fn a_span_says_at_which_token_it_stands_and_in_which_other_documents() {
        let twice = &found("red fox", 1)[0];
        assert_eq!((twice.place, twice.occurrences), (4, 2));
        let [other] = twice.further[..] else { panic!("{:?}", twice.further) };
        assert_eq!(other.document, Some(2));
        assert!(found("sat on the mat.", 1)[0].further.is_empty(), "it stands once");
        // A hundred times in each of three documents; the first of each is listed.
        let everywhere = &found("zzz yyy xxx ", 1)[0];
        assert_eq!(everywhere.occurrences, 300);
        let documents: Vec<_> = everywhere.further.iter().map(|place| place.document).collect();
        assert_eq!(documents, [Some(1), Some(2)]);
    }

    /// Twelve spans, three of them listed; tokens of unlisted spans count as found too.
    #[test]
    fn every_token_knows_its_longest_span_though_few_are_listed() {
        let text = "A cat#he red fox#the mat##".repeat(4);
        let Stands { matches, longest, found, .. } = of_documents(&text, 3);
        assert_eq!((matches.len(), found), (3, 12));
        let expected: Vec<u32> =
            text.bytes().zip(lengths(&text)).map(|(own, long)| if own == b'#' { 0 } else { long }).collect();
        assert_eq!(longest, expected);
        let none = of_documents(&text, 0);
        assert_eq!((none.matches.len(), none.found, none.longest), (0, 12, expected));
    }

    /// For each byte, the length of the part between two marks that contains it.
    fn lengths(text: &str) -> impl Iterator<Item = u32> {
        text.split_inclusive('#').flat_map(|part| vec![part.trim_end_matches('#').len() as u32; part.len()])
    }

    #[test]
    fn the_longest_are_chosen_and_how_often_they_stand_is_counted() {
        let found = found("the red fox, and a cat sat on", 1);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].context[1].as_str(), found[0].occurrences), (" cat sat on", 1));
        assert_eq!(self::found("a red fox!", 1)[0].occurrences, 2);
    }

    #[test]
    fn what_stands_in_the_held_out_text_alone_is_not_found() {
        assert_eq!(found("dog slept", 10), []);
        assert_eq!(found("", 10), []);
    }
}
