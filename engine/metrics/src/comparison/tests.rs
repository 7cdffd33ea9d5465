use crate::statistics::{BOOTSTRAP, Bootstrap, uniform};
use glasshouse_protocol::evaluation::{Better, DocumentLoss, Likelihood, Metric, TaskAnswer, TaskReport};
use glasshouse_protocol::{Comparison, Evaluation};
use pollster::block_on;

fn compare(first: &Evaluation, second: &Evaluation, bootstrap: &Bootstrap) -> Vec<Comparison> {
    block_on(super::compare(first, second, bootstrap, &async || ()))
}

fn evaluation(run: &str, tokenizer: u32, bits: impl Fn(usize) -> f64) -> Evaluation {
    let documents = (0..200).map(|at| DocumentLoss {
        text_crc32c: at as u32 / 2,
        tokens: 25,
        bytes: 100 + (at as u32 / 2) % 7,
        nats: bits(at) * 100.0 * std::f64::consts::LN_2,
        // The more bits, the fewer correct tokens.
        right: (20.0 - 4.0 * bits(at)).max(0.0) as u32,
        right_of_5: 20,
    });
    let mut evaluation = Evaluation { run: run.to_owned(), ..Evaluation::default() };
    evaluation.model.tokenizer_crc32c = tokenizer;
    evaluation.likelihood = Some(Likelihood { by_document: documents.collect(), ..Likelihood::default() });
    evaluation
}

#[test]
fn models_are_compared_in_plain_words() {
    let noise = uniform(7, 200);
    let base = evaluation("base", 1, |at| 2.0 + noise[at]);
    let better = evaluation("better", 1, |at| 1.9 + noise[at]);
    let found = compare(&base, &better, &BOOTSTRAP);
    let what: Vec<&str> = found.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(what, ["bits_per_byte", "perplexity", "token_accuracy", "top_5_accuracy"]);
    // On the same documents, the interval of the difference is narrower than the differences between documents.
    let right = &found[2];
    let sum = |one: &Evaluation| -> u32 {
        one.likelihood.iter().flat_map(|own| &own.by_document).map(|own| own.right).sum()
    };
    let expected = [&base, &better].map(|one| f64::from(sum(one)) / 5000.0);
    assert_eq!([right.first_value, right.second_value], expected);
    assert_eq!(
        (right.difference.value, right.difference.better),
        (Some(expected[0] - expected[1]), Better::Higher)
    );
    let [low, high] = right.difference.interval.unwrap();
    assert!(
        low < expected[0] - expected[1] && expected[0] - expected[1] < high && high < 0.0,
        "{low} {high}"
    );
    assert_eq!(right.verdict, "better is better.");
    assert_eq!(found[3].verdict, "No difference.");
    assert_eq!(found[0].verdict, "better is better.");
    assert_eq!((found[0].difference.count, found[0].difference.better), (200, Better::Lower));
    assert!(found[0].first_value > found[0].second_value);
    let other = evaluation("other", 1, |at| 2.0 + noise[(at + 50) % 200]);
    let verdict = &compare(&base, &other, &BOOTSTRAP)[0].verdict;
    assert_eq!(verdict, "Within the noise: the interval of the difference includes 0.");
    assert_eq!(compare(&base, &base, &BOOTSTRAP)[0].verdict, "No difference.");
    assert_eq!(compare(&base, &base, &BOOTSTRAP)[0].first, "base ()");
}

#[test]
fn perplexities_of_different_tokenizers_are_not_compared() {
    let found = compare(&evaluation("a", 1, |_| 2.0), &evaluation("b", 2, |_| 1.0), &BOOTSTRAP);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].what, "bits_per_byte");
    assert!(found[0].verdict.starts_with("b is better.") && found[0].verdict.contains("tokenizers differ"));
}

