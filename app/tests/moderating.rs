//! `glasshouse evaluate moderate`, and moderation of text generated for other programs.

use crate::support::program::{error_of, glasshouse, last, succeed};
use crate::support::serving::{Serving, pieces, trained};
use glasshouse::serve::{QUEUE, Server, ServerSettings, Switchboard};
use glasshouse_protocol::config::Category;
use glasshouse_protocol::{
    CheckpointChoice, Command, Completion, Event, Moderated, Moderation, ModerationMode, Report,
};
use serde_json::{Value, json};
use std::path::Path;

/// Rows of made-up insults: harmful ones contain "hate", harmless ones "like".
fn rows(nouns: &[&str]) -> String {
    let row = |noun: &&str, verb: &str, label: Value| {
        json!({ "text": format!("I {verb} you and your {noun}"), "label": label }).to_string() + "\n"
    };
    let harmful = nouns.iter().map(|noun| row(noun, "hate", json!("toxic")));
    harmful.chain(nouns.iter().map(|noun| row(noun, "like", json!(0)))).collect()
}

/// The harmless half of the rows.
fn rows_of_likes() -> String {
    let all = rows(&LEARNED);
    all.lines().filter(|row| row.contains("I like")).map(|row| row.to_owned() + "\n").collect()
}

const LEARNED: [&str; 8] = ["dog", "river", "teacher", "garden", "window", "friend", "letter", "train"];
const HELD_OUT: [&str; 3] = ["bicycle", "kitchen", "uncle"];

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn moderate(folder: &Path, more: &[&str]) -> Value {
    let text = succeed(folder, &[&["evaluate", "moderate", "--project", "p", "--json"], more].concat());
    serde_json::from_str(text.trim()).unwrap()
}

fn metric(figures: &Value, name: &str) -> f64 {
    let metrics = figures["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("{figures}"));
    let interval = found["interval"].as_array().unwrap_or_else(|| panic!("{found}"));
    let (value, low) = (found["value"].as_f64().unwrap(), interval[0].as_f64().unwrap());
    assert!(low <= value + 1e-9 && value <= interval[1].as_f64().unwrap() + 1e-9, "{found}");
    value
}

#[test]
fn the_list_is_checked_on_a_labelled_file_and_a_broken_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Two true positives, one false negative, one false positive, two true negatives; four invalid lines.
    write(
        folder,
        "rows.jsonl",
        "{\"text\":\"What a load of shit.\",\"label\":\"toxic\"}\n{\"text\":\"You idiot!\",\"label\":1}\n\
         {\"text\":\"Go away, we play without you.\",\"label\":true}\n{\"text\":\"Such an idiot.\",\"label\":\"innocent\"}\n\
         {\"text\":\"Scunthorpe is a town.\",\"label\":\"ok\"}\n{\"txt\":\"a\",\"label\":1}\n{\"text\":\"a\"}\n\
         {\"text\":\" \",\"label\":0}\nnothing\n{\"text\":\"Kill the process.\",\"label\":0}\n",
    );
    let asked = ["--check", "rows.jsonl"];
    let checked = moderate(folder, &asked)["checked"].clone();
    let figures = &checked["rules"];
    assert!(checked["classifier"].is_null(), "there is none: {checked}");
    let counts = ["found", "missed", "alarms", "passed"].map(|name| figures[name].as_u64().unwrap());
    assert_eq!(counts, [2, 1, 1, 2], "{figures}");
    for (name, expected) in [
        ("precision", 2.0 / 3.0),
        ("recall", 2.0 / 3.0),
        ("f1", 2.0 / 3.0),
        ("false_positive_rate", 1.0 / 3.0),
    ] {
        assert!((metric(figures, name) - expected).abs() < 1e-12, "{name}: {figures}");
    }
    let report = succeed(folder, &[&["evaluate", "moderate", "--project", "p"], &asked[..]].concat());
    for part in ["By rules: 2 found, 1 missed, 1 false alarms, 2 passed", "of 3 innocent rows", "Recall"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let output = glasshouse(folder, &["evaluate", "moderate", "--check", "rows.jsonl"]);
    let told = String::from_utf8(output.stderr).unwrap();
    for part in ["line 6", "`txt`", "line 7", "`label`", "line 8", "line 9"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let looked = moderate(folder, &["--text", "You bird, oh shit"]);
    let findings = looked["texts"][0]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{looked}");
    assert_eq!((&findings[0]["category"], &findings[0]["rule"]), (&json!("profanity"), &json!("shit")));
}

#[test]
fn a_bad_file_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "none.jsonl", "{\"words\":[\"x\"]}\n");
    write(folder, "broken.jsonl", "{\"txt\":\"a\",\"label\":1}\n");
    write(folder, "few.jsonl", &rows(&LEARNED[..3]));
    std::fs::write(folder.join("latin.jsonl"), [b'{', 0xe9, b'}']).unwrap();
    for (more, parts) in [
        (&["--check", "latin.jsonl"][..], &["latin.jsonl"][..]),
        (&["--check", "broken.jsonl"], &["broken.jsonl"]),
        (&["--check", "none.jsonl"], &["none.jsonl"]),
        (&["--train", "few.jsonl"], &["no such folder"]),
        (&[], &["--text", "--train", "--check"]),
    ] {
        let error = error_of(folder, &[&["evaluate", "moderate", "--project", "p"], more].concat());
        for part in parts {
            assert!(error.contains(part), "{more:?}: {part}: {error}");
        }
    }
    std::fs::create_dir(folder.join("p")).unwrap();
    let error = error_of(folder, &["evaluate", "moderate", "--project", "p", "--train", "few.jsonl"]);
    assert!(error.contains("few.jsonl: 3 rows"), "{error}");
    assert!(!folder.join("p/moderation-classifier.json").exists());
}

