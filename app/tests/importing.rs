//! Import of pretrained models: from the network, and through the window's dialogs.

use crate::support;
use crate::support::play::{options, play, use_project};
use crate::support::program::{error_of, folder, program, succeed};
use crate::support::{answer, assert_within_sides, contains, forget, is_shown, on, press, sent};
use egui::{Key, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use glasshouse::app::App;
use glasshouse::format;
use glasshouse::link::{Answer, Chosen, Wish};
use glasshouse::pages::PageName;
use glasshouse_engine::session;
use glasshouse_protocol::{
    Command, Envelope, ErrorKind, ErrorReport, Event, FoundModel, ImportStep, ModelSource, Report, Request,
    answer,
};
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A server's defect.
#[derive(Clone, Copy, PartialEq)]
enum Odd {
    Nothing,
    /// Bodies end after a thousand bytes.
    Cut,
    /// No `Content-Length`.
    NoLengths,
    /// Only whole files, no `HEAD` requests.
    NoHead,
    /// It responds with a text page to everything.
    Page,
}

/// Serves a folder's files; returns the server's address.
fn serve(folder: PathBuf, odd: Odd) -> String {
    serve_by_halves(folder, odd, |_| true)
}

/// Like `serve`. `midway` is called after the first half of each file, and returns whether to send the rest. If not, nothing
/// more is sent, and the connection stays open.
fn serve_by_halves(
    folder: PathBuf,
    odd: Odd,
    mut midway: impl FnMut(&str) -> bool + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).unwrap() > 0 {}
            let mut words = head.split(' ');
            let (method, path) = (words.next().unwrap(), words.next().unwrap_or("/"));
            let body = match odd {
                Odd::Page => Ok(b"<!doctype html><p>Nothing here".to_vec()),
                _ => std::fs::read(folder.join(path.trim_start_matches('/'))),
            };
            let status = match (&body, method) {
                (_, "HEAD") if odd == Odd::NoHead => "405 Method Not Allowed",
                (Ok(_), _) => "200 OK",
                (Err(_), _) => "404 Not Found",
            };
            let body = body.unwrap_or_default();
            let length = match odd {
                Odd::NoLengths => String::new(),
                _ => format!("Content-Length: {}\r\n", body.len()),
            };
            write!(stream, "HTTP/1.1 {status}\r\n{length}Connection: close\r\n\r\n").unwrap();
            if method == "GET" {
                let end = if odd == Odd::Cut { body.len().min(1000) } else { body.len() };
                let (first, second) = body[..end].split_at(end / 2);
                // The client may close the connection.
                stream.write_all(first).ok();
                if midway(path) {
                    stream.write_all(second).ok();
                } else {
                    held.push(stream);
                }
            }
        }
    });
    address
}

fn address(of: String) -> ModelSource {
    ModelSource::Address { address: of }
}

