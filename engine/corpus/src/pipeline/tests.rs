//! Complete cleanings of small folders.

use super::*;
use crate::output::{
    CORPUS_FILE, CorpusIndex, DROPPED_FILE, KEPT_FILE, RECIPE_FILE, REPORT_FILE, REPORT_PAGE,
};
use crate::report::content_key;
use glasshouse_documents::files::SystemFiles;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A seeded source of small numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Prose of about `sentences` sentences, different for each seed.
fn prose(seed: u64, sentences: usize) -> String {
    let subjects = "The baker|A tall woman|My neighbour|The old captain|Every child|The night guard|A farmer|\
        Her brother";
    let verbs = "carried|painted|found|forgot|mended|sold|borrowed|described";
    let objects = "the wooden chair|a basket of apples|that long letter|the broken clock|an empty boat|\
        the garden gate|a map of the hills|the blue lantern";
    let ends = "before the rain came|with the help of a friend|and nobody asked why|on the way to the market|\
        because it was late|while the music played|in spite of the cold wind|\
        as if it were the last of its kind";
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9) + 11);
    let mut text = String::new();
    for number in 0..sentences {
        let sentence = format!(
            "{} {} {} {} {}.",
            subjects.split('|').nth(dice.roll(8)).unwrap(),
            verbs.split('|').nth(dice.roll(8)).unwrap(),
            objects.split('|').nth(dice.roll(8)).unwrap(),
            ends.split('|').nth(dice.roll(8)).unwrap(),
            ["again", "that year", "to be sure", "it seems", "I think", "of course"][dice.roll(6)],
        );
        text.push_str(&sentence);
        text.push(if number % 4 == 3 { '\n' } else { ' ' });
    }
    text.trim().to_owned()
}

/// A temporary folder with its input and output paths.
fn places() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let [input, out] = ["in", "out"].map(|name| folder.path().join(name));
    (folder, input, out)
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn clean(recipe: &Recipe, input: &Path, out: &Path) -> CleaningReport {
    begun(recipe, input, out, StartOptions { force: true, ..StartOptions::default() }).run().unwrap()
}

fn begun(recipe: &Recipe, input: &Path, out: &Path, start: StartOptions) -> Cleaner<'static> {
    Cleaner::new(&SystemFiles, recipe.clone(), &[input.to_owned()], out, start).unwrap()
}

fn ids(lines: &[Value]) -> BTreeSet<String> {
    lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
}

/// A folder with a variety of files.
fn mixed(folder: &Path) {
    write(
        folder,
        "pages/one.html",
        format!(
            "<html><head><title>Market day</title></head><body><nav><a href=/>Home</a> <a href=/shop>Shop</a></nav>\
         <article><h1>Market day</h1><p>{}</p><p>{}</p></article><footer>All rights reserved</footer></body></html>",
            prose(1, 8),
            prose(2, 8)
        ),
    );
    write(folder, "notes/a.txt", prose(3, 20));
    write(folder, "notes/b.md", format!("# Harbour\n\n{}", prose(4, 20)));
    let rows: String =
        (5..9).map(|seed| format!("{},\"{}\"\n", seed, prose(seed, 12).replace('\n', " "))).collect();
    write(folder, "tables/rows.csv", format!("number,text\n{rows}"));
    let records: String = (20..60)
        .map(|seed| {
            serde_json::json!({ "text": prose(seed, 15), "source": "letters", "licence": "CC0-1.0" })
                .to_string()
                + "\n"
        })
        .collect();
    write(folder, "letters.jsonl", records);
    write(folder, "broken.jsonl", "{\"text\": \"A line.\"}\nnot json\n");
    write(folder, "short.txt", "Too short.");
}

#[test]
fn a_folder_goes_in_and_a_corpus_comes_out() {
    let (_folder, input, out) = places();
    mixed(&input);
    let mut recipe = Recipe::published("light").unwrap();
    recipe.switch("gopher-quality", true).unwrap();
    let report = clean(&recipe, &input, &out);
    let (kept, dropped) = (lines(&out, KEPT_FILE), lines(&out, DROPPED_FILE));
    assert_eq!(report.raw.documents as usize, kept.len() + dropped.len());
    assert_eq!(report.kept.documents as usize, kept.len());
    assert_eq!(report.dropped() as usize, dropped.len());
    assert_eq!(report.troubles.count, 1, "{:?}", report.troubles);
    assert!(report.troubles.listed[0].place.ends_with("broken.jsonl#2"), "{:?}", report.troubles);
    for line in &kept {
        for field in ["id", "source", "text", "licence"] {
            assert!(line.get(field).is_some(), "{field} is missing in {line}");
        }
    }
    for line in &dropped {
        for field in ["id", "source", "rule", "reason", "excerpt"] {
            assert!(line[field].is_string(), "{field} is missing in {line}");
        }
    }
    let page = kept.iter().find(|line| line["id"] == "pages/one.html").expect("the page is kept");
    let text = page["text"].as_str().unwrap();
    assert!(!text.contains("Shop") && !text.contains("rights reserved") && !text.contains('<'), "{text}");
    assert_eq!(page["title"], "Market day");
    assert_eq!(kept.iter().filter(|line| line["source"] == "letters").count(), 40);
    assert!(dropped.iter().any(|line| line["id"] == "short.txt"), "{dropped:?}");
    // Ordered by source, each with documents of both splits if it has enough.
    let sources: Vec<&str> = kept.iter().map(|line| line["source"].as_str().unwrap()).collect();
    let runs = sources.chunk_by(|one, next| one == next).count();
    assert_eq!(runs, sources.iter().collect::<BTreeSet<_>>().len());
    let held_out = |line: &&Value| line["split"] == "validation";
    assert_eq!(kept.iter().filter(|line| line["source"] == "letters").filter(held_out).count(), 4);
    // The report agrees, and the page is self-contained.
    let written = std::fs::read_to_string(out.join(REPORT_FILE)).unwrap();
    assert!(written == report.to_json().unwrap(), "report.json is the report");
    assert_eq!(CleaningReport::from_json(&written).unwrap().stages, report.stages);
    let html = std::fs::read_to_string(out.join(REPORT_PAGE)).unwrap();
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http") && !html.contains("url(http"));
    let index = CorpusIndex::find(&SystemFiles, &out).unwrap().unwrap();
    assert_eq!(index.documents as usize, kept.len());
    let left: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 6, "{left:?}");
}

