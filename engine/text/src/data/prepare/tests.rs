//! End-to-end preparation of files and of the built-in stories.

#[path = "../../../../../tests/src/skipped.rs"]
mod skipped;

use super::*;
use crate::data::{Batches, IGNORED, Split, stories};
use glasshouse_protocol::{PreTokenizerKind, TokenizerKind, presets};
use skipped::skip;
use std::collections::BTreeSet;
use std::time::SystemTime;

const REUSED: Progress = (PreparationStage::Reused, 0, 0);

fn config(kind: TokenizerKind, paths: &[&Path]) -> RunConfig {
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    config.tokenizer.kind = kind;
    config.tokenizer.vocabulary = 640;
    config.data.paths = paths.iter().map(|path| path.display().to_string()).collect();
    config.data.corpus_bytes = 60_000;
    config
}

fn run(config: &RunConfig, project: &Path) -> Result<(Prepared, Vec<Progress>)> {
    let mut seen = Vec::new();
    let prepared = prepare(config, project, &mut |progress| seen.push(progress))?;
    Ok((prepared, seen))
}

/// Like [`run`], with a tokenizer given.
fn run_with(files: &TokenizerFiles, config: &RunConfig, project: &Path) -> Result<Prepared> {
    block_on(prepare_in_turns(config, Some(files), project, &mut |_| (), &Yielder::none()))
}

fn all(store: &TokenStore, split: Split) -> Vec<u32> {
    store.read(split, 0, store.len(split) as usize).unwrap()
}

/// The texts of both splits.
fn decoded(prepared: &Prepared) -> [String; 2] {
    [Split::Train, Split::Validation].map(|split| prepared.tokenizer.decode(&all(&prepared.store, split)))
}

#[test]
fn a_single_text_is_split_as_nanogpt_splits_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.txt");
    let text = "Ein Fuchs läuft über die Wiese.\n".repeat(20_000);
    std::fs::write(&path, &text).unwrap();
    let characters: Vec<char> = text.chars().collect();
    let at = (characters.len() as f64 * 0.9) as usize;
    for kind in [TokenizerKind::Byte, TokenizerKind::Char, TokenizerKind::Bpe] {
        let (prepared, _) = run(&config(kind, &[&path]), folder.path()).unwrap();
        let (train, validation) =
            (all(&prepared.store, Split::Train), all(&prepared.store, Split::Validation));
        for (tokens, part) in [(train, &characters[..at]), (validation, &characters[at..])] {
            let part: String = part.iter().collect();
            assert_eq!(tokens, prepared.tokenizer.encode(&part).unwrap(), "{kind:?}");
            assert_eq!(prepared.tokenizer.decode(&tokens), part);
        }
        let index = prepared.store.index().unwrap();
        assert_eq!((index.documents, index.characters), (1, characters.len() as u64));
        assert_eq!(
            (index.train.bytes + index.validation.bytes, index.end_of_text),
            (text.len() as u64, None)
        );
    }
}

#[test]
fn documents_are_ended_and_a_share_of_them_is_held_out() {
    let project = tempfile::tempdir().unwrap();
    for kind in [TokenizerKind::Byte, TokenizerKind::Char, TokenizerKind::Bpe, TokenizerKind::Unigram] {
        let (prepared, _) = run(&config(kind, &[]), project.path()).unwrap();
        let end = prepared.tokenizer.end_of_text().unwrap();
        let stories: Vec<String> = stories::up_to(60_000, CORPUS_SEED).collect();
        let [train, validation] = [Split::Train, Split::Validation].map(|split| {
            let tokens = all(&prepared.store, split);
            assert_eq!(tokens.last(), Some(&end));
            let texts = tokens.split(|token| *token == end).map(|tokens| prepared.tokenizer.decode(tokens));
            texts.filter(|text| !text.is_empty()).collect::<Vec<String>>()
        });
        for part in [&train, &validation] {
            let own = stories.iter().filter(|story| part.contains(story));
            assert!(own.eq(part), "{kind:?}");
        }
        assert_eq!(train.len() + validation.len(), stories.len(), "{kind:?}");
        assert!(!stories.ends_with(&validation), "not the end of the text");
        // Whole documents, as near to a tenth of the text as they come.
        let [held_out, whole] = [&validation, &stories].map(|texts| texts.concat().len());
        let longest = stories.iter().map(String::len).max().unwrap();
        assert!((10 * held_out).abs_diff(whole) <= 10 * longest, "{held_out} of {whole}");
        assert!(Batches::windows(&prepared.store, 1, 2, 64).is_ok());
    }
}

#[test]
fn generated_rows_are_examples_whose_answers_count_and_fit_their_preset() {
    let folder = tempfile::tempdir().unwrap();
    for (name, answer) in [("grokking", 1), ("induction", 0), ("addition", 11), ("parentheses", 1)] {
        let mut config = presets::preset(name).unwrap();
        config.validate().unwrap();
        let [vocabulary, context] = [config.model.vocabulary, config.model.context_length];
        let (prepared, _) = run(&config, folder.path()).unwrap();
        prepared.complete(&mut config);
        assert_eq!(config.model.vocabulary, vocabulary, "{name}: the preset's plan is that of its rows");
        let prompt = &config.train.sample_prompt;
        assert!(!prompt.is_empty() && prepared.tokenizer.unknown_characters(prompt).is_empty(), "{prompt:?}");
        let Batches::Examples(examples) = prepared.batches(&config).unwrap() else { panic!("{name}") };
        let rows = glasshouse_stories::synthetic::rows(config.data.synthetic);
        let held_out = rows.iter().filter(|row| row.held_out).count();
        let counts = [Split::Train, Split::Validation].map(|split| examples.about(split));
        assert_eq!(counts.map(|count| count.rows), [rows.len() - held_out, held_out]);
        assert!(counts.iter().all(|count| count.cut == 0 && count.left_out == 0), "{name}");
        let batch = examples.train(0, 0).unwrap();
        for (tokens, targets) in batch.tokens.chunks(context).zip(batch.targets.chunks(context)) {
            let learned: Vec<u32> = targets.iter().copied().filter(|target| *target != IGNORED).collect();
            let whole = [tokens, &targets[context - 1..]].concat();
            let text = prepared.tokenizer.decode(&whole);
            assert!(rows.iter().any(|row| !row.held_out && row.text == text), "{name}: {text}");
            assert!(whole.ends_with(&learned) && !learned.is_empty(), "{name}: {text}");
            assert!(answer == 0 || learned.len() == answer, "{name}: {text}");
        }
        assert_eq!(prepared.about_batches(&config).unwrap().len(), 1);
    }
    let mut config = presets::preset("grokking").unwrap();
    config.data.paths = vec!["text.txt".to_owned()];
    assert_eq!(config.validate().unwrap_err().field, "data.synthetic");
    config.data.paths.clear();
    config.train.ignore_index = None;
    assert_eq!(config.validate().unwrap_err().field, "train.ignore_index");
}

