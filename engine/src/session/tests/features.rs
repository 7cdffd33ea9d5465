//! Dictionaries of a run's model.

use super::*;
use crate::protocol::features::{
    DictionaryKind, DictionarySettings, FeatureQuery, GraphQuery, GraphSource, Life, Steering,
};
use crate::protocol::influence::{InfluenceQuery, InfluentialPassage};

fn settings(at: &str) -> Box<DictionarySettings> {
    Box::new(DictionarySettings {
        at: at.to_owned(),
        width: 48,
        k: 4,
        tokens: 60_000,
        ..DictionarySettings::default()
    })
}

fn train_dictionary(at: &str) -> (Option<Trigger>, Command) {
    after(Command::TrainDictionary { source: WeightSource::Current, settings: settings(at) })
}

/// Commands on the latest dictionary of the first run.
fn read(query: FeatureQuery) -> (Option<Trigger>, Command) {
    after(Command::ReadFeatures { run: "1".to_owned(), dictionary: None, query })
}

fn name(feature: usize, name: &str) -> (Option<Trigger>, Command) {
    let name = name.to_owned();
    after(Command::NameFeature { run: "1".to_owned(), dictionary: Some(1), feature, name })
}

fn import(from: &Path, at: Option<&str>) -> (Option<Trigger>, Command) {
    let (from, at) = (Some(from.to_owned()), at.map(str::to_owned));
    after(Command::ImportDictionary { source: WeightSource::Current, from, at })
}

fn steer(feature: usize, by: f32) -> (Option<Trigger>, Command) {
    let config = GenerateConfig { max_tokens: 12, temperature: 0.0, ..GenerateConfig::default() };
    let steering = Box::new(Steering { feature, by, clamp: false, prompt: "One day".to_owned(), config });
    after(Command::SteerFeature { run: "1".to_owned(), dictionary: None, steering })
}

#[test]
fn a_dictionary_recovers_the_loss_and_its_features_are_found_in_text() {
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("sae");
    let export = |run: &str, keep| {
        Export::Dictionary { run: run.to_owned(), dictionary: Some(1) }.to(Some(to.clone()), keep)
    };
    let list = FeatureQuery { count: 5, ..FeatureQuery::default() };
    let heard = play_trained(
        tiny(40),
        vec![
            train_dictionary("blocks.0.mlp.output"),
            read(list.clone()),
            read(FeatureQuery { text: Some("Once upon a time".to_owned()), ..list.clone() }),
            read(FeatureQuery { feature: Some(7), ..list }),
            steer(7, 0.0),
            steer(7, 500.0),
            steer(7, -500.0),
            after(export("1", true)),
            name(7, "heroes"),
            read(FeatureQuery { feature: Some(7), ..FeatureQuery::default() }),
            // It comes back with the same weights, as the run's second dictionary.
            import(&to, None),
            // These fail.
            after(export("1", true)),
            read(FeatureQuery { feature: Some(48), ..FeatureQuery::default() }),
            train_dictionary("blocks.9.mlp.output"),
            steer(48, 1.0),
            name(48, "none"),
            import(out.path(), None),
            import(&to, Some("blocks.0.mlp.hidden")),
        ],
    );
    let mut dictionaries: Vec<_> =
        told!(heard, Event::Dictionary(dictionary) => dictionary.clone()).collect();
    let imported = dictionaries.pop().unwrap();
    let named = dictionaries.pop().unwrap();
    let last = dictionaries.last().unwrap();
    assert_eq!(named.name(7), Some("heroes"));
    let measured = imported.recovery.unwrap();
    assert_eq!(Some(measured), last.recovery, "the same function on the same text");
    assert_eq!(
        (imported.number, imported.settings.width, &*imported.settings.at),
        (2, 48, "blocks.0.mlp.output")
    );
    assert!(dictionaries[0].curve.is_empty() && dictionaries[0].bytes > 0, "{:?}", dictionaries[0]);
    let recovery = last.recovery.unwrap();
    assert!(recovery.recovered.unwrap() > 0.5 && recovery.clean < recovery.zero, "{recovery:?}");
    assert!(recovery.explained_variance > 0.5 && recovery.l0 <= 4.0, "{recovery:?}");
    let curve = &last.curve;
    assert!(curve.len() == 15 && curve[14].loss < curve[0].loss, "{curve:?}");

    let answers: Vec<_> = told!(heard, Event::Features(features) => features.clone()).collect();
    let [list, found, described, renamed] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(renamed.card.as_ref().unwrap().name.as_deref(), Some("heroes"));
    let patterns = list.features.iter().filter_map(|own| own.pattern.as_ref());
    assert!(patterns.clone().count() > 0);
    for pattern in patterns {
        assert!(pattern.precision > 0.0 && pattern.precision <= 1.0 && pattern.recall <= 1.0, "{pattern:?}");
    }
    assert!(list.features.windows(2).all(|pair| pair[0].density >= pair[1].density), "{list:?}");
    assert!(list.features.iter().all(|own| own.raises.len() == 3 && own.max > 0.0));
    let strongest: Vec<f32> = found.features.iter().map(|own| own.in_text.as_ref().unwrap().0).collect();
    assert!(!strongest.is_empty() && strongest.windows(2).all(|pair| pair[0] >= pair[1]), "{strongest:?}");
    let card = described.card.as_ref().unwrap();
    assert!(
        card.passages.len() <= 5
            && card.neighbours.len() == 5
            && card.raises[0].effect >= card.lowers[0].effect
    );
    assert_eq!(card.passages.is_empty(), card.density == 0.0, "{card:?}");
    if let Some(first) = card.passages.first() {
        assert_eq!(first.activations[first.peak], card.max);
    }

    let steered: Vec<_> = told!(heard, Event::Steered(steered) => steered.clone()).collect();
    assert_eq!(steered[0].plain, steered[0].steered, "nothing was added");
    assert_eq!(steered[0].plain, steered[1].plain);
    // One of the opposite directions may raise the token that the model writes anyway.
    assert_ne!(steered[1].steered, steered[2].steered);

    let failures = failures(&heard);
    let wanted = [
        "holds an exported dictionary already",
        "has no feature 48",
        "has no hook point",
        "has no feature 48",
        "has no feature 48",
        "cfg.json",
        "but blocks.0.mlp.hidden of this model has",
    ];
    assert_eq!(failures.len(), wanted.len(), "{failures:?}");
    assert!(failures.iter().zip(wanted).all(|(told, wanted)| told.contains(wanted)), "{failures:?}");
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(to.join("cfg.json")).unwrap()).unwrap();
    assert_eq!(
        (&config["architecture"], &config["d_sae"], &config["k"]),
        (&"topk".into(), &48.into(), &4.into())
    );
}

