//! Screenshots of every page in both themes and five widths, for review, if `GLASSHOUSE_SCREENSHOTS` names a folder. All content
//! is staged: no such device, run or text exists. Without the variable the same windows are only laid out: that must not fail, every
//! control must have a name, and no widget may lie beyond the window's sides.

use crate::support;
use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use glasshouse::app::App;
use glasshouse::link::{Answer, NoFiles, Wish};
use glasshouse::pages::PageName;
use glasshouse_protocol::{
    Command, Completion, Ending, ErrorKind, ErrorReport, Event, RunState, TrainingState, WrittenToken,
};

fn picture(harness: &mut Harness<'_, App>, name: &str) {
    support::picture(harness, "GLASSHOUSE_SCREENSHOTS", name);
}

fn told(theme: &str, page: PageName) -> App {
    let mut app = support::full_app(theme);
    if page != PageName::Home {
        support::send(&mut app, support::in_training(TrainingState::Running));
    }
    app.open(page);
    app
}

#[test]
fn every_page_in_both_themes_and_five_widths() {
    for theme in ["dark", "light"] {
        for page in PageName::ALL {
            for (width, height) in
                [(2560.0, 1440.0), (1280.0, 820.0), (1920.0, 1080.0), (800.0, 760.0), (390.0, 844.0)]
            {
                let mut app = told(theme, page);
                if page != PageName::Home {
                    support::send(&mut app, [support::profile()]);
                }
                let mut window = support::window(app, width, height);
                if page == PageName::Runs {
                    window.get_by_role_and_label(Role::Row, "1-first-stories").click();
                    window.run_steps(2);
                    let history = support::history("1-first-stories", 1e-3);
                    support::send(window.state_mut(), [history]);
                    window.run_steps(2);
                }
                let name = format!("{}-{theme}-{width}", page.key());
                window.check_accessibility();
                // A narrow window scrolls the table of runs sideways.
                if page != PageName::Runs || width != 800.0 {
                    support::assert_within_sides(&window, &name);
                }
                picture(&mut window, &name);
            }
        }
    }
}

#[test]
fn states_beside_the_ordinary_one() {
    for theme in ["dark", "light"] {
        let mut app = support::app(theme);
        support::send(&mut app, [support::ready()]);
        app.open(PageName::Train);
        picture(&mut support::window(app, 1280.0, 820.0), &format!("train-empty-{theme}"));

        let mut app = support::full_app(theme);
        let mut failed = support::run("3-llama-tiny", RunState::Failed, 1200, 2000);
        let message = "The graphics device was lost after step 1200.".to_owned();
        failed.error = Some(message.clone());
        support::send(&mut app, support::in_training(TrainingState::Running));
        let error = ErrorReport::new(ErrorKind::DeviceLost, message);
        support::send(&mut app, [Event::TrainingEnded { run: failed }, Event::Failed { error }]);
        app.open(PageName::Train);
        picture(&mut support::window(app, 1280.0, 820.0), &format!("train-failed-{theme}"));

        let mut app = support::full_app(theme);
        app.preferences().folds.insert("train:settings".to_owned(), true);
        app.preferences().folds.insert("train:profile".to_owned(), true);
        app.preferences().folds.insert("what:train".to_owned(), false);
        support::send(&mut app, support::in_training(TrainingState::Paused));
        support::send(&mut app, [support::profile()]);
        app.open(PageName::Train);
        picture(&mut support::window(app, 1280.0, 1640.0), &format!("train-folds-{theme}"));

        let app = support::full_app(theme);
        let mut window = support::window(app, 1280.0, 820.0);
        window.get_by_label("More about Recipes").click();
        window.run_steps(3);
        picture(&mut window, &format!("home-menu-{theme}"));
        window.get_by_label("Delete").click();
        window.run_steps(3);
        picture(&mut window, &format!("home-undo-{theme}"));

        let mut app = support::full_app(theme);
        app.open(PageName::Runs);
        let mut window = support::window(app, 1280.0, 1100.0);
        for run in ["1-first-stories", "2-llama-tiny"] {
            window.get_by_role_and_label(Role::Row, run).click();
            window.run_steps(2);
        }
        let histories = [support::history("1-first-stories", 1e-3), support::history("2-llama-tiny", 5e-4)];
        support::send(window.state_mut(), histories);
        window.run_steps(2);
        picture(&mut window, &format!("runs-compare-{theme}"));

        let mut app = support::full_app(theme);
        app.open(PageName::Train);
        let mut window = support::window(app, 1280.0, 820.0);
        support::send(window.state_mut(), [support::history("2-llama-tiny", 1e-3)]);
        window.run_steps(2);
        window.get_by_role_and_label(Role::Button, "New run").click();
        window.run_steps(3);
        picture(&mut window, &format!("train-confirm-{theme}"));

        let mut app = support::full_app(theme);
        let lack = NoFiles::NoDialog("This system has no file dialog".to_owned());
        app.answer(Answer { wish: Wish::AddDocuments, files: Err(lack) });
        let error =
            ErrorReport::new(ErrorKind::BadFile, "letters.pdf: not a PDF (no %PDF- header)".to_owned());
        support::send(
            &mut app,
            [
                Event::Failed { error },
                Event::Notice { text: "A notice.".to_owned(), hints: Vec::new(), problems: Vec::new() },
            ],
        );
        app.open(PageName::Data);
        picture(&mut support::window(app, 1280.0, 820.0), &format!("typed-path-{theme}"));

        let mut app = support::full_app(theme);
        support::send(&mut app, support::in_training(TrainingState::Running));
        app.open(PageName::Train);
        let mut window = support::window(app, 1280.0, 820.0);
        window.hover_at(egui::pos2(900.0, 300.0));
        window.run_steps(6);
        picture(&mut window, &format!("train-readings-{theme}"));

        for width in [1280.0, 1920.0] {
            let mut app = support::full_app(theme);
            app.open(PageName::Write);
            let mut window = support::window(app, width, 900.0);
            for text in [" there was a fox. It", " there was a tree. It"] {
                window.get_by_role_and_label(Role::Button, "Write").click();
                window.run_steps(2);
                let tokens = vec![WrittenToken { id: 1, text: text.to_owned() }];
                let (ending, tokens_per_s) = (Ending::MaxTokens, 9.0);
                let text = text.to_owned();
                let completion =
                    Completion { text: text.clone(), ending, tokens_per_s, ..Completion::default() };
                let ended = Event::Completed { completion: Box::new(completion) };
                let events = [Event::Written { tokens, prompt: false, text }, ended, Event::Finished];
                support::answer(
                    window.state_mut(),
                    |command| matches!(command, Command::Generate { .. }),
                    events,
                );
                window.run_steps(2);
            }
            window.get_by_role_and_label(Role::Button, "Compare").click();
            window.run_steps(2);
            picture(&mut window, &format!("write-history-{theme}-{width}"));
        }
    }
}

