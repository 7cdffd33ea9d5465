//! Views of the Inspect page on made-up numbers: their content and bounds, and the requests after clicks.

use crate::support::{self, full, theme_of, window};
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::app::{App, AppOptions};
use glasshouse::link::Link;
use glasshouse::pages::PageName;
use glasshouse::preferences::Preferences;
use glasshouse_protocol::inspect::{
    Detail, Edit, ElementKind, GraphNode, GraphValue, Inspected, Match, Place, TensorSummary, TokenText,
};
use glasshouse_protocol::{
    Command, Completion, Envelope, Event, InspectSettings, Inspection, Report, View, WrittenToken,
};

const PROMPT: [&str; 5] = ["Once", " upon", " a", " time", " there"];
const VIEWS: [View; 7] = [
    View::Residual,
    View::LogitLens,
    View::NextToken,
    View::Weights,
    View::WhatIf,
    View::Provenance,
    View::Graph,
];
const LAYERS: usize = 2;
const HEADS: usize = 2;
const VOCABULARY: usize = 8;

fn tokens(texts: &[&str]) -> Vec<TokenText> {
    let token = |(id, text): (usize, &&str)| TokenText { id: id as u32, text: (*text).to_owned() };
    texts.iter().enumerate().map(token).collect()
}

/// A view's tensors with their bytes, and its details.
#[derive(Default)]
struct Example {
    tensors: Vec<TensorSummary>,
    bytes: Vec<Vec<u8>>,
    details: Vec<Detail>,
}

impl Example {
    fn add(
        &mut self,
        name: &str,
        axes: &[(&str, usize)],
        element: ElementKind,
        entry: impl Fn(usize) -> [u8; 4],
    ) {
        let summary = TensorSummary::new(name, "", axes, element);
        self.bytes.push((0..summary.count()).flat_map(entry).collect());
        self.tensors.push(summary);
    }

    fn floats(&mut self, name: &str, axes: &[(&str, usize)], value: impl Fn(usize) -> f32) {
        self.add(name, axes, ElementKind::F32, |entry| value(entry).to_le_bytes());
    }

    fn integers(&mut self, name: &str, axes: &[(&str, usize)], value: impl Fn(usize) -> u32) {
        self.add(name, axes, ElementKind::U32, |entry| value(entry).to_le_bytes());
    }

    fn vocabulary(&mut self) {
        let texts = [" a", " b", " c", " d", " e", " f", " g", " h"];
        self.details.push(Detail::Tokens { tokens: tokens(&texts) });
    }

    /// A view of a model called "example".
    fn of(view: View, settings: &InspectSettings) -> Self {
        let mut example = Self::default();
        match view {
            // A classifier gives tokens no probability.
            View::Tokens => example.integers("ids", &[("T", PROMPT.len())], |entry| entry as u32),
            View::Residual => example.residual(settings),
            View::LogitLens => {
                let axes = [("stage", LAYERS + 1), ("T", PROMPT.len())];
                example.vocabulary();
                example.integers("top", &axes, |entry| (entry % VOCABULARY) as u32);
                example.floats("probabilities", &axes, |entry| entry as f32 / 15.0);
                example.floats("divergence", &axes, |entry| 3.0 - entry as f32 / 5.0);
            }
            View::NextToken => {
                let axes = [("N", 4)];
                example.vocabulary();
                example.floats("logits", &[("V", VOCABULARY)], |entry| -(entry as f32));
                example.integers("ids", &axes, |entry| entry as u32);
                for name in ["probability", "tempered", "drawn"] {
                    example.floats(name, &axes, |entry| 0.5 / (entry + 1) as f32);
                }
                example.integers("cut_by", &axes, |entry| u32::from(entry == 3));
                example.floats("entropy", &[("1", 1)], |_| 2.25);
                example.integers("kept", &[("1", 1)], |_| 3);
            }
            View::Weights => example.weights(settings),
            View::WhatIf => example.what_if(settings),
            View::Provenance => {
                let span = |start, length| Match {
                    start,
                    length,
                    occurrences: 3,
                    context: ["Hello. ", "Once upon a", " hill"].map(str::to_owned),
                    document: Some((11, "Hello. Once".to_owned())),
                    place: 5_000,
                    further: vec![Place { token: 6_000, document: Some(13) }],
                };
                // A span that is not listed continues where the listed one ends.
                example.integers("longest", &[("T", PROMPT.len())], |entry| [3, 3, 3, 2, 0][entry]);
                example.details.push(Detail::Matches {
                    matches: vec![span(0, 3)],
                    found: 12,
                    searched: 4_000,
                    index_bytes: 16_000,
                    build_ms: 12.0,
                });
            }
            View::Graph => example.graph(),
            _ => {}
        }
        example
    }

