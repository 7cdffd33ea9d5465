use super::*;

const GOOD: &str = r#"+++
title = "Owls"
minutes = 5

[instrument]
view = "logit-lens"
prompt = "The owl"

[prediction]
question = "When?"
choices = [{ text = "early", below = 2.0 }, { text = "late" }]

[check]
measure = "first_leading_layer"

[[run]]
title = "Short"
preset = "first-stories-small"
seed = 3
steps = 40
layers = 1
learning_rate_factor = 0.5
+++
## Owls
They look.
"#;

fn broken(from: &str, to: &str) -> Broken {
    assert!(GOOD.contains(from), "{from}");
    Lesson::parse("/lessons/owls.md", &GOOD.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn a_lesson_is_read_and_its_run_keeps_the_projects_text_and_tokenizer() {
    for text in [GOOD.to_owned(), GOOD.replace('\n', "\r\n")] {
        let lesson = Lesson::parse("/lessons/owls.md", &text).unwrap();
        assert_eq!((lesson.name.as_str(), lesson.head.instrument.view), ("owls", Some(View::LogitLens)));
        assert_eq!(lesson.text.len(), 2);
        let mut draft = presets::preset("nanogpt-cpu").unwrap();
        draft.data.validation = 0.25;
        let config = lesson.head.run[0].config(&draft).unwrap();
        let preset = presets::preset("first-stories-small").unwrap();
        assert_eq!((config.seed, config.train.steps, config.model.layers), (3, 40, 1));
        assert_eq!(config.train.learning_rate, preset.train.learning_rate / 2.0);
        assert_eq!((&config.tokenizer, &config.data), (&draft.tokenizer, &draft.data));
        assert_eq!(config.model.vocabulary, draft.model.vocabulary);
        assert_eq!(config.validate(), Ok(()));
    }
}

#[test]
fn a_run_on_generated_rows_keeps_those_and_the_project_s_text_stays() {
    let lesson = Lesson::parse("owls.md", &GOOD.replacen("first-stories-small", "grokking", 1)).unwrap();
    let mut draft = presets::preset("nanogpt-cpu").unwrap();
    draft.data.paths = vec!["owls.txt".to_owned()];
    let config = lesson.head.run[0].config(&draft).unwrap();
    let preset = presets::preset("grokking").unwrap();
    assert_eq!((&config.tokenizer, &config.data), (&preset.tokenizer, &preset.data));
    assert_eq!(config.validate(), Ok(()));
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_the_nearest_name() {
    for (from, to, line, says) in [
        ("+++\ntitle", "title", 1, "a lesson begins with a line of +++"),
        ("minutes = 5", "minute = 5", 3, "`minutes`"),
        ("minutes = 5", "minutes = \"five\"", 3, "invalid type"),
        ("view = \"logit-lens\"", "view = \"logit-lense\"", 6, "did you mean `logit-lens`?"),
        ("view = \"logit-lens\"", "view = \"neurons\"", 6, "shown as features now"),
        ("view = \"logit-lens\"\n", "", 5, "an instrument is one of: view, plot, tokens"),
        ("prompt = \"The owl\"", "prompt = \" \"", 6, "a view needs a prompt"),
        ("prompt = \"The owl\"", "prompt = \"o\"\ntop_p = 2.0", 8, "top_p = 2 must"),
        (
            "{ text = \"late\" }",
            "{ text = \"late\", below = 9.0 }",
            11,
            "the last choice must not have `below`",
        ),
        ("{ text = \"early\", below = 2.0 }, ", "", 9, "a prediction has 2 to 4"),
        ("first_leading_layer", "first_leading_layers", 14, "did you mean `first_leading_layer`?"),
        ("first_leading_layer", "characters_per_token", 14, "needs the instrument's tokens"),
        ("first-stories-small", "first-story", 18, "did you mean"),
        ("layers = 1", "layers = 0", 17, "Short: "),
        (
            "learning_rate_factor = 0.5\n",
            "learning_rate_factor = 0.5\n[[test]]\nquestion = \"Who?\"\nchoices = [\"I\", \"You\"]\nright = 3\n",
            24,
            "right is the number",
        ),
        ("## Owls\nThey look.\n", "", 24, "the lesson has no text"),
        ("+++\n## Owls", "## Owls", 24, "the header has no end"),
    ] {
        let found = broken(from, to);
        assert_eq!((found.line, found.file.as_str()), (line, "/lessons/owls.md"), "{to}: {}", found.what);
        assert!(found.what.contains(says), "{to}: {found}");
    }
    assert_eq!(Lesson::parse("a.md", "").unwrap_err().line, 1);
}

#[test]
fn every_lesson_has_a_test_of_five_questions_with_one_right_answer_each() {
    for (file, text) in BUILT_IN {
        let test = Lesson::parse(file, text).unwrap().head.test;
        assert_eq!(test.len(), 5, "{file}");
        for Question { question, choices, right } in &test {
            let mut different = choices.clone();
            different.sort();
            different.dedup();
            assert!(question.ends_with('?') && different.len() == choices.len(), "{file}: {question}");
            assert!((1..=choices.len()).contains(right), "{file}: {question}");
        }
        assert!(
            test.iter().any(|one| one.right != test[0].right),
            "{file}: the right answer is always at the same place"
        );
    }
}

#[test]
fn choices_are_ranges_without_a_gap_and_numbers_have_room() {
    let choice = |below| Choice { text: String::new(), below };
    let choices = vec![choice(Some(-1.0)), choice(Some(2.0)), choice(None)];
    let question = String::new();
    let prediction = Prediction { question: question.clone(), choices, number: None };
    let chosen = [-5.0, -1.0, 1.99, 2.0, 1e9].map(|value| prediction.choice_of(value));
    assert_eq!(chosen, [0, 1, 1, 2, 2]);
    assert!(prediction.holds(1.0, 0.0) && !prediction.holds(2.0, 0.0));
    let number = Some(Number { unit: "bits".to_owned(), within: 0.1 });
    let prediction = Prediction { question, choices: Vec::new(), number };
    assert!(prediction.holds(9.1, 10.0) && !prediction.holds(8.9, 10.0));
    let unordered = broken("below = 2.0 }", "below = 2.0 }, { text = \"again\", below = 1.0 }");
    assert_eq!((unordered.line, unordered.what.as_str()), (11, "choices must be in the order of `below`"));
}

#[test]
fn a_damaged_lesson_is_read_or_refused_with_its_line() {
    let lines = GOOD.lines().count();
    let read = |text: &str| match Lesson::parse("owls.md", text) {
        Ok(lesson) => {
            let draft = presets::preset("nanogpt-cpu").unwrap();
            lesson.head.run.iter().for_each(|run| drop(run.config(&draft)));
        }
        Err(broken) => assert!((1..=lines + 1).contains(&broken.line), "{broken:?} of {text}"),
    };
    for at in 0..GOOD.len() {
        let (before, after) = GOOD.split_at(at);
        read(before);
        for part in ["", "\0", "\"", "\n", "+++\n", "[", "]]", "{", "=", "-", "9e99", "nan", "é", "\\u"] {
            read(&format!("{before}{part}{}", &after[1..]));
        }
    }
}
