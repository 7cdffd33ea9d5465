//! `glasshouse open`, and `glasshouse` without arguments: the application with an engine in this process.

use super::arguments::{DEFAULT_PROJECT, WindowArguments};
use super::open::project;
use super::prelude::*;
use crate::app::{App, AppOptions};
use crate::link::{self, EngineLink, Link};
use crate::pages::PageName;
use crate::theme;

/// The sample project, created by `assets/make-sample`.
const SAMPLE: &[u8] = include_bytes!("../../assets/sample.glasshouse");

const ICON: &[u8] = include_bytes!("../../../web/icons/icon-192.png");

pub(super) const BUILT: bool = true;

pub(super) fn window(arguments: &WindowArguments) -> Result<()> {
    let start = start(arguments)?;
    let shelf = arguments.shelf.clone().unwrap_or_else(link::shelf);
    let viewport = egui::ViewportBuilder::default()
        .with_title("Glasshouse")
        .with_app_id("glasshouse")
        .with_inner_size([1200.0, 820.0])
        .with_min_inner_size([360.0, 480.0])
        .with_icon(eframe::icon_data::from_png_bytes(ICON)?);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    let made = eframe::run_native(
        "Glasshouse",
        options,
        Box::new(move |creation| {
            let preferences = link::load_preferences();
            let context = creation.egui_ctx.clone();
            theme::prepare(&context, &preferences);
            let options = session::Options { shelf, ..session::Options::default() };
            let engine = EngineLink::start(options, move || context.request_repaint())?;
            Ok(Box::new(App::new(Link::Engine(engine), preferences, start)?))
        }),
    );
    made.map_err(|error| {
        let reason = reason(&error.to_string());
        anyhow!("the window cannot open: {reason}; without a display, use `glasshouse train`")
    })
}

fn start(arguments: &WindowArguments) -> Result<AppOptions> {
    let page = match &arguments.page_name {
        Some(name) => Some(PageName::from_key(name).ok_or_else(|| {
            let names = PageName::ALL.map(PageName::key).join(", ");
            usage(format!("unknown page `{name}`; pages are {names}"))
        })?),
        None => {
            let learn = arguments.lesson.map(|_| PageName::Learn);
            learn.or(arguments.preset.as_ref().map(|_| PageName::Train))
        }
    };
    if let Some(name) = &arguments.preset {
        presets::preset(name).map_err(usage)?;
    }
    let project = project(arguments, Path::new(DEFAULT_PROJECT))?;
    let WindowArguments { lesson, preset, seed, .. } = arguments;
    Ok(AppOptions {
        page,
        lesson: *lesson,
        preset: preset.clone(),
        seed: *seed,
        project,
        sample: Some(SAMPLE.to_vec()),
        ..AppOptions::default()
    })
}

/// An error's message on one line, without the source location that some errors of the window library begin with.
fn reason(text: &str) -> String {
    let behind = text.rsplit(".rs:").next().unwrap_or(text);
    let words = behind.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ':');
    words.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{PageName, WindowArguments, reason, start};

    #[test]
    fn a_lesson_begins_with_a_preset_and_a_seed_as_an_address_has_it() {
        let preset = Some("first-stories-small".to_owned());
        let lesson = WindowArguments { lesson: Some(3), preset, seed: Some(7), ..WindowArguments::default() };
        let begun = start(&lesson).unwrap();
        assert_eq!((begun.page, begun.lesson, begun.seed), (Some(PageName::Learn), Some(3), Some(7)));
        assert_eq!(begun.preset, lesson.preset);
        let alone = start(&WindowArguments { lesson: None, ..lesson }).unwrap();
        assert_eq!(alone.page, Some(PageName::Train), "nothing else is to be done with it");
    }

    #[test]
    fn an_error_is_told_without_its_place_in_the_source() {
        let raw = "os error at /home/x/winit/mod.rs:765: neither A nor\n B is set.";
        assert_eq!(reason(raw), "neither A nor B is set");
        assert_eq!(reason("no adapter"), "no adapter");
    }
}