#[test]
fn a_model_in_the_network_is_listed_looked_at_and_imported() {
    let (folder, _) = folder();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "owl"]);
    succeed(folder, &["export", "--project", "first", "--format", "gguf", "--to", "owl.gguf"]);
    let server = serve(folder.to_owned(), Odd::Nothing);

    let events = play(folder, vec![Command::ListModelFiles { address: format!("{server}/owl/") }]).unwrap();
    let length = |name: &str| std::fs::metadata(folder.join("owl").join(name)).unwrap().len();
    let names = [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        "model.safetensors",
    ];
    let listed = Event::Importing(ImportStep::Listed {
        host: server.strip_prefix("http://").unwrap().to_owned(),
        files: names.map(str::to_owned).to_vec(),
        bytes: Some(names.iter().map(|name| length(name)).sum()),
    });
    assert!(events.contains(&listed), "{events:?}");

    // The inspected model is imported without another download; then it is gone.
    let looked = Command::ImportModel {
        from: ModelSource::Looked { number: 1 },
        context_length: Some(8),
        for_comparison: false,
    };
    let look = Command::LookAtModel { from: Some(address(format!("{server}/owl"))) };
    let events = play(folder, vec![look, use_project(folder.join("tab"), true), looked.clone()]).unwrap();
    let found = found!(events.iter(), Event::Importing(ImportStep::Found { model }) => model.clone()).next();
    let found = found.unwrap();
    assert_eq!((found.class.as_str(), found.context_length), ("GPT2LMHeadModel", 16));
    assert!(
        events.iter().any(
            |event| matches!(event, Event::RunAdded(answer::RunAdded { run, .. }) if run.name == "1-owl")
        )
    );
    let refused = play(folder, vec![use_project(folder.join("tab"), true), looked]).unwrap_err();
    assert!(refused.contains("no longer"), "{refused}");
    // Another context length needs no second download.
    let look = Command::LookAtModel { from: Some(address(format!("{server}/owl.gguf"))) };
    let wish = Command::ImportModel {
        from: ModelSource::Looked { number: 1 },
        context_length: Some(17),
        for_comparison: false,
    };
    let refused = play(folder, vec![look, use_project(folder.join("tab"), true), wish]).unwrap_err();
    assert!(refused.contains("shortened"), "{refused}");

    // The command line does the same.
    let said = succeed(folder, &["import", &format!("{server}/owl.gguf"), "--project", "typed"]);
    assert!(said.starts_with("1-owl: GPT2LMHeadModel, "), "{said}");
    for (wrong, reason) in [
        (format!("{server}/nowhere"), "no config.json"),
        (format!("{server}/nowhere.gguf"), "nowhere.gguf"),
        ("http://127.0.0.1:9/owl".to_owned(), "check the URL"),
        ("https://".to_owned(), "is empty"),
    ] {
        let error = error_of(folder, &["import", &wrong, "--project", "none"]);
        assert!(error.contains(reason), "{wrong}: {error}");
        assert!(!folder.join("none").exists());
    }
}

#[test]
fn what_was_looked_at_is_there_until_it_is_forgotten() {
    let (folder, _) = folder();
    let folder = folder.path();
    // Unique among the tests.
    let name = format!("forgotten-{}.gguf", std::process::id());
    succeed(folder, &["export", "--project", "first", "--format", "gguf", "--to", &name]);
    let server = serve(folder.to_owned(), Odd::Nothing);
    let look = Command::LookAtModel { from: Some(address(format!("{server}/{name}"))) };
    let commands = (1..).zip([look, Command::LookAtModel { from: None }]);
    let mut commands = commands.map(|(id, command)| Envelope::plain(Request::new(id, command)));
    let (requests, inbox) = async_channel::unbounded();
    requests.try_send(commands.next().unwrap()).unwrap();
    let left = RefCell::new(commands);
    let events = Rc::new(RefCell::new(Vec::new()));
    let sink = events.clone();
    let receive = move |envelope: Envelope<Report>| match envelope.body.event {
        Event::Failed { error } => panic!("{}", error.message),
        Event::Finished => {
            sink.borrow_mut().push(passing(&name).len());
            match left.borrow_mut().next() {
                Some(next) => requests.try_send(next).unwrap(),
                None => assert!(requests.close()),
            }
        }
        _ => {}
    };
    pollster::block_on(session::run(options(folder), inbox, receive));
    assert_eq!(events.take(), [1, 0]);
}