    fn residual(&mut self, settings: &InspectSettings) {
        let stages = 2 * LAYERS + 1;
        let by_stage = [("stage", stages), ("T", PROMPT.len())];
        let by_layer = [("L", LAYERS), ("T", PROMPT.len())];
        self.vocabulary();
        self.floats("norms", &by_stage, |entry| entry as f32);
        self.floats("cosines", &by_stage, |entry| entry as f32 / 12.0 - 1.0);
        self.floats("attention_norms", &by_layer, |entry| entry as f32 * 0.5);
        self.floats("mlp_norms", &by_layer, |entry| entry as f32 * 0.25);
        self.floats("attribution", &[("part", stages)], |entry| entry as f32 - 1.5);
        self.floats("saliency", &[("T", PROMPT.len())], |entry| 0.1 - entry as f32 * 0.05);
        let token = settings.token.unwrap_or(3);
        self.integers("token", &[("1", 1)], |_| token);
    }

    fn weights(&mut self, settings: &InspectSettings) {
        let names =
            ["embedding.tokens", "blocks.0.mlp.up.weight", "blocks.1.mlp.up.weight"].map(str::to_owned);
        let count = names.len();
        for prefix in ["", "gradient_"] {
            let name = |name: &str| format!("{prefix}{name}");
            self.floats(&name("norms"), &[("P", count)], |entry| 1.5 + entry as f32);
            self.floats(&name("histogram"), &[("P", count), ("bin", 64)], |_| 1.0 / 64.0);
            let edge = |entry: usize| if entry.is_multiple_of(2) { -0.25 } else { 0.25 };
            self.floats(&name("edges"), &[("P", count), ("edge", 2)], edge);
        }
        let steps = if settings.along_run { vec![0, 10, 100] } else { Vec::new() };
        if settings.along_run {
            let axes = [("M", steps.len()), ("P", count)];
            self.floats("norms_by_step", &axes, |entry| 1.0 + entry as f32);
            self.floats("update_ratios", &axes, |entry| 0.001 * entry as f32);
            self.floats("gradient_norms_by_step", &axes, |entry| 0.1 + entry as f32);
        }
        self.details.push(Detail::Parameters { names: names.into(), steps });
    }

    fn what_if(&mut self, settings: &InspectSettings) {
        let axes = [("N", 3)];
        self.vocabulary();
        self.integers("ids", &axes, |entry| entry as u32);
        self.floats("before_listed", &axes, |entry| 0.5 - 0.1 * entry as f32);
        self.floats("after_listed", &axes, |entry| 0.1 + 0.1 * entry as f32);
        self.floats("divergence", &[("1", 1)], |_| 0.75);
        if settings.every_part {
            let (heads, layers) = ([("L", LAYERS), ("H", HEADS)], [("L", LAYERS)]);
            for (name, sign) in [("", 1.0), ("token_", -1.0)] {
                self.floats(&format!("{name}heads"), &heads, |entry| sign * entry as f32);
                self.floats(&format!("{name}mlps"), &layers, |entry| sign * entry as f32);
            }
        }
    }

