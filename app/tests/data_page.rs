//! The data bench in the real application: clicks, the commands they send, and the display of the answers.

use crate::support;
use crate::support::{answer, bench, contains, forget, is_chosen, send, sent};
use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::App;
use glasshouse::pages::PageName;
use glasshouse_protocol::cleaning::report::CleaningReport;
use glasshouse_protocol::cleaning::{CleaningStart, CleaningStep, PersonalAction};
use glasshouse_protocol::{Command, DocumentsChange, ErrorKind, ErrorReport, Event, Preview, RecipeChange};

type Window = Harness<'static, App>;

/// A window on the Data page of a project with these documents.
fn window(documents: Event, events: impl IntoIterator<Item = Event>, size: [f32; 2]) -> Window {
    let mut app = support::app("dark");
    send(&mut app, [support::ready(), support::projects(), support::opened("first", "Harbour", Vec::new())]);
    send(&mut app, [documents]);
    send(&mut app, events);
    app.preferences().folds.insert("what:data".to_owned(), false);
    app.open(PageName::Data);
    support::window(app, size[0], size[1])
}

fn raw() -> Window {
    window(bench::documents(false), [bench::recipe(), bench::judged()], [1280.0, 900.0])
}

fn cleaned() -> Window {
    let events = [bench::recipe(), bench::cleaned(), bench::judged()];
    window(bench::documents(true), events, [1280.0, 900.0])
}

/// Clicks a widget that may be scrolled out of sight.
fn press(window: &mut Window, role: Role, name: &str) {
    window.get_by_role_and_label(role, name).click_accesskit();
    window.run_steps(3);
}

/// Waits until debounced values are sent.
fn rest(window: &mut Window) {
    window.run_steps(6);
}

fn is_on(window: &Window, name: &str) -> bool {
    is_chosen(&window.get_by_role_and_label(Role::Switch, name))
}

#[test]
fn the_page_asks_for_the_recipe_once_and_then_tries_it_on_a_sample() {
    let mut window = window(bench::documents(false), [], [1280.0, 900.0]);
    assert!(contains(&window, "Reading the recipe") || contains(&window, "Add files"));
    let asked = |window: &mut Window, wanted: &Command| {
        sent(window.state_mut()).iter().filter(|command| *command == wanted).count()
    };
    assert_eq!(asked(&mut window, &Command::ShowRecipe), 1);
    let sample = Command::JudgeSample { documents: 100 };
    assert_eq!(asked(&mut window, &sample), 0, "there is no recipe yet");
    send(window.state_mut(), [bench::recipe()]);
    rest(&mut window);
    assert_eq!(asked(&mut window, &sample), 1);
    send(window.state_mut(), [bench::judged()]);
    rest(&mut window);
    assert_eq!((asked(&mut window, &Command::ShowRecipe), asked(&mut window, &sample)), (1, 1));
    assert!(contains(&window, "drops 15 of 100 after earlier steps, 21 on its own"));
    assert!(contains(&window, "off · would drop 9 of 100"));
    assert!(contains(&window, "Keeps 71 of 100 sampled documents"));
    assert!(contains(&window, "Nothing leaves this machine."));
}

#[test]
fn a_recipe_that_drops_most_of_the_sample_says_so_before_the_cleaning() {
    let mut window = raw();
    assert!(!contains(&window, "drops more than half of the sample"));
    let Event::Previewed(Preview::Sample { mut judgement }) = bench::judged() else { unreachable!() };
    judgement.kept = 31;
    judgement.stages[1].dropped = 44;
    send(window.state_mut(), [Event::Previewed(Preview::Sample { judgement })]);
    rest(&mut window);
    assert!(contains(&window, "drops more than half of the sample; the step \u{201c}"));
    assert!(contains(&window, "drops 44 documents of it"));
    assert!(window.query_by_role_and_label(Role::Button, "Clean").is_some());
}

