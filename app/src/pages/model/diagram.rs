//! The drawing of the decoder: the tokens' way from the top to the bottom, with the shapes on the edges. One block is drawn for all
//! of them. The part under the pointer is lit, and told about above the drawing.

use super::decoder::{self, Part};
use super::{Draft, ModelPage};
use crate::format;
use crate::pages::Context;
use crate::pages::parts::caption;
use crate::theme::{self, Palette};
use crate::widgets::{Stat, card, stat_row};
use egui::accesskit::Role;
use egui::{
    Align2, Color32, CornerRadius, FontId, Pos2, Rect, RichText, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};
use glasshouse_protocol::{Gate, ModelConfig, NormPlacement, Position, RunConfig};

/// Heights, in points.
const EDGE: f32 = 20.0;
const SHORT: f32 = 12.0;
const BOX: f32 = 30.0;
const TALL: f32 = 72.0;
const JOIN: f32 = 18.0;
const HEAD: f32 = 26.0;
/// What is told about a part: its name, two lines, and three numbers.
const ABOUT: f32 = 122.0;

impl ModelPage {
    pub(super) fn diagram_ui(&mut self, ui: &mut Ui, context: &Context<'_>, draft: &Draft) {
        card(ui, |ui| {
            about_ui(ui, context, draft, self.pointed.or(self.chosen));
            ui.add_space(theme::space::MEDIUM);
            let width = ui.available_width();
            let block = if self.open { open_height() } else { BOX + 16.0 };
            let pre = draft.config.model.norm.placement == NormPlacement::Pre;
            let height = 2.0 * (BOX + EDGE) + EDGE + block + if pre { BOX + EDGE } else { 0.0 } + 2.0 * 18.0;
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
            // It stands above the drawing, and is told of in the next frame.
            if self.pointed != pointed {
                self.pointed = pointed;
                ui.ctx().request_repaint();
            }
        });
    }
}

/// Height of an open block.
fn open_height() -> f32 {
    HEAD + 2.0 * (EDGE + BOX + TALL + JOIN + 2.0 * SHORT) + SHORT + 8.0
}

/// A part in words and numbers; the whole decoder where none is pointed at. Always as tall, so that nothing moves.
fn about_ui(ui: &mut Ui, context: &Context<'_>, draft: &Draft, part: Option<Part>) {
    let model = &draft.config.model;
    let plan = draft.plan(context);
    let colour = plan.filter(|(_, current)| !current).map(|_| context.palette.quiet);
    ui.scope(|ui| {
        ui.visuals_mut().override_text_color = colour;
        ui.set_min_height(ABOUT);
        ui.spacing_mut().item_spacing.y = 2.0;
        let (title, sentence) = match part {
            Some(part) => (part.name(model), part.sentence(model)),
            None => ("The decoder", "Point at a part, or move to it with the tab key."),
        };
        ui.label(RichText::new(title).text_style(theme::strong()));
        caption(ui, sentence);
        let all = decoder::parameters(model);
        let each = part.map_or(all, |part| part.parameters(model));
        let count = if part.is_some_and(Part::is_in_block) { model.depth as u64 } else { 1 };
        let mut row = |name: &str, value: String, exact: String| {
            stat_row(ui, Stat { name, value: &value, exact: &exact });
        };
        let times = if count > 1 { format!(" × {count}") } else { String::new() };
        row(
            "Parameters",
            format!("{}{times}", format::count(each)),
            format!("{} in all", format::whole(each * count)),
        );
        row("Bytes of weights", format::bytes(each * count * 4), "four bytes a parameter".to_owned());
        let share = match (part, plan) {
            (_, None) => format::NOTHING.to_owned(),
            (None, Some((plan, _))) => format!("{} a token", format::quantity(plan.flops_per_token)),
            (Some(part), Some((plan, _))) => {
                part.flops(plan).map_or_else(|| "with the part beside it".to_owned(), format::percent)
            }
        };
        row(if part.is_some() { "Share of the work" } else { "FLOPs" }, share, String::new());
    });
}