#[test]
fn an_unchanged_text_is_prepared_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.txt");
    std::fs::write(&path, "a small text, and some more of it. ".repeat(100)).unwrap();
    let project = folder.path().join("project");
    let config = config(TokenizerKind::Bpe, &[&path]);
    let (first, seen) = run(&config, &project).unwrap();
    assert!(!seen.contains(&REUSED));
    let (again, seen) = run(&config, &project).unwrap();
    assert_eq!((seen, &again.folder), (vec![REUSED], &first.folder));
    // Other settings or text give other folders; the first one stays.
    let mut other = config.clone();
    other.tokenizer.vocabulary = 300;
    assert_ne!(run(&other, &project).unwrap().0.folder, first.folder);
    std::fs::write(&path, "another text, and a little longer. ".repeat(101)).unwrap();
    assert_ne!(run(&config, &project).unwrap().0.folder, first.folder);
    assert!(open(&first.folder).is_ok());
    // So does another pre-tokenizer than the default one, unless the vocabulary has no words.
    let mut other = config.clone();
    other.tokenizer.pre_tokenizer = PreTokenizerKind::Gpt4;
    let settings = "TokenizerConfig { kind: Bpe, vocabulary: 640, min_frequency: 2, special_tokens: [] }; ";
    for (config, is_default) in [(&config, true), (&other, false)] {
        let recipe = run(config, &project).unwrap().0.store.index().unwrap().recipe.clone();
        assert!(recipe.contains(settings) && recipe.contains("words Gpt4") != is_default, "{recipe}");
    }
    other.tokenizer.kind = TokenizerKind::Char;
    let characters = run(&other, &project).unwrap().0.folder;
    other.tokenizer.pre_tokenizer = PreTokenizerKind::Gpt2;
    assert_eq!(run(&other, &project).unwrap().0.folder, characters);
    // A damaged folder is prepared again.
    let folder = run(&config, &project).unwrap().0.folder;
    std::fs::write(folder.join("train-00000.bin"), b"x").unwrap();
    let message = open(&folder).unwrap_err().to_string();
    assert!(message.contains("train-00000.bin") && message.contains("prepares the text again"), "{message}");
    let (again, seen) = run(&config, &project).unwrap();
    assert!(!seen.contains(&REUSED));
    assert_eq!(again.folder, folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let message = open(&folder).unwrap_err().to_string();
    assert!(message.contains("missing from the prepared text") && !message.contains('\n'), "{message}");
    assert_eq!(run(&config, &project).unwrap().0.folder, folder);
    let names: Vec<_> =
        std::fs::read_dir(project.join("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("partial")), "{names:?}");
}

#[test]
fn a_page_is_extracted_once() {
    let folder = tempfile::tempdir().unwrap();
    let [pages, plain] = ["pages", "a.txt"].map(|name| folder.path().join(name));
    std::fs::create_dir(&pages).unwrap();
    std::fs::write(&plain, "A text between two pages.").unwrap();
    let page = |number: usize| {
        let words =
            format!("Page {number} says that the \"owl\" and the mouse met at the old mill. ").repeat(20);
        std::fs::write(pages.join(format!("{number}.html")), format!("<article><p>{words}</p></article>"))
            .unwrap();
    };
    let texts = |prepared: &Prepared| decoded(prepared).concat();
    (0..6).for_each(page);
    std::fs::write(pages.join("empty.html"), "<p></p>").unwrap();
    let config = config(TokenizerKind::Bpe, &[&pages, &plain]);
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let whole = prepare(&config, &first, &mut |_| ()).unwrap();
    // What becomes of the pages after the tokenizer has read them makes no difference.
    let changed = prepare(&config, &second, &mut |(stage, ..)| {
        if stage == PreparationStage::Training && pages.exists() {
            std::fs::remove_dir_all(&pages).unwrap();
        }
    });
    let changed = changed.unwrap();
    assert!(texts(&whole).contains("Page 5 says that the \"owl\"") && texts(&whole) == texts(&changed));
    assert_eq!((changed.problems.len(), &changed.problems), (1, &whole.problems));
    assert_eq!(std::fs::read_dir(second.join("data")).unwrap().count(), 1, "only the store stays");
    // Another preparation of the first project extracts only the page that is new to it.
    std::fs::create_dir(&pages).unwrap();
    (0..7).for_each(page);
    let kept = first.join("data").join(PROSE_FOLDER);
    let names =
        || -> BTreeSet<_> { std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let before = names();
    for path in &before {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    let again = texts(&prepare(&config, &first, &mut |_| ()).unwrap());
    assert!((0..7).all(|number| again.contains(&format!("Page {number} says that the \"owl\""))));
    let is_old =
        |path: &&PathBuf| std::fs::metadata(path).unwrap().modified().unwrap() == SystemTime::UNIX_EPOCH;
    assert_eq!((before.len(), before.iter().filter(is_old).count(), names().len()), (6, 6, 7));
    // Documents that others damage or remove are extracted again.
    let (damaged, removed) = (before.first().unwrap(), before.last().unwrap());
    std::fs::write(damaged, "[]\n").unwrap();
    let mut other = config.clone();
    other.tokenizer.vocabulary = 600;
    let other = prepare(&other, &first, &mut |(stage, ..)| {
        if stage == PreparationStage::Training {
            std::fs::remove_file(removed).ok();
        }
    });
    assert_eq!(texts(&other.unwrap()), again);
}

#[test]
fn a_failed_preparation_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.txt");
    let bad = folder.path().join("bad.txt");
    std::fs::write(&good, "good").unwrap();
    std::fs::write(&bad, b"bad \0\xff").unwrap();
    let project = folder.path().join("project");
    let message = run(&config(TokenizerKind::Char, &[&good, &bad]), &project).unwrap_err().to_string();
    assert!(message.contains("bad.txt: is binary, not text"), "{message}");
    assert_eq!(std::fs::read_dir(project.join("data")).unwrap().count(), 0);
    let blank = folder.path().join("blank");
    std::fs::create_dir(&blank).unwrap();
    std::fs::write(blank.join("a.md"), "\n").unwrap();
    let message = run(&config(TokenizerKind::Char, &[&blank]), &project).unwrap_err().to_string();
    assert!(message.contains("no text to learn from") && message.contains("a.md"), "{message}");
    // In a folder, bad files are skipped.
    std::fs::copy(&good, blank.join("good.txt")).unwrap();
    std::fs::copy(&bad, blank.join("bad.txt")).unwrap();
    let (prepared, _) = run(&config(TokenizerKind::Char, &[&blank]), &project).unwrap();
    let names: Vec<&str> = prepared.problems.iter().map(|problem| problem.name.as_str()).collect();
    assert_eq!((prepared.store.index().unwrap().documents, names), (1, vec!["a.md", "bad.txt", "the text"]));
    let (again, _) = run(&config(TokenizerKind::Char, &[&blank]), &project).unwrap();
    assert_eq!(again.problems, prepared.problems, "what is left out is told each time");
}

#[test]
fn samples_begin_with_the_first_words_of_a_text_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.txt");
    std::fs::write(&path, "\n First Citizen:\nBefore we proceed any further, hear me speak.\n".repeat(50))
        .unwrap();
    let mut own = config(TokenizerKind::Bpe, &[&path]);
    let (prepared, _) = run(&own, folder.path()).unwrap();
    prepared.complete(&mut own);
    assert_eq!(own.train.sample_prompt, "First Citizen:");
    // The user's choice stays, and the built-in stories have their own prompt.
    own.train.sample_prompt = "Hear".to_owned();
    prepared.complete(&mut own);
    assert_eq!(own.train.sample_prompt, "Hear");
    let mut stories = config(TokenizerKind::Bpe, &[]);
    let before = stories.train.sample_prompt.clone();
    prepared.complete(&mut stories);
    assert_eq!(stories.train.sample_prompt, before);
    assert_eq!(first_words("  \n"), None);
    assert_eq!(first_words(&"long".repeat(20)), None);
}

#[test]
fn tokenizer_and_index_open_without_the_tokens() {
    let project = tempfile::tempdir().unwrap();
    let (prepared, _) = run(&config(TokenizerKind::Byte, &[]), project.path()).unwrap();
    let wanted = prepared.store.index().unwrap();
    std::fs::remove_file(prepared.folder.join("train-00000.bin")).unwrap();
    assert!(open(&prepared.folder).is_err());
    assert_eq!(index(&prepared.folder).unwrap(), *wanted);
    let tokenizer = open_tokenizer(&prepared.folder).unwrap();
    assert_eq!(tokenizer.to_json().unwrap(), prepared.tokenizer.to_json().unwrap());
    std::fs::remove_file(prepared.folder.join(TOKENIZER_FILE)).unwrap();
    assert!(open_tokenizer(&prepared.folder).unwrap_err().to_string().contains(TOKENIZER_FILE));
}

#[test]
fn tokens_of_another_tokenizer_are_refused() {
    let project = tempfile::tempdir().unwrap();
    let (prepared, _) = run(&config(TokenizerKind::Byte, &[]), project.path()).unwrap();
    let (other, _) = run(&config(TokenizerKind::Char, &[]), project.path()).unwrap();
    std::fs::copy(other.folder.join(TOKENIZER_FILE), prepared.folder.join(TOKENIZER_FILE)).unwrap();
    let message = open(&prepared.folder).unwrap_err().to_string();
    assert!(message.contains("made by another tokenizer"), "{message}");
}

/// nanoGPT's numbers for its character dataset (`data/shakespeare_char/readme.md`).
#[test]
fn tinyshakespeare_gives_nanogpts_ids() {
    let shared = std::env::var_os("GLASSHOUSE_SHARED").map_or_else(
        || Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../shared"),
        PathBuf::from,
    );
    let path = shared.join("data/tinyshakespeare.txt");
    let Ok(text) = std::fs::read_to_string(&path) else {
        let path = path.display();
        return skip(&format!("{path} is absent (GLASSHOUSE_SHARED names the folder that holds data/)"));
    };
    let project = tempfile::tempdir().unwrap();
    let (prepared, _) = run(&config(TokenizerKind::Char, &[&path]), project.path()).unwrap();
    assert_eq!(prepared.tokenizer.vocabulary_size(), 65);
    assert_eq!(prepared.store.len(Split::Train), 1_003_854);
    assert_eq!(prepared.store.len(Split::Validation), 111_540);
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    let ids: Vec<u32> =
        text.chars().map(|character| characters.binary_search(&character).unwrap() as u32).collect();
    let stored = [all(&prepared.store, Split::Train), all(&prepared.store, Split::Validation)].concat();
    assert_eq!(stored, ids);
}

#[test]
fn a_cleaned_folder_keeps_its_marks_and_its_mixture() {
    use glasshouse_corpus::output::{CORPUS_FILE, CorpusIndex, DROPPED_FILE, KEPT_FILE};
    let project = tempfile::tempdir().unwrap();
    let folder = project.path().join("clean");
    std::fs::create_dir(&folder).unwrap();
    let mut kept = String::new();
    for number in 0..40 {
        let (source, letter) = if number < 30 { ("web", 'w') } else { ("books", 'b') };
        let split = if number % 10 == 3 { "validation" } else { "train" };
        let text = letter.to_string().repeat(50);
        kept += &format!(
            "{{\"id\": \"{number}\", \"source\": \"{source}\", \"split\": \"{split}\", \"text\": \"{text}\"}}\n"
        );
    }
    std::fs::write(folder.join(KEPT_FILE), kept).unwrap();
    std::fs::write(folder.join(DROPPED_FILE), "{\"text\": \"dropped\"}\n").unwrap();
    let mut index = CorpusIndex::new("light", 0.1);
    index.mixture = [("books".to_owned(), 0.75), ("web".to_owned(), 0.25)].into();
    std::fs::write(folder.join(CORPUS_FILE), serde_json::to_vec(&index).unwrap()).unwrap();

    let mut config = config(TokenizerKind::Byte, &[&folder]);
    let (prepared, _) = run(&config, project.path()).unwrap();
    // One byte per letter, and an end token per document.
    assert_eq!(prepared.store.len(Split::Train), 36 * 51);
    assert_eq!(prepared.store.len(Split::Validation), 4 * 51);
    prepared.complete(&mut config);
    assert_eq!(config.data.mixture, index.mixture);
    let batches = Batches::windows(&prepared.store, 1, 8, 16).unwrap();
    let book = prepared.tokenizer.encode("b").unwrap()[0];
    let (mut books, mut rows) = (0, 0);
    for step in 0..100 {
        for row in batches.train(step, 0).unwrap().tokens.chunks(16) {
            rows += 1;
            books += usize::from(row.contains(&book));
        }
    }
    // Three quarters start in books; a few windows at the end of web extend into it.
    assert!((550..680).contains(&books) && rows == 800, "{books} of {rows}");

    // The run's mixture overrides the folder's.
    config.data.mixture = [("books".to_owned(), 0.0), ("web".to_owned(), 1.0)].into();
    let (prepared, _) = run(&config, project.path()).unwrap();
    let batches = Batches::windows(&prepared.store, 1, 8, 16).unwrap();
    let first = batches.train(0, 0).unwrap();
    assert!(first.tokens.iter().filter(|token| **token == book).count() < 16);
    config.data.mixture = [("boks".to_owned(), 1.0)].into();
    let (prepared, _) = run(&config, project.path()).unwrap();
    let message = Batches::windows(&prepared.store, 1, 8, 16).unwrap_err().to_string();
    assert!(message.contains("did you mean `books`"), "{message}");
}

#[test]
fn epochs_of_a_text_are_settled_to_steps() {
    let project = tempfile::tempdir().unwrap();
    let path = project.path().join("text.txt");
    std::fs::write(&path, "abcdefghi\n".repeat(400)).unwrap();
    let mut config = config(TokenizerKind::Byte, &[&path]);
    let (prepared, _) = run(&config, project.path()).unwrap();
    (config.model.context_length, config.train.batch_size, config.train.accumulate) = (16, 4, 2);
    let before = config.train.steps;
    assert_eq!(prepared.settle_epochs(&mut config).unwrap(), None);
    assert_eq!(config.train.steps, before);
    config.train.epochs = Some(2.5);
    let said = prepared.settle_epochs(&mut config).unwrap().unwrap();
    let tokens = prepared.store.len(Split::Train);
    assert_eq!(config.train.steps, (2.5 * tokens as f64 / (16.0 * 8.0)).ceil() as u64);
    assert!(
        said.starts_with("2.5 epochs of") && said.contains(&format!("{} step", config.train.steps)),
        "{said}"
    );
}

/// A cleaned folder of documents with their sources, without marked splits.
fn unmarked(project: &Path, documents: &[(&str, String)], mixture: &[(&str, f64)]) -> PathBuf {
    use glasshouse_corpus::output::{CORPUS_FILE, CorpusIndex, KEPT_FILE};
    let folder = project.join("clean");
    std::fs::create_dir(&folder).unwrap();
    let kept: Vec<String> = (0..)
        .zip(documents)
        .map(|(id, (source, text))| serde_json::json!({"id": id.to_string(), "source": source, "text": text}))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(folder.join(KEPT_FILE), kept.concat()).unwrap();
    let mut index = CorpusIndex::new("light", 0.1);
    index.mixture = mixture.iter().map(|(source, share)| ((*source).to_owned(), *share)).collect();
    std::fs::write(folder.join(CORPUS_FILE), serde_json::to_vec(&index).unwrap()).unwrap();
    folder
}

#[test]
fn documents_that_cannot_be_held_out_whole_are_each_divided() {
    let project = tempfile::tempdir().unwrap();
    let folder = unmarked(project.path(), &[("notes", "n".repeat(30)), ("pages", "p".repeat(9_970))], &[]);
    let (prepared, _) = run(&config(TokenizerKind::Byte, &[&folder]), project.path()).unwrap();
    let end = prepared.tokenizer.end_of_text().unwrap();
    for (split, lengths) in [(Split::Train, [27, 8_973]), (Split::Validation, [3, 997])] {
        let tokens = all(&prepared.store, split);
        let parts: Vec<usize> = tokens.split(|token| *token == end).map(<[u32]>::len).collect();
        assert_eq!(parts, [&lengths[..], &[0]].concat(), "each part is ended");
    }
    let stretches = &prepared.store.index().unwrap().train.stretches;
    let starts: Vec<_> = stretches.iter().map(|stretch| (stretch.source.as_str(), stretch.start)).collect();
    assert_eq!(starts, [("notes", 0), ("pages", 28)]);
}

#[test]
fn the_end_of_the_list_is_not_what_is_held_out() {
    let folder = tempfile::tempdir().unwrap();
    // Eighteen files of prose and two, last by name, of another kind.
    for number in 0..20 {
        let text = if number < 18 { format!("word{number} ") } else { format!("{number}7 ") }.repeat(300);
        std::fs::write(folder.path().join(format!("{number:02}.txt")), text).unwrap();
    }
    let project = tempfile::tempdir().unwrap();
    let (prepared, _) = run(&config(TokenizerKind::Byte, &[folder.path()]), project.path()).unwrap();
    let [_, held_out] = decoded(&prepared);
    assert!(held_out.contains("word"), "{}", &held_out[..40]);
    // A run from before keeps its store, and a new one does not take it for its own.
    let recipe = prepared.store.index().unwrap().recipe.clone();
    let before = recipe.replace("; held out by content", "");
    assert_ne!(before, recipe);
    assert_ne!(folder_name(&before), folder_name(&recipe));
}

#[test]
fn a_cleaned_folder_s_mixture_leaves_out_a_source_that_is_held_out_whole() {
    let project = tempfile::tempdir().unwrap();
    let with = |page: u32| -> Vec<(&str, String)> {
        let notes = (100..110).map(|number| ("notes", format!("n{number} ").repeat(300)));
        notes.chain([("pages", format!("p{page} ").repeat(300))]).collect()
    };
    let is_held_out = |page: &u32| {
        let size = |(_, text): (&str, String)| DocumentSize {
            characters: text.len() as u64,
            key: super::super::content::key(&text).unwrap(),
            split: None,
        };
        let sizes: Vec<DocumentSize> = with(*page).into_iter().map(size).collect();
        held_out(&sizes, 0.1, 0).unwrap()[10]
    };
    let page = (100..999).find(is_held_out).unwrap();
    let folder = unmarked(project.path(), &with(page), &[("notes", 0.75), ("pages", 0.25)]);
    let mut config = config(TokenizerKind::Byte, &[&folder]);
    let (prepared, _) = run(&config, project.path()).unwrap();
    let stretches = &prepared.store.index().unwrap().train.stretches;
    assert!(stretches.iter().all(|stretch| stretch.source == "notes"), "{stretches:?}");
    assert!(Batches::windows(&prepared.store, 1, 8, 16).is_ok());
    prepared.complete(&mut config);
    assert_eq!(config.data.mixture, std::collections::BTreeMap::from([("notes".to_owned(), 0.75)]));
    // A requested source must not be dropped silently.
    config.data.mixture = [("notes".to_owned(), 0.5), ("pages".to_owned(), 0.5)].into();
    let (prepared, _) = run(&config, project.path()).unwrap();
    let message = Batches::windows(&prepared.store, 1, 8, 16).unwrap_err().to_string();
    assert!(message.contains("data.mixture") && message.contains("pages"), "{message}");
}

#[test]
fn canaries_stand_in_the_training_text_alone_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.txt");
    // The text contains no digits.
    std::fs::write(&path, "a small line\nand one more of it\n".repeat(100)).unwrap();
    let project = folder.path().join("project");
    std::fs::create_dir(&project).unwrap();
    let files: &[&Path] = &[&path];
    for (kind, paths) in
        [(TokenizerKind::Char, files), (TokenizerKind::Bpe, files), (TokenizerKind::Byte, &[])]
    {
        let plain = config(kind, paths);
        let mut planted = plain.clone();
        planted.data.canaries = 5;
        let before = run(&plain, &project).unwrap().0;
        let (prepared, _) = run(&planted, &project).unwrap();
        assert_ne!(prepared.folder, before.folder);
        assert_eq!(Canaries::read(&before.folder).unwrap(), None);
        let canaries = Canaries::read(&prepared.folder).unwrap().unwrap();
        assert_eq!(canaries, Canaries::new(planted.seed, 5).unwrap());
        let ([train, held_out], own) = (decoded(&prepared), decoded(&before));
        for canary in &canaries.planted {
            assert_eq!(train.matches(&canary.text()).count() as u64, canary.insertions, "{kind:?}");
            assert!(prepared.tokenizer.unknown_characters(&canary.with(98_765_432)).is_empty());
        }
        assert_eq!(held_out, own[1]);
        let left: Vec<&str> =
            train.split('\n').filter(|line| !line.starts_with("The secret number")).collect();
        // A canary at the end of a document has the end token on its line.
        if kind != TokenizerKind::Byte {
            assert_eq!(left.join("\n"), own[0], "{kind:?}");
        }
        let again = run(&planted, &project).unwrap();
        assert_eq!(again.1, [REUSED]);
        let other = RunConfig { seed: planted.seed + 1, ..planted };
        assert_ne!(run(&other, &project).unwrap().0.folder, prepared.folder, "other numbers");
    }
}

#[test]
fn a_template_that_writes_no_conversation_is_at_fault_and_not_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let row = r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Who?"},{"role":"assistant","content":"Ada."}]}"#;
    std::fs::write(&path, format!("{row}\n{{\"prompt\":\"Who?\",\"answer\":\"Ada\"}}\n")).unwrap();
    let mut config = config(TokenizerKind::Byte, &[&path]);
    let refusal = |objective: Objective, template: &str, config: &mut RunConfig| {
        config.train.objective = objective;
        let files: TokenizerFiles =
            crate::tokenizer::tests::try_train(&config.tokenizer, ["x"]).unwrap().into();
        let files = TokenizerFiles { chat_template: Some(template.to_owned()), ..files };
        run_with(&files, config, folder.path()).unwrap_err().to_string()
    };
    for objective in [Objective::Chat, Objective::Reward] {
        config.train.reward.rule = glasshouse_protocol::config::RewardRule::Exact;
        let said = refusal(objective, "{{ raise_exception('never') }}", &mut config);
        assert!(said.contains("never") && said.contains("fix chat_template.jinja"), "{said}");
        assert!(!said.contains("fix the file"), "{said}");
    }
    // A template that rejects these rows, but accepts others.
    let strict = "{% for message in messages %}{% if message.role == 'system' %}{{ raise_exception('no system') }}{% endif %}\
                  {{ message.role }}: {{ message.content }}\n{% endfor %}";
    let said = refusal(Objective::Chat, strict, &mut config);
    assert!(said.contains("no system") && said.contains("fix the file"), "{said}");
}

