//! The application on a web page's canvas.

use crate::app::{Address, App};
use crate::link::{self, EngineLink, Link, boot, fonts, load_preferences, mirrored};
use crate::theme;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::UrlSearchParams;

/// The application as stored by eframe, accessible to the page's script.
struct OnCanvas {
    app: App,
    context: egui::Context,
}

impl OnCanvas {
    fn new(creation: &eframe::CreationContext<'_>) -> Result<Self, String> {
        let context = creation.egui_ctx.clone();
        let link = EngineLink::start(move || context.request_repaint());
        let Address { start, problems } = address(&boot().query());
        let preferences = load_preferences();
        theme::prepare(&creation.egui_ctx, &preferences);
        fonts::fetch_on_demand(&creation.egui_ctx);
        mirrored::keep(&creation.egui_ctx);
        let mut app = App::new(Link::Engine(link), preferences, start)?;
        app.complain(&problems);
        Ok(Self { app, context: creation.egui_ctx.clone() })
    }
}

fn address(query: &str) -> Address {
    let query = UrlSearchParams::new_with_str(query).ok();
    Address::read(|name| query.as_ref()?.get(name))
}

impl eframe::App for OnCanvas {
    fn logic(&mut self, context: &egui::Context, frame: &mut eframe::Frame) {
        eframe::App::logic(&mut self.app, context, frame);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        eframe::App::ui(&mut self.app, ui, frame);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        self.app.clear_color(visuals)
    }

    fn as_any_mut(&mut self) -> Option<&mut dyn std::any::Any> {
        Some(self)
    }
}

/// The interface for the page's script.
#[wasm_bindgen]
pub struct Page {
    runner: eframe::WebRunner,
}

#[wasm_bindgen]
impl Page {
    /// A summary of the application's state as JSON; `None` while a frame is drawn or after a panic.
    pub fn state(&self) -> Option<String> {
        Some(self.runner.app_mut::<OnCanvas>()?.app.summary().to_string())
    }

    /// Provides the sample project as a `.glasshouse` file.
    pub fn offer_sample(&self, file: Vec<u8>) {
        if let Some(mut page) = self.runner.app_mut::<OnCanvas>() {
            page.app.offer_sample(file);
            page.context.request_repaint();
        }
    }

    /// Takes in dropped files: a list as of `Boot::pick_files`.
    pub fn drop_files(&self, files: &js_sys::Array) {
        if let Some(mut page) = self.runner.app_mut::<OnCanvas>() {
            link::dropped(files).into_iter().for_each(|answer| page.app.answer(answer));
            page.context.request_repaint();
        }
    }

    /// Provides the font of a script that the application lacked.
    pub fn add_font(&self, script: &str, font: Vec<u8>) {
        if let Some(page) = self.runner.app_mut::<OnCanvas>() {
            fonts::add(&page.context, script, font);
        }
    }

    /// Performs an action on the widget of an element: `click`, `focus`, `increment`, `decrement`, or `set_value`.
    pub fn act(&self, element: String, action: String, value: Option<String>) {
        if let Some(page) = self.runner.app_mut::<OnCanvas>() {
            mirrored::act(&page.context, (element, action, value));
        }
    }

    /// Applies a new query, such as `?page=write`, while the application runs.
    pub fn follow(&self, query: &str) {
        if let Some(mut page) = self.runner.app_mut::<OnCanvas>() {
            page.app.follow(&address(query));
            page.context.request_repaint();
        }
    }
}

pub fn web_start() {
    // eframe's own hook calls this one after it has noted the panic, and then stops drawing.
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        boot().panicked(&format!("page {}: {panic}", env!("CARGO_PKG_VERSION")));
    }));
    wasm_bindgen_futures::spawn_local(async {
        let boot = boot();
        let runner = eframe::WebRunner::new();
        let started = runner
            .start(
                boot.canvas(),
                eframe::WebOptions::default(),
                Box::new(|creation| Ok(Box::new(OnCanvas::new(creation)?))),
            )
            .await;
        match started {
            Ok(()) => boot.opened(Page { runner }.into()),
            Err(error) => boot.failed(&error.as_string().unwrap_or_else(|| format!("{error:?}"))),
        }
    });
}