#[test]
fn thresholds_are_trained_read_steered_exported_and_imported() {
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("sae");
    let jump = DictionarySettings { kind: DictionaryKind::JumpRelu, ..*settings("blocks.0.mlp.output") };
    let heard = play_trained(
        tiny(40),
        vec![
            after(Command::TrainDictionary { source: WeightSource::Current, settings: Box::new(jump) }),
            after(Export::Dictionary { run: "1".to_owned(), dictionary: None }.to(Some(to.clone()), true)),
            import(&to, None),
            read(FeatureQuery { text: Some("Once upon a time".to_owned()), ..FeatureQuery::default() }),
            steer(7, 500.0),
        ],
    );
    assert!(failures(&heard).is_empty(), "{:?}", failures(&heard));
    let mut all: Vec<_> = told!(heard, Event::Dictionary(dictionary) => dictionary.clone()).collect();
    let (imported, trained) = (all.pop().unwrap(), all.pop().unwrap());
    let recovery = trained.recovery.unwrap();
    assert!(recovery.recovered.unwrap() > 0.5 && (0.1..24.0).contains(&recovery.l0), "{recovery:?}");
    assert!(trained.curve[14].loss < trained.curve[0].loss, "{:?}", trained.curve);
    assert_eq!((imported.recovery, imported.settings.kind), (Some(recovery), DictionaryKind::JumpRelu));
    let read = told!(heard, Event::Features(features) => features.features.len()).next();
    assert!(read.is_some_and(|count| count > 0));
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(to.join("cfg.json")).unwrap()).unwrap();
    assert_eq!((&config["architecture"], &config["k"]), (&"jumprelu".into(), &serde_json::Value::Null));
}