#[test]
fn the_number_of_cores_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    mixed(&input);
    for seed in 0..200 {
        // Every tenth is a near copy of the previous one.
        let text = if seed % 10 == 9 { prose(seed - 1, 30) + " One more." } else { prose(seed, 30) };
        write(&input, &format!("many/{seed:03}.txt"), text);
    }
    let recipe = Recipe::published("light").unwrap();
    let mut outputs = Vec::new();
    for threads in [1, 2, 7] {
        let out = folder.path().join(format!("out-{threads}"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| clean(&recipe, &input, &out));
        let read = |name| std::fs::read(out.join(name)).unwrap();
        outputs.push([KEPT_FILE, DROPPED_FILE, REPORT_FILE, REPORT_PAGE, CORPUS_FILE].map(read));
    }
    assert!(outputs[0][1].len() > 1000, "something is dropped");
    assert_eq!(outputs[0], outputs[1]);
    assert_eq!(outputs[0], outputs[2]);
}

#[test]
fn what_was_planted_is_found() {
    let (_folder, input, out) = places();
    let (mut copies, mut near, mut personal, mut noise) = (0, 0, 0, 0);
    let mut dice = Dice(5);
    let add = |id: String, text: String| write(&input, &id.replacen('-', "/", 1), text);
    let mut originals = Vec::new();
    for seed in 0..400_u64 {
        let text = prose(1_000 + seed, 25);
        add(format!("own-{seed:03}.txt"), text.clone());
        match seed % 8 {
            1 => {
                copies += 1;
                add(format!("same-{seed}.txt"), text.to_uppercase().replace('.', " !"));
            }
            3 => {
                near += 1;
                // One word in eighty changed: a true similarity of about 0.87 for shingles of five words.
                let words: Vec<String> = text
                    .split(' ')
                    .enumerate()
                    .map(|(at, word)| if at % 80 == 40 { format!("changed{at}") } else { word.to_owned() })
                    .collect();
                add(format!("similar-{seed}.txt"), words.join(" "));
            }
            5 => {
                personal += 1;
                let name = format!("anna.{seed}@example-post.de");
                add(
                    format!("person-{seed}.txt"),
                    format!("{} Write to {name} for more.", prose(5_000 + seed, 25)),
                );
                originals.push(name);
            }
            7 => {
                noise += 1;
                let letters: String = (0..900)
                    .map(|at| if at % 9 == 8 { ' ' } else { (b'a' + dice.roll(26) as u8) as char })
                    .collect();
                add(format!("noise-{seed}.txt"), format!("The of and to be. {letters}. That have with."));
            }
            _ => {}
        }
    }
    let report = clean(&Recipe::published("light").unwrap(), &input, &out);
    let (kept, dropped) = (lines(&out, KEPT_FILE), lines(&out, DROPPED_FILE));
    let by_rule = |rule: &str, prefix: &str| {
        let hits = dropped.iter().filter(|line| line["rule"] == rule);
        let (right, wrong): (Vec<_>, Vec<_>) =
            hits.partition(|line| line["id"].as_str().unwrap().starts_with(prefix));
        (right.len(), wrong.len())
    };
    let (found, wrong) = by_rule("exact-duplicates", "same/");
    assert_eq!((found, wrong), (copies, 0), "exact copies: all found, none beside");
    let (found, wrong) = by_rule("near-duplicates", "similar/");
    assert_eq!(wrong, 0, "near copies are verified, so that none is wrong");
    assert!(found as f64 >= 0.95 * near as f64, "{found} of {near} near copies");
    let ((random, wrong_random), (unusual, wrong_unusual)) =
        (by_rule("entropy", "noise/"), by_rule("perplexity", "noise/"));
    let (found, wrong) = (random + unusual, wrong_random + wrong_unusual);
    assert!(found as f64 >= 0.95 * noise as f64 && wrong <= 2, "{found} of {noise} noise, {wrong} others");
    // Personal data is replaced everywhere: in kept and dropped documents, and in the report.
    assert_eq!(
        kept.iter().filter(|line| line["text"].as_str().unwrap().contains("<EMAIL>")).count(),
        personal
    );
    for name in [KEPT_FILE, DROPPED_FILE, REPORT_FILE, REPORT_PAGE] {
        let text = std::fs::read_to_string(out.join(name)).unwrap();
        assert!(originals.iter().all(|original| !text.contains(original)), "{name} holds an address");
    }
    let class = report.personal.iter().find(|class| class.found > 0).unwrap();
    assert_eq!((class.found as usize, class.documents as usize), (personal, personal));
    // Everything else is kept.
    let lost = 400 - ids(&kept).iter().filter(|id| id.starts_with("own/")).count();
    assert!(lost <= 4, "{lost} good documents were dropped");
}

#[test]
fn personal_data_in_ids_and_sources_is_replaced() {
    let (_folder, input, out) = places();
    let mail = "lena.vorst@postbox.example";
    let row = serde_json::json!({ "id": mail, "source": format!("mail of {mail}"), "text": prose(1, 20) });
    write(&input, "rows.jsonl", row.to_string());
    write(&input, "one@postbox.example.txt", prose(2, 20));
    write(&input, "two@postbox.example.txt", prose(3, 20));
    write(&input, "three@postbox.example.docx", "no document");
    clean(&Recipe::default(), &input, &out);
    let kept = lines(&out, "kept.jsonl");
    assert_eq!((kept.len(), ids(&kept).len()), (3, 3));
    for file in
        std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("@postbox"), "{}", file.display());
    }
}

#[test]
fn what_many_training_documents_share_is_no_overlap() {
    let (_folder, input, out) = places();
    let footer = prose(7, 5).replace('\n', " ");
    assert!(footer.split(' ').count() > 60);
    for number in 0..60 {
        write(&input, &format!("{number:02}.txt"), format!("{}\n\n{footer}", prose(100 + number, 7)));
    }
    let report = clean(&Recipe::published("light").unwrap(), &input, &out);
    assert_eq!(
        (report.kept.documents, report.held_out.documents),
        (60, 6),
        "{:?}",
        lines(&out, DROPPED_FILE)
    );
    assert!(report.warnings().is_empty());
}

