//! Cancelled requests.

use super::*;

/// `Hello` is request 1.
#[test]
fn whatever_takes_long_is_cancelled_and_says_that_it_is_under_way() {
    let shelf = tempfile::tempdir().unwrap();
    let words: String = (0..60_000).map(|number| format!("w{number}x{} ", number * 7919)).collect();
    let text = shelf.path().join("words.txt");
    std::fs::write(&text, words.repeat(2)).unwrap();
    let tokenizer = |kind| crate::protocol::TokenizerConfig { kind, vocabulary: 30_000, ..tiny(1).tokenizer };
    let unigram = crate::protocol::TokenizerKind::Unigram;
    let cancel = |request| (Some(underway as Trigger), Command::Cancel { request });
    let short_passages = Command::Bench(Bench::Decode {
        batches: Vec::new(),
        config: Box::new(RunConfig {
            model: crate::protocol::ModelConfig { vocabulary: 30, ..tiny(1).model },
            ..tiny(1)
        }),
        repeats: 1_000_000,
        prompt_tokens: Some(2),
        tokens: Some(1),
        weights: None,
    });
    let heard = play(
        &shelf.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: vec![text.display().to_string()] }),
            after(Command::Measure { config: Box::new(slow(1)) }),
            cancel(4),
            after(Command::TrainTokenizer { tokenizer: tokenizer(unigram), validation: 0.1 }),
            cancel(6),
            after(train(RunConfig { tokenizer: tokenizer(unigram), ..slow(10) }, None)),
            (Some(underway), Command::Steer(Steer::Stop)),
            after(Bench::Step { config: Box::new(slow(1)), repeats: 100 }),
            cancel(10),
            after(short_passages),
            cancel(12),
            after(Command::ListRuns),
        ],
    );
    for request in [4, 6, 8, 10, 12] {
        assert_eq!(ended(&heard, request), Some(ErrorKind::Cancelled), "request {request}");
    }
    for request in [5, 7, 9, 11, 13, 14] {
        assert_eq!(ended(&heard, request), None, "request {request}");
    }
    assert!(
        heard.iter().all(|report| !matches!(
            report.event,
            Event::Planned(Forecast::Speed { .. }) | Event::Bench { .. }
        ))
    );
    // Nothing remains of the cancelled work.
    has!(heard, Event::Runs { runs } if runs.is_empty());
    let data = shelf.path().join("shelf/p/data");
    assert_eq!(std::fs::read_dir(data).unwrap().count(), 0);
}

#[test]
fn a_cleaning_that_was_given_up_goes_on_where_it_was() {
    let shelf = tempfile::tempdir().unwrap();
    let text = shelf.path().join("notes.jsonl");
    let count = 9000;
    let lines: String = (0..count)
        .map(|number| format!("{{\"text\": \"Note {number}. The ferry left the harbour at noon, late.\"}}\n"))
        .collect();
    std::fs::write(&text, lines).unwrap();
    let heard = play(
        &shelf.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: vec![text.display().to_string()] }),
            after(RecipeChange::Preset { name: "raw".to_owned() }),
            after(Command::Clean),
            (
                Some(|event| matches!(event, Event::Cleaning(CleaningStep::Progress(_)))),
                Command::Cancel { request: 5 },
            ),
            after(Command::Clean),
        ],
    );
    let documents = |request| {
        heard.iter().filter(move |report| report.request == Some(request)).find_map(|report| {
            match report.event {
                Event::Cleaning(CleaningStep::Progress(progress)) => Some(progress.documents),
                _ => None,
            }
        })
    };
    assert_eq!(ended(&heard, 5), Some(ErrorKind::Cancelled));
    let (first, second) = (documents(5).unwrap(), documents(7).unwrap());
    assert!(first < count && second > first, "{second} documents after {first}");
    let kept = std::fs::read_to_string(shelf.path().join("shelf/p/cleaned/kept.jsonl")).unwrap();
    assert_eq!(kept.lines().count() as u64, count);
}

#[test]
fn a_document_that_is_looked_for_in_many_is_given_up() {
    let shelf = tempfile::tempdir().unwrap();
    let text = shelf.path().join("notes.jsonl");
    let lines: String = (0..300_000).map(|number| format!("{{\"text\": \"Note {number}.\"}}\n")).collect();
    std::fs::write(&text, lines).unwrap();
    let heard = play(
        &shelf.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: vec![text.display().to_string()] }),
            after(Command::CompareDocument { id: "none".to_owned() }),
            (
                Some(|event| matches!(event, Event::Underway { work, .. } if work == "comparing a document")),
                Command::Cancel { request: 4 },
            ),
        ],
    );
    assert_eq!(ended(&heard, 4), Some(ErrorKind::Cancelled));
}

#[test]
fn packing_is_given_up_in_the_midst_of_it() {
    let shelf = tempfile::tempdir().unwrap();
    let place = shelf.path().join("shelf/p");
    play(&shelf.path().join("shelf"), vec![after(Command::create("p"))]);
    // Incompressible data, which takes long to pack.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    std::fs::create_dir_all(place.join("documents")).unwrap();
    std::fs::write(place.join("documents/noise.txt"), noise.take(64 << 20).collect::<Vec<_>>()).unwrap();
    let to = shelf.path().join("out");
    std::fs::create_dir(&to).unwrap();
    let export = |file: &str| Export::Project { id: "p".to_owned() }.to(Some(to.join(file)), false);
    let heard = play(
        &shelf.path().join("shelf"),
        vec![after(export("p.glasshouse")), (Some(underway), Command::Cancel { request: 2 })],
    );
    assert_eq!((ended(&heard, 2), ended(&heard, 3)), (Some(ErrorKind::Cancelled), None));
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 0, "half a file is left");
}

#[test]
fn a_request_that_waits_is_taken_back_and_a_closed_window_ends_what_is_under_way() {
    let shelf = tempfile::tempdir().unwrap();
    let (requests, inbox) = async_channel::unbounded();
    let commands = [
        Command::create("p"),
        Command::Measure { config: Box::new(slow(1)) },
        Command::Measure { config: Box::new(slow(1)) },
        Command::SaveDrafts { drafts: Box::new(Drafts::new(tiny(5))) },
        Command::Cancel { request: 3 },
    ];
    for (id, command) in (1..).zip(commands) {
        requests.try_send(Envelope::plain(Request::new(id, command))).unwrap();
    }
    let heard = Rc::new(RefCell::new(Vec::new()));
    let told = heard.clone();
    pollster::block_on(run(options(shelf.path()), inbox, move |report| {
        if matches!(report.body.event, Event::Underway { .. }) {
            requests.close();
        }
        told.borrow_mut().push(report.body);
    }));
    let heard = heard.take();
    assert_eq!([2, 3].map(|request| ended(&heard, request)), [(); 2].map(|()| Some(ErrorKind::Cancelled)));
    assert_eq!([4, 5].map(|request| ended(&heard, request)), [None, None], "what was sent before is kept");
    let place = |request| {
        heard.iter().position(|report| {
            report.request == Some(request) && matches!(report.event, Event::Failed { .. })
        })
    };
    assert!(place(3) < place(2));
}