/// A tokenizer of these characters, or of bytes if empty, with the ChatML template.
fn chatml(characters: &str) -> TokenizerFiles {
    let kind = if characters.is_empty() { TokenizerKind::Byte } else { TokenizerKind::Char };
    let config = config(kind, &[]).tokenizer;
    TokenizerFiles::from(crate::tokenizer::tests::try_train(&config, [characters]).unwrap())
        .with_chatml()
        .unwrap()
}

fn rows(
    files: &TokenizerFiles,
    objective: Objective,
    [train, held_out]: [&[String]; 2],
    folder: &Path,
) -> Result<Prepared> {
    let write = |name: &str, rows: &[String]| {
        let path = folder.join(name);
        std::fs::write(&path, rows.join("\n")).unwrap();
        path
    };
    let mut config = config(TokenizerKind::Byte, &[&write("rows.jsonl", train)]);
    if !held_out.is_empty() {
        config.data.validation_files = vec![write("held-out.jsonl", held_out).display().to_string()];
    }
    config.train.objective = objective;
    config.train.reward.rule = glasshouse_protocol::config::RewardRule::Exact;
    run_with(files, &config, folder)
}

fn chat_row(question: &str, answer: &str) -> String {
    serde_json::json!({ "prompt": [{ "role": "user", "content": question }], "completion": [{ "role": "assistant", "content": answer }] })
        .to_string()
}

