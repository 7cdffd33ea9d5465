//! How well a model predicts what was held out: against the trainer's own loss, against sums that must agree, and against PyTorch.

use crate::export::{small, write};
use glasshouse_engine::data::{self, Prepared, Split};
use glasshouse_engine::evaluate::{Scorer, Subject, likelihood};
use glasshouse_engine::executor::Executor;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::optimizer::Optimizer;
use glasshouse_engine::project::{Project, Run};
use glasshouse_engine::protocol::evaluation::{Cell, Likelihood, Metric};
use glasshouse_engine::protocol::{EvaluateSettings, RunConfig, TokenizerKind};
use glasshouse_engine::step::{ArenaState, MicroBatch};
use glasshouse_engine::tokenizer::TokenizerFiles;
use glasshouse_tests::python;
use pollster::block_on;
use serde_json::Value;
use std::fmt::Write as _;

/// A run over a text with random weights away from their start.
struct Fixture {
    _folder: tempfile::TempDir,
    config: RunConfig,
    prepared: Prepared,
    run: Run,
    parameters: Vec<f32>,
}

/// One text of many lines, or as many short documents of the embedded stories.
fn fixture(single: bool, preset: &str) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    let text = folder.path().join("text.txt");
    let (mut config, _, _) = small(preset, |_| {});
    config.tokenizer.vocabulary = 300;
    config.data.paths = Vec::new();
    config.data.corpus_bytes = 300_000;
    config.data.validation = 0.1;
    if single {
        let mut lines = String::new();
        for number in 0..600_u32 {
            writeln!(lines, "Line {number} of the Play says {} to Tom, who went home.", number * number % 97)
                .unwrap();
        }
        std::fs::write(&text, lines).unwrap();
        config.tokenizer.kind = TokenizerKind::Char;
        config.data.paths = vec![text.display().to_string()];
    }
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

/// The mean loss of the whole validation split, as a trainer that evaluates all of it computes it.
fn loss_of_split(fixture: &Fixture) -> f64 {
    let Fixture { config, prepared, parameters, .. } = fixture;
    let graphs = training_graphs(&config.model, &config.train).unwrap();
    let optimizer = Optimizer::of(&config.train);
    let (mut executor, _) = block_on(Executor::open("cpu", &graphs, optimizer, Some(2))).unwrap();
    let state = ArenaState { parameters: parameters.clone(), ..ArenaState::default() };
    block_on(executor.set_state(&state)).unwrap();
    let (mut sum, mut count) = (0.0, 0.0);
    for batch in prepared.batches(config).unwrap().full(Split::Validation) {
        let batch = batch.unwrap();
        let (tokens, targets) = (batch.tokens, batch.targets);
        let batch = MicroBatch { tokens, targets, starts: batch.starts, ..MicroBatch::default() };
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
    // All but the first token, and all bytes.
    let index = fixture.prepared.store.index().unwrap();
    assert_eq!((found.documents, found.tokens), (1, fixture.prepared.store.len(Split::Validation) - 1));
    assert_eq!((found.bytes, found.stride, found.window), (index.validation.bytes, window, window));
    // One text is counted in passages, so that there are intervals.
    assert!(found.by_document.len() > 16, "{}", found.by_document.len());
    assert!(found.split.contains("passages"), "{}", found.split);
    assert!(metric(&found, "loss").interval.is_some());
    // Half of a window before each token is no worse than none, but for what random weights make of it: another number it must be.
    let overlapping = evaluated(&fixture, &settings());
    assert_eq!((overlapping.tokens, overlapping.stride), (found.tokens, window / 2));
    assert_ne!(value(&overlapping, "loss"), value(&found, "loss"));
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
        assert!(refused.contains(&format!("the nearest stride is {nearest} (1 to 32)")), "{refused}");
    }
}

#[test]
fn everything_that_is_said_of_a_text_adds_up() {
    let fixture = fixture(false, "gpt2-124m");
    let found = evaluated(&fixture, &settings());
    let store = &fixture.prepared.store;
    let index = store.index().unwrap();
    // Every token is predicted, the first behind what ends a document.
    assert_eq!((found.tokens, found.bytes), (store.len(Split::Validation), index.validation.bytes));
    assert_eq!(found.documents as usize, found.by_document.len());
    assert!(found.documents > 16 && found.split.starts_with("validation, all of it"), "{}", found.split);
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
    let frequency = found.by.iter().find(|by| by.name == "frequency").unwrap();
    assert_eq!(frequency.groups.iter().map(|(_, metric)| metric.count).sum::<u64>(), found.tokens);
    let position = found.by.iter().find(|by| by.name == "position").unwrap();
    let labels: Vec<&str> = position.groups.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["1", "2 to 3", "4 to 7", "8 to 15", "16 to 31", "32"]);

    let calibration = found.calibration.as_ref().unwrap();
    assert_eq!(calibration.bins.iter().map(|bin| bin.count).sum::<u64>(), found.tokens);
    assert!(calibration.temperature > 0.0 && calibration.ece.value.is_some());
    let accuracy: f64 = calibration.bins.iter().map(|bin| bin.accuracy * bin.count as f64).sum();
    assert!((accuracy / found.tokens as f64 - value(&found, "token_accuracy")).abs() < 1e-9);
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
    let Cell::Passage(passage) = &tokens.rows[0][0] else { panic!("a passage") };
    assert!(!passage.prompt.is_empty() && !passage.token.is_empty());

    // The same again, to the bit, but for how long it took.
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

#[test]
fn slow_python_pytorch_computes_the_same_perplexity() {
    for (single, preset) in [(true, "gpt2-124m"), (false, "llama-tiny")] {
        let fixture = fixture(single, preset);
        let folder = tempfile::tempdir().unwrap();
        write(&fixture.config, &fixture.prepared.tokenizer, &fixture.parameters, folder.path());
        for stride in [16, 32] {
            let found = evaluated(&fixture, &EvaluateSettings { stride: Some(stride), ..settings() });
            let output = python("perplexity.py")
                .arg(folder.path())
                .arg(&fixture.prepared.folder)
                .args(["--stride", &stride.to_string()])
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(theirs["tokens"], found.tokens);
            let (ours, theirs) = (value(&found, "perplexity"), theirs["perplexity"].as_f64().unwrap());
            assert!(
                (ours / theirs - 1.0).abs() < 1e-4,
                "{preset}, stride {stride}: {ours} and PyTorch's {theirs}"
            );
        }
    }
}
