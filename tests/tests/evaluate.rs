//! Held-out evaluation: against the trainer's own loss, against sums that must agree, and against PyTorch.

use crate::export::{small, write};
use glasshouse_engine::data::{self, Prepared, Split};
use glasshouse_engine::evaluation::{Scorer, Subject, baselines, likelihood};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::metrics::card::is_titled;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::project::{Project, Run};
use glasshouse_engine::protocol::evaluation::{Cell, Likelihood, LossGrouping, Metric};
use glasshouse_engine::protocol::{EvaluateSettings, RunConfig, TokenizerKind};
use glasshouse_engine::step::{ArenaState, MicroBatch};
use glasshouse_engine::tokenizer::TokenizerFiles;
use glasshouse_tests::{output_of, python};
use pollster::block_on;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// A run over a text, with random weights far from their initial values.
struct Fixture {
    _folder: tempfile::TempDir,
    config: RunConfig,
    prepared: Prepared,
    run: Run,
    parameters: Vec<f32>,
}

/// One text of many lines, or many short documents from the built-in stories.
fn fixture(single: bool, preset: &str) -> Fixture {
    fixture_of(preset, |folder, config| {
        if single {
            let mut lines = String::new();
            for number in 0..600_u32 {
                let other = number * number % 97;
                writeln!(lines, "Line {number} of the Play says {other} to Tom, who went home.").unwrap();
            }
            let text = folder.join("text.txt");
            std::fs::write(&text, lines).unwrap();
            config.tokenizer.kind = TokenizerKind::Char;
            config.data.paths = vec![text.display().to_string()];
        }
    })
}

/// A run over the text that `text` writes to a folder and names in the settings, or over the built-in stories if it names none.
fn fixture_of(preset: &str, text: impl FnOnce(&Path, &mut RunConfig)) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    let (mut config, _, _) = small(preset, |_| {});
    config.tokenizer.vocabulary = 300;
    config.data.paths = Vec::new();
    config.data.corpus_bytes = 300_000;
    config.data.validation = 0.1;
    text(folder.path(), &mut config);
    let prepared = data::prepare(&config, project.folder(), &mut |_| {}).unwrap();
    let vocabulary = prepared.tokenizer.vocabulary_size();
    let (mut config, _, parameters) = small(preset, |config| config.model.vocabulary = vocabulary);
    config.model.vocabulary = vocabulary;
    let run = project.create_run(&config, &prepared.folder).unwrap();
    Fixture { _folder: folder, config, prepared, run, parameters }
}

fn evaluated(fixture: &Fixture, settings: &EvaluateSettings) -> Likelihood {
    let Fixture { config, prepared, run, parameters, .. } = fixture;
    let tokenizer = TokenizerFiles::with(prepared.tokenizer.clone(), &prepared.folder).unwrap();
    let mut scorer = block_on(Scorer::open(&config.model, parameters, "cpu", Some(2))).unwrap();
    let mut subject = Subject { scorer: &mut scorer, tokenizer: &tokenizer, run, parameters };
    let mut told = 0;
    let found = block_on(likelihood(&mut subject, settings, &mut |_, done, of| {
        assert!(done <= of, "{done} of {of}");
        told += 1;
    }))
    .unwrap();
    let calibration = found.calibration.iter().map(|own| &own.ece);
    for metric in found.metrics.iter().chain(calibration) {
        assert!(is_titled(&metric.name), "evaluation/measures.rs lacks {}", metric.name);
    }
    assert!(told > 3 && found.tokens_per_s.is_some_and(|speed| speed > 0.0));
    found
}

fn settings() -> EvaluateSettings {
    EvaluateSettings { resamples: 200, ..EvaluateSettings::default() }
}

fn metric<'found>(found: &'found Likelihood, name: &str) -> &'found Metric {
    found.metrics.iter().find(|metric| metric.name == name).unwrap()
}

fn value(found: &Likelihood, name: &str) -> f64 {
    metric(found, name).value.unwrap()
}

/// The mean loss of the whole validation split, as a trainer with full evaluation computes it.
fn loss_of_split(fixture: &Fixture) -> f64 {
    let Fixture { config, prepared, parameters, .. } = fixture;
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    let optimizer = Optimizer::new(&config.train);
    let (mut executor, _) = block_on(Executor::open("cpu", &graphs, optimizer, Some(2))).unwrap();
    let state = ArenaState::from_weights(parameters.clone());
    block_on(executor.set_state(&state)).unwrap();
    let (mut sum, mut count) = (0.0, 0.0);
    for batch in prepared.batches(config).unwrap().full(Split::Validation) {
        let batch = MicroBatch { scores: None, ..batch.unwrap() };
        let (loss, counted) = block_on(executor.evaluate(&[batch])).unwrap()[0];
        sum += f64::from(loss) * f64::from(counted);
        count += f64::from(counted);
    }
    sum / count
}

