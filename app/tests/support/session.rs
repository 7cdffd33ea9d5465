//! The real application with the real engine on the CPU, in a separate projects folder.

use super::{theme_of, window};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use glasshouse::app::{App, AppOptions};
use glasshouse::link::{EngineLink, Link};
use glasshouse::pages::PageName;
use glasshouse::preferences::Preferences;
use glasshouse::state::State;
use glasshouse_engine::session;
use glasshouse_protocol::{
    Command, Envelope, ErrorKind, Event, Request, RunConfig, RunLaunch, RunState, TrainingState,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The default window size.
pub const SIZE: [f32; 2] = [1280.0, 820.0];

/// Interval between polls of the engine: drawing takes CPU time that the engine needs.
pub const LOOK: Duration = Duration::from_millis(100);

/// Seconds after which floating messages are gone, and how often to wait for that: two notices are shown at once.
const FLOATS: f64 = 11.0;
const MAX_WAITS: usize = 50;

/// A window, the engine that answers it, and the pictures taken.
pub struct Session {
    pub window: Harness<'static, App>,
    engine: Link,
    /// Number of the last request sent directly.
    asked: u64,
    pause: Duration,
    patience: Duration,
    /// Folder of the pictures.
    pub folder: PathBuf,
    /// File and description of each picture.
    pub pictures: Vec<Value>,
}

impl Session {
    /// Starts without projects in a work folder. A page settles in ten frames with a `pause` after each; no wait may take longer
    /// than `patience`.
    pub fn open(work: &Path, folder: &Path, start: AppOptions, pause: Duration, patience: Duration) -> Self {
        let options =
            session::Options { shelf: work.join("shelf"), device: "cpu".to_owned(), ..Default::default() };
        let engine = Link::Engine(EngineLink::start(options, || ()).unwrap());
        let preferences =
            Preferences { theme: theme_of("dark"), device: "cpu".to_owned(), ..Preferences::default() };
        let app = App::new(Link::script(), preferences, start).unwrap();
        let window = window(app, SIZE[0], SIZE[1]);
        std::fs::create_dir_all(folder).unwrap();
        let (folder, pictures) = (folder.to_owned(), Vec::new());
        Self { window, engine, asked: 1 << 30, pause, patience, folder, pictures }
    }

    /// The application's state.
    pub fn state(&self) -> &State {
        self.window.state().state()
    }

    /// Exchanges messages and draws a frame. The application has no engine link of its own here, since then it would overwrite
    /// the user's preferences.
    pub fn turn(&mut self) -> Vec<(Option<u64>, Event)> {
        let mut received = Vec::new();
        let Link::Script { sent, reports } = self.window.state_mut().link() else { unreachable!("a script") };
        for request in sent.drain(..) {
            self.engine.send(request);
        }
        while let Some(report) = self.engine.receive() {
            received.push((report.body.request, report.body.event.clone()));
            reports.push_back(report);
        }
        self.window.step();
        assert!(self.engine.lost().is_none(), "{:?}", self.engine.lost());
        received
    }

    /// Runs something in a window that is linked to the engine itself, as a real one is. It must not change preferences, which
    /// such a window stores.
    pub fn directly(&mut self, does: impl FnOnce(&mut Harness<'static, App>)) {
        std::mem::swap(self.window.state_mut().link(), &mut self.engine);
        does(&mut self.window);
        std::mem::swap(self.window.state_mut().link(), &mut self.engine);
    }

    /// Waits until the state satisfies a condition.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&State) -> bool) {
        let begun = Instant::now();
        while !wanted(self.state()) {
            self.turn();
            let waiting = begun.elapsed();
            let State { messages, waiting: requests, .. } = self.state();
            assert!(waiting < self.patience, "waited in vain for {what}: {messages:?}, {requests:?}");
            std::thread::sleep(LOOK);
        }
    }

    /// Draws a second of frames, until no request is pending.
    pub fn settle(&mut self) {
        for _ in 0..10 {
            self.turn();
            std::thread::sleep(self.pause);
        }
        let idle = |state: &State| {
            state.waiting.values().all(|command| {
                matches!(command, Command::Train { .. } | Command::TrainFirst { .. } | Command::Resume { .. })
            })
        };
        self.until("answers", idle);
        self.turn();
    }

    /// Sends a command to the engine directly, and waits until it is finished.
    pub fn ask(&mut self, command: impl Into<Command>) {
        let number = self.send(command);
        let begun = Instant::now();
        loop {
            for (request, event) in self.turn() {
                match event {
                    Event::Finished if request == Some(number) => return,
                    Event::Failed { error } if request == Some(number) => panic!("{error:?}"),
                    _ => {}
                }
            }
            assert!(begun.elapsed() < self.patience, "no answer");
            std::thread::sleep(LOOK);
        }
    }

    /// Sends a command without waiting. Returns the request number.
    pub fn send(&mut self, command: impl Into<Command>) -> u64 {
        self.asked += 1;
        self.engine.send(Envelope::plain(Request::new(self.asked, command.into())));
        self.asked
    }

    /// Opens a page in a theme.
    pub fn show(&mut self, page: PageName, theme: &str) {
        self.window.state_mut().open(page);
        self.window.state_mut().preferences().theme = theme_of(theme);
        self.settle();
    }

    /// Clicks the last widget of that name: the rail comes first.
    pub fn press(&mut self, name: &str) {
        self.window.get_all_by_label(name).last().unwrap().click_accesskit();
        self.settle();
    }

    /// An image of the window, after checking that there were no errors.
    pub fn image(&mut self) -> image::RgbaImage {
        let errors = self.state().messages.iter().filter(|message| message.error.kind != ErrorKind::Notice);
        assert_eq!(errors.count(), 0, "{:?}", self.state().messages);
        self.window.remove_cursor();
        self.clear();
        self.window.render().unwrap()
    }

    /// Waits until notices and toasts, which would cover the page, have disappeared.
    pub fn clear(&mut self) {
        for _ in 0..MAX_WAITS {
            let now = self.window.ctx.input(|input| input.time);
            self.window.input_mut().time = Some(now + FLOATS);
            self.turn();
            self.turn();
            if self.state().messages.is_empty() {
                return;
            }
        }
        panic!("notices that stay: {:?}", self.state().messages);
    }

    /// Takes a picture with a description.
    pub fn picture(&mut self, name: &str, shows: &str) {
        let image = self.image();
        let file = format!("{name}.png");
        write_png(&image, &self.folder.join(&file));
        self.pictures.push(json!({ "file": file, "shows": shows }));
    }

    pub fn train(&mut self, config: RunConfig) {
        self.send(Command::Train { config: Box::new(config), launch: RunLaunch::default() });
    }

    /// Waits for the end of a run.
    pub fn trained(&mut self) {
        self.until("the end of training", |state| {
            let ended = state.training.run.as_ref().is_some_and(|run| run.state == RunState::Finished);
            ended && state.training.state == TrainingState::Idle
        });
    }
}

/// Favours size over speed: pictures are stored in the repository. Flat images compress best without a filter.
pub fn write_png(image: &image::RgbaImage, file: &Path) {
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};
    let rgb = image::DynamicImage::ImageRgba8(image.clone()).into_rgb8();
    let to = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    let encoder = PngEncoder::new_with_quality(to, CompressionType::Best, FilterType::NoFilter);
    rgb.write_with_encoder(encoder).unwrap();
}