#[test]
fn a_tokenizer_learns_from_the_training_split_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.txt");
    let learned: String = (0..3000).map(|number: u64| format!("word {} ", number * number % 89)).collect();
    std::fs::write(&path, format!("{learned}{}", "qzxyvv ßrown. ".repeat(learned.len() / 140))).unwrap();
    for kind in [TokenizerKind::Bpe, TokenizerKind::WordPiece, TokenizerKind::Unigram] {
        let (prepared, _) = run(&config(kind, &[&path]), folder.path()).unwrap();
        let texts =
            (0..prepared.tokenizer.vocabulary_size() as u32).map(|id| prepared.tokenizer.describe(id).text);
        assert!(texts.clone().any(|text| text.contains("word")), "{kind:?}");
        assert!(texts.filter(|text| text.contains("qz")).count() == 0, "{kind:?}");
    }
    let (prepared, _) = run(&config(TokenizerKind::Char, &[&path]), folder.path()).unwrap();
    assert_eq!(prepared.tokenizer.id("ß"), None);
    let [problem] = &prepared.problems[..] else { panic!("{:?}", prepared.problems) };
    assert_eq!((problem.name.as_str(), problem.count), ("text.txt", 1));
    assert!(
        problem.reason.contains("'ß'") && problem.reason.contains("of its held-out part"),
        "{}",
        problem.reason
    );
}