#[test]
fn a_card_that_is_switched_is_sent_then_tried_and_can_be_taken_back() {
    let mut window = raw();
    let lists = "Lists and menus (FineWeb) works";
    assert!(!is_on(&window, lists) && is_on(&window, "Language works"));
    forget(window.state_mut());
    press(&mut window, Role::Switch, lists);
    let switched =
        Command::ChangeRecipe(RecipeChange::Stage { stage: "fineweb-quality".to_owned(), on: true });
    assert_eq!(sent(window.state_mut()), [switched]);
    send(window.state_mut(), [Event::Recipe { recipe: bench::recipe_with("fineweb-quality", true) }]);
    rest(&mut window);
    assert!(is_on(&window, lists));
    assert_eq!(sent(window.state_mut()).last(), Some(&Command::JudgeSample { documents: 100 }));
    press(&mut window, Role::Button, "Undo the last change of the recipe");
    let toml = bench::recipe_with("fineweb-quality", false).toml;
    assert_eq!(sent(window.state_mut()).last(), Some(&Command::ChangeRecipe(RecipeChange::Toml { toml })));
    send(window.state_mut(), [bench::recipe()]);
    rest(&mut window);
    assert!(!is_on(&window, lists));
    assert!(window.state().state().cleaning.before.is_empty());
}

#[test]
fn a_threshold_is_sent_when_it_is_set() {
    let mut window = raw();
    press(&mut window, Role::DisclosureTriangle, "Prose (Gopher)");
    assert!(contains(&window, "appendix A1.1") && contains(&window, "fewest words of a document"));
    forget(window.state_mut());
    window.get_by_role_and_label(Role::SpinButton, "Prose (Gopher): min_words").set_value_accesskit(20.0);
    rest(&mut window);
    let (stage, threshold) = ("gopher-quality".to_owned(), "min_words".to_owned());
    assert_eq!(
        sent(window.state_mut()),
        [Command::ChangeRecipe(RecipeChange::Threshold { stage, threshold, value: 20.0 })]
    );
}

#[test]
fn thresholds_stay_within_their_bounds_and_what_is_on_or_off_is_a_switch() {
    let mut window = raw();
    press(&mut window, Role::DisclosureTriangle, "Prose (Gopher)");
    press(&mut window, Role::DisclosureTriangle, "Sentences (C4)");
    forget(window.state_mut());
    let mut set = |name: &str, value: f64| {
        window.get_by_role_and_label(Role::SpinButton, name).set_value_accesskit(value);
        rest(&mut window);
        match sent(window.state_mut()).last() {
            Some(Command::ChangeRecipe(RecipeChange::Threshold { value, .. })) => *value,
            other => panic!("{other:?} was sent"),
        }
    };
    assert_eq!(set("Prose (Gopher): min_words", 2e6), 100_000.0);
    assert_eq!(set("Prose (Gopher): min_words", 30.7), 31.0, "words are whole");
    assert_eq!(set("Prose (Gopher): max_symbol_share", 3.0), 1.0);
    press(&mut window, Role::Switch, "Sentences (C4): remove_citations");
    let (stage, threshold) = ("c4-quality".to_owned(), "remove_citations".to_owned());
    assert_eq!(
        sent(window.state_mut()).last(),
        Some(&Command::ChangeRecipe(RecipeChange::Threshold { stage, threshold, value: 0.0 }))
    );
}

#[test]
fn a_cleaning_shows_how_far_it_is_can_be_stopped_and_ends_in_a_report() {
    let mut window = raw();
    forget(window.state_mut());
    press(&mut window, Role::Button, "Clean");
    assert_eq!(sent(window.state_mut()), [Command::Clean]);
    let is_clean = |command: &Command| matches!(command, Command::Clean);
    answer(window.state_mut(), is_clean, [bench::cleaning(300, 1000)]);
    window.run_steps(3);
    assert!(contains(&window, "30 %") && contains(&window, "6,120 documents read · 4,381 kept so far"));
    assert!(window.query_by_role_and_label(Role::Button, "Clean").is_none());
    press(&mut window, Role::Button, "Stop");
    let request = window.state_mut().state().cleaning.request.unwrap();
    assert_eq!(sent(window.state_mut()).last(), Some(&Command::Cancel { request }));
    let failed =
        |kind| Event::Failed { error: ErrorReport::new(kind, "the cleaning was stopped".to_owned()) };
    let stopped = Event::Cleaning(CleaningStep::Stopped { documents: Some(6_120) });
    answer(window.state_mut(), is_clean, [stopped, failed(ErrorKind::Cancelled)]);
    window.run_steps(3);
    assert!(
        contains(&window, "the next cleaning continues from there.")
            && !contains(&window, "The action failed")
    );

    press(&mut window, Role::Button, "Clean");
    let start = CleaningStart::Resumed { documents: 6_120 };
    answer(window.state_mut(), is_clean, [Event::Cleaning(CleaningStep::Started { start })]);
    window.run_steps(3);
    assert!(contains(&window, "Resuming after the 6,120 documents"));
    answer(window.state_mut(), is_clean, [failed(ErrorKind::Refused)]);
    window.run_steps(3);
    assert!(contains(&window, "The action failed"));
    // The button is also available below the failure.
    press(&mut window, Role::Button, "Clean");
    let done = [bench::cleaned(), bench::documents(true), Event::Finished];
    answer(window.state_mut(), is_clean, done);
    window.run_steps(3);
    let share = 100.0 * bench::report().kept.bytes as f64 / bench::report().raw.bytes as f64;
    assert!(contains(&window, &format!("{share:.1} %")) && !contains(&window, "The action failed"));
    assert!(window.query_by_role_and_label(Role::Button, "Save report").is_some());
    assert!(contains(&window, "Last cleaning: dropped 2,310 documents, removed 913 kB"));
}

