//! The real application over the real engine on the CPU, on a shelf of its own.

use super::{theme_of, window};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use glasshouse::app::{App, AppOptions, Recorder};
use glasshouse::link::{EngineLink, Link};
use glasshouse::pages::PageName;
use glasshouse::preferences::Preferences;
use glasshouse::state::State;
use glasshouse_engine::session;
use glasshouse_protocol::message::LogMessage;
use glasshouse_protocol::{
    Command, ErrorKind, Event, Parcel, Request, RunConfig, RunLaunch, RunState, TrainingState,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The window's size, unless it is given another.
pub const SIZE: [f32; 2] = [1280.0, 820.0];

/// Between two looks at the engine: drawing takes CPU time that the engine wants.
pub const LOOK: Duration = Duration::from_millis(100);

/// Seconds after which whatever floats above a page has gone, and how often that is waited for: two notices are shown at once.
const FLOATS: f64 = 11.0;
const MAX_WAITS: usize = 50;

/// A window, the engine that answers it, and the pictures that were taken.
pub struct Session {
    pub window: Harness<'static, App>,
    engine: Link,
    log: Recorder,
    /// Number of the last request that no page made.
    asked: u64,
    pause: Duration,
    patience: Duration,
    /// Where pictures are kept.
    pub folder: PathBuf,
    /// Of each its file and what it shows.
    pub pictures: Vec<Value>,
}

impl Session {
    /// Begins on an empty shelf in a folder for work. A page comes to rest in ten frames with a `pause` behind each; nothing may take
    /// longer than `patience`.
    pub fn open(work: &Path, folder: &Path, start: AppOptions, pause: Duration, patience: Duration) -> Self {
        let options =
            session::Options { shelf: work.join("shelf"), device: "cpu".to_owned(), ..Default::default() };
        let engine = Link::Engine(EngineLink::start(options, || ()).unwrap());
        let preferences =
            Preferences { theme: theme_of("dark"), device: "cpu".to_owned(), ..Preferences::default() };
        let app = App::new(Link::script(), preferences, start).unwrap();
        let window = window(app, SIZE[0], SIZE[1]);
        let log = Recorder::new(std::fs::File::create(work.join("messages.jsonl")).unwrap());
        std::fs::create_dir_all(folder).unwrap();
        let (folder, pictures) = (folder.to_owned(), Vec::new());
        Self { window, engine, log, asked: 1 << 30, pause, patience, folder, pictures }
    }

    /// What the application knows.
    pub fn state(&self) -> &State {
        self.window.state().state()
    }

    /// Carries messages both ways, and draws a frame. The application has no engine of its own here, since one that has keeps the
    /// preferences of whoever runs it.
    pub fn turn(&mut self) -> Vec<(Option<u64>, Event)> {
        let mut heard = Vec::new();
        let Link::Script { sent, reports } = self.window.state_mut().link() else { unreachable!("a script") };
        for request in sent.drain(..) {
            self.log.write(LogMessage::Request(request.body.clone()));
            self.engine.send(request);
        }
        while let Some(report) = self.engine.receive() {
            self.log.write(LogMessage::Report(Box::new(report.body.clone())));
            heard.push((report.body.request, report.body.event.clone()));
            reports.push_back(report);
        }
        self.window.step();
        assert!(self.engine.lost().is_none(), "{:?}", self.engine.lost());
        heard
    }

    /// Does something in a window that has the engine itself, as a person's has, and not its messages alone. Preferences are to stay as they
    /// are: such a window keeps them.
    pub fn directly(&mut self, does: impl FnOnce(&mut Harness<'static, App>)) {
        std::mem::swap(self.window.state_mut().link(), &mut self.engine);
        does(&mut self.window);
        std::mem::swap(self.window.state_mut().link(), &mut self.engine);
    }

    /// Goes on until the state is as wanted.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&State) -> bool) {
        let begun = Instant::now();
        while !wanted(self.state()) {
            self.turn();
            let waiting = begun.elapsed();
            assert!(waiting < self.patience, "waited in vain for {what}: {:?}", self.state().messages);
            std::thread::sleep(LOOK);
        }
    }

    /// A second of frames, until nothing waits.
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

    /// Asks the engine what no button of the page at hand asks, and waits for the end of it.
    pub fn ask(&mut self, command: Command) {
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

    /// The same without waiting. Answers the request's number.
    pub fn send(&mut self, command: Command) -> u64 {
        self.asked += 1;
        let request = Request { id: self.asked, command };
        self.log.write(LogMessage::Request(request.clone()));
        self.engine.send(Parcel::plain(request));
        self.asked
    }

    /// Opens a page in a theme.
    pub fn show(&mut self, page: PageName, theme: &str) {
        self.window.state_mut().open(page);
        self.window.state_mut().preferences().theme = theme_of(theme);
        self.settle();
    }

    /// Presses the last thing of that name: the rail comes first.
    pub fn press(&mut self, name: &str) {
        self.window.get_all_by_label(name).last().unwrap().click();
        self.settle();
    }

    /// The window as it is. Nothing has gone wrong until now.
    pub fn image(&mut self) -> image::RgbaImage {
        let errors = self.state().messages.iter().filter(|message| message.error.kind != ErrorKind::Notice);
        assert_eq!(errors.count(), 0, "{:?}", self.state().messages);
        self.window.remove_cursor();
        self.clear();
        self.window.render().unwrap()
    }

    /// Lets notices and the line with an undo go, which float above the page and would lie on what a picture shows.
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

    /// A picture of it, with what is to be said of it.
    pub fn picture(&mut self, name: &str, shows: &str) {
        let image = self.image();
        let file = format!("{name}.png");
        write_png(&image, &self.folder.join(&file));
        self.pictures.push(json!({ "file": file, "shows": shows }));
    }

    /// Begins a run.
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

/// Small rather than fast: pictures are kept in the repository. What is drawn flat is smallest without a filter.
pub fn write_png(image: &image::RgbaImage, file: &Path) {
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};
    let rgb = image::DynamicImage::ImageRgba8(image.clone()).into_rgb8();
    let to = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    let encoder = PngEncoder::new_with_quality(to, CompressionType::Best, FilterType::NoFilter);
    rgb.write_with_encoder(encoder).unwrap();
}