#[test]
fn a_single_text_in_windows_without_overlap_has_the_loss_that_the_trainer_computes() {
    let fixture = fixture(true, "llama-tiny");
    let window = fixture.config.model.context_length;
    let found = evaluated(&fixture, &EvaluateSettings { stride: Some(window), ..settings() });
    let expected = loss_of_split(&fixture);
    assert!((value(&found, "loss") - expected).abs() < 1e-5, "{} {expected}", value(&found, "loss"));
    assert!((value(&found, "perplexity") / expected.exp() - 1.0).abs() < 1e-5);
    // All tokens but the first, and all bytes.
    let index = fixture.prepared.store.index().unwrap();
    assert_eq!((found.documents, found.tokens), (1, fixture.prepared.store.len(Split::Validation) - 1));
    assert_eq!((found.bytes, found.stride, found.window), (index.validation.bytes, window, window));
    // A single text is split into passages, so that there are confidence intervals.
    assert!(found.by_document.len() > 16, "{}", found.by_document.len());
    assert!(found.split.contains("passages"), "{}", found.split);
    assert!(metric(&found, "loss").interval.is_some());
    // A temperature is fitted on every other passage and checked on the rest.
    let calibration = found.calibration.as_ref().unwrap();
    let checked = calibration.checked.each_ref().map(|own| own.count);
    assert_eq!(checked.map(|count| count + calibration.fitted_tokens), [found.tokens; 2]);
    assert!(checked[0] * 4 > found.tokens && calibration.fitted_tokens * 4 > found.tokens, "{checked:?}");
    // With random weights, half a window of context is not necessarily better than none, but the number must differ.
    let overlapping = evaluated(&fixture, &settings());
    assert_eq!((overlapping.tokens, overlapping.stride), (found.tokens, window / 2));
    assert_ne!(value(&overlapping, "loss"), value(&found, "loss"));
}

/// Text is read in two halves, but comparison with a baseline needs the same documents in the same order.
#[test]
fn documents_and_passages_stay_in_the_order_of_the_text() {
    for single in [true, false] {
        let fixture = fixture(single, "llama-tiny");
        let found = evaluated(&fixture, &settings());
        let Fixture { config, prepared, run, parameters, .. } = &fixture;
        let tokenizer = TokenizerFiles::with(prepared.tokenizer.clone(), &prepared.folder).unwrap();
        let mut scorer = block_on(Scorer::open(&config.model, parameters, "cpu", Some(2))).unwrap();
        let subject = Subject { scorer: &mut scorer, tokenizer: &tokenizer, run, parameters };
        let beside = block_on(baselines(&subject, &found, &settings(), &mut |_, _, _| ())).unwrap();
        let uniform = beside.iter().find(|one| one.name == "uniform").unwrap();
        let difference = uniform.difference.as_ref().expect("the same documents").value.unwrap();
        let expected = uniform.bits_per_byte.value.unwrap() - value(&found, "bits_per_byte");
        assert!((difference - expected).abs() < 1e-9, "{difference} {expected}");
    }
}

#[test]
fn a_stride_that_would_leave_tokens_out_is_refused() {
    let Fixture { config, prepared, run, parameters, .. } = &fixture(true, "llama-tiny");
    let tokenizer = TokenizerFiles::with(prepared.tokenizer.clone(), &prepared.folder).unwrap();
    let mut scorer = block_on(Scorer::open(&config.model, parameters, "cpu", Some(1))).unwrap();
    let mut subject = Subject { scorer: &mut scorer, tokenizer: &tokenizer, run, parameters };
    for (stride, nearest) in [(0, 1), (33, 32)] {
        let settings = EvaluateSettings { stride: Some(stride), ..settings() };
        let refused =
            block_on(likelihood(&mut subject, &settings, &mut |_, _, _| ())).unwrap_err().to_string();
        assert!(refused.contains(&format!("the nearest is {nearest} (1 to 32)")), "{refused}");
    }
}