    fn graph(&mut self) {
        let value = |name: &str, statistics| GraphValue {
            ty: "f32[1, 8, 64]".to_owned(),
            name: name.to_owned(),
            statistics,
            gradient: statistics,
        };
        let node = |scope: &str, operation: &str, kernels| GraphNode {
            scope: scope.to_owned(),
            operation: operation.to_owned(),
            formula: "y = x · Wᵀ".to_owned(),
            inputs: vec![0, 1],
            outputs: vec![2],
            kernels,
            ms: Some(0.5),
        };
        self.details.push(Detail::Graph {
            nodes: vec![
                node("embedding", "gather", Vec::new()),
                node("blocks.0.mlp", "linear", vec![("linear_tiled".to_owned(), 2)]),
            ],
            values: vec![
                value("tokens", None),
                value("blocks.0.mlp.up.weight", None),
                value("", Some([-1.0, 1.0, 0.0, 0.5])),
            ],
            kernels: vec![("linear_tiled".to_owned(), "fn main() { tile(); }".to_owned())],
        });
    }
}

/// The page with some open views, and an engine that answers with examples.
struct InspectScene {
    window: Harness<'static, App>,
    /// Requested inspections.
    asked: Vec<(String, Vec<View>, InspectSettings)>,
    /// Answers have no tensors and no details.
    bare: bool,
}

impl InspectScene {
    fn new(open: &[View], (width, height): (f32, f32), theme: &str) -> Self {
        Self::with(open, (width, height), theme, false)
    }

    fn with(open: &[View], (width, height): (f32, f32), theme: &str, bare: bool) -> Self {
        let folds = View::ALL.map(|view| (format!("inspect:{view}"), open.contains(&view)));
        let preferences =
            Preferences { theme: theme_of(theme), folds: folds.into(), ..Preferences::default() };
        let mut app = App::new(Link::script(), preferences, AppOptions::default()).unwrap();
        full(&mut app);
        app.open(PageName::Inspect);
        let mut scene = Self { window: window(app, width, height), asked: Vec::new(), bare };
        scene.settle();
        scene
    }

    /// Draws frames, and answers their requests.
    fn settle(&mut self) {
        for _ in 0..12 {
            self.window.run_steps(2);
            let Link::Script { sent, reports } = self.window.state_mut().link() else {
                unreachable!("a script")
            };
            for envelope in sent.drain(..) {
                let (request, command) = (Some(envelope.body.id), envelope.body.command);
                let Command::Inspect { prompt, views, settings, .. } = command else { continue };
                let (event, bytes) = inspected(&views, &settings, self.bare);
                reports.push_back(Envelope { body: Report { request, event }, bytes });
                reports.push_back(Envelope::plain(Report { request, event: Event::Finished }));
                self.asked.push((prompt, views, *settings));
            }
        }
        self.window.run_steps(3);
    }

    fn press(&mut self, name: &str) {
        self.window.get_all_by_label(name).last().unwrap().click();
        self.settle();
    }

    /// The settings of the last request for a view.
    fn last(&self, view: View) -> &InspectSettings {
        let of_view = |(_, views, _): &&(String, Vec<View>, InspectSettings)| views.contains(&view);
        let (_, _, settings) = self.asked.iter().rev().find(of_view).unwrap();
        settings
    }

    fn says(&self, words: &str) -> bool {
        self.window.query_all_by_label_contains(words).next().is_some()
    }

    fn check_edges(&self) {
        // The table of the logit lens scrolls.
        support::check_sides(&self.window, "edges", |label| !label.starts_with("Logit lens,"));
    }
}

