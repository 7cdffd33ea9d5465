//! Every view of Inspect at three steps of one run, from the untrained model to the last, in both themes: the pictures and the figures of
//! `docs/lens.md`. Recorded, the run is `first-stories` to its end.

use super::{look_at, places, surroundings};
use crate::support::figures::figures_of;
use crate::support::session::{LOOK, Session, write_png};
use crate::support::theme_of;
use egui::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::AppOptions;
use glasshouse_protocol::{Command, Event, GenerateConfig, RunSummary, View, WeightSource, presets};
use image::RgbaImage;
use image::imageops::{crop_imm, replace};
use serde_json::json;
use std::time::{Duration, Instant};

const PRESET: &str = "first-stories";

/// The size of a view by itself, as another page embeds it: as wide as a page of GitHub shows pictures, and as high as any is.
const STRIP: [f32; 2] = [880.0, 4000.0];
/// Characters of a held-out story that the model looks at, at most.
const PROMPT: usize = 72;
/// Seconds that a text may take.
const WRITING: u64 = 120;
/// Pixels below what is drawn last.
const MARGIN: u32 = 16;

/// How much is recorded.
struct Extent {
    /// Steps of the run; the preset's own unless given.
    steps: Option<u64>,
    views: &'static [View],
    themes: &'static [&'static str],
    /// Between two of the frames in which a page comes to rest.
    pause: Duration,
    /// Seconds that anything may take.
    patience: u64,
}

const WHOLE: Extent =
    Extent { steps: None, views: &View::ALL, themes: &["dark", "light"], pause: LOOK, patience: 1800 };
const BRIEF: Extent = Extent {
    steps: Some(12),
    // Those in which something is pressed, and two others.
    views: &[
        View::Attention,
        View::LogitLens,
        View::Neurons,
        View::Weights,
        View::WhatIf,
        View::Provenance,
        View::Graph,
    ],
    themes: &["dark"],
    pause: Duration::from_millis(10),
    patience: 120,
};

/// Presses in a view what it shows little without. It stays pressed at every step.
fn press_in(session: &mut Session, view: View, step: u64, prompt: &str) {
    look_at(session, view, step, prompt);
    match view {
        // The first head of the first layer is off, and each part by itself beside that.
        View::WhatIf => {
            press(session, Role::Button, "Head");
            press(session, Role::Switch, "Ablate every head and MLP");
        }
        // The most active one.
        View::Neurons => press(session, Role::Button, ", activation "),
        View::Weights => press(session, Role::Switch, "Along the run"),
        // The first layer's product that makes its neurons, with the WGSL of its kernel.
        View::Graph => {
            press(session, Role::DisclosureTriangle, ".mlp");
            press(session, Role::Row, "linear ");
            press(session, Role::Button, "linear_");
        }
        _ => {}
    }
}

/// Presses the first thing of a role that has these words in its name.
fn press(session: &mut Session, role: Role, words: &str) {
    let named = |node: &egui_kittest::Node<'_>| {
        node.accesskit_node().label().is_some_and(|label| label.contains(words))
    };
    let found = session.window.get_all_by_role(role).find(named);
    found.unwrap_or_else(|| panic!("there is no {words:?}")).click();
    session.settle();
}

/// How the last of the stories begins that are held out for validation: a text of the kind that the model knows, and that it has not seen.
fn held_out(session: &mut Session, validation: f64) -> String {
    let list = |offset| Command::ListDocuments { search: String::new(), offset, count: 1, validation };
    session.ask(list(0));
    let last = session.state().documents.found - 1;
    session.ask(list(last));
    let document = &session.state().documents.page[0];
    assert!(document.validation, "{document:?}");
    let beginning: String = document.preview.chars().take(PROMPT).collect();
    beginning.rsplit_once(' ').unwrap().0.to_owned()
}

/// The step at the beginning, one on the way, at which patterns are growing, and the last.
fn three(mut steps: Vec<u64>) -> [u64; 3] {
    steps.sort_unstable();
    steps.dedup();
    let (first, last) = (steps[0], steps[steps.len() - 1]);
    let between = steps[1..steps.len() - 1].iter().copied();
    [first, between.min_by_key(|step| step.abs_diff(last / 6)).unwrap(), last]
}

