//! Rows of the book's exercises from the files they use.

use crate::cli::prelude::*;
use glasshouse_engine::protocol::random::nth;
use serde::Deserialize;

/// Training rows, some of which the run holds out, and test rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExerciseRows {
    pub learned: Vec<String>,
    pub test: Vec<String>,
}

/// Random stream and seed for selecting and shuffling messages; the seed is the book's.
const DRAWN: u64 = 0x7370_616d;
const SEED: u64 = 123;

/// Balances a table of labels and messages to the size of the rarer class, and shuffles it: seven tenths for training, one held
/// out, two for testing.
pub(super) fn spam(table: &str) -> Result<ExerciseRows> {
    let mut kinds: [Vec<(u64, &str, &str)>; 2] = Default::default();
    for (number, line) in table.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = number + 1;
        let message = line.split_once('\t');
        let (label, text) =
            message.with_context(|| format!("line {place}: expected a label, a tab, and a message"))?;
        let kind = usize::from(label == "spam");
        ensure!(kind == 1 || label == "ham", "line {place}: the label is {label:?}; expected ham or spam");
        kinds[kind].push((nth(SEED, DRAWN, number as u64), label, text));
    }
    let count = kinds.iter().map(Vec::len).min().unwrap_or_default();
    ensure!(count >= 10, "{count} messages of the rarer kind; at least ten are needed");
    for kind in &mut kinds {
        kind.sort_unstable();
        kind.truncate(count);
    }
    let [ham, spam] = kinds;
    let mut all: Vec<_> = ham.into_iter().chain(spam).collect();
    all.sort_unstable();
    let mut learned: Vec<String> =
        all.into_iter().map(|(_, label, text)| json!({ "text": text, "label": label }).to_string()).collect();
    let test = learned.split_off(learned.len() * 8 / 10);
    Ok(ExerciseRows { learned, test })
}

#[derive(Deserialize)]
struct Instruction {
    instruction: String,
    #[serde(default)]
    input: String,
    output: String,
    #[serde(default)]
    chosen: String,
    #[serde(default)]
    rejected: String,
}

impl Instruction {
    /// The prompt in Alpaca's format.
    fn prompt(&self) -> String {
        let input =
            if self.input.is_empty() { String::new() } else { format!("\n\n### Input:\n{}", self.input) };
        format!(
            "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n\
             ### Instruction:\n{}{input}\n\n### Response:\n",
            self.instruction
        )
    }
}

/// Instructions as texts of prompt and answer, all of which is learned: of twenty parts, in the file's order, seventeen train,
/// the next two test and the last is held out.
pub(super) fn instructions(list: &str) -> Result<ExerciseRows> {
    parted(list, |row| Ok(json!({ "text": format!("{}{}", row.prompt(), row.output) }).to_string()))
}

/// Instructions with two answers as pairs, split in the same way.
pub(super) fn preferences(list: &str) -> Result<ExerciseRows> {
    parted(list, |row| {
        let Instruction { chosen, rejected, .. } = row;
        ensure!(
            !chosen.is_empty() && !rejected.is_empty(),
            "no `chosen` and `rejected` with {:?}",
            row.instruction
        );
        Ok(json!({ "prompt": row.prompt(), "chosen": chosen, "rejected": rejected }).to_string())
    })
}

fn parted(list: &str, line: impl Fn(&Instruction) -> Result<String>) -> Result<ExerciseRows> {
    let list: Vec<Instruction> =
        serde_json::from_str(list).context("expected a JSON list of instruction, input and output")?;
    ensure!(list.len() >= 20, "{} rows; at least twenty are needed", list.len());
    let mut learned = list.iter().map(line).collect::<Result<Vec<String>>>()?;
    let (from, count) = (learned.len() * 85 / 100, learned.len() / 10);
    let test = learned.drain(from..from + count).collect();
    Ok(ExerciseRows { learned, test })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_both_kinds_are_as_many_and_parted() {
        let table: String = (0..100)
            .map(|number| {
                if number % 5 == 0 { format!("spam\twin {number}\n") } else { format!("ham\thi {number}\n") }
            })
            .collect();
        let ExerciseRows { learned, test } = spam(&table).unwrap();
        assert_eq!((learned.len(), test.len()), (32, 8));
        let all = [learned, test].concat();
        assert_eq!(all.iter().filter(|row| row.contains(r#""label":"spam""#)).count(), 20);
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 40);
        assert!(spam("eggs\ta").unwrap_err().to_string().contains("eggs"));
        assert!(spam("ham a").unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn instructions_are_texts_and_pairs_and_the_tests_rows_are_the_books() {
        let list: Vec<_> = (0..1100)
            .map(|number| {
                json!({
                    "instruction": format!("Add {number}."), "input": if number == 0 { "1" } else { "" },
                    "output": format!("= {number}"), "chosen": "Please.", "rejected": "No.",
                })
            })
            .collect();
        let list = serde_json::to_string(&list).unwrap();
        let texts = instructions(&list).unwrap();
        assert_eq!((texts.learned.len(), texts.test.len()), (990, 110));
        assert!(
            texts.learned[0].contains(r"Add 0.\n\n### Input:\n1\n\n### Response:\n= 0"),
            "{}",
            texts.learned[0]
        );
        assert!(!texts.learned[1].contains("Input"));
        assert!(texts.test[0].contains("Add 935.") && texts.learned[935].contains("Add 1045."));
        let pairs = preferences(&list).unwrap();
        assert!(pairs.test[0].contains(r#""chosen":"Please.""#) && pairs.test.len() == 110);
        let plain = r#"[{"instruction":"a","output":"b"}]"#;
        assert!(instructions(plain).unwrap_err().to_string().contains("at least twenty"));
        let plain = format!("[{}]", vec![r#"{"instruction":"a","output":"b"}"#; 20].join(","));
        assert!(preferences(&plain).unwrap_err().to_string().contains("no `chosen`"));
    }
}
