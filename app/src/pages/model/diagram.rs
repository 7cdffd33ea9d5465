//! The diagram of the decoder: the flow of the tokens from top to bottom, with shapes on the edges. One block stands for all. The
//! hovered component is highlighted and described above the diagram.

use super::about::about_ui;
use super::boxes::{heads_ui, hidden_ui};
use super::*;

/// Heights in points.
const EDGE: f32 = 20.0;
const SHORT: f32 = 12.0;
pub const BOX: f32 = 30.0;
const TALL: f32 = 72.0;
const JOIN: f32 = 18.0;
const HEAD: f32 = 26.0;

impl ModelPage {
    pub(super) fn diagram_ui(&mut self, ui: &mut Ui, context: &Context<'_>, draft: &Draft) {
        card(ui, |ui| {
            about_ui(ui, context, draft, self.pointed.or(self.chosen));
            ui.add_space(theme::space::MEDIUM);
            let width = ui.available_width();
            let placement = draft.config.model.norm.placement;
            let block = if self.open { open_height(placement) } else { BOX + 16.0 };
            let last = if placement.has_final() { BOX + EDGE } else { 0.0 };
            let height = 2.0 * (BOX + EDGE) + EDGE + block + last + 2.0 * 18.0;
            let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
            let mut sketch = Sketch {
                ui,
                palette: context.palette,
                config: &draft.config,
                left: rect.left() + 12.0,
                right: rect.right() - 26.0,
                middle: rect.center().x - 7.0,
                y: rect.top(),
                chosen: self.chosen,
                pointed: None,
                pressed: None,
            };
            sketch.decoder(&mut self.open);
            let (pointed, pressed) = (sketch.pointed, sketch.pressed);
            if pressed.is_some() {
                self.chosen = pressed;
                self.reveal = true;
            }
            // The description above the diagram changes in the next frame.
            if self.pointed != pointed {
                self.pointed = pointed;
                ui.ctx().request_repaint();
            }
        });
    }
}

fn open_height(placement: NormPlacement) -> f32 {
    let second = if placement == NormPlacement::Sandwich { BOX + SHORT } else { 0.0 };
    HEAD + 2.0 * (EDGE + BOX + TALL + JOIN + 2.0 * SHORT + second) + SHORT + 8.0
}

/// The diagram being drawn from top to bottom.
pub struct Sketch<'a, 'u> {
    pub ui: &'u mut Ui,
    pub palette: &'a Palette,
    pub config: &'a RunConfig,
    pub left: f32,
    pub right: f32,
    /// Horizontal position of the main flow.
    pub middle: f32,
    pub y: f32,
    pub chosen: Option<Component>,
    pub pointed: Option<Component>,
    pub pressed: Option<Component>,
}

impl Sketch<'_, '_> {
    pub fn model(&self) -> &ModelConfig {
        &self.config.model
    }

    fn decoder(&mut self, open: &mut bool) {
        let (batch, time) = (self.config.train.batch_size, self.model().context_length);
        let stream = format!("{batch}·{time}·{}", self.model().width);
        self.end("tokens", &format!("B·T = {batch}·{time}"));
        let embedding = self.embedding();
        self.edge(&format!("B·T·C = {stream}"));
        self.blocks(open);
        self.edge("B·T·C");
        if self.model().norm.placement.has_final() {
            self.part(Component::FinalNorm, "", BOX, |_, _| {});
            self.edge("B·T·C");
        }
        let vocabulary = self.model().vocabulary;
        let head =
            self.part(Component::Head, &format!("C×V = {}×{vocabulary}", self.model().width), BOX, |_, _| {});
        if self.model().tied_head {
            self.tie(embedding, head);
        }
        self.edge(&format!("B·T·V = {batch}·{time}·{vocabulary}"));
        self.end("the next token", "");
    }

    fn end(&mut self, text: &str, shape: &str) {
        let font = FontId::proportional(13.0);
        let at = pos2(self.middle, self.y + 9.0);
        let palette = self.palette;
        let words = self.ui.painter().text(at, Align2::CENTER_CENTER, text, font, palette.text);
        let small = FontId::proportional(11.0);
        let place = pos2(words.right() + 8.0, at.y);
        self.ui.painter().text(place, Align2::LEFT_CENTER, shape, small, palette.quiet);
        self.y += 18.0;
    }

    fn embedding(&mut self) -> Rect {
        let model = self.model();
        let positions = match model.position {
            Position::Learned => " + T×C",
            Position::Sinusoidal => " + waves",
            Position::Rope(_) | Position::None => "",
        };
        let detail = format!("V×C = {}×{}{positions}", model.vocabulary, model.width);
        self.part(Component::Embedding, &detail, BOX, |_, _| {})
    }

    /// A downward arrow with the shape of the data.
    fn edge(&mut self, shape: &str) {
        let at = pos2(self.middle + 8.0, self.y + EDGE / 2.0);
        let font = FontId::proportional(11.0);
        self.ui.painter().text(at, Align2::LEFT_CENTER, shape, font, self.palette.quiet);
        self.down(EDGE);
    }

    fn down(&mut self, length: f32) {
        let x = self.middle;
        self.arrow(pos2(x, self.y + 1.0), pos2(x, self.y + length - 1.0));
        self.y += length;
    }

    fn arrow(&self, from: Pos2, to: Pos2) {
        let colour = theme::mix(self.palette.hairline, self.palette.quiet, 0.6);
        let painter = self.ui.painter();
        painter.line_segment([from, to], (1.5, colour));
        let points = vec![to, to + vec2(-3.5, -5.0), to + vec2(3.5, -5.0)];
        painter.add(Shape::convex_polygon(points, colour, Stroke::NONE));
    }