#[test]
fn everything_that_is_said_of_a_text_adds_up() {
    let fixture = fixture(false, "gpt2-124m");
    let found = evaluated(&fixture, &settings());
    let store = &fixture.prepared.store;
    let index = store.index().unwrap();
    // Every token is predicted, the first one after an end-of-text token.
    assert_eq!((found.tokens, found.bytes), (store.len(Split::Validation), index.validation.bytes));
    assert_eq!(found.documents as usize, found.by_document.len());
    assert!(found.documents > 16 && found.split == "validation", "{}", found.split);
    let nats: f64 = found.by_document.iter().map(|document| document.nats).sum();
    assert!((nats / found.tokens as f64 - value(&found, "loss")).abs() < 1e-9);
    let bits = nats / std::f64::consts::LN_2 / found.bytes as f64;
    assert!((bits - value(&found, "bits_per_byte")).abs() < 1e-9);
    assert!(
        (value(&found, "loss").exp() - value(&found, "perplexity")).abs()
            < 1e-6 * value(&found, "perplexity")
    );
    assert!(value(&found, "token_accuracy") <= value(&found, "top_5_accuracy"));
    for name in ["loss", "perplexity", "bits_per_byte", "token_accuracy", "top_5_accuracy"] {
        let Metric { value, interval, .. } = metric(&found, name);
        let ([low, high], value) = (interval.unwrap(), value.unwrap());
        assert!(low <= value && value <= high, "{name}: {low} {value} {high}");
    }
    for name in ["repetition", "distinct_2", "repetition_of_text", "distinct_2_of_text"] {
        assert!((0.0..=1.0).contains(&value(&found, name)), "{name}");
    }
    let frequency = found.by.iter().find(|by| by.name == LossGrouping::Frequency).unwrap();
    assert_eq!(frequency.groups.iter().map(|(_, metric)| metric.count).sum::<u64>(), found.tokens);
    let position = found.by.iter().find(|by| by.name == LossGrouping::Position).unwrap();
    let labels: Vec<&str> = position.groups.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["1", "2 to 3", "4 to 7", "8 to 15", "16 to 31", "32"]);

    let calibration = found.calibration.as_ref().unwrap();
    assert_eq!(calibration.bins.iter().map(|bin| bin.count).sum::<u64>(), found.tokens);
    assert!(calibration.temperature > 0.0 && calibration.ece.value.is_some());
    let accuracy: f64 = calibration.bins.iter().map(|bin| bin.accuracy * bin.count as f64).sum();
    assert!((accuracy / found.tokens as f64 - value(&found, "token_accuracy")).abs() < 1e-9);
    for (count, name) in [
        (found.by_document.iter().map(|own| own.right).sum::<u32>(), "token_accuracy"),
        (found.by_document.iter().map(|own| own.right_of_5).sum::<u32>(), "top_5_accuracy"),
    ] {
        assert!((f64::from(count) / found.tokens as f64 - value(&found, name)).abs() < 1e-9, "{name}");
    }
    let [documents, tokens, kinds] = found.errors.as_slice() else { panic!("three tables") };
    let shares = |column: usize| -> f64 {
        kinds
            .rows
            .iter()
            .map(|row| if let Cell::Number(share) = row[column] { share } else { f64::NAN })
            .sum()
    };
    assert!((shares(2) - 1.0).abs() < 1e-9 && (shares(3) - 1.0).abs() < 1e-9);
    for table in [documents, tokens, kinds] {
        assert!(!table.rows.is_empty() && table.rows.iter().all(|row| row.len() == table.columns.len()));
    }
    let worst = |cell: &Cell| match cell {
        Cell::Passage(passage) => passage.clone(),
        other => panic!("{other:?}"),
    };
    let passage = worst(&tokens.rows[0][0]);
    assert!(!passage.prompt.is_empty() && !passage.token.is_empty());
    // The worst token overall is the worst of its kind.
    assert!(kinds.rows.iter().any(|row| worst(&row[5]) == passage), "{kinds:?}");

    // A second evaluation is bit-identical, except for its duration.
    let again = evaluated(&fixture, &settings());
    assert_eq!(
        Likelihood { tokens_per_s: None, ..again },
        Likelihood { tokens_per_s: None, ..found.clone() }
    );
    let few = evaluated(&fixture, &EvaluateSettings { documents: Some(5), ..settings() });
    assert_eq!(few.by_document.len(), 5);
    assert!(
        few.by_document.iter().all(|document| found.by_document.contains(document)),
        "the same documents"
    );
    assert!(few.split.starts_with("validation, 5 of its"), "{}", few.split);
}