#[test]
fn a_cleaning_that_keeps_little_says_which_step_took_it() {
    let (_folder, input, out) = places();
    for number in 0..10 {
        write(
            &input,
            &format!("{number}.txt"),
            if number < 6 { "Too short.".to_owned() + &"!".repeat(number) } else { prose(number as u64, 20) },
        );
    }
    let mut recipe = Recipe::published("gopher").unwrap();
    recipe.duplicates.exact.enabled = false;
    let report = clean(&recipe, &input, &out);
    let warnings = report.warnings();
    assert!(report.kept.documents <= 4 && warnings.len() == 1, "{warnings:?}");
    let most = report.stages.iter().max_by_key(|stage| stage.removed.documents).unwrap();
    assert!(warnings[0].contains(&most.about.name), "{warnings:?}");
    assert!(report.warnings()[0].starts_with("only"));
    // Disabled stages are not reported as having found nothing.
    let off = report.stages.iter().filter(|stage| stage.about.is_off).map(|stage| stage.about.name.as_str());
    let off: Vec<&str> = off.collect();
    assert_eq!(off, ["contamination", "exact-duplicates"]);
}

#[test]
fn reading_nothing_is_an_error_and_leaves_no_corpus() {
    let (_folder, input, out) = places();
    write(&input, "a.jsonl", "not json\nnor this\n");
    let error =
        begun(&Recipe::published("light").unwrap(), &input, &out, StartOptions::default()).run().unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("no document was read from 1 file")
            && said.contains("a.jsonl#1")
            && said.contains("1 more"),
        "{said}"
    );
    assert!(!out.join(CORPUS_FILE).exists() && !out.join(REPORT_FILE).exists());
    // Nor a journal, by which the same command would skip what could not be read.
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
}

#[test]
fn held_out_documents_stay_unseen() {
    let (_folder, input, out) = places();
    // Each long document contains the first half of another one: too little for a near copy, enough to leak its words.
    let halves: Vec<String> = (0..60).map(|seed| prose(seed, 14)).collect();
    for (number, half) in halves.iter().enumerate() {
        let other = &halves[(number + 1) % halves.len()];
        write(
            &input,
            &format!("d/{number:02}.txt"),
            format!("{half}\n{}\n{}", prose(900 + number as u64, 30), other),
        );
    }
    let mut recipe = Recipe::published("light").unwrap();
    recipe.validation = 0.2;
    recipe.contamination.share = 0.1;
    clean(&recipe, &input, &out);
    let (kept, dropped) = (lines(&out, KEPT_FILE), lines(&out, DROPPED_FILE));
    assert_eq!(kept.iter().filter(|line| line["split"] == "validation").count(), 12);
    assert!(dropped.iter().any(|line| line["rule"] == "held-out-overlap"), "{dropped:?}");
    // No training document shares a tenth of the 13-grams with a held-out one, in either direction.
    let runs = |text: &str| {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        words.windows(13).map(|run| run.join(" ")).collect::<BTreeSet<_>>()
    };
    let of = |split: &str| {
        let own = kept.iter().filter(|line| line["split"] == split);
        own.map(|line| runs(line["text"].as_str().unwrap())).collect::<Vec<_>>()
    };
    let (train, held_out) = (of("train"), of("validation"));
    assert!(train.len() > 20);
    for own in &train {
        for other in &held_out {
            let shared = own.intersection(other).count();
            assert!(
                shared * 9 < own.len().min(other.len()),
                "{shared} runs of {} and {}",
                own.len(),
                other.len()
            );
        }
    }
}

#[test]
fn of_unequal_documents_neither_most_of_the_text_is_held_out_nor_next_to_nothing() {
    let text = |number: usize, size: usize| format!("{number:02} ").repeat(size / 3);
    // Number of documents in each split, and without one, for texts of these sizes in bytes.
    let splits = |sizes: &[usize]| {
        let (_folder, input, out) = places();
        for (number, size) in sizes.iter().enumerate() {
            write(&input, &format!("d/{number:02}.txt"), text(number, *size));
        }
        let mut recipe = Recipe::published("raw").unwrap();
        recipe.validation = 0.1;
        recipe.contamination.held_out = false;
        clean(&recipe, &input, &out);
        let kept = lines(&out, KEPT_FILE);
        assert_eq!(kept.len(), sizes.len());
        let of = |split: Option<&str>| kept.iter().filter(|line| line["split"].as_str() == split).count();
        [of(Some("train")), of(Some("validation")), of(None)]
    };
    // Whichever of the two is drawn.
    assert_eq!(splits(&[300_000, 300]), [0, 0, 2]);
    assert_eq!(splits(&[300, 300_000]), [0, 0, 2]);
    // One of those that fit is held out, never the large or the tiny one.
    assert_eq!(splits(&[3_000, 3_000, 3_000]), [2, 1, 0]);
    for place in 0..4 {
        let mut sizes = [60_000; 4];
        sizes[place] = 300;
        assert_eq!(splits(&sizes), [3, 1, 0]);
    }
    // One of ten and two of twenty are drawn by their content; of those, what is most of the text is not held out.
    let drawn = |sizes: &[usize], count: usize| {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|number| content_key(&text(*number, sizes[*number])));
        order[..count].to_vec()
    };
    let with_large = |[documents, draws]: [usize; 2], is_drawn: bool| {
        let mut sizes = vec![3_000; documents];
        sizes[0] = 300_000;
        while drawn(&sizes, draws).contains(&0) != is_drawn {
            sizes[0] += 3;
        }
        sizes
    };
    assert_eq!(splits(&with_large([10, 1], true)), [0, 0, 10]);
    assert_eq!(splits(&with_large([10, 1], false)), [9, 1, 0]);
    assert_eq!(splits(&with_large([20, 2], true)), [19, 1, 0]);
    assert_eq!(splits(&with_large([20, 2], false)), [18, 2, 0]);
    // And none, if the other one is negligible.
    let mut sizes = with_large([20, 2], true);
    let other = drawn(&sizes, 2).into_iter().find(|number| *number != 0).unwrap();
    sizes[other] = 300;
    while !drawn(&sizes, 2).contains(&0) || !drawn(&sizes, 2).contains(&other) {
        sizes[0] += 3;
        sizes[other] = 240 + sizes[0] % 120;
    }
    assert_eq!(splits(&sizes), [0, 0, 20]);
}

