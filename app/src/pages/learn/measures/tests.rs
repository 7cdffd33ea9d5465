use super::*;
use crate::pages::learn::lesson::Lesson;
use crate::pages::learn::library::Library;
use glasshouse_protocol::answer;
use glasshouse_protocol::inspect::{ElementKind, Inspected, Match, TensorSummary, TokenText};

fn run(name: &str, step: u64, best_val_loss: f32) -> RunSummary {
    let file = format!("step-{step}.safetensors");
    let checkpoint = CheckpointSummary { file, step, best: true, ..CheckpointSummary::default() };
    RunSummary {
        name: name.to_owned(),
        step,
        steps: step,
        best_val_loss: Some(best_val_loss),
        checkpoints: vec![checkpoint],
        state: RunState::Finished,
        ..RunSummary::default()
    }
}

/// The state after a project with these runs was opened.
fn opened(runs: Vec<RunSummary>) -> State {
    let mut state = State::default();
    let config = presets::preset("first-stories-small").unwrap();
    let tokenizer = TokenizerSummary {
        config: config.tokenizer.clone(),
        vocabulary: 256,
        train_tokens: 10,
        validation_tokens: 1,
        bytes_per_token: 2.0,
        unused: 0,
        merges: true,
    };
    let project = ProjectSummary { id: "owls".to_owned(), ..ProjectSummary::default() };
    let (drafts, tokenizer) = (Drafts::new(config), Some(tokenizer));
    let opened = OpenedProject { opening: 1, project, drafts, tokenizer, runs };
    send(&mut state, Event::Project { opened: Some(Box::new(opened)) });
    state
}

fn send(state: &mut State, event: impl Into<Event>) {
    state.apply(Envelope::plain(Report { request: None, event: event.into() }));
}

fn history(run: &str, config: RunConfig, losses: &[f32], gap: f32) -> History {
    let steps = losses.iter().zip(1..);
    let mut events: Vec<TrainEvent> = steps
        .map(|(loss, step)| TrainEvent::Step {
            step,
            loss: *loss,
            lr: 1e-3,
            grad_norm: 1.0,
            tokens_per_s: 1.0,
            skipped: false,
        })
        .collect();
    let step = losses.len() as u64;
    events.push(TrainEvent::Eval {
        step,
        train_loss: 2.0,
        val_loss: 2.0 + gap,
        best: true,
        preference: None,
    });
    History { run: run.to_owned(), config: Box::new(config), events, checkpoints: Vec::new() }
}

fn take(state: &State, name: &str, instrument: &Instrument) -> Result<(f64, String), Missing> {
    find(name)
        .unwrap()
        .take(state, instrument, &BTreeSet::new())
        .map(|measured| (measured.value, measured.sentence))
}

fn near(found: Result<(f64, String), Missing>, value: f64, says: &str) {
    let (measured, sentence) = found.unwrap();
    assert!((measured - value).abs() < 1e-4, "{measured}: {sentence}");
    assert!(sentence.contains(says), "{sentence}");
}

/// A tensor of floats: name, axes, entries.
type Floats<'a> = (&'a str, &'a [usize], &'a [f32]);