#[test]
fn a_recipe_that_was_changed_since_asks_for_another_cleaning() {
    let mut window = cleaned();
    assert!(!contains(&window, "The recipe has changed since"));
    send(window.state_mut(), [Event::Recipe { recipe: bench::recipe_with("language", false) }]);
    window.run_steps(3);
    assert!(contains(&window, "The recipe has changed since"));
    forget(window.state_mut());
    press(&mut window, Role::Button, "Clean again");
    assert_eq!(sent(window.state_mut()).last(), Some(&Command::Clean));
}

#[test]
fn going_back_to_the_raw_text_can_be_called_off_for_ten_seconds() {
    let mut window = cleaned();
    let forgets = |window: &mut Window| sent(window.state_mut()).contains(&Command::ForgetCleaning);
    press(&mut window, Role::Button, "Use raw text");
    press(&mut window, Role::Button, "Keep the cleaned text");
    window.run_steps(48);
    assert!(!forgets(&mut window));
    press(&mut window, Role::Button, "Use raw text");
    window.run_steps(30);
    assert!(!forgets(&mut window), "it can still be called off");
    window.run_steps(18);
    assert!(forgets(&mut window));
    send(window.state_mut(), [bench::documents(false)]);
    window.run_steps(3);
    assert!(window.query_by_role_and_label(Role::Button, "Clean").is_some());
    assert!(!contains(&window, "Last cleaning"));
}

#[test]
fn dropped_documents_are_listed_by_stage_and_say_why() {
    let mut window = cleaned();
    forget(window.state_mut());
    press(&mut window, Role::RadioButton, "Dropped");
    let list =
        |stage: Option<&str>| Command::ListDropped { stage: stage.map(str::to_owned), offset: 0, count: 50 };
    assert_eq!(sent(window.state_mut()), [list(None)]);
    send(window.state_mut(), [bench::dropped(None)]);
    window.run_steps(3);
    assert!(contains(&window, "4,439 documents dropped"));
    window.get_by_role_and_label(Role::ComboBox, "Stage that dropped documents").click();
    window.run_steps(3);
    window.get_by_label("Prose (Gopher) (2310)").click();
    rest(&mut window);
    assert_eq!(sent(window.state_mut()).last(), Some(&list(Some("gopher-quality"))));
    send(window.state_mut(), [bench::dropped(Some("gopher-quality"))]);
    window.run_steps(3);
    assert!(!contains(&window, "Dropped forum/threads.jsonl#88"));
    window.get_all_by_label_contains("Dropped harbour-museum/visit.html").next().unwrap().click();
    rest(&mut window);
    let id = "harbour-museum/visit.html".to_owned();
    assert_eq!(sent(window.state_mut()).last(), Some(&Command::CompareDocument { id }));
    send(window.state_mut(), [bench::compared_dropped()]);
    window.run_steps(3);
    assert!(contains(&window, "Dropped by Prose (Gopher)"));
    assert!(contains(&window, "Sentences (C4) would drop it too: 2 sentences, at least 5 asked"));
    assert!(contains(&window, "Kept by Language"));
    assert!(contains(&window, "Dogs are welcome in the yard."));
}