/// Two sources of a cleaned folder, with a fifth of the documents held out.
#[test]
fn losses_of_sources_add_up_to_that_of_the_text() {
    let fixture = fixture_of("llama-tiny", |folder, config| {
        let cleaned = folder.join("cleaned");
        std::fs::create_dir(&cleaned).unwrap();
        let (mut kept, mut sources, mut all) = (String::new(), Vec::new(), 0);
        for source in ["letters", "tales"] {
            let mut bytes = 0;
            for at in 0..100 {
                let text = format!("Of the {source} number {at} says that {} foxes went home.", at * 7 % 31);
                let split = if at % 5 == 0 { "validation" } else { "train" };
                bytes += text.len();
                let line =
                    json!({ "id": format!("{source}{at}"), "source": source, "split": split, "text": text });
                writeln!(kept, "{line}").unwrap();
            }
            sources.push(json!({ "name": source, "documents": 100, "bytes": bytes, "licences": [] }));
            all += bytes;
        }
        std::fs::write(cleaned.join("kept.jsonl"), &kept).unwrap();
        let index = json!({
            "format": 1, "recipe": "light", "documents": 200, "bytes": all, "validation": 0.2,
            "sources": sources, "mixture": {},
        });
        std::fs::write(cleaned.join("corpus.json"), index.to_string()).unwrap();
        config.data.paths = vec![cleaned.display().to_string()];
    });
    let found = evaluated(&fixture, &settings());
    let source = found.by.iter().find(|by| by.name == LossGrouping::Source).unwrap();
    let names: Vec<&str> = source.groups.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, found.documents), (vec!["letters", "tales"], 40));
    assert_eq!(source.groups.iter().map(|(_, metric)| metric.count).sum::<u64>(), found.tokens);
    let nats = source.groups.iter().map(|(_, metric)| metric.value.unwrap() * metric.count as f64);
    assert!((nats.sum::<f64>() / found.tokens as f64 - value(&found, "loss")).abs() < 1e-9);
    assert!(source.groups.iter().all(|(_, metric)| metric.interval.is_some()));
}

/// Logits scaled by eight are overconfident. The temperature fitted on one half of the documents corrects the other.
#[test]
fn a_temperature_of_half_the_documents_calibrates_the_others() {
    let mut fixture = fixture(false, "llama-tiny");
    let Fixture { config, parameters, .. } = &mut fixture;
    let graph = training_graphs(&config.model, &config.train).unwrap().train;
    let layout = ArenaLayout::new(&graph);
    let head = graph.parameters.iter().position(|own| own.name == "head.weight");
    // A tied head reads the embedding table.
    let head = head.unwrap_or(0);
    let range = layout.offsets[head]..layout.offsets[head] + layout.counts[head];
    parameters[range].iter_mut().for_each(|weight| *weight *= 8.0);
    let found = evaluated(&fixture, &settings());
    let calibration = found.calibration.as_ref().unwrap();
    let [without, with] = &calibration.checked;
    // Every token counts in one of the halves.
    assert!(
        without.count > 100 && with.count == without.count && calibration.fitted_tokens > 100,
        "{with:?}"
    );
    assert_eq!(with.count + calibration.fitted_tokens, found.tokens);
    assert!(calibration.temperature > 1.5, "{}", calibration.temperature);
    let (without, with) = (without.value.unwrap(), with.value.unwrap());
    assert!(with < 0.8 * without, "{with} in the place of {without}");
}

#[test]
fn slow_python_pytorch_computes_the_same_perplexity() {
    for (single, preset) in [(true, "gpt2-124m"), (false, "llama-tiny")] {
        let fixture = fixture(single, preset);
        let folder = tempfile::tempdir().unwrap();
        write(&fixture.config, &fixture.prepared.tokenizer, &fixture.parameters, folder.path());
        for stride in [16, 32] {
            let found = evaluated(&fixture, &EvaluateSettings { stride: Some(stride), ..settings() });
            let mut command = python("perplexity.py");
            command.arg(folder.path()).arg(&fixture.prepared.folder);
            let told = output_of(command.args(["--stride", &stride.to_string()]));
            let theirs: Value = serde_json::from_slice(&told).unwrap();
            assert_eq!(theirs["tokens"], found.tokens);
            let (ours, theirs) = (value(&found, "perplexity"), theirs["perplexity"].as_f64().unwrap());
            assert!(
                (ours / theirs - 1.0).abs() < 1e-4,
                "{preset}, stride {stride}: {ours} and PyTorch's {theirs}"
            );
        }
    }
}
