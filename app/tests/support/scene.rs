//! The real application with a scripted engine: every command is answered at once by made-up events, so that a test can click,
//! type and look as a person would.

use super::engine::Engine;
use super::{entry_label, theme_of};
use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::{App, AppOptions};
use glasshouse::link::Link;
use glasshouse::pages::PageName;
use glasshouse::preferences::Preferences;
use glasshouse::theme;
use glasshouse_protocol::{Command, Envelope, Report, Request, RunConfig, RunLaunch};

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
        let harness = Harness::builder()
            .with_size(size)
            .with_step_dt(0.1)
            .wgpu()
            .with_context_setup(move |context| {
                theme::prepare(context, &style);
            })
            .build_ui_state(super::draw, app);
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
        self.settle();
    }

    /// Clicks the only widget of that name.
    pub fn click(&mut self, name: &str) {
        self.harness.get_by_label(name).click();
        self.settle();
    }

    /// Presses the only widget of that name, which may be scrolled out of sight.
    pub fn press(&mut self, name: &str) {
        let label = entry_label(&self.harness, None, name);
        self.harness.get_by_label(&label).click_accesskit();
        self.settle();
    }

    /// Like [`press`](Self::press), for a widget of a role.
    pub fn press_role(&mut self, role: Role, name: &str) {
        let label = entry_label(&self.harness, Some(role), name);
        self.harness.get_by_role_and_label(role, &label).click_accesskit();
        self.settle();
    }

    pub fn set(&mut self, role: Role, name: &str, value: f64) {
        self.harness.get_by_role_and_label(role, name).set_value_accesskit(value);
        self.settle();
    }

    /// Types into the only widget of that name, without waiting for what comes of it.
    pub fn type_into(&mut self, name: &str, text: &str) {
        self.harness.get_by_label(name).focus();
        self.frame();
        self.harness.get_by_label(name).type_text(text);
        self.frame();
    }

    pub fn open(&mut self, page: PageName) {
        self.harness.state_mut().open(page);
        self.settle();
    }

    /// Whether a label contains these words.
    pub fn says(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    pub fn is_disabled(&self, name: &str) -> bool {
        self.harness.get_by_label(name).accesskit_node().is_disabled()
    }

    /// Draws one frame and answers it.
    pub fn frame(&mut self) {
        self.harness.step();
        self.answer();
    }

    /// All requests sent, in order.
    pub fn sent(&mut self) -> Vec<Request> {
        let Link::Script { sent, .. } = self.harness.state_mut().link() else { unreachable!("a script") };
        sent.iter().map(|envelope| envelope.body.clone()).collect()
    }

    /// The only run that was started.
    pub fn started(&mut self) -> (RunConfig, RunLaunch) {
        let sent = self.sent_of(|command| matches!(command, Command::Train { .. }));
        let [Command::Train { config, launch }] = sent.as_slice() else { panic!("{sent:?}") };
        (RunConfig::clone(config), launch.clone())
    }

    /// The settings of the last plan that was asked for.
    pub fn planned(&mut self) -> RunConfig {
        match self.sent_of(|command| matches!(command, Command::Plan { .. })).pop() {
            Some(Command::Plan { config }) => *config,
            other => panic!("{other:?}"),
        }
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
                reports.push_back(Envelope { body: Report { request: Some(request.id), event }, bytes });
            }
        }
    }

    /// Checks that no widget lies beyond the window's sides.
    pub fn check_edges(&self) {
        super::check_sides(&self.harness, "edges", |_| true);
    }

    /// Saves a picture if `GLASSHOUSE_PICTURES` names a folder.
    pub fn picture(&mut self, name: &str) {
        super::picture(&mut self.harness, "GLASSHOUSE_PICTURES", name);
    }
}