#[test]
fn only_shared_documents_count() {
    let (mut one, other) =
        (evaluation("a", 1, |_| 2.0), evaluation("b", 1, |at| if at < 9 { 9.0 } else { 1.0 }));
    one.likelihood.as_mut().unwrap().by_document.drain(..20);
    let found = &compare(&one, &other, &BOOTSTRAP)[0];
    assert_eq!(found.difference.count, 180);
    assert!(
        found.verdict.ends_with("Only the 180 of 200 documents that both were evaluated on are compared."),
        "{}",
        found.verdict
    );
    assert!(found.second_value < 1.0);
    one.likelihood.as_mut().unwrap().by_document.clear();
    let found = &compare(&one, &other, &BOOTSTRAP)[0];
    assert_eq!(
        (found.difference.value, found.verdict.as_str()),
        (None, "Not compared: the evaluations have no document in common.")
    );
    assert!(serde_json::to_string(&found).is_ok());
}

fn metric(name: &str, value: f64) -> Metric {
    Metric { name: name.to_owned(), value: Some(value), of: "rows".to_owned(), ..Metric::default() }
}

fn task(answers: &[&str], skip: usize) -> TaskReport {
    let rows = answers.iter().enumerate().skip(skip).map(|(at, answer)| TaskAnswer {
        line: at as u64 + 1,
        answer: (*answer).to_owned(),
        expected: vec!["the cat sat on a mat".to_owned()],
        scores: vec![Some(f64::from(u8::from(*answer == "the cat sat on a mat"))), None, None],
        ..TaskAnswer::default()
    });
    let answers: Vec<TaskAnswer> = rows.collect();
    let rows: Vec<crate::metrics::Row<'_>> = answers
        .iter()
        .map(|row| crate::metrics::Row { answer: &row.answer, expected: &row.expected })
        .collect();
    let metrics = vec![
        metric("exact_match", 0.5),
        metric("bleu", crate::metrics::bleu(&rows).score),
        metric("entity_f1", 0.5),
    ];
    TaskReport { name: "qa.jsonl".to_owned(), file_crc32c: 4, metrics, answers, ..TaskReport::default() }
}

#[test]
fn tasks_are_compared_by_row_and_as_a_whole() {
    let right = "the cat sat on a mat";
    let mut one =
        Evaluation { run: "one".to_owned(), tasks: vec![task(&[right; 12], 0)], ..Evaluation::default() };
    let mut answers = [right; 12];
    answers[3..].fill("the dog sat on a mat");
    let other =
        Evaluation { run: "other".to_owned(), tasks: vec![task(&answers, 2)], ..Evaluation::default() };
    let found = compare(&one, &other, &BOOTSTRAP);
    let [exact, bleu, entities] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (exact.what.as_str(), exact.first_value, exact.second_value),
        ("qa.jsonl: exact_match", 1.0, 0.1)
    );
    assert_eq!(exact.difference.count, 10);
    assert_eq!(exact.verdict, "one is better.");
    assert!((bleu.first_value - 100.0).abs() < 1e-9 && bleu.second_value < 60.0);
    assert_eq!(bleu.verdict, "one is better.");
    assert!(entities.verdict.starts_with("Not compared: it covers all rows at once"), "{}", entities.verdict);
    one.tasks[0].file_crc32c = 5;
    let found = compare(&one, &other, &BOOTSTRAP);
    assert_eq!(found[0].verdict, "Not compared: the files of that name differ.");
}

/// All of a hundred rows against none is certain; a single row proves nothing.
#[test]
fn all_rows_against_none_is_certain_and_one_row_says_nothing() {
    let right = "the cat sat on a mat";
    let of = |run: &str, answers: &[&str]| Evaluation {
        run: run.to_owned(),
        tasks: vec![task(answers, 0)],
        ..Evaluation::default()
    };
    let exact =
        |one: &[&str], other: &[&str]| compare(&of("one", one), &of("other", other), &BOOTSTRAP).remove(0);
    let found = exact(&[right; 100], &["no"; 100]);
    assert_eq!(found.difference.value, Some(1.0));
    assert_eq!(found.verdict, "one is better.");
    let [low, high] = found.difference.interval.unwrap();
    assert!((low - 0.9477).abs() < 5e-5 && (high - 1.0).abs() < 5e-5, "{low} {high}");
    assert_eq!(exact(&[right; 2], &[right; 2]).verdict, "No difference.");
    let verdict = exact(&[right], &[right]).verdict;
    assert!(verdict.starts_with("Inconclusive"), "{verdict}");
}