fn inspected(views: &[View], settings: &InspectSettings, bare: bool) -> (Event, Vec<Vec<u8>>) {
    let (mut seen, mut bytes) = (Vec::new(), Vec::new());
    for view in views {
        let example = if bare { Example::default() } else { Example::of(*view, settings) };
        let notices = vec![format!("A notice about {view}.")];
        seen.push(Inspected::new(*view, example.tensors, example.details, notices, 4.5));
        bytes.extend(example.bytes);
    }
    let inspection = Inspection {
        run: "example".to_owned(),
        step: 100,
        layers: LAYERS,
        heads: HEADS,
        tokens: tokens(&PROMPT),
        position: settings.position.unwrap_or(PROMPT.len() - 1),
        views: seen,
        ..Inspection::default()
    };
    (Event::Inspected { inspection: Box::new(inspection) }, bytes)
}

/// A text that each view shows of the example.
fn words(view: View) -> &'static str {
    match view {
        View::Residual => "MLP 1 adds 2.500",
        View::LogitLens => "Logit lens, choose cells with the arrow keys",
        View::NextToken => "Inspect ·d, 12.5 % likely",
        View::Weights => "blocks.1.mlp.up.weight",
        View::WhatIf => "Inspect ·a, 50.0 % before, 10.0 % after",
        View::Provenance => "Once·upon·a: 3 tokens, 3 times",
        _ => "blocks.0.mlp",
    }
}

#[test]
fn every_view_is_drawn_within_the_edges_of_a_phone_and_of_a_window_in_both_themes() {
    for view in VIEWS {
        for (width, theme) in [(360.0, "dark"), (360.0, "light"), (1280.0, "dark"), (1280.0, "light")] {
            let scene = InspectScene::new(&[view], (width, 2600.0), theme);
            assert!(scene.says(words(view)), "{view} at {width} says nothing of its numbers");
            scene.check_edges();
        }
    }
}

#[test]
fn a_view_without_its_tensors_shows_its_notice() {
    for view in VIEWS {
        let scene = InspectScene::with(&[view], (700.0, 1600.0), "dark", true);
        assert!(scene.says(&format!("A notice about {view}.")), "{view}");
        assert!(!scene.says(words(view)), "{view} has numbers that nobody gave");
    }
}

#[test]
fn a_changed_setting_of_sampling_asks_for_the_next_token_again() {
    let mut scene = InspectScene::new(&[View::NextToken], (1280.0, 3200.0), "dark");
    let before = scene.asked.len();
    assert_eq!(scene.last(View::NextToken).sampling.temperature, 0.8);
    scene.window.get_by_role_and_label(Role::Slider, "Temperature").set_value_accesskit(1.4);
    scene.settle();
    assert_eq!(scene.last(View::NextToken).sampling.temperature, 1.4);
    scene.window.get_by_role_and_label(Role::SpinButton, "Top-k").set_value_accesskit(5.0);
    scene.settle();
    assert_eq!(scene.last(View::NextToken).sampling.top_k, 5);
    assert_eq!(scene.asked.len(), before + 2);
    assert!(scene.says("cut by top-k"), "the fourth token was cut");
}

#[test]
fn a_token_that_might_come_next_is_looked_into_by_the_residual_stream() {
    let mut scene = InspectScene::new(&[View::NextToken, View::Residual], (1280.0, 3200.0), "dark");
    assert!(scene.says("Contributions to the logit of ·d"));
    scene.press("Inspect ·c, 16.7 % likely");
    assert_eq!(scene.last(View::Residual).token, Some(2));
    assert!(scene.says("Contributions to the logit of ·c"));
}