/// Answers an inspection of the lesson's prompt by run `1-owls` at its second position.
fn inspected(
    state: &mut State,
    instrument: &Instrument,
    view: View,
    floats: &[Floats<'_>],
    integers: &[(&str, &[usize], &[u32])],
    details: Vec<Detail>,
) {
    let summary = |name: &str, sizes: &[usize], element| {
        let axes: Vec<_> = sizes.iter().map(|size| ("n", *size)).collect();
        TensorSummary::new(name, "", &axes, element)
    };
    let mut tensors: Vec<TensorSummary> =
        floats.iter().map(|(name, axes, _)| summary(name, axes, ElementKind::F32)).collect();
    tensors.extend(integers.iter().map(|(name, axes, _)| summary(name, axes, ElementKind::U32)));
    let mut bytes: Vec<Vec<u8>> = floats
        .iter()
        .map(|(.., values)| values.iter().copied().flat_map(f32::to_le_bytes).collect())
        .collect();
    bytes.extend(
        integers.iter().map(|(.., values)| values.iter().copied().flat_map(u32::to_le_bytes).collect()),
    );
    let token = |(id, text): (u32, &str)| TokenText { id, text: text.to_owned() };
    let inspection = Inspection {
        run: "1-owls".to_owned(),
        step: 400,
        layers: 2,
        heads: 2,
        prompt: instrument.prompt.clone(),
        tokens: [(5, "An"), (6, " owl")].map(token).to_vec(),
        position: 1,
        views: vec![Inspected::new(view, tensors, details, Vec::new(), 1.0)],
        ..Inspection::default()
    };
    let command = Command::Inspect {
        source: WeightSource::Current,
        prompt: instrument.prompt.clone(),
        further: Vec::new(),
        views: vec![view],
        settings: Box::new(instrument.settings(view)),
    };
    state.sent(9, &command);
    let event = Event::Inspected { inspection: Box::new(inspection) };
    state.apply(Envelope { body: Report { request: Some(9), event }, bytes });
}

/// Answers an inspection with floats only.
fn seen(state: &mut State, instrument: &Instrument, view: View, floats: &[Floats<'_>]) {
    inspected(state, instrument, view, floats, &[], Vec::new());
}

fn of(view: View) -> Instrument {
    Instrument { view: Some(view), prompt: "An owl".to_owned(), ..Instrument::default() }
}

#[test]
fn names_are_distinct_and_each_measure_says_what_it_lacks() {
    let empty = State::default();
    for measure in ALL {
        assert_eq!(find(measure.name).unwrap().name, measure.name);
        let instrument = Instrument { tokens: Some("An owl".to_owned()), ..of(View::Tokens) };
        let lacks = measure.take(&empty, &instrument, &BTreeSet::new()).unwrap_err();
        match measure.needs() {
            Needs::Tokens => assert_eq!(lacks, Missing::Tokens),
            _ => assert!(
                matches!(&lacks, Missing::Runs(what) if what.ends_with('.')),
                "{}: {lacks:?}",
                measure.name
            ),
        }
    }
    let names: std::collections::BTreeSet<&str> = ALL.iter().map(|measure| measure.name).collect();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn text_is_measured_once_its_own_tokens_are_there() {
    let mut state = opened(Vec::new());
    let instrument = Instrument { tokens: Some("An owl".to_owned()), ..Instrument::default() };
    let tokens = |text: &str| {
        Event::Tokens(answer::Tokens {
            text: text.to_owned(),
            tokens: ["An", " o", "wl"]
                .map(|text| TokenSummary { id: 1, text: text.to_owned(), special: false })
                .to_vec(),
            lost: String::new(),
            merges: None,
        })
    };
    send(&mut state, tokens("Another text"));
    assert_eq!(take(&state, "characters_per_token", &instrument), Err(Missing::Tokens));
    send(&mut state, tokens("An owl"));
    near(take(&state, "characters_per_token", &instrument), 2.0, "6 characters in 3 tokens");
}

#[test]
fn the_model_that_was_trained_for_most_steps_is_looked_at() {
    let runs = vec![run("1-owls", 400, 2.0), run("2-short", 40, 3.0)];
    let state = opened(runs);
    let checkpoint = "step-400.safetensors".into();
    let expected = WeightSource::Checkpoint { run: "1-owls".to_owned(), checkpoint };
    assert_eq!(source(&state, None), Some(expected.clone()));
    let lacks = take(&state, "attention_peak", &of(View::Head));
    assert_eq!(lacks, Err(Missing::View(View::Head, expected)));
}

#[test]
fn views_are_measured_at_the_position_that_was_looked_at() {
    let mut state = opened(vec![run("1-owls", 400, 2.0)]);
    let instrument = of(View::Head);
    seen(&mut state, &instrument, View::Head, &[("probabilities", &[2, 2], &[1.0, 0.0, 0.75, 0.25])]);
    near(take(&state, "attention_peak", &instrument), 0.75, "“An” at position 0");

    let scores = [0.1, 0., 0., 0.9, 0.2, 0., 0., 0., 0.6, 0., 0., 0.1, 0.3, 0., 0., 0.];
    let instrument = of(View::Attention);
    seen(&mut state, &instrument, View::Attention, &[("scores", &[2, 2, 4], &scores)]);
    near(take(&state, "previous_token_score", &instrument), 0.6, "Head 0 of layer 1");
    near(take(&state, "induction_score", &instrument), 0.9, "Head 0 of layer 0");

    let instrument = of(View::WhatIf);
    let parts: [Floats<'_>; 2] = [("heads", &[2, 2], &[0.1, 0.5, 0.2, 0.0]), ("mlps", &[2], &[0.25, 1.0])];
    seen(&mut state, &instrument, View::WhatIf, &parts);
    near(take(&state, "mlp_over_head", &instrument), 2.0, "without head 1 of layer 0");

    let instrument = of(View::Residual);
    let norms = [1.0, 2.0, 3.0, 3.0, 4.0, 8.0];
    seen(&mut state, &instrument, View::Residual, &[("norms", &[3, 2], &norms)]);
    near(take(&state, "residual_growth", &instrument), 4.0, "norm is 2.00 at the embedding and 8.00");

    let instrument = of(View::LogitLens);
    let top: [(&str, &[usize], &[u32]); 1] = [("top", &[3, 2], &[1, 7, 1, 9, 1, 9])];
    inspected(&mut state, &instrument, View::LogitLens, &[], &top, vec![]);
    let says = "#9 is the final prediction, and leads for good after 1 of 2";
    near(take(&state, "first_leading_layer", &instrument), 1.0, says);

    let instrument = Instrument { temperature: Some(0.5), ..of(View::NextToken) };
    let shares: [Floats<'_>; 2] = [("probability", &[2], &[0.4, 0.1]), ("tempered", &[2], &[0.6, 0.05])];
    inspected(&mut state, &instrument, View::NextToken, &shares, &[("kept", &[1], &[3])], vec![]);
    near(take(&state, "tokens_kept", &instrument), 3.0, "temperature 0.5");
    near(take(&state, "top_probability_ratio", &instrument), 1.5, "1.50 times");

    let instrument = of(View::Tokens);
    seen(&mut state, &instrument, View::Tokens, &[("surprise", &[2], &[0.0, 6.0])]);
    near(take(&state, "surprise_share", &instrument), 0.75, "a uniform guess has 8.00 bits");

    let instrument = of(View::Embeddings);
    let tokens = vec![TokenText { id: 3, text: " bird".to_owned() }];
    let details = vec![Detail::Tokens { tokens }];
    let integers: [(&str, &[usize], &[u32]); 1] = [("neighbours", &[2], &[6, 3])];
    let floats: [Floats<'_>; 1] = [("cosines", &[2], &[1.0, 0.5])];
    inspected(&mut state, &instrument, View::Embeddings, &floats, &integers, details);
    near(take(&state, "nearest_cosine", &instrument), 0.5, "“·bird”");

    let instrument = of(View::Provenance);
    let found = |length| Match {
        start: 0,
        length,
        occurrences: 1,
        context: Default::default(),
        document: None,
        place: 0,
        further: Vec::new(),
    };
    let matches = vec![found(3), found(11), found(4)];
    let details = vec![Detail::Matches { matches, found: 3, searched: 9, index_bytes: 1, build_ms: 0.0 }];
    inspected(&mut state, &instrument, View::Provenance, &[], &[], details);
    near(take(&state, "longest_match", &instrument), 11.0, "11 tokens");

    // An answer to another question does not count.
    let other = Instrument { layer: Some(1), ..of(View::Head) };
    assert!(matches!(take(&state, "attention_peak", &other), Err(Missing::View(View::Head, _))));
}

#[test]
fn a_model_that_was_trained_on_is_looked_at_again() {
    let mut state = opened(vec![run("1-owls", 400, 2.0)]);
    let instrument = of(View::Head);
    seen(&mut state, &instrument, View::Head, &[("probabilities", &[2, 2], &[1.0, 0.0, 0.75, 0.25])]);
    assert!(take(&state, "attention_peak", &instrument).is_ok());
    send(&mut state, Event::Runs { runs: vec![run("1-owls", 440, 1.5)] });
    let lacks = take(&state, "attention_peak", &instrument);
    let Err(Missing::View(View::Head, WeightSource::Checkpoint { checkpoint, .. })) = &lacks else {
        panic!("{lacks:?}")
    };
    assert_eq!(checkpoint.as_str(), "step-440.safetensors");
}

#[test]
fn a_fine_tune_is_not_the_latest_run_and_one_that_cannot_be_read_is_done_without() {
    let tuned = RunSummary { start: Some(Start::best_of("1-a")), ..run("3-tuned", 40, 1.0) };
    let mut state = opened(vec![run("1-a", 40, 2.0), run("2-b", 40, 1.5), run("0-old", 40, 9.0), tuned]);
    let instrument = Instrument::default();
    let old = || vec!["0-old".to_owned()];
    assert_eq!(take(&state, "validation_gap", &instrument), Err(Missing::Histories(old())));
    let mut config = presets::preset("first-stories-small").unwrap();
    for (name, layers) in [("1-a", 1), ("2-b", 2)] {
        config.model.layers = layers;
        send(&mut state, history(name, config.clone(), &[3.0], 0.0));
    }
    assert_eq!(take(&state, "depth_loss_ratio", &instrument), Err(Missing::Histories(old())));
    let measure = find("depth_loss_ratio").unwrap();
    let measured = measure.take(&state, &instrument, &old().into_iter().collect()).unwrap();
    assert!((measured.value - 0.75).abs() < 1e-6, "{measured:?}");
}

#[test]
fn a_run_is_measured_by_its_losses() {
    let mut state = opened(vec![run("1-owls", 40, 2.0)]);
    let instrument = Instrument::default();
    assert_eq!(
        take(&state, "validation_gap", &instrument),
        Err(Missing::Histories(vec!["1-owls".to_owned()]))
    );
    let mut config = presets::preset("first-stories-small").unwrap();
    config.model.vocabulary = 256;
    let losses: Vec<f32> = (0..40).map(|step| if step < 8 { 6.0 - 0.5 * step as f32 } else { 2.0 }).collect();
    send(&mut state, history("1-owls", config, &losses, 0.25));
    near(take(&state, "first_loss_ratio", &instrument), 6.0 / 256_f64.ln(), "step 1");
    near(take(&state, "loss_falls", &instrument), 1.0 / 3.0, "6.000 to 2.000");
    near(take(&state, "half_fall_share", &instrument), 5.0 / 40.0, "step 5 of 40");
    near(take(&state, "validation_gap", &instrument), 0.25, "+0.250");
}

#[test]
fn runs_are_compared_that_differ_in_one_thing() {
    let runs = vec![run("1-a", 40, 2.0), run("2-b", 40, 1.5), run("3-c", 40, 1.0), run("4-d", 40, 3.0)];
    let mut state = opened(runs);
    let instrument = Instrument::default();
    let mut config = presets::preset("first-stories-small").unwrap();
    for (name, layers, rate) in [("1-a", 1, 1.0), ("2-b", 2, 1.0), ("3-c", 4, 1.0), ("4-d", 4, 0.5)] {
        assert!(matches!(take(&state, "depth_loss_ratio", &instrument), Err(Missing::Histories(_))));
        config.model.layers = layers;
        config.train.learning_rate = 1e-3 * rate;
        config.train.min_learning_rate = 1e-4 * rate;
        send(&mut state, history(name, config.clone(), &[3.0], 0.0));
    }
    near(take(&state, "depth_loss_ratio", &instrument), 0.5, "1.000 with 4 layers and 2.000 with 1 layer");
    near(take(&state, "learning_rate_loss_ratio", &instrument), 1.0 / 3.0, "3.000 with a learning rate");
    let mut alone = opened(vec![run("1-a", 40, 2.0)]);
    send(&mut alone, history("1-a", config, &[3.0], 0.0));
    assert!(matches!(take(&alone, "depth_loss_ratio", &instrument), Err(Missing::Runs(_))));
}

/// A person's own sweep is measured; the sample project's only if there is none.
#[test]
fn runs_that_came_with_the_sample_stand_in_for_a_persons_own() {
    let came_along = |name, loss| RunSummary { tags: vec!["sample".to_owned()], ..run(name, 40, loss) };
    let mut runs = vec![came_along("1-a", 4.0), came_along("2-b", 3.0), run("3-longer", 80, 1.0)];
    let instrument = Instrument::default();
    let measured = |runs: &[RunSummary], layers: &[usize]| {
        let mut state = opened(runs.to_vec());
        for (run, layers) in runs.iter().zip(layers) {
            let mut config = presets::preset("first-stories-small").unwrap();
            (config.model.layers, config.train.steps) = (*layers, run.step);
            send(&mut state, history(&run.name, config, &[3.0], 0.0));
        }
        let compared = find("depth_loss_ratio").unwrap().compared(&state);
        (take(&state, "depth_loss_ratio", &instrument), compared)
    };
    let (found, compared) = measured(&runs, &[1, 8, 2]);
    near(found, 0.75, "Both came with the sample project");
    assert_eq!(compared, ["1-a", "2-b"], "the longer run is none of the sweep");
    runs.push(run("4-c", 40, 2.0));
    near(measured(&runs, &[1, 8, 2, 8]).0, 0.5, "One of the two came with the sample project.");
    runs.push(run("5-d", 40, 2.5));
    let (found, compared) = measured(&runs, &[1, 8, 2, 8, 4]);
    near(found, 0.8, "2.000 with 8 layers and 2.500 with 4 layers: 0.800 of it.");
    assert_eq!(compared, ["4-c", "5-d"]);
}

#[test]
fn every_lesson_measures_something_that_its_prediction_can_hold_against() {
    let lessons: Vec<Lesson> = Library::of(&[]).lessons;
    for lesson in lessons {
        let measure = find(&lesson.head.check.measure).unwrap();
        assert!(!measure.about.is_empty() && !lesson.head.check.after.is_empty(), "{}", lesson.name);
        assert_eq!(lesson.head.prediction.choice_of(f64::NEG_INFINITY), 0, "{}", lesson.name);
        let last = lesson.head.prediction.choices.len() - 1;
        assert_eq!(lesson.head.prediction.choice_of(f64::MAX), last, "{}", lesson.name);
    }
}

#[test]
fn accuracies_tell_when_and_how_suddenly_held_out_rows_are_right() {
    let config = presets::preset("grokking").unwrap();
    let accuracies = [
        (0, 0.02, 0.01),
        (50, 0.6, 0.02),
        (100, 1.0, 0.03),
        (200, 1.0, 0.2),
        (300, 1.0, 0.5),
        (400, 1.0, 0.95),
    ];
    let mut run = run("1-grokking", 800, 0.1);
    run.preset = "grokking".to_owned();
    let mut state = opened(vec![run]);
    let instrument = Instrument { preset: Some("grokking".to_owned()), ..Instrument::default() };
    let mut known = history("1-grokking", config, &[2.0], 0.0);
    known.events.extend(accuracies.map(|(step, train, validation)| TrainEvent::Accuracy {
        step,
        train,
        validation,
    }));
    known.events.push(TrainEvent::Accuracy { step: 800, train: 1.0, validation: 1.0 });
    send(&mut state, known);
    near(take(&state, "accuracy_delay", &instrument), 4.0, "step 100 on");
    near(take(&state, "accuracy_rise", &instrument), 200.0 / 800.0, "Between steps 200 and 400 of 800");
    // Lessons about a text look at none of these runs, and lessons about other rows neither.
    for preset in [None, Some("addition".to_owned())] {
        let instrument = Instrument { preset, ..Instrument::default() };
        assert!(matches!(take(&state, "accuracy_delay", &instrument), Err(Missing::Runs(_))));
    }
    assert!(source(&state, None).is_none() && source(&state, Some("grokking")).is_some());
}