#[test]
fn characters_that_a_vocabulary_lacks_are_told_and_answers_that_have_no_other_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let files = chatml("What is plus? apples user assistant\n");
    let sums = |from: u64| -> Vec<String> {
        (from..from + 30)
            .map(|number| chat_row(&format!("What is {number} plus {number}?"), &(2 * number).to_string()))
            .collect()
    };
    let refused = rows(&files, Objective::Chat, [&sums(1), &[]], folder.path()).unwrap_err().to_string();
    assert!(refused.contains("no character of an answer is in the vocabulary"), "{refused}");
    let answers: Vec<String> =
        (1..=20).map(|number| chat_row(&format!("What is {number}?"), &format!("{number} apples"))).collect();
    let prepared =
        rows(&files, Objective::Chat, [&[sums(100), answers].concat(), &[]], folder.path()).unwrap();
    assert_eq!(prepared.store.index().unwrap().documents, 20);
    let told: Vec<(&str, u64)> =
        prepared.problems.iter().map(|problem| (problem.reason.as_str(), problem.count)).collect();
    let [(emptied, left_out), (lost, of_rows)] = told[..] else { panic!("{told:?}") };
    assert_eq!((of_rows, left_out), (50, 30));
    assert!(
        lost.contains("lost in 50 conversations of it: '1' (") && emptied.starts_with("line 1: "),
        "{told:?}"
    );
    // Nothing of a text is known, or all but some characters.
    let text = |text: &str, name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text.repeat(50)).unwrap();
        run_with(&files, &config(TokenizerKind::Byte, &[&path]), folder.path())
    };
    let refused = text("12 345\n", "numbers.txt").unwrap_err().to_string();
    assert!(refused.starts_with("the vocabulary has no character of numbers.txt"), "{refused}");
    let told = text("What is 7?\n", "some.txt").unwrap().problems;
    assert!(told[0].reason.ends_with("'7' (50 times)"), "{told:?}");
    // A byte vocabulary covers everything.
    let prepared = rows(&chatml(""), Objective::Chat, [&sums(1), &[]], folder.path()).unwrap();
    assert_eq!((prepared.problems.len(), prepared.store.index().unwrap().documents), (0, 30));
}