#[test]
fn an_earlier_cleaning_outlives_one_that_stops() {
    let (_folder, input, out) = places();
    mixed(&input);
    let recipe = Recipe::published("light").unwrap();
    clean(&recipe, &input, &out);
    let before: BTreeMap<_, _> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap()))
        .collect();
    write(&input, "more.txt", prose(99, 30));
    let mut cleaner = begun(&recipe, &input, &out, StartOptions::default());
    while cleaner.advance().unwrap().phase == Phase::Reading {}
    assert!(cleaner.stop().unwrap().is_some());
    let after: BTreeMap<_, _> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| before.contains_key(&entry.file_name()))
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap()))
        .collect();
    assert_eq!(before, after);
    let report = clean(&recipe, &input, &out);
    assert!(report.inputs.iter().any(|input| input.path.contains("more")));
}

#[test]
fn folders_and_inputs_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe::published("light").unwrap();
    let input = folder.path().join("in");
    mixed(&input);
    let refused = |input: &Path, out: &Path| {
        let inputs = [input.to_owned()];
        Cleaner::new(&SystemFiles, recipe.clone(), &inputs, out, StartOptions::default())
            .unwrap_err()
            .to_string()
    };
    let own = folder.path().join("own");
    write(&own, "thesis.txt", "mine");
    assert!(refused(&input, &own).contains("thesis.txt"));
    assert!(refused(&input, &own.join("thesis.txt")).contains("this is a file"));
    let nowhere = folder.path().join("nowhere");
    assert!(refused(&nowhere, &folder.path().join("out")).contains("nothing to read"));
    let message = Recipe::named("finweb").unwrap_err().to_string();
    assert!(message.contains("did you mean `fineweb`"), "{message}");
    let message = Recipe::from_toml("[[rules]]\nrule = \"gopher-quality\"\nminimum_word = 3\n")
        .unwrap_err()
        .to_string();
    assert!(message.contains("minimum_words"), "{message}");
    let typed = Recipe::from_toml("[duplicates.near]\npermutations = \"x\"\n").unwrap_err().to_string();
    assert!(typed.starts_with("line 2: ") && typed.contains("expected a whole number"), "{typed}");
}

#[test]
fn every_published_recipe_is_its_own_file() {
    for name in crate::recipe::NAMES {
        let recipe = Recipe::published(name).unwrap();
        assert_eq!(Recipe::from_toml(&recipe.to_toml().unwrap()).unwrap(), recipe, "{name}");
        let cards = recipe.summary().unwrap().cards;
        assert!(cards.iter().all(|card| !card.title.is_empty() && !card.sentence.is_empty()));
        // A card can be switched and set, and the recipe stays valid.
        for card in cards {
            let mut changed = recipe.clone();
            changed.switch(&card.name, !card.on).unwrap();
            changed.validate().unwrap();
            let switched = changed.summary().unwrap().cards;
            assert_eq!(
                switched.iter().find(|other| other.name == card.name).map(|card| card.on),
                Some(!card.on)
            );
            for threshold in &card.thresholds {
                changed.set_threshold(&card.name, &threshold.name, threshold.value).unwrap();
                assert!(threshold.lowest <= threshold.value && threshold.value <= threshold.highest);
                let before = changed.clone();
                let beyond = changed.set_threshold(&card.name, &threshold.name, threshold.highest + 1.0);
                let told = beyond.unwrap_err().to_string();
                assert!(told.contains(&format!("{}: {} is ", card.name, threshold.name)), "{told}");
                assert_eq!(changed, before);
            }
        }
    }
}

#[test]
fn a_document_is_explained_and_a_sample_judged() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    mixed(&input);
    write(&input, "mail.txt", format!("{}\nAsk otto@post.example.org about it.", prose(70, 20)));
    let mut recipe = Recipe::published("fineweb").unwrap();
    let (input, turns) = (std::slice::from_ref(&input), std::cell::Cell::new(0));
    let yield_now = async || turns.set(turns.get() + 1);
    let compare = |recipe: &Recipe, id: &str| {
        turns.set(0);
        let preview = PreparedRecipe::new(recipe.clone(), &SystemFiles)?;
        pollster::block_on(super::compare(&SystemFiles, &preview, input, id, &yield_now))
    };
    let judge_sample = |recipe: &Recipe, count| {
        turns.set(0);
        let preview = PreparedRecipe::new(recipe.clone(), &SystemFiles)?;
        pollster::block_on(super::judge_sample(&SystemFiles, &preview, input, count, &yield_now))
    };
    let compared = compare(&recipe, "short.txt").unwrap();
    assert_eq!(turns.get(), 1, "the source that the id names comes first");
    let words = compared.verdicts.iter().find(|verdict| verdict.stage == "gopher-quality").unwrap();
    assert_eq!(words.verdict, glasshouse_protocol::cleaning::VerdictKind::Drops);
    assert!(words.reason.contains("at least 50"), "{}", words.reason);
    let light = Recipe::published("light").unwrap();
    let mail = compare(&light, "mail.txt").unwrap();
    let shown: String = mail.changes.iter().map(|change| change.text.as_str()).collect();
    assert!(shown.contains("<EMAIL>") && !shown.contains("otto@post"), "{shown}");
    assert!(compare(&recipe, "none.txt").is_err());
    let all = turns.get();
    assert!(all > 40, "others have their turn for each of the documents: {all}");

    let judged = judge_sample(&recipe, 40).unwrap();
    assert_eq!(judged.documents, 40);
    assert!(turns.get() > 40, "a turn for each, and between those that are judged: {}", turns.get());
    let most = glasshouse_protocol::cleaning::MAX_JUDGED;
    let refused = judge_sample(&recipe, most + 1).unwrap_err().to_string();
    assert!(refused.contains("clean all of them instead"), "{refused}");
    let fate = |judged: &glasshouse_protocol::cleaning::SampleJudgement| {
        judged.judged.iter().find(|document| document.id == "short.txt").unwrap().dropped.clone()
    };
    let (stage, _) = fate(&judged).unwrap();
    // A disabled rule drops nothing, but still reports what it would drop.
    for rule in recipe.rules.clone() {
        recipe.switch(rule.name(), false).unwrap();
    }
    let lenient = judge_sample(&recipe, 40).unwrap();
    assert_eq!(fate(&lenient), None);
    let of = |judged: &glasshouse_protocol::cleaning::SampleJudgement| {
        judged.stages.iter().find(|own| own.name == stage).map(|own| (own.dropped > 0, own.alone > 0))
    };
    assert_eq!((of(&judged), of(&lenient)), (Some((true, true)), Some((false, true))));

    // A rule that lacks its file says so while it is on, and is in nobody's way while it is off.
    recipe.switch("classifier", true).unwrap();
    let refused = judge_sample(&recipe, 40).unwrap_err().to_string();
    assert!(refused.contains("classifier: file is missing"), "{refused}");
    recipe.switch("classifier", false).unwrap();
    assert_eq!(judge_sample(&recipe, 40).unwrap().documents, 40);
    assert!(compare(&recipe, "short.txt").is_ok());
}