/// What a run's weights of a step write.
fn written(session: &mut Session, run: &RunSummary, step: u64) -> String {
    let checkpoint = run.checkpoints.iter().find(|kept| kept.step == step).unwrap().choice();
    let source = WeightSource::Checkpoint { run: run.name.clone(), checkpoint };
    let prompt = "One day".to_owned();
    let config = GenerateConfig { max_tokens: 60, ..GenerateConfig::default() };
    let request = session.send(Command::Generate { source, prompt: prompt.clone(), config });
    let begun = Instant::now();
    loop {
        for (of, event) in session.turn() {
            match event {
                Event::WritingEnded { text, .. } if of == Some(request) => return prompt + &text,
                Event::Failed { error } if of == Some(request) => panic!("{error:?}"),
                _ => {}
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(WRITING), "nothing was written");
        std::thread::sleep(LOOK);
    }
}

/// A view at a step, at work on a prompt: the page as it is drawn, without what is empty below it.
fn strip(session: &mut Session, view: View, step: u64, prompt: &str) -> RgbaImage {
    // The first answer of a step is slower than those that follow, since its weights are read for it: a view says how long the second took.
    look_at(session, view, step, "One day");
    look_at(session, view, step, prompt);
    let page = session.image();
    let (width, height) = page.dimensions();
    let ground = page.get_pixel(0, height - 1);
    let is_empty = |row: &u32| (0..width).all(|column| page.get_pixel(column, *row) == ground);
    let empty = (0..height).rev().take_while(is_empty).count() as u32;
    assert!(empty > MARGIN, "{view} is higher than {height}");
    crop_imm(&page, 0, 0, width, height - empty + MARGIN).to_image()
}

/// Pictures of one width below each other.
fn below(strips: &[RgbaImage]) -> RgbaImage {
    let mut sheet = RgbaImage::new(strips[0].width(), strips.iter().map(RgbaImage::height).sum());
    let mut top = 0;
    for strip in strips {
        replace(&mut sheet, strip, 0, top);
        top += i64::from(strip.height());
    }
    sheet
}

#[test]
fn the_step_on_the_way_is_one_at_which_patterns_are_growing() {
    let kept = vec![2400, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 400, 512, 1024, 2048, 2400];
    assert_eq!(three(kept), [0, 400, 2400]);
    assert_eq!(three(vec![0, 6, 12]), [0, 6, 12]);
}

#[test]
fn pictures_stand_below_each_other_in_their_order() {
    let of = |height: u32, shade: u8| RgbaImage::from_pixel(3, height, image::Rgba([shade; 4]));
    let sheet = below(&[of(2, 10), of(1, 20), of(4, 30)]);
    assert_eq!(sheet.dimensions(), (3, 7));
    let shades: Vec<u8> = (0..7).map(|row| sheet.get_pixel(2, row).0[0]).collect();
    assert_eq!(shades, [10, 10, 20, 30, 30, 30, 30]);
}

#[test]
fn whole_session_of_the_lens() {
    let own = tempfile::tempdir().unwrap();
    let (work, folder, whole) = places(own.path(), "lens");
    let extent = if whole { WHOLE } else { BRIEF };
    let start = AppOptions { embed: true, ..AppOptions::default() };
    let patience = Duration::from_secs(extent.patience);
    let mut session = Session::open(&work, &folder, start, extent.pause, patience);
    session.until("the engine", |state| state.engine.is_some() && state.projects.listed);
    session.ask(Command::CreateProject { name: "Inside a model".to_owned() });
    let mut config = presets::preset(PRESET).unwrap();
    if let Some(steps) = extent.steps {
        config.train.steps = steps;
        config.train.decay_steps = config.train.decay_steps.min(steps);
        config.train.warmup_steps = config.train.warmup_steps.min(steps / 10);
    }
    let validation = config.data.validation;
    session.train(config);
    session.trained();
    let prompt = held_out(&mut session, validation);

    session.ask(Command::ListRuns);
    let run = session.state().runs.list.last().unwrap().clone();
    let steps = three(run.checkpoints.iter().map(|kept| kept.step).collect());
    let mut figures = steps.map(|step| json!({ "step": step }));
    let texts = steps.map(|step| written(&mut session, &run, step));
    session.window.set_size(STRIP.into());
    session.window.state_mut().preferences().folds.insert("what:inspect".to_owned(), false);
    for view in extent.views {
        press_in(&mut session, *view, steps[2], &prompt);
    }
    for theme in extent.themes {
        session.window.state_mut().preferences().theme = theme_of(theme);
        for view in extent.views {
            let mut strips = Vec::new();
            for ((step, figures), text) in steps.iter().zip(&mut figures).zip(&texts) {
                // What a step's weights wrote is what may come from the training text.
                let prompt = if *view == View::Provenance { text.as_str() } else { prompt.as_str() };
                strips.push(strip(&mut session, *view, *step, prompt));
                for (name, figure) in figures_of(session.state(), *view, *step) {
                    figures[name] = json!(figure);
                }
            }
            write_png(&below(&strips), &folder.join(format!("{view}-{theme}.png")));
        }
    }
    let mut recording = surroundings(&session);
    recording["run"] = json!(run.name);
    recording["steps"] = json!(steps);
    recording["prompt"] = json!(prompt);
    recording["written"] = json!(texts);
    recording["figures"] = json!(figures);
    let text = serde_json::to_string_pretty(&recording).unwrap();
    std::fs::write(folder.join("recording.json"), text + "\n").unwrap();
    let pictures = std::fs::read_dir(&folder).unwrap().count() - 1;
    assert_eq!(pictures, extent.views.len() * extent.themes.len());
}