#[test]
fn servers_and_indices_may_be_odd() {
    let (folder, _) = folder();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "owl"]);
    // The same model with an index of its single shard, and one whose index leads elsewhere.
    let weights = std::fs::read(folder.join("owl/model.safetensors")).unwrap();
    let length = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&weights[8..8 + length]).unwrap();
    for (name, shard) in [("shards", "weights-1.safetensors"), ("hostile", "../../owl/model.safetensors")] {
        let to = folder.join(name);
        std::fs::create_dir(&to).unwrap();
        for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(folder.join("owl").join(file), to.join(file)).unwrap();
        }
        let names = header.keys().filter(|name| *name != "__metadata__");
        let map: serde_json::Map<String, serde_json::Value> =
            names.map(|name| (name.clone(), shard.into())).collect();
        let index = serde_json::json!({ "weight_map": map }).to_string();
        std::fs::write(to.join("model.safetensors.index.json"), index).unwrap();
    }
    std::fs::write(folder.join("shards/weights-1.safetensors"), &weights).unwrap();

    let import = |address: String, project: &str| {
        let from = ModelSource::Address { address };
        let import = Command::ImportModel { from, context_length: None, for_comparison: false };
        play(folder, vec![use_project(folder.join(project), true), import])
    };
    for (odd, path, project) in [
        (Odd::Nothing, "shards", "of-shards"),
        (Odd::NoLengths, "owl", "without-lengths"),
        (Odd::NoHead, "shards", "without-head"),
    ] {
        let events = import(format!("{}/{path}", serve(folder.to_owned(), odd)), project).unwrap();
        let listed =
            found!(events.iter(), Event::Importing(ImportStep::Listed { bytes, .. }) => *bytes).next();
        assert_eq!(listed.unwrap().is_some(), odd != Odd::NoLengths, "{project}");
    }
    for (odd, path, reason) in [
        (Odd::Cut, "owl", "cannot download"),
        (Odd::Nothing, "hostile", "safetensors"),
        (Odd::Page, "owl", "cannot be read"),
    ] {
        let refused = import(format!("{}/{path}", serve(folder.to_owned(), odd)), "none").unwrap_err();
        assert!(refused.contains(reason), "{path}: {refused}");
        assert!(!folder.join("none").exists());
    }
}

/// Paths of a temporarily stored file of that name.
fn passing(name: &str) -> Vec<PathBuf> {
    let corpora = glasshouse_documents::catalogue::fetch::cache_folder().unwrap();
    let entries = std::fs::read_dir(corpora.with_file_name("passing"));
    let files = entries.into_iter().flatten().map(|entry| entry.unwrap().path().join(name));
    files.filter(|path| path.is_file()).collect()
}

#[test]
fn a_transfer_that_stands_still_is_cancelled_and_asked_for_again() {
    const CANCEL: u64 = 100;
    let (folder, _) = folder();
    let folder = folder.path();
    // Unique among the tests.
    let name = format!("owl-{}.gguf", std::process::id());
    succeed(folder, &["export", "--project", "first", "--format", "gguf", "--to", &name]);
    let half = std::fs::metadata(folder.join(&name)).unwrap().len() / 2;

    let (requests, inbox) = async_channel::unbounded();
    let (cancel, (say, said)) = (requests.clone(), std::sync::mpsc::channel());
    let (wanted, mut stands) = (name.clone(), true);
    let server = serve_by_halves(folder.to_owned(), Odd::Nothing, move |_| {
        if std::mem::take(&mut stands) {
            let arrived = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() == half);
            let patience = Instant::now() + Duration::from_secs(60);
            let place = loop {
                match passing(&wanted).into_iter().find(arrived) {
                    Some(place) => break place,
                    None => std::thread::sleep(Duration::from_millis(5)),
                }
                assert!(Instant::now() < patience, "the first half never arrived");
            };
            say.send((place, Instant::now())).unwrap();
            let command = Command::Cancel { request: 2 };
            cancel.try_send(Envelope::plain(Request::new(CANCEL, command))).unwrap();
            return false;
        }
        true
    });

    let look = Command::LookAtModel { from: Some(address(format!("{server}/{name}"))) };
    let import = Command::ImportModel {
        from: ModelSource::Looked { number: 3 },
        context_length: None,
        for_comparison: false,
    };
    let commands = [use_project(folder.join("tab"), true), look.clone(), look, import];
    let mut commands = (1..).zip(commands).map(|(id, command)| Envelope::plain(Request::new(id, command)));
    requests.try_send(commands.next().unwrap()).unwrap();
    let left = RefCell::new(commands.collect::<Vec<_>>().into_iter());
    let events = Rc::new(RefCell::new(Vec::new()));
    let (sink, sought) = (events.clone(), name.clone());
    let receive = move |envelope: Envelope<Report>| {
        let Report { request, event } = envelope.body;
        let ended = matches!(event, Event::Finished | Event::Failed { .. }) && request != Some(CANCEL);
        sink.borrow_mut().push((event, Instant::now(), passing(&sought)));
        if ended {
            match left.borrow_mut().next() {
                Some(next) => requests.try_send(next).unwrap(),
                None => assert!(requests.close()),
            }
        }
    };
    pollster::block_on(session::run(options(folder), inbox, receive));

    let (place, cancelled) = said.try_recv().expect("the transfer ended before it stood still");
    let events = events.take();
    let failed: Vec<_> = events
        .iter()
        .filter_map(|(event, at, left)| match event {
            Event::Failed { error } => Some((error.kind, *at, left.len())),
            _ => None,
        })
        .collect();
    let [(kind, at, left)] = failed[..] else { panic!("{events:#?}") };
    // A timeout would take longer.
    assert!(at.duration_since(cancelled) < Duration::from_secs(10), "{:?}", at.duration_since(cancelled));
    assert_eq!((kind, left), (ErrorKind::Cancelled, 0));
    let imported = |event: &Event| matches!(event, Event::RunAdded { .. });
    assert!(events.iter().any(|(event, ..)| imported(event)), "{events:#?}");
    // Nothing remains: no folder, lock or downloaded file.
    let made = place.parent().unwrap();
    assert!(!made.exists() && !made.with_added_extension("lock").exists(), "{}", made.display());
    assert_eq!(passing(&name), Vec::<PathBuf>::new());
}