#[test]
fn files_of_code_that_differ_in_an_operator_all_stay() {
    let (_folder, input, out) = places();
    let body: String =
        (0..40).map(|line| format!("    let value_{line} = read({line}).unwrap_or_default();\n")).collect();
    for (number, operator) in ["+", "-", "*", "/", "%"].into_iter().enumerate() {
        let text = format!("fn join(left: u32, right: u32) -> u32 {{\n{body}    left {operator} right\n}}\n");
        write(&input, &format!("{number}.rs"), &text);
        write(&input, &format!("copy-{number}.rs"), text);
    }
    clean(&Recipe::published("light").unwrap(), &input, &out);
    let kept = lines(&out, KEPT_FILE);
    assert_eq!(ids(&kept), (0..5).map(|number| format!("{number}.rs")).collect());
    let dropped = lines(&out, DROPPED_FILE);
    assert_eq!(dropped.len(), 5);
    for line in dropped {
        let original = line["id"].as_str().unwrap().replace("copy-", "");
        assert_eq!(line["reason"], format!("the same bytes: exact copy of {original}"));
    }
}

#[test]
fn copies_of_an_earlier_corpus_are_dropped_and_nothing_of_it_is_written() {
    let (folder, input, out) = places();
    let near = |text: &str| text.replacen("before the rain came", "once the rain had gone", 1);
    let old: Vec<String> = (0..20).map(|seed| prose(seed, 30)).collect();
    for (number, text) in old.iter().enumerate() {
        write(&input, &format!("old/{number}.txt"), text);
    }
    let mut recipe = Recipe { validation: 0.0, ..Recipe::default() };
    clean(&recipe, &input.join("old"), &out);
    let changed = old.iter().skip(1).find(|text| near(text) != **text).unwrap();
    write(&input, "new/exact.txt", old[0].to_uppercase());
    write(&input, "new/near.txt", near(changed));
    write(&input, "new/own.txt", prose(99, 30));
    recipe.duplicates.against = vec![out.clone()];
    let second = folder.path().join("second");
    let report = clean(&recipe, &input.join("new"), &second);
    assert_eq!((report.raw.documents, report.kept.documents, report.inputs.len()), (3, 1, 3));
    assert_eq!(ids(&lines(&second, KEPT_FILE)), BTreeSet::from(["own.txt".to_owned()]));
    let mut rules: Vec<Value> =
        lines(&second, DROPPED_FILE).iter().map(|line| line["rule"].clone()).collect();
    rules.sort_by_key(Value::to_string);
    assert_eq!(rules, ["exact-duplicates", "near-duplicates"]);
    // A file of documents does as well as a folder of a cleaning.
    recipe.duplicates.against = vec![out.join(KEPT_FILE)];
    assert_eq!(clean(&recipe, &input.join("new"), &second).kept.documents, 1);
    recipe.duplicates.against = vec![folder.path().join("missing")];
    let start = StartOptions { force: true, ..StartOptions::default() };
    let missing =
        Cleaner::new(&SystemFiles, recipe, &[input.join("new")], &second, start).unwrap_err().to_string();
    assert!(missing.starts_with("duplicates.against: ") && missing.contains("missing"), "{missing}");
}

#[test]
fn light_drops_what_only_repeats_itself() {
    let (_folder, input, out) = places();
    let sentence = "The ferry to the island leaves twice a day, and the last one back is seldom on time.";
    write(&input, "lines.txt", format!("{sentence}\n").repeat(60));
    write(&input, "sentences.txt", format!("{sentence} ").repeat(60));
    write(&input, "paragraphs.txt", format!("{sentence}\n{}\n\n", prose(1, 2)).repeat(20));
    let song: Vec<String> =
        (0..5).map(|verse| format!("{}\n\n{}", prose(10 + verse, 6), prose(9, 3))).collect();
    write(&input, "song.txt", song.join("\n\n"));
    clean(&Recipe::published("light").unwrap(), &input, &out);
    assert_eq!(ids(&lines(&out, KEPT_FILE)), BTreeSet::from(["song.txt".to_owned()]));
    assert!(lines(&out, DROPPED_FILE).iter().all(|line| line["rule"] == "gopher-repetition"));
}

#[test]
fn light_calls_other_languages_by_their_name() {
    let (_folder, input, out) = places();
    for seed in 0..150 {
        write(&input, &format!("english/{seed}.txt"), prose(seed, 25));
    }
    let others = [
        (
            "polski.txt",
            "pol",
            "Stary rybak opowiadał dzieciom, jak łódź zniknęła pewnego październikowego wieczoru i dlaczego nikt we wsi już o niej nie mówi, choć wszyscy jeszcze pamiętają światło na wodzie.",
        ),
        (
            "suomi.txt",
            "fin",
            "Vanha kalastaja kertoi lapsille, kuinka vene katosi eräänä lokakuun iltana ja miksi kukaan kylässä ei enää puhu siitä, vaikka kaikki muistavat yhä valon veden yllä.",
        ),
        (
            "ellinika.txt",
            "ell",
            "Ο γέρος ψαράς διηγήθηκε στα παιδιά πώς χάθηκε η βάρκα ένα βράδυ του Οκτώβρη και γιατί κανείς στο χωριό δεν μιλά πια γι' αυτήν, αν και όλοι θυμούνται το φως πάνω στο νερό.",
        ),
    ];
    for (name, _, text) in others {
        write(&input, name, text);
    }
    let report = clean(&Recipe::published("light").unwrap(), &input, &out);
    let kept = lines(&out, KEPT_FILE);
    for (name, code, _) in others {
        let line =
            kept.iter().find(|line| line["id"] == name).unwrap_or_else(|| panic!("{name} was dropped"));
        assert_eq!(line["language"], code);
    }
    let table = report.tables.iter().find(|table| table.key == "language").unwrap();
    assert!(format!("{:?}", table.rows).contains("Polish (pol)"), "{:?}", table.rows);
    let perplexity = report.stages.iter().find(|stage| stage.about.name == "perplexity").unwrap();
    let counted: Vec<_> = perplexity.counters.iter().map(|counter| counter.name.as_str()).collect();
    assert!(counted.contains(&"texts_kept_in_Finnish (fin)"), "{counted:?}");
}

