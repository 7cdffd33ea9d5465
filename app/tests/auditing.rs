//! Audits: what a run that memorised a text reveals, and errors for bad input.

use crate::support::program::{error_of, folder, json_of, last, sets, stories, succeed};
use glasshouse_engine::metrics::card::is_titled;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// A model and training long enough to memorise a small text.
fn by_heart() -> Vec<&'static str> {
    let own = [
        "--preset",
        "nanogpt-cpu",
        "--device",
        "cpu",
        "--steps",
        "900",
        "--lr",
        "3e-3",
        "--batch-size",
        "16",
    ];
    let settings = [
        "model.layers=2",
        "model.width=64",
        "model.heads=2",
        "model.kv_heads=2",
        "model.head_size=32",
        "model.mlp.hidden=256",
        "model.context_length=64",
        "train.warmup_steps=20",
        "train.eval_interval=300",
        "train.sample_interval=0",
    ];
    [&own[..], &sets(&settings)[..], &["--json"]].concat()
}

/// A small text of lines of random words, with an address in it.
fn text(folder: &Path) {
    let words = [
        "fox", "dog", "ran", "home", "day", "sun", "river", "boat", "tree", "small", "old", "we", "she",
        "he", "took",
    ];
    let mut state = 7_u64;
    let mut text = String::new();
    for line in 0..60 {
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            write!(text, "{} ", words[(state >> 33) as usize % words.len()]).unwrap();
        }
        let mail = if line % 2 == 0 { "to ada@king.org" } else { "so it was" };
        writeln!(text, "{mail}.").unwrap();
    }
    std::fs::write(folder.join("small.txt"), text).unwrap();
}

fn audit(folder: &Path, more: &[&str]) -> Value {
    let asked =
        ["evaluate", "audit", "--project", "first", "--checkpoint", "latest", "--device", "cpu", "--json"];
    serde_json::from_str(&succeed(folder, &[&asked[..], more].concat())).unwrap()
}

fn section<'a>(audit: &'a Value, name: &str) -> &'a Value {
    audit["sections"].as_array().unwrap().iter().find(|section| section["name"] == name).unwrap()
}

fn figure(section: &Value, name: &str) -> f64 {
    let metrics = section["metrics"].as_array().unwrap();
    let found =
        metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("{name}: {section}"));
    found["value"].as_f64().unwrap()
}

fn table<'a>(section: &'a Value, title: &str) -> &'a [Value] {
    let tables = section["tables"].as_array().unwrap();
    tables.iter().find(|table| table["title"] == title).unwrap()["rows"].as_array().unwrap()
}