#[test]
fn a_transcoder_takes_the_place_of_its_mlp_and_is_clamped() {
    let clamp = |by: f32| {
        let config = GenerateConfig { max_tokens: 12, temperature: 0.0, ..GenerateConfig::default() };
        let steering =
            Box::new(Steering { feature: 3, by, clamp: true, prompt: "One day".to_owned(), config });
        after(Command::SteerFeature { run: "1".to_owned(), dictionary: None, steering })
    };
    let plan = |at: &str, width: usize| {
        let settings = DictionarySettings { width, ..*settings(at) };
        after(Command::ReadDictionaries { source: WeightSource::Current, settings: Box::new(settings) })
    };
    let heard = play_trained(
        tiny(40),
        vec![
            plan("blocks.0.mlp", 48),
            plan("blocks.9.mlp", 48),
            plan("stream.0", 1 << 40),
            train_dictionary("blocks.0.mlp"),
            clamp(0.0),
            clamp(80.0),
            clamp(-80.0),
            plan("blocks.0.mlp", 48),
            after(Export::Dictionary { run: "1".to_owned(), dictionary: Some(1) }.to(None, true)),
        ],
    );
    let found: Vec<_> = told!(heard, Event::Dictionaries(found) => found.clone()).collect();
    let [first, wrong, wide, last] = &found[..] else { panic!("{found:?}") };
    let plan = first.plan.unwrap();
    assert!(plan.bytes > 0 && plan.seconds > 0.0 && first.refused.is_empty() && first.kept.is_empty());
    assert!(first.points.iter().any(|(name, columns)| name == "blocks.0.mlp" && *columns > 0));
    assert!(wrong.plan.is_none() && wrong.refused.contains("has no hook point"), "{wrong:?}");
    assert!(wide.plan.is_none() && wide.refused.contains("fewer than"), "{wide:?}");
    assert_eq!(last.kept.len(), 1);
    let recovery = last.kept[0].recovery.unwrap();
    assert!(recovery.recovered.unwrap() > 0.3 && recovery.clean < recovery.zero, "{recovery:?}");
    let steered: Vec<_> = told!(heard, Event::Steered(steered) => steered.clone()).collect();
    assert!(steered.iter().all(|own| own.clamp && own.plain == steered[0].plain));
    assert_ne!(steered[1].steered, steered[2].steered);
    let failures = failures(&heard);
    assert!(failures.len() == 1 && failures[0].contains("transcoders are not exported"), "{failures:?}");
}

#[test]
fn a_next_token_is_traced_through_the_transcoders_of_all_blocks() {
    let graph = |prompt: &str, token: Option<&str>| {
        let (prompt, token) = (prompt.to_owned(), token.map(str::to_owned));
        let query = Box::new(GraphQuery { prompt, token, count: 12 });
        after(Command::GraphFeatures { run: "1".to_owned(), query })
    };
    let (mut config, layers) = (tiny(40), 2);
    config.model.layers = layers;
    let heard = play_trained(
        config,
        vec![
            graph("One day", None),
            train_dictionary("blocks.*.mlp"),
            graph("One day", None),
            graph("One day", Some(" a")),
            graph("One day", Some("")),
            graph("One day th", Some("e")),
            graph(&"One day ".repeat(200), None),
        ],
    );
    let trained = told!(heard, Event::Dictionary(dictionary) => dictionary.clone());
    let mut trained: Vec<_> = trained.filter(|own| own.recovery.is_some()).collect();
    trained.dedup();
    let places: Vec<_> = trained.iter().map(|own| own.settings.at.clone()).collect();
    assert_eq!(places, (0..layers).map(|block| format!("blocks.{block}.mlp")).collect::<Vec<_>>());
    let found: Vec<_> = told!(heard, Event::FeatureGraph(found) => found.clone()).collect();
    let [likeliest, chosen] = &found[..] else { panic!("{found:?}") };
    assert!(likeliest.probability >= chosen.probability && likeliest.step == 40);
    for found in [likeliest, chosen] {
        assert_eq!(found.nodes.len(), 12);
        assert!(found.nodes.is_sorted_by(|one, next| one.influence >= next.influence));
        assert!((0.0..=1.0).contains(&found.errors), "{found:?}");
        let is_feature = |own: &&crate::protocol::features::GraphNode| matches!(own.source, GraphSource::Feature { dictionary, .. } if dictionary <= layers as u64);
        assert!(
            found.nodes.iter().filter(is_feature).all(|own| own.ablated.is_some() && own.activation > 0.0)
        );
        assert!(found.edges.iter().any(|edge| edge.to.is_none()));
    }
    let failures = failures(&heard);
    let wanted = ["has no transcoders", "explained token is empty", "has other tokens", "takes up to"];
    assert!(failures.iter().zip(wanted).all(|(told, wanted)| told.contains(wanted)), "{failures:?}");
    assert_eq!(failures.len(), wanted.len(), "{failures:?}");
}

