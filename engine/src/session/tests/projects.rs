//! Projects: made, found again, left and kept.

use super::*;

#[test]
fn a_project_is_made_trained_written_with_and_found_again() {
    let shelf = tempfile::tempdir().unwrap();
    let heard = play(
        shelf.path(),
        vec![
            after(Command::create("Owls")),
            after(Command::ListDocuments { search: "the".to_owned(), offset: 0, count: 3, validation: 0.1 }),
            after(Command::Plan { config: Box::new(tiny(20)) }),
            after(Command::Plan { config: Box::new(tiny(10_000)) }),
            after(Fit::ToDevice { config: Box::new(tiny(20)) }),
            after(train(tiny(20), None)),
            after(Command::Tokenize { text: "The owl".to_owned() }),
            after(Command::ListVocabulary {
                search: String::new(),
                order: crate::protocol::VocabularyOrder::LeastUsed,
                offset: 0,
                count: 5,
            }),
            after(generate("The")),
            after(Command::ListRuns),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    assert_eq!(losses(&heard).len(), 20);
    has!(heard, Event::Documents { documents, overview, .. } if documents.len() == 3 && overview.embedded);
    has!(heard, Event::Planned(Forecast::Run { plan }) if plan.parameters > 10_000 && plan.bytes > 100_000);
    // 60 kB of stories are about 24,000 tokens; a step of the tiny run takes 64.
    has!(heard, Event::Planned(Forecast::Run { plan }) if plan.proportions.is_empty());
    has!(heard, Event::Planned(Forecast::Run { plan }) if plan.proportions.len() == 1 && plan.proportions[0].contains("about 2"));
    has!(heard, Event::Fitted(answer::Fitted { changes, .. }) if changes.is_empty());
    has!(heard, Event::Tokens(answer::Tokens { tokens, .. }) if !tokens.is_empty());
    has!(heard, Event::Tokens(answer::Tokens { merges: Some((_, steps)), .. }) if !steps.is_empty());
    has!(heard, Event::Vocabulary(answer::Vocabulary { entries, .. }) if entries.len() == 5);
    has!(heard, Event::Completed { completion } if !completion.text.is_empty());
    has!(heard, Event::Runs { runs } if runs[0].state == RunState::Finished && !runs[0].checkpoints.is_empty());

    // The next session finds the run and explains its text.
    let source =
        WeightSource::Checkpoint { run: "1-first-stories".to_owned(), checkpoint: CheckpointChoice::Latest };
    let explain = Command::Explain {
        source,
        tokens: vec![5, 6, 7],
        chosen: Some(9),
        config: GenerateConfig { top_k: 4, ..GenerateConfig::default() },
        count: 10,
    };
    let heard = play(
        shelf.path(),
        vec![
            after(Command::ListProjects),
            after(Command::OpenProject { id: "owls".to_owned() }),
            after(explain),
            after(Command::ReadRun { run: Some("1".to_owned()), points: 5 }),
            after(Export::Project { id: "owls".to_owned() }.to(None, false)),
            after(ProjectChange::Delete.to("owls")),
            after(ProjectChange::Restore.to("owls")),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    has!(heard, Event::Project { opened: Some(opened) } if opened.tokenizer.is_some() && opened.runs.len() == 1);
    has!(heard, Event::Distribution(answer::Distribution { candidates, kept: 4, .. }) if candidates.len() >= 10);
    has!(heard, Event::Projects { projects, .. } if projects.iter().any(|project| project.deleted));
    // Checkpoint events are never left out.
    let kept = |event: &&TrainEvent| !matches!(event, TrainEvent::Checkpoint { .. });
    has!(heard, Event::History(answer::History { events, .. }) if events.iter().filter(kept).count() < 20);
}

#[test]
fn a_draft_and_a_tokenizer_that_no_run_used_are_there_again() {
    let shelf = tempfile::tempdir().unwrap();
    let mut draft = tiny(77);
    draft.seed = 4242;
    let tokenizer = crate::protocol::TokenizerConfig { vocabulary: 333, ..tiny(1).tokenizer };
    let opened = |heard: &[Report]| {
        let mut found = told!(heard, Event::Project { opened: Some(opened) } => (&opened.drafts.train, &opened.tokenizer));
        let (config, tokenizer) = found.next_back().unwrap();
        (config.clone(), tokenizer.clone())
    };
    let open = || after(Command::OpenProject { id: "p".to_owned() });
    let heard = play(
        shelf.path(),
        vec![
            after(Command::create("p")),
            after(Command::TrainTokenizer { tokenizer: tokenizer.clone(), validation: 0.1 }),
            after(Command::SaveDrafts { drafts: Box::new(Drafts::new(draft.clone())) }),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let heard = play(shelf.path(), vec![open(), after(Command::Tokenize { text: "owl".to_owned() })]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    let (config, summary) = opened(&heard);
    assert_eq!(config, draft);
    assert_eq!(summary.unwrap().config, tokenizer);

    // A copy has them too, and a damaged record affects only itself.
    play(shelf.path(), vec![after(ProjectChange::Duplicate("q".to_owned()).to("p"))]);
    let heard = play(shelf.path(), vec![after(Command::OpenProject { id: "q".to_owned() })]);
    assert_eq!(opened(&heard).0.seed, 4242);
    std::fs::write(shelf.path().join("q/next.json"), "{").unwrap();
    let heard = play(shelf.path(), vec![after(Command::OpenProject { id: "q".to_owned() })]);
    assert_eq!(failures(&heard), Vec::<String>::new());
    has!(heard, Event::Notice { text, .. } if text.contains("next.json"));
    assert_ne!(opened(&heard).0.seed, 4242);
}

#[test]
fn a_run_whose_text_is_too_short_makes_nothing_and_the_project_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("short.txt");
    std::fs::write(&short, "too short").unwrap();
    let mut config = tiny(2);
    config.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    let heard = play(
        &folder.path().join("shelf"),
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Replace { names: vec![short.display().to_string()] }),
            after(train(config, None)),
            after(Command::ListDocuments { search: String::new(), offset: 0, count: 1, validation: 0.1 }),
            after(Command::ListRuns),
        ],
    );
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("a window needs 17"), "{failed:?}");
    let overview = told!(heard, Event::Documents { overview, .. } => overview).next_back();
    assert!(overview.unwrap().embedded);
    has!(heard, Event::Runs { runs } if runs.is_empty());
}

#[test]
fn requests_for_a_project_that_is_no_longer_open_are_refused_with_their_bytes() {
    let shelf = tempfile::tempdir().unwrap();
    let (requests, inbox) = async_channel::unbounded();
    let draft = |steps| Command::SaveDrafts { drafts: Box::new(Drafts::new(tiny(steps))) };
    let add: Command = DocumentsChange::Add { names: vec!["owls.txt".to_owned()] }.into();
    let text = b"An owl hoots at night.".to_vec();
    let sent = [
        (None, Command::create("a"), Vec::new()),
        (Some(1), draft(7), Vec::new()),
        (None, Command::create("b"), Vec::new()),
        (Some(1), draft(8), Vec::new()),
        (Some(1), add, vec![text.clone()]),
        (Some(1), Command::ListDevices, Vec::new()),
        (Some(2), draft(9), Vec::new()),
        (None, Command::ListRuns, Vec::new()),
    ];
    for (id, (opening, command, bytes)) in (1..).zip(sent) {
        requests.try_send(Envelope { body: Request { id, opening, command }, bytes }).unwrap();
    }
    let heard = Rc::new(RefCell::new((Vec::new(), Vec::new())));
    let told = heard.clone();
    pollster::block_on(run(options(shelf.path()), inbox, move |report| {
        let (reports, returned) = &mut *told.borrow_mut();
        if report.body.request == Some(8) && report.body.event == Event::Finished {
            requests.close();
        }
        returned.extend(report.bytes);
        reports.push(report.body);
    }));
    let (heard, returned) = heard.take();
    let refused: Vec<u64> = (1..=8).filter(|id| ended(&heard, *id) == Some(ErrorKind::Stale)).collect();
    assert_eq!(refused, [4, 5]);
    let meant = ["the changed settings were", "the added files were"]
        .map(|what| format!("{what} meant for a, which is no longer open; nothing was changed"));
    assert_eq!(failures(&heard), meant);
    assert_eq!(returned, [text], "what was sent for the other project is lost");
    let openings: Vec<u64> =
        told!(heard, Event::Project { opened: Some(opened) } => opened.opening).collect();
    assert_eq!(openings, [1, 2]);
    for (project, steps) in [("a", 7), ("b", 9)] {
        let heard = play(shelf.path(), vec![after(Command::OpenProject { id: project.to_owned() })]);
        has!(heard, Event::Project { opened: Some(opened) } if opened.drafts.train.train.steps == steps);
        assert!(!shelf.path().join(project).join("documents/owls.txt").exists());
    }
}

#[test]
fn a_project_that_is_open_elsewhere_is_called_by_its_name() {
    let shelf = tempfile::tempdir().unwrap();
    play(shelf.path(), vec![after(Command::create("Old owls"))]);
    let folder = shelf.path().join("old-owls");
    let _lock = pollster::block_on(crate::platform::persistence::lock_project(&folder)).unwrap();
    let heard = play(shelf.path(), vec![after(Command::OpenProject { id: "old-owls".to_owned() })]);
    let failed = failures(&heard);
    assert!(
        failed.len() == 1 && failed[0].starts_with("Old owls: this project is open in another"),
        "{failed:?}"
    );
}

#[test]
fn a_project_is_created_with_its_documents_or_not_at_all() {
    let shelf = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("owls.txt");
    std::fs::write(&text, "An owl hoots at night. ".repeat(40)).unwrap();
    let create = |name: &str, file: &Path| {
        after(Command::CreateProject { name: name.to_owned(), files: vec![file.display().to_string()] })
    };
    let missing = folder.path().join("missing.txt");
    let heard = play(
        shelf.path(),
        vec![create("Owls", &text), create("None", &missing), after(Command::ListProjects)],
    );
    has!(heard, Event::Documents { overview, .. } if !overview.embedded && overview.files.len() == 1);
    assert_eq!(ended(&heard, 3), Some(ErrorKind::Io));
    let mut listed =
        told!(heard, Event::Projects { projects, .. } => projects.iter().map(|project| project.id.clone()));
    assert_eq!(listed.next_back().unwrap().collect::<Vec<_>>(), ["owls"]);
    let mut opened =
        told!(heard, Event::Project { opened } => opened.as_ref().map(|opened| opened.project.id.clone()));
    assert_eq!(opened.next_back().unwrap().as_deref(), Some("owls"), "the open project was left for nothing");
}
