use super::*;
use crate::{Scorer, text_contamination};
use glasshouse_platform::given_up_after;
use glasshouse_project::{Project, Run, initial, parameters_of};
use glasshouse_protocol::{RunConfig, TokenizerKind, presets};
use glasshouse_text::data::prepare::{self, Prepared};
use glasshouse_text::tokenizer::TokenizerFiles;
use pollster::block_on;

/// An untrained run with a text.
struct Begun {
    _folder: tempfile::TempDir,
    run: Run,
    config: RunConfig,
    prepared: Prepared,
    tokenizer: TokenizerFiles,
    parameters: Vec<f32>,
}

fn begun(change: impl FnOnce(&mut RunConfig, &std::path::Path)) -> Begun {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    let mut config = presets::preset("first-stories").unwrap();
    config.tokenizer.kind = TokenizerKind::Byte;
    (config.model.layers, config.model.context_length) = (1, 32);
    change(&mut config, folder.path());
    let prepared = prepare::prepare(&config, project.folder(), &mut |_| {}).unwrap();
    prepared.complete(&mut config);
    let run = project.create_run(&config, &prepared.folder).unwrap();
    let tokenizer = TokenizerFiles::with(prepared.tokenizer.clone(), &prepared.folder).unwrap();
    let parameters = parameters_of(&config).unwrap();
    let parameters = block_on(initial::parameters(&parameters, 7, &Yielder::none()));
    Begun { _folder: folder, run, config, prepared, tokenizer, parameters }
}

fn stories() -> Begun {
    begun(|config, _| config.data.corpus_bytes = 60_000)
}

#[test]
fn simpler_things_predict_the_documents_of_the_model() {
    let own = stories();
    let settings = EvaluateSettings { resamples: 200, ..EvaluateSettings::default() };
    let mut scorer = block_on(Scorer::open(&own.config.model, &own.parameters, "cpu", Some(1))).unwrap();
    let subject = Subject {
        scorer: &mut scorer,
        tokenizer: &own.tokenizer,
        run: &own.run,
        parameters: &own.parameters,
    };
    let yielder = Yielder::none();
    let held_out = block_on(HeldOut::open(&own.run, &own.tokenizer, None, &yielder)).unwrap();
    // A uniform model.
    let uniform = (own.config.model.vocabulary as f64).ln();
    let (mut by_document, mut grams) = (Vec::new(), Vec::new());
    let mut model = NGram::new(3, own.config.model.vocabulary, own.tokenizer.tokenizer.end_of_text());
    let store = &own.prepared.store;
    model.learn(&store.read(Split::Train, 0, store.len(Split::Train) as usize).unwrap());
    for at in 0..held_out.count() {
        let document = held_out.document(at, &own.tokenizer.tokenizer).unwrap();
        let nats = model.nats(&document.tokens[document.given..]);
        for part in &document.parts {
            let tokens = document.predicted[part.tokens.clone()].iter().filter(|is| **is).count() as u32;
            let nats_of = part.tokens.clone().filter(|at| document.predicted[*at]);
            grams.push(nats_of.map(|at| nats[at - document.given]).sum::<f64>());
            let nats = uniform * f64::from(tokens);
            by_document.push(DocumentLoss { tokens, bytes: part.bytes, nats, ..DocumentLoss::default() });
        }
    }
    assert!(by_document.len() > 10);
    let mut likelihood = Likelihood { by_document, ..Likelihood::default() };
    let mut told = Vec::new();
    let mut on_progress = |what: &str, done: u64, of: u64| {
        assert!(done <= of, "{what}: {done} of {of}");
        told.push(what.to_owned());
    };
    let found = block_on(baselines(&subject, &likelihood, &settings, &mut on_progress)).unwrap();
    told.dedup();
    let wanted = [
        "counting tokens",
        "counting 1-grams",
        "counting 2-grams",
        "counting 3-grams",
        "counting 4-grams",
        "counting 5-grams",
        "compressing the text",
    ];
    assert_eq!(told, wanted);
    let of = |name: &str| found.iter().find(|baseline| baseline.name == name).unwrap();
    let bits = |name: &str| of(name).bits_per_byte.value.unwrap();
    assert!(found.is_sorted_by_key(|baseline| baseline.bits_per_byte.value.unwrap()));
    assert_eq!(found.len(), 10);
    // One token per byte, and one per end of a document.
    assert!(
        bits("5-gram") < bits("3-gram")
            && bits("3-gram") < bits("1-gram").min(bits("unigram"))
            && bits("1-gram").max(bits("unigram")) < bits("uniform")
    );
    assert!(bits("xz after training text") < bits("xz") && (0.5..8.0).contains(&bits("xz")), "{found:?}");
    assert!((of("uniform").perplexity.unwrap() - own.config.model.vocabulary as f64).abs() < 1e-6);
    for (own, expected) in of("3-gram").nats.iter().zip(&grams) {
        assert!((own - expected).abs() < 1e-9, "{own} {expected}");
    }
    let difference = of("uniform").difference.clone().unwrap();
    assert!(difference.value.unwrap().abs() < 1e-9, "{difference:?}");
    let difference = of("5-gram").difference.clone().unwrap();
    assert!((difference.value.unwrap() - (bits("5-gram") - bits("uniform"))).abs() < 1e-9);
    let [low, high] = difference.interval.unwrap();
    assert!(low < difference.value.unwrap() && difference.value.unwrap() < high && high < 0.0);
    assert!(of("gzip").difference.is_none() && of("gzip").bits_per_byte.interval.is_none());
    assert!(of("5-gram").about.contains(" training tokens") && of("gzip").bits_per_byte.of == "bytes");
    // Results are not paired if the model read other documents.
    likelihood.by_document.pop();
    let found = block_on(baselines(&subject, &likelihood, &settings, &mut |_, _, _| {})).unwrap();
    assert!(found.iter().all(|baseline| baseline.difference.is_none()));
}

