//! Tests that completions join the decoder while others are in progress, with the same results as alone.

use super::evaluation::endless;
use super::{
    Options, TRAINS, Trigger, after, failures, options, play, play_trained, play_without_hello, tiny, train,
};
use crate::protocol::{
    Command, Completion, CompletionSettings, Ending, ErrorKind, Event, GenerateConfig, Grammar, Output,
    Report, TokenizerKind, WeightSource,
};

fn config(max_tokens: usize, seed: u64) -> GenerateConfig {
    GenerateConfig { max_tokens, seed, ..GenerateConfig::default() }
}

fn generate(prompt: &str, config: GenerateConfig, output: Output) -> Command {
    Command::Generate { source: WeightSource::Current, prompt: prompt.into(), config, output }
}

fn complete(prompt: &str, config: GenerateConfig, settings: CompletionSettings) -> Command {
    generate(prompt, config, Output::Completion(settings))
}

fn settings(places: usize) -> CompletionSettings {
    CompletionSettings { places, ..CompletionSettings::default() }
}

fn completed(heard: &[Report], request: u64) -> &Completion {
    let of = |report: &&Report| report.request == Some(request);
    let found = heard.iter().filter(of).find_map(|report| match &report.event {
        Event::Completed { completion } => Some(&**completion),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{request}: {heard:#?}"))
}

#[test]
fn completions_join_others_under_way_and_are_what_each_is_by_itself() {
    let begins: Trigger = |event| matches!(event, Event::Written { prompt: false, .. });
    let alone = |prompt: &str, config| after(generate(prompt, config, Output::Tokens));
    let heard = play_trained(
        tiny(20),
        vec![
            alone("The", config(10, 3)),
            alone("One", config(2, 4)),
            // The second is requested while the first is generated, and ends before it.
            after(complete("The", config(10, 3), settings(2))),
            (Some(begins), complete("One", config(2, 4), settings(2))),
            // A stopped completion returns its text so far, and frees its slot for the next.
            after(complete("The", config(10, 3), settings(1))),
            (Some(begins), Command::Cancel { request: 8 }),
            after(complete("The", config(10, 3), settings(1))),
            // Too long for the context.
            after(complete("The", config(1000, 3), settings(1))),
            after(complete("The", config(1000, 3), CompletionSettings { fits: true, ..settings(1) })),
            after(complete(&"The ".repeat(30), config(1, 3), settings(1))),
            after(complete("The", config(1, 3), CompletionSettings { no_tokens: true, ..settings(1) })),
            // Texts share a decoder, whichever command asks for them.
            alone("The", config(10, 3)),
            (Some(begins), generate("One", config(2, 4), Output::Tokens)),
            (Some(begins), complete("The", config(10, 3), settings(2))),
        ],
    );
    let place = |request: u64| {
        let is_it = |report: &Report| {
            report.request == Some(request) && matches!(report.event, Event::Completed { .. })
        };
        heard.iter().position(is_it).unwrap()
    };
    // The greeting is the first request.
    assert_eq!(completed(&heard, 6).text, completed(&heard, 4).text);
    assert_eq!(completed(&heard, 7).text, completed(&heard, 5).text);
    assert!(place(7) < place(6));
    let pieces: String = heard
        .iter()
        .filter(|report| report.request == Some(6))
        .filter_map(|report| match &report.event {
            Event::Written { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(pieces, completed(&heard, 6).text);
    let stopped = completed(&heard, 8);
    assert_eq!(stopped.ending, Ending::Interrupted);
    assert!(completed(&heard, 6).text.starts_with(&stopped.text) && stopped.written_tokens < 10);
    assert_eq!(completed(&heard, 10).ids, completed(&heard, 6).ids);
    let refused = |request: u64| {
        heard.iter().find_map(|report| match &report.event {
            Event::Failed { error } if report.request == Some(request) => Some(error.clone()),
            _ => None,
        })
    };
    let long = refused(11).unwrap();
    assert_eq!((long.kind, long.field.as_deref()), (ErrorKind::Invalid, Some("max_tokens")));
    let fitted = completed(&heard, 12);
    assert!(fitted.prompt_tokens + fitted.written_tokens == 16 || fitted.ending == Ending::EndOfText);
    assert_eq!(refused(13).unwrap().field.as_deref(), Some("prompt"));
    let none = completed(&heard, 14);
    assert_eq!((none.text.as_str(), none.written_tokens), ("", 0));
    for (shared, alone) in [(15, 4), (16, 5), (17, 4)] {
        assert_eq!(completed(&heard, shared).text, completed(&heard, alone).text);
    }
}

#[test]
fn completions_beside_a_run_in_training_are_scored_by_the_weights_that_write_them() {
    // Each is requested some steps after the previous one, whether or not that has ended.
    let asked = |prompt: &str| {
        let greedy = GenerateConfig { temperature: 0.0, ..config(10, 0) };
        complete(prompt, greedy, CompletionSettings { log_probabilities: Some(1), ..settings(2) })
    };
    let heard = play_trained(
        endless(),
        vec![
            (Some(TRAINS), asked("The")),
            (Some(TRAINS), asked("One")),
            (Some(TRAINS), asked("Mia")),
            (Some(TRAINS), asked("Tom")),
            after(asked("The")),
        ],
    );
    for report in &heard {
        // The greeting is the first request.
        let of_ours = report.request.is_some_and(|request| request >= 4);
        assert!(!(of_ours && matches!(report.event, Event::Failed { .. })), "{report:?}");
        let Event::Completed { completion } = &report.event else { continue };
        assert_eq!(completion.tokens.len(), completion.written_tokens);
        for token in &completion.tokens {
            let (own, likeliest) = (token.log_probability.unwrap(), token.top[0].log_probability);
            assert!(likeliest - own < 1e-4, "{token:?}");
        }
    }
    assert!(completed(&heard, 8).written_tokens > 0);
}

#[test]
fn a_request_whose_samples_fail_ends_once_and_logits_are_drawn_from_without_opening_a_device() {
    let shelf = tempfile::tempdir().unwrap();
    let mut model = tiny(20);
    model.tokenizer.kind = TokenizerKind::Char;
    // Texts that begin with O have no next token.
    let grammar = Some(Grammar::Lark("start: \"T\" /[a-z]{9}/ | \"O\" \"§\"".to_owned()));
    let hot = GenerateConfig { temperature: 99.0, grammar, ..config(12, 3) };
    let long = GenerateConfig { min_tokens: 1, ..hot.clone() };
    let heard = play(
        shelf.path(),
        vec![
            after(Command::create("p")),
            after(train(model, None)),
            after(generate("The", hot, Output::Samples { count: 12 })),
            after(generate("The", long, Output::Tokens)),
            after(complete("The", config(10, 3), settings(1))),
        ],
    );
    let ends = |request: u64| {
        let is_end = |report: &&Report| {
            report.request == Some(request)
                && matches!(report.event, Event::Failed { .. } | Event::Finished | Event::Completed { .. })
        };
        heard.iter().filter(is_end).collect::<Vec<_>>()
    };
    // The greeting is the first request.
    assert!(matches!(&ends(4)[..], [Report { event: Event::Failed { .. }, .. }]), "{:?}", ends(4));
    let [Report { event: Event::Failed { error }, .. }] = &ends(5)[..] else { panic!("{:?}", ends(5)) };
    assert_eq!(error.field.as_deref(), Some("min_tokens"));
    assert!(completed(&heard, 6).written_tokens > 0);

    let biased = GenerateConfig { presence_penalty: 1.0, ..config(10, 3) };
    let heard = play_without_hello(
        Options { device: "no such adapter".to_owned(), ..options(shelf.path()) },
        vec![
            after(Command::OpenProject { id: "p".to_owned() }),
            after(complete("The", biased.clone(), settings(1))),
            after(complete("The", biased, settings(1))),
        ],
        |_| {},
    );
    assert_eq!(failures(&heard), [""; 0]);
    assert_eq!(completed(&heard, 2).ids, completed(&heard, 3).ids);
}

/// Number, seed, text and ending of a request's samples.
fn sampled(heard: &[Report], request: u64) -> Vec<(usize, u64, String, Ending)> {
    let samples = heard.iter().filter(|report| report.request == Some(request));
    let samples = samples.filter_map(|report| match &report.event {
        Event::Completed { completion } => {
            Some((completion.number, completion.seed, completion.text.clone(), completion.ending))
        }
        _ => None,
    });
    samples.collect()
}

#[test]
fn samples_at_once_are_what_each_is_by_itself() {
    let config = |seed| GenerateConfig { max_tokens: 12, seed, ..GenerateConfig::default() };
    let generate = |config, output| Command::Generate {
        source: WeightSource::Current,
        prompt: "The".into(),
        config,
        output,
    };
    let samples = |count| generate(config(3), Output::Samples { count });
    let long = GenerateConfig { max_tokens: 1_000_000, ..config(1) };
    let endless = generate(long, Output::Samples { count: 2 });
    let alone = |seed| after(generate(config(seed), Output::Tokens));
    let heard = play_trained(
        tiny(20),
        vec![
            // More samples than slots.
            after(samples(19)),
            alone(3),
            alone(21),
            after(samples(0)),
            after(endless),
            (Some(|event| matches!(event, Event::ModelOpened { .. })), Command::Cancel { request: 0 }),
            after(Command::ListRuns),
        ],
    );
    let mut written = sampled(&heard, 4);
    written.sort_by_key(|sample| sample.0);
    assert_eq!(written.len(), 19);
    assert!(written.iter().all(|(number, seed, ..)| *seed == 3 + *number as u64));
    for (request, number) in [(5, 0), (6, 18)] {
        assert_eq!(sampled(&heard, request)[0].2, written[number].2);
    }
    let is_over = |report: &&Report| report.request == Some(4) && report.event == Event::Finished;
    assert_eq!(heard.iter().filter(is_over).count(), 1);
    assert_eq!(failures(&heard).len(), 1);
    assert!(failures(&heard)[0].contains("(got 0)"), "{:?}", failures(&heard));
    let stopped = sampled(&heard, 8);
    assert!(
        stopped.len() == 2 && stopped.iter().all(|sample| sample.3 == Ending::Interrupted),
        "{stopped:?}"
    );
}
