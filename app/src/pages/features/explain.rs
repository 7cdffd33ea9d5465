//! Why a model writes a text: the tokens and features that caused the next token, and the training passages behind a completion.

use super::{FeaturesPage, busy, text};
use crate::pages::prelude::*;
use crate::pages::written::run_of;
use crate::theme::mix;
use glasshouse_protocol::features::{FeatureGraph, GraphNode, GraphQuery, GraphSource};
use glasshouse_protocol::influence::InfluenceQuery;

/// Height of a block's row in the drawing, and maximum distance of its nodes at one token.
const ROW: f32 = 44.0;
const STEP: f32 = 18.0;
/// Radius of a node, and of one that all paths run through.
const NODE: [f32; 2] = [4.0, 12.0];
/// Greatest width of an edge.
const EDGE: f32 = 3.0;

#[derive(Debug)]
pub(super) struct Explained {
    pub(super) prompt: String,
    /// Empty for the likeliest next token.
    pub(super) completion: String,
    /// Whether an address asks for the graph and the engine has not been asked yet.
    pub(super) is_due: bool,
}

impl Default for Explained {
    fn default() -> Self {
        let prompt = "Once upon a time".to_owned();
        Self { prompt, completion: String::new(), is_due: false }
    }
}

impl FeaturesPage {
    pub(super) fn explain_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        let Some(run) = run_of(&self.source, state).map(|run| run.name.clone()) else { return };
        card(ui, |ui| {
            let title = ("Why did it write this?", "");
            if self.explained.is_due {
                context.preferences.folds.insert("features:why".to_owned(), true);
            }
            if !fold_row(ui, context.preferences, "features:why", title, false) {
                return;
            }
            caption(ui, text::WHY);
            let Explained { prompt, completion, is_due } = &mut self.explained;
            composer(ui, "Prompt to explain", "A prompt", false, prompt);
            let hint = "The text after it, or nothing for the likeliest token";
            line_edit(ui, "Text after the prompt", hint, ui.available_width(), completion);
            let is_own = |command: &Command| {
                matches!(command, Command::GraphFeatures { .. } | Command::Influence { .. })
            };
            let waits = state.is_waiting(is_own);
            let ready = busy(state).is_none() && !waits && !prompt.trim().is_empty();
            ui.horizontal_wrapped(|ui| {
                let is_pressed =
                    pressed(ui, ready, |ui| plain(ui, icons::ICON_SCHEMA, "Tokens and features"));
                let is_due = ready && std::mem::take(is_due);
                if is_pressed || is_due {
                    let token = Some(completion.clone()).filter(|text| !text.is_empty());
                    let query = Box::new(GraphQuery { prompt: prompt.clone(), token, ..Default::default() });
                    context.outbox.send(Command::GraphFeatures { run: run.clone(), query });
                }
                let ready = ready && !completion.is_empty();
                if pressed(ui, ready, |ui| plain(ui, icons::ICON_MENU_BOOK, "Training passages")) {
                    let [prompt, completion] = [prompt.clone(), completion.clone()];
                    let query = Box::new(InfluenceQuery { prompt, completion, ..Default::default() });
                    context.outbox.send(Command::Influence { run: run.clone(), query });
                }
            });
            if let Some(why) = busy(state) {
                caption(ui, why);
            } else if waits {
                spinning(ui, "Reading the model…");
            }
            if let Some(found) = state.dictionaries.graph.as_ref().filter(|found| found.run == run) {
                if let Some((dictionary, feature)) = graph_ui(ui, found) {
                    (self.dictionary, self.feature) = (Some(dictionary), Some(feature));
                }
                blocks_ui(ui, context, "features:graph", &found.blocks());
            }
            if let Some(found) = state.dictionaries.influence.as_ref().filter(|found| found.run == run) {
                blocks_ui(ui, context, "features:influence", &found.blocks());
            }
        });
        ui.add_space(space::SMALL);
    }
}

/// Draws tokens from left to right and blocks from bottom to top, with the next token in the last row. Returns the dictionary and number of a
/// pressed feature.
fn graph_ui(ui: &mut Ui, found: &FeatureGraph) -> Option<(u64, usize)> {
    let palette = Palette::of(ui);
    let depth = |node: &GraphNode| match node.source {
        GraphSource::Token => 0,
        GraphSource::Feature { block, .. } | GraphSource::Error { block } => block + 1,
    };
    let rows = found.nodes.iter().map(depth).max().unwrap_or(0) + 2;
    let size = vec2(ui.available_width(), ROW * rows as f32);
    let (area, _) = ui.allocate_exact_size(size, Sense::hover());
    let column = area.width() / found.tokens.len().max(1) as f32;
    let cell = |depth: usize, position: usize| {
        let corner = pos2(area.left() + position as f32 * column, area.bottom() - (depth + 1) as f32 * ROW);
        Rect::from_min_size(corner, vec2(column, ROW))
    };
    let is_beside =
        |one: &GraphNode, other: &GraphNode| (depth(one), one.position) == (depth(other), other.position);
    let places: Vec<Pos2> = found
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let before = found.nodes[..at].iter().filter(|other| is_beside(node, other)).count() as f32;
            let all = found.nodes.iter().filter(|other| is_beside(node, other)).count() as f32;
            let step = STEP.min(column / all);
            cell(depth(node), node.position).center() + vec2((before - (all - 1.0) / 2.0) * step, 0.0)
        })
        .collect();
    let painter = ui.painter().with_clip_rect(area);
    let font = FontId::proportional(12.0);
    let words = |rect: Rect, text: &str, color: Color32| {
        painter.with_clip_rect(rect).text(rect.center(), Align2::CENTER_CENTER, text, font.clone(), color);
    };
    let end = cell(rows - 1, found.tokens.len().saturating_sub(1));
    for to in std::iter::once(None).chain((0..found.nodes.len()).map(Some)) {
        let inputs = found.inputs(to);
        let largest = inputs.first().map_or(1.0, |(_, weight)| weight.abs());
        for (from, weight) in inputs {
            let width = EDGE * (weight.abs() / largest) as f32;
            let color = if weight > 0.0 { palette.accent } else { palette.warning };
            let to = to.map_or(end.center(), |to| places[to]);
            painter.line_segment([places[from], to], Stroke::new(width, mix(palette.panel, color, 0.6)));
        }
    }
    for (position, token) in found.tokens.iter().enumerate() {
        words(cell(0, position), &token.text, palette.text);
    }
    painter.rect_filled(end.shrink2(vec2(0.0, ROW / 4.0)), 4.0, palette.raised);
    words(end, &found.token.text, palette.text);
    let mut chosen = None;
    for (at, (node, place)) in found.nodes.iter().zip(&places).enumerate() {
        let GraphSource::Feature { dictionary, feature, .. } = node.source else {
            if matches!(node.source, GraphSource::Error { .. }) {
                let square = Rect::from_center_size(*place, Vec2::splat(2.0 * NODE[0]));
                painter.rect_filled(square, 0.0, palette.quiet);
            }
            continue;
        };
        let radius = NODE[0] + (NODE[1] - NODE[0]) * node.influence.min(1.0).sqrt() as f32;
        let id = ui.scope_id().with(("feature", at));
        let response =
            ui.interact(Rect::from_center_size(*place, Vec2::splat(2.0 * radius)), id, Sense::click());
        let name = found.node_name(node);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
        let lit = response.hovered() || response.has_focus();
        painter.circle_filled(*place, radius, if lit { palette.text } else { palette.accent });
        if response.on_hover_text(name).clicked() {
            chosen = Some((dictionary, feature));
        }
    }
    chosen
}