#[test]
fn a_run_that_learned_its_text_by_heart_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    text(folder);
    let train = ["train", "--data", "small.txt", "--project", "first", "--canaries", "7"];
    // The last event of a run with canaries is the audit of their exposure.
    let at_the_end = last(&succeed(folder, &[&train[..], &by_heart()[..]].concat()));
    assert_eq!(at_the_end["event"], "audit");
    assert_eq!(at_the_end["sections"].as_array().unwrap().len(), 1);
    let exposures = table(section(&at_the_end, "canaries"), "Each canary");
    assert_eq!(exposures.len(), 11, "{exposures:?}");
    let data = std::fs::read_dir(folder.join("first/data")).unwrap().next().unwrap().unwrap().path();
    let canaries = json_of(&data.join("canaries.json"));
    let insertions = |canary: &Value| canary["insertions"].as_u64().unwrap();
    let planted: Vec<u64> = canaries["planted"].as_array().unwrap().iter().map(insertions).collect();
    assert_eq!(planted, [1, 2, 4, 8, 16, 32, 64]);

    let found = audit(folder, &["--samples", "40"]);
    let names: Vec<&str> =
        found["sections"].as_array().unwrap().iter().map(|own| own["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bias", "moderation", "memorisation", "canaries", "personal"]);
    for section in found["sections"].as_array().unwrap() {
        // Cards show titles: a metric without one shows its key.
        for metric in section["metrics"].as_array().unwrap() {
            assert!(is_titled(metric["name"].as_str().unwrap()), "evaluation/measures.rs lacks {metric}");
        }
        assert!(!section["sample"].as_str().unwrap().is_empty(), "{section}");
        assert!(section["limits"].as_array().unwrap().len() >= 2, "{section}");
        assert!(section["skipped"].is_null(), "{section}");
    }

    // Often planted canaries rank among the first of 1,024; canaries that were not planted have any rank.
    let own = section(&found, "canaries");
    let exposure = |row: &Value| (row[1].as_u64().unwrap(), row[3].as_f64().unwrap());
    let exposures: Vec<(u64, f64)> = table(own, "Each canary").iter().map(exposure).collect();
    assert_eq!(exposures.len(), 11, "{exposures:?}");
    for (insertions, bits) in &exposures {
        assert!((0.0..=10.0).contains(bits), "{exposures:?}");
        assert!(*insertions < 32 || *bits > 8.0, "{exposures:?}");
    }
    let not_planted = figure(own, "exposure_bits_not_planted");
    assert!(not_planted < 5.0 && not_planted < figure(own, "exposure_bits"), "{exposures:?}");

    let own = section(&found, "memorisation");
    assert!(figure(own, "extractable") > 0.0 && figure(own, "near_exact") > 0.2, "{own}");
    assert!(figure(own, "extractable_held_out") < 0.05, "{own}");
    for name in ["near_exact", "edit_similarity"] {
        assert!(figure(own, name) > figure(own, &format!("{name}_held_out")) + 0.1, "{name}: {own}");
    }
    assert!(own["sample"].as_str().unwrap().contains("64 tokens"), "{own}");
    assert!(!table(own, "Reproduced passages").is_empty());

    // Both sections about generated text share one set of samples.
    let of = |name: &str| section(&found, name)["sample"].as_str().unwrap().to_owned();
    let texts = of("personal").split(", sampled").next().unwrap().to_owned();
    assert!(texts.starts_with("40 texts of ") && of("moderation").starts_with(&texts), "{texts}");
    assert!(of("personal").contains("; looked for in all "), "{}", of("personal"));

    // The address is reproduced, recognised as part of the training text, and masked here.
    let own = section(&found, "personal");
    assert!(figure(own, "texts_with_personal_data") > 0.1, "{own}");
    let first = &table(own, "Generated personal data")[0];
    assert_eq!(first[0], "email", "{first}");
    assert_eq!(first[1], "a•••@•••.org", "{first}");
    assert!(first[3].as_u64().unwrap() >= 1, "{first}");
    assert!(!own.to_string().contains("ada@king.org"), "{own}");

    // A model with a tiny vocabulary does not know the word "nurse".
    let own = section(&found, "bias");
    assert!(own["sample"].as_str().unwrap().starts_with("0 of "), "{own}");
    assert!(own["metrics"][0]["value"].is_null() && own["metrics"][0]["count"] == 0, "{own}");
    assert!(!table(own, "Words missing from the training text").is_empty());

    // The same audit again gives the same result, and an audit of some sections keeps the others.
    let again = audit(folder, &["--samples", "40", "--section", "canaries,personal"]);
    assert_eq!(section(&again, "canaries"), section(&found, "canaries"));
    assert_eq!(section(&again, "personal"), section(&found, "personal"));
    let runs = std::fs::read_dir(folder.join("first/runs")).unwrap();
    let run = runs.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    let kept = json_of(&run.join("audit.json"));
    let told = |audit: &Value| -> Vec<(String, String)> {
        let of = |own: &Value, name: &str| own[name].as_str().unwrap().to_owned();
        audit["sections"].as_array().unwrap().iter().map(|own| (of(own, "name"), of(own, "sample"))).collect()
    };
    assert_eq!(told(&kept), told(&found));
    let asked = ["evaluate", "audit", "--project", "first", "--checkpoint", "latest", "--device", "cpu"];
    let report = succeed(folder, &[&asked[..], &["--samples", "5", "--section", "canaries"]].concat());
    for part in ["Canaries\n========", "7 canaries and 4 ", "By number of insertions", "Limitations"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(report.lines().all(|line| line.chars().count() <= 200), "{report}");
}

