//! The real application with a scripted engine: every command is answered at once by made-up events, so that a test can click,
//! type and look as a person would.

use super::engine::Engine;
use super::theme_of;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::{App, AppOptions};
use glasshouse::link::Link;
use glasshouse::pages::PageName;
use glasshouse::preferences::Preferences;
use glasshouse::theme;
use glasshouse_protocol::{Command, Parcel, Report, Request};

/// A window with the application, and the engine that answers it.
pub struct Scene {
    pub harness: Harness<'static, App>,
    pub engine: Engine,
    answered: usize,
}

impl Scene {
    /// A window with a size in points and a theme.
    pub fn new(engine: Engine, page: PageName, size: [f32; 2], theme: &str) -> Self {
        Self::with_preset(engine, page, size, theme, None)
    }

    /// Like [`new`](Self::new), with a preset as the draft.
    pub fn with_preset(
        engine: Engine,
        page: PageName,
        size: [f32; 2],
        theme: &str,
        preset: Option<&str>,
    ) -> Self {
        let preferences = Preferences { theme: theme_of(theme), ..Preferences::default() };
        let style = preferences.clone();
        let app = App::new(
            Link::script(),
            preferences,
            AppOptions { page: Some(page), preset: preset.map(str::to_owned), ..AppOptions::default() },
        )
        .unwrap();
        let draw = |ui: &mut egui::Ui, app: &mut App| {
            app.receive();
            // The harness draws a margin, which a real window lacks.
            let whole = egui::UiBuilder::new().max_rect(ui.ctx().content_rect());
            let mut ui = ui.new_child(whole);
            ui.set_clip_rect(ui.ctx().content_rect());
            app.ui(&mut ui);
        };
        let harness = Harness::builder()
            .with_size(size)
            .with_step_dt(0.1)
            .wgpu()
            .with_context_setup(move |context| {
                theme::prepare(context, &style);
            })
            .build_ui_state(draw, app);
        let mut scene = Self { harness, engine, answered: 0 };
        scene.settle();
        scene
    }

    /// Draws frames for a second, and answers their requests.
    pub fn settle(&mut self) {
        for _ in 0..10 {
            self.harness.step();
            self.answer();
        }
        self.harness.check_accessibility();
    }

    /// Clicks the last widget of that name: the rail comes first, and some of its pages share names with buttons.
    pub fn press_last(&mut self, name: &str) {
        self.harness.get_all_by_label(name).last().unwrap().click();
    }

    /// Draws one frame and answers it.
    pub fn frame(&mut self) {
        self.harness.step();
        self.answer();
    }

    /// All requests sent, in order.
    pub fn sent(&mut self) -> Vec<Request> {
        let Link::Script { sent, .. } = self.harness.state_mut().link() else { unreachable!("a script") };
        sent.iter().map(|parcel| parcel.body.clone()).collect()
    }

    /// The sent commands of a kind.
    pub fn sent_of(&mut self, is: impl Fn(&Command) -> bool) -> Vec<Command> {
        self.sent().into_iter().map(|request| request.command).filter(|command| is(command)).collect()
    }

    fn answer(&mut self) {
        let requests = self.sent();
        let new = requests.get(self.answered..).unwrap_or_default().to_vec();
        self.answered = requests.len();
        let Link::Script { reports, .. } = self.harness.state_mut().link() else { unreachable!("a script") };
        for request in new {
            for event in self.engine.answer(&request.command) {
                let bytes = super::inspect::bytes(&event);
                reports.push_back(Parcel { body: Report { request: Some(request.id), event }, bytes });
            }
        }
    }

    /// Checks that no named widget lies beyond the window's sides.
    pub fn check_edges(&self, width: f32) {
        for node in self.harness.root().children_recursive() {
            let node = node.accesskit_node();
            let Some(place) = node.bounding_box() else { continue };
            let inside = place.x0 >= -1.0 && place.x1 <= f64::from(width) + 1.0;
            assert!(inside, "{:?} {:?} stands at {place:?}", node.role(), node.label());
        }
    }

    /// Saves a picture if `GLASSHOUSE_PICTURES` names a folder.
    pub fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("GLASSHOUSE_PICTURES") else { return };
        let image = self.harness.render().unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        image.save(std::path::Path::new(&folder).join(format!("{name}.png"))).unwrap();
    }
}
