//! A learner's predictions and measurements, as a file for a teacher.

use super::quiz::score;
use super::*;
use serde_json::{Value, json};

const VERSION: u32 = 1;

/// Answers to the lessons that were begun, as JSON in lesson order. Missing measurements are null.
pub fn json(lessons: &[Lesson], progress: &BTreeMap<String, LessonProgress>) -> Vec<u8> {
    let begun = lessons.iter().filter_map(|lesson| Some((lesson, progress.get(&lesson.name)?)));
    let answers = begun.map(|(lesson, progress)| {
        let measured = progress.measurement.as_ref();
        json!({
            "lesson": lesson.name,
            "title": lesson.head.title,
            "question": progress.question,
            "prediction": progress.prediction,
            "measure": measured.map_or(&lesson.head.check.measure, |measured| &measured.measure),
            "measurement": measured.map(|measured| measured.value),
            "sentence": measured.map(|measured| &measured.sentence),
            "held": measured.map(|measured| measured.held),
            "run": measured.and_then(|measured| measured.run.as_ref()),
            "step": measured.and_then(|measured| measured.step),
            "test": test(lesson, progress),
        })
    });
    let file = json!({ "version": VERSION, "answers": answers.collect::<Vec<_>>() });
    format!("{file:#}\n").into_bytes()
}

/// Right answers before and after the lesson, and every answer; null if the test was not taken.
fn test(lesson: &Lesson, progress: &LessonProgress) -> Value {
    let (questions, LessonProgress { before, after, .. }) = (&lesson.head.test, progress);
    if before.is_empty() && after.is_empty() {
        return Value::Null;
    }
    let answers = questions.iter().enumerate().map(|(at, question)| {
        json!({ "question": question.question, "right": question.answer(), "before": before.get(at), "after": after.get(at) })
    });
    json!({
        "questions": questions.len(),
        "right_before": score(questions, before),
        "right_after": score(questions, after),
        "answers": answers.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::learn::library::Library;
    use glasshouse_protocol::LessonMeasurement;

    #[test]
    fn the_file_has_every_lesson_that_was_begun_and_what_was_measured_of_it() {
        let lessons = Library::of(&[]).lessons;
        let predicted = |prediction: &str| LessonProgress {
            question: "How many?".to_owned(),
            prediction: prediction.to_owned(),
            ..LessonProgress::default()
        };
        let measurement = LessonMeasurement {
            measure: "characters_per_token".to_owned(),
            value: 2.5,
            sentence: "There are.".to_owned(),
            held: true,
            run: Some("1-first".to_owned()),
            step: Some(40),
        };
        let right: Vec<String> = lessons[0].head.test.iter().map(|own| own.answer().to_owned()).collect();
        let mut wrong = right.clone();
        wrong[2] =
            lessons[0].head.test[2].choices.iter().find(|choice| **choice != right[2]).unwrap().clone();
        let done = LessonProgress {
            measurement: Some(measurement),
            before: wrong,
            after: right,
            ..predicted("two")
        };
        let mut progress = BTreeMap::new();
        progress.insert(lessons[1].name.clone(), predicted("three"));
        progress.insert(lessons[0].name.clone(), done);
        progress.insert("of another project".to_owned(), predicted("four"));
        let file: serde_json::Value = serde_json::from_slice(&json(&lessons, &progress)).unwrap();
        assert_eq!(file["version"], 1);
        let answers = file["answers"].as_array().unwrap();
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[0]["lesson"], "01-text-and-tokens");
        let of = |key: &str| answers[0][key].clone();
        assert_eq!(
            (of("measurement"), of("held"), of("run"), of("step")),
            (2.5.into(), true.into(), "1-first".into(), 40.into())
        );
        let test = of("test");
        assert_eq!(
            (&test["right_before"], &test["right_after"], &test["questions"]),
            (&4.into(), &5.into(), &5.into())
        );
        assert!(test["answers"][2]["before"] != test["answers"][2]["after"] && answers[1]["test"].is_null());
        assert_eq!(
            (answers[1]["prediction"].clone(), answers[1]["measurement"].clone()),
            ("three".into(), ().into())
        );
    }
}
