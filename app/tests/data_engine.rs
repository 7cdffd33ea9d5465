//! The Data page with the real engine: web pages are added, a sample is judged, they are cleaned, and dropped documents show the
//! reason.

use crate::support;
use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use glasshouse::app::App;
use glasshouse::link::Link;
use glasshouse::pages::PageName;
use glasshouse_engine::session;
use glasshouse_protocol::cleaning::{TextChange, TextFate};
use glasshouse_protocol::{Command, DocumentsChange, Envelope, Report, Request};
use std::time::Duration;

/// A window whose script is answered by an engine in a thread.
struct Played {
    window: Harness<'static, App>,
    requests: Option<async_channel::Sender<Envelope<Request>>>,
    reports: async_channel::Receiver<Envelope<Report>>,
    engine: Option<std::thread::JoinHandle<()>>,
    passed_on: usize,
}

impl Played {
    fn new(shelf: &std::path::Path) -> Self {
        let (requests, inbox) = async_channel::unbounded();
        let (outbox, reports) = async_channel::unbounded();
        let options = session::Options { threads: Some(1), ..support::play::options(shelf) };
        let receive = move |report| {
            outbox.try_send(report).ok();
        };
        let engine = std::thread::spawn(move || pollster::block_on(session::run(options, inbox, receive)));
        let mut app = support::app("dark");
        app.preferences().device = "cpu".to_owned();
        app.preferences().folds.insert("what:data".to_owned(), false);
        app.open(PageName::Data);
        let window = support::window(app, 1280.0, 1600.0);
        Self { window, requests: Some(requests), reports, engine: Some(engine), passed_on: 0 }
    }

    /// Sends a command to the engine, bypassing the window.
    fn ask(&self, id: u64, command: Command, bytes: Vec<Vec<u8>>) {
        let requests = self.requests.as_ref().unwrap();
        requests.try_send(Envelope { body: Request::new(id, command), bytes }).unwrap();
    }

    /// Passes requests and reports until the window satisfies a condition.
    fn until(&mut self, what: &str, is: impl Fn(&Harness<'static, App>) -> bool) {
        for _ in 0..3000 {
            let Link::Script { sent, reports } = self.window.state_mut().link() else {
                unreachable!("a script")
            };
            for envelope in sent.iter().skip(self.passed_on) {
                self.requests.as_ref().unwrap().try_send(envelope.clone()).unwrap();
            }
            self.passed_on = sent.len();
            while let Ok(report) = self.reports.try_recv() {
                reports.push_back(report);
            }
            self.window.step();
            if is(&self.window) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let messages = &self.window.state().state().messages;
        panic!("never came: {what}; told were {messages:?}");
    }

    fn press(&mut self, role: Role, name: &str) {
        self.window.get_by_role_and_label(role, name).click_accesskit();
        self.window.run_steps(2);
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.requests = None;
        self.engine.take().map(std::thread::JoinHandle::join);
    }
}

/// A web page about a place, with typical surroundings of an article.
fn page(place: &str) -> Vec<u8> {
    let article = format!(
        "<p>The harbour of {place} was built by people who had seen the sea take three piers before. They laid the stones of the fourth \
         in a curve, so that the waves ran along it and spent themselves on the beach. Whoever walks there at low tide can still read the \
         masons' marks, a fish for one family and a ladder for another.</p><p>In the winter of the great gale the light at its end went \
         out for two nights. The keeper rowed across with oil and a dry wick, and the boats that were still at sea found their way home \
         to {place} before the morning.</p>"
    );
    let page = format!(
        "<!doctype html><html><head><title>{place}</title></head><body><nav><a href=\"/\">Home</a> <a href=\"/shop\">Shop</a></nav>\
         <article><h1>The harbour of {place}</h1>{article}{article}<p>Write to keeper@harbour-{place}.example with questions.</p>\
         </article><footer>All rights reserved</footer></body></html>"
    );
    page.into_bytes()
}

#[test]
fn web_pages_become_text_and_what_is_dropped_says_why() {
    let shelf = tempfile::tempdir().unwrap();
    let mut played = Played::new(shelf.path());
    played.ask(1_000_001, Command::create("Harbours"), Vec::new());
    played.until("the project", |window| window.state().state().projects.open.is_some());
    let names = ["anholt.html", "again.html", "empty.html"].map(str::to_owned).into();
    let empty = b"<!doctype html><html><body><p>Coming soon</p></body></html>".to_vec();
    let bytes = vec![page("anholt"), page("anholt"), empty];
    played.ask(1_000_002, Command::ChangeDocuments(DocumentsChange::Add { names }), bytes);
    played.until("a judged sample", |window| window.state().state().cleaning.judgement.is_some());
    played.press(Role::Button, "Clean");
    played
        .until("the report", |window| window.query_by_role_and_label(Role::Button, "Clean again").is_some());
    let report = played.window.state().state().cleaning.report.clone().unwrap();
    assert_eq!((report.raw.documents, report.kept.documents), (3, 1));
    // Until the text is listed again, rows are raw documents, which close when the documents are renumbered.
    played.until("the kept text", |window| {
        let overview = window.state().state().documents.overview.as_ref();
        overview.is_some_and(|overview| overview.cleaned) && support::contains(window, "Document 1: ")
    });
    let row =
        played.window.query_all_by_label_contains("Document 1: ").next().map(|row| row.click_accesskit());
    assert!(row.is_some(), "a page was kept");
    let compare = "Compare with the raw document";
    played.until("the page", |window| window.query_by_role_and_label(Role::Button, compare).is_some());
    played.press(Role::Button, compare);
    played.until("the page before and after", |window| {
        let compared = window.state().state().cleaning.compared.as_ref();
        let added = |change: &TextChange| change.fate == TextFate::Added && change.text.contains("<EMAIL>");
        compared.is_some_and(|compared| compared.id.ends_with(".html") && compared.changes.iter().any(added))
    });
    played.press(Role::Button, "Close the comparison");
    played.press(Role::RadioButton, "Dropped");
    played.until("what was dropped", |window| support::contains(window, "2 documents dropped"));
    let row = played
        .window
        .query_all_by_label_contains("by Exact duplicates")
        .next()
        .map(|row| row.click_accesskit());
    assert!(row.is_some(), "a copy was dropped");
    played.until("the comparison", |window| support::contains(window, "Dropped by Exact duplicates"));
    // Personal data is replaced by a placeholder.
    played.press(Role::RadioButton, "Sample");
    let row = played
        .window
        .query_all_by_label_contains("Sample anholt.html")
        .next()
        .map(|row| row.click_accesskit());
    assert!(row.is_some(), "the page is in the sample");
    played.until("a placeholder", |window| support::contains(window, "<EMAIL>"));
    assert!(played.window.state().state().messages.is_empty());
}