/// Imports from an address on the command line, with a separate cache folder.
fn import_typed(folder: &Path, address: &str) -> std::process::Output {
    let mut command = program(folder);
    command.env("XDG_CACHE_HOME", folder.join("cache"));
    command.args(["import", address, "--project", "typed"]).output().unwrap()
}

/// `/dev/full` refuses every byte, as a full disk does.
#[test]
#[cfg(target_os = "linux")]
fn a_transfer_that_finds_no_room_leaves_nothing_and_is_asked_for_again() {
    let (folder, _) = folder();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--to", "owl"]);
    let passing = folder.join("cache/glasshouse/passing");
    let (place, mut full) = (passing.clone(), true);
    let server = serve_by_halves(folder.to_owned(), Odd::Nothing, move |path| {
        // Some files have arrived, and the disk is full for the weights.
        if path == "/owl/tokenizer.json" && std::mem::take(&mut full) {
            let entries = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path());
            let folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
            let [made] = &folders[..] else { panic!("{folders:?}") };
            assert!(made.join("config.json").is_file());
            std::os::unix::fs::symlink("/dev/full", made.join("model.safetensors")).unwrap();
        }
        true
    });
    let address = format!("{server}/owl");
    let output = import_typed(folder, &address);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("model.safetensors") && told.contains("free some space"), "{told}");
    assert!(!folder.join("typed").exists());
    assert_eq!(std::fs::read_dir(&passing).unwrap().count(), 0);

    let output = import_typed(folder, &address);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("1-owl: GPT2LMHeadModel, "));
    assert_eq!(std::fs::read_dir(&passing).unwrap().count(), 0);
}

#[test]
fn a_command_line_says_how_far_a_transfer_is() {
    let (folder, _) = folder();
    let folder = folder.path();
    succeed(folder, &["export", "--project", "first", "--format", "gguf", "--to", "owl.gguf"]);
    for (odd, how_far) in [(Odd::Nothing, "B of "), (Odd::NoLengths, "B\n")] {
        let server = serve_by_halves(folder.to_owned(), odd, |_| {
            // Progress is not reported earlier.
            std::thread::sleep(Duration::from_millis(300));
            true
        });
        let output = import_typed(folder, &format!("{server}/owl.gguf"));
        let told = String::from_utf8(output.stderr).unwrap();
        let (_, after) = told.split_once("fetching 1 file, ").expect("what is fetched");
        let (between, _) = after.split_once("reading ").expect("what is read");
        assert!(between.contains(how_far), "{told}");
    }
}