struct Sketch<'a, 'u> {
    ui: &'u mut Ui,
    palette: &'a Palette,
    config: &'a RunConfig,
    left: f32,
    right: f32,
    /// Where the tokens' way runs.
    middle: f32,
    y: f32,
    chosen: Option<Part>,
    pointed: Option<Part>,
    pressed: Option<Part>,
}

impl Sketch<'_, '_> {
    fn model(&self) -> &ModelConfig {
        &self.config.model
    }

    fn decoder(&mut self, open: &mut bool) {
        let (batch, time) = (self.config.train.batch, self.model().context);
        let stream = format!("{batch}·{time}·{}", self.model().width);
        self.end("tokens", &format!("B·T = {batch}·{time}"));
        let embedding = self.embedding();
        self.edge(&format!("B·T·C = {stream}"));
        self.blocks(open);
        self.edge("B·T·C");
        if self.model().norm.placement == NormPlacement::Pre {
            self.part(Part::FinalNorm, "", BOX, |_, _| {});
            self.edge("B·T·C");
        }
        let vocabulary = self.model().vocabulary;
        let head =
            self.part(Part::Head, &format!("C×V = {}×{vocabulary}", self.model().width), BOX, |_, _| {});
        if self.model().tied_head {
            self.tie(embedding, head);
        }
        self.edge(&format!("B·T·V = {batch}·{time}·{vocabulary}"));
        self.end("the next token", "");
    }