/// More documents than a batch holds, with every outcome, in several files.
fn several_batches(input: &Path) {
    mixed(input);
    let mut records = String::new();
    for number in 0..9_000_u64 {
        let text = match number % 9 {
            0 => prose(number / 90, 6),
            1 => format!("{} Write to anna.{number}@example-post.de.", prose(number, 6)),
            2 => format!("{}\u{1} {}", prose(number, 3), prose(number + 1, 3)),
            3 => "Too short.".to_owned(),
            4 => format!("{} More.", prose(number - 1, 6)),
            _ => prose(number, 6),
        };
        records +=
            &(serde_json::json!({ "text": text, "source": format!("s{}", number % 7) }).to_string() + "\n");
        if number == 5_000 {
            records += "not json\n";
        }
    }
    write(input, "records.jsonl", records);
    write(input, "zeta.txt", prose(20_000, 30));
}

fn output(out: &Path) -> [Vec<u8>; 6] {
    [KEPT_FILE, DROPPED_FILE, REPORT_FILE, REPORT_PAGE, CORPUS_FILE, crate::output::RECIPE_FILE]
        .map(|name| std::fs::read(out.join(name)).unwrap())
}

#[test]
fn a_cleaning_that_was_killed_goes_on_where_it_was_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    several_batches(&input);
    let recipe = Recipe::published("fineweb").unwrap();
    clean(&recipe, &input, &folder.path().join("whole"));
    let whole = output(&folder.path().join("whole"));
    let mut read_before = Vec::new();
    for pieces in [1, 3, 4, 6] {
        let (living, out) = (folder.path().join("living"), folder.path().join(format!("killed-{pieces}")));
        let mut cleaner = begun(&recipe, &input, &living, StartOptions::default());
        for _ in 0..pieces {
            cleaner.advance().unwrap();
        }
        // As after `kill -9`: nothing is closed, and the last write is truncated.
        std::fs::create_dir(&out).unwrap();
        for entry in std::fs::read_dir(&living).unwrap().map(Result::unwrap) {
            std::fs::copy(entry.path(), out.join(entry.file_name())).unwrap();
        }
        drop(cleaner);
        std::fs::remove_dir_all(&living).unwrap();
        let journal = out.join(journal::JOURNAL_FILE);
        let mut text = std::fs::read(&journal).unwrap();
        text.extend_from_slice(b"{\"next\":[0,12],\"trou");
        std::fs::write(&journal, text).unwrap();
        let cleaner = begun(&recipe, &input, &out, StartOptions::default());
        let CleaningStart::Resumed { documents } = *cleaner.start() else { panic!("{:?}", cleaner.start()) };
        read_before.push(documents);
        cleaner.run().unwrap();
        assert!(output(&out) == whole, "killed after {pieces} pieces of work");
        let left: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 6, "{left:?}");
    }
    assert!(read_before.is_sorted() && read_before[0] > 4_000, "{read_before:?}");
    assert_eq!(read_before[2], read_before[3], "the first pass was over");
}

#[test]
fn copies_are_compared_band_by_band_and_a_cleaning_stopped_meanwhile_resumes() {
    let (folder, input, out) = places();
    several_batches(&input);
    let recipe = Recipe::published("light").unwrap();
    let mut cleaner = begun(&recipe, &input, &out, StartOptions::default());
    let mut done = Vec::new();
    while done.len() < 9 {
        let CleaningProgress { phase, done: now, total, .. } = cleaner.advance().unwrap();
        if phase == Phase::Comparing {
            assert!(now < total, "{now} of {total}");
            done.push(now);
        }
    }
    assert!(done.is_sorted() && done.first() < done.last(), "{done:?}");
    assert!(cleaner.stop().unwrap().is_some());
    begun(&recipe, &input, &out, StartOptions::default()).run().unwrap();
    let whole = folder.path().join("whole");
    clean(&recipe, &input, &whole);
    assert!(output(&out) == output(&whole));
}