#[test]
fn parts_are_switched_off_scaled_and_put_back() {
    let mut scene = InspectScene::new(&[View::WhatIf], (1280.0, 3200.0), "dark");
    assert_eq!(scene.last(View::WhatIf).edits, []);
    // The page's own choices have the same names, and come first.
    scene.press("Attention");
    let factor = 0.0;
    assert_eq!(scene.last(View::WhatIf).edits, [Edit::Attention { layer: 0, factor }]);
    scene.window.get_by_role_and_label(Role::Slider, "Factor of change 1").set_value_accesskit(1.5);
    scene.settle();
    assert_eq!(scene.last(View::WhatIf).edits, [Edit::Attention { layer: 0, factor: 1.5 }]);
    scene.press("Remove change 1");
    assert_eq!(scene.last(View::WhatIf).edits, []);
    scene.press("Patch");
    scene.window.get_by_role_and_label(Role::TextInput, "The other prompt").focus();
    scene.settle();
    scene.window.get_by_role_and_label(Role::TextInput, "The other prompt").type_text("Two");
    scene.settle();
    let last = scene.last(View::WhatIf);
    assert_eq!(last.edits, [Edit::Patch { layer: 0, position: 4 }]);
    assert_eq!(last.other_prompt, "Two");
    scene.press("Remove change 1");
    scene.window.get_by_role_and_label(Role::Switch, "Ablate every head and MLP").click();
    scene.settle();
    assert!(scene.last(View::WhatIf).every_part);
    let map = scene.window.get_by_label_contains("Ablation of each part").rect();
    // Two heads and the MLP: the second row's first cell.
    let at = map.left_top() + map.size() * egui::vec2(1.0 / 6.0, 0.75);
    scene.window.hover_at(at);
    scene.window.drag_at(at);
    scene.window.drop_at(at);
    scene.settle();
    assert_eq!(scene.last(View::WhatIf).edits, [Edit::Head { layer: 1, head: 0, factor }]);
}

#[test]
fn a_parameter_has_its_histograms_and_the_run_its_curves() {
    let mut scene = InspectScene::new(&[View::Weights], (1280.0, 3200.0), "dark");
    assert!(scene.says("Weights of embedding.tokens") && scene.says("Gradients of embedding.tokens"));
    scene.press("blocks.0.mlp.up.weight");
    assert!(scene.says("Weights of blocks.0.mlp.up.weight"));
    assert!(!scene.last(View::Weights).along_run && !scene.says("0.006"));
    scene.window.get_by_role_and_label(Role::Switch, "Along the run").click();
    scene.settle();
    assert!(scene.last(View::Weights).along_run);
    assert!(scene.says("Net change per step") && scene.says("Gradient norm"));
    assert!(scene.says("0.006"), "the first parameter's ratio at step 100 stands in the table");
}

#[test]
fn an_arrow_key_moves_the_logit_lens_to_the_next_position() {
    let mut scene = InspectScene::new(&[View::LogitLens], (1280.0, 3200.0), "dark");
    let table = "Logit lens, choose cells with the arrow keys";
    scene.window.get_by_label(table).focus();
    scene.settle();
    scene.window.key_press(egui::Key::ArrowLeft);
    scene.settle();
    assert_eq!(scene.last(View::LogitLens).position, Some(PROMPT.len() - 2));
    let read = scene.window.get_by_label(table).accesskit_node().value().unwrap_or_default();
    assert!(read.contains("layer 1 after ·time") && read.contains("bits"), "{read}");
    // Two key presses before there is an answer.
    for _ in 0..2 {
        scene.window.key_press(egui::Key::ArrowLeft);
        scene.window.run_steps(2);
    }
    scene.settle();
    assert_eq!(scene.last(View::LogitLens).position, Some(PROMPT.len() - 4));
}

#[test]
fn arrow_keys_go_through_the_saliency_of_the_prompt_from_the_position_that_is_looked_at() {
    let mut scene = InspectScene::new(&[View::Residual], (1280.0, 3200.0), "dark");
    scene.window.get_by_label("Saliency of the prompt's tokens").focus();
    scene.settle();
    for (key, position) in [
        (egui::Key::ArrowLeft, PROMPT.len() - 2),
        (egui::Key::ArrowLeft, PROMPT.len() - 3),
        (egui::Key::ArrowRight, PROMPT.len() - 2),
    ] {
        scene.window.key_press(key);
        scene.settle();
        assert_eq!(scene.last(View::Residual).position, Some(position));
    }
}