    /// What goes in or comes out.
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
            Position::Rope { .. } | Position::None => "",
        };
        let detail = format!("V×C = {}×{}{positions}", model.vocabulary, model.width);
        self.part(Part::Embedding, &detail, BOX, |_, _| {})
    }

    /// An arrow down, with the shape of what flows.
    fn edge(&mut self, shape: &str) {
        let at = pos2(self.middle + 8.0, self.y + EDGE / 2.0);
        self.ui.painter().text(
            at,
            Align2::LEFT_CENTER,
            shape,
            FontId::proportional(11.0),
            self.palette.quiet,
        );
        self.down(EDGE);
    }

    /// An arrow down.
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

    /// All blocks: one open, the others behind it; or folded into one line.
    fn blocks(&mut self, open: &mut bool) {
        let depth = self.model().depth;
        let behind = depth.saturating_sub(1).min(2);
        let height = if *open { open_height() } else { BOX + 16.0 } - 8.0;
        let body = Rect::from_min_max(pos2(self.left, self.y), pos2(self.right, self.y + height));
        for number in (1..=behind).rev() {
            let off = 4.0 * number as f32;
            let card = body.translate(vec2(off, off));
            self.ui.painter().rect(
                card,
                10.0,
                self.palette.panel,
                (1.0, self.palette.hairline),
                egui::StrokeKind::Inside,
            );
        }
        let fill = theme::mix(self.palette.panel, self.palette.raised, 0.5);
        self.ui.painter().rect(body, 10.0, fill, (1.0, self.palette.hairline), egui::StrokeKind::Inside);
        let times = if depth == 1 { "One block".to_owned() } else { format!("Block × {depth}") };
        let each: u64 = Part::ALL
            .iter()
            .filter(|part| part.is_in_block())
            .map(|part| part.parameters(self.model()))
            .sum();
        let head = Rect::from_min_size(body.min, vec2(body.width(), if *open { 28.0 } else { height }));
        let response = self.ui.interact(head, self.ui.scope_id().with("block"), Sense::click());
        let name = if *open { "Fold the block" } else { "Open the block" };
        response.widget_info(|| WidgetInfo::selected(Role::DisclosureTriangle, true, *open, name));
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
        let pre = self.model().norm.placement == NormPlacement::Pre;
        for (norm, work) in [(Part::AttentionNorm, Part::Attention), (Part::MlpNorm, Part::Mlp)] {
            let from = self.y + 6.0;
            self.down(EDGE);
            if pre {
                self.part(norm, "", BOX, |_, _| {});
                self.down(SHORT);
            }
            self.work(work);
            self.down(SHORT);
            self.join(body.left() + 13.0, from);
            if !pre {
                self.down(SHORT);
                self.part(norm, "", BOX, |_, _| {});
            }
        }
        let x = self.middle;
        let colour = theme::mix(self.palette.hairline, self.palette.quiet, 0.6);
        self.ui.painter().vline(x, self.y..=body.bottom(), (1.5, colour));
        (self.left, self.right) = outer;
    }

    fn work(&mut self, part: Part) {
        let model = self.model();
        if part == Part::Attention {
            let shared = match model.kv_heads {
                shared if shared == model.heads => "a key for each".to_owned(),
                1 => "one key for all".to_owned(),
                shared => format!("{shared} keys shared"),
            };
            let detail = format!("{} heads of {}\n{shared}", model.heads, model.head_size);
            self.part(part, &detail, TALL, heads_ui);
        } else {
            let detail = format!("C {}\n→ F {} → C", model.width, model.mlp.hidden);
            self.part(part, &detail, TALL, hidden_ui);
        }
    }

    /// Adds what the part made to what went past it.
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

    /// A part as a box; `picture` draws into its right end.
    fn part(&mut self, part: Part, detail: &str, height: f32, picture: fn(&Sketch<'_, '_>, Rect)) -> Rect {
        let rect = Rect::from_min_max(pos2(self.left, self.y), pos2(self.right, self.y + height));
        let name = part.name(self.model());
        let id = self.ui.scope_id().with(("part", part));
        let response = self.ui.interact(rect, id, Sense::click());
        let parameters = part.parameters(self.model());
        response.widget_info(|| {
            WidgetInfo::labeled(
                Role::Button,
                true,
                format!("{name}, {} parameters", format::whole(parameters)),
            )
        });
        let lit = response.hovered() || response.has_focus();
        if lit {
            self.pointed = Some(part);
        }
        if response.clicked() {
            self.pressed = Some(part);
        }
        let palette = self.palette;
        let chosen = self.chosen == Some(part);
        let fill = if lit || chosen { palette.chosen() } else { palette.raised };
        let stroke = match (lit, chosen) {
            (true, _) => Stroke::new(1.5, palette.accent),
            (false, true) => Stroke::new(1.0, palette.accent),
            _ => Stroke::NONE,
        };
        let painter = self.ui.painter();
        painter.rect(rect, theme::CONTROL_CORNER, fill, stroke, egui::StrokeKind::Inside);
        let inner = rect.shrink2(vec2(10.0, 6.0));
        let strong = theme::strong().resolve(self.ui.style());
        let small = FontId::proportional(11.0);
        let tall = height > BOX;
        let (title, numbers) = if tall {
            (inner.left_top(), inner.right_top())
        } else {
            (inner.left_center(), inner.right_center())
        };
        let align = |x: egui::Align| Align2([x, if tall { egui::Align::Min } else { egui::Align::Center }]);
        let words = painter.text(title, align(egui::Align::Min), name, strong, palette.text);
        let amount = if parameters == 0 && part == Part::Head {
            "shared".to_owned()
        } else {
            format::count(parameters)
        };
        painter.text(numbers, align(egui::Align::Max), amount, small.clone(), palette.quiet);
        let side = (inner.width() * 0.36).min(68.0);
        if tall {
            let below = painter.with_clip_rect(inner.with_max_x(inner.right() - side - 4.0));
            let model = self.model();
            let extra = match (part, model.position, model.qk_norm) {
                (Part::Attention, Position::Rope { .. }, true) => "rotary, qk norm",
                (Part::Attention, Position::Rope { .. }, false) => "rotary positions",
                (Part::Attention, _, true) => "query-key norm",
                (Part::Attention, ..) => "causal",
                _ if model.mlp.gate == Gate::None => activation(model),
                _ => "down(gate × up)",
            };
            let lines = format!("{detail}\n{extra}");
            below.text(inner.left_bottom(), Align2::LEFT_BOTTOM, lines, small, palette.quiet);
            picture(self, Rect::from_min_max(pos2(inner.right() - side, inner.top() + 20.0), inner.max));
        } else if !detail.is_empty() {
            let at = pos2(words.right() + 8.0, inner.center().y);
            let room =
                Rect::from_min_max(pos2(at.x, inner.top()), pos2(inner.right() - 48.0, inner.bottom()));
            // Where there is no room for the formula, its numbers will do.
            let wide =
                |text: &str| painter.layout_no_wrap(text.to_owned(), small.clone(), palette.quiet).size().x;
            let short = detail.split_once("= ").map_or(detail, |(_, numbers)| numbers);
            let detail = if wide(detail) > room.width() { short } else { detail };
            painter.with_clip_rect(room).text(at, Align2::LEFT_CENTER, detail, small.clone(), palette.quiet);
        }
        self.y = rect.bottom();
        rect
    }

    /// The line between embedding and head that are one matrix.
    fn tie(&self, embedding: Rect, head: Rect) {
        let x = self.right + 14.0;
        let (from, to) = (embedding.right_center(), head.right_center());
        let points = [from, pos2(x, from.y), pos2(x, to.y), to];
        let colour = self.palette.accent;
        self.ui.painter().extend(Shape::dashed_line(&points, Stroke::new(1.5, colour), 4.0, 3.0));
        let text =
            self.ui.painter().layout_no_wrap("one matrix".to_owned(), FontId::proportional(11.0), colour);
        let size = text.size();
        let at = pos2(x + size.y + 1.0, (from.y + to.y) / 2.0 - size.x / 2.0);
        let shape = egui::epaint::TextShape::new(at, text, colour).with_angle(std::f32::consts::FRAC_PI_2);
        self.ui.painter().add(shape);
    }
}

