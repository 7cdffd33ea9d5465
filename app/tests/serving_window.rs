//! The window's server: a switch on Settings, over a link to nobody.

use crate::support::{self, full, in_training, tell, window};
use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::App;
use glasshouse::pages::PageName;
use glasshouse_protocol::TrainingState;

fn says(window: &Harness<'_, App>, words: &str) -> bool {
    window.query_all_by_label_contains(words).next().is_some()
}

fn press(window: &mut Harness<'_, App>) {
    window.get_by_role_and_label(Role::Switch, "Answer other programs").click_accesskit();
    window.run_steps(3);
}

/// The port of the address that is shown.
fn port(window: &Harness<'_, App>) -> Option<u16> {
    let shown = window.query_all_by_label_contains("http://127.0.0.1:").next()?;
    let address = shown.accesskit_node().label().or(shown.accesskit_node().value())?;
    address.strip_prefix("http://127.0.0.1:")?.strip_suffix("/v1")?.parse().ok()
}

#[test]
fn the_switch_shows_the_address_and_says_when_a_run_trains() {
    let mut app = support::app("dark");
    full(&mut app);
    app.open(PageName::Settings);
    let mut window = window(app, 1280.0, 2000.0);
    window.run_steps(2);
    assert!(port(&window).is_none() && !says(&window, "This address is the client's base_url"));
    press(&mut window);
    let first = port(&window).expect("an address");
    assert!(std::net::TcpStream::connect(("127.0.0.1", first)).is_ok(), "it listens");
    assert!(says(&window, "This address is the client's base_url") && !says(&window, "A run trains"));
    tell(window.state_mut(), in_training(TrainingState::Running));
    window.run_steps(2);
    assert!(says(&window, "A run trains: answers come between its steps") && port(&window) == Some(first));
    press(&mut window);
    assert!(port(&window).is_none() && says(&window, "Off"));
}
