//! The window's server: a switch on the Settings page, with a scripted link and with a real engine.

use crate::support::play::options;
use crate::support::program::{last, stories, succeed, train};
use crate::support::serving::pieces;
use crate::support::{self, contains, in_training, send, theme_of, window};
use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::{App, AppOptions};
use glasshouse::link::{EngineLink, Link};
use glasshouse::pages::PageName;
use glasshouse::preferences::Preferences;
use glasshouse_protocol::TrainingState;
use serde_json::json;
use std::time::{Duration, Instant};

/// Toggles the switch.
pub fn press(window: &mut Harness<'_, App>) {
    window.get_by_role_and_label(Role::Switch, "API server").click_accesskit();
    window.run_steps(3);
    settle(window);
}

/// Waits until the server has started.
fn settle(window: &mut Harness<'_, App>) {
    let since = Instant::now();
    while contains(window, "Starting…") {
        assert!(since.elapsed() < Duration::from_secs(60), "the server does not start");
        std::thread::sleep(Duration::from_millis(5));
        window.run_steps(1);
    }
}

/// The port of the displayed address.
pub fn port(window: &Harness<'_, App>) -> Option<u16> {
    let shown = window.query_all_by_label_contains("http://127.0.0.1:").next()?;
    let address = shown.accesskit_node().label().or(shown.accesskit_node().value())?;
    address.strip_prefix("http://127.0.0.1:")?.strip_suffix("/v1")?.parse().ok()
}

#[test]
fn the_switch_shows_the_address_and_says_when_a_run_trains() {
    let mut window = support::on(PageName::Settings, [1280.0, 2000.0]);
    window.run_steps(2);
    assert!(port(&window).is_none());
    window.get_by_role_and_label(Role::Switch, "API server").click_accesskit();
    let mut draws = || {
        window.run_steps(1);
        contains(&window, "Starting…")
    };
    assert!((0..3).any(|_| draws()), "frames are drawn while it starts");
    settle(&mut window);
    let first = port(&window).expect("an address");
    assert!(std::net::TcpStream::connect(("127.0.0.1", first)).is_ok(), "it listens");
    assert!(!contains(&window, "A run is training"));
    send(window.state_mut(), in_training(TrainingState::Running));
    window.run_steps(2);
    assert!(contains(&window, "A run is training") && port(&window) == Some(first));
    press(&mut window);
    assert!(port(&window).is_none() && contains(&window, "Off"));
}

#[test]
fn port_token_and_origin_are_chosen_and_applied() {
    let mut window = support::on(PageName::Settings, [1280.0, 2000.0]);
    window.run_steps(2);
    press(&mut window);
    let first = port(&window).expect("an address");
    // The port of another program is refused, and the choice can be corrected.
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let apply = |window: &mut Harness<'_, App>| {
        window.run_steps(2);
        window.get_by_label("Apply").click_accesskit();
        window.run_steps(3);
        settle(window);
    };
    window.state_mut().preferences().serving.port = taken.local_addr().unwrap().port();
    apply(&mut window);
    assert!(port(&window).is_none() && contains(&window, "in use by another program"));
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    window.state_mut().preferences().serving.port = free;
    let fields =
        [(Role::PasswordInput, "Token", "secret"), (Role::TextInput, "Web pages", "http://a.example")];
    for (role, name, text) in fields {
        window.get_by_role_and_label(role, name).focus();
        window.run_steps(1);
        window.get_by_role_and_label(role, name).type_text(text);
        window.run_steps(1);
    }
    press(&mut window);
    assert_eq!(port(&window), Some(free));
    assert!(std::net::TcpStream::connect(("127.0.0.1", first)).is_err(), "the first one ended");
    let status = |header: [&str; 2]| {
        let asked = ureq::get(format!("http://127.0.0.1:{free}/unknown")).header(header[0], header[1]);
        match asked.call() {
            Err(ureq::Error::StatusCode(status)) => status,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(status(["Accept", "*/*"]), 401);
    assert_eq!(status(["Authorization", "Bearer secret"]), 404);
    assert_eq!(status(["Origin", "http://b.example"]), 403);
    window.state_mut().preferences().serving.token = "two words".to_owned();
    apply(&mut window);
    assert!(port(&window).is_none() && contains(&window, "without spaces"));
}

#[test]
fn the_windows_server_answers_by_the_windows_engine() {
    let folder = stories(60);
    let folder = folder.path();
    std::fs::create_dir(folder.join("shelf")).unwrap();
    train(folder, &folder.join("shelf/p"), &[]);
    let asked = ["generate", "--project", "shelf/p", "--device", "cpu", "--json", "--prompt", "One"];
    let typed = last(&succeed(folder, &[&asked[..], &["--temperature", "0", "--max-tokens", "12"]].concat()));

    let engine = Link::Engine(EngineLink::start(options(&folder.join("shelf")), || ()).unwrap());
    // Only existing preferences are used, so that the tester's own preferences do not change.
    let preferences = Preferences {
        theme: theme_of("dark"),
        device: "cpu".to_owned(),
        project: Some("p".to_owned()),
        ..Preferences::default()
    };
    let start = AppOptions { page: Some(PageName::Settings), ..AppOptions::default() };
    let mut window = window(App::new(engine, preferences.clone(), start).unwrap(), 1280.0, 2000.0);
    let since = Instant::now();
    while window.state().state().projects.open.is_none() {
        assert!(since.elapsed() < Duration::from_secs(60), "the project does not open");
        std::thread::sleep(Duration::from_millis(20));
        window.step();
    }
    press(&mut window);
    let base_url = format!("http://127.0.0.1:{}/v1", port(&window).expect("an address"));
    let models = ureq::get(format!("{base_url}/models")).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(models.contains("1-nanogpt-cpu"), "{models}");
    for stream in [false, true] {
        let body = json!({ "prompt": "One", "max_tokens": 12, "temperature": 0, "stream": stream });
        let answer = ureq::post(format!("{base_url}/completions")).send(body.to_string());
        let answer = answer.unwrap().body_mut().read_to_string().unwrap();
        let pieces = if stream { pieces(&answer) } else { vec![serde_json::from_str(&answer).unwrap()] };
        let text: String = pieces.iter().filter_map(|piece| piece["choices"][0]["text"].as_str()).collect();
        assert_eq!(typed["text"], text, "{answer}");
        assert!(pieces.iter().all(|piece| piece["model"] == "1-nanogpt-cpu"), "{answer}");
    }
    assert_eq!(*window.state_mut().preferences(), preferences);
    press(&mut window);
    assert!(port(&window).is_none());
}