fn activation(model: &ModelConfig) -> &'static str {
    use glasshouse_protocol::Activation;
    match model.mlp.activation {
        Activation::GeluExact => "GELU",
        Activation::GeluTanh => "GELU (tanh)",
        Activation::Relu => "ReLU",
        Activation::ReluSquared => "ReLU squared",
        Activation::Silu => "SiLU",
    }
}

/// Query heads above, and below them the key-value heads that they share.
fn heads_ui(sketch: &Sketch<'_, '_>, room: Rect) {
    let model = sketch.model();
    let (heads, shared) = (model.heads.max(1), model.kv_heads.max(1));
    let drawn = heads.min(16);
    let step = room.width() / drawn as f32;
    let tall = ((room.height() - 4.0) / 2.0).min(12.0);
    let [query, key, ..] = sketch.palette.series;
    let row = |from: f32, to: f32, y: f32, colour: Color32| {
        let rect =
            Rect::from_min_max(pos2(room.left() + from + 0.75, y), pos2(room.left() + to - 0.75, y + tall));
        sketch.ui.painter().rect_filled(rect, CornerRadius::same(2), colour);
    };
    for head in 0..drawn {
        row(head as f32 * step, (head + 1) as f32 * step, room.top(), query);
    }
    let drawn_shared = if heads == drawn { shared } else { (shared * drawn / heads).max(1) };
    let wide = room.width() / drawn_shared.min(drawn) as f32;
    for head in 0..drawn_shared.min(drawn) {
        row(head as f32 * wide, (head + 1) as f32 * wide, room.top() + tall + 4.0, key);
    }
}

/// How wide the numbers of a token are: C, F (twice with a gate), C.
fn hidden_ui(sketch: &Sketch<'_, '_>, room: Rect) {
    let model = sketch.model();
    let gated = model.mlp.gate != Gate::None;
    let most = model.width.max(model.mlp.hidden).max(1) as f32;
    let bars = if gated { 4 } else { 3 };
    let step = room.height() / bars as f32;
    let [first, second, third, ..] = sketch.palette.series;
    let width = |channels: usize| (channels as f32 / most * room.width()).max(3.0);
    let (narrow, wide) = (width(model.width), width(model.mlp.hidden));
    let rows: &[(f32, Color32)] = if gated {
        &[(narrow, first), (wide, second), (wide, third), (narrow, first)]
    } else {
        &[(narrow, first), (wide, third), (narrow, first)]
    };
    for (number, (long, colour)) in rows.iter().enumerate() {
        let centre = pos2(room.center().x, room.top() + (number as f32 + 0.5) * step);
        let rect = Rect::from_center_size(centre, Vec2::new(*long, (step - 2.0).clamp(2.0, 8.0)));
        sketch.ui.painter().rect_filled(rect, 2.0, *colour);
    }
}