    /// All blocks: one expanded in front of the others, or collapsed to a line.
    fn blocks(&mut self, open: &mut bool) {
        let layers = self.model().layers;
        let behind = layers.saturating_sub(1).min(2);
        let height = if *open { open_height(self.model().norm.placement) } else { BOX + 16.0 } - 8.0;
        let body = Rect::from_min_max(pos2(self.left, self.y), pos2(self.right, self.y + height));
        let card = |rect: Rect, fill: Color32| {
            self.ui.painter().rect(rect, 10.0, fill, (1.0, self.palette.hairline), StrokeKind::Inside);
        };
        for number in (1..=behind).rev() {
            card(body.translate(Vec2::splat(4.0 * number as f32)), self.palette.panel);
        }
        card(body, theme::mix(self.palette.panel, self.palette.raised, 0.5));
        let times = if layers == 1 { "One block".to_owned() } else { format!("Block × {layers}") };
        let each: u64 = Component::ALL
            .iter()
            .filter(|part| part.is_in_block())
            .map(|part| part.parameters(self.model()))
            .sum();
        let head = Rect::from_min_size(body.min, vec2(body.width(), if *open { 28.0 } else { height }));
        let response = self.ui.interact(head, self.ui.scope_id().with("block"), Sense::click());
        let name = if *open { "Fold the block" } else { "Open the block" };
        describe_fold(self.ui, &response, *open, name);
        if response.clicked() {
            *open = !*open;
        }
        let lit = response.hovered() || response.has_focus();
        let colour = if lit { self.palette.accent } else { self.palette.text };
        let icon = if *open {
            egui_material_icons::icons::ICON_EXPAND_MORE
        } else {
            egui_material_icons::icons::ICON_CHEVRON_RIGHT
        };
        let at = head.left_center() + vec2(10.0, 0.0);
        let painter = self.ui.painter();
        painter.text(at, Align2::LEFT_CENTER, icon.codepoint, FontId::new(16.0, icon.font_family()), colour);
        let strong = theme::strong().resolve(self.ui.style());
        painter.text(at + vec2(20.0, 0.0), Align2::LEFT_CENTER, times, strong, colour);
        let small = FontId::proportional(11.0);
        let right = head.right_center() - vec2(10.0, 0.0);
        painter.text(right, Align2::RIGHT_CENTER, format::count(each), small, self.palette.quiet);
        response.on_hover_text(name);
        if *open && height > BOX + 16.0 {
            self.inside(body);
        }
        self.y = body.bottom() + 8.0;
    }

    fn inside(&mut self, body: Rect) {
        let outer = (self.left, self.right);
        self.left = body.left() + 26.0;
        self.right = body.right() - 12.0;
        self.y = body.top() + HEAD;
        let placement = self.model().norm.placement;
        for (norm, work, output_norm) in [
            (Component::AttentionNorm, Component::Attention, Component::AttentionOutputNorm),
            (Component::MlpNorm, Component::Mlp, Component::MlpOutputNorm),
        ] {
            let from = self.y + 6.0;
            self.down(EDGE);
            if placement.is_before() {
                self.part(norm, "", BOX, |_, _| {});
                self.down(SHORT);
            }
            self.work(work);
            self.down(SHORT);
            if placement.output_norm().is_some() {
                let norm = if placement.is_before() { output_norm } else { norm };
                self.part(norm, "", BOX, |_, _| {});
                self.down(SHORT);
            }
            self.join(body.left() + 13.0, from);
            if !placement.has_final() {
                self.down(SHORT);
                self.part(norm, "", BOX, |_, _| {});
            }
        }
        let x = self.middle;
        let colour = theme::mix(self.palette.hairline, self.palette.quiet, 0.6);
        self.ui.painter().vline(x, self.y..=body.bottom(), (1.5, colour));
        (self.left, self.right) = outer;
    }

    fn work(&mut self, part: Component) {
        let model = self.model();
        if part == Component::Attention {
            let shared = match model.kv_heads {
                shared if shared == model.heads => "multi-head".to_owned(),
                1 => "multi-query".to_owned(),
                shared => format!("{shared} key-value heads"),
            };
            let detail = format!("{} heads of {}\n{shared}", model.heads, model.head_size);
            self.part(part, &detail, TALL, heads_ui);
        } else {
            let (channels, hidden, experts) = (model.width, model.mlp.hidden, model.experts);
            let detail = match experts.count {
                0 => format!("C {channels}\n→ F {hidden} → C"),
                count => format!("{} of {count} experts\nC {channels} → F {hidden} → C", experts.per_token),
            };
            self.part(part, &detail, TALL, hidden_ui);
        }
    }

    /// The residual connection: adds a component's output to its input.
    fn join(&mut self, aside: f32, from: f32) {
        let at = pos2(self.middle, self.y + JOIN / 2.0);
        let colour = theme::mix(self.palette.hairline, self.palette.quiet, 0.6);
        let painter = self.ui.painter();
        let end = pos2(at.x - JOIN / 2.0, at.y);
        let way = vec![pos2(at.x, from), pos2(aside, from), pos2(aside, at.y), end];
        painter.line(way, Stroke::new(1.5, colour));
        painter.circle(at, JOIN / 2.0 - 1.0, self.palette.panel, (1.5, colour));
        for arm in [vec2(3.5, 0.0), vec2(0.0, 3.5)] {
            painter.line_segment([at - arm, at + arm], (1.5, self.palette.text));
        }
        self.y += JOIN;
    }
}
