//! Every view of Inspect at three steps of one run, from the untrained model to the last, in both themes: the pictures and the figures of
//! `docs/lens.md`. Recorded, the run is `first-stories` to its end.

use super::{LOOKED_AT, look, places, surroundings};
use crate::support::figures::figures_of;
use crate::support::session::{LOOK, Session, write_png};
use glasshouse::app::AppOptions;
use glasshouse_protocol::{Command, View, presets};
use image::RgbaImage;
use image::imageops::{crop_imm, replace};
use serde_json::json;
use std::time::Duration;

const PRESET: &str = "first-stories";

/// The size of a view by itself, as another page embeds it: as high as any is.
const STRIP: [f32; 2] = [680.0, 4000.0];
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
    views: &[View::Attention, View::LogitLens],
    themes: &["dark"],
    pause: Duration::from_millis(10),
    patience: 120,
};

/// A view at a step: the page as it is drawn, without what is empty below it.
fn strip(session: &mut Session, view: View, step: u64) -> RgbaImage {
    look(session, view, step);
    let page = session.image();
    let (width, height) = page.dimensions();
    let ground = page.get_pixel(0, height - 1);
    let is_empty = |row: &u32| (0..width).all(|column| page.get_pixel(column, *row) == ground);
    let empty = (0..height).rev().take_while(is_empty).count() as u32;
    assert!(empty > MARGIN, "{view} is higher than {height}");
    crop_imm(&page, 0, 0, width, height - empty + MARGIN).to_image()
}

/// Pictures beside each other.
fn beside(strips: &[RgbaImage]) -> RgbaImage {
    let width = strips[0].width();
    let height = strips.iter().map(RgbaImage::height).max().unwrap();
    // The corner is of the ground that all of them stand on.
    let ground = *strips[0].get_pixel(0, strips[0].height() - 1);
    let mut sheet = RgbaImage::from_pixel(width * strips.len() as u32, height, ground);
    for (nth, strip) in strips.iter().enumerate() {
        replace(&mut sheet, strip, i64::from(width) * nth as i64, 0);
    }
    sheet
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
    session.train(config);
    session.trained();

    session.ask(Command::ListRuns);
    let run = session.state().runs.list.last().unwrap().clone();
    let mut steps: Vec<u64> = run.checkpoints.iter().map(|kept| kept.step).collect();
    steps.sort_unstable();
    steps.dedup();
    let steps = [steps[0], steps[steps.len() / 2], steps[steps.len() - 1]];
    let mut figures = steps.map(|step| json!({ "step": step }));
    session.window.set_size(STRIP.into());
    session.window.state_mut().preferences().folds.insert("what:inspect".to_owned(), false);
    for theme in extent.themes {
        (*theme).clone_into(&mut session.window.state_mut().preferences().theme);
        for view in extent.views {
            let mut strips = Vec::new();
            for (step, figures) in steps.iter().zip(&mut figures) {
                strips.push(strip(&mut session, *view, *step));
                for (name, figure) in figures_of(session.state(), *view, *step) {
                    figures[name] = json!(figure);
                }
            }
            write_png(&beside(&strips), &folder.join(format!("{view}-{theme}.png")));
        }
    }
    let mut recording = surroundings(&session);
    recording["run"] = json!(run.name);
    recording["steps"] = json!(steps);
    recording["prompt"] = json!(LOOKED_AT);
    recording["figures"] = json!(figures);
    let text = serde_json::to_string_pretty(&recording).unwrap();
    std::fs::write(folder.join("recording.json"), text + "\n").unwrap();
    let pictures = std::fs::read_dir(&folder).unwrap().count() - 1;
    assert_eq!(pictures, extent.views.len() * extent.themes.len());
}