#[test]
fn a_classifier_is_trained_kept_and_checked_on_rows_that_it_did_not_learn_from() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("p")).unwrap();
    write(folder, "rows.jsonl", &rows(&LEARNED));
    write(folder, "held-out.jsonl", &rows(&HELD_OUT));
    let made = moderate(folder, &["--train", "rows.jsonl", "--check", "held-out.jsonl", "--seed", "7"]);
    assert_eq!((&made["trained"]["harmful"], &made["trained"]["innocent"]), (&json!(8), &json!(8)));
    // No rule knows these insults; the classifier has learned them.
    assert_eq!(metric(&made["checked"]["rules"], "recall"), 0.0);
    for judge in ["classifier", "either"] {
        let figures = &made["checked"][judge];
        assert_eq!(metric(figures, "precision"), 1.0, "{figures}");
        assert_eq!(metric(figures, "recall"), 1.0, "{figures}");
        assert_eq!(metric(figures, "false_positive_rate"), 0.0, "{figures}");
    }
    // It is stored with the project, and reproducible from the same rows and seed.
    let file = folder.join("p/moderation-classifier.json");
    let kept = std::fs::read(&file).unwrap();
    let again = moderate(folder, &["--check", "held-out.jsonl", "--seed", "7"]);
    assert_eq!(again["checked"], made["checked"]);
    moderate(folder, &["--train", "rows.jsonl", "--seed", "7"]);
    assert_eq!(std::fs::read(&file).unwrap(), kept);
    let looked =
        moderate(folder, &["--text", "I hate you and your sofa", "--text", "I like you and your sofa"]);
    let probability = |at: usize| looked["texts"][at]["probability"].as_f64().unwrap();
    assert!(probability(0) > 0.5 && probability(1) < 0.5, "{looked}");
    let mut other: Value = serde_json::from_slice(&kept).unwrap();
    other["weights"][0] = json!(9.5);
    write(folder, "p/moderation-classifier.json", &other.to_string());
    let error = error_of(folder, &["evaluate", "moderate", "--project", "p", "--text", "a"]);
    assert!(error.contains("moderation-classifier.json") && error.contains("train it again"), "{error}");
}

