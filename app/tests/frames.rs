//! Cost of a frame with long runs and long texts: update and tessellation, as in a window without a screen reader. Times are
//! printed but not checked, since the machine may be busy (the median is the least affected); the number of vertices is checked.

use crate::support;
use crate::support::{answer, in_training, send, sent};
use egui::{Event, PointerButton, Pos2, RawInput, Rect, Vec2};
use glasshouse::app::App;
use glasshouse::pages::PageName;
use glasshouse::theme;
use glasshouse_protocol::{
    Command, Event as EngineEvent, MergeStep, TokenSummary, TrainingState, VocabularyEntry, WrittenToken,
    answer,
};

const SIZE: Vec2 = Vec2::new(1280.0, 820.0);

/// A window's frames, without a display.
struct Frames {
    context: egui::Context,
    app: App,
    time: f64,
}

impl Frames {
    fn of(mut app: App) -> Self {
        let context = egui::Context::default();
        theme::prepare(&context, &app.preferences().clone());
        let mut frames = Self { context, app, time: 0.0 };
        frames.rest();
        frames
    }

    /// Draws a frame, and returns its number of vertices.
    fn frame(&mut self, events: Vec<Event>) -> usize {
        self.time += 0.05;
        let screen_rect = Some(Rect::from_min_size(Pos2::ZERO, SIZE));
        let input =
            RawInput { screen_rect, time: Some(self.time), events, focused: true, ..RawInput::default() };
        let app = &mut self.app;
        let output = self.context.run_ui(input, |ui| {
            app.receive();
            app.ui(ui);
        });
        let meshes = self.context.tessellate(output.shapes, output.pixels_per_point);
        let vertices = meshes.iter().map(|mesh| match &mesh.primitive {
            egui::epaint::Primitive::Mesh(mesh) => mesh.vertices.len(),
            egui::epaint::Primitive::Callback(_) => 0,
        });
        vertices.sum()
    }

    /// Draws frames until debounced values are sent.
    fn rest(&mut self) {
        for _ in 0..12 {
            self.frame(Vec::new());
        }
    }

    fn click(&mut self, at: Pos2) {
        let button = |pressed| Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Default::default(),
        };
        self.frame(vec![Event::PointerMoved(at)]);
        self.frame(vec![button(true)]);
        self.frame(vec![button(false)]);
        self.rest();
    }

    /// Moves the pointer as a person does, prints the cost of frames, and returns the maximum number of vertices.
    fn measure(&mut self, name: &str) -> usize {
        let mut milliseconds = Vec::new();
        let mut most = 0;
        for frame in 0..100_u8 {
            let at = Pos2::new(400.0 + f32::from(frame) * 5.0, 300.0 + f32::from(frame) * 3.0);
            let start = std::time::Instant::now();
            most = most.max(self.frame(vec![Event::PointerMoved(at)]));
            milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
        }
        milliseconds.sort_by(f64::total_cmp);
        let (median, p95) = (milliseconds[50], milliseconds[95]);
        println!("{name}: {most} vertices, update and tessellation median {median:.2} ms, p95 {p95:.2} ms");
        most
    }
}

/// A project with all kinds of data, on a page.
fn frames(page: PageName) -> Frames {
    let mut app = support::full_app("dark");
    app.open(page);
    Frames::of(app)
}

/// Sentences of the given total length, with a line break after every tenth.
fn prose(letters: usize) -> String {
    let sentences = (0..).map(|number| {
        let end = if number % 10 == 9 { "\n" } else { " " };
        format!("Mia found {number} red berries under the old oak and took them home.{end}")
    });
    let mut text = String::with_capacity(letters + 100);
    for sentence in sentences {
        if text.len() >= letters {
            break;
        }
        text.push_str(&sentence);
    }
    text
}