/// What becomes of documents in these files: the kept texts, and the number of dropped ones by rule.
fn outcome(
    recipe: &Recipe,
    files: &[(String, String)],
) -> (Vec<[Option<String>; 2]>, BTreeMap<String, usize>) {
    let (_folder, input, out) = places();
    files.iter().for_each(|(name, content)| write(&input, name, content));
    clean(recipe, &input, &out);
    let field = |line: &Value, name: &str| line[name].as_str().map(str::to_owned);
    let kept = lines(&out, KEPT_FILE);
    let mut kept: Vec<_> = kept.iter().map(|line| ["text", "split"].map(|name| field(line, name))).collect();
    kept.sort();
    let mut dropped = BTreeMap::new();
    for line in lines(&out, DROPPED_FILE) {
        *dropped.entry(line["rule"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    (kept, dropped)
}

#[test]
fn the_form_of_the_files_makes_no_difference() {
    let mut documents: Vec<String> = (0..150)
        .map(|number| match number % 10 {
            // Exact copies. Of near ones, the order decides which is kept.
            0 => prose(5_000 + number / 20, 8),
            1 => format!("{} Write to anna.{number}@example-post.de.", prose(number, 12)),
            2 if number < 70 => "Too short.".to_owned(),
            // Too few words for Gopher, and not repetitive.
            2 => prose(number, 3),
            3 => "The same line again and again.\n".repeat(20).trim().to_owned(),
            4 => format!("{}\n\n{}\n\nHome | About", prose(number, 6), prose(number + 1000, 6)),
            _ => prose(number, 12),
        })
        .collect();
    let json = |text: &str| serde_json::json!({ "text": text }).to_string();
    let one = |name: &str, content: String| vec![(name.to_owned(), content)];
    let lines = |documents: &[String]| documents.iter().map(|text| json(text) + "\n").collect::<String>();
    for name in ["light", "fineweb"] {
        let recipe = Recipe::published(name).unwrap();
        // A share of each source is held out.
        let undivided = Recipe { validation: 0.0, ..recipe.clone() };
        let [expected, of_sources] =
            [&recipe, &undivided].map(|recipe| outcome(recipe, &one("a.jsonl", lines(&documents))));
        assert!(expected.0.len() > 50 && expected.1.len() > 2, "{name}: {:?}", expected.1);
        let separated = documents.join("\n<|endoftext|>\n");
        let spaced = documents.join("\n\n<|endoftext|>\n\n\n");
        let carriage = documents.iter().map(|text| json(&text.replace('\n', "\r\n")) + "\r\n").collect();
        let blank = documents.iter().map(|text| format!("\n{}\n \n", json(text))).collect();
        let files = documents.iter().enumerate();
        let files = files.map(|(number, text)| (format!("{number}.txt"), text.clone())).collect();
        documents.reverse();
        let turned = lines(&documents);
        documents.reverse();
        let halves = documents.split_at(70);
        for (form, files) in [
            ("blank lines between rows", one("a.jsonl", blank)),
            ("CRLF", one("a.jsonl", carriage)),
            ("another order", one("a.jsonl", turned)),
            ("separators", one("a.txt", separated.clone())),
            ("separators and CRLF", one("a.txt", separated.replace('\n', "\r\n"))),
            ("separators and blank lines", one("a.txt", spaced)),
            ("a file per document", files),
        ] {
            assert_eq!(outcome(&recipe, &files), expected, "{name}, {form}");
        }
        let two = [("b.jsonl".into(), lines(halves.0)), ("a.jsonl".into(), lines(halves.1))];
        assert_eq!(outcome(&undivided, &two), of_sources, "{name}");
    }
}

#[test]
fn a_stopped_cleaning_starts_over_where_it_cannot_go_on() {
    let (_folder, input, out) = places();
    several_batches(&input);
    let recipe = Recipe::published("light").unwrap();
    let stop = |mut cleaner: Cleaner<'_>| {
        for _ in 0..2 {
            cleaner.advance().unwrap();
        }
        assert!(cleaner.stop().unwrap().is_some());
    };
    let over = |reason: &str| CleaningStart::StartedOver { reason: reason.to_owned() };
    stop(begun(&recipe, &input, &out, StartOptions::default()));
    let anew = begun(&recipe, &input, &out, StartOptions { restart: true, ..StartOptions::default() });
    assert_eq!(*anew.start(), CleaningStart::New);
    stop(anew);
    let mut other = recipe.clone();
    other.set_threshold("length", "minimum_words", 9.0).unwrap();
    let anew = begun(&other, &input, &out, StartOptions { force: true, ..StartOptions::default() });
    assert_eq!(*anew.start(), over("the recipe is different"));
    stop(anew);
    write(&input, "more.txt", prose(5, 30));
    let anew = begun(&other, &input, &out, StartOptions::default());
    assert_eq!(*anew.start(), over("the input files are different or were changed"));
    stop(anew);
    let cleaner = begun(&other, &input, &out, StartOptions::default());
    assert!(matches!(cleaner.start(), CleaningStart::Resumed { .. }));
}

#[test]
fn a_stopped_cleaning_by_another_recipe_or_of_other_files_is_replaced_only_when_forced() {
    let folder = tempfile::tempdir().unwrap();
    let [input, elsewhere, out] = ["in", "elsewhere", "out"].map(|name| folder.path().join(name));
    several_batches(&input);
    write(&elsewhere, "other.txt", prose(7, 30));
    let recipe = Recipe::published("light").unwrap();
    let mut cleaner = begun(&recipe, &input, &out, StartOptions::default());
    cleaner.advance().unwrap();
    let read = cleaner.stop().unwrap().unwrap();
    let refused = |recipe: &Recipe, input: &Path, restart| {
        let start = StartOptions { restart, force: false };
        Cleaner::new(&SystemFiles, recipe.clone(), &[input.to_owned()], &out, start).unwrap_err().to_string()
    };
    let mut other = recipe.clone();
    other.set_threshold("length", "minimum_words", 9.0).unwrap();
    for restart in [false, true] {
        let message = refused(&other, &input, restart);
        let end = "holds a stopped cleaning with another recipe; choose another folder, or replace it";
        assert!(message.ends_with(end), "{message}");
        let message = refused(&recipe, &elsewhere, restart);
        assert!(
            message.contains("holds a stopped cleaning of other files; choose another folder"),
            "{message}"
        );
    }
    let again = begun(&recipe, &input, &out, StartOptions::default());
    assert_eq!(*again.start(), CleaningStart::Resumed { documents: read });
    again.stop().unwrap();
    let forced = StartOptions { force: true, ..StartOptions::default() };
    assert!(matches!(begun(&recipe, &elsewhere, &out, forced).start(), CleaningStart::StartedOver { .. }));
}

#[test]
fn a_cleaning_whose_end_failed_is_repeated() {
    let (folder, input, out) = places();
    mixed(&input);
    let recipe = Recipe::published("light").unwrap();
    let expected = folder.path().join("whole");
    clean(&recipe, &input, &expected);
    for name in [KEPT_FILE, DROPPED_FILE, REPORT_FILE, REPORT_PAGE, RECIPE_FILE, CORPUS_FILE] {
        // A file cannot replace a folder, so that this file is the first without its final name.
        std::fs::create_dir_all(out.join(name)).unwrap();
        begun(&recipe, &input, &out, StartOptions::default()).run().unwrap_err();
        std::fs::remove_dir(out.join(name)).unwrap();
        let again = begun(&recipe, &input, &out, StartOptions::default());
        assert!(matches!(again.start(), CleaningStart::Resumed { .. }), "{name}: {:?}", again.start());
        again.run().unwrap();
        assert!(output(&out) == output(&expected), "{name}");
        std::fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn a_cleaning_that_failed_before_its_first_batch_gives_way_to_another_recipe() {
    let (_folder, input, out) = places();
    mixed(&input);
    let recipe = Recipe::published("light").unwrap();
    drop(begun(&recipe, &input, &out, StartOptions::default()));
    let mut other = recipe.clone();
    other.set_threshold("length", "minimum_words", 9.0).unwrap();
    drop(begun(&other, &input, &out, StartOptions::default()));
    begun(&recipe, &input, &out, StartOptions::default()).run().unwrap();
}

#[test]
fn one_cleaning_at_a_time_goes_into_a_folder() {
    let (folder, input, out) = places();
    several_batches(&input);
    let recipe = Recipe::published("light").unwrap();
    clean(&recipe, &input, &folder.path().join("whole"));
    let mut first = begun(&recipe, &input, &out, StartOptions::default());
    first.advance().unwrap();
    assert!(is_unfinished(&SystemFiles, &out));
    for (restart, force) in [(false, false), (true, true)] {
        let second = Cleaner::new(
            &SystemFiles,
            recipe.clone(),
            std::slice::from_ref(&input),
            &out,
            StartOptions { restart, force },
        );
        let message = second.unwrap_err().to_string();
        assert!(message.contains("another program is cleaning into this folder"), "{message}");
    }
    first.run().unwrap();
    assert!(output(&out) == output(&folder.path().join("whole")));
    assert!(!is_unfinished(&SystemFiles, &out));
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 6, "the lock went with the cleaning");
    begun(&recipe, &input, &out, StartOptions::default()).run().unwrap();
}

#[test]
fn a_hundred_thousand_sources_spoil_neither_split_nor_index() {
    let (_folder, input, out) = places();
    let mut records = String::new();
    for number in 0..20_000 {
        let source = if number % 10 == 0 { "large".to_owned() } else { format!("user-{number}") };
        let text = format!("Note {number} of the harbour office, kept for who may ask.");
        records += &(serde_json::json!({ "text": text, "source": source }).to_string() + "\n");
    }
    write(&input, "all.jsonl", records);
    let mut recipe = Recipe::published("raw").unwrap();
    recipe.validation = 0.1;
    clean(&recipe, &input, &out);
    let index = CorpusIndex::find(&SystemFiles, &out).unwrap().unwrap();
    assert_eq!(index.sources.len(), 1025);
    assert_eq!(index.sources.iter().map(|source| source.documents).sum::<u64>(), 20_000);
    let kept = lines(&out, KEPT_FILE);
    let held_out = |lines: &mut dyn Iterator<Item = &Value>| {
        lines.fold((0, 0), |(all, held), line| (all + 1, held + usize::from(line["split"] == "validation")))
    };
    assert_eq!(held_out(&mut kept.iter().filter(|line| line["source"] == "large")), (2_000, 200));
    let (all, held) = held_out(&mut kept.iter());
    assert!(all == 20_000 && (1_990..=2_010).contains(&held), "{held} of {all}");
    let small = kept.iter().find(|line| line["source"] == sources::OTHERS).unwrap();
    assert!(small["own_source"].as_str().unwrap().starts_with("user-"), "{small}");
}

#[test]
fn of_many_groups_of_copies_the_largest_are_shown_with_their_members() {
    let (_folder, input, out) = places();
    // Twenty interleaved groups, of which the last three are larger than the others.
    let copies = |group: u64| if group < 17 { 2 } else { group - 13 };
    let mut records = String::new();
    for turn in 0..6 {
        for group in (0..20).filter(|group| turn < copies(*group)) {
            let text = prose(group, 15);
            records +=
                &(serde_json::json!({ "id": format!("{group}-{turn}"), "text": text }).to_string() + "\n");
        }
    }
    write(&input, "all.jsonl", records);
    let mut recipe = Recipe::published("raw").unwrap();
    recipe.duplicates.exact.enabled = true;
    let report = clean(&recipe, &input, &out);
    let exact = report.duplicates.iter().find(|found| found.documents > 0).unwrap();
    assert_eq!((exact.clusters, exact.documents), (20, 17 * 2 + 4 + 5 + 6));
    let shown: Vec<(u64, Vec<&str>)> = exact
        .largest
        .iter()
        .map(|cluster| {
            let ids = cluster.members.iter().map(|member| member.id.rsplit(':').next().unwrap());
            (cluster.size, ids.collect())
        })
        .collect();
    assert_eq!(shown.len(), 12);
    assert_eq!(shown[0], (6, vec!["19-0", "19-1", "19-2", "19-3", "19-4", "19-5"]));
    assert_eq!(shown[3], (2, vec!["0-0", "0-1"]));
    assert_eq!(shown[11], (2, vec!["8-0", "8-1"]));
    for dropped in lines(&out, DROPPED_FILE) {
        let own = |field: &str| dropped[field].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        let (id, reason) = (own("id"), own("reason"));
        let (group, _) = id.split_once('-').unwrap();
        assert_eq!(reason, format!("{group}-0"), "the first of {id}'s group");
    }
}

#[test]
fn the_language_of_what_is_dropped_is_told_too() {
    let (_folder, input, out) = places();
    write(&input, "long.txt", prose(1, 30));
    write(&input, "short.txt", prose(2, 5));
    let german = "Der Kapitän schrieb seiner Schwester einen langen Brief über den Winter im Hafen und die Boote, die \
        nicht hinausfahren konnten, weil das Eis bis an die Mole reichte.";
    write(&input, "hafen.txt", german);
    let mut recipe = Recipe::published("raw").unwrap();
    recipe.set_threshold("length", "minimum_words", 100.0).unwrap();
    recipe.switch("length", true).unwrap();
    let report = clean(&recipe, &input, &out);
    assert_eq!((report.raw.documents, report.kept.documents), (3, 1));
    let table = report.tables.iter().find(|table| table.key == "language").unwrap();
    let raw: BTreeMap<String, String> =
        table.rows.iter().map(|row| (format!("{:?}", row[0]), format!("{:?}", row[1]))).collect();
    let told = |name: &str, documents| (format!("Text({name:?})"), format!("Whole({documents})"));
    assert_eq!(raw, BTreeMap::from([told("English (eng)", 2), told("German (deu)", 1)]));
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_text_is_read_and_a_cleaning_goes_on() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("in");
    std::fs::create_dir_all(&root).unwrap();
    write(&root, "good.txt", "A story of an owl, long enough to be kept.");
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    std::fs::write(root.join(odd), "Another story, of a mouse that lived by the sea.").unwrap();
    let recipe = Recipe::published("raw").unwrap();
    let out = folder.path().join("out");
    let options = StartOptions::default();
    let cleaner = Cleaner::new(&SystemFiles, recipe, &[root], &out, options).unwrap();
    assert_eq!(cleaner.run().unwrap().kept.documents, 2);
}