#[test]
fn a_document_of_the_sample_is_compared_and_again_when_the_recipe_changes() {
    let mut window = raw();
    press(&mut window, Role::RadioButton, "Sample");
    assert!(contains(&window, "71 of 100 documents kept by the current recipe"));
    forget(window.state_mut());
    let row = format!("Sample {}, kept", bench::LIGHTHOUSE);
    window.get_by_label(&row).click();
    rest(&mut window);
    let compare = Command::CompareDocument { id: bench::LIGHTHOUSE.to_owned() };
    assert_eq!(sent(window.state_mut()), std::slice::from_ref(&compare));
    assert!(contains(&window, "Comparing…"));
    send(window.state_mut(), [bench::compared()]);
    window.run_steps(3);
    assert!(contains(&window, "Sentences (C4) changes it"));
    assert!(contains(&window, "Lists and menus (FineWeb), which is off, would drop it"));
    assert!(contains(&window, "write to k•••@h•••••.example<EMAIL> or ring"));
    send(window.state_mut(), [Event::Recipe { recipe: bench::recipe_with("language", false) }]);
    rest(&mut window);
    let again = sent(window.state_mut());
    assert_eq!(again.iter().filter(|command| **command == compare).count(), 2, "{again:?}");
    press(&mut window, Role::Button, "Close the comparison");
    assert!(contains(&window, "Choose a document to read it here."));
}

#[test]
fn kept_documents_are_held_against_the_raw_ones_one_after_another() {
    let mut window = cleaned();
    window.get_all_by_label_contains("Document 1: ").next().unwrap().click();
    rest(&mut window);
    forget(window.state_mut());
    press(&mut window, Role::Button, "Compare with the raw document");
    rest(&mut window);
    let compare = |id: &str| Command::CompareDocument { id: id.to_owned() };
    assert_eq!(sent(window.state_mut()), [compare(bench::LIGHTHOUSE)]);
    send(window.state_mut(), [bench::compared()]);
    window.run_steps(3);
    assert!(contains(&window, "write to k•••@h•••••.example<EMAIL> or ring"));
    press(&mut window, Role::Button, "Next document");
    rest(&mut window);
    let asked = [Command::ReadDocument { number: 1 }, compare("forum.jsonl#1")];
    assert_eq!(sent(window.state_mut()).get(1..), Some(&asked[..]));
    press(&mut window, Role::Button, "Close the comparison");
    let heading = window.query_by_label("Document 2");
    assert!(heading.is_some(), "the document that was compared last is read");

    let mut window = raw();
    window.get_all_by_label_contains("Document 1: ").next().unwrap().click();
    rest(&mut window);
    assert!(window.query_by_role_and_label(Role::Button, "Compare with the raw document").is_none());
}

#[test]
fn files_are_shown_when_one_that_was_added_cannot_be_read() {
    let Event::Documents { mut overview, search, offset, found, documents } = bench::documents(false) else {
        panic!("no documents")
    };
    overview.problems.clear();
    let well = Event::Documents { overview, search, offset, found, documents };
    let mut window = window(well, [bench::recipe(), bench::judged()], [1280.0, 1200.0]);
    let add = window.get_by_role_and_label(Role::Button, "Add files").rect();
    let clean = window.get_by_role_and_label(Role::Button, "Clean").rect();
    let [drop, own] =
        ["Drop more files here", "Remove crew.txt"].map(|name| window.get_by_label(name).rect().top());
    assert!(drop < own && own < add.top() && add.bottom() < clean.top(), "the person's files come first");
    send(window.state_mut(), [bench::documents(false)]);
    window.run_steps(3);
    assert!(contains(&window, "Not read: empty."));
}

#[test]
fn a_file_that_cannot_be_read_is_listed_with_the_reason_and_can_be_removed() {
    // High enough for the whole list of files.
    let told = [bench::recipe(), bench::judged()];
    let mut window = window(bench::documents(false), told, [1280.0, 1200.0]);
    assert!(contains(&window, "Not read: empty."));
    assert!(contains(&window, "Read in part: has a line that is no JSON."));
    forget(window.state_mut());
    press(&mut window, Role::Button, "Remove crew.txt");
    assert!(contains(&window, "removed"));
    press(&mut window, Role::Button, "Clean");
    let removed = Command::ChangeDocuments(DocumentsChange::Remove { name: "crew.txt".to_owned() });
    assert_eq!(sent(window.state_mut()), [removed, Command::Clean], "the others are cleaned all the same");
}