/// A server like the window's, whose moderation is changed while it runs.
#[test]
fn the_windows_server_moderates_as_it_is_set_and_adds_up_what_was_found() {
    let (requests, inbox) = async_channel::unbounded();
    let board = Switchboard::new(requests.downgrade());
    let settings = ServerSettings {
        host: [127, 0, 0, 1].into(),
        port: 0,
        token: None,
        places: 2,
        queue: QUEUE,
        cors: None,
        run: None,
        checkpoint: CheckpointChoice::Best,
        weights: None,
        moderation: Moderation::default(),
    };
    let server = Server::start(settings, board.clone()).unwrap();
    let (sender, moderations) = async_channel::unbounded();
    let engine = std::thread::spawn(move || {
        while let Ok(request) = inbox.recv_blocking() {
            let request = request.body;
            let Command::Generate { config, .. } = request.command else { continue };
            let mode = config.moderation.mode;
            sender.try_send((*config.moderation).clone()).unwrap();
            let moderated = match mode {
                ModerationMode::Off => Moderated::new(),
                _ => Moderated::from([(Category::Drugs, 2)]),
            };
            let completion = Box::new(Completion {
                run: "1-a".to_owned(),
                text: "so".to_owned(),
                prompt_tokens: 1,
                written_tokens: 1,
                moderated,
                ..Completion::default()
            });
            for event in [Event::Completed { completion }, Event::Finished] {
                assert!(board.receive(&Report { request: Some(request.id), event }));
            }
        }
    });
    let ask = |streams: bool| {
        let body = json!({ "prompt": "One", "stream": streams }).to_string();
        let mut answer = ureq::post(format!("{}/completions", server.base_url())).send(body).unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    assert!(!ask(false).contains("moderated"));
    assert_eq!(moderations.recv_blocking().unwrap(), Moderation::default());
    let categories = [Category::Drugs].into();
    let chosen = Moderation { mode: ModerationMode::Replace, categories, ..Moderation::default() };
    server.set_moderation(&chosen);
    for streams in [false, true] {
        let answer = ask(streams);
        assert!(answer.contains("\"moderated\":{\"drugs\":2}"), "{answer}");
        assert_eq!(moderations.recv_blocking().unwrap(), chosen);
    }
    assert_eq!(server.moderated(), Moderated::from([(Category::Drugs, 4)]));
    drop((server, requests));
    engine.join().unwrap();
}

#[test]
fn a_classifier_moderates_what_is_written_served_and_audited_where_it_is_switched_on() {
    let folder = trained(128);
    let folder = folder.path();
    let asked = ["generate", "--project", "p", "--device", "cpu", "--json", "--max-tokens", "100"];
    let asked = [&asked[..], &["--prompt", "One", "--temperature", "1", "--seed", "3"]].concat();
    let written = |more: &[&str]| -> Value { last(&succeed(folder, &[&asked[..], more].concat())) };
    let switched = |mode| ["--moderation", mode, "--moderation-classifier"];
    let text = written(&[])["text"].as_str().unwrap().to_owned();
    let says_how = |told: &str| {
        assert!(told.contains("moderation-classifier.json"), "{told}");
    };
    let told = error_of(folder, &[&asked[..], &switched("note")].concat());
    says_how(&told);
    assert!(told.contains("glasshouse evaluate moderate --train"), "{told}");
    let body = json!({ "prompt": "One", "max_tokens": 100, "temperature": 1, "seed": 3 });
    let serve = ["serve", "--project", "p", "--port", "0", "--device", "cpu"];
    says_how(&error_of(folder, &[&serve[..], &switched("replace")].concat()));

    // The model's own output is labelled harmful.
    let harmful = |noun: &&str| json!({ "text": format!("{text} {noun}"), "label": "harmful" }).to_string();
    let rows: Vec<String> = LEARNED.iter().map(harmful).collect();
    let innocent = rows_of_likes();
    write(folder, "rows.jsonl", &format!("{}\n{innocent}", rows.join("\n")));
    moderate(folder, &["--train", "rows.jsonl"]);
    let texts = ["note", "filter", "replace", "stop"].map(|mode| {
        let told = written(&switched(mode));
        assert!(told["moderated"]["classifier"].as_u64().is_some_and(|found| found >= 1), "{mode}: {told}");
        told["text"].as_str().unwrap().to_owned()
    });
    let [noted, filtered, replaced, stopped] = texts;
    assert_eq!(noted, text);
    assert!(filtered.len() < text.len() && replaced.contains('█') && stopped.len() < text.len());
    assert!(text.starts_with(&stopped), "{stopped:?} {text:?}");
    // The classifier exists, but is not switched on.
    let rules_alone = written(&["--moderation", "replace"]);
    assert_eq!((&rules_alone["text"], &rules_alone["moderated"]), (&json!(text), &json!({})));

    let [replacing, stopping] = ["replace", "stop"].map(|mode| Serving::start(folder, "p", &switched(mode)));
    for (mode, serving, expected) in [("replace", &replacing, &replaced), ("stop", &stopping, &stopped)] {
        let choice = serving.complete(&body).choice();
        assert_eq!(choice["text"], json!(expected));
        assert!(choice["moderated"]["classifier"].as_u64().is_some_and(|found| found >= 1), "{choice}");
        assert_eq!(choice["finish_reason"] == "content_filter", mode == "stop", "{choice}");
        // A stream gives the same result, with the counts in its last chunk.
        let mut streamed = body.clone();
        streamed["stream"] = json!(true);
        let events = pieces(&serving.complete(&streamed).text);
        let texts = events.iter().filter_map(|event| event["choices"][0]["text"].as_str());
        assert_eq!(texts.collect::<String>(), *expected, "{mode}");
        assert_eq!(events.last().unwrap()["choices"][0]["moderated"], choice["moderated"]);
    }
    for (more, part) in [
        (&["--moderation", "note", "--moderation-categories", "drug"][..], "'drug'"),
        (&["--moderation", "note", "--moderation-severity", "mildly"], "'mildly'"),
        (&["--moderation-categories", "drugs"], "required"),
    ] {
        let error = error_of(folder, &[&asked[..], more].concat());
        assert!(error.contains(part), "{more:?}: {error}");
    }
    let audited =
        ["evaluate", "audit", "--project", "p", "--device", "cpu", "--json", "--section", "moderation"];
    let audited: Value =
        serde_json::from_str(&succeed(folder, &[&audited[..], &["--samples", "4"]].concat())).unwrap();
    let section = &audited["sections"][0];
    assert!(section["sample"].as_str().unwrap().contains("the project's classifier"), "{section}");
    assert_eq!(section["tables"][0]["rows"][6][0], "classifier", "{section}");

    write(folder, "p/moderation-classifier.json", "{}");
    assert!(error_of(folder, &[&asked[..], &switched("note")].concat()).contains("train it again"));
    let refused = replacing.complete(&body);
    assert_eq!(refused.status, 400, "{}", refused.text);
}