#[test]
fn counting_and_compressing_give_turns() {
    let own = stories();
    let yielder = Yielder::at_every_chance();
    let held_out = block_on(HeldOut::open(&own.run, &own.tokenizer, None, &Yielder::none())).unwrap();
    let mut training = TrainingTokens::new(&held_out, &own.config, &own.tokenizer.tokenizer);
    let shape = (5, own.config.model.vocabulary);
    assert!(!given_up_after(5, ngram(&mut training, shape, None, &mut |_, _, _| {}, &yielder)));
    let text = [b'a'; 1 << 16];
    let compressor = Compressor::xz(1 << 16).unwrap();
    assert!(!given_up_after(3, compress(compressor, &[&text], &mut |_, _, _| {}, &yielder)));
}

#[test]
fn evaluated_text_that_was_learned_is_found() {
    let word =
        |document: u64, at: u64| format!("w{}", glasshouse_protocol::random::nth(document, 1, at) % 5000);
    let text = |document: u64| (0..60).map(|at| word(document, at)).collect::<Vec<_>>().join(" ");
    let own = begun(|config, folder| {
        // Twenty of two hundred documents are held out; one of them repeats the first document in capitals.
        let lines = (0..200).map(|at| if at == 190 { text(0).to_uppercase() } else { text(at) });
        let rows: Vec<String> =
            lines.map(|text| serde_json::json!({ "text": text }).to_string() + "\n").collect();
        let file = |name: &str, rows: &[String]| {
            let path = folder.join(name);
            std::fs::write(&path, rows.concat()).unwrap();
            vec![path.to_string_lossy().into_owned()]
        };
        config.data.paths = file("texts.jsonl", &rows[..180]);
        config.data.validation_files = file("held-out.jsonl", &rows[180..]);
    });
    let mut scorer = block_on(Scorer::open(&own.config.model, &own.parameters, "cpu", Some(1))).unwrap();
    let subject = Subject {
        scorer: &mut scorer,
        tokenizer: &own.tokenizer,
        run: &own.run,
        parameters: &own.parameters,
    };
    let found =
        block_on(text_contamination(&subject, &own.run, &EvaluateSettings::default(), &mut |_, _, _| {}))
            .unwrap();
    assert_eq!((found.n, found.looked_up, found.found), (13, 20, 1), "{found:?}");
    assert!((found.share - 1.0 / 20.0).abs() < 1e-9, "{}", found.share);
    let (beginning, share) = &found.worst[0];
    assert!(text(0).to_uppercase().starts_with(beginning) && *share == 1.0);
    assert!(found.about.contains("tokens of the training text"), "{}", found.about);
}