#[test]
fn what_stands_in_a_span_that_is_not_listed_is_not_called_composed() {
    let mut scene = InspectScene::new(&[View::Provenance], (1280.0, 3200.0), "dark");
    assert!(scene.says("The longest 1 of 12"));
    assert!(scene.says("80.0 %"), "four of five tokens");
    scene.press("Once·upon·a: 3 tokens, 3 times");
    assert!(scene.says("It begins at token 5,000 of the training text, then at 6,000 in document 14."));
    scene.window.get_by_label("The text and where it comes from").focus();
    scene.settle();
    let mut said = [false; 2];
    for _ in 0..4 {
        scene.window.key_press(egui::Key::ArrowRight);
        scene.settle();
        said[0] |= scene.says("In a span of 2 tokens that occurs in the training text (not listed");
        said[1] |= scene.says("In no matching span: composed");
    }
    assert_eq!(said, [true, true]);
}

#[test]
fn arrow_keys_go_through_a_span_and_out_of_it() {
    let mut scene = InspectScene::new(&[View::Provenance], (1280.0, 3200.0), "dark");
    scene.press("Once·upon·a: 3 tokens, 3 times");
    scene.window.get_by_label("The text and where it comes from").focus();
    scene.settle();
    for inside in [true, true, false] {
        scene.window.key_press(egui::Key::ArrowRight);
        scene.settle();
        assert_eq!(scene.says("First in document 12"), inside);
    }
}

#[test]
fn tokens_without_probabilities_are_read_by_their_ids() {
    let mut scene = InspectScene::new(&[View::Tokens], (1280.0, 3200.0), "dark");
    assert!(scene.says("Position 0: Once, token 0") && scene.says("Position 4: ·there, token 4"));
    assert!(!scene.says("bits per token") && !scene.says("There are no tokens"));
    scene.press("Position 1: ·upon, token 1");
}

#[test]
fn an_operation_is_searched_for_and_shows_its_formula_and_its_kernel() {
    let mut scene = InspectScene::new(&[View::Graph], (1280.0, 3200.0), "light");
    assert!(scene.says("2 operations · 2 launches · 1.00 ms") && !scene.says("linear 1 to"));
    scene.window.get_by_label("Search the graph").focus();
    scene.settle();
    scene.window.get_by_label("Search the graph").type_text("line");
    scene.settle();
    assert!(!scene.says("gather 0 to"), "it was not searched for");
    scene.press("linear 1 to f32[1, 8, 64]");
    assert!(scene.says("y = x · Wᵀ") && scene.says("-1.00 to 1.00"));
    assert!(!scene.says("tile()"));
    scene.press("linear_tiled × 2");
    assert!(scene.says("fn main() { tile(); }"));
}

#[test]
fn the_text_that_was_written_last_is_looked_for_in_the_training_text() {
    let mut scene = InspectScene::new(&[View::Provenance], (1280.0, 3200.0), "dark");
    scene.window.state_mut().open(PageName::Write);
    scene.settle();
    scene.window.get_all_by_label("Write").last().unwrap().click();
    scene.window.run_steps(2);
    let written = |text: &str| vec![WrittenToken { id: 1, text: text.to_owned() }];
    let events = [
        Event::Written { tokens: written("Once upon a time"), prompt: true, text: String::new() },
        Event::Written { tokens: written(" there was"), prompt: false, text: " there was".to_owned() },
        Event::Completed {
            completion: Box::new(Completion { text: " there was".to_owned(), ..Completion::default() }),
        },
        Event::Finished,
    ];
    support::answer(scene.window.state_mut(), |command| matches!(command, Command::Generate { .. }), events);
    scene.window.state_mut().open(PageName::Inspect);
    scene.settle();
    scene.press("Use the last written text");
    let (prompt, ..) = scene.asked.last().unwrap();
    assert_eq!(prompt, "Once upon a time there was");
    scene.press("Once·upon·a: 3 tokens, 3 times");
    assert!(scene.says("First in document 12, “Hello. Once”"));
}