fn pieces(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

/// Compares a short and a long text: a frame draws only what is visible.
fn alike(name: &str, measure: impl Fn(usize) -> usize, short: usize, long: usize) {
    let (little, much) = (measure(short), measure(long));
    assert!(much < 60_000, "{name}: {much} vertices");
    assert!(much < 2 * little, "{name}: {little} vertices for a short text, {much} for a long one");
}

#[test]
fn a_long_run() {
    let measure = |steps: usize| {
        let steps = steps as u64;
        let mut frames = frames(PageName::Train);
        send(&mut frames.app, in_training(TrainingState::Running));
        send(
            &mut frames.app,
            [EngineEvent::Training { events: support::steps(1201, steps, steps), seconds: None }],
        );
        frames.measure(&format!("a run of {steps} steps"))
    };
    alike("a run", measure, 2000, 200_000);
}

#[test]
fn a_long_document() {
    let measure = |letters: usize| {
        let mut frames = frames(PageName::Data);
        let lists = |command: &Command| matches!(command, Command::ListDocuments { .. });
        answer(&mut frames.app, lists, [support::documents(), EngineEvent::Finished]);
        frames.rest();
        let reads =
            |app: &mut App| sent(app).iter().any(|command| matches!(command, Command::ReadDocument { .. }));
        // The first row of the list, wherever it is.
        for y in (200..800).step_by(20) {
            if !reads(&mut frames.app) {
                frames.click(Pos2::new(420.0, y as f32));
            }
        }
        let number = sent(&mut frames.app).into_iter().rev().find_map(|command| match command {
            Command::ReadDocument { number } => Some(number),
            _ => None,
        });
        let text = prose(letters);
        send(
            &mut frames.app,
            [answer::Document {
                number: number.unwrap(),
                text,
                learned: Vec::new(),
                tokens: Vec::new(),
                cut: false,
            }],
        );
        frames.rest();
        frames.measure(&format!("Data with a document of {letters} letters"))
    };
    alike("a document", measure, 12_000, 200_000);
}

#[test]
fn a_long_text_in_tokens() {
    let measure = |letters: usize| {
        let mut frames = frames(PageName::Tokenizer);
        let text = prose(letters);
        // Paste into the field.
        frames.click(Pos2::new(800.0, 190.0));
        frames.frame(vec![Event::Paste(text.clone())]);
        frames.rest();
        let looked_at: String = text.chars().take(5000).collect();
        let tokens = pieces(&looked_at).into_iter().enumerate();
        let tokens = tokens.map(|(id, text)| TokenSummary { id: id as u32, text, special: false }).collect();
        let bytes: Vec<String> = looked_at.chars().take(400).map(String::from).collect();
        let steps = (0..150).map(|rank| MergeStep {
            rank,
            left: "a".to_owned(),
            right: "b".to_owned(),
            whole: "ab".to_owned(),
            at: vec![rank],
        });
        let entries = (0..50).map(|id| VocabularyEntry {
            id,
            text: format!(" word{id}"),
            count: 1000,
            parts: Some((" wo".to_owned(), format!("rd{id}"))),
        });
        let answers = [
            answer::Tokens { text, tokens, lost: String::new(), merges: Some((bytes, steps.collect())) }
                .into(),
            EngineEvent::Vocabulary(answer::Vocabulary {
                found: 1024,
                offset: 0,
                entries: entries.collect(),
            }),
        ];
        send(&mut frames.app, answers);
        frames.rest();
        frames.measure(&format!("Tokenizer with {letters} letters"))
    };
    alike("tokens", measure, 4000, 200_000);
}

#[test]
fn a_long_written_text() {
    let measure = |letters: usize| {
        let mut frames = frames(PageName::Write);
        frames.click(Pos2::new(500.0, 276.0));
        let key = |pressed| Event::Key {
            key: egui::Key::Enter,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: Default::default(),
        };
        frames.frame(vec![key(true), key(false)]);
        let writes = |command: &Command| matches!(command, Command::Generate { .. });
        let token = |text: String| WrittenToken { id: 7, text };
        let tokens: Vec<WrittenToken> = pieces(&prose(letters)).into_iter().map(token).collect();
        answer(
            &mut frames.app,
            writes,
            [
                EngineEvent::Written {
                    tokens: vec![token("Once upon a time".to_owned())],
                    prompt: true,
                    text: String::new(),
                },
                EngineEvent::Written { tokens, prompt: false, text: String::new() },
            ],
        );
        frames.rest();
        frames.measure(&format!("Write with {letters} letters"))
    };
    alike("a written text", measure, 6000, 200_000);
}