#[test]
fn an_address_is_asked_for_its_size_before_it_is_fetched_and_imported() {
    let mut window = on(PageName::Runs, [1280.0, 800.0]);
    press(&mut window, "Import from a URL");
    let field = window.get_by_role_and_label(Role::TextInput, "URL of the model");
    assert!(field.is_focused());
    field.type_text("owls/Owl-1M");
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
    let typed = "owls/Owl-1M".to_owned();
    assert!(sent(window.state_mut()).contains(&Command::ListModelFiles { address: typed.clone() }));

    let files = ["config.json", "model.safetensors"].map(str::to_owned).to_vec();
    let listed = Event::Importing(ImportStep::Listed {
        host: "huggingface.co".to_owned(),
        files,
        bytes: Some(4_000_000),
    });
    answer(window.state_mut(), |command| matches!(command, Command::ListModelFiles { .. }), [listed]);
    window.run_steps(3);
    assert!(
        contains(&window, &format!("huggingface.co has 2 files, {}", format::bytes(4_000_000))),
        "the size is not said"
    );
    forget(window.state_mut());
    press(&mut window, "Fetch");
    let look = Command::LookAtModel { from: Some(ModelSource::Address { address: typed }) };
    assert!(sent(window.state_mut()).contains(&look));

    let model = FoundModel {
        number: 7,
        name: "Owl-1M".to_owned(),
        class: "LlamaForCausalLM".to_owned(),
        parameters: 1_000_000,
        bytes: 2_000_000,
        shape: "4 layers".to_owned(),
        context_length: 8192,
        default_context: 2048,
        notices: vec!["config.json: owl is not known here and was ignored".to_owned()],
    };
    let found = || Event::Importing(ImportStep::Found { model: Box::new(model.clone()) });
    answer(
        window.state_mut(),
        |command| matches!(command, Command::LookAtModel { from: Some(_) }),
        [found(), Event::Finished],
    );
    window.run_steps(3);
    assert!(contains(
        &window,
        &format!("{} in the file and {} here", format::bytes(2_000_000), format::bytes(4_000_000))
    ));
    assert!(contains(&window, "owl is not known here and was ignored."));
    window.get_by_role_and_label(Role::SpinButton, "Context length");
    forget(window.state_mut());
    press(&mut window, "Import");
    let import = Command::ImportModel {
        from: ModelSource::Looked { number: 7 },
        context_length: Some(2048),
        for_comparison: false,
    };
    assert!(sent(window.state_mut()).contains(&import));
    assert!(!is_shown(&window, "Import Owl-1M"));
    assert!(!sent(window.state_mut()).contains(&Command::LookAtModel { from: None }));
    // After a cancelled import nobody is asked again, so the download is deleted.
    assert!(forgotten(&mut window, 7), "what was fetched is kept");

    let choose = |window: &mut Harness<'_, App>| {
        let file = Chosen { name: "/models/owl.gguf".to_owned(), bytes: None };
        window.state_mut().answer(Answer { wish: Wish::ImportModelFile, files: Ok(vec![file]) });
        window.run_steps(2);
    };
    // Not another model inspected since, while its dialog is open or its import waits.
    let look_at = |window: &mut Harness<'_, App>, number: u64| {
        choose(window);
        let found =
            Event::Importing(ImportStep::Found { model: Box::new(FoundModel { number, ..model.clone() }) });
        let looks = |command: &Command| matches!(command, Command::LookAtModel { from: Some(_) });
        answer(window.state_mut(), looks, [found, Event::Finished]);
        window.run_steps(3);
    };
    forget(window.state_mut());
    look_at(&mut window, 8);
    press(&mut window, "Import");
    look_at(&mut window, 9);
    assert!(!forgotten(&mut window, 8), "the one whose dialog is open");
    press(&mut window, "Import");
    look_at(&mut window, 10);
    press(&mut window, "Import");
    assert!(!forgotten(&mut window, 9), "the one whose import waits");
    assert!(forgotten(&mut window, 10), "nobody asks for it");

    // The dialog can be dismissed.
    choose(&mut window);
    answer(
        window.state_mut(),
        |command| matches!(command, Command::LookAtModel { from: Some(_) }),
        [found()],
    );
    window.run_steps(2);
    forget(window.state_mut());
    press(&mut window, "Cancel");
    assert!(!is_shown(&window, "Import Owl-1M"));
    let commands = sent(window.state_mut());
    assert!(commands.contains(&Command::LookAtModel { from: None }), "what was fetched is kept");
    assert!(!commands.iter().any(|command| matches!(command, Command::ImportModel { .. })));
}