#[test]
fn a_stopped_dictionary_is_kept_and_one_of_other_weights_is_refused() {
    let more = RunLaunch { steps: Some(60), ..RunLaunch::default() };
    let second: Trigger =
        |event| matches!(event, Event::Dictionary(dictionary) if dictionary.curve.len() == 2);
    let heard = play_trained(
        tiny(20),
        vec![
            after(Command::ReadFeatures {
                run: "1".to_owned(),
                dictionary: None,
                query: FeatureQuery::default(),
            }),
            train_dictionary("stream.1"),
            (Some(second), Command::Cancel { request: 5 }),
            read(FeatureQuery::default()),
            after(Command::Resume { run: None, launch: more }),
            read(FeatureQuery::default()),
        ],
    );
    let features: Vec<_> = told!(heard, Event::Features(features) => features.clone()).collect();
    assert!(features.len() == 1 && !features[0].features.is_empty(), "{features:?}");
    let failures = failures(&heard);
    assert!(failures[0].contains("has no dictionary; train one"), "{failures:?}");
    assert!(failures.last().unwrap().contains("whose weights the run no longer has"), "{failures:?}");
    assert!(failures.iter().any(|told| told.contains("cancel")), "{failures:?}");
}

#[test]
fn passages_behind_a_completion_are_found_and_checked_by_retraining() {
    let query = InfluenceQuery {
        prompt: "One day".to_owned(),
        completion: " a".to_owned(),
        passages: 1 << 20,
        checkpoints: 2,
        retrained: 3,
        ..InfluenceQuery::default()
    };
    let ask =
        |query: InfluenceQuery| after(Command::Influence { run: "1".to_owned(), query: Box::new(query) });
    let some = InfluenceQuery { passages: 20, retrained: 0, ..query.clone() };
    let heard = play_trained(
        tiny(12),
        vec![
            ask(query.clone()),
            ask(some.clone()),
            ask(InfluenceQuery { retrained: 3, ..some.clone() }),
            ask(InfluenceQuery { completion: "word ".repeat(200), ..some.clone() }),
            ask(InfluenceQuery { completion: String::new(), ..some }),
        ],
    );
    let found: Vec<_> = told!(heard, Event::Influence(found) => found.clone()).collect();
    let [whole, some] = found.as_slice() else { panic!("{} answers", found.len()) };
    let scores = |passages: &[InfluentialPassage]| passages.iter().map(|own| own.score).collect::<Vec<_>>();
    for found in [whole, some] {
        assert!(found.helpful.iter().all(|own| own.score > 0.0 && !own.text.is_empty()));
        assert!(scores(&found.helpful).is_sorted_by(|one, next| one >= next));
        assert!(scores(&found.harmful).is_sorted() && found.harmful.iter().all(|own| own.score < 0.0));
        assert!(found.loss > 0.0 && found.tokens > 0);
    }
    assert_eq!(whole.steps.last(), Some(&12));
    assert_eq!((whole.measured, some.measured, some.all), (whole.all, 20, whole.all));
    let check = whole.check.as_ref().unwrap();
    assert_eq!((check.losses.len(), check.predicted.len()), (3, 3));
    assert!(check.losses[0] != check.losses[1] && check.correlation.abs() <= 1.0);
    let failures = failures(&heard);
    assert!(failures[0].contains("raise --passages") && failures[1].contains("takes 2 to"), "{failures:?}");
    assert!(failures[2].contains("completion is empty"), "{failures:?}");
}

#[test]
fn features_have_a_history_over_the_checkpoints_of_their_run() {
    let history = FeatureQuery { count: 48, history: true, ..FeatureQuery::default() };
    let heard = play_trained(
        tiny(40),
        vec![
            train_dictionary("blocks.0.mlp.output"),
            read(history.clone()),
            read(FeatureQuery { feature: Some(7), ..history }),
        ],
    );
    let answers: Vec<_> = told!(heard, Event::Features(features) => features.clone()).collect();
    let [list, described] = &answers[..] else { panic!("{answers:?}") };
    let card = described.card.as_ref().unwrap();
    assert!(card.history.len() > 1 && card.history.is_sorted_by_key(|(step, _)| *step), "{card:?}");
    // The dictionary was trained on the weights of the last step.
    assert_eq!(card.history.last(), Some(&(40, card.density)));
    assert!(
        list.features.iter().all(|own| own.life.is_some_and(|life| life.born <= 40 && life.died.is_none()))
    );
    let life =
        |densities: &[f64]| Life::new(&(10..).step_by(10).zip(densities.iter().copied()).collect::<Vec<_>>());
    assert_eq!(life(&[0.0, 0.1, 0.0, 0.2, 0.0, 0.0]), Some(Life { born: 20, died: Some(50) }));
    assert_eq!((life(&[0.1]), life(&[0.0, 0.0])), (Some(Life { born: 10, died: None }), None));
}