/// A model against itself, by a corpus-level and a row-level metric.
#[test]
fn labels_of_a_model_and_itself_do_not_differ() {
    let labels = |run: &str, right: usize| {
        let row = |at: usize| TaskAnswer {
            line: at as u64 + 1,
            answer: ["x", "y"][if at < right { at % 2 } else { 0 }].to_owned(),
            expected: vec![["x", "y"][at % 2].to_owned()],
            scores: vec![None],
            ..TaskAnswer::default()
        };
        let answers: Vec<TaskAnswer> = (0..40).map(row).collect();
        let pairs: Vec<(String, String)> =
            answers.iter().map(|row| (row.expected[0].clone(), row.answer.clone())).collect();
        let f1 = crate::metrics::classification(&pairs).averages.macro_average.f1;
        let metrics = vec![metric("f1_macro", f1)];
        let task = TaskReport { name: "labels".to_owned(), metrics, answers, ..TaskReport::default() };
        Evaluation { run: run.to_owned(), tasks: vec![task], ..Evaluation::default() }
    };
    let (all, half) = (labels("all", 40), labels("half", 20));
    let found = &compare(&half, &half, &BOOTSTRAP)[0];
    assert_eq!((found.difference.interval, found.verdict.as_str()), (Some([0.0; 2]), "No difference."));
    let verdict = &compare(&all, &half, &BOOTSTRAP)[0].verdict;
    assert_eq!(verdict, "all is better.");
}

/// Tags of two rows by two models. Compared values equal the originally measured ones: only words of an answer that are tags of
/// the task count.
#[test]
fn entities_and_tags_of_words_are_compared_by_resampled_rows() {
    let rows = |answers: [&str; 2]| -> Vec<TaskAnswer> {
        let row = |at: usize| TaskAnswer {
            line: at as u64 % 2 + 1 + 2 * (at as u64 / 2),
            answer: answers[at % 2].to_owned(),
            expected: vec![["B-PER I-PER O", "B-LOC O O"][at % 2].to_owned()],
            scores: vec![None, None],
            ..TaskAnswer::default()
        };
        (0..20).map(row).collect()
    };
    let evaluation = |run: &str, answers: [&str; 2], f1: f64, accuracy: f64| Evaluation {
        run: run.to_owned(),
        tasks: vec![TaskReport {
            name: "ner".to_owned(),
            metrics: vec![metric("entity_f1", f1), metric("acc", accuracy)],
            answers: rows(answers),
            ..TaskReport::default()
        }],
        ..Evaluation::default()
    };
    // Correct, predicted and expected entities of the two rows: 2, 2, 2 and 0, 2, 2; 6 and 3 of 6 words have the correct tag.
    let good = evaluation("good", ["B-PER I-PER O", "B-LOC, B-LOC O"], 1.0, 1.0);
    let bad = evaluation("bad", ["B-PER O O", "O O B-LOC"], 0.0, 0.5);
    let found = compare(&good, &bad, &BOOTSTRAP);
    let [f1, accuracy] = found.as_slice() else { panic!("{found:?}") };
    // It is 1 whichever of the two rows are drawn, but that is not certainty.
    assert_eq!((f1.first_value, f1.second_value, f1.difference.interval), (1.0, 0.0, None));
    assert!(f1.verdict.starts_with("Inconclusive: the rows are too few"), "{}", f1.verdict);
    // 2 of 3 and 1 of 3 words are correct per row, so resamples differ.
    assert_eq!((accuracy.first_value, accuracy.second_value), (1.0, 0.5));
    let [low, high] = accuracy.difference.interval.unwrap();
    assert!(0.3 < low && low < 0.5 && 0.5 < high && high < 0.7, "{low} {high}");
    // A metric that recomputation does not reproduce is not compared.
    let other = evaluation("other", ["B-PER O O", "O O B-LOC"], 0.25, 0.5);
    assert!(compare(&good, &other, &BOOTSTRAP)[0].verdict.starts_with("Not compared"));
}