#[test]
fn rows_whose_words_spell_special_tokens_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let files = chatml("");
    let told = |objective, row: &dyn Fn(&str) -> String| {
        let mut all: Vec<String> = (0..20).map(|number| row(&format!("Row {number}"))).collect();
        all.extend((0..3).map(|number| row(&format!("end it {number} <|im_end|> here"))));
        // Escaped as in Go and PHP.
        all.push(row("<|im_start|> first").replace('<', "\\u003c"));
        let problems = rows(&files, objective, [&all, &[]], folder.path()).unwrap().problems;
        problems.into_iter().map(|problem| (problem.reason, problem.count)).collect::<Vec<_>>()
    };
    let noted = |of: &str| {
        let text = format!(
            "spells special tokens in 4 {of}, the first <|im_end|>: the model learns them as special tokens, not as text"
        );
        [(text, 4)]
    };
    assert_eq!(told(Objective::Chat, &|said| chat_row(said, "Yes.")), noted("conversations"));
    assert_eq!(told(Objective::Chat, &|said| chat_row("Who?", said)), noted("conversations"));
    assert_eq!(
        told(Objective::Reward, &|said| format!(r#"{{"prompt":"{said}","answer":"yes"}}"#)),
        noted("prompts")
    );
    let label = |said: &str| format!(r#"{{"text":"{said}","label":"{}"}}"#, said.len() % 2);
    assert_eq!(told(Objective::Classify, &label), noted("texts"));
    // Raw text contains special tokens on purpose.
    assert_eq!(told(Objective::Chat, &|said| format!(r#"{{"text":"{said}"}}"#)), []);
}

#[test]
fn a_held_out_file_is_the_validation_split_whatever_the_objective() {
    let folder = tempfile::tempdir().unwrap();
    let files = chatml("");
    let row = |objective: Objective, number: usize| match objective {
        Objective::Chat => chat_row("Who?", &format!("Row {number}.")),
        Objective::Preference => {
            format!(r#"{{"prompt":"Who? ","chosen":"Row {number}.","rejected":"Nobody {number}."}}"#)
        }
        Objective::Reward => format!(r#"{{"prompt":"Row {number}.","answer":"yes"}}"#),
        Objective::Classify => format!(r#"{{"text":"Row {number}.","label":"{}"}}"#, number % 2),
        Objective::Text | Objective::Distil => format!(r#"{{"text":"Row {number}."}}"#),
    };
    for objective in
        [Objective::Chat, Objective::Preference, Objective::Reward, Objective::Classify, Objective::Text]
    {
        let some = |range: std::ops::Range<usize>| range.map(|at| row(objective, at)).collect::<Vec<_>>();
        let prepared = rows(&files, objective, [&some(0..20), &some(100..105)], folder.path()).unwrap();
        let [train, held_out] = decoded(&prepared);
        assert_eq!([train.matches("Row").count(), held_out.matches("Row").count()], [20, 5], "{objective}");
        assert!(held_out.contains("Row 104.") && train.contains("Row 19."), "{objective}");
    }
    // The same file for both, and a copy of it.
    for objective in [Objective::Chat, Objective::Text] {
        let some = |range: std::ops::Range<usize>| range.map(|at| row(objective, at)).collect::<Vec<_>>();
        let copied = [&some(0..20)[..5], &some(100..105)[..]].concat();
        let prepared = rows(&files, objective, [&some(0..20), &copied], folder.path()).unwrap();
        let [problem] = &prepared.problems[..] else { panic!("{:?}", prepared.problems) };
        assert!(
            problem.reason.contains("trains on 5 of the 10 ") && problem.reason.contains("50.0 %"),
            "{problem:?}"
        );
        assert_eq!(problem.count, 5);
        let mut config = config(TokenizerKind::Byte, &[&folder.path().join("rows.jsonl")]);
        config.data.validation_files = config.data.paths.clone();
        config.train.objective = objective;
        let error = run_with(&files, &config, folder.path()).unwrap_err().to_string();
        assert!(error.contains("all text is in held-out files"), "{error}");
    }
    // With held-out files, a single document is not split.
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "A text of one document. ".repeat(40)).unwrap();
    let mut config = config(TokenizerKind::Char, &[&path]);
    let own = folder.path().join("b.txt");
    std::fs::write(&own, "one text of document. ".repeat(10)).unwrap();
    config.data.validation_files = vec![own.display().to_string()];
    let (prepared, _) = run(&config, folder.path()).unwrap();
    let end = prepared.tokenizer.end_of_text();
    assert_eq!(
        [Split::Train, Split::Validation].map(|split| prepared.store.len(split)),
        [40 * 24 + 1, 10 * 22 + 1]
    );
    assert_eq!(all(&prepared.store, Split::Train).last().copied(), end);
}

#[test]
fn a_held_out_file_within_the_data_does_not_train() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("texts");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("a.txt"), "It trains. ".repeat(30)).unwrap();
    std::fs::write(data.join("held.txt"), "Unseen. ".repeat(20)).unwrap();
    let mut config = config(TokenizerKind::Byte, &[&data]);
    config.data.validation_files = vec![data.join("held.txt").display().to_string()];
    let (prepared, _) = run(&config, folder.path()).unwrap();
    let [train, held_out] = decoded(&prepared);
    assert_eq!([train.matches("Unseen.").count(), held_out.matches("Unseen.").count()], [0, 20]);
    assert_eq!([train.matches("trains").count(), held_out.matches("trains").count()], [30, 0]);
}

#[test]
fn copies_of_a_row_are_on_one_side() {
    let folder = tempfile::tempdir().unwrap();
    let copied: Vec<String> =
        (0..40).flat_map(|number| vec![chat_row("Who?", &format!("Row {number}.")); 10]).collect();
    let prepared = rows(&chatml(""), Objective::Chat, [&copied, &[]], folder.path()).unwrap();
    let of = |split| {
        let text = prepared.tokenizer.decode(&all(&prepared.store, split));
        text.lines().filter(|line| line.starts_with("Row")).map(str::to_owned).collect::<Vec<_>>()
    };
    let (train, held_out) = (of(Split::Train), of(Split::Validation));
    assert_eq!(train.len() + held_out.len(), 400);
    assert!(!held_out.is_empty() && held_out.iter().all(|row| !train.contains(row)));
    let same = vec![chat_row("Who?", "Ada."); 12];
    let alike = rows(&chatml(""), Objective::Chat, [&same, &[]], folder.path()).unwrap();
    let split = [Split::Train, Split::Validation].map(|split| alike.store.examples(split).unwrap().count());
    assert_eq!(split, [11, 1]);
    assert!(alike.problems[0].reason.contains("only identical rows"), "{:?}", alike.problems);
}

/// Prepares rows for preference training with the given loss.
fn judged(folder: &Path, rows: &str, loss: glasshouse_protocol::config::PreferenceLoss) -> Result<Prepared> {
    let (path, held_out) = (folder.join("thumbs.jsonl"), folder.join("held-out.jsonl"));
    let (train, last) = rows.trim_end().rsplit_once('\n').unwrap();
    std::fs::write(&path, train).unwrap();
    std::fs::write(&held_out, last).unwrap();
    let mut config = config(TokenizerKind::Byte, &[&path]);
    (config.train.objective, config.train.preference.loss) = (Objective::Preference, loss);
    config.data.validation_files = vec![held_out.display().to_string()];
    let files: TokenizerFiles = crate::tokenizer::tests::try_train(&config.tokenizer, ["x"]).unwrap().into();
    let files = TokenizerFiles { chat_template: Some(glasshouse_protocol::CHATML.to_owned()), ..files };
    run_with(&files, &config, folder)
}

#[test]
fn single_thumbs_are_answers_with_their_labels_and_another_answer_to_their_prompts() {
    use glasshouse_protocol::config::PreferenceLoss::{Kto, Sigmoid};
    let folder = tempfile::tempdir().unwrap();
    let rows = "{\"prompt\":\"a?\",\"completion\":\"b\",\"label\":true,\"source\":\"x\"}\n\
                {\"prompt\":\"cc?\",\"completion\":\"dd\",\"label\":false,\"source\":\"x\"}\n\
                {\"prompt\":\"e?\",\"chosen\":\"f\",\"rejected\":\"g\"}\n\
                {\"prompt\":\"last?\",\"completion\":\"z\",\"label\":true}\n";
    let prepared = judged(folder.path(), rows, Kto).unwrap();
    let split = [Split::Train, Split::Validation];
    let examples = split.map(|split| prepared.store.examples(split).unwrap().count());
    assert_eq!(examples.iter().sum::<usize>(), 10, "five answers, each with another's behind it");
    let train = prepared.store.examples(Split::Train).unwrap();
    let text = |example: usize| {
        let range = train.range(example);
        let tokens =
            prepared.store.read(Split::Train, range.start, (range.end - range.start) as usize).unwrap();
        let good = train.learned(range.start..range.start + 1).any(|good| good);
        let text = prepared.tokenizer.decode(&tokens);
        (text.trim_end_matches("<|endoftext|>").to_owned(), good)
    };
    let found: Vec<_> = (0..train.count()).map(text).collect();
    let texts: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts[..4], ["a?b", "a?dd", "cc?dd", "cc?f"], "{found:?}");
    assert_eq!([found[0].1, found[2].1, found[4].1, found[6].1], [true, false, true, false], "{found:?}");
    assert_eq!(prepared.unread_fields().unwrap(), "unused fields of rows: source (2 rows)");
    // Pair losses use only the pair, and report the other rows.
    let other = tempfile::tempdir().unwrap();
    let rows = format!("{rows}{{\"prompt\":\"h?\",\"chosen\":\"i\",\"rejected\":\"j\"}}\n");
    let prepared = judged(other.path(), &rows, Sigmoid).unwrap();
    assert!(prepared.problems[0].reason.contains("loss=kto"), "{:?}", prepared.problems);
}

#[test]
fn of_pairs_that_are_judged_an_answer_is_never_compared_with_its_own_row() {
    use glasshouse_protocol::config::PreferenceLoss::Kto;
    let folder = tempfile::tempdir().unwrap();
    let pair = |row: usize| format!(r#"{{"prompt":"p{row}?","chosen":"c{row}.","rejected":"r{row}."}}"#);
    for count in 2..6 {
        let rows = (0..count).map(pair).collect::<Vec<_>>().join("\n");
        let prepared = judged(folder.path(), &rows, Kto).unwrap();
        let mut answers = 0;
        for split in [Split::Train, Split::Validation] {
            let examples = prepared.store.examples(split).unwrap();
            for example in 0..examples.count() {
                let range = examples.range(example);
                let length = (range.end - range.start) as usize;
                let text =
                    prepared.tokenizer.decode(&prepared.store.read(split, range.start, length).unwrap());
                let row = text.strip_prefix('p').and_then(|text| text.chars().next()).unwrap();
                let is_own = [format!("c{row}."), format!("r{row}.")].iter().any(|own| text.contains(own));
                // First the answer itself, then another answer to its prompt.
                assert_eq!(is_own, example % 2 == 0, "{text}");
                answers += 1;
            }
        }
        assert_eq!(answers, 4 * count);
    }
}