#[test]
fn the_data_bench() {
    use support::bench;
    let bench_window = |theme: &str, documents: Event, events: Vec<Event>, size: (f32, f32)| {
        let mut app = support::app(theme);
        let opened = support::opened("first", "Harbour museum", Vec::new());
        support::send(&mut app, [support::ready(), support::projects(), opened, documents]);
        support::send(&mut app, events);
        app.preferences().folds.insert("what:data".to_owned(), false);
        app.preferences().folds.insert("stage:gopher-quality".to_owned(), size.1 > 1000.0);
        app.open(PageName::Data);
        support::window(app, size.0, size.1)
    };
    let open_list = |window: &mut Harness<'_, App>, list: &str, row: &str| {
        window.get_by_role_and_label(Role::RadioButton, list).click_accesskit();
        window.run_steps(3);
        window.get_all_by_label_contains(row).next().unwrap().click_accesskit();
        window.run_steps(3);
    };
    for theme in ["dark", "light"] {
        for size in [(1280.0, 900.0), (1600.0, 1000.0), (800.0, 1400.0), (420.0, 1400.0)] {
            let told = vec![bench::recipe(), bench::cleaned(), bench::judged()];
            let mut window = bench_window(theme, bench::documents(true), told, size);
            open_list(&mut window, "Sample", "Sample harbour-museum/lighthouse.html");
            support::send(window.state_mut(), [bench::compared()]);
            window.run_steps(3);
            picture(&mut window, &format!("bench-compared-{theme}-{}", size.0));
        }
        let told = vec![bench::recipe(), bench::cleaned(), bench::judged(), bench::dropped(None)];
        let mut window = bench_window(theme, bench::documents(true), told, (1280.0, 900.0));
        open_list(&mut window, "Dropped", "Dropped harbour-museum/visit.html");
        support::send(window.state_mut(), [bench::compared_dropped()]);
        window.get_by_role_and_label(Role::Tab, "Report").click();
        window.run_steps(3);
        picture(&mut window, &format!("bench-dropped-{theme}"));

        let told = vec![bench::recipe(), bench::judged()];
        let mut window = bench_window(theme, bench::documents(false), told, (1280.0, 900.0));
        picture(&mut window, &format!("bench-first-{theme}"));
        window.get_by_role_and_label(Role::Button, "Clean").click();
        window.run_steps(2);
        support::send(window.state_mut(), [bench::cleaning(11_900_000, 27_500_000)]);
        window.run_steps(2);
        picture(&mut window, &format!("bench-working-{theme}"));

        let told = vec![bench::recipe(), bench::cleaned(), bench::judged()];
        let mut window = bench_window(theme, bench::documents(true), told, (1280.0, 2000.0));
        picture(&mut window, &format!("bench-cards-{theme}"));
    }
}