/// Whether the download was deleted after the import of model `cancelled` was cancelled.
fn forgotten(window: &mut Harness<'_, App>, cancelled: u64) -> bool {
    let error = ErrorReport::new(ErrorKind::Cancelled, "cancelled".to_owned());
    let imports = |command: &Command| match command {
        Command::ImportModel { from: ModelSource::Looked { number }, .. } => *number == cancelled,
        _ => false,
    };
    answer(window.state_mut(), imports, [Event::Failed { error }]);
    window.run_steps(2);
    sent(window.state_mut()).contains(&Command::LookAtModel { from: None })
}

/// A phone-sized window in a theme, with a project that has runs.
fn phone(theme: &str, page: PageName) -> Harness<'static, App> {
    let mut app = support::full_app(theme);
    app.preferences().folds.insert("model beyond".to_owned(), true);
    app.open(page);
    support::window(app, 390.0, 844.0)
}

/// Checks that a dialog is entirely visible: within the sides, its title below the top and its buttons above the bottom.
fn assert_whole(window: &Harness<'_, App>, head: &str, button: &str) {
    assert_within_sides(window, head);
    let top = window.get_by_label(head).rect().top();
    let bottom =
        |name| window.query_all_by_role_and_label(Role::Button, name).last().unwrap().rect().bottom();
    assert!(top >= 0.0 && bottom(button) <= 844.0, "{head} from {top} to {}", bottom(button));
    assert!(bottom("Cancel") <= 844.0, "{head}: no way back");
}

#[test]
fn an_import_stands_within_a_phone() {
    let named = "huggingface.co/an-organisation-of-a-long-name/A-Model-Of-A-Long-Name-12B-Instruct-v0.1";
    for theme in ["light", "dark"] {
        let mut window = phone(theme, PageName::Runs);
        press(&mut window, "Import from a URL");
        window.get_by_role_and_label(Role::TextInput, "URL of the model").type_text(named);
        window.run_steps(2);
        window.key_press(Key::Enter);
        window.run_steps(3);
        let files = (1..=30).map(|shard| format!("model-{shard:05}-of-00030.safetensors")).collect();
        let listed = Event::Importing(ImportStep::Listed {
            host: "huggingface.co".to_owned(),
            files,
            bytes: Some(48_000_000_000),
        });
        answer(window.state_mut(), |command| matches!(command, Command::ListModelFiles { .. }), [listed]);
        window.run_steps(3);
        assert_whole(&window, "Fetch a model", "Fetch");
        press(&mut window, "Fetch");

        let name = "A-Model-Of-A-Long-Name-12B-Instruct-v0.1".to_owned();
        let head = format!("Import {name}");
        let notice = |number| {
            format!(
                "config.json: a_setting_of_a_long_name_{number} is not known here and was ignored, as what it says changes nothing"
            )
        };
        let model = FoundModel {
            number: 7,
            name,
            class: "GPTNeoXForCausalLM".to_owned(),
            parameters: 12_000_000_000,
            bytes: 24_000_000_000,
            shape: "36 layers, width 5,120, context length 131,072, learned positions".to_owned(),
            context_length: 131_072,
            default_context: 131_072,
            // More than fit in the window.
            notices: (0..24).map(notice).collect(),
        };
        let found = Event::Importing(ImportStep::Found { model: Box::new(model) });
        answer(
            window.state_mut(),
            |command| matches!(command, Command::LookAtModel { from: Some(_) }),
            [found],
        );
        window.run_steps(3);
        assert_whole(&window, &head, "Import");
    }
}

#[test]
fn an_export_stands_within_a_phone() {
    for theme in ["light", "dark"] {
        let mut window = phone(theme, PageName::Runs);
        window.get_by_role_and_label(Role::Row, "2-llama-tiny").click_accesskit();
        support::send(window.state_mut(), [support::history("2-llama-tiny", 1e-3)]);
        window.run_steps(3);
        press(&mut window, "Export model");
        assert_whole(&window, "Export 2-llama-tiny", "Choose a place");
        window.get_by_role_and_label(Role::RadioButton, "GGUF file").click_accesskit();
        window.run_steps(3);
        assert!(contains(&window, "For llama.cpp"));
        assert_whole(&window, "Export 2-llama-tiny", "Choose a place");
    }
}