#[test]
fn a_file_is_held_out_in_place_of_a_share_and_trains_again() {
    let told = [bench::recipe(), bench::judged()];
    let mut window = window(bench::documents(false), told, [1280.0, 1200.0]);
    press(&mut window, Role::Tab, "Split");
    assert!(contains(&window, "Share held out for validation"));
    let held = |window: &mut Window| {
        let saved = sent(window.state_mut()).into_iter().rev().find_map(|command| match command {
            Command::SaveDrafts { drafts } => Some(drafts.train.data.validation_files),
            _ => None,
        });
        saved.unwrap()
    };
    forget(window.state_mut());
    press(&mut window, Role::Button, "Hold out forum.jsonl");
    assert_eq!(held(&mut window), ["forum.jsonl"]);
    let lists = |command: &Command| matches!(command, Command::ListDocuments { .. });
    rest(&mut window);
    assert!(sent(window.state_mut()).iter().any(lists), "the documents are divided by it");
    assert!(contains(&window, "forum.jsonl, instead of a share of the text."));
    assert!(!contains(&window, "Share held out for validation"));
    for file in ["harbour-museum.warc.gz", "ships-logs.csv"] {
        press(&mut window, Role::Button, &format!("Hold out {file}"));
    }
    let last = window.get_by_role_and_label(Role::Button, "Hold out crew.txt");
    assert!(last.accesskit_node().is_disabled(), "something has to train");
    press(&mut window, Role::Button, "Train on forum.jsonl");
    assert_eq!(held(&mut window), ["harbour-museum.warc.gz", "ships-logs.csv"]);
}

#[test]
fn personal_data_copies_tables_and_troubles_are_shown() {
    let mut window = cleaned();
    assert!(contains(&window, "702 places in 690 documents") && contains(&window, "none found"));
    press(&mut window, Role::DisclosureTriangle, "Places, masked");
    assert!(contains(&window, "write to k•••@h•••••.example before"));
    press(&mut window, Role::DisclosureTriangle, "Groups: near duplicates");
    press(&mut window, Role::DisclosureTriangle, "44 similar documents");
    assert!(contains(&window, "kept: the longest of its group") && contains(&window, "97.0 % similar"));
    assert!(contains(&window, "and 41 more"));
    forget(window.state_mut());
    window.get_by_role_and_label(Role::ComboBox, "Action on Email").click_accesskit();
    window.run_steps(3);
    window.get_by_label("Drop document").click_accesskit();
    window.run_steps(3);
    let (class, action) = ("email".to_owned(), PersonalAction::Drop);
    assert_eq!(sent(window.state_mut()), [Command::ChangeRecipe(RecipeChange::Personal { class, action })]);
    press(&mut window, Role::Tab, "Report");
    assert!(contains(&window, "10,301 of 14,740") && contains(&window, "CSV of By licence"));
    press(&mut window, Role::DisclosureTriangle, "Unreadable files and parts");
    assert!(contains(&window, "holds pictures of pages and no text"));
}

#[test]
fn every_state_fits_every_width_and_can_be_read_by_others() {
    let made =
        || [bench::recipe(), bench::judged(), bench::cleaned(), bench::compared(), bench::dropped(None)];
    for (documents, events) in [
        (bench::documents(false), Vec::from([bench::recipe(), bench::judged()])),
        (bench::documents(true), Vec::from(made())),
        (
            bench::documents(true),
            vec![
                bench::recipe(),
                Event::Cleaning(CleaningStep::Done { report: Box::new(CleaningReport::default()) }),
            ],
        ),
    ] {
        for width in [420.0, 760.0, 1280.0] {
            let mut window = window(documents.clone(), events.clone(), [width, 2400.0]);
            for list in ["Sample", "Dropped"] {
                if window.query_by_role_and_label(Role::RadioButton, list).is_some() {
                    press(&mut window, Role::RadioButton, list);
                }
            }
            support::check_sides(&window, "edges", |_| true);
        }
    }
}