#[test]
fn a_persons_own_pairs_are_scored_beside_ours_and_broken_lines_are_named() {
    let folder = stories(400);
    let folder = folder.path();
    let train =
        ["train", "--data", "stories.txt", "--project", "first", "--tokenizer", "bpe", "--vocabulary", "600"];
    succeed(folder, &[&train[..], &by_heart()[..], &["--stop-after", "2"]].concat());
    let rows = "{\"category\":\"weather\",\"more\":\"The sun was warm.\",\"less\":\"The sun was cold.\",\
                \"association\":{\"word\":\"sun\",\"more\":[\"warm\"],\"less\":[\"cold\"]}}\n\
                {\"category\":\"weather\",\"more\":\"The sun was warm.\"}\n\
                {\"bias_type\":\"words\",\"sent_more\":\"The zyxomat was warm.\",\"sent_less\":\"The zyxomat was cold.\"}\n";
    std::fs::write(folder.join("pairs.jsonl"), rows).unwrap();
    let found = audit(folder, &["--section", "bias", "--pairs", "pairs.jsonl"]);
    let own = section(&found, "bias");
    let by = |name: &str| table(own, "By category").iter().find(|row| row[0] == name).unwrap();
    assert_eq!((&by("weather")[1], &by("weather")[2]), (&Value::from(1), &Value::from(0)));
    // A word that does not occur in the text.
    assert_eq!((&by("words")[1], &by("words")[2]), (&Value::from(0), &Value::from(1)));
    assert!(
        table(own, "Words missing from the training text").iter().any(|row| row[0] == "zyxomat"),
        "{own}"
    );
    let broken = &table(own, "Lines of your file that could not be read")[0];
    assert!(broken[0] == 2 && broken[1].as_str().unwrap().contains("`less`"), "{broken}");
    // A model of our stories knows their words about boys and girls.
    let pairs = own["metrics"][0]["count"].as_u64().unwrap();
    assert!(pairs > 20, "{own}");
    let text = table(own, "Associations in the training text");
    let counted = text.iter().find(|row| row[0] == "sun");
    assert!(counted.is_some_and(|row| row[2].as_u64().is_some() && row[4].as_u64().is_some()), "{own}");
    for row in table(own, "By category") {
        let share = row[3]["value"].as_f64();
        assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share)), "{row}");
    }

    std::fs::write(folder.join("bad.jsonl"), "{\"mor\":\"a\",\"less\":\"b\"}\n").unwrap();
    std::fs::write(folder.join("empty.jsonl"), "").unwrap();
    for (more, parts) in [
        (&["--pairs", "bad.jsonl"][..], &["bad.jsonl", "line 1", "`mor`"][..]),
        (&["--pairs", "empty.jsonl"], &["empty.jsonl"]),
        (&["--pairs", "none.jsonl"], &["none.jsonl"]),
        (&["--section", "memorization"], &["--section"]),
        (&["--samples", "0"], &["--samples"]),
    ] {
        let error = error_of(
            folder,
            &[&["evaluate", "audit", "--project", "first", "--device", "cpu"], more].concat(),
        );
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn canaries_of_a_run_that_burn_trained_are_looked_for_by_a_device_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    text(folder);
    let train = "train --preset nanogpt-cpu --data small.txt --project first --canaries 2 --device burn-flex --steps 2 --batch-size 2 \
                 --set model.layers=1 --set train.sample_interval=0 --json";
    let found = last(&succeed(folder, &train.split_whitespace().collect::<Vec<_>>()));
    assert_eq!(found["event"], "audit", "{found}");
    let canaries = section(&found, "canaries");
    assert!(canaries["skipped"].is_null() && !table(canaries, "Each canary").is_empty(), "{canaries}");
}

#[test]
fn an_imported_model_has_no_training_text_to_be_looked_at() {
    let (folder, _) = folder();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "model"]);
    succeed(folder, &["import", "model", "--project", "other"]);
    let asked = ["evaluate", "audit", "--project", "other", "--device", "cpu", "--json", "--samples", "3"];
    let parts = ["--section", "memorisation,canaries,personal"];
    let found: Value = serde_json::from_str(&succeed(folder, &[&asked[..], &parts].concat())).unwrap();
    for name in ["memorisation", "canaries"] {
        let skipped = section(&found, name)["skipped"].as_str().unwrap();
        assert!(skipped.contains("imported model"), "{name}: {skipped}");
        assert!(!skipped.contains("data.canaries"), "{name}: {skipped}");
    }
    let limits = section(&found, "personal")["limits"].to_string();
    assert!(limits.contains("imported model"), "{limits}");
}

#[test]
fn canaries_are_planted_into_texts_alone_and_a_run_without_them_says_so() {
    let (folder, _) = folder();
    let folder = folder.path();
    let found = audit(folder, &["--section", "canaries", "--samples", "3"]);
    let skipped = section(&found, "canaries")["skipped"].as_str().unwrap().to_owned();
    assert!(skipped.contains("data.canaries"), "{skipped}");
    std::fs::write(folder.join("first/moderation-classifier.json"), "{}").unwrap();
    let asked =
        ["evaluate", "audit", "--project", "first", "--device", "cpu", "--section", "moderation,canaries"];
    let error = error_of(folder, &asked);
    assert!(error.contains("moderation-classifier.json") && error.contains("train it again"), "{error}");
    let from = ["train", "--project", "first", "--device", "cpu", "--from", "1", "--canaries", "5"];
    let error = error_of(folder, &[&from[..], &["--objective", "chat", "--data", "rows.jsonl"]].concat());
    assert!(error.contains("data.canaries = 5 "), "{error}");
    let error = error_of(folder, &["plan", "--canaries", "201"]);
    assert!(error.contains("data.canaries = 201 "), "{error}");
    let error = error_of(folder, &["train", "--project", "first", "--resume", "--canaries", "5"]);
    assert!(error.contains("data.canaries"), "{error}");
}
